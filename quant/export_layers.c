/* What hls4ml's layers are for each kind of node: one row in the table at the end. */
#include <math.h>
#include <string.h>

#include "quant/export_graph.h"

/* What a row works with. */
typedef struct context {
    const nib_export *export;
    nib_keras_graph *graph;
    const nib_fix_node *node;
    int index; /* of the node */
    nib_error *err;
} context;

/* ---- Names ---- */

/* hls4ml finds weights by these words anywhere in a path. */
static const char *const forbidden[] = {"kernel", "bias",     "gamma",         "beta", "moving",
                                        "bits",   "integers", "keep_negative", "table"};

static bool is_clean(const char *name)
{
    for (size_t i = 0; i < sizeof forbidden / sizeof *forbidden; i++)
        if (strstr(name, forbidden[i]))
            return false;
    return true;
}

/* The node's name, or one made of its kind where hls4ml would take it for something else. */
static const char *name_of(const context *c)
{
    if (is_clean(c->node->name))
        return c->node->name;
    const char *end = c->node->kind == NIB_FIX_TABLE ? "lut" : "op";
    const char *name = is_clean(c->node->layer)
                           ? nib_arena_printf(c->graph->arena, "%s_%s", c->node->layer, end)
                           : nib_arena_printf(c->graph->arena, "%s%d", end, c->index);
    return name ? name : end;
}

/* ---- Casts ---- */

static nib_status out_of_memory(const context *c)
{
    return nib_fail_memory(c->err, "export");
}

static nib_status trust(const context *c, nib_keras_layer *layer)
{
    const nib_fixed type = nib_fix_type_at(&c->node->type, 0);
    if (!nib_doc_add_text(c->graph->arena, nib_keras_settings(c->graph, layer), "Trusted", "true"))
        return out_of_memory(c);
    return nib_keras_precision(c->graph, layer, "result", &type, c->err);
}

/* The overflow that hls4ml shall have: it narrows quantizers that cannot overflow, and is off by one code at
 * the lower end of SAT_SYM then; SAT is the same where nothing overflows (nib_export_choose_route saw to it).
 */
static const char *fpq_overflow(const nib_fix_types *types)
{
    return nib_overflow_name(types->overflow == NIB_OVERFLOW_SAT_SYM ? NIB_OVERFLOW_SAT : types->overflow);
}

static double *type_numbers(const context *c, int what)
{
    const nib_fix_types *types = &c->node->type;
    double *value = NIB_NEW(c->graph->arena, double, types->count);
    for (int64_t i = 0; value && i < types->count; i++) {
        const bool removed = types->bits[i] == 0;
        value[i] = removed     ? 0
                   : what == 0 ? types->is_signed[i]
                   : what == 1 ? types->bits[i]
                               : types->integer[i];
    }
    return value;
}

static nib_status add_quantizer(const context *c, int input, int *layer)
{
    static const char *const vars[] = {"keep_negative", "bits", "integers"};
    const nib_fix_types *types = &c->node->type;
    nib_keras_layer *q =
        nib_keras_graph_add(c->graph, "FixedPointQuantizer", 1, &input, "%s_cast", name_of(c));
    if (!q)
        return out_of_memory(c);
    cJSON_AddStringToObject(q->config, "RND", nib_rounding_name(types->rounding));
    cJSON_AddStringToObject(q->config, "SAT", fpq_overflow(types));
    cJSON_AddBoolToObject(q->config, "fusible", types->count == 1);
    cJSON_AddObjectToObject(q->config, "overrides");
    for (int i = 0; i < 3; i++) {
        nib_keras_weight *w = &q->weight[q->n_weights++];
        *w = (nib_keras_weight){.var = vars[i], .value = type_numbers(c, i)};
        if (!w->value)
            return out_of_memory(c);
        if (types->count == 1) {
            w->rank = 1;
            w->dim[0] = 1;
        } else { /* a leading 1, then the shape of the tensor */
            const bool rows = c->node->positions > 1;
            w->rank = rows ? 3 : 2;
            w->dim[0] = 1;
            w->dim[1] = rows ? types->count / c->node->features : types->count;
            w->dim[2] = c->node->features;
        }
    }
    *layer = c->graph->count - 1;
    return NIB_OK;
}

