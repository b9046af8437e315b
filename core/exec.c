/* The steps of an executor: its creation is in exec_create.c, the work on a tile in exec_tile.c. */
#include "core/exec.h"

#include <assert.h>
#include <math.h>
#include <string.h>

#include "core/cpu.h"
#include "core/exec_tile.h"

/* Of the flat vectors: what a thread adds up and updates in one go, while it is in L1, and what is worth a
 * job of the team. */
enum { PIECE_FLOATS = 4096, TEAM_FLOATS = 1024 };

static void count_elements(nib_exec *exec)
{
    const nib_batch *batch = &exec->batch;
    const int64_t *offsets = NULL;
    for (nib_value v = 0; v < exec->plan->nodes && !offsets; ++v)
        if (nib_exec_node(exec, v)->kind == NIB_NODE_INPUT &&
            nib_exec_node(exec, v)->shape.domain == NIB_DOMAIN_ELEMENTS)
            offsets = batch->feeds[exec->input_feed[v]].offsets;
    int64_t total = 0;
    for (int64_t r = 0; offsets && r < batch->rows; ++r) {
        int64_t row = batch->index ? batch->index[r] : batch->first + r;
        if (r % exec->plan->tile_rows == 0)
            exec->first_element[r / exec->plan->tile_rows] = total;
        total += offsets[row + 1] - offsets[row];
    }
    exec->whole.batch_elements = total;
}

/* Evaluating without targets: what depends on them is left out. */
static void find_missing(nib_exec *exec)
{
    const nib_batch *batch = &exec->batch;
    exec->skips = false;
    for (nib_value v = 0; v < exec->plan->nodes; ++v) {
        const nib_node *node = nib_exec_node(exec, v);
        bool missing = node->kind == NIB_NODE_INPUT && !batch->feeds[exec->input_feed[v]].data;
        for (int i = 0; i < node->n_inputs; ++i)
            missing = missing || exec->skip[node->input[i]];
        exec->skip[v] = missing && exec->plan->node[v].used;
        exec->skips = exec->skips || exec->skip[v];
    }
}

static void start_batch(nib_exec *exec, const nib_batch *batch, float *const *outputs,
                        const nib_exec_update *update)
{
    assert(batch->rows >= 1 && batch->rows <= exec->max_batch);
    nib_team_join(exec->team);
    if (update && update->prepare)
        update->prepare(update->context);
    const int64_t tiles = (batch->rows + exec->plan->tile_rows - 1) / exec->plan->tile_rows;
    const int lanes = tiles < NIB_LANES ? (int)tiles : NIB_LANES;
    const int parts = exec->plan->n_phases == 1 ? nib_team_parts(exec->team, lanes) : exec->threads;
    const nib_exec_update none = {.context = NULL};
    nib_write_changed(&exec->update, update ? update : &none, sizeof none);
    exec->batch = *batch;
    exec->batches++;
    exec->outputs = outputs;
    exec->tiles = tiles;
    exec->lanes = lanes;
    exec->parts = parts;
    exec->whole = (nib_tile){.batch_samples = batch->rows, .seed = batch->seed, .step = batch->step};
    exec->phase = exec->plan->phase;
    exec->use = exec->parts > 1                                        ? NIB_LANES_APART
                : exec->tiles <= NIB_LANES && exec->one_writer         ? NIB_LANES_NONE
                : exec->plan->n_phases == 1 && exec->tiles > NIB_LANES ? NIB_LANES_ADDED
                                                                       : NIB_LANES_APART;
    if (exec->plan->mode == NIB_MODE_EVALUATE)
        find_missing(exec);
    if (exec->plan->tile_elements > 0)
        count_elements(exec);
}

/* The one vector of a thread that is alone. */
static void add_one_lane(const nib_exec *exec)
{
    const int64_t size = exec->params->size, more = exec->plan->lane_floats - size;
    exec->kernels->sum_vectors(exec->params->gradient, true, exec->lane_gradient, 0, 1, size);
    exec->kernels->sum_vectors(exec->step_gradient, true, exec->lane_gradient + size, 0, 1, more);
}

