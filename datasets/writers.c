#include "datasets/writer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define NIB_WRITER(name) extern const nib_writer nib_writer_##name;
#include "datasets/writers.def"
#undef NIB_WRITER

#define NIB_WRITER(name) &nib_writer_##name,
const nib_writer *const nib_writers[] = {
#include "datasets/writers.def"
};
#undef NIB_WRITER
const int nib_writers_count = (int)(sizeof nib_writers / sizeof *nib_writers);

nib_status nib_writer_for(const char *path, const nib_writer **writer, nib_error *err)
{
    char known[128] = "";
    size_t length = strlen(path);
    for (int i = 0; i < nib_writers_count; i++) {
        const char *suffix = nib_writers[i]->suffix;
        size_t n = strlen(suffix), used = strlen(known);
        if (length > n && strcasecmp(path + length - n, suffix) == 0) {
            *writer = nib_writers[i];
            return NIB_OK;
        }
        (void)snprintf(known + used, sizeof known - used, "%s%s", i ? ", " : "", suffix);
    }
    *writer = NULL;
    return nib_fail(err, NIB_ERR_USAGE, "%s: no writer for this kind of file; known suffixes: %s", path,
                    known);
}

int nib_format_float(float value, char *text)
{
    int n = snprintf(text, NIB_FLOAT_BYTES, "%.9g", (double)value);
    for (int digits = 8; digits > 0; digits--) {
        char shorter[NIB_FLOAT_BYTES];
        int m = snprintf(shorter, sizeof shorter, "%.*g", digits, (double)value);
        if (strtof(shorter, NULL) != value) /* NaN too: its text is the same at any length */
            break;
        memcpy(text, shorter, (size_t)m + 1);
        n = m;
    }
    return n;
}
