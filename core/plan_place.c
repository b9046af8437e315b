#include "core/plan.h"

#include <assert.h>

/* A buffer of the tiles: value, gradient or saved floats of a node. Its life is a range of actions. */
typedef struct buffer {
    bool touched;
    int first, last; /* actions */
    int first_phase, last_phase;
    int64_t row, stride; /* floats */
    nib_domain domain;
    int owner; /* buffer whose memory it shares: itself, or the one it works in place of */
    nib_place place;
} buffer;

enum { VALUE, GRADIENT, SAVED, KINDS };

typedef struct placing {
    nib_plan *plan;
    buffer *buffer; /* [nodes x KINDS] */
    int count;
    int now, phase; /* while lives are recorded */
} placing;

/* A piece of the tile arena. */
typedef struct slot {
    int64_t row, stride, offset;
    nib_domain domain;
    int free_after; /* last action that uses it */
} slot;

static const nib_node *node_of(const placing *placer, nib_value value)
{
    return nib_graph_node(placer->plan->graph, value);
}

static nib_value input_of(const placing *placer, nib_value value, int i)
{
    return placer->plan->node[node_of(placer, value)->input[i]].source;
}

static int id_of(nib_value value, int kind)
{
    return value * KINDS + kind;
}

static void touch(placing *placer, nib_value value, int kind)
{
    const nib_node *node = node_of(placer, value);
    buffer *b = &placer->buffer[id_of(value, kind)];
    if (node->shape.rate != NIB_RATE_TILE)
        return;
    if (kind == SAVED && (node->plan.saved_row == 0 || placer->plan->mode == NIB_MODE_EVALUATE))
        return;
    if (!b->touched) {
        b->touched = true;
        b->row = kind == SAVED ? node->plan.saved_row : nib_shape_row(&node->shape);
        b->stride = kind == SAVED ? nib_padded(b->row) : nib_plan_stride(placer->plan, value);
        if (kind == VALUE && placer->plan->node[value].keeps_pass) /* nothing is padded */
            b->row = b->stride = nib_padded(b->row) / (NIB_PASS_FLOATS_PER_BYTE * (int64_t)sizeof(float));
        b->domain = node->shape.domain;
        b->first = placer->now;
        b->first_phase = placer->phase;
    }
    b->last = placer->now;
    b->last_phase = placer->phase;
}

/* Whose value an input of the node is. */
static nib_value operand_of(const placing *placer, nib_value value, int i)
{
    return i == 0 ? placer->plan->node[value].operand : input_of(placer, value, i);
}

static void touch_forward(placing *placer, nib_value value)
{
    for (int i = 0; i < node_of(placer, value)->n_inputs; ++i)
        touch(placer, operand_of(placer, value, i), VALUE);
}

static void touch_backward(placing *placer, nib_value value)
{
    unsigned flags = node_of(placer, value)->op->flags;
    touch(placer, value, GRADIENT);
    touch(placer, value, SAVED);
    if (flags & NIB_OP_READS_Y)
        touch(placer, value, VALUE);
    if (flags & NIB_OP_READS_X)
        touch_forward(placer, value);
    if (placer->plan->node[value].fused_x.grid)
        touch(placer, placer->plan->node[value].gate, VALUE);
}

