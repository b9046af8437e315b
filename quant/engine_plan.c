/** How every node is stored and run. */
#include <assert.h>
#include <stddef.h>

#include "quant/engine_internal.h"
#include "quant/grid.h"

enum { TILE_ROWS = 384, TILE_LANES = 32768, LANE_BITS = 61 };

int64_t nib_engine_stride(const nib_fix_node *node)
{
    return (node->features + NIB_ENGINE_LANES - 1) / NIB_ENGINE_LANES * NIB_ENGINE_LANES;
}

int nib_engine_align(const nib_engine *engine, int node, int64_t element)
{
    const nib_fixed type = nib_fix_type_at(&engine->net->node[node].type, element);
    return type.bits ? engine->interval[node].fraction - nib_fixed_fraction(&type) : 0;
}

void nib_engine_hull(const nib_engine *engine, int node, int64_t *low, int64_t *high)
{
    const nib_fix_interval *interval = &engine->interval[node];
    *low = interval->low[0];
    *high = interval->high[0];
    for (int64_t i = 1; i < engine->net->node[node].features; ++i) {
        *low = interval->low[i] < *low ? interval->low[i] : *low;
        *high = interval->high[i] > *high ? interval->high[i] : *high;
    }
}

/* ---- Storage ---- */

static int element_bytes(nib_engine_storage storage)
{
    return storage == NIB_ENGINE_U8 ? 1 : storage == NIB_ENGINE_I16 ? 2 : storage == NIB_ENGINE_I32 ? 4 : 8;
}

static nib_engine_tensor narrowest(const nib_engine *engine, int node)
{
    const nib_fix_node *n = &engine->net->node[node];
    nib_engine_tensor tensor = {.features = n->features, .stride = nib_engine_stride(n)};
    int64_t low, high;
    nib_engine_hull(engine, node, &low, &high);
    if (low >= 0 && high <= UINT8_MAX) {
        tensor.storage = NIB_ENGINE_U8;
    } else if (low >= INT8_MIN && high <= INT8_MAX) {
        tensor.storage = NIB_ENGINE_U8;
        tensor.offset = 128;
    } else if (low >= INT16_MIN && high <= INT16_MAX) {
        tensor.storage = NIB_ENGINE_I16;
    } else {
        tensor.storage = low >= INT32_MIN && high <= INT32_MAX ? NIB_ENGINE_I32 : NIB_ENGINE_I64;
    }
    return tensor;
}

static nib_status allocate(nib_engine *engine, const nib_fix_node *node, nib_engine_tensor *tensor,
                           nib_error *err)
{
    /* Whole groups of rows, and a vector more, are read. */
    const int64_t rows = engine->tile * node->positions + NIB_ENGINE_LANES;
    tensor->data = nib_arena_alloc(engine->arena, (size_t)(rows * tensor->stride),
                                   (size_t)element_bytes(tensor->storage));
    return tensor->data ? NIB_OK : nib_fail_memory(err, "the integer engine");
}

nib_engine_tensor nib_engine_rows(const nib_engine_tensor *tensor, int64_t first)
{
    nib_engine_tensor rest = *tensor;
    rest.data = (char *)tensor->data + first * tensor->stride * element_bytes(tensor->storage);
    return rest;
}

static bool same_storage(const nib_engine_tensor *a, const nib_engine_tensor *b)
{
    return a->storage == b->storage && a->offset == b->offset;
}

/* A dense node wants its input in one storage. The first one that reads a tensor gets its wish; the others
 * convert. */
static nib_status plan_storage(nib_engine *engine, nib_error *err)
{
    const nib_fixnet *net = engine->net;
    bool *wished = NIB_NEW(engine->arena, bool, net->n_nodes);
    if (!wished)
        return nib_fail_memory(err, "the integer engine");
    for (int i = 0; i < net->n_nodes; ++i)
        engine->tensor[i] = narrowest(engine, i);
    for (int i = 0; i < net->n_nodes; ++i) {
        if (engine->stage[i].kind != NIB_ENGINE_STAGE_DENSE)
            continue;
        const int x = net->node[i].input[0];
        nib_engine_tensor *wish = &engine->stage[i].narrowed;
        wish->features = engine->tensor[x].features;
        wish->stride = engine->tensor[x].stride;
        if (!wished[x])
            engine->tensor[x] = *wish;
        wished[x] = true;
        if (!same_storage(wish, &engine->tensor[x]))
            NIB_TRY(allocate(engine, &net->node[x], wish, err));
    }
    for (int i = 0; i < net->n_nodes; ++i)
        NIB_TRY(allocate(engine, &net->node[i], &engine->tensor[i], err));
    return NIB_OK;
}

