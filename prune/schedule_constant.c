/* constant: the final sparsity from the first update on; later ones choose the weights anew. */
#include "prune/schedule.h"

typedef struct constant_options {
    nib_prune_span_options span;
} constant_options;

static const nib_option rows[] = {
    NIB_PRUNE_SPAN_ROWS(constant_options, "never"),
};

static const char *wrong(const void *options, char *text)
{
    const constant_options *o = options;
    return nib_prune_span_wrong(&o->span, true, text);
}

static bool due(const void *options, const nib_prune_clock *clock, int64_t step)
{
    const constant_options *o = options;
    const nib_prune_span span = nib_prune_span_of(&o->span, clock);
    return nib_prune_span_due(&span, clock, step);
}

static double sparsity(const void *options, const nib_prune_clock *clock, double target, int64_t step)
{
    (void)options, (void)clock, (void)step;
    return target;
}

/* The first step that is due: step 0 never is, training begins with 1. */
static int64_t last(const void *options, const nib_prune_clock *clock)
{
    const constant_options *o = options;
    const nib_prune_span span = nib_prune_span_of(&o->span, clock);
    const int64_t first = span.begin > 0 ? span.begin : span.frequency;
    return !clock->tfmot && span.end > 0 && span.end < first ? span.end : first;
}

const nib_prune_schedule nib_prune_schedule_constant = {
    .name = "constant",
    .help = "the final sparsity at once, at `begin`",
    .source = "TFMOT 0.8.1 ConstantSparsity",
    .options = NIB_OPTION_TABLE(constant_options, rows),
    .wrong = wrong,
    .due = due,
    .sparsity = sparsity,
    .last = last,
};
