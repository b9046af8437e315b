/* Categorical cross-entropy from logits, with the softmax inside, so that it neither overflows nor takes the
 * logarithm of 0:
 *
 *   y = w_t * sum_c q_c (log sum_k exp x_k - x_c),   q_c = (1 - s) [c == t] + s / width
 *   dx_c = dy w_t (softmax(x)_c - q_c)
 *
 * with label t, label smoothing s, class weight w_t (training only). Forward keeps w_t (softmax - q). */
#include <assert.h>

#include "core/op_options.h"
#include "core/row_block.h"
#include "core/row_loss.h"
#include "core/vector_math.h"

static const nib_option rows[] = {
    NIB_ROW(nib_categorical_crossentropy_options, label_smoothing, NIB_OPTION_FLOAT, "0", 0, 1, NULL, "",
            "share of the target probability that is spread evenly over all classes"),
    NIB_ROW(nib_categorical_crossentropy_options, class_weight, NIB_OPTION_FLOATS, "", 0, 1e6, NULL, "",
            "weight of each class, in the order of the classes; applies while training only"),
};

static nib_status infer(const void *options, const nib_shape *x, int inputs, nib_op_plan *plan,
                        nib_error *err)
{
    (void)inputs;
    const nib_categorical_crossentropy_options *o = options;
    NIB_TRY(nib_row_loss_infer_label(x, plan, err));
    int64_t width = nib_shape_row(&x[0]);
    if (o->class_weight.count && o->class_weight.count != width)
        return nib_fail(err, NIB_ERR_CONFIG, "class_weight has %d numbers, there are %lld classes",
                        o->class_weight.count, (long long)width);
    plan->saved_row = nib_padded(width);
    return NIB_OK;
}

/* A block of rows, one per lane, and up to 16 of their columns. */
typedef struct block {
    int64_t first, n;
    float label[NIB_ROW_BLOCK], weight[NIB_ROW_BLOCK];
    float max[NIB_ROW_BLOCK];   /* of the logits x */
    float sum[NIB_ROW_BLOCK];   /* of e^(x - max) */
    float total[NIB_ROW_BLOCK]; /* of x - max */
    float hit[NIB_ROW_BLOCK];   /* x - max of the label */
    nib_row_columns x;
} block;

static void read_labels(const nib_call *call, block *b)
{
    const nib_categorical_crossentropy_options *o = call->options;
    const nib_tensor *target = &call->x[1];
    const bool weighted = o->class_weight.count && call->mode == NIB_MODE_TRAIN;
    const float classes = (float)call->x[0].row_size;
    bool valid = true;
    nib_row_block_load(b->label, target, b->first, b->n, 0);
    for (int i = 0; i < NIB_ROW_BLOCK; i++)
        valid = valid && b->label[i] >= 0.0f && b->label[i] < classes;
    assert(valid);
    (void)valid;
    for (int i = 0; i < NIB_ROW_BLOCK; i++)
        b->weight[i] = weighted ? (float)o->class_weight.value[(int64_t)b->label[i]] : 1.0f;
}

/* The next columns into b->x, unless all there are lie in it already. */
static int64_t load_columns(const nib_call *call, block *b, int64_t column, bool again)
{
    const int64_t width = call->x[0].row_size;
    const int64_t cols = width - column < NIB_ROW_BLOCK ? width - column : NIB_ROW_BLOCK;
    if (!again || width > NIB_ROW_BLOCK)
        nib_row_columns_load(&b->x, &call->x[0], b->first, b->n, column, cols);
    return cols;
}

static void find_max(const nib_call *call, block *b)
{
    for (int i = 0; i < NIB_ROW_BLOCK; i++)
        b->max[i] = -INFINITY;
    for (int64_t column = 0; column < call->x[0].row_size; column += NIB_ROW_BLOCK) {
        const int64_t cols = load_columns(call, b, column, false);
        for (int64_t c = 0; c < cols; c++)
            for (int i = 0; i < NIB_ROW_BLOCK; i++)
                b->max[i] = b->x.lane[c][i] > b->max[i] ? b->x.lane[c][i] : b->max[i];
    }
}

