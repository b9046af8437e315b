#include "datasets/npy.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char magic[] = "\x93NUMPY";
enum { MAGIC = 6, MAX_HEADER = 65536 };

/** The text behind `'key':` of the header, or NULL. */
static const char *value_of(const char *header, const char *key)
{
    char quoted[32];
    (void)snprintf(quoted, sizeof quoted, "'%s'", key);
    const char *at = strstr(header, quoted);
    if (!at)
        return NULL;
    at += strlen(quoted);
    at += strspn(at, " ");
    return *at == ':' ? at + 1 + strspn(at + 1, " ") : NULL;
}

static bool read_type(const char *text, nib_npy *npy)
{
    if (text[0] != '\'' || !strchr("<>|=", text[1]) || !text[1] || !strchr("iufb", text[2]) || !text[2] ||
        !isdigit((unsigned char)text[3]) || text[4] != '\'')
        return false;
    npy->big_endian = text[1] == '>';
    npy->kind = text[2];
    npy->bytes = (size_t)(text[3] - '0');
    return npy->bytes == 1 || npy->bytes == 2 || npy->bytes == 4 || npy->bytes == 8;
}

static bool read_shape(const char *text, nib_npy *npy)
{
    if (*text++ != '(')
        return false;
    npy->rank = 0;
    npy->elements = 1;
    for (;;) {
        text += strspn(text, " ,");
        if (*text == ')')
            return true;
        char *end;
        long long n = isdigit((unsigned char)*text) ? strtoll(text, &end, 10) : -1;
        if (n < 0 || npy->rank == 8 || (n > 0 && npy->elements > (INT64_C(1) << 56) / n))
            return false;
        npy->dim[npy->rank++] = n;
        npy->elements *= n;
        text = end;
    }
}

nib_status nib_npy_parse(const char *name, const void *image, size_t bytes, nib_npy *npy, nib_error *err)
{
    const unsigned char *p = image;
    if (bytes < 12 || memcmp(p, magic, MAGIC) != 0)
        return nib_fail(err, NIB_ERR_INPUT, "%s: not an npy file", name);
    size_t length = p[8] + 256u * p[9], start = 10;
    if (p[6] >= 2) {
        length += 65536u * (size_t)p[10] + ((size_t)p[11] << 24);
        start = 12;
    }
    if (p[6] < 1 || p[6] > 3 || length > MAX_HEADER || start + length > bytes)
        return nib_fail(err, NIB_ERR_INPUT, "%s: the npy header is damaged or the file truncated", name);
    char *header = malloc(length + 1);
    if (!header)
        return nib_fail_memory(err, "npy header");
    memcpy(header, p + start, length);
    header[length] = '\0';
    const char *descr = value_of(header, "descr"), *order = value_of(header, "fortran_order"),
               *shape = value_of(header, "shape");
    bool well_formed = descr && order && shape && read_shape(shape, npy);
    bool plain = well_formed && read_type(descr, npy);
    npy->column_major = order && strncmp(order, "True", 4) == 0;
    npy->offset = start + length;
    free(header);
    if (!well_formed)
        return nib_fail(err, NIB_ERR_INPUT, "%s: the npy header is damaged", name);
    if (!plain)
        return nib_fail(err, NIB_ERR_UNSUPPORTED, "%s: the elements are not plain numbers", name);
    if ((uint64_t)npy->elements > (bytes - npy->offset) / npy->bytes)
        return nib_fail(err, NIB_ERR_INPUT,
                        "%s: truncated: %zu bytes of data, but %" PRId64 " elements of %zu bytes", name,
                        bytes - npy->offset, npy->elements, npy->bytes);
    return NIB_OK;
}

int64_t nib_npy_integer(const nib_npy *npy, const void *image, int64_t i)
{
    const unsigned char *p = (const unsigned char *)image + npy->offset + (size_t)i * npy->bytes;
    uint64_t value = 0;
    for (size_t k = 0; k < npy->bytes; k++)
        value = value << 8 | p[npy->big_endian ? k : npy->bytes - 1 - k];
    unsigned bits = (unsigned)(8 * npy->bytes);
    if (npy->kind == 'i' && bits < 64 && value >> (bits - 1))
        value |= ~UINT64_C(0) << bits;
    return (int64_t)value;
}

char *nib_npy_header_f32(nib_arena *arena, int rank, const int64_t *dim, size_t *bytes)
{
    char shape[256];
    size_t used = 0;
    shape[0] = '\0';
    for (int i = 0; i < rank; i++) {
        int n = snprintf(shape + used, sizeof shape - used, "%s%" PRId64 "%s", i ? ", " : "", dim[i],
                         rank == 1 ? "," : "");
        used += (size_t)n;
    }
    char text[384];
    int n = snprintf(text, sizeof text, "{'descr': '<f4', 'fortran_order': False, 'shape': (%s), }", shape);
    size_t length = ((size_t)n + 1 + 10 + 63) / 64 * 64; /* magic, version, length, text, newline */
    char *header = NIB_NEW(arena, char, length + 1);
    if (!header)
        return NULL;
    memcpy(header, magic, MAGIC);
    header[6] = 1;
    header[7] = 0;
    header[8] = (char)((length - 10) & 0xff);
    header[9] = (char)((length - 10) >> 8);
    memset(header + 10, ' ', length - 10);
    memcpy(header + 10, text, (size_t)n);
    header[length - 1] = '\n';
    *bytes = length;
    return header;
}
