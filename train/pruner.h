/** The pruner: makes the masks of a model while it is trained.
 *
 *  Masks live in params->mask. When they change, masked weights and their moments become exactly zero; from
 * then on gradients are masked (core/params.h), so that no optimizer moves them again.
 */
#ifndef NIB_TRAIN_PRUNER_H
#define NIB_TRAIN_PRUNER_H

#include "core/log.h"
#include "train/model.h"
#include "train/train_state.h"

typedef struct nib_pruner nib_pruner;

/** Give the model masks (those it has are kept), and `state` room for the weights to go back to if a schedule
 * rewinds.
 *  @param config  the whole config: prune, and train's epochs and seed
 *  @param arena   owns all of it; model, config and state must outlive it
 *  @param log     told when a schedule ends after the training, and of collapsed layers; may be NULL
 *  Errors: NIB_ERR_CONFIG with the place in the config: neurons of an output layer, rewinds that do not fit.
 */
NIB_MUST_USE nib_status nib_pruner_create(nib_arena *arena, nib_model *model, const nib_config *config,
                                          int64_t steps_per_epoch, nib_train_state *state, const nib_log *log,
                                          nib_pruner **pruner, nib_error *err);

/** Before the forward pass of step `step` (counted from 1): masks that look at weights alone.
 *  @return true if a mask changed. Allocates nothing. */
bool nib_pruner_before_step(nib_pruner *pruner, int64_t step);

/** After its backward pass: masks that look at gradients too. */
bool nib_pruner_after_backward(nib_pruner *pruner, int64_t step);

/** True if the latter ever looks at gradients. */
bool nib_pruner_reads_gradient(const nib_pruner *pruner);

/** Keep the weights to go back to, if `epoch` (counted from 0: those done) is the one. */
void nib_pruner_epoch_done(nib_pruner *pruner, int64_t epoch);

/** The step from which on all masks have their final sparsity. */
int64_t nib_pruner_last_step(const nib_pruner *pruner);

/** Share of zeros in all kernels that are pruned. */
double nib_pruner_sparsity(const nib_pruner *pruner);

#endif
