/* Learning-rate schedules: exact numbers, and Keras' formulas written out again. */
#include <math.h>
#include <stdio.h>

#include "tests/options_of.h"
#include "train/lr_schedule.h"

static double rate(const char *name, const char *yaml, double warmup, nib_lr_clock clock, nib_lr_state *state)
{
    nib_arena *arena = nib_arena_create();
    const nib_lr_schedule *schedule = nib_lr_schedule_find(name);
    nib_lr_state fresh;
    nib_lr_state_init(&fresh);
    const double lr = nib_lr_rate(schedule, options_of(arena, &schedule->options, yaml), warmup, &clock,
                                  state ? state : &fresh);
    nib_arena_destroy(arena);
    return lr;
}

static void expect_near(double got, double wanted, const char *what, int64_t step)
{
    cr_expect(fabs(got - wanted) <= 1e-14 + 1e-12 * fabs(wanted), "%s, step %lld: %.17g, wanted %.17g", what,
              (long long)step, got, wanted);
}

Test(schedules, exact_numbers)
{
    static const struct {
        const char *name, *yaml;
        double warmup;
        int64_t step; /* 10 steps per epoch, 20 epochs, base 0.5 */
        double wanted;
    } cases[] = {
        {"constant", "", 0, 0, 0.5},
        {"constant", "", 0, 199, 0.5},
        {"constant", "", 2, 0, 0.025}, /* 1 of 20 warm-up updates */
        {"constant", "", 2, 19, 0.5},
        {"constant", "", 0.25, 1, 0.5 * 2 / 3}, /* 2.5 updates are 3 */
        {"step", "{every: 3, factor: 0.1}", 0, 29, 0.5},
        {"step", "{every: 3, factor: 0.1}", 0, 30, 0.05},
        {"step", "{every: 3, factor: 0.1}", 0, 60, 0.005},
        {"step", "{every: 3, factor: 0.1}", 1, 39, 0.5}, /* the clock starts after the warm-up */
        {"step", "{every: 3, factor: 0.1}", 1, 40, 0.05},
        {"exponential", "{decay: 0.25, every: 2}", 0, 0, 0.5},
        {"exponential", "{decay: 0.25, every: 2}", 0, 10, 0.25},
        {"exponential", "{decay: 0.25, every: 2}", 0, 20, 0.125},
        {"exponential", "{decay: 0.25, every: 2, staircase: true}", 0, 19, 0.5},
        {"exponential", "{decay: 0.25, every: 2, staircase: true}", 0, 20, 0.125},
        {"cosine", "", 0, 0, 0.5},
        {"cosine", "", 0, 100, 0.25},
        {"cosine", "", 0, 200, 0},
        {"cosine", "", 0, 300, 0},
        {"cosine", "{alpha: 0.1}", 0, 100, 0.275},
        {"cosine", "{alpha: 0.1}", 0, 200, 0.05},
        {"cosine", "", 4, 40, 0.5}, /* 160 steps remain after the warm-up */
        {"cosine", "", 4, 120, 0.25},
        {"cosine", "{period: 4}", 0, 40, 0.5},
        {"cosine", "{period: 4}", 0, 80, 0.25}, /* the second period is 8 epochs */
        {"cosine", "{period: 4}", 0, 120, 0.5},
        {"cosine", "{period: 4, t_mul: 1, m_mul: 0.5}", 0, 80, 0.125},
        {"cosine", "{period: 4, t_mul: 1, m_mul: 0.5, alpha: 0.2}", 0, 20, 0.3},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const nib_lr_clock clock = {.base = 0.5, .step = cases[i].step, .steps_per_epoch = 10, .epochs = 20};
        char what[128];
        (void)snprintf(what, sizeof what, "%s %s", cases[i].name, cases[i].yaml);
        expect_near(rate(cases[i].name, cases[i].yaml, cases[i].warmup, clock, NULL), cases[i].wanted, what,
                    cases[i].step);
    }
}

/* CosineDecay.__call__ and CosineDecayRestarts.__call__ of Keras 2.15 */
static double keras_cosine(double base, double step, double decay_steps, double alpha)
{
    step = fmin(step, decay_steps);
    return base * ((1 - alpha) * (0.5 * (1 + cos(M_PI * (step / decay_steps)))) + alpha);
}

static double keras_restarts(double base, double step, double first, double t_mul, double m_mul, double alpha)
{
    double fraction = step / first, i_restart;
    if (t_mul == 1) {
        i_restart = floor(fraction);
        fraction -= i_restart;
    } else {
        i_restart = floor(log(1 - fraction * (1 - t_mul)) / log(t_mul));
        fraction = (fraction - (1 - pow(t_mul, i_restart)) / (1 - t_mul)) / pow(t_mul, i_restart);
    }
    return base * ((1 - alpha) * (0.5 * pow(m_mul, i_restart) * (1 + cos(M_PI * fraction))) + alpha);
}

