/* What the planner promises: memory that is used again, tiles that depend on the net alone, sets, ops of
 * others, and a diagnosis that changes nothing. */
#include <criterion/criterion.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/rng.h"
#include "tests/core/nets.h"

static nib_error err;

static nib_exec_memory memory_of(int layers, int64_t width, nib_mode mode, int64_t max_batch,
                                 int64_t *tile_rows)
{
    net n;
    nib_value x, label;
    net_start(&n);
    cr_assert(nib_graph_input(n.graph, "x", NIB_FEED_F32, NIB_DOMAIN_SAMPLES, width, &x, &err) == NIB_OK,
              "x");
    cr_assert(nib_graph_input(n.graph, "y", NIB_FEED_LABEL, NIB_DOMAIN_SAMPLES, 1, &label, &err) == NIB_OK,
              "y");
    for (int i = 0; i < layers; ++i) {
        char name[16];
        (void)snprintf(name, sizeof name, "fc%d", i);
        x = net_add(&n, "relu", "relu", NULL, net_dense(&n, name, x, width, width), -1, -1);
    }
    static const nib_categorical_crossentropy_options plain = {.label_smoothing = 0};
    nib_value loss = net_add(&n, "categorical_crossentropy", "loss", &plain, x, label, -1);
    cr_assert(nib_graph_loss(n.graph, "loss", loss, 1, &err) == NIB_OK, "loss");
    cr_assert(nib_params_allocate(n.arena, n.params, &err) == NIB_OK, "params");
    net_run run = net_open(&n, mode, max_batch, 1);
    nib_exec_memory memory = nib_exec_memory_use(run.exec);
    *tile_rows = nib_exec_tile_rows(run.exec);
    net_close(&run);
    net_destroy(&n);
    return memory;
}

Test(plan, elementwise_ops_and_dead_gradients_take_no_memory_of_their_own)
{
    int64_t rows;
    const size_t tile = 64 * 32 * sizeof(float);
    size_t four = memory_of(4, 32, NIB_MODE_TRAIN, 128, &rows).tile_bytes;
    size_t nine = memory_of(9, 32, NIB_MODE_TRAIN, 128, &rows).tile_bytes;
    cr_expect(nine - four == 5 * tile, "a layer takes %g tiles, not one",
              (double)(nine - four) / 5 / (double)tile);
    four = memory_of(4, 32, NIB_MODE_EVALUATE, 128, &rows).tile_bytes;
    nine = memory_of(9, 32, NIB_MODE_EVALUATE, 128, &rows).tile_bytes;
    cr_expect(nine == four, "evaluating, deeper nets take %d bytes more", (int)(nine - four));
    cr_expect(memory_of(4, 32, NIB_MODE_TRAIN, 1000, &rows).batch_bytes == 0, "nothing crosses a cut");
}

/* y = x, and a record of who worked in place. */
typedef struct witness_options {
    bool *forward, *backward;
} witness_options;

static void witness_forward(const nib_call *call)
{
    const witness_options *record = call->options;
    *record->forward = call->y.data == call->x[0].data;
    for (int64_t i = 0; i < nib_tensor_floats(&call->y); ++i)
        call->y.data[i] = call->x[0].data[i];
}

static void witness_backward(const nib_call *call)
{
    const witness_options *record = call->options;
    *record->backward = call->dx[0].data == call->dy.data;
    for (int64_t i = 0; i < nib_tensor_floats(&call->y); ++i)
        call->dx[0].data[i] = call->dy.data[i] + (call->accumulate[0] ? call->dx[0].data[i] : 0.0f);
}

static const nib_op witness = {
    .name = "witness",
    .min_inputs = 1,
    .max_inputs = 1,
    .flags = NIB_OP_IN_PLACE,
    .infer = nib_op_infer_same,
    .forward = witness_forward,
    .backward = witness_backward,
};

