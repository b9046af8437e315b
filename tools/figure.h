/** Figures through gnuplot. A figure `out/accuracy.svg` has its script out/accuracy.gp and its data
 * out/accuracy.dat beside it, so that everybody can restyle it: `gnuplot accuracy.gp` in that folder draws it
 * again.
 */
#ifndef NIB_TOOLS_FIGURE_H
#define NIB_TOOLS_FIGURE_H

#include <stdio.h>

#include "core/status.h"

typedef struct nib_figure nib_figure;

/** Begin a figure. The script starts with terminal, output and style; the caller adds the rest.
 *  @param path    ends in .svg, .png or .pdf
 *  @param width, height  in pixels of a screen; a pdf has the same proportions
 *  Errors: NIB_ERR_USAGE: another suffix; NIB_ERR_IO. */
NIB_MUST_USE nib_status nib_figure_create(const char *path, int width, int height, nib_figure **figure,
                                          nib_error *err);

/** Where commands and data go. Data sets are separated by two blank lines (nib_figure_next) and addressed as
 *  `plot DATA index 0 using 1:2`; DATA is set by the script's head. */
FILE *nib_figure_script(nib_figure *figure);
FILE *nib_figure_data(nib_figure *figure);

/** Begin the next data set. @return index of the one that begins; the first is 0 without a call */
int nib_figure_next(nib_figure *figure);

/** Close the files and draw. `figure` is destroyed in any case.
 *  Errors: NIB_ERR_IO: the files could not be written (disk full); NIB_ERR_SYSTEM: gnuplot is missing (says
 * which package has it) or refuses the script, with its message. Script and data stay in both cases. */
NIB_MUST_USE nib_status nib_figure_draw(nib_figure *figure, nib_error *err);

/** Destroy without drawing; the files stay. NULL-safe. */
void nib_figure_abandon(nib_figure *figure);

/** Text inside of double quotes of a script: quotes, backslashes and enhanced-text marks (_ ^ { } @ &)
 * escaped.
 *  @param out  [bytes]; cut at the end where it does not fit. Returns `out`. */
const char *nib_figure_quote(const char *text, char *out, size_t bytes);

#endif
