/* random: weights in a random order that train.seed fixes. The reference that every criterion must beat. */
#include <stdio.h>

#include "core/rng.h"
#include "prune/criterion.h"

static void score(const void *options, const nib_prune_tensor *t, const nib_prune_rule *rule, float *score)
{
    (void)options, (void)rule;
    char stream[160];
    (void)snprintf(stream, sizeof stream, "%.120s/prune", t->name);
    const nib_rng rng = {.seed = t->seed, .stream = nib_rng_stream(stream)};
    for (int64_t i = 0; i < t->rows * t->cols; i++)
        score[i] = (float)nib_rng_uniform(&rng, (uint64_t)i);
}

const nib_prune_criterion nib_prune_criterion_random = {
    .name = "random",
    .help = "weights in random order, whatever their values",
    .source = "definition",
    .options = NIB_OPTION_TABLE_EMPTY,
    .units = nib_prune_weights,
    .score = score,
};
