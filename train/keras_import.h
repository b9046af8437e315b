/** Models of Keras, TFMOT and QKeras as models of nibble.
 *
 *  The JSON of a model (Keras 2 and 3, Sequential and Functional) becomes the sections `model` and `quant` of
 * a config, layer by layer through the table of train/keras_import_layers.c; its weights go into the
 * parameters of the model that is made from it.
 */
#ifndef NIB_TRAIN_KERAS_IMPORT_H
#define NIB_TRAIN_KERAS_IMPORT_H

#include "core/h5.h"
#include "train/model.h"

/** What is read in: JSON text, and the open file of weights. */
typedef struct nib_keras_source {
    const char *name;   /**< of the file, for messages */
    const char *config; /**< JSON: {"class_name": "Sequential" or "Functional", "config": {...}} */
    nib_h5 *weights;    /**< whole model, weights file, or model.weights.h5 of a .keras file */
} nib_keras_source;

/** How numbers are read out of a model. */
typedef struct nib_keras_output {
    const char *target; /**< "y", or the layer's name where there are several */
    const char *layer;  /**< of nibble */
    const char *loss;   /**< "categorical_crossentropy", "binary_crossentropy" or "mse", by its activation */
    int64_t width;
} nib_keras_output;

typedef struct nib_keras_weight {
    const char *layer, *var; /**< of nibble */
    int keras_layer;         /**< index into the JSON's layers */
    const char *quantizer;   /**< its values are put through this once (QBatchNormalization), or NULL */
} nib_keras_weight;

enum { NIB_KERAS_MAX_LAYERS = 1024 };

typedef struct nib_keras_import {
    nib_doc *model, *quant; /**< sections; quant is NULL where nothing is quantized */
    int n_inputs, n_outputs, n_weights;
    const char *input[NIB_MAX_INPUTS]; /**< names of nibble */
    int64_t input_width[NIB_MAX_INPUTS];
    nib_keras_output output[NIB_MAX_OUTPUTS];
    nib_keras_weight *weight;
    const char *const *keras_name; /**< of the JSON's layers */
    const char *const *keras_class;
    const char *notes; /**< lines worth telling, or "" */
} nib_keras_import;

/** Read the JSON. Everything lives in the arena.
 *  Errors: NIB_ERR_INPUT: not a model; NIB_ERR_UNSUPPORTED: names all layers and settings that have no
 * mapping. */
NIB_MUST_USE nib_status nib_keras_import_read(const nib_keras_source *source, nib_arena *arena,
                                              nib_keras_import *import, nib_error *err);

/** Fill the parameters of the model made from it. Pruned weights (masks of TFMOT's wrappers) are zeros.
 *  Errors: NIB_ERR_INPUT: a weight is missing or has another shape. */
NIB_MUST_USE nib_status nib_keras_import_weights(const nib_keras_import *import,
                                                 const nib_keras_source *source, nib_params *params,
                                                 nib_error *err);

#endif
