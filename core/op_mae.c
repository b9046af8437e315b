/* Mean absolute error: the mean over the columns of |x - z|. Forward keeps sign(x - z) / width. */
#include <math.h>

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
    const float share = 1.0f / (float)width;
    for (int64_t r = 0; r < call->rows; r++) {
        const float *a = x->data + r * x->stride, *b = z->data + r * z->stride;
        float sum = 0.0f;
        for (int64_t c = 0; c < width; c++)
            sum += fabsf(a[c] - b[c]);
        nib_row_loss_put(y, r, sum / (float)width);
        if (call->saved)
            for (int64_t c = 0; c < stride; c++) {
                const float d = c < width ? a[c] - b[c] : 0.0f;
                call->saved[r * stride + c] = d > 0.0f ? share : (d < 0.0f ? -share : 0.0f);
            }
    }
}

static void backward(const nib_call *call)
{
    nib_row_loss_backward(call, call->saved);
}

/* The targets are 0 in these cases, so that every difference is away from the kink. */
static const nib_op_case cases[] = {
    {.name = "one output",
     .options = "",
     .inputs = 2,
     .input = {{NIB_RATE_TILE, 0, 1, NIB_FILL_NORMAL, 0}, {NIB_RATE_TILE, 0, 1, NIB_FILL_LABEL, 1}}},
    {.name = "eighteen outputs",
     .options = "",
     .inputs = 2,
     .input = {{NIB_RATE_TILE, 0, 18, NIB_FILL_NORMAL, 0}, {NIB_RATE_TILE, 0, 18, NIB_FILL_LABEL, 1}}},
};

const nib_op NIB_ISA_NAME(nib_op_mae) = {
    .name = "mae",
    .help = "absolute error, mean over the outputs",
    .source = "Keras MeanAbsoluteError",
    .options = NIB_OPTION_TABLE_EMPTY,
    .min_inputs = 2,
    .max_inputs = 2,
    .infer = infer,
    .forward = forward,
    .backward = backward,
    .cases = cases,
    .n_cases = 2,
};
