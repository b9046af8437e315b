/* Penalty on weights: y = l1 sum |w| + l2 sum w^2; dw = dy (l1 sign(w) + 2 l2 w), sign(0) = 0. */
#include <math.h>

#include "core/op.h"
#include "core/op_options.h"

static const nib_option rows[] = {
    NIB_ROW(nib_l1_l2_options, l1, NIB_OPTION_FLOAT, "0", 0, 1e6, NULL, "", "factor of sum |w|"),
    NIB_ROW(nib_l1_l2_options, l2, NIB_OPTION_FLOAT, "0", 0, 1e6, NULL, "", "factor of sum w^2"),
};

static nib_status infer(const void *options, const nib_shape *x, int inputs, nib_op_plan *plan,
                        nib_error *err)
{
    (void)options;
    (void)inputs;
    if (x[0].rate != NIB_RATE_STEP)
        return nib_fail(err, NIB_ERR_SHAPE, "l1_l2 penalises parameters, not rows of data");
    plan->y = (nib_shape){.rate = NIB_RATE_STEP, .domain = NIB_DOMAIN_NONE, .rank = 1, .dim = {1, 1, 1}};
    return NIB_OK;
}

/* A vector may come as one row of numbers or as rank 1. */
static int64_t rows_of(const nib_tensor *w)
{
    return w->rank == 1 ? 1 : w->dim[0];
}

static int64_t columns_of(const nib_tensor *w)
{
    return w->rank == 1 ? w->dim[0] : w->row_size;
}

static void forward(const nib_call *call)
{
    const nib_l1_l2_options *o = call->options;
    const nib_tensor *w = &call->x[0];
    double absolute = 0, square = 0;
    for (int64_t r = 0; r < rows_of(w); r++)
        for (int64_t c = 0; c < columns_of(w); c++) {
            const double value = (double)w->data[r * w->stride + c];
            absolute += fabs(value);
            square += value * value;
        }
    for (int64_t c = 1; c < call->y.stride; c++)
        call->y.data[c] = 0.0f;
    call->y.data[0] = (float)(o->l1 * absolute + o->l2 * square);
}

static void backward(const nib_call *call)
{
    const nib_l1_l2_options *o = call->options;
    const nib_tensor *w = &call->x[0], *dw = &call->dx[0];
    if (!dw->data)
        return;
    const float l1 = (float)o->l1 * call->dy.data[0], l2 = 2.0f * (float)o->l2 * call->dy.data[0];
    const int64_t columns = columns_of(w), stride = nib_padded(columns);
    for (int64_t r = 0; r < rows_of(w); r++) {
        const float *from = w->data + r * w->stride;
        float *to = dw->data + r * dw->stride;
        for (int64_t c = 0; c < columns; c++) {
            const float sign = from[c] > 0.0f ? 1.0f : (from[c] < 0.0f ? -1.0f : 0.0f);
            const float slope = l1 * sign + l2 * from[c];
            to[c] = call->accumulate[0] ? to[c] + slope : slope;
        }
        for (int64_t c = columns; c < stride; c++)
            to[c] = 0.0f;
    }
}

static const nib_op_case cases[] = {
    {.name = "l1 on a kernel",
     .options = "{l1: 0.1}",
     .inputs = 1,
     .input = {{NIB_RATE_STEP, 7, 5, NIB_FILL_NORMAL, 0}}},
    {.name = "l1 and l2 on a kernel",
     .options = "{l1: 0.1, l2: 0.3}",
     .inputs = 1,
     .input = {{NIB_RATE_STEP, 3, 18, NIB_FILL_NORMAL, 0}}},
    {.name = "l2 on a bias",
     .options = "{l2: 0.5}",
     .inputs = 1,
     .input = {{NIB_RATE_STEP, 0, 5, NIB_FILL_NORMAL, 0}}},
};

const nib_op NIB_ISA_NAME(nib_op_l1_l2) = {
    .name = "l1_l2",
    .help = "penalty l1 sum |w| + l2 sum w^2 on a parameter",
    .source = "Keras L1L2",
    .options = NIB_OPTION_TABLE(nib_l1_l2_options, rows),
    .min_inputs = 1,
    .max_inputs = 1,
    .flags = NIB_OP_READS_X,
    .infer = infer,
    .forward = forward,
    .backward = backward,
    .cases = cases,
    .n_cases = 3,
};
