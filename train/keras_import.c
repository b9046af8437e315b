#include "train/keras_import.h"

#include <stdio.h>
#include <string.h>

#include "train/keras_import_internal.h"

void nib_keras_problem(nib_keras_importer *m, const nib_keras_layer *layer, const char *format, ...)
{
    char text[256];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(text, sizeof text, format, args);
    va_end(args);
    const size_t used = strlen(m->problems);
    (void)snprintf(m->problems + used, sizeof m->problems - used, "%s%.60s (%.40s: %s)", used ? ", " : "",
                   layer->name, layer->class_, text);
}

static nib_status damaged(const nib_keras_importer *m, const char *what, nib_error *err)
{
    return nib_fail(err, NIB_ERR_INPUT, "%s: the model's JSON has %s", m->name, what);
}

/* ---- The graph ---- */

static const char *text_of(const cJSON *map, const char *key)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(map, key);
    return cJSON_IsString(item) ? item->valuestring : NULL;
}

/* "TFMOT>PruneLowMagnitude" -> "PruneLowMagnitude" */
static const char *plain_class(const char *name)
{
    const char *at = name ? strrchr(name, '>') : NULL;
    return at ? at + 1 : name;
}

static nib_status read_layer(nib_keras_importer *m, const cJSON *json, nib_keras_layer *l, nib_error *err)
{
    const cJSON *config = cJSON_GetObjectItemCaseSensitive(json, "config");
    const char *class_ = plain_class(text_of(json, "class_name"));
    const char *name = text_of(config, "name");
    *l = (nib_keras_layer){.name = name, .class_ = class_, .file_name = name, .config = config};
    if (!class_ || !name)
        return damaged(m, "a layer without class_name or name", err);
    if (strcmp(class_, "PruneLowMagnitude") != 0)
        return NIB_OK;
    const cJSON *inner = cJSON_GetObjectItemCaseSensitive(config, "layer");
    l->config = cJSON_GetObjectItemCaseSensitive(inner, "config");
    l->class_ = plain_class(text_of(inner, "class_name"));
    l->name = text_of(l->config, "name");
    return l->class_ && l->name ? NIB_OK : damaged(m, "a wrapper without a layer", err);
}

static int find_layer(const nib_keras_importer *m, const char *name)
{
    for (int i = 0; name && i < m->n_layers; i++)
        if (strcmp(m->layer[i].file_name, name) == 0)
            return i;
    return -1;
}

/* Names are how links and weights find a layer. */
static nib_status check_names(const nib_keras_importer *m, nib_error *err)
{
    for (int i = 0; i < m->n_layers; i++)
        if (find_layer(m, m->layer[i].file_name) != i)
            return damaged(m, "two layers of one name", err);
    return NIB_OK;
}

static nib_status add_from(nib_keras_importer *m, nib_keras_layer *l, const char *name, nib_error *err)
{
    const int from = find_layer(m, name);
    if (from < 0 || l->n_from == NIB_MAX_INPUTS)
        return damaged(m, from < 0 ? "a link to a layer that is not there" : "a layer with too many inputs",
                       err);
    l->from[l->n_from++] = from;
    m->layer[from].n_users++;
    return NIB_OK;
}

/* Keras 3: every {"class_name": "__keras_tensor__", "config": {"keras_history": [name, 0, 0]}} below. */
static nib_status links_3(nib_keras_importer *m, nib_keras_layer *l, const cJSON *json, nib_error *err)
{
    const cJSON *config = cJSON_GetObjectItemCaseSensitive(json, "config"), *item;
    const cJSON *history = cJSON_GetObjectItemCaseSensitive(config, "keras_history");
    const cJSON *name = cJSON_GetArrayItem(history, 0);
    if (cJSON_IsString(name))
        return add_from(m, l, name->valuestring, err);
    cJSON_ArrayForEach(item, json)
    {
        if (cJSON_IsArray(item) || cJSON_IsObject(item))
            NIB_TRY(links_3(m, l, item, err));
    }
    return NIB_OK;
}

static nib_status read_links(nib_keras_importer *m, nib_keras_layer *l, const cJSON *json, nib_error *err)
{
    const cJSON *nodes = cJSON_GetObjectItemCaseSensitive(json, "inbound_nodes");
    const cJSON *node = cJSON_GetArrayItem(nodes, 0), *reference;
    if (cJSON_GetArraySize(nodes) > 1)
        nib_keras_problem(m, l, "used more than once");
    if (cJSON_IsObject(node))
        return links_3(m, l, cJSON_GetObjectItemCaseSensitive(node, "args"), err);
    /* One reference by itself in some files: ["name", 0, 0, {}]. */
    if (cJSON_IsString(cJSON_GetArrayItem(node, 0)))
        return add_from(m, l, cJSON_GetArrayItem(node, 0)->valuestring, err);
    cJSON_ArrayForEach(reference, node)
    {
        const cJSON *name = cJSON_GetArrayItem(reference, 0);
        NIB_TRY(add_from(m, l, cJSON_IsString(name) ? name->valuestring : NULL, err));
    }
    return NIB_OK;
}

