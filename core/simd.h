/** Vectors of floats of the instruction set that a file is compiled for.
 *
 *  Files that use it are compiled once per instruction set (core/isa.h) with that set's flags, so this header
 * looks at what the compiler may emit and nothing else. Contraction is off everywhere: multiply-adds are
 * written as nib_vf_fma and nothing else becomes one. On x86 without FMA it is a product and a sum.
 */
#ifndef NIB_CORE_SIMD_H
#define NIB_CORE_SIMD_H

#include <math.h>
#include <stdint.h>

#if defined(__x86_64__)
#include <immintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>
#endif

#define NIB_INLINE static inline __attribute__((always_inline, unused))

/** Unroll the next loop, whose bounds are constants once the function around it is inlined: only then do its
 * vectors stay in registers. */
#if defined(__clang__)
#define NIB_UNROLL _Pragma("clang loop unroll(full)")
#else
#define NIB_UNROLL _Pragma("GCC unroll 32")
#endif

#if defined(__AVX512F__)

enum { NIB_VF = 16, NIB_VF_REGISTERS = 32 };
typedef __m512 nib_vf;

NIB_INLINE nib_vf nib_vf_set(float x)
{
    return _mm512_set1_ps(x);
}
NIB_INLINE nib_vf nib_vf_load(const float *from)
{
    return _mm512_loadu_ps(from);
}
NIB_INLINE void nib_vf_store(float *to, nib_vf x)
{
    _mm512_storeu_ps(to, x);
}
/** a b + c in one rounding where the instruction set has it. */
NIB_INLINE nib_vf nib_vf_fma(nib_vf a, nib_vf b, nib_vf c)
{
    return _mm512_fmadd_ps(a, b, c);
}
NIB_INLINE nib_vf nib_vf_add(nib_vf a, nib_vf b)
{
    return _mm512_add_ps(a, b);
}
NIB_INLINE nib_vf nib_vf_sub(nib_vf a, nib_vf b)
{
    return _mm512_sub_ps(a, b);
}
NIB_INLINE nib_vf nib_vf_mul(nib_vf a, nib_vf b)
{
    return _mm512_mul_ps(a, b);
}
/** The root of x >= 0 within 1 ulp, which the divider would take ten times as long for; infinity and NaN
 * stay. */
NIB_INLINE nib_vf nib_vf_sqrt(nib_vf x)
{
    const nib_vf r = _mm512_rsqrt14_ps(x), s = _mm512_mul_ps(x, r);
    const nib_vf half = _mm512_mul_ps(_mm512_set1_ps(0.5f), r);
    const nib_vf root = _mm512_fmadd_ps(_mm512_fnmadd_ps(s, s, x), half, s);
    /* QNaN, 0, -0, infinity, denormal, SNaN */
    return _mm512_mask_mov_ps(root, _mm512_fpclass_ps_mask(x, 0x01 | 0x02 | 0x04 | 0x08 | 0x20 | 0x80), x);
}
/** a / b for b > 0, within 1 ulp; 0 where b is beyond 1e37; NaN stays. */
NIB_INLINE nib_vf nib_vf_div(nib_vf a, nib_vf b)
{
    const nib_vf d = _mm512_min_ps(_mm512_set1_ps(1e37f), b);
    const nib_vf r = _mm512_rcp14_ps(d), q = _mm512_mul_ps(a, r);
    return _mm512_fmadd_ps(_mm512_fnmadd_ps(q, d, a), r, q);
}
/** x < 0 ? 0 : x; NaN stays NaN. */
NIB_INLINE nib_vf nib_vf_relu(nib_vf x)
{
    return _mm512_max_ps(_mm512_setzero_ps(), x);
}
/** gate > 0 ? x : 0. */
NIB_INLINE nib_vf nib_vf_where_positive(nib_vf gate, nib_vf x)
{
    return _mm512_maskz_mov_ps(_mm512_cmp_ps_mask(gate, _mm512_setzero_ps(), _CMP_GT_OQ), x);
}
/** a > b ? x : y in each lane. */
NIB_INLINE nib_vf nib_vf_where_greater(nib_vf a, nib_vf b, nib_vf x, nib_vf y)
{
    return _mm512_mask_mov_ps(y, _mm512_cmp_ps_mask(a, b, _CMP_GT_OQ), x);
}
/** a > b ? a : b. */
NIB_INLINE nib_vf nib_vf_max(nib_vf a, nib_vf b)
{
    return _mm512_max_ps(a, b);
}
/** a == b ? x : y in each lane. */
NIB_INLINE nib_vf nib_vf_where_equal(nib_vf a, nib_vf b, nib_vf x, nib_vf y)
{
    return _mm512_mask_mov_ps(y, _mm512_cmp_ps_mask(a, b, _CMP_EQ_OQ), x);
}
/** x cut to [-limit, limit]; NaN stays NaN. */
NIB_INLINE nib_vf nib_vf_clip(nib_vf x, float limit)
{
    return _mm512_min_ps(_mm512_set1_ps(limit), _mm512_max_ps(_mm512_set1_ps(-limit), x));
}
/** Lanes from n on become 0; 0 <= n <= NIB_VF. */
NIB_INLINE nib_vf nib_vf_first(nib_vf x, int n)
{
    return _mm512_maskz_mov_ps((__mmask16)((1u << n) - 1u), x);
}

