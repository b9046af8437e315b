/* Compiled once per instruction set: see core/isa.h. Everything here is static but the table at the end. */
#include "core/kernels.h"

#include "core/gemm.h"
#include "core/grid_kernels.h"
#include "core/grid_vectors.h"
#include "core/narrow.h"
#include "core/quad.h"
#include "core/simd.h"

/* Rows of the register tile: as many as the registers hold beside two vectors of B and one of A. */
#define ROWS_TO_3(X)  X(1) X(2) X(3)
#define ROWS_TO_5(X)  ROWS_TO_3(X) X(4) X(5)
#define ROWS_TO_12(X) ROWS_TO_5(X) X(6) X(7) X(8) X(9) X(10) X(11) X(12)
#if defined(__AVX512F__)
#define FOR_LOWER      ROWS_TO_12 /* 64 rows are five tiles */
#define FOR_HIGHEST(X) X(13)
enum { MR = 13 };
#elif defined(__AVX2__) || !defined(__x86_64__)
#define FOR_LOWER      ROWS_TO_5
#define FOR_HIGHEST(X) X(6)
enum { MR = 6 };
#else
#define FOR_LOWER      ROWS_TO_3
#define FOR_HIGHEST(X) X(4) /* without FMA the product takes a register as well */
enum { MR = 4 };
#endif

enum {
    NV = 2,                  /* vectors in a row of the register tile, at most */
    PADDING = 16,            /* floats that rows of buffers are multiples of */
    K_BLOCK = 256,           /* the panel of B under a tile, K_BLOCK x NV vectors, stays in L1 */
    TRANSPOSED_LIMIT = MR,   /* weight gradients up to this width are computed transposed */
    TRANSPOSED_COLUMNS = 64, /* in pieces of so many columns */
    BITS_FLOATS = NIB_PASS_FLOATS_PER_BYTE,
};

/* What is left of a product: rows from `row`, a panel of columns from `column`, one k block. */
typedef struct part {
    const float *a, *b;
    float *c;
    int64_t row, column, k;
    int64_t tiles; /* so many register tiles, one below the other */
    int lanes;     /* columns of the rightmost vector */
    bool resume;   /* go on with the sums of the k block before */
    bool last;     /* the last k block */
} part;

/* Kinds of register tiles: A by rows; A^T by rows, as in weight gradients; and with the sums of B's columns,
 * as one more row of A that is all ones. */
enum { BY_ROWS, TURNED, WITH_SUMS, KINDS };

/* For each row of a tile: STATEMENT, with `at` on the row's place in BASE. */
#define FOR_ROWS_AT(type, base, stride, statement)                                                           \
    do {                                                                                                     \
        type at = (base);                                                                                    \
        NIB_UNROLL                                                                                           \
        for (int r = 0; r < mr; ++r) {                                                                       \
            statement;                                                                                       \
            NIB_STEP_BY(at, stride);                                                                         \
        }                                                                                                    \
    } while (0)

/* The steps on a tile's finished sums. left, right: [mr], each a vector wide. */
NIB_INLINE void finish_sums(const nib_product *p, const part *t, nib_vf *left, nib_vf *right, const int mr,
                            const bool wide)
{
    const nib_epilogue *e = &p->epilogue;
    const int64_t stride = e->gate_stride;
    const int64_t at_gate = t->row * stride + t->column;
    const int64_t at_pass = t->row * e->pass_stride + t->column / BITS_FLOATS;
    switch (e->kind) {
    case NIB_EPILOGUE_RELU:
        NIB_UNROLL
        for (int r = 0; r < mr; ++r) {
            left[r] = nib_vf_relu(left[r]);
            right[r] = wide ? nib_vf_relu(right[r]) : right[r];
        }
        break;
    case NIB_EPILOGUE_GATE:
        FOR_ROWS_AT(const float *, e->gate + at_gate, stride, {
            left[r] = nib_vf_where_positive(nib_vf_load(at), left[r]);
            right[r] = wide ? nib_vf_where_positive(nib_vf_load(at + NIB_VF), right[r]) : right[r];
        });
        break;
    case NIB_EPILOGUE_RANGE: {
        const int64_t column = e->first_column + t->column;
        nib_grid_pass range = nib_grid_pass_load(e->step, e->relu, column);
        FOR_ROWS_AT(const float *, e->gate + at_gate, stride,
                    left[r] = nib_vf_where_within(range.low, nib_vf_load(at), range.high, left[r]));
        if (!wide)
            break;
        range = nib_grid_pass_load(e->step, e->relu, column + NIB_VF);
        FOR_ROWS_AT(const float *, e->gate + at_gate + NIB_VF, stride,
                    right[r] = nib_vf_where_within(range.low, nib_vf_load(at), range.high, right[r]));
        break;
    }
    case NIB_EPILOGUE_PASS:
        FOR_ROWS_AT(const unsigned char *, e->pass + at_pass, e->pass_stride, {
            left[r] = nib_vf_where_bits(at, left[r]);
            right[r] = wide ? nib_vf_where_bits(at + NIB_VF / BITS_FLOATS, right[r]) : right[r];
        });
        break;
    case NIB_EPILOGUE_NONE:
        break;
    }
}

