#include "train/layer_trace.h"

#include <stdio.h>

#include "train/double_forward.h"

enum { CHUNK_ROWS = 1024 };

/* ---- Integers ---- */

static int64_t width_of(const nib_fix_node *node)
{
    return node->positions * node->features;
}

void nib_network_values(const nib_fix_node *node, const int64_t *codes, int64_t rows, double *values)
{
    const int64_t width = width_of(node);
    for (int64_t c = 0; c < width; c++) {
        const nib_fixed type = nib_fix_type_at(&node->type, c);
        for (int64_t r = 0; r < rows; r++)
            values[r * width + c] = type.bits ? nib_fixed_value(&type, codes[r * width + c]) : 0;
    }
}

nib_status nib_network_trace(const nib_fixnet *net, const nib_dataset *data, int64_t rows, nib_arena *arena,
                             int64_t *const **codes, nib_engine_counts **counts, nib_error *err)
{
    int64_t **code = NIB_NEW(arena, int64_t *, net->n_nodes);
    int64_t **at = NIB_NEW(arena, int64_t *, net->n_nodes);
    const float **input = NIB_NEW(arena, const float *, net->n_inputs);
    nib_engine *engine = NULL;
    *counts = NIB_NEW(arena, nib_engine_counts, net->n_nodes);
    if (!code || !at || !input || !*counts)
        return nib_fail_memory(err, "trace");
    for (int i = 0; i < net->n_nodes; i++) {
        code[i] = NIB_NEW(arena, int64_t, rows * width_of(&net->node[i]));
        if (!code[i])
            return nib_fail_memory(err, "trace");
    }
    NIB_TRY(nib_engine_create(&engine, net, err));
    for (int64_t first = 0; first < rows; first += CHUNK_ROWS) {
        const int64_t n = rows - first < CHUNK_ROWS ? rows - first : CHUNK_ROWS;
        for (int i = 0; i < net->n_inputs; i++)
            input[i] = data->input[i].x + first * width_of(&net->node[i]);
        for (int i = 0; i < net->n_nodes; i++)
            at[i] = code[i] + first * width_of(&net->node[i]);
        nib_engine_trace(engine, input, n, at, *counts);
    }
    nib_engine_destroy(engine);
    *codes = code;
    return NIB_OK;
}

/* ---- Float ---- */

/* An output of the graph for every layer, behind the model's own, as nib_model_create_float has it. */
static nib_status add_outputs(nib_model *m, nib_error *err)
{
    for (int i = 0; i < m->n_layers; i++) {
        const char *name = nib_arena_printf(m->arena, "%s trace", m->layer[i].config->name);
        if (!name)
            return nib_fail_memory(err, "trace");
        NIB_TRY(nib_graph_output(m->graph, name, m->layer[i].value, err));
    }
    return NIB_OK;
}

static void copy_parameters(const nib_model *from, nib_model *to)
{
    const nib_params *a = from->params;
    for (int i = 0; i < to->params->count; i++) {
        const nib_param *y = &to->params->row[i];
        const int found = nib_params_find(a, y->name);
        if (found < 0)
            continue;
        const nib_param *x = &a->row[found];
        for (int64_t k = 0; k < x->rows * x->stride; k++)
            to->params->value[y->offset + k] =
                a->mask && a->mask[x->offset + k] == 0 ? 0 : a->value[x->offset + k];
    }
}

/* One of the two float ways through a model that has an output for every layer.
 * @param wanted  [n_layers][rows, width] */
static nib_status run_float(const nib_model *m, const nib_dataset *data, const nib_layer_trace *trace,
                            float *const *wanted, nib_team *team, nib_arena *arena, nib_error *err)
{
    nib_exec *exec;
    nib_feed *feeds = nib_model_feeds(arena, m, data);
    float **out = NIB_NEW(arena, float *, m->n_outputs + m->n_layers);
    if (!feeds || !out)
        return nib_fail_memory(err, "trace");
    for (int i = m->n_inputs; i < m->n_inputs + m->n_outputs; i++)
        feeds[i].data = NULL; /* losses are not wanted */
    NIB_TRY(nib_exec_create(&exec, m->graph, NIB_MODE_EVALUATE, CHUNK_ROWS, 0, team, err));
    for (int64_t first = 0; first < trace->rows; first += CHUNK_ROWS) {
        const int64_t n = trace->rows - first < CHUNK_ROWS ? trace->rows - first : CHUNK_ROWS;
        const nib_batch batch = {.rows = n, .first = first, .feeds = feeds};
        nib_sums sums;
        for (int i = 0; i < m->n_layers; i++)
            out[m->n_outputs + i] = wanted[i] + first * trace->tensor[m->n_inputs + i].width;
        nib_exec_forward(exec, &batch, out, &sums);
    }
    nib_exec_destroy(exec);
    return NIB_OK;
}

