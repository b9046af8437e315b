/* `auto` in the place of a type's integer bits: numbers from the weights and from a run of the float network.
 */
#include <stdlib.h>
#include <string.h>

#include "train/quant_prepare.h"

enum { ROWS = 65536, CHUNK_ROWS = 4096, EMPTY_BIAS_INTEGER = 2 };

typedef struct settling {
    const nib_quant_settle_job *job;
    nib_arena *arena;
    nib_histogram *histogram; /* [n_tensors] of those that are settled from data */
    bool *wanted;             /* [n_tensors] */
    bool *unscaled;           /* [n_tensors] of data whose quantizers begin to learn their scales */
    float *gathered;          /* [CHUNK_ROWS, widest input] */
} settling;

nib_quant_settle_job nib_quant_settle_defaults(nib_config *config, nib_model *model, const nib_dataset *data,
                                               nib_team *team)
{
    return (nib_quant_settle_job){.config = config,
                                  .model = model,
                                  .data = data,
                                  .team = team,
                                  .weight = {NIB_CALIBRATE_MSE, 0},
                                  .data_tensor = {NIB_CALIBRATE_MSE, 0},
                                  .bias_headroom = 1};
}

/* The number goes to the model's quantizer, to the config and so to its text. */
static nib_status settle(const settling *s, nib_model_tensor *t, int integer, nib_error *err)
{
    nib_config *config = s->job->config;
    const nib_model *m = s->job->model;
    const char *owner = t->layer >= 0 ? m->layer[t->layer].config->name : m->input[t->input].name;
    nib_quant_set *set = nib_quant_set_of(&config->quant, nib_arena_strdup(config->arena, owner));
    if (!set->name)
        return nib_fail_memory(err, "quantizers");
    nib_quant_entry *entry = &set->entry[t->key];
    const nib_quant_entry made = *t->entry;
    *entry = made;
    entry->is_auto = false;
    entry->type.integer = integer;
    NIB_TRY(nib_quant_of_type(config->arena, &entry->type, &entry->quantizer, err));
    *t->quantizer = entry->quantizer;
    t->entry = entry;
    return NIB_OK;
}

static nib_status settle_param(const settling *s, nib_model_tensor *t, nib_error *err)
{
    const nib_params *params = s->job->model->params;
    const int64_t n = nib_params_elements(&params->row[t->param]);
    float *values = NIB_NEW(s->arena, float, n);
    const nib_calibration minmax = {NIB_CALIBRATE_MINMAX, 0};
    const bool bias = t->key == NIB_QUANT_BIAS;
    int integer;
    if (!values)
        return nib_fail_memory(err, "calibration");
    nib_params_pack(params, t->param, params->value, values);
    NIB_TRY(
        nib_calibrate_values(bias ? &minmax : &s->job->weight, n, values, &t->entry->type, &integer, err));
    bool zeros = bias;
    for (int64_t i = 0; zeros && i < n; i++)
        zeros = values[i] == 0.0f;
    if (bias)
        integer = zeros ? EMPTY_BIAS_INTEGER : integer + s->job->bias_headroom;
    return settle(s, t, integer, err);
}

/* ---- Scales that are learned ---- */

/* 0 everywhere: nobody has set them, neither a run that this one begins with nor a checkpoint. */
static bool is_unset(const nib_model *m, const nib_model_tensor *t)
{
    const nib_param *row = t->scale >= 0 ? &m->params->row[t->scale] : NULL;
    bool zero = row != NULL;
    for (int64_t i = 0; zero && i < row->cols; i++)
        zero = m->params->value[row->offset + i] == 0.0f;
    return zero;
}

static void set_scales(const nib_model *m, const nib_model_tensor *t, int64_t rows, int64_t cols,
                       const float *x)
{
    const nib_quantize_call call = {
        .options = t->quantizer->options, .rows = rows, .cols = cols, .stride = cols, .x = x};
    t->quantizer->type->init_scales(&call, m->params->value + m->params->row[t->scale].offset);
}

