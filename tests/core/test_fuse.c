/* Steps that products take along against the same steps as passes of their own. */
#include <criterion/criterion.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/plan.h"
#include "nets.h"

enum { ROWS = 200 };

/* Loss and gradients of a few steps, outputs of an evaluation. */
typedef struct outcome {
    double loss;
    float *gradient;
    float logits[ROWS * NET_CLASSES];
} outcome;

static void run(net *n, const char *fuse, int threads, outcome *o)
{
    nib_sums sums;
    cr_assert(setenv("NIBBLE_FUSE", fuse, 1) == 0, "setenv");
    net_run train = net_open(n, NIB_MODE_TRAIN, ROWS, threads);
    net_run evaluate = net_open(n, NIB_MODE_EVALUATE, ROWS, threads);
    const nib_batch batch = net_batch(n, ROWS, 3);
    const size_t bytes = (size_t)n->params->size * sizeof(float);
    float *state = malloc(bytes);
    cr_assert(state != NULL, "out of memory");
    memcpy(state, n->params->value, bytes);
    nib_exec_train(train.exec, &batch, &sums);
    o->loss = sums.loss;
    o->gradient = malloc(bytes);
    cr_assert(o->gradient != NULL, "out of memory");
    memcpy(o->gradient, n->params->gradient, bytes);
    memcpy(n->params->value, state, bytes); /* moving statistics */
    float *outputs[2] = {o->logits, NULL};
    nib_exec_forward(evaluate.exec, &batch, outputs, &sums);
    net_close(&train);
    net_close(&evaluate);
    free(state);
    cr_assert(unsetenv("NIBBLE_FUSE") == 0, "unsetenv");
}

static void compare(const net *n, const outcome *fused, const outcome *apart, net_kind kind)
{
    cr_assert(fused->loss == apart->loss, "net %d: the loss is %.17g fused, %.17g apart", (int)kind,
              fused->loss, apart->loss);
    cr_assert(memcmp(fused->logits, apart->logits, sizeof fused->logits) == 0,
              "net %d: fusion changes what is predicted", (int)kind);
    for (int i = 0; i < n->params->count; ++i) {
        const nib_param *row = &n->params->row[i];
        float largest = 0.0f;
        for (int64_t j = row->offset; j < row->offset + row->rows * row->stride; ++j)
            largest = fmaxf(largest, fabsf(apart->gradient[j]));
        for (int64_t j = row->offset; j < row->offset + row->rows * row->stride; ++j)
            cr_assert(fabsf(fused->gradient[j] - apart->gradient[j]) <= 1e-6f * largest,
                      "net %d: gradient of %s is %g fused, %g apart", (int)kind, row->name,
                      (double)fused->gradient[j], (double)apart->gradient[j]);
    }
}

Test(fuse, changes_no_result)
{
    for (int kind = 0; kind < NET_KINDS; ++kind)
        for (int threads = 1; threads <= 2; ++threads) {
            net n;
            outcome fused, apart;
            net_create(&n, (net_kind)kind);
            run(&n, "1", threads, &fused);
            run(&n, "0", threads, &apart);
            compare(&n, &fused, &apart, (net_kind)kind);
            free(fused.gradient);
            free(apart.gradient);
            net_destroy(&n);
        }
}

/* Forward and backward actions of the plan that are about ops of this name. */
static int actions_of(const nib_graph *graph, nib_mode mode, const char *op)
{
    nib_error err = {0};
    nib_arena *arena = nib_arena_create();
    nib_plan *plan = NULL;
    cr_assert(nib_plan_create(&plan, arena, graph, mode, 64, 0, &err) == NIB_OK, "plan: %s", err.message);
    int count = 0;
    for (int a = 0; a < plan->n_actions; ++a) {
        const nib_action *action = &plan->action[a];
        count += (action->kind == NIB_ACTION_FORWARD || action->kind == NIB_ACTION_BACKWARD) &&
                 strcmp(action->op->name, op) == 0;
    }
    nib_arena_destroy(arena);
    return count;
}

/* x -> dense -> relu -> dense: both ways of the relu are taken along; a relu with a second user, or whose
 * product has one, keeps its own. */
Test(fuse, happens_where_nobody_else_looks)
{
    for (int variant = 0; variant < 3; ++variant) {
        net n;
        nib_value x, label, hidden, active, logits, loss;
        nib_error err = {0};
        net_start(&n);
        cr_assert(nib_graph_input(n.graph, "x", NIB_FEED_F32, NIB_DOMAIN_SAMPLES, NET_FEATURES, &x, &err) ==
                          NIB_OK &&
                      nib_graph_input(n.graph, "label", NIB_FEED_LABEL, NIB_DOMAIN_SAMPLES, 1, &label,
                                      &err) == NIB_OK,
                  "inputs: %s", err.message);
        hidden = net_dense(&n, "a", x, NET_FEATURES, 6);
        active = net_add(&n, "relu", "r", NULL, hidden, -1, -1);
        logits = net_dense(&n, "b", active, 6, 6);
        if (variant > 0)
            logits = net_add(&n, "add", "sum", NULL, logits, variant == 1 ? active : hidden, -1);
        static const nib_categorical_crossentropy_options plain;
        loss = net_add(&n, "categorical_crossentropy", "loss", &plain, logits, label, -1);
        cr_assert(nib_graph_loss(n.graph, "loss", loss, 1.0, &err) == NIB_OK, "loss: %s", err.message);
        net_fill(&n);
        const int wanted_train[] = {0, 1, 2}, wanted_evaluate[] = {0, 0, 1};
        const int train = actions_of(n.graph, NIB_MODE_TRAIN, "relu");
        const int evaluate = actions_of(n.graph, NIB_MODE_EVALUATE, "relu");
        cr_assert(train == wanted_train[variant] && evaluate == wanted_evaluate[variant],
                  "variant %d: the relu has %d actions in training and %d evaluating", variant, train,
                  evaluate);
        net_destroy(&n);
    }
}
