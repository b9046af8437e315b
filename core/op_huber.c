/* Huber loss: the mean over the columns of d^2 / 2 where |d| <= delta, else delta |d| - delta^2 / 2, with
 * d = x - z. Forward keeps clamp(d, -delta, delta) / width. */
#include <math.h>

#include "core/op_options.h"
#include "core/row_loss.h"

static const nib_option rows[] = {
    NIB_ROW(nib_huber_options, delta, NIB_OPTION_FLOAT, "1", 1e-6, 1e6, NULL, "",
            "difference where the loss turns from quadratic to linear"),
};

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
    const nib_huber_options *o = call->options;
    const nib_tensor *x = &call->x[0], *z = &call->x[1], *y = &call->y;
    const int64_t width = x->row_size, stride = nib_padded(width);
    const float delta = (float)o->delta, share = 1.0f / (float)width;
    for (int64_t r = 0; r < call->rows; r++) {
        const float *a = x->data + r * x->stride, *b = z->data + r * z->stride;
        float sum = 0.0f;
        for (int64_t c = 0; c < width; c++) {
            const float d = fabsf(a[c] - b[c]);
            sum += d <= delta ? 0.5f * (d * d) : delta * d - 0.5f * (delta * delta);
        }
        nib_row_loss_put(y, r, sum / (float)width);
        if (call->saved)
            for (int64_t c = 0; c < stride; c++) {
                const float d = c < width ? a[c] - b[c] : 0.0f;
                call->saved[r * stride + c] = (d < -delta ? -delta : (d > delta ? delta : d)) * share;
            }
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
    {.name = "eighteen outputs, mostly linear",
     .options = "{delta: 0.25}",
     .inputs = 2,
     .input = {{NIB_RATE_TILE, 0, 18, NIB_FILL_NORMAL, 0}, {NIB_RATE_TILE, 0, 18, NIB_FILL_NORMAL, 0}}},
};

const nib_op NIB_ISA_NAME(nib_op_huber) = {
    .name = "huber",
    .help = "squared error near 0, absolute error beyond delta, mean over the outputs",
    .source = "Huber, Ann. Math. Statist. 35 (1964); Keras Huber",
    .options = NIB_OPTION_TABLE(nib_huber_options, rows),
    .min_inputs = 2,
    .max_inputs = 2,
    .infer = infer,
    .forward = forward,
    .backward = backward,
    .cases = cases,
    .n_cases = 2,
};
