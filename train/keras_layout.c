#include "train/keras_layout.h"

#include <string.h>

static const char BACKEND[] = "tensorflow", KERAS_VERSION[] = "2.15.0";

/* A node of the Keras graph: an input, a layer, or the final activation of an output. */
typedef struct keras_node {
    const char *name;
    const nib_model_input *input; /* of an input */
    const nib_model_layer *layer; /* of a layer */
    const char *function;         /* of a final activation */
    int n_from, from[NIB_MAX_INPUTS];
    bool reached, finished;
    int visit, depth; /* Keras sorts by falling depth, then by visit */
} keras_node;

typedef struct keras_plan {
    const nib_model *model;
    nib_arena *arena;
    int count; /* nodes that an output depends on, after sorting: node[0..count-1] of `order` */
    keras_node *node;
    int *order;
    int n_outputs;
    int output[NIB_MAX_OUTPUTS];
    bool chain;
    int visits, finished;
    int *sequence; /* in the order in which the walk left them: inputs of a node come before it */
} keras_plan;

static const char *link_function(nib_link link)
{
    return link == NIB_LINK_SOFTMAX ? "softmax" : link == NIB_LINK_SIGMOID ? "sigmoid" : NULL;
}

static nib_status make_nodes(keras_plan *p, nib_error *err)
{
    const nib_model *m = p->model;
    for (int i = 0; i < m->n_inputs; i++)
        p->node[i] = (keras_node){.name = m->input[i].name, .input = &m->input[i]};
    for (int i = 0; i < m->n_layers; i++) {
        const nib_model_layer *layer = &m->layer[i];
        keras_node *node = &p->node[m->n_inputs + i];
        *node = (keras_node){.name = layer->config->name, .layer = layer, .n_from = layer->n_from};
        for (int k = 0; k < layer->n_from; k++)
            node->from[k] = layer->from[k] >= 0 ? m->n_inputs + layer->from[k] : -1 - layer->from[k];
    }
    p->n_outputs = m->n_outputs;
    for (int i = 0; i < m->n_outputs; i++) {
        const nib_model_output *output = &m->output[i];
        const char *function = link_function(output->objective->loss->link);
        int last = m->n_inputs + output->layer, index = m->n_inputs + m->n_layers + i;
        p->output[i] = function ? index : last;
        p->node[index] = (keras_node){.name = nib_arena_printf(p->arena, "%s_prob", output->target),
                                      .function = function,
                                      .n_from = 1,
                                      .from = {last}};
        if (!p->node[index].name)
            return nib_fail_memory(err, "Keras layout");
    }
    return NIB_OK;
}

/* keras.engine.functional._build_map: number nodes when they are first met, coming from the outputs. */
static void walk(keras_plan *p, int index)
{
    keras_node *node = &p->node[index];
    if (node->finished)
        return;
    if (!node->reached)
        node->visit = p->visits++;
    node->reached = true;
    for (int i = 0; i < node->n_from; i++)
        walk(p, node->from[i]);
    node->finished = true;
    p->sequence[p->finished++] = index;
}

/* keras.engine.functional._map_graph_network: depth is the longest way to an output. */
static void sort_nodes(keras_plan *p)
{
    for (int i = 0; i < p->n_outputs; i++)
        walk(p, p->output[i]);
    for (int i = p->finished - 1; i >= 0; i--) {
        const keras_node *node = &p->node[p->sequence[i]];
        for (int k = 0; k < node->n_from; k++) {
            keras_node *from = &p->node[node->from[k]];
            from->depth = from->depth > node->depth + 1 ? from->depth : node->depth + 1;
        }
    }
    p->count = p->finished;
    for (int i = 0; i < p->count; i++) {
        const keras_node *node = &p->node[p->sequence[i]];
        int at = i;
        for (; at > 0; at--) {
            const keras_node *other = &p->node[p->order[at - 1]];
            if (other->depth > node->depth || (other->depth == node->depth && other->visit < node->visit))
                break;
            p->order[at] = p->order[at - 1];
        }
        p->order[at] = p->sequence[i];
    }
    p->chain = p->n_outputs == 1;
    for (int i = 0; i < p->count; i++) {
        const keras_node *node = &p->node[p->order[i]];
        bool follows = i > 0 && node->n_from == 1 && node->from[0] == p->order[i - 1];
        p->chain = p->chain && (i == 0 ? node->input != NULL : follows);
    }
}

