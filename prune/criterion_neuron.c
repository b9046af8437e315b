/* neuron: whole outputs of a layer, by the norm of their column of the kernel. With the column go the bias
 * and gamma and beta of a batch norm, so that the neuron is constant and `nibble strip` can remove it. */
#include <math.h>

#include "prune/criterion.h"

enum { NORM_L1, NORM_L2 };

typedef struct neuron_options {
    int norm;
} neuron_options;

static const nib_option rows[] = {
    NIB_ROW(neuron_options, norm, NIB_OPTION_CHOICE, "l1", 0, 0, "l1|l2", "", "of a neuron's weights"),
};

static int64_t units(const void *options, const nib_prune_tensor *t)
{
    (void)options;
    return t->cols;
}

static int64_t unit_of(const void *options, const nib_prune_tensor *t, int64_t row, int64_t col)
{
    (void)options, (void)t, (void)row;
    return col;
}

static void score(const void *options, const nib_prune_tensor *t, const nib_prune_rule *rule, float *score)
{
    const neuron_options *o = options;
    (void)rule;
    for (int64_t c = 0; c < t->cols; c++) {
        double sum = 0;
        for (int64_t r = 0; r < t->rows; r++) {
            const double w = (double)t->value[r * t->stride + c];
            sum += o->norm == NORM_L1 ? fabs(w) : w * w;
        }
        score[c] = (float)((o->norm == NORM_L1 ? sum : sqrt(sum)) / t->cost);
    }
}

const nib_prune_criterion nib_prune_criterion_neuron = {
    .name = "neuron",
    .help = "whole neurons, those with the smallest incoming weights first",
    .source = "Li et al., arXiv:1608.08710",
    .options = NIB_OPTION_TABLE(neuron_options, rows),
    .whole_columns = true,
    .units = units,
    .score = score,
    .unit_of = unit_of,
};
