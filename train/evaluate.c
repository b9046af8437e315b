#include "train/evaluate.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "train/double_forward.h"
#include "train/emulate.h"
#include "train/loss_head.h"

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
    float **out;    /* [outputs of the graph] of a chunk: the model's, and NULL for those that others watch */
    double *losses; /* [losses of the graph] */
    int n_scores;
    nib_score *score;

    nib_team *team;
    const nib_fixnet *given; /* nib_evaluator_emulate */
    nib_loss_head *head;     /* once the engine was needed */
    nib_exactness exactness; /* of the last run */
    const nib_log *log;      /* until it was told */
    char why[NIB_ERROR_BYTES];
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
    e->out = NIB_NEW(e->arena, float *, nib_graph_outputs(m->graph, &marks));
    if (!e->feeds || !e->output || !e->losses || !e->out)
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
    *e = (nib_evaluator){
        .arena = arena, .model = model, .data = data, .with_targets = with_targets, .team = team};
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
    nib_loss_head_destroy(evaluator->head);
    nib_exec_destroy(evaluator->exec);
    nib_arena_destroy(evaluator->run);
    nib_arena_destroy(evaluator->arena);
}

static void run_forward(nib_evaluator *e, nib_sums *total)
{
    const nib_model *m = e->model;
    const nib_graph_mark *marks;
    int n_losses = nib_graph_losses(m->graph, &marks);
    memset(e->losses, 0, (size_t)n_losses * sizeof *e->losses);
    total->loss = 0;
    for (int64_t first = 0; first < e->data->rows; first += CHUNK_ROWS) {
        int64_t rows = e->data->rows - first < CHUNK_ROWS ? e->data->rows - first : CHUNK_ROWS;
        nib_batch batch = {.rows = rows, .first = first, .feeds = e->feeds, .weight = e->data->weight};
        nib_sums sums;
        for (int i = 0; i < m->n_outputs; i++)
            e->out[i] = e->logits[i] + first * m->output[i].width;
        nib_exec_forward(e->exec, &batch, e->out, &sums);
        total->loss += sums.loss * (double)rows / (double)e->data->rows;
        for (int i = 0; i < n_losses; i++)
            e->losses[i] += sums.losses[i];
    }
    total->losses = e->losses;
}

/* ---- Doubles or the integer engine in place of the executor ---- */

/* Regularisers, which depend on the weights alone: a forward pass of one row has them. */
static double regularisers(nib_evaluator *e, const nib_graph_mark *marks, int n_losses)
{
    const nib_batch batch = {.rows = 1, .first = 0, .feeds = e->feeds, .weight = e->data->weight};
    nib_sums sums;
    double total = 0;
    nib_exec_forward(e->exec, &batch, NULL, &sums);
    for (int i = 0; i < n_losses; i++)
        if (nib_graph_node(e->model->graph, marks[i].value)->shape.rate == NIB_RATE_STEP)
            total += marks[i].factor * sums.losses[i];
    return total;
}

static nib_status losses_of_logits(nib_evaluator *e, nib_sums *total, nib_error *err)
{
    const nib_graph_mark *marks;
    double by_output[NIB_MAX_OUTPUTS];
    int n_losses = nib_graph_losses(e->model->graph, &marks), output = 0;
    if (!e->with_targets)
        return NIB_OK;
    if (!e->head)
        NIB_TRY(nib_loss_head_create(&e->head, e->model, e->data, e->team, err));
    total->loss = nib_loss_head_run(e->head, e->logits, by_output) + regularisers(e, marks, n_losses);
    for (int i = 0; i < n_losses; i++) {
        const bool tile = nib_graph_node(e->model->graph, marks[i].value)->shape.rate == NIB_RATE_TILE;
        e->losses[i] = tile ? by_output[output++] : 0;
    }
    return NIB_OK;
}

/* A network that ends in a softmax gives probabilities: their logarithms are logits of the same order, which
 * the loss and the metrics take. What fixed point leaves at 0 or wraps below counts as 1e-12. */
static void logits_of_softmax(const nib_evaluator *e, const nib_fixnet *net, float *const *values)
{
    for (int i = 0; i < net->n_outputs; i++) {
        const nib_fix_node *node = &net->node[net->output[i].node];
        if (node->kind != NIB_FIX_SOFTMAX || !values[i])
            continue;
        for (int64_t k = 0; k < e->data->rows * node->positions * node->features; k++)
            values[i][k] = logf(values[i][k] > 1e-12f ? values[i][k] : 1e-12f);
    }
}

