#include <float.h>
#include <math.h>

#include "quant/curve.h"
#include "quant/grid_loops.h"
#include "quant/lowered_types.h"
#include "quant/quantizer.h"
#include "quant/stochastic.h"

/* y = x on the grid ufixed<bits, integer, RND_CONV, SAT>. With a negative slope s (a power of two) one bit is
 * the sign: n = bits - 1 bits for the positive half, and for x < 0 the same steps for s * x, down to -s *
 * 2^integer. relu_upper_bound cuts off earlier (is_quantized_clip=False). dx = dy where 0 < x <= the largest
 * value, 0 above, s * dy below.
 * use_sigmoid: y = 2^integer max(0, 2 sigmoid(x / 2^integer) - 1), the sigmoid rounded to n bits; the
 * gradient stays that of relu. */

typedef struct options {
    int64_t bits, integer;
    bool use_sigmoid;
    double negative_slope;
    bool use_stochastic_rounding;
    double relu_upper_bound;
    bool is_quantized_clip, use_ste;
    int ste, sigmoid;
    float slope, upper; /* of the gradient: 0 above `upper` */
    float bound;        /* of the values, in steps */
    nib_fixed type;     /* of the positive half */
    nib_grid positive;  /* up to `bound` */
} options;

enum { STE_CLIP, STE_PASS };

static const nib_option rows[] = {
    NIB_ROW(options, bits, NIB_OPTION_INT, "8", 1, 24, NULL, "bits",
            "width, with the sign of a negative slope"),
    NIB_ROW(options, integer, NIB_OPTION_INT, "0", -32, 32, NULL, "bits", "bits before the point"),
    NIB_ROW(options, use_sigmoid, NIB_OPTION_BOOL, "false", 0, 0, NULL, "",
            "2 sigmoid(x) - 1 instead of x, scaled to the range"),
    NIB_ROW(options, negative_slope, NIB_OPTION_FLOAT, "0", 0, 1, NULL, "", "0 or a power of two"),
    NIB_STOCHASTIC_ROW(options),
    NIB_ROW(options, relu_upper_bound, NIB_OPTION_FLOAT, "0", 0, 1e9, NULL, "",
            "largest value where is_quantized_clip is false; 0: none"),
    NIB_ROW(options, is_quantized_clip, NIB_OPTION_BOOL, "true", 0, 0, NULL, "",
            "the largest value is that of the bits, and has no gradient above it"),
    NIB_ROW(options, ste, NIB_OPTION_CHOICE, "clip", 0, 0, "clip|pass", "",
            "gradient above the largest value: 0 or passed"),
    NIB_STOCHASTIC_USE_STE_ROW(options),
    NIB_CURVE_SIGMOID_ROW(options),
};

static nib_status check_slope(const options *o, nib_error *err)
{
    int exponent = 0;
    if (o->negative_slope == 0.0)
        return NIB_OK;
    if (frexp(o->negative_slope, &exponent) != 0.5 || o->negative_slope < 0x1p-20)
        return nib_fail(err, NIB_ERR_CONFIG,
                        "negative_slope: %g is neither 0 nor a power of two from 2^-20 to 1",
                        o->negative_slope);
    if (o->bits == 1)
        return nib_fail(err, NIB_ERR_CONFIG, "a negative slope needs 2 bits or more: one is the sign");
    return NIB_OK;
}

static nib_status check(void *filled, const char **warning, nib_error *err)
{
    options *o = filled;
    NIB_TRY(check_slope(o, err));
    if (o->relu_upper_bound > 0.0 && o->is_quantized_clip)
        *warning = "relu_upper_bound is ignored unless is_quantized_clip=False, as in QKeras";
    o->slope = (float)o->negative_slope;
    o->type = (nib_fixed){.bits = (int)o->bits - (o->slope > 0.0f ? 1 : 0),
                          .integer = (int)o->integer,
                          .rounding = NIB_ROUNDING_RND_CONV,
                          .overflow = NIB_OVERFLOW_SAT};
    o->positive = nib_grid_of(&o->type);
    o->upper = o->positive.highest * o->positive.step;
    if (!o->is_quantized_clip) {
        o->upper = o->relu_upper_bound > 0.0 ? (float)o->relu_upper_bound : INFINITY;
        const float bound = o->upper * o->positive.inverse;
        o->positive.highest = bound < o->positive.highest ? bound : o->positive.highest;
    }
    if (o->ste == STE_PASS)
        o->upper = INFINITY;
    return NIB_OK;
}

static float clamp(float v, float lowest, float highest)
{
    const float above = v < lowest ? lowest : v;
    return above > highest ? highest : above;
}

/* ---- Forward: y in steps of the positive half ---- */

static float rounded(bool random, float v, float u)
{
    return random ? nib_stochastic_round(v, u) : nib_grid_half_even(v);
}

/* A slope below zero: slope * x has the steps of x, down to -2^integer * slope. */
static float leaky_steps(const options *o, bool random, float x, float u)
{
    const float below = -ldexpf(o->slope, o->type.bits),
                v = (x < 0.0f ? o->slope * x : x) * o->positive.inverse;
    return clamp(rounded(random, v, u), x < 0.0f ? below : 0.0f, x < 0.0f ? 0.0f : o->positive.highest);
}

/* As QKeras writes it: a positive and a negative part, which is not quite 0 at 0 for small slopes. */
static float sigmoid_steps(const options *o, bool random, float x, float u)
{
    const float m = ldexpf(1.0f, o->type.bits), unit = ldexpf(1.0f, (int)o->integer);
    const float p = nib_curve_sigmoid_of((nib_curve_sigmoid)o->sigmoid, x / unit) * m;
    float steps = clamp(2.0f * rounded(random, p, u) - m, 0.0f, m - 1.0f);
    if (o->slope > 0.0f)
        steps += clamp(2.0f * rounded(random, p * o->slope, u) - o->slope * m, -o->slope * m, 0.0f);
    return steps > o->positive.highest ? o->positive.highest : steps;
}

