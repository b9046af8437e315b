/* n_m: of every `group` consecutive inputs of a neuron the same number is kept: group (1 - sparsity), so that
 * sparsity 0.5 and group 4 give 2:4. The last group of a column may be shorter; it keeps as many if it can.
 */
#include <math.h>
#include <stdio.h>

#include "prune/criterion.h"
#include "prune/schedule.h"
#include "prune/select.h"

typedef struct n_m_options {
    int64_t group;
} n_m_options;

enum { MAX_GROUP = 64 };

static const nib_option rows[] = {
    NIB_ROW(n_m_options, group, NIB_OPTION_INT, "4", 2, MAX_GROUP, NULL, "",
            "M: consecutive inputs of which N = M (1 - sparsity) are kept"),
};

static void score(const void *options, const nib_prune_tensor *t, const nib_prune_rule *rule, float *score)
{
    (void)options, (void)rule;
    for (int64_t r = 0; r < t->rows; r++)
        for (int64_t c = 0; c < t->cols; c++)
            score[r * t->cols + c] = fabsf(t->value[r * t->stride + c]);
}

static void choose(const void *options, const nib_prune_tensor *t, const nib_prune_rule *rule,
                   double sparsity, const float *score, int32_t *order, uint8_t *keep)
{
    const n_m_options *o = options;
    const int64_t kept = nib_prune_kept(o->group, sparsity, rule->tfmot);
    float one[MAX_GROUP];
    uint8_t chosen[MAX_GROUP];
    for (int64_t c = 0; c < t->cols; c++)
        for (int64_t first = 0; first < t->rows; first += o->group) {
            const int64_t n = t->rows - first < o->group ? t->rows - first : o->group;
            for (int64_t i = 0; i < n; i++)
                one[i] = score[(first + i) * t->cols + c];
            nib_prune_select(one, n, kept, order, chosen);
            for (int64_t i = 0; i < n; i++)
                keep[(first + i) * t->cols + c] = chosen[i];
        }
}

static const char *wrong(const void *options, double sparsity, char *text)
{
    const n_m_options *o = options;
    const double kept = (double)o->group * (1 - sparsity);
    if (fabs(kept - rint(kept)) < 1e-9 && kept > 0.5)
        return NULL;
    (void)snprintf(text, NIB_PRUNE_TEXT_BYTES,
                   "n_m: sparsity %g of groups of %d leaves %.3g weights in each; a whole number is needed",
                   sparsity, (int)o->group, kept);
    return text;
}

const nib_prune_criterion nib_prune_criterion_n_m = {
    .name = "n_m",
    .help = "N:M, the same number of weights in every group of M inputs",
    .source = "Mishra et al., arXiv:2104.08378; TFMOT 0.8.1 sparsity_m_by_n",
    .options = NIB_OPTION_TABLE(n_m_options, rows),
    .once_in_tfmot = true,
    .units = nib_prune_weights,
    .score = score,
    .choose = choose,
    .wrong = wrong,
};
