/** Learning-rate schedules: constant, step, exponential, cosine (restarts), each with linear warm-up; and
 * reduce on plateau, which reacts to the monitored metric. Each is one .c file listed in
 * train/lr_schedules.def. */
#ifndef NIB_TRAIN_LR_SCHEDULE_H
#define NIB_TRAIN_LR_SCHEDULE_H

#include <stdbool.h>

#include "core/options.h"

/** Where training is. */
typedef struct nib_lr_clock {
    double base;  /**< the optimizer's lr */
    int64_t step; /**< 0 for the first update */
    int64_t steps_per_epoch, epochs;
    int64_t warmup_steps; /**< set by nib_lr_rate: updates taken off the front, so that `step` counts from
                             there */
} nib_lr_clock;

/** State that outlives an epoch; checkpointed as it is. */
typedef struct nib_lr_state {
    double factor; /**< plateau: product of the reductions so far; starts at 1 */
    double best;   /**< plateau: best monitored value; NaN at the start */
    int64_t wait;  /**< plateau: epochs without improvement */
    int64_t cooldown;
} nib_lr_state;

typedef struct nib_lr_schedule {
    const char *name, *help, *source;
    nib_option_table options;
    double (*rate)(const void *options, const nib_lr_clock *clock, const nib_lr_state *state);
    /** After an epoch; NULL if it does not react. @param maximize  larger is better */
    void (*epoch_end)(const void *options, const nib_lr_clock *clock, nib_lr_state *state, double monitored,
                      bool maximize);
} nib_lr_schedule;

extern const nib_lr_schedule *const nib_lr_schedules[];
extern const int nib_lr_schedules_count;
const nib_lr_schedule *nib_lr_schedule_find(const char *name);
void nib_lr_state_init(nib_lr_state *state);

/** The rate of the next step: linear from 0 to the schedule's first rate over the first `warmup` epochs (the
 * rate of update k, counted from 1, is k / warm-up updates), then the schedule, whose clock starts after the
 * warm-up. */
double nib_lr_rate(const nib_lr_schedule *schedule, const void *options, double warmup,
                   const nib_lr_clock *clock, const nib_lr_state *state);

#endif
