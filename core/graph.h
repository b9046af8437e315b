/** The graph: a static DAG of ops over named inputs and parameters. Built once per model; shapes are checked
 * as nodes are added, so a finished graph is always consistent. Executors (core/exec.h) plan and run it.
 */
#ifndef NIB_CORE_GRAPH_H
#define NIB_CORE_GRAPH_H

#include "core/op.h"
#include "core/params.h"

typedef struct nib_graph nib_graph;

/** A value of the graph: index of the node that makes it. */
typedef int nib_value;

typedef enum nib_feed_type {
    NIB_FEED_F32,   /**< rows of float */
    NIB_FEED_LABEL, /**< one int32 class index per row; the value is a float column (exact below 2^24) */
} nib_feed_type;

/** @param params  the parameter table, complete (nib_params_allocate may follow); must outlive the graph
 *  @return a graph that lives in `arena`, or NULL when out of memory */
nib_graph *nib_graph_create(nib_arena *arena, nib_params *params);

/** An input fed from data rows, tile-rate, [width] per row of `domain`. Names are unique among inputs. */
NIB_MUST_USE nib_status nib_graph_input(nib_graph *graph, const char *name, nib_feed_type type,
                                        nib_domain domain, int64_t width, nib_value *value, nib_error *err);

/** A row of the parameter table as a step-rate value of shape [cols] (rank 1) or [rows, cols]. */
NIB_MUST_USE nib_status nib_graph_param(nib_graph *graph, int param, nib_value *value, nib_error *err);

/** A node. `name` is the layer's name (several nodes of a layer may share it: "fc1"); `options` is the op's
 * struct, which must outlive the graph (NULL if the op has none). The rate is tile if any input's is, else
 * step. Errors: NIB_ERR_SHAPE, with node, op and shapes named. */
NIB_MUST_USE nib_status nib_graph_add(nib_graph *graph, const nib_op *op, const char *name,
                                      const void *options, const nib_value *inputs, int n_inputs,
                                      nib_value *value, nib_error *err);

/** Minimise `value`. Tile-rate [1]: the batch's loss is factor * sum_i(w_i y_i) / rows. Step-rate [1]: factor
 * * y, a regulariser. Losses add up. */
NIB_MUST_USE nib_status nib_graph_loss(nib_graph *graph, const char *name, nib_value value, double factor,
                                       nib_error *err);

/** Sum a tile-rate [1] value over the rows of every batch (unweighted), without gradient: running metrics. */
NIB_MUST_USE nib_status nib_graph_watch(nib_graph *graph, const char *name, nib_value value, nib_error *err);

/** Make a tile-rate value readable by name after a forward run (logits, predictions). */
NIB_MUST_USE nib_status nib_graph_output(nib_graph *graph, const char *name, nib_value value, nib_error *err);

/* What is in it, for planners, summaries and tests. Nodes are in topological order: inputs of a node come
 * before it. A pointer to a node is good until the next node is added. */
typedef enum nib_node_kind { NIB_NODE_INPUT, NIB_NODE_PARAM, NIB_NODE_OP } nib_node_kind;

typedef struct nib_node {
    nib_node_kind kind;
    const char *name;
    const nib_op *op; /**< NIB_NODE_OP */
    const void *options;
    int n_inputs;
    nib_value input[NIB_MAX_INPUTS];
    int param;          /**< NIB_NODE_PARAM */
    nib_feed_type feed; /**< NIB_NODE_INPUT */
    nib_shape shape;
    nib_op_plan plan;
} nib_node;

typedef struct nib_graph_mark {
    const char *name;
    nib_value value;
    double factor; /**< losses */
} nib_graph_mark;

int nib_graph_nodes(const nib_graph *graph);
const nib_node *nib_graph_node(const nib_graph *graph, nib_value value);
nib_params *nib_graph_params(const nib_graph *graph);
int nib_graph_losses(const nib_graph *graph, const nib_graph_mark **marks);
int nib_graph_watches(const nib_graph *graph, const nib_graph_mark **marks);
int nib_graph_outputs(const nib_graph *graph, const nib_graph_mark **marks);
/** Index of a named output, or -1. */
int nib_graph_find_output(const nib_graph *graph, const char *name);
/** Value of a named input, or -1. */
nib_value nib_graph_find_input(const nib_graph *graph, const char *name);

#endif
