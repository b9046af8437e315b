/** Casts of sums in vectors (nib_engine_finish). Not for other modules. */
#ifndef NIB_QUANT_ENGINE_FINISH_H
#define NIB_QUANT_ENGINE_FINISH_H

#include "quant/engine_dot.h"
#include "quant/engine_loops.h"

/** How finished numbers are stored; sums themselves go to nib_engine_dense.scratch. I64: whole, as they are.
 */
typedef enum nib_dot_ending {
    NIB_DOT_SUMS,
    NIB_DOT_BYTES,
    NIB_DOT_I16,
    NIB_DOT_I32,
    NIB_DOT_I64
} nib_dot_ending;

/** The sums that there are for each number, and what is done to them in registers: see
 * nib_engine_finish.simple. NARROW: one, with finish.after. ANY_TWO: all that can be done, from memory. */
typedef enum nib_dot_sums {
    NIB_DOT_ONE,
    NIB_DOT_NARROW,
    NIB_DOT_PAIR,
    NIB_DOT_RESIDUE,
    NIB_DOT_ANY_TWO
} nib_dot_sums;

/** The numbers of nib_engine_finish for a vector. */
typedef struct nib_dot_numbers {
    nib_vi first, up, lost, shift, mask, one, low, high, align;
} nib_dot_numbers;

NIB_INLINE nib_dot_numbers nib_dot_numbers_at(bool two, bool simple, const nib_engine_finish *f, int64_t at)
{
    nib_dot_numbers n; /* what is not used is not loaded either */
    n.shift = nib_vi_load_shift(f->shift + at);
    n.mask = nib_vi_load(f->mask + at);
    n.one = nib_vi_load(f->one + at);
    n.low = nib_vi_load(f->low + at);
    n.high = nib_vi_load(f->high + at);
    n.first = two ? nib_vi_load_shift(f->first + at) : n.shift;
    n.up = two ? nib_vi_load_shift(f->up + at) : n.shift;
    n.lost = two ? nib_vi_load(f->lost + at) : n.mask;
    n.align = simple ? n.shift : nib_vi_load_shift(f->align + at);
    return n;
}

/** How much less a number is than q where it is in the middle. */
NIB_INLINE nib_vi nib_dot_tie(nib_engine_tie tie, nib_vi q, nib_vi one)
{
    const int32_t last = 31;
    const nib_vi sign = NIB_DOT_ONE_SHIFT ? nib_vi_load_shift(&last) : nib_vi_set(last);
    switch (tie) {
    case NIB_ENGINE_TIE_EVEN:
        return nib_vi_and(q, one);
    case NIB_ENGINE_TIE_TO_ZERO: /* 0 - q is negative */
        return nib_vi_and(nib_vi_down(nib_vi_sub(nib_vi_set(0), q), sign), one);
    case NIB_ENGINE_TIE_FROM_ZERO:
        return nib_vi_and(nib_vi_down(nib_vi_sub(q, one), sign), one);
    case NIB_ENGINE_CUT_TO_ZERO:
        return nib_vi_and(nib_vi_down(q, sign), one);
    case NIB_ENGINE_TIE_UP:
        break;
    }
    return nib_vi_set(0);
}

/** Rounded. */
NIB_INLINE nib_vi nib_dot_round(nib_dot_sums sums, nib_engine_tie tie, const nib_dot_numbers *n, nib_vi sum,
                                nib_vi low)
{
    if (sums == NIB_DOT_ANY_TWO)
        sum = nib_vi_up(sum, n->up);
    if (sums != NIB_DOT_ONE && sums != NIB_DOT_NARROW)
        sum = nib_vi_add(sum, nib_vi_down(low, n->first));
    nib_vi q = sums == NIB_DOT_RESIDUE ? sum : nib_vi_down(sum, n->shift);
    if (tie == NIB_ENGINE_TIE_UP)
        return q;
    const nib_vi by = nib_dot_tie(tie, q, n->one);
    if (tie == NIB_ENGINE_CUT_TO_ZERO)
        q = nib_vi_add(q, by);
    if (sums == NIB_DOT_ONE || sums == NIB_DOT_NARROW)
        return nib_vi_less_where_none(q, sum, n->mask, by);
    if (sums == NIB_DOT_RESIDUE)
        return nib_vi_less_where_none(q, low, n->lost, by);
    const nib_vi rest = nib_vi_or(nib_vi_and(sum, n->mask), nib_vi_and(low, n->lost));
    return nib_vi_less_where_none(q, rest, rest, by);
}

NIB_INLINE nib_vi nib_dot_limit(nib_overflow overflow, const nib_dot_numbers *n, nib_vi q)
{
    if (overflow == NIB_OVERFLOW_WRAP)
        return nib_vi_add(nib_vi_and(nib_vi_sub(q, n->low), n->high), n->low);
    if (overflow == NIB_OVERFLOW_SAT_ZERO)
        return nib_vi_where_equal(q, nib_vi_min(nib_vi_max(q, n->low), n->high));
    return nib_vi_min(nib_vi_max(q, n->low), n->high);
}

