/** Losses of a target: a config name, the op that computes it per row, the link that turns logits into
 * predictions. One row per loss in train/losses.def; the ops are in core (core/op_categorical_crossentropy.c,
 * ...). */
#ifndef NIB_TRAIN_LOSS_H
#define NIB_TRAIN_LOSS_H

#include "core/op.h"
#include "datasets/dataset.h"

typedef enum nib_link { NIB_LINK_IDENTITY, NIB_LINK_SIGMOID, NIB_LINK_SOFTMAX } nib_link;

typedef struct nib_loss {
    const char *name, *help, *source;
    const nib_op
        *op; /**< inputs: logits [width], target (label [1] or values [width]); y: loss per row [1] */
    const nib_op *soft; /**< the same against a teacher's logits [width] (nib_soft_loss_options, or none) */
    const nib_op *hits; /**< running accuracy: 1 per row that is right, or NULL */
    const char *hits_name; /**< "accuracy" */
    nib_target_kind kind;
    nib_link link;
} nib_loss;

extern const nib_loss *const nib_losses[];
extern const int nib_losses_count;
const nib_loss *nib_loss_find(const char *name);

/** prediction = link(logits), both dense [rows, width], in double inside; may be the same array. */
void nib_link_apply(nib_link link, int64_t rows, int64_t width, const float *logits, float *prediction);

#endif
