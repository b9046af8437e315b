#include "train/metric.h"

#include <assert.h>
#include <math.h>
#include <string.h>

#include "train/metric_shared.h"

#define NIB_METRIC(name) extern const nib_metric nib_metric_##name;
#include "train/metrics.def"
#undef NIB_METRIC

#define NIB_METRIC(name) &nib_metric_##name,
const nib_metric *const nib_metrics[] = {
#include "train/metrics.def"
};
#undef NIB_METRIC
const int nib_metrics_count = (int)(sizeof nib_metrics / sizeof nib_metrics[0]);

const nib_metric *nib_metric_find(const char *name)
{
    for (int i = 0; i < nib_metrics_count; i++)
        if (strcmp(nib_metrics[i]->name, name) == 0)
            return nib_metrics[i];
    return NULL;
}

double nib_metric_mean(const nib_metric_data *data, const void *options,
                       double (*value)(const void *options, const nib_metric_data *data, int64_t row))
{
    double sum = 0, weights = 0;
    for (int64_t r = 0; r < data->rows; r++) {
        const double w = data->weight ? (double)data->weight[r] : 1;
        sum += w * value(options, data, r);
        weights += w;
    }
    return sum / weights;
}

int nib_metric_count_one(const void *options, const nib_data_target *target)
{
    (void)options;
    (void)target;
    return 1;
}

static bool is_single(const nib_data_target *target)
{
    return target->width <= (target->kind == NIB_TARGET_CLASS ? 2 : 1);
}

int nib_metric_count_classes(const void *options, const nib_data_target *target)
{
    (void)options;
    return is_single(target) ? 1 : (int)target->width + 1;
}

int64_t nib_metric_signal_class(const nib_data_target *target)
{
    return target->width - 1;
}

nib_status nib_metric_fill_classes(nib_arena *arena, const nib_metric_data *data,
                                   double (*overall)(const double *each, int64_t n), const double *each,
                                   nib_metric_value *values, nib_error *err)
{
    const nib_data_target *target = data->target;
    if (is_single(target)) {
        values[0] = (nib_metric_value){"", each[nib_metric_signal_class(target)]};
        return NIB_OK;
    }
    values[0] = (nib_metric_value){"", overall(each, target->width)};
    for (int64_t c = 0; c < target->width; c++) {
        const char *name = target->kind == NIB_TARGET_CLASS ? nib_arena_strdup(arena, target->classes[c])
                                                            : nib_arena_printf(arena, "%lld", (long long)c);
        if (!name)
            return nib_fail_memory(err, "metric");
        values[c + 1] = (nib_metric_value){name, each[c]};
    }
    return NIB_OK;
}

int64_t nib_metric_argmax(const nib_metric_data *data, int64_t row)
{
    const float *x = (data->logits ? data->logits : data->prediction) + row * data->width;
    int64_t best = 0;
    for (int64_t c = 1; c < data->width; c++)
        best = x[c] > x[best] ? c : best;
    return best;
}

void nib_confusion_matrix(const nib_metric_data *data, double *matrix)
{
    assert(data->target->kind == NIB_TARGET_CLASS);
    memset(matrix, 0, (size_t)(data->width * data->width) * sizeof *matrix);
    for (int64_t r = 0; r < data->rows; r++)
        matrix[data->target->label[r] * data->width + nib_metric_argmax(data, r)] +=
            data->weight ? (double)data->weight[r] : 1;
}
