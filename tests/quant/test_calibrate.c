/* Choices of integer bits against what enumeration over all of them says. */
#include <criterion/criterion.h>

#include <float.h>
#include <math.h>
#include <string.h>

#include "quant/calibrate.h"
#include "tests/sanitized.h"

enum { N = 20000 };

static nib_fixed type_of(const char *text)
{
    nib_fixed type = {0};
    nib_error err = {0};
    cr_assert_eq(nib_fixed_parse(text, &type, NULL, &err), NIB_OK, "%s", err.message);
    return type;
}

/* A bell of the given width, made from a fixed sequence. */
static void bell(float *x, float width)
{
    uint64_t state = 12345;
    for (int i = 0; i < N; i++) {
        float sum = 0;
        for (int k = 0; k < 12; k++) {
            state = state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
            sum += (float)(state >> 40) * 0x1p-24f;
        }
        x[i] = (sum - 6) * width;
    }
}

static int of_values(nib_calibrate_kind kind, int64_t n, const float *x, const char *text)
{
    const nib_calibration how = {.kind = kind};
    const nib_fixed type = type_of(text);
    nib_error err = {0};
    int integer = 1000;
    cr_assert_eq(nib_calibrate_values(&how, n, x, &type, &integer, &err), NIB_OK, "%s", err.message);
    return integer;
}

static int streamed(nib_calibrate_kind kind, double percentile, int64_t n, const float *x, const char *text)
{
    static nib_histogram h;
    const nib_calibration how = {.kind = kind, .percentile = percentile};
    const nib_fixed type = type_of(text);
    nib_error err = {0};
    int integer = 1000;
    nib_histogram_clear(&h);
    nib_histogram_add(&h, n, x);
    cr_assert_eq(nib_calibrate_integer(&how, &h, &type, &integer, &err), NIB_OK, "%s", err.message);
    return integer;
}

Test(calibrate, histograms_do_not_depend_on_the_order)
{
    static float x[N], mixed[N];
    static nib_histogram a, b, part;
    bell(x, 0.7F);
    x[7] = 0, x[8] = -0.0F, x[9] = 1e-40F, x[10] = (float)NAN, x[11] = (float)INFINITY;
    for (int i = 0; i < N; i++)
        mixed[i] = x[(i * 7919) % N];
    nib_histogram_clear(&a);
    nib_histogram_add(&a, N, x);
    nib_histogram_clear(&b);
    for (int i = 0; i < N; i += 500) {
        nib_histogram_clear(&part);
        nib_histogram_add(&part, 500, mixed + i);
        nib_histogram_merge(&b, &part);
    }
    cr_assert_eq(memcmp(&a, &b, sizeof a), 0, "pieces in another order make another histogram");
    cr_assert_eq(a.count, N - 2, "finite values");
    cr_assert_eq(a.zeros, 3, "zeros");
    cr_assert_eq(a.others, 2, "NaN and infinity");
    int64_t sum = 0;
    for (int i = 0; i < NIB_HISTOGRAM_BINS; i++)
        sum += a.negative[i] + a.positive[i];
    cr_assert_eq(sum, a.count, "all are in a bin");
    nib_histogram_clear(&b);
    const float ends[] = {FLT_MAX, -FLT_MIN, 1};
    nib_histogram_add(&b, 3, ends);
    cr_assert_eq(b.exponent, 128, "the largest range");
    cr_assert_eq(b.positive[NIB_HISTOGRAM_BINS - 1], 1, "FLT_MAX is in the last bin");
}

Test(calibrate, minmax_clips_nothing_and_one_bit_less_does)
{
    static const struct {
        float smallest, largest;
        const char *type;
        int integer;
    } table[] = {
        {-1, 0.5F, "fixed<8,0,RND,SAT>", 1},        {-1, 1, "fixed<8,0,RND,SAT>", 2},
        {-1, 0.99609375F, "fixed<8,0,RND,SAT>", 1}, /* half a step below 1 rounds to the last code or 1 */
        {-1, 0.9961F, "fixed<8,0,RND,SAT>", 2},     {-1, 0.9999F, "fixed<8,0,TRN,SAT>", 1},
        {0, 3.9F, "ufixed<6,0,RND,SAT>", 2},        {-5, 3.9F, "ufixed<6,0,RND,SAT>", 2},
        {0, 0, "ufixed<6,0,RND,SAT>", 0},           {0, 0, "fixed<6,0,RND,SAT>", 1},
        {-0.3F, 0.3F, "fixed<6,0,RND,SAT>", 0},     {-1, 0, "fixed<6,0,RND,SAT_SYM>", 2},
        {-0.01F, 0, "fixed<6,0,RND,SAT>", -5},
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        const float x[2] = {table[i].smallest, table[i].largest};
        const int integer = streamed(NIB_CALIBRATE_MINMAX, 0, 2, x, table[i].type);
        cr_expect_eq(integer, table[i].integer, "[%g, %g] as %s: %d instead of %d", (double)x[0],
                     (double)x[1], table[i].type, integer, table[i].integer);
    }
}