/** A group of lanes to element `at` of y. */
NIB_INLINE void nib_dot_store(nib_dot_ending end, char *y, int64_t at, const nib_vi *v)
{
    if (end == NIB_DOT_BYTES)
        nib_vi_store_u8((uint8_t *)y + at, v);
    else if (end == NIB_DOT_I16)
        nib_vi_store_i16((int16_t *)(void *)y + at, v);
    else
        NIB_UNROLL for (int k = 0; k < NIB_DOT_PARTS; ++k)
            nib_vi_store((int32_t *)(void *)y + at + k * NIB_DOT_LANES, v[k]);
}

/** Simple ones, from registers: sums [rows, groups, parts] to y, whose row i begins at element i * stride. */
NIB_INLINE void nib_dot_finish_as(nib_dot_sums sums, bool even, bool limit, nib_dot_ending end, int rows,
                                  int groups, const nib_engine_finish *f, int64_t lane, char *y,
                                  int64_t stride, const nib_vi *sum, const nib_vi *low)
{
    const nib_engine_tie tie = even ? NIB_ENGINE_TIE_EVEN : NIB_ENGINE_TIE_UP;
    /* Two groups of 16 bits fill a vector where it has room for one of 32 bits. */
    const int side = NIB_DOT_HAS_TWO && end == NIB_DOT_I16 && groups % 2 == 0 ? 2 : 1;
    const int vectors = side * NIB_DOT_PARTS;
    NIB_UNROLL for (int g = 0; g < groups; g += side)
    {
        nib_dot_numbers n[2 * NIB_DOT_PARTS];
        nib_vi v[2 * NIB_DOT_PARTS];
        const int64_t at = lane + g * NIB_ENGINE_LANES;
        NIB_UNROLL for (int k = 0; k < vectors; ++k) n[k] = nib_dot_numbers_at(
            sums != NIB_DOT_ONE && sums != NIB_DOT_NARROW, true, f, at + k * NIB_DOT_LANES);
        NIB_UNROLL for (int i = 0; i < rows; ++i)
        {
            const int first = (i * groups + g) * NIB_DOT_PARTS;
            NIB_UNROLL for (int k = 0; k < vectors; ++k)
            {
                v[k] = nib_dot_round(sums, tie, &n[k], sum[first + k], low[first + k]);
                if (sums == NIB_DOT_NARROW)
                    v[k] = nib_vi_add(v[k], nib_vi_set(f->after));
                v[k] = limit ? nib_dot_limit(NIB_OVERFLOW_SAT, &n[k], v[k]) : v[k];
            }
#if NIB_DOT_HAS_TWO
            if (side == 2) {
                nib_vi_store_i16_two((int16_t *)(void *)y + i * stride + at, v[0], v[1]);
                continue;
            }
#endif
            nib_dot_store(end, y, i * stride + at, v);
        }
    }
}

NIB_INLINE void nib_dot_finish_to(nib_dot_sums sums, bool even, nib_dot_ending end, int rows, int groups,
                                  const nib_engine_finish *f, int64_t lane, char *y, int64_t stride,
                                  const nib_vi *sum, const nib_vi *low)
{
    if (end == NIB_DOT_BYTES)
        nib_dot_finish_as(sums, even, true, NIB_DOT_BYTES, rows, groups, f, lane, y, stride, sum, low);
    else if (end == NIB_DOT_I16 && f->saturates)
        nib_dot_finish_as(sums, even, false, NIB_DOT_I16, rows, groups, f, lane, y, stride, sum, low);
    else if (end == NIB_DOT_I16)
        nib_dot_finish_as(sums, even, true, NIB_DOT_I16, rows, groups, f, lane, y, stride, sum, low);
    else
        nib_dot_finish_as(sums, even, true, NIB_DOT_I32, rows, groups, f, lane, y, stride, sum, low);
}

/** Sums that are not cast. */
NIB_INLINE void nib_dot_keep(nib_dot_sums sums, int rows, int groups, const nib_engine_finish *f,
                             int64_t lane, char *y, int64_t stride, const nib_vi *sum, const nib_vi *low)
{
    const int n = groups * NIB_DOT_PARTS;
    NIB_UNROLL for (int v = 0; v < n; ++v)
    {
        const nib_vi split = nib_vi_load_shift(f->first + lane + v * NIB_DOT_LANES);
        NIB_UNROLL for (int i = 0; i < rows; ++i)
        {
            int64_t *to = (int64_t *)(void *)y + i * stride + lane + v * NIB_DOT_LANES;
            if (sums == NIB_DOT_NARROW)
                nib_vi_store_i64(to, sum[i * n + v]);
            else
                nib_vi_store_whole(to, sum[i * n + v], low[i * n + v], split);
        }
    }
}