static nib_status run_engine(nib_evaluator *e, const nib_fixnet *net, nib_sums *total, nib_error *err)
{
    const nib_model *m = e->model;
    nib_emulator *emulator;
    const float **input = NIB_NEW(e->run, const float *, m->n_inputs);
    float **values = NIB_NEW(e->run, float *, net->n_outputs);
    if (!input || !values)
        return nib_fail_memory(err, "emulation");
    for (int i = 0; i < m->n_inputs; i++)
        input[i] = e->data->input[i].x;
    for (int i = 0; i < net->n_outputs; i++)
        for (int k = 0; k < m->n_outputs; k++)
            if (strcmp(net->output[i].target, m->output[k].target) == 0)
                values[i] = e->logits[k];
    NIB_TRY(nib_emulator_create(&emulator, net, e->team, err));
    nib_emulator_run(emulator, input, e->data->rows, NULL, values);
    nib_emulator_destroy(emulator);
    logits_of_softmax(e, net, values);
    return losses_of_logits(e, total, err);
}

static nib_status run_double(nib_evaluator *e, nib_sums *total, nib_error *err)
{
    const nib_model *m = e->model;
    nib_double_forward *forward;
    const float **input = NIB_NEW(e->run, const float *, m->n_inputs);
    if (!input)
        return nib_fail_memory(err, "evaluation in double");
    for (int i = 0; i < m->n_inputs; i++)
        input[i] = e->data->input[i].x;
    NIB_TRY(nib_double_forward_create(&forward, m, e->team, err));
    nib_double_forward_run(forward, input, e->data->rows, e->logits, NULL);
    nib_double_forward_destroy(forward);
    return losses_of_logits(e, total, err);
}

/* What the last bit needs. A model that has no integer form runs in float, and `why` says so. */
static nib_exactness choose(nib_evaluator *e, nib_lowering *lowering)
{
    const nib_model *m = e->model;
    nib_error why = {NIB_OK, ""};
    e->why[0] = 0;
    if (e->given || m->n_tensors == 0)
        return e->given ? NIB_EXACT_ENGINE : NIB_EXACT_FLOAT;
    const nib_lower_options options = {.allow_float = m->quant->allow_float, .fallback = m->quant->fallback};
    if (nib_lower_model(m, &options, e->run, lowering, &why) != NIB_OK) {
        (void)snprintf(e->why, sizeof e->why, "%s", why.message);
        return NIB_EXACT_FLOAT;
    }
    if (lowering->n_fills == 0)
        return nib_lower_exactness(lowering, e->why, sizeof e->why);
    (void)snprintf(e->why, sizeof e->why, "%s is float in training, and has a type in integers only",
                   lowering->fill[0]);
    return NIB_EXACT_FLOAT;
}

static nib_status run_all(nib_evaluator *e, nib_sums *total, nib_error *err)
{
    const nib_model *m = e->model;
    nib_lowering lowering;
    e->exactness = choose(e, &lowering);
    if (e->why[0] && e->exactness == NIB_EXACT_DOUBLE)
        nib_log_info(e->log, "evaluation computes in double: %s", e->why);
    else if (e->why[0] && e->exactness == NIB_EXACT_ENGINE)
        nib_log_info(e->log, "evaluation runs the integer engine: %s", e->why);
    else if (e->why[0])
        nib_log_info(e->log, "evaluation is in float, not to the last bit of the integers: %s", e->why);
    if (e->why[0])
        e->log = NULL;
    if (e->exactness == NIB_EXACT_ENGINE)
        NIB_TRY(run_engine(e, e->given ? e->given : &lowering.net, total, err));
    else if (e->exactness == NIB_EXACT_DOUBLE)
        NIB_TRY(run_double(e, total, err));
    else
        run_forward(e, total);
    for (int i = 0; i < m->n_outputs; i++) {
        if (m->n_tensors > 0) /* -0 of a cast becomes 0, which is all that integers have */
            for (int64_t k = 0; k < e->data->rows * m->output[i].width; k++)
                e->logits[i][k] += 0.0f;
        nib_link_apply(m->output[i].objective->loss->link, e->data->rows, m->output[i].width, e->logits[i],
                       e->prediction[i]);
    }
    return NIB_OK;
}

void nib_evaluator_set_log(nib_evaluator *evaluator, const nib_log *log)
{
    evaluator->log = log;
}

void nib_evaluator_emulate(nib_evaluator *evaluator, const nib_fixnet *net)
{
    evaluator->given = net;
}

nib_exactness nib_evaluator_exactness(const nib_evaluator *evaluator, const char **why)
{
    if (why)
        *why = evaluator->why;
    return evaluator->exactness;
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
    nib_sums total = {.loss = 0};
    nib_arena_destroy(e->run);
    e->run = nib_arena_create();
    if (!e->run)
        return nib_fail_memory(err, "evaluation");
    NIB_TRY(run_all(e, &total, err));
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
