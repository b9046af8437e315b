/** Making masks: score, choose, write. Nothing is allocated here; scratch is planned once. */
#ifndef NIB_PRUNE_MASK_H
#define NIB_PRUNE_MASK_H

#include "core/arena.h"
#include "prune/criterion.h"

/** Room for the units of one call. */
typedef struct nib_prune_scratch {
    int64_t units; /**< capacity */
    float *score;
    int32_t *order;
    uint8_t *keep;
} nib_prune_scratch;

NIB_MUST_USE nib_status nib_prune_scratch_create(nib_arena *arena, int64_t units, nib_prune_scratch *scratch,
                                                 nib_error *err);

/** Make the mask of one tensor.
 *
 *  Kept units: nib_prune_kept(units, sparsity), never more than are left; with rule->tfmot masks of the past
 * do not count, and all units compete.
 *  @param scratch  of at least criterion->units(options, tensor)
 *  @return true if the mask is not what it was */
bool nib_prune_mask(const nib_prune_criterion *criterion, const void *options, nib_prune_tensor *tensor,
                    double sparsity, const nib_prune_rule *rule, nib_prune_scratch *scratch);

/** One mask over several tensors: the largest scores of all are kept, kept(all weights, sparsity) of them,
 * but at least one in every tensor. For criteria whose units are weights.
 *  @param scratch  of at least the sum of all weights
 *  @return true if a mask is not what it was */
bool nib_prune_mask_global(const nib_prune_criterion *criterion, const void *options,
                           nib_prune_tensor *tensors, int n, double sparsity, const nib_prune_rule *rule,
                           nib_prune_scratch *scratch);

/** Weights that a tensor's mask keeps. */
int64_t nib_prune_count(const nib_prune_tensor *tensor);

#endif
