/* polynomial: with p the completed share of the span,
 *
 *   s = target + (initial - target) (1 - p)^power
 */
#include <math.h>

#include "prune/schedule.h"

typedef struct polynomial_options {
    double initial;
    nib_prune_span_options span;
    double power;
} polynomial_options;

static const nib_option rows[] = {
    NIB_ROW(polynomial_options, initial, NIB_OPTION_FLOAT, "0", 0, 1, NULL, "", "sparsity at `begin`"),
    NIB_PRUNE_SPAN_ROWS(polynomial_options, "auto"),
    NIB_ROW(polynomial_options, power, NIB_OPTION_FLOAT, "3", 0.01, 100, NULL, "",
            "3: cubic, most is pruned early"),
};

static const char *wrong(const void *options, char *text)
{
    const polynomial_options *o = options;
    return nib_prune_span_wrong(&o->span, false, text);
}

static bool due(const void *options, const nib_prune_clock *clock, int64_t step)
{
    const polynomial_options *o = options;
    const nib_prune_span span = nib_prune_span_of(&o->span, clock);
    return nib_prune_span_due(&span, clock, step);
}

/* In float, operation by operation as TFMOT has it. */
static double in_float(const polynomial_options *o, const nib_prune_span *span, double target, int64_t step)
{
    const float share = (float)(step - span->begin) / (float)(span->end - span->begin);
    const float p = share < 0.0f ? 0.0f : share < 1.0f ? share : 1.0f;
    return (double)((float)(o->initial - target) * powf(1.0f - p, (float)o->power) + (float)target);
}

static double sparsity(const void *options, const nib_prune_clock *clock, double target, int64_t step)
{
    const polynomial_options *o = options;
    const nib_prune_span span = nib_prune_span_of(&o->span, clock);
    if (clock->tfmot)
        return in_float(o, &span, target, step);
    return target + (o->initial - target) * pow(1 - nib_prune_span_share(&span, step), o->power);
}

static int64_t last(const void *options, const nib_prune_clock *clock)
{
    const polynomial_options *o = options;
    return nib_prune_span_of(&o->span, clock).end;
}

const nib_prune_schedule nib_prune_schedule_polynomial = {
    .name = "polynomial",
    .alias = "cubic",
    .help = "from `initial` to the final sparsity, fast at first (power 3: cubic)",
    .source = "Zhu and Gupta, arXiv:1710.01878; TFMOT 0.8.1 PolynomialDecay",
    .options = NIB_OPTION_TABLE(polynomial_options, rows),
    .wrong = wrong,
    .due = due,
    .sparsity = sparsity,
    .last = last,
};
