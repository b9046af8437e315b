/** The op that puts a tensor on the grid of its quantizer: parameters once a step, data tile by tile. */
#ifndef NIB_QUANT_OP_QUANTIZE_H
#define NIB_QUANT_OP_QUANTIZE_H

#include "core/op.h"
#include "core/params.h"
#include "quant/grid_numbers.h"
#include "quant/quantizer.h"

/** How all quantizers of a model are used at the moment. Read by the ops, written between two steps. */
typedef struct nib_quantize_control {
    float float_share; /**< training: y = x + (1 - float_share)(Q(x) - x); evaluation never blends */
} nib_quantize_control;

/** Options of a node, made by nib_quantize_options_create. */
typedef struct nib_quantize_options {
    const nib_quantizer_config *quantizer; /**< may be filled in, or changed, after the graph is made */
    const nib_quantize_control *control;
    const nib_params *params;     /**< of a parameter: y = mask * Q(w) where it has a mask */
    int param;                    /**< row of the table, or -1: data */
    nib_grid_numbers *numbers[2]; /**< by nib_mode: room */
    const nib_grid_step *step[2]; /**< by nib_mode: the step that the quantizer is, or NULL */
} nib_quantize_options;

/** Options of a node on `columns` columns. NULL when out of memory. */
nib_quantize_options *nib_quantize_options_create(nib_arena *arena, const nib_quantizer_config *quantizer,
                                                  const nib_quantize_control *control,
                                                  const nib_params *params, int param, int64_t columns);

/** Find out whether the quantizer, as it is now, is a step on a grid, which products take along. Before
 * executors are created, and whenever the quantizer has changed.
 *  @param wrap   types with WRAP wrap while training, too
 *  @param blend  training blends float and quantized values at times (nib_quantize_control) */
void nib_quantize_options_update(nib_quantize_options *options, bool wrap, bool blend);

/** y = x + (1 - float_share)(Q(x) - x), times the mask of a pruned parameter. Input 1, where there is one:
 * the learned scales of the quantizer, a row of the parameter table. The gradient is that of the quantizer's
 * straight-through estimator; the mask does not stop it: whoever updates the weights decides what becomes of
 * pruned ones. A rank-1 parameter is one vector that shares a fitted scale. */
extern const nib_op nib_op_quantize;

#endif
