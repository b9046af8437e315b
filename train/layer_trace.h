/** What every layer of a model gives on some rows: in float, with its quantizers, and in integers. For people
 * who ask where two of them part ways. */
#ifndef NIB_TRAIN_LAYER_TRACE_H
#define NIB_TRAIN_LAYER_TRACE_H

#include "quant/engine.h"
#include "train/lower.h"

/** One tensor: an input, the output of a layer, or of a softmax that the network has behind the model's
 * logits. */
typedef struct nib_traced {
    const char *name;
    int layer; /**< of the model, or -1: an input or a softmax behind the model */
    int node;  /**< of the fixed-point network */
    int64_t width;
    float *plain;      /**< [rows, width] without quantizers */
    double *quantized; /**< [rows, width] as evaluation computes it; in float where that runs the engine */
    double *integer;   /**< [rows, width] codes as numbers */
    int64_t *code;     /**< [rows, width] */
    nib_engine_counts counts;
} nib_traced;

typedef struct nib_layer_trace {
    int64_t rows;
    int count;
    nib_traced *tensor; /**< inputs, then layers, then softmaxes behind them */
} nib_layer_trace;

/** Run the first `rows` rows of a dataset three ways. The model's graph gets an output for every layer, so
 * the model is good for nothing but tracing afterwards.
 *  @param config    of the model
 *  @param lowering  of the model; the trace lives in the arena
 *  Errors: NIB_ERR_MEMORY and what engine and executor refuse. */
NIB_MUST_USE nib_status nib_layer_trace_run(nib_model *model, nib_config *config,
                                            const nib_lowering *lowering, const nib_dataset *data,
                                            int64_t rows, nib_team *team, nib_arena *arena,
                                            nib_layer_trace *trace, nib_error *err);

/** All nodes of a network by the plain way of the engine.
 *  @param codes, counts  [n_nodes], in the arena */
NIB_MUST_USE nib_status nib_network_trace(const nib_fixnet *net, const nib_dataset *data, int64_t rows,
                                          nib_arena *arena, int64_t *const **codes,
                                          nib_engine_counts **counts, nib_error *err);

/** Codes of a node as numbers, [rows, positions * features]. */
void nib_network_values(const nib_fix_node *node, const int64_t *codes, int64_t rows, double *values);

#endif