static nib_status make_plan(const nib_model *model, nib_arena *arena, keras_plan *p, nib_error *err)
{
    int most = model->n_inputs + model->n_layers + model->n_outputs;
    *p = (keras_plan){.model = model, .arena = arena};
    p->node = NIB_NEW(arena, keras_node, most);
    p->order = NIB_NEW(arena, int, most);
    p->sequence = NIB_NEW(arena, int, most);
    if (!p->node || !p->order || !p->sequence)
        return nib_fail_memory(err, "Keras layout");
    NIB_TRY(make_nodes(p, err));
    sort_nodes(p);
    return NIB_OK;
}

static void add_input_config(cJSON *config, const nib_model_input *input)
{
    cJSON *shape = cJSON_AddArrayToObject(config, "batch_input_shape");
    (void)cJSON_AddItemToArray(shape, cJSON_CreateNull());
    (void)cJSON_AddItemToArray(shape, cJSON_CreateNumber((double)input->width));
    (void)cJSON_AddStringToObject(config, "dtype", "float32");
    (void)cJSON_AddBoolToObject(config, "sparse", false);
    (void)cJSON_AddBoolToObject(config, "ragged", false);
}

/* [["name", 0, 0, {}], ...]; `with_options` adds the last part. */
static cJSON *references(const keras_plan *p, int n, const int *from, bool with_options)
{
    cJSON *list = cJSON_CreateArray();
    for (int i = 0; i < n; i++) {
        cJSON *entry = cJSON_CreateArray();
        (void)cJSON_AddItemToArray(entry, cJSON_CreateString(p->node[from[i]].name));
        (void)cJSON_AddItemToArray(entry, cJSON_CreateNumber(0));
        (void)cJSON_AddItemToArray(entry, cJSON_CreateNumber(0));
        if (with_options)
            (void)cJSON_AddItemToArray(entry, cJSON_CreateObject());
        (void)cJSON_AddItemToArray(list, entry);
    }
    return list;
}

static cJSON *node_json(const keras_plan *p, const keras_node *node)
{
    cJSON *json = cJSON_CreateObject();
    const char *name = node->input   ? "InputLayer"
                       : node->layer ? node->layer->config->type->keras_class
                                     : "Activation";
    (void)cJSON_AddStringToObject(json, "class_name", name);
    cJSON *config = cJSON_AddObjectToObject(json, "config");
    (void)cJSON_AddStringToObject(config, "name", node->name);
    if (node->input) {
        add_input_config(config, node->input);
    } else {
        /* No "activation" key in Dense: hls4ml would make a second layer of it. */
        (void)cJSON_AddBoolToObject(config, "trainable", true);
        (void)cJSON_AddStringToObject(config, "dtype", "float32");
        if (node->layer && node->layer->config->type->keras_config)
            node->layer->config->type->keras_config(node->layer->config, &node->layer->shape, config);
        if (node->function)
            (void)cJSON_AddStringToObject(config, "activation", node->function);
    }
    if (p->chain)
        return json;
    (void)cJSON_AddStringToObject(json, "name", node->name);
    cJSON *inbound = cJSON_AddArrayToObject(json, "inbound_nodes");
    if (!node->input)
        (void)cJSON_AddItemToArray(inbound, references(p, node->n_from, node->from, true));
    return json;
}

static nib_status plan_text(const keras_plan *p, const char **text, nib_error *err)
{
    int *inputs = NIB_NEW(p->arena, int, p->model->n_inputs);
    if (!inputs)
        return nib_fail_memory(err, "model_config");
    cJSON *root = cJSON_CreateObject();
    (void)cJSON_AddStringToObject(root, "class_name", p->chain ? "Sequential" : "Functional");
    cJSON *config = cJSON_AddObjectToObject(root, "config");
    (void)cJSON_AddStringToObject(config, "name", "nibble");
    cJSON *layers = cJSON_AddArrayToObject(config, "layers");
    int n_inputs = 0;
    for (int i = 0; i < p->count; i++)
        (void)cJSON_AddItemToArray(layers, node_json(p, &p->node[p->order[i]]));
    for (int i = 0; i < p->model->n_inputs; i++)
        if (p->node[i].reached)
            inputs[n_inputs++] = i;
    if (!p->chain) {
        (void)cJSON_AddItemToObject(config, "input_layers", references(p, n_inputs, inputs, false));
        (void)cJSON_AddItemToObject(config, "output_layers", references(p, p->n_outputs, p->output, false));
    }
    (void)cJSON_AddStringToObject(root, "keras_version", KERAS_VERSION);
    (void)cJSON_AddStringToObject(root, "backend", BACKEND);
    char *printed = cJSON_PrintUnformatted(root);
    *text = printed ? nib_arena_strdup(p->arena, printed) : NULL;
    cJSON_free(printed);
    cJSON_Delete(root);
    return *text ? NIB_OK : nib_fail_memory(err, "model_config");
}

