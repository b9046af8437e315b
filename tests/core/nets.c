#include "tests/core/nets.h"

#include <criterion/criterion.h>

#include <stdio.h>
#include <string.h>

#include "core/rng.h"

static void expect_ok(nib_status status, const nib_error *err)
{
    cr_assert(status == NIB_OK, "%s", err->message);
}

void net_start(net *n)
{
    *n = (net){.arena = nib_arena_create()};
    n->params = nib_params_create(n->arena);
    n->graph = nib_graph_create(n->arena, n->params);
}

nib_value net_param(net *n, const char *layer, const char *var, nib_role role, int64_t rows, int64_t cols)
{
    nib_error err;
    nib_value value = -1;
    int index = nib_params_add(n->arena, n->params, layer, var, role, rows ? 2 : 1, rows ? rows : 1, cols,
                               role != NIB_ROLE_STATE);
    expect_ok(nib_graph_param(n->graph, index, &value, &err), &err);
    return value;
}

nib_value net_add(net *n, const char *op, const char *name, const void *options, nib_value a, nib_value b,
                  nib_value c)
{
    nib_error err;
    nib_value inputs[3] = {a, b, c}, value = -1;
    int count = b < 0 ? 1 : c < 0 ? 2 : 3;
    cr_assert(nib_op_find(op) != NULL, "no op %s", op);
    expect_ok(nib_graph_add(n->graph, nib_op_find(op), name, options, inputs, count, &value, &err), &err);
    return value;
}

nib_value net_dense(net *n, const char *name, nib_value x, int64_t inputs, int64_t outputs)
{
    nib_value kernel = net_param(n, name, "kernel", NIB_ROLE_KERNEL, inputs, outputs);
    nib_value bias = net_param(n, name, "bias", NIB_ROLE_BIAS, 0, outputs);
    return net_add(n, "matmul", name, NULL, x, kernel, bias);
}

nib_value net_batch_norm(net *n, const char *name, nib_value x, int64_t width)
{
    nib_error err;
    nib_batch_norm_options *options = NIB_NEW(n->arena, nib_batch_norm_options, 1);
    *options = (nib_batch_norm_options){.momentum = 0.9, .epsilon = 1e-3};
    nib_value inputs[5] = {x}, value = -1;
    inputs[1] = net_param(n, name, "gamma", NIB_ROLE_BN, 0, width);
    inputs[2] = net_param(n, name, "beta", NIB_ROLE_BN, 0, width);
    inputs[3] = net_param(n, name, "moving_mean", NIB_ROLE_STATE, 0, width);
    inputs[4] = net_param(n, name, "moving_variance", NIB_ROLE_STATE, 0, width);
    expect_ok(nib_graph_add(n->graph, nib_op_find("batch_norm"), name, options, inputs, 5, &value, &err),
              &err);
    return value;
}

void net_fill(net *n)
{
    nib_error err;
    expect_ok(nib_params_allocate(n->arena, n->params, &err), &err);
    for (int i = 0; i < n->params->count; ++i) {
        const nib_param *row = &n->params->row[i];
        const nib_rng rng = {.seed = 11, .stream = nib_rng_stream(row->name)};
        nib_tensor view = nib_params_view(n->params, i, n->params->value);
        for (int64_t r = 0; r < row->rows; ++r)
            for (int64_t c = 0; c < row->cols; ++c) {
                double x = 0.4 * nib_rng_normal(&rng, (uint64_t)(r * row->cols + c));
                bool positive = strcmp(row->var, "gamma") == 0 || strcmp(row->var, "moving_variance") == 0;
                view.data[r * view.stride + c] = (float)(positive ? 0.5 + x * x : x);
            }
    }
    const nib_rng rng = {.seed = 12};
    n->x = NIB_NEW(n->arena, float, NET_ROWS *NET_FEATURES);
    n->label = NIB_NEW(n->arena, int32_t, NET_ROWS);
    n->weight = NIB_NEW(n->arena, float, NET_ROWS);
    for (int64_t i = 0; i < NET_ROWS * NET_FEATURES; ++i)
        n->x[i] = (float)nib_rng_normal(&rng, (uint64_t)i);
    for (int64_t i = 0; i < NET_ROWS; ++i) {
        n->label[i] = (int32_t)nib_rng_below(&rng, (uint64_t)(1000000 + i), NET_CLASSES);
        n->weight[i] = (float)(0.5 + nib_rng_uniform(&rng, (uint64_t)(2000000 + i)));
    }
    n->feed[0] = (nib_feed){.data = n->x};
    n->feed[1] = (nib_feed){.data = n->label};
}

