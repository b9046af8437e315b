#include "train/lr_schedule.h"

#include <math.h>
#include <string.h>

#define NIB_LR_SCHEDULE(name) extern const nib_lr_schedule nib_lr_schedule_##name;
#include "train/lr_schedules.def"
#undef NIB_LR_SCHEDULE

#define NIB_LR_SCHEDULE(name) &nib_lr_schedule_##name,
const nib_lr_schedule *const nib_lr_schedules[] = {
#include "train/lr_schedules.def"
};
#undef NIB_LR_SCHEDULE
const int nib_lr_schedules_count = (int)(sizeof nib_lr_schedules / sizeof nib_lr_schedules[0]);

const nib_lr_schedule *nib_lr_schedule_find(const char *name)
{
    for (int i = 0; i < nib_lr_schedules_count; i++)
        if (strcmp(nib_lr_schedules[i]->name, name) == 0)
            return nib_lr_schedules[i];
    return NULL;
}

void nib_lr_state_init(nib_lr_state *state)
{
    *state = (nib_lr_state){.factor = 1, .best = (double)NAN};
}

double nib_lr_rate(const nib_lr_schedule *schedule, const void *options, double warmup,
                   const nib_lr_clock *clock, const nib_lr_state *state)
{
    nib_lr_clock after = *clock;
    const int64_t updates = warmup > 0 ? (int64_t)ceil(warmup * (double)clock->steps_per_epoch) : 0;
    after.warmup_steps = updates;
    if (clock->step >= updates) {
        after.step = clock->step - updates;
        return schedule->rate(options, &after, state);
    }
    after.step = 0;
    return schedule->rate(options, &after, state) * (double)(clock->step + 1) / (double)updates;
}
