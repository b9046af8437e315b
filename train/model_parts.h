/** Parts that model files and checkpoints share. Not for other modules. */
#ifndef NIB_TRAIN_MODEL_PARTS_H
#define NIB_TRAIN_MODEL_PARTS_H

#include "core/h5.h"
#include "train/model.h"

enum { NIB_MODEL_FILE_VERSION = 1 };

/** Everything of a model file but its digest: Keras layout, config, data, parameters, masks. */
NIB_MUST_USE nib_status nib_model_parts_write(nib_h5 *file, const char *kind, const nib_model *model,
                                              const nib_config *config, const nib_data *data,
                                              const float *values, nib_error *err);
/** The group /nibble with its attributes but the digest. */
NIB_MUST_USE nib_status nib_model_parts_head(nib_h5 *file, const char *kind, nib_error *err);

/** Add the digest of all datasets and commit. `file` is destroyed in any case. */
NIB_MUST_USE nib_status nib_model_parts_commit(nib_h5 *file, const char *path, nib_error *err);

/** The config text of a file: resolved, with every file name cut to its base name. In `arena`. */
NIB_MUST_USE nib_status nib_model_parts_config(const nib_config *config, nib_arena *arena, const char **text,
                                               nib_error *err);

/** Is it nibble's, of a known version, and whole? @param kind, digest  in `arena`; may be NULL */
NIB_MUST_USE nib_status nib_model_parts_verify(nib_h5 *file, nib_arena *arena, const char **kind,
                                               const char **digest, nib_error *err);

/** Rows of a flat vector under `group`/<layer>/<var>, dense and unpadded. */
NIB_MUST_USE nib_status nib_model_parts_put_rows(nib_h5 *file, const char *group, const nib_params *params,
                                                 const float *flat, nib_error *err);
/** All rows back into `flat`; padding is not touched. A missing row or another shape is NIB_ERR_INPUT. */
NIB_MUST_USE nib_status nib_model_parts_get_rows(nib_h5 *file, const char *group, const nib_params *params,
                                                 float *flat, nib_error *err);
/** One row from the dataset at `path`. */
NIB_MUST_USE nib_status nib_model_parts_get_row(nib_h5 *file, const char *path, const nib_params *params,
                                                int index, float *flat, nib_error *err);

/** Masks of the file into params->mask, which is made where the file has some. Rows without a mask get ones.
 */
NIB_MUST_USE nib_status nib_model_parts_get_masks(nib_h5 *file, nib_params *params, nib_error *err);

#endif
