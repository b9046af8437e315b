#include "train/model.h"

#include <stdio.h>
#include <string.h>

#include "core/soft_loss.h"

/* What is known while the layers are built one after the other. */
typedef struct builder {
    nib_model *model;
    nib_config *config;
    const nib_dataset *shapes;
    bool quantized; /* else quantizers are left out */
    bool watched;   /* what layers give is among the outputs */
} builder;

static int find_layer(const nib_model *model, const char *name, int count)
{
    for (int i = 0; i < count; i++)
        if (strcmp(model->layer[i].config->name, name) == 0)
            return i;
    return -1;
}

static const nib_output_config *output_of(const nib_config *config, const char *layer)
{
    for (int i = 0; i < config->model.n_outputs; i++)
        if (strcmp(config->model.output[i].layer, layer) == 0)
            return &config->model.output[i];
    return NULL;
}

static const nib_data_target *target_of(const nib_dataset *shapes, const char *name)
{
    for (int i = 0; i < shapes->n_targets; i++)
        if (strcmp(shapes->target[i].name, name) == 0)
            return &shapes->target[i];
    return NULL;
}

/* Note a tensor. @return its quantizer, or NULL */
static nib_status note_tensor(builder *b, nib_model_tensor tensor, const nib_quant_entry *entry,
                              const nib_quantizer_config **quantizer, nib_error *err)
{
    nib_model *m = b->model;
    *quantizer = NULL;
    if (!b->quantized)
        return NIB_OK;
    tensor.entry = entry;
    tensor.scale = -1;
    if (entry && !(tensor.quantizer = NIB_NEW(m->arena, nib_quantizer_config, 1)))
        return nib_fail_memory(err, "quantizers");
    if (entry)
        *tensor.quantizer = entry->quantizer;
    *quantizer = tensor.quantizer;
    m->tensor[m->n_tensors++] = tensor;
    return NIB_OK;
}

/* The tensor noted last, data, gets a row for the scales that its quantizer learns. */
static nib_status add_scale(nib_model *m, const char *name, const nib_quantizer_config *quantizer,
                            int64_t width, nib_value *scale, nib_error *err)
{
    const int64_t n = quantizer->type->n_scales(quantizer->options, width);
    const int index = nib_params_add(m->arena, m->params, name, "scale", NIB_ROLE_SCALE, 1, 1, n, true);
    if (index < 0)
        return nib_fail_memory(err, "scales");
    m->tensor[m->n_tensors - 1].scale = index;
    return nib_graph_param(m->graph, index, scale, err);
}

/* Data on the grid of its quantizer. */
static nib_status quantize_data(builder *b, const char *name, const nib_quantizer_config *quantizer,
                                nib_value *value, nib_error *err)
{
    if (!quantizer)
        return NIB_OK;
    nib_model *m = b->model;
    nib_value operand[2] = {*value, 0};
    const bool learns = quantizer->type && quantizer->type->n_scales;
    const int64_t width = nib_shape_row(&nib_graph_node(m->graph, *value)->shape);
    nib_quantize_options *options =
        nib_quantize_options_create(m->arena, quantizer, m->control, m->params, -1, width);
    if (!options)
        return nib_fail_memory(err, "quantizers");
    m->quantize[m->n_quantize++] = options;
    if (learns)
        NIB_TRY(add_scale(m, name, quantizer, width, &operand[1], err));
    return nib_graph_add(m->graph, &nib_op_quantize, name, options, operand, learns ? 2 : 1, value, err);
}

static nib_status quantize_input(builder *b, int index, nib_error *err)
{
    nib_model_input *input = &b->model->input[index];
    const nib_quant_entry *entry = nib_quant_find(&b->config->quant, input->name, NIB_QUANT_INPUT);
    const nib_model_tensor tensor = {
        .key = NIB_QUANT_INPUT, .input = index, .layer = -1, .param = -1, .value = input->raw};
    NIB_TRY(note_tensor(b, tensor, entry, &input->quantizer, err));
    return quantize_data(b, input->name, input->quantizer, &input->value, err);
}

