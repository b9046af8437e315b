#include "train/strip.h"

#include <inttypes.h>
#include <string.h>

#include "train/paths.h"
#include "train/units.h"

/* A model while it is stripped. */
typedef struct stripper {
    nib_arena *arena;
    const nib_model *model;
    nib_config *config;
    const nib_dataset *shapes;
    nib_team *team;
    float **value; /* [n_layers][width] what each layer gives for inputs of 0: right for constant units */
    nib_units units;
    uint8_t *keep; /* [units] */
    nib_strip *strip;
} stripper;

/* ---- What constant units are ---- */

/* One row of zeros through the network, as it is and with the outputs of all layers. */
static nib_status run_zeros(stripper *s, nib_model *watched, nib_error *err)
{
    const nib_model *m = s->model;
    const int n_feeds = m->n_inputs + 2 * m->n_outputs, n_out = m->n_outputs + m->n_layers;
    nib_feed *feed = NIB_NEW(s->arena, nib_feed, n_feeds);
    float **out = NIB_NEW(s->arena, float *, n_out);
    nib_exec *exec;
    nib_sums sums;
    s->value = NIB_NEW(s->arena, float *, m->n_layers);
    if (!feed || !out || !s->value)
        return nib_fail_memory(err, "strip");
    for (int i = 0; i < m->n_inputs; i++)
        if (!(feed[i].data = NIB_NEW(s->arena, float, m->input[i].width)))
            return nib_fail_memory(err, "strip");
    for (int i = 0; i < m->n_layers; i++) {
        s->value[i] = NIB_NEW(s->arena, float, nib_shape_row(&m->layer[i].shape));
        if (!s->value[i])
            return nib_fail_memory(err, "strip");
        out[m->n_outputs + i] = s->value[i];
    }
    memcpy(watched->params->value, m->params->value, (size_t)m->params->size * sizeof(float));
    watched->params->mask = m->params->mask;
    NIB_TRY(nib_exec_create(&exec, watched->graph, NIB_MODE_EVALUATE, 1, 0, s->team, err));
    const nib_batch batch = {.rows = 1, .feeds = feed};
    nib_exec_forward(exec, &batch, out, &sums);
    nib_exec_destroy(exec);
    return NIB_OK;
}

static nib_status find_values(stripper *s, nib_error *err)
{
    nib_model *watched;
    for (int i = 0; i < s->model->n_inputs; i++)
        if (nib_graph_node(s->model->graph, s->model->input[i].raw)->shape.domain == NIB_DOMAIN_ELEMENTS)
            return nib_fail(err, NIB_ERR_UNSUPPORTED, "input %s: networks of sets are not stripped",
                            s->model->input[i].name);
    NIB_TRY(nib_model_create_watched(&watched, s->config, s->shapes, err));
    nib_status status = run_zeros(s, watched, err);
    nib_model_destroy(watched);
    return status;
}

/* ---- What is kept ---- */

static nib_status choose_units(stripper *s, nib_error *err)
{
    const nib_model *m = s->model;
    NIB_TRY(nib_units_find(s->arena, m, NULL, &s->units, err));
    s->keep = NIB_NEW(s->arena, uint8_t, s->units.count);
    if (!s->keep)
        return nib_fail_memory(err, "strip");
    for (int64_t u = 0; u < s->units.count; u++)
        s->keep[u] = !nib_units_removable(&s->units, u);
    for (int i = 0; i < m->n_layers; i++) {
        const int64_t first = s->units.first_layer[i], width = nib_shape_row(&m->layer[i].shape);
        if (memchr(s->keep + first, 1, (size_t)width))
            continue;
        for (int64_t u = 0; u < s->units.count; u++)
            if (s->units.group[u] == s->units.group[first])
                s->keep[u] = 1;
    }
    return NIB_OK;
}

static int64_t count_kept(const stripper *s, int64_t first, int64_t width)
{
    int64_t n = 0;
    for (int64_t i = 0; i < width; i++)
        n += s->keep[first + i];
    return n;
}

/* ---- The new model ---- */

