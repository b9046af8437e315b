/** Pruning schedules: how much of a layer is pruned after which update. Each is one .c file ending in one
 * `const nib_prune_schedule`, listed in prune/schedules.def.
 *
 *  Steps count from 1: the masks of step t are made before its forward pass, from the weights that t - 1
 * updates left. That is the count of TFMOT 0.8.1, whose formulas these are. By default three of its traps are
 * mended; `compatible: tfmot` brings them back:
 *
 *  - The last step of a schedule always updates the masks. TFMOT updates only where (t - begin) is a multiple
 *    of the frequency, so that (end - begin) = 250 with frequency 100 stays short of the final sparsity.
 *  - Kept weights are counted in double; TFMOT counts in float, and keeps 1 of 10 at sparsity 0.85, not 2.
 *  - Sparsity 1 is allowed and leaves one weight per layer (TFMOT's schedules refuse it, its masks do the
 * same).
 */
#ifndef NIB_PRUNE_SCHEDULE_H
#define NIB_PRUNE_SCHEDULE_H

#include <stdbool.h>

#include "core/options.h"

/** The training that a schedule runs in. */
typedef struct nib_prune_clock {
    int64_t steps_per_epoch;
    int64_t steps; /**< of the whole training */
    bool tfmot;    /**< as TFMOT 0.8.1 computes it */
} nib_prune_clock;

typedef struct nib_prune_schedule {
    const char *name, *help, *source;
    const char *alias; /**< another name, or NULL */
    nib_option_table options;
    /** What is wrong with options that are right one by one ("end (10) is before begin (20)"), or NULL.
     *  @param text  [NIB_PRUNE_TEXT_BYTES] for the answer */
    const char *(*wrong)(const void *options, char *text);
    /** True if masks are to be made before step `step`. */
    bool (*due)(const void *options, const nib_prune_clock *clock, int64_t step);
    /** Sparsity at a step that is due. @param target  final sparsity, 0 to 1 */
    double (*sparsity)(const void *options, const nib_prune_clock *clock, double target, int64_t step);
    /** The step from which on the sparsity is final. */
    int64_t (*last)(const void *options, const nib_prune_clock *clock);
    /** Epoch whose weights every update goes back to (0: the first weights), or -1. NULL: -1. */
    int64_t (*rewind)(const void *options);
} nib_prune_schedule;

enum { NIB_PRUNE_TEXT_BYTES = 160 };

extern const nib_prune_schedule *const nib_prune_schedules[];
extern const int nib_prune_schedules_count;
/** By name or alias, or NULL. */
const nib_prune_schedule *nib_prune_schedule_find(const char *name);

/* For schedules that update within a span. */

enum { NIB_PRUNE_STEPS, NIB_PRUNE_EPOCHS };
enum { NIB_PRUNE_END_NEVER = -1, NIB_PRUNE_END_AUTO = -2, NIB_PRUNE_AUTO = -1 };

/** Keys of these schedules; in epochs, begin counts epochs that are over (0: the first step is due). */
typedef struct nib_prune_span_options {
    int64_t begin, end, frequency;
    int unit;
} nib_prune_span_options;

/** The rows for a struct whose field `span` is a nib_prune_span_options. */
#define NIB_PRUNE_SPAN_ROWS(type, first_end)                                                                 \
    {"begin",                                                                                                \
     NIB_OPTION_INT,                                                                                         \
     offsetof(type, span.begin),                                                                             \
     "0",                                                                                                    \
     0,                                                                                                      \
     1e12,                                                                                                   \
     NULL,                                                                                                   \
     "",                                                                                                     \
     "first step (epoch) at which masks may be made"},                                                       \
        {"end",                                                                                              \
         NIB_OPTION_INT,                                                                                     \
         offsetof(type, span.end),                                                                           \
         first_end,                                                                                          \
         0,                                                                                                  \
         1e12,                                                                                               \
         "never|auto",                                                                                       \
         "",                                                                                                 \
         "last one; auto: half of the training"},                                                            \
        {"frequency",                                                                                        \
         NIB_OPTION_INT,                                                                                     \
         offsetof(type, span.frequency),                                                                     \
         "auto",                                                                                             \
         1,                                                                                                  \
         1e12,                                                                                               \
         "auto",                                                                                             \
         "",                                                                                                 \
         "steps (epochs) from one update of the masks to the next; auto: 100 steps or 1 epoch"},             \
    {                                                                                                        \
        "unit", NIB_OPTION_CHOICE, offsetof(type, span.unit), "steps", 0, 0, "steps|epochs", "",             \
            "what begin, end and frequency count"                                                            \
    }

/** The span in steps. end < 0: for ever. */
typedef struct nib_prune_span {
    int64_t begin, end, frequency;
} nib_prune_span;

nib_prune_span nib_prune_span_of(const nib_prune_span_options *options, const nib_prune_clock *clock);
bool nib_prune_span_due(const nib_prune_span *span, const nib_prune_clock *clock, int64_t step);
/** Completed share, 0 to 1. */
double nib_prune_span_share(const nib_prune_span *span, int64_t step);
const char *nib_prune_span_wrong(const nib_prune_span_options *options, bool may_be_endless, char *text);

#endif
