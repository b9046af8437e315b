#include "train/units.h"

#include <string.h>

#include "train/paths.h"

int64_t nib_units_first(const nib_units *u, int from)
{
    return from < 0 ? u->first_input[-1 - from] : u->first_layer[from];
}

static int64_t width_of(const nib_model *m, int from)
{
    return from < 0 ? m->input[-1 - from].width : nib_shape_row(&m->layer[from].shape);
}

/* ---- Weights ---- */

static const nib_quantizer_config *quantizer_of(const nib_model *m, int param)
{
    for (int i = 0; i < m->n_tensors; i++)
        if (m->tensor[i].param == param)
            return m->tensor[i].quantizer;
    return NULL;
}

/* Hardware rounds the weights after batch norm has been folded in: what is zero before that need not be so.
 */
static bool takes_in_norm(const nib_model *m, int param)
{
    for (int i = 0; i < m->n_layers; i++)
        if (nib_layer_row(m, i, "gamma") >= 0 && m->layer[i].from[0] >= 0 &&
            nib_layer_kernel(m, m->layer[i].from[0]) == param)
            return true;
    return false;
}

float *nib_units_effective(nib_arena *arena, const nib_model *m, int param)
{
    const nib_param *row = &m->params->row[param];
    const int64_t n = nib_params_elements(row);
    float *value = NIB_NEW(arena, float, n), *mask = NIB_NEW(arena, float, n);
    const nib_quantizer_config *q = quantizer_of(m, param);
    if (!value || !mask)
        return NULL;
    nib_params_pack(m->params, param, m->params->value, value);
    if (q && q->type && !takes_in_norm(m, param)) {
        const bool vector = row->rank == 1;
        const nib_quantize_call call = {.options = q->options,
                                        .rows = vector ? row->cols : row->rows,
                                        .cols = vector ? 1 : row->cols,
                                        .stride = vector ? 1 : row->cols,
                                        .scale = nib_model_scales(m, q, m->params->value),
                                        .x = value,
                                        .y = value};
        nib_quantizer_forward(q->type, &call);
    }
    if (m->params->mask)
        nib_params_pack(m->params, param, m->params->mask, mask);
    for (int64_t i = 0; m->params->mask && i < n; i++)
        value[i] = mask[i] != 0.0f ? value[i] : 0.0f;
    return value;
}

/* ---- Groups ---- */

static int64_t root(const nib_units *u, int64_t unit)
{
    while (u->group[unit] != unit)
        unit = u->group[unit];
    return unit;
}

static void join(nib_units *u, int64_t a, int64_t b)
{
    const int64_t ra = root(u, a), rb = root(u, b), low = ra < rb ? ra : rb;
    u->group[ra] = u->group[rb] = low;
    u->fixed[low] = u->fixed[ra] || u->fixed[rb];
}

static void fix(nib_units *u, int64_t first, int64_t count)
{
    for (int64_t i = 0; i < count; i++)
        u->fixed[root(u, first + i)] = 1;
}

static void join_layer(nib_units *u, int layer)
{
    const nib_model_layer *l = &u->model->layer[layer];
    const nib_flow flow = l->config->type->flow;
    const int64_t first = u->first_layer[layer], width = nib_shape_row(&l->shape);
    int64_t at = first;
    for (int i = 0; i < l->n_from; i++) {
        const int64_t below = nib_units_first(u, l->from[i]), n = width_of(u->model, l->from[i]);
        for (int64_t k = 0; k < n; k++) {
            if (flow == NIB_FLOW_UNITWISE || flow == NIB_FLOW_POOL)
                join(u, first + k, below + k);
            else if (flow == NIB_FLOW_CONCAT)
                join(u, at++, below + k);
        }
        if (flow == NIB_FLOW_MIXED)
            fix(u, below, n);
    }
    if (flow == NIB_FLOW_MIXED)
        fix(u, first, width);
}

static void find_groups(nib_units *u)
{
    const nib_model *m = u->model;
    for (int64_t i = 0; i < u->count; i++)
        u->group[i] = i;
    for (int i = 0; i < m->n_inputs; i++)
        fix(u, u->first_input[i], m->input[i].width);
    for (int i = 0; i < m->n_layers; i++)
        join_layer(u, i);
    for (int i = 0; i < m->n_outputs; i++)
        fix(u, u->first_layer[m->output[i].layer], m->output[i].width);
    for (int64_t i = 0; i < u->count; i++) {
        u->group[i] = root(u, i);
        u->fixed[i] = u->fixed[u->group[i]];
    }
}

/* ---- Constant units, from the inputs up ---- */

static bool scaled_to_zero(const nib_units *u, int layer, int64_t k)
{
    const int gamma = nib_layer_row(u->model, layer, "gamma");
    const nib_params *p = u->model->params;
    if (gamma < 0)
        return false;
    const int64_t at = p->row[gamma].offset + k;
    return p->value[at] == 0.0f || (p->mask && p->mask[at] == 0.0f);
}