/* A Sequential model may have its input's shape in the first layer only. */
static bool needs_input(const cJSON *layers)
{
    return !plain_class(text_of(cJSON_GetArrayItem(layers, 0), "class_name")) ||
           strcmp(plain_class(text_of(cJSON_GetArrayItem(layers, 0), "class_name")), "InputLayer") != 0;
}

static nib_status read_chain(nib_keras_importer *m, const cJSON *layers, nib_error *err)
{
    if (needs_input(layers)) {
        const cJSON *first = cJSON_GetArrayItem(layers, 0);
        m->layer[m->n_layers++] =
            (nib_keras_layer){.name = "x",
                              .class_ = "InputLayer",
                              .file_name = "", /* it is not in the file */
                              .config = cJSON_GetObjectItemCaseSensitive(first, "config")};
    }
    const cJSON *json;
    cJSON_ArrayForEach(json, layers)
    {
        nib_keras_layer *l = &m->layer[m->n_layers];
        NIB_TRY(read_layer(m, json, l, err));
        if (m->n_layers > 0) {
            l->from[l->n_from++] = m->n_layers - 1;
            m->layer[m->n_layers - 1].n_users++;
        }
        m->n_layers++;
    }
    m->layer[m->n_layers - 1].is_output = true;
    return check_names(m, err);
}

/* config.output_layers: [["name", 0, 0], ...], in Keras 3 ["name", 0, 0] where there is one. */
static const char *reference_name(const cJSON *list, int i)
{
    const cJSON *item = cJSON_GetArrayItem(list, i);
    if (i == 0 && cJSON_IsString(item))
        return item->valuestring;
    item = cJSON_IsArray(item) ? cJSON_GetArrayItem(item, 0) : NULL;
    return cJSON_IsString(item) ? item->valuestring : NULL;
}

static nib_status read_graph(nib_keras_importer *m, const cJSON *config, const cJSON *layers, nib_error *err)
{
    const cJSON *json, *outputs = cJSON_GetObjectItemCaseSensitive(config, "output_layers");
    cJSON_ArrayForEach(json, layers) NIB_TRY(read_layer(m, json, &m->layer[m->n_layers++], err));
    NIB_TRY(check_names(m, err));
    int index = 0;
    cJSON_ArrayForEach(json, layers) NIB_TRY(read_links(m, &m->layer[index++], json, err));
    for (int i = 0; i < cJSON_GetArraySize(outputs); i++) {
        const char *name = reference_name(outputs, i);
        const int layer = find_layer(m, name);
        if (!name)
            break;
        if (layer < 0)
            return damaged(m, "an output that is not there", err);
        m->layer[layer].is_output = true;
    }
    return NIB_OK;
}

static nib_status read_model(nib_keras_importer *m, const cJSON *root, nib_error *err)
{
    const char *class_ = text_of(root, "class_name");
    const cJSON *config = cJSON_GetObjectItemCaseSensitive(root, "config");
    /* Early Keras 2 has the list of a Sequential model itself there. */
    const cJSON *layers = cJSON_IsArray(config) ? config : cJSON_GetObjectItemCaseSensitive(config, "layers");
    const int n = cJSON_GetArraySize(layers);
    if (!class_ || n < 1)
        return damaged(m, "no layers: is it a model's?", err);
    if (n >= NIB_KERAS_MAX_LAYERS)
        return damaged(m, "too many layers", err);
    m->layer = NIB_NEW(m->arena, nib_keras_layer, n + 1);
    if (!m->layer)
        return nib_fail_memory(err, "import");
    if (strcmp(class_, "Sequential") == 0)
        return read_chain(m, layers, err);
    if (strcmp(class_, "Functional") != 0 && strcmp(class_, "Model") != 0)
        return nib_fail(err, NIB_ERR_UNSUPPORTED,
                        "%s: a model of class %.60s; Sequential and Functional are read", m->name, class_);
    return read_graph(m, config, layers, err);
}

/* ---- Mapping ---- */

static bool is_ready(const nib_keras_importer *m, const bool *done, int index)
{
    for (int i = 0; i < m->layer[index].n_from; i++)
        if (!done[m->layer[index].from[i]])
            return false;
    return !done[index];
}

static nib_status map_one(nib_keras_importer *m, bool *done, int index, nib_error *err)
{
    done[index] = true;
    return nib_keras_map_layer(m, &m->layer[index], err);
}

/* Inputs in the order of the model's call, then every layer behind those that it reads. */
static nib_status map_all(nib_keras_importer *m, const cJSON *root, nib_error *err)
{
    const cJSON *config = cJSON_GetObjectItemCaseSensitive(root, "config");
    const cJSON *inputs = cJSON_GetObjectItemCaseSensitive(config, "input_layers");
    bool *done = NIB_NEW(m->arena, bool, m->n_layers);
    if (!done)
        return nib_fail_memory(err, "import");
    for (int i = 0; i < cJSON_GetArraySize(inputs); i++) {
        const int layer = find_layer(m, reference_name(inputs, i));
        if (layer >= 0 && is_ready(m, done, layer))
            NIB_TRY(map_one(m, done, layer, err));
    }
    for (int left = m->n_layers; left > 0; left--) {
        bool progress = false;
        for (int i = 0; i < m->n_layers; i++)
            if (is_ready(m, done, i)) {
                NIB_TRY(map_one(m, done, i, err));
                progress = true;
            }
        if (!progress)
            break;
    }
    for (int i = 0; i < m->n_layers; i++)
        if (!done[i])
            return damaged(m, "a circle of layers", err);
    return NIB_OK;
}

