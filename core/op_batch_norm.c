#include "core/op.h"
#include "core/op_options.h"
#include "core/vector_math.h"

#include <math.h>
#include <string.h>

/* xhat = (x - mean) inv,  y = gamma xhat + beta,  inv = 1 / sqrt(variance + epsilon).
 *
 * Training: mean and (biased) variance of the whole batch, in double; moving statistics follow them. With N
 * rows in the batch, B = sum dy (d beta) and G = sum dy xhat (d gamma): dx = gamma inv (dy - B / N - xhat G /
 * N) Evaluating: moving statistics.
 *
 * State, written by reduced and reduced_backward, read by all tiles. */
typedef struct view {
    double *beta_gradient, *gamma_gradient;  /* [width] B and G */
    float *mean, *inv, *gamma, *beta;        /* [width] forward */
    float *dy_factor, *dx_offset, *dx_slope; /* [width] dx = dy_factor dy - dx_offset - dx_slope xhat */
} view;

enum {
    INPUT_GAMMA = 1,
    INPUT_BETA,
    INPUT_MEAN,
    INPUT_VARIANCE,
    DOUBLES_PER_COLUMN = 2,
    FLOATS_PER_COLUMN = 7
};

static view view_of(const nib_call *call)
{
    int64_t width = call->y.row_size;
    float *floats = (float *)(call->state + DOUBLES_PER_COLUMN * width);
    return (view){.beta_gradient = call->state,
                  .gamma_gradient = call->state + width,
                  .mean = floats,
                  .inv = floats + width,
                  .gamma = floats + 2 * width,
                  .beta = floats + 3 * width,
                  .dy_factor = floats + 4 * width,
                  .dx_offset = floats + 5 * width,
                  .dx_slope = floats + 6 * width};
}

static int64_t batch_rows(const nib_call *call)
{
    return call->domain == NIB_DOMAIN_SAMPLES ? call->tile->batch_samples : call->tile->batch_elements;
}

static void reduce(const nib_call *call, double *sum)
{
    const int64_t width = call->x[0].row_size;
    for (int64_t r = 0; r < call->rows; ++r) {
        const float *x = call->x[0].data + r * call->x[0].stride;
        NIB_INDEPENDENT
        for (int64_t c = 0; c < width; ++c) {
            double value = (double)x[c];
            sum[c] += value;
            sum[width + c] += value * value;
        }
    }
}

static void move(float *moving, double value, double momentum)
{
    *moving = (float)((double)*moving * momentum + value * (1.0 - momentum));
}

static void reduced(const nib_call *call, const double *sum)
{
    const nib_batch_norm_options *options = call->options;
    const view v = view_of(call);
    const int64_t width = call->y.row_size;
    for (int64_t c = 0; c < width; ++c) {
        double mean = (double)call->x[INPUT_MEAN].data[c];
        double variance = (double)call->x[INPUT_VARIANCE].data[c];
        if (sum) {
            double n = (double)batch_rows(call);
            mean = n > 0 ? sum[c] / n : 0.0;
            variance = n > 0 ? sum[width + c] / n - mean * mean : 0.0;
            variance = variance < 0.0 ? 0.0 : variance;
            if (!call->dry && n > 0) {
                move(&call->x[INPUT_MEAN].data[c], mean, options->momentum);
                move(&call->x[INPUT_VARIANCE].data[c], variance, options->momentum);
            }
        }
        v.mean[c] = (float)mean;
        v.inv[c] = (float)(1.0 / sqrt(variance + options->epsilon));
        v.gamma[c] = call->x[INPUT_GAMMA].data[c];
        v.beta[c] = call->x[INPUT_BETA].data[c];
    }
}

static void forward(const nib_call *call)
{
    const view v = view_of(call);
    const int64_t width = call->y.row_size;
    for (int64_t r = 0; r < call->y.dim[0]; ++r) {
        const float *x = call->x[0].data + r * call->x[0].stride;
        float *y = call->y.data + r * call->y.stride;
        NIB_INDEPENDENT
        for (int64_t c = 0; c < width; ++c)
            y[c] = (x[c] - v.mean[c]) * v.inv[c] * v.gamma[c] + v.beta[c];
    }
}

static void reduce_backward(const nib_call *call, double *sum)
{
    const view v = view_of(call);
    const int64_t width = call->y.row_size;
    for (int64_t r = 0; r < call->rows; ++r) {
        const float *x = call->x[0].data + r * call->x[0].stride;
        const float *dy = call->dy.data + r * call->dy.stride;
        NIB_INDEPENDENT
        for (int64_t c = 0; c < width; ++c) {
            sum[c] += (double)dy[c];
            sum[width + c] += (double)(dy[c] * ((x[c] - v.mean[c]) * v.inv[c]));
        }
    }
}

static void reduced_backward(const nib_call *call, const double *sum)
{
    const view v = view_of(call);
    const int64_t width = call->y.row_size;
    const double n = (double)batch_rows(call);
    for (int64_t c = 0; c < width; ++c) {
        v.beta_gradient[c] = sum[c];
        v.gamma_gradient[c] = sum[width + c];
        double factor = (double)v.gamma[c] * (double)v.inv[c];
        v.dy_factor[c] = (float)factor;
        v.dx_offset[c] = n > 0 ? (float)(factor * sum[c] / n) : 0.0f;
        v.dx_slope[c] = n > 0 ? (float)(factor * sum[width + c] / n) : 0.0f;
    }
}

