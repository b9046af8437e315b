/** What a person sees of a running training: a bar on a terminal, one line per epoch elsewhere. */
#ifndef NIB_TOOLS_PROGRESS_H
#define NIB_TOOLS_PROGRESS_H

#include <stdio.h>

#include "train/fit.h"

typedef struct nib_progress {
    FILE *out;                /**< terminal or file: standard error */
    FILE *log;                /**< train.log or NULL: lines go there too */
    bool quiet;               /**< nothing on `out` but warnings */
    bool terminal;            /**< `out` is a terminal: draw a bar */
    bool bar_drawn;           /**< a bar stands on the current line */
    double seconds_per_epoch; /**< of the last epoch, for the ETA; 0: not known yet */
} nib_progress;

/** @param out  usually stderr; whether it is a terminal is asked here (TERM=dumb counts as none) */
void nib_progress_init(nib_progress *progress, FILE *out, bool quiet);

/** The observer and the log that draw on it. */
nib_fit_observer nib_progress_observer(nib_progress *progress);
nib_log nib_progress_log(nib_progress *progress);

/** Text that stands for itself (summary, result table), on `out` and in the log. */
void nib_progress_text(nib_progress *progress, const char *text);

/** "3.1 M", "842 k", "12": a rate or count in few letters. `text` has 16 bytes. */
void nib_format_rate(double value, char *text);
/** "1 h 02 min", "3 min 05 s", "12 s", "1.5 s". `text` has 32 bytes. */
void nib_format_duration(double seconds, char *text);

#endif