static nib_value body_of(net *n, net_kind kind, nib_value x)
{
    nib_value y = net_dense(n, "fc1", x, NET_FEATURES, 12);
    if (kind == NET_PLAIN)
        return net_add(n, "relu", "relu1", NULL, y, -1, -1);
    if (kind == NET_NORMALIZED) {
        static const nib_dropout_options dropout = {.rate = 0.3};
        y = net_add(n, "relu", "relu1", NULL, net_batch_norm(n, "bn1", y, 12), -1, -1);
        y = net_add(n, "dropout", "drop1", &dropout, y, -1, -1);
        y = net_batch_norm(n, "bn2", net_dense(n, "fc2", y, 12, 12), 12);
        return net_add(n, "tanh", "tanh2", NULL, y, -1, -1);
    }
    /* One kernel used twice, on a value and on its own result; branches that meet across a cut. */
    static const nib_leaky_relu_options leaky = {.negative_slope = 0.1};
    static const nib_scale_options half = {.factor = 0.5};
    nib_value kernel = net_param(n, "shared", "kernel", NIB_ROLE_KERNEL, 12, 12);
    nib_value a = net_add(n, "leaky_relu", "leaky1", &leaky, y, -1, -1);
    nib_value b =
        net_add(n, "tanh", "tanh1", NULL, net_add(n, "matmul", "shared", NULL, a, kernel, -1), -1, -1);
    nib_value c =
        net_add(n, "sigmoid", "sig1", NULL, net_add(n, "matmul", "shared", NULL, b, kernel, -1), -1, -1);
    nib_value d = net_batch_norm(n, "bn", b, 12);
    nib_value sum = net_add(n, "add", "sum", NULL, d, c, a);
    nib_value twice = net_add(n, "add", "twice", NULL, sum, sum, -1);
    return net_add(n, "concat", "both", NULL, net_add(n, "scale", "half", &half, twice, -1, -1), a, -1);
}

void net_create(net *n, net_kind kind)
{
    static const nib_categorical_crossentropy_options crossentropy = {.label_smoothing = 0.1};
    static const nib_l1_l2_options penalty = {.l1 = 1e-3, .l2 = 1e-2};
    nib_error err;
    nib_value x = -1, label = -1;
    net_start(n);
    expect_ok(nib_graph_input(n->graph, "x", NIB_FEED_F32, NIB_DOMAIN_SAMPLES, NET_FEATURES, &x, &err), &err);
    nib_value body = body_of(n, kind, x);
    n->logits = net_dense(n, "logits", body, kind == NET_DAG ? 24 : 12, NET_CLASSES);
    expect_ok(nib_graph_input(n->graph, "y", NIB_FEED_LABEL, NIB_DOMAIN_SAMPLES, 1, &label, &err), &err);
    nib_value loss = net_add(n, "categorical_crossentropy", "loss", &crossentropy, n->logits, label, -1);
    expect_ok(nib_graph_loss(n->graph, "loss", loss, 1.0, &err), &err);
    if (kind == NET_DAG) {
        nib_value kernel = nib_graph_node(n->graph, n->logits)->input[1];
        nib_value weights = net_add(n, "l1_l2", "penalty", &penalty, kernel, -1, -1);
        nib_value second = net_add(n, "categorical_crossentropy", "loss2", &crossentropy,
                                   net_dense(n, "early", body, 24, NET_CLASSES), label, -1);
        expect_ok(nib_graph_loss(n->graph, "penalty", weights, 0.5, &err), &err);
        expect_ok(nib_graph_loss(n->graph, "early", second, 0.25, &err), &err);
    }
    nib_value hits = net_add(n, "categorical_hits", "hits", NULL, n->logits, label, -1);
    expect_ok(nib_graph_watch(n->graph, "accuracy", hits, &err), &err);
    expect_ok(nib_graph_output(n->graph, "logits", n->logits, &err), &err);
    net_fill(n);
}

void net_destroy(net *n)
{
    nib_arena_destroy(n->arena);
}

net_run net_open(const net *n, nib_mode mode, int64_t max_batch, int threads)
{
    nib_error err;
    net_run run;
    expect_ok(nib_team_create(&run.team, threads, &err), &err);
    expect_ok(nib_exec_create(&run.exec, n->graph, mode, max_batch, 0, run.team, &err), &err);
    return run;
}

void net_close(net_run *run)
{
    nib_exec_destroy(run->exec);
    nib_team_destroy(run->team);
}

nib_batch net_batch(const net *n, int64_t rows, int64_t first)
{
    return (nib_batch){
        .rows = rows, .first = first, .feeds = n->feed, .weight = n->weight, .seed = 3, .step = 8};
}
