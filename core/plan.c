#include "core/plan.h"

#include <assert.h>

enum {
    TILE_ROWS = 64,
    TILE_ELEMENTS = 128,         /* about: 8 sets of 16 particles */
    TILE_BYTES_LIMIT = 512 << 10 /* values of one tile stay in half of a usual L2 */
};

int64_t nib_plan_capacity(const nib_plan *plan, nib_domain domain)
{
    return domain == NIB_DOMAIN_ELEMENTS ? plan->tile_elements : plan->tile_rows;
}

static const nib_node *node_of(const nib_plan *plan, nib_value value)
{
    return nib_graph_node(plan->graph, value);
}

int64_t nib_plan_stride(const nib_plan *plan, nib_value value)
{
    return plan->node[value].dense ? 1 : nib_padded(nib_shape_row(&node_of(plan, value)->shape));
}

static bool is_tile(const nib_plan *plan, nib_value value)
{
    return node_of(plan, value)->shape.rate == NIB_RATE_TILE;
}

/* In training only: evaluation takes moving statistics and needs no cut. */
static bool is_wide(const nib_plan *plan, nib_value value)
{
    const nib_node *node = node_of(plan, value);
    return plan->mode == NIB_MODE_TRAIN && node->kind == NIB_NODE_OP &&
           (node->op->flags & NIB_OP_BATCH_WIDE) != 0;
}

static nib_value input_of(const nib_plan *plan, nib_value value, int i)
{
    return plan->node[node_of(plan, value)->input[i]].source;
}

/* Rows of a tile: a function of the net alone, of its values whatever the mode and however they are stored,
 * so that a better plan does not change a bit of a result. */
static void choose_tile(nib_plan *plan, int64_t max_elements)
{
    int64_t sample_floats = 0, element_floats = 0;
    for (nib_value v = 0; v < plan->nodes; ++v) {
        const nib_shape *shape = &node_of(plan, v)->shape;
        if (shape->rate == NIB_RATE_TILE && shape->domain == NIB_DOMAIN_ELEMENTS)
            element_floats += nib_padded(nib_shape_row(shape));
        else if (shape->rate == NIB_RATE_TILE)
            sample_floats += nib_padded(nib_shape_row(shape));
    }
    int64_t rows = TILE_ROWS;
    if (element_floats > 0)
        while (rows > 1 && rows * max_elements > TILE_ELEMENTS)
            rows /= 2;
    int64_t row_bytes = (sample_floats + element_floats * max_elements) * (int64_t)sizeof(float);
    while (rows > 8 && rows * row_bytes > TILE_BYTES_LIMIT)
        rows /= 2;
    plan->tile_rows = rows;
    plan->tile_elements = rows * max_elements;
}

static void resolve_sources(nib_plan *plan)
{
    for (nib_value v = 0; v < plan->nodes; ++v) {
        const nib_node *node = node_of(plan, v);
        bool left_out = plan->mode == NIB_MODE_EVALUATE && node->kind == NIB_NODE_OP &&
                        (node->op->flags & NIB_OP_IDENTITY_EVAL);
        plan->node[v].source = left_out ? input_of(plan, v, 0) : v;
    }
}

/* What a loss, a watch or (evaluating) an output needs. */
static void mark_used(nib_plan *plan)
{
    const nib_graph_mark *mark;
    for (int i = nib_graph_losses(plan->graph, &mark) - 1; i >= 0; --i)
        plan->node[plan->node[mark[i].value].source].used = true;
    for (int i = nib_graph_watches(plan->graph, &mark) - 1; i >= 0; --i)
        plan->node[plan->node[mark[i].value].source].used = true;
    if (plan->mode == NIB_MODE_EVALUATE)
        for (int i = nib_graph_outputs(plan->graph, &mark) - 1; i >= 0; --i)
            plan->node[plan->node[mark[i].value].source].used = true;
    for (nib_value v = plan->nodes - 1; v >= 0; --v)
        for (int i = 0; plan->node[v].used && i < node_of(plan, v)->n_inputs; ++i)
            plan->node[input_of(plan, v, i)].used = true;
}

