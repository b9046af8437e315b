/** What a person sees of a running sweep: a live table on a terminal, one line per trial elsewhere. */
#ifndef NIB_TOOLS_SWEEP_VIEW_H
#define NIB_TOOLS_SWEEP_VIEW_H

#include "tools/sweep_run.h"

typedef struct nib_sweep_view {
    const nib_sweep_job *job;
    nib_arena *arena;
    bool terminal;
    int drawn; /**< lines of the live table that stand on the terminal */
    double begin, last_drawn;
    int done_before; /**< trials that had ended when it began */
    int ended;       /**< since */
    double *started; /**< [n_trials] clock, 0: does not run */
    const char *metric;
} nib_sweep_view;

void nib_sweep_view_begin(nib_sweep_view *view, const nib_sweep_job *job, nib_arena *arena,
                          const nib_sweep_result *results);
void nib_sweep_view_start(nib_sweep_view *view, int trial);
/** A trial has ended, or one of its rungs. */
void nib_sweep_view_end(nib_sweep_view *view, int trial, const nib_sweep_result *result);
/** The line of a trial that ended without running. */
void nib_sweep_view_line(nib_sweep_view *view, int trial, const nib_sweep_result *result);
/** On a terminal, at most ten times a second. */
void nib_sweep_view_draw(nib_sweep_view *view, const nib_sweep_result *results);
void nib_sweep_view_end_all(nib_sweep_view *view);

/** "0.75 +- 0.01"; with one seed there is no deviation. Returns `text`. */
const char *nib_sweep_score_text(const nib_sweep *sweep, double mean, double deviation, char text[64]);

/** The tables at the end: best points, the front. */
void nib_sweep_print_tables(FILE *out, const nib_sweep *sweep, const nib_sweep_result *results,
                            const nib_sweep_table *table);

#endif
