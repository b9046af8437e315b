/** Dense nodes on narrow integers. */
#include <assert.h>

#include "quant/engine_internal.h"

/* Kernel and bias of a node with every column on its own step: weight = code * 2^-fraction[column]. */
typedef struct aligned {
    nib_wide *kernel, *bias; /* [n_in, n_out], [n_out] */
    nib_fix_span *sum;       /* [n_out] of all products and the bias */
    nib_wide low, high;      /* of all weights */
} aligned;

static void align_column(const nib_fix_dense *dense, const nib_fix_interval *x, int64_t o, aligned *a)
{
    const int64_t n_in = dense->kernel.rows, n_out = dense->kernel.cols;
    const nib_fix_span bias = dense->bias.rows ? nib_fix_span_trimmed(&dense->bias, o) : (nib_fix_span){0};
    bool any = bias.low != 0;
    int fraction = bias.fraction;
    for (int64_t i = 0; i < n_in; ++i) {
        const nib_fix_span w = nib_fix_span_trimmed(&dense->kernel, i * n_out + o);
        const int own = w.fraction + x->fraction;
        if (w.low != 0 && (!any || own > fraction))
            fraction = own;
        any = any || w.low != 0;
    }
    a->bias[o] = bias.low ? nib_wide_shift_up(bias.low, fraction - bias.fraction) : 0;
    a->sum[o] = (nib_fix_span){a->bias[o], a->bias[o], fraction};
    for (int64_t i = 0; i < n_in; ++i) {
        const nib_fix_span w = nib_fix_span_trimmed(&dense->kernel, i * n_out + o);
        const nib_wide code = w.low ? nib_wide_shift_up(w.low, fraction - w.fraction - x->fraction) : 0;
        a->kernel[i * n_out + o] = code;
        a->low = code < a->low ? code : a->low;
        a->high = code > a->high ? code : a->high;
        nib_fix_span product = nib_fix_span_of(x, i);
        if (code == 0 || (product.low == 0 && product.high == 0))
            continue;
        /* Beyond 62 bits the span is refused anyway. */
        const bool large = nib_wide_width(code) > 62;
        product = large ? (nib_fix_span){-((nib_wide)1 << 100), (nib_wide)1 << 100, fraction}
                        : nib_fix_span_times(product, (int64_t)code, 0);
        product.fraction = fraction;
        a->sum[o] = nib_fix_span_plus(a->sum[o], product);
    }
}

static nib_status align_all(nib_engine *engine, const nib_fix_dense *dense, const nib_fix_interval *x,
                            aligned *a, nib_error *err)
{
    const int64_t n_in = dense->kernel.rows, n_out = dense->kernel.cols;
    *a = (aligned){.kernel = NIB_NEW(engine->arena, nib_wide, n_in * n_out),
                   .bias = NIB_NEW(engine->arena, nib_wide, n_out),
                   .sum = NIB_NEW(engine->arena, nib_fix_span, n_out)};
    if (!a->kernel || !a->bias || !a->sum)
        return nib_fail_memory(err, "the integer engine");
    for (int64_t o = 0; o < n_out; ++o)
        align_column(dense, x, o, a);
    return NIB_OK;
}

/* ---- Kernels in the order in which the loops read them ---- */

static int64_t rounded_up(int64_t n, int64_t to)
{
    return (n + to - 1) / to * to;
}

/* [n_out / 16][n_in / inner][16][inner] of int8_t (inner 4) or int16_t (inner 2). */
static void *pack_narrow(nib_arena *arena, const aligned *a, int64_t n_in, int64_t n_out, int64_t inner)
{
    const int64_t dots = rounded_up(n_in, inner) / inner, stride = rounded_up(n_out, NIB_ENGINE_LANES);
    void *packed = nib_arena_alloc(arena, (size_t)(dots * stride), 4);
    int8_t *i8 = packed;
    int16_t *i16 = packed;
    for (int64_t i = 0; packed && i < n_in; ++i)
        for (int64_t o = 0; o < n_out; ++o) {
            const int64_t group = o / NIB_ENGINE_LANES, lane = o % NIB_ENGINE_LANES;
            const int64_t at = ((group * dots + i / inner) * NIB_ENGINE_LANES + lane) * inner + i % inner;
            if (inner == 4)
                i8[at] = (int8_t)a->kernel[i * n_out + o];
            else
                i16[at] = (int16_t)a->kernel[i * n_out + o];
        }
    return packed;
}

