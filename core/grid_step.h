/** One step on a grid, the part of quantization that products can take along:
 *
 *      y = step * clamp(round(x / step), lowest, highest),      dx = dy where x is in the range that passes
 *
 *  with the numbers of each column apart. core knows nothing of types: whoever has them fills this in
 * (quant/grid_numbers.h).
 */
#ifndef NIB_CORE_GRID_STEP_H
#define NIB_CORE_GRID_STEP_H

#include <stdbool.h>

typedef enum nib_grid_rounding {
    NIB_GRID_HALF_EVEN, /**< nearest, ties to even codes */
    NIB_GRID_HALF_UP,   /**< nearest, ties up */
    NIB_GRID_FLOOR      /**< down */
} nib_grid_rounding;

typedef enum nib_grid_range {
    NIB_GRID_CLAMP, /**< to low..high */
    NIB_GRID_WRAP,  /**< by whole multiples of `modulus` */
    NIB_GRID_OPEN   /**< rounded only */
} nib_grid_range;

/** Vectors are [nib_padded(columns)], with zeros behind the columns; uniform ones are one number each. Steps
 * are powers of two. */
typedef struct nib_grid_step {
    bool uniform; /**< all columns have the same numbers, and 0 stays 0: padding needs none of its own */
    nib_grid_rounding rounding;
    nib_grid_range range;
    const float *step;
    const float *pass_low,
        *pass_high; /**< the gradient passes for pass_low <= x <= pass_high; pass_low <= 0 */
    /* clamp: codes of up to 22 bits and a sign, so that adding `magic` rounds to steps. */
    const float *low, *high; /**< values, whole steps; low <= 0 */
    const float *magic;      /**< 1.5 * 2^23 steps */
    const float *half;       /**< half a step */
    /* wrap, open: steps of at most 1 where NIB_GRID_FLOOR is used, so that x / step is no denormal. */
    const float *inverse;         /**< 1 / step */
    const float *modulus;         /**< codes of the whole range */
    const float *inverse_modulus; /**< 1 / modulus */
    const float *code_high;       /**< the largest code */
} nib_grid_step;

#endif
