/* The product kernel for AVX2 (compiled with its flags, see CMakeLists.txt; empty on other machines). */
#if defined(__x86_64__)
#include "core/gemm_block.h"

static void multiply(const nib_product *product)
{
    nib_gemm_multiply(product);
}

const nib_gemm_kernel nib_gemm_kernel_avx2 = {multiply};
#else
typedef int nib_not_empty; /* ISO C wants a declaration */
#endif
