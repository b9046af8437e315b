#include "tests/core/naive.h"

#include <criterion/criterion.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/op_options.h"
#include "core/rng.h"

/* One node: dense inputs and output. */
typedef struct job {
    const nib_node *node;
    nib_value id;
    int64_t rows, width; /* of y */
    const double *x[NIB_MAX_INPUTS];
    int64_t x_rows[NIB_MAX_INPUTS], x_width[NIB_MAX_INPUTS];
    double *y;
} job;

static int64_t rows_of(const naive *n, nib_value v)
{
    const nib_shape *shape = &nib_graph_node(n->graph, v)->shape;
    if (shape->rate == NIB_RATE_TILE)
        return n->batch->rows;
    return shape->rank == 2 ? shape->dim[0] : 1;
}

static int64_t data_row(const nib_batch *batch, int64_t r)
{
    return batch->index ? batch->index[r] : batch->first + r;
}

static void matmul(const job *j)
{
    for (int64_t r = 0; r < j->rows; ++r)
        for (int64_t c = 0; c < j->width; ++c) {
            double sum = j->node->n_inputs == 3 ? j->x[2][c] : 0.0;
            for (int64_t k = 0; k < j->x_width[0]; ++k)
                sum += j->x[0][r * j->x_width[0] + k] * j->x[1][k * j->width + c];
            j->y[r * j->width + c] = sum;
        }
}

static void concat(const job *j)
{
    for (int64_t r = 0; r < j->rows; ++r)
        for (int64_t i = 0, at = 0; i < j->node->n_inputs; ++i)
            for (int64_t c = 0; c < j->x_width[i]; ++c, ++at)
                j->y[r * j->width + at] = j->x[i][r * j->x_width[i] + c];
}

static void batch_norm(const naive *n, const job *j)
{
    const nib_batch_norm_options *o = j->node->options;
    const nib_params *params = nib_graph_params(n->graph);
    for (int64_t c = 0; c < j->width; ++c) {
        double mean = j->x[3][c], variance = j->x[4][c];
        if (n->mode == NIB_MODE_TRAIN) {
            mean = variance = 0.0;
            for (int64_t r = 0; r < j->rows; ++r)
                mean += j->x[0][r * j->width + c] / (double)j->rows;
            for (int64_t r = 0; r < j->rows; ++r)
                variance += pow(j->x[0][r * j->width + c] - mean, 2) / (double)j->rows;
            for (int k = 0; k < 2; ++k) {
                int param = nib_graph_node(n->graph, j->node->input[3 + k])->param;
                n->moving[params->row[param].offset + c] =
                    o->momentum * j->x[3 + k][c] + (1.0 - o->momentum) * (k ? variance : mean);
            }
        }
        for (int64_t r = 0; r < j->rows; ++r)
            j->y[r * j->width + c] =
                (j->x[0][r * j->width + c] - mean) / sqrt(variance + o->epsilon) * j->x[1][c] + j->x[2][c];
    }
}

static void dropout(const naive *n, const job *j)
{
    const nib_dropout_options *o = j->node->options;
    char stream[64];
    (void)snprintf(stream, sizeof stream, "%s/dropout", j->node->name);
    const nib_rng rng = {.seed = n->batch->seed, .stream = nib_rng_stream(stream), .step = n->batch->step};
    for (int64_t e = 0; e < j->rows * j->width; ++e) {
        uint32_t word[4];
        nib_rng_words(&rng, (uint64_t)e / 4, word);
        bool drop = (double)word[e % 4] * 0x1p-32 < o->rate;
        j->y[e] = n->mode == NIB_MODE_EVALUATE ? j->x[0][e] : drop ? 0.0 : j->x[0][e] / (1.0 - o->rate);
    }
}

static void crossentropy(const job *j)
{
    const nib_categorical_crossentropy_options *o = j->node->options;
    const int64_t width = j->x_width[0];
    for (int64_t r = 0; r < j->rows; ++r) {
        const double *x = j->x[0] + r * width;
        double sum = 0.0, dot = 0.0;
        for (int64_t c = 0; c < width; ++c) {
            sum += exp(x[c]);
            double q = o->label_smoothing / (double)width;
            if (c == (int64_t)j->x[1][r])
                q += 1.0 - o->label_smoothing;
            dot += q * x[c];
        }
        j->y[r] = log(sum) - dot;
    }
}

static void hits(const job *j)
{
    const int64_t width = j->x_width[0];
    for (int64_t r = 0; r < j->rows; ++r) {
        int64_t best = 0;
        for (int64_t c = 1; c < width; ++c)
            if (j->x[0][r * width + c] > j->x[0][r * width + best])
                best = c;
        j->y[r] = best == (int64_t)j->x[1][r];
    }
}

static void penalty(const job *j)
{
    const nib_l1_l2_options *o = j->node->options;
    j->y[0] = 0.0;
    for (int64_t i = 0; i < j->x_rows[0] * j->x_width[0]; ++i)
        j->y[0] += o->l1 * fabs(j->x[0][i]) + o->l2 * j->x[0][i] * j->x[0][i];
}

