/* Shared by the sources of train/lower.h. */
#ifndef NIB_TRAIN_LOWER_INTERNAL_H
#define NIB_TRAIN_LOWER_INTERNAL_H

#include "train/lower.h"

/** `what` has no type: note that it gets the fallback, or fail. @param key  of quant.default that mends it */
nib_status nib_lower_fallback(nib_lower *lower, const char *what, const char *key, nib_error *err);

/** `count` types (count 1: one for all), in the arena. */
nib_status nib_lower_types(nib_lower *lower, const nib_fixed *type, int64_t count, nib_fix_types *types,
                           nib_error *err);

/** With preprocessing folded in, inputs are read by dense layers only. */
nib_status nib_lower_fold_readers(const nib_lower *lower, nib_error *err);

/** The node is complete: work out its interval and make it the layer's output. */
nib_status nib_lower_done(nib_lower *lower, const nib_fix_node *node, nib_error *err);

#endif