/** Quad g (four lanes) is the four floats at from + g * step. */
NIB_INLINE nib_vf nib_vf_load_quads(const float *from, int64_t step)
{
    const __m512 a = _mm512_castps128_ps512(_mm_loadu_ps(from));
    const __m512 b = _mm512_insertf32x4(a, _mm_loadu_ps(from + step), 1);
    const __m512 c = _mm512_insertf32x4(b, _mm_loadu_ps(from + 2 * step), 2);
    return _mm512_insertf32x4(c, _mm_loadu_ps(from + 3 * step), 3);
}
NIB_INLINE void nib_vf_store_quads(float *to, int64_t step, nib_vf x)
{
    _mm_storeu_ps(to, _mm512_castps512_ps128(x));
    _mm_storeu_ps(to + step, _mm512_extractf32x4_ps(x, 1));
    _mm_storeu_ps(to + 2 * step, _mm512_extractf32x4_ps(x, 2));
    _mm_storeu_ps(to + 3 * step, _mm512_extractf32x4_ps(x, 3));
}
/** In each quad by itself x[i][j] becomes x[j][i]. */
NIB_INLINE void nib_vf_transpose_quads(nib_vf x[4])
{
    const __m512 a = _mm512_unpacklo_ps(x[0], x[1]), b = _mm512_unpackhi_ps(x[0], x[1]);
    const __m512 c = _mm512_unpacklo_ps(x[2], x[3]), d = _mm512_unpackhi_ps(x[2], x[3]);
    x[0] = _mm512_shuffle_ps(a, c, 0x44);
    x[1] = _mm512_shuffle_ps(a, c, 0xee);
    x[2] = _mm512_shuffle_ps(b, d, 0x44);
    x[3] = _mm512_shuffle_ps(b, d, 0xee);
}

#elif defined(__AVX2__) && defined(__FMA__)

enum { NIB_VF = 8, NIB_VF_REGISTERS = 16 };
typedef __m256 nib_vf;

