/* Every kernel of every instruction set this processor has, against plain sums in double: all widths and
 * depths up to 70, some large ones; padding, accumulation, fused steps, rows that do not depend on each
 * other. */
#include <criterion/criterion.h>

#include <math.h>
#include <string.h>

#include "core/arena.h"
#include "core/kernels.h"
#include "core/rng.h"
#include "core/tensor.h"
#include "tests/sanitized.h"

enum { SMALL = 70, LARGE = 520 };

typedef struct matrix {
    int64_t rows, cols, stride;
    float *data;
} matrix;

/* Random numbers, `padding` behind them. */
static matrix make(int64_t rows, int64_t cols, uint32_t seed, float padding)
{
    const nib_rng rng = {.seed = seed};
    matrix m = {rows, cols, nib_padded(cols), NULL};
    m.data = nib_aligned_alloc((size_t)(rows * m.stride) * sizeof(float));
    cr_assert(m.data != NULL, "out of memory");
    for (int64_t r = 0; r < rows; ++r)
        for (int64_t c = 0; c < m.stride; ++c)
            m.data[r * m.stride + c] =
                c < cols ? (float)(nib_rng_uniform(&rng, (uint64_t)(r * cols + c)) * 2 - 1) : padding;
    return m;
}

/* What one kernel is asked, and what the answer must be. */
typedef struct ask {
    const char *name;
    int64_t m, n, k;
    matrix a, b, c, before, start, gate; /* a: [m, k], or [k, m] when turned */
    float *sums;
    bool turned, accumulate, with_start;
    nib_epilogue_kind epilogue;
} ask;

/* The range of column c, of gates in [-1, 1). */
static float low_of(int64_t c)
{
    return -0.9f + 0.01f * (float)(c % 50);
}

static float high_of(int64_t c)
{
    return 0.5f + 0.01f * (float)(c % 40);
}

static double element(const ask *q, int64_t r, int64_t c, double *size)
{
    double sum = q->with_start ? (double)q->start.data[c] : 0.0;
    if (q->accumulate)
        sum += (double)q->before.data[r * q->before.stride + c];
    *size = fabs(sum);
    for (int64_t k = 0; k < q->k; ++k) {
        const double a =
            (double)(q->turned ? q->a.data[k * q->a.stride + r] : q->a.data[r * q->a.stride + k]);
        const double term = a * (double)q->b.data[k * q->b.stride + c];
        sum += term;
        *size += fabs(term);
    }
    if (q->epilogue == NIB_EPILOGUE_RELU && sum < 0.0)
        return 0.0;
    if (q->epilogue == NIB_EPILOGUE_GATE && !(q->gate.data[r * q->gate.stride + c] > 0.0f))
        return 0.0;
    const double gate = (double)q->gate.data[r * q->gate.stride + c];
    if (q->epilogue == NIB_EPILOGUE_RANGE && !(gate >= (double)low_of(c) && gate <= (double)high_of(c)))
        return 0.0;
    return sum;
}

static void check(const ask *q, const nib_kernels *kernels)
{
    for (int64_t r = 0; r < q->m; ++r)
        for (int64_t c = 0; c < q->c.stride; ++c) {
            double size = 0.0, wanted = c < q->n ? element(q, r, c, &size) : 0.0;
            const double got = (double)q->c.data[r * q->c.stride + c];
            cr_assert(fabs(got - wanted) <= 2e-7 * size * sqrt((double)q->k + 1),
                      "%s %s m %d n %d k %d: [%d, %d] is %g, not %g", nib_isa_name(kernels->isa), q->name,
                      (int)q->m, (int)q->n, (int)q->k, (int)r, (int)c, got, wanted);
        }
}

static nib_product product_of(const ask *q)
{
    static float low[LARGE + NIB_LANE_FLOATS], high[LARGE + NIB_LANE_FLOATS];
    static const nib_grid_step step = {.pass_low = low, .pass_high = high};
    for (int64_t c = 0; c < LARGE + NIB_LANE_FLOATS; ++c) {
        low[c] = low_of(c);
        high[c] = high_of(c);
    }
    return (nib_product){
        .m = q->m,
        .n = q->n,
        .k = q->k,
        .a = q->a.data,
        .a_row = q->turned ? 1 : q->a.stride,
        .a_step = q->turned ? q->a.stride : 1,
        .b = q->b.data,
        .b_stride = q->b.stride,
        .c = q->c.data,
        .c_stride = q->c.stride,
        .start = q->with_start ? q->start.data : NULL,
        .sums = q->sums,
        .accumulate = q->accumulate,
        .epilogue = {
            .kind = q->epilogue, .gate = q->gate.data, .gate_stride = q->gate.stride, .step = &step}};
}

