#include "core/op.h"
#include "core/vector_math.h"

/* y = 1 / (1 + e^-x);  dx = dy y (1 - y). sigmoid(0) is 1/2, so rows are walked without their padding. */

static void forward(const nib_call *call)
{
    for (int64_t r = 0; r < call->y.dim[0]; ++r) {
        const float *x = call->x[0].data + r * call->x[0].stride;
        float *y = call->y.data + r * call->y.stride;
        NIB_INDEPENDENT
        for (int64_t i = 0; i < call->y.row_size; ++i)
            y[i] = nib_sigmoidf(x[i]);
    }
}

static void backward(const nib_call *call)
{
    const float *y = call->y.data, *dy = call->dy.data;
    float *dx = call->dx[0].data;
    int64_t n = nib_tensor_floats(&call->y);
    if (call->accumulate[0]) {
        NIB_INDEPENDENT
        for (int64_t i = 0; i < n; ++i)
            dx[i] += dy[i] * (y[i] * (1.0f - y[i]));
    } else {
        NIB_INDEPENDENT
        for (int64_t i = 0; i < n; ++i)
            dx[i] = dy[i] * (y[i] * (1.0f - y[i]));
    }
}

static const nib_op_case cases[] = {
    {.name = "tile", .inputs = 1, .input = {{.rate = NIB_RATE_TILE, .cols = 7}}},
    {.name = "one column", .inputs = 1, .input = {{.rate = NIB_RATE_TILE, .cols = 1}}},
};

const nib_op NIB_ISA_NAME(nib_op_sigmoid) = {
    .name = "sigmoid",
    .help = "1 / (1 + exp(-x))",
    .source = "definition",
    .options = NIB_OPTION_TABLE_EMPTY,
    .min_inputs = 1,
    .max_inputs = 1,
    .flags = NIB_OP_READS_Y | NIB_OP_IN_PLACE,
    .infer = nib_op_infer_same,
    .forward = forward,
    .backward = backward,
    .cases = cases,
    .n_cases = (int)(sizeof cases / sizeof cases[0]),
};
