/** Checkpoints: a model file of kind "checkpoint" with optimizer moments and the state of the loop, exact to
 * the bit. */
#ifndef NIB_TRAIN_CHECKPOINT_H
#define NIB_TRAIN_CHECKPOINT_H

#include "core/h5.h"
#include "train/model.h"
#include "train/train_state.h"

/** Write atomically. On failure the previous checkpoint is intact and the message says so. */
NIB_MUST_USE nib_status nib_checkpoint_write(const char *path, const nib_model *model,
                                             const nib_config *config, const nib_data *data,
                                             const nib_train_state *state, nib_error *err);

/** Restore weights (model->params) and state. Errors: NIB_ERR_INPUT when the file is damaged, or was made
 * with another config, other data (fingerprint) or another program version, naming the difference. */
NIB_MUST_USE nib_status nib_checkpoint_read(const char *path, nib_model *model, const nib_config *config,
                                            const nib_data *data, nib_train_state *state, nib_error *err);
/** The same from an open HDF5 file. */
NIB_MUST_USE nib_status nib_checkpoint_read_from(nib_h5 *file, nib_model *model, const nib_config *config,
                                                 const nib_data *data, nib_train_state *state,
                                                 nib_error *err);

#endif
