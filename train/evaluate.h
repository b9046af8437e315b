/** Evaluation of a model on a dataset: forward in chunks, losses, predictions, metrics. */
#ifndef NIB_TRAIN_EVALUATE_H
#define NIB_TRAIN_EVALUATE_H

#include "core/exec.h"
#include "core/log.h"
#include "train/lower.h"
#include "train/model.h"

/** One number. Names: "loss", "accuracy", "auc_g"; with several targets "<target>_loss", "<target>_accuracy".
 */
typedef struct nib_score {
    const char *name;
    double value;
    bool maximize; /**< larger is better */
    bool headline; /**< the one number to show of its metric: not the per-class ones */
} nib_score;

/** Evaluation of a quantized model gives what integers give, to the last bit. Before each run the model is
 * lowered; where float cannot hold its numbers, the forward pass is in double (train/double_forward.h); where
 * a double cannot either, or overflow of a given accumulator is emulated, the integer engine itself runs. A
 * model that cannot be lowered (no type, a scale that is no power of two, allow_float) is evaluated in float
 * with its quantizers. */
typedef struct nib_evaluator nib_evaluator;

/** @param model, data, team  must outlive the evaluator. Buffers for all rows' outputs are allocated here.
 *  @param with_targets  false: predictions only (the data need no targets; scores are empty) */
NIB_MUST_USE nib_status nib_evaluator_create(nib_evaluator **evaluator, const nib_model *model,
                                             const nib_dataset *data, bool with_targets, nib_team *team,
                                             nib_error *err);
void nib_evaluator_destroy(nib_evaluator *evaluator);

/** Where a run says, once, that a quantized model is not evaluated by the float executor, or not to the last
 * bit, and why. NULL: nowhere. */
void nib_evaluator_set_log(nib_evaluator *evaluator, const nib_log *log);

/** Run with the model's present weights. Scores, logits and predictions stay valid until the next run.
 *  Errors: NIB_ERR_MEMORY, and what a metric refuses. */
NIB_MUST_USE nib_status nib_evaluator_run(nib_evaluator *evaluator, nib_error *err);

/** From now on run this network by the integer engine, whatever the model's weights are. Its outputs are the
 * model's, by target; a softmax at its end counts as the logits whose softmax it is. NULL: back to the model.
 * @param net  must outlive the evaluator */
void nib_evaluator_emulate(nib_evaluator *evaluator, const nib_fixnet *net);

/** What arithmetic the last run was in.
 *  @param why  one line: the layer that needed more than float, or why the model has no integer form; "" for
 *              an exact float run, and for a model without quantizers. Valid until the next run; may be NULL
 *  @return NIB_EXACT_FLOAT for models that are not quantized, too */
nib_exactness nib_evaluator_exactness(const nib_evaluator *evaluator, const char **why);

/** Scores of the last run in a fixed order: loss, then by target its loss (several targets) and its metrics.
 */
int nib_evaluator_scores(const nib_evaluator *evaluator, const nib_score **scores);

/** Output i of the model as it was last run: [rows, width] logits, and what the link makes of them, with the
 * target. */
nib_metric_data nib_evaluator_output(const nib_evaluator *evaluator, int output);

#endif
