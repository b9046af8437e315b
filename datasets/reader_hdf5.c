/** HDF5 files, on top of core/h5. Column names of a dataset are looked for in its attributes `features`,
 * `columns` and `classes`. */
#include "core/file.h"
#include "core/h5.h"
#include "datasets/reader.h"

#include <string.h>

static nib_status hdf5_open(nib_arena *arena, const char *path, void **state, nib_error *err)
{
    (void)arena;
    nib_h5 *file = NULL;
    NIB_TRY(nib_h5_open(&file, path, err));
    *state = file;
    return NIB_OK;
}

static void hdf5_close(void *state)
{
    nib_h5_close(state);
}

static bool hdf5_has(void *state, const char *path)
{
    return nib_h5_has(state, path) && !nib_h5_is_group(state, path);
}

static nib_status hdf5_describe(void *state, const char *path, nib_array_info *info, nib_error *err)
{
    nib_h5_info h5;
    NIB_TRY(nib_h5_dataset_info(state, path, &h5, err));
    *info = (nib_array_info){.numeric = h5.class_ == NIB_H5_INTEGER || h5.class_ == NIB_H5_FLOAT,
                             .integer = h5.class_ == NIB_H5_INTEGER,
                             .exact_in_float = h5.exact_in_float,
                             .rank = h5.rank,
                             .block_rows = h5.chunk_rows};
    info->rows = h5.rank ? h5.dim[0] : 1;
    info->width = 1;
    for (int i = 0; i < h5.rank && i < NIB_ARRAY_MAX_RANK; i++) {
        info->dim[i] = h5.dim[i];
        if (i > 0 && h5.dim[i] > 0 && info->width > (INT64_C(1) << 48) / h5.dim[i])
            return nib_fail(err, NIB_ERR_INPUT, "%s: %s: rows of more than 2^48 values",
                            nib_path_base(nib_h5_path(state)), path);
        if (i > 0)
            info->width *= h5.dim[i];
    }
    return NIB_OK;
}

static nib_status hdf5_list(void *state, nib_arena *arena, int *count, const char *const **paths,
                            nib_error *err)
{
    NIB_TRY(nib_h5_datasets(state, "/", arena, count, paths, err));
    const char **list = NIB_NEW(arena, const char *, *count + 1);
    if (!list)
        return nib_fail_memory(err, "names of datasets");
    for (int i = 0; i < *count; i++)
        list[i] = (*paths)[i] + ((*paths)[i][0] == '/'); /* as users write them */
    *paths = list;
    return NIB_OK;
}

static nib_status hdf5_read(void *state, const char *path, int64_t first, int64_t rows, double *out,
                            nib_error *err)
{
    return nib_h5_read_f64(state, path, first, rows, out, err);
}

/** A scalar text is split; a list of one text too, when it holds separators. */
static nib_status attribute_texts(void *state, const char *path, const char *name, nib_arena *arena,
                                  int *count, const char *const **texts, nib_error *err)
{
    NIB_TRY(nib_h5_attribute_strings(state, path, name, arena, count, texts, err));
    if (*count == 1)
        return nib_split_texts(arena, (*texts)[0], count, texts, err);
    return NIB_OK;
}

static nib_status hdf5_texts(void *state, const char *path, nib_arena *arena, int *count,
                             const char *const **texts, nib_error *err)
{
    const char *at = strrchr(path, '@');
    if (!at || nib_h5_has(state, path))
        return nib_h5_read_strings(state, path, arena, count, texts, err);
    const char *object = at == path ? "/" : nib_arena_strndup(arena, path, (size_t)(at - path));
    if (!object)
        return nib_fail_memory(err, "names");
    if (strcmp(object, "/") != 0 && !nib_h5_has(state, object))
        return nib_fail(err, NIB_ERR_INPUT, "%s: there is no %s", nib_path_base(nib_h5_path(state)), object);
    if (!nib_h5_has_attribute(state, object, at + 1))
        return nib_fail(err, NIB_ERR_INPUT, "%s: %s has no attribute '%s'", nib_path_base(nib_h5_path(state)),
                        object, at + 1);
    return attribute_texts(state, object, at + 1, arena, count, texts, err);
}

static nib_status hdf5_names(void *state, const char *path, nib_arena *arena, int *count,
                             const char *const **names, nib_error *err)
{
    static const char *const attributes[] = {"features", "columns", "classes"};
    *count = 0;
    *names = NULL;
    for (size_t i = 0; i < sizeof attributes / sizeof *attributes; i++)
        if (nib_h5_has_attribute(state, path, attributes[i])) {
            nib_status status = attribute_texts(state, path, attributes[i], arena, count, names, err);
            if (status == NIB_OK || status == NIB_ERR_MEMORY)
                return status;
            *count = 0; /* an attribute of that name that is no list of texts */
            *names = NULL;
        }
    return NIB_OK;
}

static const char *const suffixes[] = {".h5", ".hdf5", ".hdf", ".he5", NULL};

const nib_reader nib_reader_hdf5 = {
    .name = "hdf5",
    .help = "HDF5: any dataset path; names from a dataset or an attribute",
    .source = "HDF5 file format specification, version 3",
    .suffixes = suffixes,
    .open = hdf5_open,
    .close = hdf5_close,
    .has = hdf5_has,
    .describe = hdf5_describe,
    .list = hdf5_list,
    .read = hdf5_read,
    .texts = hdf5_texts,
    .names = hdf5_names,
};
