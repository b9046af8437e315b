/** What the files that import Keras models share. Not for other modules. */
#ifndef NIB_TRAIN_KERAS_IMPORT_INTERNAL_H
#define NIB_TRAIN_KERAS_IMPORT_INTERNAL_H

#include "train/keras_import.h"

/** A layer of the JSON and what became of it. */
typedef struct nib_keras_layer {
    const char *name, *class_; /**< of the layer itself, not of TFMOT's wrapper around it */
    const char *file_name;     /**< that its weights have in the file: the wrapper's, where there is one */
    const cJSON *config;
    int n_from, from[NIB_MAX_INPUTS]; /**< indices of layers */
    int n_users;
    bool is_output;
    /* filled by the mapping */
    const char *out; /**< the layer or input of nibble with its result */
    bool out_is_input;
    int64_t width;
    const char *loss; /**< of an output that ends in softmax or sigmoid */
} nib_keras_layer;

typedef struct nib_keras_importer {
    nib_arena *arena;
    nib_keras_import *import;
    const char *name; /**< of the file */
    int n_layers, max_weights;
    nib_keras_layer *layer;
    nib_doc *layers, *quant_layers;
    char problems[800], notes[400];
    const char *used[4 * NIB_KERAS_MAX_LAYERS]; /**< names of nibble's layers */
    int n_used;
} nib_keras_importer;

/** Note something that has no mapping; all of them are named at the end. */
void nib_keras_problem(nib_keras_importer *m, const nib_keras_layer *layer, const char *format, ...)
    NIB_PRINTF(3, 4);

/** Map one layer whose inputs are mapped. Errors: NIB_ERR_MEMORY; everything else is a problem. */
NIB_MUST_USE nib_status nib_keras_map_layer(nib_keras_importer *m, nib_keras_layer *layer, nib_error *err);

/** A quantizer as text of nibble from what Keras stores: null (NULL), a text, or {class_name, config}. An
 * object that is no quantizer is a problem.
 *  @param of_weights  alpha=None is auto_po2 then, as QKeras' layers make it
 *  @param what        for messages: "kernel_quantizer" */
const char *nib_keras_quantizer(nib_keras_importer *m, const nib_keras_layer *layer, const cJSON *stored,
                                bool of_weights, const char *what);

/** The function name of a quantizer's text: "quantized_relu". In the arena. */
const char *nib_keras_quantizer_name(nib_arena *arena, const char *text);

/** A name for nibble: an identifier without the words that hls4ml trips over, not used yet. */
const char *nib_keras_new_name(nib_keras_importer *m, const char *name);

#endif
