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
    nib_value raw;             /**< its output */
    nib_value value;           /**< the same on the grid of its quantizer, which is what others see */
    nib_layer_quant quant;
} nib_model_layer;

typedef struct nib_model_input {
    const char *name;
    int64_t width;
    nib_value raw, value;                  /**< as fed, and on the grid of its quantizer */
    const nib_quantizer_config *quantizer; /**< NULL: none */
} nib_model_input;

/** A tensor that quantization is about: every input, kernel, bias and layer output, in the order of the
 * network, whether it has a quantizer or not. */
typedef struct nib_model_tensor {
    nib_quant_key key;
    int input, layer;                /**< whose it is; -1: the other */
    const nib_quant_entry *entry;    /**< as configured; NULL: it stays float */
    nib_quantizer_config *quantizer; /**< NULL: none; .type is NULL until `auto` is settled */
    int param;                       /**< row of the parameter table, or -1 */
    int scale;                       /**< row of the scales that its quantizer learns, or -1 */
    nib_value value;                 /**< in front of the quantizer */
} nib_model_tensor;

typedef struct nib_model_output {
    const char *target;
    int layer; /**< index of the linear layer */
    int64_t width;
    const nib_objective_config *objective;
} nib_model_output;

/** What a teacher says of the rows of a part of the data. */
typedef struct nib_model_teacher {
    const nib_dataset *data;
    const float *logits[NIB_MAX_OUTPUTS]; /**< [rows, width] */
} nib_model_teacher;

enum { NIB_MAX_TEACHERS = 3 };

typedef struct nib_model {
    nib_arena *arena; /**< owns all of it, the parameters too */
    int n_inputs, n_layers, n_outputs;
    nib_model_input *input;
    nib_model_layer *layer;
    nib_model_output *output; /**< graph outputs have the target's name, in this order */
    nib_params *params;
    nib_graph *graph; /**< inputs in the order: model inputs, then targets, then a teacher's logits */
    bool distilled;   /**< the losses compare with a teacher's logits too */
    int n_teachers;
    nib_model_teacher teacher[NIB_MAX_TEACHERS]; /**< filled by train/distill.h */
    int n_tensors;                               /**< 0: the config has no quantization */
    nib_model_tensor *tensor;
    const nib_quant_config *quant;
    nib_quantize_control *control; /**< of all quantizers */
    int n_quantize;
    nib_quantize_options **quantize; /**< of all nodes that quantize */
} nib_model;

/** Build from a config and the shapes of the data (`units: auto` of output layers becomes the target's width,
 * in the config's resolved tree too). Weights are initialised from train.seed. The config must outlive the
 * model. Errors: NIB_ERR_CONFIG with the layer's place. */
NIB_MUST_USE nib_status nib_model_create(nib_model **model, nib_config *config, const nib_dataset *shapes,
                                         nib_error *err);
/** The same network without its quantizers, for looking at its numbers: output n_outputs + i of the graph is
 * what layer i gives. */
NIB_MUST_USE nib_status nib_model_create_float(nib_model **model, nib_config *config,
                                               const nib_dataset *shapes, nib_error *err);
/** The network as it is, with the same outputs. */
NIB_MUST_USE nib_status nib_model_create_watched(nib_model **model, nib_config *config,
                                                 const nib_dataset *shapes, nib_error *err);
void nib_model_destroy(nib_model *model);

/** Name of a tensor for messages and keys: "x.input", "fc1.weight". In the arena; NULL when out of memory. */
const char *nib_model_tensor_name(const nib_model *model, const nib_model_tensor *tensor, nib_arena *arena);

/** Whether the model can run: no type has `auto` in place of its integer bits any more (who settles them:
 * train/quant_prepare.h). Errors: NIB_ERR_CONFIG with the tensor's place. */
NIB_MUST_USE nib_status nib_model_check_settled(const nib_model *model, nib_error *err);

/** The scales that a quantizer of the model learns, in a flat vector of parameters; NULL: it learns none.
 * Names: "fc1/kernel_scale", "fc1/bias_scale", of a layer's output "fc1/scale", of an input "x/scale". */
const float *nib_model_scales(const nib_model *model, const nib_quantizer_config *quantizer,
                              const float *values);

/** To be called when quantizers of the model were filled in or changed, before executors are created. */
void nib_model_update_quantizers(nib_model *model);

/** Feeds of a dataset in the order of the graph's inputs (a target that the dataset lacks, and a teacher
 * without logits for it, has NULL data). In the arena; NULL when out of memory. */
nib_feed *nib_model_feeds(nib_arena *arena, const nib_model *model, const nib_dataset *data);

/** Labels of these feeds a second time, a byte each, where the classes are that few: for training, which
 * reads them in random order. They are copied: the data must not change. @return false: no memory. */
bool nib_model_label_bytes(nib_arena *arena, const nib_model *model, const nib_dataset *data,
                           nib_feed *feeds);

/** Keras-like summary (layer, output shape, type, parameters, nonzero, total), as text in `arena`. */
const char *nib_model_summary(const nib_model *model, nib_arena *arena);

#endif
