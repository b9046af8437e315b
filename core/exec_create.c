/* From a plan to an executor: its memory, and the calls of all nodes with what is the same in every step. */
#include <assert.h>
#include <string.h>

#include "core/cpu.h"
#include "core/exec_tile.h"
#include "core/gemm.h"
#include "core/rng.h"

enum { LINE_DOUBLES = 16 }; /* a line and its neighbour, because the processor fetches lines in pairs */

/* A view of a value without its data: [capacity or rows, row]. */
static nib_tensor tensor_of(const nib_exec *exec, const nib_shape *shape)
{
    bool tile = shape->rate == NIB_RATE_TILE;
    int64_t rows = tile ? nib_plan_capacity(exec->plan, shape->domain) : shape->rank == 2 ? shape->dim[0] : 1;
    int64_t row = nib_shape_row(shape);
    nib_tensor t = nib_tensor_matrix(NULL, rows, row, nib_padded(row));
    if (tile) {
        t.rank = 1 + shape->rank;
        for (int i = 0; i < shape->rank; ++i)
            t.dim[1 + i] = shape->dim[i];
    }
    return t;
}

static nib_tensor value_of(const nib_exec *exec, nib_value v)
{
    nib_tensor t = tensor_of(exec, &nib_exec_node(exec, v)->shape);
    t.stride = exec->plan->node[v].dense ? 1 : t.stride;
    return t;
}

/* All of a call that is the same for every tile and step. */
static void fill_call(const nib_exec *exec, nib_value v, uint32_t stream, nib_call *call)
{
    const nib_node *node = nib_exec_node(exec, v);
    call->options = node->options;
    call->stream = stream;
    call->mode = exec->plan->mode;
    call->inputs = node->n_inputs;
    call->domain = node->shape.domain;
    call->y = call->dy = value_of(exec, v);
    call->rows = call->y.dim[0];
    call->state = exec->state + exec->plan->node[v].state;
    call->fused_y = exec->plan->node[v].fused_y;
    call->fused_x = exec->plan->node[v].fused_x;
    call->fused_y.raw = call->y;
    for (int i = 0; i < node->n_inputs; ++i)
        call->x[i] = call->dx[i] = value_of(exec, node->input[i]);
    if (node->n_inputs > 0)
        call->fused_x.raw = call->x[0];
}

/* Sum of all lanes. Parameters first, then step-rate nodes. */
float *nib_exec_total_gradient(const nib_exec *exec, nib_place place)
{
    if (place.space != NIB_SPACE_GRADIENT)
        return NULL;
    return place.offset < exec->params->size ? exec->params->gradient + place.offset
                                             : exec->step_gradient + place.offset - exec->params->size;
}

/* Step-rate nodes work on fixed memory. Their gradients are always added: what no tile wrote starts at zero.
 */
static void bind_step_call(nib_exec *exec, nib_value v)
{
    const nib_node *node = nib_exec_node(exec, v);
    const nib_plan_node *p = &exec->plan->node[v];
    nib_call *call = &exec->step_call[v];
    if (!nib_exec_is_op(exec, v, NIB_RATE_STEP) && !nib_exec_is_wide(exec, v) &&
        !nib_exec_is_prepared(exec, v))
        return;
    bool step = node->shape.rate == NIB_RATE_STEP;
    for (int i = 0; i < node->n_inputs; ++i) {
        const nib_plan_node *x = &exec->plan->node[exec->plan->node[node->input[i]].source];
        bool fixed = x->value_at.space == NIB_SPACE_PARAM || x->value_at.space == NIB_SPACE_STEP;
        call->x[i].data = fixed ? nib_worker_address(exec, exec->worker, x->value_at) : NULL;
        call->dx[i].data = step && p->wants[i] ? nib_exec_total_gradient(exec, x->gradient_at) : NULL;
        call->accumulate[i] = !x->lends_gradient;
    }
    call->tile = &exec->whole;
    call->prepared = nib_worker_address(exec, exec->worker, p->prepared_at);
    if (step) {
        call->y.data = nib_worker_address(exec, exec->worker, p->value_at);
        call->saved = nib_worker_address(exec, exec->worker, p->saved_at);
        call->dy.data = p->gradient ? nib_exec_total_gradient(exec, p->gradient_at) : NULL;
        call->fused_y.pass =
            p->notes_pass ? exec->pass + p->gradient_at.offset / NIB_PASS_FLOATS_PER_BYTE : NULL;
    }
}

static nib_param_step param_step_of(const nib_exec *exec, nib_value v)
{
    const nib_node *node = nib_exec_node(exec, v);
    const nib_grid_step *step = node->op->grid(node->options, exec->plan->mode);
    const nib_call *call = &exec->step_call[v];
    return (nib_param_step){.node = v,
                            .flat = step->uniform ? step : NULL,
                            .first = exec->plan->node[v].gradient_at.offset,
                            .y = call->y.data,
                            .floats = call->y.dim[0] * call->y.stride,
                            .pass = call->fused_y.pass};
}

