#include "train/paths.h"

#include <string.h>

int nib_layer_kernel(const nib_model *m, int layer)
{
    const nib_model_layer *l = &m->layer[layer];
    for (int i = l->first_param; i < l->first_param + l->n_params; i++)
        if (m->params->row[i].role == NIB_ROLE_KERNEL)
            return i;
    return -1;
}

int nib_layer_row(const nib_model *m, int layer, const char *var)
{
    const nib_model_layer *l = &m->layer[layer];
    for (int i = l->first_param; i < l->first_param + l->n_params; i++)
        if (strcmp(m->params->row[i].var, var) == 0)
            return i;
    return -1;
}

nib_status nib_paths_create(nib_arena *arena, const nib_model *model, nib_paths *paths, nib_error *err)
{
    paths->model = model;
    paths->reached = NIB_NEW(arena, uint8_t *, model->n_layers);
    if (!paths->reached)
        return nib_fail_memory(err, "paths");
    for (int i = 0; i < model->n_layers; i++) {
        paths->reached[i] = NIB_NEW(arena, uint8_t, nib_shape_row(&model->layer[i].shape));
        if (!paths->reached[i])
            return nib_fail_memory(err, "paths");
    }
    return NIB_OK;
}

/* Unit u of input `from` (a layer, or an input of the model: always reached). */
static uint8_t reaches(const nib_paths *p, int from, int64_t u)
{
    return from < 0 ? 1 : p->reached[from][u];
}

static int64_t width_of(const nib_model *m, int from)
{
    return from < 0 ? m->input[-1 - from].width : nib_shape_row(&m->layer[from].shape);
}

static void through_kernel(nib_paths *p, const nib_model_layer *l, int kernel, uint8_t *y)
{
    const nib_params *params = p->model->params;
    const nib_param *row = &params->row[kernel];
    memset(y, 0, (size_t)row->cols);
    for (int64_t r = 0; r < row->rows; r++)
        for (int64_t c = 0; reaches(p, l->from[0], r) && c < row->cols; c++)
            y[c] |= !params->mask || params->mask[row->offset + r * row->stride + c] != 0.0f;
}

/* A unit whose scale is masked is constant, whatever comes in. */
static void through_units(nib_paths *p, int index, uint8_t *y)
{
    const nib_model *m = p->model;
    const nib_model_layer *l = &m->layer[index];
    const int gamma = nib_layer_row(m, index, "gamma");
    const int64_t width = nib_shape_row(&l->shape);
    for (int64_t u = 0; u < width; u++) {
        uint8_t any = 0;
        for (int i = 0; i < l->n_from; i++)
            any |= reaches(p, l->from[i], u);
        if (gamma >= 0 && m->params->mask)
            any &= m->params->mask[m->params->row[gamma].offset + u] != 0.0f;
        y[u] = any;
    }
}

static void through_concat(nib_paths *p, const nib_model_layer *l, uint8_t *y)
{
    for (int i = 0; i < l->n_from; i++) {
        const int64_t width = width_of(p->model, l->from[i]);
        for (int64_t u = 0; u < width; u++)
            *y++ = reaches(p, l->from[i], u);
    }
}

static void through_all(nib_paths *p, const nib_model_layer *l, uint8_t *y)
{
    uint8_t any = 0;
    for (int i = 0; i < l->n_from; i++)
        for (int64_t u = 0; u < width_of(p->model, l->from[i]); u++)
            any |= reaches(p, l->from[i], u);
    memset(y, any, (size_t)nib_shape_row(&l->shape));
}

int nib_paths_follow(nib_paths *p)
{
    const nib_model *m = p->model;
    int first = -1;
    for (int i = 0; i < m->n_layers; i++) {
        const nib_model_layer *l = &m->layer[i];
        const int64_t width = nib_shape_row(&l->shape);
        const int kernel = nib_layer_kernel(m, i);
        uint8_t *y = p->reached[i];
        if (l->config->type->flow == NIB_FLOW_KERNEL && kernel >= 0)
            through_kernel(p, l, kernel, y);
        else if (l->config->type->flow == NIB_FLOW_UNITWISE || l->config->type->flow == NIB_FLOW_POOL)
            through_units(p, i, y);
        else if (l->config->type->flow == NIB_FLOW_CONCAT)
            through_concat(p, l, y);
        else
            through_all(p, l, y);
        if (first < 0 && !memchr(y, 1, (size_t)width))
            first = i;
    }
    return first;
}
