/* Fixed-point types against HGQ2 0.2.0: golden/hgq2.h5 is made by tests/peers/hgq2_golden.py. */
#include <criterion/criterion.h>

#include <math.h>

#include "core/cpu.h"
#include "tests/quant/golden_file.h"

enum { MIN_CASES = 100, MIN_POINTS = 2000 };

/* HGQ2 rounds half up as floor(v + 0.5) in float32, which is 1 for 0.49999997. */
static bool is_inexact(const nib_quantizer_config *q, float x)
{
    nib_fixed type;
    nib_lowered lowered = {.type = &type};
    const nib_quantize_call call = {.rows = 1, .cols = 1, .stride = 1};
    nib_error err = {0};
    cr_assert_eq(nib_quantizer_lower(q, &call, &lowered, &err), NIB_OK, "%s", err.message);
    const double sum = (double)x / nib_fixed_step(&type) + 0.5;
    return type.rounding == NIB_ROUNDING_RND && floor((double)(float)sum) != floor(sum);
}

static void compare(const nib_quantizer_config *q, const char *text, const char *what, int64_t n,
                    const float *x, const float *got, const float *want)
{
    for (int64_t i = 0; i < n; i++)
        if (got[i] != want[i] && !is_inexact(q, x[i]))
            cr_assert_fail("%s: %s at %a is %a, in HGQ2 %a", text, what, (double)x[i], (double)got[i],
                           (double)want[i]);
}

Test(hgq2, forward_and_gradient)
{
    nib_cpu_flush_denormals();
    nib_arena *arena = nib_arena_create();
    nib_h5 *file = golden_open("hgq2.h5");
    int64_t n, floats, cases = 0;
    const float *x = golden_floats(arena, file, "/points", &n);
    const float *y_dx = golden_floats(arena, file, "/y_dx", &floats);
    float *y = NIB_NEW(arena, float, n), *dx = NIB_NEW(arena, float, n), *dy = NIB_NEW(arena, float, n);
    for (int64_t i = 0; i < n; i++)
        dy[i] = 1.0f;
    cr_assert(n >= MIN_POINTS, "%lld points", (long long)n);
    for (char **line = golden_lines(arena, file, "/cases"); *line; line++, cases++, y_dx += 2 * n) {
        cr_assert((cases + 1) * 2 * n <= floats, "%lld numbers", (long long)floats);
        const nib_quantizer_config q = golden_quantizer(arena, *line + 2);
        const nib_quantize_call call = {.options = q.options,
                                        .rows = n,
                                        .cols = 1,
                                        .stride = 1,
                                        .x = x,
                                        .y = y,
                                        .dy = dy,
                                        .dx = dx,
                                        .training = **line == '1'};
        nib_quantizer_forward(q.type, &call);
        nib_quantizer_backward(q.type, &call);
        compare(&q, *line, "y", n, x, y, y_dx);
        compare(&q, *line, "dx", n, x, dx, y_dx + n);
    }
    cr_expect(cases >= MIN_CASES, "%lld cases", (long long)cases);
    nib_h5_close(file);
    nib_arena_destroy(arena);
}