/* Quantizers of a layer's parameters, before it is built. Batch norm has its own entries or none. */
static nib_status choose_quantizers(builder *b, int index, nib_error *err)
{
    const nib_quant_config *q = &b->config->quant;
    nib_model_layer *layer = &b->model->layer[index];
    const nib_layer_config *c = layer->config;
    const bool dense = strcmp(c->type->name, "dense") == 0, norm = strcmp(c->type->name, "batch_norm") == 0;
    const nib_quant_key key[2] = {NIB_QUANT_WEIGHT, NIB_QUANT_BIAS};
    const nib_quantizer_config **to[2] = {&layer->quant.weight, &layer->quant.bias};
    for (int i = 0; i < 2 && (dense || norm); i++) {
        const nib_quant_entry *entry =
            dense ? nib_quant_find(q, c->name, key[i]) : nib_quant_find_own(q, c->name, key[i]);
        const nib_model_tensor tensor = {.key = key[i], .input = -1, .layer = index, .param = -1};
        NIB_TRY(note_tensor(b, tensor, entry && !entry->is_float ? entry : NULL, to[i], err));
    }
    const nib_fixed *accum = dense ? nib_quant_accum(q, c->name) : NULL;
    if (accum) {
        layer->quant.has_accum = true;
        layer->quant.accum = *accum;
    }
    return NIB_OK;
}

/* The rows of the table that the tensors of the layer are: kernel and bias; a bias that is not there is no
 * tensor. */
static void find_params(nib_model *m, int index)
{
    static const char *const var[NIB_QUANT_KEYS] = {[NIB_QUANT_WEIGHT] = "kernel", [NIB_QUANT_BIAS] = "bias"};
    int kept = 0;
    for (int i = 0; i < m->n_tensors; i++) {
        nib_model_tensor *t = &m->tensor[i];
        const nib_model_layer *layer = &m->layer[index];
        bool dense = t->layer == index && var[t->key] && strcmp(layer->config->type->name, "dense") == 0;
        for (int p = 0; dense && p < layer->n_params; p++)
            if (strcmp(m->params->row[layer->first_param + p].var, var[t->key]) == 0)
                t->param = layer->first_param + p;
        for (int p = 0; dense && p < layer->n_params; p++) {
            const nib_param *row = &m->params->row[layer->first_param + p];
            if (row->role == NIB_ROLE_SCALE && strncmp(row->var, var[t->key], strlen(var[t->key])) == 0)
                t->scale = layer->first_param + p;
        }
        if (!dense || t->param >= 0)
            m->tensor[kept++] = *t;
    }
    m->n_tensors = kept;
}

static nib_status quantize_result(builder *b, int index, nib_error *err)
{
    nib_model_layer *layer = &b->model->layer[index];
    const nib_quant_key key = nib_quant_result_key(&b->config->model, layer->config);
    const nib_quant_entry *entry = nib_quant_find(&b->config->quant, layer->config->name, key);
    const nib_model_tensor tensor = {
        .key = key, .input = -1, .layer = index, .param = -1, .value = layer->raw};
    const int before = b->model->params->count;
    NIB_TRY(note_tensor(b, tensor, entry, &layer->quant.result, err));
    NIB_TRY(quantize_data(b, layer->config->name, layer->quant.result, &layer->value, err));
    layer->n_params += b->model->params->count - before;
    return NIB_OK;
}

static nib_status add_inputs(builder *b, nib_error *err)
{
    nib_model *m = b->model;
    m->n_inputs = b->shapes->n_inputs;
    m->input = NIB_NEW(m->arena, nib_model_input, m->n_inputs);
    if (!m->input)
        return nib_fail_memory(err, "model");
    for (int i = 0; i < m->n_inputs; i++) {
        const nib_data_input *data = &b->shapes->input[i];
        nib_model_input *input = &m->input[i];
        input->name = nib_arena_strdup(m->arena, data->name);
        input->width = data->width;
        if (!input->name)
            return nib_fail_memory(err, "model");
        NIB_TRY(nib_graph_input(m->graph, input->name, NIB_FEED_F32,
                                data->offsets ? NIB_DOMAIN_ELEMENTS : NIB_DOMAIN_SAMPLES, data->width,
                                &input->raw, err));
        input->value = input->raw;
        NIB_TRY(quantize_input(b, i, err));
    }
    return NIB_OK;
}

