/** Lists of row numbers: `rows: FILE`. FILE is an .npy array of integers, a text with one number a line (`#`
 * begins a comment), or "FILE.h5:path" for a dataset. Rows count from 0. */
#ifndef NIB_DATASETS_INDEX_FILE_H
#define NIB_DATASETS_INDEX_FILE_H

#include <stdint.h>

#include "core/arena.h"

/** The file of a name ("idx.h5:split/test" -> "idx.h5") and, behind the colon, the dataset (NULL: none). */
NIB_MUST_USE nib_status nib_index_file_split(nib_arena *arena, const char *name, const char **file,
                                             const char **dataset, nib_error *err);

/** @param index  [count], in the arena. Errors: NIB_ERR_INPUT naming file and line or entry. */
NIB_MUST_USE nib_status nib_index_file_read(nib_arena *arena, const char *name, int64_t *count,
                                            const int64_t **index, nib_error *err);

#endif
