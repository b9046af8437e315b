/** Accumulators that hold everything, proven by interval arithmetic from the actual weights. */
#include <assert.h>
#include <string.h>

#include "quant/fixnet_internal.h"

/* Code and fraction of weight `index` without the zeros at its end: the coarsest step it is on. */
static int64_t weight(const nib_fix_array *array, int64_t index, int *fraction)
{
    const nib_fixed type = nib_fix_type_at(&array->type, index);
    const int64_t code = array->code[index];
    const int zeros = code ? __builtin_ctzll((unsigned long long)code) : 0;
    *fraction = nib_fixed_fraction(&type) - zeros;
    return code >> zeros;
}

/* Everything that an accumulator can hold on the way: the bias, products, and the bias with some of them. */
typedef struct needs {
    nib_fix_span span;
    bool any;
} needs;

static void need(needs *all, nib_fix_span span)
{
    all->span = all->any ? nib_fix_span_join(all->span, span) : span;
    all->any = true;
}

static bool always_zero(nib_fix_span span)
{
    return span.low == 0 && span.high == 0;
}

static void need_column(needs *all, const nib_fix_dense *dense, int64_t column, const nib_fix_interval *x)
{
    const nib_fix_array *kernel = &dense->kernel, *bias = &dense->bias;
    nib_fix_span sum = {0};
    int fraction;
    if (bias->rows && bias->code[column]) {
        const int64_t code = weight(bias, column, &fraction);
        sum = (nib_fix_span){code, code, fraction};
        need(all, sum);
    }
    for (int64_t i = 0; i < kernel->rows; ++i) {
        const int64_t code = weight(kernel, i * kernel->cols + column, &fraction);
        if (code == 0)
            continue;
        nib_fix_span product = nib_fix_span_times(nib_fix_span_of(x, i), code, fraction);
        if (always_zero(product))
            continue;
        need(all, product);
        /* An order in which this product has not come yet leaves it out. */
        product.low = product.low < 0 ? product.low : 0;
        product.high = product.high > 0 ? product.high : 0;
        sum = sum.low == 0 && sum.high == 0 ? product : nib_fix_span_plus(sum, product);
    }
    if (!always_zero(sum))
        need(all, sum);
}

static needs dense_needs(const nib_fix_dense *dense, const nib_fix_interval *x)
{
    needs all = {0};
    for (int64_t column = 0; column < dense->kernel.cols; ++column)
        need_column(&all, dense, column, x);
    return all;
}

static needs pool_needs(const nib_fix_pool *pool, int64_t positions, const nib_fix_interval *x,
                        int64_t features)
{
    needs all = {0};
    for (int64_t i = 0; i < features; ++i) {
        nib_fix_span span = nib_fix_span_of(x, i);
        if (always_zero(span))
            continue;
        if (pool->kind != NIB_FIX_POOL_MAX) {
            need(&all, span);
            span.low = span.low < 0 ? span.low * positions : 0;
            span.high = span.high > 0 ? span.high * positions : 0;
        }
        need(&all, span);
    }
    return all;
}

static nib_status smallest(nib_fix_span span, nib_fixed *accum, nib_error *err)
{
    const int below = nib_wide_width(span.low < 0 ? span.low + 1 : 0) + (span.low < 0);
    const int above = nib_wide_width(span.high) + (span.low < 0);
    const int bits = below > above ? below : above;
    if (bits > NIB_FIXED_MAX_ACCUM)
        return nib_fail(err, NIB_ERR_CONFIG,
                        "an accumulator that holds every sum needs %d bits; %d are possible: use narrower "
                        "types or give quant.accum",
                        bits, NIB_FIXED_MAX_ACCUM);
    return nib_fix_smallest_type((int64_t)span.low, (int64_t)span.high, span.fraction, accum, err);
}

nib_status nib_fix_dense_accum(const nib_fix_dense *dense, const nib_fix_interval *x, nib_fixed *accum,
                               nib_error *err)
{
    return smallest(dense_needs(dense, x).span, accum, err);
}

nib_status nib_fix_pool_accum(const nib_fix_pool *pool, int64_t positions, int64_t features,
                              const nib_fix_interval *x, int finer, nib_fixed *accum, nib_error *err)
{
    assert(finer >= 0);
    nib_fix_span span = pool_needs(pool, positions, x, features).span;
    span.low = nib_wide_shift_up(span.low, finer);
    span.high = nib_wide_shift_up(span.high, finer);
    span.fraction += finer;
    return smallest(span, accum, err);
}

static bool holds(const nib_fixed *accum, nib_fix_span span)
{
    const int shift = nib_fixed_fraction(accum) - span.fraction;
    if (always_zero(span))
        return true;
    return shift >= 0 && nib_wide_shift_up(span.low, shift) >= nib_fixed_lowest(accum) &&
           nib_wide_shift_up(span.high, shift) <= nib_fixed_highest(accum);
}

bool nib_fix_dense_is_proven(const nib_fix_dense *dense, const nib_fix_interval *x)
{
    return holds(&dense->accum, dense_needs(dense, x).span);
}

bool nib_fix_pool_is_proven(const nib_fix_pool *pool, int64_t positions, int64_t features,
                            const nib_fix_interval *x)
{
    return holds(&pool->accum, pool_needs(pool, positions, x, features).span);
}
