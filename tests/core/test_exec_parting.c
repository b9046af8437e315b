/* A team that parts and comes back in the middle of a step: every pattern of phases done alone and together
 * gives the bits of one thread. Stalls decide in earnest, so here a batch-wide op does: its reductions are
 * what the caller works at between the phases. */
#include <criterion/criterion.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tests/core/nets.h"

enum { WIDTH = 12, PHASES = 5, JOBS = PHASES + 1, ROWS = 700 };

static nib_error err;
static const nib_op *batch_norm; /* for this machine */
static nib_solo *solo;           /* of the team under test; NULL: another team is at work */
static unsigned pattern;         /* bit i: job i of a step is done alone */
static int next_job;

static void decide(void)
{
    if (!solo)
        return;
    cr_assert(next_job < JOBS, "a step has more than %d phases", PHASES);
    *solo =
        (nib_solo){.patience = (double)INFINITY, .until = pattern >> next_job & 1 ? (double)INFINITY : 0.0};
    next_job++;
}

static void reduced(const nib_call *call, const double *sum)
{
    batch_norm->reduced(call, sum);
    decide();
}

static void reduced_backward(const nib_call *call, const double *sum)
{
    batch_norm->reduced_backward(call, sum);
    decide();
}

static nib_value normalize(net *n, const nib_op *op, const char *name, nib_value x)
{
    static const nib_batch_norm_options options = {.momentum = 0.9, .epsilon = 1e-3};
    nib_value inputs[5] = {x}, value = -1;
    inputs[1] = net_param(n, name, "gamma", NIB_ROLE_BN, 0, WIDTH);
    inputs[2] = net_param(n, name, "beta", NIB_ROLE_BN, 0, WIDTH);
    inputs[3] = net_param(n, name, "moving_mean", NIB_ROLE_STATE, 0, WIDTH);
    inputs[4] = net_param(n, name, "moving_variance", NIB_ROLE_STATE, 0, WIDTH);
    cr_assert(nib_graph_add(n->graph, op, name, &options, inputs, 5, &value, &err) == NIB_OK, "%s",
              err.message);
    return value;
}

/* Two batch norms: forward to the first, to the second, all of the last segment, and two backward. */
static void create(net *n, const nib_op *op)
{
    static const nib_categorical_crossentropy_options plain = {.label_smoothing = 0};
    nib_value x = -1, label = -1;
    net_start(n);
    cr_assert(nib_graph_input(n->graph, "x", NIB_FEED_F32, NIB_DOMAIN_SAMPLES, NET_FEATURES, &x, &err) ==
                  NIB_OK,
              "x");
    cr_assert(nib_graph_input(n->graph, "y", NIB_FEED_LABEL, NIB_DOMAIN_SAMPLES, 1, &label, &err) == NIB_OK,
              "y");
    nib_value y = normalize(n, op, "bn1", net_dense(n, "fc1", x, NET_FEATURES, WIDTH));
    y = net_dense(n, "fc2", net_add(n, "relu", "relu1", NULL, y, -1, -1), WIDTH, WIDTH);
    y = net_add(n, "tanh", "tanh2", NULL, normalize(n, op, "bn2", y), -1, -1);
    y = net_dense(n, "logits", y, WIDTH, NET_CLASSES);
    y = net_add(n, "categorical_crossentropy", "loss", &plain, y, label, -1);
    cr_assert(nib_graph_loss(n->graph, "loss", y, 1.0, &err) == NIB_OK, "loss");
    net_fill(n);
}

/* A step, and everything that it leaves behind: gradients, moving statistics, the loss. */
static double step(const net *n, nib_exec *exec, const nib_batch *batch, float *left)
{
    const size_t floats = (size_t)n->params->size;
    float *before = malloc(floats * sizeof *before);
    nib_sums sums;
    memcpy(before, n->params->value, floats * sizeof *before);
    nib_exec_train(exec, batch, &sums);
    memcpy(left, n->params->gradient, floats * sizeof *left);
    memcpy(left + floats, n->params->value, floats * sizeof *left);
    memcpy(n->params->value, before, floats * sizeof *before);
    free(before);
    return sums.loss;
}

/* Every pattern, with other weights each time: what a thread has kept of a step before is wrong. */
static void check_patterns(net *n, int threads, int64_t rows)
{
    const size_t floats = (size_t)n->params->size;
    float *expected = calloc(2 * floats, sizeof *expected), *got = calloc(2 * floats, sizeof *got);
    net_run one = net_open(n, NIB_MODE_TRAIN, ROWS, 1), many = net_open(n, NIB_MODE_TRAIN, ROWS, threads);
    const nib_batch batch = net_batch(n, rows, 17);
    for (unsigned k = 0; k < 1u << JOBS; ++k) {
        for (size_t i = 0; i < floats; ++i)
            n->params->value[i] *= k % 2 ? 1.25f : 0.8125f;
        solo = NULL;
        const double loss = step(n, one.exec, &batch, expected);
        solo = nib_team_solo(many.team);
        pattern = k;
        next_job = 0;
        decide();
        const double other = step(n, many.exec, &batch, got);
        cr_assert(next_job == PHASES, "%d phases, not %d", next_job, PHASES);
        cr_expect(
            memcmp(expected, got, 2 * floats * sizeof *got) == 0 && memcmp(&loss, &other, sizeof loss) == 0,
            "%d rows, %d threads, alone in jobs %#x: other bits than one thread", (int)rows, threads, k);
    }
    net_close(&one);
    net_close(&many);
    free(expected);
    free(got);
}

Test(exec, a_team_that_parts_within_a_step_gives_the_same_bits, .timeout = 120)
{
    static const int64_t rows[] = {1, 65, 200, 511, 700};
    net n;
    batch_norm = nib_op_for_isa(nib_op_find("batch_norm"), nib_isa_chosen().isa);
    nib_op deciding = *batch_norm;
    deciding.reduced = reduced;
    deciding.reduced_backward = reduced_backward;
    create(&n, &deciding);
    for (int threads = 2; threads <= 5; ++threads)
        for (int i = 0; i < (int)(sizeof rows / sizeof rows[0]); ++i)
            check_patterns(&n, threads, rows[i]);
    net_destroy(&n);
}
