/** Calibration: the integer bits I of a type whose width W, sign and modes are given, from the values it will
 *  hold. (F = W - I then; a type is one number short of given.)
 *
 *  minmax:      the smallest I that clips no value
 *  percentile:  the smallest I that clips at most the share 1 - percentile of the values
 *  mse:         the I with the least mean squared error of the cast
 *  entropy:     the I whose grid keeps most of the distribution: the least Kullback-Leibler divergence from
 *               the values' histogram, clipped, to the same histogram with the counts of each step spread
 *               evenly over its bins; a range that clips has steps no finer than the histogram's bins
 *
 *  Ties go to the smaller I of the first two, the larger I of mse (room for training), the smaller of
 * entropy. Values that are all 0, or none, give I = 1 with a sign and I = 0 without.
 *
 *  Sources: mse and percentile as in Brevitas' scale statistics; entropy after S. Migacz, "8-bit inference
 * with TensorRT" (GTC 2017), the loop over thresholds being one over powers of two here.
 */
#ifndef NIB_QUANT_CALIBRATE_H
#define NIB_QUANT_CALIBRATE_H

#include "quant/fixed.h"
#include "quant/histogram.h"

typedef enum nib_calibrate_kind {
    NIB_CALIBRATE_MINMAX,
    NIB_CALIBRATE_PERCENTILE,
    NIB_CALIBRATE_MSE,
    NIB_CALIBRATE_ENTROPY,
    NIB_CALIBRATE_KIND_COUNT
} nib_calibrate_kind;

typedef struct nib_calibration {
    nib_calibrate_kind kind;
    double percentile; /**< per cent of the values that must not clip; 0: 99.99 */
} nib_calibration;

/** "minmax", ...; and the other way (-1: no such kind). */
const char *nib_calibrate_name(nib_calibrate_kind kind);
int nib_calibrate_find(const char *name);

/** I of `type` (whose own I is ignored) for streamed values, from their histogram: activations. Within a bin
 *  values count as its centre, or as evenly spread where the grid is finer than the bins.
 *  @param type  W 1 to NIB_FIXED_MAX_BITS
 *  Errors: NIB_ERR_MEMORY. */
NIB_MUST_USE nib_status nib_calibrate_integer(const nib_calibration *how, const nib_histogram *histogram,
                                              const nib_fixed *type, int *integer, nib_error *err);

/** I of `type` for values in memory, mse exactly: weights (least squares). @param x [n]
 *  Errors: NIB_ERR_MEMORY. */
NIB_MUST_USE nib_status nib_calibrate_values(const nib_calibration *how, int64_t n, const float *x,
                                             const nib_fixed *type, int *integer, nib_error *err);

/** The mean of (cast(x) - x)^2 over x [n]; NaN and infinities left out. */
double nib_calibrate_error(const nib_fixed *type, int64_t n, const float *x);

#endif
