#include "quant/grid.h"

#include <assert.h>
#include <math.h>

#include "core/vector_math.h"

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

/* ---- Rounding ---- */

/* Nearest integer, ties to even. Adding 2^23 leaves no bits below one; a float of 2^23 and more has none. No
 * instruction beyond the baseline's, where rintf would be a call for every element. */
static inline float half_even(float v)
{
    const float magnitude = fabsf(v);
    const float rounded = copysignf((magnitude + 8388608.0f) - 8388608.0f, v);
    return magnitude < 8388608.0f ? rounded : v;
}

static inline float floor_of(float v)
{
    const float t = half_even(v);
    return t - (t > v ? 1.0f : 0.0f);
}

/* v - t is exact in all of these but RND's, where it can round up to 1 and no further than that: harmless for
 * the comparison. floor(v + 0.5) would not do: it is 1 for 0.49999997. */
static inline float round_as(nib_rounding rounding, float v)
{
    float t;
    switch (rounding) {
    case NIB_ROUNDING_TRN:
        return floor_of(v);
    case NIB_ROUNDING_TRN_ZERO:
        return copysignf(floor_of(fabsf(v)), v);
    case NIB_ROUNDING_RND:
        t = floor_of(v);
        return t + (v - t >= 0.5f ? 1.0f : 0.0f);
    case NIB_ROUNDING_RND_ZERO:
        t = half_even(fabsf(v));
        return copysignf(t - (t - fabsf(v) == 0.5f ? 1.0f : 0.0f), v);
    case NIB_ROUNDING_RND_INF:
        t = half_even(fabsf(v));
        return copysignf(t + (fabsf(v) - t == 0.5f ? 1.0f : 0.0f), v);
    case NIB_ROUNDING_RND_MIN_INF:
        t = half_even(v);
        return t - (t - v == 0.5f ? 1.0f : 0.0f);
    case NIB_ROUNDING_RND_CONV:
    case NIB_ROUNDING_COUNT:
        break;
    }
    return half_even(v);
}

float nib_grid_round(nib_rounding rounding, float v)
{
    return round_as(rounding, v);
}

/* ---- Overflow ---- */

/* x is the number before scaling: x - x is 0 for a number and NaN for NaN and infinities. */
static inline float bring_in(nib_overflow overflow, const nib_grid *g, float code, float x)
{
    const float lowest = g->lowest, highest = g->highest;
    if (overflow == NIB_OVERFLOW_WRAP) {
        /* Exact: code and multiples of 2^W are multiples of code's last place, and the difference is below
         * 2^24. Codes of 2^48 and more are multiples of 2^W themselves. */
        const float low = code - g->modulus * floor_of(code * (1.0f / g->modulus));
        const float signed_ = low - (low > highest ? g->modulus : 0.0f);
        return fabsf(code) < 281474976710656.0f ? signed_ : x - x;
    }
    if (overflow == NIB_OVERFLOW_SAT_ZERO) {
        const float kept = code < lowest ? 0.0f : code;
        return kept > highest ? 0.0f : kept;
    }
    const float above = code < lowest ? lowest : code;
    return above > highest ? highest : above;
}

/* ---- Loops: one for each pair of modes ---- */

static inline void apply_as(nib_rounding rounding, nib_overflow overflow, const nib_grid *grid, int64_t n,
                            const float *x, float *y)
{
    const nib_grid g = *grid; /* nothing that y could alias */
    NIB_INDEPENDENT
    for (int64_t i = 0; i < n; i++) {
        const float tiny = copysignf(g.least, x[i]), magnitude = fabsf(x[i]);
        const float lifted = magnitude < g.least ? tiny : x[i];
        const float v = (magnitude > 0.0f ? lifted : x[i]) * g.inverse;
        y[i] = bring_in(overflow, &g, round_as(rounding, v), x[i]) * g.step;
    }
}

#define LOOP(rounding, overflow)                                                                             \
    static void rounding##_##overflow(const nib_grid *grid, int64_t n, const float *x, float *y)             \
    {                                                                                                        \
        apply_as(NIB_ROUNDING_##rounding, NIB_OVERFLOW_##overflow, grid, n, x, y);                           \
    }
#define LOOPS(rounding)                                                                                      \
    LOOP(rounding, WRAP)                                                                                     \
    LOOP(rounding, SAT)                                                                                      \
    LOOP(rounding, SAT_ZERO)                                                                                 \
    LOOP(rounding, SAT_SYM)
#define ROW(rounding)                                                                                        \
    [NIB_ROUNDING_##rounding] = {[NIB_OVERFLOW_WRAP] = rounding##_WRAP,                                      \
                                 [NIB_OVERFLOW_SAT] = rounding##_SAT,                                        \
                                 [NIB_OVERFLOW_SAT_ZERO] = rounding##_SAT_ZERO,                              \
                                 [NIB_OVERFLOW_SAT_SYM] = rounding##_SAT_SYM}

LOOPS(TRN)
LOOPS(TRN_ZERO)
LOOPS(RND)
LOOPS(RND_ZERO)
LOOPS(RND_INF)
LOOPS(RND_MIN_INF)
LOOPS(RND_CONV)

void nib_grid_apply(const nib_grid *grid, int64_t n, const float *x, float *y)
{
    static void (*const loops[NIB_ROUNDING_COUNT][NIB_OVERFLOW_COUNT])(const nib_grid *, int64_t,
                                                                       const float *, float *) = {
        ROW(TRN), ROW(TRN_ZERO), ROW(RND), ROW(RND_ZERO), ROW(RND_INF), ROW(RND_MIN_INF), ROW(RND_CONV)};
    loops[grid->rounding][grid->overflow](grid, n, x, y);
}

void nib_grid_gradient(const nib_grid *grid, bool clip, int64_t n, const float *x, const float *dy, float *dx)
{
    /* Without clipping the range is everything but NaN. */
    const float lowest = clip ? grid->lowest * grid->step : -INFINITY;
    const float highest = clip ? grid->highest * grid->step : INFINITY;
    NIB_INDEPENDENT
    for (int64_t i = 0; i < n; i++) {
        const float passed = dy[i];
        const float low = x[i] < lowest ? 0.0f : passed;
        dx[i] = x[i] > highest ? 0.0f : low;
    }
}
