/** Sweeps beyond one machine: array jobs of Slurm, submit files of HTCondor, plain lists of commands.
 *
 *  Every job runs `nibble sweep --resume DIR --trials A-B`: some trials, one after the other. Trials that
 * start from others come in a later level. A folder that all machines see is all they share.
 */
#ifndef NIB_TOOLS_SWEEP_CLUSTER_H
#define NIB_TOOLS_SWEEP_CLUSTER_H

#include <signal.h>

#include "tools/sweep_folder.h"

typedef struct nib_sweep_cluster {
    const nib_sweep_session *session;
    int64_t chunk; /**< trials of a job; 0: about a minute's, by the seconds of the trials that are done */
    int64_t jobs;  /**< most jobs at once; 0: as many as the scheduler gives */
    int n_extra;   /**< arguments for sbatch, lines for the submit file */
    const char *const *extra;
    bool wait, quiet;
    FILE *out;
} nib_sweep_cluster;

/** Submit the open trials with sbatch, level by level, and wait until the jobs are gone (unless wait is
 * false), submitting again what a node took along when it died, twice at most. The results are in files.
 *  Errors: NIB_ERR_SYSTEM: there is no sbatch, or it refuses, with its message; NIB_ERR_INTERRUPTED: the jobs
 * are cancelled. */
NIB_MUST_USE nib_status nib_sweep_slurm(const nib_sweep_cluster *cluster, nib_error *err);

/** DIR/htcondor/: a submit file per level and sweep.dag over them; prints the line to type. */
NIB_MUST_USE nib_status nib_sweep_htcondor(const nib_sweep_cluster *cluster, nib_error *err);

/** One command per line on `out`, those that others start from first. */
NIB_MUST_USE nib_status nib_sweep_list(const nib_sweep_cluster *cluster, nib_error *err);

#endif