static double elementwise(const char *op, const void *options, double x)
{
    if (strcmp(op, "relu") == 0)
        return x > 0 ? x : 0;
    if (strcmp(op, "leaky_relu") == 0)
        return x > 0 ? x : x * ((const nib_leaky_relu_options *)options)->negative_slope;
    if (strcmp(op, "tanh") == 0)
        return tanh(x);
    if (strcmp(op, "sigmoid") == 0)
        return 1 / (1 + exp(-x));
    cr_assert(strcmp(op, "scale") == 0, "the naive reference does not know %s", op);
    return x * ((const nib_scale_options *)options)->factor;
}

static void run_op(const naive *n, const job *j)
{
    const char *op = j->node->op->name;
    if (strcmp(op, "matmul") == 0)
        matmul(j);
    else if (strcmp(op, "concat") == 0)
        concat(j);
    else if (strcmp(op, "batch_norm") == 0)
        batch_norm(n, j);
    else if (strcmp(op, "dropout") == 0)
        dropout(n, j);
    else if (strcmp(op, "categorical_crossentropy") == 0)
        crossentropy(j);
    else if (strcmp(op, "categorical_hits") == 0)
        hits(j);
    else if (strcmp(op, "l1_l2") == 0)
        penalty(j);
    else
        for (int64_t i = 0; i < j->rows * j->width; ++i) {
            if (strcmp(op, "add") == 0) {
                j->y[i] = 0.0;
                for (int k = 0; k < j->node->n_inputs; ++k)
                    j->y[i] += j->x[k][i];
            } else {
                j->y[i] = elementwise(op, j->node->options, j->x[0][i]);
            }
        }
}

static void run_node(naive *n, nib_value v, int feed)
{
    const nib_node *node = nib_graph_node(n->graph, v);
    const int64_t rows = rows_of(n, v), width = nib_shape_row(&node->shape);
    job j = {.node = node, .id = v, .rows = rows, .width = width, .y = n->value[v]};
    if (node->kind == NIB_NODE_PARAM) {
        const nib_param *row = &nib_graph_params(n->graph)->row[node->param];
        for (int64_t r = 0; r < rows; ++r)
            memcpy(j.y + r * width, n->params + row->offset + r * row->stride, (size_t)width * sizeof *j.y);
    } else if (node->kind == NIB_NODE_INPUT) {
        for (int64_t r = 0; r < rows; ++r)
            for (int64_t c = 0; c < width; ++c) {
                int64_t from = data_row(n->batch, r) * width + c;
                const void *data = n->batch->feeds[feed].data;
                j.y[r * width + c] = node->feed == NIB_FEED_LABEL ? (double)((const int32_t *)data)[from]
                                                                  : (double)((const float *)data)[from];
            }
    } else {
        for (int i = 0; i < node->n_inputs; ++i) {
            j.x[i] = n->value[node->input[i]];
            j.x_rows[i] = rows_of(n, node->input[i]);
            j.x_width[i] = nib_shape_row(&nib_graph_node(n->graph, node->input[i])->shape);
        }
        run_op(n, &j);
    }
}

double naive_loss(naive *n)
{
    for (nib_value v = 0, feed = 0; v < nib_graph_nodes(n->graph); ++v)
        run_node(n, v, nib_graph_node(n->graph, v)->kind == NIB_NODE_INPUT ? feed++ : 0);
    const nib_graph_mark *mark;
    const int losses = nib_graph_losses(n->graph, &mark);
    double total = 0.0;
    for (int i = 0; i < losses; ++i) {
        const double *y = n->value[mark[i].value];
        if (nib_graph_node(n->graph, mark[i].value)->shape.rate == NIB_RATE_STEP) {
            total += mark[i].factor * y[0];
            continue;
        }
        for (int64_t r = 0; r < n->batch->rows; ++r) {
            double weight = n->batch->weight ? (double)n->batch->weight[data_row(n->batch, r)] : 1.0;
            total += mark[i].factor * weight * y[r] / (double)n->batch->rows;
        }
    }
    return total;
}

double naive_gradient(naive *n, int64_t offset)
{
    const double middle = n->params[offset], h = 1e-5;
    n->params[offset] = middle + h;
    double above = naive_loss(n);
    n->params[offset] = middle - h;
    double below = naive_loss(n);
    n->params[offset] = middle;
    return (above - below) / (2 * h);
}

void naive_create(naive *n, const nib_graph *graph, nib_mode mode, const nib_batch *batch)
{
    const nib_params *params = nib_graph_params(graph);
    *n = (naive){.graph = graph, .mode = mode, .batch = batch};
    n->params = calloc((size_t)params->size, sizeof(double));
    n->moving = calloc((size_t)params->size, sizeof(double));
    n->value = calloc((size_t)nib_graph_nodes(graph), sizeof(double *));
    for (int64_t i = 0; i < params->size; ++i)
        n->params[i] = (double)params->value[i];
    for (nib_value v = 0; v < nib_graph_nodes(graph); ++v)
        n->value[v] =
            calloc((size_t)(rows_of(n, v) * nib_shape_row(&nib_graph_node(graph, v)->shape)), sizeof(double));
}

void naive_destroy(naive *n)
{
    for (nib_value v = 0; v < nib_graph_nodes(n->graph); ++v)
        free(n->value[v]);
    free(n->value);
    free(n->params);
    free(n->moving);
}