static bool passes_gradient(const nib_node *node, int input)
{
    return node->op->backward && !(node->op->no_gradient >> input & 1u);
}

/* A gradient is computed where a loss depends on the value and the value on a parameter. */
static void mark_gradients(nib_plan *plan)
{
    const nib_graph_mark *mark;
    nib_plan_node *p = plan->node;
    for (int i = nib_graph_losses(plan->graph, &mark) - 1; i >= 0; --i)
        p[mark[i].value].gradient = true;
    for (nib_value v = plan->nodes - 1; v >= 0; --v)
        for (int i = 0; p[v].gradient && i < node_of(plan, v)->n_inputs; ++i)
            if (passes_gradient(node_of(plan, v), i))
                p[input_of(plan, v, i)].gradient = true;
    for (nib_value v = 0; v < plan->nodes; ++v) {
        const nib_node *node = node_of(plan, v);
        bool depends = node->kind == NIB_NODE_PARAM &&
                       nib_graph_params(plan->graph)->row[node->param].role != NIB_ROLE_STATE;
        for (int i = 0; i < node->n_inputs; ++i) {
            bool through = passes_gradient(node, i) && p[input_of(plan, v, i)].gradient;
            p[v].wants[i] = p[v].gradient && through;
            depends = depends || through;
        }
        p[v].gradient = p[v].gradient && depends;
    }
}

/* A node is in the earliest segment its inputs allow; a graph input is gathered where it is first needed. */
static int cut_segments(nib_plan *plan)
{
    int last = 0;
    for (nib_value v = 0; v < plan->nodes; ++v) {
        nib_plan_node *p = &plan->node[v];
        const nib_node *node = node_of(plan, v);
        if (!p->used || node->kind != NIB_NODE_OP || node->shape.rate != NIB_RATE_TILE)
            continue;
        for (int i = 0; i < node->n_inputs; ++i) {
            int segment = plan->node[input_of(plan, v, i)].segment;
            p->segment = segment > p->segment ? segment : p->segment;
        }
        p->segment += is_wide(plan, v);
        last = p->segment > last ? p->segment : last;
    }
    for (nib_value v = 0; v < plan->nodes; ++v)
        if (node_of(plan, v)->kind == NIB_NODE_INPUT)
            plan->node[v].segment = last;
    for (nib_value v = 0; v < plan->nodes; ++v) {
        const nib_node *node = node_of(plan, v);
        int needed = plan->node[v].segment - is_wide(plan, v);
        for (int i = 0; plan->node[v].used && i < node->n_inputs; ++i) {
            nib_value x = input_of(plan, v, i);
            if (node_of(plan, x)->kind == NIB_NODE_INPUT && needed < plan->node[x].segment)
                plan->node[x].segment = needed;
        }
    }
    return last + 1;
}

static void act(nib_plan *plan, nib_action_kind kind, int item, nib_value value)
{
    const nib_op *op = nib_op_for_isa(node_of(plan, value)->op, nib_isa_chosen().isa);
    plan->action[plan->n_actions++] = (nib_action){.kind = kind, .item = item, .value = value, .op = op};
}

static void act_on_marks(nib_plan *plan, nib_action_kind kind, const nib_graph_mark *mark, int count,
                         nib_value value)
{
    for (int i = 0; i < count; ++i)
        if (plan->node[mark[i].value].source == value)
            act(plan, kind, i, value);
}

