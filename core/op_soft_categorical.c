/* Distillation of classes: how far softmax(x / T) is from that of the teacher's logits z,
 *
 *   y = T^2 sum_c q_c (log q_c - log p_c),   p = softmax(x / T), q = softmax(z / T)
 *   dx_c = dy T (p_c - q_c)
 *
 * The factor T^2 keeps the gradient's size when T changes. Forward keeps T (p - q). */
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

/* Largest of a row, and log sum_c exp((x_c - max) / T). */
static void normalise(const float *x, int64_t width, float inverse, float *max, float *log_sum)
{
    float most = x[0], sum = 0.0f;
    for (int64_t c = 1; c < width; c++)
        most = x[c] > most ? x[c] : most;
    for (int64_t c = 0; c < width; c++)
        sum += nib_expf((x[c] - most) * inverse);
    *max = most;
    *log_sum = nib_logf(sum);
}

static void forward(const nib_call *call)
{
    const nib_soft_loss_options *o = call->options;
    const nib_tensor *x = &call->x[0], *z = &call->x[1];
    const int64_t width = x->row_size, stride = nib_padded(width);
    const float temperature = (float)o->temperature, inverse = (float)(1 / o->temperature);
    for (int64_t r = 0; r < call->rows; r++) {
        const float *a = x->data + r * x->stride, *b = z->data + r * z->stride;
        float *saved = call->saved ? call->saved + r * stride : NULL;
        float max_a, max_b, log_a, log_b, sum = 0.0f;
        normalise(a, width, inverse, &max_a, &log_a);
        normalise(b, width, inverse, &max_b, &log_b);
        for (int64_t c = 0; c < width; c++) {
            const float log_p = (a[c] - max_a) * inverse - log_a, log_q = (b[c] - max_b) * inverse - log_b;
            const float q = nib_expf(log_q);
            /* Of a class that the teacher rules out nothing is left, however sure the other is. */
            sum += q > 0.0f ? q * (log_q - log_p) : 0.0f;
            if (saved)
                saved[c] = temperature * (nib_expf(log_p) - q);
        }
        for (int64_t c = width; saved && c < stride; c++)
            saved[c] = 0.0f;
        nib_row_loss_put(&call->y, r, temperature * temperature * sum);
    }
}

static void backward(const nib_call *call)
{
    nib_row_loss_backward(call, call->saved);
}

static const nib_op_case cases[] = {
    {.name = "five classes",
     .options = "",
     .inputs = 2,
     .input = {{NIB_RATE_TILE, 0, 5, NIB_FILL_NORMAL, 0}, {NIB_RATE_TILE, 0, 5, NIB_FILL_NORMAL, 0}}},
    {.name = "two classes, as they are",
     .options = "{temperature: 1}",
     .inputs = 2,
     .input = {{NIB_RATE_TILE, 0, 2, NIB_FILL_NORMAL, 0}, {NIB_RATE_TILE, 0, 2, NIB_FILL_NORMAL, 0}}},
    {.name = "wider than a lane",
     .options = "{temperature: 4}",
     .inputs = 2,
     .input = {{NIB_RATE_TILE, 0, 19, NIB_FILL_NORMAL, 0}, {NIB_RATE_TILE, 0, 19, NIB_FILL_NORMAL, 0}}},
};

const nib_op NIB_ISA_NAME(nib_op_soft_categorical) = {
    .name = "soft_categorical",
    .help = "divergence of softmax(logits / T) from that of a teacher's logits, times T^2",
    .source = "Hinton, Vinyals and Dean, arXiv:1503.02531",
    .options = NIB_OPTION_TABLE(nib_soft_loss_options, rows),
    .min_inputs = 2,
    .max_inputs = 2,
    .no_gradient = 2u,
    .infer = infer,
    .forward = forward,
    .backward = backward,
    .cases = cases,
    .n_cases = 3,
};
