#include <assert.h>
#include <string.h>

#include "quant/fixnet_internal.h"

/* What the checks of a node need. */
typedef struct place {
    const nib_fixnet *net;
    int index;
    const nib_fix_node *node;
    const nib_fix_node *x; /* first input, or NULL */
    nib_error *err;
} place;

#define FAIL(p, ...) fail_at(p, __VA_ARGS__)

static nib_status fail_at(const place *p, const char *format, ...) NIB_PRINTF(2, 3);

static nib_status fail_at(const place *p, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    const nib_status status = nib_fail_v(p->err, NIB_ERR_INPUT, format, args);
    va_end(args);
    nib_error_prefix(p->err, "fixnet: node %s", p->node->name);
    return status;
}

/* ---- Names ---- */

/* They become names of HDF5 groups and parts of messages. */
static bool name_is_usable(const char *name)
{
    if (!name || !*name || strlen(name) >= NIB_FIX_NAME_BYTES || name[0] == '.')
        return false;
    for (const char *c = name; *c; ++c)
        if ((unsigned char)*c <= ' ' || *c == '/' || *c == 127)
            return false;
    return true;
}

static nib_status check_names(const nib_fixnet *net, nib_error *err)
{
    for (int i = 0; i < net->n_nodes; ++i) {
        const nib_fix_node *node = &net->node[i];
        if (!name_is_usable(node->name) || !name_is_usable(node->layer))
            return nib_fail(
                err, NIB_ERR_INPUT,
                "fixnet: node %d: the names of a node and of its layer have 1 to %d characters, no "
                "blank, no '/' and no '.' in front",
                i, NIB_FIX_NAME_BYTES - 1);
        if (nib_fixnet_find(net, node->name) != i)
            return nib_fail(err, NIB_ERR_INPUT, "fixnet: two nodes are called %s", node->name);
    }
    return NIB_OK;
}

/* ---- Types ---- */

static nib_status check_modes(const place *p, const char *what, nib_rounding rounding, nib_overflow overflow)
{
    if ((unsigned)rounding >= NIB_ROUNDING_COUNT || (unsigned)overflow >= NIB_OVERFLOW_COUNT)
        return FAIL(p, "%s: no such rounding (%d) or overflow mode (%d)", what, (int)rounding, (int)overflow);
    return NIB_OK;
}

static nib_status check_type(const place *p, const char *what, const nib_fixed *type, int max_bits)
{
    NIB_TRY(check_modes(p, what, type->rounding, type->overflow));
    const nib_status status = nib_fixed_check(type, max_bits, p->err);
    if (status == NIB_OK)
        return NIB_OK;
    nib_error_prefix(p->err, "fixnet: node %s: %s", p->node->name, what);
    if (p->err)
        p->err->code = NIB_ERR_INPUT;
    return NIB_ERR_INPUT;
}

static nib_status check_types(const place *p, const char *what, const nib_fix_types *types, int64_t columns,
                              int64_t elements, int max_bits)
{
    NIB_TRY(check_modes(p, what, types->rounding, types->overflow));
    if (types->count != 1 && types->count != columns && types->count != elements)
        return FAIL(p, "%s: %lld types; 1, %lld or %lld are possible", what, (long long)types->count,
                    (long long)columns, (long long)elements);
    for (int64_t i = 0; i < types->count; ++i) {
        const nib_fixed type = nib_fix_type_at(types, i);
        if (type.bits != 0)
            NIB_TRY(check_type(p, what, &type, max_bits));
    }
    return NIB_OK;
}

static nib_status check_codes(const place *p, const char *what, const int64_t *code, int64_t n,
                              const nib_fix_types *types)
{
    for (int64_t i = 0; i < n; ++i) {
        const nib_fixed type = nib_fix_type_at(types, i);
        const int64_t low = type.bits ? nib_fixed_lowest(&type) : 0;
        const int64_t high = type.bits ? nib_fixed_highest(&type) : 0;
        if (code[i] < low || code[i] > high)
            return FAIL(p, "%s: code %lld at %lld is not within %lld to %lld", what, (long long)code[i],
                        (long long)i, (long long)low, (long long)high);
    }
    return NIB_OK;
}

