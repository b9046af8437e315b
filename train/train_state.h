/** Where a training run is: everything besides the weights that must survive a kill for the run to end with
 * the same bits. The order of rows derives from (train.seed, epoch), so no order is kept. */
#ifndef NIB_TRAIN_TRAIN_STATE_H
#define NIB_TRAIN_TRAIN_STATE_H

#include "core/params.h"
#include "train/lr_schedule.h"
#include "train/optimizer.h"

typedef struct nib_train_state {
    int64_t epoch;         /**< epochs done: the running one is number epoch, counted from 0 */
    int64_t step_in_epoch; /**< steps done of the running epoch */
    int64_t step;          /**< updates done since the start */
    nib_lr_state lr;

    /* Sums over the steps of the running epoch, for its line in metrics.csv. */
    int64_t rows;
    double loss; /**< sum over steps of total loss x rows of the step */
    int n_losses, n_watches;
    double *losses;  /**< [n_losses] as nib_sums, times rows for step-rate ones */
    double *watches; /**< [n_watches] */

    /* The best epoch so far by train.monitor. */
    int64_t best_epoch; /**< counted from 0; -1: none yet */
    double best_monitored;
    int64_t wait; /**< epochs since then */
    bool stopped; /**< early stopping has ended the run */

    int n_slots;
    float *slot[NIB_MAX_SLOTS]; /**< [params->size] each: the optimizer's moments */
    float *best;                /**< [params->size] weights of best_epoch */
    float *rewind;              /**< [params->size] weights that pruning goes back to, or NULL: it does not */
    bool rewind_kept;           /**< that epoch is over, `rewind` holds its weights */
} nib_train_state;

/** A fresh state for a model: no step done; arrays zeroed, in the arena. */
NIB_MUST_USE nib_status nib_train_state_create(nib_arena *arena, const nib_params *params, int n_losses,
                                               int n_watches, int n_slots, nib_train_state *state,
                                               nib_error *err);

#endif
