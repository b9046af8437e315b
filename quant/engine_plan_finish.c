/** Casts of dense nodes that are done on sums in registers. */
#include <math.h>

#include "quant/engine_internal.h"

/* What a node's only step says, column by column, and the arrays that the loops read. */
typedef struct draft {
    const nib_engine_dense *dense;
    const nib_engine_step *step;
    const nib_engine_column *columns;
    bool wide; /* the step's numbers have 64 bits */
    int64_t n; /* columns */
    nib_engine_finish finish;
    int32_t *bias, *high_bias, *shift, *mask, *up, *first, *lost, *one, *low, *high, *align;
} draft;

static bool draft_make(nib_arena *arena, int64_t n, draft *d)
{
    enum { ARRAYS = 11 };
    int32_t *all = NIB_NEW(arena, int32_t, ARRAYS * n);
    if (!all)
        return false;
    int32_t **const array[ARRAYS] = {&d->bias, &d->high_bias, &d->shift, &d->mask, &d->up,   &d->first,
                                     &d->lost, &d->one,       &d->low,   &d->high, &d->align};
    for (int i = 0; i < ARRAYS; ++i)
        *array[i] = all + i * n;
    return true;
}

static int64_t number(const void *array, bool wide, int64_t i)
{
    return wide ? ((const int64_t *)array)[i] : ((const int32_t *)array)[i];
}

static bool in_32_bits(nib_wide low, nib_wide high)
{
    return low >= INT32_MIN && high <= INT32_MAX;
}

static bool has_two(const draft *d)
{
    return d->dense->split != NULL;
}

/* Whatever is done to the column, 0 comes out: it can be shifted as the others are. */
static bool is_free(const draft *d, int64_t i)
{
    const nib_engine_column *c = &d->columns[i];
    const bool nothing = c->low == 0 && c->high == 0;
    const bool removed = number(d->step->low, d->wide, i) == 0 && number(d->step->high, d->wide, i) == 0;
    return nothing || (d->step->has_limit && removed);
}

static nib_engine_tie tie_of(const nib_engine_step *step)
{
    if (step->has_odd)
        return NIB_ENGINE_TIE_EVEN;
    if (!step->has_negative)
        return NIB_ENGINE_TIE_UP;
    return step->rounding == NIB_ROUNDING_RND_ZERO  ? NIB_ENGINE_TIE_TO_ZERO
           : step->rounding == NIB_ROUNDING_RND_INF ? NIB_ENGINE_TIE_FROM_ZERO
                                                    : NIB_ENGINE_CUT_TO_ZERO;
}

/* How far the columns are shifted; a free one as the first that is not. */
static int64_t shift_of(const draft *d, int64_t i)
{
    for (int64_t k = i; is_free(d, i) && k < d->n; ++k)
        if (!is_free(d, k))
            return number(d->step->shift, d->wide, k);
    for (int64_t k = i; is_free(d, i) && k >= 0; --k)
        if (!is_free(d, k))
            return number(d->step->shift, d->wide, k);
    return number(d->step->shift, d->wide, i);
}

/* What rounding adds before column i is shifted. */
static int64_t added(const draft *d, int64_t i)
{
    const int64_t shift = number(d->step->shift, d->wide, i);
    if (shift == 0 || d->finish.tie == NIB_ENGINE_CUT_TO_ZERO)
        return 0;
    if (d->finish.tie == NIB_ENGINE_TIE_UP)
        return number(d->step->add, d->wide, i);
    return (int64_t)1 << (shift - 1);
}

/* The ends of column i: without limits those of 32 bits. False where they do not fit. */
static bool draft_ends(draft *d, int64_t i, int32_t offset)
{
    const nib_engine_step *step = d->step;
    int64_t low = INT32_MIN, high = INT32_MAX;
    if (step->has_limit) {
        low = number(step->low, d->wide, i);
        high = number(step->high, d->wide, i);
    }
    if (step->has_limit && step->overflow == NIB_OVERFLOW_WRAP) {
        d->low[i] = (int32_t)low;
        d->high[i] = (int32_t)high;
        return in_32_bits(low, low) && in_32_bits(high, high);
    }
    if (step->relu && low < 0)
        low = 0;
    low = low <= INT32_MIN ? INT32_MIN : low + offset;
    high = high >= INT32_MAX ? INT32_MAX : high + offset;
    d->low[i] = (int32_t)low;
    d->high[i] = (int32_t)high;
    return true;
}