static void record_lives(placing *placer)
{
    const nib_plan *plan = placer->plan;
    for (placer->phase = 0; placer->phase < plan->n_phases; ++placer->phase)
        for (int a = plan->phase[placer->phase].first; a < plan->phase[placer->phase].end; ++a) {
            const nib_action *action = &plan->action[a];
            nib_value v = action->value;
            placer->now = a;
            switch (action->kind) {
            case NIB_ACTION_GATHER:
            case NIB_ACTION_LOSS:
            case NIB_ACTION_WATCH:
            case NIB_ACTION_OUTPUT:
                touch(placer, v, VALUE);
                break;
            case NIB_ACTION_FORWARD:
                touch_forward(placer, v);
                touch(placer, plan->node[v].result, VALUE);
                if (plan->node[v].keeps_raw || plan->node[v].keeps_pass)
                    touch(placer, v, VALUE);
                touch(placer, v, SAVED);
                break;
            case NIB_ACTION_REDUCE:
                touch_forward(placer, v);
                break;
            case NIB_ACTION_SEED:
                touch(placer, v, GRADIENT);
                break;
            case NIB_ACTION_REDUCE_BACKWARD:
                touch_backward(placer, v);
                break;
            case NIB_ACTION_BACKWARD:
                touch_backward(placer, v);
                for (int i = 0; i < node_of(placer, v)->n_inputs; ++i)
                    if (plan->node[v].wants[i])
                        touch(placer, i == 0 ? plan->node[v].receiver : input_of(placer, v, i), GRADIENT);
                break;
            }
        }
}

static int owner_of(const placing *placer, int id)
{
    while (placer->buffer[id].owner != id)
        id = placer->buffer[id].owner;
    return id;
}

static bool crosses(const buffer *b)
{
    return b->first_phase != b->last_phase;
}

/* Let `late` take over the memory of `early` at action `now`, if that is where one ends and the other begins.
 */
static void take_over(placing *placer, int early, int late, int now)
{
    buffer *e = &placer->buffer[owner_of(placer, early)], *l = &placer->buffer[late];
    if (!e->touched || !l->touched || l->owner != late || e == l)
        return;
    bool fits = e->row == l->row && e->stride == l->stride && e->domain == l->domain &&
                crosses(e) == crosses(l) && (crosses(e) || e->first_phase == l->first_phase);
    if (!fits || e->last != now || l->first != now)
        return;
    l->owner = owner_of(placer, early);
    e->last = l->last;
    e->last_phase = l->last_phase;
}

static bool once(const placing *placer, nib_value value)
{
    for (int i = 1; i < node_of(placer, value)->n_inputs; ++i)
        if (input_of(placer, value, i) == input_of(placer, value, 0))
            return false;
    return true;
}

static void share_in_place(placing *placer)
{
    const nib_plan *plan = placer->plan;
    for (int a = 0; a < plan->n_actions; ++a) {
        const nib_action *action = &plan->action[a];
        nib_value v = action->value;
        if (action->kind != NIB_ACTION_FORWARD && action->kind != NIB_ACTION_BACKWARD)
            continue;
        const nib_node *node = node_of(placer, v);
        if (!(node->op->flags & NIB_OP_IN_PLACE) || !once(placer, v))
            continue;
        nib_value x = input_of(placer, v, 0);
        if (action->kind == NIB_ACTION_FORWARD)
            take_over(placer, id_of(x, VALUE), id_of(v, VALUE), a);
        else if (plan->node[v].wants[0])
            take_over(placer, id_of(v, GRADIENT), id_of(x, GRADIENT), a);
    }
}

static void place_in_batch(placing *placer, buffer *b)
{
    nib_plan *plan = placer->plan;
    b->place = (nib_place){NIB_SPACE_BATCH, plan->batch_floats, b->stride, b->domain};
    plan->batch_floats += nib_padded(plan->max_tiles * nib_plan_capacity(plan, b->domain) * b->stride);
}

/* The first free slot of this width, or a new one. Buffers come in the order in which they are born. */
static void place_in_tile(placing *placer, buffer *b, slot *slots, int *n_slots)
{
    nib_plan *plan = placer->plan;
    slot *s = slots;
    while (s < slots + *n_slots && (s->row != b->row || s->stride != b->stride || s->domain != b->domain ||
                                    s->free_after >= b->first))
        ++s;
    if (s == slots + *n_slots) {
        *s = (slot){.row = b->row, .stride = b->stride, .offset = plan->tile_floats, .domain = b->domain};
        plan->tile_floats += nib_padded(nib_plan_capacity(plan, b->domain) * b->stride);
        ++*n_slots;
    }
    s->free_after = b->last;
    b->place = (nib_place){NIB_SPACE_TILE, s->offset, b->stride, b->domain};
}

