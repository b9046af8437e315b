#include "quant/grid.h"

#include <assert.h>

#include "quant/grid_loops.h"

nib_grid nib_grid_of(const nib_fixed *type)
{
    assert(type->bits <= NIB_FIXED_MAX_FAKE);
    const int fraction = nib_fixed_fraction(type);
    return (nib_grid){
        .step = ldexpf(1.0f, -fraction),
        .inverse = ldexpf(1.0f, fraction),
        .lowest = (float)nib_fixed_lowest(type),
        .highest = (float)nib_fixed_highest(type),
        .modulus = ldexpf(1.0f, type->bits),
        .least = fraction < 0 ? 0.25f : 0.0f,
        .rounding = type->rounding,
        .overflow = type->overflow,
    };
}

float nib_grid_round(nib_rounding rounding, float v)
{
    return nib_grid_round_as(rounding, v);
}

const nib_grid_loops *nib_grid_loops_for(nib_isa isa)
{
#if NIB_ISA_X86
    if (isa == NIB_ISA_AVX512)
        return &nib_grid_loops_of_avx512;
    if (isa == NIB_ISA_AVX2)
        return &nib_grid_loops_of_avx2;
#endif
    (void)isa;
    return &nib_grid_loops_of;
}

static const nib_grid_loops *chosen(void)
{
    return nib_grid_loops_for(nib_isa_chosen().isa);
}

/* Steps above 1: a nonzero |x| below `least` counts as `least`. */
static void apply_coarse(const nib_grid *grid, int64_t n, const float *x, float *y)
{
    const nib_grid g = *grid;
    for (int64_t i = 0; i < n; i++) {
        const float magnitude = fabsf(x[i]), tiny = copysignf(g.least, x[i]);
        const float lifted = magnitude > 0.0f && magnitude < g.least ? tiny : x[i];
        const float code = nib_grid_round_as(g.rounding, lifted * g.inverse);
        y[i] = nib_grid_bring_in(g.overflow, &g, code, x[i]) * g.step;
    }
}

void nib_grid_apply(const nib_grid *grid, int64_t n, const float *x, float *y)
{
    if (grid->least > 0.0f)
        apply_coarse(grid, n, x, y);
    else
        chosen()->apply(grid, n, x, y);
}

void nib_grid_apply_rows(const nib_grid *grid, int64_t rows, int64_t cols, int64_t stride, const float *x,
                         float *y)
{
    if (cols == stride) {
        nib_grid_apply(grid, rows * cols, x, y);
        return;
    }
    for (int64_t r = 0; r < rows; r++)
        nib_grid_apply(grid, cols, x + r * stride, y + r * stride);
}

void nib_grid_apply_random(const nib_grid *grid, int64_t n, const float *x, const float *u, float *y)
{
    chosen()->apply_random(grid, n, x, u, y);
}

void nib_grid_pass_rows(float lowest, float highest, int64_t rows, int64_t cols, int64_t stride,
                        const float *x, const float *dy, float *dx)
{
    const nib_grid_loops *loops = chosen();
    if (cols == stride) {
        loops->pass(lowest, highest, rows * cols, x, dy, dx);
        return;
    }
    for (int64_t r = 0; r < rows; r++)
        loops->pass(lowest, highest, cols, x + r * stride, dy + r * stride, dx + r * stride);
}

void nib_grid_gradient(const nib_grid *grid, bool clip, int64_t n, const float *x, const float *dy, float *dx)
{
    /* Without clipping the range is everything but NaN. */
    const float lowest = clip ? grid->lowest * grid->step : -INFINITY;
    const float highest = clip ? grid->highest * grid->step : INFINITY;
    chosen()->pass(lowest, highest, n, x, dy, dx);
}
