/** Splits of rows into training, validation and test rows. Seeded draws use core/rng.h, streams "split/test"
 * and "split/validation", so they depend on (seed, number of rows, labels, fraction) alone. */
#ifndef NIB_DATASETS_SPLIT_H
#define NIB_DATASETS_SPLIT_H

#include <stdint.h>

#include "core/status.h"

typedef enum nib_part {
    NIB_PART_TRAIN,
    NIB_PART_VALIDATION,
    NIB_PART_TEST,
    NIB_PART_COUNT,
    NIB_PART_SKIP = NIB_PART_COUNT, /**< rows that nobody needs */
} nib_part;

/** "training", "validation", "test" */
const char *nib_part_name(nib_part part);

/** Which part each row belongs to. */
typedef struct nib_row_map {
    int64_t rows;
    uint8_t *part; /**< [rows] of nib_part */
} nib_row_map;

int64_t nib_row_map_count(const nib_row_map *map, nib_part part);

/** Give round(fraction x n_of) of the training rows to `part`, drawn by (seed, stream).
 *  @param n_of   rows the fraction is of (all rows for a test drawn first, the rest for validation)
 *  @param label  [map->rows] to stratify by (each class keeps its share to within one row), or NULL
 *  @param classes  labels are in [0, classes)
 *  Errors: NIB_ERR_CONFIG when the fraction gives no row or leaves none; NIB_ERR_MEMORY. */
NIB_MUST_USE nib_status nib_split_fraction(nib_row_map *map, nib_part part, double fraction, int64_t n_of,
                                           uint64_t seed, const int32_t *label, int64_t classes,
                                           nib_error *err);

/** Keras' validation_split: of the n training rows in order, those from int(n (1 - fraction)) on. */
NIB_MUST_USE nib_status nib_split_last(nib_row_map *map, nib_part part, double fraction, nib_error *err);

/** Rows by number. @param index [count], in any order; @param name  of the file, for messages.
 *  Errors: NIB_ERR_INPUT for a row that is out of range, twice in the list or in another part already. */
NIB_MUST_USE nib_status nib_split_rows(nib_row_map *map, nib_part part, const int64_t *index, int64_t count,
                                       const char *name, nib_error *err);

#endif