static nib_status place_buffers(placing *placer, nib_arena *scratch, nib_error *err)
{
    slot *slots = NIB_NEW(scratch, slot, placer->count);
    int n_slots = 0;
    if (!slots)
        return nib_fail_memory(err, "plan");
    for (int now = 0; now < placer->plan->n_actions; ++now)
        for (int id = 0; id < placer->count; ++id) {
            buffer *b = &placer->buffer[id];
            if (!b->touched || b->owner != id || b->first != now)
                continue;
            if (crosses(b))
                place_in_batch(placer, b);
            else
                place_in_tile(placer, b, slots, &n_slots);
        }
    for (nib_value v = 0; v < placer->plan->nodes; ++v) {
        nib_plan_node *p = &placer->plan->node[v];
        p->value_at = placer->buffer[owner_of(placer, id_of(v, VALUE))].place;
        p->gradient_at = placer->buffer[owner_of(placer, id_of(v, GRADIENT))].place;
        p->saved_at = placer->buffer[owner_of(placer, id_of(v, SAVED))].place;
    }
    return NIB_OK;
}

static int64_t array_floats(const nib_shape *shape)
{
    return (shape->rank == 2 ? shape->dim[0] : 1) * nib_padded(nib_shape_row(shape));
}

static bool feeds_tiles(const placing *placer, nib_value value)
{
    for (nib_value v = value + 1; v < placer->plan->nodes; ++v)
        for (int i = 0; i < node_of(placer, v)->n_inputs; ++i)
            if (placer->plan->node[v].wants[i] && input_of(placer, v, i) == value &&
                node_of(placer, v)->shape.rate == NIB_RATE_TILE)
                return true;
    return false;
}

static bool prepares(const placing *placer, nib_value v)
{
    const nib_node *node = node_of(placer, v);
    return node->kind == NIB_NODE_OP && node->op->prepare && node->plan.prepared_floats > 0 &&
           placer->plan->mode == NIB_MODE_TRAIN && placer->plan->node[v].wants[0];
}

/* What products prepare for a step, every thread makes for itself where it is little: fetching it from
 * another core's cache would take longer. */
static nib_space space_of_prepared(const placing *placer)
{
    enum { MOST_FLOATS = 1 << 17 };
    int64_t floats = 0;
    for (nib_value v = 0; v < placer->plan->nodes; ++v)
        if (prepares(placer, v))
            floats += node_of(placer, v)->plan.prepared_floats;
    return floats <= MOST_FLOATS ? NIB_SPACE_THREAD : NIB_SPACE_STEP;
}

/* Step-rate: v's gradient may lie in that of its input, which nobody else adds to. */
static bool works_in_place(const placing *placer, nib_value v)
{
    const nib_plan *plan = placer->plan;
    if (!(node_of(placer, v)->op->flags & NIB_OP_IN_PLACE_BACKWARD) || !plan->node[v].wants[0])
        return false;
    const nib_value x = input_of(placer, v, 0);
    int users = 0;
    for (nib_value user = x + 1; user < plan->nodes; ++user)
        for (int i = 0; i < node_of(placer, user)->n_inputs; ++i)
            users += plan->node[user].wants[i] && input_of(placer, user, i) == x;
    return users == 1 && node_of(placer, x)->kind == NIB_NODE_PARAM && feeds_tiles(placer, v);
}

