/** Class labels: integers or one-hot rows. Private to datasets/. */
#ifndef NIB_DATASETS_LABELS_INTERNAL_H
#define NIB_DATASETS_LABELS_INTERNAL_H

#include "datasets/array_internal.h"

/** The largest class number that counts as one when the number of classes is not known. */
enum { NIB_MAX_CLASSES = 10000 };

/** @param classes  number of classes, 0: not known (then *max is the largest label seen)
 *  @param label    [rows]
 *  Errors: NIB_ERR_INPUT with row: not an integer, negative, too large, not one-hot. */
NIB_MUST_USE nib_status nib_labels_read(const nib_array *array, const char *target, int64_t classes,
                                        int32_t *label, int64_t *max, nib_error *err);

#endif
