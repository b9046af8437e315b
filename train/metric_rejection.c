/* rejection: 1 / background efficiency at the threshold that keeps the wanted share of the signal, the ROC
 * curve being joined by straight lines. Where fewer background rows than one pass, the number of background
 * rows is the most that the data can show. Over all classes: the geometric mean. */
#include <math.h>

#include "train/metric_shared.h"

typedef struct rejection_options {
    double efficiency;
} rejection_options;

static const nib_option rows[] = {
    NIB_ROW(rejection_options, efficiency, NIB_OPTION_FLOAT, "0.5", 1e-6, 1, NULL, "",
            "share of the signal that is kept"),
};

static double rejection(nib_roc *roc, int64_t class_index, double efficiency)
{
    if (!nib_roc_sort(roc, class_index))
        return (double)NAN;
    double positives, negatives, p, n, tp = 0, fp = 0;
    int64_t negative_rows, at = 0;
    nib_roc_totals(roc, &positives, &negatives, &negative_rows);
    if (!(positives > 0) || !(negatives > 0))
        return (double)NAN;
    const double wanted = efficiency * positives;
    while (nib_roc_next(roc, &at, &p, &n)) {
        if (tp + p >= wanted && p > 0) {
            fp += n * (wanted - tp) / p;
            break;
        }
        tp += p;
        fp += n;
    }
    const double most = (double)negative_rows;
    return fp * most > negatives ? negatives / fp : most;
}

static double geometric_mean(const double *each, int64_t n)
{
    double sum = 0;
    for (int64_t i = 0; i < n; i++)
        sum += log(each[i]);
    return exp(sum / (double)n);
}

static nib_status evaluate(nib_arena *arena, const void *options, const nib_metric_data *data,
                           nib_metric_value *values, nib_error *err)
{
    const rejection_options *o = options;
    nib_roc *roc;
    const int64_t width = data->target->width;
    double *each = NIB_NEW(arena, double, width);
    NIB_TRY(nib_roc_create(arena, data, &roc, err));
    if (!each)
        return nib_fail_memory(err, "rejection");
    const bool single = nib_metric_count_classes(options, data->target) == 1;
    for (int64_t c = single ? nib_metric_signal_class(data->target) : 0; c < width; c++)
        each[c] = rejection(roc, c, o->efficiency);
    return nib_metric_fill_classes(arena, data, geometric_mean, each, values, err);
}

const nib_metric nib_metric_rejection = {
    .name = "rejection",
    .help = "1 / background efficiency at a signal efficiency, each class against the rest",
    .source = "definition (Kasieczka et al., SciPost Phys. 7, 014 (2019), eq. 1)",
    .options = NIB_OPTION_TABLE(rejection_options, rows),
    .maximize = true,
    .kinds = 1u << NIB_TARGET_CLASS | 1u << NIB_TARGET_REAL,
    .count = nib_metric_count_classes,
    .evaluate = evaluate,
};