nib_status nib_keras_layout_config(const nib_model *model, nib_arena *arena, const char **text,
                                   nib_error *err)
{
    keras_plan plan;
    NIB_TRY(make_plan(model, arena, &plan, err));
    return plan_text(&plan, text, err);
}

/* Keras leaves out the gamma or beta that a batch norm does not train. */
static bool in_keras(const nib_param *row)
{
    return row->role == NIB_ROLE_KERNEL || row->role == NIB_ROLE_BIAS ||
           (row->role == NIB_ROLE_BN && row->trainable) || strcmp(row->var, "moving_mean") == 0 ||
           strcmp(row->var, "moving_variance") == 0;
}

static nib_status write_weight(nib_h5 *file, const keras_plan *p, int index, const float *values,
                               const char *name, nib_error *err)
{
    const nib_params *params = p->model->params;
    const nib_param *row = &params->row[index];
    const int64_t n = nib_params_elements(row);
    const int64_t dim[2] = {row->rank == 1 ? row->cols : row->rows, row->cols};
    const char *path = nib_arena_printf(p->arena, "/model_weights/%s/%s", row->layer, name);
    float *dense = NIB_NEW(p->arena, float, n);
    float *mask = NIB_NEW(p->arena, float, params->mask ? n : 0);
    if (!path || !dense || !mask)
        return nib_fail_memory(err, "weights");
    nib_params_pack(params, index, values, dense);
    if (params->mask) {
        nib_params_pack(params, index, params->mask, mask);
        for (int64_t i = 0; i < n; i++)
            dense[i] = mask[i] == 0.0f ? 0.0f : dense[i];
    }
    return nib_h5_write_f32(file, path, row->rank, dim, dense, err);
}

static nib_status write_node(nib_h5 *file, const keras_plan *p, const keras_node *node, const float *values,
                             nib_error *err)
{
    const char *names[16];
    int n = 0;
    const char *group = nib_arena_printf(p->arena, "/model_weights/%s", node->name);
    if (!group)
        return nib_fail_memory(err, "weights");
    NIB_TRY(nib_h5_make_group(file, group, err));
    for (int i = 0; node->layer && i < node->layer->n_params; i++) {
        int index = node->layer->first_param + i;
        const nib_param *row = &p->model->params->row[index];
        if (!in_keras(row) || n == (int)(sizeof names / sizeof names[0]))
            continue;
        names[n] = nib_arena_printf(p->arena, "%s/%s:0", row->layer, row->var);
        if (!names[n])
            return nib_fail_memory(err, "weights");
        NIB_TRY(write_weight(file, p, index, values, names[n++], err));
    }
    return nib_h5_set_attribute_strings(file, group, "weight_names", n, names, err);
}

static nib_status write_versions(nib_h5 *file, const char *path, nib_error *err)
{
    NIB_TRY(nib_h5_set_attribute_text(file, path, "backend", BACKEND, err));
    return nib_h5_set_attribute_text(file, path, "keras_version", KERAS_VERSION, err);
}

static nib_status write_plan(nib_h5 *file, const keras_plan *p, const float *values, nib_error *err)
{
    const char *config;
    const char **names = NIB_NEW(p->arena, const char *, p->count);
    int n = 0;
    if (!names)
        return nib_fail_memory(err, "Keras layout");
    NIB_TRY(plan_text(p, &config, err));
    NIB_TRY(nib_h5_set_attribute_text(file, "/", "model_config", config, err));
    /* Without these on /model_weights too, Keras takes the file for one of Keras 1. */
    NIB_TRY(write_versions(file, "/", err));
    NIB_TRY(nib_h5_make_group(file, "/model_weights", err));
    NIB_TRY(write_versions(file, "/model_weights", err));
    for (int i = 0; i < p->count; i++) {
        const keras_node *node = &p->node[p->order[i]];
        if (p->chain && node->input) /* a Sequential file does not name its InputLayer */
            continue;
        names[n++] = node->name;
        NIB_TRY(write_node(file, p, node, values, err));
    }
    return nib_h5_set_attribute_strings(file, "/model_weights", "layer_names", n, names, err);
}

