/** A model with hand-made data descriptions (no rows), for tests of the files. */
#ifndef NIB_TESTS_TRAIN_SMALL_MODEL_H
#define NIB_TESTS_TRAIN_SMALL_MODEL_H

#include "train/model.h"
#include "train/train_state.h"

typedef struct small_model {
    nib_config *config;
    nib_data data;
    nib_model *model;
} small_model;

/** Sections `data` (inputs x of 3 features and, if named there, z of 2; target y of 3 classes, target r of 2
 * numbers if named there), `model` and `train` as YAML flow maps. Weights get distinct values. */
void small_model_create(small_model *s, const char *data, const char *model, const char *train);
void small_model_destroy(small_model *s);

extern const char small_chain_data[], small_chain_model[]; /**< x -> dense, batch norm, relu, dense -> y */
extern const char small_graph_data[], small_graph_model[]; /**< two inputs, branches, two outputs */

#endif
