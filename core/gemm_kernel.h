/** The product kernel, one per instruction set. */
#ifndef NIB_CORE_GEMM_KERNEL_H
#define NIB_CORE_GEMM_KERNEL_H

#include <stdint.h>

#include "core/cpu.h"

/** C = init + A B, with A [m, k] through two strides, B [k, n] and C [m, n] by rows. Every element is one
 * chain of multiply-adds over k in order, so its bits depend on nothing but its row of A and column of B: not
 * on where the row lies, nor on how many there are, nor (with FMA) on the instruction set. */
typedef struct nib_product {
    int64_t m, k, n;
    const float *a;
    int64_t a_row, a_k; /**< floats from row to row and from k to k */
    const float *b;
    int64_t
        b_k; /**< a multiple of 16 floats; rows of B, C and init are 64-byte aligned and padded with zeros */
    float *c;
    int64_t c_row;
    const float *init; /**< NULL: 0 */
    int64_t init_row;  /**< 0: the same for every row (a bias) */
} nib_product;

typedef struct nib_gemm_kernel {
    void (*multiply)(const nib_product *product);
} nib_gemm_kernel;

/** The kernel of a level, or NULL if this processor cannot run it. Products use the highest. */
const nib_gemm_kernel *nib_gemm_kernel_of(nib_cpu_level level);

extern const nib_gemm_kernel nib_gemm_kernel_baseline;
#if defined(__x86_64__)
extern const nib_gemm_kernel nib_gemm_kernel_avx2;
extern const nib_gemm_kernel nib_gemm_kernel_avx512;
#endif

#endif
