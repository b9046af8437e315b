/** Evaluation of a model on a dataset: forward in chunks, losses, predictions, metrics. */
#ifndef NIB_TRAIN_EVALUATE_H
#define NIB_TRAIN_EVALUATE_H

#include "core/exec.h"
#include "train/model.h"

/** One number. Names: "loss", "accuracy", "auc_g"; with several targets "<target>_loss", "<target>_accuracy".
 */
typedef struct nib_score {
    const char *name;
    double value;
    bool maximize; /**< larger is better */
    bool headline; /**< the one number to show of its metric: not the per-class ones */
} nib_score;

typedef struct nib_evaluator nib_evaluator;

/** @param model, data, team  must outlive the evaluator. Buffers for all rows' outputs are allocated here.
 *  @param with_targets  false: predictions only (the data need no targets; scores are empty) */
NIB_MUST_USE nib_status nib_evaluator_create(nib_evaluator **evaluator, const nib_model *model,
                                             const nib_dataset *data, bool with_targets, nib_team *team,
                                             nib_error *err);
void nib_evaluator_destroy(nib_evaluator *evaluator);

/** Run with the model's present weights. Scores, logits and predictions stay valid until the next run.
 *  Errors: NIB_ERR_MEMORY, and what a metric refuses. */
NIB_MUST_USE nib_status nib_evaluator_run(nib_evaluator *evaluator, nib_error *err);

/** Scores of the last run in a fixed order: loss, then by target its loss (several targets) and its metrics.
 */
int nib_evaluator_scores(const nib_evaluator *evaluator, const nib_score **scores);

/** Output i of the model as it was last run: [rows, width] logits, and what the link makes of them, with the
 * target. */
nib_metric_data nib_evaluator_output(const nib_evaluator *evaluator, int output);

#endif
