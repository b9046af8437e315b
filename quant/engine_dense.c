/* Compiled once per instruction set: see core/isa.h. */
#include "quant/engine_finish.h"
#include "quant/engine_norms.h"
#include "quant/engine_steps.h"

#include <string.h>

enum { GROUP_BYTES = 4 * NIB_ENGINE_LANES }; /* of a kernel: the weights of 16 lanes for four bytes of x */

static const int element_bytes[] = {
    [NIB_DOT_SUMS] = 0, [NIB_DOT_BYTES] = 1, [NIB_DOT_I16] = 2, [NIB_DOT_I32] = 4, [NIB_DOT_I64] = 8};

/* What a tile multiplies: rows of x, whole groups of lanes. */
typedef struct tile {
    nib_dot_ending end;
    const char *x; /* bytes of the first row */
    int64_t x_bytes;
    const char *upper;                /* residue: the first row of the upper bytes of x, x_bytes / 2 apart */
    const char *kernel, *high_kernel; /* of the first group */
    int64_t n_dots;                   /* of the kernel; residue: high_kernel has half as many */
    const int32_t *bias, *high_bias;
    int64_t lane; /* first of the first group */
    const int32_t *split;
    const nib_engine_dense *dense;
    int32_t *sums; /* [rows, lanes]; two sums: [rows, groups][high, low][16] */
    int64_t sums_stride;
    const nib_engine_finish *finish;
    char *y; /* bytes of the first row */
    int64_t y_stride;
} tile;

/* The rows of a tile, and the vectors of its groups. */
#define EACH_ROW(i)    NIB_UNROLL for (int i = 0; i < rows; ++i)
#define EACH_VECTOR(v) NIB_UNROLL for (int v = 0; v < n; ++v)
#define LANE(t, v)     ((t)->lane + (v)*NIB_DOT_LANES)

NIB_INLINE nib_vi dot(bool eight, nib_vi sum, nib_vi a, nib_vi b)
{
#if NIB_DOT_HAS_8
    return eight ? nib_vi_dot8(sum, a, b) : nib_vi_dot16(sum, a, b);
#else
    (void)eight;
    return nib_vi_dot16(sum, a, b);
#endif
}

enum { MOST = NIB_DOT_ROWS * NIB_DOT_GROUPS * NIB_DOT_PARTS };

/* Add products to the sums. rows and groups are constants where this is inlined, so that the sums stay in
 * registers. */
NIB_INLINE void multiply(bool eight, int rows, int groups, const char *x, int64_t x_bytes, const char *kernel,
                         int64_t group_bytes, int64_t n_dots, nib_vi *sum)
{
    nib_vi b[NIB_DOT_GROUPS * NIB_DOT_PARTS];
    const int n = groups * NIB_DOT_PARTS;
    for (int64_t k = 0; k < n_dots; ++k) {
        EACH_VECTOR(v)
        b[v] = nib_vi_load(kernel + v / NIB_DOT_PARTS * group_bytes + k * GROUP_BYTES +
                           v % NIB_DOT_PARTS * 4 * NIB_DOT_LANES);
        EACH_ROW(i)
        {
            const nib_vi a = nib_vi_spread(x + i * x_bytes + 4 * k);
            EACH_VECTOR(v) sum[i * n + v] = dot(eight, sum[i * n + v], a, b[v]);
        }
    }
}

NIB_INLINE void dot_tile(bool eight, nib_dot_sums sums, int rows, int groups, const tile *t)
{
    nib_vi sum[MOST];
    const int n = groups * NIB_DOT_PARTS;
    EACH_ROW(i) EACH_VECTOR(v) sum[i * n + v] = nib_vi_load(t->bias + LANE(t, v));
    multiply(eight, rows, groups, t->x, t->x_bytes, t->kernel, t->n_dots * GROUP_BYTES, t->n_dots, sum);
    if (t->end == NIB_DOT_SUMS)
        EACH_ROW(i) EACH_VECTOR(v) nib_vi_store(t->sums + i * t->sums_stride + LANE(t, v), sum[i * n + v]);
    else
        nib_dot_finish(sums, t->end, rows, groups, t->finish, t->lane, t->y, t->y_stride, sum, sum);
}

