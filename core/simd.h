/** Vectors of floats for the kernels, by the instruction set a file is compiled for: 16 lanes with AVX-512, 8
 * with AVX2 and FMA, 4 elsewhere. Included by per-ISA files only (core/gemm_<isa>.c). nib_vf_fma rounds once
 * where the machine can; the compiler never makes one of a product and a sum by itself (-ffp-contract=off).
 */
#ifndef NIB_CORE_SIMD_H
#define NIB_CORE_SIMD_H

#include <stdint.h>

#if defined(__AVX512F__) || (defined(__AVX2__) && defined(__FMA__))
#include <immintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>
#endif

#if defined(__AVX512F__)
enum { NIB_VF = 16 };
typedef __m512 nib_vf;
static inline nib_vf nib_vf_broadcast(float x)
{
    return _mm512_set1_ps(x);
}
static inline nib_vf nib_vf_fma(nib_vf a, nib_vf b, nib_vf c)
{
    return _mm512_fmadd_ps(a, b, c);
}
#elif defined(__AVX2__) && defined(__FMA__)
enum { NIB_VF = 8 };
typedef __m256 nib_vf;
static inline nib_vf nib_vf_broadcast(float x)
{
    return _mm256_set1_ps(x);
}
static inline nib_vf nib_vf_fma(nib_vf a, nib_vf b, nib_vf c)
{
    return _mm256_fmadd_ps(a, b, c);
}
#elif defined(__aarch64__)
enum { NIB_VF = 4 };
typedef float32x4_t nib_vf;
static inline nib_vf nib_vf_broadcast(float x)
{
    return vdupq_n_f32(x);
}
static inline nib_vf nib_vf_fma(nib_vf a, nib_vf b, nib_vf c)
{
    return vfmaq_f32(c, a, b);
}
#else
enum { NIB_VF = 4 };
typedef float nib_vf __attribute__((vector_size(16)));
static inline nib_vf nib_vf_broadcast(float x)
{
    return (nib_vf){x, x, x, x};
}
static inline nib_vf nib_vf_fma(nib_vf a, nib_vf b, nib_vf c)
{
    return a * b + c;
}
#endif

/** The first `lanes` lanes of x, zeros behind them (a NaN there too). */
typedef int nib_vi __attribute__((vector_size(4 * NIB_VF)));
static inline nib_vi nib_vf_mask(int64_t lanes)
{
    nib_vi mask;
    for (int i = 0; i < NIB_VF; ++i)
        mask[i] = i < lanes ? -1 : 0;
    return mask;
}
static inline nib_vf nib_vf_keep(nib_vf x, nib_vi mask)
{
    return (nib_vf)((nib_vi)x & mask);
}

/* Rows of nibble's buffers begin at multiples of 64 bytes. */
static inline nib_vf nib_vf_load(const float *from)
{
    return *(const nib_vf *)from;
}
static inline void nib_vf_store(float *to, nib_vf x)
{
    *(nib_vf *)to = x;
}

#endif
