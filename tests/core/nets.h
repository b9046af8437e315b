/** Small nets and data for tests of the executor. */
#ifndef NIB_TESTS_NETS_H
#define NIB_TESTS_NETS_H

#include "core/exec.h"
#include "core/op_options.h"

enum { NET_FEATURES = 7, NET_CLASSES = 5, NET_ROWS = 1500 };

typedef enum net_kind {
    NET_PLAIN,      /**< dense 12 relu, dense 5, cross-entropy */
    NET_NORMALIZED, /**< batch norm and dropout between, two cuts */
    NET_DAG,        /**< shared weights, add, concat, two losses, weight penalty, a batch-normalised branch */
    NET_KINDS
} net_kind;

typedef struct net {
    nib_arena *arena;
    nib_params *params;
    nib_graph *graph;
    nib_value logits;
    float *x;       /**< [NET_ROWS, NET_FEATURES] */
    int32_t *label; /**< [NET_ROWS] */
    float *weight;  /**< [NET_ROWS] */
    nib_feed feed[2];
} net;

/** Weights and data are the same for the same kind. Fails the test when something goes wrong. */
void net_create(net *n, net_kind kind);
void net_destroy(net *n);

/* Steps for graphs of a test's own. */
void net_start(net *n);
nib_value net_param(net *n, const char *layer, const char *var, nib_role role, int64_t rows, int64_t cols);
nib_value net_add(net *n, const char *op, const char *name, const void *options, nib_value a, nib_value b,
                  nib_value c);
nib_value net_dense(net *n, const char *name, nib_value x, int64_t inputs, int64_t outputs);
nib_value net_batch_norm(net *n, const char *name, nib_value x, int64_t width);
/** Allocate and fill: kernels and biases random, gamma, beta and moving statistics not trivial. */
void net_fill(net *n);

/** A team and an executor that are destroyed together. */
typedef struct net_run {
    nib_team *team;
    nib_exec *exec;
} net_run;
net_run net_open(const net *n, nib_mode mode, int64_t max_batch, int threads);
void net_close(net_run *run);

/** A batch of rows first, first + 1, ... with the net's weights. */
nib_batch net_batch(const net *n, int64_t rows, int64_t first);

#endif
