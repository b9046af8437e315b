/** What happens to the quantizers of a model between its making and its first run: `auto` integer bits are
 * settled, every tensor is checked, and what was decided is shown.
 */
#ifndef NIB_TRAIN_QUANT_PREPARE_H
#define NIB_TRAIN_QUANT_PREPARE_H

#include "core/log.h"
#include "core/team.h"
#include "quant/calibrate.h"
#include "train/model.h"

/** How `auto` is settled. Weights and biases are looked at as they are, data by running the float network on
 * rows that are spread evenly over the set. */
typedef struct nib_quant_settle_job {
    nib_config *config;
    nib_model *model;        /**< with the weights to start from */
    const nib_dataset *data; /**< the training part */
    nib_team *team;
    nib_calibration weight, data_tensor; /**< methods; a bias takes minmax */
    int bias_headroom;                   /**< integer bits that biases get beyond what they need now */
    int64_t rows;                        /**< most rows to run; 0: 65536 */
} nib_quant_settle_job;

/** Least squares for weights and data, and one bit for biases to grow into: for training. */
nib_quant_settle_job nib_quant_settle_defaults(nib_config *config, nib_model *model, const nib_dataset *data,
                                               nib_team *team);

/** Settle every type with `auto`: in the model's quantizers, in the config and in its resolved tree; and set
 * the first values of scales that quantizers learn (nib_quantizer.init_scales), where they are still 0.
 * Nothing happens where there is none. Errors: NIB_ERR_MEMORY and what building the float network says. */
NIB_MUST_USE nib_status nib_quant_settle(const nib_quant_settle_job *job, nib_error *err);

/** What the quantizer does to the present weights of a tensor. */
typedef struct nib_quant_share {
    int64_t count;         /**< weights that are not pruned */
    int64_t zero, clipped; /**< of them: become 0; lie beyond the range */
    bool has_range;        /**< the quantizer has a range that could clip */
} nib_quant_share;

/** Of a kernel or a bias with a quantizer. Errors: NIB_ERR_MEMORY. */
NIB_MUST_USE nib_status nib_quant_share_of(const nib_model *model, const nib_model_tensor *tensor,
                                           nib_quant_share *share, nib_error *err);

/** Check the model's tensors, settled, and warn through the log.
 *  Errors (NIB_ERR_CONFIG): a tensor without a type reaches a multiplication and quant.allow_float is off; a
 *  layer begins with over 99 % of its weights quantized to zero and quant.allow_dead is off; the input of a
 *  table (tanh, sigmoid) has over 12 bits. */
NIB_MUST_USE nib_status nib_quant_check(const nib_model *model, const nib_config *config, const nib_log *log,
                                        nib_error *err);

/** A table of all tensors: quantizer, share of zeros and of clipped values of weights. In the arena; "" for a
 * model without quantization or when out of memory. */
const char *nib_quant_table(const nib_model *model, const nib_config *config, nib_arena *arena);

#endif