/* Buffers for shapes up to `most`; those that may hold anything in their padding hold NaN there. */
static void open_ask(ask *q, int64_t rows, int64_t most)
{
    *q = (ask){.name = ""};
    q->a = make(most > rows ? most : rows, most, 1, 0.0f);
    q->b = make(most, most, 2, NAN);
    q->c = make(most > rows ? most : rows, most, 3, NAN);
    q->before = make(most > rows ? most : rows, most, 4, 0.0f);
    q->start = make(1, most, 5, NAN);
    q->gate = make(most > rows ? most : rows, most, 6, 0.0f);
}

static void close_ask(ask *q)
{
    matrix *all[] = {&q->a, &q->b, &q->c, &q->before, &q->start, &q->gate};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; ++i)
        nib_aligned_free(all[i]->data);
}

/* The same buffers as matrices of another shape: strides follow the widths, as they do in use. */
static void shape_ask(ask *q, int64_t m, int64_t n, int64_t k, bool turned)
{
    q->m = m, q->n = n, q->k = k, q->turned = turned;
    q->a.stride = nib_padded(turned ? m : k);
    q->b.stride = q->c.stride = q->before.stride = q->gate.stride = nib_padded(n);
}

/* NaN where C is to be overwritten; what is added to has zero padding, as it has in use. */
static void fill_c(ask *q)
{
    for (int64_t i = 0; i < q->m * q->c.stride; ++i) {
        q->before.data[i] = i % q->c.stride < q->n ? q->a.data[i] : 0.0f;
        q->c.data[i] = q->accumulate ? q->before.data[i] : NAN;
    }
}

static void forward_cases(ask *q, const nib_kernels *kernels, int64_t m, int64_t n, int64_t k)
{
    shape_ask(q, m, n, k, false);
    static const nib_epilogue_kind steps[] = {NIB_EPILOGUE_NONE, NIB_EPILOGUE_NONE, NIB_EPILOGUE_RELU,
                                              NIB_EPILOGUE_GATE, NIB_EPILOGUE_RANGE};
    for (int variant = 0; variant < 5; ++variant) {
        q->with_start = variant == 1 || variant == 2;
        q->accumulate = variant == 3;
        q->epilogue = steps[variant];
        q->name = "product";
        fill_c(q);
        const nib_product p = product_of(q);
        kernels->product(&p);
        check(q, kernels);
        if (n > kernels->narrow_limit || variant > 2)
            continue;
        q->name = "narrow";
        fill_c(q);
        kernels->narrow(&p);
        check(q, kernels);
    }
}

static void check_sums(const ask *q, const nib_kernels *kernels, const float *sums, const char *what)
{
    for (int64_t c = 0; c < nib_padded(q->n); ++c) {
        double wanted = q->accumulate && c < q->n ? 1.0 : 0.0;
        for (int64_t r = 0; c < q->n && r < q->k; ++r)
            wanted += (double)q->b.data[r * q->b.stride + c];
        cr_assert(fabs((double)sums[c] - wanted) <= 1e-6 * (double)(q->k + 1),
                  "%s %s: sum of column %d of %d x %d is %g, not %g", nib_isa_name(kernels->isa), what,
                  (int)c, (int)q->k, (int)q->n, (double)sums[c], wanted);
    }
}

