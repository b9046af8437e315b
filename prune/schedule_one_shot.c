/* one_shot: one update of the masks; what is pruned then stays pruned. */
#include "prune/schedule.h"

typedef struct one_shot_options {
    int64_t at;
    int unit;
} one_shot_options;

static const nib_option rows[] = {
    NIB_ROW(one_shot_options, at, NIB_OPTION_INT, "0", 0, 1e12, NULL, "",
            "updates (epochs) that are done before it; 0: prune what training starts from"),
    NIB_ROW(one_shot_options, unit, NIB_OPTION_CHOICE, "steps", 0, 0, "steps|epochs", "", "what `at` counts"),
};

static int64_t last(const void *options, const nib_prune_clock *clock)
{
    const one_shot_options *o = options;
    return o->at * (o->unit == NIB_PRUNE_EPOCHS ? clock->steps_per_epoch : 1) + 1;
}

static bool due(const void *options, const nib_prune_clock *clock, int64_t step)
{
    return step == last(options, clock);
}

static double sparsity(const void *options, const nib_prune_clock *clock, double target, int64_t step)
{
    (void)options, (void)clock, (void)step;
    return target;
}

const nib_prune_schedule nib_prune_schedule_one_shot = {
    .name = "one_shot",
    .help = "prune once and train on",
    .source = "Han et al., arXiv:1506.02626",
    .options = NIB_OPTION_TABLE(one_shot_options, rows),
    .due = due,
    .sparsity = sparsity,
    .last = last,
};
