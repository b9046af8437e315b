#include "train/lower.h"

#include <assert.h>
#include <string.h>

#include "train/fold.h"
#include "train/lower_internal.h"

/* Room for the nodes of a layer: its own, a table behind it, and one to spare. */
enum { NODES_PER_LAYER = 3, FILLS_PER_LAYER = 4, WEIGHTS_PER_LAYER = 2 };

/* ---- Nodes ---- */

nib_fix_node *nib_lower_add(nib_lower *lower, nib_fix_kind kind, const char *suffix, nib_error *err)
{
    nib_fixnet *net = &lower->lowering->net;
    assert(net->n_nodes < lower->max_nodes);
    nib_fix_node *node = &net->node[net->n_nodes++];
    const char *layer = lower->layer->config->name;
    node->kind = kind;
    node->layer = layer;
    node->name = suffix ? nib_arena_printf(lower->arena, "%s_%s", layer, suffix) : layer;
    node->n_inputs = lower->n_inputs;
    memcpy(node->input, lower->input, sizeof lower->input);
    node->positions = net->node[lower->input[0]].positions;
    node->features = nib_shape_row(&lower->layer->shape);
    if (!node->name) {
        (void)nib_fail_memory(err, "fixed-point network");
        return NULL;
    }
    return node;
}

const nib_fix_node *nib_lower_input(const nib_lower *lower, int i)
{
    return &lower->lowering->net.node[lower->input[i]];
}

static int index_of(const nib_lower *lower, const nib_fix_node *node)
{
    return (int)(node - lower->lowering->net.node);
}

nib_status nib_lower_done(nib_lower *lower, const nib_fix_node *node, nib_error *err)
{
    const int at = index_of(lower, node);
    lower->output = at;
    return nib_fixnet_interval(&lower->lowering->net, at, lower->interval, lower->arena, &lower->interval[at],
                               err);
}

/* ---- Fallback ---- */

nib_status nib_lower_fallback(nib_lower *lower, const char *what, const char *key, nib_error *err)
{
    if (!lower->options->allow_float) {
        const char *owner = lower->layer ? lower->layer->config->name : what;
        const bool norm = lower->layer && strcmp(lower->layer->config->type->name, "batch_norm") == 0;
        return nib_fail(err, NIB_ERR_CONFIG,
                        "%s has no type: give it a quantizer (%s%s%squant.layers.%s.%s), or set "
                        "quant.allow_float=true, which makes it quant.fallback",
                        what, norm ? "" : "quant.default.", norm ? "" : key, norm ? "" : " or ", owner, key);
    }
    assert(lower->lowering->n_fills < lower->max_fills);
    const char *name = nib_arena_strdup(lower->arena, what);
    if (!name)
        return nib_fail_memory(err, "list of fallbacks");
    lower->fill[lower->lowering->n_fills++] = name;
    return NIB_OK;
}

/* ---- Types of results ---- */

nib_fixed nib_lower_cover(const nib_fixed *a, const nib_fixed *b)
{
    if (a->bits == 0 || b->bits == 0)
        return a->bits == 0 ? *b : *a;
    const bool is_signed = a->is_signed || b->is_signed;
    const int whole_a = a->integer + (is_signed && !a->is_signed);
    const int whole_b = b->integer + (is_signed && !b->is_signed);
    const int integer = whole_a > whole_b ? whole_a : whole_b;
    const int fraction_a = nib_fixed_fraction(a), fraction_b = nib_fixed_fraction(b);
    const int bits = integer + (fraction_a > fraction_b ? fraction_a : fraction_b);
    return (nib_fixed){.bits = bits < 1 ? 1 : bits, .integer = integer, .is_signed = is_signed};
}

nib_fixed nib_lower_widest(const nib_fix_types *types)
{
    nib_fixed all = {.bits = 0};
    for (int64_t i = 0; i < types->count; i++) {
        const nib_fixed one = nib_fix_type_at(types, i);
        all = nib_lower_cover(&all, &one);
    }
    all.rounding = NIB_ROUNDING_TRN;
    all.overflow = NIB_OVERFLOW_WRAP;
    if (all.bits == 0)
        all.bits = all.integer = 1;
    return all;
}

nib_status nib_lower_types(nib_lower *lower, const nib_fixed *type, int64_t count, nib_fix_types *types,
                           nib_error *err)
{
    *types = nib_fix_types_each(lower->arena, type, count);
    return types->count ? NIB_OK : nib_fail_memory(err, "types");
}