/* `from` of a layer: names of layers above or of inputs. */
static nib_status resolve_from(const nib_model *m, int index, nib_model_layer *layer, nib_error *err)
{
    const nib_layer_config *c = layer->config;
    if (c->n_from > NIB_MAX_INPUTS)
        return nib_doc_fail(&c->place, err, NIB_ERR_CONFIG, "layer %s: %d inputs, at most %d are possible",
                            c->name, c->n_from, NIB_MAX_INPUTS);
    if (c->n_from == 0) {
        layer->n_from = 1;
        layer->from[0] = index > 0 ? index - 1 : -1;
        if (index == 0 && m->n_inputs > 1)
            return nib_doc_fail(&c->place, err, NIB_ERR_CONFIG,
                                "layer %s: the data have %d inputs; say which one it takes (from: %s)",
                                c->name, m->n_inputs, m->input[0].name);
        return NIB_OK;
    }
    layer->n_from = c->n_from;
    for (int i = 0; i < c->n_from; i++) {
        int from = find_layer(m, c->from[i], index);
        for (int k = 0; from < 0 && k < m->n_inputs; k++)
            if (strcmp(m->input[k].name, c->from[i]) == 0)
                from = -1 - k;
        bool is_input = from < 0 && strcmp(m->input[-1 - from].name, c->from[i]) == 0;
        if (from < 0 && !is_input)
            return nib_doc_fail(&c->place, err, NIB_ERR_CONFIG,
                                "layer %s: from: '%s' is no input and no layer above it", c->name,
                                c->from[i]);
        layer->from[i] = from;
    }
    return NIB_OK;
}

/* An output layer's `units: auto` becomes the target's width, in the resolved config too. */
static nib_status resolve_units(builder *b, const nib_layer_config *c, nib_error *err)
{
    const nib_output_config *output = output_of(b->config, c->name);
    int64_t *units = c->type->units ? c->type->units(c->options) : NULL;
    if (!output || !units)
        return NIB_OK;
    const nib_data_target *target = target_of(b->shapes, output->target);
    if (!target)
        return nib_doc_fail(&output->place, err, NIB_ERR_CONFIG,
                            "model.outputs: the data have no target '%s'", output->target);
    if (*units > 0 && *units != target->width)
        return nib_doc_fail(&c->place, err, NIB_ERR_CONFIG,
                            "layer %s: %lld units, but target %s has %lld %s (write units: auto)", c->name,
                            (long long)*units, target->name, (long long)target->width,
                            target->kind == NIB_TARGET_CLASS ? "classes" : "columns");
    *units = target->width;
    nib_arena *arena = b->config->arena;
    const char *path = nib_arena_printf(arena, "model.layers.%s.units", c->name);
    const char *text = nib_arena_printf(arena, "%lld", (long long)target->width);
    nib_doc *value = text ? nib_doc_new_scalar(arena, text) : NULL;
    if (!path || !value)
        return nib_fail_memory(err, "resolved config");
    return nib_doc_set_path(arena, b->config->resolved, path, value, err);
}

/* The message of a failure again, with the place in the config and what failed in front. */
static nib_status fail_at(const nib_doc_place *place, nib_error *err, const char *what)
{
    char why[NIB_ERROR_BYTES];
    (void)snprintf(why, sizeof why, "%s", err ? err->message : "");
    return nib_doc_fail(place, err, NIB_ERR_CONFIG, "%s: %s", what, why);
}