static void *pack_wide(nib_arena *arena, const aligned *a, int64_t n_in, int64_t n_out)
{
    const int64_t stride = rounded_up(n_out, NIB_ENGINE_LANES);
    int64_t *packed = NIB_NEW(arena, int64_t, n_in * stride);
    for (int64_t i = 0; packed && i < n_in; ++i)
        for (int64_t o = 0; o < n_out; ++o)
            packed[i * stride + o] = (int64_t)a->kernel[i * n_out + o];
    return packed;
}

/* Bytes are stored with an offset, which the bias takes back; all modulo 2^32. */
static void *pack_bias(nib_arena *arena, const aligned *a, int64_t n_in, int64_t n_out, bool wide,
                       int32_t offset)
{
    const int64_t stride = rounded_up(n_out, NIB_ENGINE_LANES);
    void *packed = nib_arena_alloc(arena, (size_t)stride, wide ? sizeof(int64_t) : sizeof(int32_t));
    for (int64_t o = 0; packed && o < n_out; ++o) {
        nib_wide bias = a->bias[o];
        for (int64_t i = 0; offset && i < n_in; ++i)
            bias -= offset * a->kernel[i * n_out + o];
        if (wide)
            ((int64_t *)packed)[o] = (int64_t)bias;
        else
            ((int32_t *)packed)[o] = (int32_t)(uint32_t)(nib_wide_bits)bias;
    }
    return packed;
}

/* ---- Pairs of sums ---- */

enum { LOW_BITS = 8 };

/* [n_out / 16][high, low] of pack_narrow with inner 2: weight = 256 high + low, low from 0 to 255. */
static void *pack_pair(nib_arena *arena, const aligned *a, int64_t n_in, int64_t n_out)
{
    const int64_t dots = rounded_up(n_in, 2) / 2, stride = rounded_up(n_out, NIB_ENGINE_LANES);
    int16_t *packed = nib_arena_alloc(arena, (size_t)(2 * dots * stride), 4);
    for (int64_t i = 0; packed && i < n_in; ++i)
        for (int64_t o = 0; o < n_out; ++o) {
            const int64_t group = o / NIB_ENGINE_LANES * 2, lane = o % NIB_ENGINE_LANES;
            const int64_t at = ((group * dots + i / 2) * NIB_ENGINE_LANES + lane) * 2 + i % 2;
            const int32_t w = (int32_t)a->kernel[i * n_out + o], low = w & ((1 << LOW_BITS) - 1);
            packed[at] = (int16_t)((w - low) / (1 << LOW_BITS));
            packed[at + dots * NIB_ENGINE_LANES * 2] = (int16_t)low;
        }
    return packed;
}

/* Neither sum of products with numbers of 16 bits leaves 31 bits, not even with a bias below 256. */
static bool pair_fits(int64_t n_in)
{
    return n_in < INT32_MAX / (INT16_MAX * (1 << LOW_BITS));
}

/* ---- Choice ---- */

typedef enum form { DOT8, DOT16, PAIR, WIDE } form;

/* What is added to x where it is stored for a product. */
static int32_t offset_for(form f, int64_t x_low, int64_t x_high)
{
    return f == DOT8 && x_low < 0 ? 128 : (f == DOT16 || f == PAIR) && x_high > INT16_MAX ? INT16_MIN : 0;
}

