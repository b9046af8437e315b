/** The one door for matrix products.
 *
 *  Matrices are row-major with their own strides; rows begin at multiples of 64 bytes and are padded with
 * zeros, and so are the results. Products run on own kernels (core/kernels.h): single-threaded, no heap, and
 * a row of y or dx depends neither on the other rows nor on where it lies. With NIBBLE_ISA=openblas, for
 * comparison, none of that is promised.
 */
#ifndef NIB_CORE_GEMM_H
#define NIB_CORE_GEMM_H

#include <stdbool.h>

#include "core/grid_step.h"
#include "core/tensor.h"

/** Steps of others that a product takes along: on its result, or backward on the gradient of its input. The
 * bits are those of the steps done afterwards. */
typedef struct nib_fused {
    bool relu;                 /**< forward y < 0 ? 0 : y; backward y > 0 ? dy : 0 */
    const nib_grid_step *grid; /**< behind the relu, if there is one; NULL: none */
    nib_tensor raw; /**< with `grid`: the value before these steps, kept forward (data NULL: not needed) and
                       read backward */
    unsigned char *pass; /**< with `grid`, instead of raw: [rows, padded row / 4] bits that say whose gradient
                            passes, written forward and read backward; NULL: raw is used */
} nib_fused;

/** Bytes of nib_fused.pass for a row of so many padded floats. How bits lie in them is the kernels' matter:
 * the same instruction set reads what was written. */
enum { NIB_PASS_FLOATS_PER_BYTE = 4 };

/** Nothing is taken along. */
#define NIB_FUSED_NONE ((nib_fused){.relu = false})

/** y = fused(x w + bias): y [m, n], x [m, k], w [k, n], bias [n padded] or NULL (0). The bias is the initial
 * accumulator. */
void nib_gemm_forward(nib_tensor y, nib_tensor x, nib_tensor w, const float *bias, int64_t rows,
                      nib_fused fused);

/** dx (+)= dy w^T: dx [m, k], dy [m, n], w [k, n].
 *  @param turned  w^T as nib_gemm_turn left it, or NULL: it is made on the way, for every call
 *  @param fused   not with `accumulate`: x is what these steps made of another value, and dx is to be that
 * one's gradient */
void nib_gemm_input_gradient(nib_tensor dx, nib_tensor dy, nib_tensor w, const float *turned, int64_t rows,
                             bool accumulate, nib_fused fused, nib_tensor x);

/** Transpose w [k, n] for nib_gemm_input_gradient; `turned` has n * nib_padded(k) floats. */
void nib_gemm_turn(float *turned, nib_tensor w);

/** dw (+)= x^T dy, db (+)= sum of the rows of dy: dw [k, n], x [m, k], dy [m, n], db [n padded] or NULL. Of
 * db alone dw.data is NULL. */
void nib_gemm_weight_gradient(nib_tensor dw, float *db, nib_tensor x, nib_tensor dy, int64_t rows,
                              bool accumulate);

/** Keep OpenBLAS, where it is used, from starting threads of its own: executors bring theirs. */
void nib_gemm_single_thread(void);

/** Name of the engine for manifests: "nibble avx512" or "openblas <core>". `text` has `bytes`. */
void nib_gemm_engine(char *text, int bytes);

#endif
