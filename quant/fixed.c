#include "quant/fixed.h"

#include <assert.h>
#include <float.h>
#include <math.h>

int nib_fixed_fraction(const nib_fixed *type)
{
    return type->bits - type->integer;
}

int64_t nib_fixed_highest(const nib_fixed *type)
{
    const int magnitude = type->bits - (type->is_signed ? 1 : 0);
    return (int64_t)(((uint64_t)1 << magnitude) - 1);
}

int64_t nib_fixed_lowest(const nib_fixed *type)
{
    if (!type->is_signed)
        return 0;
    const int64_t highest = nib_fixed_highest(type);
    const bool symmetric = type->overflow == NIB_OVERFLOW_SAT_SYM && type->bits > 1;
    return symmetric ? -highest : -highest - 1;
}

double nib_fixed_step(const nib_fixed *type)
{
    return ldexp(1.0, -nib_fixed_fraction(type));
}

double nib_fixed_value(const nib_fixed *type, int64_t code)
{
    return ldexp((double)code, -nib_fixed_fraction(type));
}

nib_status nib_fixed_check(const nib_fixed *type, int max_bits, nib_error *err)
{
    if (type->bits < 1 || type->bits > max_bits)
        return nib_fail(err, NIB_ERR_CONFIG, "a width of %d bits: 1 to %d are possible here", type->bits,
                        max_bits);
    if (type->integer < -NIB_FIXED_MAX_INTEGER || type->integer > NIB_FIXED_MAX_INTEGER)
        return nib_fail(err, NIB_ERR_CONFIG, "%d integer bits: -%d to %d are possible", type->integer,
                        NIB_FIXED_MAX_INTEGER, NIB_FIXED_MAX_INTEGER);
    assert(type->rounding < NIB_ROUNDING_COUNT && type->overflow < NIB_OVERFLOW_COUNT);
    return NIB_OK;
}

/* ---- Rounding: mantissa * 2^-shift to an integer ---- */

/* The dropped part against one half of the new step. */
typedef enum dropped { DROPPED_NONE, DROPPED_BELOW_HALF, DROPPED_HALF, DROPPED_ABOVE_HALF } dropped;

/* floor(mantissa * 2^-shift) and what it drops. */
static int64_t split(int64_t mantissa, int shift, dropped *rest)
{
    if (shift > 64) { /* |mantissa| * 2^-shift is below 1/2, or equal to it for no mantissa */
        *rest = mantissa == 0 ? DROPPED_NONE : mantissa < 0 ? DROPPED_ABOVE_HALF : DROPPED_BELOW_HALF;
        return mantissa < 0 ? -1 : 0;
    }
    /* Right shifts of negative numbers round down on every compiler nibble builds with (gcc, clang). */
    const int64_t floor_ = shift == 64 ? (mantissa < 0 ? -1 : 0) : mantissa >> shift;
    const uint64_t mask = shift == 64 ? UINT64_MAX : ((uint64_t)1 << shift) - 1;
    const uint64_t low = (uint64_t)mantissa & mask, half = (uint64_t)1 << (shift - 1);
    *rest = low == 0      ? DROPPED_NONE
            : low < half  ? DROPPED_BELOW_HALF
            : low == half ? DROPPED_HALF
                          : DROPPED_ABOVE_HALF;
    return floor_;
}

static bool rounds_up(nib_rounding rounding, dropped rest, bool negative, bool odd_floor)
{
    const bool tie = rest == DROPPED_HALF, above = rest == DROPPED_ABOVE_HALF;
    switch (rounding) {
    case NIB_ROUNDING_TRN:
        return false;
    case NIB_ROUNDING_TRN_ZERO:
        return negative && rest != DROPPED_NONE;
    case NIB_ROUNDING_RND:
        return above || tie;
    case NIB_ROUNDING_RND_ZERO:
        return above || (tie && negative);
    case NIB_ROUNDING_RND_INF:
        return above || (tie && !negative);
    case NIB_ROUNDING_RND_MIN_INF:
        return above;
    case NIB_ROUNDING_RND_CONV:
        return above || (tie && odd_floor);
    case NIB_ROUNDING_COUNT:
        break;
    }
    assert(false && "a rounding mode");
    return false;
}

/* ---- Overflow: mantissa * 2^shift to a code in range ---- */

/* The low `bits` bits, the top one a sign or not. */
static int64_t wrapped(const nib_fixed *type, uint64_t value)
{
    value &= ((uint64_t)1 << type->bits) - 1;
    const uint64_t sign = (uint64_t)1 << (type->bits - 1);
    if (type->is_signed && (value & sign))
        return (int64_t)(value - sign) - (int64_t)(sign - 1) - 1;
    return (int64_t)value;
}

static int64_t into_range(const nib_fixed *type, int64_t mantissa, int shift)
{
    if (type->overflow == NIB_OVERFLOW_WRAP)
        return shift > 63 ? 0 : wrapped(type, (uint64_t)mantissa << shift);
    const int64_t lowest = nib_fixed_lowest(type), highest = nib_fixed_highest(type);
    const int room = shift > 62 ? 63 : shift; /* no end of a range has more than 63 bits */
    const bool above = mantissa > (highest >> room), below = mantissa < -(-lowest >> room);
    if (!above && !below)
        return mantissa == 0 ? 0 : mantissa * ((int64_t)1 << shift);
    if (type->overflow == NIB_OVERFLOW_SAT_ZERO)
        return 0;
    return above ? highest : lowest;
}

int64_t nib_fixed_cast(const nib_fixed *type, int64_t mantissa, int fraction)
{
    assert(type->bits >= 1 && type->bits <= NIB_FIXED_MAX_ACCUM);
    const int shift = fraction - nib_fixed_fraction(type);
    if (shift <= 0)
        return into_range(type, mantissa, -shift);
    dropped rest;
    const int64_t floor_ = split(mantissa, shift, &rest);
    const bool up = rounds_up(type->rounding, rest, mantissa < 0, floor_ & 1);
    return into_range(type, floor_ + (up ? 1 : 0), 0);
}

int64_t nib_fixed_cast_double(const nib_fixed *type, double x)
{
    if (isnan(x) || fabs(x) < (double)FLT_MIN)
        return 0;
    if (isinf(x)) {
        if (type->overflow == NIB_OVERFLOW_WRAP || type->overflow == NIB_OVERFLOW_SAT_ZERO)
            return 0;
        return x > 0 ? nib_fixed_highest(type) : nib_fixed_lowest(type);
    }
    int exponent;
    const double mantissa = frexp(x, &exponent); /* x = mantissa * 2^exponent, mantissa in +-[1/2, 1) */
    return nib_fixed_cast(type, (int64_t)ldexp(mantissa, DBL_MANT_DIG), DBL_MANT_DIG - exponent);
}