static void schedule_forward(nib_plan *plan, int segment)
{
    const nib_graph_mark *losses, *watches, *outputs;
    int n_losses = nib_graph_losses(plan->graph, &losses);
    int n_watches = nib_graph_watches(plan->graph, &watches);
    int n_outputs = nib_graph_outputs(plan->graph, &outputs);
    for (nib_value v = 0; v < plan->nodes; ++v) {
        const nib_plan_node *p = &plan->node[v];
        if (!p->used || !is_tile(plan, v) || p->segment != segment)
            continue;
        bool input = node_of(plan, v)->kind == NIB_NODE_INPUT;
        if (!p->taken_forward)
            act(plan, input ? NIB_ACTION_GATHER : NIB_ACTION_FORWARD, v, v);
        act_on_marks(plan, NIB_ACTION_LOSS, losses, n_losses, v);
        act_on_marks(plan, NIB_ACTION_WATCH, watches, n_watches, v);
        if (plan->mode == NIB_MODE_EVALUATE)
            act_on_marks(plan, NIB_ACTION_OUTPUT, outputs, n_outputs, v);
    }
    for (nib_value v = 0; v < plan->nodes; ++v)
        if (plan->node[v].used && is_wide(plan, v) && plan->node[v].segment == segment + 1)
            act(plan, NIB_ACTION_REDUCE, v, v);
}

/* In reverse order of the nodes, so that every consumer of a value comes before its maker. A batch-wide node
 * of the next segment passes its gradient on here, where its input was made; one of this segment collects its
 * sums. */
static void schedule_backward(nib_plan *plan, int segment)
{
    const nib_graph_mark *losses;
    int n_losses = nib_graph_losses(plan->graph, &losses);
    for (nib_value v = plan->nodes - 1; v >= 0; --v) {
        const nib_plan_node *p = &plan->node[v];
        if (!p->gradient || node_of(plan, v)->kind != NIB_NODE_OP || !is_tile(plan, v))
            continue;
        bool wide = is_wide(plan, v);
        if (p->segment == segment) {
            act_on_marks(plan, NIB_ACTION_SEED, losses, n_losses, v);
            if (!p->taken_backward)
                act(plan, wide ? NIB_ACTION_REDUCE_BACKWARD : NIB_ACTION_BACKWARD, v, v);
        } else if (wide && p->segment == segment + 1) {
            act(plan, NIB_ACTION_BACKWARD, v, v);
        }
    }
}

static void schedule(nib_plan *plan, int segments)
{
    for (int s = 0; s < segments; ++s) {
        nib_phase *phase = &plan->phase[plan->n_phases++];
        phase->first = plan->n_actions;
        schedule_forward(plan, s);
        phase->backward = plan->n_actions;
        if (s == segments - 1 && plan->mode == NIB_MODE_TRAIN)
            schedule_backward(plan, s);
        phase->end = plan->n_actions;
    }
    for (int s = segments - 2; s >= 0; --s) {
        nib_phase *phase = &plan->phase[plan->n_phases++];
        phase->first = phase->backward = plan->n_actions;
        schedule_backward(plan, s);
        phase->end = plan->n_actions;
    }
}

/* Labels and losses: a line of cache holds 16 of them, where padded each would take its own. */
static void find_dense(nib_plan *plan)
{
    for (nib_value v = 0; v < plan->nodes; ++v) {
        const nib_node *node = node_of(plan, v);
        plan->node[v].dense = is_tile(plan, v) && nib_shape_row(&node->shape) == 1 &&
                              (node->kind == NIB_NODE_INPUT ? node->feed == NIB_FEED_LABEL
                                                            : (node->op->flags & NIB_OP_COLUMNS) != 0);
        for (int i = 0; node->kind == NIB_NODE_OP && i < node->n_inputs; ++i)
            if (!(node->op->flags & NIB_OP_COLUMNS)) {
                plan->node[node->input[i]].dense = false;
                plan->node[input_of(plan, v, i)].dense = false;
            }
    }
}

/* Multiply-adds of a row. */
static int64_t work_of(const nib_plan *plan, const nib_action *action)
{
    const nib_node *node = node_of(plan, action->value);
    const bool forward = action->kind == NIB_ACTION_FORWARD;
    if ((!forward && action->kind != NIB_ACTION_BACKWARD) || !(node->op->flags & NIB_OP_EPILOGUE))
        return 0;
    const nib_shape *x = &node_of(plan, input_of(plan, action->value, 0))->shape;
    return (forward ? 1 : 2) * nib_shape_row(x) * nib_shape_row(&node->shape);
}

