/** Results of a sweep: one small file per trial, and the table made of them.
 *
 *      DIR/sweep.json           what the folder belongs to (digest, sweep file, base)
 *      DIR/results/0007.json    how trial 7 ended; with halving also its rungs
 *      DIR/trials/0007/         its run folder; 0007.log beside it has what it printed
 *      DIR/trials.csv           one row per trial, made anew from the results, the same bytes in any order of
 * ends
 */
#ifndef NIB_TRAIN_SWEEP_RESULTS_H
#define NIB_TRAIN_SWEEP_RESULTS_H

#include "train/sweep.h"

typedef enum nib_sweep_status {
    NIB_SWEEP_OPEN, /**< not run, or not to the end */
    NIB_SWEEP_DONE,
    NIB_SWEEP_FAILED,
    NIB_SWEEP_DROPPED /**< halving: it ended its last rung and did not go on */
} nib_sweep_status;

typedef struct nib_sweep_column {
    const char *name; /**< "val_accuracy", "ebops", "nonzero" */
    double value;
} nib_sweep_column;

/** How a trial ended. */
typedef struct nib_sweep_result {
    nib_sweep_status status;
    int64_t rung;     /**< halving: rungs that were run, in all */
    int64_t epochs;   /**< that it was trained for; 0: not a training */
    int64_t attempts; /**< starts that did not end by a signal to the sweep itself */
    double seconds;   /**< wall time of the process, all rungs */
    double cpu_seconds;
    bool killed; /**< of a failure: by a signal from outside or a crash, so it says nothing of the point */
    const char *message; /**< of a failure: its last lines, or NULL */
    int n_columns;
    nib_sweep_column *column;
} nib_sweep_result;

/** Names in DIR, in the arena: results/NNNN.json, trials/NNNN, trials/NNNN.log. */
const char *nib_sweep_result_path(nib_arena *arena, const char *folder, int trial);
const char *nib_sweep_trial_folder(nib_arena *arena, const char *folder, int trial);
const char *nib_sweep_trial_log(nib_arena *arena, const char *folder, int trial);

/** What summary.json of a run folder says: the scores of "validation" as val_..., parameters, nonzero,
 * everything under "cost"; epochs. Fills columns and epochs. Errors: NIB_ERR_INPUT. */
NIB_MUST_USE nib_status nib_sweep_collect(nib_arena *arena, const char *run, nib_sweep_result *result,
                                          nib_error *err);

/** Write atomically; read (a file that is missing or damaged leaves NIB_SWEEP_OPEN). */
NIB_MUST_USE nib_status nib_sweep_result_write(const char *path, const nib_sweep_result *result,
                                               nib_error *err);
nib_sweep_result nib_sweep_result_read(nib_arena *arena, const char *path);

/** The value of a column, or NaN. */
double nib_sweep_value(const nib_sweep_result *result, const char *column);

/** What the table adds to the results. */
typedef struct nib_sweep_table {
    const char *metric; /**< that points are chosen by */
    bool maximize;
    const char *front[2];     /**< columns of the front; [1] NULL: there is none */
    double *mean, *deviation; /**< [n_points] of the metric over the seeds that are done; NaN: none */
    double *cost;             /**< [n_points] mean of front[1] */
    double *price;            /**< [n_points] mean of choose.lowest, NaN: not good enough; NULL: no choice */
    bool *on_front;           /**< [n_points] */
    int *best;                /**< [n_studies] point, or -1 */
    int chosen;               /**< best point of all studies, or what `choose` says; -1: none */
} nib_sweep_table;

/** Means over seeds, the best point of each study, the front. Points with a failed or open trial take no
 * part in choices.
 *  @param results  [n_trials] */
NIB_MUST_USE nib_status nib_sweep_tabulate(const nib_sweep *sweep, const nib_sweep_result *results,
                                           nib_arena *arena, nib_sweep_table *table, nib_error *err);

/** trials.csv, atomically. `seconds` and `folder` and `command` are its last columns. */
NIB_MUST_USE nib_status nib_sweep_write_csv(const nib_sweep *sweep, const char *folder,
                                            const nib_sweep_result *results, const nib_sweep_table *table,
                                            nib_error *err);

/** The command line of a trial, as one would type it. In the arena. */
const char *nib_sweep_command_text(nib_arena *arena, const nib_sweep *sweep, const char *folder, int trial);

/** Its arguments without the program: {"train", base, "--set", ...}, NULL at the end. In the arena. */
const char **nib_sweep_command(nib_arena *arena, const nib_sweep *sweep, const char *folder, int trial,
                               int *count);

/** Chosen points of a rung: the best 1/eta (at least one) of those that are in it.
 *  @param in  [n_points of the study] whether a point ran in the rung
 *  @param on  [n_points of the study] whether it goes on */
void nib_sweep_promote(const nib_sweep *sweep, int study, const nib_sweep_result *results, const bool *in,
                       bool *on);

#endif
