/** The step of core/grid_step.h on vectors in registers. For files that are compiled once per instruction set
 * (core/simd.h). Every operation is exact: all instruction sets give the same bits, but for the sign of 0.
 * NaN stays NaN.
 */
#ifndef NIB_CORE_GRID_VECTORS_H
#define NIB_CORE_GRID_VECTORS_H

#include <float.h>
#include <stdbool.h>

#include "core/grid_step.h"
#include "core/simd.h"

/** Nearest integer, ties to even. */
NIB_INLINE nib_vf nib_vf_nearest(nib_vf v)
{
#if defined(__AVX512F__)
    return _mm512_roundscale_ps(v, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
#elif defined(__AVX2__) && defined(__FMA__)
    return _mm256_round_ps(v, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
#elif defined(__aarch64__)
    return vrndnq_f32(v);
#else
    /* Floats of 2^23 and more are integers; adding that much leaves no bits below one. */
    const nib_vf large = nib_vf_set(8388608.0f), zero = nib_vf_set(0.0f);
    const nib_vf magnitude = nib_vf_max(nib_vf_sub(zero, v), v);
    const nib_vf rounded = nib_vf_sub(nib_vf_add(magnitude, large), large);
    const nib_vf with_sign = nib_vf_where_greater(zero, v, nib_vf_sub(zero, rounded), rounded);
    return nib_vf_where_greater(large, magnitude, with_sign, v);
#endif
}

NIB_INLINE nib_vf nib_vf_floor(nib_vf v)
{
    const nib_vf t = nib_vf_nearest(v);
    return nib_vf_sub(t, nib_vf_where_greater(t, v, nib_vf_set(1.0f), nib_vf_set(0.0f)));
}

/** x > limit ? limit : x. */
NIB_INLINE nib_vf nib_vf_at_most(nib_vf limit, nib_vf x)
{
#if defined(__AVX512F__)
    return _mm512_min_ps(limit, x);
#elif defined(__AVX2__) && defined(__FMA__)
    return _mm256_min_ps(limit, x);
#elif defined(__x86_64__)
    return _mm_min_ps(limit, x);
#else
    return nib_vf_where_greater(x, limit, limit, x);
#endif
}

/** low <= x <= high ? y : 0. */
NIB_INLINE nib_vf nib_vf_where_within(nib_vf low, nib_vf x, nib_vf high, nib_vf y)
{
#if defined(__AVX512F__)
    const __mmask16 above = _mm512_cmp_ps_mask(x, low, _CMP_GE_OQ);
    return _mm512_maskz_mov_ps(_mm512_mask_cmp_ps_mask(above, x, high, _CMP_LE_OQ), y);
#elif defined(__AVX2__) && defined(__FMA__)
    const nib_vf above = _mm256_cmp_ps(x, low, _CMP_GE_OQ), below = _mm256_cmp_ps(x, high, _CMP_LE_OQ);
    return _mm256_and_ps(_mm256_and_ps(above, below), y);
#elif defined(__x86_64__)
    return _mm_and_ps(_mm_and_ps(_mm_cmpge_ps(x, low), _mm_cmple_ps(x, high)), y);
#elif defined(__aarch64__)
    return nib_vf_select(vandq_u32(vcgeq_f32(x, low), vcleq_f32(x, high)), y);
#else
    for (int i = 0; i < NIB_VF; ++i) /* NaN is not within */
        y[i] = low[i] <= x[i] && x[i] <= high[i] ? y[i] : 0.0f;
    return y;
#endif
}

/** A bit for each lane: low <= x <= high. Takes NIB_VF / 4 bytes; which bit is whose, nib_vf_where_bits
 * knows. */
NIB_INLINE void nib_vf_store_within(unsigned char *to, nib_vf low, nib_vf x, nib_vf high)
{
#if defined(__AVX512F__)
    const __mmask16 above = _mm512_cmp_ps_mask(x, low, _CMP_GE_OQ);
    const __mmask16 bits = _mm512_mask_cmp_ps_mask(above, x, high, _CMP_LE_OQ);
    __builtin_memcpy(to, &bits, sizeof bits);
#elif defined(__AVX2__) && defined(__FMA__)
    const nib_vf above = _mm256_cmp_ps(x, low, _CMP_GE_OQ), below = _mm256_cmp_ps(x, high, _CMP_LE_OQ);
    *to = (unsigned char)_mm256_movemask_ps(_mm256_and_ps(above, below));
#elif defined(__x86_64__)
    *to = (unsigned char)_mm_movemask_ps(_mm_and_ps(_mm_cmpge_ps(x, low), _mm_cmple_ps(x, high)));
#elif defined(__aarch64__)
    static const uint32_t lane[4] = {1, 2, 4, 8};
    const uint32x4_t within = vandq_u32(vcgeq_f32(x, low), vcleq_f32(x, high));
    *to = (unsigned char)vaddvq_u32(vandq_u32(within, vld1q_u32(lane)));
#else
    unsigned bits = 0;
    for (int i = 0; i < NIB_VF; ++i)
        bits |= low[i] <= x[i] && x[i] <= high[i] ? 1u << i : 0u;
    *to = (unsigned char)bits;
#endif
}

/** y where the bit is set, else 0. */
NIB_INLINE nib_vf nib_vf_where_bits(const unsigned char *from, nib_vf y)
{
#if defined(__AVX512F__)
    __mmask16 bits;
    __builtin_memcpy(&bits, from, sizeof bits);
    return _mm512_maskz_mov_ps(bits, y);
#elif defined(__AVX2__) && defined(__FMA__)
    const __m256i lane = _mm256_setr_epi32(1, 2, 4, 8, 16, 32, 64, 128);
    const __m256i own = _mm256_and_si256(_mm256_set1_epi32(*from), lane);
    return _mm256_and_ps(_mm256_castsi256_ps(_mm256_cmpeq_epi32(own, lane)), y);
#elif defined(__x86_64__)
    const __m128i lane = _mm_setr_epi32(1, 2, 4, 8);
    const __m128i own = _mm_and_si128(_mm_set1_epi32(*from), lane);
    return _mm_and_ps(_mm_castsi128_ps(_mm_cmpeq_epi32(own, lane)), y);
#elif defined(__aarch64__)
    static const uint32_t lane[4] = {1, 2, 4, 8};
    return nib_vf_select(vtstq_u32(vdupq_n_u32(*from), vld1q_u32(lane)), y);
#else
    for (int i = 0; i < NIB_VF; ++i)
        y[i] = *from >> i & 1 ? y[i] : 0.0f;
    return y;
#endif
}

/** The numbers of NIB_VF columns. */
typedef struct nib_grid_columns {
    nib_vf step, low, high, magic, half, inverse, modulus, inverse_modulus, code_high;
} nib_grid_columns;

/** A number of NIB_VF columns. */
NIB_INLINE nib_vf nib_grid_number(const nib_grid_step *g, const float *number, int64_t column)
{
    return g->uniform ? nib_vf_set(*number) : nib_vf_load(number + column);
}

/** @param relu  a relu comes before the step: below zero is zero */
NIB_INLINE nib_grid_columns nib_grid_columns_load(const nib_grid_step *g, bool relu, int64_t column)
{
    nib_grid_columns c = {.step = nib_grid_number(g, g->step, column)};
    if (g->range == NIB_GRID_CLAMP) {
        c.low = nib_grid_number(g, g->low, column);
        if (relu)
            c.low = nib_vf_max(nib_vf_set(0.0f), c.low);
        c.high = nib_grid_number(g, g->high, column);
        c.magic = nib_grid_number(g, g->magic, column);
        c.half = nib_grid_number(g, g->half, column);
        return c;
    }
    c.inverse = nib_grid_number(g, g->inverse, column);
    c.modulus = nib_grid_number(g, g->modulus, column);
    c.inverse_modulus = nib_grid_number(g, g->inverse_modulus, column);
    c.code_high = nib_grid_number(g, g->code_high, column);
    return c;
}

/** x in low..high to whole steps: in [2^23, 2^24) steps a float has none but these. */
NIB_INLINE nib_vf nib_grid_round_steps(nib_grid_rounding rounding, const nib_grid_columns *c, nib_vf x)
{
#if defined(__AVX512F__)
    enum { DOWN = _MM_FROUND_TO_NEG_INF | _MM_FROUND_NO_EXC };
    if (rounding == NIB_GRID_FLOOR)
        return nib_vf_sub(_mm512_add_round_ps(x, c->magic, DOWN), c->magic);
    if (rounding == NIB_GRID_HALF_UP) /* down twice is down once: floats hold all whole steps */
        return nib_vf_sub(_mm512_add_round_ps(_mm512_add_round_ps(x, c->half, DOWN), c->magic, DOWN),
                          c->magic);
    return nib_vf_sub(nib_vf_add(x, c->magic), c->magic);
#else
    const nib_vf even = nib_vf_sub(nib_vf_add(x, c->magic), c->magic), zero = nib_vf_set(0.0f);
    if (rounding == NIB_GRID_FLOOR)
        return nib_vf_sub(even, nib_vf_where_greater(even, x, c->step, zero));
    if (rounding == NIB_GRID_HALF_UP) /* the distance is exact */
        return nib_vf_add(even, nib_vf_where_equal(nib_vf_sub(x, even), c->half, c->step, zero));
    return even;
#endif
}

/** x / step to an integer, of any size. */
NIB_INLINE nib_vf nib_grid_round_code(nib_grid_rounding rounding, nib_vf v)
{
    if (rounding == NIB_GRID_HALF_EVEN)
        return nib_vf_nearest(v);
    const nib_vf t = nib_vf_floor(v), zero = nib_vf_set(0.0f), one = nib_vf_set(1.0f);
    if (rounding == NIB_GRID_FLOOR)
        return t;
    /* floor(v + 0.5) would not do: it is 1 for 0.49999997. */
    return nib_vf_add(t, nib_vf_where_greater(nib_vf_set(0.5f), nib_vf_sub(v, t), zero, one));
}

/** Codes of 2^48 and more are multiples of any modulus; a value whose code overflows is 0, an infinity NaN.
 */
NIB_INLINE nib_vf nib_grid_wrap(const nib_grid_columns *c, nib_vf code, nib_vf x)
{
    const nib_vf zero = nib_vf_set(0.0f);
    const nib_vf whole = nib_vf_mul(c->modulus, nib_vf_floor(nib_vf_mul(code, c->inverse_modulus)));
    const nib_vf low = nib_vf_sub(code, whole);
    const nib_vf in = nib_vf_sub(low, nib_vf_where_greater(low, c->code_high, c->modulus, zero));
    const nib_vf magnitude = nib_vf_max(nib_vf_sub(zero, code), code);
    return nib_vf_where_greater(nib_vf_set(281474976710656.0f), magnitude, in, nib_vf_sub(x, x));
}

/** The step of one vector. `rounding` and `range` are constants where it is inlined. */
NIB_INLINE nib_vf nib_grid_apply_lanes(nib_grid_rounding rounding, nib_grid_range range, bool relu,
                                       const nib_grid_columns *c, nib_vf x)
{
    if (range == NIB_GRID_CLAMP)
        return nib_grid_round_steps(rounding, c, nib_vf_at_most(c->high, nib_vf_max(c->low, x)));
    const nib_vf positive = relu ? nib_vf_relu(x) : x;
    const nib_vf code = nib_grid_round_code(rounding, nib_vf_mul(positive, c->inverse));
    return nib_vf_mul(range == NIB_GRID_WRAP ? nib_grid_wrap(c, code, positive) : code, c->step);
}

/** The range of x that passes a gradient. A relu in front closes it up to and with 0. */
typedef struct nib_grid_pass {
    nib_vf low, high;
} nib_grid_pass;

NIB_INLINE nib_grid_pass nib_grid_pass_load(const nib_grid_step *g, bool relu, int64_t column)
{
    nib_grid_pass p = {nib_grid_number(g, g->pass_low, column), nib_grid_number(g, g->pass_high, column)};
    if (relu)
        p.low = nib_vf_max(nib_vf_set(FLT_MIN), p.low);
    return p;
}

/** The step of one vector, and a bit for each lane that passes a gradient (nib_vf_store_within). */
NIB_INLINE nib_vf nib_grid_apply_noting(nib_grid_rounding rounding, nib_grid_range range, bool relu,
                                        const nib_grid_columns *c, const nib_grid_pass *p, nib_vf x,
                                        unsigned char *bits)
{
#if defined(__AVX512F__)
    if (relu && range == NIB_GRID_CLAMP) { /* both begin at 0 (core/grid_step.h): one comparison for both */
        const __mmask16 positive = _mm512_cmp_ps_mask(x, p->low, _CMP_NLT_UQ); /* or NaN */
        const __mmask16 pass = _mm512_mask_cmp_ps_mask(positive, x, p->high, _CMP_LE_OQ);
        __builtin_memcpy(bits, &pass, sizeof pass);
        return nib_grid_round_steps(rounding, c, _mm512_maskz_min_ps(positive, c->high, x));
    }
#endif
    nib_vf_store_within(bits, p->low, x, p->high);
    return nib_grid_apply_lanes(rounding, range, relu, c, x);
}

/** Call `body(rounding, range)` with the step's own modes as constants. */
#define NIB_GRID_MODES(g, body)                                                                              \
    switch ((int)(g)->rounding * 3 + (int)(g)->range) {                                                      \
    case NIB_GRID_HALF_EVEN * 3 + NIB_GRID_CLAMP:                                                            \
        body(NIB_GRID_HALF_EVEN, NIB_GRID_CLAMP);                                                            \
        break;                                                                                               \
    case NIB_GRID_HALF_UP * 3 + NIB_GRID_CLAMP:                                                              \
        body(NIB_GRID_HALF_UP, NIB_GRID_CLAMP);                                                              \
        break;                                                                                               \
    case NIB_GRID_FLOOR * 3 + NIB_GRID_CLAMP:                                                                \
        body(NIB_GRID_FLOOR, NIB_GRID_CLAMP);                                                                \
        break;                                                                                               \
    case NIB_GRID_HALF_EVEN * 3 + NIB_GRID_WRAP:                                                             \
        body(NIB_GRID_HALF_EVEN, NIB_GRID_WRAP);                                                             \
        break;                                                                                               \
    case NIB_GRID_HALF_UP * 3 + NIB_GRID_WRAP:                                                               \
        body(NIB_GRID_HALF_UP, NIB_GRID_WRAP);                                                               \
        break;                                                                                               \
    case NIB_GRID_FLOOR * 3 + NIB_GRID_WRAP:                                                                 \
        body(NIB_GRID_FLOOR, NIB_GRID_WRAP);                                                                 \
        break;                                                                                               \
    default:                                                                                                 \
        body((g)->rounding, NIB_GRID_OPEN);                                                                  \
        break;                                                                                               \
    }

#endif