/* The sums of a tile's rows into C. */
NIB_INLINE void finish_tile(const nib_product *p, const part *t, nib_vf *left, nib_vf *right, const int mr,
                            const bool wide)
{
    const int64_t stride = p->c_stride;
    if (p->accumulate)
        FOR_ROWS_AT(const float *, t->c, stride, {
            left[r] = nib_vf_add(nib_vf_load(at), left[r]);
            right[r] = wide ? nib_vf_add(nib_vf_load(at + NIB_VF), right[r]) : right[r];
        });
    if (t->last)
        finish_sums(p, t, left, right, mr, wide);
    if (t->lanes < NIB_VF) {
        nib_vf *const rightmost = wide ? right : left;
        NIB_UNROLL
        for (int r = 0; r < mr; ++r)
            rightmost[r] = nib_vf_first(rightmost[r], t->lanes);
    }
    FOR_ROWS_AT(float *, t->c, stride, {
        nib_vf_store(at, left[r]);
        if (wide)
            nib_vf_store(at + NIB_VF, right[r]);
    });
}

/* One vector of the sums of B's columns. */
NIB_INLINE void put_sums(const nib_product *p, const part *t, nib_vf sum, int column, bool rightmost)
{
    float *const to = p->sums + t->column + column;
    if (p->accumulate)
        sum = nib_vf_add(nib_vf_load(to), sum);
    nib_vf_store(to, rightmost ? nib_vf_first(sum, t->lanes) : sum);
}

/* What a tile's sums start from: bias, zero, or where the k block before has left them. */
NIB_INLINE void start_tile(const nib_product *p, const part *t, nib_vf *left, nib_vf *right, const int mr,
                           const bool wide)
{
    const nib_vf zero = nib_vf_set(0.0f);
    if (t->resume) {
        FOR_ROWS_AT(const float *, t->c, p->c_stride, {
            left[r] = nib_vf_load(at);
            right[r] = wide ? nib_vf_load(at + NIB_VF) : zero;
        });
        return;
    }
    const nib_vf first = p->start ? nib_vf_load(p->start + t->column) : zero;
    const nib_vf second = wide && p->start ? nib_vf_load(p->start + t->column + NIB_VF) : zero;
    NIB_UNROLL
    for (int r = 0; r < mr; ++r) {
        left[r] = first;
        right[r] = second;
    }
}

