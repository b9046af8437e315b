/* 1 where the first largest logit is the label's, else 0: running accuracy of a categorical target. */
#include "core/row_loss.h"

static nib_status infer(const void *options, const nib_shape *x, int inputs, nib_op_plan *plan,
                        nib_error *err)
{
    (void)options;
    (void)inputs;
    return nib_row_loss_infer_label(x, plan, err);
}

static void forward(const nib_call *call)
{
    const nib_tensor *x = &call->x[0], *label = &call->x[1], *y = &call->y;
    for (int64_t r = 0; r < call->rows; r++) {
        const float *row = x->data + r * x->stride;
        int64_t best = 0;
        for (int64_t c = 1; c < x->row_size; c++)
            best = row[c] > row[best] ? c : best;
        nib_row_loss_put(y, r, best == (int64_t)label->data[r * label->stride] ? 1.0f : 0.0f);
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
    .no_gradient = 3u,
    .infer = infer,
    .forward = forward,
    .cases = cases,
    .n_cases = 1,
};
