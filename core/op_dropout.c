#include "core/op.h"
#include "core/op_options.h"
#include "core/rng.h"
#include "core/vector_math.h"

/* Training: y = m x, dx = m dy, with m = 0 with probability `rate`, else 1 / (1 - rate). Evaluating: y = x,
 * the planner leaves the node out.
 *
 * Element e = row of the batch x width + column takes word e mod 4 of Philox counter e / 4, so the mask does
 * not depend on how the batch is cut into tiles. It is kept for backward. */

static void fill_mask(const nib_call *call)
{
    const nib_dropout_options *options = call->options;
    const int64_t width = call->y.row_size;
    const nib_tile *tile = call->tile;
    const nib_rng rng = {.seed = tile->seed, .stream = call->stream, .step = tile->step};
    /* A word below the threshold drops: rate is exact to 2^-32. */
    const uint64_t threshold = (uint64_t)(options->rate * 0x1p32);
    const float keep = (float)(1.0 / (1.0 - options->rate));
    const bool samples = call->domain == NIB_DOMAIN_SAMPLES;
    uint64_t element = (uint64_t)((samples ? tile->first : tile->first_element) * width);
    uint32_t word[4];
    bool drawn = false;
    for (int64_t r = 0; r < call->rows; ++r) {
        float *row = call->saved + r * call->y.stride;
        for (int64_t c = 0; c < width; ++c, ++element) {
            if (!drawn || (element & 3) == 0)
                nib_rng_words(&rng, element >> 2, word);
            drawn = true;
            row[c] = word[element & 3] < threshold ? 0.0f : keep;
        }
    }
}

static void forward(const nib_call *call)
{
    fill_mask(call);
    const float *x = call->x[0].data, *mask = call->saved;
    float *y = call->y.data;
    int64_t n = nib_tensor_floats(&call->y);
    NIB_INDEPENDENT
    for (int64_t i = 0; i < n; ++i)
        y[i] = mask[i] * x[i];
}

static void backward(const nib_call *call)
{
    const float *dy = call->dy.data, *mask = call->saved;
    float *dx = call->dx[0].data;
    int64_t n = nib_tensor_floats(&call->y);
    if (call->accumulate[0]) {
        NIB_INDEPENDENT
        for (int64_t i = 0; i < n; ++i)
            dx[i] += mask[i] * dy[i];
    } else {
        NIB_INDEPENDENT
        for (int64_t i = 0; i < n; ++i)
            dx[i] = mask[i] * dy[i];
    }
}

static nib_status infer(const void *options, const nib_shape *x, int inputs, nib_op_plan *plan,
                        nib_error *err)
{
    if (x[0].rate != NIB_RATE_TILE)
        return nib_fail(err, NIB_ERR_SHAPE, "parameters cannot be dropped, only values of rows");
    plan->saved_row = nib_shape_row(&x[0]);
    return nib_op_infer_same(options, x, inputs, plan, err);
}

static const nib_option rows[] = {
    NIB_ROW(nib_dropout_options, rate, NIB_OPTION_FLOAT, NULL, 0, 0.999, NULL, "",
            "share of values set to 0 while training"),
};

static const nib_op_case cases[] = {
    {.name = "half", .options = "rate: 0.5", .inputs = 1, .input = {{.rate = NIB_RATE_TILE, .cols = 7}}},
    {.name = "none", .options = "rate: 0", .inputs = 1, .input = {{.rate = NIB_RATE_TILE, .cols = 16}}},
};

const nib_op NIB_ISA_NAME(nib_op_dropout) = {
    .name = "dropout",
    .help = "while training, a random share of values is 0 and the others grow by 1 / (1 - rate)",
    .source = "Srivastava et al., Dropout (JMLR 15, 2014), inverted as in Keras",
    .options = NIB_OPTION_TABLE(nib_dropout_options, rows),
    .min_inputs = 1,
    .max_inputs = 1,
    .flags = NIB_OP_IN_PLACE | NIB_OP_IDENTITY_EVAL,
    .infer = infer,
    .forward = forward,
    .backward = backward,
    .cases = cases,
    .n_cases = (int)(sizeof cases / sizeof cases[0]),
};
