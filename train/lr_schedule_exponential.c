/* exponential: lr = base decay^(epochs / every), in every step, or floored once per `every` epochs. */
#include <math.h>

#include "train/lr_schedule.h"

typedef struct exponential_options {
    double decay, every;
    bool staircase;
} exponential_options;

static const nib_option rows[] = {
    NIB_ROW(exponential_options, decay, NIB_OPTION_FLOAT, "0.96", 0, 1, NULL, "",
            "what the rate is multiplied by over `every` epochs"),
    NIB_ROW(exponential_options, every, NIB_OPTION_FLOAT, "1", 1e-6, 1e9, NULL, "epochs",
            "epochs that `decay` is meant for"),
    NIB_ROW(exponential_options, staircase, NIB_OPTION_BOOL, "false", 0, 0, NULL, "",
            "drop at once instead of step by step"),
};

static double rate(const void *options, const nib_lr_clock *clock, const nib_lr_state *state)
{
    (void)state;
    const exponential_options *o = options;
    const double periods = (double)clock->step / (o->every * (double)clock->steps_per_epoch);
    return clock->base * pow(o->decay, o->staircase ? floor(periods) : periods);
}

const nib_lr_schedule nib_lr_schedule_exponential = {
    .name = "exponential",
    .help = "exponential decay, smooth or in stairs",
    .source = "Keras ExponentialDecay",
    .options = NIB_OPTION_TABLE(exponential_options, rows),
    .rate = rate,
};
