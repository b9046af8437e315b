#include "train/double_forward.h"

#include <float.h>
#include <math.h>
#include <string.h>

#include "train/fold.h"

enum { CHUNK_ROWS = 128, MAX_TASKS = 16384 };

/* What becomes of a tensor: a cast to one type or to one for each column, or a function that is looked up. */
typedef struct result {
    const nib_quantizer_config *quantizer; /* NULL: it stays as it is */
    const float *scale;                    /* that it has learned, or NULL */
    bool is_cast;
    int64_t n_grids;
    nib_double_grid *grid;
} result;

typedef struct worker {
    double **input; /* [n_inputs][CHUNK_ROWS, stride] */
    double **y;     /* [n_layers][CHUNK_ROWS, stride] */
    float *scratch; /* [CHUNK_ROWS, widest stride] */
} worker;

struct nib_double_forward {
    nib_arena *arena;
    const nib_model *model;
    nib_team *team;
    const nib_double_loops *loops;
    nib_double_layer *layer; /* [n_layers] */
    result *of_input, *of_layer;
    int64_t *in_stride; /* [n_inputs] */
    int64_t widest;
    int n_workers;
    worker *worker;

    /* Of the run. */
    const float *const *inputs;
    int64_t rows, rows_per_task;
    float *const *logits;
    double *const *layers;
};

static int64_t stride_of(int64_t width)
{
    return (width + NIB_DOUBLE_LANE - 1) / NIB_DOUBLE_LANE * NIB_DOUBLE_LANE;
}

/* ---- Weights ---- */

nib_status nib_double_find(const nib_double_layer *l, int index, const char *var,
                           nib_double_parameter *parameter, nib_error *err)
{
    const nib_model_layer *layer = &l->model->layer[index];
    const nib_params *p = l->model->params;
    *parameter = (nib_double_parameter){.value = NULL};
    for (int i = layer->first_param; i < layer->first_param + layer->n_params; i++) {
        const nib_param *row = &p->row[i];
        if (strcmp(row->var, var) != 0)
            continue;
        *parameter = (nib_double_parameter){.rows = row->rows,
                                            .cols = row->cols,
                                            .value = NIB_NEW(l->arena, float, nib_params_elements(row)),
                                            .is_vector = row->rank == 1};
        if (p->mask)
            parameter->mask = NIB_NEW(l->arena, float, nib_params_elements(row));
        if (!parameter->value || (p->mask && !parameter->mask))
            return nib_fail_memory(err, "weights");
        nib_params_pack(p, i, p->value, parameter->value);
        if (p->mask)
            nib_params_pack(p, i, p->mask, parameter->mask);
    }
    return NIB_OK;
}

nib_status nib_double_weights(const nib_double_layer *l, const nib_double_parameter *p,
                              const nib_quantizer_config *quantizer, double **weights, nib_error *err)
{
    const int64_t stride = stride_of(p->cols);
    float *value = NIB_NEW(l->arena, float, p->rows * p->cols);
    double *to = *weights = NIB_NEW(l->arena, double, p->rows *stride);
    if (!value || !to)
        return nib_fail_memory(err, "weights");
    const nib_quantize_call call = {.options = quantizer->options,
                                    .rows = p->is_vector ? p->cols : p->rows,
                                    .cols = p->is_vector ? 1 : p->cols,
                                    .stride = p->is_vector ? 1 : p->cols,
                                    .scale = nib_model_scales(l->model, quantizer, l->model->params->value),
                                    .x = p->value,
                                    .y = value};
    nib_quantizer_forward(quantizer->type, &call);
    for (int64_t r = 0; r < p->rows; r++)
        for (int64_t c = 0; c < p->cols; c++) {
            const int64_t at = r * p->cols + c;
            to[r * stride + c] = p->mask && p->mask[at] == 0 ? 0 : (double)value[at];
        }
    return NIB_OK;
}

void nib_double_copy(const nib_double_layer *l, int64_t rows, const double *const *x, double *y)
{
    memcpy(y, x[0], (size_t)(rows * l->stride) * sizeof *y);
}

/* ---- Making it ---- */

static nib_status prepare_result(const nib_double_forward *f, const nib_quantizer_config *quantizer,
                                 int64_t width, const char *name, result *to, nib_error *err)
{
    *to = (result){.quantizer = quantizer,
                   .scale = nib_model_scales(f->model, quantizer, f->model->params->value)};
    if (!quantizer)
        return NIB_OK;
    nib_lowered lowered = {.type = NIB_NEW(f->arena, nib_fixed, width)};
    to->grid = NIB_NEW(f->arena, nib_double_grid, width);
    if (!lowered.type || !to->grid)
        return nib_fail_memory(err, "types");
    const nib_quantize_call call = {.options = quantizer->options, .cols = width, .scale = to->scale};
    const nib_status status = nib_quantizer_lower(quantizer, &call, &lowered, err);
    if (status != NIB_OK) {
        nib_error_prefix(err, "%s", name);
        return status;
    }
    to->is_cast = lowered.is_cast;
    to->n_grids = lowered.n_types;
    for (int64_t i = 0; i < lowered.n_types; i++)
        to->grid[i] = nib_double_grid_of(&lowered.type[i]);
    return NIB_OK;
}

