/* auc: the probability that a row of the class scores higher than one of the rest, ties counting half: the
 * area under the ROC curve by exact ranks. */
#include <math.h>

#include "train/metric_shared.h"

static double area(nib_roc *roc, int64_t class_index)
{
    if (!nib_roc_sort(roc, class_index))
        return (double)NAN;
    double positives, negatives, p, n, above = 0, sum = 0;
    int64_t negative_rows, at = 0;
    nib_roc_totals(roc, &positives, &negatives, &negative_rows);
    while (nib_roc_next(roc, &at, &p, &n)) {
        sum += n * (above + 0.5 * p);
        above += p;
    }
    return positives > 0 && negatives > 0 ? sum / (positives * negatives) : (double)NAN;
}

static double mean(const double *each, int64_t n)
{
    double sum = 0;
    for (int64_t i = 0; i < n; i++)
        sum += each[i];
    return sum / (double)n;
}

static nib_status evaluate(nib_arena *arena, const void *options, const nib_metric_data *data,
                           nib_metric_value *values, nib_error *err)
{
    (void)options;
    nib_roc *roc;
    const int64_t width = data->target->width;
    double *each = NIB_NEW(arena, double, width);
    NIB_TRY(nib_roc_create(arena, data, &roc, err));
    if (!each)
        return nib_fail_memory(err, "auc");
    const bool single = nib_metric_count_classes(options, data->target) == 1;
    for (int64_t c = single ? nib_metric_signal_class(data->target) : 0; c < width; c++)
        each[c] = area(roc, c);
    return nib_metric_fill_classes(arena, data, mean, each, values, err);
}

const nib_metric nib_metric_auc = {
    .name = "auc",
    .help =
        "area under the ROC curve of each class against the rest, and their mean; two classes: one number",
    .source = "Hanley and McNeil, Radiology 143 (1982); sklearn roc_auc_score, ovr macro",
    .options = NIB_OPTION_TABLE_EMPTY,
    .maximize = true,
    .kinds = 1u << NIB_TARGET_CLASS | 1u << NIB_TARGET_REAL,
    .count = nib_metric_count_classes,
    .evaluate = evaluate,
};
