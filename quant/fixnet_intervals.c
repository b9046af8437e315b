/** The codes that every node can give, from the actual weights. */
#include <assert.h>

#include "quant/fixnet_internal.h"
#include "quant/softmax_table.h"

void nib_fix_dense_sequence(const nib_fix_dense *dense, int64_t column, int32_t *order)
{
    const int64_t n = dense->kernel.rows, reuse = dense->reuse;
    if (dense->order == NIB_FIX_ORDER_LATENCY || reuse == 1) {
        for (int64_t i = 0; i < n; ++i)
            order[i] = (int32_t)i;
        return;
    }
    /* Weight (i, column) is number w = column * n + i of a memory that is read in steps of `reuse`: cycle
     * w % reuse takes it. Where w passes a multiple of `reuse`, the cycle starts again. */
    if (reuse < n) {
        int64_t k = 0;
        for (int64_t cycle = 0; cycle < reuse; ++cycle)
            for (int64_t i = (cycle + reuse - column * n % reuse) % reuse; i < n; i += reuse)
                order[k++] = (int32_t)i;
        return;
    }
    const int64_t first = column * n % reuse;  /* cycle of input 0 */
    const int64_t wrapped = first + n - reuse; /* inputs whose cycle starts again at 0 */
    const int64_t front = wrapped > 0 ? wrapped : 0;
    for (int64_t k = 0; k < n; ++k)
        order[k] = (int32_t)(k < front ? n - front + k : k - front);
}

/* What is needed on the way through one node. */
typedef struct walk {
    const nib_fix_node *node;
    const nib_fix_node *x; /**< its first input */
    const nib_fix_interval *in[NIB_FIX_MAX_INPUTS];
    nib_fix_span *column; /**< dense: of every output before its cast; softmax: [0] */
} walk;

static nib_fix_span dense_column(const nib_fix_dense *dense, const nib_fix_interval *x, int64_t column,
                                 int32_t *order)
{
    const nib_fix_array *kernel = &dense->kernel, *bias = &dense->bias;
    nib_fix_span sum = {0, 0, nib_fixed_fraction(&dense->accum)};
    if (bias->rows) {
        const nib_fixed type = nib_fix_type_at(&bias->type, column);
        const nib_fix_span b = {bias->code[column], bias->code[column], nib_fixed_fraction(&type)};
        sum = nib_fix_span_cast(&dense->accum, b);
    }
    nib_fix_dense_sequence(dense, column, order);
    for (int64_t k = 0; k < kernel->rows; ++k) {
        const int64_t index = order[k] * kernel->cols + column;
        const int64_t code = kernel->code[index];
        if (code == 0)
            continue;
        const nib_fixed type = nib_fix_type_at(&kernel->type, index);
        const nib_fix_span product =
            nib_fix_span_times(nib_fix_span_of(x, order[k]), code, nib_fixed_fraction(&type));
        sum = nib_fix_span_plus(sum, nib_fix_span_cast(&dense->accum, product));
        sum = nib_fix_span_cast(&dense->accum, sum);
    }
    return sum;
}

/* The product that softmax casts: any exponential times any inverse. */
static nib_status softmax_span(const nib_fix_softmax *softmax, const nib_fix_node *x, nib_arena *arena,
                               nib_fix_span *span, nib_error *err)
{
    *span = (nib_fix_span){0, 1, 0};
    if (softmax->kind == NIB_FIX_SOFTMAX_ARGMAX)
        return NIB_OK;
    const int64_t size = softmax->exp_size > softmax->inv_size ? softmax->exp_size : softmax->inv_size;
    int64_t *code = NIB_NEW(arena, int64_t, size);
    if (!code)
        return nib_fail_memory(err, "the tables of a softmax");
    const nib_fixed x_type = nib_fix_type_at(&x->type, 0);
    nib_softmax_exp_table(softmax, &x_type, code);
    nib_fix_span e = {code[0], code[0], nib_fixed_fraction(&softmax->exp_table)};
    for (int64_t i = 1; i < softmax->exp_size; ++i) {
        e.low = code[i] < e.low ? code[i] : e.low;
        e.high = code[i] > e.high ? code[i] : e.high;
    }
    e = nib_fix_span_cast(&softmax->accum, e);
    nib_softmax_inv_table(softmax, code);
    const int fraction = nib_fixed_fraction(&softmax->inv_table);
    *span = nib_fix_span_times(e, code[0], fraction);
    for (int64_t i = 1; i < softmax->inv_size; ++i)
        *span = nib_fix_span_join(*span, nib_fix_span_times(e, code[i], fraction));
    return NIB_OK;
}

