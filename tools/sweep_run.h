/** Running the trials of a sweep on this machine: one process each, as many at once as jobs. */
#ifndef NIB_TOOLS_SWEEP_RUN_H
#define NIB_TOOLS_SWEEP_RUN_H

#include <stdio.h>

#include "train/sweep_results.h"

typedef struct nib_sweep_job {
    const nib_sweep *sweep;
    const char *folder;
    int64_t jobs;
    int64_t threads;       /**< of each trial */
    const int64_t *epochs; /**< [n_trials] train.epochs of each, 0: not a training */
    int first, last;       /**< trials [first, last) are this process's */
    bool again;            /**< failed trials are run again */
    bool quiet;
    FILE *out;
} nib_sweep_job;

/** Run what is not done yet, each trial after the one it starts from. Another process may work in the same
 * folder: whoever locks trials/NNNN.lock runs trial NNNN.
 *  @param results  [n_trials] in and out
 *  Errors: NIB_ERR_INTERRUPTED after SIGINT or SIGTERM, when all children have ended. Failed trials are no
 *  error; they are in the results. */
NIB_MUST_USE nib_status nib_sweep_run(const nib_sweep_job *job, nib_arena *arena, nib_sweep_result *results,
                                      nib_error *err);

/** One line on a trial: "qat  quant.default.weight=fixed<4,1>  seed 2". In the arena. */
const char *nib_sweep_trial_text(nib_arena *arena, const nib_sweep *sweep, int trial);

#endif
