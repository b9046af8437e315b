/* Activations, powers of two, sampling quantizers when evaluated, and blends against QKeras 0.9.0:
 * golden/qkeras_activations.h5 is made by tests/peers/qkeras_activations_golden.py. */
#include <criterion/criterion.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/cpu.h"
#include "tests/quant/golden_file.h"

enum { MIN_CASES = 90, MIN_POINTS = 2000, COLUMNS = 32 };
static const double scale_tolerance = 1e-6;    /* of a scale that is no power of two: sums in another order */
static const double gradient_tolerance = 1e-6; /* of tanh's and sigmoid's */
static const double blend_tolerance = 2.4e-7;  /* use_ste=False writes (1 - q) x + q xq: other roundings */

/* What QKeras makes of one input: n values, their images and gradients for each case. */
typedef struct golden {
    int64_t n, cols;
    const float *x;
    int64_t off; /* values of transcendental functions one level off, beside a boundary */
} golden;

static nib_quantize_call call_of(const nib_quantizer_config *q, const golden *g, float share)
{
    return (nib_quantize_call){.options = q->options,
                               .rows = g->n / g->cols,
                               .cols = g->cols,
                               .stride = g->cols,
                               .x = g->x,
                               .float_share = share};
}

static float value_at(const nib_quantizer_config *q, float x)
{
    float y = NAN;
    const nib_quantize_call call = {
        .options = q->options, .rows = 1, .cols = 1, .stride = 1, .x = &x, .y = &y};
    nib_quantizer_forward(q->type, &call);
    return y;
}

/* A function computed in floats may land on the other side of a boundary that is within 4 ulp of its value:
 * of p = tanh(x) or sigmoid(x), whose levels are `step` apart, or of the x of a logarithm. */
static bool beside_boundary(const nib_quantizer_config *q, const char *text, float x, float want)
{
    if (strstr(text, "po2")) {
        float low = x, high = x;
        for (int i = 0; i < (strstr(text, "quadratic") ? 8 : 4); i++) {
            low = nextafterf(low, -INFINITY);
            high = nextafterf(high, INFINITY);
        }
        return value_at(q, low) == want || value_at(q, high) == want;
    }
    nib_fixed type;
    nib_lowered lowered = {.type = &type};
    const nib_quantize_call call = {.rows = 1, .cols = 1, .stride = 1};
    nib_error err = {0};
    cr_assert_eq(nib_quantizer_lower(q, &call, &lowered, &err), NIB_OK, "%s", err.message);
    const double sigmoid = 1.0 / (1.0 + exp(-(double)x));
    double p = strstr(text, "use_real_tanh") ? tanh((double)x) : sigmoid;
    if (strstr(text, "quantized_tanh") && strstr(text, "sigmoid=real"))
        p = 2.0 * sigmoid - 1.0;
    const double step = nib_fixed_step(&type), v = p / step, boundary = floor(v) + 0.5;
    const double ulp = (double)(nextafterf((float)fabs(p), INFINITY) - (float)fabs(p)) / step;
    return fabs(v - boundary) <= 4.0 * ulp && fabs((double)(value_at(q, x) - want)) <= step;
}

static bool is_transcendental(const char *text)
{
    return strstr(text, "real") || strstr(text, "po2");
}

static void compare_y(golden *g, const nib_quantizer_config *q, const char *text, float share,
                      const float *got, const float *want)
{
    double tolerance = strstr(text, "'auto'") ? scale_tolerance : 0.0;
    if (share > 0.0f && strstr(text, "use_ste=False"))
        tolerance = blend_tolerance;
    for (int64_t i = 0; i < g->n; i++) {
        const double largest = fmax(fabs((double)want[i]), share > 0.0f ? fabs((double)g->x[i]) : 0.0);
        if (fabs((double)got[i] - (double)want[i]) <= tolerance * largest)
            continue;
        if (share == 0.0f && is_transcendental(text) && beside_boundary(q, text, g->x[i], want[i])) {
            g->off++;
            continue;
        }
        cr_assert_fail("%s, float share %g: y at %a (element %lld) is %a, in QKeras %a", text, (double)share,
                       (double)g->x[i], (long long)i, (double)got[i], (double)want[i]);
    }
}

static void compare_dx(golden *g, const nib_quantizer_config *q, const char *text, const float *got,
                       const float *want)
{
    const bool smooth = strstr(text, "real") || strcmp(text, "stochastic_binary()") == 0;
    for (int64_t i = 0; i < g->n; i++) {
        const double difference = fabs((double)got[i] - (double)want[i]);
        if (!(difference <= (smooth ? gradient_tolerance : 0.0)) &&
            !(smooth && beside_boundary(q, text, g->x[i], value_at(q, g->x[i]))))
            cr_assert_fail("%s: dx at %a (element %lld) is %a, in QKeras %a", text, (double)g->x[i],
                           (long long)i, (double)got[i], (double)want[i]);
    }
}

static void check_case(nib_arena *arena, golden *g, const char *text, float share, const float *y_dx)
{
    const nib_quantizer_config q = golden_quantizer(arena, text);
    float *got = NIB_NEW(arena, float, g->n), *dx = NIB_NEW(arena, float, g->n),
          *dy = NIB_NEW(arena, float, g->n);
    for (int64_t i = 0; i < g->n; i++)
        dy[i] = 1.0f;
    nib_quantize_call call = call_of(&q, g, share);
    call.y = got;
    call.dy = dy;
    call.dx = dx;
    nib_quantizer_forward(q.type, &call);
    nib_quantizer_backward(q.type, &call);
    compare_y(g, &q, text, share, got, y_dx);
    compare_dx(g, &q, text, dx, y_dx + g->n);
}

static int check_input(nib_arena *arena, nib_h5 *file, const char *input)
{
    golden g = {.cols = strcmp(input, "weights") == 0 ? COLUMNS : 1};
    int64_t floats;
    g.x = golden_floats(arena, file, nib_arena_printf(arena, "/%s", input), &g.n);
    const float *y_dx = golden_floats(arena, file, nib_arena_printf(arena, "/%s_y_dx", input), &floats);
    char **lines = golden_lines(arena, file, nib_arena_printf(arena, "/%s_cases", input));
    cr_assert(g.n >= MIN_POINTS, "%s: %lld values", input, (long long)g.n);
    int cases = 0;
    for (; lines[cases]; cases++) {
        char *text;
        const float share = strtof(lines[cases], &text);
        cr_assert((cases + 1) * 2 * g.n <= floats, "%s: %lld numbers", input, (long long)floats);
        check_case(arena, &g, text + 1, share, y_dx + cases * 2 * g.n);
    }
    cr_log_info("%s: %d cases, %lld values one level off beside a boundary", input, cases, (long long)g.off);
    cr_expect(g.off * 1000 <= cases * g.n, "%s: %lld values are one level off", input, (long long)g.off);
    return cases;
}

Test(qkeras_activations, forward_and_gradient)
{
    nib_cpu_flush_denormals();
    nib_arena *arena = nib_arena_create();
    nib_h5 *file = golden_open("qkeras_activations.h5");
    const int cases = check_input(arena, file, "points") + check_input(arena, file, "weights");
    cr_expect(cases >= MIN_CASES, "%d cases", cases);
    nib_h5_close(file);
    nib_arena_destroy(arena);
}