/* mr rows of one or two vectors of C; mr, wide and kind are constants where it is inlined. */
NIB_INLINE void run_tile(const nib_product *p, const part *t, const int mr, const bool wide, const int kind)
{
    const nib_vf zero = nib_vf_set(0.0f);
    nib_vf left[MR], right[MR], left_sum = zero, right_sum = zero;
    if (kind == WITH_SUMS && t->resume) {
        left_sum = nib_vf_load(p->sums + t->column);
        right_sum = wide ? nib_vf_load(p->sums + t->column + NIB_VF) : zero;
    }
    start_tile(p, t, left, right, mr, wide);
    const int64_t a_row = kind == BY_ROWS ? p->a_row : 1, a_step = kind == BY_ROWS ? 1 : p->a_step;
    const int64_t b_stride = p->b_stride;
    const float *upper = t->a, *lower = upper + mr / 2 * a_row, *b = t->b;
    if (kind == BY_ROWS)
        __asm__("" : "+r"(lower)); /* a pointer of its own: one would need too many multiples of a_row */
    for (int64_t k = t->k; k > 0; --k) {
        const nib_vf b0 = nib_vf_load(b), b1 = wide ? nib_vf_load(b + NIB_VF) : zero;
        NIB_UNROLL
        for (int r = 0; r < mr; ++r) {
            const nib_vf a = nib_vf_set(r < mr / 2 ? upper[r * a_row] : lower[(r - mr / 2) * a_row]);
            left[r] = nib_vf_fma(a, b0, left[r]);
            if (wide)
                right[r] = nib_vf_fma(a, b1, right[r]);
        }
        if (kind == WITH_SUMS) {
            left_sum = nib_vf_add(b0, left_sum);
            if (wide)
                right_sum = nib_vf_add(b1, right_sum);
        }
        upper += a_step;
        lower += a_step;
        b += b_stride;
    }
    finish_tile(p, t, left, right, mr, wide);
    if (kind != WITH_SUMS)
        return;
    put_sums(p, t, left_sum, 0, !wide);
    if (wide)
        put_sums(p, t, right_sum, NIB_VF, true);
}

/* Tiles of one height below each other. */
NIB_INLINE void run_tiles(const nib_product *p, part *t, const int mr, const bool wide, const int kind)
{
    for (int64_t tiles = t->tiles; tiles > 0; --tiles) {
        run_tile(p, t, mr, wide, kind);
        t->a += mr * p->a_row;
        t->c += mr * p->c_stride;
        t->row += mr;
    }
}

#define TILE(name, mr, kind)                                                                                 \
    static void name##_##mr##x1(const nib_product *p, part *t)                                               \
    {                                                                                                        \
        run_tiles(p, t, mr, false, kind);                                                                    \
    }                                                                                                        \
    static void name##_##mr##x2(const nib_product *p, part *t)                                               \
    {                                                                                                        \
        run_tiles(p, t, mr, true, kind);                                                                     \
    }
#define TILES(mr)     TILE(rows, mr, BY_ROWS) TILE(turned, mr, TURNED)
#define SUM_TILES(mr) TILE(sums, mr, WITH_SUMS)
FOR_LOWER(TILES)
FOR_HIGHEST(TILES)
FOR_LOWER(SUM_TILES) /* the highest are never asked for: the ones are a row as well */

typedef void tiles(const nib_product *p, part *t);
#define TILES_OF(name, mr)                                                                                   \
    {                                                                                                        \
        name##_##mr##x1, name##_##mr##x2                                                                     \
    }
#define LOWER(mr)   {TILES_OF(rows, mr), TILES_OF(turned, mr), TILES_OF(sums, mr)},
#define HIGHEST(mr) {TILES_OF(rows, mr), TILES_OF(turned, mr)},
static tiles *const tiles_of[MR][KINDS][NV] = {FOR_LOWER(LOWER) FOR_HIGHEST(HIGHEST)};

static void clear_columns(const nib_product *p, int64_t first)
{
    const int64_t end = (p->n + PADDING - 1) / PADDING * PADDING;
    for (int64_t column = first; column < end; column += NIB_VF) {
        for (int64_t r = 0; r < p->m; ++r)
            nib_vf_store(p->c + r * p->c_stride + column, nib_vf_set(0.0f));
        if (p->sums)
            nib_vf_store(p->sums + column, nib_vf_set(0.0f));
    }
}

/* How the rows of a product are cut into register tiles: evenly, the higher ones first. */
typedef struct cut {
    int kind, high; /* rows of a high tile; the others have one less */
    int64_t n_high, n_low;
    int last; /* rows of a tile with the sums of B's columns, at the end; 0: there is none */
} cut;

