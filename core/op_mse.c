/* Mean squared error: the mean over the columns of (x - z)^2. Forward keeps 2 (x - z) / width. */
#include "core/row_loss.h"

static nib_status infer(const void *options, const nib_shape *x, int inputs, nib_op_plan *plan,
                        nib_error *err)
{
    (void)options;
    (void)inputs;
    plan->saved_row = nib_padded(nib_shape_row(&x[0]));
    return nib_row_loss_infer_values(x, plan, err);
}

static void forward(const nib_call *call)
{
    const nib_tensor *x = &call->x[0], *z = &call->x[1], *y = &call->y;
    const int64_t width = x->row_size, stride = nib_padded(width);
    const float share = 2.0f / (float)width;
    for (int64_t r = 0; r < call->rows; r++) {
        const float *a = x->data + r * x->stride, *b = z->data + r * z->stride;
        float sum = 0.0f;
        for (int64_t c = 0; c < width; c++)
            sum += (a[c] - b[c]) * (a[c] - b[c]);
        nib_row_loss_put(y, r, sum / (float)width);
        if (call->saved)
            for (int64_t c = 0; c < stride; c++)
                call->saved[r * stride + c] = c < width ? (a[c] - b[c]) * share : 0.0f;
    }
}

static void backward(const nib_call *call)
{
    nib_row_loss_backward(call, call->saved);
}

static const nib_op_case cases[] = {
    {.name = "one output",
     .options = "",
     .inputs = 2,
     .input = {{NIB_RATE_TILE, 0, 1, NIB_FILL_NORMAL, 0}, {NIB_RATE_TILE, 0, 1, NIB_FILL_NORMAL, 0}}},
    {.name = "eighteen outputs",
     .options = "",
     .inputs = 2,
     .input = {{NIB_RATE_TILE, 0, 18, NIB_FILL_NORMAL, 0}, {NIB_RATE_TILE, 0, 18, NIB_FILL_NORMAL, 0}}},
};

const nib_op NIB_ISA_NAME(nib_op_mse) = {
    .name = "mse",
    .help = "squared error, mean over the outputs",
    .source = "Keras MeanSquaredError",
    .options = NIB_OPTION_TABLE_EMPTY,
    .min_inputs = 2,
    .max_inputs = 2,
    .infer = infer,
    .forward = forward,
    .backward = backward,
    .cases = cases,
    .n_cases = 2,
};
