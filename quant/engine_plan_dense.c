/** Dense nodes on narrow integers. */
#include <assert.h>

#include "quant/engine_internal.h"

/* Kernel and bias of a node with every column on its own step: weight = code * 2^-fraction[column]. */
typedef struct aligned {
    nib_wide *kernel, *bias; /* [n_in, n_out], [n_out] */
    nib_fix_span *sum;       /* [n_out] of all products and the bias */
    nib_wide low, high;      /* of all weights */
} aligned;

/* A code without the zeros at its end. */
static nib_fix_span trimmed(const nib_fix_array *array, int64_t index)
{
    const nib_fixed type = nib_fix_type_at(&array->type, index);
    const int64_t code = array->code[index];
    if (code == 0)
        return (nib_fix_span){0};
    const int zeros = __builtin_ctzll((unsigned long long)code);
    return (nib_fix_span){code >> zeros, code >> zeros, nib_fixed_fraction(&type) - zeros};
}

static void align_column(const nib_fix_dense *dense, const nib_fix_interval *x, int64_t o, aligned *a)
{
    const int64_t n_in = dense->kernel.rows, n_out = dense->kernel.cols;
    const nib_fix_span bias = dense->bias.rows ? trimmed(&dense->bias, o) : (nib_fix_span){0};
    bool any = bias.low != 0;
    int fraction = bias.fraction;
    for (int64_t i = 0; i < n_in; ++i) {
        const nib_fix_span w = trimmed(&dense->kernel, i * n_out + o);
        const int own = w.fraction + x->fraction;
        if (w.low != 0 && (!any || own > fraction))
            fraction = own;
        any = any || w.low != 0;
    }
    a->bias[o] = bias.low ? nib_wide_shift_up(bias.low, fraction - bias.fraction) : 0;
    a->sum[o] = (nib_fix_span){a->bias[o], a->bias[o], fraction};
    for (int64_t i = 0; i < n_in; ++i) {
        const nib_fix_span w = trimmed(&dense->kernel, i * n_out + o);
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

/* ---- Choice ---- */

typedef enum form { DOT8, DOT16, WIDE } form;

static bool form_fits(const nib_engine *engine, form f, const aligned *a, int64_t x_low, int64_t x_high)
{
    switch (f) {
    case DOT8:
        return engine->dense_loops->dot8 && a->low >= INT8_MIN && a->high <= INT8_MAX &&
               ((x_low >= 0 && x_high <= UINT8_MAX) || (x_low >= INT8_MIN && x_high <= INT8_MAX));
    case DOT16:
        return a->low >= INT16_MIN && a->high <= INT16_MAX && x_low >= INT16_MIN && x_high <= INT16_MAX;
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

static nib_status plan_form(nib_engine *engine, int index, form f, const aligned *a, bool *done,
                            nib_error *err)
{
    const nib_fix_dense *dense = &engine->net->node[index].as.dense;
    const int64_t n_in = dense->kernel.rows, n_out = dense->kernel.cols;
    const bool wide = f == WIDE;
    nib_engine_stage *stage = &engine->stage[index];
    int64_t low, high;
    nib_engine_hull(engine, engine->net->node[index].input[0], &low, &high);
    *done = false;
    if (!form_fits(engine, f, a, low, high))
        return NIB_OK;
    nib_engine_dense *d = &stage->as.dense;
    *d = (nib_engine_dense){.n_in = rounded_up(n_in, wide        ? 1
                                                     : f == DOT8 ? 4
                                                                 : 2),
                            .n_out = rounded_up(n_out, NIB_ENGINE_LANES)};
    NIB_TRY(plan_casts(engine, index, a->sum, wide, &d->steps, &stage->target, done, err));
    if (!*done)
        return NIB_OK;
    const int32_t offset = f == DOT8 && low < 0 ? 128 : 0;
    d->kernel = wide ? pack_wide(engine->arena, a, n_in, n_out)
                     : pack_narrow(engine->arena, a, n_in, n_out, f == DOT8 ? 4 : 2);
    d->bias = pack_bias(engine->arena, a, n_in, n_out, wide, offset);
    if (!d->kernel || !d->bias)
        return nib_fail_memory(err, "the integer engine");
    stage->kind = NIB_ENGINE_STAGE_DENSE;
    stage->product = f == DOT8    ? engine->dense_loops->dot8
                     : f == DOT16 ? engine->dense_loops->dot16
                                  : engine->dense_loops->wide;
    stage->narrowed = (nib_engine_tensor){.storage = f == DOT8    ? NIB_ENGINE_U8
                                                     : f == DOT16 ? NIB_ENGINE_I16
                                                                  : NIB_ENGINE_I64,
                                          .offset = offset};
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
