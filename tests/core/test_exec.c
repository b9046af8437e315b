/* The executor against a naive reference, and what must not change a bit. */
#include <criterion/criterion.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tests/core/naive.h"
#include "tests/core/nets.h"

static const int64_t sizes[] = {1, 2, 5, 63, 64, 65, 127, 128, 129, 200, 511, 512, 513, 577, 640, 700};
enum { N_SIZES = (int)(sizeof sizes / sizeof sizes[0]), MAX_BATCH = 700 };

/* Everything a step leaves behind. */
typedef struct trace {
    float *gradient, *value;
    double loss, losses[3], hits;
} trace;

static trace trace_of(net *n, net_run *run, const nib_batch *batch)
{
    const size_t bytes = (size_t)n->params->size * sizeof(float);
    trace t = {.gradient = malloc(bytes), .value = malloc(bytes)};
    float *before = malloc(bytes);
    nib_sums sums;
    memcpy(before, n->params->value, bytes);
    nib_exec_train(run->exec, batch, &sums);
    memcpy(t.gradient, n->params->gradient, bytes);
    memcpy(t.value, n->params->value, bytes);
    memcpy(n->params->value, before, bytes); /* moving statistics back */
    free(before);
    const nib_graph_mark *mark;
    t.loss = sums.loss;
    t.hits = sums.watches[0];
    memcpy(t.losses, sums.losses, (size_t)nib_graph_losses(n->graph, &mark) * sizeof *t.losses);
    return t;
}

static bool same(const net *n, const trace *a, const trace *b)
{
    const size_t bytes = (size_t)n->params->size * sizeof(float);
    return memcmp(a->gradient, b->gradient, bytes) == 0 && memcmp(a->value, b->value, bytes) == 0 &&
           memcmp(a->losses, b->losses, sizeof a->losses) == 0 &&
           memcmp(&a->loss, &b->loss, sizeof a->loss) == 0 && memcmp(&a->hits, &b->hits, sizeof a->hits) == 0;
}

static void forget(trace *t)
{
    free(t->gradient);
    free(t->value);
}

Test(exec, any_number_of_threads_gives_the_same_bits, .timeout = 120)
{
    const int threads[] = {2, 3, 5};
    for (int kind = 0; kind < NET_KINDS; ++kind) {
        net n;
        net_create(&n, (net_kind)kind);
        net_run one = net_open(&n, NIB_MODE_TRAIN, MAX_BATCH, 1);
        for (int t = 0; t < 3; ++t) {
            net_run many = net_open(&n, NIB_MODE_TRAIN, MAX_BATCH, threads[t]);
            for (int i = 0; i < N_SIZES; ++i) {
                nib_batch batch = net_batch(&n, sizes[i], 17);
                trace a = trace_of(&n, &one, &batch), b = trace_of(&n, &many, &batch);
                cr_expect(same(&n, &a, &b), "net %d, %d rows: %d threads differ from one", kind,
                          (int)sizes[i], threads[t]);
                forget(&a);
                forget(&b);
            }
            net_close(&many);
        }
        net_close(&one);
        net_destroy(&n);
    }
}

Test(exec, batches_before_leave_nothing_behind)
{
    for (int kind = 0; kind < NET_KINDS; ++kind) {
        net n;
        net_create(&n, (net_kind)kind);
        float *wild = malloc((size_t)NET_ROWS * NET_FEATURES * sizeof *wild);
        for (int i = 0; i < NET_ROWS * NET_FEATURES; ++i)
            wild[i] = i % 3 ? NAN : 1e38f;
        net_run used = net_open(&n, NIB_MODE_TRAIN, MAX_BATCH, 1);
        for (int i = 0; i < N_SIZES; ++i) {
            nib_batch batch = net_batch(&n, sizes[i], 17), dirty = net_batch(&n, MAX_BATCH, 3);
            const nib_feed feeds[2] = {{.data = wild}, {.data = n.label}};
            dirty.feeds = feeds;
            trace bad = trace_of(&n, &used, &dirty);
            cr_assert(isnan(bad.loss), "the first batch was meant to spoil everything");
            net_run fresh = net_open(&n, NIB_MODE_TRAIN, MAX_BATCH, 1);
            trace a = trace_of(&n, &used, &batch), b = trace_of(&n, &fresh, &batch);
            cr_expect(same(&n, &a, &b), "net %d: %d rows after a bad batch differ", kind, (int)sizes[i]);
            forget(&bad);
            forget(&a);
            forget(&b);
            net_close(&fresh);
        }
        free(wild);
        net_close(&used);
        net_destroy(&n);
    }
}

