/** A small set of data and a config for tests of the loop: two classes that a line does not separate. */
#ifndef NIB_TESTS_TRAIN_TOY_H
#define NIB_TESTS_TRAIN_TOY_H

#include "train/fit.h"

typedef struct toy {
    nib_config *config;
    nib_data data;
    nib_model *model;
    nib_team *team;
} toy;

/** A config with data section `x: [2]`, `y: 2 classes` around the given `model` and `train` sections (YAML
 * flow maps), with `rows` training and rows/4 validation rows. Ends the test with a message when anything
 * fails. */
void toy_create(toy *t, const char *model, const char *train, int64_t rows, int threads);
void toy_destroy(toy *t);

/** nib_fit without files or observers. */
nib_status toy_fit(toy *t, nib_fit_result *result, nib_error *err);

#endif
