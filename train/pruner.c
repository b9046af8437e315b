#include "train/pruner.h"

#include <inttypes.h>
#include <string.h>

#include "prune/mask.h"
#include "train/paths.h"

enum { MAX_LINKS = 16 };

/* One kernel (or bias) that is pruned. */
typedef struct target {
    nib_prune_tensor tensor;
    const nib_prune_part *part;
    int layer;
    bool pooled;         /* competes with all that are pooled */
    int n_links;         /* rows of the table that go with the columns of the kernel */
    int link[MAX_LINKS]; /* bias, gamma and beta */
} target;

struct nib_pruner {
    nib_model *model;
    const nib_prune_config *config;
    nib_train_state *state;
    const nib_log *log;
    nib_prune_clock clock;
    int n_targets, n_pooled;
    target *target;           /* pooled ones first */
    nib_prune_tensor *tensor; /* [n_pooled] copies for the pool */
    nib_prune_scratch scratch;
    nib_paths paths;
    int collapsed;        /* layer that was told of, or -1 */
    int64_t rewind_epoch; /* -1: none */
};

/* --- Targets
 * ------------------------------------------------------------------------------------------------- */

static const nib_prune_layer_config *config_of(const nib_prune_config *config, const char *layer)
{
    for (int i = 0; i < config->n_layers; i++)
        if (strcmp(config->layer[i].layer, layer) == 0)
            return &config->layer[i];
    return NULL;
}

/* The kernel whose outputs an output of the model is, through activations and batch norm. */
static bool makes_output(const nib_model *m, int layer)
{
    for (int i = 0; i < m->n_outputs; i++) {
        int at = m->output[i].layer;
        while (at >= 0 && at != layer && m->layer[at].config->type->flow == NIB_FLOW_UNITWISE &&
               m->layer[at].n_from == 1)
            at = m->layer[at].from[0];
        if (at == layer)
            return true;
    }
    return false;
}

static void add_link(target *t, int row)
{
    if (row >= 0 && t->n_links < MAX_LINKS)
        t->link[t->n_links++] = row;
}

/* What is a neuron's own beside its column: its bias, and its gamma and beta in batch norms that follow. */
static void find_links(const nib_model *m, target *t)
{
    add_link(t, nib_layer_row(m, t->layer, "bias"));
    for (int i = 0; i < m->n_layers; i++) {
        const bool follows = m->layer[i].n_from == 1 && m->layer[i].from[0] == t->layer;
        if (!follows || nib_layer_row(m, i, "gamma") < 0)
            continue;
        add_link(t, nib_layer_row(m, i, "gamma"));
        add_link(t, nib_layer_row(m, i, "beta"));
    }
}

static target make_target(const nib_pruner *p, int layer, int row, const nib_prune_part *part, bool pooled,
                          uint64_t seed)
{
    const nib_params *params = p->model->params;
    const nib_param *r = &params->row[row];
    target t = {.part = part, .layer = layer, .pooled = pooled};
    t.tensor = (nib_prune_tensor){.name = r->name,
                                  .rows = r->rows,
                                  .cols = r->cols,
                                  .stride = r->stride,
                                  .value = params->value + r->offset,
                                  .gradient = params->gradient + r->offset,
                                  .mask = params->mask + r->offset,
                                  .cost = part->cost,
                                  .seed = seed};
    return t;
}

static nib_status add_layer(nib_pruner *p, int layer, bool pooled, uint64_t seed, nib_error *err)
{
    const nib_model *m = p->model;
    const nib_prune_layer_config *own = config_of(p->config, m->layer[layer].config->name);
    const nib_prune_part *part = own ? &own->part : &p->config->part;
    const int kernel = nib_layer_kernel(m, layer), bias = nib_layer_row(m, layer, "bias");
    const bool in_pool = p->config->scope == NIB_PRUNE_SCOPE_GLOBAL && !(own && own->own);
    if (kernel < 0 || !(part->sparsity > 0) || in_pool != pooled)
        return NIB_OK;
    if (part->criterion->whole_columns && makes_output(m, layer)) {
        if (!own || !own->own)
            return NIB_OK;
        return nib_doc_fail(&own->place, err, NIB_ERR_CONFIG,
                            "prune.layers.%s: its neurons are outputs of the model, which cannot be pruned",
                            own->layer);
    }
    target *t = &p->target[p->n_targets++];
    *t = make_target(p, layer, kernel, part, pooled, seed);
    if (part->criterion->whole_columns)
        find_links(m, t);
    if (part->biases && bias >= 0)
        p->target[p->n_targets++] = make_target(p, layer, bias, part, pooled, seed);
    return NIB_OK;
}