Test(plan, ops_work_in_place_where_nobody_else_looks)
{
    bool forward[4] = {false}, backward[4] = {false};
    net n;
    nib_value x, label, a, b, c, d;
    net_start(&n);
    cr_assert(nib_graph_input(n.graph, "x", NIB_FEED_F32, NIB_DOMAIN_SAMPLES, NET_FEATURES, &x, &err) ==
                  NIB_OK,
              "x");
    cr_assert(nib_graph_input(n.graph, "y", NIB_FEED_LABEL, NIB_DOMAIN_SAMPLES, 1, &label, &err) == NIB_OK,
              "y");
    witness_options record[4];
    for (int i = 0; i < 4; ++i)
        record[i] = (witness_options){&forward[i], &backward[i]};
    nib_value dense = net_dense(&n, "fc", x, NET_FEATURES, 12);
    nib_value relu = net_add(&n, "relu", "relu", NULL, dense, -1, -1);
    cr_assert(nib_graph_add(n.graph, &witness, "a", &record[0], &dense, 1, &a, &err) == NIB_OK, "a");
    cr_assert(nib_graph_add(n.graph, &witness, "b", &record[1], &a, 1, &b, &err) == NIB_OK, "b");
    cr_assert(nib_graph_add(n.graph, &witness, "c", &record[2], &relu, 1, &c, &err) == NIB_OK, "c");
    cr_assert(nib_graph_add(n.graph, &witness, "d", &record[3], &b, 1, &d, &err) == NIB_OK, "d");
    nib_value sum = net_add(&n, "add", "sum", NULL, c, d, -1);
    static const nib_categorical_crossentropy_options plain = {.label_smoothing = 0};
    nib_value heads[2] = {sum, b};
    for (int i = 0; i < 2; ++i) {
        nib_value logits = net_dense(&n, i ? "second" : "first", heads[i], 12, NET_CLASSES);
        nib_value loss = net_add(&n, "categorical_crossentropy", "loss", &plain, logits, label, -1);
        cr_assert(nib_graph_loss(n.graph, "loss", loss, 1, &err) == NIB_OK, "loss");
    }
    net_fill(&n);
    net_run run = net_open(&n, NIB_MODE_TRAIN, 100, 1);
    nib_batch batch = net_batch(&n, 100, 0);
    nib_sums sums;
    nib_exec_train(run.exec, &batch, &sums);
    /* a: after relu nobody reads dense. b: follows a. c: relu reads its own y later. d: the second head reads
     * b. */
    const bool want_forward[4] = {true, true, false, false};
    /* a is the first to write dense's gradient, b and c alone write theirs; d finds b's written by the sum.
     */
    const bool want_backward[4] = {true, true, true, false};
    for (int i = 0; i < 4; ++i) {
        cr_expect(forward[i] == want_forward[i], "forward of %c is %s place", 'a' + i,
                  forward[i] ? "in" : "not in");
        cr_expect(backward[i] == want_backward[i], "backward of %c is %s place", 'a' + i,
                  backward[i] ? "in" : "not in");
    }
    net_close(&run);
    net_destroy(&n);
}

Test(plan, tile_rows_depend_on_the_net_alone)
{
    int64_t a, b, c, wide;
    (void)memory_of(3, 32, NIB_MODE_TRAIN, 128, &a);
    (void)memory_of(3, 32, NIB_MODE_EVALUATE, 128, &b);
    (void)memory_of(3, 32, NIB_MODE_TRAIN, 5000, &c);
    cr_expect(a == 64 && b == 64 && c == 64, "%d, %d, %d rows", (int)a, (int)b, (int)c);
    (void)memory_of(4, 1024, NIB_MODE_EVALUATE, 128, &a);
    nib_exec_memory memory = memory_of(4, 1024, NIB_MODE_TRAIN, 128, &wide);
    cr_expect(wide == 8 && a == 8 && memory.tile_bytes < 768 << 10, "a wide net has %d rows, %d bytes",
              (int)wide, (int)memory.tile_bytes);
}

