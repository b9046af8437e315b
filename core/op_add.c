#include "core/op.h"
#include "core/vector_math.h"

/* y = x_0 + x_1 + ...;  dx_i = dy. */

static void add_to(float *y, const float *a, const float *b, int64_t n)
{
    NIB_INDEPENDENT
    for (int64_t i = 0; i < n; ++i)
        y[i] = a[i] + b[i];
}

static void forward(const nib_call *call)
{
    int64_t n = nib_tensor_floats(&call->y);
    add_to(call->y.data, call->x[0].data, call->x[1].data, n);
    for (int i = 2; i < call->inputs; ++i)
        add_to(call->y.data, call->y.data, call->x[i].data, n);
}

static void backward(const nib_call *call)
{
    int64_t n = nib_tensor_floats(&call->y);
    const float *dy = call->dy.data;
    for (int i = 0; i < call->inputs; ++i) {
        float *dx = call->dx[i].data;
        if (!dx)
            continue;
        if (call->accumulate[i])
            add_to(dx, dx, dy, n);
        else if (dx != dy)
            for (int64_t j = 0; j < n; ++j)
                dx[j] = dy[j];
    }
}

static const nib_op_case cases[] = {
    {.name = "two",
     .inputs = 2,
     .input = {{.rate = NIB_RATE_TILE, .cols = 7}, {.rate = NIB_RATE_TILE, .cols = 7}}},
    {.name = "four",
     .inputs = 4,
     .input = {{.rate = NIB_RATE_TILE, .cols = 17},
               {.rate = NIB_RATE_TILE, .cols = 17},
               {.rate = NIB_RATE_TILE, .cols = 17},
               {.rate = NIB_RATE_TILE, .cols = 17}}},
};

const nib_op NIB_ISA_NAME(nib_op_add) = {
    .name = "add",
    .help = "sum of several inputs of one shape",
    .source = "definition",
    .options = NIB_OPTION_TABLE_EMPTY,
    .min_inputs = 2,
    .max_inputs = NIB_MAX_INPUTS,
    .flags = NIB_OP_IN_PLACE,
    .infer = nib_op_infer_same,
    .forward = forward,
    .backward = backward,
    .cases = cases,
    .n_cases = (int)(sizeof cases / sizeof cases[0]),
};
