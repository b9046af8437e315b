#include <math.h>

#include "quant/lowered_types.h"
#include "quant/po2.h"
#include "quant/scale.h"
#include "quant/stochastic.h"

/* y = sign(x) 2^e (0 counts as positive, and zero is not among the values), e = log2 |x| rounded and clipped
 * to -2^k .. 2^k - 1 with k = bits - 2, or bits - 1 where max_value <= 1 leaves the exponent without a sign.
 * |x| < 1e-7 gets the smallest exponent; |x| above max_value counts as max_value. dx = dy. */

typedef struct options {
    int64_t bits;
    double max_value;
    bool use_stochastic_rounding, quadratic_approximation;
    int log2_rounding, ste;
    bool use_ste;
    nib_po2 po2;
} options;

enum { STE_PASS, STE_CLIP };

static const nib_option rows[] = {
    NIB_ROW(options, bits, NIB_OPTION_INT, "8", 2, 8, NULL, "bits", "sign, and exponent with its sign"),
    NIB_PO2_MAX_VALUE_ROW(options),
    NIB_STOCHASTIC_ROW(options),
    NIB_PO2_QUADRATIC_ROW(options),
    NIB_PO2_ROUNDING_ROW(options),
    NIB_ROW(options, ste, NIB_OPTION_CHOICE, "pass", 0, 0, "pass|clip", "",
            "gradient beyond the largest value: passed or 0"),
    NIB_STOCHASTIC_USE_STE_ROW(options),
};

static nib_status check(void *filled, const char **warning, nib_error *err)
{
    options *o = filled;
    o->po2 = (nib_po2){.max_value = o->max_value,
                       .random = o->use_stochastic_rounding,
                       .quadratic = o->quadratic_approximation,
                       .floor = o->log2_rounding != 0};
    if (o->po2.random && o->po2.floor)
        *warning = "use_stochastic_rounding is ignored with log2_rounding=floor, as in QKeras";
    return nib_po2_exponents(&o->po2, o->bits - 1, err);
}

static float quantize(const options *o, bool training, float x, float u)
{
    if (isnan(x))
        return x;
    const float magnitude = ldexpf(1.0f, nib_po2_exponent(&o->po2, training, fabsf(x), u));
    return x < 0.0f ? -magnitude : magnitude;
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

static void backward(const nib_quantize_call *call)
{
    const options *o = call->options;
    const float end = o->ste == STE_CLIP ? nib_po2_largest(&o->po2) : INFINITY;
    if (o->use_ste)
        nib_scale_pass(call, -end, end);
    else
        nib_stochastic_no_gradient(call);
}

/* The exponents that x has. */
static void range_of_values(const options *o, const nib_quantize_call *call, int *lowest, int *highest)
{
    int least = *highest, most = *lowest;
    for (int64_t r = 0; r < call->rows; r++)
        for (int64_t c = 0; c < call->cols; c++) {
            const int e = nib_po2_exponent(&o->po2, false, fabsf(call->x[r * call->stride + c]), 0.0f);
            least = e < least ? e : least;
            most = e > most ? e : most;
        }
    *lowest = least;
    *highest = most;
}

static nib_status lower(const nib_quantize_call *call, nib_lowered *lowered, nib_error *err)
{
    const options *o = call->options;
    int lowest, highest;
    nib_po2_range(&o->po2, &lowest, &highest);
    if (highest - lowest + 2 > NIB_FIXED_MAX_BITS && call->x)
        range_of_values(o, call, &lowest, &highest);
    lowered->is_table = true;
    nib_fixed type = {0};
    NIB_TRY(nib_po2_type(lowest, highest, true, &type, err));
    return nib_lowered_scaled(lowered, 0, &type, 1.0f, err);
}

static const char *const cases[] = {"quantized_po2(4)",
                                    "quantized_po2(bits=3, max_value=1)",
                                    "quantized_po2(5, 2.0, log2_rounding='floor', ste=clip)",
                                    "quantized_po2(4, None, True)",
                                    "quantized_po2(4, quadratic_approximation=1)",
                                    NULL};

const nib_quantizer nib_quantizer_quantized_po2 = {
    .name = "quantized_po2",
    .help = "the nearest power of two, with a sign",
    .source = "QKeras 0.9.0",
    .options = NIB_OPTION_TABLE(options, rows),
    .n_positional = 5,
    .check = check,
    .forward = forward,
    .backward = backward,
    .lower = lower,
    .cases = cases,
};
