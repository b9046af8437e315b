#include "quant/device.h"

#include <stddef.h>
#include <string.h>
#include <strings.h>

#define NIB_DEVICE(name, alias, family, dsp, share, lut, ff, bram18, m20k, mlab, source)                     \
    {name, alias, family, dsp, share, lut, ff, bram18, m20k, mlab, source},
const nib_device nib_devices[] = {
#include "quant/devices.def"
};
#undef NIB_DEVICE
const int nib_devices_count = (int)(sizeof nib_devices / sizeof *nib_devices);

const nib_device *nib_device_find(const char *name)
{
    for (int i = 0; i < nib_devices_count; i++) {
        const nib_device *d = &nib_devices[i];
        if (strncasecmp(name, d->name, strlen(d->name)) == 0 || (d->alias && strcasecmp(name, d->alias) == 0))
            return d;
    }
    return NULL;
}