Test(plan, training_needs_a_loss)
{
    net n;
    nib_value x;
    nib_team *team;
    nib_exec *exec;
    net_start(&n);
    cr_assert(nib_graph_input(n.graph, "x", NIB_FEED_F32, NIB_DOMAIN_SAMPLES, 3, &x, &err) == NIB_OK, "x");
    cr_assert(nib_params_allocate(n.arena, n.params, &err) == NIB_OK, "params");
    cr_assert(nib_team_create(&team, 1, &err) == NIB_OK, "team");
    cr_expect(nib_exec_create(&exec, n.graph, NIB_MODE_TRAIN, 8, 0, team, &err) == NIB_ERR_SHAPE &&
                  exec == NULL,
              "no loss");
    nib_team_destroy(team);
    net_destroy(&n);
}

static const char *diagnose(net *n, nib_mode mode, const nib_batch *batch)
{
    net_run run = net_open(n, mode, 200, 1);
    const size_t bytes = (size_t)n->params->size * sizeof(float);
    float *before = malloc(bytes);
    memcpy(before, n->params->value, bytes);
    const char *name = nib_exec_find_nonfinite(run.exec, batch);
    cr_expect(memcmp(before, n->params->value, bytes) == 0, "a diagnosis changes the parameters");
    free(before);
    net_close(&run);
    return name ? name : "nothing";
}

Test(plan, what_is_not_finite_is_named)
{
    net n;
    net_create(&n, NET_NORMALIZED);
    nib_batch batch = net_batch(&n, 200, 0);
    cr_expect(strcmp(diagnose(&n, NIB_MODE_TRAIN, &batch), "nothing") == 0, "all is finite");
    cr_expect(strcmp(diagnose(&n, NIB_MODE_EVALUATE, &batch), "nothing") == 0, "all is finite, evaluating");
    n.x[150 * NET_FEATURES] = NAN;
    cr_expect(strcmp(diagnose(&n, NIB_MODE_TRAIN, &batch), "x") == 0, "NaN in the data of the third tile");
    n.x[150 * NET_FEATURES] = 0.0f;
    float *weight =
        &nib_params_view(n.params, nib_params_find(n.params, "fc1/kernel"), n.params->value).data[1];
    const float keep = *weight;
    *weight = 3e38f;
    const char *name = diagnose(&n, NIB_MODE_TRAIN, &batch);
    cr_expect(strcmp(name, "fc1") == 0, "overflow in fc1, found in %s", name);
    *weight = keep;
    weight = &nib_params_view(n.params, nib_params_find(n.params, "fc2/kernel"), n.params->value).data[5];
    *weight = 3e38f;
    name = diagnose(&n, NIB_MODE_EVALUATE, &batch);
    cr_expect(strcmp(name, "fc2") == 0, "overflow in fc2, found in %s", name);
    name = diagnose(&n, NIB_MODE_TRAIN, &batch);
    cr_expect(strcmp(name, "fc2") == 0, "overflow behind a cut, found in %s", name);
    *weight = INFINITY;
    name = diagnose(&n, NIB_MODE_TRAIN, &batch);
    cr_expect(strcmp(name, "fc2/kernel") == 0, "a weight, found in %s", name);
    net_destroy(&n);
}

/* An op that core does not list: sum of the elements of a set, and a check of what the executor hands to ops.
 */
enum { SETS = 83, MOST = 9, SET_WIDTH = 3, PHI = 6 };

typedef struct sets {
    net n;
    int64_t offsets[SETS + 1];
    float *element;
    int32_t order[SETS], label[SETS];
    nib_feed feed[2];
} sets;

static const sets *pooled; /* what the pool at hand works on */

static nib_status pool_infer(const void *options, const nib_shape *x, int inputs, nib_op_plan *plan,
                             nib_error *e)
{
    (void)options;
    (void)inputs;
    (void)e;
    plan->y = x[0];
    plan->y.domain = NIB_DOMAIN_SAMPLES;
    return NIB_OK;
}