/* By itself, or with the sums of the columns of dy on the way. */
static void gradient_cases(ask *q, const nib_kernels *kernels, int64_t inputs, int64_t n, int64_t rows)
{
    float sums[LARGE + NIB_LANE_FLOATS];
    shape_ask(q, inputs, n, rows, true);
    q->with_start = false;
    q->epilogue = NIB_EPILOGUE_NONE;
    q->name = "weight gradient";
    for (int variant = 0; variant < 4; ++variant) {
        q->accumulate = variant % 2 == 1;
        q->sums = variant / 2 == 1 ? sums : NULL;
        fill_c(q);
        for (int64_t c = 0; c < LARGE + NIB_LANE_FLOATS; ++c)
            sums[c] = q->accumulate && c < n ? 1.0f : q->accumulate ? 0.0f : NAN;
        const nib_product p = product_of(q);
        kernels->weight_gradient(&p);
        check(q, kernels);
        if (!q->sums)
            kernels->sum_rows(sums, q->accumulate, q->b.data, q->b.stride, n, rows);
        check_sums(q, kernels, sums, q->sums ? "with the weight gradient" : "sum_rows");
    }
    q->sums = NULL;
}

static void transpose_case(ask *q, const nib_kernels *kernels, int64_t rows, int64_t cols)
{
    q->b.stride = nib_padded(cols);
    q->c.stride = nib_padded(rows);
    for (int64_t i = 0; i < cols * q->c.stride; ++i)
        q->c.data[i] = NAN;
    kernels->transpose(q->c.data, q->c.stride, q->b.data, q->b.stride, rows, cols);
    for (int64_t c = 0; c < cols; ++c)
        for (int64_t r = 0; r < q->c.stride; ++r) {
            const float wanted = r < rows ? q->b.data[r * q->b.stride + c] : 0.0f;
            cr_assert(q->c.data[c * q->c.stride + r] == wanted, "%s transpose %d x %d: [%d, %d] is wrong",
                      nib_isa_name(kernels->isa), (int)rows, (int)cols, (int)c, (int)r);
        }
}

/* Random numbers everywhere: for buffers that are used as matrices of many shapes. */
static void refill(matrix *m, uint32_t seed)
{
    const nib_rng rng = {.seed = seed};
    for (int64_t i = 0; i < m->rows * nib_padded(m->cols); ++i)
        m->data[i] = (float)(nib_rng_uniform(&rng, (uint64_t)i) * 2 - 1);
}

static void each_isa(void (*body)(const nib_kernels *kernels))
{
    for (nib_isa isa = NIB_ISA_BASELINE; isa < NIB_ISA_COUNT; ++isa)
        if (nib_isa_supported(isa))
            body(nib_kernels_of(isa));
}

static void small_shapes(const nib_kernels *kernels)
{
    ask q;
    open_ask(&q, SMALL, SMALL);
    refill(&q.b, 2);
    refill(&q.start, 5);
    for (int64_t i = 1; i <= SMALL; ++i)
        for (int64_t j = 1; j <= SMALL; ++j) {
            if ((i + j) % NIB_ONE_IN(5) != 0)
                continue;
            forward_cases(&q, kernels, 1 + (i + 3 * j) % 5, i, j);
            forward_cases(&q, kernels, i, j, 1 + (i + j) % 3);
            gradient_cases(&q, kernels, i, j, 1 + (i + 3 * j) % 5);
            gradient_cases(&q, kernels, i, 1 + (i + j) % 16, j);
            transpose_case(&q, kernels, i, j);
        }
    for (int64_t m = 1; m <= SMALL; ++m)
        for (int64_t n = 3; n <= SMALL; n += 13)
            for (int64_t k = 1; k <= SMALL; k += 31)
                forward_cases(&q, kernels, m, n, k);
    close_ask(&q);
}

Test(kernels, all_small_shapes, .timeout = 300)
{
    each_isa(small_shapes);
}

/* Whole numbers, so that sums are exact in any order: with fixed strides all shapes share one reference. */
static void fill_whole(matrix *m, uint32_t seed)
{
    const nib_rng rng = {.seed = seed};
    for (int64_t i = 0; i < m->rows * m->stride; ++i)
        m->data[i] = (float)((int)(nib_rng_uniform(&rng, (uint64_t)i) * 15) - 7);
}

static void expect_corner(const nib_kernels *kernels, const char *what, const matrix *c, const float *wanted,
                          int64_t m, int64_t n, int64_t k)
{
    bool same = true;
    for (int64_t r = 0; r < m && same; ++r)
        same = memcmp(c->data + r * c->stride, wanted + r * c->stride, (size_t)n * sizeof(float)) == 0;
    cr_assert(same, "%s %s m %d n %d k %d is wrong", nib_isa_name(kernels->isa), what, (int)m, (int)n,
              (int)k);
}