/* The node keeps every bit: a type that is wide enough by its form, then by what really occurs. */
static nib_status keep_all(nib_lower *lower, nib_fix_node *node, const nib_fixed *full, nib_error *err)
{
    const nib_fix_interval *interval = &lower->interval[index_of(lower, node)];
    nib_fixed tight;
    if (full->bits > NIB_FIXED_MAX_ACCUM)
        return nib_fail(err, NIB_ERR_CONFIG,
                        "%s would need %d bits at full width, at most %d are possible; give it a type "
                        "(quant.layers.%s.result)",
                        node->name, full->bits, NIB_FIXED_MAX_ACCUM, node->layer);
    NIB_TRY(nib_lower_types(lower, full, 1, &node->type, err));
    NIB_TRY(nib_lower_done(lower, node, err));
    int64_t low = 0, high = 0;
    for (int64_t i = 0; i < node->features; i++) {
        low = interval->low[i] < low ? interval->low[i] : low;
        high = interval->high[i] > high ? interval->high[i] : high;
    }
    NIB_TRY(nib_fix_smallest_type(low, high, interval->fraction, &tight, err));
    NIB_TRY(nib_lower_types(lower, &tight, 1, &node->type, err));
    return nib_lower_done(lower, node, err);
}

/* The types that a quantizer of data gives to `width` columns. */
static nib_status lower_data(nib_lower *lower, const nib_quantizer_config *quantizer, int64_t width,
                             const char *what, nib_lowered *lowered, nib_error *err)
{
    *lowered = (nib_lowered){.type = NIB_NEW(lower->arena, nib_fixed, width)};
    if (!lowered->type)
        return nib_fail_memory(err, "types");
    const float *values = lower->options->values ? lower->options->values : lower->model->params->value;
    const nib_quantize_call call = {.options = quantizer->options,
                                    .cols = width,
                                    .scale = nib_model_scales(lower->model, quantizer, values)};
    nib_status status = nib_quantizer_lower(quantizer, &call, lowered, err);
    if (status != NIB_OK)
        nib_error_prefix(err, "%s", what);
    return status;
}

nib_status nib_lower_result(nib_lower *lower, nib_fix_node *node, const nib_fixed *full, nib_error *err)
{
    const nib_quantizer_config *quantizer = lower->result;
    nib_lowered lowered;
    if (!quantizer)
        return keep_all(lower, node, full, err);
    NIB_TRY(lower_data(lower, quantizer, node->features, "its result", &lowered, err));
    if (lowered.is_cast) {
        NIB_TRY(nib_lower_types(lower, lowered.type, lowered.n_types, &node->type, err));
        return nib_lower_done(lower, node, err);
    }
    NIB_TRY(keep_all(lower, node, full, err));
    return nib_lower_table(lower, index_of(lower, node), quantizer->type->name, "table", NULL, err);
}

nib_status nib_lower_activation(nib_lower *lower, nib_fix_node *node, const nib_fixed *full, nib_error *err)
{
    if (lower->result || !lower->options->allow_float)
        return nib_lower_result(lower, node, full, err);
    NIB_TRY(nib_lower_fallback(lower, node->layer, "activation", err));
    NIB_TRY(nib_lower_types(lower, &lower->options->fallback, 1, &node->type, err));
    return nib_lower_done(lower, node, err);
}

/* ---- The whole ---- */

/* The types of an input; with preprocessing folded in, those of raw numbers. */
static nib_status input_types(nib_lower *lower, int index, const nib_fixed *type, int64_t n_types,
                              nib_fix_types *types, nib_error *err)
{
    const int64_t width = lower->model->input[index].width;
    bool same = true;
    if (!lower->options->fold)
        return nib_lower_types(lower, type, n_types, types, err);
    nib_fixed *raw = NIB_NEW(lower->arena, nib_fixed, width);
    if (!raw)
        return nib_fail_memory(err, "types");
    for (int64_t i = 0; i < width; i++)
        raw[i] = type[n_types > 1 ? i : 0];
    NIB_TRY(nib_lower_fold_input(lower, index, raw, err));
    for (int64_t i = 1; i < width; i++)
        same = same && raw[i].bits == raw[0].bits && raw[i].integer == raw[0].integer &&
               raw[i].is_signed == raw[0].is_signed;
    return nib_lower_types(lower, raw, same ? 1 : width, types, err);
}