static void find_constant(nib_units *u, int layer, const uint8_t *zero)
{
    const nib_model_layer *l = &u->model->layer[layer];
    const nib_flow flow = l->config->type->flow;
    const int kernel = nib_layer_kernel(u->model, layer);
    const int64_t first = u->first_layer[layer], width = nib_shape_row(&l->shape);
    int64_t at = first;
    memset(u->constant + first, flow != NIB_FLOW_MIXED, (size_t)width);
    for (int i = 0; i < l->n_from; i++) {
        const int64_t below = nib_units_first(u, l->from[i]), n = width_of(u->model, l->from[i]);
        for (int64_t k = 0; k < n; k++) {
            const uint8_t is = u->constant[below + k];
            if (flow == NIB_FLOW_UNITWISE)
                u->constant[first + k] &= is || scaled_to_zero(u, layer, k);
            else if (flow == NIB_FLOW_POOL)
                u->constant[first + k] &= is && zero && zero[below + k - u->first_layer[0]];
            else if (flow == NIB_FLOW_CONCAT)
                u->constant[at++] = is;
            for (int64_t c = 0; flow == NIB_FLOW_KERNEL && c < width; c++)
                u->constant[first + c] &= is || u->weight[kernel][k * width + c] == 0.0f;
        }
    }
}

/* ---- Used units, from the outputs down ---- */

static void find_used(nib_units *u, int layer)
{
    const nib_model_layer *l = &u->model->layer[layer];
    const nib_flow flow = l->config->type->flow;
    const int kernel = nib_layer_kernel(u->model, layer);
    const int64_t first = u->first_layer[layer], width = nib_shape_row(&l->shape);
    int64_t at = first;
    for (int i = 0; i < l->n_from; i++) {
        const int64_t below = nib_units_first(u, l->from[i]), n = width_of(u->model, l->from[i]);
        for (int64_t k = 0; k < n; k++) {
            uint8_t is = flow == NIB_FLOW_MIXED;
            if (flow == NIB_FLOW_UNITWISE || flow == NIB_FLOW_POOL)
                is = u->used[first + k] && !scaled_to_zero(u, layer, k);
            else if (flow == NIB_FLOW_CONCAT)
                is = u->used[at++];
            for (int64_t c = 0; flow == NIB_FLOW_KERNEL && !is && c < width; c++)
                is = u->used[first + c] && u->weight[kernel][k * width + c] != 0.0f;
            u->used[below + k] |= is;
        }
    }
}

static nib_status allocate(nib_arena *arena, nib_units *u, nib_error *err)
{
    const nib_model *m = u->model;
    u->first_input = NIB_NEW(arena, int64_t, m->n_inputs);
    u->first_layer = NIB_NEW(arena, int64_t, m->n_layers);
    u->weight = NIB_NEW(arena, float *, m->params->count);
    if (!u->first_input || !u->first_layer || !u->weight)
        return nib_fail_memory(err, "units");
    for (int i = 0; i < m->n_inputs; i++) {
        u->first_input[i] = u->count;
        u->count += m->input[i].width;
    }
    for (int i = 0; i < m->n_layers; i++) {
        u->first_layer[i] = u->count;
        u->count += nib_shape_row(&m->layer[i].shape);
    }
    u->constant = NIB_NEW(arena, uint8_t, u->count);
    u->used = NIB_NEW(arena, uint8_t, u->count);
    u->fixed = NIB_NEW(arena, uint8_t, u->count);
    u->group = NIB_NEW(arena, int64_t, u->count);
    if (!u->constant || !u->used || !u->fixed || !u->group)
        return nib_fail_memory(err, "units");
    for (int i = 0; i < m->params->count; i++)
        if (m->params->row[i].role == NIB_ROLE_KERNEL && !(u->weight[i] = nib_units_effective(arena, m, i)))
            return nib_fail_memory(err, "units");
    return NIB_OK;
}

nib_status nib_units_find(nib_arena *arena, const nib_model *model, const uint8_t *zero, nib_units *units,
                          nib_error *err)
{
    *units = (nib_units){.model = model};
    NIB_TRY(allocate(arena, units, err));
    find_groups(units);
    for (int i = 0; i < model->n_layers; i++)
        find_constant(units, i, zero);
    for (int i = 0; i < model->n_outputs; i++)
        memset(units->used + units->first_layer[model->output[i].layer], 1, (size_t)model->output[i].width);
    for (int i = model->n_layers; i-- > 0;)
        find_used(units, i);
    return NIB_OK;
}

bool nib_units_removable(const nib_units *u, int64_t unit)
{
    if (u->fixed[unit])
        return false;
    for (int64_t i = 0; i < u->count; i++)
        if (u->group[i] == u->group[unit] && !u->constant[i] && u->used[i])
            return false;
    return true;
}