static nib_fix_span pool_span(const nib_fix_pool *pool, int64_t positions, nib_fix_span x)
{
    if (pool->kind == NIB_FIX_POOL_MAX)
        return nib_fix_span_cast(&pool->accum, x);
    nib_fix_span sum = {0, 0, nib_fixed_fraction(&pool->accum)};
    for (int64_t i = 0; i < positions; ++i)
        sum = nib_fix_span_cast(&pool->accum, nib_fix_span_plus(sum, x));
    if (pool->kind == NIB_FIX_POOL_MEAN) {
        sum.low /= positions;
        sum.high /= positions;
    }
    return sum;
}

static nib_fix_span table_span(const nib_fix_table *table, const nib_fix_node *x, nib_fix_span in)
{
    const nib_fixed type = nib_fix_type_at(&x->type, 0);
    int64_t low = INT64_MAX, high = INT64_MIN;
    for (int64_t code = (int64_t)in.low; code <= (int64_t)in.high; ++code) {
        const int64_t y = table->code[nib_softmax_index(&type, table->size, code)];
        low = y < low ? y : low;
        high = y > high ? y : high;
    }
    return (nib_fix_span){low, high, 0};
}

static nib_fix_span scale_span(const nib_fix_scale *scale, int64_t feature, nib_fix_span x)
{
    const nib_fixed factor = nib_fix_type_at(&scale->scale.type, feature);
    const nib_fixed shift = nib_fix_type_at(&scale->shift.type, feature);
    const int64_t code = scale->shift.code[feature];
    const nib_fix_span plus = {code, code, code ? nib_fixed_fraction(&shift) : 0};
    const nib_fix_span product =
        nib_fix_span_times(x, scale->scale.code[feature], nib_fixed_fraction(&factor));
    return code ? nib_fix_span_plus(product, plus) : product;
}

static nib_fix_span leaky_span(const nib_fixed *type, int shift, nib_fix_span x)
{
    const nib_fix_span below = {x.low, x.high < 0 ? x.high : 0, x.fraction + shift};
    const nib_fix_span above = {x.low > 0 ? x.low : 0, x.high, x.fraction};
    if (x.low >= 0)
        return nib_fix_span_cast(type, above);
    if (x.high <= 0)
        return nib_fix_span_cast(type, below);
    return nib_fix_span_join(nib_fix_span_cast(type, below), nib_fix_span_cast(type, above));
}

/* Element `index` of y, whose type is given. */
static nib_fix_span element_span(const walk *w, int64_t index, const nib_fixed *type)
{
    const nib_fix_node *node = w->node;
    const int64_t feature = index % node->features;
    nib_fix_span x = {0};
    switch (node->kind) {
    case NIB_FIX_INPUT:
        if (type->bits == 0)
            return x;
        return (nib_fix_span){nib_fixed_lowest(type), nib_fixed_highest(type), nib_fixed_fraction(type)};
    case NIB_FIX_CAST:
        return nib_fix_span_cast(type, nib_fix_span_of(w->in[0], feature));
    case NIB_FIX_DENSE:
    case NIB_FIX_POOL:
    case NIB_FIX_SCALE:
        return nib_fix_span_cast(type, w->column[feature]);
    case NIB_FIX_SOFTMAX:
        return nib_fix_span_cast(type, w->column[0]);
    case NIB_FIX_TABLE:
        x = table_span(&node->as.table, w->x, nib_fix_span_of(w->in[0], feature));
        x.fraction = nib_fixed_fraction(type);
        return x;
    case NIB_FIX_ADD:
        x = nib_fix_span_of(w->in[0], feature);
        for (int i = 1; i < node->n_inputs; ++i)
            x = nib_fix_span_plus(x, nib_fix_span_of(w->in[i], feature));
        return nib_fix_span_cast(type, x);
    case NIB_FIX_CONCAT:
        break; /* done by concat_span, which knows where the inputs begin */
    case NIB_FIX_RELU:
        x = nib_fix_span_of(w->in[0], feature);
        x.low = x.low > 0 ? x.low : 0;
        x.high = x.high > 0 ? x.high : 0;
        return nib_fix_span_cast(type, x);
    case NIB_FIX_LEAKY_RELU:
        return leaky_span(type, node->as.leaky_shift, nib_fix_span_of(w->in[0], feature));
    case NIB_FIX_RESHAPE:
        return nib_fix_span_of(w->in[0], index % w->x->features);
    case NIB_FIX_KIND_COUNT:
        break;
    }
    assert(false && "a kind of the closed set");
    return x;
}

static nib_fix_span concat_span(const nib_fixnet *net, const walk *w, int64_t index, const nib_fixed *type)
{
    int64_t feature = index % w->node->features;
    int i = 0;
    while (feature >= net->node[w->node->input[i]].features)
        feature -= net->node[w->node->input[i++]].features;
    return nib_fix_span_cast(type, nib_fix_span_of(w->in[i], feature));
}

