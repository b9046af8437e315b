#include "core/graph.h"

#include <assert.h>
#include <string.h>

/* A list that doubles in the arena. */
typedef struct marks {
    int count, capacity;
    nib_graph_mark *item;
} marks;

struct nib_graph {
    nib_arena *arena;
    nib_params *params;
    int count, capacity;
    nib_node *node;
    marks losses, watches, outputs;
};

nib_graph *nib_graph_create(nib_arena *arena, nib_params *params)
{
    nib_graph *graph = NIB_NEW(arena, nib_graph, 1);
    if (graph) {
        graph->arena = arena;
        graph->params = params;
    }
    return graph;
}

/* Room for one more item: the list, moved to twice its size when it is full; NULL when out of memory. */
static void *grow(nib_arena *arena, void *items, size_t size, int count, int *capacity)
{
    if (count < *capacity)
        return items;
    int more = *capacity ? 2 * *capacity : 16;
    void *list = nib_arena_alloc(arena, (size_t)more, size);
    if (!list)
        return NULL;
    if (count)
        memcpy(list, items, size * (size_t)count);
    *capacity = more;
    return list;
}

static nib_status append(nib_graph *graph, nib_node node, nib_value *value, nib_error *err)
{
    nib_node *list = grow(graph->arena, graph->node, sizeof node, graph->count, &graph->capacity);
    node.name = nib_arena_strdup(graph->arena, node.name);
    if (!list || !node.name)
        return nib_fail_memory(err, "graph");
    graph->node = list;
    graph->node[graph->count] = node;
    *value = graph->count++;
    return NIB_OK;
}

nib_status nib_graph_input(nib_graph *graph, const char *name, nib_feed_type type, nib_domain domain,
                           int64_t width, nib_value *value, nib_error *err)
{
    if (width < 1 || (type == NIB_FEED_LABEL && width != 1))
        return nib_fail(err, NIB_ERR_SHAPE, "input %s: width %lld is not possible", name, (long long)width);
    if (domain == NIB_DOMAIN_NONE)
        return nib_fail(err, NIB_ERR_SHAPE, "input %s: rows must be samples or elements", name);
    if (nib_graph_find_input(graph, name) >= 0)
        return nib_fail(err, NIB_ERR_SHAPE, "input %s: there is one of this name", name);
    nib_node node = {.kind = NIB_NODE_INPUT, .name = name, .param = -1, .feed = type};
    node.shape = (nib_shape){.rate = NIB_RATE_TILE, .domain = domain, .rank = 1, .dim = {width, 1, 1}};
    return append(graph, node, value, err);
}

nib_status nib_graph_param(nib_graph *graph, int param, nib_value *value, nib_error *err)
{
    assert(param >= 0 && param < graph->params->count);
    const nib_param *row = &graph->params->row[param];
    nib_node node = {.kind = NIB_NODE_PARAM, .name = row->name, .param = param};
    node.shape = (nib_shape){.rate = NIB_RATE_STEP, .rank = row->rank, .dim = {row->cols, 1, 1}};
    if (row->rank == 2) {
        node.shape.dim[0] = row->rows;
        node.shape.dim[1] = row->cols;
    }
    return append(graph, node, value, err);
}

/* All tile-rate inputs must count the same rows unless the op maps one domain to another; infer decides that,
 * so only the rate is settled here. */
static nib_rate rate_of(const nib_shape *x, int inputs)
{
    for (int i = 0; i < inputs; ++i)
        if (x[i].rate == NIB_RATE_TILE)
            return NIB_RATE_TILE;
    return NIB_RATE_STEP;
}

static nib_status infer(const nib_op *op, const void *options, const nib_shape *x, int inputs,
                        nib_op_plan *plan, nib_error *err)
{
    if (inputs < op->min_inputs || inputs > op->max_inputs)
        return nib_fail(err, NIB_ERR_SHAPE, "%d inputs, but it takes %d to %d", inputs, op->min_inputs,
                        op->max_inputs);
    NIB_TRY(op->infer(options, x, inputs, plan, err));
    nib_rate rate = rate_of(x, inputs);
    if (rate == NIB_RATE_STEP && (op->flags & NIB_OP_BATCH_WIDE))
        return nib_fail(err, NIB_ERR_SHAPE, "it needs rows of a batch, but all inputs are parameters");
    assert(plan->y.rate == rate && plan->y.rank >= 1 && nib_shape_row(&plan->y) >= 1);
    return NIB_OK;
}

