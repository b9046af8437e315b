/** A fixnet as layers of Keras that hls4ml reads: private to quant/export_*.c.
 *
 *  Every node becomes one layer or a few, by the table of quant/export_layers.c; the layers carry their Keras
 * config, their weights on the grid, and their entry of LayerName in hls4ml's config.
 */
#ifndef NIB_QUANT_EXPORT_GRAPH_H
#define NIB_QUANT_EXPORT_GRAPH_H

#include <cjson/cJSON.h>

#include "quant/export.h"

enum { NIB_KERAS_MAX_INPUTS = 2, NIB_KERAS_MAX_WEIGHTS = 4 };

typedef struct nib_keras_weight {
    const char *var; /**< "kernel" */
    int rank;
    int64_t dim[3];
    const double *value;
} nib_keras_weight;

typedef struct nib_keras_layer {
    const char *name, *class_name;
    int node; /**< whose tensor this is, exactly: or -1, a step on the way or a tensor of other bits */
    int n_inputs, input[NIB_KERAS_MAX_INPUTS]; /**< layers */
    cJSON *config;                             /**< without name, trainable and dtype */
    int n_weights;
    nib_keras_weight weight[NIB_KERAS_MAX_WEIGHTS];
    nib_doc *settings; /**< of LayerName, or NULL: none */
} nib_keras_layer;

typedef struct nib_keras_graph {
    nib_arena *arena;
    nib_export_route route;
    int count, capacity;
    nib_keras_layer *layer;
    int *of_node;          /**< [nodes] the layer with the node's tensor */
    int n_ordered, *order; /**< the layers that an output depends on, as Keras orders them */
    bool chain;            /**< Sequential */
} nib_keras_graph;

/** Make the layers. Free with nib_keras_graph_free (the rest is in the arena).
 *  Errors: NIB_ERR_UNSUPPORTED naming the node that hls4ml cannot have exactly, with the reason. */
NIB_MUST_USE nib_status nib_keras_graph_make(const nib_export *export, nib_arena *arena,
                                             nib_keras_graph *graph, nib_error *err);
void nib_keras_graph_free(nib_keras_graph *graph);

/** Root attribute model_config and group /model_weights. */
NIB_MUST_USE nib_status nib_keras_graph_write(const nib_keras_graph *graph, const nib_export *export,
                                              nib_h5 *file, nib_error *err);

/** hls4ml's config for it: KerasH5, back end, HLSConfig. In the arena. */
NIB_MUST_USE nib_status nib_keras_graph_settings(const nib_keras_graph *graph, const nib_export *export,
                                                 nib_arena *arena, nib_doc **settings, nib_error *err);

/* For the table of layers. */

/** A new layer over `inputs` [n]; NULL when out of memory. `name` may hold a text of printf. */
nib_keras_layer *nib_keras_graph_add(nib_keras_graph *graph, const char *class_name, int n, const int *inputs,
                                     const char *format, ...) NIB_PRINTF(5, 6);

/** Its entry of LayerName, and the map Precision in it; NULL when out of memory. */
nib_doc *nib_keras_settings(nib_keras_graph *graph, nib_keras_layer *layer);
NIB_MUST_USE nib_status nib_keras_precision(nib_keras_graph *graph, nib_keras_layer *layer,
                                            const char *variable, const nib_fixed *type, nib_error *err);

/** Choose the route: `export->route`, or for auto the first that can say the net; refuse with the reason
 * where the given one cannot. */
NIB_MUST_USE nib_status nib_export_choose_route(const nib_export *export, nib_export_route *route,
                                                nib_error *err);

/** The layers of one node, by its kind. */
NIB_MUST_USE nib_status nib_keras_layers_of(const nib_export *export, nib_keras_graph *graph, int node,
                                            nib_error *err);

#endif
