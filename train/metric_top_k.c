/* top_k: share of rows with fewer than k logits above the label's; equal ones count in its favour, as in
 * Keras. */
#include "train/metric_shared.h"

typedef struct top_k_options {
    int64_t k;
} top_k_options;

static const nib_option rows[] = {
    NIB_ROW(top_k_options, k, NIB_OPTION_INT, "2", 1, 1e6, NULL, "", "how many guesses count"),
};

static double within(const void *options, const nib_metric_data *data, int64_t row)
{
    const top_k_options *o = options;
    const float *x = (data->logits ? data->logits : data->prediction) + row * data->width;
    const float label = x[data->target->label[row]];
    int64_t above = 0;
    for (int64_t c = 0; c < data->width; c++)
        above += x[c] <= label ? 0 : 1;
    return above < o->k;
}

static nib_status evaluate(nib_arena *arena, const void *options, const nib_metric_data *data,
                           nib_metric_value *values, nib_error *err)
{
    (void)arena;
    (void)err;
    values[0] = (nib_metric_value){"", nib_metric_mean(data, options, within)};
    return NIB_OK;
}

const nib_metric nib_metric_top_k = {
    .name = "top_k",
    .help = "share of rows whose class is among the k largest outputs",
    .source = "Keras SparseTopKCategoricalAccuracy (its k is 5: all classes of most triggers)",
    .options = NIB_OPTION_TABLE(top_k_options, rows),
    .maximize = true,
    .kinds = 1u << NIB_TARGET_CLASS,
    .count = nib_metric_count_one,
    .evaluate = evaluate,
};
