/** Paths through the masks of a model: which units the inputs still reach. */
#ifndef NIB_TRAIN_PATHS_H
#define NIB_TRAIN_PATHS_H

#include "train/model.h"

typedef struct nib_paths {
    const nib_model *model;
    uint8_t **reached; /**< [n_layers][units of the layer] 1: a path of unmasked weights leads here */
} nib_paths;

/** Room for a model's units, in the arena. */
NIB_MUST_USE nib_status nib_paths_create(nib_arena *arena, const nib_model *model, nib_paths *paths,
                                         nib_error *err);

/** Follow the masks from the inputs. Allocates nothing.
 *  @return the first layer that no path reaches: all its outputs are constant; -1: there is none */
int nib_paths_follow(nib_paths *paths);

/** The kernel of a layer in the parameter table, or -1. */
int nib_layer_kernel(const nib_model *model, int layer);

/** A row of a role that belongs to a layer by name ("bias", "gamma"), or -1. */
int nib_layer_row(const nib_model *model, int layer, const char *var);

#endif
