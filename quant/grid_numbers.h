/** The numbers of core's grid step (core/grid_step.h) from a quantizer that is one. */
#ifndef NIB_QUANT_GRID_NUMBERS_H
#define NIB_QUANT_GRID_NUMBERS_H

#include "core/arena.h"
#include "core/grid_step.h"
#include "quant/quantizer.h"

enum { NIB_GRID_NUMBERS = 11 };

typedef struct nib_grid_numbers {
    nib_grid_step step;
    int64_t columns;
    float *vectors;              /**< [NIB_GRID_NUMBERS][padded columns] what the step points to */
    float one[NIB_GRID_NUMBERS]; /**< the same where all columns have the same numbers */
    nib_quantizer_step *scratch;
} nib_grid_numbers;

/** Room for the numbers of `columns` columns. NULL when out of memory. */
nib_grid_numbers *nib_grid_numbers_create(nib_arena *arena, int64_t columns);

/** Fill in the step that a quantizer is.
 *  @param shared  one scale for all columns: a vector, whose elements are rows to the quantizer
 *  @param open    a type that wraps only rounds (training without wrapping)
 *  @return false: it is no such step (another rounding mode, SAT_ZERO, a step that is no power of two or is
 *  fitted to the values, codes of over 22 bits and a sign) */
bool nib_grid_numbers_fill(nib_grid_numbers *numbers, const nib_quantizer_config *quantizer, bool training,
                           bool shared, bool open);

#endif
