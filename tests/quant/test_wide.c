/** Casts of 128-bit numbers against the exact cast of 64-bit ones, and by hand where 64 bits do not suffice.
 */
#include <criterion/criterion.h>

#include "quant/wide.h"

static uint64_t next(uint64_t *state)
{
    *state += 0x9E3779B97F4A7C15u;
    uint64_t z = *state;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
}

static nib_fixed random_type(uint64_t *state)
{
    return (nib_fixed){.bits = 1 + (int)(next(state) % 63),
                       .integer = (int)(next(state) % 40) - 10,
                       .is_signed = next(state) & 1,
                       .rounding = (nib_rounding)(next(state) % NIB_ROUNDING_COUNT),
                       .overflow = (nib_overflow)(next(state) % NIB_OVERFLOW_COUNT)};
}

Test(wide, agrees_with_the_exact_cast)
{
    uint64_t state = 1;
    int64_t lost_count = 0;
    for (int i = 0; i < 2000000; ++i) {
        const nib_fixed type = random_type(&state);
        const int64_t mantissa = (int64_t)next(&state) >> (next(&state) % 64);
        const int fraction = (int)(next(&state) % 160) - 50;
        bool lost;
        const int64_t wide = nib_wide_cast(&type, mantissa, fraction, &lost);
        const int64_t exact = nib_fixed_cast(&type, mantissa, fraction);
        lost_count += lost;
        if (wide != exact) {
            char text[NIB_FIXED_TEXT_BYTES];
            cr_assert_fail("%s of %lld * 2^-%d: %lld, exact %lld",
                           nib_fixed_print(&type, NIB_FIXED_PLAIN, text), (long long)mantissa, fraction,
                           (long long)wide, (long long)exact);
        }
    }
    cr_assert(lost_count > 100000, "only %lld casts overflowed", (long long)lost_count);
}

Test(wide, beyond_64_bits)
{
    const nib_fixed wrap = {.bits = 8, .integer = 8, .is_signed = true};
    const nib_wide odd = ((nib_wide)5 << 100) + ((nib_wide)77 << 30);
    bool lost;
    cr_assert(nib_wide_cast(&wrap, odd, 30, &lost) == 77 && lost, "the low bits of 5 * 2^70 + 77 are 77");
    const nib_fixed sat = {.bits = 63, .integer = 63, .is_signed = true, .overflow = NIB_OVERFLOW_SAT};
    cr_assert(nib_wide_cast(&sat, -odd, 0, NULL) == -((int64_t)1 << 62), "-5 * 2^100 saturates at -2^62");
    const nib_fixed half = {.bits = 20, .integer = 20, .is_signed = true, .rounding = NIB_ROUNDING_RND_CONV};
    const nib_wide tie = ((nib_wide)5 << 99) / 1; /* 2.5 * 2^100 */
    cr_assert(nib_wide_cast(&half, tie, 100, &lost) == 2 && !lost, "2.5 rounds to even");
    cr_assert(nib_wide_cast(&half, tie + 1, 100, NULL) == 3, "a little above 2.5 rounds up");
    cr_assert(nib_wide_width(-((nib_wide)1 << 90)) == 91 && nib_wide_width(0) == 0, "widths");
    cr_assert(nib_wide_shift_up(3, 500) == (nib_wide)1 << NIB_WIDE_BITS, "shifts end at 2^125");
    const nib_fixed removed = {0};
    cr_assert(nib_wide_cast(&removed, odd, 3, &lost) == 0 && !lost, "what is removed is 0");
}
