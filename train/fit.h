/** The training loop: epochs of shuffled batches, evaluation, learning-rate feedback, early stopping,
 * checkpoints.
 *
 *  Everything that a resumed run needs is in the trainer's state, so that a run killed at any moment and
 * resumed from its last checkpoint ends with the same bits as one that was left alone.
 */
#ifndef NIB_TRAIN_FIT_H
#define NIB_TRAIN_FIT_H

#include <signal.h>

#include "core/log.h"
#include "train/evaluate.h"
#include "train/run_folder.h"
#include "train/trainer.h"

/** One line of metrics.csv: what is known after an epoch. */
typedef struct nib_fit_epoch {
    int64_t epoch;  /**< counted from 1 */
    int64_t epochs; /**< configured */
    double lr;      /**< of the epoch's last step */
    int n_train;
    const nib_score *train; /**< running means over the epoch: "loss", "accuracy" */
    int n_validation;
    const nib_score *validation; /**< without the prefix "val_" */
    bool best;                   /**< the best epoch so far */
    double seconds;              /**< wall time of the epoch, evaluation included */
    double samples_per_second;   /**< of the training part */
} nib_fit_epoch;

/** Within an epoch. */
typedef struct nib_fit_progress {
    int64_t epoch, epochs; /**< counted from 1 */
    int64_t step, steps;   /**< done, of the epoch */
    int n_train;
    const nib_score *train; /**< running means: "loss", "accuracy" */
    double samples_per_second;
} nib_fit_progress;

/** Whoever watches; NULL functions are left out. */
typedef struct nib_fit_observer {
    void *context;
    /** About every 50 ms. */
    void (*progress)(void *context, const nib_fit_progress *progress);
    void (*epoch_done)(void *context, const nib_fit_epoch *epoch);
} nib_fit_observer;

typedef struct nib_fit_job {
    nib_config *config;
    nib_model *model;
    const nib_data *data;
    nib_team *team;
    nib_run_folder *run;               /**< NULL: nothing is written */
    bool resume;                       /**< go on from the run's last.h5 */
    int64_t until;                     /**< end after this epoch, to be resumed later; 0: train.epochs */
    const volatile sig_atomic_t *stop; /**< set by a signal handler; NULL: never */
    nib_fit_observer observer;
    const nib_log *log;
} nib_fit_job;

typedef struct nib_fit_result {
    int64_t epochs;     /**< done in all, before a resume too */
    int64_t best_epoch; /**< counted from 1 */
    double best_monitored;
    const char *monitor; /**< the column it was chosen by */
    bool stopped_early;
    double seconds;            /**< of this call */
    double samples_per_second; /**< training steps of this call, without evaluation and files; 0: no step was
                                  done */
} nib_fit_result;

/** Train. At the end model->params holds the best epoch's weights (train.early_stopping.restore_best, the
 * default), and the run folder best.h5, last.h5 and metrics.csv. Errors: NIB_ERR_CONFIG (monitor names no
 * column), NIB_ERR_DIVERGED (checkpoint kept), NIB_ERR_INTERRUPTED (after a checkpoint; the message says how
 * to go on), NIB_ERR_IO (the previous checkpoint is intact). */
NIB_MUST_USE nib_status nib_fit(const nib_fit_job *job, nib_fit_result *result, nib_error *err);

#endif