static nib_status prepare_layer(nib_double_forward *f, int index, nib_error *err)
{
    const nib_model *m = f->model;
    const nib_model_layer *layer = &m->layer[index];
    const nib_layer *type = layer->config->type;
    const int norm = strcmp(type->name, "dense") == 0 ? nib_fold_norm(m, index) : -1;
    nib_double_layer *l = &f->layer[index];
    if (!type->run_double)
        return nib_fail(err, NIB_ERR_UNSUPPORTED, "layer %s: %s has no form in double", layer->config->name,
                        type->name);
    *l = (nib_double_layer){.arena = f->arena,
                            .model = m,
                            .index = index,
                            .options = layer->config->options,
                            .loops = f->loops,
                            .n_inputs = layer->n_from,
                            .width = nib_shape_row(&layer->shape)};
    l->stride = stride_of(l->width);
    for (int i = 0; i < layer->n_from; i++) {
        const int from = layer->from[i];
        l->in_width[i] = from >= 0 ? f->layer[from].width : m->input[-1 - from].width;
        l->in_stride[i] = stride_of(l->in_width[i]);
    }
    f->widest = l->stride > f->widest ? l->stride : f->widest;
    if (type->prepare_double)
        NIB_TRY(type->prepare_double(l, err));
    const nib_quantizer_config *quantizer =
        norm >= 0                                                                ? m->layer[norm].quant.result
        : strcmp(type->name, "batch_norm") == 0 && nib_fold_dense(m, index) >= 0 ? NULL
                                                                                 : layer->quant.result;
    return prepare_result(f, quantizer, l->width, layer->config->name, &f->of_layer[index], err);
}

static nib_status create_worker(const nib_double_forward *f, worker *w, nib_error *err)
{
    const nib_model *m = f->model;
    w->input = NIB_NEW(f->arena, double *, m->n_inputs);
    w->y = NIB_NEW(f->arena, double *, m->n_layers);
    w->scratch = NIB_NEW(f->arena, float, CHUNK_ROWS * f->widest);
    if (!w->input || !w->y || !w->scratch)
        return nib_fail_memory(err, "evaluation in double");
    for (int i = 0; i < m->n_inputs; i++)
        if (!(w->input[i] = NIB_NEW(f->arena, double, CHUNK_ROWS * f->in_stride[i])))
            return nib_fail_memory(err, "evaluation in double");
    for (int i = 0; i < m->n_layers; i++)
        if (!(w->y[i] = NIB_NEW(f->arena, double, CHUNK_ROWS * f->layer[i].stride)))
            return nib_fail_memory(err, "evaluation in double");
    return NIB_OK;
}

static nib_status prepare(nib_double_forward *f, nib_error *err)
{
    const nib_model *m = f->model;
    f->layer = NIB_NEW(f->arena, nib_double_layer, m->n_layers);
    f->of_layer = NIB_NEW(f->arena, result, m->n_layers);
    f->of_input = NIB_NEW(f->arena, result, m->n_inputs);
    f->in_stride = NIB_NEW(f->arena, int64_t, m->n_inputs);
    f->worker = NIB_NEW(f->arena, worker, f->n_workers);
    if (!f->layer || !f->of_layer || !f->of_input || !f->in_stride || !f->worker)
        return nib_fail_memory(err, "evaluation in double");
    for (int i = 0; i < m->n_inputs; i++) {
        f->in_stride[i] = stride_of(m->input[i].width);
        f->widest = f->in_stride[i] > f->widest ? f->in_stride[i] : f->widest;
        NIB_TRY(prepare_result(f, m->input[i].quantizer, m->input[i].width, m->input[i].name, &f->of_input[i],
                               err));
    }
    for (int i = 0; i < m->n_layers; i++)
        NIB_TRY(prepare_layer(f, i, err));
    for (int i = 0; i < f->n_workers; i++)
        NIB_TRY(create_worker(f, &f->worker[i], err));
    return NIB_OK;
}

nib_status nib_double_forward_create(nib_double_forward **forward, const nib_model *model, nib_team *team,
                                     nib_error *err)
{
    nib_arena *arena = nib_arena_create();
    nib_double_forward *f = arena ? NIB_NEW(arena, nib_double_forward, 1) : NULL;
    if (!f) {
        nib_arena_destroy(arena);
        return nib_fail_memory(err, "evaluation in double");
    }
    *f = (nib_double_forward){.arena = arena,
                              .model = model,
                              .team = team,
                              .loops = nib_double_loops_for(nib_isa_chosen().isa),
                              .n_workers = nib_team_threads(team)};
    const nib_status status = prepare(f, err);
    if (status != NIB_OK) {
        nib_double_forward_destroy(f);
        return status;
    }
    *forward = f;
    return NIB_OK;
}

