/* Compiled once per instruction set: see core/isa.h. */
#include "core/grid_kernels.h"

#include "core/gemm.h"
#include "core/grid_vectors.h"

enum { BITS_FLOATS = NIB_PASS_FLOATS_PER_BYTE };

/* Rows of one vector each that share their numbers: NIB_VF columns of a matrix, or all of a matrix without
 * gaps whose columns are alike. */
typedef struct strip {
    const nib_grid_step *step;
    const float *x;
    float *y;
    unsigned char *bits; /* or NULL */
    int64_t column, rows, x_stride, y_stride;
} strip;

/* rounding, range, relu, noting (leave bits) and tight are constants where it is inlined. */
NIB_INLINE void run_strip(const strip *s, nib_grid_rounding rounding, nib_grid_range range, bool relu,
                          bool noting, bool tight)
{
    const nib_grid_columns c = nib_grid_columns_load(s->step, range, relu, s->column);
    const nib_grid_pass p = nib_grid_pass_load(s->step, relu, s->column);
    const int64_t x_stride = s->x_stride, y_stride = s->y_stride;
    const float *x = s->x;
    float *y = s->y;
    unsigned char *bits = s->bits;
    for (int64_t rows = s->rows; rows > 0; --rows) {
        const nib_vf value = nib_vf_load(x);
        nib_vf_store(y, noting ? nib_grid_apply_noting(rounding, range, relu, tight, &c, &p, value, bits)
                               : nib_grid_apply_lanes(rounding, range, relu, &c, value));
        x += x_stride;
        y += y_stride;
        bits += noting ? y_stride / BITS_FLOATS : 0;
    }
}

static bool is_tight(const nib_grid_step *g)
{
    return g->uniform && *g->pass_low == *g->low && *g->pass_high == *g->high;
}

static void run_modes(const strip *s, bool relu)
{
#define STRIP(rounding, range)                                                                               \
    if (s->bits && relu)                                                                                     \
        run_strip(s, rounding, range, true, true, false);                                                    \
    else if (s->bits && is_tight(s->step))                                                                   \
        run_strip(s, rounding, range, false, true, true);                                                    \
    else if (s->bits)                                                                                        \
        run_strip(s, rounding, range, false, true, false);                                                   \
    else if (relu)                                                                                           \
        run_strip(s, rounding, range, true, false, false);                                                   \
    else                                                                                                     \
        run_strip(s, rounding, range, false, false, false)
    NIB_GRID_MODES(s->step, STRIP)
#undef STRIP
}

void NIB_ISA_NAME(nib_grid_flat)(const nib_grid_step *g, bool relu, float *y, const float *x, int64_t n,
                                 unsigned char *pass)
{
    const strip s = {
        .step = g, .x = x, .y = y, .bits = pass, .rows = n / NIB_VF, .x_stride = NIB_VF, .y_stride = NIB_VF};
    run_modes(&s, relu);
}

void NIB_ISA_NAME(nib_grid_rows)(const nib_grid_step *g, bool relu, nib_tensor y, nib_tensor x, int64_t rows,
                                 unsigned char *pass)
{
    if (g->uniform && x.stride == y.stride) {
        NIB_ISA_NAME(nib_grid_flat)(g, relu, y.data, x.data, rows * x.stride, pass);
        return;
    }
    for (int64_t column = 0; column < x.stride; column += NIB_VF) {
        const strip s = {.step = g,
                         .x = x.data + column,
                         .y = y.data + column,
                         .bits = pass ? pass + column / BITS_FLOATS : NULL,
                         .column = column,
                         .rows = rows,
                         .x_stride = x.stride,
                         .y_stride = y.stride};
        run_modes(&s, relu);
    }
}

void NIB_ISA_NAME(nib_grid_pass_rows_of_bits)(nib_tensor dx, const unsigned char *pass, int64_t rows)
{
    for (int64_t i = 0; i < rows * dx.stride; i += NIB_VF)
        nib_vf_store(dx.data + i, nib_vf_where_bits(pass + i / BITS_FLOATS, nib_vf_load(dx.data + i)));
}

void NIB_ISA_NAME(nib_grid_gradient_rows)(const nib_grid_step *g, bool relu, bool accumulate, nib_tensor dx,
                                          nib_tensor dy, nib_tensor x, int64_t rows)
{
    for (int64_t column = 0; column < x.stride; column += NIB_VF) {
        const nib_grid_pass p = nib_grid_pass_load(g, relu, column);
        for (int64_t r = 0; r < rows; ++r) {
            float *to = dx.data + r * dx.stride + column;
            const nib_vf passed = nib_vf_where_within(p.low, nib_vf_load(x.data + r * x.stride + column),
                                                      p.high, nib_vf_load(dy.data + r * dy.stride + column));
            nib_vf_store(to, accumulate ? nib_vf_add(nib_vf_load(to), passed) : passed);
        }
    }
}
