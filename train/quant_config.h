/** The section `quant:` of a config, and what becomes of it: the quantizer of every tensor of a model.
 *
 *      quant: {default: {input: 'fixed<8,3,RND,SAT>', weight: ..., bias: ..., activation: ..., output: ...,
 *                        result: ..., accum: ...}, layers: {fc1: {weight: ...}}, fallback: 'fixed<16,6>',
 *              bits: 6, integer: auto, allow_float: false, allow_dead: false}
 */
#ifndef NIB_TRAIN_QUANT_CONFIG_H
#define NIB_TRAIN_QUANT_CONFIG_H

#include "quant/fixed.h"
#include "quant/quantizer.h"

/** The quantizers of one layer. NULL: the tensor stays as it is. */
typedef struct nib_layer_quant {
    const nib_quantizer_config *weight; /**< kernel */
    const nib_quantizer_config *bias;
    const nib_quantizer_config *result; /**< of the layer's output: the keys activation, output or result,
                                           whichever is the layer's; NULL: full width */
    bool has_accum;                     /**< the user gave it; else it is proven from the weights */
    nib_fixed accum;
} nib_layer_quant;

#endif