/* The sums over the batch are known, so the first tile hands in all of them and the others nothing. */
static void parameter_gradient(const nib_call *call, int input, const double *total)
{
    float *to = call->dx[input].data;
    if (!to)
        return;
    const int64_t width = call->y.row_size;
    if (!call->accumulate[input])
        memset(to, 0, (size_t)width * sizeof *to);
    if (call->tile->first == 0)
        for (int64_t c = 0; c < width; ++c)
            to[c] += (float)total[c];
}

static void backward(const nib_call *call)
{
    const view v = view_of(call);
    const int64_t width = call->y.row_size;
    const bool accumulate = call->accumulate[0];
    for (int64_t r = 0; call->dx[0].data && r < call->dy.dim[0]; ++r) {
        const float *x = call->x[0].data + r * call->x[0].stride;
        const float *dy = call->dy.data + r * call->dy.stride;
        float *dx = call->dx[0].data + r * call->dx[0].stride;
        NIB_INDEPENDENT
        for (int64_t c = 0; c < width; ++c) {
            float xhat = (x[c] - v.mean[c]) * v.inv[c];
            float gradient = v.dy_factor[c] * dy[c] - v.dx_offset[c] - v.dx_slope[c] * xhat;
            dx[c] = accumulate ? dx[c] + gradient : gradient;
        }
    }
    parameter_gradient(call, INPUT_GAMMA, v.gamma_gradient);
    parameter_gradient(call, INPUT_BETA, v.beta_gradient);
}

static nib_status infer(const void *options, const nib_shape *x, int inputs, nib_op_plan *plan,
                        nib_error *err)
{
    (void)options;
    char text[NIB_SHAPE_BYTES];
    if (x[0].rate != NIB_RATE_TILE || x[0].rank != 1)
        return nib_fail(err, NIB_ERR_SHAPE, "the input is %s, not columns of rows",
                        nib_shape_text(&x[0], text));
    for (int i = 1; i < inputs; ++i)
        if (x[i].rate != NIB_RATE_STEP || x[i].rank != 1 || x[i].dim[0] != x[0].dim[0])
            return nib_fail(err, NIB_ERR_SHAPE, "input %d is %s, not one number per column (%lld)", i + 1,
                            nib_shape_text(&x[i], text), (long long)x[0].dim[0]);
    const int64_t width = x[0].dim[0];
    plan->y = x[0];
    plan->state_doubles = (DOUBLES_PER_COLUMN + (FLOATS_PER_COLUMN + 1) / 2) * width;
    plan->reduce_doubles = 2 * width;
    return NIB_OK;
}

static const nib_option rows[] = {
    NIB_ROW(nib_batch_norm_options, momentum, NIB_OPTION_FLOAT, "0.99", 0, 1, NULL, "",
            "share of the old moving statistics that is kept at each step"),
    NIB_ROW(nib_batch_norm_options, epsilon, NIB_OPTION_FLOAT, "1e-3", 0, 1, NULL, "",
            "added to the variance"),
};

#define CASE_INPUTS(width)                                                                                   \
    {                                                                                                        \
        {.rate = NIB_RATE_TILE, .cols = (width)},                                                            \
            {.rate = NIB_RATE_STEP, .cols = (width), .fill = NIB_FILL_POSITIVE},                             \
            {.rate = NIB_RATE_STEP, .cols = (width)}, {.rate = NIB_RATE_STEP, .cols = (width)},              \
        {                                                                                                    \
            .rate = NIB_RATE_STEP, .cols = (width), .fill = NIB_FILL_POSITIVE                                \
        }                                                                                                    \
    }

static const nib_op_case cases[] = {
    {.name = "seven columns", .inputs = 5, .input = CASE_INPUTS(7)},
    {.name = "large epsilon", .options = "epsilon: 0.5", .inputs = 5, .input = CASE_INPUTS(18)},
};

const nib_op NIB_ISA_NAME(nib_op_batch_norm) = {
    .name = "batch_norm",
    .help = "columns to mean beta and deviation gamma; inputs x, gamma, beta, moving_mean, moving_variance",
    .source = "Ioffe, Szegedy, Batch normalization (ICML 2015); statistics and defaults as Keras 2",
    .options = NIB_OPTION_TABLE(nib_batch_norm_options, rows),
    .min_inputs = 5,
    .max_inputs = 5,
    .flags = NIB_OP_READS_X | NIB_OP_IN_PLACE | NIB_OP_BATCH_WIDE,
    .no_gradient = 1u << INPUT_MEAN | 1u << INPUT_VARIANCE,
    .infer = infer,
    .forward = forward,
    .backward = backward,
    .reduce = reduce,
    .reduced = reduced,
    .reduce_backward = reduce_backward,
    .reduced_backward = reduced_backward,
    .cases = cases,
    .n_cases = (int)(sizeof cases / sizeof cases[0]),
};
