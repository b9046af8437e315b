/* accuracy: share of rows whose largest logit is the label's; real targets: share of outputs on the right
 * side of 0.5. */
#include "train/metric_shared.h"

static double right(const void *options, const nib_metric_data *data, int64_t row)
{
    (void)options;
    if (data->target->kind == NIB_TARGET_CLASS)
        return nib_metric_argmax(data, row) == data->target->label[row];
    double n = 0;
    for (int64_t i = row * data->width; i < (row + 1) * data->width; i++)
        n += (data->prediction[i] > 0.5f) == (data->target->value[i] > 0.5f);
    return n / (double)data->width;
}

static nib_status evaluate(nib_arena *arena, const void *options, const nib_metric_data *data,
                           nib_metric_value *values, nib_error *err)
{
    (void)arena;
    (void)err;
    values[0] = (nib_metric_value){"", nib_metric_mean(data, options, right)};
    return NIB_OK;
}

const nib_metric nib_metric_accuracy = {
    .name = "accuracy",
    .help = "share of rows put into the right class (real targets: on the right side of 0.5)",
    .source = "Keras SparseCategoricalAccuracy, BinaryAccuracy",
    .options = NIB_OPTION_TABLE_EMPTY,
    .maximize = true,
    .kinds = 1u << NIB_TARGET_CLASS | 1u << NIB_TARGET_REAL,
    .count = nib_metric_count_one,
    .evaluate = evaluate,
};