static cut cut_rows(const nib_product *p)
{
    const int64_t rows = p->m + (p->sums != NULL), count = (rows + MR - 1) / MR, low = rows / count;
    cut c = {.kind = p->a_row == 1 ? TURNED : BY_ROWS,
             .high = (int)low + 1,
             .n_high = rows % count,
             .n_low = count - rows % count};
    if (p->sums) {
        c.n_low -= 1;
        c.last = (int)low - 1;
    }
    return c;
}

/* All rows of a panel of columns and one k block. */
static void run_panel(const nib_product *p, const cut *rows, part *t, int nv)
{
    if (rows->n_high > 0) {
        t->tiles = rows->n_high;
        tiles_of[rows->high - 1][rows->kind][nv - 1](p, t);
    }
    if (rows->n_low > 0) {
        t->tiles = rows->n_low;
        tiles_of[rows->high - 2][rows->kind][nv - 1](p, t);
    }
    if (p->sums) {
        t->tiles = 1;
        tiles_of[rows->last - 1][WITH_SUMS][nv - 1](p, t);
    }
}

static void product(const nib_product *p)
{
    const int64_t vectors = (p->n + NIB_VF - 1) / NIB_VF;
    const cut rows = cut_rows(p);
    for (int64_t k = 0; k < p->k || k == 0; k += K_BLOCK)
        for (int64_t v = 0; v < vectors; v += NV) {
            const int64_t column = v * NIB_VF, left = p->k - k;
            const int nv = vectors - v < NV ? (int)(vectors - v) : NV;
            const int64_t columns = p->n - column - (nv - 1) * NIB_VF;
            part t = {.a = p->a + k * p->a_step,
                      .b = p->b + k * p->b_stride + column,
                      .c = p->c + column,
                      .column = column,
                      .k = left < K_BLOCK ? left : K_BLOCK,
                      .lanes = columns < NIB_VF ? (int)columns : NIB_VF,
                      .resume = k > 0 && !p->accumulate,
                      .last = left <= K_BLOCK};
            run_panel(p, &rows, &t, nv);
        }
    clear_columns(p, vectors * NIB_VF);
}

/* Columns c to c + 3 of NIB_VF rows as rows of `to`. */
NIB_INLINE void transpose_block(float *to, int64_t to_stride, int64_t to_rows, const float *from,
                                int64_t from_stride, bool accumulate)
{
    nib_vf x[4];
    NIB_UNROLL
    for (int i = 0; i < 4; ++i)
        x[i] = nib_vf_load_quads(from + i * from_stride, 4 * from_stride);
    nib_vf_transpose_quads(x);
    NIB_UNROLL
    for (int i = 0; i < 4; ++i)
        if (i < to_rows) {
            float *at = to + i * to_stride;
            nib_vf_store(at, accumulate ? nib_vf_add(nib_vf_load(at), x[i]) : x[i]);
        }
}

/* The same for 4 rows, of which `rows` are there. */
NIB_INLINE void transpose_quad(float *to, int64_t to_stride, int64_t to_rows, const float *from,
                               int64_t from_stride, int64_t rows, bool accumulate)
{
    const nib_quad zero = {0.0f, 0.0f, 0.0f, 0.0f};
    nib_quad x[4];
    for (int64_t i = 0; i < 4; ++i)
        x[i] = i < rows ? nib_quad_load(from + i * from_stride) : zero;
    nib_quad_transpose(x);
    for (int64_t i = 0; i < 4 && i < to_rows; ++i) {
        float *at = to + i * to_stride;
        nib_quad_store(at, accumulate ? nib_quad_load(at) + x[i] : x[i]);
    }
}

/* to [cols, rows] = or += from^T [rows, cols]; rows and columns of `to` up to the next multiples of 4 and 16
 * are written. Sixteen rows at a time, a line of each row of `to`: what lies a power of two apart leaves the
 * cache before it would be written to again. */