static nib_status add_linear(const context *c, int input, int *layer)
{
    nib_keras_layer *linear = nib_keras_graph_add(c->graph, "Activation", 1, &input, "%s_cast", name_of(c));
    if (!linear || !cJSON_AddStringToObject(linear->config, "activation", "linear"))
        return out_of_memory(c);
    *layer = c->graph->count - 1;
    return trust(c, linear);
}

/* Must the tensor have the very bits of its type? */
static bool needs_its_bits(const nib_fixnet *net, int node)
{
    for (int i = 0; i < net->n_nodes; i++)
        for (int k = 0; k < net->node[i].n_inputs; k++)
            if (net->node[i].input[k] == node &&
                (net->node[i].kind == NIB_FIX_TABLE || net->node[i].kind == NIB_FIX_SOFTMAX))
                return true;
    return nib_export_is_output(net, node);
}

/* `layer` gives the node's numbers before the cast: see to the cast. @param is_cast  the layer casts its
 * result to a type that is stated for it (an input, a relu). */
static nib_status finish(const context *c, int layer, bool is_cast)
{
    nib_keras_graph *g = c->graph;
    const nib_fixed type = nib_fix_type_at(&c->node->type, 0);
    bool is_exact = false;
    int last = layer;
    if (g->route == NIB_EXPORT_EXPLICIT) {
        NIB_TRY(nib_keras_precision(g, &g->layer[layer], "result", &type, c->err));
    } else if (is_cast && c->node->type.count == 1) {
        NIB_TRY(trust(c, &g->layer[layer]));
    } else {
        if (!needs_its_bits(c->export->net, c->index))
            NIB_TRY(nib_export_is_exact(c->export, c->index, g->arena, &is_exact, c->err));
        if (!is_exact)
            NIB_TRY(g->route == NIB_EXPORT_FPQ ? add_quantizer(c, layer, &last)
                                               : add_linear(c, layer, &last));
    }
    /* Where hls4ml derives the type it keeps the bits that are read later, and only those. */
    g->layer[last].node = is_exact ? -1 : c->index;
    g->of_node[c->index] = last;
    return NIB_OK;
}

/* ---- Rows ---- */

static nib_keras_layer *add(const context *c, const char *class_name)
{
    const nib_fix_node *n = c->node;
    const int input = n->n_inputs ? c->graph->of_node[n->input[0]] : 0;
    return nib_keras_graph_add(c->graph, class_name, n->n_inputs ? 1 : 0, &input, "%s", name_of(c));
}

static int last_layer(const context *c)
{
    return c->graph->count - 1;
}

static nib_status input_layers(const context *c)
{
    nib_keras_layer *layer = add(c, "InputLayer");
    if (!layer)
        return out_of_memory(c);
    cJSON *shape = cJSON_AddArrayToObject(layer->config, "batch_input_shape");
    cJSON_AddItemToArray(shape, cJSON_CreateNull());
    if (c->node->positions > 1)
        cJSON_AddItemToArray(shape, cJSON_CreateNumber((double)c->node->positions));
    cJSON_AddItemToArray(shape, cJSON_CreateNumber((double)c->node->features));
    cJSON_AddBoolToObject(layer->config, "sparse", false);
    cJSON_AddBoolToObject(layer->config, "ragged", false);
    return finish(c, last_layer(c), true);
}

/* hls4ml melts a cast into the layer before it; where that one casts too, a step that changes nothing keeps
 * them apart: the larger of x and x. (It takes out products with 1, and the cast with them.) */
static nib_status add_barrier(const context *c, int *from)
{
    const int pair[2] = {*from, *from};
    if (c->export->stream)
        return nib_fail(
            c->err, NIB_ERR_UNSUPPORTED,
            "%s: a cast behind a cast cannot be said to hls4ml with io_stream; take the type of one "
            "of the two layers away, or use io_parallel",
            c->node->name);
    if (!nib_keras_graph_add(c->graph, "Maximum", 2, pair, "%s_copy", name_of(c)))
        return out_of_memory(c);
    *from = c->graph->count - 1;
    return NIB_OK;
}

