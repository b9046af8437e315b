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
 * dy w^T includes the transposition of w, which very wide layers pay dearly; with w^T kept for a step, as
 * executors do, it is 82; 83 at 32 x 32, 76; 93 at 128 x 128, 70; 89 at 512 x 512. Layers beyond stay here
 * all the same: the small kernels of OpenBLAS take heap memory, and with them a row's bits depend on where in
 * the tile it lies. */
static const nib_kernels *own_kernels(void)
{
    const nib_isa_choice choice = nib_isa_chosen();
    return choice.openblas ? NULL : nib_kernels_of(choice.isa);
}

static void relu_rows(nib_tensor y, int64_t rows)
{
    for (int64_t r = 0; r < rows; ++r)
        for (int64_t c = 0; c < y.row_size; ++c)
            y.data[r * y.stride + c] = y.data[r * y.stride + c] < 0.0f ? 0.0f : y.data[r * y.stride + c];
}

/* y = x w + bias, with a relu at most. */
static void multiply(nib_tensor y, nib_tensor x, nib_tensor w, const float *bias, int64_t rows, bool relu)
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
                               .start = bias,
                               .epilogue.kind = relu ? NIB_EPILOGUE_RELU : NIB_EPILOGUE_NONE};
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
    if (relu)
        relu_rows(y, rows);
}

void nib_gemm_forward(nib_tensor y, nib_tensor x, nib_tensor w, const float *bias, int64_t rows,
                      nib_fused fused)
{
    if (!fused.grid) {
        multiply(y, x, w, bias, rows, fused.relu);
        return;
    }
    /* A tile's rows are still in L1 for the step. */
    const nib_tensor raw = fused.raw.data && !fused.pass ? fused.raw : y;
    multiply(raw, x, w, bias, rows, false);
    const nib_kernels *kernels = nib_kernels_of(nib_isa_chosen().isa);
    if (fused.grid->uniform && raw.stride == y.stride)
        kernels->grid_flat(fused.grid, fused.relu, y.data, raw.data, rows * y.stride, fused.pass);
    else
        kernels->grid(fused.grid, fused.relu, y, raw, rows, fused.pass);
}

/* The epilogue of the columns from `column` on. */
static void shift_epilogue(nib_epilogue *epilogue, int64_t column)
{
    if (epilogue->kind == NIB_EPILOGUE_NONE)
        return;
    if (epilogue->kind != NIB_EPILOGUE_PASS)
        epilogue->gate += column;
    epilogue->first_column += column;
    if (epilogue->kind == NIB_EPILOGUE_PASS)
        epilogue->pass += column / NIB_PASS_FLOATS_PER_BYTE;
}

/* w is transposed panel by panel, on the stack. `p` is the whole product but for B. */
static void turn_on_the_way(const nib_kernels *own, const nib_product *p, nib_tensor w)
{
    enum { COLUMNS = 32, DEPTH = 256 };
    _Alignas(64) float panel[COLUMNS * DEPTH];
    for (int64_t k = 0; k < p->k; k += DEPTH)
        for (int64_t column = 0; column < p->n; column += COLUMNS) {
            const int64_t columns = p->n - column < COLUMNS ? p->n - column : COLUMNS;
            const int64_t depth = p->k - k < DEPTH ? p->k - k : DEPTH;
            nib_product part = *p;
            own->transpose(panel, COLUMNS, w.data + column * w.stride + k, w.stride, columns, depth);
            part.n = columns;
            part.k = depth;
            part.a += k;
            part.b = panel;
            part.b_stride = COLUMNS;
            part.c += column;
            part.accumulate = p->accumulate || k > 0;
            if (k + depth < p->k)
                part.epilogue.kind = NIB_EPILOGUE_NONE;
            else
                shift_epilogue(&part.epilogue, column);
            own->product(&part);
        }
}

static void gate_rows(nib_tensor dx, nib_tensor x, int64_t rows)
{
    for (int64_t r = 0; r < rows; ++r)
        for (int64_t c = 0; c < dx.row_size; ++c)
            if (!(x.data[r * x.stride + c] > 0.0f))
                dx.data[r * dx.stride + c] = 0.0f;
}

void nib_gemm_input_gradient(nib_tensor dx, nib_tensor dy, nib_tensor w, const float *turned, int64_t rows,
                             bool accumulate, nib_fused fused, nib_tensor x)
{
    const nib_kernels *own = own_kernels();
    if (own) {
        nib_product p = {.m = rows,
                         .n = dx.row_size,
                         .k = dy.row_size,
                         .a = dy.data,
                         .a_row = dy.stride,
                         .a_step = 1,
                         .b = turned,
                         .b_stride = nib_padded(dx.row_size),
                         .c = dx.data,
                         .c_stride = dx.stride,
                         .accumulate = accumulate};
        if (fused.pass)
            p.epilogue = (nib_epilogue){.kind = NIB_EPILOGUE_PASS,
                                        .pass = fused.pass,
                                        .pass_stride = dx.stride / NIB_PASS_FLOATS_PER_BYTE};
        else if (fused.grid)
            p.epilogue = (nib_epilogue){.kind = NIB_EPILOGUE_RANGE,
                                        .gate = fused.raw.data,
                                        .gate_stride = fused.raw.stride,
                                        .step = fused.grid,
                                        .relu = fused.relu};
        else if (fused.relu)
            p.epilogue = (nib_epilogue){.kind = NIB_EPILOGUE_GATE, .gate = x.data, .gate_stride = x.stride};
        if (turned)
            own->product(&p);
        else
            turn_on_the_way(own, &p, w);
        return;
    }
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, (blasint)rows, (blasint)dx.row_size,
                (blasint)dy.row_size, 1.0f, dy.data, (blasint)dy.stride, w.data, (blasint)w.stride,
                accumulate ? 1.0f : 0.0f, dx.data, (blasint)dx.stride);
    if (fused.pass)
        nib_kernels_of(nib_isa_chosen().isa)->pass_gradient(dx, fused.pass, rows);
    else if (fused.grid)
        nib_kernels_of(nib_isa_chosen().isa)
            ->grid_gradient(fused.grid, fused.relu, false, dx, dx, fused.raw, rows);
    else if (fused.relu)
        gate_rows(dx, x, rows);
}

void nib_gemm_turn(float *turned, nib_tensor w)
{
    nib_kernels_of(nib_isa_chosen().isa)
        ->transpose(turned, nib_padded(w.dim[0]), w.data, w.stride, w.dim[0], w.row_size);
}

void nib_gemm_weight_gradient(nib_tensor dw, float *db, nib_tensor x, nib_tensor dy, int64_t rows,
                              bool accumulate)
{
    const nib_kernels *own = own_kernels();
    if (own && dw.data) {
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
                               .sums = db,
                               .accumulate = accumulate};
        own->weight_gradient(&p);
        return;
    }
    if (db)
        nib_kernels_of(nib_isa_chosen().isa)->sum_rows(db, accumulate, dy.data, dy.stride, dy.row_size, rows);
    if (dw.data)
        cblas_sgemm(CblasRowMajor, CblasTrans, CblasNoTrans, (blasint)dw.dim[0], (blasint)dw.row_size,
                    (blasint)rows, 1.0f, x.data, (blasint)x.stride, dy.data, (blasint)dy.stride,
                    accumulate ? 1.0f : 0.0f, dw.data, (blasint)dw.stride);
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