NIB_INLINE void transpose_into(float *to, int64_t to_stride, int64_t to_rows, const float *from,
                               int64_t from_stride, int64_t rows, int64_t cols, bool accumulate)
{
    const nib_quad zero = {0.0f, 0.0f, 0.0f, 0.0f};
    for (int64_t first = 0; first < rows; first += PADDING)
        for (int64_t c = 0; c < cols; c += 4) {
            const int64_t end = rows - first < PADDING ? rows : first + PADDING;
            int64_t r = first;
            for (; r + NIB_VF <= end; r += NIB_VF)
                transpose_block(to + c * to_stride + r, to_stride, to_rows - c, from + r * from_stride + c,
                                from_stride, accumulate);
            for (; r < end; r += 4)
                transpose_quad(to + c * to_stride + r, to_stride, to_rows - c, from + r * from_stride + c,
                               from_stride, rows - r, accumulate);
        }
    const int64_t first = (rows + 3) / 4 * 4, end = (rows + PADDING - 1) / PADDING * PADDING;
    for (int64_t c = 0; c < to_rows; ++c)
        for (int64_t r = first; r < end; r += 4)
            nib_quad_store(to + c * to_stride + r, zero);
}

static void transpose(float *to, int64_t to_stride, const float *from, int64_t from_stride, int64_t rows,
                      int64_t cols)
{
    transpose_into(to, to_stride, cols, from, from_stride, rows, cols, false);
}

#if defined(__AVX512F__)

enum { WHOLE = 8 /* rows that transpose_whole takes */ };

/* transpose_into for at most eight rows: whole rows of `to` at a time, padding with them. */
static void transpose_whole(float *to, int64_t to_stride, int64_t to_rows, const float *from,
                            int64_t from_stride, int64_t rows, bool accumulate)
{
    const __m512i quad = _mm512_setr_epi32(0, 1, 2, 3, 16, 17, 18, 19, 0, 0, 0, 0, 0, 0, 0, 0);
    const nib_vf zero = nib_vf_set(0.0f);
    for (int64_t c = 0; c < to_rows; c += NIB_VF) {
        nib_vf x[WHOLE];
        NIB_UNROLL
        for (int i = 0; i < WHOLE; ++i)
            x[i] = i < rows ? nib_vf_load(from + i * from_stride + c) : zero;
        nib_vf_transpose_quads(x);
        nib_vf_transpose_quads(x + 4);
        NIB_UNROLL
        for (int i = 0; i < NIB_VF; ++i) {
            const __m512i lanes = _mm512_add_epi32(quad, _mm512_set1_epi32(i / 4 * 4));
            const nib_vf row = _mm512_maskz_permutex2var_ps(0x00ff, x[i % 4], lanes, x[4 + i % 4]);
            float *at = to + (c + i) * to_stride;
            if (c + i < to_rows)
                nib_vf_store(at, accumulate ? nib_vf_add(nib_vf_load(at), row) : row);
        }
    }
}

#else

enum { WHOLE = 0 };

static void transpose_whole(float *to, int64_t to_stride, int64_t to_rows, const float *from,
                            int64_t from_stride, int64_t rows, bool accumulate)
{
    transpose_into(to, to_stride, to_rows, from, from_stride, rows, to_rows, accumulate);
}

#endif

/* dw^T = dy^T x, a row of inputs per vector: no lane is idle however few outputs there are. */
static void narrow_weight_gradient(const nib_product *p)
{
    float scratch[PADDING * TRANSPOSED_COLUMNS]; /* sixteen rows, as transposes take them */
    for (int64_t i = 0; i < p->m; i += TRANSPOSED_COLUMNS) {
        const int64_t columns = p->m - i < TRANSPOSED_COLUMNS ? p->m - i : TRANSPOSED_COLUMNS;
        const nib_product turned = {.m = p->n,
                                    .n = columns,
                                    .k = p->k,
                                    .a = p->b,
                                    .a_row = 1,
                                    .a_step = p->b_stride,
                                    .b = p->a + i,
                                    .b_stride = p->a_step,
                                    .c = scratch,
                                    .c_stride = TRANSPOSED_COLUMNS};
        product(&turned);
        if (p->n <= WHOLE)
            transpose_whole(p->c + i * p->c_stride, p->c_stride, columns, scratch, TRANSPOSED_COLUMNS, p->n,
                            p->accumulate);
        else
            transpose_into(p->c + i * p->c_stride, p->c_stride, columns, scratch, TRANSPOSED_COLUMNS, p->n,
                           columns, p->accumulate);
    }
}

