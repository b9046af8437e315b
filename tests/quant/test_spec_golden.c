/* quantized_linear and learned_scale against an independent Python of their definitions (no released peer has
 * them here): golden/spec.h5 is made by tests/peers/spec_golden.py. */
#include <criterion/criterion.h>

#include <math.h>

#include "core/cpu.h"
#include "tests/quant/golden_file.h"

static const double sum_tolerance = 1e-6; /* of gradients of scales, to the largest of the case */

typedef struct input {
    const char *name;
    int64_t n, cols;
    const float *x;
    float *y, *dy, *dx;
} input;

static input read_input(nib_arena *arena, nib_h5 *file, const char *name, int64_t cols)
{
    input in = {.name = name, .cols = cols};
    in.x = golden_floats(arena, file, nib_arena_printf(arena, "/%s", name), &in.n);
    in.y = NIB_NEW(arena, float, in.n);
    in.dy = NIB_NEW(arena, float, in.n);
    in.dx = NIB_NEW(arena, float, in.n);
    for (int64_t i = 0; i < in.n; i++)
        in.dy[i] = 1.0f + (float)(i % 3) / 2.0f;
    cr_assert(in.n >= 2000, "%s: %lld values", name, (long long)in.n);
    return in;
}

static void compare(const input *in, const char *text, const char *what, const float *got, const float *want)
{
    for (int64_t i = 0; i < in->n; i++)
        if (got[i] != want[i])
            cr_assert_fail("%s: %s at %a (element %lld) is %a, by the definition %a", text, what,
                           (double)in->x[i], (long long)i, (double)got[i], (double)want[i]);
}

static int check_kind(nib_arena *arena, nib_h5 *file, const input *in, const char *kind)
{
    const char *stem = nib_arena_printf(arena, "/%s_%s", in->name, kind);
    const bool learned = kind[1] == 'e';
    int64_t floats, scales = 0;
    const float *y_dx = golden_floats(arena, file, nib_arena_printf(arena, "%s_y_dx", stem), &floats);
    const float *scale = NULL, *ds = NULL;
    if (learned) {
        scale = golden_floats(arena, file, nib_arena_printf(arena, "%s_scales", stem), &scales);
        ds = golden_floats(arena, file, nib_arena_printf(arena, "%s_ds", stem), &scales);
    }
    char **lines = golden_lines(arena, file, nib_arena_printf(arena, "%s_cases", stem));
    int cases = 0;
    for (; lines[cases]; cases++, y_dx += 2 * in->n) {
        float got[64] = {0};
        const nib_quantizer_config q = golden_quantizer(arena, lines[cases]);
        const nib_quantize_call call = {.options = q.options,
                                        .rows = in->n / in->cols,
                                        .cols = in->cols,
                                        .stride = in->cols,
                                        .x = in->x,
                                        .y = in->y,
                                        .dy = in->dy,
                                        .dx = in->dx,
                                        .scale = learned ? scale + cases * in->cols : NULL,
                                        .dscale = got};
        cr_assert((cases + 1) * 2 * in->n <= floats, "%s: %lld numbers", stem, (long long)floats);
        nib_quantizer_forward(q.type, &call);
        nib_quantizer_backward(q.type, &call);
        compare(in, lines[cases], "y", in->y, y_dx);
        compare(in, lines[cases], "dx", in->dx, y_dx + in->n);
        for (int64_t i = 0; learned && i < q.type->n_scales(q.options, in->cols); i++) {
            const double want = (double)ds[cases * in->cols + i];
            cr_expect(fabs((double)got[i] - want) <= sum_tolerance * (fabs(want) + 1.0),
                      "%s: ds %lld is %g, not %g", lines[cases], (long long)i, (double)got[i], want);
        }
    }
    return cases;
}

Test(spec, quantized_linear_and_learned_scale)
{
    nib_cpu_flush_denormals();
    nib_arena *arena = nib_arena_create();
    nib_h5 *file = golden_open("spec.h5");
    const input points = read_input(arena, file, "points", 1),
                weights = read_input(arena, file, "weights", 32);
    const int linear =
        check_kind(arena, file, &points, "linear") + check_kind(arena, file, &weights, "linear");
    const int learned =
        check_kind(arena, file, &points, "learned") + check_kind(arena, file, &weights, "learned");
    cr_expect(linear >= 30 && learned >= 13, "%d and %d cases", linear, learned);
    nib_h5_close(file);
    nib_arena_destroy(arena);
}