Test(calibrate, percentile_is_the_share_that_must_not_clip)
{
    static float x[N];
    for (int i = 0; i < N; i++)
        x[i] = (float)(i % 100) / 100; /* 99 % below 0.99 */
    for (int i = 0; i < 10; i++)
        x[i * 1000] = 60; /* 0.05 % */
    cr_expect_eq(streamed(NIB_CALIBRATE_MINMAX, 0, N, x, "fixed<8,0,RND,SAT>"), 7, "minmax");
    cr_expect_eq(streamed(NIB_CALIBRATE_PERCENTILE, 0, N, x, "fixed<8,0,RND,SAT>"), 7, "99.99 keeps 0.05 %%");
    cr_expect_eq(streamed(NIB_CALIBRATE_PERCENTILE, 99.9, N, x, "fixed<8,0,RND,SAT>"), 1,
                 "99.9 lets them go");
    cr_expect_eq(streamed(NIB_CALIBRATE_PERCENTILE, 49, N, x, "fixed<8,0,RND,SAT>"), 0, "half of them");
}

Test(calibrate, least_squares_finds_the_least_of_all)
{
    static float x[N];
    static const char *const types[] = {"fixed<2,0,RND_CONV,SAT>", "fixed<3,0,RND_CONV,SAT>",
                                        "fixed<4,0,RND,SAT_SYM>",  "fixed<6,0,RND_CONV,SAT>",
                                        "fixed<8,0,TRN,SAT>",      "fixed<12,0,RND,WRAP>",
                                        "ufixed<4,0,RND,SAT>",     "fixed<1,0,RND,SAT>"};
    for (int width = 0; width < 4; width += NIB_ONE_IN(3)) {
        bell(x, ldexpf(0.8F, 3 * width - 8));
        for (size_t k = 0; k < sizeof types / sizeof *types; k++) {
            nib_fixed t = type_of(types[k]);
            const int exact = of_values(NIB_CALIBRATE_MSE, N, x, types[k]);
            const int binned = streamed(NIB_CALIBRATE_MSE, 0, N, x, types[k]);
            double least = HUGE_VAL;
            for (t.integer = -40; t.integer <= 20; t.integer++)
                least = fmin(least, nib_calibrate_error(&t, N, x));
            t.integer = exact;
            const double of_exact = nib_calibrate_error(&t, N, x);
            cr_expect_eq(of_exact, least, "%s: %g instead of %g", types[k], of_exact, least);
            if (!t.is_signed) /* negative values are no part of the streamed choice */
                continue;
            t.integer = binned;
            const double of_binned = nib_calibrate_error(&t, N, x);
            cr_expect(of_binned <= least * 1.02, "%s streamed: %g instead of %g", types[k], of_binned, least);
        }
    }
}

/* What the two-bit default would do to weights of a float start: with one integer bit all become 0. */
Test(calibrate, two_bits_keep_weights_alive)
{
    static float x[N];
    bell(x, 0.15F);
    nib_fixed t = type_of("fixed<2,1,RND_CONV,SAT>");
    cr_assert(nib_fixed_cast_double(&t, 0.24) == 0, "0.24 is 0 with one integer bit");
    t.integer = of_values(NIB_CALIBRATE_MSE, N, x, "fixed<2,1,RND_CONV,SAT>");
    int64_t alive = 0;
    for (int i = 0; i < N; i++)
        alive += nib_fixed_cast_double(&t, (double)x[i]) != 0;
    cr_assert(alive > N / 4, "%d integer bits keep %lld of %d", t.integer, (long long)alive, N);
}

Test(calibrate, entropy_clips_tails_and_keeps_what_fits)
{
    static float x[N];
    bell(x, 0.25F);
    const int minmax = streamed(NIB_CALIBRATE_MINMAX, 0, N, x, "fixed<16,0,RND,SAT>");
    const int wide = streamed(NIB_CALIBRATE_ENTROPY, 0, N, x, "fixed<16,0,RND,SAT>");
    cr_expect_eq(wide, minmax, "16 bits have no reason to clip: %d of %d", wide, minmax);
    x[0] = 900;
    const int tailed = streamed(NIB_CALIBRATE_MINMAX, 0, N, x, "fixed<6,0,RND,SAT>");
    const int entropy = streamed(NIB_CALIBRATE_ENTROPY, 0, N, x, "fixed<6,0,RND,SAT>");
    cr_expect(entropy < tailed - 4, "one value of 900 must not set the range: %d of %d", entropy, tailed);
    cr_expect(entropy >= minmax - 1, "but the rest does: %d of %d", entropy, minmax);
    cr_expect_eq(nib_calibrate_find("entropy"), NIB_CALIBRATE_ENTROPY, "by name");
    cr_expect_eq(nib_calibrate_find("kl"), -1, "no such name");
}