static void pool_forward(const nib_call *call)
{
    const nib_tile *tile = call->tile;
    cr_assert(call->rows == tile->samples && call->y.dim[0] == 8, "rows of the output's domain");
    int64_t before = 0, all = 0;
    for (int64_t i = 0; i < SETS; ++i) {
        all += pooled->offsets[i + 1] - pooled->offsets[i];
        before +=
            i < tile->first ? pooled->offsets[pooled->order[i] + 1] - pooled->offsets[pooled->order[i]] : 0;
    }
    cr_assert(tile->batch_samples == SETS && tile->first % 8 == 0 && tile->batch_elements == all,
              "counts of the batch");
    cr_assert(tile->first_element == before, "elements begin at %d, not %d", (int)tile->first_element,
              (int)before);
    for (int64_t r = 0; r < call->y.dim[0]; ++r) {
        cr_assert((tile->weight[r] == 0.0f) == (r >= tile->samples), "weight %d of %d", (int)r,
                  (int)tile->samples);
        for (int64_t c = 0; c < call->y.row_size; ++c) {
            float sum = 0.0f;
            for (int64_t e = r < tile->samples ? tile->offsets[r] : 0;
                 r < tile->samples && e < tile->offsets[r + 1]; ++e)
                sum += call->x[0].data[e * call->x[0].stride + c];
            call->y.data[r * call->y.stride + c] = sum;
        }
    }
}

static void pool_backward(const nib_call *call)
{
    for (int64_t r = 0; r < call->tile->samples; ++r)
        for (int64_t e = call->tile->offsets[r]; e < call->tile->offsets[r + 1]; ++e)
            for (int64_t c = 0; c < call->y.row_size; ++c)
                call->dx[0].data[e * call->dx[0].stride + c] = call->dy.data[r * call->dy.stride + c];
}

static const nib_op pool = {
    .name = "pool",
    .min_inputs = 1,
    .max_inputs = 1,
    .infer = pool_infer,
    .forward = pool_forward,
    .backward = pool_backward,
};

/* phi = relu(bn(x w + b)), sum over the set, logits. */
static void sets_create(sets *s)
{
    static const nib_categorical_crossentropy_options plain = {.label_smoothing = 0};
    nib_value x, label, y;
    net *n = &s->n;
    net_start(n);
    cr_assert(nib_graph_input(n->graph, "p", NIB_FEED_F32, NIB_DOMAIN_ELEMENTS, SET_WIDTH, &x, &err) ==
                  NIB_OK,
              "p");
    cr_assert(nib_graph_input(n->graph, "y", NIB_FEED_LABEL, NIB_DOMAIN_SAMPLES, 1, &label, &err) == NIB_OK,
              "y");
    x = net_batch_norm(n, "bn", net_dense(n, "phi", x, SET_WIDTH, PHI), PHI);
    x = net_add(n, "relu", "relu", NULL, x, -1, -1);
    cr_assert(nib_graph_add(n->graph, &pool, "pool", NULL, &x, 1, &y, &err) == NIB_OK, "%s", err.message);
    n->logits = net_dense(n, "logits", y, PHI, 2);
    y = net_add(n, "categorical_crossentropy", "loss", &plain, n->logits, label, -1);
    cr_assert(nib_graph_loss(n->graph, "loss", y, 1, &err) == NIB_OK, "loss");
    net_fill(n);
    const nib_rng rng = {.seed = 77};
    for (uint64_t i = 0; i < SETS; ++i) {
        s->offsets[i + 1] = s->offsets[i] + (int64_t)nib_rng_below(&rng, i, MOST + 1); /* empty sets too */
        s->label[i] = (int32_t)nib_rng_below(&rng, 1000 + i, 2);
        s->order[i] = (int32_t)((i * 13 + 5) % SETS);
    }
    s->element = NIB_NEW(n->arena, float, s->offsets[SETS] * SET_WIDTH);
    for (int64_t i = 0; i < s->offsets[SETS] * SET_WIDTH; ++i)
        s->element[i] = (float)nib_rng_normal(&rng, (uint64_t)(5000 + i));
    s->feed[0] = (nib_feed){.data = s->element, .offsets = s->offsets};
    s->feed[1] = (nib_feed){.data = s->label};
}

