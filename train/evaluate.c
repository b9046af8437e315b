#include "train/evaluate.h"

#include <string.h>

/* Rows of one forward call: many tiles for every lane, few calls. */
enum { CHUNK_ROWS = 4096 };

struct nib_evaluator {
    nib_arena *arena;
    nib_arena *run; /* of the last run: what metrics allocate */
    const nib_model *model;
    const nib_dataset *data;
    bool with_targets;
    nib_exec *exec;
    nib_feed *feeds;
    nib_metric_data *output; /* [n_outputs], reading the arrays below */
    float *logits[NIB_MAX_OUTPUTS], *prediction[NIB_MAX_OUTPUTS];
    double *losses; /* [losses of the graph] */
    int n_scores;
    nib_score *score;
};

static const nib_data_target *find_target(const nib_dataset *data, const char *name)
{
    for (int i = 0; i < data->n_targets; i++)
        if (strcmp(data->target[i].name, name) == 0)
            return &data->target[i];
    return NULL;
}

/* "<target>_<metric>_<suffix>", leaving out the target when it is the only one and an empty suffix. */
static const char *score_name(const nib_evaluator *e, int output, const char *metric, const char *suffix)
{
    bool several = e->model->n_outputs > 1;
    return nib_arena_printf(e->arena, "%s%s%s%s%s", several ? e->model->output[output].target : "",
                            several ? "_" : "", metric, suffix[0] ? "_" : "", suffix);
}

static nib_status count_scores(nib_evaluator *e, nib_error *err)
{
    int n = 1;
    for (int i = 0; i < e->model->n_outputs; i++) {
        const nib_objective_config *o = e->model->output[i].objective;
        n++;
        for (int k = 0; k < o->n_metrics; k++)
            n += o->metric[k].type->count(o->metric[k].options, e->output[i].target);
    }
    e->score = NIB_NEW(e->arena, nib_score, n);
    return e->score ? NIB_OK : nib_fail_memory(err, "scores");
}

static nib_status create_outputs(nib_evaluator *e, nib_error *err)
{
    const nib_model *m = e->model;
    const nib_graph_mark *marks;
    e->feeds = nib_model_feeds(e->arena, m, e->data);
    e->output = NIB_NEW(e->arena, nib_metric_data, m->n_outputs);
    e->losses = NIB_NEW(e->arena, double, nib_graph_losses(m->graph, &marks));
    if (!e->feeds || !e->output || !e->losses)
        return nib_fail_memory(err, "evaluation");
    for (int i = 0; i < m->n_outputs; i++) {
        int64_t numbers = e->data->rows * m->output[i].width;
        e->logits[i] = NIB_NEW(e->arena, float, numbers);
        e->prediction[i] = NIB_NEW(e->arena, float, numbers);
        if (!e->logits[i] || !e->prediction[i])
            return nib_fail_memory(err, "predictions");
        e->output[i] = (nib_metric_data){.rows = e->data->rows,
                                         .width = m->output[i].width,
                                         .logits = e->logits[i],
                                         .prediction = e->prediction[i],
                                         .target = find_target(e->data, m->output[i].target),
                                         .weight = e->data->weight};
        if (e->with_targets && !e->output[i].target)
            return nib_fail(err, NIB_ERR_INPUT, "the data have no target '%s'", m->output[i].target);
    }
    return e->with_targets ? count_scores(e, err) : NIB_OK;
}

nib_status nib_evaluator_create(nib_evaluator **evaluator, const nib_model *model, const nib_dataset *data,
                                bool with_targets, nib_team *team, nib_error *err)
{
    nib_arena *arena = nib_arena_create();
    nib_evaluator *e = arena ? NIB_NEW(arena, nib_evaluator, 1) : NULL;
    if (!e) {
        nib_arena_destroy(arena);
        return nib_fail_memory(err, "evaluation");
    }
    *e = (nib_evaluator){.arena = arena, .model = model, .data = data, .with_targets = with_targets};
    int64_t chunk = data->rows < CHUNK_ROWS ? data->rows : CHUNK_ROWS;
    nib_status status = nib_model_check_settled(model, err);
    if (status == NIB_OK)
        status = create_outputs(e, err);
    if (status == NIB_OK)
        status = nib_exec_create(&e->exec, model->graph, NIB_MODE_EVALUATE, chunk, 0, team, err);
    if (status != NIB_OK) {
        nib_evaluator_destroy(e);
        return status;
    }
    *evaluator = e;
    return NIB_OK;
}