static nib_status check_array(const place *p, const char *what, const nib_fix_array *array, int64_t rows,
                              int64_t cols, int max_bits)
{
    if (array->rows != rows || array->cols != cols)
        return FAIL(p, "%s has the shape %lld x %lld, not %lld x %lld", what, (long long)array->rows,
                    (long long)array->cols, (long long)rows, (long long)cols);
    NIB_TRY(check_types(p, what, &array->type, cols, rows * cols, max_bits));
    return check_codes(p, what, array->code, rows * cols, &array->type);
}

/* ---- Kinds ---- */

static nib_status check_same_shape(const place *p)
{
    for (int i = 0; i < p->node->n_inputs; ++i) {
        const nib_fix_node *x = &p->net->node[p->node->input[i]];
        if (x->positions != p->node->positions || x->features != p->node->features)
            return FAIL(p, "%lld x %lld positions and features, its input %s has %lld x %lld",
                        (long long)p->node->positions, (long long)p->node->features, x->name,
                        (long long)x->positions, (long long)x->features);
    }
    return NIB_OK;
}

static nib_status check_positions(const place *p)
{
    for (int i = 0; i < p->node->n_inputs; ++i)
        if (p->net->node[p->node->input[i]].positions != p->node->positions)
            return FAIL(p, "%lld positions, its input %s has %lld", (long long)p->node->positions,
                        p->net->node[p->node->input[i]].name,
                        (long long)p->net->node[p->node->input[i]].positions);
    return NIB_OK;
}

static nib_status check_dense(const place *p)
{
    const nib_fix_dense *dense = &p->node->as.dense;
    NIB_TRY(check_positions(p));
    if (p->x->features > NIB_FIX_MAX_KERNEL / p->node->features)
        return FAIL(p, "%lld x %lld weights; %d are possible", (long long)p->x->features,
                    (long long)p->node->features, NIB_FIX_MAX_KERNEL);
    NIB_TRY(check_array(p, "kernel", &dense->kernel, p->x->features, p->node->features, NIB_FIXED_MAX_BITS));
    if (dense->bias.rows != 0)
        NIB_TRY(check_array(p, "bias", &dense->bias, 1, p->node->features, NIB_FIXED_MAX_ACCUM));
    NIB_TRY(check_type(p, "accum", &dense->accum, NIB_FIXED_MAX_ACCUM));
    if (dense->reuse < 1 || dense->reuse > NIB_FIX_MAX_KERNEL)
        return FAIL(p, "a reuse factor of %lld: 1 to %d are possible", (long long)dense->reuse,
                    NIB_FIX_MAX_KERNEL);
    if ((unsigned)dense->order >= NIB_FIX_ORDER_COUNT)
        return FAIL(p, "no such order of additions (%d)", (int)dense->order);
    return NIB_OK;
}

static int finest(int a, int b)
{
    return a > b ? a : b;
}

static nib_status check_width(const place *p, int width)
{
    if (width > NIB_WIDE_BITS)
        return FAIL(p, "its exact numbers need %d bits; %d are possible", width, NIB_WIDE_BITS);
    return NIB_OK;
}

static nib_status check_add(const place *p)
{
    NIB_TRY(check_same_shape(p));
    int fraction = nib_fix_types_fraction(&p->x->type), width = 0;
    for (int i = 1; i < p->node->n_inputs; ++i)
        fraction = finest(fraction, nib_fix_types_fraction(&p->net->node[p->node->input[i]].type));
    for (int i = 0; i < p->node->n_inputs; ++i)
        width = finest(width, nib_fix_types_width(&p->net->node[p->node->input[i]].type, fraction));
    return check_width(p, width + 3); /* eight inputs */
}

static nib_status check_concat(const place *p)
{
    NIB_TRY(check_positions(p));
    int64_t features = 0;
    for (int i = 0; i < p->node->n_inputs; ++i)
        features += p->net->node[p->node->input[i]].features;
    if (features != p->node->features)
        return FAIL(p, "%lld features; its inputs have %lld together", (long long)p->node->features,
                    (long long)features);
    return NIB_OK;
}