/* The loss in double; all elements are in the batch, so statistics need no order. */
static double sets_loss(const sets *s, const double *weights)
{
    const nib_params *params = s->n.params;
#define WEIGHT(name, r, c) weights[params->row[nib_params_find(params, name)].offset + (r)*16 + (c)]
    static double z[SETS * MOST][PHI];
    const int64_t elements = s->offsets[SETS];
    double loss = 0.0;
    for (int c = 0; c < PHI; ++c) {
        double mean = 0.0, variance = 0.0;
        for (int64_t e = 0; e < elements; ++e) {
            z[e][c] = WEIGHT("phi/bias", 0, c);
            for (int k = 0; k < SET_WIDTH; ++k)
                z[e][c] += (double)s->element[e * SET_WIDTH + k] * WEIGHT("phi/kernel", k, c);
            mean += z[e][c] / (double)elements;
        }
        for (int64_t e = 0; e < elements; ++e)
            variance += pow(z[e][c] - mean, 2) / (double)elements;
        for (int64_t e = 0; e < elements; ++e) {
            z[e][c] =
                (z[e][c] - mean) / sqrt(variance + 1e-3) * WEIGHT("bn/gamma", 0, c) + WEIGHT("bn/beta", 0, c);
            z[e][c] = z[e][c] > 0 ? z[e][c] : 0;
        }
    }
    for (int64_t i = 0; i < SETS; ++i) {
        double logit[2];
        for (int k = 0; k < 2; ++k) {
            logit[k] = WEIGHT("logits/bias", 0, k);
            for (int64_t e = s->offsets[i]; e < s->offsets[i + 1]; ++e)
                for (int c = 0; c < PHI; ++c)
                    logit[k] += z[e][c] * WEIGHT("logits/kernel", c, k);
        }
        loss += log(exp(logit[0]) + exp(logit[1])) - logit[s->label[i]];
    }
    return loss / SETS;
#undef WEIGHT
}

Test(plan, sets_are_packed_and_normalised_over_all_elements)
{
    sets s = {0};
    nib_team *team;
    nib_exec *exec;
    nib_sums sums;
    float *first = NULL;
    sets_create(&s);
    pooled = &s;
    const nib_params *params = s.n.params;
    double *weights = calloc((size_t)params->size, sizeof *weights);
    for (int64_t i = 0; i < params->size; ++i)
        weights[i] = (double)params->value[i];
    const nib_batch batch = {.rows = SETS, .index = s.order, .feeds = s.feed};
    for (int threads = 1; threads <= 3; ++threads) {
        cr_assert(nib_team_create(&team, threads, &err) == NIB_OK, "%s", err.message);
        cr_assert(nib_exec_create(&exec, s.n.graph, NIB_MODE_TRAIN, 100, MOST, team, &err) == NIB_OK, "%s",
                  err.message);
        cr_assert(nib_exec_tile_rows(exec) == 8, "tiles of %d sets", (int)nib_exec_tile_rows(exec));
        nib_exec_train(exec, &batch, &sums);
        const size_t bytes = (size_t)params->size * sizeof(float);
        if (!first)
            first = memcpy(malloc(bytes), params->gradient, bytes);
        cr_expect(memcmp(first, params->gradient, bytes) == 0, "%d threads change the gradient", threads);
        nib_exec_destroy(exec);
        nib_team_destroy(team);
    }
    const double loss = sets_loss(&s, weights);
    cr_expect(fabs(sums.loss - loss) < 2e-6 * loss, "loss %.9g, naively %.9g", sums.loss, loss);
    for (int p = 0; p < params->count; ++p)
        for (int64_t i = 0; i < params->row[p].rows * params->row[p].cols; ++i) {
            const nib_param *row = &params->row[p];
            const int64_t at = row->offset + i / row->cols * row->stride + i % row->cols;
            const double middle = weights[at], h = 1e-5;
            weights[at] = middle + h;
            double gradient = sets_loss(&s, weights);
            weights[at] = middle - h;
            gradient = (gradient - sets_loss(&s, weights)) / (2 * h);
            weights[at] = middle;
            if (row->role == NIB_ROLE_STATE)
                gradient = 0;
            cr_expect(fabs((double)first[at] - gradient) < 3e-6, "%s[%d]: %.8g, naively %.8g", row->name,
                      (int)i, (double)first[at], gradient);
        }
    free(first);
    free(weights);
    net_destroy(&s.n);
}