static void run_lane(const nib_exec *exec, nib_worker *worker, int lane)
{
    const nib_action *first = exec->plan->action + exec->phase->first;
    const nib_action *end = exec->plan->action + exec->phase->end;
    const bool fetch = exec->batch.next && exec->phase == exec->plan->phase;
    for (int64_t t = lane; t < exec->tiles; t += NIB_LANES) {
        nib_worker_start_tile(exec, worker, t);
        int64_t fetched = 0;
        for (const nib_action *action = first; action < end; ++action) {
            nib_worker_act(exec, worker, action);
            if (fetch && action->fetched > fetched) {
                nib_worker_fetch_next(exec, worker, fetched, action->fetched);
                fetched = action->fetched;
            }
        }
    }
    if (exec->use == NIB_LANES_ADDED && lane > 0 && exec->plan->mode == NIB_MODE_TRAIN)
        add_one_lane(exec);
}

/* In the first phase of a batch that the thread has a part in, which need not be the batch's first: the team
 * parts and comes back between phases. */
static void prepare_for_batch(const nib_exec *exec, nib_worker *worker)
{
    if (worker->prepared_for == exec->batches)
        return;
    for (int i = 0; i < exec->n_prepared; ++i)
        exec->op[exec->prepared[i]]->prepare(&worker->call[exec->prepared[i]]);
    worker->prepared_for = exec->batches;
}

/* The first lane that nobody has: a thread that is held up leaves the others more. Where there is one for
 * each, a thread has the same from step to step, so that what it touches stays in its cache. */
static int claim_lane(nib_exec *exec, int lane, int parts)
{
    if (parts == 1 || exec->lanes <= parts)
        return lane;
    return atomic_fetch_add_explicit(&exec->claimed, 1, memory_order_relaxed);
}

void nib_exec_run_lanes(void *context, int part, int parts)
{
    nib_exec *exec = context;
    nib_worker *worker = &exec->worker[part];
    const nib_params *params = exec->together && part > 0 ? &worker->copy : exec->params;
    if (worker->params != params) {
        worker->params = params;
        nib_worker_bind(exec, worker);
    }
    if (part == 0 && exec->phase == exec->plan->phase && exec->update.meanwhile)
        exec->update.meanwhile(exec->update.context);
    prepare_for_batch(exec, worker);
    for (int lane = claim_lane(exec, part, parts); lane < exec->lanes;
         lane = claim_lane(exec, lane + parts, parts))
        run_lane(exec, worker, lane);
}

/* Lanes in order 0, 1, ...: the one place where threads' work meets. */
static void add_lane_sums(nib_exec *exec, int64_t first, int64_t count)
{
    for (int64_t i = first; i < first + count; ++i) {
        exec->sum[i] = exec->lane_sum[i];
        for (int lane = 1; lane < exec->lanes; ++lane)
            exec->sum[i] += exec->lane_sum[lane * exec->lane_stride + i];
    }
}

/* Batch-wide nodes whose sums the phase has collected. */
static void finish_phase(nib_exec *exec, const nib_phase *phase, bool dry)
{
    for (int a = phase->first; a < phase->end; ++a) {
        const nib_action *action = &exec->plan->action[a];
        if (action->kind != NIB_ACTION_REDUCE && action->kind != NIB_ACTION_REDUCE_BACKWARD)
            continue;
        const nib_node *node = nib_exec_node(exec, action->value);
        int64_t sums = exec->plan->node[action->value].sums;
        nib_call *call = &exec->step_call[action->value];
        add_lane_sums(exec, sums, node->plan.reduce_doubles);
        call->dry = dry;
        if (action->kind == NIB_ACTION_REDUCE)
            exec->op[action->value]->reduced(call, exec->sum + sums);
        else
            exec->op[action->value]->reduced_backward(call, exec->sum + sums);
    }
}