static nib_status check_leaky_relu(const place *p)
{
    NIB_TRY(check_same_shape(p));
    if (p->node->as.leaky_shift < 0 || p->node->as.leaky_shift > NIB_FIXED_MAX_BITS)
        return FAIL(p, "a slope of 2^-%d: 2^0 to 2^-%d are possible", p->node->as.leaky_shift,
                    NIB_FIXED_MAX_BITS);
    return NIB_OK;
}

static nib_status check_single(const place *p, const char *what, const nib_fix_node *node, int max_bits)
{
    if (node->type.count != 1 || node->type.bits[0] < 1 || node->type.bits[0] > max_bits)
        return FAIL(p, "its %s must have one type for all, of 1 to %d bits", what, max_bits);
    return NIB_OK;
}

static nib_status check_table(const place *p)
{
    const nib_fix_table *table = &p->node->as.table;
    NIB_TRY(check_same_shape(p));
    NIB_TRY(check_single(p, "input", p->x, NIB_FIX_MAX_TABLE_BITS));
    NIB_TRY(check_single(p, "output", p->node, NIB_FIXED_MAX_ACCUM));
    if (!name_is_usable(table->function))
        return FAIL(p, "the name of a table's function has 1 to %d characters and no blank",
                    NIB_FIX_NAME_BYTES - 1);
    if (table->size != (int64_t)1 << p->x->type.bits[0])
        return FAIL(p, "%lld entries for an index of %d bits", (long long)table->size, p->x->type.bits[0]);
    if (table->size > NIB_FIX_MAX_KERNEL / p->node->features)
        return FAIL(p, "%lld entries for %lld features: their product may be %d", (long long)table->size,
                    (long long)p->node->features, NIB_FIX_MAX_KERNEL);
    return check_codes(p, "table", table->code, table->size, &p->node->type);
}

static nib_status check_size(const place *p, const char *what, int64_t size, int bits)
{
    const int64_t limit = (int64_t)1 << (bits < NIB_FIX_MAX_TABLE_BITS ? bits : NIB_FIX_MAX_TABLE_BITS);
    if (size < 2 || size > limit || (size & (size - 1)) != 0)
        return FAIL(p, "%s %lld: a power of two from 2 to %lld is possible with an index of %d bits", what,
                    (long long)size, (long long)limit, bits);
    return NIB_OK;
}

static nib_status check_softmax(const place *p)
{
    const nib_fix_softmax *softmax = &p->node->as.softmax;
    NIB_TRY(check_same_shape(p));
    if ((unsigned)softmax->kind >= NIB_FIX_SOFTMAX_KIND_COUNT)
        return FAIL(p, "no such softmax (%d)", (int)softmax->kind);
    NIB_TRY(check_single(p, "input", p->x, NIB_FIXED_MAX_ACCUM));
    if (softmax->kind == NIB_FIX_SOFTMAX_ARGMAX)
        return NIB_OK;
    const bool stable = softmax->kind == NIB_FIX_SOFTMAX_STABLE;
    if (stable)
        NIB_TRY(check_type(p, "inp_norm", &softmax->inp_norm, NIB_FIXED_MAX_ACCUM));
    NIB_TRY(check_type(p, "exp_table", &softmax->exp_table, NIB_FIXED_MAX_BITS));
    NIB_TRY(check_type(p, "inv_inp", &softmax->inv_inp, NIB_FIXED_MAX_ACCUM));
    NIB_TRY(check_type(p, "inv_table", &softmax->inv_table, NIB_FIXED_MAX_BITS));
    NIB_TRY(check_type(p, "accum", &softmax->accum, NIB_FIXED_MAX_ACCUM));
    NIB_TRY(
        check_size(p, "exp_size", softmax->exp_size, stable ? softmax->inp_norm.bits : p->x->type.bits[0]));
    return check_size(p, "inv_size", softmax->inv_size, softmax->inv_inp.bits);
}

static nib_status check_pool(const place *p)
{
    const nib_fix_pool *pool = &p->node->as.pool;
    if (p->node->positions != 1 || p->node->features != p->x->features)
        return FAIL(p, "a pool gives 1 x %lld positions and features, not %lld x %lld",
                    (long long)p->x->features, (long long)p->node->positions, (long long)p->node->features);
    if ((unsigned)pool->kind >= NIB_FIX_POOL_KIND_COUNT)
        return FAIL(p, "no such pool (%d)", (int)pool->kind);
    NIB_TRY(check_type(p, "accum", &pool->accum, NIB_FIXED_MAX_ACCUM));
    const int own = nib_fixed_fraction(&pool->accum);
    const int fraction = finest(own, nib_fix_types_fraction(&p->x->type));
    return check_width(
        p, 1 + finest(pool->accum.bits + fraction - own, nib_fix_types_width(&p->x->type, fraction)));
}