static nib_status build_layer(builder *b, int index, nib_layer_param *param, int *n_params, nib_error *err)
{
    nib_model *m = b->model;
    const nib_layer_config *c = &b->config->model.layer[index];
    nib_model_layer *layer = &m->layer[index];
    layer->config = c;
    NIB_TRY(resolve_from(m, index, layer, err));
    if (layer->n_from < c->type->min_inputs || layer->n_from > c->type->max_inputs)
        return nib_doc_fail(&c->place, err, NIB_ERR_CONFIG, "layer %s: %s takes %d to %d inputs, not %d",
                            c->name, c->type->name, c->type->min_inputs, c->type->max_inputs, layer->n_from);
    NIB_TRY(resolve_units(b, c, err));
    NIB_TRY(choose_quantizers(b, index, err));

    nib_value input[NIB_MAX_INPUTS];
    for (int i = 0; i < layer->n_from; i++)
        input[i] = layer->from[i] >= 0 ? m->layer[layer->from[i]].value : m->input[-1 - layer->from[i]].value;
    nib_layer_build build = {.arena = m->arena,
                             .graph = m->graph,
                             .params = m->params,
                             .config = c,
                             .quant = &layer->quant,
                             .control = m->control,
                             .n_inputs = layer->n_from,
                             .input = input};
    layer->first_param = m->params->count;
    nib_status status = c->type->build(&build, err);
    if (status == NIB_ERR_CONFIG || status == NIB_ERR_SHAPE) {
        char what[96];
        (void)snprintf(what, sizeof what, "layer %.80s", c->name);
        return fail_at(&c->place, err, what);
    }
    NIB_TRY(status);
    layer->n_params = build.n_params;
    for (int i = 0; i < build.n_quantize; i++)
        m->quantize[m->n_quantize++] = build.quantize[i];
    layer->raw = layer->value = build.output;
    layer->shape = nib_graph_node(m->graph, build.output)->shape;
    find_params(m, index);
    NIB_TRY(quantize_result(b, index, err));
    memcpy(param + *n_params, build.param, (size_t)build.n_params * sizeof *param);
    *n_params += build.n_params;
    return NIB_OK;
}

/* Graph outputs with the targets' names, the targets as inputs, losses and running hits. */
static nib_status add_output(builder *b, int index, nib_error *err)
{
    nib_model *m = b->model;
    const nib_output_config *c = &b->config->model.output[index];
    const nib_objective_config *objective = NULL;
    for (int i = 0; i < b->config->train.n_objectives; i++)
        if (strcmp(b->config->train.objective[i].target, c->target) == 0)
            objective = &b->config->train.objective[i];
    const nib_data_target *target = target_of(b->shapes, c->target);
    if (!target || !objective)
        return nib_doc_fail(&c->place, err, NIB_ERR_CONFIG, "model.outputs: '%s' is no target of the data",
                            c->target);
    int layer = find_layer(m, c->layer, m->n_layers);
    if (layer < 0)
        return nib_doc_fail(&c->place, err, NIB_ERR_CONFIG, "model.outputs.%s: there is no layer '%s'",
                            c->target, c->layer);
    nib_value logits = m->layer[layer].value;
    int64_t width = nib_shape_row(&m->layer[layer].shape);
    if (width != target->width)
        return nib_doc_fail(&c->place, err, NIB_ERR_CONFIG,
                            "model.outputs.%s: layer %s gives %lld numbers, the target has %lld", c->target,
                            c->layer, (long long)width, (long long)target->width);
    m->output[index] =
        (nib_model_output){.target = c->target, .layer = layer, .width = width, .objective = objective};
    NIB_TRY(nib_graph_output(m->graph, c->target, logits, err));

    bool is_class = target->kind == NIB_TARGET_CLASS;
    const nib_loss *loss = objective->loss;
    nib_value operand[2] = {logits, 0}, y;
    NIB_TRY(nib_graph_input(m->graph, c->target, is_class ? NIB_FEED_LABEL : NIB_FEED_F32, NIB_DOMAIN_SAMPLES,
                            is_class ? 1 : width, &operand[1], err));
    nib_status status =
        nib_graph_add(m->graph, loss->op, c->target, objective->loss_options, operand, 2, &y, err);
    if (status == NIB_ERR_CONFIG || status == NIB_ERR_SHAPE)
        return fail_at(&objective->place, err, "train.loss");
    NIB_TRY(status);
    const nib_distill_config *distill = &b->config->train.distill;
    const double share = m->distilled ? 1 - distill->alpha : 1;
    NIB_TRY(nib_graph_loss(m->graph, c->target, y, objective->weight * share, err));
    if (!loss->hits)
        return NIB_OK;
    NIB_TRY(nib_graph_add(m->graph, loss->hits, c->target, NULL, operand, 2, &y, err));
    return nib_graph_watch(m->graph, c->target, y, err);
}

