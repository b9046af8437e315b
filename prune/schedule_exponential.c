/* exponential: every update prunes the same share of what is left; with p the completed share of the span,
 *
 *   1 - s = (1 - initial)^(1 - p) (1 - target)^p
 */
#include <math.h>

#include "prune/schedule.h"

typedef struct exponential_options {
    double initial;
    nib_prune_span_options span;
} exponential_options;

static const nib_option rows[] = {
    NIB_ROW(exponential_options, initial, NIB_OPTION_FLOAT, "0", 0, 1, NULL, "", "sparsity at `begin`"),
    NIB_PRUNE_SPAN_ROWS(exponential_options, "auto"),
};

static const char *wrong(const void *options, char *text)
{
    const exponential_options *o = options;
    return nib_prune_span_wrong(&o->span, false, text);
}

static bool due(const void *options, const nib_prune_clock *clock, int64_t step)
{
    const exponential_options *o = options;
    const nib_prune_span span = nib_prune_span_of(&o->span, clock);
    return nib_prune_span_due(&span, clock, step);
}

static double sparsity(const void *options, const nib_prune_clock *clock, double target, int64_t step)
{
    const exponential_options *o = options;
    const nib_prune_span span = nib_prune_span_of(&o->span, clock);
    const double p = nib_prune_span_share(&span, step);
    if (p >= 1)
        return target;
    return 1 - pow(1 - o->initial, 1 - p) * pow(1 - target, p);
}

static int64_t last(const void *options, const nib_prune_clock *clock)
{
    const exponential_options *o = options;
    return nib_prune_span_of(&o->span, clock).end;
}

const nib_prune_schedule nib_prune_schedule_exponential = {
    .name = "exponential",
    .help = "from `initial` to the final sparsity, the same share of what is left every time",
    .source = "definition: the kept share decays geometrically",
    .options = NIB_OPTION_TABLE(exponential_options, rows),
    .wrong = wrong,
    .due = due,
    .sparsity = sparsity,
    .last = last,
};
