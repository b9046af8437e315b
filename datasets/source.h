/** A source of rows: a data file or the arrays of a generator, behind the reader interface. */
#ifndef NIB_DATASETS_SOURCE_H
#define NIB_DATASETS_SOURCE_H

#include "datasets/generator.h"
#include "datasets/reader.h"

typedef struct nib_source nib_source;

/** Open a file. NIB_ERR_INPUT: missing, damaged; NIB_ERR_UNSUPPORTED: no reader for its suffix. */
NIB_MUST_USE nib_status nib_source_open(nib_source **source, const char *path, nib_error *err);

/** Run a generator. @param team  NULL: one thread */
NIB_MUST_USE nib_status nib_source_generate(nib_source **source, const nib_generator *generator,
                                            const void *options, uint64_t seed, int64_t rows, nib_team *team,
                                            nib_error *err);

/** NULL-safe. */
void nib_source_close(nib_source *source);

/** Base name of the file, or "generator NAME". */
const char *nib_source_name(const nib_source *source);

bool nib_source_has(nib_source *source, const char *path);

/** Messages of all readers begin with the source's name. An array that is not there: NIB_ERR_CONFIG with the
 * nearest path. */
NIB_MUST_USE nib_status nib_source_describe(nib_source *source, const char *path, nib_array_info *info,
                                            nib_error *err);
/** Rows [first, first + rows) in double. `out` [rows x width] */
NIB_MUST_USE nib_status nib_source_read(nib_source *source, const char *path, int64_t first, int64_t rows,
                                        double *out, nib_error *err);
NIB_MUST_USE nib_status nib_source_texts(nib_source *source, const char *path, nib_arena *arena, int *count,
                                         const char *const **texts, nib_error *err);
NIB_MUST_USE nib_status nib_source_names(nib_source *source, const char *path, nib_arena *arena, int *count,
                                         const char *const **names, nib_error *err);

#endif
