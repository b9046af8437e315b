/** The graph in double, a whole batch at once, as plainly as can be: what the executor is compared with. */
#ifndef NIB_TESTS_NAIVE_H
#define NIB_TESTS_NAIVE_H

#include "core/exec.h"

typedef struct naive {
    const nib_graph *graph;
    nib_mode mode;
    const nib_batch *batch;
    double *params; /**< [params->size] the weights, same offsets */
    double **value; /**< [nodes] rows x width, dense (step-rate: rows x cols) */
    double *moving; /**< [params->size] where moving statistics go in training */
} naive;

/** Weights are copied from the parameter table. */
void naive_create(naive *n, const nib_graph *graph, nib_mode mode, const nib_batch *batch);
void naive_destroy(naive *n);

/** Run forward; the total loss. */
double naive_loss(naive *n);

/** d loss / d params[offset] by central differences in double. */
double naive_gradient(naive *n, int64_t offset);

#endif
