#include "datasets/array_internal.h"

#include "core/names.h"

#include <errno.h>
#include <float.h>
#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BLOCK_VALUES = 1 << 17, MAX_BLOCK_VALUES = 1 << 26 };

nib_status nib_array_fail(const nib_array *array, int64_t row, int64_t column, nib_error *err,
                          const char *format, ...)
{
    va_list args;
    va_start(args, format);
    nib_status status = nib_fail_v(err, NIB_ERR_INPUT, format, args);
    va_end(args);
    const char *source = nib_source_name(array->source);
    int64_t in_file = array->column ? array->column[column] : column;
    if (array->info.width == 1)
        nib_error_prefix(err, "%s: %s: row %" PRId64, source, array->path, row);
    else if (array->features)
        nib_error_prefix(err, "%s: %s: row %" PRId64 ", column %" PRId64 " (%s)", source, array->path, row,
                         in_file, array->features[column]);
    else
        nib_error_prefix(err, "%s: %s: row %" PRId64 ", column %" PRId64, source, array->path, row, in_file);
    return status;
}

nib_status nib_names_read(nib_arena *arena, nib_source *source, nib_source *fallback,
                          const nib_names_config *names, int *count, const char *const **list, nib_error *err)
{
    *count = 0;
    *list = NULL;
    if (!names)
        return NIB_OK;
    if (names->list.count > 0) {
        *count = names->list.count;
        return nib_copy_texts(arena, *count, names->list.value, list, err);
    }
    if (!names->path)
        return NIB_OK;
    nib_error inner;
    nib_status status = nib_source_texts(source, names->path, arena, count, list, &inner);
    if (status != NIB_OK && fallback && fallback != source) {
        nib_error second;
        if (nib_source_texts(fallback, names->path, arena, count, list, &second) == NIB_OK)
            return NIB_OK;
    }
    if (status == NIB_OK)
        return NIB_OK;
    return nib_doc_fail(&names->place, err, status == NIB_ERR_MEMORY ? status : NIB_ERR_CONFIG, "%s",
                        inner.message);
}

/** Names of the last dimension, repeated for what lies before it: "pt_0", "eta_0", "pt_1", ... */
static nib_status spread_names(nib_arena *arena, int64_t width, int count, const char *const *names,
                               const char *const **out, nib_error *err)
{
    const char **all = NIB_NEW(arena, const char *, width);
    for (int64_t i = 0; all && i < width; i++) {
        all[i] = nib_arena_printf(arena, "%s_%" PRId64, names[i % count], i / count);
        if (!all[i])
            return nib_fail_memory(err, "column names");
    }
    *out = all;
    return all ? NIB_OK : nib_fail_memory(err, "column names");
}

/** Names of all columns of the array, or NULL. */
static nib_status name_columns(nib_arena *arena, nib_array *array, nib_source *fallback,
                               const nib_array_config *config, const nib_names_config *names,
                               const char *const **out, nib_error *err)
{
    int count;
    const char *const *list;
    const nib_array_info *info = &array->info;
    *out = NULL;
    NIB_TRY(nib_names_read(arena, array->source, fallback, names, &count, &list, err));
    bool configured = count > 0;
    if (!configured)
        NIB_TRY(nib_source_names(array->source, array->path, arena, &count, &list, err));
    if (count == 0)
        return NIB_OK;
    if (count == info->width) {
        *out = list;
        return NIB_OK;
    }
    if (info->rank > 2 && count == info->dim[info->rank - 1])
        return spread_names(arena, info->width, count, list, out, err);
    if (configured)
        return nib_doc_fail(&names->place, err, NIB_ERR_CONFIG,
                            "%s.features: %d names, but %s has %" PRId64 " columns", config->key, count,
                            array->path, info->width);
    return NIB_OK; /* an attribute that is something else */
}

/** A column by number or name. */
static nib_status find_column(const nib_array *array, const nib_array_config *config, const char *text,
                              const char *const *names, int64_t *column, nib_error *err)
{
    int64_t width = array->info.width;
    for (int64_t i = 0; names && i < width; i++)
        if (strcmp(names[i], text) == 0) {
            *column = i;
            return NIB_OK;
        }
    char *end;
    errno = 0;
    *column = strtoll(text, &end, 10);
    if (end != text && !*end) {
        if (errno == 0 && *column >= 0 && *column < width)
            return NIB_OK;
        return nib_doc_fail(&config->columns_place, err, NIB_ERR_CONFIG,
                            "%s.columns: there is no column %s; %s has %" PRId64 " columns, counted from 0",
                            config->key, text, array->path, width);
    }
    if (!names)
        return nib_doc_fail(&config->columns_place, err, NIB_ERR_CONFIG,
                            "%s.columns: the columns of %s have no names, so '%s' cannot be found; give "
                            "numbers, or names by 'features'",
                            config->key, array->path, text);
    const char *nearest = nib_names_nearest(text, names, (size_t)width);
    if (nearest)
        return nib_doc_fail(&config->columns_place, err, NIB_ERR_CONFIG,
                            "%s.columns: %s has no column '%s' (did you mean '%s'?)", config->key,
                            array->path, text, nearest);
    char all[512] = "";
    size_t used = 0;
    for (int64_t i = 0; i < width && used < 320; i++) {
        (void)snprintf(all + used, sizeof all - used, "%s%.80s", i ? ", " : "", names[i]);
        used = strlen(all);
        if (used >= 320 && i + 1 < width)
            (void)snprintf(all + used, sizeof all - used, ", ...");
    }
    return nib_doc_fail(&config->columns_place, err, NIB_ERR_CONFIG,
                        "%s.columns: %s has no column '%s' (it has %s)", config->key, array->path, text, all);
}

