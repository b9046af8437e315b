/** Initialisers of weights: Keras' definitions (VarianceScaling; normal ones are truncated at two deviations
 * with the deviation divided by 0.87962566103423978). Each is one row in train/initializer.c's table. */
#ifndef NIB_TRAIN_INITIALIZER_H
#define NIB_TRAIN_INITIALIZER_H

#include "core/options.h"
#include "core/params.h"

/** A parsed initialiser: `glorot_uniform`, `zeros`, `{constant: 0.1}`. */
typedef struct nib_initializer_config {
    int kind;     /**< row of the table */
    double value; /**< constant */
} nib_initializer_config;

/** Read from a config node (NULL: `initial`). */
NIB_MUST_USE nib_status nib_initializer_read(const nib_doc *node, const char *initial, const char *path,
                                             nib_initializer_config *config, nib_error *err);
nib_doc *nib_initializer_write(nib_arena *arena, const nib_initializer_config *config);

/** Fill a row of params->value; fan-in = rows, fan-out = cols, both cols for rank 1. Random numbers: stream
 * "<name>/init" of `seed`. */
void nib_initializer_fill(const nib_initializer_config *config, nib_params *params, int index, uint64_t seed);

/** Row `index` of the table, for `nibble list`. False beyond the end. */
bool nib_initializer_row(int index, const char **name, const char **help);

#endif
