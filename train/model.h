/** A model: layers built into a parameter table and a graph. */
#ifndef NIB_TRAIN_MODEL_H
#define NIB_TRAIN_MODEL_H

#include "core/exec.h"
#include "datasets/data.h"
#include "train/config.h"

enum { NIB_MAX_OUTPUTS = 16 };

typedef struct nib_model_layer {
    const nib_layer_config *config;
    int n_from;
    int from[NIB_MAX_INPUTS];  /**< >= 0: layer; < 0: input -1 - i */
    nib_shape shape;           /**< of its output */
    int first_param, n_params; /**< rows of the parameter table */
    nib_value value;
} nib_model_layer;

typedef struct nib_model_input {
    const char *name;
    int64_t width;
    nib_value value;
} nib_model_input;

typedef struct nib_model_output {
    const char *target;
    int layer; /**< index of the linear layer */
    int64_t width;
    const nib_objective_config *objective;
} nib_model_output;

typedef struct nib_model {
    nib_arena *arena; /**< owns all of it, the parameters too */
    int n_inputs, n_layers, n_outputs;
    nib_model_input *input;
    nib_model_layer *layer;
    nib_model_output *output; /**< graph outputs have the target's name, in this order */
    nib_params *params;
    nib_graph *graph; /**< inputs in the order: model inputs, then targets */
} nib_model;

/** Build from a config and the shapes of the data (`units: auto` of output layers becomes the target's width,
 * in the config's resolved tree too). Weights are initialised from train.seed. The config must outlive the
 * model. Errors: NIB_ERR_CONFIG with the layer's place. */
NIB_MUST_USE nib_status nib_model_create(nib_model **model, nib_config *config, const nib_dataset *shapes,
                                         nib_error *err);
void nib_model_destroy(nib_model *model);

/** Feeds of a dataset in the order of the graph's inputs (model inputs, then targets; a target that the
 * dataset lacks has NULL data). In the arena; NULL when out of memory. */
nib_feed *nib_model_feeds(nib_arena *arena, const nib_model *model, const nib_dataset *data);

/** Keras-like summary (layer, output shape, type, parameters, nonzero, total), as text in `arena`. */
const char *nib_model_summary(const nib_model *model, nib_arena *arena);

#endif