Test(exec, training_agrees_with_the_naive_reference, .timeout = 120)
{
    const int64_t rows[] = {1, 64, 200};
    for (int kind = 0; kind < NET_KINDS; ++kind)
        for (int k = 0; k < 3; ++k) {
            net n;
            naive reference;
            net_create(&n, (net_kind)kind);
            net_run run = net_open(&n, NIB_MODE_TRAIN, 200, 1);
            nib_batch batch = net_batch(&n, rows[k], 31);
            naive_create(&reference, n.graph, NIB_MODE_TRAIN, &batch);
            const double loss = naive_loss(&reference);
            trace t = trace_of(&n, &run, &batch);
            cr_expect(fabs(t.loss - loss) < 2e-6 * fabs(loss), "net %d, %d rows: loss %.9g, naively %.9g",
                      kind, (int)rows[k], t.loss, loss);
            for (int p = 0; p < n.params->count; ++p) {
                const nib_param *row = &n.params->row[p];
                double largest = 1e-2;
                for (int64_t i = 0; i < row->rows * row->stride; ++i)
                    largest = fmax(largest, fabs((double)t.gradient[row->offset + i]));
                for (int64_t i = 0; i < row->rows * row->cols; ++i) {
                    const int64_t at = row->offset + i / row->cols * row->stride + i % row->cols;
                    if (row->role == NIB_ROLE_STATE) {
                        cr_assert(fabs((double)t.value[at] - reference.moving[at]) < 1e-6,
                                  "net %d, %d rows: %s[%d] moves to %.8g, naively %.8g", kind, (int)rows[k],
                                  row->name, (int)i, (double)t.value[at], reference.moving[at]);
                        continue;
                    }
                    const double gradient = naive_gradient(&reference, at);
                    /* One row has no variance: batch norm then divides rounding errors by sqrt(epsilon). */
                    const double tolerance = rows[k] == 1 ? 1e-3 : 3e-5;
                    cr_assert(fabs((double)t.gradient[at] - gradient) < tolerance * largest,
                              "net %d, %d rows: gradient of %s[%d] is %.8g, naively %.8g", kind, (int)rows[k],
                              row->name, (int)i, (double)t.gradient[at], gradient);
                }
            }
            forget(&t);
            naive_destroy(&reference);
            net_close(&run);
            net_destroy(&n);
        }
}

Test(exec, evaluation_agrees_with_the_naive_reference)
{
    for (int kind = 0; kind < NET_KINDS; ++kind) {
        net n;
        naive reference;
        net_create(&n, (net_kind)kind);
        net_run run = net_open(&n, NIB_MODE_EVALUATE, 300, 1);
        nib_batch batch = net_batch(&n, 300, 5);
        naive_create(&reference, n.graph, NIB_MODE_EVALUATE, &batch);
        const double loss = naive_loss(&reference);
        float *logits = calloc(300 * NET_CLASSES, sizeof *logits);
        float *const outputs[1] = {logits};
        nib_sums sums;
        nib_exec_forward(run.exec, &batch, outputs, &sums);
        cr_expect(fabs(sums.loss - loss) < 1e-6 * fabs(loss), "net %d: loss %.9g, naively %.9g", kind,
                  sums.loss, loss);
        for (int i = 0; i < 300 * NET_CLASSES; ++i)
            cr_assert(fabs((double)logits[i] - reference.value[n.logits][i]) < 3e-6,
                      "net %d: logit %d is %.8g, naively %.8g", kind, i, (double)logits[i],
                      reference.value[n.logits][i]);
        double hits = 0;
        for (int64_t r = 0; r < 300; ++r)
            hits += reference.value[nib_graph_nodes(n.graph) - 1][r];
        cr_expect(sums.watches[0] == hits && hits > 20 && hits < 280, "net %d: %g hits, naively %g", kind,
                  sums.watches[0], hits);
        free(logits);
        naive_destroy(&reference);
        net_close(&run);
        net_destroy(&n);
    }
}

