// nibble's exact cast against ap_fixed (see fixed_headers.sh).
#include <cmath>
#include <cstdint>
#include <cstdio>

#include "ap_fixed.h"

extern "C" {
#include "quant/fixed.h"
}

static long casts, differences;

template <class Type> static long long code_of(const Type &value, int fraction)
{
    return std::llround(std::ldexp(value.to_double(), fraction));
}

static void compare(const nib_fixed &type, long long theirs, long long ours, double x)
{
    casts++;
    if (theirs == ours)
        return;
    if (differences++ < 20)
        std::printf("%a as %sfixed<%d,%d>, rounding %d, overflow %d: ap_fixed %lld, nibble %lld\n", x,
                    type.is_signed ? "" : "u", type.bits, type.integer, type.rounding, type.overflow, theirs, ours);
}

template <class To> static void from_double(const nib_fixed &type, double x)
{
    if (x != 0 && std::fabs(x) < 0x1p-126)
        return; // zero to nibble, by contract; ap_fixed rounds -1e-40 down to -1 step
    compare(type, code_of(To(x), type.bits - type.integer), nib_fixed_cast_double(&type, x), x);
}

// Every code of From, and doubles on and between the codes of To.
template <class To, class From> static void run(nib_fixed type, int from_bits, int from_integer)
{
    const int fraction = from_bits - from_integer;
    for (long long mantissa = -(1LL << (from_bits - 1)); mantissa < 1LL << (from_bits - 1); mantissa++) {
        const double x = std::ldexp((double)mantissa, -fraction);
        compare(type, code_of(To(From(x)), type.bits - type.integer), nib_fixed_cast(&type, mantissa, fraction), x);
    }
    for (int i = -100; i < 100; i++) {
        const double x = std::ldexp(i, type.integer - type.bits - 1);
        from_double<To>(type, x);
        from_double<To>(type, std::nextafter(x, 1e300));
        from_double<To>(type, std::nextafter(x, -1e300));
    }
}

template <int W, int I, int FROM_W, int FROM_I, ap_q_mode Q, ap_o_mode O> static void sign(nib_rounding q, nib_overflow o)
{
    run<ap_fixed<W, I, Q, O>, ap_fixed<FROM_W, FROM_I>>(nib_fixed{W, I, true, q, o}, FROM_W, FROM_I);
    run<ap_ufixed<W, I, Q, O>, ap_fixed<FROM_W, FROM_I>>(nib_fixed{W, I, false, q, o}, FROM_W, FROM_I);
}

template <int W, int I, int FROM_W, int FROM_I, ap_q_mode Q> static void overflows(nib_rounding q)
{
    sign<W, I, FROM_W, FROM_I, Q, AP_WRAP>(q, NIB_OVERFLOW_WRAP);
    sign<W, I, FROM_W, FROM_I, Q, AP_SAT>(q, NIB_OVERFLOW_SAT);
    sign<W, I, FROM_W, FROM_I, Q, AP_SAT_ZERO>(q, NIB_OVERFLOW_SAT_ZERO);
    sign<W, I, FROM_W, FROM_I, Q, AP_SAT_SYM>(q, NIB_OVERFLOW_SAT_SYM);
}

template <int W, int I, int FROM_W, int FROM_I> static void modes()
{
    overflows<W, I, FROM_W, FROM_I, AP_TRN>(NIB_ROUNDING_TRN);
    overflows<W, I, FROM_W, FROM_I, AP_TRN_ZERO>(NIB_ROUNDING_TRN_ZERO);
    overflows<W, I, FROM_W, FROM_I, AP_RND>(NIB_ROUNDING_RND);
    overflows<W, I, FROM_W, FROM_I, AP_RND_ZERO>(NIB_ROUNDING_RND_ZERO);
    overflows<W, I, FROM_W, FROM_I, AP_RND_INF>(NIB_ROUNDING_RND_INF);
    overflows<W, I, FROM_W, FROM_I, AP_RND_MIN_INF>(NIB_ROUNDING_RND_MIN_INF);
    overflows<W, I, FROM_W, FROM_I, AP_RND_CONV>(NIB_ROUNDING_RND_CONV);
}

int main()
{
    modes<8, 3, 12, 5>();  // fewer bits on both sides
    modes<6, 2, 11, 3>();
    modes<4, 4, 11, 6>();  // no fraction left
    modes<5, -1, 11, 2>(); // negative I
    modes<6, 8, 12, 10>(); // I > W
    modes<7, 3, 9, 6>();   // same fraction but one bit
    modes<12, 6, 8, 4>();  // more bits
    modes<2, 1, 10, 4>();
    modes<16, 6, 12, 8>();
    modes<1, 1, 10, 4>();
    std::printf("%ld casts, %ld differences from ap_fixed\n", casts, differences);
    return differences != 0;
}
