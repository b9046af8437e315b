#include "core/op.h"

#include <string.h>

/* y = [x_0, x_1, ...] along the columns;  dx_i = its columns of dy. */

static void forward(const nib_call *call)
{
    int64_t column = 0;
    for (int i = 0; i < call->inputs; ++i) {
        const nib_tensor *x = &call->x[i];
        for (int64_t r = 0; r < call->y.dim[0]; ++r)
            memcpy(call->y.data + r * call->y.stride + column, x->data + r * x->stride,
                   (size_t)x->row_size * sizeof(float));
        column += x->row_size;
    }
}

static void backward(const nib_call *call)
{
    int64_t column = 0;
    for (int i = 0; i < call->inputs; ++i) {
        const nib_tensor *dx = &call->dx[i];
        for (int64_t r = 0; dx->data && r < call->dy.dim[0]; ++r) {
            const float *from = call->dy.data + r * call->dy.stride + column;
            float *to = dx->data + r * dx->stride;
            for (int64_t c = 0; c < dx->row_size; ++c)
                to[c] = call->accumulate[i] ? to[c] + from[c] : from[c];
        }
        column += call->x[i].row_size;
    }
}

static nib_status infer(const void *options, const nib_shape *x, int inputs, nib_op_plan *plan,
                        nib_error *err)
{
    (void)options;
    plan->y = x[0];
    for (int i = 0; i < inputs; ++i) {
        if (x[i].rank != 1 || x[i].rate != NIB_RATE_TILE || x[i].domain != x[0].domain) {
            char a[NIB_SHAPE_BYTES], b[NIB_SHAPE_BYTES];
            return nib_fail(err, NIB_ERR_SHAPE,
                            "input %d is %s, input 1 is %s; only columns of the same rows can be joined",
                            i + 1, nib_shape_text(&x[i], b), nib_shape_text(&x[0], a));
        }
        if (i > 0)
            plan->y.dim[0] += x[i].dim[0];
    }
    return NIB_OK;
}

static const nib_op_case cases[] = {
    {.name = "two",
     .inputs = 2,
     .input = {{.rate = NIB_RATE_TILE, .cols = 7}, {.rate = NIB_RATE_TILE, .cols = 4}}},
    {.name = "three",
     .inputs = 3,
     .input = {{.rate = NIB_RATE_TILE, .cols = 1},
               {.rate = NIB_RATE_TILE, .cols = 19},
               {.rate = NIB_RATE_TILE, .cols = 16}}},
};

const nib_op NIB_ISA_NAME(nib_op_concat) = {
    .name = "concat",
    .help = "inputs side by side, along the columns",
    .source = "definition",
    .options = NIB_OPTION_TABLE_EMPTY,
    .min_inputs = 1,
    .max_inputs = NIB_MAX_INPUTS,
    .infer = infer,
    .forward = forward,
    .backward = backward,
    .cases = cases,
    .n_cases = (int)(sizeof cases / sizeof cases[0]),
};
