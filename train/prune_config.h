/** The `prune:` section, read: what is pruned by which schedule and criterion. */
#ifndef NIB_TRAIN_PRUNE_CONFIG_H
#define NIB_TRAIN_PRUNE_CONFIG_H

#include "prune/criterion.h"
#include "prune/schedule.h"

/** What is said of one layer, or of all that are not named. */
typedef struct nib_prune_part {
    const nib_prune_schedule *schedule;
    const void *schedule_options;
    const nib_prune_criterion *criterion;
    const void *criterion_options;
    double sparsity;
    double cost;
    bool biases;
} nib_prune_part;

typedef struct nib_prune_layer_config {
    const char *layer;
    nib_doc_place place;
    nib_prune_part part; /**< the default's with the layer's own keys */
    bool own;            /**< it has a schedule, sparsity or criterion of its own: never in the global pool */
} nib_prune_layer_config;

enum { NIB_PRUNE_SCOPE_LAYER, NIB_PRUNE_SCOPE_GLOBAL };

typedef struct nib_prune_config {
    bool on; /**< the config has the section */
    nib_doc_place place;
    int scope;
    nib_prune_rule rule;
    nib_prune_part part; /**< default */
    int n_layers;
    nib_prune_layer_config *layer;
} nib_prune_config;

#endif
