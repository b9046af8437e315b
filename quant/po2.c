#include "quant/po2.h"

#include <float.h>
#include <math.h>

enum { SMALLEST_EXPONENT = -126 }; /* of normal floats */
enum { LARGEST_EXPONENT = 126 };
static const float epsilon = 1e-7f; /* of Keras */

nib_status nib_po2_exponents(nib_po2 *po2, int64_t code_bits, nib_error *err)
{
    const bool has_sign = po2->max_value == 0 || po2->max_value > 1;
    const int64_t bits = code_bits - (has_sign ? 1 : 0);
    if (bits < 0)
        return nib_fail(err, NIB_ERR_CONFIG, "no bit is left for the exponent");
    const int range = bits < 7 ? 1 << bits : 128;
    po2->lowest = -range < SMALLEST_EXPONENT ? SMALLEST_EXPONENT : -range;
    po2->highest = range - 1 > LARGEST_EXPONENT ? LARGEST_EXPONENT : range - 1;
    if (po2->quadratic) {
        po2->lowest = po2->lowest < SMALLEST_EXPONENT / 2 ? SMALLEST_EXPONENT / 2 : po2->lowest;
        po2->highest = 2 * (po2->highest / 2);
        po2->highest = po2->highest > LARGEST_EXPONENT / 2 ? LARGEST_EXPONENT / 2 : po2->highest;
    }
    return NIB_OK;
}

/* log2(v) rounded to an integer, exactly: v = f * 2^exponent, f in [1/2, 1). */
static int rounded_log2(const nib_po2 *po2, bool random, float v, float u)
{
    int exponent;
    const float f = frexpf(v, &exponent);
    if (random) /* 2f - 1 is the place between the two powers */
        return u < 2.0f * f - 1.0f ? exponent : exponent - 1;
    /* To nearest: up above 1/sqrt(2), which the constant is the last float below. */
    return po2->floor || f <= 0.70710677f ? exponent - 1 : exponent;
}

int nib_po2_exponent(const nib_po2 *po2, bool training, float magnitude, float u)
{
    if (magnitude < epsilon)
        return po2->lowest;
    if (po2->max_value > 0 && magnitude > (float)po2->max_value)
        magnitude = (float)po2->max_value;
    if (magnitude > 0x1p126f)
        magnitude = 0x1p126f;
    const bool random = po2->random && training && !po2->floor;
    int exponent = rounded_log2(po2, random, po2->quadratic ? sqrtf(magnitude) : magnitude, u);
    exponent = exponent < po2->lowest ? po2->lowest : exponent > po2->highest ? po2->highest : exponent;
    return po2->quadratic ? 2 * exponent : exponent;
}

void nib_po2_range(const nib_po2 *po2, int *lowest, int *highest)
{
    /* Rounded up at random, the largest can be one above what evaluation gives. */
    *highest = nib_po2_exponent(po2, po2->random, FLT_MAX, 0.0f);
    *lowest = nib_po2_exponent(po2, false, epsilon, 0.0f);
    *lowest = po2->lowest < *lowest ? po2->lowest : *lowest; /* of |x| < epsilon */
    *lowest = *lowest < *highest ? *lowest : *highest;
}

nib_status nib_po2_type(int lowest, int highest, bool is_signed, nib_fixed *type, nib_error *err)
{
    const int magnitude_bits = highest - lowest + 1, bits = magnitude_bits + (is_signed ? 1 : 0);
    if (bits > NIB_FIXED_MAX_BITS)
        return nib_fail(
            err, NIB_ERR_CONFIG,
            "powers of two from 2^%d to 2^%d need a type of %d bits; %d are possible (fewer bits, "
            "or a smaller max_value)",
            lowest, highest, bits, NIB_FIXED_MAX_BITS);
    *type = (nib_fixed){.bits = bits,
                        .integer = highest + (is_signed ? 2 : 1),
                        .is_signed = is_signed,
                        .rounding = NIB_ROUNDING_RND_CONV,
                        .overflow = is_signed ? NIB_OVERFLOW_SAT_SYM : NIB_OVERFLOW_SAT};
    return NIB_OK;
}

float nib_po2_largest(const nib_po2 *po2)
{
    int lowest, highest;
    nib_po2_range(po2, &lowest, &highest);
    return ldexpf(1.0f, highest);
}
