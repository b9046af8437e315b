#include "train/loss_head.h"

enum { CHUNK_ROWS = 4096 };

struct nib_loss_head {
    nib_arena *arena;
    const nib_model *model;
    const nib_dataset *data;
    nib_exec *exec;
    nib_feed *feeds; /* [2 n_outputs] logits, then target, of each output */
};

static nib_status add_output(nib_loss_head *h, nib_graph *graph, const nib_feed *all, int index,
                             nib_error *err)
{
    const nib_model *m = h->model;
    const nib_model_output *o = &m->output[index];
    const nib_objective_config *objective = o->objective;
    const bool is_class = objective->loss->kind == NIB_TARGET_CLASS;
    const char *name = nib_arena_printf(h->arena, "%s_logits", o->target);
    nib_value operand[2], y;
    if (!name)
        return nib_fail_memory(err, "losses");
    NIB_TRY(nib_graph_input(graph, name, NIB_FEED_F32, NIB_DOMAIN_SAMPLES, o->width, &operand[0], err));
    NIB_TRY(nib_graph_input(graph, o->target, is_class ? NIB_FEED_LABEL : NIB_FEED_F32, NIB_DOMAIN_SAMPLES,
                            is_class ? 1 : o->width, &operand[1], err));
    NIB_TRY(
        nib_graph_add(graph, objective->loss->op, o->target, objective->loss_options, operand, 2, &y, err));
    h->feeds[2 * index + 1] = all[m->n_inputs + index];
    return nib_graph_loss(graph, o->target, y, objective->weight, err);
}

static nib_status build(nib_loss_head *h, nib_team *team, nib_error *err)
{
    nib_params *params = nib_params_create(h->arena);
    nib_graph *graph = params ? nib_graph_create(h->arena, params) : NULL;
    nib_feed *all = nib_model_feeds(h->arena, h->model, h->data);
    h->feeds = NIB_NEW(h->arena, nib_feed, 2 * h->model->n_outputs);
    if (!graph || !all || !h->feeds)
        return nib_fail_memory(err, "losses");
    for (int i = 0; i < h->model->n_outputs; i++)
        NIB_TRY(add_output(h, graph, all, i, err));
    NIB_TRY(nib_params_allocate(h->arena, params, err));
    const int64_t chunk = h->data->rows < CHUNK_ROWS ? h->data->rows : CHUNK_ROWS;
    return nib_exec_create(&h->exec, graph, NIB_MODE_EVALUATE, chunk, 0, team, err);
}

nib_status nib_loss_head_create(nib_loss_head **head, const nib_model *model, const nib_dataset *data,
                                nib_team *team, nib_error *err)
{
    nib_arena *arena = nib_arena_create();
    nib_loss_head *h = arena ? NIB_NEW(arena, nib_loss_head, 1) : NULL;
    if (!h) {
        nib_arena_destroy(arena);
        return nib_fail_memory(err, "losses");
    }
    *h = (nib_loss_head){.arena = arena, .model = model, .data = data};
    nib_status status = build(h, team, err);
    if (status != NIB_OK) {
        nib_loss_head_destroy(h);
        return status;
    }
    *head = h;
    return NIB_OK;
}

void nib_loss_head_destroy(nib_loss_head *head)
{
    if (!head)
        return;
    nib_exec_destroy(head->exec);
    nib_arena_destroy(head->arena);
}

double nib_loss_head_run(nib_loss_head *h, float *const *logits, double *losses)
{
    const int n = h->model->n_outputs;
    const double all = (double)h->data->rows;
    double total = 0;
    for (int i = 0; i < n; i++) {
        h->feeds[2 * i].data = logits[i];
        losses[i] = 0;
    }
    for (int64_t first = 0; first < h->data->rows; first += CHUNK_ROWS) {
        const int64_t rows = h->data->rows - first < CHUNK_ROWS ? h->data->rows - first : CHUNK_ROWS;
        const nib_batch batch = {.rows = rows, .first = first, .feeds = h->feeds, .weight = h->data->weight};
        nib_sums sums;
        nib_exec_forward(h->exec, &batch, NULL, &sums);
        total += sums.loss * (double)rows / all;
        for (int i = 0; i < n; i++)
            losses[i] += sums.losses[i];
    }
    return total;
}
