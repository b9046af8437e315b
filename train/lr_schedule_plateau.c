/* plateau: lr = base x the product of reductions; a reduction when the monitored number has not improved by
 * more than min_delta for `patience` epochs, then `cooldown` epochs of rest. */
#include <math.h>

#include "train/lr_schedule.h"

typedef struct plateau_options {
    double factor;
    int64_t patience;
    double min_delta;
    int64_t cooldown;
    double min_lr;
} plateau_options;

static const nib_option rows[] = {
    NIB_ROW(plateau_options, factor, NIB_OPTION_FLOAT, "0.1", 0, 0.999999, NULL, "",
            "what the rate is multiplied by"),
    NIB_ROW(plateau_options, patience, NIB_OPTION_INT, "10", 0, 1e9, NULL, "epochs",
            "epochs without improvement before a reduction"),
    NIB_ROW(plateau_options, min_delta, NIB_OPTION_FLOAT, "1e-4", 0, 1e9, NULL, "",
            "changes up to this are no improvement"),
    NIB_ROW(plateau_options, cooldown, NIB_OPTION_INT, "0", 0, 1e9, NULL, "epochs",
            "epochs after a reduction that do not count"),
    NIB_ROW(plateau_options, min_lr, NIB_OPTION_FLOAT, "0", 0, 1e3, NULL, "", "lowest rate"),
};

static double rate(const void *options, const nib_lr_clock *clock, const nib_lr_state *state)
{
    (void)options;
    return clock->base * state->factor;
}

static void epoch_end(const void *options, const nib_lr_clock *clock, nib_lr_state *state, double monitored,
                      bool maximize)
{
    const plateau_options *o = options;
    const double worst = maximize ? -(double)INFINITY : (double)INFINITY;
    const double best = isnan(state->best) ? worst : state->best;
    if (state->cooldown > 0) {
        state->cooldown--;
        state->wait = 0;
    }
    if (maximize ? monitored > best + o->min_delta : monitored < best - o->min_delta) {
        state->best = monitored;
        state->wait = 0;
        return;
    }
    if (state->cooldown > 0 || ++state->wait < o->patience)
        return;
    const double lr = clock->base * state->factor, reduced = lr * o->factor;
    if (lr > o->min_lr) {
        state->factor = reduced > o->min_lr ? state->factor * o->factor : o->min_lr / clock->base;
        state->cooldown = o->cooldown;
        state->wait = 0;
    }
}

const nib_lr_schedule nib_lr_schedule_plateau = {
    .name = "plateau",
    .help = "reduce the rate when the monitored number stops improving",
    .source = "Keras ReduceLROnPlateau",
    .options = NIB_OPTION_TABLE(plateau_options, rows),
    .rate = rate,
    .epoch_end = epoch_end,
};