void nib_double_forward_destroy(nib_double_forward *forward)
{
    if (forward)
        nib_arena_destroy(forward->arena);
}

/* ---- Running ---- */

/* What a table holds: the quantizer of the value, which the type in front of it has made a float. */
static void look_up(const result *of, int64_t rows, int64_t width, int64_t stride, float *scratch, double *y)
{
    const nib_quantize_call call = {.options = of->quantizer->options,
                                    .rows = rows,
                                    .cols = width,
                                    .stride = stride,
                                    .scale = of->scale,
                                    .x = scratch,
                                    .y = scratch};
    for (int64_t i = 0; i < rows * stride; i++)
        scratch[i] = (float)y[i];
    nib_quantizer_forward(of->quantizer->type, &call);
    for (int64_t i = 0; i < rows * stride; i++)
        y[i] = (double)scratch[i];
}

static void quantize(const nib_double_forward *f, const result *of, int64_t rows, int64_t width,
                     float *scratch, double *y)
{
    const int64_t stride = stride_of(width);
    if (!of->quantizer)
        return;
    if (!of->is_cast) {
        look_up(of, rows, width, stride, scratch, y);
        return;
    }
    if (of->n_grids == 1) {
        f->loops->cast(&of->grid[0], rows * stride, y, y);
        return;
    }
    for (int64_t r = 0; r < rows; r++)
        for (int64_t c = 0; c < width; c++)
            f->loops->cast(&of->grid[c], 1, &y[r * stride + c], &y[r * stride + c]);
}

/* Denormals count as zero, as everywhere. */
static void load_input(const nib_double_forward *f, const worker *w, int input, int64_t first, int64_t rows)
{
    const int64_t width = f->model->input[input].width, stride = f->in_stride[input];
    const float *x = f->inputs[input] + first * width;
    for (int64_t r = 0; r < rows; r++)
        for (int64_t c = 0; c < width; c++) {
            const float one = x[r * width + c];
            w->input[input][r * stride + c] = fabsf(one) < FLT_MIN ? 0.0 : (double)one;
        }
    quantize(f, &f->of_input[input], rows, width, w->scratch, w->input[input]);
}

static void run_chunk(const nib_double_forward *f, const worker *w, int64_t first, int64_t rows)
{
    const nib_model *m = f->model;
    for (int i = 0; i < m->n_inputs; i++)
        load_input(f, w, i, first, rows);
    for (int i = 0; i < m->n_layers; i++) {
        const nib_double_layer *l = &f->layer[i];
        const double *x[NIB_MAX_INPUTS] = {NULL};
        for (int k = 0; k < l->n_inputs; k++) {
            const int from = m->layer[i].from[k];
            x[k] = from >= 0 ? w->y[from] : w->input[-1 - from];
        }
        m->layer[i].config->type->run_double(l, rows, x, w->y[i]);
        quantize(f, &f->of_layer[i], rows, l->width, w->scratch, w->y[i]);
        if (f->layers && f->layers[i])
            for (int64_t r = 0; r < rows; r++)
                memcpy(f->layers[i] + (first + r) * l->width, w->y[i] + r * l->stride,
                       (size_t)l->width * sizeof(double));
    }
    for (int i = 0; f->logits && i < m->n_outputs; i++) {
        const nib_double_layer *l = &f->layer[m->output[i].layer];
        for (int64_t r = 0; f->logits[i] && r < rows; r++)
            for (int64_t c = 0; c < l->width; c++)
                f->logits[i][(first + r) * l->width + c] = (float)w->y[l->index][r * l->stride + c];
    }
}

static void run_task(void *context, int index, int worker_index)
{
    const nib_double_forward *f = context;
    const int64_t begin = index * f->rows_per_task;
    const int64_t end = begin + f->rows_per_task < f->rows ? begin + f->rows_per_task : f->rows;
    for (int64_t first = begin; first < end; first += CHUNK_ROWS)
        run_chunk(f, &f->worker[worker_index], first, end - first < CHUNK_ROWS ? end - first : CHUNK_ROWS);
}

void nib_double_forward_run(nib_double_forward *f, const float *const *inputs, int64_t rows,
                            float *const *logits, double *const *layers)
{
    const int64_t chunks = (rows + CHUNK_ROWS - 1) / CHUNK_ROWS;
    int64_t per_task = (chunks + MAX_TASKS - 1) / MAX_TASKS;
    if (rows < 1)
        return;
    per_task = per_task < 8 ? 8 : per_task;
    f->inputs = inputs;
    f->rows = rows;
    f->rows_per_task = per_task * CHUNK_ROWS;
    f->logits = logits;
    f->layers = layers;
    nib_team_run(f->team, run_task, f, (int)((chunks + per_task - 1) / per_task));
}
