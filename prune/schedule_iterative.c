/* iterative: train, prune, repeat. Round r of R comes after begin + r length updates (epochs) and leaves
 *
 *   1 - s = (1 - target)^(r / R)
 *
 * so that every round prunes the same share of what is left. With `rewind` the weights that are left go back
 * to what they were after that epoch, and the optimizer starts anew: lottery tickets. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>

#include "prune/schedule.h"

typedef struct iterative_options {
    int64_t rounds, begin, length;
    int unit;
    int64_t rewind;
} iterative_options;

static const nib_option rows[] = {
    NIB_ROW(iterative_options, rounds, NIB_OPTION_INT, "5", 1, 10000, NULL, "", "how often is pruned"),
    NIB_ROW(iterative_options, begin, NIB_OPTION_INT, "0", 0, 1e12, NULL, "",
            "training before the first round"),
    NIB_ROW(iterative_options, length, NIB_OPTION_INT, "1", 1, 1e12, NULL, "",
            "training of a round before it prunes"),
    NIB_ROW(iterative_options, unit, NIB_OPTION_CHOICE, "epochs", 0, 0, "steps|epochs", "",
            "what begin and length count"),
    NIB_ROW(iterative_options, rewind, NIB_OPTION_INT, "none", 0, 1e6, "none", "epochs",
            "go back to the weights after so many epochs (0: the first ones)"),
};

static int64_t unit_of(const iterative_options *o, const nib_prune_clock *clock)
{
    return o->unit == NIB_PRUNE_EPOCHS ? clock->steps_per_epoch : 1;
}

/* Rounds done once step `step` has begun. */
static int64_t round_of(const iterative_options *o, const nib_prune_clock *clock, int64_t step)
{
    const int64_t unit = unit_of(o, clock), done = step - 1 - o->begin * unit;
    const int64_t round = done < 0 ? 0 : done / (o->length * unit);
    return round < o->rounds ? round : o->rounds;
}

static bool due(const void *options, const nib_prune_clock *clock, int64_t step)
{
    return step > 1 && round_of(options, clock, step) > round_of(options, clock, step - 1);
}

static double sparsity(const void *options, const nib_prune_clock *clock, double target, int64_t step)
{
    const iterative_options *o = options;
    const int64_t round = round_of(o, clock, step);
    return round == o->rounds ? target : 1 - pow(1 - target, (double)round / (double)o->rounds);
}

static int64_t last(const void *options, const nib_prune_clock *clock)
{
    const iterative_options *o = options;
    return (o->begin + o->rounds * o->length) * unit_of(o, clock) + 1;
}

static int64_t rewind_to(const void *options)
{
    const iterative_options *o = options;
    return o->rewind;
}

static const char *wrong(const void *options, char *text)
{
    const iterative_options *o = options;
    if (o->unit != NIB_PRUNE_EPOCHS || o->rewind <= o->begin + o->length)
        return NULL;
    (void)snprintf(text, NIB_PRUNE_TEXT_BYTES,
                   "rewind: epoch %" PRId64 " comes after the first round (epoch %" PRId64 ")", o->rewind,
                   o->begin + o->length);
    return text;
}

const nib_prune_schedule nib_prune_schedule_iterative = {
    .name = "iterative",
    .help = "train, prune, repeat, if wanted from the weights of an early epoch (lottery tickets)",
    .source = "Han et al., arXiv:1506.02626; Frankle and Carbin, arXiv:1803.03635; Frankle et al., "
              "arXiv:1903.01611",
    .options = NIB_OPTION_TABLE(iterative_options, rows),
    .wrong = wrong,
    .due = due,
    .sparsity = sparsity,
    .last = last,
    .rewind = rewind_to,
};