/* When which rows of the next batch are asked for: few are under way at a time, so they are spread over the
 * time that the first phase takes, which is that of its products. */
static void spread_fetches(nib_plan *plan)
{
    const nib_phase *phase = plan->phase;
    int64_t total = 0, done = 0;
    for (int a = phase->first; a < phase->end; ++a)
        total += work_of(plan, &plan->action[a]);
    for (int a = phase->first; a < phase->end; ++a) {
        done += work_of(plan, &plan->action[a]);
        plan->action[a].fetched =
            total > 0 ? plan->tile_rows * done / total
                      : plan->tile_rows * (a + 1 - phase->first) / (phase->end - phase->first);
    }
}

/* Who writes a gradient first overwrites, the others add. */
static void find_first_writers(nib_plan *plan, bool *written)
{
    for (int a = 0; a < plan->n_actions; ++a) {
        nib_action *action = &plan->action[a];
        if (action->kind == NIB_ACTION_SEED) {
            action->accumulate = written[action->value];
            written[action->value] = true;
        }
        if (action->kind != NIB_ACTION_BACKWARD)
            continue;
        nib_plan_node *p = &plan->node[action->value];
        for (int i = 0; i < node_of(plan, action->value)->n_inputs; ++i) {
            if (!p->wants[i])
                continue;
            nib_value x = i == 0 ? p->receiver : input_of(plan, action->value, i);
            p->accumulate[i] = written[x];
            written[x] = true;
        }
    }
}

static nib_status allocate(nib_plan *plan, nib_arena *arena, nib_error *err)
{
    const nib_graph_mark *mark;
    int marks = 2 * nib_graph_losses(plan->graph, &mark) + nib_graph_watches(plan->graph, &mark) +
                nib_graph_outputs(plan->graph, &mark);
    plan->node = NIB_NEW(arena, nib_plan_node, plan->nodes);
    plan->action = NIB_NEW(arena, nib_action, 4 * plan->nodes + marks); /* at most 4 per node */
    plan->phase = NIB_NEW(arena, nib_phase, 2 * plan->nodes + 2);
    if (!plan->node || !plan->action || !plan->phase)
        return nib_fail_memory(err, "plan");
    return NIB_OK;
}

nib_status nib_plan_create(nib_plan **out, nib_arena *arena, const nib_graph *graph, nib_mode mode,
                           int64_t max_batch, int64_t max_elements, nib_error *err)
{
    const nib_graph_mark *mark;
    if (mode == NIB_MODE_TRAIN && nib_graph_losses(graph, &mark) == 0)
        return nib_fail(err, NIB_ERR_SHAPE, "there is nothing to train for: the graph has no loss");
    nib_plan *plan = NIB_NEW(arena, nib_plan, 1);
    nib_arena *scratch = nib_arena_create();
    nib_status status = NIB_ERR_MEMORY;
    if (plan && scratch) {
        plan->graph = graph;
        plan->mode = mode;
        plan->nodes = nib_graph_nodes(graph);
        status = allocate(plan, arena, err);
    } else {
        status = nib_fail_memory(err, "plan");
    }
    bool *written = status == NIB_OK ? NIB_NEW(scratch, bool, plan->nodes) : NULL;
    int *uses = written ? NIB_NEW(scratch, int, plan->nodes) : NULL;
    if (status == NIB_OK && !uses)
        status = nib_fail_memory(err, "plan");
    if (status == NIB_OK) {
        choose_tile(plan, max_elements);
        plan->max_tiles = (max_batch + plan->tile_rows - 1) / plan->tile_rows;
        resolve_sources(plan);
        mark_used(plan);
        if (mode == NIB_MODE_TRAIN)
            mark_gradients(plan);
        int segments = cut_segments(plan);
        nib_plan_fuse(plan, uses);
        find_dense(plan);
        schedule(plan, segments);
        spread_fetches(plan);
        find_first_writers(plan, written);
        status = nib_plan_place(plan, scratch, err);
    }
    nib_arena_destroy(scratch);
    *out = plan;
    return status;
}
