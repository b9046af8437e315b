/* Compiled once per instruction set: see core/isa.h. */
#include "quant/engine_steps.h"

#include <string.h>

#include "core/simd.h"
#include "quant/grid_loops.h"

/* ---- Input ---- */

/* n elements on the grids from `first` on, or on one grid for all. */
static inline void codes_as(nib_rounding rounding, nib_overflow overflow, bool each,
                            const nib_engine_input *input, int64_t first, int64_t n, const float *x,
                            int32_t *v)
{
    const float *inverse = input->inverse, *lowest = input->lowest, *highest = input->highest;
    const float *modulus = input->modulus;
    const nib_grid one = {.inverse = *inverse, .lowest = *lowest, .highest = *highest, .modulus = *modulus};
    NIB_INDEPENDENT
    for (int64_t i = 0; i < n; ++i) {
        nib_grid g = one;
        if (each)
            g = (nib_grid){.inverse = inverse[first + i],
                           .lowest = lowest[first + i],
                           .highest = highest[first + i],
                           .modulus = modulus[first + i]};
        const float code =
            nib_grid_bring_in(overflow, &g, nib_grid_round_as(rounding, x[i] * g.inverse), x[i]);
        v[i] = (int32_t)(code == code ? code : 0.0f);
    }
}

#define LOOP(rounding, overflow)                                                                             \
    static void rounding##_##overflow(const nib_engine_input *input, int64_t first, int64_t n,               \
                                      const float *x, int32_t *v)                                            \
    {                                                                                                        \
        if (input->each)                                                                                     \
            codes_as(NIB_ROUNDING_##rounding, NIB_OVERFLOW_##overflow, true, input, first, n, x, v);         \
        else                                                                                                 \
            codes_as(NIB_ROUNDING_##rounding, NIB_OVERFLOW_##overflow, false, input, first, n, x, v);        \
    }
#define LOOPS(rounding)                                                                                      \
    LOOP(rounding, WRAP)                                                                                     \
    LOOP(rounding, SAT)                                                                                      \
    LOOP(rounding, SAT_ZERO)
#define ROW(rounding)                                                                                        \
    [NIB_ROUNDING_##rounding] = {[NIB_OVERFLOW_WRAP] = rounding##_WRAP,                                      \
                                 [NIB_OVERFLOW_SAT] = rounding##_SAT,                                        \
                                 [NIB_OVERFLOW_SAT_ZERO] = rounding##_SAT_ZERO,                              \
                                 [NIB_OVERFLOW_SAT_SYM] = rounding##_SAT}

LOOPS(TRN)
LOOPS(TRN_ZERO)
LOOPS(RND)
LOOPS(RND_ZERO)
LOOPS(RND_INF)
LOOPS(RND_MIN_INF)
LOOPS(RND_CONV)

typedef void codes_loop(const nib_engine_input *, int64_t, int64_t, const float *, int32_t *);

/* Rows on one grid, side by side: vectors of numbers that stay in the nearest cache. */
static void input_alike(codes_loop *loop, const nib_engine_input *in, const float *x, int64_t rows,
                        const nib_engine_tensor *y, int32_t *v)
{
    enum { NUMBERS = 2048 };
    const int64_t n = y->features, lot = NUMBERS;
    if (n == y->stride) {
        const nib_engine_tensor flat = {y->storage, y->offset, lot, lot, y->data};
        for (int64_t at = 0, k = 0; at < rows * n; at += lot, ++k) {
            const int64_t count = rows * n - at < lot ? rows * n - at : lot;
            loop(in, 0, count, x + at, v);
            store_i32(&flat, k, count, v);
        }
        return;
    }
    const int64_t most = NUMBERS / n + 1;
    for (int64_t first = 0; first < rows; first += most) {
        const int64_t count = rows - first < most ? rows - first : most;
        loop(in, 0, count * n, x + first * n, v);
        for (int64_t row = 0; row < count; ++row) /* padding gets what comes next, which no weight meets */
            store_i32(y, first + row, y->stride, v + row * n);
    }
}

static void input(const nib_engine_input *in, const float *x, int64_t samples, int64_t positions,
                  const nib_engine_tensor *y, int32_t *v)
{
    static codes_loop *const loops[NIB_ROUNDING_COUNT][NIB_OVERFLOW_COUNT] = {
        ROW(TRN), ROW(TRN_ZERO), ROW(RND), ROW(RND_ZERO), ROW(RND_INF), ROW(RND_MIN_INF), ROW(RND_CONV)};
    const int64_t n = y->features;
    codes_loop *loop = loops[in->rounding][in->overflow];
    if (!in->each && !in->align) {
        input_alike(loop, in, x, samples * positions, y, v);
        return;
    }
    for (int64_t row = 0; row < samples * positions; ++row) {
        const int64_t first = in->each ? row % positions * n : 0;
        loop(in, first, n, x + row * n, v);
        if (in->align)
            for (int64_t i = 0; i < n; ++i)
                v[i] = (int32_t)((uint32_t)v[i] << in->align[first + i]);
        store_i32(y, row, y->stride, v);
    }
}

/* ---- Sums, casts, products by element ---- */

static void add_input(const nib_engine_mix *m, int k, int64_t row, int64_t *sum, int64_t *own)
{
    const nib_engine_tensor *x = m->x[k];
    const int64_t n = x->features, begin = m->begin[k];
    const int64_t *factor = m->factor[k];
    load_i64(x, row, x->stride, own);
    for (int64_t i = 0; i < n; ++i)
        sum[begin + i] += own[i] * (factor ? factor[i] : 1);
}

static void mix(const nib_engine_mix *m, int64_t rows, const nib_engine_tensor *y)
{
    const int64_t n = y->features;
    int64_t *sum = m->scratch, *own = m->scratch + y->stride;
    for (int64_t row = 0; row < rows; ++row) {
        if (m->add)
            memcpy(sum, m->add, (size_t)y->stride * sizeof *sum);
        else
            memset(sum, 0, (size_t)y->stride * sizeof *sum);
        for (int k = 0; k < m->n; ++k)
            add_input(m, k, row, sum, own);
        if (m->leaky_shift)
            for (int64_t i = 0; i < n; ++i)
                sum[i] = sum[i] < 0 ? sum[i] : (int64_t)((uint64_t)sum[i] << m->leaky_shift);
        cast_i64(&m->steps, row, y->stride, sum);
        store_i64(y, row, y->stride, sum);
    }
}

/* ---- Pools ---- */

static void pool(const nib_engine_pool *p, const nib_engine_tensor *x, int64_t rows,
                 const nib_engine_tensor *y)
{
    const int64_t n = y->stride;
    int64_t *sum = p->scratch, *own = p->scratch + n;
    for (int64_t row = 0; row < rows; ++row) {
        load_i64(x, row * p->positions, n, sum);
        for (int64_t k = 1; k < p->positions; ++k) {
            load_i64(x, row * p->positions + k, n, own);
            if (p->reduce == NIB_ENGINE_SUM)
                for (int64_t i = 0; i < n; ++i)
                    sum[i] += own[i];
            else
                for (int64_t i = 0; i < n; ++i)
                    sum[i] = own[i] > sum[i] ? own[i] : sum[i];
        }
        if (p->up)
            for (int64_t i = 0; i < n; ++i)
                sum[i] = (int64_t)((uint64_t)sum[i] << p->up);
        if (p->divisor > 1)
            for (int64_t i = 0; i < n; ++i)
                sum[i] /= p->divisor;
        cast_i64(&p->steps, row, n, sum);
        store_i64(y, row, n, sum);
    }
}

/* ---- Tables ---- */

static void lookup(const nib_engine_lookup *l, const nib_engine_tensor *x, int64_t rows,
                   const nib_engine_tensor *y)
{
    int32_t *v = l->scratch;
    for (int64_t row = 0; row < rows; ++row) {
        load_i32(x, row, x->stride, v);
        for (int64_t i = 0; i < x->features; ++i)
            v[i] = l->entry[v[i] & l->mask];
        store_i32(y, row, y->stride, v);
    }
}

/* ---- Codes ---- */

enum { EIGHT = 8 }; /* codes at a time: a row's padding is read with it */

NIB_INLINE int64_t code_at(nib_engine_storage storage, const nib_engine_tensor *x, int64_t at)
{
    return storage == NIB_ENGINE_U8    ? ((const uint8_t *)x->data)[at] - x->offset
           : storage == NIB_ENGINE_I16 ? ((const int16_t *)x->data)[at] - x->offset
           : storage == NIB_ENGINE_I32 ? ((const int32_t *)x->data)[at]
                                       : ((const int64_t *)x->data)[at];
}

/* Eights overlap the next row, which is written after them; what is left at the end goes one by one. */
NIB_INLINE void codes_from(nib_engine_storage storage, const nib_engine_tensor *x, int64_t rows, int64_t *v)
{
    const int64_t n = x->features, all = rows * n;
    for (int64_t row = 0; row < rows; ++row)
        for (int64_t i = 0; i < n; i += EIGHT) {
            const int64_t from = row * x->stride + i, to = row * n + i;
            if (to + EIGHT <= all)
                NIB_INDEPENDENT for (int k = 0; k < EIGHT; ++k) v[to + k] = code_at(storage, x, from + k);
            else
                for (int64_t k = 0; to + k < all; ++k)
                    v[to + k] = code_at(storage, x, from + k);
        }
}

static void codes(const nib_engine_tensor *x, int64_t rows, int64_t positions, const int32_t *align,
                  int64_t *v)
{
    switch (x->storage) {
    case NIB_ENGINE_U8:
        codes_from(NIB_ENGINE_U8, x, rows, v);
        break;
    case NIB_ENGINE_I16:
        codes_from(NIB_ENGINE_I16, x, rows, v);
        break;
    case NIB_ENGINE_I32:
        codes_from(NIB_ENGINE_I32, x, rows, v);
        break;
    case NIB_ENGINE_I64:
        codes_from(NIB_ENGINE_I64, x, rows, v);
        break;
    }
    for (int64_t i = 0; align && i < rows * x->features; ++i)
        v[i] >>= align[i % (positions * x->features)];
}

static void load(const nib_engine_tensor *x, int64_t row, int64_t *v)
{
    load_i64(x, row, x->stride, v);
}

static void store(const nib_engine_tensor *y, int64_t row, const int64_t *v)
{
    store_i64(y, row, y->stride, v);
}

const nib_engine_loops NIB_ISA_NAME(nib_engine_loops_of) = {input, mix, pool, lookup, codes, load, store};
