/** The plain way of the engine: one node on one sample, with a cast at every place where the hardware casts.
 * Not for other modules. */
#ifndef NIB_QUANT_ENGINE_PLAIN_H
#define NIB_QUANT_ENGINE_PLAIN_H

#include "quant/engine.h"

/** What a node needs beside its record: tables and scratch. */
typedef struct nib_engine_plain {
    int64_t *exp_table, *inv_table; /**< softmax: [exp_size], [inv_size] codes */
    int32_t *order;                 /**< dense: [n_in] scratch */
    int64_t *scratch;               /**< softmax: [features] */
} nib_engine_plain;

/** @param arena  owns what `plain` points to. Errors: NIB_ERR_MEMORY. */
NIB_MUST_USE nib_status nib_engine_plain_prepare(const nib_fixnet *net, int node, nib_arena *arena,
                                                 nib_engine_plain *plain, nib_error *err);

/** One sample through a node.
 *  @param x       inputs: the sample's floats when the node is an input
 *  @param codes   [n_nodes] of one sample: those of the node's inputs are read, y is written
 *  @param counts  added to; may be NULL */
void nib_engine_plain_run(const nib_fixnet *net, int node, const nib_engine_plain *plain, const float *x,
                          int64_t *const *codes, nib_engine_counts *counts);

#endif
