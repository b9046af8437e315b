#include "tests/quant/random_net.h"

#include <math.h>
#include <string.h>

uint64_t random_bits(random_source *source)
{
    source->state += 0x9E3779B97F4A7C15u;
    uint64_t z = source->state;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
}

int64_t random_between(random_source *source, int64_t low, int64_t high)
{
    return low + (int64_t)(random_bits(source) % (uint64_t)(high - low + 1));
}

static bool one_in(random_source *source, int n)
{
    return random_between(source, 1, n) == 1;
}

/* Mostly narrow, so that several layers fit; sometimes wide. */
static nib_fixed some_type(random_source *source, int least, int most)
{
    const int usual = one_in(source, 8) ? most : most < 10 ? most : 10;
    const int bits = (int)random_between(source, least, usual);
    return (nib_fixed){.bits = bits,
                       .integer = (int)random_between(source, -3, bits < 8 ? bits + 2 : 8),
                       .is_signed = !one_in(source, 3),
                       .rounding = (nib_rounding)random_between(source, 0, NIB_ROUNDING_COUNT - 1),
                       .overflow = (nib_overflow)random_between(source, 0, NIB_OVERFLOW_COUNT - 1)};
}

/* One type, or one for each column, or one for each element; some removed. */
static nib_fix_types some_types(random_source *source, nib_arena *arena, int64_t columns, int64_t elements,
                                int most)
{
    const int64_t count = one_in(source, 2) ? 1 : one_in(source, 3) ? elements : columns;
    const nib_fixed first = some_type(source, 1, most);
    nib_fixed *type = NIB_NEW(arena, nib_fixed, count);
    for (int64_t i = 0; i < count; ++i) {
        type[i] = first;
        if (count == 1)
            continue;
        const int bits = first.bits + (int)random_between(source, -2, 2);
        type[i].bits = bits < 1 ? 1 : bits > most ? most : bits;
        type[i].integer += (int)random_between(source, -1, 1);
        if (one_in(source, 6))
            type[i] = (nib_fixed){0};
    }
    nib_fix_types types = nib_fix_types_each(arena, type, count);
    types.rounding = first.rounding;
    types.overflow = first.overflow;
    return types;
}

static nib_fix_array some_array(random_source *source, nib_arena *arena, int64_t rows, int64_t cols, int most)
{
    nib_fix_array array = {rows, cols, NULL, some_types(source, arena, cols, rows * cols, most)};
    int64_t *code = NIB_NEW(arena, int64_t, rows * cols);
    for (int64_t i = 0; i < rows * cols; ++i) {
        const nib_fixed type = nib_fix_type_at(&array.type, i);
        if (type.bits && !one_in(source, 5))
            code[i] = random_between(source, nib_fixed_lowest(&type), nib_fixed_highest(&type));
    }
    array.code = code;
    return array;
}

/* ---- Nodes ---- */

typedef struct maker {
    random_source *source;
    nib_arena *arena;
    nib_fixnet *net;
    nib_fix_interval *interval;
    bool failed;
} maker;

static nib_fix_node *add_node(maker *m, nib_fix_kind kind, const nib_fix_node *x, int64_t positions,
                              int64_t features)
{
    const int index = m->net->n_nodes++;
    nib_fix_node *node = &m->net->node[index];
    node->kind = kind;
    node->name = nib_arena_printf(m->arena, "%s_%d", nib_fix_kind_name(kind), index);
    node->layer = nib_arena_printf(m->arena, "layer%d", index / 2);
    node->positions = positions;
    node->features = features;
    node->type = some_types(m->source, m->arena, features, positions * features, 40);
    if (x) {
        node->n_inputs = 1;
        node->input[0] = (int)(x - m->net->node);
    }
    return node;
}

static void fill_dense(maker *m, nib_fix_node *node, const nib_fix_node *x)
{
    random_source *source = m->source;
    nib_fix_dense *dense = &node->as.dense;
    dense->kernel = some_array(source, m->arena, x->features, node->features, one_in(source, 6) ? 20 : 8);
    if (!one_in(source, 4))
        dense->bias = some_array(source, m->arena, 1, node->features, one_in(source, 10) ? 40 : 10);
    dense->reuse = one_in(source, 2) ? 1 : random_between(source, 1, 2 * x->features);
    dense->order = (nib_fix_order)random_between(source, 0, NIB_FIX_ORDER_COUNT - 1);
    const nib_fix_interval *in = &m->interval[node->input[0]];
    nib_fixed own;
    if (nib_fix_dense_accum(dense, in, &own, NULL) == NIB_OK && !one_in(source, 3)) {
        dense->accum = own;
        dense->proven = true;
        if (one_in(source, 3) && own.bits < 60) { /* room, and modes that nobody can tell from others */
            const nib_fixed modes = some_type(source, 1, 8);
            dense->accum.bits += 3;
            dense->accum.integer += 1;
            dense->accum.rounding = modes.rounding;
            dense->accum.overflow = modes.overflow;
        }
        if (one_in(source, 3)) { /* full width behind it */
            node->type = nib_fix_types_of(m->arena, &dense->accum);
        }
    } else {
        dense->accum = some_type(source, 2, 30);
    }
}