static nib_status lower_input(nib_lower *lower, int index, nib_error *err)
{
    const nib_model_input *input = &lower->model->input[index];
    nib_fixnet *net = &lower->lowering->net;
    nib_fix_node *node = &net->node[net->n_nodes++];
    *node = (nib_fix_node){.kind = NIB_FIX_INPUT,
                           .name = input->name,
                           .layer = input->name,
                           .positions = 1,
                           .features = input->width};
    if (input->quantizer) {
        nib_lowered lowered;
        NIB_TRY(lower_data(lower, input->quantizer, input->width, input->name, &lowered, err));
        if (!lowered.is_cast)
            return nib_fail(
                err, NIB_ERR_UNSUPPORTED,
                "input %s: %s is no cast to a fixed-point type, which is all that hardware does to "
                "its inputs; use a type (fixed<...>)",
                input->name, input->quantizer->type->name);
        NIB_TRY(input_types(lower, index, lowered.type, lowered.n_types, &node->type, err));
    } else {
        NIB_TRY(nib_lower_fallback(lower, input->name, "input", err));
        NIB_TRY(input_types(lower, index, &lower->options->fallback, 1, &node->type, err));
    }
    return nib_lower_done(lower, node, err);
}

static nib_status lower_layer(nib_lower *lower, int index, nib_error *err)
{
    const nib_model *m = lower->model;
    const nib_model_layer *layer = &m->layer[index];
    const nib_layer *type = layer->config->type;
    lower->index = index;
    lower->layer = layer;
    const int norm = nib_fold_norm(m, index);
    lower->result = norm >= 0 ? m->layer[norm].quant.result : layer->quant.result;
    lower->n_inputs = layer->n_from;
    for (int i = 0; i < layer->n_from; i++)
        lower->input[i] = layer->from[i] >= 0 ? lower->layer_node[layer->from[i]] : -1 - layer->from[i];
    if (!type->lower)
        return nib_doc_fail(&layer->config->place, err, NIB_ERR_UNSUPPORTED,
                            "layer %s: %s has no form in integers", layer->config->name, type->name);
    nib_status status = nib_lower_fold_readers(lower, err);
    if (status == NIB_OK)
        status = type->lower(lower, err);
    if (status == NIB_ERR_CONFIG || status == NIB_ERR_UNSUPPORTED)
        nib_error_prefix(err, "layer %s", layer->config->name);
    lower->layer_node[index] = lower->output;
    return status;
}

static nib_status lower_outputs(nib_lower *lower, nib_error *err)
{
    const nib_model *m = lower->model;
    nib_fixnet *net = &lower->lowering->net;
    net->output = NIB_NEW(lower->arena, nib_fix_output, m->n_outputs);
    if (!net->output)
        return nib_fail_memory(err, "fixed-point network");
    net->n_outputs = m->n_outputs;
    for (int i = 0; i < m->n_outputs; i++)
        net->output[i] = (nib_fix_output){m->output[i].target, lower->layer_node[m->output[i].layer]};
    return NIB_OK;
}

nib_status nib_lower_model(const nib_model *model, const nib_lower_options *options, nib_arena *arena,
                           nib_lowering *lowering, nib_error *err)
{
    nib_lower lower = {.arena = arena,
                       .model = model,
                       .options = options,
                       .lowering = lowering,
                       .max_nodes = model->n_inputs + NODES_PER_LAYER * model->n_layers,
                       .max_fills = model->n_inputs + FILLS_PER_LAYER * model->n_layers};
    *lowering = (nib_lowering){.n_fills = 0};
    lowering->net.node = NIB_NEW(arena, nib_fix_node, lower.max_nodes);
    lowering->net.n_inputs = model->n_inputs;
    lower.fill = NIB_NEW(arena, const char *, lower.max_fills);
    lower.layer_node = NIB_NEW(arena, int, model->n_layers);
    lower.interval = NIB_NEW(arena, nib_fix_interval, lower.max_nodes);
    lower.weights = NIB_NEW(arena, nib_lowered_weights, WEIGHTS_PER_LAYER * model->n_layers);
    if (!lowering->net.node || !lower.fill || !lower.weights || !lower.layer_node || !lower.interval)
        return nib_fail_memory(err, "fixed-point network");
    lowering->fill = lower.fill;
    lowering->weights = lower.weights;
    lowering->layer_node = lower.layer_node;
    lowering->interval = lower.interval;
    for (int i = 0; i < model->n_inputs; i++)
        NIB_TRY(lower_input(&lower, i, err));
    for (int i = 0; i < model->n_layers; i++)
        NIB_TRY(lower_layer(&lower, i, err));
    NIB_TRY(lower_outputs(&lower, err));
    return nib_fixnet_check(&lowering->net, err);
}
