/* magnitude: |w|, divided by the cost of a weight. */
#include <math.h>

#include "prune/criterion.h"

static void score(const void *options, const nib_prune_tensor *t, const nib_prune_rule *rule, float *score)
{
    (void)options, (void)rule;
    const float cost = (float)t->cost;
    for (int64_t r = 0; r < t->rows; r++)
        for (int64_t c = 0; c < t->cols; c++)
            score[r * t->cols + c] = fabsf(t->value[r * t->stride + c]) / cost;
}

const nib_prune_criterion nib_prune_criterion_magnitude = {
    .name = "magnitude",
    .help = "the smallest weights go first",
    .source = "Han et al., arXiv:1506.02626; TFMOT 0.8.1 prune_low_magnitude",
    .options = NIB_OPTION_TABLE_EMPTY,
    .units = nib_prune_weights,
    .score = score,
};
