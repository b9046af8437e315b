#include "core/gemm.h"
#include "core/op.h"

/* y = x w + b;  dx = dy w^T, dw = x^T dy, db = sum of the rows of dy. w and b are step-rate. The products
 * over rows of x and dy always take the tile's full capacity, so that a row's bits do not depend on how many
 * rows there are. */

static void forward(const nib_call *call)
{
    const float *bias = call->inputs == 3 ? call->x[2].data : NULL;
    nib_gemm_forward(call->y, call->x[0], call->x[1], bias, call->y.dim[0], call->fused_y);
}

/* w^T, the same for all tiles. */
static void prepare(const nib_call *call)
{
    nib_gemm_turn(call->prepared, call->x[1]);
}

static void backward(const nib_call *call)
{
    if (call->dx[0].data)
        nib_gemm_input_gradient(call->dx[0], call->dy, call->x[1], call->prepared, call->dx[0].dim[0],
                                call->accumulate[0], call->fused_x, call->x[0]);
    float *const db = call->inputs == 3 ? call->dx[2].data : NULL;
    const bool together = call->dx[1].data && call->accumulate[1] == call->accumulate[2];
    if (call->dx[1].data)
        nib_gemm_weight_gradient(call->dx[1], together ? db : NULL, call->x[0], call->dy, call->rows,
                                 call->accumulate[1]);
    if (db && !together)
        nib_gemm_weight_gradient((nib_tensor){.data = NULL}, db, call->x[0], call->dy, call->rows,
                                 call->accumulate[2]);
}

static nib_status infer(const void *options, const nib_shape *x, int inputs, nib_op_plan *plan,
                        nib_error *err)
{
    (void)options;
    char a[NIB_SHAPE_BYTES], b[NIB_SHAPE_BYTES];
    bool step = x[0].rate == NIB_RATE_STEP;
    if (x[1].rate != NIB_RATE_STEP || x[1].rank != 2)
        return nib_fail(err, NIB_ERR_SHAPE, "the kernel is %s, not a matrix of parameters",
                        nib_shape_text(&x[1], a));
    if (x[0].rank != (step ? 2 : 1) || nib_shape_row(&x[0]) != x[1].dim[0])
        return nib_fail(err, NIB_ERR_SHAPE, "the input is %s, but the kernel is %s", nib_shape_text(&x[0], a),
                        nib_shape_text(&x[1], b));
    if (inputs == 3 && (x[2].rate != NIB_RATE_STEP || x[2].rank != 1 || x[2].dim[0] != x[1].dim[1]))
        return nib_fail(err, NIB_ERR_SHAPE, "the bias is %s, but the kernel is %s", nib_shape_text(&x[2], a),
                        nib_shape_text(&x[1], b));
    plan->y = x[0];
    plan->y.dim[step ? 1 : 0] = x[1].dim[1];
    if (!step)
        plan->prepared_floats = x[1].dim[1] * nib_padded(x[1].dim[0]);
    return NIB_OK;
}

static const nib_op_case cases[] = {
    {.name = "with bias",
     .inputs = 3,
     .input = {{.rate = NIB_RATE_TILE, .cols = 7},
               {.rate = NIB_RATE_STEP, .rows = 7, .cols = 5},
               {.rate = NIB_RATE_STEP, .cols = 5}}},
    {.name = "no bias",
     .inputs = 2,
     .input = {{.rate = NIB_RATE_TILE, .cols = 33}, {.rate = NIB_RATE_STEP, .rows = 33, .cols = 18}}},
    {.name = "one by one",
     .inputs = 3,
     .input = {{.rate = NIB_RATE_TILE, .cols = 1},
               {.rate = NIB_RATE_STEP, .rows = 1, .cols = 1},
               {.rate = NIB_RATE_STEP, .cols = 1}}},
    {.name = "of parameters",
     .inputs = 2,
     .input = {{.rate = NIB_RATE_STEP, .rows = 4, .cols = 3}, {.rate = NIB_RATE_STEP, .rows = 3, .cols = 6}}},
};

const nib_op NIB_ISA_NAME(nib_op_matmul) = {
    .name = "matmul",
    .help = "x kernel + bias; the bias is optional",
    .source = "definition",
    .options = NIB_OPTION_TABLE_EMPTY,
    .min_inputs = 2,
    .max_inputs = 3,
    .flags = NIB_OP_READS_X | NIB_OP_EPILOGUE,
    .infer = infer,
    .forward = forward,
    .backward = backward,
    .prepare = prepare,
    .cases = cases,
    .n_cases = (int)(sizeof cases / sizeof cases[0]),
};
