/** Model files: HDF5 in the Keras-2 whole-model layout (model_config, model_weights) with nibble's group
 * beside it. datasets/FORMAT.md is the specification. No time, host or thread count is in them: equal runs
 * give equal bytes. */
#ifndef NIB_TRAIN_MODEL_FILE_H
#define NIB_TRAIN_MODEL_FILE_H

#include "core/h5.h"
#include "quant/fixnet.h"
#include "train/model.h"

/** Write `values` [params->size] (params->value, or kept weights) with the model's config, preprocessing and
 * classes, atomically. Errors: NIB_ERR_IO (an existing file is untouched). */
NIB_MUST_USE nib_status nib_model_file_write(const char *path, const nib_model *model,
                                             const nib_config *config, const nib_data *data,
                                             const float *values, nib_error *err);

/** The same with a fixed-point network beside the weights, which emulation and evaluation then run: for
 * networks that are more than their model lowered, as one with hls4ml's softmax. @param net  NULL: none */
NIB_MUST_USE nib_status nib_model_file_write_network(const char *path, const nib_model *model,
                                                     const nib_config *config, const nib_data *data,
                                                     const float *values, const nib_fixnet *net,
                                                     nib_error *err);

/** What a model file says besides weights: enough to rebuild the model and to read new data for it. */
typedef struct nib_model_file {
    nib_arena *arena;
    const char *path;
    const char *kind;   /**< "model", "checkpoint", "export" */
    nib_config *config; /**< parsed from /nibble/config */
    const char *config_text;
    int n_inputs;
    const nib_preprocess_state *preprocess; /**< [n_inputs] */
    nib_dataset shapes; /**< inputs and targets with widths, feature and class names, no rows */
    const char *digest; /**< "crc32:xxxxxxxx" */
} nib_model_file;

/** Read all but the weights. `path` is a model file or a run folder (then its best.h5).
 *  Errors: NIB_ERR_INPUT: missing, damaged (digest), not written by nibble, of a newer version. */
NIB_MUST_USE nib_status nib_model_file_open(const char *path, nib_model_file **file, nib_error *err);
/** The same from an open HDF5 file, which may be closed afterwards. */
NIB_MUST_USE nib_status nib_model_file_from(nib_h5 *h5, nib_model_file **file, nib_error *err);
void nib_model_file_close(nib_model_file *file);

/** Load weights into a model's parameters by name, from nibble's group or else (foreign Keras files)
 * model_weights. Missing quantizer state is allowed, any other missing name or wrong shape is an error, as is
 * an unused name. */
NIB_MUST_USE nib_status nib_model_file_load(const char *path, nib_params *params, nib_error *err);
NIB_MUST_USE nib_status nib_model_file_load_from(nib_h5 *h5, nib_params *params, nib_error *err);

#endif
