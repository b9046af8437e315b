/** Casts of rows as numbers for the loops. */
#include <assert.h>
#include <string.h>

#include "quant/engine_internal.h"

/* The arrays of a step, as int64_t until they are known to fit. */
typedef struct draft {
    int64_t *up, *shift, *add, *add_negative, *add_odd, *low, *high, *align;
    int64_t n;
} draft;

enum { N_ARRAYS = 8, WIDTH_32 = 30, WIDTH_64 = 61 };

static bool draft_make(nib_arena *arena, int64_t n, draft *d)
{
    int64_t *all = NIB_NEW(arena, int64_t, N_ARRAYS * n);
    if (!all)
        return false;
    *d = (draft){all,         all + n, all + 2 * n, all + 3 * n, all + 4 * n, all + 5 * n, all + 6 * n,
                 all + 7 * n, n};
    return true;
}

static int span_width(const nib_fix_span *span)
{
    const int low = nib_wide_width(span->low), high = nib_wide_width(span->high);
    return low > high ? low : high;
}

/* v + add + (v < 0) add_negative + (v >> shift & add_odd), shifted down, is v rounded. */
static void draft_rounding(draft *d, int64_t i, nib_rounding rounding, bool negative)
{
    if (d->shift[i] == 0)
        return;
    const int64_t half = (int64_t)1 << (d->shift[i] - 1);
    if (!negative) /* toward zero is down */
        rounding = rounding == NIB_ROUNDING_TRN_ZERO   ? NIB_ROUNDING_TRN
                   : rounding == NIB_ROUNDING_RND_ZERO ? NIB_ROUNDING_RND_MIN_INF
                   : rounding == NIB_ROUNDING_RND_INF  ? NIB_ROUNDING_RND
                                                       : rounding;
    switch (rounding) {
    case NIB_ROUNDING_TRN:
        return;
    case NIB_ROUNDING_TRN_ZERO:
        d->add_negative[i] = 2 * half - 1;
        return;
    case NIB_ROUNDING_RND:
        d->add[i] = half;
        return;
    case NIB_ROUNDING_RND_ZERO:
        d->add[i] = half - 1;
        d->add_negative[i] = 1;
        return;
    case NIB_ROUNDING_RND_INF:
        d->add[i] = half;
        d->add_negative[i] = -1;
        return;
    case NIB_ROUNDING_RND_MIN_INF:
        d->add[i] = half - 1;
        return;
    case NIB_ROUNDING_RND_CONV:
        d->add[i] = half - 1;
        d->add_odd[i] = 1;
        return;
    case NIB_ROUNDING_COUNT:
        break;
    }
    assert(false && "a rounding mode");
}

/* Lane i: from `span` to `type`. False where the lanes are too narrow. */
static bool draft_lane(draft *d, int64_t i, const nib_fixed *type, nib_fix_span span, bool wide, bool *limit)
{
    const int most = wide ? WIDTH_64 : WIDTH_32;
    const nib_wide lane_high = wide ? INT64_MAX : INT32_MAX, lane_low = -lane_high - 1;
    const bool wraps = type->overflow == NIB_OVERFLOW_WRAP;
    if (type->bits == 0) { /* low, high and the mask are 0, and so is what comes out */
        *limit = true;
        return span_width(&span) <= most;
    }
    const bool zero = span.low == 0 && span.high == 0;
    const int down = zero ? 0 : span.fraction - nib_fixed_fraction(type);
    if (span_width(&span) + (down < 0 ? -down : 0) > most || down > most)
        return false;
    d->up[i] = down < 0 ? -down : 0;
    d->shift[i] = down > 0 ? down : 0;
    draft_rounding(d, i, type->rounding, span.low < 0);
    const nib_wide lowest = nib_fixed_lowest(type), highest = nib_fixed_highest(type);
    const bool lost = nib_wide_round(type->rounding, span.low, down) < lowest ||
                      nib_wide_round(type->rounding, span.high, down) > highest;
    *limit |= lost;
    d->low[i] = (int64_t)(lowest < lane_low ? lane_low : lowest);
    d->high[i] = (int64_t)(highest > lane_high ? lane_high : highest);
    if (wraps) {
        if (!wide && type->bits > 32) { /* all 32 bits stay, unless a negative number has no sign to go to */
            d->low[i] = INT32_MIN;
            d->high[i] = -1;
            return !lost;
        }
        d->high[i] = (int64_t)(((uint64_t)1 << type->bits) - 1);
    }
    return true;
}

