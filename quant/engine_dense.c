/* Compiled once per instruction set: see core/isa.h. */
#include "quant/engine_dot.h"
#include "quant/engine_steps.h"

enum { GROUP_BYTES = 4 * NIB_ENGINE_LANES }; /* of a kernel: the weights of 16 lanes for four bytes of x */

/* What becomes of the sums of a tile: stored, or cast and then stored as y is. */
typedef enum ending { TO_SUMS, TO_BYTES, TO_OFFSET_BYTES, TO_I16, TO_OFFSET_I16, TO_I32 } ending;

static const int element_bytes[] = {
    [TO_SUMS] = 0, [TO_BYTES] = 1, [TO_OFFSET_BYTES] = 1, [TO_I16] = 2, [TO_OFFSET_I16] = 2, [TO_I32] = 4};

/* What a tile multiplies: rows of x, whole groups of lanes. */
typedef struct tile {
    ending end;
    const char *x; /* bytes of the first row */
    int64_t x_bytes;
    const char *kernel; /* of the first group */
    int64_t n_dots, group_bytes;
    const int32_t *bias;
    int64_t lane; /* first of the first group */
    int32_t *sums;
    int64_t sums_stride;
    const nib_engine_finish *finish;
    char *y; /* bytes of the first row */
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

#if NIB_DOT_FINISHES

/* A group of lanes to element `at` of y. */
NIB_INLINE void store_group(ending end, char *y, int64_t at, nib_vi *v)
{
    if (end == TO_OFFSET_BYTES || end == TO_OFFSET_I16)
        NIB_UNROLL for (int k = 0; k < NIB_DOT_PARTS; ++k) v[k] =
            nib_vi_add(v[k], nib_vi_set(end == TO_OFFSET_I16 ? INT16_MIN : 128));
    if (end == TO_BYTES || end == TO_OFFSET_BYTES)
        nib_vi_store_u8((uint8_t *)y + at, v);
    else if (end == TO_I16 || end == TO_OFFSET_I16)
        nib_vi_store_i16((int16_t *)(void *)y + at, v);
    else
        NIB_UNROLL for (int k = 0; k < NIB_DOT_PARTS; ++k)
            nib_vi_store((int32_t *)(void *)y + at + k * NIB_DOT_LANES, v[k]);
}

NIB_INLINE void cast_tile(ending end, int rows, int groups, const tile *t, const nib_vi *sum)
{
    const nib_engine_finish *f = t->finish;
    NIB_UNROLL for (int g = 0; g < groups; ++g)
    {
        const int64_t lane = t->lane + g * NIB_ENGINE_LANES;
        nib_vi shift[NIB_DOT_PARTS], low[NIB_DOT_PARTS], high[NIB_DOT_PARTS], v[NIB_DOT_PARTS];
        NIB_UNROLL for (int k = 0; k < NIB_DOT_PARTS; ++k)
        {
            shift[k] = nib_vi_load(f->shift + lane + k * NIB_DOT_LANES);
            low[k] = nib_vi_load(f->low + lane + k * NIB_DOT_LANES);
            high[k] = nib_vi_load(f->high + lane + k * NIB_DOT_LANES);
        }
        NIB_UNROLL for (int i = 0; i < rows; ++i)
        {
            const nib_vi *s = sum + (i * groups + g) * NIB_DOT_PARTS;
            NIB_UNROLL for (int k = 0; k < NIB_DOT_PARTS; ++k) v[k] =
                nib_vi_min(nib_vi_max(nib_vi_down(s[k], shift[k]), low[k]), high[k]);
            store_group(end, t->y, i * t->y_stride + lane, v);
        }
    }
}

/* ---- Casts of sums in memory ---- */

/* A step's numbers for one vector. */
typedef struct lanes {
    nib_vi least, up, shift, add, odd, negative, low, high, align;
} lanes;

NIB_INLINE lanes lanes_load(const nib_engine_step *step, int64_t at)
{
    return (lanes){nib_vi_set(step->relu ? 0 : INT32_MIN),
                   nib_vi_load((const int32_t *)step->up + at),
                   nib_vi_load((const int32_t *)step->shift + at),
                   nib_vi_load((const int32_t *)step->add + at),
                   nib_vi_load((const int32_t *)step->add_odd + at),
                   nib_vi_load((const int32_t *)step->add_negative + at),
                   nib_vi_load((const int32_t *)step->low + at),
                   nib_vi_load((const int32_t *)step->high + at),
                   nib_vi_load((const int32_t *)step->align + at)};
}

/* See nib_engine_step; `seldom`: up, align and add_negative count. */
NIB_INLINE nib_vi cast_lanes(nib_overflow overflow, bool limit, bool seldom, const lanes *l, nib_vi v)
{
    v = nib_vi_max(v, l->least);
    if (seldom)
        v = nib_vi_up(v, l->up);
    nib_vi add = nib_vi_add(l->add, nib_vi_and(nib_vi_down(v, l->shift), l->odd));
    if (seldom)
        add = nib_vi_add(add, nib_vi_and(nib_vi_down(v, nib_vi_set(31)), l->negative));
    v = nib_vi_down(nib_vi_add(v, add), l->shift);
    if (limit && overflow == NIB_OVERFLOW_WRAP)
        v = nib_vi_add(nib_vi_and(nib_vi_sub(v, l->low), l->high), l->low);
    else if (limit && overflow == NIB_OVERFLOW_SAT_ZERO)
        v = nib_vi_where_equal(v, nib_vi_min(nib_vi_max(v, l->low), l->high));
    else if (limit)
        v = nib_vi_min(nib_vi_max(v, l->low), l->high);
    return seldom ? nib_vi_up(v, l->align) : v;
}

NIB_INLINE void cast_rows_as(nib_overflow overflow, bool limit, bool seldom, ending end,
                             const nib_engine_step *step, int64_t rows, int64_t n, const int32_t *sums,
                             char *y, int64_t y_stride)
{
    for (int64_t at = 0; at < n; at += NIB_ENGINE_LANES) {
        lanes l[NIB_DOT_PARTS];
        NIB_UNROLL for (int k = 0; k < NIB_DOT_PARTS; ++k) l[k] = lanes_load(step, at + k * NIB_DOT_LANES);
        for (int64_t row = 0; row < rows; ++row) {
            nib_vi v[NIB_DOT_PARTS];
            NIB_UNROLL for (int k = 0; k < NIB_DOT_PARTS; ++k) v[k] = cast_lanes(
                overflow, limit, seldom, &l[k], nib_vi_load(sums + row * n + at + k * NIB_DOT_LANES));
            store_group(end, y, row * y_stride + at, v);
        }
    }
}

NIB_INLINE void cast_rows_limit(nib_overflow overflow, bool limit, ending end, const nib_engine_step *step,
                                int64_t rows, int64_t n, const int32_t *sums, char *y, int64_t y_stride)
{
    if (step->has_up || step->has_align || step->has_negative)
        cast_rows_as(overflow, limit, true, end, step, rows, n, sums, y, y_stride);
    else
        cast_rows_as(overflow, limit, false, end, step, rows, n, sums, y, y_stride);
}

NIB_INLINE void cast_rows_to(ending end, const nib_engine_step *step, int64_t rows, int64_t n,
                             const int32_t *sums, char *y, int64_t y_stride)
{
    if (!step->has_limit)
        cast_rows_limit(NIB_OVERFLOW_SAT, false, end, step, rows, n, sums, y, y_stride);
    else if (step->overflow == NIB_OVERFLOW_WRAP)
        cast_rows_limit(NIB_OVERFLOW_WRAP, true, end, step, rows, n, sums, y, y_stride);
    else if (step->overflow == NIB_OVERFLOW_SAT_ZERO)
        cast_rows_limit(NIB_OVERFLOW_SAT_ZERO, true, end, step, rows, n, sums, y, y_stride);
    else
        cast_rows_limit(NIB_OVERFLOW_SAT, true, end, step, rows, n, sums, y, y_stride);
}

/* Sums [rows, n] through the steps, the same for every row, to y. */
static void cast_rows(ending end, const nib_engine_steps *steps, int64_t rows, int64_t n, int32_t *sums,
                      char *y, int64_t y_stride)
{
    for (int k = 0; k + 1 < steps->n; ++k)
        cast_rows_to(TO_I32, &steps->step[k], rows, n, sums, (char *)sums, n);
    const nib_engine_step *last = &steps->step[steps->n - 1];
    switch (end) {
    case TO_BYTES:
        cast_rows_to(TO_BYTES, last, rows, n, sums, y, y_stride);
        return;
    case TO_OFFSET_BYTES:
        cast_rows_to(TO_OFFSET_BYTES, last, rows, n, sums, y, y_stride);
        return;
    case TO_I16:
        cast_rows_to(TO_I16, last, rows, n, sums, y, y_stride);
        return;
    case TO_OFFSET_I16:
        cast_rows_to(TO_OFFSET_I16, last, rows, n, sums, y, y_stride);
        return;
    case TO_I32:
        cast_rows_to(TO_I32, last, rows, n, sums, y, y_stride);
        return;
    case TO_SUMS:
        return;
    }
}

#endif

NIB_INLINE void end_tile(int rows, int groups, const tile *t, const nib_vi *sum)
{
    const int vectors = groups * NIB_DOT_PARTS;
    switch (t->end) {
#if NIB_DOT_FINISHES
    case TO_BYTES:
        cast_tile(TO_BYTES, rows, groups, t, sum);
        return;
    case TO_OFFSET_BYTES:
        cast_tile(TO_OFFSET_BYTES, rows, groups, t, sum);
        return;
    case TO_I16:
        cast_tile(TO_I16, rows, groups, t, sum);
        return;
    case TO_OFFSET_I16:
        cast_tile(TO_OFFSET_I16, rows, groups, t, sum);
        return;
    case TO_I32:
        cast_tile(TO_I32, rows, groups, t, sum);
        return;
    case TO_SUMS:
#else
    default:
#endif
        NIB_UNROLL for (int i = 0; i < rows; ++i) NIB_UNROLL for (int v = 0; v < vectors; ++v)
            nib_vi_store(t->sums + i * t->sums_stride + t->lane + v * NIB_DOT_LANES, sum[i * vectors + v]);
    }
}

/* rows and groups are constants where this is inlined, so that the sums stay in registers. */
NIB_INLINE void dot_tile(bool eight, int rows, int groups, const tile *t)
{
    enum { MOST = NIB_DOT_ROWS * NIB_DOT_GROUPS * NIB_DOT_PARTS };
    nib_vi sum[MOST], b[NIB_DOT_GROUPS * NIB_DOT_PARTS];
    const int vectors = groups * NIB_DOT_PARTS;
    const int64_t n_dots = t->n_dots, group_bytes = t->group_bytes, x_bytes = t->x_bytes;
    const char *kernel = t->kernel, *x = t->x;
    NIB_UNROLL for (int i = 0; i < rows; ++i) NIB_UNROLL for (int v = 0; v < vectors; ++v)
        sum[i * vectors + v] = nib_vi_load(t->bias + t->lane + v * NIB_DOT_LANES);
    for (int64_t k = 0; k < n_dots; ++k) {
        NIB_UNROLL for (int v = 0; v < vectors; ++v) b[v] =
            nib_vi_load(kernel + v / NIB_DOT_PARTS * group_bytes + k * GROUP_BYTES +
                        v % NIB_DOT_PARTS * 4 * NIB_DOT_LANES);
        NIB_UNROLL for (int i = 0; i < rows; ++i)
        {
            const nib_vi a = nib_vi_spread(x + i * x_bytes + 4 * k);
            NIB_UNROLL for (int v = 0; v < vectors; ++v) sum[i * vectors + v] =
                dot(eight, sum[i * vectors + v], a, b[v]);
        }
    }
    end_tile(rows, groups, t, sum);
}

/* Every shape is a function of its own: in a larger one the compiler keeps the sums in memory. */
#define TILE(bits, rows, groups)                                                                             \
    static __attribute__((noinline)) void tile_##bits##_##rows##x##groups(const tile *t)                     \
    {                                                                                                        \
        dot_tile((bits) == 8, rows, groups, t);                                                              \
    }
enum { MANY = NIB_DOT_ROWS, FEW = NIB_DOT_ROWS / 2, ONE = 1 };

/* As many rows at a time as registers hold, and one. */
typedef struct shape {
    int groups, rows;
    void (*tile)(const tile *), (*row)(const tile *);
} shape;

#if NIB_DOT_GROUPS >= 4
#define SHAPES(bits)                                                                                         \
    TILE(bits, FEW, 4)                                                                                       \
    TILE(bits, ONE, 4)                                                                                       \
    TILE(bits, MANY, 2)                                                                                      \
    TILE(bits, ONE, 2)                                                                                       \
    TILE(bits, MANY, 1)                                                                                      \
    TILE(bits, ONE, 1)                                                                                       \
    static const shape shapes_##bits[] = {{4, FEW, tile_##bits##_FEWx4, tile_##bits##_ONEx4},                \
                                          {2, MANY, tile_##bits##_MANYx2, tile_##bits##_ONEx2},              \
                                          {1, MANY, tile_##bits##_MANYx1, tile_##bits##_ONEx1}};
#else
#define SHAPES(bits)                                                                                         \
    TILE(bits, MANY, 1)                                                                                      \
    TILE(bits, ONE, 1)                                                                                       \
    static const shape shapes_##bits[] = {{1, MANY, tile_##bits##_MANYx1, tile_##bits##_ONEx1}};
#endif

#if NIB_DOT_HAS_8
SHAPES(8)
#endif
SHAPES(16)

/* Rows of a strip of groups. */
static void dot_strip(const shape *s, tile t, int64_t rows, int64_t y_bytes)
{
    for (int64_t n = s->rows; rows > 0; rows -= n) {
        if (rows < n)
            n = 1;
        (n > 1 ? s->tile : s->row)(&t);
        t.x += n * t.x_bytes;
        t.sums += n * t.sums_stride;
        t.y += n * y_bytes;
    }
}

/* Rows [row, row + rows) by all groups of a kernel. y is not used where the sums are stored. */
static void dot_rows(const shape *shapes, ending end, const nib_engine_dense *dense, int64_t groups,
                     const int32_t *bias, const nib_engine_tensor *x, int64_t row, int64_t rows,
                     const nib_engine_tensor *y)
{
    const int64_t element = x->storage == NIB_ENGINE_U8 ? 1 : 2, y_bytes = y->stride * element_bytes[end];
    const int64_t n_dots = dense->n_in * element / 4;
    tile t = {.end = end,
              .x = (const char *)x->data + row * x->stride * element,
              .x_bytes = x->stride * element,
              .n_dots = n_dots,
              .group_bytes = n_dots * GROUP_BYTES,
              .bias = bias,
              .sums = (int32_t *)dense->scratch,
              .sums_stride = groups * NIB_ENGINE_LANES,
              .finish = &dense->finish,
              .y = (char *)y->data + row * y_bytes,
              .y_stride = y->stride};
    for (int64_t g = 0; g < groups; g += shapes->groups) {
        while (shapes->groups > groups - g)
            ++shapes;
        t.kernel = (const char *)dense->kernel + g * t.group_bytes;
        t.lane = g * NIB_ENGINE_LANES;
        dot_strip(shapes, t, rows, y_bytes);
    }
}

#if NIB_DOT_FINISHES

static ending ending_of(const nib_engine_tensor *y)
{
    switch (y->storage) {
    case NIB_ENGINE_U8:
        return y->offset ? TO_OFFSET_BYTES : TO_BYTES;
    case NIB_ENGINE_I16:
        return y->offset ? TO_OFFSET_I16 : TO_I16;
    case NIB_ENGINE_I32:
        return TO_I32;
    case NIB_ENGINE_I64:
        break;
    }
    return TO_SUMS;
}

#endif

/* The sums of a block through the steps. */
static void cast_block(const nib_engine_dense *dense, int64_t row, int64_t rows, const nib_engine_tensor *y)
{
    int32_t *sums = (int32_t *)dense->scratch;
#if NIB_DOT_FINISHES
    const ending end = ending_of(y);
    if (end != TO_SUMS && dense->steps.period == 1 && dense->steps.n > 0) {
        cast_rows(end, &dense->steps, rows, dense->n_out, sums,
                  (char *)y->data + row * y->stride * element_bytes[end], y->stride);
        return;
    }
#endif
    for (int64_t i = 0; i < rows; ++i) {
        cast_i32(&dense->steps, row + i, dense->n_out, sums + i * dense->n_out);
        store_i32(y, row + i, dense->n_out, sums + i * dense->n_out);
    }
}

static void dot_all(const shape *shapes, const nib_engine_dense *dense, const nib_engine_tensor *x,
                    int64_t rows, const nib_engine_tensor *y)
{
    const int64_t groups = dense->n_out / NIB_ENGINE_LANES;
#if NIB_DOT_FINISHES
    const ending end = ending_of(y);
    if (end != TO_SUMS && dense->finish.possible) {
        dot_rows(shapes, end, dense, groups, dense->finish.bias, x, 0, rows, y);
        return;
    }
#endif
    for (int64_t row = 0; row < rows; row += NIB_ENGINE_BLOCK) {
        const int64_t n = rows - row < NIB_ENGINE_BLOCK ? rows - row : NIB_ENGINE_BLOCK;
        dot_rows(shapes, TO_SUMS, dense, groups, dense->bias, x, row, n, y);
        cast_block(dense, row, n, y);
    }
}

#if NIB_DOT_HAS_8
static void dot8(const nib_engine_dense *dense, const nib_engine_tensor *x, int64_t rows,
                 const nib_engine_tensor *y)
{
    dot_all(shapes_8, dense, x, rows, y);
}
#endif

static void dot16(const nib_engine_dense *dense, const nib_engine_tensor *x, int64_t rows,
                  const nib_engine_tensor *y)
{
    dot_all(shapes_16, dense, x, rows, y);
}

/* ---- Pairs of sums ---- */

/* Without the lowest 8 bits, in place: the sums of a row get half the room. */
static void halve(int64_t rows, int64_t n, int32_t *sums)
{
    for (int64_t g = 0; g < rows * n; g += NIB_ENGINE_LANES) {
        const int32_t *high = sums + 2 * g, *low = high + NIB_ENGINE_LANES;
        int32_t v[NIB_ENGINE_LANES];
        for (int i = 0; i < NIB_ENGINE_LANES; ++i)
            v[i] = (int32_t)((uint32_t)high[i] + (uint32_t)(low[i] >> 8));
        memcpy(sums + g, v, sizeof v);
    }
}

static void whole_row(const int64_t *bias, int64_t n, const int32_t *sums, int64_t *v)
{
    for (int64_t g = 0; g < n; g += NIB_ENGINE_LANES) {
        const int32_t *high = sums + 2 * g, *low = high + NIB_ENGINE_LANES;
        NIB_INDEPENDENT
        for (int i = 0; i < NIB_ENGINE_LANES; ++i)
            v[g + i] = (int64_t)high[i] * 256 + low[i] + bias[g + i];
    }
}

static void pair(const nib_engine_dense *dense, const nib_engine_tensor *x, int64_t rows,
                 const nib_engine_tensor *y)
{
    const int64_t n = dense->n_out, groups = 2 * n / NIB_ENGINE_LANES;
    int32_t *sums = (int32_t *)dense->scratch;
    int64_t *v = (int64_t *)dense->scratch + NIB_ENGINE_BLOCK * n;
    for (int64_t row = 0; row < rows; row += NIB_ENGINE_BLOCK) {
        const int64_t block = rows - row < NIB_ENGINE_BLOCK ? rows - row : NIB_ENGINE_BLOCK;
        dot_rows(shapes_16, TO_SUMS, dense, groups, dense->pair_bias, x, row, block, y);
        if (dense->halved) {
            halve(block, n, sums);
            cast_block(dense, row, block, y);
            continue;
        }
        for (int64_t i = 0; i < block; ++i) {
            whole_row(dense->bias, n, sums + 2 * i * n, v);
            cast_i64(&dense->steps, row + i, n, v);
            store_i64(y, row + i, n, v);
        }
    }
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
const nib_engine_dense_loops NIB_ISA_NAME(nib_engine_dense_loops_of) = {dot8, dot16, pair, wide};
#else
const nib_engine_dense_loops NIB_ISA_NAME(nib_engine_dense_loops_of) = {NULL, dot16, pair, wide};
#endif
