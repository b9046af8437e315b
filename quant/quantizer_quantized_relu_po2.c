#include <float.h>
#include <math.h>

#include "quant/lowered_types.h"
#include "quant/po2.h"
#include "quant/scale.h"
#include "quant/stochastic.h"

/* y = 2^e for x >= 0, e = log2 x rounded and clipped to -2^k .. 2^k - 1 with k = bits - 1, or bits where
 * max_value <= 1 leaves the exponent without a sign. x < 0 gets the smallest power (zero is not among the
 * values), or with a negative slope s -2^e of s |x|. dx = dy for 0 < x <= max_value, 0 above, s dy below. */

typedef struct options {
    int64_t bits;
    double max_value, negative_slope;
    bool use_stochastic_rounding, quadratic_approximation;
    int log2_rounding;
    bool use_ste;
    float slope, upper;
    nib_po2 po2;
} options;

static const nib_option rows[] = {
    NIB_ROW(options, bits, NIB_OPTION_INT, "8", 1, 8, NULL, "bits", "the exponent with its sign"),
    NIB_PO2_MAX_VALUE_ROW(options),
    NIB_ROW(options, negative_slope, NIB_OPTION_FLOAT, "0", 0, 1, NULL, "", "0 or a power of two"),
    NIB_STOCHASTIC_ROW(options),
    NIB_PO2_QUADRATIC_ROW(options),
    NIB_PO2_ROUNDING_ROW(options),
    NIB_STOCHASTIC_USE_STE_ROW(options),
};

static nib_status check(void *filled, const char **warning, nib_error *err)
{
    options *o = filled;
    int exponent;
    if (o->negative_slope > 0 && (frexp(o->negative_slope, &exponent) != 0.5 || o->negative_slope < 0x1p-20))
        return nib_fail(err, NIB_ERR_CONFIG,
                        "negative_slope: %g is neither 0 nor a power of two from 2^-20 to 1",
                        o->negative_slope);
    o->slope = (float)o->negative_slope;
    o->upper = o->max_value > 0 ? (float)o->max_value : INFINITY;
    o->po2 = (nib_po2){.max_value = o->max_value,
                       .random = o->use_stochastic_rounding,
                       .quadratic = o->quadratic_approximation,
                       .floor = o->log2_rounding != 0};
    if (o->po2.random && o->po2.floor)
        *warning = "use_stochastic_rounding is ignored with log2_rounding=floor, as in QKeras";
    return nib_po2_exponents(&o->po2, o->bits, err);
}

static float quantize(const options *o, bool training, float x, float u)
{
    if (isnan(x))
        return x;
    const bool negative = x < 0.0f && o->slope > 0.0f;
    const float positive = x > 0.0f ? x : 0.0f;
    const int e = nib_po2_exponent(&o->po2, training, negative ? -x * o->slope : positive, u);
    return negative ? -ldexpf(1.0f, e) : ldexpf(1.0f, e);
}

static void forward(const nib_quantize_call *call)
{
    const options *o = call->options;
    const bool random = o->po2.random && call->training;
    float u[NIB_STOCHASTIC_CHUNK] = {0};
    for (int64_t r = 0; r < call->rows; r++)
        for (int64_t c = 0; c < call->cols; c++) {
            const int64_t k = c % NIB_STOCHASTIC_CHUNK, left = call->cols - c;
            if (random && k == 0)
                nib_stochastic_draw(call, r, c, left < NIB_STOCHASTIC_CHUNK ? left : NIB_STOCHASTIC_CHUNK, 0,
                                    u);
            call->y[r * call->stride + c] = quantize(o, call->training, call->x[r * call->stride + c], u[k]);
        }
}

static void pass_relu(const nib_quantize_call *call)
{
    const options *o = call->options;
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
            const float x = call->x[r * call->stride + c], y = x > 0.0f ? x : o->slope * x;
            call->y[r * call->stride + c] = x > o->upper ? o->upper : y;
        }
}

static nib_status lower(const nib_quantize_call *call, nib_lowered *lowered, nib_error *err)
{
    const options *o = call->options;
    int lowest, highest;
    nib_fixed type = {0};
    nib_po2_range(&o->po2, &lowest, &highest);
    lowered->is_table = true;
    NIB_TRY(nib_po2_type(lowest, highest, o->slope > 0.0f, &type, err));
    return nib_lowered_scaled(lowered, 0, &type, 1.0f, err);
}

static const char *const cases[] = {"quantized_relu_po2(3)",
                                    "quantized_relu_po2(bits=3, max_value=1)",
                                    "quantized_relu_po2(4, 2.0, 0.25, log2_rounding='floor')",
                                    "quantized_relu_po2(3, 4, use_stochastic_rounding=True)",
                                    "quantized_relu_po2(3, quadratic_approximation=1)",
                                    NULL};

const nib_quantizer nib_quantizer_quantized_relu_po2 = {
    .name = "quantized_relu_po2",
    .help = "the power of two nearest to relu(x), never zero",
    .source = "QKeras 0.9.0",
    .options = NIB_OPTION_TABLE(options, rows),
    .n_positional = 6,
    .check = check,
    .forward = forward,
    .backward = backward,
    .unquantized = unquantized,
    .unquantized_backward = pass_relu,
    .lower = lower,
    .cases = cases,
};