/* The config again, with the numbers of units that are left. */
static nib_status make_config(stripper *s, nib_error *err)
{
    const nib_model *m = s->model;
    const char **sets = NIB_NEW(s->arena, const char *, m->n_layers);
    const char *text = nib_config_text(s->config);
    int n = 0;
    if (!sets || !text)
        return nib_fail_memory(err, "strip");
    for (int i = 0; i < m->n_layers; i++) {
        const nib_layer_config *c = m->layer[i].config;
        const int64_t width = nib_shape_row(&m->layer[i].shape);
        const int64_t kept = count_kept(s, s->units.first_layer[i], width);
        if (!c->type->units || kept == width)
            continue;
        sets[n] = nib_arena_printf(s->arena, "model.layers.%s.units=%" PRId64, c->name, kept);
        if (!sets[n++])
            return nib_fail_memory(err, "strip");
    }
    return nib_config_parse(s->config->path, ".", text, strlen(text), sets, n, &s->strip->config, err);
}

/* The units that index `count` rows or columns of a parameter stand for; NULL: none, all are kept. */
static const uint8_t *keep_of(const stripper *s, int from, int64_t count)
{
    const nib_model *m = s->model;
    const int64_t width = from < 0 ? m->input[-1 - from].width : nib_shape_row(&m->layer[from].shape);
    return width == count ? s->keep + nib_units_first(&s->units, from) : NULL;
}

/* The part of a row of the old table that is left, as the new one's. */
static void copy_row(const nib_params *old, int index, const nib_params *new, int to, const uint8_t *rows,
                     const uint8_t *cols, const float *from, float *into)
{
    const nib_param *a = &old->row[index], *b = &new->row[to];
    int64_t r = 0;
    for (int64_t i = 0; i < a->rows; i++) {
        int64_t c = 0;
        if (rows && !rows[i])
            continue;
        for (int64_t k = 0; k < a->cols; k++)
            if (!cols || cols[k])
                into[b->offset + r * b->stride + c++] = from[a->offset + i * a->stride + k];
        r++;
    }
}

static nib_status copy_params(stripper *s, nib_error *err)
{
    const nib_model *m = s->model;
    nib_params *new = s->strip->model->params;
    if (m->params->mask)
        NIB_TRY(nib_params_add_masks(new, err));
    for (int i = 0; i < m->n_layers; i++)
        for (int p = m->layer[i].first_param; p < m->layer[i].first_param + m->layer[i].n_params; p++) {
            const nib_param *row = &m->params->row[p];
            const int to = nib_params_find(new, row->name);
            const uint8_t *cols = keep_of(s, i, row->cols);
            const uint8_t *rows =
                row->role == NIB_ROLE_KERNEL ? keep_of(s, m->layer[i].from[0], row->rows) : NULL;
            copy_row(m->params, p, new, to, rows, cols, m->params->value, new->value);
            if (m->params->mask)
                copy_row(m->params, p, new, to, rows, cols, m->params->mask, new->mask);
        }
    for (int i = 0; i < m->n_tensors; i++) { /* inputs have scales alone */
        const nib_model_tensor *t = &m->tensor[i];
        const int to =
            t->input >= 0 && t->scale >= 0 ? nib_params_find(new, m->params->row[t->scale].name) : -1;
        if (to >= 0)
            copy_row(m->params, t->scale, new, to, NULL, NULL, m->params->value, new->value);
    }
    return NIB_OK;
}

/* ---- Folding ---- */

/* What the removed inputs of a layer added to each of its outputs. @return true: to any */
static bool folded(const stripper *s, int layer, int kernel, double *sum)
{
    const nib_model_layer *l = &s->model->layer[layer];
    const nib_param *row = &s->model->params->row[kernel];
    const int64_t below = nib_units_first(&s->units, l->from[0]);
    bool any = false;
    for (int64_t r = 0; l->from[0] >= 0 && r < row->rows; r++) {
        const double c = (double)s->value[l->from[0]][r];
        if (s->keep[below + r] || !s->units.constant[below + r] || c == 0)
            continue;
        for (int64_t k = 0; k < row->cols; k++)
            sum[k] += c * (double)s->units.weight[kernel][r * row->cols + k];
    }
    for (int64_t k = 0; k < row->cols; k++)
        any = any || (sum[k] != 0 && s->keep[s->units.first_layer[layer] + k]);
    return any;
}

static bool is_quantized(const nib_model *m, int param)
{
    for (int i = 0; i < m->n_tensors; i++)
        if (m->tensor[i].param == param && m->tensor[i].quantizer)
            return true;
    return false;
}

