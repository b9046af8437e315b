#include "core/gemm.h"

#include <stdio.h>

#include "core/cpu.h"
#include "core/gemm_kernel.h"

const nib_gemm_kernel *nib_gemm_kernel_of(nib_cpu_level level)
{
    if (level > nib_cpu_level_of_machine())
        return NULL;
#if defined(__x86_64__)
    if (level == NIB_CPU_AVX512)
        return &nib_gemm_kernel_avx512;
    if (level == NIB_CPU_AVX2)
        return &nib_gemm_kernel_avx2;
#endif
    return &nib_gemm_kernel_baseline;
}

static void multiply(const nib_product *product)
{
    nib_gemm_kernel_of(nib_cpu_level_of_machine())->multiply(product);
}

void nib_gemm_forward(nib_tensor y, nib_tensor x, nib_tensor w, const float *bias, int64_t rows)
{
    const nib_product product = {
        .m = rows,
        .k = x.row_size,
        .n = y.row_size,
        .a = x.data,
        .a_row = x.stride,
        .a_k = 1,
        .b = w.data,
        .b_k = w.stride,
        .c = y.data,
        .c_row = y.stride,
        .init = bias,
    };
    multiply(&product);
}

void nib_gemm_weight_gradient(nib_tensor dw, nib_tensor x, nib_tensor dy, int64_t rows, bool accumulate)
{
    const nib_product product = {
        .m = dw.dim[0],
        .k = rows,
        .n = dw.row_size,
        .a = x.data,
        .a_row = 1,
        .a_k = x.stride,
        .b = dy.data,
        .b_k = dy.stride,
        .c = dw.data,
        .c_row = dw.stride,
        .init = accumulate ? dw.data : NULL,
        .init_row = dw.stride,
    };
    multiply(&product);
}

/* Columns of dx are rows of w. They are transposed in pieces that fit L1; a piece serves all rows of the
 * tile. */
enum { PIECE_COLUMNS = 32, PIECE_DEPTH = 128 };

static void transpose(float *to, const float *from, int64_t stride, int64_t rows, int64_t cols)
{
    for (int64_t c = 0; c < cols; ++c) {
        for (int64_t r = 0; r < rows; ++r)
            to[c * PIECE_COLUMNS + r] = from[r * stride + c];
        for (int64_t r = rows; r < PIECE_COLUMNS; ++r)
            to[c * PIECE_COLUMNS + r] = 0.0f;
    }
}

void nib_gemm_input_gradient(nib_tensor dx, nib_tensor dy, nib_tensor w, int64_t rows, bool accumulate)
{
    _Alignas(64) float piece[PIECE_DEPTH * PIECE_COLUMNS];
    const int64_t width = dx.row_size, depth = dy.row_size;
    for (int64_t column = 0; column < width; column += PIECE_COLUMNS)
        for (int64_t k = 0; k < depth; k += PIECE_DEPTH) {
            const int64_t columns = width - column < PIECE_COLUMNS ? width - column : PIECE_COLUMNS;
            const int64_t part = depth - k < PIECE_DEPTH ? depth - k : PIECE_DEPTH;
            transpose(piece, w.data + column * w.stride + k, w.stride, columns, part);
            const nib_product product = {
                .m = rows,
                .k = part,
                .n = columns,
                .a = dy.data + k,
                .a_row = dy.stride,
                .a_k = 1,
                .b = piece,
                .b_k = PIECE_COLUMNS,
                .c = dx.data + column,
                .c_row = dx.stride,
                .init = accumulate || k > 0 ? dx.data + column : NULL,
                .init_row = dx.stride,
            };
            multiply(&product);
        }
}

void nib_gemm_engine(char *text, int bytes)
{
    (void)snprintf(text, (size_t)bytes, "nibble %s", nib_cpu_isa());
}