static void find_sums(const nib_call *call, block *b)
{
    for (int i = 0; i < NIB_ROW_BLOCK; i++)
        b->sum[i] = b->total[i] = b->hit[i] = 0.0f;
    for (int64_t column = 0; column < call->x[0].row_size; column += NIB_ROW_BLOCK) {
        const int64_t cols = load_columns(call, b, column, true);
        for (int64_t c = 0; c < cols; c++) {
            const float class = (float)(column + c);
            for (int i = 0; i < NIB_ROW_BLOCK; i++) {
                const float below = b->x.lane[c][i] - b->max[i];
                b->total[i] += below;
                b->hit[i] = b->label[i] == class ? below : b->hit[i];
                b->sum[i] += nib_expf(below);
            }
        }
    }
}

/* w (softmax - q). */
static void save_slopes(const nib_call *call, block *b)
{
    const nib_categorical_crossentropy_options *o = call->options;
    const int64_t width = call->x[0].row_size, stride = nib_padded(width);
    const float smooth = (float)o->label_smoothing;
    float scale[NIB_ROW_BLOCK], spread[NIB_ROW_BLOCK], whole[NIB_ROW_BLOCK];
    for (int i = 0; i < NIB_ROW_BLOCK; i++) {
        scale[i] = b->weight[i] / b->sum[i];
        spread[i] = b->weight[i] * smooth / (float)width;
        whole[i] = b->weight[i] * (1.0f - smooth);
    }
    for (int64_t column = 0; column < width; column += NIB_ROW_BLOCK) {
        const int64_t cols = load_columns(call, b, column, true);
        for (int64_t c = 0; c < cols; c++) {
            const float class = (float)(column + c);
            for (int i = 0; i < NIB_ROW_BLOCK; i++) {
                const float slope = nib_expf(b->x.lane[c][i] - b->max[i]) * scale[i] - spread[i];
                b->x.lane[c][i] = b->label[i] == class ? slope - whole[i] : slope;
            }
        }
        nib_row_columns_store(&b->x, call->saved + b->first * stride + column, stride, b->n, cols);
    }
}

static void forward(const nib_call *call)
{
    const nib_categorical_crossentropy_options *o = call->options;
    const float smooth = (float)o->label_smoothing, width = (float)call->x[0].row_size;
    for (int64_t first = 0; first < call->rows; first += NIB_ROW_BLOCK) {
        block b;
        float loss[NIB_ROW_BLOCK];
        b.first = first;
        b.n = nib_row_block_size(call->rows, first);
        read_labels(call, &b);
        find_max(call, &b);
        find_sums(call, &b);
        for (int i = 0; i < NIB_ROW_BLOCK; i++) {
            /* Without smoothing the mean is left out: it may be infinite where the loss is not. */
            const float mean = smooth > 0.0f ? smooth * b.total[i] / width : 0.0f;
            loss[i] = b.weight[i] * (nib_logf(b.sum[i]) - (1.0f - smooth) * b.hit[i] - mean);
        }
        for (int64_t i = 0; i < b.n; i++)
            nib_row_loss_put(&call->y, first + i, loss[i]);
        if (call->saved)
            save_slopes(call, &b);
    }
}

static void backward(const nib_call *call)
{
    nib_row_loss_backward(call, call->saved);
}

static const nib_op_case cases[] = {
    {.name = "five classes",
     .options = "",
     .inputs = 2,
     .input = {{NIB_RATE_TILE, 0, 5, NIB_FILL_NORMAL, 0}, {NIB_RATE_TILE, 0, 1, NIB_FILL_LABEL, 5}}},
    {.name = "two classes, smoothed and weighted",
     .options = "{label_smoothing: 0.2, class_weight: [0.5, 2]}",
     .inputs = 2,
     .input = {{NIB_RATE_TILE, 0, 2, NIB_FILL_NORMAL, 0}, {NIB_RATE_TILE, 0, 1, NIB_FILL_LABEL, 2}}},
    {.name = "wider than a lane",
     .options = "{label_smoothing: 0.1}",
     .inputs = 2,
     .input = {{NIB_RATE_TILE, 0, 19, NIB_FILL_NORMAL, 0}, {NIB_RATE_TILE, 0, 1, NIB_FILL_LABEL, 19}}},
};

const nib_op NIB_ISA_NAME(nib_op_categorical_crossentropy) = {
    .name = "categorical_crossentropy",
    .help = "cross-entropy of softmax(logits) and an integer label, one number per row",
    .source = "Keras CategoricalCrossentropy(from_logits=True)",
    .options = NIB_OPTION_TABLE(nib_categorical_crossentropy_options, rows),
    .min_inputs = 2,
    .max_inputs = 2,
    .no_gradient = 2u,
    .infer = infer,
    .forward = forward,
    .backward = backward,
    .cases = cases,
    .n_cases = 3,
};