NIB_INLINE nib_vf nib_vf_set(float x)
{
    return _mm256_set1_ps(x);
}
NIB_INLINE nib_vf nib_vf_load(const float *from)
{
    return _mm256_loadu_ps(from);
}
NIB_INLINE void nib_vf_store(float *to, nib_vf x)
{
    _mm256_storeu_ps(to, x);
}
NIB_INLINE nib_vf nib_vf_fma(nib_vf a, nib_vf b, nib_vf c)
{
    return _mm256_fmadd_ps(a, b, c);
}
NIB_INLINE nib_vf nib_vf_add(nib_vf a, nib_vf b)
{
    return _mm256_add_ps(a, b);
}
NIB_INLINE nib_vf nib_vf_sub(nib_vf a, nib_vf b)
{
    return _mm256_sub_ps(a, b);
}
NIB_INLINE nib_vf nib_vf_mul(nib_vf a, nib_vf b)
{
    return _mm256_mul_ps(a, b);
}
NIB_INLINE nib_vf nib_vf_sqrt(nib_vf x)
{
    const nib_vf r = _mm256_rsqrt_ps(x), s = _mm256_mul_ps(x, r);
    const nib_vf half = _mm256_mul_ps(_mm256_set1_ps(0.5f), r);
    const nib_vf root = _mm256_fmadd_ps(_mm256_fnmadd_ps(s, s, x), half, s);
    const nib_vf usual = _mm256_and_ps(_mm256_cmp_ps(x, _mm256_set1_ps(0x1p-126f), _CMP_GE_OQ),
                                       _mm256_cmp_ps(x, _mm256_set1_ps(INFINITY), _CMP_LT_OQ));
    return _mm256_blendv_ps(x, root, usual);
}
NIB_INLINE nib_vf nib_vf_div(nib_vf a, nib_vf b)
{
    const nib_vf d = _mm256_min_ps(_mm256_set1_ps(1e37f), b);
    const nib_vf r = _mm256_rcp_ps(d), q = _mm256_mul_ps(a, r);
    return _mm256_fmadd_ps(_mm256_fnmadd_ps(q, d, a), r, q);
}
NIB_INLINE nib_vf nib_vf_relu(nib_vf x)
{
    return _mm256_max_ps(_mm256_setzero_ps(), x);
}
NIB_INLINE nib_vf nib_vf_where_positive(nib_vf gate, nib_vf x)
{
    return _mm256_and_ps(_mm256_cmp_ps(gate, _mm256_setzero_ps(), _CMP_GT_OQ), x);
}
NIB_INLINE nib_vf nib_vf_where_greater(nib_vf a, nib_vf b, nib_vf x, nib_vf y)
{
    return _mm256_blendv_ps(y, x, _mm256_cmp_ps(a, b, _CMP_GT_OQ));
}
NIB_INLINE nib_vf nib_vf_max(nib_vf a, nib_vf b)
{
    return _mm256_max_ps(a, b);
}
NIB_INLINE nib_vf nib_vf_where_equal(nib_vf a, nib_vf b, nib_vf x, nib_vf y)
{
    return _mm256_blendv_ps(y, x, _mm256_cmp_ps(a, b, _CMP_EQ_OQ));
}
NIB_INLINE nib_vf nib_vf_clip(nib_vf x, float limit)
{
    return _mm256_min_ps(_mm256_set1_ps(limit), _mm256_max_ps(_mm256_set1_ps(-limit), x));
}
NIB_INLINE nib_vf nib_vf_first(nib_vf x, int n)
{
    const __m256i lane = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
    return _mm256_and_ps(_mm256_castsi256_ps(_mm256_cmpgt_epi32(_mm256_set1_epi32(n), lane)), x);
}

NIB_INLINE nib_vf nib_vf_load_quads(const float *from, int64_t step)
{
    return _mm256_insertf128_ps(_mm256_castps128_ps256(_mm_loadu_ps(from)), _mm_loadu_ps(from + step), 1);
}
NIB_INLINE void nib_vf_store_quads(float *to, int64_t step, nib_vf x)
{
    _mm_storeu_ps(to, _mm256_castps256_ps128(x));
    _mm_storeu_ps(to + step, _mm256_extractf128_ps(x, 1));
}
NIB_INLINE void nib_vf_transpose_quads(nib_vf x[4])
{
    const __m256 a = _mm256_unpacklo_ps(x[0], x[1]), b = _mm256_unpackhi_ps(x[0], x[1]);
    const __m256 c = _mm256_unpacklo_ps(x[2], x[3]), d = _mm256_unpackhi_ps(x[2], x[3]);
    x[0] = _mm256_shuffle_ps(a, c, 0x44);
    x[1] = _mm256_shuffle_ps(a, c, 0xee);
    x[2] = _mm256_shuffle_ps(b, d, 0x44);
    x[3] = _mm256_shuffle_ps(b, d, 0xee);
}

#elif defined(__x86_64__)

enum { NIB_VF = 4, NIB_VF_REGISTERS = 16 };
typedef __m128 nib_vf;

