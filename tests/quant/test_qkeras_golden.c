/* Quantizers against QKeras 0.9.0: golden/qkeras.h5 is made by tests/peers/qkeras_golden.py. */
#include <criterion/criterion.h>

#include <math.h>
#include <string.h>

#include "core/cpu.h"
#include "core/h5.h"
#include "quant/quantizer.h"

enum { MIN_CASES = 60, MIN_POINTS = 2000, COLUMNS = 32 };
static const double scale_tolerance = 1e-6;    /* of a scale that is no power of two: sums in another order */
static const double gradient_tolerance = 1e-6; /* of tanh's */

static float *read(nib_arena *arena, nib_h5 *file, const char *path, int64_t *n)
{
    nib_error err = {0};
    nib_h5_info info;
    cr_assert_eq(nib_h5_dataset_info(file, path, &info, &err), NIB_OK, "%s", err.message);
    float *values = NIB_NEW(arena, float, info.elements);
    cr_assert_eq(nib_h5_read_f32(file, path, 0, info.dim[0], values, &err), NIB_OK, "%s", err.message);
    *n = info.elements;
    return values;
}

static void compare(const char *text, const char *what, int64_t n, const float *x, const float *got,
                    const float *want, double tolerance, double least)
{
    for (int64_t i = 0; i < n; i++) {
        const double allowed = tolerance * fmax(fabs((double)want[i]), least);
        if (!(fabs((double)got[i] - (double)want[i]) <= allowed))
            cr_assert_fail("%s: %s at %a (element %lld) is %a, in QKeras %a", text, what, (double)x[i],
                           (long long)i, (double)got[i], (double)want[i]);
    }
}

/* Fitted scales are sums; tanh is a function: only these may differ in their last bits. */
static void check_case(nib_arena *arena, const char *text, bool weights, int64_t n, const float *x,
                       const float *y, const float *dx)
{
    nib_error err = {0};
    nib_quantizer_config q;
    cr_assert_eq(nib_quantizer_parse(arena, text, &q, &err), NIB_OK, "%s", err.message);
    float *got = NIB_NEW(arena, float, n), *ones = NIB_NEW(arena, float, n);
    for (int64_t i = 0; i < n; i++)
        ones[i] = 1.0f;
    const int64_t cols = weights ? COLUMNS : 1;
    const nib_quantize_call call = {.options = q.options,
                                    .rows = n / cols,
                                    .cols = cols,
                                    .stride = cols,
                                    .x = x,
                                    .y = got,
                                    .dy = ones,
                                    .dx = ones};
    q.type->forward(&call);
    const bool sums = strstr(text, "'auto'"),
               tanh_gradient = !strstr(text, "alpha") && !strstr(text, "quantized");
    compare(text, "y", n, x, got, y, sums ? scale_tolerance : 0.0, 0.0);
    q.type->backward(&call);
    compare(text, "dx", n, x, ones, dx, tanh_gradient ? gradient_tolerance : 0.0, 1.0);
}

Test(qkeras, forward_and_gradient_of_every_row)
{
    nib_cpu_flush_denormals();
    nib_arena *arena = nib_arena_create();
    nib_error err = {0};
    nib_h5 *file = NULL;
    cr_assert_eq(nib_h5_open(&file, NIB_TEST_FOLDER "/quant/golden/qkeras.h5", &err), NIB_OK, "%s",
                 err.message);
    int64_t n_points, n_weights, n;
    const float *points = read(arena, file, "/points", &n_points);
    const float *weights = read(arena, file, "/weights", &n_weights);
    cr_assert(n_points >= MIN_POINTS && n_weights >= MIN_POINTS, "%lld and %lld points", (long long)n_points,
              (long long)n_weights);
    int cases = 0;
    for (; cases < 100; cases++) {
        const char *group = nib_arena_printf(arena, "/cases/%02d", cases + 1), *text, *input;
        if (nib_h5_read_text(file, nib_arena_printf(arena, "%s/config", group), arena, &text, &err) != NIB_OK)
            break;
        cr_assert_eq(nib_h5_read_text(file, nib_arena_printf(arena, "%s/input", group), arena, &input, &err),
                     NIB_OK, "%s", err.message);
        const float *y = read(arena, file, nib_arena_printf(arena, "%s/y_dx", group), &n);
        const bool w = strcmp(input, "weights") == 0;
        cr_assert(n == 2 * (w ? n_weights : n_points), "%s: %lld values", text, (long long)n);
        check_case(arena, text, w, n / 2, w ? weights : points, y, y + n / 2);
    }
    cr_expect(cases >= MIN_CASES, "%d cases", cases);
    nib_h5_close(file);
    nib_arena_destroy(arena);
}
