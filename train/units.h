/** The units (features) of a model: which are constant, which nobody uses, and which stand and fall together.
 *
 *  A unit is one feature of an input of the model or of a layer's output. What counts is the weight that the
 * forward pass multiplies by: mask * Q(w), or mask * w where a batch norm follows, which is folded into the
 * weights before they are rounded. A unit is constant if no weight that is not zero connects it to a
 * unit that is not; it is unused if no such weight leads on from it to an output of the model.
 *
 *  Units that only make sense together (a neuron, its activation, its place in a batch norm, both sides of an
 * add) form a group: `nibble strip` removes whole groups.
 */
#ifndef NIB_TRAIN_UNITS_H
#define NIB_TRAIN_UNITS_H

#include "train/model.h"

typedef struct nib_units {
    const nib_model *model;
    int64_t count;
    int64_t *first_input; /**< [n_inputs] first unit of an input of the model */
    int64_t *first_layer; /**< [n_layers] of a layer's output */
    float **weight;       /**< [params->count] mask * Q(w) of kernels, dense; NULL for other rows */
    uint8_t *constant;    /**< [count] */
    uint8_t *used;        /**< [count] */
    int64_t *group;       /**< [count] the lowest unit of its group */
    uint8_t *fixed;       /**< [count] of a group: it cannot be removed (inputs, outputs, softmax) */
} nib_units;

/** Look at a model with its present weights and masks. All of it lives in the arena.
 *  @param zero  [count of layers' units, layer by layer] 1 where a unit's value is exactly zero whatever
 *               comes in, if that is known (pooled constants stay constant only then); NULL: not known */
NIB_MUST_USE nib_status nib_units_find(nib_arena *arena, const nib_model *model, const uint8_t *zero,
                                       nib_units *units, nib_error *err);

/** First unit of what a layer is fed from: a layer (>= 0) or an input of the model (-1 - i). */
int64_t nib_units_first(const nib_units *units, int from);

/** True if the group of a unit can be removed: none of it is fixed, and each is constant or unused. */
bool nib_units_removable(const nib_units *units, int64_t unit);

/** mask * Q(w), or mask * w as said above, of a row of the parameter table, dense, in the arena. NULL when
 * out of memory. */
float *nib_units_effective(nib_arena *arena, const nib_model *model, int param);

/** How sparse a kernel is. */
typedef struct nib_layer_sparsity {
    int layer;
    int64_t weights, kept;         /**< of the kernel; kept: mask * Q(w) is not zero */
    int64_t neurons, dead_neurons; /**< constant or unused */
    int64_t inputs, dead_inputs;   /**< constant, or without a weight into a neuron that is used */
    int64_t macs;                  /**< rows x cols */
} nib_layer_sparsity;

/** One row per layer with a kernel. @param list  [n_layers] @return rows */
int nib_units_sparsity(const nib_units *units, nib_layer_sparsity *list);

/** The same as a table for people. "" when out of memory. */
const char *nib_units_table(const nib_units *units, nib_arena *arena);

#endif