/* Column i with `offset` in it. False where a number leaves 32 bits on the way. */
static bool draft_column(draft *d, int64_t i, int32_t offset)
{
    const nib_engine_column *c = &d->columns[i];
    const int64_t shift = shift_of(d, i), split = c->split;
    if (shift > 62)
        return false;
    const nib_wide more = added(d, i) + offset * ((nib_wide)1 << shift);
    const nib_wide low = c->low + more, high = c->high + more;
    d->align[i] = (int32_t)number(d->step->align, d->wide, i);
    d->one[i] = number(d->step->shift, d->wide, i) > 0;
    if (!draft_ends(d, i, offset) || !in_32_bits(2 * (low >> shift), 2 * (high >> shift)))
        return false;
    const int64_t first = has_two(d) ? (shift < split ? shift : split) : 0, left = shift - first;
    if (left > 31)
        return false;
    d->shift[i] = (int32_t)left;
    d->mask[i] = (int32_t)((1u << left) - 1);
    d->first[i] = (int32_t)first;
    d->lost[i] = (int32_t)((1u << first) - 1);
    d->up[i] = has_two(d) ? (int32_t)(split - first) : 0;
    d->bias[i] = (int32_t)(uint32_t)(nib_wide_bits)(c->bias + more);
    return has_two(d) ? nib_engine_two_biases(d->dense, c, more, &d->high_bias[i], &d->bias[i])
                      : in_32_bits(low, high);
}

static bool all_are(const int32_t *numbers, int64_t n, int32_t number)
{
    for (int64_t i = 0; i < n; ++i)
        if (numbers[i] != number)
            return false;
    return true;
}

/* Whether the forms in registers do for two sums (nib_engine_finish.simple). */
static bool adds_only(const draft *d)
{
    return !has_two(d) || (all_are(d->up, d->n, 0) && (!d->dense->bytes || all_are(d->shift, d->n, 0)));
}

/* Whether storing numbers of 16 bits does what the ends do: they are those of 16 bits, or are not reached. */
static bool ends_of_storage(const draft *d)
{
    for (int64_t i = 0; i < d->n; ++i)
        if (d->low[i] > INT16_MIN || d->high[i] < INT16_MAX)
            return false;
    return true;
}

/* All columns; `offset` is in them already. */
static bool draft_columns(draft *d, int32_t offset, bool one_shift)
{
    for (int64_t i = 0; i < d->n; ++i)
        if (!draft_column(d, i, offset))
            return false;
    return !one_shift || (all_are(d->shift, d->n, *d->shift) && all_are(d->first, d->n, *d->first) &&
                          all_are(d->up, d->n, *d->up) && all_are(d->align, d->n, *d->align));
}

/* ---- Rows with small numbers ---- */

/* The largest norm of v with which all columns stay within 32 bits, for |x_i| <= 2^shift (|v_i| + 1). Where
 * no x is negative, weights of one sign count. */
static double largest_norm(const draft *d, int64_t n_in, int shift, bool negative)
{
    double least = HUGE_VAL;
    for (int64_t i = 0; i < d->n; ++i) {
        const nib_engine_column *c = &d->columns[i];
        const double bias = fabs((double)(c->own_bias + added(d, i)));
        const nib_wide squares = negative                        ? c->squares[0] + c->squares[1]
                                 : c->squares[0] > c->squares[1] ? c->squares[0]
                                                                 : c->squares[1];
        const double weights = sqrt((double)squares);
        const double most = ((double)INT32_MAX - bias - 1) / (weights > 1 ? weights : 1);
        least = fmin(least, ldexp(most, -shift) - sqrt((double)n_in));
    }
    return least * (1 - 1e-9);
}

static bool any_negative(const nib_fix_interval *interval, int64_t n)
{
    for (int64_t i = 0; i < n; ++i)
        if (interval->low[i] < 0)
            return true;
    return false;
}

/* The arrays of a plan for rows with small numbers, `positions` rows for each sample. */
static bool make_narrow(nib_engine *engine, int64_t positions, int64_t stride, nib_engine_narrow *narrow,
                        int16_t **scale)
{
    const int64_t rows = engine->tile * positions;
    *scale = NIB_NEW(engine->arena, int16_t, stride + NIB_ENGINE_LANES);
    narrow->total = NIB_NEW(engine->arena, int32_t, rows + NIB_ENGINE_LANES);
    narrow->wide = NIB_NEW(engine->arena, int32_t, rows);
    narrow->lot = NIB_NEW(engine->arena, int16_t, NIB_ENGINE_BLOCK * stride);
    narrow->scale = *scale;
    return narrow->scale && narrow->total && narrow->wide && narrow->lot;
}

