#include "train/trainer.h"

#include <math.h>
#include <stddef.h>

#include "core/cpu.h"

/* The update of the step at hand: all that threads read of it, apart from what changes in between. */
typedef struct step_update {
    _Alignas(NIB_ALIGN) nib_update update;
    const nib_optimizer *optimizer;
    const void *options;
    int n_slots;
    nib_trainer *trainer;
    _Alignas(NIB_ALIGN) char gap[NIB_ALIGN];
} step_update;

struct nib_trainer {
    nib_arena *arena;
    nib_model *model;
    const nib_train_config *config;
    nib_exec *exec;
    const nib_dataset *data;
    nib_feed *feeds;
    int64_t steps_per_epoch;
    nib_train_state state;
    nib_pruner *pruner;  /* or NULL */
    const int32_t *next; /* announced */
    int64_t next_rows;
    void (*meanwhile)(void *context); /* or NULL */
    void *meanwhile_context;
    step_update at_hand;
};

static nib_status create(nib_trainer *t, nib_team *team, nib_error *err)
{
    const nib_graph_mark *marks;
    const nib_optimizer *optimizer = t->config->optimizer;
    int slots =
        optimizer->slots_used ? optimizer->slots_used(t->config->optimizer_options) : optimizer->slots;
    int64_t batch = t->config->batch < t->data->rows ? t->config->batch : t->data->rows;
    NIB_TRY(nib_model_check_settled(t->model, err));
    t->steps_per_epoch = (t->data->rows + batch - 1) / batch;
    t->feeds = nib_model_feeds(t->arena, t->model, t->data);
    if (!t->feeds || !nib_model_label_bytes(t->arena, t->model, t->data, t->feeds))
        return nib_fail_memory(err, "trainer");
    NIB_TRY(nib_train_state_create(t->arena, t->model->params, nib_graph_losses(t->model->graph, &marks),
                                   nib_graph_watches(t->model->graph, &marks), slots, &t->state, err));
    nib_params_apply_masks(t->model->params, t->model->params->value);
    t->at_hand = (step_update){.optimizer = optimizer,
                               .options = t->config->optimizer_options,
                               .n_slots = t->state.n_slots,
                               .trainer = t};
    return nib_exec_create(&t->exec, t->model->graph, NIB_MODE_TRAIN, batch, 0, team, err);
}

nib_status nib_trainer_create(nib_trainer **trainer, nib_model *model, const nib_train_config *config,
                              const nib_dataset *data, nib_team *team, nib_error *err)
{
    nib_arena *arena = nib_arena_create();
    nib_trainer *t = arena ? NIB_NEW(arena, nib_trainer, 1) : NULL;
    if (!t) {
        nib_arena_destroy(arena);
        return nib_fail_memory(err, "trainer");
    }
    *t = (nib_trainer){.arena = arena, .model = model, .config = config, .data = data};
    nib_status status = create(t, team, err);
    if (status != NIB_OK) {
        nib_trainer_destroy(t);
        return status;
    }
    *trainer = t;
    return NIB_OK;
}

void nib_trainer_destroy(nib_trainer *trainer)
{
    if (!trainer)
        return;
    nib_exec_destroy(trainer->exec);
    nib_arena_destroy(trainer->arena);
}

nib_train_state *nib_trainer_state(nib_trainer *trainer)
{
    return &trainer->state;
}

int64_t nib_trainer_steps_per_epoch(const nib_trainer *trainer)
{
    return trainer->steps_per_epoch;
}

double nib_trainer_lr(const nib_trainer *t, int64_t step)
{
    /* The first field of every optimizer's options is the base rate (train/optimizer.h). */
    const double *base = t->config->optimizer_options;
    nib_lr_clock clock = {
        .base = *base, .step = step, .steps_per_epoch = t->steps_per_epoch, .epochs = t->config->epochs};
    return nib_lr_rate(t->config->lr_schedule, t->config->lr_schedule_options, t->config->warmup, &clock,
                       &t->state.lr);
}

static nib_status diverged(nib_trainer *t, const nib_batch *batch, double loss, nib_error *err)
{
    const char *where = nib_exec_find_nonfinite(t->exec, batch);
    return nib_fail(
        err, NIB_ERR_DIVERGED,
        "the loss became %s in epoch %lld, step %lld (update %lld); first value that is not finite: %s; "
        "try a smaller learning rate or train.clip_norm",
        isnan(loss) ? "NaN" : "infinite", (long long)t->state.epoch + 1,
        (long long)t->state.step_in_epoch + 1, (long long)t->state.step + 1,
        where ? where : "the loss itself");
}

static void add_sums(nib_trainer *t, const nib_sums *sums, int64_t rows)
{
    const nib_graph_mark *loss;
    nib_train_state *s = &t->state;
    (void)nib_graph_losses(t->model->graph, &loss);
    s->rows += rows;
    s->loss += sums->loss * (double)rows;
    for (int i = 0; i < s->n_losses; i++) {
        bool per_step = nib_graph_node(t->model->graph, loss[i].value)->shape.rate == NIB_RATE_STEP;
        s->losses[i] += per_step ? sums->losses[i] * (double)rows : sums->losses[i];
    }
    for (int i = 0; i < s->n_watches; i++)
        s->watches[i] += sums->watches[i];
}