static nib_status cast_layers(const context *c)
{
    int from = c->graph->of_node[c->node->input[0]], layer = from;
    bool is_exact = false;
    if (c->graph->route == NIB_EXPORT_EXPLICIT) {
        nib_keras_layer *linear = add(c, "Activation");
        if (!linear || !cJSON_AddStringToObject(linear->config, "activation", "linear"))
            return out_of_memory(c);
        return finish(c, last_layer(c), true);
    }
    if (!needs_its_bits(c->export->net, c->index))
        NIB_TRY(nib_export_is_exact(c->export, c->index, c->graph->arena, &is_exact, c->err));
    if (!is_exact) {
        if (c->graph->layer[from].node >= 0)
            NIB_TRY(add_barrier(c, &from));
        NIB_TRY(c->graph->route == NIB_EXPORT_FPQ ? add_quantizer(c, from, &layer)
                                                  : add_linear(c, from, &layer));
        c->graph->layer[layer].node = c->index;
    }
    c->graph->of_node[c->index] = layer;
    return NIB_OK;
}

static nib_status relu_layers(const context *c)
{
    nib_keras_layer *layer = add(c, "Activation");
    if (!layer || !cJSON_AddStringToObject(layer->config, "activation", "relu"))
        return out_of_memory(c);
    return finish(c, last_layer(c), true);
}

static nib_status leaky_relu_layers(const context *c)
{
    nib_keras_layer *layer = add(c, "LeakyReLU");
    if (!layer || !cJSON_AddNumberToObject(layer->config, "alpha", ldexp(1, -c->node->as.leaky_shift)))
        return out_of_memory(c);
    return finish(c, last_layer(c), false);
}

static double *values_of(const context *c, const nib_fix_array *array)
{
    const int64_t n = array->rows * array->cols;
    double *value = NIB_NEW(c->graph->arena, double, n);
    for (int64_t i = 0; value && i < n; i++)
        value[i] = nib_export_value(array, i);
    return value;
}

static nib_status add_array(const context *c, nib_keras_layer *layer, const char *var, int rank,
                            const nib_fix_array *array)
{
    const double *value = values_of(c, array);
    if (!value)
        return out_of_memory(c);
    layer->weight[layer->n_weights++] =
        (nib_keras_weight){var, rank, {rank == 1 ? array->cols : array->rows, array->cols}, value};
    return NIB_OK;
}

static nib_status array_precision(const context *c, nib_keras_layer *layer, const char *variable,
                                  const nib_fix_array *array)
{
    nib_fixed type;
    nib_status status = nib_export_array_type(array, &type, c->err);
    if (status != NIB_OK)
        nib_error_prefix(c->err, "%s: %s", c->node->name, variable);
    else
        status = nib_keras_precision(c->graph, layer, variable, &type, c->err);
    return status;
}

static nib_status dense_settings(const context *c, nib_keras_layer *layer)
{
    const nib_fix_dense *dense = &c->node->as.dense;
    const nib_export_strategy *s = &c->export->strategy[c->index];
    nib_doc *settings = nib_keras_settings(c->graph, layer);
    if (!nib_doc_add_text(c->graph->arena, settings, "Strategy", "%s", s->strategy) ||
        !nib_doc_add_text(c->graph->arena, settings, "ReuseFactor", "%lld", (long long)s->reuse_factor))
        return out_of_memory(c);
    if (c->graph->route != NIB_EXPORT_EXPLICIT)
        return NIB_OK;
    NIB_TRY(array_precision(c, layer, "weight", &dense->kernel));
    if (dense->bias.rows)
        NIB_TRY(array_precision(c, layer, "bias", &dense->bias));
    return nib_keras_precision(c->graph, layer, "accum", &dense->accum, c->err);
}

static nib_status dense_layers(const context *c)
{
    const nib_fix_dense *dense = &c->node->as.dense;
    nib_keras_layer *layer = add(c, "Dense");
    /* No "activation": hls4ml would make a second layer of it. */
    if (!layer || !cJSON_AddNumberToObject(layer->config, "units", (double)dense->kernel.cols) ||
        !cJSON_AddBoolToObject(layer->config, "use_bias", dense->bias.rows > 0))
        return out_of_memory(c);
    NIB_TRY(add_array(c, layer, "kernel", 2, &dense->kernel));
    if (dense->bias.rows)
        NIB_TRY(add_array(c, layer, "bias", 1, &dense->bias));
    NIB_TRY(dense_settings(c, layer));
    return finish(c, last_layer(c), false);
}

