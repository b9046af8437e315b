/* Steps of the executor with threads, as a plain program because ThreadSanitizer cannot start under
 * Criterion: the same bits with one thread and with several, whoever runs which lane; and no heap call in a
 * step: 1000 steps make as many as 10, in training and evaluating, with one thread and with two. malloc and
 * its kin are counted by wrappers that come before libc's. */
#include <math.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/exec.h"
#include "core/op_options.h"
#include "tests/sanitized.h"

static atomic_long calls;

/* Sanitizers bring a malloc of their own, so with them nothing is counted. */
#if NIB_SANITIZED
enum { COUNTED = 0 };
#else
enum { COUNTED = 1 };

void *__libc_malloc(size_t bytes);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *old, size_t bytes);
void *__libc_memalign(size_t alignment, size_t bytes);

void *malloc(size_t bytes)
{
    atomic_fetch_add(&calls, 1);
    return __libc_malloc(bytes);
}

void *calloc(size_t count, size_t size)
{
    atomic_fetch_add(&calls, 1);
    return __libc_calloc(count, size);
}

void *realloc(void *old, size_t bytes)
{
    atomic_fetch_add(&calls, 1);
    return __libc_realloc(old, bytes);
}

void *aligned_alloc(size_t alignment, size_t bytes)
{
    atomic_fetch_add(&calls, 1);
    return __libc_memalign(alignment, bytes);
}
#endif

enum { ROWS = 300, FEATURES = 16, CLASSES = 5, WIDTH = 32 };

static nib_error err;

static void check(nib_status status)
{
    if (status == NIB_OK)
        return;
    (void)fprintf(stderr, "%s\n", err.message);
    exit(1);
}

typedef struct net {
    nib_arena *arena;
    nib_params *params;
    nib_graph *graph;
} net;

static nib_value param(net *n, const char *layer, const char *var, nib_role role, int64_t rows, int64_t cols)
{
    nib_value value;
    int i = nib_params_add(n->arena, n->params, layer, var, role, rows ? 2 : 1, rows ? rows : 1, cols, true);
    check(nib_graph_param(n->graph, i, &value, &err));
    return value;
}

static nib_value add(net *n, const char *op, const void *options, const nib_value *inputs, int count)
{
    nib_value value;
    check(nib_graph_add(n->graph, nib_op_find(op), op, options, inputs, count, &value, &err));
    return value;
}

static void start(net *n, nib_value *x, nib_value *label)
{
    n->arena = nib_arena_create();
    n->params = nib_params_create(n->arena);
    n->graph = nib_graph_create(n->arena, n->params);
    check(nib_graph_input(n->graph, "x", NIB_FEED_F32, NIB_DOMAIN_SAMPLES, FEATURES, x, &err));
    check(nib_graph_input(n->graph, "y", NIB_FEED_LABEL, NIB_DOMAIN_SAMPLES, 1, label, &err));
}

/* Dense, batch norm, relu, dropout, dense, cross-entropy and a weight penalty: two segments and step-rate
 * nodes. */
static void build(net *n)
{
    static const nib_batch_norm_options norm = {.momentum = 0.99, .epsilon = 1e-3};
    static const nib_dropout_options dropout = {.rate = 0.2};
    static const nib_categorical_crossentropy_options loss = {.label_smoothing = 0};
    static const nib_l1_l2_options penalty = {.l2 = 1e-4};
    nib_value x, label;
    start(n, &x, &label);
    nib_value kernel = param(n, "fc1", "kernel", NIB_ROLE_KERNEL, FEATURES, WIDTH);
    nib_value y = add(n, "matmul", NULL, (nib_value[]){x, kernel}, 2);
    nib_value gamma = param(n, "bn", "gamma", NIB_ROLE_BN, 0, WIDTH);
    nib_value beta = param(n, "bn", "beta", NIB_ROLE_BN, 0, WIDTH);
    nib_value mean = param(n, "bn", "moving_mean", NIB_ROLE_STATE, 0, WIDTH);
    nib_value variance = param(n, "bn", "moving_variance", NIB_ROLE_STATE, 0, WIDTH);
    y = add(n, "batch_norm", &norm, (nib_value[]){y, gamma, beta, mean, variance}, 5);
    y = add(n, "relu", NULL, &y, 1);
    y = add(n, "dropout", &dropout, &y, 1);
    nib_value last = param(n, "logits", "kernel", NIB_ROLE_KERNEL, WIDTH, CLASSES);
    nib_value bias = param(n, "logits", "bias", NIB_ROLE_BIAS, 0, CLASSES);
    nib_value logits = add(n, "matmul", NULL, (nib_value[]){y, last, bias}, 3);
    y = add(n, "categorical_crossentropy", &loss, (nib_value[]){logits, label}, 2);
    check(nib_graph_loss(n->graph, "loss", y, 1, &err));
    check(nib_graph_loss(n->graph, "penalty", add(n, "l1_l2", &penalty, &kernel, 1), 1, &err));
    check(nib_graph_output(n->graph, "logits", logits, &err));
    check(nib_params_allocate(n->arena, n->params, &err));
    for (int64_t i = 0; i < n->params->row[0].rows; ++i)
        n->params->value[i * WIDTH + i % WIDTH] = 1.0f;
}

