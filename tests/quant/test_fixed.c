/* The exact cast of fixed-point types: against golden numbers of tests/peers/fixed_golden.py, which shares
 * nothing with it, and against its own rules at the ends of 64 bits. */
#include <criterion/criterion.h>

#include <float.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "quant/fixed.h"

static nib_fixed type_of(const char *text)
{
    nib_fixed type = {0};
    nib_error err = {0};
    cr_assert_eq(nib_fixed_parse(text, &type, NULL, &err), NIB_OK, "%s", err.message);
    return type;
}

static FILE *open_golden(const char *name)
{
    char path[512];
    (void)snprintf(path, sizeof path, "%s/quant/golden/%s", NIB_TEST_FOLDER, name);
    FILE *file = fopen(path, "r");
    cr_assert(file, "%s cannot be opened", path);
    return file;
}

static uint64_t fnv1a(uint64_t digest, int64_t code)
{
    for (int i = 0; i < 8; i++)
        digest = (digest ^ ((uint64_t)code >> (8 * i) & 0xff)) * UINT64_C(0x100000001b3);
    return digest;
}

Test(fixed, every_mode_casts_as_the_rules_say)
{
    FILE *golden = open_golden("fixed_casts.txt");
    char text[80];
    int fraction, first, count;
    uint64_t wanted;
    int64_t casts = 0;
    while (fscanf(golden, "%79s %d %d %d %" SCNx64, text, &fraction, &first, &count, &wanted) == 5) {
        const nib_fixed type = type_of(text);
        uint64_t digest = UINT64_C(0xcbf29ce484222325), shifted = digest;
        for (int i = 0; i < count; i++) {
            digest = fnv1a(digest, nib_fixed_cast(&type, first + i, fraction));
            /* The same numbers with more bits below. */
            shifted = fnv1a(shifted, nib_fixed_cast(&type, (int64_t)(first + i) * (1 << 20), fraction + 20));
        }
        cr_assert_eq(digest, wanted, "codes of %d to %d with fraction %d as %s", first, first + count - 1,
                     fraction, text);
        cr_assert_eq(shifted, wanted, "the same for %s with 20 more bits below", text);
        casts += count;
    }
    (void)fclose(golden);
    cr_assert(casts >= 400000, "golden casts: %" PRId64, casts);
    cr_log_info("%" PRId64 " casts", casts);
}

Test(fixed, floats_cast_as_the_rules_say)
{
    FILE *golden = open_golden("fixed_floats.txt");
    char text[80];
    double x;
    int64_t wanted, casts = 0;
    while (fscanf(golden, "%79s %la %" SCNd64, text, &x, &wanted) == 3) {
        const nib_fixed type = type_of(text);
        const int64_t code = nib_fixed_cast_double(&type, x);
        cr_assert_eq(code, wanted, "%a as %s: %" PRId64 " instead of %" PRId64, x, text, code, wanted);
        casts++;
    }
    (void)fclose(golden);
    cr_assert(casts >= 3000, "golden casts of floats: %" PRId64, casts);
}

Test(fixed, numbers_without_a_value_and_denormals)
{
    static const struct {
        const char *type;
        double x;
        int64_t code;
    } table[] = {
        {"fixed<4,2,TRN,SAT>", (double)NAN, 0},
        {"fixed<4,2,TRN,SAT>", (double)INFINITY, 7},
        {"fixed<4,2,TRN,SAT>", (double)-INFINITY, -8},
        {"fixed<4,2,TRN,SAT_SYM>", (double)-INFINITY, -7},
        {"fixed<4,2,TRN,SAT_ZERO>", (double)INFINITY, 0},
        {"fixed<4,2>", (double)-INFINITY, 0},
        {"ufixed<4,2,TRN,SAT>", (double)-INFINITY, 0},
        {"fixed<4,2>", -1e-40, 0}, /* ap_fixed itself says -1 here */
        {"fixed<4,2>", -DBL_TRUE_MIN, 0},
        {"fixed<4,2>", (double)-FLT_MIN, -1},
        {"fixed<4,2,TRN,SAT>", DBL_MAX, 7},
        {"fixed<4,2>", DBL_MAX, 0},
        {"fixed<4,2>", 0.0, 0},
        {"fixed<4,2>", -0.0, 0},
        {"fixed<32,64,RND,SAT>", 4294967296.0, 1},
        {"fixed<32,64,RND,SAT>", 2147483648.0, 1},
        {"fixed<32,64,RND_CONV,SAT>", 2147483648.0, 0},
        {"fixed<32,-64,RND,SAT>", 0x1p-96, 1},
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        const nib_fixed type = type_of(table[i].type);
        const int64_t code = nib_fixed_cast_double(&type, table[i].x);
        cr_expect_eq(code, table[i].code, "%g as %s: %" PRId64 " instead of %" PRId64, table[i].x,
                     table[i].type, code, table[i].code);
    }
}