/* The loss against the teacher's logits, which are an input of the graph. */
static nib_status add_teacher(builder *b, int index, nib_error *err)
{
    nib_model *m = b->model;
    const nib_model_output *o = &m->output[index];
    const nib_distill_config *distill = &b->config->train.distill;
    const nib_op *op = o->objective->loss->soft;
    const char *name = nib_arena_printf(m->arena, "%s_teacher", o->target);
    nib_soft_loss_options *options = NIB_NEW(m->arena, nib_soft_loss_options, 1);
    if (!name || !options)
        return nib_fail_memory(err, "model");
    options->temperature = distill->temperature;
    nib_value operand[2] = {m->layer[o->layer].value, 0}, y;
    NIB_TRY(nib_graph_input(m->graph, name, NIB_FEED_F32, NIB_DOMAIN_SAMPLES, o->width, &operand[1], err));
    NIB_TRY(nib_graph_add(m->graph, op, name, options, operand, 2, &y, err));
    return nib_graph_loss(m->graph, name, y, o->objective->weight * distill->alpha, err);
}

/* What every layer gives, to be looked at. */
static nib_status watch_layers(const builder *b, nib_error *err)
{
    const nib_model *m = b->model;
    for (int i = 0; i < m->n_layers; i++)
        NIB_TRY(nib_graph_output(m->graph, m->layer[i].config->name, m->layer[i].value, err));
    return NIB_OK;
}

static nib_status build_model(builder *b, nib_error *err)
{
    nib_model *m = b->model;
    const nib_model_config *c = &b->config->model;
    if (c->n_outputs > NIB_MAX_OUTPUTS)
        return nib_doc_fail(&c->output[NIB_MAX_OUTPUTS].place, err, NIB_ERR_CONFIG,
                            "model.outputs: %d outputs, at most %d are possible", c->n_outputs,
                            NIB_MAX_OUTPUTS);
    m->params = nib_params_create(m->arena);
    m->graph = m->params ? nib_graph_create(m->arena, m->params) : NULL;
    m->n_layers = c->n_layers;
    m->n_outputs = c->n_outputs;
    m->layer = NIB_NEW(m->arena, nib_model_layer, c->n_layers);
    m->output = NIB_NEW(m->arena, nib_model_output, c->n_outputs);
    nib_layer_param *param = NIB_NEW(m->arena, nib_layer_param, c->n_layers * NIB_LAYER_MAX_PARAMS);
    m->quant = &b->config->quant;
    m->distilled = b->config->train.distill.joined;
    m->control = NIB_NEW(m->arena, nib_quantize_control, 1);
    const int most = 3 * c->n_layers + b->shapes->n_inputs;
    m->tensor = NIB_NEW(m->arena, nib_model_tensor, most);
    m->quantize = NIB_NEW(m->arena, nib_quantize_options *, most);
    if (!m->graph || !m->layer || !m->output || !param || !m->control || !m->tensor || !m->quantize)
        return nib_fail_memory(err, "model");
    NIB_TRY(add_inputs(b, err));
    int n_params = 0;
    for (int i = 0; i < c->n_layers; i++)
        NIB_TRY(build_layer(b, i, param, &n_params, err));
    for (int i = 0; i < c->n_outputs; i++)
        NIB_TRY(add_output(b, i, err));
    for (int i = 0; m->distilled && i < c->n_outputs; i++)
        NIB_TRY(add_teacher(b, i, err));
    if (b->watched)
        NIB_TRY(watch_layers(b, err));
    NIB_TRY(nib_params_allocate(m->arena, m->params, err));
    nib_model_update_quantizers(m);
    for (int i = 0; i < n_params; i++)
        nib_initializer_fill(&param[i].initializer, m->params, param[i].index,
                             (uint64_t)b->config->train.seed);
    return NIB_OK;
}

static nib_status create(nib_model **model, nib_config *config, const nib_dataset *shapes, bool quantized,
                         bool watched, nib_error *err)
{
    nib_arena *arena = nib_arena_create();
    nib_model *m = arena ? NIB_NEW(arena, nib_model, 1) : NULL;
    if (!m) {
        nib_arena_destroy(arena);
        return nib_fail_memory(err, "model");
    }
    m->arena = arena;
    builder b = {.model = m,
                 .config = config,
                 .shapes = shapes,
                 .quantized = config->quant.present && quantized,
                 .watched = watched};
    nib_status status = build_model(&b, err);
    if (status != NIB_OK) {
        nib_arena_destroy(arena);
        return status;
    }
    *model = m;
    return NIB_OK;
}

