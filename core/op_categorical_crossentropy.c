/* Categorical cross-entropy from logits, with the softmax inside, so that it neither overflows nor takes the
 * logarithm of 0:
 *
 *   y = w_t * sum_c q_c (log sum_k exp x_k - x_c),   q_c = (1 - s) [c == t] + s / width
 *   dx_c = dy w_t (softmax(x)_c - q_c)
 *
 * with label t, label smoothing s, class weight w_t (training only). Forward keeps w_t (softmax - q). */
#include <assert.h>

#include "core/op_options.h"
#include "core/row_loss.h"
#include "core/row_vectors.h"
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
    nib_vf label, weight;
    nib_vf max;                /* of the logits x */
    nib_vf sum;                /* of e^(x - max) */
    nib_vf total;              /* of x - max */
    nib_vf hit;                /* x - max of the label */
    nib_vf x[NIB_ROW_COLUMNS]; /* where all columns fit in: e^(x - max) as soon as that is known */
} block;

NIB_INLINE void read_labels(const nib_call *call, block *b)
{
    const nib_categorical_crossentropy_options *o = call->options;
    const nib_tensor *target = &call->x[1];
    b->label = nib_row_vector(target->data + b->first * target->stride, target->stride, b->n);
    b->weight = nib_vf_set(1.0f);
    float label[NIB_VF];
    nib_vf_store(label, b->label);
#ifndef NDEBUG
    for (int i = 0; i < NIB_VF; i++)
        assert(label[i] >= 0.0f && label[i] < (float)call->x[0].row_size);
#endif
    if (o->class_weight.count && call->mode == NIB_MODE_TRAIN) {
        for (int i = 0; i < NIB_VF; i++)
            label[i] = (float)o->class_weight.value[(int64_t)label[i]];
        b->weight = nib_vf_load(label);
    }
}

/* All columns are in the block at once. */
NIB_INLINE bool fits(int64_t width)
{
    return width <= NIB_ROW_COLUMNS;
}

NIB_INLINE int64_t columns_from(int64_t width, int64_t column)
{
    const int64_t left = width - column;
    return left < NIB_ROW_COLUMNS ? left : NIB_ROW_COLUMNS;
}

NIB_INLINE int64_t load_columns(const nib_call *call, block *b, int64_t width, int64_t column)
{
    const nib_tensor *x = &call->x[0];
    const int64_t cols = columns_from(width, column);
    nib_row_vectors_load(b->x, x->data + b->first * x->stride + column, x->stride, b->n, cols);
    return cols;
}

NIB_INLINE void find_max(const nib_call *call, block *b, int64_t width)
{
    nib_vf max = nib_vf_set(-INFINITY);
    for (int64_t column = 0; column < width; column += NIB_ROW_COLUMNS) {
        const int64_t cols = load_columns(call, b, width, column);
        NIB_UNROLL
        for (int64_t c = 0; c < NIB_ROW_COLUMNS; c++)
            max = c < cols ? nib_vf_max(b->x[c], max) : max;
    }
    b->max = max;
}

NIB_INLINE void find_sums(const nib_call *call, block *b, int64_t width)
{
    const nib_vf max = b->max, label = b->label;
    nib_vf sum = nib_vf_set(0.0f), total = sum, hit = sum;
    for (int64_t column = 0; column < width; column += NIB_ROW_COLUMNS) {
        const int64_t cols = fits(width) ? columns_from(width, column) : load_columns(call, b, width, column);
        NIB_UNROLL
        for (int64_t c = 0; c < NIB_ROW_COLUMNS; c++) {
            if (c >= cols)
                continue;
            const nib_vf below = nib_vf_sub(b->x[c], max);
            b->x[c] = nib_vf_exp(below);
            total = nib_vf_add(total, below);
            hit = nib_vf_where_equal(label, nib_vf_set((float)(column + c)), below, hit);
            sum = nib_vf_add(sum, b->x[c]);
        }
    }
    b->sum = sum;
    b->total = total;
    b->hit = hit;
}

/* A vector of a block in call->saved, which has nib_padded(width) floats for each row. */
NIB_INLINE void save(float *to, nib_vf x, int64_t n)
{
    float lane[NIB_VF];
    if (n == NIB_VF) {
        nib_vf_store(to, x);
    } else {
        nib_vf_store(lane, x);
        memcpy(to, lane, (size_t)n * sizeof *to);
    }
}

NIB_INLINE nib_vf saved_vector(const float *from, int64_t n)
{
    return n == NIB_VF ? nib_vf_load(from) : nib_row_vector(from, 1, n);
}

