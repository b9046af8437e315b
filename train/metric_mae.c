/* mae: mean absolute error, over rows and outputs. */
#include <math.h>

#include "train/metric_shared.h"

static double error(const void *options, const nib_metric_data *data, int64_t row)
{
    (void)options;
    double sum = 0;
    for (int64_t i = row * data->width; i < (row + 1) * data->width; i++) {
        const double d = (double)data->prediction[i] - (double)data->target->value[i];
        sum += fabs(d);
    }
    return sum / (double)data->width;
}

static nib_status evaluate(nib_arena *arena, const void *options, const nib_metric_data *data,
                           nib_metric_value *values, nib_error *err)
{
    (void)arena;
    (void)err;
    values[0] = (nib_metric_value){"", nib_metric_mean(data, options, error)};
    return NIB_OK;
}

const nib_metric nib_metric_mae = {
    .name = "mae",
    .help = "mean absolute error, over rows and outputs",
    .source = "Keras MeanAbsoluteError",
    .options = NIB_OPTION_TABLE_EMPTY,
    .maximize = false,
    .kinds = 1u << NIB_TARGET_REAL,
    .count = nib_metric_count_one,
    .evaluate = evaluate,
};