NIB_INLINE nib_vf nib_vf_set(float x)
{
    return _mm_set1_ps(x);
}
NIB_INLINE nib_vf nib_vf_load(const float *from)
{
    return _mm_loadu_ps(from);
}
NIB_INLINE void nib_vf_store(float *to, nib_vf x)
{
    _mm_storeu_ps(to, x);
}
NIB_INLINE nib_vf nib_vf_fma(nib_vf a, nib_vf b, nib_vf c)
{
    return _mm_add_ps(_mm_mul_ps(a, b), c);
}
NIB_INLINE nib_vf nib_vf_add(nib_vf a, nib_vf b)
{
    return _mm_add_ps(a, b);
}
NIB_INLINE nib_vf nib_vf_sub(nib_vf a, nib_vf b)
{
    return _mm_sub_ps(a, b);
}
NIB_INLINE nib_vf nib_vf_mul(nib_vf a, nib_vf b)
{
    return _mm_mul_ps(a, b);
}
NIB_INLINE nib_vf nib_vf_sqrt(nib_vf x)
{
    return _mm_sqrt_ps(x);
}
NIB_INLINE nib_vf nib_vf_div(nib_vf a, nib_vf b)
{
    return _mm_div_ps(a, b);
}
NIB_INLINE nib_vf nib_vf_relu(nib_vf x)
{
    return _mm_max_ps(_mm_setzero_ps(), x);
}
NIB_INLINE nib_vf nib_vf_where_positive(nib_vf gate, nib_vf x)
{
    return _mm_and_ps(_mm_cmpgt_ps(gate, _mm_setzero_ps()), x);
}
NIB_INLINE nib_vf nib_vf_blend(nib_vf where, nib_vf x, nib_vf y)
{
    return _mm_or_ps(_mm_and_ps(where, x), _mm_andnot_ps(where, y));
}
NIB_INLINE nib_vf nib_vf_where_greater(nib_vf a, nib_vf b, nib_vf x, nib_vf y)
{
    return nib_vf_blend(_mm_cmpgt_ps(a, b), x, y);
}
NIB_INLINE nib_vf nib_vf_max(nib_vf a, nib_vf b)
{
    return _mm_max_ps(a, b);
}
NIB_INLINE nib_vf nib_vf_where_equal(nib_vf a, nib_vf b, nib_vf x, nib_vf y)
{
    return nib_vf_blend(_mm_cmpeq_ps(a, b), x, y);
}
NIB_INLINE nib_vf nib_vf_clip(nib_vf x, float limit)
{
    return _mm_min_ps(_mm_set1_ps(limit), _mm_max_ps(_mm_set1_ps(-limit), x));
}
NIB_INLINE nib_vf nib_vf_first(nib_vf x, int n)
{
    const __m128i lane = _mm_setr_epi32(0, 1, 2, 3);
    return _mm_and_ps(_mm_castsi128_ps(_mm_cmpgt_epi32(_mm_set1_epi32(n), lane)), x);
}

#elif defined(__aarch64__)

enum { NIB_VF = 4, NIB_VF_REGISTERS = 32 };
typedef float32x4_t nib_vf;

NIB_INLINE nib_vf nib_vf_set(float x)
{
    return vdupq_n_f32(x);
}
NIB_INLINE nib_vf nib_vf_load(const float *from)
{
    return vld1q_f32(from);
}
NIB_INLINE void nib_vf_store(float *to, nib_vf x)
{
    vst1q_f32(to, x);
}
NIB_INLINE nib_vf nib_vf_fma(nib_vf a, nib_vf b, nib_vf c)
{
    return vfmaq_f32(c, a, b);
}
NIB_INLINE nib_vf nib_vf_add(nib_vf a, nib_vf b)
{
    return vaddq_f32(a, b);
}
NIB_INLINE nib_vf nib_vf_sub(nib_vf a, nib_vf b)
{
    return vsubq_f32(a, b);
}
NIB_INLINE nib_vf nib_vf_mul(nib_vf a, nib_vf b)
{
    return vmulq_f32(a, b);
}
NIB_INLINE nib_vf nib_vf_sqrt(nib_vf x)
{
    return vsqrtq_f32(x);
}
NIB_INLINE nib_vf nib_vf_div(nib_vf a, nib_vf b)
{
    return vdivq_f32(a, b);
}
NIB_INLINE nib_vf nib_vf_select(uint32x4_t where, nib_vf x)
{
    return vreinterpretq_f32_u32(vandq_u32(where, vreinterpretq_u32_f32(x)));
}
NIB_INLINE nib_vf nib_vf_relu(nib_vf x)
{
    return nib_vf_select(vmvnq_u32(vcltzq_f32(x)), x);
}
NIB_INLINE nib_vf nib_vf_where_positive(nib_vf gate, nib_vf x)
{
    return nib_vf_select(vcgtzq_f32(gate), x);
}
NIB_INLINE nib_vf nib_vf_where_greater(nib_vf a, nib_vf b, nib_vf x, nib_vf y)
{
    return vbslq_f32(vcgtq_f32(a, b), x, y);
}
NIB_INLINE nib_vf nib_vf_max(nib_vf a, nib_vf b)
{
    return vbslq_f32(vcgtq_f32(a, b), a, b);
}
NIB_INLINE nib_vf nib_vf_where_equal(nib_vf a, nib_vf b, nib_vf x, nib_vf y)
{
    return vbslq_f32(vceqq_f32(a, b), x, y);
}
NIB_INLINE nib_vf nib_vf_clip(nib_vf x, float limit)
{
    return vminq_f32(vdupq_n_f32(limit), vmaxq_f32(vdupq_n_f32(-limit), x));
}
NIB_INLINE nib_vf nib_vf_first(nib_vf x, int n)
{
    static const int32_t lane[4] = {0, 1, 2, 3};
    return nib_vf_select(vcltq_s32(vld1q_s32(lane), vdupq_n_s32(n)), x);
}

