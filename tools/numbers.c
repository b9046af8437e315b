#include "tools/numbers.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "core/file.h"
#include "datasets/npy.h"

enum { MOST_BYTES = 1 << 30 };

/* ---- .npy ---- */

static double npy_value(const nib_npy *npy, const char *image, int64_t i)
{
    if (npy->kind != 'f') {
        const int64_t n = nib_npy_integer(npy, image, i);
        return npy->kind == 'u' || npy->kind == 'b' ? (double)(uint64_t)n : (double)n;
    }
    unsigned char bytes[8];
    for (size_t k = 0; k < npy->bytes; k++)
        bytes[k] = (unsigned char)
            image[npy->offset + (size_t)i * npy->bytes + (npy->big_endian ? npy->bytes - 1 - k : k)];
    if (npy->bytes == 4) {
        float f;
        memcpy(&f, bytes, sizeof f);
        return (double)f;
    }
    double d;
    memcpy(&d, bytes, sizeof d);
    return d;
}

static nib_status read_npy(const char *path, const char *image, size_t bytes, nib_arena *arena,
                           nib_numbers *numbers, nib_error *err)
{
    nib_npy npy;
    NIB_TRY(nib_npy_parse(path, image, bytes, &npy, err));
    if (npy.kind == 'f' && npy.bytes != 4 && npy.bytes != 8)
        return nib_fail(err, NIB_ERR_UNSUPPORTED, "%s: floats of %zu bytes; save it as float32", path,
                        npy.bytes);
    if (npy.column_major && npy.rank > 1)
        return nib_fail(err, NIB_ERR_UNSUPPORTED, "%s: stored by columns; save numpy.ascontiguousarray of it",
                        path);
    if (npy.elements == 0)
        return nib_fail(err, NIB_ERR_INPUT, "%s: it holds no numbers", path);
    double *value = NIB_NEW(arena, double, npy.elements);
    if (!value)
        return nib_fail_memory(err, "numbers");
    for (int64_t i = 0; i < npy.elements; i++)
        value[i] = npy_value(&npy, image, i);
    const int64_t rows = npy.rank > 0 ? npy.dim[0] : 1;
    *numbers = (nib_numbers){rows, npy.elements / rows, value, npy.kind != 'f'};
    return NIB_OK;
}

/* ---- Text ---- */

static bool separates(char c)
{
    return c == ' ' || c == '\t' || c == ',' || c == ';' || c == '\r';
}

/* Numbers of one line appended to `value`; -1: something else stands there. */
static int64_t read_line(const char *at, const char *end, double *value)
{
    int64_t n = 0;
    for (;;) {
        while (at < end && separates(*at))
            at++;
        if (at >= end)
            return n;
        char *after;
        value[n++] = strtod(at, &after);
        if (after == at || after > end || (after < end && !separates(*after)))
            return -1;
        at = after;
    }
}

static nib_status read_text(const char *path, const char *text, size_t bytes, nib_arena *arena,
                            nib_numbers *numbers, nib_error *err)
{
    /* A number and what separates it take two characters at least. */
    double *value = NIB_NEW(arena, double, (int64_t)bytes / 2 + 2);
    int64_t rows = 0, columns = 0, line = 0;
    if (!value)
        return nib_fail_memory(err, "numbers");
    for (const char *at = text, *end = text + bytes; at < end;) {
        const char *stop = memchr(at, '\n', (size_t)(end - at));
        stop = stop ? stop : end;
        const int64_t n = read_line(at, stop, value + rows * columns);
        line++;
        at = stop + 1;
        if (n == 0 || (n < 0 && line == 1))
            continue;
        if (n < 0)
            return nib_fail(err, NIB_ERR_INPUT, "%s:%" PRId64 ": not a line of numbers", path, line);
        if (rows > 0 && n != columns)
            return nib_fail(err, NIB_ERR_INPUT,
                            "%s:%" PRId64 ": %" PRId64 " numbers, the lines before have %" PRId64, path, line,
                            n, columns);
        columns = n;
        rows++;
    }
    if (rows == 0)
        return nib_fail(err, NIB_ERR_INPUT, "%s: it holds no numbers", path);
    *numbers = (nib_numbers){rows, columns, value, false};
    return NIB_OK;
}

nib_status nib_numbers_read(const char *path, nib_arena *arena, nib_numbers *numbers, nib_error *err)
{
    char *data;
    size_t bytes;
    NIB_TRY(nib_file_read(arena, path, MOST_BYTES, &data, &bytes, err));
    if (bytes >= 6 && memcmp(data, "\x93NUMPY", 6) == 0)
        return read_npy(path, data, bytes, arena, numbers, err);
    if (memchr(data, '\0', bytes))
        return nib_fail(err, NIB_ERR_INPUT, "%s: neither an .npy file nor text", path);
    return read_text(path, data, bytes, arena, numbers, err);
}