void nib_trainer_announce(nib_trainer *t, const int32_t *next, int64_t rows)
{
    t->next = next;
    t->next_rows = rows;
}

void nib_trainer_set_meanwhile(nib_trainer *t, void (*work)(void *context), void *context)
{
    t->meanwhile = work;
    t->meanwhile_context = context;
}

void nib_trainer_set_pruner(nib_trainer *t, nib_pruner *pruner)
{
    t->pruner = pruner;
}

static void forget_best(nib_train_state *s)
{
    s->best_epoch = -1;
    s->wait = 0;
}

static void set_update(step_update *u, double scale)
{
    const nib_trainer *t = u->trainer;
    nib_update update = {.params = t->model->params,
                         .step = t->state.step + 1,
                         .lr = nib_trainer_lr(t, t->state.step),
                         .gradient_scale = scale,
                         .clip_value = t->config->clip_value};
    for (int i = 0; i < u->n_slots; i++)
        update.slot[i] = t->state.slot[i];
    nib_write_changed(&u->update, &update, sizeof update);
}

/* The weights stay as they are when the loss is not finite. */
static bool begin_update(void *context, const nib_sums *sums)
{
    step_update *u = context;
    nib_trainer *t = u->trainer;
    if (!isfinite(sums->loss))
        return false;
    if (t->pruner && nib_pruner_after_backward(t->pruner, t->state.step + 1))
        forget_best(&t->state);
    double scale = 1;
    if (t->config->clip_norm > 0) {
        nib_params_apply_masks(t->model->params, t->model->params->gradient);
        double norm = nib_gradient_norm(t->model->params);
        if (norm > t->config->clip_norm)
            scale = t->config->clip_norm / norm;
    }
    set_update(u, scale);
    return true;
}

/* An update that depends on nothing but the clock. */
static void prepare_update(void *context)
{
    set_update(context, 1);
}

static void do_meanwhile(void *context)
{
    const step_update *u = context;
    u->trainer->meanwhile(u->trainer->meanwhile_context);
}

static void update_range(void *context, const nib_exec_flat *flat, int64_t first, int64_t count)
{
    const step_update *u = context;
    nib_update update = u->update;
    update.params = flat->params;
    update.second = flat->second;
    for (int i = 0; i < u->n_slots; i++)
        update.slot[i] = flat->slot[i];
    nib_optimizer_apply_range(u->optimizer, u->options, &update, first, count);
}

static void update_range_on_grids(void *context, int64_t first, int64_t count, const nib_param_step *steps,
                                  int n)
{
    const step_update *u = context;
    nib_update update = u->update;
    update.steps = steps;
    update.n_steps = n;
    nib_optimizer_apply_range(u->optimizer, u->options, &update, first, count);
}

nib_status nib_trainer_step(nib_trainer *t, const int32_t *index, int64_t rows, nib_error *err)
{
    nib_sums sums;
    nib_batch batch = {.rows = rows,
                       .index = index,
                       .next = t->next,
                       .next_rows = t->next_rows,
                       .feeds = t->feeds,
                       .weight = t->data->weight,
                       .seed = (uint64_t)t->config->seed,
                       .step = (uint32_t)t->state.step};
    if (t->pruner && nib_pruner_before_step(t->pruner, t->state.step + 1))
        forget_best(&t->state);
    const double epoch = (double)t->state.step / (double)t->steps_per_epoch;
    t->model->control->float_share = (float)(1.0 - nib_quant_blend(t->model->quant, epoch));
    const bool whole = t->config->clip_norm > 0 || (t->pruner && nib_pruner_reads_gradient(t->pruner));
    const bool plain = !t->pruner && !(t->config->clip_norm > 0);
    const nib_optimizer *optimizer = t->config->optimizer;
    const void *options = t->config->optimizer_options;
    const nib_exec_update update = {
        .context = &t->at_hand,
        .context_bytes = offsetof(step_update, gap),
        .slot = t->state.slot,
        .n_slots = t->state.n_slots,
        .prepare = plain ? prepare_update : NULL,
        .meanwhile = t->meanwhile ? do_meanwhile : NULL,
        .begin = plain ? NULL : begin_update,
        .range = update_range,
        .range_on_grids = nib_optimizer_on_grids(optimizer, options) ? update_range_on_grids : NULL,
        .adds = nib_optimizer_adds(optimizer, options),
        .whole = whole,
        .alone = !t->pruner};
    nib_exec_step(t->exec, &batch, &update, &sums);
    t->next = NULL;
    if (!isfinite(sums.loss))
        return diverged(t, &batch, sums.loss, err);
    add_sums(t, &sums, rows);
    t->state.step++;
    t->state.step_in_epoch++;
    return NIB_OK;
}