/* Dense, relu, dense, cross-entropy: all that a step leaves behind are parameters. */
static void build_plain(net *n)
{
    static const nib_categorical_crossentropy_options loss = {.label_smoothing = 0};
    nib_value x, label;
    start(n, &x, &label);
    nib_value first = param(n, "fc1", "kernel", NIB_ROLE_KERNEL, FEATURES, WIDTH);
    nib_value y = add(n, "matmul", NULL, (nib_value[]){x, first}, 2);
    y = add(n, "relu", NULL, &y, 1);
    nib_value last = param(n, "logits", "kernel", NIB_ROLE_KERNEL, WIDTH, CLASSES);
    nib_value bias = param(n, "logits", "bias", NIB_ROLE_BIAS, 0, CLASSES);
    y = add(n, "matmul", NULL, (nib_value[]){y, last, bias}, 3);
    y = add(n, "categorical_crossentropy", &loss, (nib_value[]){y, label}, 2);
    check(nib_graph_loss(n->graph, "loss", y, 1, &err));
    check(nib_params_allocate(n->arena, n->params, &err));
    for (int row = 0; row < 2; ++row) {
        const nib_tensor w = nib_params_view(n->params, row, n->params->value);
        for (int64_t i = 0; i < w.dim[0] * w.dim[1]; ++i)
            w.data[i / w.dim[1] * w.stride + i % w.dim[1]] = (float)((i * 31) % 19 - 9) * 0.02f;
    }
}

static long calls_of_steps(const net *n, nib_mode mode, int threads, int steps, const nib_batch *batch)
{
    static float logits[ROWS * CLASSES];
    float *const outputs[1] = {logits};
    nib_team *team;
    nib_exec *exec;
    nib_sums sums;
    long before = atomic_load(&calls);
    check(nib_team_create(&team, threads, &err));
    check(nib_exec_create(&exec, n->graph, mode, ROWS, 0, team, &err));
    for (int i = 0; i < steps; ++i) {
        if (mode == NIB_MODE_TRAIN)
            nib_exec_train(exec, batch, &sums);
        else
            nib_exec_forward(exec, batch, outputs, &sums);
    }
    nib_exec_destroy(exec);
    nib_team_destroy(team);
    return atomic_load(&calls) - before;
}

/* Steps of different sizes, so that lanes and tiles move between the threads. A patience of 0 lets the team
 * part and come back as it happens to wait, HUGE_VAL keeps it together; every fifth step is done alone.
 * Pauses are shorter than a step: the team comes back in the middle of one. */
static int check_threads(const net *n, const nib_batch *full, double patience)
{
    enum { MANY = 3, ROUNDS = 60 };
    nib_team *team[2];
    nib_exec *exec[2];
    nib_sums sums;
    int failed = 0;
    const size_t bytes = (size_t)n->params->size * sizeof(float);
    float *start = malloc(bytes), *expected = malloc(bytes);
    for (int i = 0; i < 2; ++i) {
        check(nib_team_create(&team[i], i ? MANY : 1, &err));
        check(nib_exec_create(&exec[i], n->graph, NIB_MODE_TRAIN, ROWS, 0, team[i], &err));
    }
    for (int round = 0; round < ROUNDS; ++round) {
        nib_batch batch = *full;
        *nib_team_solo(team[1]) = (nib_solo){
            .patience = patience, .shortest = 1e-6, .longest = 1e-5, .until = round % 5 == 4 ? HUGE_VAL : 0};
        batch.rows = 1 + (round * 37) % ROWS;
        batch.step = (uint32_t)round;
        for (int64_t i = 0; i < n->params->size; ++i) /* what a thread keeps of a step is wrong in the next */
            n->params->value[i] *= round % 2 ? 1.25f : 0.8125f;
        memcpy(start, n->params->value, bytes);
        nib_exec_train(exec[0], &batch, &sums);
        memcpy(expected, n->params->gradient, bytes);
        const double loss = sums.loss;
        memcpy(n->params->value, start, bytes); /* the moving statistics back */
        nib_exec_train(exec[1], &batch, &sums);
        failed +=
            memcmp(expected, n->params->gradient, bytes) != 0 || memcmp(&loss, &sums.loss, sizeof loss) != 0;
    }
    for (int i = 0; i < 2; ++i) {
        nib_exec_destroy(exec[i]);
        nib_team_destroy(team[i]);
    }
    free(start);
    free(expected);
    if (failed)
        (void)fprintf(stderr, "%d of %d steps differ between 1 and %d threads\n", failed, ROUNDS, MANY);
    return failed;
}

