/* The layers of an export in an HDF5 file of the Keras-2 whole-model layout. */
#include <string.h>

#include "quant/export_graph.h"

static const char BACKEND[] = "tensorflow", KERAS_VERSION[] = "2.15.0";

/* [["name", 0, 0, {}], ...]; `with_options` adds the last part. */
static cJSON *references(const nib_keras_graph *g, int n, const int *from, bool with_options)
{
    cJSON *list = cJSON_CreateArray();
    for (int i = 0; i < n; i++) {
        cJSON *entry = cJSON_CreateArray();
        (void)cJSON_AddItemToArray(entry, cJSON_CreateString(g->layer[from[i]].name));
        (void)cJSON_AddItemToArray(entry, cJSON_CreateNumber(0));
        (void)cJSON_AddItemToArray(entry, cJSON_CreateNumber(0));
        if (with_options)
            (void)cJSON_AddItemToArray(entry, cJSON_CreateObject());
        (void)cJSON_AddItemToArray(list, entry);
    }
    return list;
}

static cJSON *layer_json(const nib_keras_graph *g, const nib_keras_layer *layer)
{
    cJSON *json = cJSON_CreateObject();
    (void)cJSON_AddStringToObject(json, "class_name", layer->class_name);
    cJSON *config = cJSON_AddObjectToObject(json, "config"), *item;
    (void)cJSON_AddStringToObject(config, "name", layer->name);
    if (layer->n_inputs)
        (void)cJSON_AddBoolToObject(config, "trainable", true);
    (void)cJSON_AddStringToObject(config, "dtype", "float32");
    cJSON_ArrayForEach(item, layer->config)(void)
        cJSON_AddItemToObject(config, item->string, cJSON_Duplicate(item, true));
    if (g->chain)
        return json;
    (void)cJSON_AddStringToObject(json, "name", layer->name);
    cJSON *inbound = cJSON_AddArrayToObject(json, "inbound_nodes");
    if (layer->n_inputs)
        (void)cJSON_AddItemToArray(inbound, references(g, layer->n_inputs, layer->input, true));
    return json;
}

static bool is_ordered(const nib_keras_graph *g, int layer)
{
    for (int i = 0; i < g->n_ordered; i++)
        if (g->order[i] == layer)
            return true;
    return false;
}

static void add_ends(const nib_keras_graph *g, const nib_fixnet *net, cJSON *config)
{
    cJSON *inputs = cJSON_AddArrayToObject(config, "input_layers");
    cJSON *outputs = cJSON_AddArrayToObject(config, "output_layers");
    for (int i = 0; i < g->count; i++)
        if (g->layer[i].n_inputs == 0 && is_ordered(g, i)) {
            cJSON *list = references(g, 1, &i, false);
            (void)cJSON_AddItemToArray(inputs, cJSON_DetachItemFromArray(list, 0));
            cJSON_Delete(list);
        }
    for (int i = 0; i < net->n_outputs; i++) {
        cJSON *list = references(g, 1, &g->of_node[net->output[i].node], false);
        (void)cJSON_AddItemToArray(outputs, cJSON_DetachItemFromArray(list, 0));
        cJSON_Delete(list);
    }
}

static nib_status config_text(const nib_keras_graph *g, const nib_export *export, const char **text,
                              nib_error *err)
{
    cJSON *root = cJSON_CreateObject();
    (void)cJSON_AddStringToObject(root, "class_name", g->chain ? "Sequential" : "Functional");
    cJSON *config = cJSON_AddObjectToObject(root, "config");
    (void)cJSON_AddStringToObject(config, "name", export->name);
    cJSON *layers = cJSON_AddArrayToObject(config, "layers");
    for (int i = 0; i < g->n_ordered; i++)
        (void)cJSON_AddItemToArray(layers, layer_json(g, &g->layer[g->order[i]]));
    if (!g->chain)
        add_ends(g, export->net, config);
    (void)cJSON_AddStringToObject(root, "keras_version", KERAS_VERSION);
    (void)cJSON_AddStringToObject(root, "backend", BACKEND);
    char *printed = cJSON_PrintUnformatted(root);
    *text = printed ? nib_arena_strdup(g->arena, printed) : NULL;
    cJSON_free(printed);
    cJSON_Delete(root);
    return *text ? NIB_OK : nib_fail_memory(err, "model_config");
}

static bool is_whole(const nib_keras_weight *w)
{
    return strcmp(w->var, "keep_negative") == 0 || strcmp(w->var, "bits") == 0 ||
           strcmp(w->var, "integers") == 0;
}

/* float32 where that has every bit, as Keras writes it; float64 where not; counts as integers. */
static nib_status write_weight(const nib_keras_graph *g, const nib_keras_weight *w, const char *path,
                               nib_h5 *file, nib_error *err)
{
    int64_t n = 1;
    for (int i = 0; i < w->rank; i++)
        n *= w->dim[i];
    float *narrow = NIB_NEW(g->arena, float, n);
    int32_t *whole = NIB_NEW(g->arena, int32_t, n);
    bool fits = true;
    if (!narrow || !whole)
        return nib_fail_memory(err, "weights");
    for (int64_t i = 0; i < n; i++) {
        narrow[i] = (float)w->value[i];
        fits = fits && (double)narrow[i] == w->value[i];
        whole[i] = is_whole(w) ? (int32_t)w->value[i] : 0;
    }
    if (is_whole(w))
        return nib_h5_write_i32(file, path, w->rank, w->dim, whole, err);
    return fits ? nib_h5_write_f32(file, path, w->rank, w->dim, narrow, err)
                : nib_h5_write_f64(file, path, w->rank, w->dim, w->value, err);
}