static nib_status scale_param(const settling *s, const nib_model_tensor *t, nib_error *err)
{
    const nib_model *m = s->job->model;
    const nib_param *row = &m->params->row[t->param];
    const bool vector = row->rank == 1;
    float *values = NIB_NEW(s->arena, float, nib_params_elements(row));
    if (!values)
        return nib_fail_memory(err, "scales");
    nib_params_pack(m->params, t->param, m->params->value, values);
    set_scales(m, t, vector ? row->cols : row->rows, vector ? 1 : row->cols, values);
    return NIB_OK;
}

/* From the first chunk of the float network's rows. */
static void scale_data(const settling *s, const nib_model_tensor *t, const nib_batch *batch, const float *out)
{
    const nib_model *m = s->job->model;
    if (t->layer >= 0) {
        set_scales(m, t, batch->rows, nib_shape_row(&m->layer[t->layer].shape), out);
        return;
    }
    const int64_t width = m->input[t->input].width;
    for (int64_t r = 0; r < batch->rows; r++)
        memcpy(s->gathered + r * width, s->job->data->input[t->input].x + batch->index[r] * width,
               (size_t)width * sizeof(float));
    set_scales(m, t, batch->rows, width, s->gathered);
}

/* ---- Data ---- */

static void add_rows(nib_histogram *histogram, const float *x, int64_t width, const int32_t *index,
                     int64_t rows)
{
    for (int64_t r = 0; r < rows; r++)
        nib_histogram_add(histogram, width, x + (index ? index[r] : r) * width);
}

/* One chunk of rows through the float network. `out` [n_outputs + n_layers] receives what is wanted. */
static void run_chunk(settling *s, const nib_model *floats, nib_exec *exec, nib_batch *batch,
                      float *const *out)
{
    const nib_model *m = s->job->model;
    nib_sums sums;
    nib_exec_forward(exec, batch, out, &sums);
    for (int i = 0; i < m->n_tensors; i++) {
        const nib_model_tensor *t = &m->tensor[i];
        if (s->unscaled[i]) {
            scale_data(s, t, batch, t->layer >= 0 ? out[floats->n_outputs + t->layer] : NULL);
            s->unscaled[i] = false;
        }
        if (!s->wanted[i])
            continue;
        if (t->input >= 0)
            add_rows(&s->histogram[i], s->job->data->input[t->input].x, m->input[t->input].width,
                     batch->index, batch->rows);
        else
            nib_histogram_add(&s->histogram[i], batch->rows * nib_shape_row(&floats->layer[t->layer].shape),
                              out[floats->n_outputs + t->layer]);
    }
}

/* Weights of the float network: those of the same names. */
static void copy_weights(const nib_params *from, nib_params *to)
{
    for (int i = 0; i < to->count; i++) {
        const int same = nib_params_find(from, to->row[i].name);
        if (same >= 0)
            memcpy(to->value + to->row[i].offset, from->value + from->row[same].offset,
                   (size_t)(to->row[i].rows * to->row[i].stride) * sizeof(float));
    }
}

static nib_status run_rows(settling *s, const nib_model *floats, nib_exec *exec, int64_t rows, nib_error *err)
{
    const nib_model *m = s->job->model;
    float **out = NIB_NEW(s->arena, float *, floats->n_outputs + floats->n_layers);
    int32_t *index = NIB_NEW(s->arena, int32_t, rows);
    nib_feed *feeds = nib_model_feeds(s->arena, floats, s->job->data);
    if (!out || !index || !feeds)
        return nib_fail_memory(err, "calibration");
    for (int i = 0; i < m->n_tensors; i++) {
        const nib_model_tensor *t = &m->tensor[i];
        if (!(s->wanted[i] || s->unscaled[i]) || t->layer < 0)
            continue;
        const int64_t numbers = CHUNK_ROWS * nib_shape_row(&floats->layer[t->layer].shape);
        if (!(out[floats->n_outputs + t->layer] = NIB_NEW(s->arena, float, numbers)))
            return nib_fail_memory(err, "calibration");
    }
    for (int64_t r = 0; r < rows; r++)
        index[r] = (int32_t)(r * s->job->data->rows / rows);
    for (int64_t first = 0; first < rows; first += CHUNK_ROWS) {
        nib_batch batch = {.rows = rows - first < CHUNK_ROWS ? rows - first : CHUNK_ROWS,
                           .index = index + first,
                           .feeds = feeds};
        run_chunk(s, floats, exec, &batch, out);
    }
    return NIB_OK;
}

