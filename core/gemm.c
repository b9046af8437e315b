#include "core/gemm.h"

#include <stdio.h>
#include <string.h>

#include <cblas.h>

#include "core/cpu.h"
#include "core/kernels.h"

extern const nib_kernels nib_kernels_table;
#if NIB_ISA_X86
extern const nib_kernels nib_kernels_table_avx2, nib_kernels_table_avx512;
#endif

const nib_kernels *nib_kernels_of(nib_isa isa)
{
    static const nib_kernels *const table[NIB_ISA_COUNT] = {
        &nib_kernels_table,
#if NIB_ISA_X86
        &nib_kernels_table_avx2,
        &nib_kernels_table_avx512,
#endif
    };
    return table[isa];
}

/* Which engine runs a product: ours, always. Shares of the FMA peak of one core with two 512-bit ports (Xeon
 * at 3.8 GHz, 64 rows, OpenBLAS 0.3.21 | own AVX-512 kernels; own AVX2 kernels, of the 256-bit peak):
 *
 *      inputs x outputs      x w             dy w^T           x^T dy
 *      16 x 32               48 | 55; 61     -                78 | 69; 79
 *      32 x 32               60 | 68; 70     42 | 69; 76      80 | 76; 86
 *      64 x 32               66 | 72; 82     44 | 67; 76      79 | 78; 90
 *      32 x 5                19 | 27; 35     22 | 43; 49      43 | 40; 53
 *      128 x 10              32 | 42; 56     33 | 53; 65      62 | 55; 55
 *      128 x 128             57 | 80; 89     47 | 44; 67      56 | 75; 84
 *      784 x 128             56 | 77; 90     -                58 | 72; 87
 *      512 x 512             61 | 73; 85     51 | 32; 53      68 | 74; 82
 *      1024 x 1024           42 | 41; 59     47 |  7; 26      54 | 49; 54
 *
 * dy w^T includes the transposition of w, which very wide layers pay dearly. They stay here all the same: the
 * small kernels of OpenBLAS take heap memory, and with them a row's bits depend on where in the tile it lies.
 */
static const nib_kernels *own_kernels(void)
{
    const nib_isa_choice choice = nib_isa_chosen();
    return choice.openblas ? NULL : nib_kernels_of(choice.isa);
}

void nib_gemm_forward(nib_tensor y, nib_tensor x, nib_tensor w, const float *bias, int64_t rows)
{
    const nib_kernels *own = own_kernels();
    if (own) {
        const nib_product p = {.m = rows,
                               .n = y.row_size,
                               .k = x.row_size,
                               .a = x.data,
                               .a_row = x.stride,
                               .a_step = 1,
                               .b = w.data,
                               .b_stride = w.stride,
                               .c = y.data,
                               .c_stride = y.stride,
                               .start = bias};
        if (p.n <= own->narrow_limit)
            own->narrow(&p);
        else
            own->product(&p);
        return;
    }
    if (bias)
        for (int64_t r = 0; r < rows; ++r)
            memcpy(y.data + r * y.stride, bias, (size_t)y.row_size * sizeof *bias);
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, (blasint)rows, (blasint)y.row_size,
                (blasint)x.row_size, 1.0f, x.data, (blasint)x.stride, w.data, (blasint)w.stride,
                bias ? 1.0f : 0.0f, y.data, (blasint)y.stride);
}

/* w is transposed panel by panel, on the stack. */
static void own_input_gradient(const nib_kernels *own, nib_tensor dx, nib_tensor dy, nib_tensor w,
                               int64_t rows, bool accumulate)
{
    enum { COLUMNS = 32, DEPTH = 256 };
    _Alignas(64) float panel[COLUMNS * DEPTH];
    for (int64_t k = 0; k < dy.row_size; k += DEPTH)
        for (int64_t column = 0; column < dx.row_size; column += COLUMNS) {
            const int64_t columns = dx.row_size - column < COLUMNS ? dx.row_size - column : COLUMNS;
            const int64_t depth = dy.row_size - k < DEPTH ? dy.row_size - k : DEPTH;
            own->transpose(panel, COLUMNS, w.data + column * w.stride + k, w.stride, columns, depth);
            const nib_product p = {.m = rows,
                                   .n = columns,
                                   .k = depth,
                                   .a = dy.data + k,
                                   .a_row = dy.stride,
                                   .a_step = 1,
                                   .b = panel,
                                   .b_stride = COLUMNS,
                                   .c = dx.data + column,
                                   .c_stride = dx.stride,
                                   .accumulate = accumulate || k > 0};
            own->product(&p);
        }
}

void nib_gemm_input_gradient(nib_tensor dx, nib_tensor dy, nib_tensor w, int64_t rows, bool accumulate)
{
    const nib_kernels *own = own_kernels();
    if (own) {
        own_input_gradient(own, dx, dy, w, rows, accumulate);
        return;
    }
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, (blasint)rows, (blasint)dx.row_size,
                (blasint)dy.row_size, 1.0f, dy.data, (blasint)dy.stride, w.data, (blasint)w.stride,
                accumulate ? 1.0f : 0.0f, dx.data, (blasint)dx.stride);
}

void nib_gemm_weight_gradient(nib_tensor dw, nib_tensor x, nib_tensor dy, int64_t rows, bool accumulate)
{
    const nib_kernels *own = own_kernels();
    if (own) {
        const nib_product p = {.m = dw.dim[0],
                               .n = dw.row_size,
                               .k = rows,
                               .a = x.data,
                               .a_row = 1,
                               .a_step = x.stride,
                               .b = dy.data,
                               .b_stride = dy.stride,
                               .c = dw.data,
                               .c_stride = dw.stride,
                               .accumulate = accumulate};
        own->weight_gradient(&p);
        return;
    }
    cblas_sgemm(CblasRowMajor, CblasTrans, CblasNoTrans, (blasint)dw.dim[0], (blasint)dw.row_size,
                (blasint)rows, 1.0f, x.data, (blasint)x.stride, dy.data, (blasint)dy.stride,
                accumulate ? 1.0f : 0.0f, dw.data, (blasint)dw.stride);
}

void nib_gemm_bias_gradient(float *db, nib_tensor dy, int64_t rows, bool accumulate)
{
    const nib_isa_choice choice = nib_isa_chosen();
    nib_kernels_of(choice.isa)->sum_rows(db, accumulate, dy.data, dy.stride, dy.row_size, rows);
}

void nib_gemm_single_thread(void)
{
    if (!own_kernels())
        openblas_set_num_threads(1);
}

void nib_gemm_engine(char *text, int bytes)
{
    if (own_kernels())
        (void)snprintf(text, (size_t)bytes, "nibble %s", nib_cpu_isa());
    else
        (void)snprintf(text, (size_t)bytes, "openblas %s", openblas_get_corename());
}
