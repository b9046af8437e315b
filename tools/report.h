/** What `train` and `eval` print and write at the end: the table of scores, the confusion matrix,
 * summary.json. */
#ifndef NIB_TOOLS_REPORT_H
#define NIB_TOOLS_REPORT_H

#include <cjson/cJSON.h>

#include "train/evaluate.h"

/** Scores of up to two parts side by side ("validation", "test"), as text in the arena.
 *  @param evaluator  [parts], run; @param title  [parts] */
const char *nib_report_scores(nib_arena *arena, int parts, const nib_evaluator *const *evaluator,
                              const char *const *title);

/** Confusion matrix of output `output`: rows truth, columns prediction, per cent of the row. Text in the
 * arena, or NULL when the target has no classes (or more than 20). */
const char *nib_report_confusion(nib_arena *arena, const nib_model *model, const nib_evaluator *evaluator,
                                 int output);

/** {"rows": n, "loss": ..., "accuracy": ..., "confusion": {"y": {"classes": [...], "matrix": [[...]]}}} or
 * NULL when out of memory. Numbers that are not finite become null. */
cJSON *nib_report_json(const nib_model *model, const nib_evaluator *evaluator);

/** Add "parameters" and "nonzero" to a summary: trained numbers, and those of them that are not 0. */
void nib_report_parameters(cJSON *summary, const nib_model *model);

#endif
