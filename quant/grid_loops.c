/* Compiled once per instruction set: see core/isa.h. */
#include "quant/grid_loops.h"

#include "core/vector_math.h"

static inline void apply_as(nib_rounding rounding, nib_overflow overflow, const nib_grid *grid, int64_t n,
                            const float *x, float *y)
{
    const nib_grid g = *grid; /* nothing that y could alias */
    NIB_INDEPENDENT
    for (int64_t i = 0; i < n; i++)
        y[i] = nib_grid_bring_in(overflow, &g, nib_grid_round_as(rounding, x[i] * g.inverse), x[i]) * g.step;
}

/* One loop for each pair of modes. */
#define LOOP(rounding, overflow)                                                                             \
    static void rounding##_##overflow(const nib_grid *grid, int64_t n, const float *x, float *y)             \
    {                                                                                                        \
        apply_as(NIB_ROUNDING_##rounding, NIB_OVERFLOW_##overflow, grid, n, x, y);                           \
    }
#define LOOPS(rounding)                                                                                      \
    LOOP(rounding, WRAP)                                                                                     \
    LOOP(rounding, SAT)                                                                                      \
    LOOP(rounding, SAT_ZERO)
#define ROW(rounding)                                                                                        \
    [NIB_ROUNDING_##rounding] = {[NIB_OVERFLOW_WRAP] = rounding##_WRAP,                                      \
                                 [NIB_OVERFLOW_SAT] = rounding##_SAT,                                        \
                                 [NIB_OVERFLOW_SAT_ZERO] = rounding##_SAT_ZERO,                              \
                                 [NIB_OVERFLOW_SAT_SYM] = rounding##_SAT}

LOOPS(TRN)
LOOPS(TRN_ZERO)
LOOPS(RND)
LOOPS(RND_ZERO)
LOOPS(RND_INF)
LOOPS(RND_MIN_INF)
LOOPS(RND_CONV)

static void apply(const nib_grid *grid, int64_t n, const float *x, float *y)
{
    static void (*const loops[NIB_ROUNDING_COUNT][NIB_OVERFLOW_COUNT])(const nib_grid *, int64_t,
                                                                       const float *, float *) = {
        ROW(TRN), ROW(TRN_ZERO), ROW(RND), ROW(RND_ZERO), ROW(RND_INF), ROW(RND_MIN_INF), ROW(RND_CONV)};
    loops[grid->rounding][grid->overflow](grid, n, x, y);
}

static inline void random_as(nib_overflow overflow, const nib_grid *grid, int64_t n, const float *x,
                             const float *u, float *y)
{
    const nib_grid g = *grid;
    NIB_INDEPENDENT
    for (int64_t i = 0; i < n; i++) {
        const float v = x[i] * g.inverse, t = nib_grid_floor(v);
        y[i] = nib_grid_bring_in(overflow, &g, t + (u[i] < v - t ? 1.0f : 0.0f), x[i]) * g.step;
    }
}

static void apply_random(const nib_grid *grid, int64_t n, const float *x, const float *u, float *y)
{
    if (grid->overflow == NIB_OVERFLOW_WRAP)
        random_as(NIB_OVERFLOW_WRAP, grid, n, x, u, y);
    else if (grid->overflow == NIB_OVERFLOW_SAT_ZERO)
        random_as(NIB_OVERFLOW_SAT_ZERO, grid, n, x, u, y);
    else
        random_as(NIB_OVERFLOW_SAT, grid, n, x, u, y);
}

static void pass(float lowest, float highest, int64_t n, const float *x, const float *dy, float *dx)
{
    NIB_INDEPENDENT
    for (int64_t i = 0; i < n; i++) {
        const float passed = dy[i];
        const float low = x[i] < lowest ? 0.0f : passed;
        dx[i] = x[i] > highest ? 0.0f : low;
    }
}

const nib_grid_loops NIB_ISA_NAME(nib_grid_loops_of) = {apply, apply_random, pass};