/* Each m, n and k from 1 to 70, to the last bit. */
static void every_shape(const nib_kernels *kernels)
{
    matrix a = make(SMALL, SMALL, 1, 0.0f), turned = make(SMALL, SMALL, 2, 0.0f);
    matrix b = make(SMALL, SMALL, 3, 0.0f), c = make(SMALL, SMALL, 4, 0.0f),
           wanted = make(SMALL, SMALL, 5, 0.0f);
    fill_whole(&a, 6);
    fill_whole(&b, 7);
    for (int64_t i = 0; i < SMALL * SMALL; ++i)
        turned.data[i % SMALL * turned.stride + i / SMALL] = a.data[i / SMALL * a.stride + i % SMALL];
    memset(wanted.data, 0, (size_t)(wanted.rows * wanted.stride) * sizeof(float));
    for (int64_t k = 1; k <= SMALL; ++k) {
        for (int64_t i = 0; i < SMALL * SMALL; ++i)
            wanted.data[i / SMALL * wanted.stride + i % SMALL] +=
                a.data[i / SMALL * a.stride + k - 1] * b.data[(k - 1) * b.stride + i % SMALL] + 0.0f;
        for (int64_t m = 1; m <= SMALL; ++m)
            for (int64_t n = 1; n <= SMALL; ++n) {
                if ((k + 3 * m + 5 * n) % NIB_ONE_IN(11) != 0)
                    continue;
                nib_product p = {.m = m,
                                 .n = n,
                                 .k = k,
                                 .a = a.data,
                                 .a_row = a.stride,
                                 .a_step = 1,
                                 .b = b.data,
                                 .b_stride = b.stride,
                                 .c = c.data,
                                 .c_stride = c.stride};
                kernels->product(&p);
                expect_corner(kernels, "product", &c, wanted.data, m, n, k);
                if (n <= kernels->narrow_limit) {
                    kernels->narrow(&p);
                    expect_corner(kernels, "narrow", &c, wanted.data, m, n, k);
                }
                p.a = turned.data;
                p.a_row = 1;
                p.a_step = turned.stride;
                kernels->weight_gradient(&p);
                expect_corner(kernels, "weight gradient", &c, wanted.data, m, n, k);
            }
    }
    matrix *all[] = {&a, &turned, &b, &c, &wanted};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; ++i)
        nib_aligned_free(all[i]->data);
}

Test(kernels, every_shape_up_to_70, .timeout = 300)
{
    each_isa(every_shape);
}

static void large_shapes(const nib_kernels *kernels)
{
    const nib_rng rng = {.seed = 11};
    ask q;
    open_ask(&q, 64, LARGE);
    refill(&q.b, 2);
    refill(&q.start, 5);
    for (uint64_t i = 0; i < 12; ++i) {
        const int64_t m = 1 + (int64_t)(nib_rng_uniform(&rng, 3 * i) * 64);
        const int64_t n = 1 + (int64_t)(nib_rng_uniform(&rng, 3 * i + 1) * LARGE);
        const int64_t k = 1 + (int64_t)(nib_rng_uniform(&rng, 3 * i + 2) * LARGE);
        forward_cases(&q, kernels, m, n, k);
        forward_cases(&q, kernels, m, 1 + n % 8, k);
        gradient_cases(&q, kernels, k, n, m);
        gradient_cases(&q, kernels, k, 1 + n % 8, m);
    }
    close_ask(&q);
}

Test(kernels, random_large_shapes, .timeout = 300)
{
    each_isa(large_shapes);
}

/* Padding of B, of the bias and of A's rows must not reach C. */
static void dirty_padding(const nib_kernels *kernels)
{
    for (int64_t n = 1; n <= 40; ++n) {
        ask q;
        open_ask(&q, 20, n);
        forward_cases(&q, kernels, 20, n, n);
        gradient_cases(&q, kernels, n, n, n);
        transpose_case(&q, kernels, n, n);
        close_ask(&q);
    }
}

Test(kernels, padding_stays_zero_whatever_the_operands_hold)
{
    each_isa(dirty_padding);
}

