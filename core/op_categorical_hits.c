/* 1 where the first largest logit is the label's, else 0: running accuracy of a categorical target. */
#include "core/row_loss.h"
#include "core/row_vectors.h"

static nib_status infer(const void *options, const nib_shape *x, int inputs, nib_op_plan *plan,
                        nib_error *err)
{
    (void)options;
    (void)inputs;
    return nib_row_loss_infer_label(x, plan, err);
}

NIB_INLINE void forward_rows(const nib_call *call, int64_t width)
{
    const nib_tensor *x = &call->x[0], *label = &call->x[1];
    for (int64_t first = 0; first < call->rows; first += NIB_VF) {
        const int64_t n = nib_row_vectors_size(call->rows, first);
        const float *from = x->data + first * x->stride;
        nib_vf max = nib_vf_set(-INFINITY), best = nib_vf_set(0.0f);
        nib_vf value[NIB_ROW_COLUMNS] = {max};
        for (int64_t column = 0; column < width; column += NIB_ROW_COLUMNS) {
            const int64_t left = width - column, cols = left < NIB_ROW_COLUMNS ? left : NIB_ROW_COLUMNS;
            nib_row_vectors_load(value, from + column, x->stride, n, cols);
            max = column == 0 ? value[0] : max;
            NIB_UNROLL
            for (int64_t c = 0; c < NIB_ROW_COLUMNS; c++) {
                if (c >= cols)
                    continue;
                best = nib_vf_where_greater(value[c], max, nib_vf_set((float)(column + c)), best);
                max = nib_vf_max(value[c], max);
            }
        }
        const nib_vf target = nib_row_vector(label->data + first * label->stride, label->stride, n);
        nib_row_vector_put(&call->y, first, n,
                           nib_vf_where_equal(best, target, nib_vf_set(1.0f), nib_vf_set(0.0f)));
    }
}

#define CASE(cols)                                                                                           \
    case cols:                                                                                               \
        forward_rows(call, cols);                                                                            \
        break;

static void forward(const nib_call *call)
{
    switch (call->x[0].row_size) {
        NIB_FOR_FEW_COLUMNS(CASE)
    default:
        forward_rows(call, call->x[0].row_size);
    }
}

static const nib_op_case cases[] = {
    {.name = "five classes",
     .options = "",
     .inputs = 2,
     .input = {{NIB_RATE_TILE, 0, 5, NIB_FILL_NORMAL, 0}, {NIB_RATE_TILE, 0, 1, NIB_FILL_LABEL, 5}}},
};

const nib_op NIB_ISA_NAME(nib_op_categorical_hits) = {
    .name = "categorical_hits",
    .help = "1 where the largest logit is the label's, else 0",
    .source = "Keras SparseCategoricalAccuracy",
    .options = NIB_OPTION_TABLE_EMPTY,
    .min_inputs = 2,
    .max_inputs = 2,
    .flags = NIB_OP_COLUMNS,
    .no_gradient = 3u,
    .infer = infer,
    .forward = forward,
    .cases = cases,
    .n_cases = 1,
};