static void fill_table(maker *m, nib_fix_node *node, const nib_fix_node *x)
{
    nib_fix_table *table = &node->as.table;
    const nib_fixed type = some_type(m->source, 1, 30);
    node->type = nib_fix_types_of(m->arena, &type);
    table->function = "noise";
    table->size = (int64_t)1 << x->type.bits[0];
    int64_t *code = NIB_NEW(m->arena, int64_t, table->size);
    for (int64_t i = 0; i < table->size; ++i)
        code[i] = random_between(m->source, nib_fixed_lowest(&type), nib_fixed_highest(&type));
    table->code = code;
}

static int64_t some_size(random_source *source, int bits)
{
    return (int64_t)1 << random_between(source, 1, bits < 8 ? bits : 8);
}

static void fill_softmax(maker *m, nib_fix_node *node, const nib_fix_node *x)
{
    random_source *source = m->source;
    nib_fix_softmax *softmax = &node->as.softmax;
    softmax->kind = (nib_fix_softmax_kind)random_between(source, 0, NIB_FIX_SOFTMAX_KIND_COUNT - 1);
    softmax->inp_norm = some_type(source, 2, 18);
    softmax->exp_table = some_type(source, 2, 18);
    softmax->inv_inp = some_type(source, 2, 18);
    softmax->inv_table = some_type(source, 2, 18);
    softmax->accum = some_type(source, 2, 20);
    const bool latency = softmax->kind == NIB_FIX_SOFTMAX_LATENCY;
    softmax->exp_size = some_size(source, latency ? x->type.bits[0] : softmax->inp_norm.bits);
    softmax->inv_size = some_size(source, softmax->inv_inp.bits);
}

static void fill_pool(maker *m, nib_fix_node *node, const nib_fix_node *x)
{
    random_source *source = m->source;
    nib_fix_pool *pool = &node->as.pool;
    pool->kind = (nib_fix_pool_kind)random_between(source, 0, NIB_FIX_POOL_KIND_COUNT - 1);
    const int finer = pool->kind == NIB_FIX_POOL_MEAN ? (int)random_between(source, 0, 5) : 0;
    pool->accum = some_type(source, 3, 30);
    nib_fixed own;
    if (!one_in(source, 3) && nib_fix_pool_accum(pool, x->positions, x->features,
                                                 &m->interval[node->input[0]], finer, &own, NULL) == NIB_OK) {
        pool->accum = own;
        pool->proven = true;
    }
}