/* A row by itself, at any place in a tile, among any number of rows: the same bits. */
static void lone_rows(const nib_kernels *kernels)
{
    enum { ROWS = 67 };
    ask q;
    open_ask(&q, ROWS, 300);
    refill(&q.b, 2);
    refill(&q.start, 5);
    q.with_start = true;
    static const int64_t widths[] = {1, 5, 8, 16, 17, 32, 100};
    static const int64_t depths[] = {1, 3, 32, 300};
    float *all = nib_aligned_alloc(ROWS * 304 * sizeof *all);
    for (int i = 0; i < 7; ++i)
        for (int j = 0; j < 4; ++j) {
            shape_ask(&q, ROWS, widths[i], depths[j], false);
            const size_t row_bytes = (size_t)q.c.stride * sizeof(float);
            const nib_product whole = product_of(&q);
            void (*kernel)(const nib_product *) =
                widths[i] <= kernels->narrow_limit ? kernels->narrow : kernels->product;
            kernel(&whole);
            memcpy(all, q.c.data, ROWS * row_bytes);
            for (int64_t first = 0; first < ROWS; ++first) {
                nib_product part = whole;
                part.a += first * part.a_row;
                part.m = 1 + first % 16 < ROWS - first ? 1 + first % 16 : ROWS - first;
                kernel(&part);
                cr_assert(memcmp(q.c.data, all + first * q.c.stride, (size_t)part.m * row_bytes) == 0,
                          "%s: rows %d to %d of %d x %d depend on where they lie", nib_isa_name(kernels->isa),
                          (int)first, (int)(first + part.m), (int)widths[i], (int)depths[j]);
            }
        }
    nib_aligned_free(all);
    close_ask(&q);
}

Test(kernels, a_row_does_not_depend_on_its_place)
{
    each_isa(lone_rows);
}

/* Fused steps give the bits of the same step done afterwards; what is accumulated is summed by itself first.
 */
static void fused_steps(const nib_kernels *kernels)
{
    ask q;
    open_ask(&q, 64, SMALL);
    refill(&q.b, 2);
    float *plain = nib_aligned_alloc(64 * 80 * sizeof *plain);
    for (int64_t n = 1; n <= SMALL; n += 3) {
        shape_ask(&q, 64, n, 33, false);
        q.accumulate = false;
        nib_product p = product_of(&q);
        kernels->product(&p);
        memcpy(plain, q.c.data, (size_t)(64 * q.c.stride) * sizeof *plain);
        for (int variant = 0; variant < 3; ++variant) {
            q.accumulate = variant == 2;
            fill_c(&q);
            p.accumulate = q.accumulate;
            p.epilogue.kind = variant == 0   ? NIB_EPILOGUE_RELU
                              : variant == 1 ? NIB_EPILOGUE_GATE
                                             : NIB_EPILOGUE_NONE;
            kernels->product(&p);
            for (int64_t i = 0; i < 64 * q.c.stride; ++i) {
                const float x = plain[i], gate = q.gate.data[i];
                const float wanted = i % q.c.stride >= n ? 0.0f
                                     : variant == 0      ? (x < 0.0f ? 0.0f : x)
                                     : variant == 1      ? (gate > 0.0f ? x : 0.0f)
                                                         : q.before.data[i] + x;
                cr_assert(q.c.data[i] == wanted, "%s, n %d, variant %d: element %d is %g, not %g",
                          nib_isa_name(kernels->isa), (int)n, variant, (int)i, (double)q.c.data[i],
                          (double)wanted);
            }
        }
    }
    nib_aligned_free(plain);
    close_ask(&q);
}

Test(kernels, fused_steps_are_the_steps_themselves)
{
    each_isa(fused_steps);
}

static void lane_sums(const nib_kernels *kernels)
{
    enum { FLOATS = 48, VECTORS = 8 };
    matrix m = make(VECTORS, FLOATS, 1, 0.0f);
    for (int count = 1; count <= VECTORS; ++count)
        for (int accumulate = 0; accumulate < 2; ++accumulate) {
            float to[FLOATS];
            for (int i = 0; i < FLOATS; ++i)
                to[i] = 0.1f * (float)i;
            kernels->sum_vectors(to, accumulate, m.data, m.stride, count, FLOATS);
            for (int i = 0; i < FLOATS; ++i) {
                float wanted = accumulate ? 0.1f * (float)i + m.data[i] : m.data[i];
                for (int v = 1; v < count; ++v)
                    wanted += m.data[v * m.stride + i];
                cr_assert(to[i] == wanted, "%s: sum %d of %d vectors is %g, not %g",
                          nib_isa_name(kernels->isa), i, count, (double)to[i], (double)wanted);
            }
        }
    nib_aligned_free(m.data);
}