/* ---- Inputs ---- */

static nib_status plan_input(nib_engine *engine, int index, bool *done, nib_error *err)
{
    const nib_fix_node *node = &engine->net->node[index];
    const bool each = node->type.count > 1;
    const int64_t n = each ? node->positions * node->features : 1;
    float *numbers = NIB_NEW(engine->arena, float, 4 * n);
    int32_t *align = NIB_NEW(engine->arena, int32_t, n);
    if (!numbers || !align)
        return nib_fail_memory(err, "the integer engine");
    nib_engine_input *in = &engine->stage[index].as.input;
    *in = (nib_engine_input){each,        node->type.rounding, node->type.overflow, numbers,
                             numbers + n, numbers + 2 * n,     numbers + 3 * n,     NULL};
    int64_t low, high;
    nib_engine_hull(engine, index, &low, &high);
    *done = low >= INT32_MIN && high <= INT32_MAX;
    for (int64_t i = 0; i < n && *done; ++i) {
        const nib_fixed type = nib_fix_type_at(&node->type, i);
        nib_grid grid = {.inverse = 1.0f, .modulus = 1.0f}; /* removed: 0 in every mode */
        *done = type.bits <= NIB_FIXED_MAX_FAKE && (type.bits == 0 || nib_fixed_fraction(&type) >= 0);
        if (*done && type.bits)
            grid = nib_grid_of(&type);
        numbers[i] = grid.inverse;
        numbers[n + i] = grid.lowest;
        numbers[2 * n + i] = grid.highest;
        numbers[3 * n + i] = grid.modulus;
        align[i] = nib_engine_align(engine, index, i);
        if (align[i])
            in->align = align;
    }
    engine->stage[index].kind = NIB_ENGINE_STAGE_INPUT;
    return NIB_OK;
}

/* ---- Element by element ---- */

static bool too_wide(const nib_fix_span *span)
{
    return nib_wide_width(span->low) > LANE_BITS || nib_wide_width(span->high) > LANE_BITS;
}

/* Factor 2^shift of every feature, or NULL for 1. */
static const int64_t *power(nib_engine *engine, int64_t n, int shift)
{
    int64_t *factor = NIB_NEW(engine->arena, int64_t, n);
    for (int64_t i = 0; factor && i < n; ++i)
        factor[i] = (int64_t)1 << shift;
    return factor;
}

/* Sum of the inputs, each aligned to the finest. */
static nib_status mix_add(nib_engine *engine, const nib_fix_node *node, nib_engine_mix *m,
                          nib_fix_span *before, bool *done, nib_error *err)
{
    int fraction = engine->interval[node->input[0]].fraction;
    for (int k = 1; k < node->n_inputs; ++k)
        if (engine->interval[node->input[k]].fraction > fraction)
            fraction = engine->interval[node->input[k]].fraction;
    for (int64_t f = 0; f < node->features; ++f)
        before[f] = (nib_fix_span){0, 0, fraction};
    for (int k = 0; k < node->n_inputs; ++k) {
        const nib_fix_interval *x = &engine->interval[node->input[k]];
        const int shift = fraction - x->fraction;
        if (shift > LANE_BITS) {
            *done = false;
            return NIB_OK;
        }
        m->factor[k] = power(engine, node->features, shift);
        if (!m->factor[k])
            return nib_fail_memory(err, "the integer engine");
        for (int64_t f = 0; f < node->features; ++f)
            before[f] = nib_fix_span_plus(before[f], nib_fix_span_of(x, f));
    }
    return NIB_OK;
}

