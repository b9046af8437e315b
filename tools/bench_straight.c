/* The opponent of nibble's kernels: what a careful C programmer writes with a BLAS in an afternoon. */
#include <cblas.h>
#include <math.h>
#include <string.h>

#include "core/rng.h"
#include "tools/bench_loops.h"
#include "tools/bench_trainer.h"

typedef struct layer {
    int64_t inputs, outputs;
    float *w, *b;   /* [inputs, outputs], [outputs], within the flat weights */
    float *dw, *db; /* within the flat gradients */
    float *y, *dy;  /* [batch, outputs] */
} layer;

struct nib_bench_straight {
    nib_arena *arena;
    const nib_dataset *data;
    const nib_bench_loops *loops;
    int n_layers;
    layer layer[NIB_BENCH_LAYERS];
    int64_t batch, step, epoch, size; /* size: of the flat vectors */
    float *weights, *gradients, *m, *v;
    float *x, *work;
    int32_t *label, *order;
};

static const nib_bench_loops *loops_of(nib_isa isa)
{
#if NIB_ISA_X86
    if (isa == NIB_ISA_AVX512)
        return &nib_bench_loops_table_avx512;
    if (isa == NIB_ISA_AVX2)
        return &nib_bench_loops_table_avx2;
#endif
    (void)isa;
    return &nib_bench_loops_table;
}

/* Weights and biases of all layers in flat vectors, each at a multiple of 64 bytes. */
static nib_status lay_out(nib_bench_straight *t, const nib_bench_net *net, nib_error *err)
{
    for (int i = 0; i < t->n_layers; ++i)
        t->size += nib_padded(net->width[i] * net->width[i + 1]) + nib_padded(net->width[i + 1]);
    t->weights = NIB_NEW(t->arena, float, t->size);
    t->gradients = NIB_NEW(t->arena, float, t->size);
    t->m = NIB_NEW(t->arena, float, t->size);
    t->v = NIB_NEW(t->arena, float, t->size);
    t->x = NIB_NEW(t->arena, float, t->batch * net->width[0]);
    t->work = NIB_NEW(t->arena, float, 2 * t->batch);
    t->label = NIB_NEW(t->arena, int32_t, t->batch);
    t->order = NIB_NEW(t->arena, int32_t, t->data->rows);
    bool all = t->weights && t->gradients && t->m && t->v && t->x && t->work && t->label && t->order;
    int64_t at = 0;
    for (int i = 0; i < t->n_layers && all; ++i) {
        layer *l = &t->layer[i];
        l->inputs = net->width[i];
        l->outputs = net->width[i + 1];
        l->w = t->weights + at;
        l->dw = t->gradients + at;
        at += nib_padded(l->inputs * l->outputs);
        l->b = t->weights + at;
        l->db = t->gradients + at;
        at += nib_padded(l->outputs);
        l->y = NIB_NEW(t->arena, float, t->batch * l->outputs);
        l->dy = NIB_NEW(t->arena, float, t->batch * l->outputs);
        all = l->y && l->dy;
    }
    return all ? NIB_OK : nib_fail_memory(err, "straightforward trainer");
}

nib_status nib_bench_straight_create(nib_bench_straight **trainer, const nib_bench_net *net,
                                     const nib_dataset *data, int64_t batch, const nib_params *start,
                                     nib_error *err)
{
    nib_arena *arena = nib_arena_create();
    nib_bench_straight *t = arena ? NIB_NEW(arena, nib_bench_straight, 1) : NULL;
    if (!t) {
        nib_arena_destroy(arena);
        return nib_fail_memory(err, "straightforward trainer");
    }
    *t = (nib_bench_straight){.arena = arena,
                              .data = data,
                              .loops = loops_of(nib_isa_chosen().isa),
                              .n_layers = net->n_layers,
                              .batch = batch < data->rows ? batch : data->rows};
    nib_status status = lay_out(t, net, err);
    if (status != NIB_OK) {
        nib_bench_straight_destroy(t);
        return status;
    }
    for (int i = 0; i < t->n_layers; ++i) { /* rows of the table: kernel, bias of each layer in turn */
        nib_params_pack(start, 2 * i, start->value, t->layer[i].w);
        nib_params_pack(start, 2 * i + 1, start->value, t->layer[i].b);
    }
    *trainer = t;
    return NIB_OK;
}

