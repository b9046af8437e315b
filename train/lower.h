/** Lowering: from a model with its quantizers to the fixed-point network, which is what hardware computes.
 *
 *  Every layer's descriptor makes its own nodes (nib_layer.lower) with the helpers below. Weights are the
 * parameters times their masks, put on the grids of their quantizers; results are cast as the quantizers of
 * the layers say, or keep their full width; accumulators are the user's, or wide enough for every partial sum
 * of the actual weights.
 */
#ifndef NIB_TRAIN_LOWER_H
#define NIB_TRAIN_LOWER_H

#include "quant/fixnet.h"
#include "train/model.h"

/** Preprocessing of an input, x = (raw - shift) / divisor, that the network itself shall do. */
typedef struct nib_input_fold {
    const double *shift, *divisor; /**< [width]; divisors are not 0 */
} nib_input_fold;

typedef struct nib_lower_options {
    const float *values; /**< [params->size]; NULL: params->value */
    bool allow_float;    /**< a tensor without a quantizer gets the type `fallback` and is listed */
    nib_fixed fallback;  /**< of up to NIB_FIXED_MAX_BITS; only with allow_float */
    /** [n_inputs] preprocessing that the dense layers behind the inputs take in, so that the network takes
     * raw numbers; NULL: it takes preprocessed ones. See train/lower_fold.c. */
    const nib_input_fold *fold;
} nib_lower_options;

/** Weights beside what became of them, for those who compare. */
typedef struct nib_lowered_weights {
    const char *what; /**< "fc1/kernel" */
    const char *layer;
    const float *value; /**< [rows x cols] in front of the quantizer */
    const float *mask;  /**< the same, or NULL */
    const nib_fix_array *array;
} nib_lowered_weights;

typedef struct nib_lowering {
    nib_fixnet net;
    int n_weights;
    const nib_lowered_weights *weights;
    int n_folded; /**< batch norms that dense layers took in */
    int n_fills;
    const char *const *fill;          /**< what got the fallback: "x", "fc1/kernel", "relu1" */
    const int *layer_node;            /**< [n_layers] the node with the layer's output */
    const nib_fix_interval *interval; /**< [net.n_nodes] the codes that can occur */
} nib_lowering;

/** Lower a model. All of the result lives in the arena.
 *  Errors: NIB_ERR_CONFIG or NIB_ERR_UNSUPPORTED naming the layer, the tensor, the reason and what mends it;
 *  NIB_ERR_MEMORY. */
NIB_MUST_USE nib_status nib_lower_model(const nib_model *model, const nib_lower_options *options,
                                        nib_arena *arena, nib_lowering *lowering, nib_error *err);

/** How the model's evaluation forward must compute to give the integers of the network: in float, in double
 * (train/double_forward.h: up to 53 bits, tables, batch norm folded or on a grid), or by the integer engine
 * itself (beyond 53 bits, a given accumulator that can overflow, softmax). */
typedef enum nib_exactness { NIB_EXACT_FLOAT, NIB_EXACT_DOUBLE, NIB_EXACT_ENGINE } nib_exactness;

/** @param why  [bytes] the first node that needs more than float, with the reason; "" for float */
nib_exactness nib_lower_exactness(const nib_lowering *lowering, char *why, size_t bytes);

/* For layers. */

enum { NIB_LOWER_TABLE_BITS = 12 }; /**< widest input of a table */

/** What nib_layer.lower works with. */
struct nib_lower {
    nib_arena *arena;
    const nib_model *model;
    const nib_lower_options *options;
    nib_lowering *lowering;
    int max_nodes, max_fills;
    const char **fill;
    nib_lowered_weights *weights;
    int *layer_node;
    nib_fix_interval *interval;

    int index; /**< of the layer */
    const nib_model_layer *layer;
    const nib_quantizer_config *result; /**< of its output; a dense layer has its batch norm's */
    int n_inputs;
    int input[NIB_MAX_INPUTS]; /**< nodes */
    int output;                /**< to be set */
};

