/* Casts and products in double against the exact cast and against 64-bit integers, for every instruction set
 * that this processor has. */
#include <criterion/criterion.h>
#include <math.h>

#include "core/rng.h"
#include "quant/double_loops.h"

enum { BLOCK = 1024 };

static const char *print(const nib_fixed *type)
{
    static char text[NIB_FIXED_TEXT_BYTES];
    return nib_fixed_print(type, NIB_FIXED_PLAIN, text);
}

/* Wide codes, ties, their neighbours, ends of the range and numbers far outside: mantissas of up to 53 bits
 * at steps around the type's. */
static double point(const nib_fixed *type, uint64_t seed, uint64_t i)
{
    const nib_rng kinds = {.seed = seed, .stream = 1}, values = {.seed = seed, .stream = 2};
    const double kind = nib_rng_uniform(&kinds, i), u = nib_rng_uniform(&values, i);
    const double codes = ldexp(1.0, type->bits), step = nib_fixed_step(type);
    const double code = floor((3 * u - 1.5) * codes);
    if (kind < 0.3)
        return code * step;
    if (kind < 0.6)
        return (code + 0.5) * step;
    if (kind < 0.7)
        return nextafter((code + 0.5) * step, kind < 0.65 ? 1e300 : -1e300);
    if (kind < 0.8)
        return ldexp(floor((u - 0.5) * 0x1p53), (int)(60 * kind) - 60 - nib_fixed_fraction(type));
    return (2 * u - 1) * codes * step * (kind < 0.9 ? 1 : 1e6);
}

static int64_t check_type(const nib_double_loops *loops, const nib_fixed *type, uint64_t seed)
{
    double x[BLOCK], y[BLOCK];
    const nib_double_grid grid = nib_double_grid_of(type);
    for (int i = 0; i < BLOCK; i++) {
        x[i] = point(type, seed, (uint64_t)i);
        x[i] = fabs(x[i]) < 0x1p-126 ? 0 : x[i];
    }
    loops->cast(&grid, BLOCK, x, y);
    for (int i = 0; i < BLOCK; i++) {
        const double wanted = nib_fixed_value(type, nib_fixed_cast_double(type, x[i]));
        cr_assert(y[i] == wanted, "%a as %s: %a instead of %a", x[i], print(type), y[i], wanted);
    }
    return BLOCK;
}

Test(double_loops, casts_are_those_of_integers)
{
    int64_t points = 0;
    for (int isa = 0; isa < NIB_ISA_COUNT; isa++) {
        if (!nib_isa_supported((nib_isa)isa))
            continue;
        for (int bits = 1; bits <= NIB_FIXED_MAX_BITS; bits++)
            for (int modes = 0; modes < 2 * NIB_ROUNDING_COUNT * NIB_OVERFLOW_COUNT; modes++) {
                const nib_fixed type = {
                    .bits = bits,
                    .integer = bits % 3 * 7 - 5,
                    .is_signed = modes % 2,
                    .rounding = (nib_rounding)(modes / 2 % NIB_ROUNDING_COUNT),
                    .overflow = (nib_overflow)(modes / 2 / NIB_ROUNDING_COUNT),
                };
                points +=
                    check_type(nib_double_loops_for((nib_isa)isa), &type, (uint64_t)(bits * 100 + modes));
            }
    }
    cr_log_info("%lld casts", (long long)points);
    cr_expect(points >= 1800000, "only %lld casts", (long long)points);
}

Test(double_loops, what_is_no_number)
{
    const nib_double_loops *loops = nib_double_loops_for(nib_isa_chosen().isa);
    nib_fixed type = {.bits = 8, .integer = 3, .is_signed = true, .overflow = NIB_OVERFLOW_SAT};
    const double x[4] = {(double)NAN, (double)INFINITY, (double)-INFINITY, 1e300};
    double y[4];
    nib_double_grid grid = nib_double_grid_of(&type);
    loops->cast(&grid, 4, x, y);
    cr_expect(isnan(y[0]) && y[1] == 4 - 1.0 / 32 && y[2] == -4 && y[3] == y[1], "SAT: %g %g %g %g", y[0],
              y[1], y[2], y[3]);
    type.overflow = NIB_OVERFLOW_WRAP;
    grid = nib_double_grid_of(&type);
    loops->cast(&grid, 4, x, y);
    cr_expect(isnan(y[0]) && isnan(y[1]) && isnan(y[2]) && y[3] == 0, "WRAP: %g %g %g %g", y[0], y[1], y[2],
              y[3]);
    type.bits = 0;
    grid = nib_double_grid_of(&type);
    loops->cast(&grid, 4, x, y);
    for (int i = 0; i < 4; i++)
        cr_expect(y[i] == 0, "0 bits give %g", y[i]);
}

/* Sums of up to 53 bits, in an order of their own, against integers. */
Test(double_loops, products_are_those_of_integers)
{
    enum { ROWS = 7, IN = 37, OUT = 16, X_STRIDE = 40 };
    static double x[ROWS * X_STRIDE], w[IN * OUT], bias[OUT], y[ROWS * OUT];
    const nib_rng draw = {.seed = 5, .stream = 3};
    for (int i = 0; i < ROWS * X_STRIDE; i++)
        x[i] = floor((nib_rng_uniform(&draw, (uint64_t)i) - 0.5) * 0x1p24);
    for (int i = 0; i < IN * OUT; i++)
        w[i] = floor((nib_rng_uniform(&draw, (uint64_t)i + 1000) - 0.5) * 0x1p23);
    for (int i = 0; i < OUT; i++)
        bias[i] = floor((nib_rng_uniform(&draw, (uint64_t)i + 9000) - 0.5) * 0x1p50);
    for (int isa = 0; isa < NIB_ISA_COUNT; isa++) {
        if (!nib_isa_supported((nib_isa)isa))
            continue;
        nib_double_loops_for((nib_isa)isa)->product(ROWS, IN, OUT, x, X_STRIDE, w, bias, y, OUT);
        for (int r = 0; r < ROWS; r++)
            for (int c = 0; c < OUT; c++) {
                int64_t wanted = (int64_t)bias[c];
                for (int i = 0; i < IN; i++)
                    wanted += (int64_t)x[r * X_STRIDE + i] * (int64_t)w[i * OUT + c];
                cr_expect((int64_t)y[r * OUT + c] == wanted, "%s: y[%d][%d] is %.17g, not %lld",
                          nib_isa_name((nib_isa)isa), r, c, y[r * OUT + c], (long long)wanted);
            }
    }
}
