/** Layers: what a model is written in. Each is one .c file ending in one `const nib_layer`, listed in
 *  train/layers.def. A layer checks its inputs, adds its parameters to the table and its nodes to the graph.
 */
#ifndef NIB_TRAIN_LAYER_H
#define NIB_TRAIN_LAYER_H

#include <cjson/cJSON.h>

#include "core/graph.h"
#include "core/options.h"

typedef struct nib_layer nib_layer;

/** A layer of a model as configured. */
typedef struct nib_layer_config {
    const nib_layer *type;
    const char *name; /**< C identifier, unique */
    nib_doc_place place;
    int n_from;
    const char *const *from; /**< names of layers or inputs; 0: the layer above (the first: the only input) */
    void *options;           /**< type->options struct, filled */
} nib_layer_config;

/** What a layer is built with; see train/model.c. */
typedef struct nib_layer_build {
    nib_arena *arena;
    nib_graph *graph;
    nib_params *params;
    const nib_layer_config *config;
    int n_inputs;
    const nib_value *input;
    nib_value output; /**< to be set by build */
} nib_layer_build;

struct nib_layer {
    const char *name, *help, *source;
    const char *keras_class; /**< "Dense"; "Activation" layers state their function in keras_config */
    const nib_option_table
        *options; /**< without name and from, which every layer has; an activation's are its op's */
    int min_inputs, max_inputs;
    /** Add parameters. Runs for all layers before any graph node is made. @param x shapes of the inputs */
    nib_status (*params)(nib_layer_build *build, const nib_shape *x, nib_shape *y, nib_error *err);
    /** Add nodes. */
    nib_status (*build)(nib_layer_build *build, nib_error *err);
    /** Fill the Keras-2 "config" object beyond name, trainable and dtype. */
    void (*keras_config)(const nib_layer_config *config, const nib_shape *y, cJSON *json);
};

extern const nib_layer *const nib_layers[];
extern const int nib_layers_count;
const nib_layer *nib_layer_find(const char *name);

#endif