static nib_status mix_scale(nib_engine *engine, const nib_fix_node *node, nib_engine_mix *m,
                            nib_fix_span *before, bool *done, nib_error *err)
{
    const nib_fix_scale *scale = &node->as.scale;
    const nib_fix_interval *x = &engine->interval[node->input[0]];
    int64_t *factor = NIB_NEW(engine->arena, int64_t, node->features);
    int64_t *add = NIB_NEW(engine->arena, int64_t, nib_engine_stride(node));
    if (!factor || !add)
        return nib_fail_memory(err, "the integer engine");
    m->factor[0] = factor;
    m->add = add;
    for (int64_t f = 0; f < node->features; ++f) {
        const nib_fixed factor_type = nib_fix_type_at(&scale->scale.type, f);
        const nib_fixed shift_type = nib_fix_type_at(&scale->shift.type, f);
        const int64_t code = scale->scale.code[f], shift = scale->shift.code[f];
        const int product = x->fraction + (code ? nib_fixed_fraction(&factor_type) : 0);
        const int own = shift ? nib_fixed_fraction(&shift_type) : product;
        const int fraction = product > own ? product : own;
        const nib_wide aligned = nib_wide_shift_up(code, fraction - product);
        const nib_wide offset = nib_wide_shift_up(shift, fraction - own);
        *done = *done && nib_wide_width(aligned) <= LANE_BITS && nib_wide_width(offset) <= LANE_BITS;
        if (!*done)
            return NIB_OK;
        factor[f] = (int64_t)aligned;
        add[f] = (int64_t)offset;
        before[f] = nib_fix_span_times(nib_fix_span_of(x, f), factor[f], fraction - x->fraction);
        before[f].low += offset;
        before[f].high += offset;
    }
    return NIB_OK;
}

static void mix_concat(const nib_engine *engine, const nib_fix_node *node, nib_engine_mix *m,
                       nib_fix_span *before)
{
    int64_t begin = 0;
    for (int k = 0; k < node->n_inputs; ++k) {
        const int64_t n = engine->net->node[node->input[k]].features;
        m->begin[k] = begin;
        for (int64_t f = 0; f < n; ++f)
            before[begin + f] = nib_fix_span_of(&engine->interval[node->input[k]], f);
        begin += n;
    }
}

/* Cast, relu, leaky relu: one input as it is, or positive numbers shifted up to the step of negative ones. */
static void mix_one(const nib_engine *engine, const nib_fix_node *node, nib_engine_mix *m,
                    nib_fix_span *before)
{
    const int shift = node->kind == NIB_FIX_LEAKY_RELU ? node->as.leaky_shift : 0;
    m->leaky_shift = shift;
    for (int64_t f = 0; f < node->features; ++f) {
        nib_fix_span *b = &before[f];
        *b = nib_fix_span_of(&engine->interval[node->input[0]], f);
        b->fraction += shift;
        b->low = b->low < 0 ? b->low : nib_wide_shift_up(b->low, shift);
        b->high = b->high < 0 ? b->high : nib_wide_shift_up(b->high, shift);
    }
}

static nib_status plan_mix(nib_engine *engine, int index, bool *done, nib_error *err)
{
    const nib_fix_node *node = &engine->net->node[index];
    nib_fix_span *before = NIB_NEW(engine->arena, nib_fix_span, node->features);
    if (!before)
        return nib_fail_memory(err, "the integer engine");
    nib_engine_mix *m = &engine->stage[index].as.mix;
    *m = (nib_engine_mix){.n = node->n_inputs};
    for (int k = 0; k < node->n_inputs; ++k)
        m->x[k] = &engine->tensor[node->input[k]];
    *done = true;
    if (node->kind == NIB_FIX_ADD)
        NIB_TRY(mix_add(engine, node, m, before, done, err));
    else if (node->kind == NIB_FIX_SCALE)
        NIB_TRY(mix_scale(engine, node, m, before, done, err));
    else if (node->kind == NIB_FIX_CONCAT)
        mix_concat(engine, node, m, before);
    else
        mix_one(engine, node, m, before);
    for (int64_t f = 0; f < node->features && *done; ++f)
        *done = !too_wide(&before[f]);
    if (!*done)
        return NIB_OK;
    const nib_engine_cast cast = {node, before, node->kind == NIB_FIX_RELU, true};
    bool exact;
    NIB_TRY(nib_engine_plan_cast(engine, &cast, &m->steps, done, &exact, err));
    engine->stage[index].kind = NIB_ENGINE_STAGE_MIX;
    return NIB_OK;
}

