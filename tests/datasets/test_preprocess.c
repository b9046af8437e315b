/* Preprocessing against references in long double; every descriptor is complete. */
#include <criterion/criterion.h>
#include <float.h>
#include <math.h>
#include <stdlib.h>

#include "core/rng.h"
#include "core/yaml.h"
#include "datasets/preprocess.h"

#include <string.h>

Test(preprocess, descriptors_are_complete)
{
    for (int i = 0; i < nib_preprocessors_count; i++) {
        const nib_preprocessor *p = nib_preprocessors[i];
        cr_expect(p->name && p->help && p->source && p->fit, "preprocessor %d", i);
        cr_expect_eq(nib_preprocessor_find(p->name), p, "%s is not found", p->name);
    }
    cr_expect_null(nib_preprocessor_find("whiten"), "an unknown name");
}

/* Fit one column with the options of `text`. */
static void fit(const char *name, const char *text, const double *x, int n, double *shift, double *divisor)
{
    const nib_preprocessor *p = nib_preprocessor_find(name);
    nib_arena *arena = nib_arena_create();
    nib_error err = {0};
    nib_doc *doc;
    cr_assert_eq(nib_yaml_parse(arena, "f", text, strlen(text), &doc, &err), NIB_OK, "%s", err.message);
    void *options = nib_arena_alloc(arena, 1, p->options.bytes);
    cr_assert_eq(nib_options_read(arena, &p->options, doc, name, options, &err), NIB_OK, "%s", err.message);
    nib_column_sums sums = {0};
    for (int i = 0; i < n; i++)
        nib_column_sums_add(&sums, x[i]);
    p->fit(options, &sums, shift, divisor);
    nib_arena_destroy(arena);
}

Test(preprocess, standardize_is_the_population_deviation)
{
    enum { N = 10007 };
    double *x = malloc(N * sizeof *x);
    static const double offsets[] = {0, 1e3, -1e9};
    for (int k = 0; k < 3; k++) {
        const nib_rng rng = {5, nib_rng_stream("test"), (uint32_t)k};
        long double mean = 0, square = 0;
        for (int i = 0; i < N; i++) {
            x[i] = offsets[k] + nib_rng_normal(&rng, (uint64_t)i) * 3;
            mean += (long double)x[i];
        }
        mean /= N;
        for (int i = 0; i < N; i++)
            square += ((long double)x[i] - mean) * ((long double)x[i] - mean);
        double shift, divisor, deviation = (double)sqrtl(square / N);
        fit("standardize", "{}", x, N, &shift, &divisor);
        cr_expect(fabs(shift - (double)mean) <= 1e-13 * (1 + fabs(offsets[k])), "mean %.17g", shift);
        cr_expect(fabs(divisor / deviation - 1) <= 1e-12 + 1e-16 * fabs(offsets[k]), "deviation %.17g",
                  divisor);
    }
    free(x);
}

Test(preprocess, a_constant_column_divides_by_one)
{
    static const double x[] = {0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1};
    double shift, divisor;
    fit("standardize", "{}", x, 7, &shift, &divisor);
    cr_expect_eq(divisor, 1, "standardize: %g", divisor);
    cr_expect_eq(shift, 0.1, "standardize: %.17g", shift);
    fit("minmax", "{}", x, 7, &shift, &divisor);
    cr_expect(divisor == 1 && shift == 0.1, "minmax: %g %g", shift, divisor);
}

Test(preprocess, minmax_maps_the_range)
{
    static const double x[] = {3, -1, 7, 0};
    static const struct {
        const char *options;
        double low, high;
    } cases[] = {{"{}", 0, 1}, {"{low: -1}", -1, 1}, {"{low: 2, high: 10}", 2, 10}};
    for (int i = 0; i < 3; i++) {
        double shift, divisor;
        fit("minmax", cases[i].options, x, 4, &shift, &divisor);
        cr_expect_eq((-1 - shift) / divisor, cases[i].low, "%s: low", cases[i].options);
        cr_expect_eq((7 - shift) / divisor, cases[i].high, "%s: high", cases[i].options);
    }
}

Test(preprocess, applied_in_double_and_rounded_once)
{
    enum { N = 1000 };
    const nib_rng rng = {1, nib_rng_stream("apply"), 0};
    const double shift[] = {1e6 + 0.1, 0, 0}, divisor[] = {0.3, 1, 1};
    const nib_preprocess_state state = {.width = 3, .shift = shift, .divisor = divisor};
    int differs = 0;
    for (int i = 0; i < N; i++) {
        const double raw[] = {1e6 + nib_rng_uniform(&rng, (uint64_t)i), 1e-39, -1e-45};
        float out[3];
        nib_preprocess_apply(&state, 1, raw, out);
        cr_expect_eq(out[0], (float)((raw[0] - shift[0]) / divisor[0]), "row %d", i);
        differs += out[0] != ((float)raw[0] - (float)shift[0]) / (float)divisor[0];
        cr_expect(out[1] == 0 && out[2] == 0 && !signbit(out[2]), "denormals are stored as 0");
    }
    cr_expect(differs > N / 2, "the numbers do not tell float from double");
}