Test(kernels, vectors_are_added_in_order)
{
    each_isa(lane_sums);
}

/* One chain of multiply-adds gives the same bits whatever the vector length. */
Test(kernels, avx2_and_avx512_agree_but_for_narrow_outputs)
{
    ask q, other;
    if (!nib_isa_supported(NIB_ISA_AVX512))
        return;
    open_ask(&q, 13, 80);
    refill(&q.b, 2);
    other = q;
    other.c = make(80, 80, 9, 0.0f);
    shape_ask(&q, 13, 41, 79, false);
    other.c.stride = q.c.stride;
    nib_product p = product_of(&q);
    nib_kernels_of(NIB_ISA_AVX512)->product(&p);
    p.c = other.c.data;
    nib_kernels_of(NIB_ISA_AVX2)->product(&p);
    cr_assert(memcmp(q.c.data, other.c.data, (size_t)(13 * q.c.stride) * sizeof(float)) == 0,
              "the sets round differently");
    nib_aligned_free(other.c.data);
    close_ask(&q);
}

Test(kernels, relu_keeps_nan_and_drops_infinity)
{
    for (nib_isa isa = NIB_ISA_BASELINE; isa < NIB_ISA_COUNT; ++isa) {
        float a[16] = {1.0f}, b[16] = {NAN, -INFINITY, INFINITY, -0.5f, 0.5f}, c[16];
        if (!nib_isa_supported(isa))
            continue;
        const nib_product p = {.m = 1,
                               .n = 9,
                               .k = 1,
                               .a = a,
                               .a_row = 16,
                               .a_step = 1,
                               .b = b,
                               .b_stride = 16,
                               .c = c,
                               .c_stride = 16,
                               .epilogue = {.kind = NIB_EPILOGUE_RELU}};
        nib_kernels_of(isa)->product(&p);
        cr_assert(isnan(c[0]), "%s: relu of NaN is %g", nib_isa_name(isa), (double)c[0]);
        cr_assert(c[1] == 0.0f && isinf(c[2]) && c[3] == 0.0f && c[4] == 0.5f && c[15] == 0.0f,
                  "%s: relu gives %g %g %g %g %g", nib_isa_name(isa), (double)c[1], (double)c[2],
                  (double)c[3], (double)c[4], (double)c[15]);
    }
}

Test(isa, choices_and_their_messages)
{
    nib_isa_choice choice;
    nib_error err = {0};
    cr_assert(nib_isa_check(NULL, &choice, &err) == NIB_OK && !choice.openblas, "not set: %s", err.message);
    cr_assert(nib_isa_supported(choice.isa), "the best set, %s, is not supported", nib_isa_name(choice.isa));
    cr_assert(nib_isa_check("", &choice, &err) == NIB_OK, "empty counts as not set: %s", err.message);
    cr_assert(nib_isa_check("baseline", &choice, &err) == NIB_OK && choice.isa == NIB_ISA_BASELINE,
              "baseline: %s", err.message);
    cr_assert(nib_isa_check("openblas", &choice, &err) == NIB_OK && choice.openblas, "openblas: %s",
              err.message);
    cr_assert(nib_isa_check("avx1024", &choice, &err) == NIB_ERR_USAGE, "avx1024 was taken");
    cr_assert(strstr(err.message, "avx1024") && strstr(err.message, "avx2"), "message: %s", err.message);
    for (nib_isa isa = NIB_ISA_BASELINE; isa < NIB_ISA_COUNT; ++isa) {
        nib_status status = nib_isa_check(nib_isa_name(isa), &choice, &err);
        cr_assert((status == NIB_OK) == nib_isa_supported(isa), "%s: status %d", nib_isa_name(isa),
                  (int)status);
    }
}
