/** The one door for matrix products.
 *
 *  Matrices are row-major with their own strides; rows begin at multiples of 64 bytes and are padded with
 * zeros, and so are the results (padding of w gives padding of y). Single-threaded, no heap. Every element is
 * one chain of multiply-adds over k in order: a row of y or dx does not depend on the other rows, nor on
 * where it lies.
 */
#ifndef NIB_CORE_GEMM_H
#define NIB_CORE_GEMM_H

#include <stdbool.h>

#include "core/tensor.h"

/** y = x w + bias: y [m, n], x [m, k], w [k, n], bias [n] or NULL (0). The bias is the initial accumulator.
 */
void nib_gemm_forward(nib_tensor y, nib_tensor x, nib_tensor w, const float *bias, int64_t rows);

/** dx (+)= dy w^T: dx [m, k], dy [m, n], w [k, n]. */
void nib_gemm_input_gradient(nib_tensor dx, nib_tensor dy, nib_tensor w, int64_t rows, bool accumulate);

/** dw (+)= x^T dy: dw [k, n], x [m, k], dy [m, n]. */
void nib_gemm_weight_gradient(nib_tensor dw, nib_tensor x, nib_tensor dy, int64_t rows, bool accumulate);

/** Name of the engine for manifests: "nibble avx512". `text` has `bytes`. */
void nib_gemm_engine(char *text, int bytes);

#endif
