/** The Keras-2 whole-model layout of an HDF5 file: root attributes model_config, backend and keras_version,
 * and /model_weights/<layer>/<layer>/<var>:0. tf.keras and Keras 3 load it, hls4ml reads it without either.
 *
 *  A chain of layers is written as Sequential, everything else as Functional. Every output whose loss has a
 * link ends in an Activation `<target>_prob`, so Keras predicts probabilities as nibble does. Layers that no
 * output depends on are left out, and the others stand in the order that Keras gives them: it matches weights
 * by position.
 */
#ifndef NIB_TRAIN_KERAS_LAYOUT_H
#define NIB_TRAIN_KERAS_LAYOUT_H

#include "core/h5.h"
#include "train/model.h"

/** Write attributes and groups. @param values  [params->size]; pruned weights are written as 0 */
NIB_MUST_USE nib_status nib_keras_layout_write(nib_h5 *file, const nib_model *model, const float *values,
                                               nib_error *err);

/** The model_config JSON text, in `arena`. */
NIB_MUST_USE nib_status nib_keras_layout_config(const nib_model *model, nib_arena *arena, const char **text,
                                                nib_error *err);

/** Path of the dataset that holds `layer`/`var` in a file of this layout (whole model or weights only), in
 * `arena`; NULL in *path when the file has no such weight. */
NIB_MUST_USE nib_status nib_keras_layout_find(nib_h5 *file, nib_arena *arena, const char *layer,
                                              const char *var, const char **path, nib_error *err);

/** All weights of such a file as "layer/var", in `arena`. Errors: NIB_ERR_INPUT when it has no layer_names.
 */
NIB_MUST_USE nib_status nib_keras_layout_list(nib_h5 *file, nib_arena *arena, int *count,
                                              const char *const **names, nib_error *err);

#endif