static nib_status write_layer(const nib_keras_graph *g, const nib_keras_layer *layer, nib_h5 *file,
                              nib_error *err)
{
    const char *names[NIB_KERAS_MAX_WEIGHTS];
    const char *group = nib_arena_printf(g->arena, "/model_weights/%s", layer->name);
    if (!group)
        return nib_fail_memory(err, "weights");
    NIB_TRY(nib_h5_make_group(file, group, err));
    for (int i = 0; i < layer->n_weights; i++) {
        names[i] = nib_arena_printf(g->arena, "%s/%s:0", layer->name, layer->weight[i].var);
        const char *path = nib_arena_printf(g->arena, "%s/%s", group, names[i] ? names[i] : "");
        if (!names[i] || !path)
            return nib_fail_memory(err, "weights");
        NIB_TRY(write_weight(g, &layer->weight[i], path, file, err));
    }
    return nib_h5_set_attribute_strings(file, group, "weight_names", layer->n_weights, names, err);
}

static nib_status write_versions(nib_h5 *file, const char *path, nib_error *err)
{
    NIB_TRY(nib_h5_set_attribute_text(file, path, "backend", BACKEND, err));
    return nib_h5_set_attribute_text(file, path, "keras_version", KERAS_VERSION, err);
}

nib_status nib_keras_graph_write(const nib_keras_graph *g, const nib_export *export, nib_h5 *file,
                                 nib_error *err)
{
    const char *config = NULL;
    const char **names = NIB_NEW(g->arena, const char *, g->n_ordered);
    int n = 0;
    if (!names)
        return nib_fail_memory(err, "Keras layout");
    NIB_TRY(config_text(g, export, &config, err));
    NIB_TRY(nib_h5_set_attribute_text(file, "/", "model_config", config, err));
    /* Without these on /model_weights too, Keras takes the file for one of Keras 1. */
    NIB_TRY(write_versions(file, "/", err));
    NIB_TRY(nib_h5_make_group(file, "/model_weights", err));
    NIB_TRY(write_versions(file, "/model_weights", err));
    for (int i = 0; i < g->n_ordered; i++) {
        const nib_keras_layer *layer = &g->layer[g->order[i]];
        if (g->chain && layer->n_inputs == 0) /* a Sequential file does not name its InputLayer */
            continue;
        names[n++] = layer->name;
        NIB_TRY(write_layer(g, layer, file, err));
    }
    return nib_h5_set_attribute_strings(file, "/model_weights", "layer_names", n, names, err);
}

/* ---- hls4ml's config ---- */

static nib_doc *add_map(nib_arena *arena, nib_doc *parent, const char *key)
{
    return nib_doc_add(arena, parent, key, nib_doc_new_map(arena));
}

static bool add_model(const nib_keras_graph *g, nib_arena *arena, nib_doc *hls)
{
    nib_doc *model = add_map(arena, hls, "Model");
    /* Without BitExact every precision is written by layer. With it, the default must be no type that a
     * network has: hls4ml takes out casts to it before it looks at what is trusted. */
    const char *usual = g->route == NIB_EXPORT_EXPLICIT ? "fixed<16,6>" : "fixed<62,30>";
    return model && nib_doc_add_text(arena, model, "Precision", "%s", usual) &&
           nib_doc_add_text(arena, model, "ReuseFactor", "1") &&
           nib_doc_add_text(arena, model, "Strategy", "Latency") &&
           nib_doc_add_text(arena, model, "BitExact", g->route == NIB_EXPORT_EXPLICIT ? "false" : "true");
}

nib_status nib_keras_graph_settings(const nib_keras_graph *g, const nib_export *e, nib_arena *arena,
                                    nib_doc **settings, nib_error *err)
{
    nib_doc *root = nib_doc_new_map(arena);
    bool ok = root && nib_doc_add_text(arena, root, "KerasH5", "model.h5") &&
              nib_doc_add_text(arena, root, "OutputDir", "hls4ml_project") &&
              nib_doc_add_text(arena, root, "ProjectName", "%s", e->name) &&
              nib_doc_add_text(arena, root, "Backend", "%s", e->backend) &&
              nib_doc_add_text(arena, root, "Part", "%s", e->part) &&
              nib_doc_add_text(arena, root, "ClockPeriod", "%.9g", e->clock_period) &&
              nib_doc_add_text(arena, root, "IOType", "%s", e->stream ? "io_stream" : "io_parallel");
    nib_doc *hls = ok ? add_map(arena, root, "HLSConfig") : NULL;
    ok = hls && add_model(g, arena, hls);
    nib_doc *names = ok ? add_map(arena, hls, "LayerName") : NULL;
    ok = names != NULL;
    for (int i = 0; ok && i < g->n_ordered; i++) {
        const nib_keras_layer *layer = &g->layer[g->order[i]];
        ok = !layer->settings || nib_doc_add(arena, names, layer->name, layer->settings);
    }
    *settings = root;
    return ok ? NIB_OK : nib_fail_memory(err, "hls4ml's config");
}