/* In the order of the flat vectors. */
static void add_param_step(nib_exec *exec, nib_value v)
{
    const nib_param_step step = param_step_of(exec, v);
    int at = exec->n_param_steps++;
    for (; at > 0 && exec->param_step[at - 1].first > step.first; --at)
        exec->param_step[at] = exec->param_step[at - 1];
    exec->param_step[at] = step;
}

static nib_status make_calls(nib_exec *exec, nib_error *err)
{
    for (nib_value v = 0; v < exec->plan->nodes; ++v) {
        const nib_node *node = nib_exec_node(exec, v);
        if (node->kind != NIB_NODE_OP || !exec->plan->node[v].used)
            continue;
        const char *name = nib_arena_printf(exec->arena, "%s/%s", node->name, node->op->name);
        if (!name)
            return nib_fail_memory(err, "executor");
        uint32_t stream = nib_rng_stream(name);
        exec->op[v] = nib_op_for_isa(node->op, nib_isa_chosen().isa);
        fill_call(exec, v, stream, &exec->step_call[v]);
        for (int w = 0; w < exec->threads; ++w)
            fill_call(exec, v, stream, &exec->worker[w].call[v]);
        bind_step_call(exec, v);
        const nib_value result = exec->plan->node[v].result;
        if (exec->plan->node[v].notes_pass)
            add_param_step(exec, v);
        else if (nib_exec_is_op(exec, v, NIB_RATE_STEP) || nib_exec_is_wide(exec, v) ||
                 nib_exec_is_prepared(exec, v))
            exec->step_work[exec->n_step_work++] = v;
        if (exec->plan->node[v].prepared_at.space == NIB_SPACE_THREAD)
            exec->prepared[exec->n_prepared++] = v;
        exec->moves_values[v] = exec->plan->node[result].value_at.space == NIB_SPACE_BATCH ||
                                exec->plan->node[v].saved_at.space == NIB_SPACE_BATCH ||
                                exec->plan->node[v].value_at.space == NIB_SPACE_BATCH;
        for (int i = 0; i <= node->n_inputs; ++i) {
            const nib_plan_node *p = &exec->plan->node[v];
            nib_value x = i == 0               ? p->operand
                          : i < node->n_inputs ? exec->plan->node[node->input[i]].source
                          : p->fused_x.grid    ? p->gate
                                               : p->operand;
            if (exec->plan->node[x].value_at.space == NIB_SPACE_BATCH)
                exec->moves_values[v] = true;
        }
    }
    for (int w = 0; w < exec->threads; ++w)
        nib_worker_bind(exec, &exec->worker[w]);
    return NIB_OK;
}

static nib_status allocate(nib_exec *exec, nib_error *err)
{
    const nib_plan *plan = exec->plan;
    nib_arena *arena = exec->arena;
    bool train = plan->mode == NIB_MODE_TRAIN;
    exec->worker = NIB_NEW(arena, nib_worker, exec->threads);
    exec->batch_arena = NIB_NEW(arena, float, plan->batch_floats);
    exec->step_arena = NIB_NEW(arena, float, plan->step_floats);
    exec->lane_gradient = NIB_NEW(arena, float, train ? NIB_LANES * plan->lane_floats : 0);
    exec->step_gradient = NIB_NEW(arena, float, plan->gradient_floats - exec->params->size);
    exec->lane_stride = (plan->lane_doubles + LINE_DOUBLES - 1) / LINE_DOUBLES * LINE_DOUBLES;
    exec->lane_sum = NIB_NEW(arena, double, NIB_LANES * exec->lane_stride);
    exec->pass = NIB_NEW(arena, unsigned char, exec->params->size / NIB_PASS_FLOATS_PER_BYTE);
    exec->sum = NIB_NEW(arena, double, plan->lane_doubles);
    exec->state = NIB_NEW(arena, double, plan->state_doubles);
    exec->step_call = NIB_NEW(arena, nib_call, plan->nodes);
    exec->op = NIB_NEW(arena, const nib_op *, plan->nodes);
    exec->moves_values = NIB_NEW(arena, bool, plan->nodes);
    exec->skip = NIB_NEW(arena, bool, plan->nodes);
    exec->prepared = NIB_NEW(arena, nib_value, plan->nodes);
    exec->step_work = NIB_NEW(arena, nib_value, plan->nodes);
    exec->param_step = NIB_NEW(arena, nib_param_step, plan->nodes);
    exec->unwritten = NIB_NEW(arena, nib_range, plan->nodes);
    exec->input_feed = NIB_NEW(arena, int, plan->nodes);
    exec->fetch = NIB_NEW(arena, nib_fetch, plan->nodes);
    exec->first_element = NIB_NEW(arena, int64_t, plan->max_tiles + 1);
    bool ok = exec->worker && exec->batch_arena && exec->step_arena && exec->lane_gradient &&
              exec->step_gradient && exec->lane_sum && exec->pass && exec->sum && exec->state &&
              exec->step_call && exec->op && exec->moves_values && exec->skip && exec->prepared &&
              exec->step_work && exec->param_step && exec->unwritten && exec->input_feed && exec->fetch &&
              exec->first_element;
    if (ok)
        memset(exec->pass, 0xff, (size_t)(exec->params->size / NIB_PASS_FLOATS_PER_BYTE));
    for (int w = 0; ok && w < exec->threads; ++w) {
        nib_worker *worker = &exec->worker[w];
        worker->params = exec->params;
        worker->arena = NIB_NEW(arena, float, plan->tile_floats);
        worker->prepared = NIB_NEW(arena, float, plan->thread_floats);
        worker->weight = NIB_NEW(arena, float, plan->tile_rows);
        worker->offsets = NIB_NEW(arena, int64_t, plan->tile_rows + 1);
        worker->call = NIB_NEW(arena, nib_call, plan->nodes);
        ok = worker->arena && worker->prepared && worker->weight && worker->offsets && worker->call;
    }
    return ok ? NIB_OK : nib_fail_memory(err, "executor");
}

