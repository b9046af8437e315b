#include "datasets/index_file.h"

#include "core/file.h"
#include "datasets/npy.h"
#include "datasets/source.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static const size_t MAX_INDEX_BYTES = (size_t)1 << 34;

nib_status nib_index_file_split(nib_arena *arena, const char *name, const char **file, const char **dataset,
                                nib_error *err)
{
    *file = name;
    *dataset = NULL;
    const char *colon = strrchr(name, ':');
    if (!colon || !colon[1])
        return NIB_OK;
    const char *front = nib_arena_strndup(arena, name, (size_t)(colon - name));
    if (!front)
        return nib_fail_memory(err, "row numbers");
    if (nib_reader_for(front)) {
        *file = front;
        *dataset = colon + 1;
    }
    return NIB_OK;
}

static nib_status read_dataset(nib_arena *arena, nib_source *source, const char *path, int64_t *count,
                               const int64_t **out, nib_error *err)
{
    nib_array_info info;
    NIB_TRY(nib_source_describe(source, path, &info, err));
    const char *name = nib_source_name(source);
    if (!info.numeric || info.rank != 1)
        return nib_fail(err, NIB_ERR_INPUT, "%s: %s is not a list of numbers", name, path);
    int64_t *index = NIB_NEW(arena, int64_t, info.rows);
    double *value = NIB_NEW(arena, double, info.rows);
    if (!index || !value)
        return nib_fail_memory(err, "row numbers");
    NIB_TRY(nib_source_read(source, path, 0, info.rows, value, err));
    for (int64_t i = 0; i < info.rows; i++) {
        if (!(fabs(value[i]) < 0x1p53) || floor(value[i]) != value[i])
            return nib_fail(err, NIB_ERR_INPUT, "%s: %s: entry %" PRId64 ": %g is not a row number", name,
                            path, i, value[i]);
        index[i] = (int64_t)value[i];
    }
    *count = info.rows;
    *out = index;
    return NIB_OK;
}

static nib_status read_npy(nib_arena *arena, const char *name, const char *data, size_t bytes, int64_t *count,
                           const int64_t **out, nib_error *err)
{
    nib_npy npy;
    NIB_TRY(nib_npy_parse(name, data, bytes, &npy, err));
    if (npy.rank != 1 || (npy.kind != 'i' && npy.kind != 'u'))
        return nib_fail(err, NIB_ERR_INPUT, "%s: not a one-dimensional array of integers", name);
    int64_t *index = NIB_NEW(arena, int64_t, npy.elements);
    if (!index)
        return nib_fail_memory(err, "row numbers");
    for (int64_t i = 0; i < npy.elements; i++)
        index[i] = nib_npy_integer(&npy, data, i);
    *count = npy.elements;
    *out = index;
    return NIB_OK;
}

/** How much of a line a message shows. */
static int shown(const char *line)
{
    size_t length = strcspn(line, "\r\n");
    return (int)(length < 40 ? length : 40);
}

static nib_status read_text(nib_arena *arena, const char *name, const char *data, int64_t *count,
                            const int64_t **out, nib_error *err)
{
    int64_t lines = 1, n = 0, line = 1;
    for (const char *p = data; *p; p++)
        lines += *p == '\n';
    int64_t *index = NIB_NEW(arena, int64_t, lines);
    if (!index)
        return nib_fail_memory(err, "row numbers");
    for (const char *p = data; *p; line++) {
        p += strspn(p, " \t\r");
        if (*p != '\n' && *p != '#' && *p) {
            char *end;
            errno = 0;
            index[n++] = strtoll(p, &end, 10);
            const char *rest = end + strspn(end, " \t\r");
            if (end == p || errno || (*rest && *rest != '\n' && *rest != '#'))
                return nib_fail(err, NIB_ERR_INPUT, "%s:%" PRId64 ": '%.*s' is not a row number", name, line,
                                shown(p), p);
        }
        p += strcspn(p, "\n");
        p += *p == '\n';
    }
    *count = n;
    *out = index;
    return NIB_OK;
}

nib_status nib_index_file_read(nib_arena *arena, const char *name, int64_t *count, const int64_t **index,
                               nib_error *err)
{
    const char *file, *dataset;
    NIB_TRY(nib_index_file_split(arena, name, &file, &dataset, err));
    if (dataset) {
        nib_source *source;
        NIB_TRY(nib_source_open(&source, file, err));
        nib_status status = read_dataset(arena, source, dataset, count, index, err);
        nib_source_close(source);
        return status;
    }
    char *data;
    size_t bytes, length = strlen(file);
    NIB_TRY(nib_file_read(arena, file, MAX_INDEX_BYTES, &data, &bytes, err));
    const char *base = nib_path_base(file);
    if (length > 4 && strcmp(file + length - 4, ".npy") == 0)
        return read_npy(arena, base, data, bytes, count, index, err);
    return read_text(arena, base, data, count, index, err);
}
