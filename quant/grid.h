/** The float path of fixed-point types: y = s * clamp(round(x / s), lo, hi) on whole vectors.
 *
 *  For types of up to 24 bits every step below is exact, so the result is that of nib_fixed_cast for every
 * normal float, with any rounding and overflow mode; only the sign of a zero may differ (-0 for a small
 * negative x). NaN stays NaN, so that training notices it; an infinity saturates, is 0 under SAT_ZERO and NaN
 * under WRAP, where it has no value. Callers have flushing of denormals on (core/cpu.h).
 */
#ifndef NIB_QUANT_GRID_H
#define NIB_QUANT_GRID_H

#include <stdbool.h>
#include <stdint.h>

#include "quant/fixed.h"

/** The numbers of the step: what a kernel's epilogue needs, too. */
typedef struct nib_grid {
    float step;    /**< s = 2^-F */
    float inverse; /**< 1 / s, exact */
    float lowest;  /**< in steps; WRAP: of the range wrapped into */
    float highest;
    float modulus; /**< WRAP: 2^W in steps */
    float least;   /**< where the step is above 1: a nonzero |x| below it counts as `least`, which rounds the
                      same and keeps x / s from becoming denormal; else 0 */
    nib_rounding rounding;
    nib_overflow overflow;
} nib_grid;

/** @param type  checked with NIB_FIXED_MAX_FAKE */
nib_grid nib_grid_of(const nib_fixed *type);

/** y [n] = x [n] on the grid; y may be x. */
void nib_grid_apply(const nib_grid *grid, int64_t n, const float *x, float *y);

/** The same on a matrix [rows, cols] whose rows are `stride` floats apart. */
void nib_grid_apply_rows(const nib_grid *grid, int64_t rows, int64_t cols, int64_t stride, const float *x,
                         float *y);

/** Rounded at random, up with the probability of the fraction, so that the mean of y is x within the range;
 * then brought into range. u [n] uniform in [0, 1); the grid's rounding mode is not used. For |x| of 2^-126
 * steps and more. */
void nib_grid_apply_random(const nib_grid *grid, int64_t n, const float *x, const float *u, float *y);

/** dx = x < lowest or x > highest ? 0 : dy on a matrix [rows, cols]. Infinite bounds let all pass. */
void nib_grid_pass_rows(float lowest, float highest, int64_t rows, int64_t cols, int64_t stride,
                        const float *x, const float *dy, float *dx);

/** The straight-through gradient: dx [n] = dy [n], and with `clip` 0 where x is outside of the range
 * [lo * s, hi * s]. (`clip` is usual for SAT, SAT_SYM and SAT_ZERO, not for WRAP.) dx may be dy. */
void nib_grid_gradient(const nib_grid *grid, bool clip, int64_t n, const float *x, const float *dy,
                       float *dx);

/** One value, rounded to an integer by the rules of the mode, exact for every float. */
float nib_grid_round(nib_rounding rounding, float v);

#endif
