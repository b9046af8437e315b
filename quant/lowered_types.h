/** Helpers of the quantizers' lower functions: types whose steps are scaled. */
#ifndef NIB_QUANT_LOWERED_TYPES_H
#define NIB_QUANT_LOWERED_TYPES_H

#include "quant/quantizer.h"

/** k with scale = 2^k. Errors: NIB_ERR_CONFIG: the scale is no power of two (the message offers snap=po2). */
NIB_MUST_USE nib_status nib_lowered_exponent(float scale, int *exponent, nib_error *err);

/** Type `index` is `type` with its values multiplied by `scale`, a power of two; 0 leaves the type as it is:
 * zeros lie on every grid. Errors: NIB_ERR_CONFIG: the scale, or I beyond its limits; with the channel where
 * lowered->n_types is above 1. */
NIB_MUST_USE nib_status nib_lowered_scaled(nib_lowered *lowered, int64_t index, const nib_fixed *type,
                                           float scale, nib_error *err);

#endif