/* High sums to the first half of a group's place, low ones to the second. */
NIB_INLINE void store_two(int rows, int groups, const tile *t, const nib_vi *high, const nib_vi *low)
{
    const int n = groups * NIB_DOT_PARTS;
    EACH_ROW(i) EACH_VECTOR(v)
    {
        int32_t *to = t->sums + i * t->sums_stride + 2 * t->lane + v / NIB_DOT_PARTS * 2 * NIB_ENGINE_LANES +
                      v % NIB_DOT_PARTS * NIB_DOT_LANES;
        nib_vi_store(to, high[i * n + v]);
        nib_vi_store(to + NIB_ENGINE_LANES, low[i * n + v]);
    }
}

/* The high sums come first, by a tile of one sum each, and wait in memory. */
NIB_INLINE void two_tile(nib_dot_sums sums, int rows, int groups, const tile *t, void (*one)(const tile *))
{
    nib_vi high[MOST], low[MOST];
    int32_t waiting[NIB_DOT_ROWS * NIB_DOT_GROUPS * NIB_ENGINE_LANES];
    const int n = groups * NIB_DOT_PARTS;
    const bool residue = sums == NIB_DOT_RESIDUE;
    const tile first = {.end = NIB_DOT_SUMS,
                        .x = residue ? t->upper : t->x,
                        .x_bytes = residue ? t->x_bytes / 2 : t->x_bytes,
                        .kernel = t->high_kernel,
                        .n_dots = residue ? t->n_dots / 2 : t->n_dots,
                        .bias = t->high_bias + t->lane,
                        .sums = waiting,
                        .sums_stride = groups * NIB_ENGINE_LANES};
    one(&first);
    EACH_VECTOR(v)
    {
        const nib_vi bias = nib_vi_load(t->bias + LANE(t, v));
        const nib_vi split = nib_vi_load_shift(t->split + LANE(t, v));
        EACH_ROW(i)
        {
            const nib_vi above = nib_vi_load(waiting + (i * n + v) * NIB_DOT_LANES);
            low[i * n + v] = residue ? nib_vi_sub(bias, nib_vi_up(above, split)) : bias;
        }
    }
    multiply(false, rows, groups, t->x, t->x_bytes, t->kernel, t->n_dots * GROUP_BYTES, t->n_dots, low);
    EACH_ROW(i) EACH_VECTOR(v) high[i * n + v] = nib_vi_load(waiting + (i * n + v) * NIB_DOT_LANES);
    if (t->end != NIB_DOT_SUMS) {
        nib_dot_finish(sums, t->end, rows, groups, t->finish, t->lane, t->y, t->y_stride, high, low);
        return;
    }
    store_two(rows, groups, t, high, low);
}