#else /* whatever the compiler makes of four floats */

typedef float nib_vf __attribute__((vector_size(16)));
enum { NIB_VF = 4, NIB_VF_REGISTERS = 16 };

/* lane[i] = EXPRESSION for every lane. */
#define NIB_VF_LANES(expression)                                                                             \
    nib_vf lane;                                                                                             \
    for (int i = 0; i < NIB_VF; ++i)                                                                         \
        lane[i] = (expression);                                                                              \
    return lane

NIB_INLINE nib_vf nib_vf_set(float x)
{
    return (nib_vf){x, x, x, x};
}
NIB_INLINE nib_vf nib_vf_load(const float *from)
{
    nib_vf x;
    __builtin_memcpy(&x, from, sizeof x);
    return x;
}
NIB_INLINE void nib_vf_store(float *to, nib_vf x)
{
    __builtin_memcpy(to, &x, sizeof x);
}
NIB_INLINE nib_vf nib_vf_fma(nib_vf a, nib_vf b, nib_vf c)
{
    NIB_VF_LANES(fmaf(a[i], b[i], c[i]));
}
NIB_INLINE nib_vf nib_vf_add(nib_vf a, nib_vf b)
{
    return a + b;
}
NIB_INLINE nib_vf nib_vf_sub(nib_vf a, nib_vf b)
{
    return a - b;
}
NIB_INLINE nib_vf nib_vf_mul(nib_vf a, nib_vf b)
{
    return a * b;
}
NIB_INLINE nib_vf nib_vf_sqrt(nib_vf x)
{
    NIB_VF_LANES(sqrtf(x[i]));
}
NIB_INLINE nib_vf nib_vf_div(nib_vf a, nib_vf b)
{
    return a / b;
}
NIB_INLINE nib_vf nib_vf_relu(nib_vf x)
{
    NIB_VF_LANES(x[i] < 0.0f ? 0.0f : x[i]);
}
NIB_INLINE nib_vf nib_vf_where_positive(nib_vf gate, nib_vf x)
{
    NIB_VF_LANES(gate[i] > 0.0f ? x[i] : 0.0f);
}
NIB_INLINE nib_vf nib_vf_where_greater(nib_vf a, nib_vf b, nib_vf x, nib_vf y)
{
    NIB_VF_LANES(a[i] > b[i] ? x[i] : y[i]);
}
NIB_INLINE nib_vf nib_vf_max(nib_vf a, nib_vf b)
{
    NIB_VF_LANES(a[i] > b[i] ? a[i] : b[i]);
}
NIB_INLINE nib_vf nib_vf_where_equal(nib_vf a, nib_vf b, nib_vf x, nib_vf y)
{
    NIB_VF_LANES(a[i] == b[i] ? x[i] : y[i]);
}
NIB_INLINE nib_vf nib_vf_clip(nib_vf x, float limit)
{
    NIB_VF_LANES(x[i] < -limit ? -limit : x[i] > limit ? limit : x[i]);
}
NIB_INLINE nib_vf nib_vf_first(nib_vf x, int n)
{
    NIB_VF_LANES(i < n ? x[i] : 0.0f);
}

#endif

#if !defined(__AVX2__)
NIB_INLINE nib_vf nib_vf_load_quads(const float *from, int64_t step)
{
    (void)step;
    return nib_vf_load(from);
}
NIB_INLINE void nib_vf_store_quads(float *to, int64_t step, nib_vf x)
{
    (void)step;
    nib_vf_store(to, x);
}
NIB_INLINE void nib_vf_transpose_quads(nib_vf x[4])
{
    const nib_vf a = __builtin_shufflevector(x[0], x[1], 0, 4, 1, 5);
    const nib_vf b = __builtin_shufflevector(x[0], x[1], 2, 6, 3, 7);
    const nib_vf c = __builtin_shufflevector(x[2], x[3], 0, 4, 1, 5);
    const nib_vf d = __builtin_shufflevector(x[2], x[3], 2, 6, 3, 7);
    x[0] = __builtin_shufflevector(a, c, 0, 1, 4, 5);
    x[1] = __builtin_shufflevector(a, c, 2, 3, 6, 7);
    x[2] = __builtin_shufflevector(b, d, 0, 1, 4, 5);
    x[3] = __builtin_shufflevector(b, d, 2, 3, 6, 7);
}
#endif

#endif
