#include "quant/wide.h"

#include <assert.h>
#include <stddef.h>

int nib_wide_width(nib_wide mantissa)
{
    const nib_wide_bits bits =
        mantissa < 0 ? (nib_wide_bits)0 - (nib_wide_bits)mantissa : (nib_wide_bits)mantissa;
    const uint64_t high = (uint64_t)(bits >> 64), low = (uint64_t)bits;
    if (high)
        return 128 - __builtin_clzll(high);
    return low ? 64 - __builtin_clzll(low) : 0;
}

nib_wide nib_wide_shift_up(nib_wide mantissa, int shift)
{
    assert(shift >= 0);
    if (mantissa == 0)
        return 0;
    const nib_wide end = (nib_wide)1 << NIB_WIDE_BITS;
    if (nib_wide_width(mantissa) + shift > NIB_WIDE_BITS)
        return mantissa < 0 ? -end : end;
    return mantissa * ((nib_wide)1 << shift);
}

/* floor(mantissa * 2^-shift); what it drops, against one half: -1 below, 0 equal, 1 above; *exact: nothing.
 */
static nib_wide split(nib_wide mantissa, int shift, int *against_half, bool *exact)
{
    *exact = mantissa == 0;
    if (shift > NIB_WIDE_BITS + 1) { /* |mantissa| * 2^-shift is below 1/2 */
        *against_half = mantissa < 0 ? 1 : -1;
        return mantissa < 0 ? -1 : 0;
    }
    /* Right shifts of negative numbers round down on every compiler nibble builds with (gcc, clang). */
    const nib_wide_bits mask = ((nib_wide_bits)1 << shift) - 1, half = (nib_wide_bits)1 << (shift - 1);
    const nib_wide_bits low = (nib_wide_bits)mantissa & mask;
    *exact = low == 0;
    *against_half = low < half ? -1 : low > half;
    return mantissa >> shift;
}

nib_wide nib_wide_round(nib_rounding rounding, nib_wide mantissa, int shift)
{
    if (shift <= 0)
        return nib_wide_shift_up(mantissa, -shift);
    int against_half;
    bool exact, up = false;
    const nib_wide floor_ = split(mantissa, shift, &against_half, &exact);
    const bool negative = mantissa<0, above = against_half> 0, tie = against_half == 0;
    switch (rounding) {
    case NIB_ROUNDING_TRN:
        break;
    case NIB_ROUNDING_TRN_ZERO:
        up = negative && !exact;
        break;
    case NIB_ROUNDING_RND:
        up = above || tie;
        break;
    case NIB_ROUNDING_RND_ZERO:
        up = above || (tie && negative);
        break;
    case NIB_ROUNDING_RND_INF:
        up = above || (tie && !negative);
        break;
    case NIB_ROUNDING_RND_MIN_INF:
        up = above;
        break;
    case NIB_ROUNDING_RND_CONV:
        up = above || (tie && (floor_ & 1));
        break;
    case NIB_ROUNDING_COUNT:
        assert(false && "a rounding mode");
    }
    return floor_ + (up ? 1 : 0);
}

/* The low bits of mantissa * 2^shift. */
static int64_t wrapped(const nib_fixed *type, nib_wide mantissa, int shift)
{
    if (shift > 63)
        return 0;
    const uint64_t bits = (uint64_t)mantissa << shift, sign = (uint64_t)1 << (type->bits - 1);
    const uint64_t low = bits & ((sign << 1) - 1);
    if (type->is_signed && (low & sign))
        return (int64_t)(low - sign) - (int64_t)(sign - 1) - 1;
    return (int64_t)low;
}

int64_t nib_wide_cast(const nib_fixed *type, nib_wide mantissa, int fraction, bool *lost)
{
    if (lost)
        *lost = false;
    if (type->bits == 0)
        return 0;
    const int shift = fraction - nib_fixed_fraction(type);
    const nib_wide code = nib_wide_round(type->rounding, mantissa, shift);
    const int64_t lowest = nib_fixed_lowest(type), highest = nib_fixed_highest(type);
    if (code >= lowest && code <= highest)
        return (int64_t)code;
    if (lost)
        *lost = true;
    switch (type->overflow) {
    case NIB_OVERFLOW_WRAP: /* nib_wide_round may have ended at 2^125 where it shifts up */
        return shift < 0 ? wrapped(type, mantissa, -shift) : wrapped(type, code, 0);
    case NIB_OVERFLOW_SAT_ZERO:
        return 0;
    case NIB_OVERFLOW_SAT:
    case NIB_OVERFLOW_SAT_SYM:
    case NIB_OVERFLOW_COUNT:
        break;
    }
    return code < lowest ? lowest : highest;
}
