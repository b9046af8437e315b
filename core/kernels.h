/** Products by kernels of our own, a table of functions per instruction set. core/gemm.h is the door to them.
 *
 *  Every kernel computes C = A B for a block of rows with a register tile: rows of A are broadcast, rows of B
 * are vectors. Each element of C is one chain of multiply-adds over k in rising order (two chains, of the
 * even and odd k, in the narrow forward kernel), whatever its row and however many rows there are: a row's
 * bits depend on that row alone.
 *
 *  Rows of B and C are read and written as whole vectors: their strides are multiples of 16 and so are the
 * floats behind `start` and `sums`. Columns of C from n up to the next multiple of 16 become zero, whatever B
 * holds there.
 */
#ifndef NIB_CORE_KERNELS_H
#define NIB_CORE_KERNELS_H

#include <stdbool.h>
#include <stdint.h>

#include "core/grid_step.h"
#include "core/isa.h"
#include "core/tensor.h"

/** What happens to a finished element of C. The place for further fused steps. */
typedef enum nib_epilogue_kind {
    NIB_EPILOGUE_NONE,
    NIB_EPILOGUE_RELU,  /**< c < 0 ? 0 : c */
    NIB_EPILOGUE_GATE,  /**< gate > 0 ? c : 0: a relu's backward, gate is the relu's output */
    NIB_EPILOGUE_RANGE, /**< low <= gate <= high ? c : 0: a grid step's backward, gate is the step's input */
    NIB_EPILOGUE_PASS,  /**< bit ? c : 0: the same by bits that `grid` left */
} nib_epilogue_kind;

typedef struct nib_epilogue {
    nib_epilogue_kind kind;
    const float *gate; /**< [m, n] */
    int64_t gate_stride;
    const nib_grid_step *step; /**< its range passes; its columns are those from `first_column` on */
    int64_t first_column;
    bool relu;                 /**< before the step */
    const unsigned char *pass; /**< [m, c_stride / 4] bits */
    int64_t pass_stride;       /**< bytes */
} nib_epilogue;

typedef struct nib_product {
    int64_t m, n, k;
    const float *a;        /**< element (r, k) at a[r * a_row + k * a_step] */
    int64_t a_row, a_step; /**< one of them is 1 */
    const float *b;        /**< [k, n] */
    int64_t b_stride;
    float *c; /**< [m, n] */
    int64_t c_stride;
    const float *start;    /**< [n] what every row of C starts from (the bias), or NULL: 0 */
    float *sums;           /**< [n] the sums of the columns of B, or NULL: not wanted */
    bool accumulate;       /**< C += the product, which is summed by itself first; so are the sums */
    nib_epilogue epilogue; /**< of C, after accumulation */
} nib_product;

typedef struct nib_kernels {
    nib_isa isa;
    /** C = start + A B, or C += A B. */
    void (*product)(const nib_product *p);
    /** y = x w + bias for narrow outputs (n <= narrow): as `product`, lanes shared between even and odd k. No
     * epilogue but the relu, no accumulation, no sums. */
    void (*narrow)(const nib_product *p);
    int64_t narrow_limit; /**< largest n `narrow` takes; 0: there is no such kernel */
    /** dw [m = inputs, n] (+)= x^T dy for any n; A is x^T (a_row = 1). Where n is small the transpose is
     * computed instead, so that no lane is idle. */
    void (*weight_gradient)(const nib_product *p);
    /** sums [n] (+)= the sums of the columns of b [rows, n]. */
    void (*sum_rows)(float *sums, bool accumulate, const float *b, int64_t b_stride, int64_t n, int64_t rows);
    /** to [n] (+)= the sum of `count` vectors, `stride` floats apart, added in order; n is a multiple of 16.
     */
    void (*sum_vectors)(float *to, bool accumulate, const float *from, int64_t stride, int count, int64_t n);
    /** to [cols, rows] = from^T; from [rows, cols]. Padding of `to` up to a multiple of 16 becomes zero. */
    void (*transpose)(float *to, int64_t to_stride, const float *from, int64_t from_stride, int64_t rows,
                      int64_t cols);
    /** to [rows, width] = rows index[0], index[1], ... of from, which has `width` floats a row. Padding of
     * `to` is left as it is. */
    void (*gather)(float *to, int64_t to_stride, const float *from, int64_t width, const int32_t *index,
                   int64_t rows);
    /** y [rows, n] = the step on a grid of x, with a relu in front or not; y may be x. Padding of y becomes
     * 0.
     *  @param pass  [rows, y.stride / 4] bits of who passes a gradient (nib_fused.pass), or NULL */
    void (*grid)(const nib_grid_step *step, bool relu, nib_tensor y, nib_tensor x, int64_t rows,
                 unsigned char *pass);
    /** The same on a vector, for a uniform step; n is a multiple of 16. pass [n / 4] or NULL. */
    void (*grid_flat)(const nib_grid_step *step, bool relu, float *y, const float *x, int64_t n,
                      unsigned char *pass);
    /** dx [rows, n] (+)= dy where the step passes it, by x; dx may be dy. */
    void (*grid_gradient)(const nib_grid_step *step, bool relu, bool accumulate, nib_tensor dx, nib_tensor dy,
                          nib_tensor x, int64_t rows);
    /** dx [rows, n] becomes 0 where `pass` has no bit. */
    void (*pass_gradient)(nib_tensor dx, const unsigned char *pass, int64_t rows);
} nib_kernels;

/** The table of an instruction set the build has; it must be supported to be called. NULL: not built. */
const nib_kernels *nib_kernels_of(nib_isa isa);

#endif