static void run_phases(nib_exec *exec)
{
    for (int p = 0; p < exec->plan->n_phases; ++p) {
        exec->phase = &exec->plan->phase[p];
        atomic_store_explicit(&exec->claimed, 0, memory_order_relaxed);
        if (exec->plan->n_phases == 1) /* how many have a part was asked when the batch began */
            nib_team_split_in(exec->team, exec->parts, nib_exec_run_lanes, exec);
        else
            nib_team_split(exec->team, exec->lanes, nib_exec_run_lanes, exec);
        finish_phase(exec, exec->phase, false);
    }
}

/* Step-rate nodes, what products prepare for all threads, and states of batch-wide nodes when evaluating. */
static void run_step_forward(nib_exec *exec)
{
    const bool evaluate = exec->plan->mode == NIB_MODE_EVALUATE;
    for (int i = 0; i < exec->n_param_steps && !exec->renewed; ++i)
        exec->op[exec->param_step[i].node]->forward(&exec->step_call[exec->param_step[i].node]);
    exec->renewed = false;
    for (int i = 0; i < exec->n_step_work; ++i) {
        const nib_value v = exec->step_work[i];
        if (nib_exec_is_op(exec, v, NIB_RATE_STEP))
            exec->op[v]->forward(&exec->step_call[v]);
        else if (evaluate && nib_exec_is_wide(exec, v))
            exec->op[v]->reduced(&exec->step_call[v], NULL);
        else if (nib_exec_is_prepared(exec, v))
            exec->op[v]->prepare(&exec->step_call[v]);
    }
}

static void run_step_backward(nib_exec *exec)
{
    const nib_plan *plan = exec->plan;
    int64_t lanes = plan->lane_floats - exec->params->size;
    memset(exec->step_gradient + lanes, 0,
           (size_t)(plan->gradient_floats - plan->lane_floats) * sizeof *exec->step_gradient);
    for (int i = 0; i < exec->n_losses; ++i) {
        nib_value v = exec->loss[i].value;
        if (nib_exec_node(exec, v)->shape.rate == NIB_RATE_STEP && plan->node[v].gradient)
            *nib_exec_total_gradient(exec, plan->node[v].gradient_at) += (float)exec->loss[i].factor;
    }
    for (int i = exec->n_step_work - 1; i >= 0; --i) {
        const nib_value v = exec->step_work[i];
        if (plan->node[v].gradient && nib_exec_is_op(exec, v, NIB_RATE_STEP))
            exec->op[v]->backward(&exec->step_call[v]);
    }
    for (int i = 0; i < exec->n_param_steps; ++i)
        exec->op[exec->param_step[i].node]->backward(&exec->step_call[exec->param_step[i].node]);
}

static void add_lane_gradients(const nib_exec *exec, float *to, int64_t first, int64_t count)
{
    exec->kernels->sum_vectors(to, false, exec->lane_gradient + first, exec->plan->lane_floats, exec->lanes,
                               count);
}

/* What is done with the parameters' gradients. */
typedef struct finish {
    nib_exec *exec;
    bool add;                      /* the lanes */
    bool pass;                     /* by the bits of the parameters' steps */
    bool renew;                    /* parameters on their grids */
    bool on_grids;                 /* the update does both */
    const nib_exec_update *update; /* NULL: none */
} finish;

/* What lies of the parameters in floats [first, first + count) of the flat vectors; their steps are flat. */
static void put_on_grids(const nib_exec *exec, int64_t first, int64_t count)
{
    for (int i = 0; i < exec->n_param_steps; ++i) {
        const nib_param_step *s = &exec->param_step[i];
        const int64_t begin = s->first > first ? s->first : first;
        const int64_t end = s->first + s->floats < first + count ? s->first + s->floats : first + count;
        const int64_t at = begin - s->first;
        if (begin < end)
            exec->kernels->grid_flat(s->flat, false, s->y + at, exec->params->value + begin, end - begin,
                                     s->pass + at / NIB_PASS_FLOATS_PER_BYTE);
    }
}

/* A thread's share of the flat vectors, again the same from step to step. Element by element, so that nothing
 * depends on where a share ends. */