/* Shifts of 62 to 70 bits, mantissas at the ends of int64_t, accumulators of 63 bits. */
Test(fixed, ends_of_64_bits)
{
    static const struct {
        nib_fixed type;
        int64_t mantissa;
        int fraction;
        int64_t code;
    } table[] = {
        {{63, 63, true, NIB_ROUNDING_TRN, NIB_OVERFLOW_SAT}, INT64_MAX, 0, INT64_MAX / 2},
        {{63, 63, true, NIB_ROUNDING_TRN, NIB_OVERFLOW_SAT}, INT64_MIN, 0, INT64_MIN / 2},
        {{63, 63, true, NIB_ROUNDING_TRN, NIB_OVERFLOW_SAT_SYM}, INT64_MIN, 0, INT64_MIN / 2 + 1},
        {{63, 63, true, NIB_ROUNDING_TRN, NIB_OVERFLOW_WRAP}, INT64_MAX, 0, -1},
        {{63, 63, false, NIB_ROUNDING_TRN, NIB_OVERFLOW_SAT}, INT64_MAX, 0, INT64_MAX},
        {{63, 63, false, NIB_ROUNDING_TRN, NIB_OVERFLOW_WRAP}, -1, 0, INT64_MAX},
        {{63, 63, true, NIB_ROUNDING_TRN, NIB_OVERFLOW_SAT}, 1, -61, INT64_C(1) << 61},
        {{63, 63, true, NIB_ROUNDING_TRN, NIB_OVERFLOW_SAT}, 1, -62, INT64_MAX / 2},
        {{63, 63, true, NIB_ROUNDING_TRN, NIB_OVERFLOW_SAT}, -1, -62, INT64_MIN / 2},
        {{63, 63, true, NIB_ROUNDING_TRN, NIB_OVERFLOW_SAT}, -1, -90000, INT64_MIN / 2},
        {{63, 63, true, NIB_ROUNDING_TRN, NIB_OVERFLOW_SAT}, 0, -90000, 0},
        {{8, 8, true, NIB_ROUNDING_TRN, NIB_OVERFLOW_WRAP}, 3, -7, -128},
        {{8, 8, true, NIB_ROUNDING_TRN, NIB_OVERFLOW_WRAP}, 3, -63, 0},
        {{8, 8, true, NIB_ROUNDING_TRN, NIB_OVERFLOW_WRAP}, 3, -64, 0},
        {{8, 8, true, NIB_ROUNDING_TRN, NIB_OVERFLOW_SAT}, INT64_MIN, 63, -1},
        {{8, 8, true, NIB_ROUNDING_RND, NIB_OVERFLOW_SAT}, INT64_MAX, 63, 1},
        {{8, 8, true, NIB_ROUNDING_RND, NIB_OVERFLOW_SAT}, INT64_MIN, 64, 0},
        {{8, 8, true, NIB_ROUNDING_RND_MIN_INF, NIB_OVERFLOW_SAT}, INT64_MIN, 64, -1},
        {{8, 8, true, NIB_ROUNDING_RND_CONV, NIB_OVERFLOW_SAT}, INT64_MIN, 64, 0},
        {{8, 8, true, NIB_ROUNDING_RND_INF, NIB_OVERFLOW_SAT}, INT64_MIN, 64, -1},
        {{8, 8, true, NIB_ROUNDING_RND_CONV, NIB_OVERFLOW_SAT}, INT64_MIN + 1, 64, 0},
        {{8, 8, true, NIB_ROUNDING_RND, NIB_OVERFLOW_SAT}, INT64_MAX, 64, 0},
        {{8, 8, true, NIB_ROUNDING_RND, NIB_OVERFLOW_SAT}, INT64_MIN, 65, 0},
        {{8, 8, true, NIB_ROUNDING_TRN, NIB_OVERFLOW_SAT}, INT64_MIN, 65, -1},
        {{8, 8, true, NIB_ROUNDING_TRN_ZERO, NIB_OVERFLOW_SAT}, INT64_MIN, 65, 0},
        {{8, 8, true, NIB_ROUNDING_TRN, NIB_OVERFLOW_SAT}, -1, 90000, -1},
        {{8, 8, true, NIB_ROUNDING_TRN, NIB_OVERFLOW_SAT}, 1, 90000, 0},
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        const int64_t code = nib_fixed_cast(&table[i].type, table[i].mantissa, table[i].fraction);
        cr_expect_eq(code, table[i].code, "row %zu: %" PRId64 " * 2^-%d is %" PRId64 " instead of %" PRId64,
                     i, table[i].mantissa, table[i].fraction, code, table[i].code);
    }
}

Test(fixed, ranges_and_values)
{
    static const struct {
        const char *type;
        int64_t lowest, highest;
        double step;
    } table[] = {
        {"fixed<8,3,RND,SAT>", -128, 127, 0.03125},
        {"fixed<8,3,RND,SAT_SYM>", -127, 127, 0.03125},
        {"ufixed<8,3,RND,SAT_SYM>", 0, 255, 0.03125},
        {"fixed<1,1>", -1, 0, 1},
        {"fixed<1,1,TRN,SAT_SYM>", -1, 0, 1},
        {"ufixed<1,0>", 0, 1, 0.5},
        {"fixed<4,7>", -8, 7, 8},
        {"fixed<4,-3>", -8, 7, 0x1p-7},
        {"ufixed<32,0>", 0, 4294967295, 0x1p-32},
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        const nib_fixed type = type_of(table[i].type);
        cr_expect_eq(nib_fixed_lowest(&type), table[i].lowest, "lowest code of %s", table[i].type);
        cr_expect_eq(nib_fixed_highest(&type), table[i].highest, "highest code of %s", table[i].type);
        cr_expect_eq(nib_fixed_step(&type), table[i].step, "step of %s", table[i].type);
        cr_expect_eq(nib_fixed_value(&type, table[i].highest), (double)table[i].highest * table[i].step,
                     "largest value of %s", table[i].type);
    }
}
