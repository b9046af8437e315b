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

/** A bit for each lane: x == y; as nib_vf_store_within. */
NIB_INLINE void nib_vf_store_equal(unsigned char *to, nib_vf x, nib_vf y)
{
#if defined(__AVX512F__)
    const __mmask16 bits = _mm512_cmp_ps_mask(x, y, _CMP_EQ_OQ);
    __builtin_memcpy(to, &bits, sizeof bits);
#elif defined(__AVX2__) && defined(__FMA__)
    *to = (unsigned char)_mm256_movemask_ps(_mm256_cmp_ps(x, y, _CMP_EQ_OQ));
#elif defined(__x86_64__)
    *to = (unsigned char)_mm_movemask_ps(_mm_cmpeq_ps(x, y));
#else
    nib_vf_store_within(to, x, y, x);
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
    nib_vf step, low, high, magic, odd_magic, half, inverse, modulus, inverse_modulus, code_high;
} nib_grid_columns;

/** A number of NIB_VF columns. */
NIB_INLINE nib_vf nib_grid_number(const nib_grid_step *g, const float *number, int64_t column)
{
    return g->uniform ? nib_vf_set(*number) : nib_vf_load(number + column);
}

/** @param range  that of the step
 *  @param relu   a relu comes before the step: below zero is zero */
NIB_INLINE nib_grid_columns nib_grid_columns_load(const nib_grid_step *g, nib_grid_range range, bool relu,
                                                  int64_t column)
{
    nib_grid_columns c = {.step = nib_grid_number(g, g->step, column)};
    if (range == NIB_GRID_CLAMP) {
        c.low = nib_grid_number(g, g->low, column);
        if (relu)
            c.low = nib_vf_max(nib_vf_set(0.0f), c.low);
        c.high = nib_grid_number(g, g->high, column);
        c.magic = nib_grid_number(g, g->magic, column);
        c.odd_magic = nib_vf_add(c.magic, c.step);
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
    const nib_vf even = nib_vf_add(x, c->magic);
    if (rounding == NIB_GRID_HALF_UP) { /* ties go to even and to odd steps: the higher one is up */
        const nib_vf odd = nib_vf_add(x, c->odd_magic);
        return nib_vf_sub(nib_vf_max(nib_vf_add(even, c->step), odd), c->odd_magic);
    }
    const nib_vf nearest = nib_vf_sub(even, c->magic);
    if (rounding == NIB_GRID_FLOOR)
        return nib_vf_sub(nearest, nib_vf_where_greater(nearest, x, c->step, nib_vf_set(0.0f)));
    return nearest;
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
    nib_vf offset,
        end; /* bit patterns: low > 0 becomes the least integer, `end` the first that is above high */
} nib_grid_pass;

/** Floats above 0 are in the order of their bits, so that one comparison of integers is two of floats: every
 * other number and NaN lies above those in range. Where the processor makes mask registers of comparisons
 * that gains nothing. */
#if defined(__AVX2__) && defined(__FMA__) && !defined(__AVX512F__)
#define NIB_GRID_BY_INTEGERS 1
NIB_INLINE void nib_grid_pass_integers(nib_grid_pass *p)
{
    const __m256i least = _mm256_set1_epi32(INT32_MIN), low = _mm256_castps_si256(p->low);
    const __m256i some = _mm256_castps_si256(_mm256_cmp_ps(p->high, p->low, _CMP_GE_OQ));
    const __m256i count =
        _mm256_sub_epi32(_mm256_sub_epi32(_mm256_castps_si256(p->high), low), _mm256_set1_epi32(-1));
    p->offset = _mm256_castsi256_ps(_mm256_sub_epi32(least, low));
    p->end = _mm256_castsi256_ps(_mm256_add_epi32(least, _mm256_and_si256(some, count)));
}
NIB_INLINE void nib_grid_store_within(unsigned char *to, const nib_grid_pass *p, nib_vf x)
{
    const __m256i moved = _mm256_add_epi32(_mm256_castps_si256(x), _mm256_castps_si256(p->offset));
    const __m256i below = _mm256_cmpgt_epi32(_mm256_castps_si256(p->end), moved);
    *to = (unsigned char)_mm256_movemask_ps(_mm256_castsi256_ps(below));
}
#elif defined(__x86_64__) && !defined(__AVX512F__)
#define NIB_GRID_BY_INTEGERS 1
NIB_INLINE void nib_grid_pass_integers(nib_grid_pass *p)
{
    const __m128i least = _mm_set1_epi32(INT32_MIN), low = _mm_castps_si128(p->low);
    const __m128i some = _mm_castps_si128(_mm_cmpge_ps(p->high, p->low));
    const __m128i count = _mm_sub_epi32(_mm_sub_epi32(_mm_castps_si128(p->high), low), _mm_set1_epi32(-1));
    p->offset = _mm_castsi128_ps(_mm_sub_epi32(least, low));
    p->end = _mm_castsi128_ps(_mm_add_epi32(least, _mm_and_si128(some, count)));
}
NIB_INLINE void nib_grid_store_within(unsigned char *to, const nib_grid_pass *p, nib_vf x)
{
    const __m128i moved = _mm_add_epi32(_mm_castps_si128(x), _mm_castps_si128(p->offset));
    const __m128i below = _mm_cmpgt_epi32(_mm_castps_si128(p->end), moved);
    *to = (unsigned char)_mm_movemask_ps(_mm_castsi128_ps(below));
}
#else
#define NIB_GRID_BY_INTEGERS 0
#endif

NIB_INLINE nib_grid_pass nib_grid_pass_load(const nib_grid_step *g, bool relu, int64_t column)
{
    nib_grid_pass p = {.low = nib_grid_number(g, g->pass_low, column),
                       .high = nib_grid_number(g, g->pass_high, column)};
    p.offset = p.end = p.low;
    if (relu)
        p.low = nib_vf_max(nib_vf_set(FLT_MIN), p.low);
#if NIB_GRID_BY_INTEGERS
    nib_grid_pass_integers(&p);
#endif
    return p;
}

/** The step of one vector, and a bit for each lane that passes a gradient (nib_vf_store_within).
 *  @param tight  without relu: what passes is what is not clamped */
NIB_INLINE nib_vf nib_grid_apply_noting(nib_grid_rounding rounding, nib_grid_range range, bool relu,
                                        bool tight, const nib_grid_columns *c, const nib_grid_pass *p,
                                        nib_vf x, unsigned char *bits)
{
#if defined(__AVX512F__)
    if (relu && range == NIB_GRID_CLAMP) { /* both begin at 0 (core/grid_step.h): one comparison for both */
        const __mmask16 positive = _mm512_cmp_ps_mask(x, p->low, _CMP_NLT_UQ); /* or NaN */
        const __mmask16 pass = _mm512_mask_cmp_ps_mask(positive, x, p->high, _CMP_LE_OQ);
        __builtin_memcpy(bits, &pass, sizeof pass);
        return nib_grid_round_steps(rounding, c, _mm512_maskz_min_ps(positive, c->high, x));
    }
#endif
#if NIB_GRID_BY_INTEGERS
    if (relu) {
        nib_grid_store_within(bits, p, x);
        return nib_grid_apply_lanes(rounding, range, relu, c, x);
    }
#endif
    if (tight && range == NIB_GRID_CLAMP) {
        const nib_vf in = nib_vf_at_most(c->high, nib_vf_max(c->low, x));
        nib_vf_store_equal(bits, in, x);
        return nib_grid_round_steps(rounding, c, in);
    }
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