static void finish_range(void *context, int part, int parts)
{
    const finish *f = context;
    const nib_exec_flat flat = {.params = f->exec->params, .slot = f->update ? f->update->slot : NULL};
    const int64_t blocks = f->exec->params->size / NIB_LANE_FLOATS;
    const int64_t end = blocks * (part + 1) / parts * NIB_LANE_FLOATS;
    for (int64_t at = blocks * part / parts * NIB_LANE_FLOATS; at < end; at += PIECE_FLOATS) {
        const int64_t count = end - at < PIECE_FLOATS ? end - at : PIECE_FLOATS;
        if (f->add)
            add_lane_gradients(f->exec, f->exec->params->gradient + at, at, count);
        if (f->on_grids) {
            f->update->range_on_grids(f->update->context, at, count, f->exec->param_step,
                                      f->exec->n_param_steps);
            continue;
        }
        if (f->pass)
            f->exec->kernels->pass_gradient(
                nib_tensor_matrix(f->exec->params->gradient + at, 1, count, count),
                f->exec->pass + at / NIB_PASS_FLOATS_PER_BYTE, 1);
        if (f->update)
            f->update->range(f->update->context, &flat, at, count);
        if (f->renew)
            put_on_grids(f->exec, at, count);
    }
}

static void finish_gradients(nib_exec *exec, bool add, const nib_exec_update *update)
{
    const bool pass = add && update && exec->n_param_steps > 0;
    exec->renewed = update && update->alone && exec->renewable && !exec->params->mask;
    finish f = {.exec = exec,
                .add = add && exec->use == NIB_LANES_APART,
                .pass = pass,
                .renew = exec->renewed,
                .on_grids = pass && exec->renewed && update->range_on_grids,
                .update = update};
    for (int i = 0; add && i < exec->n_unwritten; ++i)
        memset(exec->unwritten[i].data, 0, (size_t)exec->unwritten[i].floats * sizeof(float));
    nib_team_split(exec->team, exec->params->size < TEAM_FLOATS ? 1 : NIB_MAX_THREADS, finish_range, &f);
}

static void finish_sums(nib_exec *exec, nib_sums *sums)
{
    add_lane_sums(exec, 0, exec->n_losses + exec->n_watches);
    double total = 0.0;
    for (int i = 0; i < exec->n_losses; ++i) {
        const nib_graph_mark *mark = &exec->loss[i];
        if (nib_exec_node(exec, mark->value)->shape.rate == NIB_RATE_STEP) {
            nib_place place = exec->plan->node[exec->plan->node[mark->value].source].value_at;
            exec->sum[i] = (double)*nib_worker_address(exec, exec->worker, place);
            total += mark->factor * exec->sum[i];
        } else {
            total += mark->factor * exec->sum[i] / (double)exec->batch.rows;
        }
    }
    *sums = (nib_sums){.loss = total, .losses = exec->sum, .watches = exec->sum + exec->n_losses};
}

static bool is_wanted(const nib_exec_update *update, const nib_sums *sums)
{
    return update->begin ? update->begin(update->context, sums) : isfinite(sums->loss);
}

void nib_exec_step(nib_exec *exec, const nib_batch *batch, const nib_exec_update *update, nib_sums *sums)
{
    assert(exec->plan->mode == NIB_MODE_TRAIN);
    const bool whole = !update || update->whole || exec->plan->step_backward;
    start_batch(exec, batch, NULL, update);
    exec->steps++;
    exec->together = nib_exec_goes_together(exec);
    if (exec->together) {
        nib_team_split_open(exec->team, exec->parts, nib_exec_run_together, exec);
        finish_sums(exec, sums);
        return;
    }
    run_step_forward(exec);
    run_phases(exec);
    if (whole) {
        finish_gradients(exec, true, NULL);
        if (exec->use == NIB_LANES_APART)
            add_lane_gradients(exec, exec->step_gradient, exec->params->size,
                               exec->plan->lane_floats - exec->params->size);
        run_step_backward(exec);
    }
    finish_sums(exec, sums);
    if (update && is_wanted(update, sums))
        finish_gradients(exec, !whole, update);
}