static nib_status add_targets(nib_pruner *p, nib_arena *arena, uint64_t seed, nib_error *err)
{
    const nib_model *m = p->model;
    p->target = NIB_NEW(arena, target, 2 * m->n_layers);
    if (!p->target)
        return nib_fail_memory(err, "pruner");
    for (int pooled = 1; pooled >= 0; pooled--) {
        for (int i = 0; i < m->n_layers; i++)
            NIB_TRY(add_layer(p, i, pooled, seed, err));
        if (pooled)
            p->n_pooled = p->n_targets;
    }
    p->tensor = NIB_NEW(arena, nib_prune_tensor, p->n_pooled);
    if (!p->tensor)
        return nib_fail_memory(err, "pruner");
    int64_t units = 0, pool = 0;
    for (int i = 0; i < p->n_targets; i++) {
        const nib_prune_tensor *t = &p->target[i].tensor;
        const int64_t n = t->rows * t->cols;
        pool += p->target[i].pooled ? n : 0;
        units = n > units ? n : units;
    }
    return nib_prune_scratch_create(arena, pool > units ? pool : units, &p->scratch, err);
}

/* --- Creation
 * ------------------------------------------------------------------------------------------------ */

static nib_status check_rewind(nib_pruner *p, nib_arena *arena, nib_error *err)
{
    p->rewind_epoch = -1;
    for (int i = 0; i < p->n_targets; i++) {
        const nib_prune_part *part = p->target[i].part;
        const int64_t epoch =
            part->schedule->rewind ? part->schedule->rewind(part->schedule_options) : (int64_t)-1;
        if (i > 0 && epoch != p->rewind_epoch)
            return nib_doc_fail(&p->config->place, err, NIB_ERR_CONFIG,
                                "prune: layers rewind to different epochs (%s does not go back with %s)",
                                p->target[i].tensor.name, p->target[0].tensor.name);
        p->rewind_epoch = epoch;
        int64_t first = 1;
        while (epoch >= 0 && first < nib_pruner_last_step(p) &&
               !part->schedule->due(part->schedule_options, &p->clock, first))
            first++;
        if (epoch >= 0 && epoch * p->clock.steps_per_epoch >= first)
            return nib_doc_fail(&p->config->place, err, NIB_ERR_CONFIG,
                                "prune: rewind: epoch %" PRId64 " is not over at step %" PRId64
                                ", where %s is pruned first",
                                epoch, first, p->target[i].tensor.name);
    }
    if (p->rewind_epoch < 0)
        return NIB_OK;
    p->state->rewind = NIB_NEW(arena, float, p->model->params->size);
    return p->state->rewind ? NIB_OK : nib_fail_memory(err, "pruner");
}

nib_status nib_pruner_create(nib_arena *arena, nib_model *model, const nib_config *config,
                             int64_t steps_per_epoch, nib_train_state *state, const nib_log *log,
                             nib_pruner **pruner, nib_error *err)
{
    nib_pruner *p = NIB_NEW(arena, nib_pruner, 1);
    if (!p)
        return nib_fail_memory(err, "pruner");
    *p = (nib_pruner){.model = model, .config = &config->prune, .state = state, .log = log, .collapsed = -1};
    p->clock = (nib_prune_clock){.steps_per_epoch = steps_per_epoch,
                                 .steps = steps_per_epoch * config->train.epochs,
                                 .tfmot = config->prune.rule.tfmot};
    NIB_TRY(nib_params_add_masks(model->params, err));
    NIB_TRY(add_targets(p, arena, (uint64_t)config->train.seed, err));
    NIB_TRY(check_rewind(p, arena, err));
    NIB_TRY(nib_paths_create(arena, model, &p->paths, err));
    nib_params_apply_masks(model->params, model->params->value);
    const int64_t last = nib_pruner_last_step(p);
    if (log && p->n_targets == 0)
        nib_log_warning(log, "prune: no layer is pruned; say how much (prune.default.sparsity: 0.8)");
    if (log && last > p->clock.steps)
        nib_log_warning(log,
                        "prune: the schedule ends at step %" PRId64 ", training at step %" PRId64
                        ": the sparsity asked for is not reached",
                        last, p->clock.steps);
    *pruner = p;
    return NIB_OK;
}

/* --- Steps
 * --------------------------------------------------------------------------------------------------- */

static bool is_due(const nib_pruner *p, const nib_prune_part *part, int64_t step)
{
    if (p->clock.tfmot && part->criterion->once_in_tfmot)
        return step == 1;
    return part->schedule->due(part->schedule_options, &p->clock, step);
}

/* A column without a kept weight takes along what is linked to it. */
static void mask_links(const nib_pruner *p, const target *t)
{
    const nib_prune_tensor *k = &t->tensor;
    for (int64_t c = 0; t->n_links && c < k->cols; c++) {
        float any = 0.0f;
        for (int64_t r = 0; r < k->rows; r++)
            any = k->mask[r * k->stride + c] != 0.0f ? 1.0f : any;
        for (int i = 0; i < t->n_links; i++)
            p->model->params->mask[p->model->params->row[t->link[i]].offset + c] = any;
    }
}