NIB_INLINE void nib_dot_finish(nib_dot_sums sums, nib_dot_ending end, int rows, int groups,
                               const nib_engine_finish *f, int64_t lane, char *y, int64_t stride,
                               const nib_vi *sum, const nib_vi *low)
{
    if (sums != NIB_DOT_ONE && end == NIB_DOT_I64)
        nib_dot_keep(sums, rows, groups, f, lane, y, stride, sum, low);
    else if (f->tie == NIB_ENGINE_TIE_EVEN)
        nib_dot_finish_to(sums, true, end, rows, groups, f, lane, y, stride, sum, low);
    else
        nib_dot_finish_to(sums, false, end, rows, groups, f, lane, y, stride, sum, low);
}

/** All others, from memory: sums [rows, n], or high and low ones in turns. */
NIB_INLINE void nib_dot_cast_as(bool two, nib_engine_tie tie, nib_overflow overflow,
                                const nib_engine_finish *f, nib_dot_ending end, int64_t rows, int64_t n,
                                const int32_t *sums, char *y, int64_t stride)
{
    const nib_vi least = nib_vi_set(f->relu ? 0 : INT32_MIN), offset = nib_vi_set(f->offset);
    for (int64_t at = 0; at < n; at += NIB_ENGINE_LANES) {
        nib_dot_numbers numbers[NIB_DOT_PARTS];
        NIB_UNROLL for (int k = 0; k < NIB_DOT_PARTS; ++k) numbers[k] =
            nib_dot_numbers_at(two, false, f, at + k * NIB_DOT_LANES);
        for (int64_t row = 0; row < rows; ++row) {
            const int32_t *from = sums + (two ? 2 : 1) * (row * n + at);
            nib_vi v[NIB_DOT_PARTS];
            NIB_UNROLL for (int k = 0; k < NIB_DOT_PARTS; ++k)
            {
                const nib_vi high = nib_vi_load(from + k * NIB_DOT_LANES);
                const nib_vi low = two ? nib_vi_load(from + NIB_ENGINE_LANES + k * NIB_DOT_LANES) : high;
                const nib_vi q = nib_vi_max(
                    nib_dot_round(two ? NIB_DOT_ANY_TWO : NIB_DOT_ONE, tie, &numbers[k], high, low), least);
                v[k] =
                    nib_vi_add(nib_vi_up(nib_dot_limit(overflow, &numbers[k], q), numbers[k].align), offset);
            }
            switch (end) {
            case NIB_DOT_BYTES:
                nib_dot_store(NIB_DOT_BYTES, y, row * stride + at, v);
                break;
            case NIB_DOT_I16:
                nib_dot_store(NIB_DOT_I16, y, row * stride + at, v);
                break;
            case NIB_DOT_I32:
            case NIB_DOT_I64:
            case NIB_DOT_SUMS:
                nib_dot_store(NIB_DOT_I32, y, row * stride + at, v);
                break;
            }
        }
    }
}

NIB_INLINE void nib_dot_cast_rounded(bool two, nib_engine_tie tie, const nib_engine_finish *f,
                                     nib_dot_ending end, int64_t rows, int64_t n, const int32_t *sums,
                                     char *y, int64_t stride)
{
    if (f->overflow == NIB_OVERFLOW_WRAP)
        nib_dot_cast_as(two, tie, NIB_OVERFLOW_WRAP, f, end, rows, n, sums, y, stride);
    else if (f->overflow == NIB_OVERFLOW_SAT_ZERO)
        nib_dot_cast_as(two, tie, NIB_OVERFLOW_SAT_ZERO, f, end, rows, n, sums, y, stride);
    else
        nib_dot_cast_as(two, tie, NIB_OVERFLOW_SAT, f, end, rows, n, sums, y, stride);
}

NIB_INLINE void nib_dot_cast(bool two, const nib_engine_finish *f, nib_dot_ending end, int64_t rows,
                             int64_t n, const int32_t *sums, char *y, int64_t stride)
{
    switch (f->tie) {
    case NIB_ENGINE_TIE_UP:
        nib_dot_cast_rounded(two, NIB_ENGINE_TIE_UP, f, end, rows, n, sums, y, stride);
        return;
    case NIB_ENGINE_TIE_EVEN:
        nib_dot_cast_rounded(two, NIB_ENGINE_TIE_EVEN, f, end, rows, n, sums, y, stride);
        return;
    case NIB_ENGINE_TIE_TO_ZERO:
        nib_dot_cast_rounded(two, NIB_ENGINE_TIE_TO_ZERO, f, end, rows, n, sums, y, stride);
        return;
    case NIB_ENGINE_TIE_FROM_ZERO:
        nib_dot_cast_rounded(two, NIB_ENGINE_TIE_FROM_ZERO, f, end, rows, n, sums, y, stride);
        return;
    case NIB_ENGINE_CUT_TO_ZERO:
        nib_dot_cast_rounded(two, NIB_ENGINE_CUT_TO_ZERO, f, end, rows, n, sums, y, stride);
        return;
    }
}

#endif
