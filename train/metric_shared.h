/** What several metrics share. */
#ifndef NIB_TRAIN_METRIC_SHARED_H
#define NIB_TRAIN_METRIC_SHARED_H

#include "train/metric.h"

/** Mean over the rows of `value`, weighted by sample. NaN where the weights sum to 0. */
double nib_metric_mean(const nib_metric_data *data, const void *options,
                       double (*value)(const void *options, const nib_metric_data *data, int64_t row));

/** count of metrics with one number. */
int nib_metric_count_one(const void *options, const nib_data_target *target);

/** count of metrics with one number for two classes (or one real column), else one over all and one per
 * class. */
int nib_metric_count_classes(const void *options, const nib_data_target *target);

/** Fill values for nib_metric_count_classes from one number per class; `overall` makes the first of them. */
NIB_MUST_USE nib_status nib_metric_fill_classes(nib_arena *arena, const nib_metric_data *data,
                                                double (*overall)(const double *each, int64_t n),
                                                const double *each, nib_metric_value *values, nib_error *err);

/** The class that signal is where there is one number: 1 of two classes, 0 of one real column. */
int64_t nib_metric_signal_class(const nib_data_target *target);

/** First largest column of a row of logits (of predictions where there are no logits). */
int64_t nib_metric_argmax(const nib_metric_data *data, int64_t row);

/** Rows of one class against the rest, by falling score. */
typedef struct nib_roc nib_roc;

/** Scratch for all classes of `data`, in `arena`. */
NIB_MUST_USE nib_status nib_roc_create(nib_arena *arena, const nib_metric_data *data, nib_roc **roc,
                                       nib_error *err);

/** Sort by the predictions of a class. False when one of them is not finite: there is no order. */
bool nib_roc_sort(nib_roc *roc, int64_t class_index);

/** All rows of the class (`positive`) and of the rest, in weights. `negative_rows`: those with weight > 0. */
void nib_roc_totals(const nib_roc *roc, double *positive, double *negative, int64_t *negative_rows);

/** Weights of the next group of rows with equal scores; `*at` starts at 0. False after the last. */
bool nib_roc_next(const nib_roc *roc, int64_t *at, double *positive, double *negative);

#endif
