/** What an FPGA has, from its maker's product tables. */
#ifndef NIB_QUANT_DEVICE_H
#define NIB_QUANT_DEVICE_H

#include <stdint.h>

typedef struct nib_device {
    const char *name;   /**< as a config names it: "xcvu13p" */
    const char *alias;  /**< another name: a board, hls4ml's word; NULL: none */
    const char *family; /**< for people */
    int64_t dsp;        /**< AMD: DSP slices, 27 x 18 (7 series: 25 x 18); Intel: variable-precision blocks */
    int dsp_share;      /**< multipliers of up to 18 x 18 bits that share a block: 1 or 2 */
    int64_t lut, ff;
    int64_t bram18; /**< AMD: blocks of 18 kbit; 0: none */
    int64_t m20k;   /**< Intel: blocks of 20 kbit; 0: none */
    int64_t mlab;   /**< Intel: memory blocks of 640 bits */
    const char *source;
} nib_device;

/** All devices, in the order of quant/devices.def. */
extern const nib_device nib_devices[];
extern const int nib_devices_count;

/** The device of a name, an alias, or a part number that begins with the name ("xcvu13p-flga2577-2-e";
 * package and speed grade do not change what is inside); upper and lower case are the same. NULL: unknown. */
const nib_device *nib_device_find(const char *name);

#endif
