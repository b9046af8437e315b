#include "core/op.h"
#include "core/op_options.h"
#include "core/vector_math.h"

/* y = x where x > 0, else slope x;  dx = dy or slope dy. The slope is not negative, so y tells which. */

static void forward(const nib_call *call)
{
    const nib_leaky_relu_options *options = call->options;
    const float slope = (float)options->negative_slope, *x = call->x[0].data;
    float *y = call->y.data;
    int64_t n = nib_tensor_floats(&call->y);
    NIB_INDEPENDENT
    for (int64_t i = 0; i < n; ++i)
        y[i] = x[i] > 0.0f ? x[i] : slope * x[i];
}

static void backward(const nib_call *call)
{
    const nib_leaky_relu_options *options = call->options;
    const float slope = (float)options->negative_slope, *y = call->y.data, *dy = call->dy.data;
    float *dx = call->dx[0].data;
    int64_t n = nib_tensor_floats(&call->y);
    if (call->accumulate[0]) {
        NIB_INDEPENDENT
        for (int64_t i = 0; i < n; ++i)
            dx[i] += y[i] > 0.0f ? dy[i] : slope * dy[i];
    } else {
        NIB_INDEPENDENT
        for (int64_t i = 0; i < n; ++i)
            dx[i] = y[i] > 0.0f ? dy[i] : slope * dy[i];
    }
}

static const nib_option rows[] = {
    NIB_ROW(nib_leaky_relu_options, negative_slope, NIB_OPTION_FLOAT, "0.3", 0, 10, NULL, "",
            "slope for x < 0 (Keras 2: alpha)"),
};

static const nib_op_case cases[] = {
    {.name = "default slope", .inputs = 1, .input = {{.rate = NIB_RATE_TILE, .cols = 7}}},
    {.name = "slope 0",
     .options = "negative_slope: 0",
     .inputs = 1,
     .input = {{.rate = NIB_RATE_TILE, .cols = 20}}},
    {.name = "slope 2",
     .options = "negative_slope: 2",
     .inputs = 1,
     .input = {{.rate = NIB_RATE_TILE, .cols = 1}}},
};

const nib_op NIB_ISA_NAME(nib_op_leaky_relu) = {
    .name = "leaky_relu",
    .help = "x where x > 0, else negative_slope * x",
    .source = "Maas, Hannun, Ng, Rectifier nonlinearities improve neural network acoustic models (2013)",
    .options = NIB_OPTION_TABLE(nib_leaky_relu_options, rows),
    .min_inputs = 1,
    .max_inputs = 1,
    .flags = NIB_OP_READS_Y | NIB_OP_IN_PLACE,
    .infer = nib_op_infer_same,
    .forward = forward,
    .backward = backward,
    .cases = cases,
    .n_cases = (int)(sizeof cases / sizeof cases[0]),
};
