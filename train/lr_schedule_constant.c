/* constant: lr = base. */
#include "train/lr_schedule.h"

static double rate(const void *options, const nib_lr_clock *clock, const nib_lr_state *state)
{
    (void)options;
    (void)state;
    return clock->base;
}

const nib_lr_schedule nib_lr_schedule_constant = {
    .name = "constant",
    .help = "the optimizer's rate throughout",
    .source = "definition",
    .options = NIB_OPTION_TABLE_EMPTY,
    .rate = rate,
};
