/* Binary cross-entropy from logits, the mean over the columns of
 *
 *   l(x, z) = max(x, 0) - x z + log(1 + exp(-|x|)),   dl/dx = sigmoid(x) - z
 *
 * which stays finite for any finite x. Forward keeps dl/dx / width. */
#include "core/row_block.h"
#include "core/row_loss.h"
#include "core/vector_math.h"

static nib_status infer(const void *options, const nib_shape *x, int inputs, nib_op_plan *plan,
                        nib_error *err)
{
    (void)options;
    (void)inputs;
    plan->saved_row = nib_padded(nib_shape_row(&x[0]));
    return nib_row_loss_infer_values(x, plan, err);
}

/* One column of 16 rows: adds to sum, and puts the slope in place of x. */
static void column(float *restrict x, const float *restrict z, float *restrict sum, float share)
{
    for (int i = 0; i < NIB_ROW_BLOCK; i++) {
        const float e = nib_expf(-fabsf(x[i])), positive = x[i] > 0.0f ? x[i] : 0.0f;
        const float numerator = x[i] >= 0.0f ? 1.0f : e;
        sum[i] += (positive - x[i] * z[i]) + nib_log1pf(e);
        x[i] = (numerator / (1.0f + e) - z[i]) * share;
    }
}

static void forward(const nib_call *call)
{
    const nib_tensor *x = &call->x[0], *z = &call->x[1], *y = &call->y;
    const int64_t width = x->row_size, stride = nib_padded(width);
    const float share = 1.0f / (float)width;
    for (int64_t first = 0; first < call->rows; first += NIB_ROW_BLOCK) {
        const int64_t n = nib_row_block_size(call->rows, first);
        float *saved = call->saved ? call->saved + first * stride : NULL;
        float sum[NIB_ROW_BLOCK] = {0}, logit[NIB_ROW_BLOCK], target[NIB_ROW_BLOCK];
        for (int64_t c = 0; c < width; c++) {
            nib_row_block_load(logit, x, first, n, c);
            nib_row_block_load(target, z, first, n, c);
            column(logit, target, sum, share);
            if (saved)
                nib_row_block_store(logit, saved + c, stride, n);
        }
        for (int64_t i = 0; saved && i < n; i++)
            for (int64_t c = width; c < stride; c++)
                saved[i * stride + c] = 0.0f;
        for (int64_t i = 0; i < n; i++)
            nib_row_loss_put(y, first + i, sum[i] / (float)width);
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
     .input = {{NIB_RATE_TILE, 0, 1, NIB_FILL_NORMAL, 0}, {NIB_RATE_TILE, 0, 1, NIB_FILL_BINARY, 0}}},
    {.name = "seventeen outputs",
     .options = "",
     .inputs = 2,
     .input = {{NIB_RATE_TILE, 0, 17, NIB_FILL_NORMAL, 0}, {NIB_RATE_TILE, 0, 17, NIB_FILL_BINARY, 0}}},
};

const nib_op NIB_ISA_NAME(nib_op_binary_crossentropy) = {
    .name = "binary_crossentropy",
    .help = "cross-entropy of sigmoid(logits) and 0/1 targets, mean over the outputs",
    .source = "Keras BinaryCrossentropy(from_logits=True)",
    .options = NIB_OPTION_TABLE_EMPTY,
    .min_inputs = 2,
    .max_inputs = 2,
    .no_gradient = 2u,
    .infer = infer,
    .forward = forward,
    .backward = backward,
    .cases = cases,
    .n_cases = 2,
};
