/** The figures of a sweep. */
#ifndef NIB_TOOLS_SWEEP_PLOT_H
#define NIB_TOOLS_SWEEP_PLOT_H

#include "tools/sweep_folder.h"

/** Draw what there is to draw from the results: the metric against bits, against sparsity and against every
 * other parameter that is a number; against each cost, with the Pareto front; each cost against bits.
 *  @param folder  where the figures go; made when it is not there
 *  @param suffix  "svg", "png" or "pdf"
 *  @param out     gets one line per figure
 *  Errors: NIB_ERR_INPUT: no trial is done; what nib_figure_draw says. */
NIB_MUST_USE nib_status nib_sweep_plot(const nib_sweep_session *session, const char *folder,
                                       const char *suffix, FILE *out, nib_error *err);

#endif