static nib_status observe(settling *s, nib_error *err)
{
    nib_model *floats = NULL;
    nib_exec *exec = NULL;
    const int64_t most = s->job->rows > 0 ? s->job->rows : ROWS;
    const int64_t rows = s->job->data->rows < most ? s->job->data->rows : most;
    nib_status status = nib_model_create_float(&floats, s->job->config, s->job->data, err);
    if (status == NIB_OK) {
        copy_weights(s->job->model->params, floats->params);
        status = nib_exec_create(&exec, floats->graph, NIB_MODE_EVALUATE, CHUNK_ROWS, 0, s->job->team, err);
    }
    if (status == NIB_OK)
        status = run_rows(s, floats, exec, rows, err);
    nib_exec_destroy(exec);
    nib_model_destroy(floats);
    return status;
}

static nib_status settle_data(settling *s, nib_error *err)
{
    const nib_model *m = s->job->model;
    bool any = false;
    s->histogram = NIB_NEW(s->arena, nib_histogram, m->n_tensors);
    s->wanted = NIB_NEW(s->arena, bool, m->n_tensors);
    s->unscaled = NIB_NEW(s->arena, bool, m->n_tensors);
    int64_t widest = 0;
    for (int i = 0; i < m->n_inputs; i++)
        widest = m->input[i].width > widest ? m->input[i].width : widest;
    s->gathered = NIB_NEW(s->arena, float, CHUNK_ROWS *widest);
    if (!s->histogram || !s->wanted || !s->unscaled || !s->gathered)
        return nib_fail_memory(err, "calibration");
    for (int i = 0; i < m->n_tensors; i++) {
        const nib_model_tensor *t = &m->tensor[i];
        s->wanted[i] = t->param < 0 && t->entry && t->entry->is_auto;
        s->unscaled[i] = t->param < 0 && is_unset(m, t);
        any = any || s->wanted[i] || s->unscaled[i];
        nib_histogram_clear(&s->histogram[i]);
    }
    if (!any)
        return NIB_OK;
    NIB_TRY(observe(s, err));
    for (int i = 0; i < m->n_tensors; i++) {
        int integer;
        if (!s->wanted[i])
            continue;
        NIB_TRY(nib_calibrate_integer(&s->job->data_tensor, &s->histogram[i], &m->tensor[i].entry->type,
                                      &integer, err));
        NIB_TRY(settle(s, &m->tensor[i], integer, err));
    }
    return NIB_OK;
}

static nib_status settle_all(settling *s, bool any_auto, nib_error *err)
{
    nib_config *config = s->job->config;
    const nib_model *m = s->job->model;
    for (int i = 0; i < m->n_tensors; i++)
        if (m->tensor[i].param >= 0 && m->tensor[i].entry && m->tensor[i].entry->is_auto)
            NIB_TRY(settle_param(s, &m->tensor[i], err));
    for (int i = 0; i < m->n_tensors; i++)
        if (m->tensor[i].param >= 0 && is_unset(m, &m->tensor[i]))
            NIB_TRY(scale_param(s, &m->tensor[i], err));
    NIB_TRY(settle_data(s, err));
    if (!any_auto)
        return NIB_OK;
    nib_model_update_quantizers(s->job->model);
    nib_doc *map = nib_quant_write(config->arena, &config->quant);
    if (!map)
        return nib_fail_memory(err, "quant");
    return nib_doc_set_path(config->arena, config->resolved, "quant", map, err);
}

nib_status nib_quant_settle(const nib_quant_settle_job *job, nib_error *err)
{
    bool any_auto = false, any_unset = false;
    for (int i = 0; i < job->model->n_tensors; i++) {
        any_auto = any_auto || (job->model->tensor[i].entry && job->model->tensor[i].entry->is_auto);
        any_unset = any_unset || is_unset(job->model, &job->model->tensor[i]);
    }
    if (!any_auto && !any_unset)
        return NIB_OK;
    settling s = {.job = job, .arena = nib_arena_create()};
    nib_status status = s.arena ? settle_all(&s, any_auto, err) : nib_fail_memory(err, "calibration");
    nib_arena_destroy(s.arena);
    return status;
}