static double sparsity_at(const nib_pruner *p, const nib_prune_part *part, int64_t step)
{
    if (p->clock.tfmot && part->criterion->once_in_tfmot)
        return part->sparsity;
    return part->schedule->sparsity(part->schedule_options, &p->clock, part->sparsity, step);
}

static bool update_pool(nib_pruner *p, int64_t step)
{
    if (p->n_pooled == 0 || !is_due(p, p->target[0].part, step))
        return false;
    const nib_prune_part *part = p->target[0].part;
    for (int i = 0; i < p->n_pooled; i++)
        p->tensor[i] = p->target[i].tensor;
    return nib_prune_mask_global(part->criterion, part->criterion_options, p->tensor, p->n_pooled,
                                 sparsity_at(p, part, step), &p->config->rule, &p->scratch);
}

static bool update_target(nib_pruner *p, target *t, int64_t step)
{
    const nib_prune_part *part = t->part;
    if (!is_due(p, part, step))
        return false;
    const bool changed = nib_prune_mask(part->criterion, part->criterion_options, &t->tensor,
                                        sparsity_at(p, part, step), &p->config->rule, &p->scratch);
    mask_links(p, t);
    return changed;
}

static void tell_collapse(nib_pruner *p, int64_t step)
{
    const nib_model *m = p->model;
    const int layer = nib_paths_follow(&p->paths);
    if (layer < 0 || layer == p->collapsed)
        return;
    p->collapsed = layer;
    if (p->log)
        nib_log_warning(p->log,
                        "prune: step %" PRId64
                        ": no path of weights leads from the inputs to layer %s any more: "
                        "it has collapsed to a constant (prune less, or leave the layer out)",
                        step, m->layer[layer].config->name);
}

/* Masked numbers become zero; with a rewind the others go back to what they were. */
static void apply(nib_pruner *p, int64_t step)
{
    const nib_params *params = p->model->params;
    nib_train_state *s = p->state;
    const size_t bytes = (size_t)params->size * sizeof(float);
    if (p->rewind_epoch >= 0 && s->rewind_kept) {
        if (!p->clock.tfmot) /* whose masks let weights come back */
            nib_params_apply_masks(params, s->rewind);
        memcpy(params->value, s->rewind, bytes);
        for (int i = 0; i < s->n_slots; i++)
            memset(s->slot[i], 0, bytes);
    }
    nib_params_apply_masks(params, params->value);
    nib_params_apply_masks(params, params->gradient);
    for (int i = 0; i < s->n_slots; i++)
        nib_params_apply_masks(params, s->slot[i]);
    tell_collapse(p, step);
}

static bool update(nib_pruner *p, int64_t step, bool with_gradient)
{
    bool changed = false;
    if (p->n_pooled && p->target[0].part->criterion->reads_gradient == with_gradient)
        changed = update_pool(p, step);
    for (int i = p->n_pooled; i < p->n_targets; i++)
        if (p->target[i].part->criterion->reads_gradient == with_gradient)
            changed = update_target(p, &p->target[i], step) || changed;
    if (changed)
        apply(p, step);
    return changed;
}

bool nib_pruner_before_step(nib_pruner *p, int64_t step)
{
    return update(p, step, false);
}

bool nib_pruner_after_backward(nib_pruner *p, int64_t step)
{
    return update(p, step, true);
}

bool nib_pruner_reads_gradient(const nib_pruner *p)
{
    for (int i = 0; i < p->n_targets; i++)
        if (p->target[i].part->criterion->reads_gradient)
            return true;
    return false;
}

void nib_pruner_epoch_done(nib_pruner *p, int64_t epoch)
{
    if (epoch != p->rewind_epoch || p->state->rewind_kept)
        return;
    memcpy(p->state->rewind, p->model->params->value, (size_t)p->model->params->size * sizeof(float));
    p->state->rewind_kept = true;
}

/* --- Answers
 * ------------------------------------------------------------------------------------------------- */

int64_t nib_pruner_last_step(const nib_pruner *p)
{
    int64_t last = 0;
    for (int i = 0; i < p->n_targets; i++) {
        const nib_prune_part *part = p->target[i].part;
        const bool once = p->clock.tfmot && part->criterion->once_in_tfmot;
        const int64_t own = once ? 1 : part->schedule->last(part->schedule_options, &p->clock);
        last = own > last ? own : last;
    }
    return last;
}

double nib_pruner_sparsity(const nib_pruner *p)
{
    int64_t all = 0, kept = 0;
    for (int i = 0; i < p->n_targets; i++) {
        all += p->target[i].tensor.rows * p->target[i].tensor.cols;
        kept += nib_prune_count(&p->target[i].tensor);
    }
    return all > 0 ? 1 - (double)kept / (double)all : 0;
}