void nib_evaluator_destroy(nib_evaluator *evaluator)
{
    if (!evaluator)
        return;
    nib_exec_destroy(evaluator->exec);
    nib_arena_destroy(evaluator->run);
    nib_arena_destroy(evaluator->arena);
}

static void run_forward(nib_evaluator *e, nib_sums *total)
{
    const nib_model *m = e->model;
    const nib_graph_mark *marks;
    int n_losses = nib_graph_losses(m->graph, &marks);
    float *out[NIB_MAX_OUTPUTS];
    memset(e->losses, 0, (size_t)n_losses * sizeof *e->losses);
    total->loss = 0;
    for (int64_t first = 0; first < e->data->rows; first += CHUNK_ROWS) {
        int64_t rows = e->data->rows - first < CHUNK_ROWS ? e->data->rows - first : CHUNK_ROWS;
        nib_batch batch = {.rows = rows, .first = first, .feeds = e->feeds, .weight = e->data->weight};
        nib_sums sums;
        for (int i = 0; i < m->n_outputs; i++)
            out[i] = e->logits[i] + first * m->output[i].width;
        nib_exec_forward(e->exec, &batch, out, &sums);
        total->loss += sums.loss * (double)rows / (double)e->data->rows;
        for (int i = 0; i < n_losses; i++)
            e->losses[i] += sums.losses[i];
    }
    total->losses = e->losses;
    for (int i = 0; i < m->n_outputs; i++)
        nib_link_apply(m->output[i].objective->loss->link, e->data->rows, m->output[i].width, e->logits[i],
                       e->prediction[i]);
}

/* Names are made by the first run and kept: metrics know their suffixes only when they see the data. */
static nib_status put_score(nib_evaluator *e, int *at, int output, const char *metric, const char *suffix,
                            double value, bool maximize, nib_error *err)
{
    nib_score *score = &e->score[(*at)++];
    if (!score->name) {
        score->name = output < 0 ? nib_arena_strdup(e->arena, metric) : score_name(e, output, metric, suffix);
        if (!score->name)
            return nib_fail_memory(err, "scores");
    }
    score->value = value;
    score->maximize = maximize;
    score->headline = !suffix[0];
    return NIB_OK;
}

static nib_status put_metric(nib_evaluator *e, int *at, int output, const nib_metric_config *metric,
                             nib_error *err)
{
    const nib_metric *type = metric->type;
    int n = type->count(metric->options, e->output[output].target);
    nib_metric_value *value = NIB_NEW(e->run, nib_metric_value, n);
    if (!value)
        return nib_fail_memory(err, "metrics");
    NIB_TRY(type->evaluate(e->run, metric->options, &e->output[output], value, err));
    for (int i = 0; i < n; i++)
        NIB_TRY(put_score(e, at, output, type->name, value[i].suffix ? value[i].suffix : "", value[i].value,
                          type->maximize, err));
    return NIB_OK;
}

/* The graph's losses of the outputs come in their order; regularisers (step-rate) are in the total only. */
static double output_loss(const nib_evaluator *e, int output)
{
    const nib_graph_mark *marks;
    int n = nib_graph_losses(e->model->graph, &marks);
    for (int i = 0; i < n; i++)
        if (nib_graph_node(e->model->graph, marks[i].value)->shape.rate == NIB_RATE_TILE && output-- == 0)
            return e->losses[i] / (double)e->data->rows;
    return 0;
}

nib_status nib_evaluator_run(nib_evaluator *e, nib_error *err)
{
    nib_sums total;
    nib_arena_destroy(e->run);
    e->run = nib_arena_create();
    if (!e->run)
        return nib_fail_memory(err, "evaluation");
    run_forward(e, &total);
    if (!e->with_targets)
        return NIB_OK;
    int at = 0;
    NIB_TRY(put_score(e, &at, -1, "loss", "", total.loss, false, err));
    for (int i = 0; i < e->model->n_outputs; i++) {
        const nib_objective_config *o = e->model->output[i].objective;
        if (e->model->n_outputs > 1)
            NIB_TRY(put_score(e, &at, i, "loss", "", output_loss(e, i), false, err));
        for (int k = 0; k < o->n_metrics; k++)
            NIB_TRY(put_metric(e, &at, i, &o->metric[k], err));
    }
    e->n_scores = at;
    return NIB_OK;
}

int nib_evaluator_scores(const nib_evaluator *evaluator, const nib_score **scores)
{
    *scores = evaluator->score;
    return evaluator->n_scores;
}

nib_metric_data nib_evaluator_output(const nib_evaluator *evaluator, int output)
{
    return evaluator->output[output];
}