static void set_rate(void *context)
{
    float *rate = context;
    *rate *= 0.99f;
}

static void descend(void *context, const nib_exec_flat *flat, int64_t first, int64_t count)
{
    const float rate = *(const float *)context;
    for (int64_t i = first; i < first + count; ++i) {
        const float g = flat->params->gradient[i] + (flat->second ? flat->second[i] : 0.0f);
        flat->slot[0][i] = 0.9f * flat->slot[0][i] + g;
        flat->params->value[i] -= rate * flat->slot[0][i];
    }
}

/* Steps after which threads go on with copies of the parameters, with others between: alone, of one tile. */
static int check_together(const nib_batch *full, int threads)
{
    enum { ROUNDS = 60 };
    net n[2];
    float *slot[2], rate[2] = {0.1f, 0.1f};
    nib_team *team[2];
    nib_exec *exec[2];
    int failed = 0;
    for (int i = 0; i < 2; ++i) {
        build_plain(&n[i]);
        slot[i] = nib_aligned_alloc((size_t)n[i].params->size * sizeof(float));
        check(nib_team_create(&team[i], i ? threads : 1, &err));
        check(nib_exec_create(&exec[i], n[i].graph, NIB_MODE_TRAIN, ROWS, 0, team[i], &err));
    }
    const size_t bytes = (size_t)n[0].params->size * sizeof(float);
    for (int round = 0; round < ROUNDS; ++round) {
        nib_batch batch = *full;
        double loss[2];
        batch.rows = round % 7 == 6 ? 64 : 64 * threads;
        *nib_team_solo(team[1]) = (nib_solo){.patience = HUGE_VAL, .until = round % 11 == 5 ? HUGE_VAL : 0};
        for (int i = 0; i < 2; ++i) {
            nib_sums sums;
            const nib_exec_update update = {.context = &rate[i],
                                            .slot = &slot[i],
                                            .n_slots = 1,
                                            .prepare = set_rate,
                                            .range = descend,
                                            .adds = round % 2,
                                            .alone = true};
            nib_exec_step(exec[i], &batch, &update, &sums);
            loss[i] = sums.loss;
        }
        failed += memcmp(n[0].params->value, n[1].params->value, bytes) != 0 ||
                  memcmp(slot[0], slot[1], bytes) != 0 || memcmp(&loss[0], &loss[1], sizeof loss[0]) != 0;
    }
    for (int i = 0; i < 2; ++i) {
        nib_exec_destroy(exec[i]);
        nib_team_destroy(team[i]);
        nib_aligned_free(slot[i]);
        nib_arena_destroy(n[i].arena);
    }
    if (failed)
        (void)fprintf(stderr, "%d of %d updates differ between 1 and %d threads\n", failed, ROUNDS, threads);
    return failed;
}

int main(void)
{
    static float x[ROWS * FEATURES];
    static int32_t label[ROWS];
    net n;
    int failed = 0;
    build(&n);
    for (int i = 0; i < ROWS * FEATURES; ++i)
        x[i] = (float)((i * 7919) % 1000) * 1e-3f - 0.5f;
    for (int i = 0; i < ROWS; ++i)
        label[i] = i % CLASSES;
    const nib_feed feeds[2] = {{.data = x}, {.data = label}};
    const nib_batch batch = {.rows = ROWS, .feeds = feeds};
    for (int threads = 1; threads <= 2; ++threads)
        for (int mode = NIB_MODE_EVALUATE; mode <= NIB_MODE_TRAIN; ++mode) {
            (void)calls_of_steps(&n, (nib_mode)mode, threads, 2, &batch); /* what libraries make once */
            long few = calls_of_steps(&n, (nib_mode)mode, threads, 10, &batch);
            long many = calls_of_steps(&n, (nib_mode)mode, threads, 1000, &batch);
            if (few == many && (few > 0 || !COUNTED))
                continue;
            (void)fprintf(stderr, "mode %d, %d threads: %ld heap calls in 10 steps, %ld in 1000\n", mode,
                          threads, few, many);
            failed = 1;
        }
    failed += check_threads(&n, &batch, HUGE_VAL) + check_threads(&n, &batch, 0);
    for (int threads = 2; threads <= 4; ++threads)
        failed += check_together(&batch, threads);
    nib_arena_destroy(n.arena);
    return failed != 0;
}
