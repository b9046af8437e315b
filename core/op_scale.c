#include "core/op.h"
#include "core/op_options.h"
#include "core/vector_math.h"

/* y = factor x;  dx = factor dy. */

static void forward(const nib_call *call)
{
    const nib_scale_options *options = call->options;
    const float factor = (float)options->factor, *x = call->x[0].data;
    float *y = call->y.data;
    int64_t n = nib_tensor_floats(&call->y);
    NIB_INDEPENDENT
    for (int64_t i = 0; i < n; ++i)
        y[i] = factor * x[i];
}

static void backward(const nib_call *call)
{
    const nib_scale_options *options = call->options;
    const float factor = (float)options->factor, *dy = call->dy.data;
    float *dx = call->dx[0].data;
    int64_t n = nib_tensor_floats(&call->y);
    if (call->accumulate[0]) {
        NIB_INDEPENDENT
        for (int64_t i = 0; i < n; ++i)
            dx[i] += factor * dy[i];
    } else {
        NIB_INDEPENDENT
        for (int64_t i = 0; i < n; ++i)
            dx[i] = factor * dy[i];
    }
}

static const nib_option rows[] = {
    NIB_ROW(nib_scale_options, factor, NIB_OPTION_FLOAT, NULL, 0, 0, NULL, "", "what x is multiplied by"),
};

static const nib_op_case cases[] = {
    {.name = "tile", .options = "factor: -1.5", .inputs = 1, .input = {{.rate = NIB_RATE_TILE, .cols = 7}}},
    {.name = "step",
     .options = "factor: 0.25",
     .inputs = 1,
     .input = {{.rate = NIB_RATE_STEP, .rows = 5, .cols = 3}}},
};

const nib_op NIB_ISA_NAME(nib_op_scale) = {
    .name = "scale",
    .help = "factor * x",
    .source = "definition",
    .options = NIB_OPTION_TABLE(nib_scale_options, rows),
    .min_inputs = 1,
    .max_inputs = 1,
    .flags = NIB_OP_IN_PLACE,
    .infer = nib_op_infer_same,
    .forward = forward,
    .backward = backward,
    .cases = cases,
    .n_cases = (int)(sizeof cases / sizeof cases[0]),
};