void nib_bench_straight_destroy(nib_bench_straight *trainer)
{
    if (trainer)
        nib_arena_destroy(trainer->arena);
}

static void forward(nib_bench_straight *t, int64_t rows)
{
    const float *x = t->x;
    for (int i = 0; i < t->n_layers; ++i) {
        const layer *l = &t->layer[i];
        const blasint k = (blasint)l->inputs, n = (blasint)l->outputs;
        cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, (blasint)rows, n, k, 1.0f, x, k, l->w, n, 0.0f,
                    l->y, n);
        t->loops->bias(l->y, l->b, rows, l->outputs, i + 1 < t->n_layers);
        x = l->y;
    }
}

/* From dy of the last layer to the gradients of all weights. */
static void backward(nib_bench_straight *t, const float *last_dy, int64_t rows)
{
    const float *dy = last_dy;
    for (int i = t->n_layers - 1; i >= 0; --i) {
        const layer *l = &t->layer[i], *below = l - 1;
        const blasint k = (blasint)l->inputs, n = (blasint)l->outputs, m = (blasint)rows;
        const float *x = i > 0 ? below->y : t->x;
        cblas_sgemm(CblasRowMajor, CblasTrans, CblasNoTrans, k, n, m, 1.0f, x, k, dy, n, 0.0f, l->dw, n);
        t->loops->column_sums(l->db, dy, rows, l->outputs);
        if (i == 0)
            break;
        cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, m, k, n, 1.0f, dy, n, l->w, n, 0.0f, below->dy,
                    k);
        t->loops->relu_backward(below->dy, below->y, rows * l->inputs);
        dy = below->dy;
    }
}

/* tf.keras' defaults, as nibble's. */
static void update(nib_bench_straight *t)
{
    const double beta_1 = (double)0.9f, beta_2 = (double)0.999f, step = (double)++t->step;
    const nib_bench_adam numbers = {.alpha =
                                        (float)(1e-3 * sqrt(1 - pow(beta_2, step)) / (1 - pow(beta_1, step))),
                                    .rate_1 = (float)(1 - 0.9),
                                    .rate_2 = (float)(1 - 0.999),
                                    .epsilon = 1e-7f};
    t->loops->adam(t->weights, t->m, t->v, t->gradients, t->size, &numbers);
}

nib_status nib_bench_straight_epoch(nib_bench_straight *t, const volatile sig_atomic_t *stop,
                                    nib_bench_epoch *epoch, nib_error *err)
{
    const int64_t rows = t->data->rows, classes = t->layer[t->n_layers - 1].outputs;
    const nib_rng rng = {.seed = 1, .stream = nib_rng_stream("train/shuffle"), .step = (uint32_t)t->epoch++};
    float *logits = t->layer[t->n_layers - 1].y;
    double loss = 0;
    int64_t hits = 0;
    nib_rng_permutation(&rng, rows, t->order);
    for (int64_t at = 0; at < rows; at += t->batch) {
        const int64_t n = rows - at < t->batch ? rows - at : t->batch;
        t->loops->gather(t->x, t->label, t->data->input[0].x, t->data->target[0].label, t->layer[0].inputs,
                         t->order + at, n);
        forward(t, n);
        loss += t->loops->softmax(logits, t->label, n, classes, t->work, &hits);
        backward(t, logits, n);
        update(t);
        if (stop && *stop)
            return nib_fail(err, NIB_ERR_INTERRUPTED, "interrupted");
    }
    *epoch = (nib_bench_epoch){.loss = loss / (double)rows, .accuracy = (double)hits / (double)rows};
    return NIB_OK;
}
