/* Distillation of independent yes-or-no outputs, the mean over the columns of
 *
 *   T^2 (q log(q / p) + (1 - q) log((1 - q) / (1 - p))),   p = sigmoid(x / T), q = sigmoid(z / T)
 *
 * with the teacher's logits z; d/dx = T (p - q) / width. Forward keeps that. */
#include "core/row_loss.h"
#include "core/soft_loss.h"
#include "core/vector_math.h"

static const nib_option rows[] = {NIB_SOFT_LOSS_ROW};

static nib_status infer(const void *options, const nib_shape *x, int inputs, nib_op_plan *plan,
                        nib_error *err)
{
    (void)options;
    (void)inputs;
    plan->saved_row = nib_padded(nib_shape_row(&x[0]));
    return nib_row_loss_infer_values(x, plan, err);
}

/* log sigmoid(x), finite for any finite x. */
static float log_sigmoid(float x)
{
    return (x < 0.0f ? x : 0.0f) - nib_log1pf(nib_expf(-fabsf(x)));
}

static void forward(const nib_call *call)
{
    const nib_soft_loss_options *o = call->options;
    const nib_tensor *x = &call->x[0], *z = &call->x[1];
    const int64_t width = x->row_size, stride = nib_padded(width);
    const float temperature = (float)o->temperature, inverse = (float)(1 / o->temperature);
    const float share = temperature / (float)width;
    for (int64_t r = 0; r < call->rows; r++) {
        const float *a = x->data + r * x->stride, *b = z->data + r * z->stride;
        float *saved = call->saved ? call->saved + r * stride : NULL;
        float sum = 0.0f;
        for (int64_t c = 0; c < width; c++) {
            const float u = a[c] * inverse, v = b[c] * inverse, q = nib_expf(log_sigmoid(v)),
                        rest = nib_expf(log_sigmoid(-v));
            sum += q * (log_sigmoid(v) - log_sigmoid(u)) + rest * (log_sigmoid(-v) - log_sigmoid(-u));
            if (saved)
                saved[c] = share * (nib_expf(log_sigmoid(u)) - q);
        }
        for (int64_t c = width; saved && c < stride; c++)
            saved[c] = 0.0f;
        nib_row_loss_put(&call->y, r, temperature * share * sum);
    }
}

static void backward(const nib_call *call)
{
    nib_row_loss_backward(call, call->saved);
}

static const nib_op_case cases[] = {
    {.name = "one output",
     .options = "{temperature: 1}",
     .inputs = 2,
     .input = {{NIB_RATE_TILE, 0, 1, NIB_FILL_NORMAL, 0}, {NIB_RATE_TILE, 0, 1, NIB_FILL_NORMAL, 0}}},
    {.name = "seventeen outputs",
     .options = "{temperature: 3}",
     .inputs = 2,
     .input = {{NIB_RATE_TILE, 0, 17, NIB_FILL_NORMAL, 0}, {NIB_RATE_TILE, 0, 17, NIB_FILL_NORMAL, 0}}},
};

const nib_op NIB_ISA_NAME(nib_op_soft_binary) = {
    .name = "soft_binary",
    .help = "divergence of sigmoid(logits / T) from that of a teacher's logits, times T^2, mean over outputs",
    .source = "Hinton, Vinyals and Dean, arXiv:1503.02531",
    .options = NIB_OPTION_TABLE(nib_soft_loss_options, rows),
    .min_inputs = 2,
    .max_inputs = 2,
    .no_gradient = 2u,
    .infer = infer,
    .forward = forward,
    .backward = backward,
    .cases = cases,
    .n_cases = 2,
};