/* Who adds to which gradient. A tile that adds twice, or gradients that step-rate nodes alone add to, need
 * care where tiles work on the sum itself. */
static void find_writers(nib_exec *exec)
{
    const nib_plan *plan = exec->plan;
    exec->one_writer = true;
    for (nib_value v = 0; v < plan->nodes; ++v) {
        const nib_place place = plan->node[v].gradient_at;
        if (place.space != NIB_SPACE_GRADIENT || plan->node[v].lends_gradient)
            continue;
        int writers = 0;
        for (int a = 0; a < plan->n_actions; ++a) {
            const nib_action *action = &plan->action[a];
            const nib_node *node = nib_exec_node(exec, action->value);
            for (int i = 0; action->kind == NIB_ACTION_BACKWARD && i < node->n_inputs; ++i) {
                const nib_plan_node *p = &plan->node[action->value];
                writers += p->wants[i] && (i == 0 ? p->receiver : node->input[i]) == v;
            }
        }
        const nib_tensor shape = tensor_of(exec, &nib_exec_node(exec, v)->shape);
        if (writers == 0 && place.offset < plan->lane_floats)
            exec->unwritten[exec->n_unwritten++] =
                (nib_range){nib_exec_total_gradient(exec, place), shape.dim[0] * shape.stride};
        exec->one_writer = exec->one_writer && writers <= 1;
    }
}

static void find_inputs(nib_exec *exec)
{
    enum { MOST_BYTES = 256 };
    int feeds = 0;
    for (nib_value v = 0; v < exec->plan->nodes; ++v) {
        const nib_node *node = nib_exec_node(exec, v);
        if (node->kind != NIB_NODE_INPUT)
            continue;
        exec->input_feed[v] = feeds;
        const int64_t width = node->feed == NIB_FEED_LABEL ? 1 : node->shape.dim[0];
        const int64_t bytes = width * (int64_t)sizeof(float);
        if (exec->plan->node[v].used && node->shape.domain == NIB_DOMAIN_SAMPLES)
            exec->fetch[exec->n_fetches++] =
                (nib_fetch){feeds, bytes, bytes < MOST_BYTES ? bytes : MOST_BYTES};
        ++feeds;
    }
}

nib_status nib_exec_create(nib_exec **out, const nib_graph *graph, nib_mode mode, int64_t max_batch,
                           int64_t max_elements, nib_team *team, nib_error *err)
{
    *out = NULL;
    assert(max_batch >= 1 && nib_graph_params(graph)->value && "parameters are allocated first");
    nib_cpu_flush_denormals();
    nib_gemm_single_thread();
    nib_arena *arena = nib_arena_create();
    nib_exec *exec = arena ? NIB_NEW(arena, nib_exec, 1) : NULL;
    if (!exec) {
        nib_arena_destroy(arena);
        return nib_fail_memory(err, "executor");
    }
    *exec = (nib_exec){.arena = arena, .graph = graph, .params = nib_graph_params(graph), .team = team};
    exec->threads = nib_team_threads(team);
    exec->max_batch = max_batch;
    exec->kernels = nib_kernels_of(nib_isa_chosen().isa);
    exec->n_losses = nib_graph_losses(graph, &exec->loss);
    exec->n_watches = nib_graph_watches(graph, &exec->watch);
    nib_status status = nib_plan_create(&exec->plan, arena, graph, mode, max_batch, max_elements, err);
    if (status == NIB_OK)
        status = allocate(exec, err);
    if (status == NIB_OK)
        status = make_calls(exec, err);
    if (status != NIB_OK) {
        nib_arena_destroy(arena);
        return status;
    }
    exec->renewable = exec->n_param_steps > 0;
    for (int i = 0; i < exec->n_param_steps; ++i)
        exec->renewable = exec->renewable && exec->param_step[i].flat;
    find_inputs(exec);
    find_writers(exec);
    status = nib_exec_make_copies(exec, err);
    if (status != NIB_OK) {
        nib_arena_destroy(arena);
        return status;
    }
    *out = exec;
    return NIB_OK;
}

void nib_exec_destroy(nib_exec *exec)
{
    if (!exec)
        return;
    nib_team_join(exec->team);
    nib_arena_destroy(exec->arena);
}
