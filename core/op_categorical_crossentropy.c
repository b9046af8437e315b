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

/* What the rows of a block need: maximum and 1 / sum of exponentials, label and weight. */
typedef struct block {
    int64_t first, n;
    float max[NIB_ROW_BLOCK], sum[NIB_ROW_BLOCK], total[NIB_ROW_BLOCK];
    int64_t label[NIB_ROW_BLOCK];
    float weight[NIB_ROW_BLOCK];
} block;

static void read_labels(const nib_call *call, block *b)
{
    const nib_categorical_crossentropy_options *o = call->options;
    const nib_tensor *target = &call->x[1];
    const bool weighted = o->class_weight.count && call->mode == NIB_MODE_TRAIN;
    for (int64_t i = 0; i < b->n; i++) {
        b->label[i] = (int64_t)target->data[(b->first + i) * target->stride];
        assert(b->label[i] >= 0 && b->label[i] < call->x[0].row_size);
        b->weight[i] = weighted ? (float)o->class_weight.value[b->label[i]] : 1.0f;
    }
}

/* Maximum, sum of exponentials and sum of x - maximum of each row; exponentials go to `saved` if it is there.
 */
static void exponentials(const nib_call *call, block *b)
{
    const nib_tensor *x = &call->x[0];
    const int64_t stride = nib_padded(x->row_size);
    float lane[NIB_ROW_BLOCK];
    nib_row_block_load(b->max, x, b->first, b->n, 0);
    for (int64_t c = 1; c < x->row_size; c++) {
        nib_row_block_load(lane, x, b->first, b->n, c);
        for (int i = 0; i < NIB_ROW_BLOCK; i++)
            b->max[i] = lane[i] > b->max[i] ? lane[i] : b->max[i];
    }
    for (int i = 0; i < NIB_ROW_BLOCK; i++)
        b->sum[i] = b->total[i] = 0.0f;
    for (int64_t c = 0; c < x->row_size; c++) {
        nib_row_block_load(lane, x, b->first, b->n, c);
        for (int i = 0; i < NIB_ROW_BLOCK; i++) {
            const float below = lane[i] - b->max[i];
            lane[i] = nib_expf(below);
            b->sum[i] += lane[i];
            b->total[i] += below;
        }
        if (call->saved)
            nib_row_block_store(lane, call->saved + b->first * stride + c, stride, b->n);
    }
}

/* w (softmax - q) in place of the exponentials. */
static void save_slopes(const nib_call *call, const block *b)
{
    const nib_categorical_crossentropy_options *o = call->options;
    const int64_t width = call->x[0].row_size, stride = nib_padded(width);
    const float smooth = (float)o->label_smoothing;
    for (int64_t i = 0; i < b->n; i++) {
        float *row = call->saved + (b->first + i) * stride;
        const float scale = b->weight[i] / b->sum[i], spread = b->weight[i] * smooth / (float)width;
        for (int64_t c = 0; c < width; c++)
            row[c] = row[c] * scale - spread;
        for (int64_t c = width; c < stride; c++)
            row[c] = 0.0f;
        row[b->label[i]] -= b->weight[i] * (1.0f - smooth);
    }
}

static void forward(const nib_call *call)
{
    const nib_categorical_crossentropy_options *o = call->options;
    const nib_tensor *x = &call->x[0], *y = &call->y;
    const float smooth = (float)o->label_smoothing;
    for (int64_t first = 0; first < call->rows; first += NIB_ROW_BLOCK) {
        block b = {.first = first, .n = nib_row_block_size(call->rows, first)};
        float log_sum[NIB_ROW_BLOCK];
        read_labels(call, &b);
        exponentials(call, &b);
        for (int i = 0; i < NIB_ROW_BLOCK; i++)
            log_sum[i] = nib_logf(b.sum[i]);
        for (int64_t i = 0; i < b.n; i++) {
            const float hit = x->data[(first + i) * x->stride + b.label[i]] - b.max[i];
            /* Without smoothing the mean is left out: it may be infinite where the loss is not. */
            const float mean = smooth > 0.0f ? smooth * b.total[i] / (float)x->row_size : 0.0f;
            nib_row_loss_put(y, first + i, b.weight[i] * (log_sum[i] - (1.0f - smooth) * hit - mean));
        }
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