static const void *settled(nib_arena *arena, const int64_t *from, int64_t n, bool wide, bool *any)
{
    for (int64_t i = 0; i < n; ++i)
        *any |= from[i] != 0;
    if (wide)
        return from;
    int32_t *narrow = NIB_NEW(arena, int32_t, n);
    if (narrow)
        for (int64_t i = 0; i < n; ++i)
            narrow[i] = (int32_t)from[i];
    return narrow;
}

static nib_status settle(nib_arena *arena, const draft *d, bool wide, nib_engine_step *step, nib_error *err)
{
    bool ignored = false;
    step->up = settled(arena, d->up, d->n, wide, &step->has_up);
    step->shift = settled(arena, d->shift, d->n, wide, &step->has_shift);
    step->add = settled(arena, d->add, d->n, wide, &ignored);
    step->add_negative = settled(arena, d->add_negative, d->n, wide, &step->has_negative);
    step->add_odd = settled(arena, d->add_odd, d->n, wide, &step->has_odd);
    step->low = settled(arena, d->low, d->n, wide, &ignored);
    step->high = settled(arena, d->high, d->n, wide, &ignored);
    step->align = settled(arena, d->align, d->n, wide, &step->has_align);
    const bool all = step->up && step->shift && step->add && step->add_negative && step->add_odd &&
                     step->low && step->high && step->align;
    return all ? NIB_OK : nib_fail_memory(err, "the integer engine");
}

nib_status nib_engine_plan_cast(nib_engine *engine, const nib_engine_cast *cast, nib_engine_steps *steps,
                                bool *fits, bool *exact, nib_error *err)
{
    const nib_fix_node *node = cast->node;
    const int index = (int)(node - engine->net->node);
    const int64_t stride = nib_engine_stride(node),
                  period = node->type.count > node->features ? node->positions : 1;
    draft d;
    if (!draft_make(engine->arena, period * stride, &d))
        return nib_fail_memory(err, "the integer engine");
    nib_engine_step step = {
        .relu = cast->relu, .rounding = node->type.rounding, .overflow = node->type.overflow};
    int64_t low, high;
    nib_engine_hull(engine, index, &low, &high);
    *fits = cast->wide || (low >= INT32_MIN && high <= INT32_MAX);
    *exact = true;
    for (int64_t p = 0; p < period && *fits; ++p)
        for (int64_t f = 0; f < node->features && *fits; ++f) {
            const int64_t element = p * node->features + f, lane = p * stride + f;
            const nib_fixed type = nib_fix_type_at(&node->type, element);
            nib_fix_span span = cast->before[f];
            if (cast->relu) {
                span.low = span.low < 0 ? 0 : span.low;
                span.high = span.high < 0 ? 0 : span.high;
            }
            *fits = draft_lane(&d, lane, &type, span, cast->wide, &step.has_limit);
            d.align[lane] = nib_engine_align(engine, index, element);
            *exact = *exact && d.shift[lane] == 0 && !step.has_limit;
        }
    if (!*fits)
        return NIB_OK;
    NIB_TRY(settle(engine->arena, &d, cast->wide, &step, err));
    assert(steps->n < NIB_ENGINE_MAX_STEPS && (steps->n == 0 || steps->period == period));
    steps->step[steps->n++] = step;
    steps->period = period;
    steps->stride = stride;
    return NIB_OK;
}
