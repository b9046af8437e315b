/* cosine: with f the completed share of the period and i its number,
 *
 *   lr = base ((1 - alpha) m_mul^i (1 + cos(pi f)) / 2 + alpha)
 *
 * Period i lasts period * t_mul^i epochs; without `period` one lasts all the training (after the warm-up). */
#include <math.h>

#include "train/lr_schedule.h"

typedef struct cosine_options {
    double alpha, period, t_mul, m_mul;
} cosine_options;

static const nib_option rows[] = {
    NIB_ROW(cosine_options, alpha, NIB_OPTION_FLOAT, "0", 0, 1, NULL, "",
            "last rate, as a share of the first"),
    NIB_ROW(cosine_options, period, NIB_OPTION_FLOAT, "0", 0, 1e9, NULL, "epochs",
            "epochs to the first restart; 0: no restart, one period over the whole training"),
    NIB_ROW(cosine_options, t_mul, NIB_OPTION_FLOAT, "2", 1, 1e6, NULL, "",
            "each period is so many times as long as the one before"),
    NIB_ROW(cosine_options, m_mul, NIB_OPTION_FLOAT, "1", 0, 1, NULL, "",
            "each period starts at this share of the start before"),
};

static double decayed(const cosine_options *o, const nib_lr_clock *clock, double height, double share)
{
    const double cosine = height * 0.5 * (1 + cos(3.14159265358979323846 * share));
    return clock->base * ((1 - o->alpha) * cosine + o->alpha);
}

static double rate(const void *options, const nib_lr_clock *clock, const nib_lr_state *state)
{
    (void)state;
    const cosine_options *o = options;
    double step = (double)clock->step;
    if (!(o->period > 0)) {
        const double all = (double)(clock->steps_per_epoch * clock->epochs - clock->warmup_steps);
        return decayed(o, clock, 1, step < all ? step / all : 1);
    }
    const double first = o->period * (double)clock->steps_per_epoch;
    double length = first < 1 ? 1 : first;
    if (o->t_mul == 1) {
        const double i = floor(step / length);
        return decayed(o, clock, pow(o->m_mul, i), step / length - i);
    }
    double height = 1;
    while (step >= length) {
        step -= length;
        length *= o->t_mul;
        height *= o->m_mul;
    }
    return decayed(o, clock, height, step / length);
}

const nib_lr_schedule nib_lr_schedule_cosine = {
    .name = "cosine",
    .help = "half a cosine from the first rate to alpha times it; with a period: warm restarts",
    .source = "Loshchilov and Hutter, arXiv:1608.03983; Keras CosineDecay, CosineDecayRestarts",
    .options = NIB_OPTION_TABLE(cosine_options, rows),
    .rate = rate,
};
