#include "datasets/writer.h"

#include <stdbool.h>
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

/** Whether `path` ends in a dot and one of the words of "h5|hdf5". */
static bool has_suffix(const char *path, const char *suffixes)
{
    const char *dot = strrchr(path, '.');
    for (const char *s = suffixes; dot; s += strcspn(s, "|") + 1) {
        size_t n = strcspn(s, "|");
        if (strlen(dot + 1) == n && strncasecmp(dot + 1, s, n) == 0)
            return true;
        if (!s[n])
            break;
    }
    return false;
}

nib_status nib_writer_for(const char *path, const nib_writer **writer, nib_error *err)
{
    char known[128] = "";
    for (int i = 0; i < nib_writers_count; i++) {
        if (has_suffix(path, nib_writers[i]->suffixes)) {
            *writer = nib_writers[i];
            return NIB_OK;
        }
        size_t used = strlen(known), n = strcspn(nib_writers[i]->suffixes, "|");
        (void)snprintf(known + used, sizeof known - used, "%s.%.*s", i ? ", " : "", (int)n,
                       nib_writers[i]->suffixes);
    }
    *writer = NULL;
    return nib_fail(err, NIB_ERR_USAGE, "%s: predictions are written to %s files", path, known);
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
