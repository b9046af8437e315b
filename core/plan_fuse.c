#include <stdlib.h>
#include <string.h>

#include "core/plan.h"

static const nib_node *node_of(const nib_plan *plan, nib_value value)
{
    return nib_graph_node(plan->graph, value);
}

static nib_value input_of(const nib_plan *plan, nib_value value, int i)
{
    return plan->node[node_of(plan, value)->input[i]].source;
}

static void count_marks(const nib_plan *plan, const nib_graph_mark *mark, int count, int *uses)
{
    for (int i = 0; i < count; ++i)
        ++uses[plan->node[mark[i].value].source];
}

/* How often a value is asked for: by nodes, losses, watches and outputs. */
static void count_uses(const nib_plan *plan, int *uses)
{
    const nib_graph_mark *mark;
    for (nib_value v = 0; v < plan->nodes; ++v)
        for (int i = 0; plan->node[v].used && i < node_of(plan, v)->n_inputs; ++i)
            ++uses[input_of(plan, v, i)];
    int count = nib_graph_losses(plan->graph, &mark);
    count_marks(plan, mark, count, uses);
    count = nib_graph_watches(plan->graph, &mark);
    count_marks(plan, mark, count, uses);
    count = nib_graph_outputs(plan->graph, &mark);
    if (plan->mode == NIB_MODE_EVALUATE)
        count_marks(plan, mark, count, uses);
}

static bool is_used_op(const nib_plan *plan, nib_value v)
{
    const nib_node *node = node_of(plan, v);
    return plan->node[v].used && node->kind == NIB_NODE_OP && node->shape.rate == NIB_RATE_TILE;
}

static bool is_product(const nib_plan *plan, nib_value v)
{
    return is_used_op(plan, v) && (node_of(plan, v)->op->flags & NIB_OP_EPILOGUE);
}

/* The only node that asks for v, or -1. */
static nib_value only_user(const nib_plan *plan, nib_value v)
{
    for (nib_value user = v + 1; user < plan->nodes; ++user)
        for (int i = 0; plan->node[user].used && i < node_of(plan, user)->n_inputs; ++i)
            if (input_of(plan, user, i) == v)
                return user;
    return -1;
}

/* The numbers of a grid step; NULL: v is none. */
static const nib_grid_step *grid_of(const nib_plan *plan, nib_value v)
{
    const nib_node *node = node_of(plan, v);
    return node->op->fusable == NIB_FUSABLE_GRID ? node->op->grid(node->options, plan->mode) : NULL;
}

static void take_along(nib_plan *plan, nib_value product, nib_value step)
{
    plan->node[product].result = step;
    plan->node[step].taken_forward = true;
    plan->node[product].keeps_raw =
        plan->mode == NIB_MODE_TRAIN && plan->node[product].fused_y.grid && plan->node[step].wants[0];
}

/* product -> step: the product's rows are finished with the step. product -> relu -> grid: with both; then
 * the relu's value exists nowhere, and backward is one step as well, by the product's value. */
static void fuse_forward(nib_plan *plan, nib_value step, const int *uses)
{
    const nib_value before = input_of(plan, step, 0);
    nib_plan_node *p = &plan->node[step];
    const nib_grid_step *grid = grid_of(plan, step);
    if (uses[before] != 1)
        return;
    if (is_product(plan, before)) {
        plan->node[before].fused_y = (nib_fused){.relu = !grid, .grid = grid};
        take_along(plan, before, step);
        return;
    }
    const nib_value product = plan->node[before].taken_forward ? input_of(plan, before, 0) : before;
    if (!grid || product == before || !plan->node[product].fused_y.relu ||
        plan->node[product].result != before)
        return;
    plan->node[product].fused_y.grid = grid;
    take_along(plan, product, step);
    plan->node[before].taken_backward = true;
    p->operand = p->receiver = product;
    p->fused_x.relu = true;
}

/* value -> step -> product: the product's dx is the gradient of `value`, the step's own exists nowhere. */
static void fuse_backward(nib_plan *plan, nib_value step, const int *uses)
{
    const nib_value value = plan->node[step].operand;
    const nib_value product = uses[step] == 1 ? only_user(plan, step) : -1;
    if (product < 0 || !is_product(plan, product) || input_of(plan, product, 0) != step || uses[value] != 1 ||
        !plan->node[step].wants[0] || !plan->node[product].wants[0])
        return;
    const nib_grid_step *grid = grid_of(plan, step);
    plan->node[product].fused_x = (nib_fused){.relu = !grid || plan->node[step].fused_x.relu, .grid = grid};
    plan->node[product].receiver = value;
    plan->node[product].gate = value;
    plan->node[step].taken_backward = true;
    /* Nobody else asks for the value before the step: a bit of each number will do. */
    if (plan->node[value].keeps_raw) {
        plan->node[value].keeps_raw = false;
        plan->node[value].keeps_pass = true;
    }
}

static bool is_fusable(const nib_plan *plan, nib_value v)
{
    return is_used_op(plan, v) && (node_of(plan, v)->op->fusable == NIB_FUSABLE_RELU || grid_of(plan, v));
}

void nib_plan_fuse(nib_plan *plan, int *uses)
{
    const char *wanted = getenv("NIBBLE_FUSE");
    for (nib_value v = 0; v < plan->nodes; ++v) {
        nib_plan_node *p = &plan->node[v];
        p->result = v;
        p->operand = p->receiver = node_of(plan, v)->n_inputs > 0 ? input_of(plan, v, 0) : v;
    }
    plan->fuses = !(wanted && strcmp(wanted, "0") == 0);
    if (!plan->fuses)
        return;
    count_uses(plan, uses);
    for (nib_value v = 0; v < plan->nodes; ++v)
        if (is_fusable(plan, v)) {
            fuse_forward(plan, v, uses);
            fuse_backward(plan, v, uses);
        }
}