/* Fill w->column where the work for an output is more than its cast. */
static nib_status fill_columns(walk *w, nib_arena *arena, nib_error *err)
{
    const nib_fix_node *node = w->node;
    if (node->kind == NIB_FIX_SOFTMAX) {
        w->column = NIB_NEW(arena, nib_fix_span, 1);
        return w->column ? softmax_span(&node->as.softmax, w->x, arena, w->column, err)
                         : nib_fail_memory(err, "intervals");
    }
    if (node->kind != NIB_FIX_DENSE && node->kind != NIB_FIX_POOL && node->kind != NIB_FIX_SCALE)
        return NIB_OK;
    w->column = NIB_NEW(arena, nib_fix_span, node->features);
    int32_t *order = NIB_NEW(arena, int32_t, w->x->features);
    if (!w->column || !order)
        return nib_fail_memory(err, "intervals");
    for (int64_t i = 0; i < node->features; ++i) {
        if (node->kind == NIB_FIX_DENSE)
            w->column[i] = dense_column(&node->as.dense, w->in[0], i, order);
        else if (node->kind == NIB_FIX_POOL)
            w->column[i] = pool_span(&node->as.pool, w->x->positions, nib_fix_span_of(w->in[0], i));
        else
            w->column[i] = scale_span(&node->as.scale, i, nib_fix_span_of(w->in[0], i));
    }
    return NIB_OK;
}

/* Spans of the features, at one step, as 64-bit codes. */
static nib_status settle(const nib_fix_node *node, nib_fix_span *span, nib_arena *arena,
                         nib_fix_interval *interval, nib_error *err)
{
    int64_t *low = NIB_NEW(arena, int64_t, node->features), *high = NIB_NEW(arena, int64_t, node->features);
    if (!low || !high)
        return nib_fail_memory(err, "intervals");
    const int fraction = nib_fix_types_fraction(&node->type);
    for (int64_t i = 0; i < node->features; ++i) {
        if (span[i].low == 0 && span[i].high == 0)
            continue;
        /* A feature that was 0 at some position may have come with a finer step than any type has. */
        const int shift = span[i].fraction - fraction;
        const nib_wide lowest = nib_wide_round(NIB_ROUNDING_TRN, span[i].low, shift);
        const nib_wide highest = nib_wide_round(NIB_ROUNDING_TRN, span[i].high, shift);
        if (nib_wide_width(lowest) > NIB_FIXED_MAX_ACCUM || nib_wide_width(highest) > NIB_FIXED_MAX_ACCUM)
            return nib_fail(
                err, NIB_ERR_CONFIG,
                "%s: at the finest step of its features, 2^%d, feature %lld has more than %d bits",
                node->name, -fraction, (long long)i, NIB_FIXED_MAX_ACCUM);
        low[i] = (int64_t)lowest;
        high[i] = (int64_t)highest;
    }
    *interval = (nib_fix_interval){fraction, low, high};
    return NIB_OK;
}

nib_status nib_fixnet_interval(const nib_fixnet *net, int index, const nib_fix_interval *before,
                               nib_arena *arena, nib_fix_interval *interval, nib_error *err)
{
    const nib_fix_node *node = &net->node[index];
    walk w = {.node = node, .x = node->n_inputs ? &net->node[node->input[0]] : NULL};
    for (int i = 0; i < node->n_inputs; ++i)
        w.in[i] = &before[node->input[i]];
    nib_fix_span *span = NIB_NEW(arena, nib_fix_span, node->features);
    if (!span)
        return nib_fail_memory(err, "intervals");
    NIB_TRY(fill_columns(&w, arena, err));
    const bool each = node->type.count > node->features || node->kind == NIB_FIX_RESHAPE;
    const int64_t elements = each ? node->positions * node->features : node->features;
    for (int64_t i = 0; i < elements; ++i) {
        const nib_fixed type = nib_fix_type_at(&node->type, i);
        const nib_fix_span own =
            node->kind == NIB_FIX_CONCAT ? concat_span(net, &w, i, &type) : element_span(&w, i, &type);
        nib_fix_span *hull = &span[i % node->features];
        *hull = i < node->features ? own : nib_fix_span_join(*hull, own);
    }
    return settle(node, span, arena, interval, err);
}

nib_status nib_fixnet_intervals(const nib_fixnet *net, nib_arena *arena, nib_fix_interval **intervals,
                                nib_error *err)
{
    *intervals = NIB_NEW(arena, nib_fix_interval, net->n_nodes);
    if (!*intervals)
        return nib_fail_memory(err, "intervals");
    for (int i = 0; i < net->n_nodes; ++i)
        NIB_TRY(nib_fixnet_interval(net, i, *intervals, arena, &(*intervals)[i], err));
    return NIB_OK;
}
