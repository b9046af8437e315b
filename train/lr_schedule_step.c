/* step: lr = base factor^floor(epoch / every). */
#include <math.h>

#include "train/lr_schedule.h"

typedef struct step_options {
    int64_t every;
    double factor;
} step_options;

static const nib_option rows[] = {
    NIB_ROW(step_options, every, NIB_OPTION_INT, "10", 1, 1e9, NULL, "epochs", "epochs from drop to drop"),
    NIB_ROW(step_options, factor, NIB_OPTION_FLOAT, "0.5", 0, 1, NULL, "", "what the rate is multiplied by"),
};

static double rate(const void *options, const nib_lr_clock *clock, const nib_lr_state *state)
{
    (void)state;
    const step_options *o = options;
    const int64_t epoch = clock->step / clock->steps_per_epoch;
    return clock->base * pow(o->factor, (double)(epoch / o->every));
}

const nib_lr_schedule nib_lr_schedule_step = {
    .name = "step",
    .help = "multiply the rate by a factor every few epochs",
    .source = "definition (Keras ExponentialDecay with staircase=True, counted in epochs)",
    .options = NIB_OPTION_TABLE(step_options, rows),
    .rate = rate,
};
