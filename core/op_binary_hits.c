/* Share of a row's outputs on the right side of probability 0.5 (logit 0): running accuracy of 0/1 targets.
 */
#include "core/row_loss.h"

static nib_status infer(const void *options, const nib_shape *x, int inputs, nib_op_plan *plan,
                        nib_error *err)
{
    (void)options;
    (void)inputs;
    return nib_row_loss_infer_values(x, plan, err);
}

static void forward(const nib_call *call)
{
    const nib_tensor *x = &call->x[0], *z = &call->x[1], *y = &call->y;
    for (int64_t r = 0; r < call->rows; r++) {
        const float *a = x->data + r * x->stride, *b = z->data + r * z->stride;
        float right = 0.0f;
        for (int64_t c = 0; c < x->row_size; c++)
            right += (a[c] > 0.0f) == (b[c] > 0.5f) ? 1.0f : 0.0f;
        nib_row_loss_put(y, r, right / (float)x->row_size);
    }
}

static const nib_op_case cases[] = {
    {.name = "three outputs",
     .options = "",
     .inputs = 2,
     .input = {{NIB_RATE_TILE, 0, 3, NIB_FILL_NORMAL, 0}, {NIB_RATE_TILE, 0, 3, NIB_FILL_BINARY, 0}}},
};

const nib_op NIB_ISA_NAME(nib_op_binary_hits) = {
    .name = "binary_hits",
    .help = "share of a row's logits on the target's side of 0",
    .source = "Keras BinaryAccuracy",
    .options = NIB_OPTION_TABLE_EMPTY,
    .min_inputs = 2,
    .max_inputs = 2,
    .no_gradient = 3u,
    .infer = infer,
    .forward = forward,
    .cases = cases,
    .n_cases = 1,
};
