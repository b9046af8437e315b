/** The forward kernel for outputs narrower than a vector. For core/kernels.c, which is compiled once per
 * instruction set; the shapes are those of nib_kernels.narrow. */
#ifndef NIB_CORE_NARROW_H
#define NIB_CORE_NARROW_H

#include "core/kernels.h"
#include "core/simd.h"

/* A pointer that the compiler shall not compute ahead with all its multiples: it has too few registers. */
#define NIB_STEP_BY(pointer, floats)                                                                         \
    do {                                                                                                     \
        (pointer) += (floats);                                                                               \
        __asm__("" : "+r"(pointer));                                                                         \
    } while (0)

#if defined(__AVX512F__)

enum { NIB_NARROW = 8, NIB_NARROW_ROWS = 16, NIB_NARROW_QUAD = 4 };

/* sum[r] += the rows' pairs of A at `a` times `pair`. Rows in fours, each with a pointer of its own: one
 * would need too many multiples of the stride. */
NIB_INLINE void nib_narrow_add_pairs(nib_vf *sum, const float *const a[NIB_NARROW_QUAD], int64_t stride,
                                     nib_vf pair, const int mr)
{
    NIB_UNROLL
    for (int r = 0; r < mr; ++r) {
        double both;
        __builtin_memcpy(&both, a[r / NIB_NARROW_QUAD] + r % NIB_NARROW_QUAD * stride, sizeof both);
        sum[r] = nib_vf_fma(_mm512_castpd_ps(_mm512_set1_pd(both)), pair, sum[r]);
    }
}

/* Two k at a time: lane 2j sums the even k of column j, lane 2j + 1 the odd ones. */
NIB_INLINE void nib_narrow_rows(const nib_product *p, int64_t row, const int mr)
{
    const __m512i weave = _mm512_setr_epi32(0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
    const __m512i even = _mm512_setr_epi32(0, 2, 4, 6, 8, 10, 12, 14, 16, 16, 16, 16, 16, 16, 16, 16);
    const nib_vf zero = nib_vf_set(0.0f), start = p->start ? nib_vf_load(p->start) : zero;
    nib_vf sum[NIB_NARROW_ROWS];
    NIB_UNROLL
    for (int r = 0; r < mr; ++r)
        sum[r] = _mm512_permutex2var_ps(start, weave, zero);
    const int64_t a_row = p->a_row, b_stride = p->b_stride, pairs = p->k / 2;
    const float *a[NIB_NARROW_QUAD], *b = p->b;
    NIB_UNROLL
    for (int q = 0; q < NIB_NARROW_QUAD; ++q) {
        a[q] = p->a + (row + (NIB_NARROW_QUAD * q < mr ? NIB_NARROW_QUAD * q : 0)) * a_row;
        __asm__("" : "+r"(a[q]));
    }
    for (int64_t k = pairs; k > 0; --k) {
        nib_narrow_add_pairs(sum, a, a_row,
                             _mm512_permutex2var_ps(nib_vf_load(b), weave, nib_vf_load(b + b_stride)), mr);
        NIB_UNROLL
        for (int q = 0; q < NIB_NARROW_QUAD; ++q)
            a[q] += 2;
        b += 2 * b_stride;
    }
    if (p->k % 2 != 0)
        nib_narrow_add_pairs(sum, a, a_row, _mm512_permutex2var_ps(nib_vf_load(b), weave, zero), mr);
    const __mmask16 columns = (__mmask16)((1u << p->n) - 1u);
    const nib_vf least = nib_vf_set(p->epilogue.kind == NIB_EPILOGUE_RELU ? 0.0f : -INFINITY);
    float *c = p->c + row * p->c_stride;
    NIB_UNROLL
    for (int r = 0; r < mr; ++r) {
        const nib_vf both = nib_vf_add(sum[r], _mm512_permute_ps(sum[r], 0xb1));
        const nib_vf y = _mm512_maskz_permutexvar_ps(columns, even, both);
        nib_vf_store(c, nib_vf_max(least, y));
        NIB_STEP_BY(c, p->c_stride);
    }
}

static inline void nib_narrow(const nib_product *p)
{
    int64_t row = 0;
    for (; row + NIB_NARROW_ROWS <= p->m; row += NIB_NARROW_ROWS)
        nib_narrow_rows(p, row, NIB_NARROW_ROWS);
    for (; row < p->m; ++row)
        nib_narrow_rows(p, row, 1);
}

#else

enum { NIB_NARROW = 0 /* there is no such kernel */ };

#endif

#endif