/* Without quantizers. */
static nib_status plain_way(nib_model *m, nib_config *config, const nib_dataset *data, nib_layer_trace *trace,
                            nib_team *team, nib_arena *arena, nib_error *err)
{
    nib_model *plain;
    float **wanted = NIB_NEW(arena, float *, m->n_layers);
    if (!wanted)
        return nib_fail_memory(err, "trace");
    for (int i = 0; i < m->n_layers; i++)
        wanted[i] = trace->tensor[m->n_inputs + i].plain;
    NIB_TRY(nib_model_create_float(&plain, config, data, err));
    copy_parameters(m, plain);
    const nib_status status = run_float(plain, data, trace, wanted, team, arena, err);
    nib_model_destroy(plain);
    return status;
}

/* With quantizers, in float. */
static nib_status quantized_way(nib_model *m, const nib_dataset *data, nib_layer_trace *trace, nib_team *team,
                                nib_arena *arena, nib_error *err)
{
    float **wanted = NIB_NEW(arena, float *, m->n_layers);
    if (!wanted)
        return nib_fail_memory(err, "trace");
    for (int i = 0; i < m->n_layers; i++) {
        wanted[i] = NIB_NEW(arena, float, trace->rows * trace->tensor[m->n_inputs + i].width);
        if (!wanted[i])
            return nib_fail_memory(err, "trace");
    }
    NIB_TRY(add_outputs(m, err));
    NIB_TRY(run_float(m, data, trace, wanted, team, arena, err));
    for (int i = 0; i < m->n_layers; i++) {
        const nib_traced *t = &trace->tensor[m->n_inputs + i];
        for (int64_t k = 0; k < trace->rows * t->width; k++)
            t->quantized[k] = (double)wanted[i][k];
    }
    return NIB_OK;
}

/* The same in double. */
static nib_status double_way(const nib_model *m, const nib_dataset *data, nib_layer_trace *trace,
                             nib_team *team, nib_arena *arena, nib_error *err)
{
    nib_double_forward *forward;
    double **wanted = NIB_NEW(arena, double *, m->n_layers);
    const float **input = NIB_NEW(arena, const float *, m->n_inputs);
    if (!wanted || !input)
        return nib_fail_memory(err, "trace");
    for (int i = 0; i < m->n_layers; i++)
        wanted[i] = trace->tensor[m->n_inputs + i].quantized;
    for (int i = 0; i < m->n_inputs; i++)
        input[i] = data->input[i].x;
    NIB_TRY(nib_double_forward_create(&forward, m, team, err));
    nib_double_forward_run(forward, input, trace->rows, NULL, wanted);
    nib_double_forward_destroy(forward);
    return NIB_OK;
}

/* Inputs as they are fed; quantized they are what the integers are. */
static void trace_inputs(const nib_model *m, const nib_dataset *data, nib_layer_trace *trace)
{
    for (int i = 0; i < m->n_inputs; i++) {
        const nib_traced *t = &trace->tensor[i];
        for (int64_t k = 0; k < trace->rows * t->width; k++) {
            t->plain[k] = data->input[i].x[k];
            t->quantized[k] = m->input[i].quantizer ? t->integer[k] : (double)t->plain[k];
        }
    }
}

/* ---- The whole ---- */

/* The softmax of the logits in front; quantized, with exact tables, cast to its type. */
static void trace_softmax(const nib_fix_node *node, const nib_traced *logits, int64_t rows, float *scratch,
                          const nib_traced *t)
{
    const int64_t n = rows * t->width;
    nib_link_apply(NIB_LINK_SOFTMAX, rows, t->width, logits->plain, t->plain);
    for (int64_t k = 0; k < n; k++)
        scratch[k] = (float)logits->quantized[k];
    nib_link_apply(NIB_LINK_SOFTMAX, rows, t->width, scratch, scratch);
    for (int64_t k = 0; k < n; k++) {
        const nib_fixed type = nib_fix_type_at(&node->type, k % t->width);
        t->quantized[k] =
            type.bits ? nib_fixed_value(&type, nib_fixed_cast_double(&type, (double)scratch[k])) : 0;
    }
}