/* A quantized bias must take the sum as it is: it lies on its grid, or the network would be another. */
static nib_status check_grid(const stripper *s, int bias, const double *wanted, nib_error *err)
{
    const nib_model *new = s->strip->model;
    if (!is_quantized(new, bias))
        return NIB_OK;
    const nib_param *row = &new->params->row[bias];
    const float *got = nib_units_effective(s->arena, new, bias);
    if (!got)
        return nib_fail_memory(err, "strip");
    for (int64_t c = 0; c < row->cols; c++)
        if ((double)got[c] != wanted[c])
            return nib_fail(err, NIB_ERR_UNSUPPORTED,
                            "%s: removed neurons add up to %.9g, which its type makes %.9g: they cannot be "
                            "folded into it (a bias of more bits can take it)",
                            row->name, wanted[c], (double)got[c]);
    return NIB_OK;
}

static nib_status fold_into(stripper *s, int layer, const double *sum, nib_error *err)
{
    const nib_model *m = s->model;
    nib_params *new = s->strip->model->params;
    const char *name = m->layer[layer].config->name;
    const int bias = nib_layer_row(m, layer, "bias");
    if (bias < 0)
        return nib_fail(err, NIB_ERR_UNSUPPORTED,
                        "layer %s: neurons in front of it are constant and not zero, and it has no bias that "
                        "could take them up (use_bias: true)",
                        name);
    const int to = nib_params_find(new, m->params->row[bias].name);
    const nib_param *row = &new->row[to];
    const float *old = nib_units_effective(s->arena, m, bias);
    double *wanted = NIB_NEW(s->arena, double, row->cols);
    if (!old || !wanted)
        return nib_fail_memory(err, "strip");
    int64_t c = 0;
    for (int64_t k = 0; k < m->params->row[bias].cols; k++) {
        if (!s->keep[s->units.first_layer[layer] + k])
            continue;
        wanted[c] = (double)old[k] + sum[k];
        new->value[row->offset + c] = (float)wanted[c];
        if (new->mask && wanted[c] != 0)
            new->mask[row->offset + c] = 1.0f;
        c++;
    }
    s->strip->folds++;
    return check_grid(s, to, wanted, err);
}

static nib_status fold(stripper *s, nib_error *err)
{
    const nib_model *m = s->model;
    for (int i = 0; i < m->n_layers; i++) {
        const int kernel = nib_layer_kernel(m, i);
        if (kernel < 0 || m->layer[i].config->type->flow != NIB_FLOW_KERNEL)
            continue;
        double *sum = NIB_NEW(s->arena, double, m->params->row[kernel].cols);
        if (!sum)
            return nib_fail_memory(err, "strip");
        if (folded(s, i, kernel, sum))
            NIB_TRY(fold_into(s, i, sum, err));
    }
    return NIB_OK;
}

/* ---- All of it ---- */

static nib_status take_stock(nib_arena *arena, const nib_model *model, nib_strip_count *count, nib_error *err)
{
    nib_units units;
    NIB_TRY(nib_units_find(arena, model, NULL, &units, err));
    nib_layer_sparsity *list = NIB_NEW(arena, nib_layer_sparsity, model->n_layers);
    if (!list)
        return nib_fail_memory(err, "strip");
    const int n = nib_units_sparsity(&units, list);
    for (int i = 0; i < n; i++) {
        count->neurons += list[i].neurons;
        count->macs += list[i].macs;
        count->weights += list[i].kept;
    }
    return NIB_OK;
}

static nib_status strip_all(stripper *s, nib_error *err)
{
    NIB_TRY(find_values(s, err));
    NIB_TRY(choose_units(s, err));
    NIB_TRY(make_config(s, err));
    NIB_TRY(nib_model_create(&s->strip->model, s->strip->config, s->shapes, err));
    NIB_TRY(copy_params(s, err));
    NIB_TRY(fold(s, err));
    NIB_TRY(take_stock(s->arena, s->model, &s->strip->before, err));
    return take_stock(s->arena, s->strip->model, &s->strip->after, err);
}

nib_status nib_strip_model(const nib_model *model, nib_config *config, const nib_dataset *shapes,
                           nib_team *team, nib_strip *strip, nib_error *err)
{
    *strip = (nib_strip){.config = NULL};
    stripper s = {.arena = nib_arena_create(),
                  .model = model,
                  .config = config,
                  .shapes = shapes,
                  .team = team,
                  .strip = strip};
    if (!s.arena)
        return nib_fail_memory(err, "strip");
    nib_status status = strip_all(&s, err);
    nib_arena_destroy(s.arena);
    if (status != NIB_OK)
        nib_strip_close(strip);
    return status;
}

void nib_strip_close(nib_strip *strip)
{
    nib_model_destroy(strip->model);
    nib_config_destroy(strip->config);
    *strip = (nib_strip){.config = NULL};
}