/* One sum for rows whose numbers are small, with what finish says else. */
static nib_status plan_narrow(nib_engine *engine, int node, const draft *d, nib_error *err)
{
    nib_engine_dense *dense = &engine->stage[node].as.dense;
    nib_engine_narrow *narrow = &dense->narrow;
    const int input = engine->net->node[node].input[0];
    const nib_fix_node *x = &engine->net->node[input];
    const nib_engine_tensor *stored = &engine->stage[node].narrowed;
    int shift = 4;
    while (x->features << (2 * (16 - shift)) > INT32_MAX)
        ++shift;
    const double norm =
        largest_norm(d, x->features, shift, any_negative(&engine->interval[input], x->features));
    int32_t *numbers = NIB_NEW(engine->arena, int32_t, 3 * dense->n_out);
    int16_t *scale;
    if (!numbers || !make_narrow(engine, x->positions, stored->stride, narrow, &scale))
        return nib_fail_memory(err, "the integer engine");
    int32_t *bias = numbers, *down = numbers + dense->n_out, *lost = numbers + 2 * dense->n_out;
    for (int64_t i = 0; i < d->n; ++i) {
        const int64_t by = shift_of(d, i);
        if (by > 30)
            return NIB_OK;
        bias[i] = (int32_t)(uint32_t)(nib_wide_bits)(d->columns[i].bias + added(d, i));
        down[i] = (int32_t)by;
        lost[i] = (int32_t)((1u << by) - 1);
    }
    for (int64_t i = 0; i < x->features; ++i)
        scale[i] = (int16_t)(1 << (16 - shift));
    narrow->flip = stored->offset != 0;
    narrow->finish = dense->finish;
    narrow->finish.bias = bias;
    narrow->finish.shift = down;
    narrow->finish.mask = lost;
    narrow->finish.after = engine->tensor[engine->stage[node].target].offset;
    narrow->limit = norm < 0 ? -1 : norm * norm < INT32_MAX ? (int32_t)(norm * norm) : INT32_MAX;
    return NIB_OK;
}

/* Sums in 64 bits as they are. */
static nib_status plan_whole(nib_engine *engine, int node, draft *d, nib_error *err)
{
    nib_engine_dense *dense = &engine->stage[node].as.dense;
    const nib_engine_step *step = d->step;
    if (!has_two(d) || step->relu || step->has_up || step->has_shift || step->has_align || step->has_limit)
        return NIB_OK;
    dense->finish = (nib_engine_finish){.possible = true,
                                        .simple = true,
                                        .tie = NIB_ENGINE_TIE_UP,
                                        .bias = dense->bias,
                                        .high_bias = dense->high_bias,
                                        .first = dense->split};
    return plan_narrow(engine, node, d, err);
}

nib_status nib_engine_plan_finish(nib_engine *engine, int node, nib_error *err)
{
    nib_engine_stage *stage = &engine->stage[node];
    nib_engine_dense *dense = &stage->as.dense;
    const nib_engine_steps *steps = &dense->steps;
    const nib_engine_step *step = &steps->step[0];
    const nib_engine_tensor *y = &engine->tensor[stage->target];
    if (steps->n != 1 || steps->period != 1 || step->has_up || stage->product == engine->dense_loops->wide)
        return NIB_OK;
    draft d = {.dense = dense,
               .step = step,
               .columns = stage->columns,
               .wide = dense->split != NULL,
               .n = engine->net->node[node].features};
    if (!draft_make(engine->arena, dense->n_out, &d))
        return nib_fail_memory(err, "the integer engine");
    if (y->storage == NIB_ENGINE_I64)
        return plan_whole(engine, node, &d, err);
    const bool wraps = step->has_limit && step->overflow == NIB_OVERFLOW_WRAP;
    const bool to_zero = step->has_limit && step->overflow == NIB_OVERFLOW_SAT_ZERO;
    d.finish.tie = tie_of(step);
    d.finish.overflow = step->has_limit ? step->overflow : NIB_OVERFLOW_SAT;
    d.finish.relu = step->relu && wraps;
    const bool even = d.finish.tie == NIB_ENGINE_TIE_UP || d.finish.tie == NIB_ENGINE_TIE_EVEN;
    const bool within = even && !wraps && !to_zero && !step->has_align;
    const bool simple = within && draft_columns(&d, y->offset, engine->dense_loops->one_shift);
    if (!simple)
        d.finish.offset = y->offset;
    const bool possible = simple || draft_columns(&d, 0, engine->dense_loops->one_shift);
    nib_engine_finish *f = &dense->finish;
    *f = d.finish;
    f->possible = possible;
    f->simple = simple && adds_only(&d);
    f->saturates = y->storage == NIB_ENGINE_I16 && ends_of_storage(&d);
    f->bias = d.bias, f->high_bias = d.high_bias, f->shift = d.shift, f->mask = d.mask, f->up = d.up;
    f->first = d.first, f->lost = d.lost, f->one = d.one, f->low = d.low, f->high = d.high,
    f->align = d.align;
    return f->simple && has_two(&d) ? plan_narrow(engine, node, &d, err) : NIB_OK;
}