static nib_status choose_columns(nib_arena *arena, nib_array *array, const nib_array_config *config,
                                 const char *const *names, nib_error *err)
{
    int n = config->columns.count;
    array->width = array->info.width;
    array->features = names;
    if (n == 0)
        return NIB_OK;
    int64_t *column = NIB_NEW(arena, int64_t, n);
    const char **features = NIB_NEW(arena, const char *, n);
    if (!column || !features)
        return nib_fail_memory(err, "columns");
    for (int i = 0; i < n; i++) {
        NIB_TRY(find_column(array, config, config->columns.value[i], names, &column[i], err));
        for (int k = 0; k < i; k++)
            if (column[k] == column[i])
                return nib_doc_fail(&config->columns_place, err, NIB_ERR_CONFIG,
                                    "%s.columns: column %s is listed twice", config->key,
                                    config->columns.value[i]);
        features[i] = names ? names[column[i]] : NULL;
    }
    array->width = n;
    array->column = column;
    array->features = names ? features : NULL;
    return NIB_OK;
}

nib_status nib_array_open(nib_arena *arena, nib_source *source, nib_source *fallback,
                          const nib_array_config *config, const nib_names_config *names, nib_array *array,
                          nib_error *err)
{
    *array = (nib_array){.source = source, .path = config->path};
    nib_error inner;
    nib_status status = nib_source_describe(source, config->path, &array->info, &inner);
    if (status == NIB_ERR_CONFIG)
        return nib_doc_fail(&config->place, err, status, "%s: %s", config->key, inner.message);
    if (status != NIB_OK)
        return nib_fail(err, status, "%s", inner.message);
    const nib_array_info *info = &array->info;
    const char *file = nib_source_name(source);
    if (!info->numeric)
        return nib_fail(err, NIB_ERR_INPUT, "%s: %s holds no numbers", file, config->path);
    if (info->rank == 0)
        return nib_fail(err, NIB_ERR_INPUT, "%s: %s is a single number, not rows", file, config->path);
    if (info->rows == 0 || info->width == 0)
        return nib_fail(err, NIB_ERR_INPUT, "%s: %s is empty (%" PRId64 " rows of %" PRId64 " values)", file,
                        config->path, info->rows, info->width);
    const char *const *all;
    NIB_TRY(name_columns(arena, array, fallback, config, names, &all, err));
    return choose_columns(arena, array, config, all, err);
}

/** Rows per block: about a megabyte, whole chunks where they are not huge. */
static int64_t block_rows(const nib_array_info *info)
{
    int64_t rows = BLOCK_VALUES / info->width + 1, chunk = info->block_rows;
    if (chunk > 0 && chunk <= MAX_BLOCK_VALUES / info->width)
        rows = (rows + chunk - 1) / chunk * chunk;
    return rows < info->rows ? rows : info->rows;
}

static nib_status visit_blocks(const nib_array *array, int64_t block, double *whole, double *chosen,
                               nib_block_visit visit, void *context, nib_error *err)
{
    const nib_array_info *info = &array->info;
    for (int64_t first = 0; first < info->rows; first += block) {
        int64_t rows = info->rows - first < block ? info->rows - first : block;
        NIB_TRY(nib_source_read(array->source, array->path, first, rows, whole, err));
        for (int64_t i = 0; i < rows * info->width; i++)
            whole[i] = fabs(whole[i]) < (double)FLT_MIN ? 0 : whole[i];
        for (int64_t i = 0; chosen && i < rows; i++)
            for (int64_t j = 0; j < array->width; j++)
                chosen[i * array->width + j] = whole[i * info->width + array->column[j]];
        NIB_TRY(visit(context, first, rows, chosen ? chosen : whole, err));
    }
    return NIB_OK;
}

nib_status nib_array_each_block(const nib_array *array, nib_block_visit visit, void *context, nib_error *err)
{
    int64_t block = block_rows(&array->info);
    double *whole = malloc((size_t)(block * array->info.width) * sizeof *whole);
    double *chosen = array->column ? malloc((size_t)(block * array->width) * sizeof *chosen) : NULL;
    nib_status status = whole && (chosen || !array->column)
                            ? visit_blocks(array, block, whole, chosen, visit, context, err)
                            : nib_fail_memory(err, "reading a block of rows");
    free(whole);
    free(chosen);
    return status;
}
