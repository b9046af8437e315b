/* Compiled once per instruction set: see core/isa.h. */
#include "quant/engine_dot.h"
#include "quant/engine_steps.h"

enum { GROUP_BYTES = 4 * NIB_ENGINE_LANES }; /* of a kernel: the weights of 16 lanes for four bytes of x */

/* What a tile multiplies: rows of x, whole groups of lanes. */
typedef struct tile {
    const char *x; /* bytes of the first row */
    int64_t x_bytes;
    const char *kernel; /* of the first group */
    int64_t n_dots, group_bytes;
    const int32_t *bias;
    int32_t *y;
    int64_t y_stride;
} tile;

NIB_INLINE nib_vi dot(bool eight, nib_vi sum, nib_vi a, nib_vi b)
{
#if NIB_DOT_HAS_8
    return eight ? nib_vi_dot8(sum, a, b) : nib_vi_dot16(sum, a, b);
#else
    (void)eight;
    return nib_vi_dot16(sum, a, b);
#endif
}

/* rows and groups are constants where this is inlined, so that the sums stay in registers. */
NIB_INLINE void dot_tile(bool eight, int rows, int groups, const tile *t)
{
    enum { MOST = NIB_DOT_ROWS * NIB_DOT_GROUPS * NIB_DOT_PARTS };
    nib_vi sum[MOST], b[NIB_DOT_GROUPS * NIB_DOT_PARTS];
    const int vectors = groups * NIB_DOT_PARTS;
    NIB_UNROLL for (int i = 0; i < rows; ++i) NIB_UNROLL for (int v = 0; v < vectors; ++v)
        sum[i * vectors + v] = nib_vi_load(t->bias + v * NIB_DOT_LANES);
    for (int64_t k = 0; k < t->n_dots; ++k) {
        NIB_UNROLL for (int v = 0; v < vectors; ++v) b[v] =
            nib_vi_load(t->kernel + v / NIB_DOT_PARTS * t->group_bytes + k * GROUP_BYTES +
                        v % NIB_DOT_PARTS * 4 * NIB_DOT_LANES);
        NIB_UNROLL for (int i = 0; i < rows; ++i)
        {
            const nib_vi a = nib_vi_spread(t->x + i * t->x_bytes + 4 * k);
            NIB_UNROLL for (int v = 0; v < vectors; ++v) sum[i * vectors + v] =
                dot(eight, sum[i * vectors + v], a, b[v]);
        }
    }
    NIB_UNROLL for (int i = 0; i < rows; ++i) NIB_UNROLL for (int v = 0; v < vectors; ++v)
        nib_vi_store(t->y + i * t->y_stride + v * NIB_DOT_LANES, sum[i * vectors + v]);
}

/* Rows of a strip of groups: as many at a time as registers hold. */
NIB_INLINE void dot_strip(bool eight, int most, int groups, tile t, int64_t rows)
{
    const char *x = t.x;
    int32_t *y = t.y;
    int64_t done = 0;
    for (; done + most <= rows; done += most) {
        t.x = x + done * t.x_bytes;
        t.y = y + done * t.y_stride;
        dot_tile(eight, most, groups, &t);
    }
    for (; done < rows; ++done) {
        t.x = x + done * t.x_bytes;
        t.y = y + done * t.y_stride;
        dot_tile(eight, 1, groups, &t);
    }
}

NIB_INLINE void dot_block(bool eight, const nib_engine_dense *dense, const char *x, int64_t x_bytes,
                          int64_t rows)
{
    const int64_t n_dots = dense->n_in / (eight ? 4 : 2), groups = dense->n_out / NIB_ENGINE_LANES;
    for (int64_t g = 0; g < groups;) {
        const tile t = {.x = x,
                        .x_bytes = x_bytes,
                        .kernel = (const char *)dense->kernel + g * n_dots * GROUP_BYTES,
                        .n_dots = n_dots,
                        .group_bytes = n_dots * GROUP_BYTES,
                        .bias = (const int32_t *)dense->bias + g * NIB_ENGINE_LANES,
                        .y = (int32_t *)dense->scratch + g * NIB_ENGINE_LANES,
                        .y_stride = dense->n_out};
        const int64_t left = groups - g;
        if (NIB_DOT_GROUPS >= 4 && left >= 4) {
            dot_strip(eight, NIB_DOT_ROWS / 2, 4, t, rows);
            g += 4;
        } else if (NIB_DOT_GROUPS >= 4 && left >= 2) {
            dot_strip(eight, NIB_DOT_ROWS, 2, t, rows);
            g += 2;
        } else {
            dot_strip(eight, NIB_DOT_ROWS, 1, t, rows);
            g += 1;
        }
    }
}

NIB_INLINE void dot_all(bool eight, const nib_engine_dense *dense, const nib_engine_tensor *x, int64_t rows,
                        const nib_engine_tensor *y)
{
    const int64_t x_bytes = x->stride * (eight ? 1 : 2);
    int32_t *sums = (int32_t *)dense->scratch;
    for (int64_t row = 0; row < rows; row += NIB_ENGINE_BLOCK) {
        const int64_t n = rows - row < NIB_ENGINE_BLOCK ? rows - row : NIB_ENGINE_BLOCK;
        dot_block(eight, dense, (const char *)x->data + row * x_bytes, x_bytes, n);
        for (int64_t i = 0; i < n; ++i) {
            cast_i32(&dense->steps, row + i, dense->n_out, sums + i * dense->n_out);
            store_i32(y, row + i, dense->n_out, sums + i * dense->n_out);
        }
    }
}

#if NIB_DOT_HAS_8
static void dot8(const nib_engine_dense *dense, const nib_engine_tensor *x, int64_t rows,
                 const nib_engine_tensor *y)
{
    dot_all(true, dense, x, rows, y);
}
#endif

static void dot16(const nib_engine_dense *dense, const nib_engine_tensor *x, int64_t rows,
                  const nib_engine_tensor *y)
{
    dot_all(false, dense, x, rows, y);
}

static void wide(const nib_engine_dense *dense, const nib_engine_tensor *x, int64_t rows,
                 const nib_engine_tensor *y)
{
    const int64_t n = dense->n_out, *kernel = (const int64_t *)dense->kernel;
    int64_t *sum = (int64_t *)dense->scratch;
    for (int64_t row = 0; row < rows; ++row) {
        const int64_t *from = (const int64_t *)x->data + row * x->stride;
        memcpy(sum, dense->bias, (size_t)n * sizeof *sum);
        for (int64_t i = 0; i < dense->n_in; ++i) {
            const uint64_t a = (uint64_t)from[i];
            NIB_INDEPENDENT
            for (int64_t o = 0; o < n; ++o)
                sum[o] = (int64_t)((uint64_t)sum[o] + a * (uint64_t)kernel[i * n + o]);
        }
        cast_i64(&dense->steps, row, n, sum);
        store_i64(y, row, n, sum);
    }
}

#if NIB_DOT_HAS_8
const nib_engine_dense_loops NIB_ISA_NAME(nib_engine_dense_loops_of) = {dot8, dot16, wide};
#else
const nib_engine_dense_loops NIB_ISA_NAME(nib_engine_dense_loops_of) = {NULL, dot16, wide};
#endif
