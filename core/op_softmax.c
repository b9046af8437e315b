#include "core/op.h"
#include "core/vector_math.h"

/* y_c = e^(x_c - max x) / sum;  dx_c = y_c (dy_c - sum_k dy_k y_k). A row at a time; losses do this on logits
 * themselves, so this op is for nets with a softmax inside. */

static void forward(const nib_call *call)
{
    const int64_t width = call->y.row_size;
    for (int64_t r = 0; r < call->y.dim[0]; ++r) {
        const float *x = call->x[0].data + r * call->x[0].stride;
        float *y = call->y.data + r * call->y.stride;
        float top = x[0], sum = 0.0f;
        for (int64_t c = 1; c < width; ++c)
            top = x[c] > top ? x[c] : top;
        NIB_INDEPENDENT
        for (int64_t c = 0; c < width; ++c)
            y[c] = nib_expf(x[c] - top);
        for (int64_t c = 0; c < width; ++c)
            sum += y[c];
        NIB_INDEPENDENT
        for (int64_t c = 0; c < width; ++c)
            y[c] /= sum;
    }
}

static void backward(const nib_call *call)
{
    const int64_t width = call->y.row_size;
    for (int64_t r = 0; r < call->y.dim[0]; ++r) {
        const float *y = call->y.data + r * call->y.stride;
        const float *dy = call->dy.data + r * call->dy.stride;
        float *dx = call->dx[0].data + r * call->dx[0].stride;
        float dot = 0.0f;
        for (int64_t c = 0; c < width; ++c)
            dot += dy[c] * y[c];
        if (call->accumulate[0]) {
            NIB_INDEPENDENT
            for (int64_t c = 0; c < width; ++c)
                dx[c] += y[c] * (dy[c] - dot);
        } else {
            NIB_INDEPENDENT
            for (int64_t c = 0; c < width; ++c)
                dx[c] = y[c] * (dy[c] - dot);
        }
    }
}

static nib_status infer(const void *options, const nib_shape *x, int inputs, nib_op_plan *plan,
                        nib_error *err)
{
    if (x[0].rank != 1)
        return nib_fail(err, NIB_ERR_SHAPE, "a softmax is taken over the one dimension of a row");
    return nib_op_infer_same(options, x, inputs, plan, err);
}

static const nib_op_case cases[] = {
    {.name = "five classes", .inputs = 1, .input = {{.rate = NIB_RATE_TILE, .cols = 5}}},
    {.name = "wider than a vector", .inputs = 1, .input = {{.rate = NIB_RATE_TILE, .cols = 21}}},
};

const nib_op NIB_ISA_NAME(nib_op_softmax) = {
    .name = "softmax",
    .help = "exp(x) / sum of exp(x) over the columns of a row",
    .source = "definition",
    .options = NIB_OPTION_TABLE_EMPTY,
    .min_inputs = 1,
    .max_inputs = 1,
    .flags = NIB_OP_READS_Y | NIB_OP_IN_PLACE,
    .infer = infer,
    .forward = forward,
    .backward = backward,
    .cases = cases,
    .n_cases = (int)(sizeof cases / sizeof cases[0]),
};