static bool form_fits(const nib_engine *engine, form f, const aligned *a, int64_t n_in, int64_t x_low,
                      int64_t x_high)
{
    const int32_t offset = offset_for(f, x_low, x_high);
    x_low += offset;
    x_high += offset;
    switch (f) {
    case DOT8:
        return engine->dense_loops->dot8 && a->low >= INT8_MIN && a->high <= INT8_MAX && x_low >= 0 &&
               x_high <= UINT8_MAX;
    case DOT16:
    case PAIR:
        return a->low >= INT16_MIN && a->high <= INT16_MAX && x_low >= INT16_MIN && x_high <= INT16_MAX &&
               (f == DOT16 || pair_fits(n_in));
    case WIDE:
        break;
    }
    return nib_wide_width(a->low) <= 62 && nib_wide_width(a->high) <= 62;
}

/* Can the casts of `next` be done with those of node `index`? Only where nobody else reads the node. */
static bool may_fuse(const nib_engine *engine, int index, int next)
{
    const nib_fixnet *net = engine->net;
    const nib_fix_node *node = &net->node[next];
    if ((node->kind != NIB_FIX_RELU && node->kind != NIB_FIX_CAST) || node->input[0] != index)
        return false;
    for (int i = 0; i < net->n_outputs; ++i)
        if (net->output[i].node == index)
            return false;
    for (int i = next + 1; i < net->n_nodes; ++i)
        for (int k = 0; k < net->node[i].n_inputs; ++k)
            if (net->node[i].input[k] == index)
                return false;
    const bool each = net->node[index].type.count > net->node[index].features;
    return each == (node->type.count > node->features);
}

static nib_status spans_of(nib_engine *engine, int index, nib_fix_span **spans, nib_error *err)
{
    const int64_t n = engine->net->node[index].features;
    *spans = NIB_NEW(engine->arena, nib_fix_span, n);
    if (!*spans)
        return nib_fail_memory(err, "the integer engine");
    for (int64_t i = 0; i < n; ++i)
        (*spans)[i] = nib_fix_span_of(&engine->interval[index], i);
    return NIB_OK;
}

/* The cast of the node itself, and that of a relu behind it: together in one step where the first is exact.
 */
static nib_status plan_casts(nib_engine *engine, int index, const nib_fix_span *sum, bool wide,
                             nib_engine_steps *steps, int *target, bool *fits, nib_error *err)
{
    const nib_fix_node *node = &engine->net->node[index], *next = node + 1;
    bool exact;
    const nib_engine_cast own = {node, sum, false, wide};
    NIB_TRY(nib_engine_plan_cast(engine, &own, steps, fits, &exact, err));
    *target = index;
    if (!*fits || index + 1 >= engine->net->n_nodes || !may_fuse(engine, index, index + 1))
        return NIB_OK;
    const bool relu = next->kind == NIB_FIX_RELU;
    nib_fix_span *stored;
    NIB_TRY(spans_of(engine, index, &stored, err));
    const nib_engine_cast behind = {next, exact ? sum : stored, relu, wide};
    nib_engine_steps fused = exact ? (nib_engine_steps){0} : *steps;
    bool fused_fits;
    NIB_TRY(nib_engine_plan_cast(engine, &behind, &fused, &fused_fits, &exact, err));
    if (fused_fits) {
        *steps = fused;
        *target = index + 1;
    }
    return NIB_OK;
}

/* ---- Casts that need nothing but a sum, a shift and two ends ---- */

/* One cast with the same numbers for every row that adds, shifts down, and saturates or cannot overflow. */
static bool is_simple(const nib_engine_steps *steps)
{
    const nib_engine_step *step = &steps->step[0];
    const bool clamps = step->overflow == NIB_OVERFLOW_SAT || step->overflow == NIB_OVERFLOW_SAT_SYM;
    return steps->n == 1 && steps->period == 1 && (!step->has_limit || clamps) && !step->has_odd &&
           !step->has_negative && !step->has_up && !step->has_align;
}

static int64_t number(const void *array, bool wide, int64_t i)
{
    return wide ? ((const int64_t *)array)[i] : ((const int32_t *)array)[i];
}