/* ---- Pools, tables ---- */

static nib_status plan_pool(nib_engine *engine, int index, bool *done, nib_error *err)
{
    const nib_fix_node *node = &engine->net->node[index], *in = &engine->net->node[node->input[0]];
    const nib_fix_pool *pool = &node->as.pool;
    const nib_fix_interval *x = &engine->interval[node->input[0]];
    const bool mean = pool->kind == NIB_FIX_POOL_MEAN, largest = pool->kind == NIB_FIX_POOL_MAX;
    const int up = mean ? nib_fixed_fraction(&pool->accum) - x->fraction : 0;
    nib_engine_pool *p = &engine->stage[index].as.pool;
    nib_fix_span *before = NIB_NEW(engine->arena, nib_fix_span, node->features);
    if (!before)
        return nib_fail_memory(err, "the integer engine");
    *p = (nib_engine_pool){.reduce = largest ? NIB_ENGINE_LARGEST : NIB_ENGINE_SUM,
                           .positions = in->positions,
                           .divisor = mean ? in->positions : 1,
                           .up = up};
    *done = nib_fix_pool_is_proven(pool, in->positions, node->features, x) && up >= 0 && up <= LANE_BITS;
    for (int64_t f = 0; f < node->features && *done; ++f) {
        before[f] = nib_fix_span_of(x, f);
        const int64_t n = largest ? 1 : in->positions;
        before[f].low = nib_wide_shift_up(before[f].low * n, up);
        before[f].high = nib_wide_shift_up(before[f].high * n, up);
        *done = !too_wide(&before[f]);
        before[f].low /= p->divisor;
        before[f].high /= p->divisor;
        before[f].fraction += up;
    }
    if (!*done)
        return NIB_OK;
    const nib_engine_cast cast = {node, before, false, true};
    bool exact;
    NIB_TRY(nib_engine_plan_cast(engine, &cast, &p->steps, done, &exact, err));
    engine->stage[index].kind = NIB_ENGINE_STAGE_POOL;
    return NIB_OK;
}

static nib_status plan_lookup(nib_engine *engine, int index, bool *done, nib_error *err)
{
    const nib_fix_table *table = &engine->net->node[index].as.table;
    int32_t *entry = NIB_NEW(engine->arena, int32_t, table->size);
    if (!entry)
        return nib_fail_memory(err, "the integer engine");
    *done = true;
    for (int64_t i = 0; i < table->size; ++i) {
        *done = *done && table->code[i] >= INT32_MIN && table->code[i] <= INT32_MAX;
        entry[i] = (int32_t)table->code[i];
    }
    engine->stage[index].as.lookup = (nib_engine_lookup){.mask = (int32_t)(table->size - 1), .entry = entry};
    engine->stage[index].kind = NIB_ENGINE_STAGE_LOOKUP;
    return NIB_OK;
}

/* ---- All ---- */

static nib_status plan_node(nib_engine *engine, int index, nib_error *err)
{
    nib_engine_stage *stage = &engine->stage[index];
    bool done = false;
    stage->target = index;
    switch (engine->net->node[index].kind) {
    case NIB_FIX_INPUT:
        NIB_TRY(plan_input(engine, index, &done, err));
        break;
    case NIB_FIX_DENSE:
        NIB_TRY(nib_engine_plan_dense(engine, index, &done, err));
        break;
    case NIB_FIX_CAST:
    case NIB_FIX_ADD:
    case NIB_FIX_CONCAT:
    case NIB_FIX_RELU:
    case NIB_FIX_LEAKY_RELU:
    case NIB_FIX_SCALE:
        NIB_TRY(plan_mix(engine, index, &done, err));
        break;
    case NIB_FIX_POOL:
        NIB_TRY(plan_pool(engine, index, &done, err));
        break;
    case NIB_FIX_TABLE:
        NIB_TRY(plan_lookup(engine, index, &done, err));
        break;
    case NIB_FIX_RESHAPE:
        stage->kind = NIB_ENGINE_STAGE_RESHAPE;
        done = true;
        break;
    case NIB_FIX_SOFTMAX:
    case NIB_FIX_KIND_COUNT:
        break;
    }
    if (!done)
        *stage = (nib_engine_stage){.kind = NIB_ENGINE_STAGE_PLAIN, .target = index};
    return NIB_OK;
}