/* Four sums of every fourth row, so that additions need not wait for each other. */
static void sum_rows(float *sums, bool accumulate, const float *b, int64_t b_stride, int64_t n, int64_t rows)
{
    for (int64_t column = 0; column < n; column += NIB_VF) {
        nib_vf sum[4] = {nib_vf_set(0.0f), nib_vf_set(0.0f), nib_vf_set(0.0f), nib_vf_set(0.0f)};
        int64_t r = 0;
        for (; r + 4 <= rows; r += 4) {
            NIB_UNROLL
            for (int i = 0; i < 4; ++i)
                sum[i] = nib_vf_add(sum[i], nib_vf_load(b + (r + i) * b_stride + column));
        }
        for (; r < rows; ++r)
            sum[0] = nib_vf_add(sum[0], nib_vf_load(b + r * b_stride + column));
        nib_vf total = nib_vf_add(nib_vf_add(sum[0], sum[1]), nib_vf_add(sum[2], sum[3]));
        if (column + NIB_VF > n)
            total = nib_vf_first(total, (int)(n - column));
        nib_vf_store(sums + column, accumulate ? nib_vf_add(nib_vf_load(sums + column), total) : total);
    }
    for (int64_t column = (n + NIB_VF - 1) / NIB_VF * NIB_VF; column % PADDING != 0; column += NIB_VF)
        nib_vf_store(sums + column, nib_vf_set(0.0f));
}

static void weight_gradient(const nib_product *p)
{
    if (p->n > TRANSPOSED_LIMIT) {
        product(p);
        return;
    }
    narrow_weight_gradient(p);
    if (p->sums)
        sum_rows(p->sums, p->accumulate, p->b, p->b_stride, p->n, p->k);
}

static void sum_vectors(float *to, bool accumulate, const float *from, int64_t stride, int count, int64_t n)
{
    for (int64_t i = 0; i < n; i += NIB_VF) {
        nib_vf sum = nib_vf_load(from + i);
        if (accumulate)
            sum = nib_vf_add(nib_vf_load(to + i), sum);
        for (int v = 1; v < count; ++v)
            sum = nib_vf_add(sum, nib_vf_load(from + v * stride + i));
        nib_vf_store(to + i, sum);
    }
}

/* Rows are scattered over a data set: the next ones are asked for while this one is copied. */
static void gather(float *to, int64_t to_stride, const float *from, int64_t width, const int32_t *index,
                   int64_t rows)
{
    enum { AHEAD = 12 };
    for (int64_t r = 0; r < rows; ++r) {
        const float *row = from + index[r] * width;
        float *at = to + r * to_stride;
        int64_t c = 0;
        if (r + AHEAD < rows)
            __builtin_prefetch(from + index[r + AHEAD] * width);
        for (; c + NIB_VF <= width; c += NIB_VF)
            nib_vf_store(at + c, nib_vf_load(row + c));
        for (; c < width; ++c)
            at[c] = row[c];
    }
}

const nib_kernels NIB_ISA_NAME(nib_kernels_table) = {
#if defined(__AVX512F__)
    .isa = NIB_ISA_AVX512,
#elif defined(__AVX2__)
    .isa = NIB_ISA_AVX2,
#else
    .isa = NIB_ISA_BASELINE,
#endif
    .product = product,
#if defined(__AVX512F__)
    .narrow = nib_narrow,
#else
    .narrow = product,
#endif
    .narrow_limit = NIB_NARROW,
    .weight_gradient = weight_gradient,
    .sum_rows = sum_rows,
    .sum_vectors = sum_vectors,
    .transpose = transpose,
    .gather = gather,
    .grid = NIB_ISA_NAME(nib_grid_rows),
    .grid_flat = NIB_ISA_NAME(nib_grid_flat),
    .grid_gradient = NIB_ISA_NAME(nib_grid_gradient_rows),
    .pass_gradient = NIB_ISA_NAME(nib_grid_pass_rows_of_bits),
};
