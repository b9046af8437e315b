/** Vectors of floats of the instruction set that a file is compiled for.
 *
 *  Files that use it are compiled once per instruction set (core/isa.h) with that set's flags, so this header
 * looks at what the compiler may emit and nothing else. Contraction is off everywhere: multiply-adds are
 * written as nib_vf_fma and nothing else becomes one. On x86 without FMA it is a product and a sum.
 */
#ifndef NIB_CORE_SIMD_H
#define NIB_CORE_SIMD_H

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
/** Lanes from n on become 0; 0 <= n <= NIB_VF. */
NIB_INLINE nib_vf nib_vf_first(nib_vf x, int n)
{
    return _mm512_maskz_mov_ps((__mmask16)((1u << n) - 1u), x);
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
NIB_INLINE nib_vf nib_vf_relu(nib_vf x)
{
    return _mm256_max_ps(_mm256_setzero_ps(), x);
}
NIB_INLINE nib_vf nib_vf_where_positive(nib_vf gate, nib_vf x)
{
    return _mm256_and_ps(_mm256_cmp_ps(gate, _mm256_setzero_ps(), _CMP_GT_OQ), x);
}
NIB_INLINE nib_vf nib_vf_first(nib_vf x, int n)
{
    const __m256i lane = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
    return _mm256_and_ps(_mm256_castsi256_ps(_mm256_cmpgt_epi32(_mm256_set1_epi32(n), lane)), x);
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
NIB_INLINE nib_vf nib_vf_relu(nib_vf x)
{
    return _mm_max_ps(_mm_setzero_ps(), x);
}
NIB_INLINE nib_vf nib_vf_where_positive(nib_vf gate, nib_vf x)
{
    return _mm_and_ps(_mm_cmpgt_ps(gate, _mm_setzero_ps()), x);
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
NIB_INLINE nib_vf nib_vf_first(nib_vf x, int n)
{
    static const int32_t lane[4] = {0, 1, 2, 3};
    return nib_vf_select(vcltq_s32(vld1q_s32(lane), vdupq_n_s32(n)), x);
}

#else /* one float at a time */

#include <math.h>

enum { NIB_VF = 1, NIB_VF_REGISTERS = 16 };
typedef float nib_vf;

NIB_INLINE nib_vf nib_vf_set(float x)
{
    return x;
}
NIB_INLINE nib_vf nib_vf_load(const float *from)
{
    return *from;
}
NIB_INLINE void nib_vf_store(float *to, nib_vf x)
{
    *to = x;
}
NIB_INLINE nib_vf nib_vf_fma(nib_vf a, nib_vf b, nib_vf c)
{
    return fmaf(a, b, c);
}
NIB_INLINE nib_vf nib_vf_add(nib_vf a, nib_vf b)
{
    return a + b;
}
NIB_INLINE nib_vf nib_vf_relu(nib_vf x)
{
    return x < 0.0f ? 0.0f : x;
}
NIB_INLINE nib_vf nib_vf_where_positive(nib_vf gate, nib_vf x)
{
    return gate > 0.0f ? x : 0.0f;
}
NIB_INLINE nib_vf nib_vf_first(nib_vf x, int n)
{
    return n > 0 ? x : 0.0f;
}

#endif
#endif
