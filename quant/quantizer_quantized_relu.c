#include <float.h>
#include <math.h>

#include "quant/grid.h"
#include "quant/lowered_types.h"
#include "quant/quantizer.h"

/* y = x on the grid ufixed<bits, integer, RND_CONV, SAT>. With a negative slope s (a power of two) one bit is
 * the sign: n = bits - 1 bits for the positive half, and for x < 0 the same steps for s * x, down to -s *
 * 2^integer. dx = dy where 0 < x <= the largest value, 0 above, s * dy below. */

typedef struct options {
    int64_t bits, integer;
    double negative_slope;
    int ste;
    nib_fixed type; /* of the positive half */
    nib_grid positive, negative;
} options;

enum { STE_CLIP, STE_PASS };

static const nib_option rows[] = {
    NIB_ROW(options, bits, NIB_OPTION_INT, "8", 1, 24, NULL, "bits",
            "width, with the sign of a negative slope"),
    NIB_ROW(options, integer, NIB_OPTION_INT, "0", -32, 32, NULL, "bits", "bits before the point"),
    NIB_ROW(options, negative_slope, NIB_OPTION_FLOAT, "0", 0, 1, NULL, "", "0 or a power of two"),
    NIB_ROW(options, ste, NIB_OPTION_CHOICE, "clip", 0, 0, "clip|pass", "",
            "gradient above the largest value: 0 or passed"),
};

static nib_status check(void *filled, const char **warning, nib_error *err)
{
    options *o = filled;
    (void)warning;
    int exponent = 0;
    const bool leaky = o->negative_slope > 0;
    if (leaky && (frexp(o->negative_slope, &exponent) != 0.5 || o->negative_slope < 0x1p-20))
        return nib_fail(err, NIB_ERR_CONFIG,
                        "negative_slope: %g is neither 0 nor a power of two from 2^-20 to 1",
                        o->negative_slope);
    if (leaky && o->bits == 1)
        return nib_fail(err, NIB_ERR_CONFIG, "a negative slope needs 2 bits or more: one is the sign");
    o->type = (nib_fixed){.bits = (int)o->bits - (leaky ? 1 : 0),
                          .integer = (int)o->integer,
                          .rounding = NIB_ROUNDING_RND_CONV,
                          .overflow = NIB_OVERFLOW_SAT};
    o->positive = nib_grid_of(&o->type);
    /* slope * x has the steps of x, and 2^integer * slope / step of them. */
    o->negative = o->positive;
    o->negative.lowest = -ldexpf((float)o->negative_slope, o->type.bits);
    o->negative.highest = 0.0f;
    return NIB_OK;
}

static void forward(const nib_quantize_call *call)
{
    const options *o = call->options;
    const float slope = (float)o->negative_slope;
    for (int64_t r = 0; r < call->rows; r++) {
        const float *x = call->x + r * call->stride;
        float *y = call->y + r * call->stride;
        if (slope == 0.0f) {
            nib_grid_apply(&o->positive, call->cols, x, y);
            continue;
        }
        for (int64_t c = 0; c < call->cols; c++) {
            const bool below = x[c] < 0.0f;
            const float scaled = below ? slope * x[c] : x[c];
            nib_grid_apply(below ? &o->negative : &o->positive, 1, &scaled, &y[c]);
        }
    }
}

static void backward(const nib_quantize_call *call)
{
    const options *o = call->options;
    const float slope = (float)o->negative_slope;
    const float highest = o->ste == STE_CLIP ? o->positive.highest * o->positive.step : INFINITY;
    for (int64_t r = 0; r < call->rows; r++) {
        const float *x = call->x + r * call->stride, *dy = call->dy + r * call->stride;
        float *dx = call->dx + r * call->stride;
        for (int64_t c = 0; c < call->cols; c++) {
            const float passed = x[c] > 0.0f ? dy[c] : slope * dy[c];
            dx[c] = x[c] > highest ? 0.0f : passed;
        }
    }
}

/* relu clipped to the range: what is left without steps. */
static void unquantized(const nib_quantize_call *call)
{
    const options *o = call->options;
    const float slope = (float)o->negative_slope, highest = o->positive.highest * o->positive.step;
    for (int64_t r = 0; r < call->rows; r++)
        for (int64_t c = 0; c < call->cols; c++) {
            const float x = call->x[r * call->stride + c];
            const float below = x > 0.0f ? x : slope * x;
            call->y[r * call->stride + c] = x > highest ? highest : below;
        }
}

static nib_status lower(const nib_quantize_call *call, nib_lowered *lowered, nib_error *err)
{
    const options *o = call->options;
    nib_fixed type = o->type;
    lowered->is_cast = o->negative_slope == 0.0;
    if (!lowered->is_cast) { /* the same steps on both sides, and -slope * 2^integer at the lower end */
        type.bits++;
        type.integer++;
        type.is_signed = true;
    }
    return nib_lowered_scaled(lowered, 0, &type, 1.0f, err);
}

static int64_t grid(const void *filled, bool training, int64_t channels, nib_quantizer_step *steps)
{
    const options *o = filled;
    (void)training;
    (void)channels;
    if (o->negative_slope != 0.0)
        return 0;
    steps[0].grid = o->positive;
    steps[0].lowest = FLT_MIN; /* x > 0: no denormals here */
    steps[0].highest = o->ste == STE_CLIP ? o->positive.highest * o->positive.step : INFINITY;
    return 1;
}

static const char *const cases[] = {"quantized_relu(6)", "quantized_relu(4, 2)",
                                    "quantized_relu(bits=8, integer=1, negative_slope=0.25)",
                                    "quantized_relu(3, -1, ste=pass)", NULL};

const nib_quantizer nib_quantizer_quantized_relu = {
    .name = "quantized_relu",
    .help = "relu, or leaky relu, in fixed point with ties to even",
    .source = "QKeras 0.9.0",
    .options = NIB_OPTION_TABLE(options, rows),
    .n_positional = 2,
    .check = check,
    .forward = forward,
    .backward = backward,
    .unquantized = unquantized,
    .unquantized_backward = backward,
    .lower = lower,
    .grid = grid,
    .cases = cases,
};