nib_status nib_model_create(nib_model **model, nib_config *config, const nib_dataset *shapes, nib_error *err)
{
    return create(model, config, shapes, true, false, err);
}

nib_status nib_model_create_float(nib_model **model, nib_config *config, const nib_dataset *shapes,
                                  nib_error *err)
{
    return create(model, config, shapes, false, true, err);
}

nib_status nib_model_create_watched(nib_model **model, nib_config *config, const nib_dataset *shapes,
                                    nib_error *err)
{
    return create(model, config, shapes, true, true, err);
}

void nib_model_destroy(nib_model *model)
{
    if (model)
        nib_arena_destroy(model->arena);
}

const char *nib_model_tensor_name(const nib_model *model, const nib_model_tensor *tensor, nib_arena *arena)
{
    const char *owner =
        tensor->layer >= 0 ? model->layer[tensor->layer].config->name : model->input[tensor->input].name;
    return nib_arena_printf(arena, "%s.%s", owner, nib_quant_key_name(tensor->key));
}

nib_status nib_model_check_settled(const nib_model *model, nib_error *err)
{
    for (int i = 0; i < model->n_tensors; i++) {
        const nib_model_tensor *t = &model->tensor[i];
        const char *name = NULL;
        if (!t->quantizer || t->quantizer->type)
            continue;
        name = nib_model_tensor_name(model, t, model->arena);
        return nib_doc_fail(&t->entry->place, err, NIB_ERR_CONFIG,
                            "quant.layers.%s: the integer bits are auto; nibble train and nibble quantize "
                            "settle them, this needs a number",
                            name ? name : "");
    }
    return NIB_OK;
}

const float *nib_model_scales(const nib_model *model, const nib_quantizer_config *quantizer,
                              const float *values)
{
    for (int i = 0; quantizer && i < model->n_tensors; i++)
        if (model->tensor[i].quantizer == quantizer && model->tensor[i].scale >= 0)
            return values + model->params->row[model->tensor[i].scale].offset;
    return NULL;
}

void nib_model_update_quantizers(nib_model *model)
{
    const nib_quant_config *q = model->quant;
    for (int i = 0; i < model->n_quantize; i++)
        nib_quantize_options_update(model->quantize[i], q->wrap_in_training, q->start > 0 || q->finish > 0);
}

nib_feed *nib_model_feeds(nib_arena *arena, const nib_model *model, const nib_dataset *data)
{
    nib_feed *feed = NIB_NEW(arena, nib_feed, model->n_inputs + 2 * model->n_outputs);
    if (!feed)
        return NULL;
    for (int i = 0; i < model->n_teachers; i++)
        for (int k = 0; model->teacher[i].data == data && k < model->n_outputs; k++)
            feed[model->n_inputs + model->n_outputs + k].data = model->teacher[i].logits[k];
    for (int i = 0; i < model->n_inputs; i++)
        feed[i] = (nib_feed){.data = data->input[i].x, .offsets = data->input[i].offsets};
    for (int i = 0; i < model->n_outputs; i++) {
        const nib_data_target *t = target_of(data, model->output[i].target);
        if (t)
            feed[model->n_inputs + i].data = t->kind == NIB_TARGET_CLASS ? (const void *)t->label : t->value;
    }
    return feed;
}

bool nib_model_label_bytes(nib_arena *arena, const nib_model *model, const nib_dataset *data, nib_feed *feeds)
{
    for (int i = 0; i < model->n_outputs; i++) {
        const nib_data_target *t = target_of(data, model->output[i].target);
        if (!t || t->kind != NIB_TARGET_CLASS || t->width > UINT8_MAX)
            continue;
        uint8_t *bytes = NIB_NEW(arena, uint8_t, data->rows);
        if (!bytes)
            return false;
        for (int64_t r = 0; r < data->rows; r++)
            bytes[r] = (uint8_t)t->label[r];
        feeds[model->n_inputs + i].bytes = bytes;
    }
    return true;
}
