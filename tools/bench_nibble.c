/* nibble's side of the benchmark: a config, a model and the trainer, as `nibble train` makes them. */
#include <stdio.h>
#include <string.h>

#include "tools/bench_trainer.h"
#include "train/config.h"
#include "train/order.h"

enum { TEXT_BYTES = 1024 };

struct nib_bench_nibble {
    nib_config *config;
    nib_model *model;
    nib_team *team;
    nib_trainer *trainer;
    const nib_dataset *data;
    nib_arena *arena; /* of the order */
    nib_order order;
};

/* "{mlp: {hidden: [32, 32]}}"; the last width follows from the data. */
static void write_config(const nib_bench_net *net, int64_t batch, nib_bench_kind kind, char *text)
{
    static const char types[] =
        "quant: {default: {input: 'fixed<8,2,RND,SAT>', weight: 'fixed<6,1,RND_CONV,SAT>', "
        "bias: 'fixed<8,2,RND_CONV,SAT>', activation: 'ufixed<6,3,RND,SAT>'}}\n";
    static const char masks[] = "prune: {default: {schedule: {constant: {frequency: 100}}, sparsity: 0.8}}\n";
    const char *rest = kind == NIB_BENCH_QUANTIZED ? types : kind == NIB_BENCH_PRUNED ? masks : "";
    size_t used = (size_t)snprintf(text, TEXT_BYTES,
                                   "data: {source: {file: none.h5}, x: x, y: y}\n"
                                   "train: {batch: %lld}\nmodel: {mlp: {hidden: [",
                                   (long long)batch);
    for (int i = 1; i < net->n_layers; ++i)
        used += (size_t)snprintf(text + used, TEXT_BYTES - used, "%s%lld", i > 1 ? ", " : "",
                                 (long long)net->width[i]);
    (void)snprintf(text + used, TEXT_BYTES - used, "]}}\n%s", rest);
}

/* As train/fit.c has the next epoch's order made. */
static void shuffle_on(void *context)
{
    nib_bench_nibble *t = context;
    nib_order_advance(&t->order, nib_trainer_state(t->trainer)->epoch, t->config->train.batch);
}

static nib_status create(nib_bench_nibble *t, const nib_bench_net *net, int64_t batch, int threads,
                         nib_bench_kind kind, nib_error *err)
{
    char text[TEXT_BYTES];
    write_config(net, batch, kind, text);
    NIB_TRY(nib_config_parse("bench", ".", text, strlen(text), NULL, 0, &t->config, err));
    NIB_TRY(nib_order_create(&t->order, t->arena, t->data->rows, (uint64_t)t->config->train.seed,
                             t->config->train.shuffle, err));
    NIB_TRY(nib_model_create(&t->model, t->config, t->data, err));
    NIB_TRY(nib_team_create(&t->team, threads, err));
    NIB_TRY(nib_trainer_create(&t->trainer, t->model, &t->config->train, t->data, t->team, err));
    nib_trainer_set_meanwhile(t->trainer, shuffle_on, t);
    if (!t->config->prune.on)
        return NIB_OK;
    nib_pruner *pruner;
    NIB_TRY(nib_pruner_create(t->arena, t->model, t->config, (t->data->rows + batch - 1) / batch,
                              nib_trainer_state(t->trainer), NULL, &pruner, err));
    nib_trainer_set_pruner(t->trainer, pruner);
    return NIB_OK;
}

nib_status nib_bench_nibble_create(nib_bench_nibble **trainer, const nib_bench_net *net,
                                   const nib_dataset *data, int64_t batch, int threads, nib_bench_kind kind,
                                   nib_error *err)
{
    nib_arena *arena = nib_arena_create();
    nib_bench_nibble *t = arena ? NIB_NEW(arena, nib_bench_nibble, 1) : NULL;
    if (!t) {
        nib_arena_destroy(arena);
        return nib_fail_memory(err, "trainer");
    }
    *t = (nib_bench_nibble){.arena = arena, .data = data};
    nib_status status = create(t, net, batch, threads, kind, err);
    if (status != NIB_OK) {
        nib_bench_nibble_destroy(t);
        return status;
    }
    *trainer = t;
    return NIB_OK;
}

void nib_bench_nibble_destroy(nib_bench_nibble *t)
{
    if (!t)
        return;
    nib_trainer_destroy(t->trainer);
    nib_team_destroy(t->team);
    nib_model_destroy(t->model);
    nib_config_destroy(t->config);
    nib_arena_destroy(t->arena);
}

const nib_params *nib_bench_nibble_params(const nib_bench_nibble *t)
{
    return t->model->params;
}

/* As train/fit.c starts an epoch. */
static const int32_t *begin_epoch(nib_bench_nibble *t)
{
    nib_train_state *state = nib_trainer_state(t->trainer);
    state->step_in_epoch = 0;
    state->rows = 0;
    state->loss = 0;
    memset(state->losses, 0, (size_t)state->n_losses * sizeof *state->losses);
    memset(state->watches, 0, (size_t)state->n_watches * sizeof *state->watches);
    return nib_order_begin(&t->order, state->epoch);
}

nib_status nib_bench_nibble_epoch(nib_bench_nibble *t, const volatile sig_atomic_t *stop,
                                  nib_bench_epoch *epoch, nib_error *err)
{
    const int64_t rows = t->data->rows, batch = t->config->train.batch;
    nib_train_state *state = nib_trainer_state(t->trainer);
    const int32_t *const order = begin_epoch(t);
    for (int64_t at = 0; at < rows; at += batch) {
        const int64_t left = rows - at, after = left - batch;
        nib_trainer_announce(t->trainer, after > 0 ? order + at + batch : NULL,
                             after < batch ? after : batch);
        NIB_TRY(nib_trainer_step(t->trainer, order + at, left < batch ? left : batch, err));
        if (stop && *stop)
            return nib_fail(err, NIB_ERR_INTERRUPTED, "interrupted");
    }
    state->epoch++;
    *epoch = (nib_bench_epoch){.loss = state->loss / (double)rows,
                               .accuracy = state->n_watches ? state->watches[0] / (double)rows : 0};
    return NIB_OK;
}
