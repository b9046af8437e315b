/** Tensors: float32 views, row-major, rank 1 to 4, that never own their memory.
 *
 *  dim[0] counts rows; a row is `row_size` = dim[1]*dim[2]*dim[3] floats, dense, and rows lie `stride` floats
 * apart. Buffers that nibble plans have stride = nib_padded(row_size), 64-byte aligned rows, and zeros in the
 * padding lanes: every op keeps padding at zero, so kernels need no tail in the row direction.
 */
#ifndef NIB_CORE_TENSOR_H
#define NIB_CORE_TENSOR_H

#include <stdint.h>

enum { NIB_MAX_RANK = 4, NIB_LANE_FLOATS = 16 };

typedef struct nib_tensor {
    float *data; /**< NULL: not there (a gradient nobody asked for) */
    int rank;
    int64_t dim[NIB_MAX_RANK]; /**< unused dims are 1 */
    int64_t row_size;          /**< floats in a row */
    int64_t stride;            /**< floats from row to row, >= row_size */
} nib_tensor;

/** Round up to a whole number of vector lanes (16 floats). */
int64_t nib_padded(int64_t floats);

/** Floats from the first row to behind the last one, padding included: what an elementwise op with f(0) = 0
 * may walk as one array. */
static inline int64_t nib_tensor_floats(const nib_tensor *x)
{
    return x->dim[0] * x->stride;
}

/** A rows x cols view. */
nib_tensor nib_tensor_matrix(float *data, int64_t rows, int64_t cols, int64_t stride);

#endif