/* Samples of a tile: what stays in the caches, a multiple of the rows that a product takes at a time. */
static void plan_tile(nib_engine *engine)
{
    int64_t most = 1;
    for (int i = 0; i < engine->net->n_nodes; ++i) {
        const nib_fix_node *node = &engine->net->node[i];
        const int64_t lanes = node->positions * nib_engine_stride(node);
        most = lanes > most ? lanes : most;
    }
    engine->tile = TILE_LANES / most;
    if (engine->tile > TILE_ROWS)
        engine->tile = TILE_ROWS;
    if (engine->tile > NIB_ENGINE_BLOCK)
        engine->tile -= engine->tile % NIB_ENGINE_BLOCK;
    if (engine->tile < 1)
        engine->tile = 1;
}

static nib_status plan_align(nib_engine *engine, int index, nib_error *err)
{
    const nib_fix_node *node = &engine->net->node[index];
    const int64_t n = node->positions * node->features;
    bool any = false;
    for (int64_t i = 0; i < node->type.count; ++i)
        any = any || nib_engine_align(engine, index, i) != 0;
    if (!any)
        return NIB_OK;
    engine->align[index] = NIB_NEW(engine->arena, int32_t, n);
    if (!engine->align[index])
        return nib_fail_memory(err, "the integer engine");
    for (int64_t i = 0; i < n; ++i)
        engine->align[index][i] = nib_engine_align(engine, index, i);
    return NIB_OK;
}

static nib_status plan_scratch(nib_engine *engine, nib_error *err)
{
    int64_t lanes = 0;
    for (int i = 0; i < engine->net->n_nodes; ++i) {
        const nib_fix_node *node = &engine->net->node[i];
        const int64_t rows = node->kind == NIB_FIX_DENSE   ? NIB_ENGINE_BLOCK + 1
                             : node->kind == NIB_FIX_INPUT ? engine->tile * node->positions + 1
                                                           : 2;
        const int64_t own = rows * nib_engine_stride(node);
        lanes = own > lanes ? own : lanes;
    }
    engine->scratch = NIB_NEW(engine->arena, int64_t, lanes);
    if (!engine->scratch)
        return nib_fail_memory(err, "the integer engine");
    for (int i = 0; i < engine->net->n_nodes; ++i) {
        nib_engine_stage *stage = &engine->stage[i];
        if (stage->kind == NIB_ENGINE_STAGE_DENSE)
            stage->as.dense.scratch = engine->scratch;
        if (stage->kind == NIB_ENGINE_STAGE_MIX)
            stage->as.mix.scratch = engine->scratch;
        if (stage->kind == NIB_ENGINE_STAGE_POOL)
            stage->as.pool.scratch = engine->scratch;
        if (stage->kind == NIB_ENGINE_STAGE_LOOKUP)
            stage->as.lookup.scratch = engine->scratch;
    }
    return NIB_OK;
}

nib_status nib_engine_plan(nib_engine *engine, nib_error *err)
{
    const int n = engine->net->n_nodes;
    engine->tensor = NIB_NEW(engine->arena, nib_engine_tensor, n);
    engine->stage = NIB_NEW(engine->arena, nib_engine_stage, n);
    engine->align = NIB_NEW(engine->arena, int32_t *, n);
    if (!engine->tensor || !engine->stage || !engine->align)
        return nib_fail_memory(err, "the integer engine");
    plan_tile(engine);
    for (int i = 0; i < n; ++i) {
        NIB_TRY(plan_align(engine, i, err));
        NIB_TRY(plan_node(engine, i, err));
    }
    for (int i = 0; i < n; ++i)
        if (engine->stage[i].target > i)
            engine->stage[engine->stage[i].target].kind = NIB_ENGINE_STAGE_NONE;
    NIB_TRY(plan_storage(engine, err));
    for (int i = 0; i < n; ++i)
        if (engine->stage[i].kind == NIB_ENGINE_STAGE_DENSE)
            NIB_TRY(nib_engine_plan_finish(engine, i, err));
    return plan_scratch(engine, err);
}
