/** One array of a source with its columns chosen: what an input, a target or the weights are read from.
 * Private to datasets/. */
#ifndef NIB_DATASETS_ARRAY_INTERNAL_H
#define NIB_DATASETS_ARRAY_INTERNAL_H

#include "datasets/data_config_internal.h"
#include "datasets/source.h"

typedef struct nib_array {
    nib_source *source;
    const char *path;
    nib_array_info info;
    int64_t width;               /**< chosen columns */
    const int64_t *column;       /**< [width] numbers in the file, or NULL: all */
    const char *const *features; /**< [width] names of the chosen columns, or NULL */
} nib_array;

/** @param names  column names as configured, or NULL; a path in them is looked up in `source`, then in
 * `fallback` (may be NULL).
 *  Errors: NIB_ERR_CONFIG at the config's place (no such array or column), NIB_ERR_INPUT (no numbers, empty).
 */
NIB_MUST_USE nib_status nib_array_open(nib_arena *arena, nib_source *source, nib_source *fallback,
                                       const nib_array_config *config, const nib_names_config *names,
                                       nib_array *array, nib_error *err);

/** Names as configured; count 0: not configured. */
NIB_MUST_USE nib_status nib_names_read(nib_arena *arena, nib_source *source, nib_source *fallback,
                                       const nib_names_config *names, int *count, const char *const **list,
                                       nib_error *err);

/** Read all rows, a block at a time. `visit` gets rows [first, first + rows) as [rows, array->width].
 * What would be a denormal float is 0 already, so that fits do not depend on the processor's flush modes. */
typedef nib_status (*nib_block_visit)(void *context, int64_t first, int64_t rows, const double *value,
                                      nib_error *err);
NIB_MUST_USE nib_status nib_array_each_block(const nib_array *array, nib_block_visit visit, void *context,
                                             nib_error *err);

/** "jets.h5: train/hlf16: row 1234, column 3 (c1_b2): " + message, NIB_ERR_INPUT.
 *  @param column  among the chosen ones */
nib_status nib_array_fail(const nib_array *array, int64_t row, int64_t column, nib_error *err,
                          const char *format, ...) NIB_PRINTF(5, 6);

#endif
