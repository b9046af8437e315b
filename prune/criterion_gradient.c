/* gradient: |w dL/dw| on the batch of the step, which is how much the loss changes to first order when the
 * weight becomes zero. A reference for magnitude. */
#include <math.h>

#include "prune/criterion.h"

static void score(const void *options, const nib_prune_tensor *t, const nib_prune_rule *rule, float *score)
{
    (void)options, (void)rule;
    const float cost = (float)t->cost;
    for (int64_t r = 0; r < t->rows; r++)
        for (int64_t c = 0; c < t->cols; c++) {
            const int64_t at = r * t->stride + c;
            score[r * t->cols + c] = fabsf(t->value[at] * t->gradient[at]) / cost;
        }
}

const nib_prune_criterion nib_prune_criterion_gradient = {
    .name = "gradient",
    .help = "the smallest |weight x gradient| go first",
    .source = "Molchanov et al., arXiv:1611.06440; Lee et al., arXiv:1810.02340",
    .options = NIB_OPTION_TABLE_EMPTY,
    .reads_gradient = true,
    .units = nib_prune_weights,
    .score = score,
};