/* The ends of a simple step in lanes of 32 bits: a relu is a lower end of 0. */
static nib_status simple_ends(nib_engine *engine, const nib_engine_step *step, bool wide, int64_t n,
                              nib_engine_finish *finish, nib_error *err)
{
    int32_t *low = NIB_NEW(engine->arena, int32_t, n), *high = NIB_NEW(engine->arena, int32_t, n);
    if (!low || !high)
        return nib_fail_memory(err, "the integer engine");
    for (int64_t i = 0; i < n; ++i) {
        const int64_t lowest = step->has_limit ? number(step->low, wide, i) : INT32_MIN;
        const int64_t highest = step->has_limit ? number(step->high, wide, i) : INT32_MAX;
        low[i] = (int32_t)(lowest < INT32_MIN ? INT32_MIN : lowest);
        high[i] = (int32_t)(highest > INT32_MAX ? INT32_MAX : highest);
        if (step->relu && low[i] < 0)
            low[i] = 0;
    }
    finish->low = low;
    finish->high = high;
    return NIB_OK;
}

static nib_status plan_finish(nib_engine *engine, nib_engine_dense *d, nib_error *err)
{
    const nib_engine_step *step = &d->steps.step[0];
    if (!is_simple(&d->steps))
        return NIB_OK;
    int32_t *bias = NIB_NEW(engine->arena, int32_t, d->n_out);
    if (!bias)
        return nib_fail_memory(err, "the integer engine");
    const int32_t *own = d->bias, *add = step->add;
    for (int64_t i = 0; i < d->n_out; ++i)
        bias[i] = (int32_t)((uint32_t)own[i] + (uint32_t)add[i]);
    d->finish = (nib_engine_finish){.possible = true, .bias = bias, .shift = step->shift};
    return simple_ends(engine, step, false, d->n_out, &d->finish, err);
}

/* Whether the steps of a pair can do without the lowest bits of the sum: simple, from a shift of 8 on, sums
 * of at most 38 bits to what a lane of 32 bits holds. */
static bool may_halve(const nib_engine *engine, int target, const aligned *a, const nib_engine_dense *d,
                      int64_t n_out)
{
    const int most = 30 + LOW_BITS;
    int64_t low, high;
    nib_engine_hull(engine, target, &low, &high);
    bool may = is_simple(&d->steps) && low >= INT32_MIN && high <= INT32_MAX;
    for (int64_t i = 0; i < n_out && may; ++i) {
        const int64_t shift = number(d->steps.step[0].shift, true, i);
        may = shift >= LOW_BITS && shift <= most && nib_wide_width(a->sum[i].low) <= most &&
              nib_wide_width(a->sum[i].high) <= most;
    }
    return may;
}

/* floor(sum / 2^shift) = floor(floor(sum / 2^8) / 2^(shift - 8)), where the sum has the step's number. */
static nib_status halve(nib_engine *engine, nib_engine_dense *d, int64_t n_out, int32_t *bias, nib_error *err)
{
    nib_engine_step *step = &d->steps.step[0];
    int32_t *shift = NIB_NEW(engine->arena, int32_t, d->n_out),
            *zero = NIB_NEW(engine->arena, int32_t, d->n_out);
    if (!shift || !zero)
        return nib_fail_memory(err, "the integer engine");
    for (int64_t i = 0; i < n_out; ++i) {
        const int64_t sum = ((const int64_t *)d->bias)[i] + number(step->add, true, i);
        const int64_t low = sum & ((1 << LOW_BITS) - 1), at = i + i / NIB_ENGINE_LANES * NIB_ENGINE_LANES;
        bias[at] = (int32_t)((sum - low) / (1 << LOW_BITS));
        bias[at + NIB_ENGINE_LANES] = (int32_t)low;
        shift[i] = (int32_t)number(step->shift, true, i) - LOW_BITS;
    }
    nib_engine_finish ends = {.possible = true};
    NIB_TRY(simple_ends(engine, step, true, d->n_out, &ends, err));
    *step = (nib_engine_step){.has_shift = true,
                              .has_limit = true,
                              .overflow = NIB_OVERFLOW_SAT,
                              .up = zero,
                              .shift = shift,
                              .add = zero,
                              .add_negative = zero,
                              .add_odd = zero,
                              .low = ends.low,
                              .high = ends.high,
                              .align = zero};
    d->halved = true;
    return NIB_OK;
}