static nib_status check_scale(const place *p)
{
    const nib_fix_scale *scale = &p->node->as.scale;
    NIB_TRY(check_same_shape(p));
    NIB_TRY(check_array(p, "scale", &scale->scale, 1, p->node->features, NIB_FIXED_MAX_BITS));
    NIB_TRY(check_array(p, "shift", &scale->shift, 1, p->node->features, NIB_FIXED_MAX_ACCUM));
    const int product = nib_fix_types_fraction(&p->x->type) + nib_fix_types_fraction(&scale->scale.type);
    const int fraction = finest(product, nib_fix_types_fraction(&scale->shift.type));
    const int product_width =
        nib_fix_types_width(&p->x->type, nib_fix_types_fraction(&p->x->type)) +
        nib_fix_types_width(&scale->scale.type, nib_fix_types_fraction(&scale->scale.type));
    return check_width(
        p, 1 + finest(product_width + fraction - product, nib_fix_types_width(&scale->shift.type, fraction)));
}

static nib_status check_reshape(const place *p)
{
    const int64_t n = p->node->positions * p->node->features;
    if (n != p->x->positions * p->x->features)
        return FAIL(p, "%lld elements, its input has %lld", (long long)n,
                    (long long)(p->x->positions * p->x->features));
    for (int64_t i = 0; i < n; ++i) {
        const nib_fixed a = nib_fix_type_at(&p->node->type, i), b = nib_fix_type_at(&p->x->type, i);
        const bool same =
            a.bits == b.bits && (a.bits == 0 || (a.integer == b.integer && a.is_signed == b.is_signed));
        if (!same)
            return FAIL(p, "element %lld has another type than in its input %s", (long long)i, p->x->name);
    }
    return NIB_OK;
}

static nib_status check_kind(const place *p)
{
    switch (p->node->kind) {
    case NIB_FIX_INPUT:
        return NIB_OK;
    case NIB_FIX_CAST:
    case NIB_FIX_RELU:
        return check_same_shape(p);
    case NIB_FIX_DENSE:
        return check_dense(p);
    case NIB_FIX_ADD:
        return check_add(p);
    case NIB_FIX_CONCAT:
        return check_concat(p);
    case NIB_FIX_LEAKY_RELU:
        return check_leaky_relu(p);
    case NIB_FIX_TABLE:
        return check_table(p);
    case NIB_FIX_SOFTMAX:
        return check_softmax(p);
    case NIB_FIX_POOL:
        return check_pool(p);
    case NIB_FIX_SCALE:
        return check_scale(p);
    case NIB_FIX_RESHAPE:
        return check_reshape(p);
    case NIB_FIX_KIND_COUNT:
        break;
    }
    return FAIL(p, "no such kind (%d)", (int)p->node->kind);
}

/* ---- The whole ---- */

static nib_status check_inputs(const place *p)
{
    const nib_fix_node *node = p->node;
    const bool many = node->kind == NIB_FIX_ADD || node->kind == NIB_FIX_CONCAT;
    const int least = node->kind == NIB_FIX_INPUT ? 0 : many ? 2 : 1;
    const int most = node->kind == NIB_FIX_INPUT ? 0 : many ? NIB_FIX_MAX_INPUTS : 1;
    if (node->n_inputs < least || node->n_inputs > most)
        return FAIL(p, "%d inputs; %d to %d are possible", node->n_inputs, least, most);
    for (int i = 0; i < node->n_inputs; ++i)
        if (node->input[i] < 0 || node->input[i] >= p->index)
            return FAIL(p, "input %d is not a node before it", i);
    return NIB_OK;
}

