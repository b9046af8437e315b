/** Criteria: which weights of a layer go first. Each is one .c file ending in one `const
 * nib_prune_criterion`, listed in prune/criteria.def.
 *
 *  A criterion divides a kernel into units that are kept or pruned as a whole (a weight, a column, a block),
 * gives each a score, and the units with the largest scores are kept. What is pruned stays pruned: a unit
 * without a kept weight is never chosen again.
 *
 *  Where `compatible: tfmot` differs (TFMOT 0.8.1), and why the default does:
 *
 *  - Ties. TFMOT keeps every weight that equals the threshold, so that layers of few distinct values (after
 *    quantization) stay denser than asked for, and all of a layer whose threshold is 0. By default the lower
 *    index is kept and the count is exact; `ties: keep` is theirs.
 *  - Count: see prune/schedule.h.
 *  - Blocks. TFMOT pools with SAME padding, which shifts the pooled windows by half the padding against the
 *    blocks that are then masked, where a side is no multiple of the block. By default a block's score is
 * that of its own weights.
 *  - N:M. TFMOT makes the mask once, before step 1, whatever the schedule. By default the schedule holds:
 *    zeros per group grow with it.
 *  - Pruned weights. TFMOT masks neither gradients nor moments, so pruned weights take a step between two
 *    forward passes and may come back at the next update (and stay slightly off zero after the last). nibble
 *    never does that, in compatible mode neither: its masks are those of TFMOT for the same weights.
 */
#ifndef NIB_PRUNE_CRITERION_H
#define NIB_PRUNE_CRITERION_H

#include "core/options.h"

/** One kernel that can be pruned. */
typedef struct nib_prune_tensor {
    const char *name;   /**< "fc1/kernel": names the stream of random numbers */
    int64_t rows, cols; /**< inputs, outputs */
    int64_t stride;     /**< of value, gradient and mask */
    const float *value, *gradient;
    float *mask;   /**< 0 or 1 per weight; padding is not touched */
    double cost;   /**< of one weight: scores are divided by it; 1: all alike. Matters in the global scope */
    uint64_t seed; /**< of the run */
} nib_prune_tensor;

/** How masks are made. */
typedef struct nib_prune_rule {
    bool tfmot;
    bool keep_ties;
} nib_prune_rule;

typedef struct nib_prune_criterion {
    const char *name, *help, *source;
    nib_option_table options;
    bool reads_gradient; /**< the masks of a step are made after its backward pass */
    bool whole_columns;  /**< a pruned unit is an output: what belongs to it (bias, batch norm) goes too */
    bool once_in_tfmot;  /**< compatible mode makes masks before step 1 only */
    int64_t (*units)(const void *options, const nib_prune_tensor *tensor);
    /** Scores [units], none below 0. */
    void (*score)(const void *options, const nib_prune_tensor *tensor, const nib_prune_rule *rule,
                  float *score);
    /** The unit of a weight; NULL: every weight is one, row by row. */
    int64_t (*unit_of)(const void *options, const nib_prune_tensor *tensor, int64_t row, int64_t col);
    /** Choose units in another way than the largest of all. `score` is -1 where a unit is pruned already.
     *  @param order  [units] scratch */
    void (*choose)(const void *options, const nib_prune_tensor *tensor, const nib_prune_rule *rule,
                   double sparsity, const float *score, int32_t *order, uint8_t *keep);
    /** What is wrong with the options at this final sparsity, or NULL. */
    const char *(*wrong)(const void *options, double sparsity, char *text);
} nib_prune_criterion;

extern const nib_prune_criterion *const nib_prune_criteria[];
extern const int nib_prune_criteria_count;
const nib_prune_criterion *nib_prune_criterion_find(const char *name);

/* For criteria. */

/** Units that are single weights: unit row x cols + col. */
int64_t nib_prune_weights(const void *options, const nib_prune_tensor *tensor);

#endif
