/** The trainer: a model, its executor and its optimizer. One call is one step: forward, backward, update. */
#ifndef NIB_TRAIN_TRAINER_H
#define NIB_TRAIN_TRAINER_H

#include "core/exec.h"
#include "train/model.h"
#include "train/pruner.h"
#include "train/train_state.h"

typedef struct nib_trainer nib_trainer;

/** @param model, config, data, team  must outlive the trainer; `data` is the training part
 *  @param err  NIB_ERR_CONFIG when a class_weight list does not fit, NIB_ERR_MEMORY */
NIB_MUST_USE nib_status nib_trainer_create(nib_trainer **trainer, nib_model *model,
                                           const nib_train_config *config, const nib_dataset *data,
                                           nib_team *team, nib_error *err);
void nib_trainer_destroy(nib_trainer *trainer);

/** Progress, written by the steps; the loop around (train/fit.c) keeps its own fields in it. */
nib_train_state *nib_trainer_state(nib_trainer *trainer);

int64_t nib_trainer_steps_per_epoch(const nib_trainer *trainer);

/** One step on data rows index[0..rows-1], rows <= batch. Adds to the sums of the running epoch, advances
 *  state->step and state->step_in_epoch. No heap call. A step that changes masks forgets the best epoch: its
 *  weights have another sparsity.
 *  Errors: NIB_ERR_DIVERGED when the loss is not finite, with the layer named and the weights as before the
 * step. */
NIB_MUST_USE nib_status nib_trainer_step(nib_trainer *trainer, const int32_t *index, int64_t rows,
                                         nib_error *err);

/** Tell which data rows the step after the next one will be about: they are fetched into the cache meanwhile.
 * Holds for one step, changes no result; `next` must live until then. NULL: nothing is known. */
void nib_trainer_announce(nib_trainer *trainer, const int32_t *next, int64_t rows);

/** Small work of the caller's own, once in every step, while the other threads are on their way to their
 * tiles. It must not touch the model, the data and the rows of the step. */
void nib_trainer_set_meanwhile(nib_trainer *trainer, void (*work)(void *context), void *context);

/** Prune while training. The pruner was made with this trainer's state and must outlive it. */
void nib_trainer_set_pruner(nib_trainer *trainer, nib_pruner *pruner);

/** Learning rate of update `step`, counted from 0 since the start, by the schedule's present state. */
double nib_trainer_lr(const nib_trainer *trainer, int64_t step);

#endif