static void forward(const nib_quantize_call *call)
{
    const options *o = call->options;
    const bool random = o->use_stochastic_rounding && call->training;
    if (!o->use_sigmoid && o->slope == 0.0f) {
        if (random)
            nib_stochastic_grid(call, &o->positive);
        else
            nib_grid_apply_rows(&o->positive, call->rows, call->cols, call->stride, call->x, call->y);
        return;
    }
    float u[NIB_STOCHASTIC_CHUNK] = {0};
    for (int64_t i = 0; i < call->rows * call->cols; i++) {
        const int64_t r = i / call->cols, c = i % call->cols, at = r * call->stride + c;
        const int64_t k = c % NIB_STOCHASTIC_CHUNK, left = call->cols - c;
        if (random && k == 0)
            nib_stochastic_draw(call, r, c, left < NIB_STOCHASTIC_CHUNK ? left : NIB_STOCHASTIC_CHUNK, 0, u);
        const float x = call->x[at];
        call->y[at] = (o->use_sigmoid ? sigmoid_steps : leaky_steps)(o, random, x, u[k]) * o->positive.step;
    }
}

/* ---- Gradient, and what is left without steps: relu clipped to the range ---- */

static void pass_relu(const nib_quantize_call *call)
{
    const options *o = call->options;
    if (o->slope == 0.0f) { /* x > 0: no denormals here */
        nib_grid_pass_rows(FLT_MIN, o->upper, call->rows, call->cols, call->stride, call->x, call->dy,
                           call->dx);
        return;
    }
    for (int64_t r = 0; r < call->rows; r++)
        for (int64_t c = 0; c < call->cols; c++) {
            const int64_t at = r * call->stride + c;
            const float x = call->x[at], passed = x > 0.0f ? call->dy[at] : o->slope * call->dy[at];
            call->dx[at] = x > o->upper ? 0.0f : passed;
        }
}

static void backward(const nib_quantize_call *call)
{
    const options *o = call->options;
    (o->use_ste ? pass_relu : nib_stochastic_no_gradient)(call);
}

static void unquantized(const nib_quantize_call *call)
{
    const options *o = call->options;
    for (int64_t r = 0; r < call->rows; r++)
        for (int64_t c = 0; c < call->cols; c++) {
            const float x = call->x[r * call->stride + c];
            const float y = x > 0.0f ? x : o->slope * x;
            call->y[r * call->stride + c] = x > o->upper ? o->upper : y;
        }
}

/* ---- Hardware ---- */

static nib_status lower(const nib_quantize_call *call, nib_lowered *lowered, nib_error *err)
{
    const options *o = call->options;
    nib_fixed type = o->type;
    const float highest = o->positive.highest;
    if (nib_grid_half_even(highest) != highest)
        return nib_fail(err, NIB_ERR_CONFIG,
                        "relu_upper_bound: %g is no multiple of the step %g; the nearest are %g and %g",
                        o->relu_upper_bound, (double)o->positive.step,
                        (double)(nib_grid_floor(highest) * o->positive.step),
                        (double)((nib_grid_floor(highest) + 1.0f) * o->positive.step));
    lowered->is_cast = o->slope == 0.0f && !o->use_sigmoid && highest == (float)nib_fixed_highest(&o->type);
    lowered->is_table = !lowered->is_cast;
    if (o->slope > 0.0f) { /* the same steps on both sides, but for -slope * 2^integer at the lower end */
        int exponent;
        (void)frexpf(o->slope, &exponent);
        const int finer = 1 - exponent - type.bits;
        type.bits += 1 + (finer > 0 ? finer : 0);
        type.integer++;
        type.is_signed = true;
    }
    return nib_lowered_scaled(lowered, 0, &type, 1.0f, err);
}

static int64_t grid(const void *filled, bool training, int64_t channels, nib_quantizer_step *steps)
{
    const options *o = filled;
    (void)channels;
    if (o->slope != 0.0f || o->use_sigmoid || (training && (o->use_stochastic_rounding || !o->use_ste)))
        return 0;
    steps[0].grid = o->positive;
    steps[0].lowest = FLT_MIN;
    steps[0].highest = o->upper;
    return 1;
}

static const char *const cases[] = {"quantized_relu(6)",
                                    "quantized_relu(4, 2)",
                                    "quantized_relu(bits=8, integer=1, negative_slope=0.25)",
                                    "quantized_relu(3, 0, negative_slope=0.0625)",
                                    "quantized_relu(3, -1, ste=pass)",
                                    "quantized_relu(6, 2, 1)",
                                    "quantized_relu(6, 2, 1, 0.25, sigmoid=real)",
                                    "quantized_relu(4, 1, use_stochastic_rounding=True)",
                                    "quantized_relu(6, 3, relu_upper_bound=6, is_quantized_clip=False)",
                                    NULL};

const nib_quantizer nib_quantizer_quantized_relu = {
    .name = "quantized_relu",
    .help = "relu, or leaky relu, in fixed point with ties to even",
    .source = "QKeras 0.9.0",
    .options = NIB_OPTION_TABLE(options, rows),
    .n_positional = 7,
    .check = check,
    .forward = forward,
    .backward = backward,
    .unquantized = unquantized,
    .unquantized_backward = pass_relu,
    .lower = lower,
    .grid = grid,
    .cases = cases,
};