/* The type of an exact step on the way: the cover of both, one bit more for a sum. */
static nib_fixed step_type(const nib_fixed *a, const nib_fixed *b, int more)
{
    const bool is_signed = a->is_signed || b->is_signed;
    const int i = a->integer + (is_signed && !a->is_signed), k = b->integer + (is_signed && !b->is_signed);
    const int f = nib_fixed_fraction(a), g = nib_fixed_fraction(b), integer = (i > k ? i : k) + more;
    const int bits = integer + (f > g ? f : g);
    return (nib_fixed){.bits = bits < 1 ? 1 : bits, .integer = integer, .is_signed = is_signed};
}

/* Layers of two inputs, one behind the other: hls4ml's take two. */
static nib_status pair_layers(const context *c, const char *class_name, bool is_sum)
{
    const nib_fix_node *n = c->node, *nodes = c->export->net->node;
    nib_keras_graph *g = c->graph;
    int pair[2] = {g->of_node[n->input[0]], 0};
    nib_fixed so_far = nib_fix_type_at(&nodes[n->input[0]].type, 0);
    for (int i = 1; i < n->n_inputs; i++) {
        const bool last = i == n->n_inputs - 1;
        const nib_fixed next = nib_fix_type_at(&nodes[n->input[i]].type, 0);
        pair[1] = g->of_node[n->input[i]];
        so_far = step_type(&so_far, &next, is_sum);
        nib_keras_layer *layer =
            last ? nib_keras_graph_add(g, class_name, 2, pair, "%s", name_of(c))
                 : nib_keras_graph_add(g, class_name, 2, pair, "%s_part%d", name_of(c), i);
        if (!layer || (!is_sum && !cJSON_AddNumberToObject(layer->config, "axis", -1)))
            return out_of_memory(c);
        if (!last && g->route == NIB_EXPORT_EXPLICIT)
            NIB_TRY(nib_keras_precision(g, layer, "result", &so_far, c->err));
        pair[0] = last_layer(c);
    }
    return finish(c, pair[0], false);
}

static nib_status add_layers(const context *c)
{
    return pair_layers(c, "Add", true);
}

static nib_status concat_layers(const context *c)
{
    return pair_layers(c, "Concatenate", false);
}

/* [keep_negative, integers without the sign, fraction] */
static void add_kif(cJSON *config, const char *key, const nib_fixed *type)
{
    const int kif[3] = {type->is_signed, type->integer - type->is_signed, nib_fixed_fraction(type)};
    cJSON_AddItemToObject(config, key, cJSON_CreateIntArray(kif, 3));
}

static nib_status table_layers(const context *c)
{
    const nib_fix_table *table = &c->node->as.table;
    const nib_fixed x = nib_fix_type_at(&c->export->net->node[c->node->input[0]].type, 0);
    const nib_fixed y = nib_fix_type_at(&c->node->type, 0);
    nib_keras_layer *layer = add(c, "UnaryLUT");
    double *value = NIB_NEW(c->graph->arena, double, table->size);
    if (!layer || !value)
        return out_of_memory(c);
    for (int64_t i = 0; i < table->size; i++)
        value[i] = nib_fixed_value(&y, table->code[i]);
    layer->weight[layer->n_weights++] = (nib_keras_weight){"table", 1, {table->size}, value};
    add_kif(layer->config, "kif_in", &x);
    add_kif(layer->config, "kif_out", &y);
    layer->node = c->index;
    c->graph->of_node[c->index] = last_layer(c);
    if (c->graph->route != NIB_EXPORT_EXPLICIT)
        return NIB_OK;
    return nib_keras_precision(c->graph, layer, "result", &y, c->err);
}

/* y = gamma x + beta, as a batch norm of mean 0 and variance 1. */
static nib_keras_layer *add_norm(const context *c, int from, const char *name, int64_t width,
                                 const double *gamma, const double *beta)
{
    const int axis[1] = {-1};
    double *zero = NIB_NEW(c->graph->arena, double, width), *one = NIB_NEW(c->graph->arena, double, width);
    nib_keras_layer *layer = nib_keras_graph_add(c->graph, "BatchNormalization", 1, &from, "%s", name);
    if (!layer || !zero || !one)
        return NULL;
    for (int64_t i = 0; i < width; i++)
        one[i] = 1;
    cJSON_AddItemToObject(layer->config, "axis", cJSON_CreateIntArray(axis, 1));
    cJSON_AddNumberToObject(layer->config, "momentum", 0.99);
    cJSON_AddNumberToObject(layer->config, "epsilon", 0);
    cJSON_AddBoolToObject(layer->config, "center", true);
    cJSON_AddBoolToObject(layer->config, "scale", true);
    const char *const vars[] = {"gamma", "beta", "moving_mean", "moving_variance"};
    const double *const values[] = {gamma ? gamma : one, beta ? beta : zero, zero, one};
    for (int i = 0; i < 4; i++)
        layer->weight[layer->n_weights++] = (nib_keras_weight){vars[i], 1, {width}, values[i]};
    return layer;
}

