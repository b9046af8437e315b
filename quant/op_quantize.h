/** The op that puts a tensor on the grid of its quantizer: parameters once a step, data tile by tile. */
#ifndef NIB_QUANT_OP_QUANTIZE_H
#define NIB_QUANT_OP_QUANTIZE_H

#include "core/op.h"
#include "core/params.h"
#include "quant/quantizer.h"

/** How all quantizers of a model are used at the moment. Read by the ops, written between two steps. */
typedef struct nib_quantize_control {
    float float_share; /**< training: y = x + (1 - float_share)(Q(x) - x); evaluation never blends */
    bool off;          /**< y = x: calibration evaluates the float network */
} nib_quantize_control;

/** Options of a node; filled before the first run, the quantizer itself possibly later than the graph. */
typedef struct nib_quantize_options {
    const nib_quantizer_config *quantizer;
    const nib_quantize_control *control;
    const nib_params *params; /**< a parameter: y = mask * Q(w) where it has a mask */
    int param;                /**< row of the table, or -1: data */
} nib_quantize_options;

/** y = x + (1 - float_share)(Q(x) - x), times the mask of a pruned parameter. The gradient is that of the
 * quantizer's straight-through estimator; the mask does not stop it: whoever updates the weights decides what
 * becomes of pruned ones. A rank-1 parameter is one vector that shares a fitted scale. */
extern const nib_op nib_op_quantize;

#endif