/* High sums wait in memory, and take from the low ones between blocks. */
NIB_INLINE void block_tile(int rows, int groups, const tile *t)
{
    nib_vi high[MOST], low[MOST];
    int32_t waiting[NIB_DOT_ROWS * NIB_DOT_GROUPS * NIB_ENGINE_LANES];
    const int n = groups * NIB_DOT_PARTS;
    const int64_t group_bytes = t->n_dots * GROUP_BYTES, blocks = t->dense->n_blocks;
    const int32_t *block = t->dense->block;
    const nib_vi mask = nib_vi_set((int32_t)((1u << *t->split) - 1)), split = nib_vi_load_shift(t->split);
    const char *x = t->x, *kernel = t->kernel;
    EACH_ROW(i) EACH_VECTOR(v)
    {
        low[i * n + v] = nib_vi_load(t->bias + LANE(t, v));
        nib_vi_store(waiting + (i * n + v) * NIB_DOT_LANES, nib_vi_load(t->high_bias + LANE(t, v)));
    }
    for (int64_t b = 0; b < blocks; ++b) {
        if (b)
            EACH_ROW(i) EACH_VECTOR(v)
            {
                int32_t *above = waiting + (i * n + v) * NIB_DOT_LANES;
                nib_vi_store(above, nib_vi_add(nib_vi_load(above), nib_vi_down(low[i * n + v], split)));
                low[i * n + v] = nib_vi_and(low[i * n + v], mask);
            }
        multiply(false, rows, groups, x, t->x_bytes, kernel, group_bytes, block[b], low);
        x += 4 * block[b];
        kernel += GROUP_BYTES * block[b];
    }
    EACH_ROW(i) EACH_VECTOR(v) high[i * n + v] = nib_vi_load(waiting + (i * n + v) * NIB_DOT_LANES);
    if (t->end == NIB_DOT_SUMS)
        store_two(rows, groups, t, high, low);
    else
        nib_dot_finish(NIB_DOT_PAIR, t->end, rows, groups, t->finish, t->lane, t->y, t->y_stride, high, low);
}

/* Every shape is a function of its own: in a larger one the compiler keeps the sums in memory. */
#define TILE(name, rows, groups, CALL)                                                                       \
    static __attribute__((noinline)) void name##_##rows##x##groups(const tile *t)                            \
    {                                                                                                        \
        CALL(rows, groups, t);                                                                               \
    }
#define DOT8(rows, groups, t)    dot_tile(true, NIB_DOT_ONE, rows, groups, t)
#define DOT16(rows, groups, t)   dot_tile(false, NIB_DOT_ONE, rows, groups, t)
#define NARROW(rows, groups, t)  dot_tile(false, NIB_DOT_NARROW, rows, groups, t)
#define PAIR(rows, groups, t)    two_tile(NIB_DOT_PAIR, rows, groups, t, dot16_##rows##x##groups)
#define BLOCKS(rows, groups, t)  block_tile(rows, groups, t)
#define RESIDUE(rows, groups, t) two_tile(NIB_DOT_RESIDUE, rows, groups, t, dot8_##rows##x##groups)
enum { MANY = NIB_DOT_ROWS, FEW = NIB_DOT_ROWS / 2, ONE = 1 };

/* As many rows at a time as registers hold, and one. */
typedef struct shape {
    int groups, rows;
    void (*tile)(const tile *), (*row)(const tile *);
} shape;

