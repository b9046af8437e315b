/** The one door for matrix products.
 *
 *  Matrices are row-major with their own strides. Rows of C are computed to the full padded width where the
 * operand is padded (padding of B's columns zero gives padding of C zero). Single-threaded. Which engine runs
 * a product is decided by shape class and instruction set, never by timing. A row of y or dx does not depend
 * on the other rows as long as `rows` stays the same: ops pass the tile's capacity, not the rows that count.
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

/** Keep the engine from starting threads of its own: executors bring theirs. */
void nib_gemm_single_thread(void);

/** Name of the engine for manifests: "openblas <core name>". `text` has `bytes`. */
void nib_gemm_engine(char *text, int bytes);

#endif
