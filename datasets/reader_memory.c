/** The arrays of a generator, read like those of a file. */
#include "datasets/raw.h"
#include "datasets/reader.h"

#include <string.h>

static const nib_raw_array *find(const nib_raw *raw, const char *path)
{
    for (int i = 0; i < raw->count; i++)
        if (strcmp(raw->array[i].path, path) == 0)
            return &raw->array[i];
    return NULL;
}

static void memory_close(void *state)
{
    (void)state; /* the arrays live in the arena of the source */
}

static bool memory_has(void *state, const char *path)
{
    return find(state, path) != NULL;
}

static nib_status memory_describe(void *state, const char *path, nib_array_info *info, nib_error *err)
{
    const nib_raw_array *array = find(state, path);
    if (!array)
        return nib_fail(err, NIB_ERR_INPUT, "the generator makes no %s", path);
    *info = (nib_array_info){.numeric = true,
                             .integer = array->type == NIB_RAW_I32,
                             .exact_in_float = array->type == NIB_RAW_F32,
                             .rank = array->rank,
                             .rows = array->dim[0],
                             .width = 1};
    for (int i = 0; i < array->rank; i++) {
        info->dim[i] = array->dim[i];
        if (i > 0)
            info->width *= array->dim[i];
    }
    return NIB_OK;
}

static nib_status memory_list(void *state, nib_arena *arena, int *count, const char *const **paths,
                              nib_error *err)
{
    const nib_raw *raw = state;
    const char **list = NIB_NEW(arena, const char *, raw->count + 1);
    if (!list)
        return nib_fail_memory(err, "names of arrays");
    for (int i = 0; i < raw->count; i++)
        list[i] = raw->array[i].path;
    *count = raw->count;
    *paths = list;
    return NIB_OK;
}

static nib_status memory_read(void *state, const char *path, int64_t first, int64_t rows, double *out,
                              nib_error *err)
{
    nib_array_info info;
    NIB_TRY(memory_describe(state, path, &info, err));
    const nib_raw_array *array = find(state, path);
    int64_t start = first * info.width, n = rows * info.width;
    if (array->type == NIB_RAW_F32) {
        const float *value = (const float *)array->data + start;
        for (int64_t i = 0; i < n; i++)
            out[i] = (double)value[i];
    } else {
        const int32_t *value = (const int32_t *)array->data + start;
        for (int64_t i = 0; i < n; i++)
            out[i] = value[i];
    }
    return NIB_OK;
}

/** Copies: the arrays go when the source is closed. */
static nib_status memory_names(void *state, const char *path, nib_arena *arena, int *count,
                               const char *const **names, nib_error *err)
{
    const nib_raw_array *array = find(state, path);
    *count = 0;
    *names = NULL;
    if (!array || !array->names)
        return NIB_OK;
    *count = array->n_names;
    return nib_copy_texts(arena, array->n_names, array->names, names, err);
}

static nib_status memory_texts(void *state, const char *path, nib_arena *arena, int *count,
                               const char *const **texts, nib_error *err)
{
    NIB_TRY(memory_names(state, path, arena, count, texts, err));
    if (*count == 0)
        return nib_fail(err, NIB_ERR_INPUT, "the generator has no names at %s", path);
    return NIB_OK;
}

static const char *const suffixes[] = {NULL};

const nib_reader nib_reader_memory = {
    .name = "memory",
    .help = "arrays of a generator",
    .source = "datasets/raw.h",
    .suffixes = suffixes,
    .close = memory_close,
    .has = memory_has,
    .describe = memory_describe,
    .list = memory_list,
    .read = memory_read,
    .texts = memory_texts,
    .names = memory_names,
};