nib_status nib_graph_add(nib_graph *graph, const nib_op *op, const char *name, const void *options,
                         const nib_value *inputs, int n_inputs, nib_value *value, nib_error *err)
{
    assert(n_inputs >= 0 && n_inputs <= NIB_MAX_INPUTS);
    assert(op->options.count == 0 || options);
    nib_node node = {.kind = NIB_NODE_OP, .name = name, .op = op, .options = options, .param = -1};
    nib_shape x[NIB_MAX_INPUTS];
    node.n_inputs = n_inputs;
    for (int i = 0; i < n_inputs; ++i) {
        assert(inputs[i] >= 0 && inputs[i] < graph->count);
        node.input[i] = inputs[i];
        x[i] = graph->node[inputs[i]].shape;
    }
    nib_status status = infer(op, options, x, n_inputs, &node.plan, err);
    if (status != NIB_OK) {
        nib_error_prefix(err, "%s (%s)", name, op->name);
        return status;
    }
    node.shape = node.plan.y;
    return append(graph, node, value, err);
}

static nib_status mark(nib_graph *graph, marks *list, const char *name, nib_value value, double factor,
                       nib_error *err)
{
    assert(value >= 0 && value < graph->count);
    nib_graph_mark *items = grow(graph->arena, list->item, sizeof *items, list->count, &list->capacity);
    char *copy = nib_arena_strdup(graph->arena, name);
    if (!items || !copy)
        return nib_fail_memory(err, "graph");
    list->item = items;
    list->item[list->count++] = (nib_graph_mark){.name = copy, .value = value, .factor = factor};
    return NIB_OK;
}

/* One number per sample. */
static bool is_column(const nib_shape *shape)
{
    return shape->rate == NIB_RATE_TILE && shape->domain == NIB_DOMAIN_SAMPLES && nib_shape_row(shape) == 1;
}

nib_status nib_graph_loss(nib_graph *graph, const char *name, nib_value value, double factor, nib_error *err)
{
    const nib_shape *shape = &graph->node[value].shape;
    bool one = shape->rate == NIB_RATE_STEP && shape->rank == 1 && shape->dim[0] == 1;
    char text[NIB_SHAPE_BYTES];
    if (!one && !is_column(shape))
        return nib_fail(err, NIB_ERR_SHAPE, "loss %s is %s, not one number per sample", name,
                        nib_shape_text(shape, text));
    return mark(graph, &graph->losses, name, value, factor, err);
}

nib_status nib_graph_watch(nib_graph *graph, const char *name, nib_value value, nib_error *err)
{
    const nib_shape *shape = &graph->node[value].shape;
    char text[NIB_SHAPE_BYTES];
    if (!is_column(shape))
        return nib_fail(err, NIB_ERR_SHAPE, "watched value %s is %s, not one number per sample", name,
                        nib_shape_text(shape, text));
    return mark(graph, &graph->watches, name, value, 1.0, err);
}

nib_status nib_graph_output(nib_graph *graph, const char *name, nib_value value, nib_error *err)
{
    const nib_shape *shape = &graph->node[value].shape;
    char text[NIB_SHAPE_BYTES];
    if (shape->rate != NIB_RATE_TILE || shape->domain != NIB_DOMAIN_SAMPLES)
        return nib_fail(err, NIB_ERR_SHAPE, "output %s is %s, not a row per sample", name,
                        nib_shape_text(shape, text));
    return mark(graph, &graph->outputs, name, value, 1.0, err);
}

int nib_graph_nodes(const nib_graph *graph)
{
    return graph->count;
}

const nib_node *nib_graph_node(const nib_graph *graph, nib_value value)
{
    assert(value >= 0 && value < graph->count);
    return &graph->node[value];
}

nib_params *nib_graph_params(const nib_graph *graph)
{
    return graph->params;
}

int nib_graph_losses(const nib_graph *graph, const nib_graph_mark **list)
{
    *list = graph->losses.item;
    return graph->losses.count;
}

int nib_graph_watches(const nib_graph *graph, const nib_graph_mark **list)
{
    *list = graph->watches.item;
    return graph->watches.count;
}

int nib_graph_outputs(const nib_graph *graph, const nib_graph_mark **list)
{
    *list = graph->outputs.item;
    return graph->outputs.count;
}

int nib_graph_find_output(const nib_graph *graph, const char *name)
{
    for (int i = 0; i < graph->outputs.count; ++i)
        if (strcmp(graph->outputs.item[i].name, name) == 0)
            return i;
    return -1;
}

nib_value nib_graph_find_input(const nib_graph *graph, const char *name)
{
    for (int i = 0; i < graph->count; ++i)
        if (graph->node[i].kind == NIB_NODE_INPUT && strcmp(graph->node[i].name, name) == 0)
            return i;
    return -1;
}
