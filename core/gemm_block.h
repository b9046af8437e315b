/** The product kernel as a register tile, for the instruction set its including file is compiled for. */
#ifndef NIB_CORE_GEMM_BLOCK_H
#define NIB_CORE_GEMM_BLOCK_H

#include "core/gemm_kernel.h"
#include "core/simd.h"

#define NIB_INLINE static inline __attribute__((always_inline))
#if defined(__clang__)
#define NIB_UNROLL _Pragma("clang loop unroll(full)")
#else
#define NIB_UNROLL _Pragma("GCC unroll 16")
#endif

/* As many accumulators as the registers hold beside two vectors of B and one of A: 32 registers with AVX-512,
 * else 16. */
enum { NIB_BLOCK_ROWS = NIB_VF == 16 ? 8 : NIB_VF == 8 ? 6 : 4, NIB_BLOCK_VECTORS = 2 };

/* rows x vectors accumulators; both are constants where this is called, so that the loops vanish and the
 * accumulators stay in registers. */
NIB_INLINE void nib_gemm_block(const nib_product *p, int64_t row, int64_t column, int rows, int vectors,
                               nib_vi mask)
{
    nib_vf sum[2 * NIB_BLOCK_ROWS][NIB_BLOCK_VECTORS];
    const float *a = p->a + row * p->a_row, *b = p->b + column;
    const int64_t a_row = p->a_row;
    NIB_UNROLL
    for (int i = 0; i < rows; ++i) {
        NIB_UNROLL
        for (int v = 0; v < vectors; ++v)
            sum[i][v] = p->init ? nib_vf_load(p->init + (row + i) * p->init_row + column + v * NIB_VF)
                                : nib_vf_broadcast(0.0f);
    }
    for (int64_t k = 0; k < p->k; ++k) {
        nib_vf bk[NIB_BLOCK_VECTORS];
        NIB_UNROLL
        for (int v = 0; v < vectors; ++v)
            bk[v] = nib_vf_load(b + v * NIB_VF);
        NIB_UNROLL
        for (int i = 0; i < rows; ++i) {
            const nib_vf ai = nib_vf_broadcast(a[i * a_row]);
            NIB_UNROLL
            for (int v = 0; v < vectors; ++v)
                sum[i][v] = nib_vf_fma(ai, bk[v], sum[i][v]);
        }
        a += p->a_k;
        b += p->b_k;
    }
    NIB_UNROLL
    for (int i = 0; i < rows; ++i) {
        NIB_UNROLL
        for (int v = 0; v < vectors; ++v)
            nib_vf_store(p->c + (row + i) * p->c_row + column + v * NIB_VF,
                         v == vectors - 1 ? nib_vf_keep(sum[i][v], mask) : sum[i][v]);
    }
}

/* All rows of a panel of `vectors` vectors of columns, which stays in L1 meanwhile. */
NIB_INLINE void nib_gemm_panel(const nib_product *p, int64_t column, int vectors)
{
    const nib_vi mask = nib_vf_mask(p->n - column - (vectors - 1) * NIB_VF);
    const int most = NIB_BLOCK_ROWS * NIB_BLOCK_VECTORS / vectors;
    int64_t row = 0;
    for (; row + most <= p->m; row += most)
        nib_gemm_block(p, row, column, most, vectors, mask);
    for (; most > 4 && row + 4 <= p->m; row += 4)
        nib_gemm_block(p, row, column, 4, vectors, mask);
    for (; row < p->m; ++row)
        nib_gemm_block(p, row, column, 1, vectors, mask);
}

NIB_INLINE void nib_gemm_multiply(const nib_product *p)
{
    int64_t column = 0;
    for (; column + NIB_VF < p->n; column += 2 * NIB_VF)
        nib_gemm_panel(p, column, 2);
    if (column < p->n)
        nib_gemm_panel(p, column, 1);
}

#endif