static nib_status plan_pair(nib_engine *engine, int target, const aligned *a, int64_t n_out,
                            nib_engine_dense *d, nib_error *err)
{
    int32_t *bias = NIB_NEW(engine->arena, int32_t, 2 * d->n_out);
    if (!bias)
        return nib_fail_memory(err, "the integer engine");
    d->pair_bias = bias;
    return may_halve(engine, target, a, d, n_out) ? halve(engine, d, n_out, bias, err) : NIB_OK;
}

/* ---- Forms ---- */

static nib_status pack(nib_engine *engine, int index, form f, const aligned *a, int32_t offset,
                       nib_engine_dense *d, nib_error *err)
{
    const nib_fix_dense *dense = &engine->net->node[index].as.dense;
    const int64_t n_in = dense->kernel.rows, n_out = dense->kernel.cols;
    const bool wide = f >= PAIR;
    d->bias = pack_bias(engine->arena, a, n_in, n_out, wide, offset);
    d->kernel = f == WIDE   ? pack_wide(engine->arena, a, n_in, n_out)
                : f == PAIR ? pack_pair(engine->arena, a, n_in, n_out)
                            : pack_narrow(engine->arena, a, n_in, n_out, f == DOT8 ? 4 : 2);
    if (!d->kernel || !d->bias)
        return nib_fail_memory(err, "the integer engine");
    if (f == PAIR)
        return plan_pair(engine, engine->stage[index].target, a, n_out, d, err);
    return f == WIDE ? NIB_OK : plan_finish(engine, d, err);
}

static nib_status plan_form(nib_engine *engine, int index, form f, const aligned *a, bool *done,
                            nib_error *err)
{
    const int64_t inner[] = {[DOT8] = 4, [DOT16] = 2, [PAIR] = 2, [WIDE] = 1};
    const nib_engine_storage storage[] = {
        [DOT8] = NIB_ENGINE_U8, [DOT16] = NIB_ENGINE_I16, [PAIR] = NIB_ENGINE_I16, [WIDE] = NIB_ENGINE_I64};
    nib_engine_dense_loop *const loop[] = {[DOT8] = engine->dense_loops->dot8,
                                           [DOT16] = engine->dense_loops->dot16,
                                           [PAIR] = engine->dense_loops->pair,
                                           [WIDE] = engine->dense_loops->wide};
    const nib_fix_dense *dense = &engine->net->node[index].as.dense;
    nib_engine_stage *stage = &engine->stage[index];
    nib_engine_dense *d = &stage->as.dense;
    int64_t low, high;
    nib_engine_hull(engine, engine->net->node[index].input[0], &low, &high);
    *done = false;
    if (!form_fits(engine, f, a, dense->kernel.rows, low, high))
        return NIB_OK;
    *d = (nib_engine_dense){.n_in = rounded_up(dense->kernel.rows, inner[f]),
                            .n_out = rounded_up(dense->kernel.cols, NIB_ENGINE_LANES)};
    NIB_TRY(plan_casts(engine, index, a->sum, f >= PAIR, &d->steps, &stage->target, done, err));
    if (!*done)
        return NIB_OK;
    const int32_t offset = offset_for(f, low, high);
    NIB_TRY(pack(engine, index, f, a, offset, d, err));
    stage->kind = NIB_ENGINE_STAGE_DENSE;
    stage->product = loop[f];
    stage->narrowed = (nib_engine_tensor){.storage = storage[f], .offset = offset};
    return NIB_OK;
}

nib_status nib_engine_plan_dense(nib_engine *engine, int index, bool *done, nib_error *err)
{
    const nib_fix_node *node = &engine->net->node[index];
    const nib_fix_interval *x = &engine->interval[node->input[0]];
    *done = false;
    if (!nib_fix_dense_is_proven(&node->as.dense, x))
        return NIB_OK;
    aligned a;
    NIB_TRY(align_all(engine, &node->as.dense, x, &a, err));
    for (form f = DOT8; f <= WIDE && !*done; ++f)
        NIB_TRY(plan_form(engine, index, f, &a, done, err));
    return NIB_OK;
}