Test(schedules, cosine_equals_keras)
{
    for (int64_t step = 0; step < 400; step++) {
        const nib_lr_clock clock = {.base = 2e-3, .step = step, .steps_per_epoch = 17, .epochs = 20};
        expect_near(rate("cosine", "{alpha: 0.02}", 0, clock, NULL),
                    keras_cosine(2e-3, (double)step, 340, 0.02), "CosineDecay", step);
        expect_near(rate("cosine", "{period: 3, t_mul: 1, m_mul: 0.7, alpha: 0.02}", 0, clock, NULL),
                    keras_restarts(2e-3, (double)step, 51, 1, 0.7, 0.02), "CosineDecayRestarts", step);
        /* 17 * 3 / 10 = 5.1 steps: restarts fall between steps, where the logarithm is safe from rounding */
        expect_near(rate("cosine", "{period: 0.3, t_mul: 1.5, m_mul: 0.9}", 0, clock, NULL),
                    keras_restarts(2e-3, (double)step, 5.1, 1.5, 0.9, 0), "CosineDecayRestarts", step);
    }
}

Test(schedules, exponential_equals_keras)
{
    for (int64_t step = 0; step < 200; step++) {
        const nib_lr_clock clock = {.base = 1e-2, .step = step, .steps_per_epoch = 7, .epochs = 20};
        expect_near(rate("exponential", "", 0, clock, NULL), 1e-2 * pow(0.96, (double)step / 7),
                    "ExponentialDecay", step);
        expect_near(rate("exponential", "{every: 3, staircase: yes}", 0, clock, NULL),
                    1e-2 * pow(0.96, (double)(step / 21)), "ExponentialDecay(staircase)", step);
    }
}

/* ReduceLROnPlateau.on_epoch_end of Keras 2.15, with its own names. */
typedef struct keras_plateau {
    double lr, factor, min_delta, min_lr, best;
    int patience, cooldown, cooldown_counter, wait;
    bool max;
} keras_plateau;

static void keras_epoch_end(keras_plateau *k, double current)
{
    if (k->cooldown_counter > 0) {
        k->cooldown_counter -= 1;
        k->wait = 0;
    }
    if (k->max ? current > k->best + k->min_delta : current < k->best - k->min_delta) {
        k->best = current;
        k->wait = 0;
    } else if (!(k->cooldown_counter > 0)) {
        k->wait += 1;
        if (k->wait >= k->patience && k->lr > k->min_lr) {
            k->lr = fmax(k->lr * k->factor, k->min_lr);
            k->cooldown_counter = k->cooldown;
            k->wait = 0;
        }
    }
}

static void follow_plateau(const char *yaml, keras_plateau k, const double *monitored, int64_t n, double last)
{
    nib_arena *arena = nib_arena_create();
    const nib_lr_schedule *schedule = nib_lr_schedule_find("plateau");
    const void *options = options_of(arena, &schedule->options, yaml);
    nib_lr_clock clock = {.base = k.lr, .steps_per_epoch = 5, .epochs = n};
    nib_lr_state state;
    nib_lr_state_init(&state);
    k.best = k.max ? -HUGE_VAL : HUGE_VAL;
    for (int64_t epoch = 0; epoch < n; epoch++) {
        expect_near(nib_lr_rate(schedule, options, 0, &clock, &state), k.lr, yaml, epoch);
        schedule->epoch_end(options, &clock, &state, monitored[epoch], k.max);
        keras_epoch_end(&k, monitored[epoch]);
        clock.step += 5;
    }
    expect_near(nib_lr_rate(schedule, options, 0, &clock, &state), last, yaml, n);
    nib_arena_destroy(arena);
}

Test(schedules, plateau_equals_keras)
{
    static const double loss[] = {1.0,  0.9,  0.95, 0.8995,      0.91, 0.91, 0.8,  0.8,  0.85, 0.8,  0.8,
                                  0.79, 0.79, 0.79, (double)NAN, 0.79, 0.9,  0.79, 0.79, 0.79, 0.79, 0.7};
    static const double accuracy[] = {(double)NAN, (double)NAN, (double)NAN, 0.5, 0.6, 0.6,
                                      0.55,        0.6,         0.61,        0.2, 0.3, 0.4};
    follow_plateau("{factor: 0.5, patience: 3, min_delta: 1e-3}",
                   (keras_plateau){.lr = 1, .factor = 0.5, .patience = 3, .min_delta = 1e-3}, loss, 22,
                   0.03125);
    follow_plateau("{factor: 0.5, patience: 2, cooldown: 3}",
                   (keras_plateau){.lr = 1, .factor = 0.5, .patience = 2, .cooldown = 3, .min_delta = 1e-4},
                   loss, 22, 0.0625);
    follow_plateau("{factor: 0.1, patience: 1, min_lr: 0.04}",
                   (keras_plateau){.lr = 1, .factor = 0.1, .patience = 1, .min_lr = 0.04, .min_delta = 1e-4},
                   loss, 22, 0.04);
    follow_plateau("{factor: 0.5, patience: 3}",
                   (keras_plateau){.lr = 1, .factor = 0.5, .patience = 3, .min_delta = 1e-4, .max = true},
                   accuracy, 12, 0.125);
}