static nib_status trace_softmaxes(const nib_lowering *lowering, nib_layer_trace *trace, int first,
                                  nib_arena *arena, nib_error *err)
{
    for (int i = first; i < trace->count; i++) {
        const nib_traced *t = &trace->tensor[i], *logits = NULL;
        const nib_fix_node *node = &lowering->net.node[t->node];
        for (int k = 0; k < first; k++)
            if (trace->tensor[k].node == node->input[0])
                logits = &trace->tensor[k];
        float *scratch = NIB_NEW(arena, float, trace->rows * t->width);
        if (!scratch)
            return nib_fail_memory(err, "trace");
        if (logits)
            trace_softmax(node, logits, trace->rows, scratch, t);
    }
    return NIB_OK;
}

static nib_status make_tensor(const nib_model *m, const nib_lowering *lowering, int index, int64_t rows,
                              nib_arena *arena, nib_traced *t, nib_error *err)
{
    const int behind = index - m->n_inputs - m->n_layers, of_layers = m->n_inputs + m->n_layers;
    t->layer = index < m->n_inputs || behind >= 0 ? -1 : index - m->n_inputs;
    t->node = index < m->n_inputs ? index
              : behind >= 0       ? lowering->net.n_nodes - 1 - behind
                                  : lowering->layer_node[t->layer];
    const nib_fix_node *node = &lowering->net.node[t->node];
    t->name = index < m->n_inputs ? m->input[index].name
              : index < of_layers ? m->layer[t->layer].config->name
                                  : node->name;
    t->width = width_of(node);
    t->plain = NIB_NEW(arena, float, rows * t->width);
    t->quantized = NIB_NEW(arena, double, rows * t->width);
    t->integer = NIB_NEW(arena, double, rows * t->width);
    return t->plain && t->quantized && t->integer ? NIB_OK : nib_fail_memory(err, "trace");
}

/* Softmaxes at the end of the network that no layer has made. */
static int count_softmaxes(const nib_model *m, const nib_lowering *lowering)
{
    int last = m->n_inputs - 1;
    for (int i = 0; i < m->n_layers; i++)
        last = lowering->layer_node[i] > last ? lowering->layer_node[i] : last;
    return lowering->net.n_nodes - 1 - last;
}

nib_status nib_layer_trace_run(nib_model *model, nib_config *config, const nib_lowering *lowering,
                               const nib_dataset *data, int64_t rows, nib_team *team, nib_arena *arena,
                               nib_layer_trace *trace, nib_error *err)
{
    int64_t *const *codes;
    nib_engine_counts *counts;
    const int of_layers = model->n_inputs + model->n_layers;
    *trace = (nib_layer_trace){.rows = rows, .count = of_layers + count_softmaxes(model, lowering)};
    trace->tensor = NIB_NEW(arena, nib_traced, trace->count);
    if (!trace->tensor)
        return nib_fail_memory(err, "trace");
    NIB_TRY(nib_network_trace(&lowering->net, data, rows, arena, &codes, &counts, err));
    for (int i = 0; i < trace->count; i++) {
        nib_traced *t = &trace->tensor[i];
        NIB_TRY(make_tensor(model, lowering, i, rows, arena, t, err));
        t->code = codes[t->node];
        t->counts = counts[t->node];
        nib_network_values(&lowering->net.node[t->node], t->code, rows, t->integer);
    }
    trace_inputs(model, data, trace);
    NIB_TRY(plain_way(model, config, data, trace, team, arena, err));
    const bool in_double =
        lowering->n_fills == 0 && nib_lower_exactness(lowering, NULL, 0) == NIB_EXACT_DOUBLE;
    NIB_TRY(in_double ? double_way(model, data, trace, team, arena, err)
                      : quantized_way(model, data, trace, team, arena, err));
    return trace_softmaxes(lowering, trace, of_layers, arena, err);
}