/* w (softmax - q), column after column of the block. */
NIB_INLINE void save_slopes(const nib_call *call, block *b, int64_t width)
{
    const nib_categorical_crossentropy_options *o = call->options;
    const float smooth = (float)o->label_smoothing;
    float *saved = call->saved + b->first * nib_padded(width);
    const nib_vf scale = nib_vf_div(b->weight, b->sum),
                 whole = nib_vf_mul(b->weight, nib_vf_set(1.0f - smooth));
    const nib_vf spread = nib_vf_mul(b->weight, nib_vf_set(smooth / (float)width));
    for (int64_t column = 0; column < width; column += NIB_ROW_COLUMNS) {
        const int64_t cols = fits(width) ? width : load_columns(call, b, width, column);
        NIB_UNROLL
        for (int64_t c = 0; c < NIB_ROW_COLUMNS; c++) {
            if (c >= cols)
                continue;
            const nib_vf power = fits(width) ? b->x[c] : nib_vf_exp(nib_vf_sub(b->x[c], b->max));
            const nib_vf slope = nib_vf_sub(nib_vf_mul(power, scale), spread);
            const nib_vf class = nib_vf_set((float)(column + c));
            save(saved + (column + c) * b->n,
                 nib_vf_where_equal(b->label, class, nib_vf_sub(slope, whole), slope), b->n);
        }
    }
}

/* Blocks that are taken step by step together: by itself each would wait for its own chain of maximum,
 * powers, sum and logarithm. */
enum { TOGETHER = NIB_VF_REGISTERS >= 32 ? 2 : 1, FEW = 5 };

#define FOR_BLOCKS                                                                                           \
    NIB_UNROLL                                                                                               \
    for (int i = 0; i < count; i++)

/* `count` blocks from row `first`, of n rows each. */
NIB_INLINE void forward_blocks(const nib_call *call, int64_t first, int64_t n, const int count, int64_t width)
{
    const nib_categorical_crossentropy_options *o = call->options;
    const float smooth = (float)o->label_smoothing;
    block b[TOGETHER];
    FOR_BLOCKS
    {
        b[i] = (block){.first = first + i * NIB_VF, .n = n};
        read_labels(call, &b[i]);
        find_max(call, &b[i], width);
    }
    FOR_BLOCKS find_sums(call, &b[i], width);
    if (call->saved)
        FOR_BLOCKS save_slopes(call, &b[i], width);
    FOR_BLOCKS
    {
        const nib_vf own = nib_vf_mul(nib_vf_set(1.0f - smooth), b[i].hit);
        nib_vf sum = nib_vf_sub(nib_vf_log(b[i].sum), own);
        /* Without smoothing the mean is left out: it may be infinite where the loss is not. */
        if (smooth > 0.0f)
            sum = nib_vf_sub(sum, nib_vf_mul(nib_vf_set(smooth / (float)width), b[i].total));
        nib_row_vector_put(&call->y, b[i].first, n, nib_vf_mul(b[i].weight, sum));
    }
}

NIB_INLINE void forward_rows(const nib_call *call, int64_t width)
{
    int64_t first = 0;
    if (TOGETHER > 1 && width <= FEW)
        for (; first + TOGETHER * NIB_VF <= call->rows; first += TOGETHER * NIB_VF)
            forward_blocks(call, first, NIB_VF, TOGETHER, width);
    for (; first < call->rows; first += NIB_VF)
        forward_blocks(call, first, nib_row_vectors_size(call->rows, first), 1, width);
}

NIB_INLINE void backward_rows(const nib_call *call, int64_t width)
{
    const nib_tensor *dx = &call->dx[0];
    for (int64_t first = 0; first < call->rows; first += NIB_VF) {
        const int64_t n = nib_row_vectors_size(call->rows, first);
        const float *saved = call->saved + first * nib_padded(width);
        const nib_vf dy = nib_row_vector(call->dy.data + first * call->dy.stride, call->dy.stride, n);
        for (int64_t column = 0; column < width; column += NIB_ROW_COLUMNS) {
            const int64_t cols = columns_from(width, column);
            float *to = dx->data + first * dx->stride + column;
            nib_vf x[NIB_ROW_COLUMNS], before[NIB_ROW_COLUMNS];
            NIB_UNROLL
            for (int64_t c = 0; c < NIB_ROW_COLUMNS; c++)
                if (c < cols)
                    x[c] = nib_vf_mul(saved_vector(saved + (column + c) * n, n), dy);
            if (call->accumulate[0]) {
                nib_row_vectors_load(before, to, dx->stride, n, cols);
                for (int64_t c = 0; c < cols; c++)
                    x[c] = nib_vf_add(before[c], x[c]);
            }
            nib_row_vectors_store(to, dx->stride, n, cols, x);
        }
    }
}

#define CASE(cols)                                                                                           \
    case cols:                                                                                               \
        ROWS(call, cols);                                                                                    \
        break;

static void forward(const nib_call *call)
{
#define ROWS forward_rows
    switch (call->x[0].row_size) {
        NIB_FOR_FEW_COLUMNS(CASE)
    default:
        forward_rows(call, call->x[0].row_size);
    }
#undef ROWS
}

static void backward(const nib_call *call)
{
#define ROWS backward_rows
    switch (call->dx[0].row_size) {
        NIB_FOR_FEW_COLUMNS(CASE)
    default:
        backward_rows(call, call->dx[0].row_size);
    }
#undef ROWS
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
    .flags = NIB_OP_COLUMNS,
    .no_gradient = 2u,
    .infer = infer,
    .forward = forward,
    .backward = backward,
    .cases = cases,
    .n_cases = 3,
};
