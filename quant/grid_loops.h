/** The loops of quant/grid.h, compiled once per instruction set (core/isa.h), and the arithmetic of one
 * element that they share with it. */
#ifndef NIB_QUANT_GRID_LOOPS_H
#define NIB_QUANT_GRID_LOOPS_H

#include <math.h>

#include "core/isa.h"
#include "quant/grid.h"

/** Nearest integer, ties to even. Without the instruction: adding 2^23 leaves no bits below one; a float of
 * 2^23 and more has none. (rintf would be a call for every element on plain x86-64.) */
static inline float nib_grid_half_even(float v)
{
#if defined(__SSE4_1__) || defined(__aarch64__)
    return rintf(v);
#else
    const float magnitude = fabsf(v);
    const float rounded = copysignf((magnitude + 8388608.0f) - 8388608.0f, v);
    return magnitude < 8388608.0f ? rounded : v;
#endif
}

static inline float nib_grid_floor(float v)
{
    const float t = nib_grid_half_even(v);
    return t - (t > v ? 1.0f : 0.0f);
}

/** v rounded to an integer. v - t is exact in all of these: the nearest integer is right but for ties.
 * floor(v + 0.5) would not do for RND: it is 1 for 0.49999997. */
static inline float nib_grid_round_as(nib_rounding rounding, float v)
{
    float t;
    switch (rounding) {
    case NIB_ROUNDING_TRN:
        return nib_grid_floor(v);
    case NIB_ROUNDING_TRN_ZERO:
        return copysignf(nib_grid_floor(fabsf(v)), v);
    case NIB_ROUNDING_RND:
        t = nib_grid_half_even(v);
        return t + (v - t == 0.5f ? 1.0f : 0.0f);
    case NIB_ROUNDING_RND_ZERO:
        t = nib_grid_half_even(fabsf(v));
        return copysignf(t - (t - fabsf(v) == 0.5f ? 1.0f : 0.0f), v);
    case NIB_ROUNDING_RND_INF:
        t = nib_grid_half_even(fabsf(v));
        return copysignf(t + (fabsf(v) - t == 0.5f ? 1.0f : 0.0f), v);
    case NIB_ROUNDING_RND_MIN_INF:
        t = nib_grid_half_even(v);
        return t - (t - v == 0.5f ? 1.0f : 0.0f);
    case NIB_ROUNDING_RND_CONV:
    case NIB_ROUNDING_COUNT:
        break;
    }
    return nib_grid_half_even(v);
}

/** A code brought into range. x is the number before scaling: x - x is 0 for a number and NaN for NaN and
 * infinities. */
static inline float nib_grid_bring_in(nib_overflow overflow, const nib_grid *g, float code, float x)
{
    const float lowest = g->lowest, highest = g->highest;
    if (overflow == NIB_OVERFLOW_WRAP) {
        /* Exact: code and multiples of 2^W are multiples of code's last place, and the difference is below
         * 2^24. Codes of 2^48 and more are multiples of 2^W themselves. */
        const float low = code - g->modulus * nib_grid_floor(code * (1.0f / g->modulus));
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

/** Loops over n elements, for grids whose `least` is 0. */
typedef struct nib_grid_loops {
    void (*apply)(const nib_grid *grid, int64_t n, const float *x, float *y);
    /** Rounds up with the probability of the fraction: u [n] uniform in [0, 1). */
    void (*apply_random)(const nib_grid *grid, int64_t n, const float *x, const float *u, float *y);
    void (*pass)(float lowest, float highest, int64_t n, const float *x, const float *dy, float *dx);
} nib_grid_loops;

extern const nib_grid_loops nib_grid_loops_of;
#if NIB_ISA_X86
extern const nib_grid_loops nib_grid_loops_of_avx2;
extern const nib_grid_loops nib_grid_loops_of_avx512;
#endif

/** The loops of an instruction set, which must be supported. */
const nib_grid_loops *nib_grid_loops_for(nib_isa isa);

#endif
