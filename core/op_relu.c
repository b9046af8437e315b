#include "core/op.h"
#include "core/vector_math.h"

/* y = max(x, 0);  dx = dy where y > 0. */

static void forward(const nib_call *call)
{
    const float *x = call->x[0].data;
    float *y = call->y.data;
    int64_t n = nib_tensor_floats(&call->y);
    NIB_INDEPENDENT
    for (int64_t i = 0; i < n; ++i)
        y[i] = x[i] < 0.0f ? 0.0f : x[i]; /* NaN stays NaN */
}

static void backward(const nib_call *call)
{
    const float *y = call->y.data, *dy = call->dy.data;
    float *dx = call->dx[0].data;
    int64_t n = nib_tensor_floats(&call->y);
    if (call->accumulate[0]) {
        NIB_INDEPENDENT
        for (int64_t i = 0; i < n; ++i) {
            const float passed = dy[i]; /* read in any case: a conditional load would not vectorise */
            dx[i] += y[i] > 0.0f ? passed : 0.0f;
        }
    } else {
        NIB_INDEPENDENT
        for (int64_t i = 0; i < n; ++i) {
            const float passed = dy[i];
            dx[i] = y[i] > 0.0f ? passed : 0.0f;
        }
    }
}

static const nib_op_case cases[] = {
    {.name = "tile", .inputs = 1, .input = {{.rate = NIB_RATE_TILE, .cols = 7}}},
    {.name = "step", .inputs = 1, .input = {{.rate = NIB_RATE_STEP, .rows = 5, .cols = 3}}},
};

const nib_op NIB_ISA_NAME(nib_op_relu) = {
    .name = "relu",
    .help = "max(x, 0)",
    .source = "definition",
    .options = NIB_OPTION_TABLE_EMPTY,
    .min_inputs = 1,
    .max_inputs = 1,
    .flags = NIB_OP_READS_Y | NIB_OP_IN_PLACE,
    .fusable = NIB_FUSABLE_RELU,
    .infer = nib_op_infer_same,
    .forward = forward,
    .backward = backward,
    .cases = cases,
    .n_cases = (int)(sizeof cases / sizeof cases[0]),
};