/* ---- Sections ---- */

/* The key of a quantizer of an output layer's result is `output`. */
static void rename_result(nib_keras_importer *m, const char *layer)
{
    nib_doc_entry *entry = nib_doc_entry_of(nib_doc_get(m->quant_layers, layer), "result");
    if (entry)
        entry->key = "output";
}

static nib_status make_outputs(nib_keras_importer *m, nib_doc *outputs, nib_error *err)
{
    nib_keras_import *import = m->import;
    int count = 0;
    for (int i = 0; i < m->n_layers; i++)
        count += m->layer[i].is_output;
    for (int i = 0; i < m->n_layers; i++) {
        const nib_keras_layer *l = &m->layer[i];
        if (!l->is_output)
            continue;
        if (import->n_outputs == NIB_MAX_OUTPUTS)
            return nib_fail(err, NIB_ERR_UNSUPPORTED, "%s: more than %d outputs", m->name,
                            (int)NIB_MAX_OUTPUTS);
        const char *target = count == 1 ? "y" : nib_arena_printf(m->arena, "%s_target", l->out);
        import->output[import->n_outputs++] =
            (nib_keras_output){target, l->out, l->loss ? l->loss : "mse", l->width};
        rename_result(m, l->out);
        if (!target || !nib_doc_add_text(m->arena, outputs, target, "%s", l->out))
            return nib_fail_memory(err, "import");
    }
    return count > 0 ? NIB_OK : damaged(m, "no output", err);
}

static nib_status make_sections(nib_keras_importer *m, nib_error *err)
{
    nib_keras_import *import = m->import;
    nib_doc *outputs = nib_doc_new_map(m->arena);
    import->model = nib_doc_new_map(m->arena);
    NIB_TRY(make_outputs(m, outputs, err));
    if (!nib_doc_add(m->arena, import->model, "layers", m->layers) ||
        !nib_doc_add(m->arena, import->model, "outputs", outputs))
        return nib_fail_memory(err, "import");
    if (m->quant_layers->count == 0)
        return NIB_OK;
    import->quant = nib_doc_new_map(m->arena);
    if (!nib_doc_add_text(m->arena, import->quant, "allow_float", "true") ||
        !nib_doc_add(m->arena, import->quant, "layers", m->quant_layers))
        return nib_fail_memory(err, "import");
    return NIB_OK;
}

static nib_status name_layers(nib_keras_importer *m, nib_error *err)
{
    const char **names = NIB_NEW(m->arena, const char *, m->n_layers);
    const char **classes = NIB_NEW(m->arena, const char *, m->n_layers);
    if (!names || !classes)
        return nib_fail_memory(err, "import");
    for (int i = 0; i < m->n_layers; i++) {
        names[i] = nib_arena_strdup(m->arena, m->layer[i].file_name);
        classes[i] = nib_arena_strdup(m->arena, m->layer[i].class_);
    }
    m->import->keras_name = names;
    m->import->keras_class = classes;
    return NIB_OK;
}

static nib_status import_root(nib_keras_importer *m, const cJSON *root, nib_error *err)
{
    NIB_TRY(read_model(m, root, err));
    m->max_weights = 4 * m->n_layers;
    m->import->weight = NIB_NEW(m->arena, nib_keras_weight, m->max_weights);
    m->layers = nib_doc_new_list(m->arena);
    m->quant_layers = nib_doc_new_map(m->arena);
    if (!m->import->weight || !m->layers || !m->quant_layers)
        return nib_fail_memory(err, "import");
    NIB_TRY(map_all(m, root, err));
    if (m->problems[0])
        return nib_fail(err, NIB_ERR_UNSUPPORTED,
                        "%s: not to be had in nibble: %s. A mapping is a row of the table in "
                        "train/keras_import_layers.c",
                        m->name, m->problems);
    NIB_TRY(make_sections(m, err));
    return name_layers(m, err);
}

nib_status nib_keras_import_read(const nib_keras_source *source, nib_arena *arena, nib_keras_import *import,
                                 nib_error *err)
{
    nib_keras_importer *m = NIB_NEW(arena, nib_keras_importer, 1);
    *import = (nib_keras_import){.notes = ""};
    if (!m)
        return nib_fail_memory(err, "import");
    m->arena = arena;
    m->import = import;
    m->name = source->name;
    cJSON *root = cJSON_Parse(source->config);
    nib_status status = root ? import_root(m, root, err)
                             : nib_fail(err, NIB_ERR_INPUT, "%s: the model's JSON is damaged", source->name);
    cJSON_Delete(root);
    return status;
}