#if NIB_DOT_GROUPS >= 4
#define SHAPES(name, CALL)                                                                                   \
    TILE(name, FEW, 4, CALL)                                                                                 \
    TILE(name, ONE, 4, CALL)                                                                                 \
    TILE(name, MANY, 2, CALL)                                                                                \
    TILE(name, ONE, 2, CALL)                                                                                 \
    TILE(name, MANY, 1, CALL)                                                                                \
    TILE(name, ONE, 1, CALL)                                                                                 \
    static const shape name##_shapes[] = {{4, FEW, name##_FEWx4, name##_ONEx4},                              \
                                          {2, MANY, name##_MANYx2, name##_ONEx2},                            \
                                          {1, MANY, name##_MANYx1, name##_ONEx1}};
#else
#define SHAPES(name, CALL)                                                                                   \
    TILE(name, MANY, 1, CALL)                                                                                \
    TILE(name, ONE, 1, CALL)                                                                                 \
    static const shape name##_shapes[] = {{1, MANY, name##_MANYx1, name##_ONEx1}};
#endif
SHAPES(dot16, DOT16)
SHAPES(narrow, NARROW)
SHAPES(blocks, BLOCKS)
SHAPES(pair, PAIR)
#if NIB_DOT_HAS_8
SHAPES(dot8, DOT8)
SHAPES(residue, RESIDUE)
#endif

/* Rows of a strip of groups. */
static void dot_strip(const shape *s, tile *t, int64_t rows, int64_t y_bytes)
{
    for (int64_t n = s->rows, row = 0; row < rows; row += n) {
        if (rows - row < n)
            n = 1;
        (n > 1 ? s->tile : s->row)(t);
        t->x += n * t->x_bytes;
        t->upper += n * t->x_bytes / 2;
        t->sums += n * t->sums_stride;
        t->y += n * y_bytes;
    }
}

/* How finished numbers are stored in y; NIB_DOT_SUMS where that cannot be. */
static nib_dot_ending ending_of(const nib_engine_dense *dense, const nib_engine_tensor *y)
{
    if (!dense->finish.possible)
        return NIB_DOT_SUMS;
    switch (y->storage) {
    case NIB_ENGINE_U8:
        return NIB_DOT_BYTES;
    case NIB_ENGINE_I16:
        return NIB_DOT_I16;
    case NIB_ENGINE_I32:
        return NIB_DOT_I32;
    case NIB_ENGINE_I64:
        return NIB_DOT_I64;
    }
    return NIB_DOT_SUMS;
}

/* Rows [row, row + rows) by all groups of a kernel. y is not used where the sums are stored, and they have a
 * place for each. */
static void dot_rows(const shape *shapes, nib_dot_ending end, const nib_engine_dense *dense, int sums,
                     const nib_engine_tensor *x, int64_t row, int64_t rows, const nib_engine_tensor *y)
{
    const int64_t element = x->storage == NIB_ENGINE_U8 ? 1 : 2, y_bytes = y->stride * element_bytes[end];
    const int64_t groups = dense->n_out / NIB_ENGINE_LANES, n_dots = dense->n_in * element / 4;
    const int64_t bytes = n_dots * GROUP_BYTES, high_bytes = dense->bytes ? bytes / 2 : bytes;
    const bool narrow = shapes == narrow_shapes, finish = ending_of(dense, y) != NIB_DOT_SUMS;
    const nib_engine_finish *f = narrow ? &dense->narrow.finish : &dense->finish;
    const char *kernel = narrow ? dense->narrow.kernel : dense->kernel;
    const char *high = dense->high_kernel ? dense->high_kernel : dense->kernel;
    tile t = {.end = end,
              .x_bytes = x->stride * element,
              .n_dots = n_dots,
              .bias = finish ? f->bias : dense->bias,
              .high_bias = finish ? f->high_bias : dense->high_bias,
              .split = dense->split,
              .dense = dense,
              .sums_stride = sums * dense->n_out,
              .finish = f,
              .y_stride = y->stride};
    for (int64_t g = 0; g < groups; g += shapes->groups) {
        while (shapes->groups > groups - g)
            ++shapes;
        t.x = (const char *)x->data + row * x->stride * element;
        t.upper = dense->bytes ? (const char *)dense->bytes + row * x->stride : kernel;
        t.kernel = kernel + g * bytes;
        t.high_kernel = high + g * high_bytes;
        t.lane = g * NIB_ENGINE_LANES;
        t.sums = (int32_t *)dense->scratch;
        t.y = (char *)y->data + row * y_bytes;
        dot_strip(shapes, &t, rows, y_bytes);
    }
}

/* The sums of a block to y. */
static void cast_block(bool two, nib_dot_ending end, const nib_engine_dense *dense, int64_t row, int64_t rows,
                       const nib_engine_tensor *y)
{
    char *to = (char *)y->data + row * y->stride * element_bytes[end];
    const int32_t *sums = (const int32_t *)dense->scratch;
    if (two)
        nib_dot_cast(true, &dense->finish, end, rows, dense->n_out, sums, to, y->stride);
    else
        nib_dot_cast(false, &dense->finish, end, rows, dense->n_out, sums, to, y->stride);
}

static int64_t block_of(int64_t rows, int64_t row)
{
    return rows - row < NIB_ENGINE_BLOCK ? rows - row : NIB_ENGINE_BLOCK;
}

static void dot_all(const shape *shapes, const nib_engine_dense *dense, const nib_engine_tensor *x,
                    int64_t rows, const nib_engine_tensor *y)
{
    const nib_dot_ending end = ending_of(dense, y);
    int32_t *sums = (int32_t *)dense->scratch;
    const int64_t n = dense->n_out;
    if (end != NIB_DOT_SUMS && dense->finish.simple) {
        dot_rows(shapes, end, dense, 1, x, 0, rows, y);
        return;
    }
    for (int64_t row = 0; row < rows; row += NIB_ENGINE_BLOCK) {
        const int64_t block = block_of(rows, row);
        dot_rows(shapes, NIB_DOT_SUMS, dense, 1, x, row, block, y);
        if (end != NIB_DOT_SUMS) {
            cast_block(false, end, dense, row, block, y);
            continue;
        }
        for (int64_t i = 0; i < block; ++i) {
            cast_i32(&dense->steps, row + i, n, sums + i * n);
            store_i32(y, row + i, n, sums + i * n);
        }
    }
}

static void dot16(const nib_engine_dense *dense, const nib_engine_tensor *x, int64_t rows,
                  const nib_engine_tensor *y)
{
    dot_all(dot16_shapes, dense, x, rows, y);
}

/* ---- Two sums for each number ---- */

static void whole_row(const int32_t *split, int64_t n, const int32_t *sums, int64_t *v)
{
    for (int64_t g = 0; g < n; g += NIB_ENGINE_LANES) {
        const int32_t *high = sums + 2 * g, *low = high + NIB_ENGINE_LANES;
        NIB_INDEPENDENT
        for (int i = 0; i < NIB_ENGINE_LANES; ++i)
            v[g + i] = (int64_t)((uint64_t)(int64_t)high[i] << split[g + i]) + low[i];
    }
}

/* Numbers of the rows that do not get by with one sum. */
static int64_t list_wide(const nib_engine_narrow *narrow, const nib_engine_tensor *x, int64_t rows)
{
    const int16_t *from = (const int16_t *)x->data;
    const int32_t limit = narrow->limit;
    int32_t *wide = narrow->wide, *total = narrow->total;
    int64_t n = 0;
    if (narrow->flip)
        nib_dot_norms(true, from, x->stride, rows, narrow->scale, total);
    else
        nib_dot_norms(false, from, x->stride, rows, narrow->scale, total);
    for (int64_t row = 0; row < rows; ++row) {
        wide[n] = (int32_t)row;
        n += total[row] > limit;
    }
    return n;
}

/* Upper bytes of rows. */
static void take_bytes(const nib_engine_dense *dense, const nib_engine_tensor *x, int64_t rows)
{
    const int64_t n = rows * x->stride;
    const int16_t *from = (const int16_t *)x->data;
    uint8_t *bytes = dense->bytes;
    for (int64_t at = 0; bytes && at < n; at += NIB_ENGINE_LANES)
        NIB_INDEPENDENT for (int64_t i = at; i < at + NIB_ENGINE_LANES; ++i) bytes[i] =
            (uint8_t)((from[i] >> 8) + 128);
}

static void two_rows(const shape *shapes, nib_dot_ending end, const nib_engine_dense *dense,
                     const nib_engine_tensor *x, int64_t rows, const nib_engine_tensor *y)
{
    take_bytes(dense, x, rows);
    dot_rows(shapes, end, dense, 2, x, 0, rows, y);
}

/* All rows with one sum, and those that are listed again. */
static void narrow_rows(const shape *shapes, nib_dot_ending end, const nib_engine_dense *dense,
                        int64_t listed, const nib_engine_tensor *x, int64_t rows, const nib_engine_tensor *y)
{
    const int32_t *wide = dense->narrow.wide;
    const size_t x_bytes = (size_t)x->stride * sizeof(int16_t);
    const size_t y_bytes = (size_t)(y->stride * element_bytes[end]);
    nib_engine_tensor from = *x, to = *y;
    from.data = dense->narrow.lot;
    to.data = dense->scratch;
    dot_rows(narrow_shapes, end, dense, 1, x, 0, rows, y);
    for (int64_t first = 0; first < listed; first += NIB_ENGINE_BLOCK) {
        const int64_t n = block_of(listed, first);
        for (int64_t i = 0; i < n; ++i)
            memcpy((char *)from.data + (size_t)i * x_bytes,
                   (const char *)x->data + (size_t)wide[first + i] * x_bytes, x_bytes);
        /* A whole tile costs less than some rows one by one. */
        two_rows(shapes, end, dense, &from, n > NIB_ENGINE_BLOCK / 4 ? NIB_ENGINE_BLOCK : n, &to);
        for (int64_t i = 0; i < n; ++i)
            memcpy((char *)y->data + (size_t)wide[first + i] * y_bytes,
                   (const char *)to.data + (size_t)i * y_bytes, y_bytes);
    }
}

static void two_simple(const shape *shapes, nib_dot_ending end, const nib_engine_dense *dense,
                       const nib_engine_tensor *x, int64_t rows, const nib_engine_tensor *y)
{
    const int64_t wide = dense->narrow.limit < 0 ? rows : list_wide(&dense->narrow, x, rows);
    if (2 * wide > rows)
        two_rows(shapes, end, dense, x, rows, y);
    else
        narrow_rows(shapes, end, dense, wide, x, rows, y);
}

static void two_all(const shape *shapes, const nib_engine_dense *dense, const nib_engine_tensor *x,
                    int64_t rows, const nib_engine_tensor *y)
{
    const int64_t n = dense->n_out;
    const nib_dot_ending end = ending_of(dense, y);
    int32_t *sums = (int32_t *)dense->scratch;
    int64_t *v = (int64_t *)dense->scratch + NIB_ENGINE_BLOCK * n;
    if (end != NIB_DOT_SUMS && dense->finish.simple) {
        two_simple(shapes, end, dense, x, rows, y);
        return;
    }
    take_bytes(dense, x, rows);
    for (int64_t row = 0; row < rows; row += NIB_ENGINE_BLOCK) {
        const int64_t block = block_of(rows, row);
        dot_rows(shapes, NIB_DOT_SUMS, dense, 2, x, row, block, y);
        if (end != NIB_DOT_SUMS) {
            cast_block(true, end, dense, row, block, y);
            continue;
        }
        for (int64_t i = 0; i < block; ++i) {
            whole_row(dense->split, n, sums + 2 * i * n, v);
            cast_i64(&dense->steps, row + i, n, v);
            store_i64(y, row + i, n, v);
        }
    }
}

static void blocks(const nib_engine_dense *dense, const nib_engine_tensor *x, int64_t rows,
                   const nib_engine_tensor *y)
{
    two_all(blocks_shapes, dense, x, rows, y);
}

static void pair(const nib_engine_dense *dense, const nib_engine_tensor *x, int64_t rows,
                 const nib_engine_tensor *y)
{
    two_all(pair_shapes, dense, x, rows, y);
}

#if NIB_DOT_HAS_8

static void dot8(const nib_engine_dense *dense, const nib_engine_tensor *x, int64_t rows,
                 const nib_engine_tensor *y)
{
    dot_all(dot8_shapes, dense, x, rows, y);
}

static void residue(const nib_engine_dense *dense, const nib_engine_tensor *x, int64_t rows,
                    const nib_engine_tensor *y)
{
    two_all(residue_shapes, dense, x, rows, y);
}

#endif

/* ---- Wide numbers ---- */

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

const nib_engine_dense_loops NIB_ISA_NAME(nib_engine_dense_loops_of) = {
#if NIB_DOT_HAS_8
    .dot8 = dot8,
    .residue = residue,
#endif
    .dot16 = dot16,
    .blocks = blocks,
    .pair = pair,
    .wide = wide,
    .one_shift = NIB_DOT_ONE_SHIFT};