/** A node over the layer's inputs, named as the layer (with "_<suffix>" where suffix is not NULL), without a
 * type. NULL when out of memory. */
nib_fix_node *nib_lower_add(nib_lower *lower, nib_fix_kind kind, const char *suffix, nib_error *err);

/** The node of input i. */
const nib_fix_node *nib_lower_input(const nib_lower *lower, int i);

/** Give the last node, which is `node`, the layer's result type: a cast to its quantizer's type; where there
 * is none `full`, which must hold every result exactly, cut down to what really occurs. A quantizer that is
 * no cast becomes a table behind the node. Sets lower->output. */
NIB_MUST_USE nib_status nib_lower_result(nib_lower *lower, nib_fix_node *node, const nib_fixed *full,
                                         nib_error *err);

/** The same for activations, which get the fallback type without a quantizer where that is allowed. */
NIB_MUST_USE nib_status nib_lower_activation(nib_lower *lower, nib_fix_node *node, const nib_fixed *full,
                                             nib_error *err);

/** The smallest type (TRN, WRAP) that holds all values of two types, and of all types of a tensor. One of 0
 * bits has no values but 0. */
nib_fixed nib_lower_cover(const nib_fixed *a, const nib_fixed *b);
nib_fixed nib_lower_widest(const nib_fix_types *types);

/** The last node, or one before it, as the layer's input: a table of `function` with entries of the type of
 * the layer's quantizer. NULL: the quantizer itself is the function. Sets lower->output.
 *  @param suffix  as in nib_lower_add */
NIB_MUST_USE nib_status nib_lower_table(nib_lower *lower, int input, const char *name, const char *suffix,
                                        double (*function)(double), nib_error *err);

/** A parameter, or what is made of it: dense rows x cols in the arena. */
typedef struct nib_lower_matrix {
    const char *what; /**< "fc1/kernel", for messages */
    int64_t rows, cols;
    float *value;
    float *mask;    /**< 0/1 by element, or NULL: all count */
    bool is_vector; /**< one vector that shares a scale: a bias, not the kernel of a layer with one input */
} nib_lower_matrix;

/** Parameter `var` of layer `layer` of the model. */
NIB_MUST_USE nib_status nib_lower_parameter(const nib_lower *lower, int layer, const char *var,
                                            nib_lower_matrix *matrix, nib_error *err);

/** Fold batch norm `norm` into kernel and bias (train/fold.h); a bias without values is made. */
NIB_MUST_USE nib_status nib_lower_fold(nib_lower *lower, int norm, nib_lower_matrix *kernel,
                                       nib_lower_matrix *bias, nib_error *err);

/** Where preprocessing is folded in: the types of raw numbers of input `index`, from those of x.
 *  @param type  [width] in and out
 *  Errors: NIB_ERR_CONFIG naming the feature whose raw numbers need too many bits. */
NIB_MUST_USE nib_status nib_lower_fold_input(nib_lower *lower, int index, nib_fixed *type, nib_error *err);

/** Is the layer's input one whose preprocessing this layer takes in? */
bool nib_lower_folds_input(const nib_lower *lower);

/** Rows of the kernel by their divisors' mantissas, before nib_lower_array; after it powers of two go into
 * the types, and the shifts into the bias, which is made where there is none.
 *  @param quantizer  of the bias, or NULL */
void nib_lower_fold_kernel(const nib_lower *lower, nib_lower_matrix *kernel);
NIB_MUST_USE nib_status nib_lower_fold_shift(nib_lower *lower, const nib_lower_matrix *bias,
                                             const nib_quantizer_config *quantizer, nib_fix_dense *dense,
                                             nib_error *err);

/** mask * Q(value) as integers; without a quantizer in the fallback type. `array` stays where it is: it is
 * part of a node.
 *  @param key  "weight" or "bias": of quant.default, for messages */
NIB_MUST_USE nib_status nib_lower_array(nib_lower *lower, const nib_lower_matrix *matrix,
                                        const nib_quantizer_config *quantizer, const char *key,
                                        nib_fix_array *array, nib_error *err);

#endif
