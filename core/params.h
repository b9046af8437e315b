/** The parameter table: every trained or running number of a model, in one flat padded vector.
 *
 *  A row is a rows x cols matrix named "layer/var" at `offset` of the flat vectors with `stride` floats from
 * row to row (padded to 16, padding zero in all vectors). Weights, gradients, masks and optimizer moments
 * share offsets, so one pass over [0, size) updates everything. Quantizer state and running statistics are
 * rows too (trainable = false), so they are checkpointed, resumed and matched by name like weights.
 */
#ifndef NIB_CORE_PARAMS_H
#define NIB_CORE_PARAMS_H

#include <stdbool.h>
#include <stdint.h>

#include "core/arena.h"
#include "core/status.h"
#include "core/tensor.h"

typedef enum nib_role {
    NIB_ROLE_KERNEL,
    NIB_ROLE_BIAS,
    NIB_ROLE_BN,    /**< gamma, beta */
    NIB_ROLE_SCALE, /**< learned quantizer scale */
    NIB_ROLE_BITS,  /**< learned bit width */
    NIB_ROLE_STATE, /**< running statistics, ranges: not trained */
} nib_role;

typedef struct nib_param {
    const char *name;  /**< "fc1/kernel" */
    const char *layer; /**< "fc1" */
    const char *var;   /**< "kernel", "bias", "gamma", "beta", "moving_mean", "moving_variance", ... */
    nib_role role;
    bool trainable;
    int rank;           /**< 1 (bias, gamma: shape [cols]) or 2 (kernel: shape [rows, cols]) */
    int64_t rows, cols; /**< rows = 1 for rank 1 */
    int64_t stride;     /**< nib_padded(cols) */
    int64_t offset;     /**< floats into the flat vectors, a multiple of 16 */
    double lr_factor;   /**< multiplies the learning rate */
    double decay;       /**< decoupled weight decay applies x this factor (1 kernels, 0 others) */
} nib_param;

typedef struct nib_params {
    int count;
    nib_param *row;
    int64_t size;     /**< floats in each flat vector, padding included */
    float *value;     /**< [size] weights */
    float *gradient;  /**< [size] of the last step */
    float *mask;      /**< [size] 0/1 per weight, or NULL: nothing is pruned */
    nib_arena *arena; /**< that the table lives in */
} nib_params;

/** An empty table in `arena`. NULL when out of memory. */
nib_params *nib_params_create(nib_arena *arena);

/** Add a row; offsets are given in order. Before nib_params_allocate only. Names must be new.
 *  @return index of the row, or -1 when out of memory */
int nib_params_add(nib_arena *arena, nib_params *params, const char *layer, const char *var, nib_role role,
                   int rank, int64_t rows, int64_t cols, bool trainable);

/** Allocate value and gradient [size], zeroed, in the arena. */
NIB_MUST_USE nib_status nib_params_allocate(nib_arena *arena, nib_params *params, nib_error *err);

/** Give the table masks, all 1, if it has none. */
NIB_MUST_USE nib_status nib_params_add_masks(nib_params *params, nib_error *err);

/** Set value [size] to 0 where the mask is 0: weights, gradients, moments. Nothing without masks. */
void nib_params_apply_masks(const nib_params *params, float *flat);
/** The same for floats [first, first + count). */
void nib_params_apply_masks_range(const nib_params *params, float *flat, int64_t first, int64_t count);

/** Index of "layer/var", or -1. */
int nib_params_find(const nib_params *params, const char *name);

/** View of one row in a flat vector (`params->value`, a moment, ...): rows x cols, a rank-1 row as 1 x cols.
 */
nib_tensor nib_params_view(const nib_params *params, int index, float *flat);

/** Copy a row to or from a dense rows x cols array (files, Keras layout). Padding is not touched. */
void nib_params_pack(const nib_params *params, int index, const float *flat, float *dense);
void nib_params_unpack(const nib_params *params, int index, const float *dense, float *flat);

/** Numbers in a row (rows x cols), and how many of them are not zero. */
int64_t nib_params_elements(const nib_param *row);
int64_t nib_params_nonzero(const nib_params *params, int index);

#endif
