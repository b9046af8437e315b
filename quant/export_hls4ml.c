/* hls4ml: a Keras-2 file with nibble's group, hls4ml's config, a script that converts and compares, a README.
 */
#include <stdlib.h>
#include <string.h>

#include "core/yaml.h"
#include "quant/export_graph.h"
#include "quant/export_group.h"
#include "quant/export_readme.h"
#include "quant/export_texts.h"

/* Whether hls4ml melts this layer into the one before it, which then has its tensor. */
static bool is_melted(const nib_keras_graph *g, const nib_keras_layer *layer)
{
    const bool linear =
        strcmp(layer->class_name, "Activation") == 0 && layer->n_weights == 0 &&
        strcmp(cJSON_GetStringValue(cJSON_GetObjectItem(layer->config, "activation")), "linear") == 0;
    const bool quantizer = strcmp(layer->class_name, "FixedPointQuantizer") == 0 &&
                           cJSON_IsTrue(cJSON_GetObjectItem(layer->config, "fusible"));
    return g->route != NIB_EXPORT_EXPLICIT && (linear || quantizer);
}

/* /nibble/export/layer and node: which layers of hls4ml have which tensors exactly. */
static nib_status put_layers(const nib_keras_graph *g, const nib_fixnet *net, nib_h5 *file, nib_error *err)
{
    const char **layers = NIB_NEW(g->arena, const char *, 2 * g->count);
    const char **nodes = NIB_NEW(g->arena, const char *, 2 * g->count);
    int n = 0;
    if (!layers || !nodes)
        return nib_fail_memory(err, "export");
    for (int i = 0; i < g->n_ordered; i++) {
        const nib_keras_layer *layer = &g->layer[g->order[i]];
        if (layer->node < 0)
            continue;
        layers[n] = layer->name;
        nodes[n++] = net->node[layer->node].name;
        if (!is_melted(g, layer))
            continue;
        layers[n] = g->layer[layer->input[0]].name;
        nodes[n++] = net->node[layer->node].name;
    }
    NIB_TRY(nib_h5_write_strings(file, "/nibble/export/layer", n, layers, err));
    return nib_h5_write_strings(file, "/nibble/export/node", n, nodes, err);
}

static nib_status fill_model(const nib_export *e, const nib_keras_graph *g, nib_h5 *file, nib_error *err)
{
    uint32_t crc;
    NIB_TRY(nib_keras_graph_write(g, e, file, err));
    NIB_TRY(nib_h5_make_group(file, "/nibble", err));
    NIB_TRY(e->put_model(e->context, file, err));
    NIB_TRY(nib_export_group_write(e, g->route, file, g->arena, err));
    NIB_TRY(put_layers(g, e->net, file, err));
    NIB_TRY(nib_h5_digest(file, "/", &crc, err));
    const char *digest = nib_arena_printf(g->arena, "crc32:%08x", (unsigned)crc);
    if (!digest)
        return nib_fail_memory(err, "digest");
    return nib_h5_set_attribute_text(file, "/nibble", "digest", digest, err);
}

static nib_status add_model(const nib_export *e, const nib_keras_graph *g, nib_export_files *files,
                            nib_error *err)
{
    nib_h5 *file;
    void *image = NULL;
    size_t bytes = 0;
    NIB_TRY(nib_h5_create(&file, err));
    const nib_status status = fill_model(e, g, file, err);
    if (status != NIB_OK) {
        nib_h5_close(file);
        return status;
    }
    NIB_TRY(nib_h5_finish(file, &image, &bytes, err));
    void *kept = nib_arena_alloc(files->arena, bytes, 1);
    if (kept)
        memcpy(kept, image, bytes);
    free(image);
    return kept ? nib_export_add(files, "model.h5", kept, bytes, err) : nib_fail_memory(err, "model.h5");
}

static nib_status add_config(const nib_export *e, const nib_keras_graph *g, nib_export_files *files,
                             nib_error *err)
{
    nib_doc *settings;
    char *yaml;
    NIB_TRY(nib_keras_graph_settings(g, e, files->arena, &settings, err));
    NIB_TRY(nib_yaml_write(files->arena, settings, &yaml, err));
    const char *text = nib_arena_printf(files->arena, "# hls4ml's config, for convert.py; route %s.\n%s",
                                        nib_export_route_names[g->route], yaml);
    return text ? nib_export_add_text(files, "hls4ml.yml", text, err) : nib_fail_memory(err, "hls4ml.yml");
}

static nib_status add_files(const nib_export *e, const nib_keras_graph *g, nib_export_files *files,
                            nib_error *err)
{
    const char *readme;
    NIB_TRY(add_model(e, g, files, err));
    NIB_TRY(add_config(e, g, files, err));
    NIB_TRY(nib_export_add_text(files, "convert.py", nib_export_convert_py, err));
    NIB_TRY(nib_export_readme(e, g, files->arena, &readme, err));
    return nib_export_add_text(files, "README.md", readme, err);
}

static nib_status write_files(const nib_export *e, nib_export_files *files, nib_error *err)
{
    nib_keras_graph graph;
    NIB_TRY(nib_keras_graph_make(e, files->arena, &graph, err));
    const nib_status status = add_files(e, &graph, files, err);
    nib_keras_graph_free(&graph);
    return status;
}

const nib_exporter nib_exporter_hls4ml = {
    .name = "hls4ml",
    .help = "model.h5, hls4ml.yml and convert.py: firmware whose C++ emulation gives the same bits",
    .source = "hls4ml 1.2 and later (keras_v2_to_hls, pass bit_exact)",
    .write = write_files,
};