static nib_status check_node(const nib_fixnet *net, int index, nib_error *err)
{
    const nib_fix_node *node = &net->node[index];
    place p = {.net = net, .index = index, .node = node, .err = err};
    if ((unsigned)node->kind >= NIB_FIX_KIND_COUNT)
        return FAIL(&p, "no such kind (%d)", (int)node->kind);
    if ((node->kind == NIB_FIX_INPUT) != (index < net->n_inputs))
        return FAIL(&p, "the inputs, and no other nodes, come first; the net has %d", net->n_inputs);
    NIB_TRY(check_inputs(&p));
    if (node->positions < 1 || node->features < 1 || node->features > NIB_FIX_MAX_ELEMENTS ||
        node->positions > NIB_FIX_MAX_ELEMENTS / node->features)
        return FAIL(&p, "%lld x %lld positions and features: at least 1 each and %d elements are possible",
                    (long long)node->positions, (long long)node->features, NIB_FIX_MAX_ELEMENTS);
    NIB_TRY(check_types(&p, "type", &node->type, node->features, node->positions * node->features,
                        NIB_FIXED_MAX_ACCUM));
    p.x = node->n_inputs ? &net->node[node->input[0]] : NULL;
    return check_kind(&p);
}

static nib_status check_outputs(const nib_fixnet *net, nib_error *err)
{
    for (int i = 0; i < net->n_outputs; ++i) {
        const nib_fix_output *output = &net->output[i];
        if (!name_is_usable(output->target))
            return nib_fail(err, NIB_ERR_INPUT, "fixnet: output %d: its target has no usable name", i);
        if (output->node < 0 || output->node >= net->n_nodes)
            return nib_fail(err, NIB_ERR_INPUT, "fixnet: output %s is node %d of %d", output->target,
                            output->node, net->n_nodes);
        for (int k = 0; k < i; ++k)
            if (strcmp(net->output[k].target, output->target) == 0)
                return nib_fail(err, NIB_ERR_INPUT, "fixnet: two outputs are called %s", output->target);
    }
    return NIB_OK;
}

/* Accumulators that claim to hold everything do; and all intervals fit into 63 bits. */
static nib_status check_proven(const nib_fixnet *net, nib_arena *arena, nib_error *err)
{
    nib_fix_interval *interval;
    nib_status status = nib_fixnet_intervals(net, arena, &interval, err);
    if (status == NIB_ERR_CONFIG) {
        nib_error_prefix(err, "fixnet");
        if (err)
            err->code = NIB_ERR_INPUT;
        return NIB_ERR_INPUT;
    }
    NIB_TRY(status);
    for (int i = 0; i < net->n_nodes; ++i) {
        const nib_fix_node *node = &net->node[i];
        const nib_fix_interval *x = node->n_inputs ? &interval[node->input[0]] : NULL;
        bool fits = true;
        if (node->kind == NIB_FIX_DENSE && node->as.dense.proven)
            fits = nib_fix_dense_is_proven(&node->as.dense, x);
        if (node->kind == NIB_FIX_POOL && node->as.pool.proven)
            fits = nib_fix_pool_is_proven(&node->as.pool, net->node[node->input[0]].positions, node->features,
                                          x);
        if (!fits)
            return nib_fail(err, NIB_ERR_INPUT,
                            "fixnet: node %s: its accumulator is called proven but does not hold every sum",
                            node->name);
    }
    return NIB_OK;
}

nib_status nib_fixnet_check(const nib_fixnet *net, nib_error *err)
{
    if (net->n_nodes < 1 || net->n_nodes > NIB_FIX_MAX_NODES || net->n_inputs < 1 ||
        net->n_inputs > net->n_nodes || net->n_outputs < 1 || net->n_outputs > NIB_FIX_MAX_NODES)
        return nib_fail(
            err, NIB_ERR_INPUT,
            "fixnet: %d nodes, %d inputs, %d outputs: 1 to %d nodes and at least one input and one "
            "output are possible",
            net->n_nodes, net->n_inputs, net->n_outputs, NIB_FIX_MAX_NODES);
    NIB_TRY(check_names(net, err));
    for (int i = 0; i < net->n_nodes; ++i)
        NIB_TRY(check_node(net, i, err));
    NIB_TRY(check_outputs(net, err));
    nib_arena *arena = nib_arena_create();
    if (!arena)
        return nib_fail_memory(err, "the intervals of a fixnet");
    const nib_status status = check_proven(net, arena, err);
    nib_arena_destroy(arena);
    return status;
}