Test(exec, a_row_is_evaluated_the_same_wherever_it_lies)
{
    for (int kind = 0; kind < NET_KINDS; ++kind) {
        net n;
        net_create(&n, (net_kind)kind);
        net_run run = net_open(&n, NIB_MODE_EVALUATE, 200, 1);
        float all[200 * NET_CLASSES], some[200 * NET_CLASSES];
        float *const first[1] = {all}, *const second[1] = {some};
        nib_sums sums;
        nib_batch batch = net_batch(&n, 200, 0);
        nib_exec_forward(run.exec, &batch, first, &sums);
        for (int64_t start = 1; start < 131; start += start < 70 ? 1 : 13) {
            nib_batch part = net_batch(&n, 200 - start, start);
            nib_exec_forward(run.exec, &part, second, &sums);
            cr_assert(memcmp(some, all + start * NET_CLASSES,
                             (size_t)(200 - start) * NET_CLASSES * sizeof *some) == 0,
                      "net %d: rows from %d on differ", kind, (int)start);
        }
        net_close(&run);
        net_destroy(&n);
    }
}

Test(exec, rows_by_index_are_the_rows_of_the_index)
{
    net n;
    net_create(&n, NET_DAG);
    net_run run = net_open(&n, NIB_MODE_TRAIN, 100, 1);
    int32_t index[100];
    net moved;
    net_create(&moved, NET_DAG);
    for (int r = 0; r < 100; ++r) {
        index[r] = (r * 37 + 11) % NET_ROWS;
        memcpy(moved.x + r * NET_FEATURES, n.x + index[r] * NET_FEATURES, NET_FEATURES * sizeof *n.x);
        moved.label[r] = n.label[index[r]];
        moved.weight[r] = n.weight[index[r]];
    }
    nib_batch by_index = net_batch(&n, 100, 0), in_order = net_batch(&moved, 100, 0);
    by_index.index = index;
    trace a = trace_of(&n, &run, &by_index), b = trace_of(&n, &run, &in_order);
    cr_expect(same(&n, &a, &b), "rows taken by index differ from the same rows in order");
    forget(&a);
    forget(&b);
    net_close(&run);
    net_destroy(&n);
    net_destroy(&moved);
}

Test(exec, rows_of_weight_zero_do_not_count)
{
    net n;
    net_create(&n, NET_PLAIN);
    net_run run = net_open(&n, NIB_MODE_TRAIN, 100, 1);
    nib_batch batch = net_batch(&n, 100, 0);
    for (int r = 40; r < 100; ++r)
        n.weight[r] = 0.0f;
    trace a = trace_of(&n, &run, &batch);
    for (int i = 40 * NET_FEATURES; i < 100 * NET_FEATURES; ++i)
        n.x[i] = -3.0f * n.x[i];
    trace b = trace_of(&n, &run, &batch);
    cr_expect(memcmp(a.gradient, b.gradient, (size_t)n.params->size * sizeof(float)) == 0,
              "rows of weight 0 change the gradient");
    n.weight[39] = 0.0f;
    trace c = trace_of(&n, &run, &batch);
    cr_expect(memcmp(a.gradient, c.gradient, (size_t)n.params->size * sizeof(float)) != 0,
              "a row of weight above 0 counts");
    forget(&a);
    forget(&b);
    forget(&c);
    net_close(&run);
    net_destroy(&n);
}

Test(exec, evaluating_without_targets_leaves_losses_out)
{
    net n;
    net_create(&n, NET_NORMALIZED);
    net_run run = net_open(&n, NIB_MODE_EVALUATE, 100, 1);
    float with[100 * NET_CLASSES], without[100 * NET_CLASSES];
    float *const first[1] = {with}, *const second[1] = {without};
    nib_batch batch = net_batch(&n, 100, 0);
    nib_sums sums;
    nib_exec_forward(run.exec, &batch, first, &sums);
    cr_assert(sums.loss > 0.5, "a loss with targets");
    const nib_feed inputs_only[2] = {{.data = n.x}, {.data = NULL}};
    batch.feeds = inputs_only;
    nib_exec_forward(run.exec, &batch, second, &sums);
    cr_expect(sums.loss == 0.0 && sums.watches[0] == 0.0, "no loss without targets, but %g", sums.loss);
    cr_expect(memcmp(with, without, sizeof with) == 0, "outputs do not need targets");
    net_close(&run);
    net_destroy(&n);
}