static void place_step_rate(placing *placer)
{
    nib_plan *plan = placer->plan;
    const nib_params *params = nib_graph_params(plan->graph);
    const nib_space space = space_of_prepared(placer);
    int64_t *floats = space == NIB_SPACE_THREAD ? &plan->thread_floats : &plan->step_floats;
    for (nib_value v = 0; v < plan->nodes; ++v) {
        const nib_node *node = node_of(placer, v);
        nib_plan_node *p = &plan->node[v];
        if (node->kind == NIB_NODE_PARAM) {
            const nib_param *row = &params->row[node->param];
            p->value_at = (nib_place){NIB_SPACE_PARAM, row->offset, row->stride, NIB_DOMAIN_NONE};
            p->gradient_at = (nib_place){NIB_SPACE_GRADIENT, row->offset, row->stride, NIB_DOMAIN_NONE};
        } else if (node->shape.rate == NIB_RATE_STEP && p->used) {
            int64_t rows = node->shape.rank == 2 ? node->shape.dim[0] : 1;
            int64_t stride = nib_padded(nib_shape_row(&node->shape));
            p->value_at = (nib_place){NIB_SPACE_STEP, plan->step_floats, stride, NIB_DOMAIN_NONE};
            plan->step_floats += rows * stride;
            if (node->plan.saved_row > 0 && plan->mode == NIB_MODE_TRAIN) {
                stride = nib_padded(node->plan.saved_row);
                p->saved_at = (nib_place){NIB_SPACE_STEP, plan->step_floats, stride, NIB_DOMAIN_NONE};
                plan->step_floats += rows * stride;
            }
            plan->has_step_nodes = true;
        }
        if (prepares(placer, v)) {
            p->prepared_at = (nib_place){space, *floats, 0, NIB_DOMAIN_NONE};
            *floats += nib_padded(node->plan.prepared_floats);
        }
    }
    /* Gradients that tiles write follow the parameters', so that one pass adds the lanes; then the others. */
    plan->lane_floats = plan->gradient_floats = params->size;
    for (int pass = 0; pass < 2; ++pass)
        for (nib_value v = 0; v < plan->nodes; ++v) {
            const nib_node *node = node_of(placer, v);
            nib_plan_node *p = &plan->node[v];
            bool mine = node->kind == NIB_NODE_OP && node->shape.rate == NIB_RATE_STEP && p->gradient;
            if (!mine || feeds_tiles(placer, v) != (pass == 0))
                continue;
            if (works_in_place(placer, v)) {
                nib_plan_node *x = &plan->node[input_of(placer, v, 0)];
                p->gradient_at = x->gradient_at;
                x->lends_gradient = true;
                p->notes_pass = plan->fuses && node->op->fusable == NIB_FUSABLE_GRID &&
                                node->op->grid(node->options, plan->mode);
                plan->step_backward = plan->step_backward || !p->notes_pass;
                continue;
            }
            plan->step_backward = true;
            p->gradient_at = (nib_place){NIB_SPACE_GRADIENT, plan->gradient_floats,
                                         nib_padded(nib_shape_row(&node->shape)), NIB_DOMAIN_NONE};
            plan->gradient_floats += array_floats(&node->shape);
            if (pass == 0)
                plan->lane_floats = plan->gradient_floats;
        }
}

static void place_sums(placing *placer)
{
    nib_plan *plan = placer->plan;
    const nib_graph_mark *mark;
    plan->lane_doubles = nib_graph_losses(plan->graph, &mark) + nib_graph_watches(plan->graph, &mark);
    for (nib_value v = 0; v < plan->nodes; ++v) {
        const nib_node *node = node_of(placer, v);
        plan->node[v].state = plan->state_doubles;
        plan->node[v].sums = plan->lane_doubles;
        plan->state_doubles += node->plan.state_doubles;
        plan->lane_doubles += node->plan.reduce_doubles;
    }
}

nib_status nib_plan_place(nib_plan *plan, nib_arena *scratch, nib_error *err)
{
    placing placer = {.plan = plan, .count = plan->nodes * KINDS};
    placer.buffer = NIB_NEW(scratch, buffer, placer.count);
    if (!placer.buffer)
        return nib_fail_memory(err, "plan");
    for (int id = 0; id < placer.count; ++id)
        placer.buffer[id].owner = id;
    record_lives(&placer);
    share_in_place(&placer);
    NIB_TRY(place_buffers(&placer, scratch, err));
    place_step_rate(&placer);
    place_sums(&placer);
    return NIB_OK;
}