void nib_exec_train(nib_exec *exec, const nib_batch *batch, nib_sums *sums)
{
    nib_exec_step(exec, batch, NULL, sums);
}

void nib_exec_forward(nib_exec *exec, const nib_batch *batch, float *const *outputs, nib_sums *sums)
{
    assert(exec->plan->mode == NIB_MODE_EVALUATE);
    start_batch(exec, batch, outputs, NULL);
    run_step_forward(exec);
    run_phases(exec);
    finish_sums(exec, sums);
}

static bool all_finite(const float *data, int64_t rows, int64_t width, int64_t stride)
{
    for (int64_t r = 0; r < rows; ++r)
        for (int64_t c = 0; c < width; ++c)
            if (!isfinite(data[r * stride + c]))
                return false;
    return true;
}

/* The first node of the tile whose value is not finite, or `before` (a node found earlier, or the node
 * count). */
static nib_value find_in_tile(nib_exec *exec, const nib_phase *phase, int64_t number, nib_value before)
{
    nib_worker *worker = exec->worker;
    nib_worker_start_tile(exec, worker, number);
    for (int a = phase->first; a < phase->backward; ++a) {
        const nib_action *action = &exec->plan->action[a];
        nib_worker_act(exec, worker, action);
        if (action->kind != NIB_ACTION_GATHER && action->kind != NIB_ACTION_FORWARD)
            continue;
        const nib_shape *shape = &nib_exec_node(exec, action->value)->shape;
        const nib_place place = exec->plan->node[exec->plan->node[action->value].result].value_at;
        int64_t rows = shape->domain == NIB_DOMAIN_ELEMENTS ? worker->tile.elements : worker->tile.samples;
        const float *y = nib_worker_address(exec, worker, place);
        if (action->value < before && !all_finite(y, rows, nib_shape_row(shape), place.stride))
            before = action->value;
    }
    return before;
}

const char *nib_exec_find_nonfinite(nib_exec *exec, const nib_batch *batch)
{
    const nib_params *params = exec->params;
    for (int i = 0; i < params->count; ++i) {
        nib_tensor view = nib_params_view(params, i, params->value);
        if (!all_finite(view.data, view.dim[0], view.row_size, view.stride))
            return params->row[i].name;
    }
    start_batch(exec, batch, NULL, NULL);
    run_step_forward(exec);
    for (nib_value v = 0; v < exec->plan->nodes; ++v) {
        const nib_tensor *y = &exec->step_call[v].y;
        if (nib_exec_is_op(exec, v, NIB_RATE_STEP) && !all_finite(y->data, y->dim[0], y->row_size, y->stride))
            return nib_exec_node(exec, v)->name;
    }
    for (int p = 0; p < exec->plan->n_phases; ++p) {
        const nib_phase *phase = &exec->plan->phase[p];
        nib_value found = exec->plan->nodes;
        if (phase->first == phase->backward)
            break;
        for (int64_t t = 0; t < exec->tiles; ++t)
            found = find_in_tile(exec, phase, t, found);
        if (found < exec->plan->nodes)
            return nib_exec_node(exec, found)->name;
        const nib_phase forward = {phase->first, phase->backward, phase->backward};
        finish_phase(exec, &forward, true);
    }
    return NULL;
}

int64_t nib_exec_tile_rows(const nib_exec *exec)
{
    return exec->plan->tile_rows;
}

nib_exec_memory nib_exec_memory_use(const nib_exec *exec)
{
    const nib_plan *plan = exec->plan;
    return (nib_exec_memory){
        .tile_bytes = (size_t)plan->tile_floats * sizeof(float),
        .thread_bytes = (size_t)plan->thread_floats * sizeof(float),
        .batch_bytes = (size_t)plan->batch_floats * sizeof(float),
        .step_bytes = (size_t)plan->step_floats * sizeof(float),
        .lane_bytes = (size_t)plan->lane_floats * sizeof(float),
    };
}