/* A node on top of `x`, the node before the last one or another of the same shape. */
static void grow(maker *m, const nib_fix_node *x)
{
    random_source *source = m->source;
    const int64_t n = x->positions * x->features;
    const bool table_type = x->type.count == 1 && x->type.bits[0] >= 1 && x->type.bits[0] <= 12;
    nib_fix_node *node;
    switch (random_between(source, 0, 11)) {
    case 0:
        add_node(m, NIB_FIX_CAST, x, x->positions, x->features);
        return;
    case 1:
    case 2:
    case 3:
        node = add_node(m, NIB_FIX_DENSE, x, x->positions, random_between(source, 1, 40));
        fill_dense(m, node, x);
        return;
    case 4:
        node = add_node(m, NIB_FIX_ADD, x, x->positions, x->features);
        node->input[node->n_inputs++] = node->input[0];
        if (m->net->node[0].positions == x->positions && m->net->node[0].features == x->features)
            node->input[node->n_inputs++] = 0;
        return;
    case 5:
        node = add_node(m, NIB_FIX_CONCAT, x, x->positions,
                        x->features + (x->positions == m->net->node[0].positions ? m->net->node[0].features
                                                                                 : x->features));
        node->input[node->n_inputs++] = x->positions == m->net->node[0].positions ? 0 : node->input[0];
        return;
    case 6:
        add_node(m, NIB_FIX_RELU, x, x->positions, x->features);
        return;
    case 7:
        node = add_node(m, NIB_FIX_LEAKY_RELU, x, x->positions, x->features);
        node->as.leaky_shift = (int)random_between(source, 0, 5);
        return;
    case 8:
        if (!table_type)
            return;
        node = add_node(m, one_in(source, 2) ? NIB_FIX_TABLE : NIB_FIX_SOFTMAX, x, x->positions, x->features);
        if (node->kind == NIB_FIX_TABLE)
            fill_table(m, node, x);
        else
            fill_softmax(m, node, x);
        return;
    case 9:
        node = add_node(m, NIB_FIX_POOL, x, 1, x->features);
        fill_pool(m, node, x);
        return;
    case 10:
        node = add_node(m, NIB_FIX_SCALE, x, x->positions, x->features);
        node->as.scale.scale = some_array(source, m->arena, 1, x->features, 12);
        node->as.scale.shift = some_array(source, m->arena, 1, x->features, 12);
        return;
    default:
        node = add_node(m, NIB_FIX_RESHAPE, x, one_in(source, 2) ? 1 : n, 1);
        node->features = n / node->positions;
        nib_fixed *type = NIB_NEW(m->arena, nib_fixed, n);
        for (int64_t i = 0; i < n; ++i)
            type[i] = nib_fix_type_at(&x->type, i);
        node->type = x->type.count == 1 ? x->type : nib_fix_types_each(m->arena, type, n);
        node->type.rounding = x->type.rounding;
        node->type.overflow = x->type.overflow;
        return;
    }
}

static const nib_fixnet *attempt(random_source *source, nib_arena *arena)
{
    enum { MOST = 16 };
    nib_fixnet *net = NIB_NEW(arena, nib_fixnet, 1);
    *net =
        (nib_fixnet){.node = NIB_NEW(arena, nib_fix_node, MOST), .output = NIB_NEW(arena, nib_fix_output, 2)};
    maker m = {source, arena, net, NIB_NEW(arena, nib_fix_interval, MOST), false};
    const int64_t positions = one_in(source, 2) ? 1 : random_between(source, 2, 6);
    net->n_inputs = one_in(source, 4) ? 2 : 1;
    for (int i = 0; i < net->n_inputs; ++i)
        add_node(&m, NIB_FIX_INPUT, NULL, i ? 1 : positions, random_between(source, 1, 20));
    for (int i = 0; i < net->n_inputs; ++i)
        if (nib_fixnet_interval(net, i, m.interval, arena, &m.interval[i], NULL) != NIB_OK)
            return NULL;
    const int wanted = (int)random_between(source, 2, 10);
    while (net->n_nodes < wanted + 1) {
        const int before = net->n_nodes;
        grow(&m, &net->node[one_in(source, 5) ? random_between(source, 0, before - 1) : before - 1]);
        for (int i = before; i < net->n_nodes; ++i)
            if (nib_fixnet_interval(net, i, m.interval, arena, &m.interval[i], NULL) != NIB_OK)
                return NULL;
    }
    net->n_outputs = 1 + one_in(source, 3);
    net->output[0] = (nib_fix_output){"y", net->n_nodes - 1};
    net->output[1] = (nib_fix_output){"z", (int)random_between(source, 0, net->n_nodes - 1)};
    return nib_fixnet_check(net, NULL) == NIB_OK ? net : NULL;
}

const nib_fixnet *random_net(random_source *source, nib_arena *arena)
{
    for (;;) {
        const nib_fixnet *net = attempt(source, arena);
        if (net)
            return net;
    }
}

float *random_rows(random_source *source, nib_arena *arena, const nib_fix_node *input, int64_t rows)
{
    const int64_t width = input->positions * input->features;
    float *x = NIB_NEW(arena, float, rows *width);
    for (int64_t i = 0; i < rows * width; ++i) {
        const nib_fixed type = nib_fix_type_at(&input->type, i % width);
        const float u = (float)random_between(source, -1200000, 1200000) * 1e-6f;
        const int top = type.integer - (type.is_signed ? 1 : 0);
        x[i] = ldexpf(u, top);
        if (one_in(source, 4)) /* halves and quarters of a step */
            x[i] = ldexpf((float)random_between(source, -600, 600), -nib_fixed_fraction(&type) - 2);
        if (one_in(source, 50))
            x[i] = ldexpf(u, top + 30);
        if (one_in(source, 200))
            x[i] = one_in(source, 2) ? NAN : one_in(source, 2) ? INFINITY : -INFINITY;
        if (fabsf(x[i]) < 1e-30f)
            x[i] = 0.0f;
    }
    return x;
}
