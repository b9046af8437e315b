/* The product kernel without special instruction sets: SSE2 on x86-64, NEON on arm64. */
#include "core/gemm_block.h"

static void multiply(const nib_product *product)
{
    nib_gemm_multiply(product);
}

const nib_gemm_kernel nib_gemm_kernel_baseline = {multiply};
