/** Metrics of whole prediction arrays, in double. Each is one .c file listed in train/metrics.def. */
#ifndef NIB_TRAIN_METRIC_H
#define NIB_TRAIN_METRIC_H

#include <stdbool.h>

#include "core/options.h"
#include "datasets/dataset.h"

/** What a metric sees of one target. */
typedef struct nib_metric_data {
    int64_t rows;
    int64_t width;           /**< columns of `logits` and `prediction` */
    const float *logits;     /**< [rows, width] what the output layer gives */
    const float *prediction; /**< [rows, width] after the loss's link: softmax, sigmoid or identity */
    const nib_data_target *target;
    const float *weight; /**< [rows] or NULL */
} nib_metric_data;

/** One number: column `<metric>` when suffix is "", else `<metric>_<suffix>` (a class name). */
typedef struct nib_metric_value {
    const char *suffix;
    double value;
} nib_metric_value;

typedef struct nib_metric {
    const char *name, *help, *source;
    nib_option_table options;
    bool maximize;  /**< larger is better: the direction of early stopping and plateau */
    unsigned kinds; /**< 1u << NIB_TARGET_CLASS | 1u << NIB_TARGET_REAL */
    /** How many numbers it gives for this target, >= 1. The first is the one to monitor. */
    int (*count)(const void *options, const nib_data_target *target);
    /** Fill values [count] (suffix strings live in the arena). */
    nib_status (*evaluate)(nib_arena *arena, const void *options, const nib_metric_data *data,
                           nib_metric_value *values, nib_error *err);
} nib_metric;

extern const nib_metric *const nib_metrics[];
extern const int nib_metrics_count;
const nib_metric *nib_metric_find(const char *name);

/** Confusion matrix [width x width], row = truth, column = prediction, weighted counts. */
void nib_confusion_matrix(const nib_metric_data *data, double *matrix);

/** Points of one class's ROC curve against the rest, by falling threshold, ends included; ties are one point.
 *  @param efficiency, background  arrays in the arena: true and false positive rates */
NIB_MUST_USE nib_status nib_roc_curve(nib_arena *arena, const nib_metric_data *data, int64_t class_index,
                                      int64_t *points, double **efficiency, double **background,
                                      nib_error *err);

#endif
