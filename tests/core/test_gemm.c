/* Products against a naive one in double, over shapes, strides and accumulation; and rows that do not depend
 * on each other. */
#include <criterion/criterion.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/arena.h"
#include "core/gemm.h"
#include "core/rng.h"

static nib_tensor matrix(int64_t rows, int64_t cols, uint32_t seed)
{
    const nib_rng rng = {.seed = seed};
    const int64_t stride = nib_padded(cols);
    nib_tensor t =
        nib_tensor_matrix(nib_aligned_alloc((size_t)(rows * stride) * sizeof(float)), rows, cols, stride);
    for (int64_t r = 0; r < rows; ++r)
        for (int64_t c = 0; c < cols; ++c)
            t.data[r * stride + c] = (float)nib_rng_normal(&rng, (uint64_t)(r * cols + c));
    return t;
}

/* sum over k of a[i][k] b[k][j] through strides. */
static void expect_product(nib_tensor c, const float *before, const float *a, int64_t a_row, int64_t a_k,
                           const float *b, int64_t b_k, int64_t b_col, int64_t depth, int64_t rows,
                           const char *what)
{
    for (int64_t i = 0; i < rows; ++i)
        for (int64_t j = 0; j < c.stride; ++j) {
            const double got = (double)c.data[i * c.stride + j];
            double sum = (double)before[i * c.stride + j], size = fabs(sum);
            for (int64_t k = 0; j < c.row_size && k < depth; ++k) {
                const double term = (double)a[i * a_row + k * a_k] * (double)b[k * b_k + j * b_col];
                sum += term;
                size += fabs(term);
            }
            cr_assert(fabs(got - sum) <= 2e-7 * size * sqrt((double)depth + 1),
                      "%s %dx%dx%d: [%d, %d] is %g, not %g", what, (int)rows, (int)depth, (int)c.row_size,
                      (int)i, (int)j, got, sum);
        }
}

static const int64_t widths[] = {1, 2, 5, 15, 16, 17, 32, 33, 64, 100, 300};
enum { N_WIDTHS = (int)(sizeof widths / sizeof widths[0]) };

static void check_shape(int64_t rows, int64_t k, int64_t n)
{
    nib_tensor x = matrix(rows, k, 1), w = matrix(k, n, 2), y = matrix(rows, n, 3), dy = matrix(rows, n, 4);
    nib_tensor dx = matrix(rows, k, 5), dw = matrix(k, n, 6), bias = matrix(1, n, 7), zero = matrix(1, 1, 8);
    const size_t largest = (size_t)(rows * y.stride + rows * x.stride + k * w.stride) * sizeof(float);
    float *before = nib_aligned_alloc(largest);
    for (int64_t r = 0; r < rows; ++r)
        memcpy(before + r * y.stride, bias.data, (size_t)y.stride * sizeof *before);
    nib_gemm_forward(y, x, w, bias.data, rows, NIB_FUSED_NONE);
    expect_product(y, before, x.data, x.stride, 1, w.data, w.stride, 1, k, rows, "x w + b");
    memset(before, 0, largest);
    nib_gemm_forward(y, x, w, NULL, rows, NIB_FUSED_NONE);
    expect_product(y, before, x.data, x.stride, 1, w.data, w.stride, 1, k, rows, "x w");
    nib_gemm_input_gradient(dx, dy, w, NULL, rows, false, NIB_FUSED_NONE, x);
    expect_product(dx, before, dy.data, dy.stride, 1, w.data, 1, w.stride, n, rows, "dy w^T");
    memcpy(before, dx.data, (size_t)(rows * dx.stride) * sizeof *before);
    nib_gemm_input_gradient(dx, dy, w, NULL, rows, true, NIB_FUSED_NONE, x);
    expect_product(dx, before, dy.data, dy.stride, 1, w.data, 1, w.stride, n, rows, "+= dy w^T");
    memset(before, 0, largest);
    nib_gemm_weight_gradient(dw, NULL, x, dy, rows, false);
    expect_product(dw, before, x.data, 1, x.stride, dy.data, dy.stride, 1, rows, k, "x^T dy");
    memcpy(before, dw.data, (size_t)(k * dw.stride) * sizeof *before);
    nib_gemm_weight_gradient(dw, NULL, x, dy, rows, true);
    expect_product(dw, before, x.data, 1, x.stride, dy.data, dy.stride, 1, rows, k, "+= x^T dy");
    nib_tensor all[] = {x, w, y, dy, dx, dw, bias, zero};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; ++i)
        nib_aligned_free(all[i].data);
    nib_aligned_free(before);
}

Test(gemm, products_agree_with_naive_ones, .timeout = 120)
{
    const int64_t rows[] = {1, 3, 7, 8, 63, 64};
    for (int r = 0; r < 6; ++r)
        for (int k = 0; k < N_WIDTHS; ++k)
            for (int n = 0; n < N_WIDTHS; ++n)
                if (r == 5 || (k < 8 && n < 8))
                    check_shape(rows[r], widths[k], widths[n]);
}

/* Predictions must not depend on where in a tile a row lies. */
Test(gemm, a_row_is_the_same_wherever_it_lies)
{
    for (int k = 0; k < N_WIDTHS; ++k)
        for (int n = 0; n < N_WIDTHS; ++n) {
            nib_tensor x = matrix(64, widths[k], 1), w = matrix(widths[k], widths[n], 2);
            nib_tensor y = matrix(64, widths[n], 3), dx = matrix(64, widths[k], 4),
                       bias = matrix(1, widths[n], 5);
            for (int r = 1; r < 64; ++r)
                memcpy(x.data + r * x.stride, x.data, (size_t)x.stride * sizeof(float));
            nib_gemm_forward(y, x, w, bias.data, 64, NIB_FUSED_NONE);
            nib_gemm_input_gradient(dx, y, w, NULL, 64, false, NIB_FUSED_NONE, x);
            for (int r = 1; r < 64; ++r) {
                cr_assert(memcmp(y.data + r * y.stride, y.data, (size_t)y.stride * sizeof(float)) == 0,
                          "x w: row %d of 64x%dx%d differs from row 0", r, (int)widths[k], (int)widths[n]);
                cr_assert(memcmp(dx.data + r * dx.stride, dx.data, (size_t)dx.stride * sizeof(float)) == 0,
                          "dy w^T: row %d of 64x%dx%d differs from row 0", r, (int)widths[n], (int)widths[k]);
            }
            nib_tensor all[] = {x, w, y, dx, bias};
            for (size_t i = 0; i < sizeof all / sizeof all[0]; ++i)
                nib_aligned_free(all[i].data);
        }
}
