/** The folder of a sweep: made, opened again, checked against the sweep file. */
#ifndef NIB_TOOLS_SWEEP_FOLDER_H
#define NIB_TOOLS_SWEEP_FOLDER_H

#include <stdio.h>

#include "tools/command.h"
#include "train/sweep_results.h"

/** A sweep with its folder. */
typedef struct nib_sweep_session {
    nib_arena *arena;
    nib_sweep *sweep;
    const char *folder;        /**< full name; NULL in a dry run */
    nib_sweep_result *results; /**< [n_trials] as the folder has them */
    int64_t *epochs;           /**< [n_trials] train.epochs; 0: no training */
} nib_sweep_session;

/** Read the sweep file and check the config of every trial; nothing is written.
 *  Errors: NIB_ERR_CONFIG, with the trial named where one's config is wrong. */
NIB_MUST_USE nib_status nib_sweep_session_read(const char *path, const char *const *sets, int n_sets,
                                               nib_sweep_session *session, nib_error *err);

/** All settings of a trial but options of its command, as --set texts. In the arena.
 *  @param sets  [*count] "key=value"
 *  Errors: NIB_ERR_MEMORY. */
NIB_MUST_USE nib_status nib_sweep_trial_sets(nib_arena *arena, const nib_sweep *sweep, int trial,
                                             const char ***sets, int *count, nib_error *err);

/** Make `<sweeps>/<name>-001` (the first free number), or exactly `exact`, new or empty. */
NIB_MUST_USE nib_status nib_sweep_session_create(nib_sweep_session *session, const char *path,
                                                 const char *const *sets, int n_sets, const char *sweeps,
                                                 const char *exact, nib_error *err);

/** Open a sweep's folder to go on with it. Errors: NIB_ERR_INPUT: no sweep, or its sweep file or base config
 * has changed since. */
NIB_MUST_USE nib_status nib_sweep_session_open(const char *folder, nib_sweep_session *session,
                                               nib_error *err);

/** The results as the files have them now. */
void nib_sweep_session_refresh(nib_sweep_session *session);

/** trials.csv from the results, best points and the front on `out`, the test score of the chosen point, and
 * weights away that are not kept. `out` NULL: nothing is printed. */
NIB_MUST_USE nib_status nib_sweep_session_finish(nib_sweep_session *session, FILE *out, nib_error *err);

void nib_sweep_session_close(nib_sweep_session *session);

#endif