nib_status nib_keras_layout_write(nib_h5 *file, const nib_model *model, const float *values, nib_error *err)
{
    keras_plan plan;
    nib_arena *arena = nib_arena_create();
    if (!arena)
        return nib_fail_memory(err, "Keras layout");
    nib_status status = make_plan(model, arena, &plan, err);
    if (status == NIB_OK)
        status = write_plan(file, &plan, values, err);
    nib_arena_destroy(arena);
    return status;
}

/* ---- Reading ---- */

/* "a/b/kernel:0" -> "kernel" */
static const char *plain_name(nib_arena *arena, const char *weight)
{
    const char *slash = strrchr(weight, '/');
    const char *name = slash ? slash + 1 : weight;
    const char *colon = strchr(name, ':');
    return nib_arena_strndup(arena, name, colon ? (size_t)(colon - name) : strlen(name));
}

static const char *weights_root(nib_h5 *file)
{
    return nib_h5_is_group(file, "/model_weights") ? "/model_weights" : "";
}

nib_status nib_keras_layout_find(nib_h5 *file, nib_arena *arena, const char *layer, const char *var,
                                 const char **path, nib_error *err)
{
    int count = 0;
    const char *const *names = NULL;
    const char *group = nib_arena_printf(arena, "%s/%s", weights_root(file), layer);
    *path = NULL;
    if (!group)
        return nib_fail_memory(err, "weights");
    if (!nib_h5_has_attribute(file, group, "weight_names"))
        return NIB_OK;
    NIB_TRY(nib_h5_attribute_strings(file, group, "weight_names", arena, &count, &names, err));
    for (int i = 0; i < count; i++) {
        const char *plain = plain_name(arena, names[i]);
        if (!plain)
            return nib_fail_memory(err, "weights");
        if (strcmp(plain, var) != 0)
            continue;
        *path = nib_arena_printf(arena, "%s/%s", group, names[i]);
        return *path ? NIB_OK : nib_fail_memory(err, "weights");
    }
    return NIB_OK;
}

nib_status nib_keras_layout_list(nib_h5 *file, nib_arena *arena, int *count, const char *const **names,
                                 nib_error *err)
{
    enum { MOST = 4096 };
    const char *root = weights_root(file);
    const char *const *layers, *const *weights;
    const char **list = NIB_NEW(arena, const char *, MOST);
    int n_layers = 0, n_weights = 0, n = 0;
    if (!list)
        return nib_fail_memory(err, "weights");
    if (!nib_h5_has_attribute(file, *root ? root : "/", "layer_names"))
        return nib_fail(
            err, NIB_ERR_INPUT,
            "%s: neither a model file of nibble nor a Keras weights file (no attribute layer_names); "
            "save the whole model as .h5 in Keras",
            nib_h5_path(file));
    NIB_TRY(
        nib_h5_attribute_strings(file, *root ? root : "/", "layer_names", arena, &n_layers, &layers, err));
    for (int i = 0; i < n_layers; i++) {
        const char *group = nib_arena_printf(arena, "%s/%s", root, layers[i]);
        if (!group)
            return nib_fail_memory(err, "weights");
        if (!nib_h5_has_attribute(file, group, "weight_names"))
            continue;
        NIB_TRY(nib_h5_attribute_strings(file, group, "weight_names", arena, &n_weights, &weights, err));
        for (int k = 0; k < n_weights; k++) {
            const char *plain = plain_name(arena, weights[k]);
            const char *name = plain ? nib_arena_printf(arena, "%s/%s", layers[i], plain) : NULL;
            if (!name)
                return nib_fail_memory(err, "weights");
            if (n == MOST)
                return nib_fail(err, NIB_ERR_INPUT, "%s: more than %d weights", nib_h5_path(file), MOST);
            list[n++] = name;
        }
    }
    *count = n;
    *names = list;
    return NIB_OK;
}
