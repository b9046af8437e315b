/** Layers: what a model is written in. Each is one .c file ending in one `const nib_layer`, listed in
 *  train/layers.def. A layer checks its inputs, adds its parameters to the table and its nodes to the graph.
 */
#ifndef NIB_TRAIN_LAYER_H
#define NIB_TRAIN_LAYER_H

#include <cjson/cJSON.h>

#include "core/graph.h"
#include "core/options.h"
#include "quant/op_quantize.h"
#include "train/initializer.h"
#include "train/quant_config.h"

typedef struct nib_layer nib_layer;
typedef struct nib_lower nib_lower;               /* train/lower.h */
typedef struct nib_double_layer nib_double_layer; /* train/double_forward.h */

/** A layer of a model as configured. */
typedef struct nib_layer_config {
    const nib_layer *type;
    const char *name; /**< C identifier, unique */
    nib_doc_place place;
    int n_from;
    const char *const *from; /**< names of layers or inputs; 0: the layer above (the first: the only input) */
    void *options;           /**< type->options struct, filled */
} nib_layer_config;

/** A parameter waiting for its first values; see nib_layer_add_param. */
typedef struct nib_layer_param {
    int index; /**< row of the parameter table */
    nib_initializer_config initializer;
} nib_layer_param;

enum { NIB_LAYER_MAX_PARAMS = 8 };

/** What a layer is built with; train/model.c makes it. */
typedef struct nib_layer_build {
    nib_arena *arena;
    nib_graph *graph;
    nib_params *params;
    const nib_layer_config *config;
    const nib_layer_quant *quant;        /**< quantizers of the layer's tensors */
    const nib_quantize_control *control; /**< of all of them */
    int n_inputs;
    const nib_value *input;
    nib_value output; /**< to be set by build */
    int n_params;
    nib_layer_param param[NIB_LAYER_MAX_PARAMS];
    int n_quantize;
    nib_quantize_options *quantize[NIB_LAYER_MAX_PARAMS]; /**< of the nodes that quantize parameters */
} nib_layer_build;

/** How the units (features) of a layer depend on those below: what pruning must know to follow paths. */
typedef enum nib_flow {
    NIB_FLOW_MIXED,    /**< every unit may depend on all of all inputs */
    NIB_FLOW_KERNEL,   /**< unit j depends on unit i where kernel[i][j] is not zero */
    NIB_FLOW_UNITWISE, /**< unit j depends on unit j of the inputs */
    NIB_FLOW_CONCAT,   /**< the units of the inputs one after the other */
    NIB_FLOW_POOL,     /**< unit j depends on unit j of all elements of a set; zeros give zero */
} nib_flow;

struct nib_layer {
    const char *name, *help, *source;
    const char *keras_class; /**< "Dense", "Activation", ... */
    const nib_option_table
        *options; /**< without name and from, which every layer has; an activation's are its op's */
    int min_inputs, max_inputs;
    nib_flow flow;
    /** Add parameters and nodes, set `output`. Errors: NIB_ERR_SHAPE, NIB_ERR_CONFIG (the caller puts the
     * place in front). */
    nib_status (*build)(nib_layer_build *build, nib_error *err);
    /** Check those options that the layer reads itself when it is built; NULL: none.
     *  @param path  "model.layers.fc1", for messages */
    nib_status (*check)(const void *options, const char *path, nib_error *err);
    /** The number of outputs in `options`, -1 when it is `auto`; NULL: the layer has none to choose. */
    int64_t *(*units)(void *options);
    /** Fill the Keras-2 "config" object beyond name, trainable and dtype; NULL: nothing to add. */
    void (*keras_config)(const nib_layer_config *config, const nib_shape *y, cJSON *json);
    /** Make the layer's nodes of the fixed-point network. NULL: it has no form in integers.
     *  Errors: NIB_ERR_CONFIG, NIB_ERR_UNSUPPORTED with the reason (the caller puts the layer in front). */
    nib_status (*lower)(nib_lower *lower, nib_error *err);
    /** Fill what run_double needs of the present weights; NULL: nothing. Errors: as run_double's caller has
     * them.
     */
    nib_status (*prepare_double)(nib_double_layer *layer, nib_error *err);
    /** The layer in double, in front of the quantizer of its output (train/double_forward.h). NULL: it has no
     * such form.
     *  @param x  [n_inputs] rows of the inputs */
    void (*run_double)(const nib_double_layer *layer, int64_t rows, const double *const *x, double *y);
};

extern const nib_layer *const nib_layers[];
extern const int nib_layers_count;
/** The layer type of this name, or NULL. */
const nib_layer *nib_layer_find(const char *name);

/* For layers. */

/** Shape of input i. */
const nib_shape *nib_layer_input(const nib_layer_build *build, int i);

/** Add the parameter `var` (rank 1: rows = 1) and its value to the graph. */
NIB_MUST_USE nib_status nib_layer_add_param(nib_layer_build *build, const char *var, nib_role role, int rank,
                                            int64_t rows, int64_t cols, bool trainable,
                                            nib_initializer_config initializer, nib_value *value,
                                            nib_error *err);

/** Put a parameter's value, as nib_layer_add_param gave it, on the grid of its quantizer; NULL: leave it. */
NIB_MUST_USE nib_status nib_layer_quantize_param(nib_layer_build *build,
                                                 const nib_quantizer_config *quantizer, nib_value *value,
                                                 nib_error *err);

/** Build a layer that is one op over its inputs, with the layer's options as the op's. */
NIB_MUST_USE nib_status nib_layer_add_op(nib_layer_build *build, const nib_op *op, nib_error *err);

#endif