static nib_status scale_layers(const context *c)
{
    const nib_fix_scale *s = &c->node->as.scale;
    const double *gamma = values_of(c, &s->scale), *beta = values_of(c, &s->shift);
    nib_keras_layer *layer = gamma && beta ? add_norm(c, c->graph->of_node[c->node->input[0]], name_of(c),
                                                      s->scale.cols, gamma, beta)
                                           : NULL;
    if (!layer)
        return out_of_memory(c);
    if (c->graph->route == NIB_EXPORT_EXPLICIT) {
        NIB_TRY(array_precision(c, layer, "scale", &s->scale));
        NIB_TRY(array_precision(c, layer, "bias", &s->shift));
    }
    return finish(c, last_layer(c), false);
}

static nib_status put_type(const context *c, nib_doc *settings, const char *key, const nib_fixed *type)
{
    const char *text = nib_export_type(c->graph->arena, type);
    return text && nib_doc_add_text(c->graph->arena, settings, key, "%s", text) ? NIB_OK : out_of_memory(c);
}

static nib_status softmax_layers(const context *c)
{
    static const char *const variants[] = {"stable", "latency", "argmax"};
    const nib_fix_softmax *s = &c->node->as.softmax;
    nib_keras_layer *layer = add(c, "Activation");
    if (!layer || !cJSON_AddStringToObject(layer->config, "activation", "softmax"))
        return out_of_memory(c);
    nib_doc *settings = nib_keras_settings(c->graph, layer);
    if (!nib_doc_add_text(c->graph->arena, settings, "Implementation", "%s", variants[s->kind]))
        return out_of_memory(c);
    if (s->kind != NIB_FIX_SOFTMAX_ARGMAX) {
        if (s->kind == NIB_FIX_SOFTMAX_STABLE)
            NIB_TRY(put_type(c, settings, "inp_norm_t", &s->inp_norm));
        NIB_TRY(put_type(c, settings, "exp_table_t", &s->exp_table));
        NIB_TRY(put_type(c, settings, "inv_table_t", &s->inv_table));
        NIB_TRY(put_type(c, settings, "inv_inp_t", &s->inv_inp));
        const int64_t size = s->exp_size > s->inv_size ? s->exp_size : s->inv_size;
        if (!nib_doc_add_text(c->graph->arena, settings, "TableSize", "%lld", (long long)size))
            return out_of_memory(c);
        NIB_TRY(nib_keras_precision(c->graph, layer, "accum", &s->accum, c->err));
    }
    return finish(c, last_layer(c), true);
}

static nib_status (*const rows[NIB_FIX_KIND_COUNT])(const context *c) = {
    [NIB_FIX_INPUT] = input_layers,           [NIB_FIX_CAST] = cast_layers,
    [NIB_FIX_DENSE] = dense_layers,           [NIB_FIX_ADD] = add_layers,
    [NIB_FIX_CONCAT] = concat_layers,         [NIB_FIX_RELU] = relu_layers,
    [NIB_FIX_LEAKY_RELU] = leaky_relu_layers, [NIB_FIX_TABLE] = table_layers,
    [NIB_FIX_SOFTMAX] = softmax_layers,       [NIB_FIX_SCALE] = scale_layers,
};

nib_status nib_keras_layers_of(const nib_export *export, nib_keras_graph *graph, int node, nib_error *err)
{
    const context c = {export, graph, &export->net->node[node], node, err};
    if (!rows[c.node->kind])
        return nib_fail(err, NIB_ERR_UNSUPPORTED, "%s: the export to hls4ml has no layer for %s",
                        c.node->name, nib_fix_kind_name(c.node->kind));
    return rows[c.node->kind](&c);
}
