#include "core/gemm.h"

#include <stdio.h>
#include <string.h>

#include <cblas.h>

void nib_gemm_forward(nib_tensor y, nib_tensor x, nib_tensor w, const float *bias, int64_t rows)
{
    if (bias)
        for (int64_t r = 0; r < rows; ++r)
            memcpy(y.data + r * y.stride, bias, (size_t)y.row_size * sizeof *bias);
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, (blasint)rows, (blasint)y.row_size,
                (blasint)x.row_size, 1.0f, x.data, (blasint)x.stride, w.data, (blasint)w.stride,
                bias ? 1.0f : 0.0f, y.data, (blasint)y.stride);
}

void nib_gemm_input_gradient(nib_tensor dx, nib_tensor dy, nib_tensor w, int64_t rows, bool accumulate)
{
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, (blasint)rows, (blasint)dx.row_size,
                (blasint)dy.row_size, 1.0f, dy.data, (blasint)dy.stride, w.data, (blasint)w.stride,
                accumulate ? 1.0f : 0.0f, dx.data, (blasint)dx.stride);
}

void nib_gemm_weight_gradient(nib_tensor dw, nib_tensor x, nib_tensor dy, int64_t rows, bool accumulate)
{
    cblas_sgemm(CblasRowMajor, CblasTrans, CblasNoTrans, (blasint)dw.dim[0], (blasint)dw.row_size,
                (blasint)rows, 1.0f, x.data, (blasint)x.stride, dy.data, (blasint)dy.stride,
                accumulate ? 1.0f : 0.0f, dw.data, (blasint)dw.stride);
}

void nib_gemm_single_thread(void)
{
    openblas_set_num_threads(1);
}

void nib_gemm_engine(char *text, int bytes)
{
    (void)snprintf(text, (size_t)bytes, "openblas %s", openblas_get_corename());
}
