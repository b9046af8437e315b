/** What the loss ops share: shape checks, and losses that are a mean over the columns of a function of
 * prediction - target. */
#ifndef NIB_CORE_ROW_LOSS_H
#define NIB_CORE_ROW_LOSS_H

#include "core/op.h"

/** Shapes: x[0] logits [width], x[1] a class index per row [1]; y [1]. */
NIB_MUST_USE nib_status nib_row_loss_infer_label(const nib_shape *x, nib_op_plan *plan, nib_error *err);

/** Shapes: x[0] prediction [width], x[1] target [width]; y [1]. */
NIB_MUST_USE nib_status nib_row_loss_infer_values(const nib_shape *x, nib_op_plan *plan, nib_error *err);

/** The loss of one row into y, zeros into its padding. */
static inline void nib_row_loss_put(const nib_tensor *y, int64_t row, float loss)
{
    float *to = y->data + row * y->stride; /* padded, or by itself (NIB_OP_COLUMNS) */
    for (int64_t c = 0; c < y->stride; c++)
        to[c] = c == 0 ? loss : 0.0f;
}

/** Hand on d(loss)/d(prediction): dx[0] (+)= dy * slope, dx[1] (-)= dy * slope, where wanted.
 *  @param slope  [rows x stride] derivative of a row's loss by each column's prediction, stride =
 *                nib_padded(width), padding zero; call->saved of the ops in question */
static inline void nib_row_loss_backward(const nib_call *call, const float *slope)
{
    for (int i = 0; i < 2; i++) {
        const nib_tensor *dx = &call->dx[i];
        if (!dx->data)
            continue;
        for (int64_t r = 0; r < call->rows; r++) {
            float *restrict to = dx->data + r * dx->stride;
            const float *restrict from = slope + r * dx->stride;
            const float dy = call->dy.data[r * call->dy.stride] * (i == 0 ? 1.0f : -1.0f);
            if (call->accumulate[i])
                for (int64_t c = 0; c < dx->stride; c++)
                    to[c] += dy * from[c];
            else
                for (int64_t c = 0; c < dx->stride; c++)
                    to[c] = dy * from[c];
        }
    }
}

#endif
