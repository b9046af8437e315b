/* The layers of an export in one list, and the order that Keras gives them. */
#include "quant/export_graph.h"

#include <stdio.h>
#include <string.h>

/* Nodes make few layers each: an add of eight tensors seven, and a cast. */
enum { LAYERS_PER_NODE = NIB_FIX_MAX_INPUTS + 2 };

static bool is_taken(const nib_keras_graph *graph, const char *name)
{
    for (int i = 0; i < graph->count; i++)
        if (strcmp(graph->layer[i].name, name) == 0)
            return true;
    return false;
}

nib_keras_layer *nib_keras_graph_add(nib_keras_graph *graph, const char *class_name, int n, const int *inputs,
                                     const char *format, ...)
{
    char text[2 * NIB_FIX_NAME_BYTES];
    va_list args;
    va_start(args, format);
    const int length = vsnprintf(text, sizeof text - 16, format, args);
    va_end(args);
    if (length < 0 || graph->count == graph->capacity || n > NIB_KERAS_MAX_INPUTS)
        return NULL;
    const size_t plain = strlen(text);
    for (int i = 2; is_taken(graph, text); i++)
        (void)snprintf(text + plain, 16, "_%d", i);
    nib_keras_layer *layer = &graph->layer[graph->count];
    *layer = (nib_keras_layer){.name = nib_arena_strdup(graph->arena, text),
                               .class_name = class_name,
                               .node = -1,
                               .n_inputs = n,
                               .config = cJSON_CreateObject()};
    graph->count++; /* counted even when it failed, so that its JSON is freed */
    if (!layer->name || !layer->config)
        return NULL;
    for (int i = 0; i < n; i++)
        layer->input[i] = inputs[i];
    return layer;
}

nib_doc *nib_keras_settings(nib_keras_graph *graph, nib_keras_layer *layer)
{
    if (!layer->settings)
        layer->settings = nib_doc_new_map(graph->arena);
    return layer->settings;
}

nib_status nib_keras_precision(nib_keras_graph *graph, nib_keras_layer *layer, const char *variable,
                               const nib_fixed *type, nib_error *err)
{
    nib_doc *settings = nib_keras_settings(graph, layer), *precision = nib_doc_get(settings, "Precision");
    const char *text = nib_export_type(graph->arena, type);
    if (settings && !precision)
        precision = nib_doc_add(graph->arena, settings, "Precision", nib_doc_new_map(graph->arena));
    if (!text || !precision || !nib_doc_add_text(graph->arena, precision, variable, "%s", text))
        return nib_fail_memory(err, "hls4ml's config");
    return NIB_OK;
}

/* ---- Order: Keras matches weights by position ---- */

typedef struct walker {
    nib_keras_graph *graph;
    int *depth, *visit, *sequence;
    bool *done;
    int visits, finished;
} walker;

/* keras.engine.functional._build_map: numbered when first met, coming from the outputs. */
static void walk(walker *w, int layer)
{
    const nib_keras_layer *l = &w->graph->layer[layer];
    if (w->done[layer])
        return;
    if (w->visit[layer] < 0)
        w->visit[layer] = w->visits++;
    for (int i = 0; i < l->n_inputs; i++)
        walk(w, l->input[i]);
    w->done[layer] = true;
    w->sequence[w->finished++] = layer;
}

static bool comes_before(const walker *w, int a, int b)
{
    return w->depth[a] > w->depth[b] || (w->depth[a] == w->depth[b] && w->visit[a] < w->visit[b]);
}

/* keras.engine.functional._map_graph_network: falling longest way to an output, then the order of the walk.
 */
static void sort(walker *w)
{
    nib_keras_graph *g = w->graph;
    for (int i = w->finished - 1; i >= 0; i--) {
        const int at = w->sequence[i];
        for (int k = 0; k < g->layer[at].n_inputs; k++) {
            int *depth = &w->depth[g->layer[at].input[k]];
            *depth = *depth > w->depth[at] + 1 ? *depth : w->depth[at] + 1;
        }
    }
    for (int i = 0; i < w->finished; i++) {
        int at = i;
        for (; at > 0 && comes_before(w, w->sequence[i], g->order[at - 1]); at--)
            g->order[at] = g->order[at - 1];
        g->order[at] = w->sequence[i];
    }
}

static nib_status order_layers(nib_keras_graph *g, const nib_fixnet *net, nib_error *err)
{
    walker w = {.graph = g,
                .depth = NIB_NEW(g->arena, int, g->count),
                .visit = NIB_NEW(g->arena, int, g->count),
                .sequence = NIB_NEW(g->arena, int, g->count),
                .done = NIB_NEW(g->arena, bool, g->count)};
    g->order = NIB_NEW(g->arena, int, g->count);
    if (!w.depth || !w.visit || !w.sequence || !w.done || !g->order)
        return nib_fail_memory(err, "Keras layout");
    for (int i = 0; i < g->count; i++)
        w.visit[i] = -1;
    for (int i = 0; i < net->n_outputs; i++)
        walk(&w, g->of_node[net->output[i].node]);
    sort(&w);
    g->chain = net->n_inputs == 1 && net->n_outputs == 1;
    for (int i = 0; i < w.finished; i++) {
        const nib_keras_layer *l = &g->layer[g->order[i]];
        g->chain =
            g->chain && (i == 0 ? l->n_inputs == 0 : l->n_inputs == 1 && l->input[0] == g->order[i - 1]);
    }
    g->n_ordered = w.finished;
    return NIB_OK;
}

nib_status nib_keras_graph_make(const nib_export *export, nib_arena *arena, nib_keras_graph *graph,
                                nib_error *err)
{
    const nib_fixnet *net = export->net;
    *graph = (nib_keras_graph){.arena = arena, .capacity = LAYERS_PER_NODE * net->n_nodes};
    graph->layer = NIB_NEW(arena, nib_keras_layer, graph->capacity);
    graph->of_node = NIB_NEW(arena, int, net->n_nodes);
    if (!graph->layer || !graph->of_node)
        return nib_fail_memory(err, "export");
    nib_status status = nib_export_choose_route(export, &graph->route, err);
    for (int i = 0; status == NIB_OK && i < net->n_nodes; i++)
        status = nib_keras_layers_of(export, graph, i, err);
    if (status == NIB_OK)
        status = order_layers(graph, net, err);
    if (status != NIB_OK)
        nib_keras_graph_free(graph);
    return status;
}

void nib_keras_graph_free(nib_keras_graph *graph)
{
    for (int i = 0; i < graph->count; i++)
        cJSON_Delete(graph->layer[i].config);
    graph->count = 0;
}
