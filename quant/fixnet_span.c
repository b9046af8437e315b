#include "quant/fixnet_internal.h"

#include <assert.h>

static bool within(const nib_fixed *type, nib_wide code)
{
    return code >= nib_fixed_lowest(type) && code <= nib_fixed_highest(type);
}

nib_fix_span nib_fix_span_cast(const nib_fixed *type, nib_fix_span span)
{
    if (type->bits == 0)
        return (nib_fix_span){0};
    const int fraction = nib_fixed_fraction(type), shift = span.fraction - fraction;
    const nib_wide lowest = nib_fixed_lowest(type), highest = nib_fixed_highest(type);
    /* Rounding is monotone in every mode, and so is clamping. */
    nib_wide low = nib_wide_round(type->rounding, span.low, shift);
    nib_wide high = nib_wide_round(type->rounding, span.high, shift);
    if (!within(type, low) || !within(type, high)) {
        if (type->overflow == NIB_OVERFLOW_WRAP)
            return (nib_fix_span){lowest, highest, fraction};
        const bool zero = type->overflow == NIB_OVERFLOW_SAT_ZERO;
        if (zero && (low > highest || high < lowest))
            return (nib_fix_span){0, 0, fraction};
        low = low < lowest ? lowest : low > highest ? highest : low;
        high = high < lowest ? lowest : high > highest ? highest : high;
        if (zero) { /* what is out of range becomes 0 */
            low = low > 0 ? 0 : low;
            high = high < 0 ? 0 : high;
        }
    }
    return (nib_fix_span){low, high, fraction};
}

nib_fix_span nib_fix_span_times(nib_fix_span span, int64_t code, int fraction)
{
    const nib_wide a = span.low * code, b = span.high * code;
    return (nib_fix_span){a < b ? a : b, a < b ? b : a, span.fraction + fraction};
}

static void align(nib_fix_span *a, nib_fix_span *b)
{
    nib_fix_span *coarse = a->fraction < b->fraction ? a : b;
    const int fraction = a->fraction < b->fraction ? b->fraction : a->fraction;
    const int shift = fraction - coarse->fraction;
    coarse->low = nib_wide_shift_up(coarse->low, shift);
    coarse->high = nib_wide_shift_up(coarse->high, shift);
    coarse->fraction = fraction;
}

/* Beyond 125 bits nothing is accepted, but the way there must not overflow. */
static nib_wide ended(nib_wide v)
{
    const nib_wide end = (nib_wide)1 << NIB_WIDE_BITS;
    return v < -end ? -end : v > end ? end : v;
}

nib_fix_span nib_fix_span_plus(nib_fix_span a, nib_fix_span b)
{
    align(&a, &b);
    return (nib_fix_span){ended(a.low + b.low), ended(a.high + b.high), a.fraction};
}

nib_fix_span nib_fix_span_join(nib_fix_span a, nib_fix_span b)
{
    align(&a, &b);
    return (nib_fix_span){a.low < b.low ? a.low : b.low, a.high > b.high ? a.high : b.high, a.fraction};
}

nib_fix_span nib_fix_span_of(const nib_fix_interval *interval, int64_t index)
{
    return (nib_fix_span){interval->low[index], interval->high[index], interval->fraction};
}

int nib_fix_types_fraction(const nib_fix_types *types)
{
    int fraction = 0;
    bool found = false;
    for (int64_t i = 0; i < types->count; ++i) {
        const nib_fixed type = nib_fix_type_at(types, i);
        if (type.bits == 0)
            continue;
        const int own = nib_fixed_fraction(&type);
        if (!found || own > fraction)
            fraction = own;
        found = true;
    }
    return fraction;
}

int nib_fix_types_width(const nib_fix_types *types, int fraction)
{
    int width = 0;
    for (int64_t i = 0; i < types->count; ++i) {
        const nib_fixed type = nib_fix_type_at(types, i);
        if (type.bits == 0)
            continue;
        const int own = type.bits + fraction - nib_fixed_fraction(&type);
        if (own > width)
            width = own;
    }
    return width;
}

nib_fix_span nib_fix_span_trimmed(const nib_fix_array *array, int64_t index)
{
    const nib_fixed type = nib_fix_type_at(&array->type, index);
    const int64_t code = array->code[index];
    if (code == 0)
        return (nib_fix_span){0};
    const int zeros = __builtin_ctzll((unsigned long long)code);
    return (nib_fix_span){code >> zeros, code >> zeros, nib_fixed_fraction(&type) - zeros};
}
