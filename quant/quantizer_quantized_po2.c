#include <float.h>
#include <math.h>

#include "quant/lowered_types.h"
#include "quant/quantizer.h"
#include "quant/scale.h"

/* y = sign(x) 2^e (0 counts as positive, and zero is not among the values), e = log2 |x| rounded and clipped
 * to -2^k .. 2^k - 1 with k = bits - 2, or bits - 1 where max_value <= 1 leaves the exponent without a sign.
 * |x| < 1e-7 gets the smallest exponent; |x| above max_value counts as max_value. dx = dy. */

typedef struct options {
    int64_t bits;
    double max_value;
    int log2_rounding, ste;
    int lowest, highest; /* exponents */
} options;

enum { ROUND_NEAREST, ROUND_FLOOR };
enum { STE_PASS, STE_CLIP };
enum { SMALLEST_EXPONENT = -126 }; /* of normal floats */

static const nib_option rows[] = {
    NIB_ROW(options, bits, NIB_OPTION_INT, "8", 2, 8, NULL, "bits", "sign, and exponent with its sign"),
    NIB_ROW(options, max_value, NIB_OPTION_FLOAT, "0", 0, 1e30, NULL, "", "largest |x|; 0: none"),
    NIB_ROW(options, log2_rounding, NIB_OPTION_CHOICE, "rnd", 0, 0, "rnd|floor", "", "of the exponent"),
    NIB_ROW(options, ste, NIB_OPTION_CHOICE, "pass", 0, 0, "pass|clip", "",
            "gradient beyond the largest value: passed or 0"),
};

static nib_status check(void *filled, const char **warning, nib_error *err)
{
    options *o = filled;
    (void)warning;
    (void)err;
    const bool exponent_has_sign = o->max_value == 0 || o->max_value > 1;
    const int range = 1 << (o->bits - (exponent_has_sign ? 2 : 1));
    o->lowest = -range < SMALLEST_EXPONENT ? SMALLEST_EXPONENT : -range;
    o->highest = range - 1;
    return NIB_OK;
}

static float quantize(const options *o, float x)
{
    float magnitude = fabsf(x);
    int exponent = o->lowest;
    if (isnan(x))
        return x;
    if (magnitude >= 1e-7f) {
        if (o->max_value > 0 && magnitude > (float)o->max_value)
            magnitude = (float)o->max_value;
        /* magnitude = f * 2^exponent, f in [1/2, 1): log2 rounds up above 1/sqrt(2), which the
         * constant is the last float below.
         */
        const float f = frexpf(magnitude < 0x1p127f ? magnitude : 0x1p127f, &exponent);
        if (o->log2_rounding == ROUND_FLOOR || f <= 0.70710677f)
            exponent--;
        exponent = exponent < o->lowest ? o->lowest : exponent > o->highest ? o->highest : exponent;
    }
    return copysignf(ldexpf(1.0f, exponent), x < 0.0f ? -1.0f : 1.0f);
}

static void forward(const nib_quantize_call *call)
{
    for (int64_t r = 0; r < call->rows; r++)
        for (int64_t c = 0; c < call->cols; c++)
            call->y[r * call->stride + c] = quantize(call->options, call->x[r * call->stride + c]);
}

static void backward(const nib_quantize_call *call)
{
    const options *o = call->options;
    const float end = o->ste == STE_CLIP ? ldexpf(1.0f, o->highest) : INFINITY;
    nib_scale_pass(call, -end, end);
}

/* The smallest and the largest exponent: of all values, or of those that x has. */
static void exponents(const options *o, const nib_quantize_call *call, bool of_values, int *lowest,
                      int *highest)
{
    (void)frexpf(quantize(o, FLT_MAX), highest);
    --*highest;
    *lowest = o->lowest < *highest ? o->lowest : *highest;
    if (!of_values)
        return;
    int least = *highest, most = *lowest;
    for (int64_t r = 0; r < call->rows; r++)
        for (int64_t c = 0; c < call->cols; c++) {
            int exponent;
            (void)frexpf(quantize(o, call->x[r * call->stride + c]), &exponent);
            least = exponent - 1 < least ? exponent - 1 : least;
            most = exponent - 1 > most ? exponent - 1 : most;
        }
    *lowest = least;
    *highest = most;
}

static nib_status lower(const nib_quantize_call *call, nib_lowered *lowered, nib_error *err)
{
    const options *o = call->options;
    int lowest, highest;
    exponents(o, call, false, &lowest, &highest);
    if (highest - lowest + 2 > NIB_FIXED_MAX_BITS && call->x)
        exponents(o, call, true, &lowest, &highest);
    const nib_fixed type = {highest - lowest + 2, highest + 2, true, NIB_ROUNDING_RND_CONV,
                            NIB_OVERFLOW_SAT_SYM};
    if (type.bits > NIB_FIXED_MAX_BITS)
        return nib_fail(
            err, NIB_ERR_CONFIG,
            "powers of two from 2^%d to 2^%d need a type of %d bits; %d are possible (fewer bits, "
            "or a smaller max_value)",
            lowest, highest, type.bits, NIB_FIXED_MAX_BITS);
    return nib_lowered_scaled(lowered, 0, &type, 1.0f, err);
}

static const char *const cases[] = {"quantized_po2(4)", "quantized_po2(bits=3, max_value=1)",
                                    "quantized_po2(5, 2.0, log2_rounding='floor', ste=clip)", NULL};

const nib_quantizer nib_quantizer_quantized_po2 = {
    .name = "quantized_po2",
    .help = "the nearest power of two, with a sign",
    .source = "QKeras 0.9.0",
    .options = NIB_OPTION_TABLE(options, rows),
    .n_positional = 2,
    .check = check,
    .forward = forward,
    .backward = backward,
    .lower = lower,
    .cases = cases,
};
