/** Third step of loading: inputs. The training rows are read first and fitted; other rows of that source are
 * kept as raw floats meanwhile, where a float holds them exactly, so that nothing is read twice. */
#include "datasets/load_internal.h"

#include <float.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct distribution {
    const nib_array *array;
    const nib_row_map *map;
    const nib_preprocess_state *state; /* NULL: store raw */
    nib_column_sums *sums;             /* [width]: fit on the training rows, or NULL */
    bool store;
    float *out[NIB_PART_COUNT]; /* [rows of the part, width] */
    int64_t at[NIB_PART_COUNT]; /* next row of each part */
} distribution;

static nib_status check_finite(const nib_array *array, int64_t row, const double *value, nib_error *err)
{
    for (int64_t j = 0; j < array->width; j++)
        if (!isfinite(value[j]))
            return nib_array_fail(array, row, j, err, "%s; remove such rows or replace the value",
                                  isnan(value[j]) ? "NaN"
                                  : value[j] > 0  ? "Inf"
                                                  : "-Inf");
    return NIB_OK;
}

static nib_status check_overflow(const nib_array *array, int64_t row, const double *value, const float *out,
                                 nib_error *err)
{
    for (int64_t j = 0; j < array->width; j++)
        if (!isfinite(out[j]))
            return nib_array_fail(array, row, j, err, "%g is too large for a float after preprocessing",
                                  value[j]);
    return NIB_OK;
}

static nib_status visit_rows(void *context, int64_t first, int64_t rows, const double *value, nib_error *err)
{
    distribution *d = context;
    int64_t width = d->array->width;
    for (int64_t i = 0; i < rows; i++, value += width) {
        int part = d->map->part[first + i];
        if (part == NIB_PART_SKIP)
            continue;
        NIB_TRY(check_finite(d->array, first + i, value, err));
        for (int64_t j = 0; d->sums && part == NIB_PART_TRAIN && j < width; j++)
            nib_column_sums_add(&d->sums[j], value[j]);
        if (!d->store)
            continue;
        float *out = d->out[part] + width * d->at[part]++;
        if (d->state) {
            nib_preprocess_apply(d->state, 1, value, out);
            NIB_TRY(check_overflow(d->array, first + i, value, out, err));
        } else {
            for (int64_t j = 0; j < width; j++)
                out[j] = (float)value[j];
        }
    }
    return NIB_OK;
}

/** Raw floats become preprocessed ones in place. */
static nib_status transform(const nib_array *array, const nib_preprocess_state *state, int64_t rows, float *x,
                            nib_error *err)
{
    int64_t width = state->width;
    double *raw = malloc((size_t)width * sizeof *raw);
    nib_status status = raw ? NIB_OK : nib_fail_memory(err, "preprocessing");
    for (int64_t i = 0; i < rows && status == NIB_OK; i++, x += width) {
        for (int64_t j = 0; j < width; j++)
            raw[j] = (double)x[j];
        nib_preprocess_apply(state, 1, raw, x);
        status = check_overflow(array, i, raw, x, err);
    }
    free(raw);
    return status;
}

static nib_status new_state(nib_load *load, int input, const nib_array *array, const nib_column_sums *sums,
                            nib_preprocess_state *state, nib_error *err)
{
    const nib_input_config *config = &load->config->input[input];
    double *shift = NIB_NEW(load->data->arena, double, array->width);
    double *divisor = NIB_NEW(load->data->arena, double, array->width);
    if (!shift || !divisor)
        return nib_fail_memory(err, "preprocessing");
    bool none = strcmp(config->preprocessor->name, "none") == 0;
    for (int64_t j = 0; j < array->width; j++) {
        config->preprocessor->fit(config->preprocessor_options, &sums[j], &shift[j], &divisor[j]);
        if (!(sums[j].min < sums[j].max) && !none)
            nib_log_warning(load->log, "%s: %s: column %" PRId64 "%s%s%s is %g in all training rows",
                            nib_source_name(array->source), array->path, array->column ? array->column[j] : j,
                            array->features ? " (" : "", array->features ? array->features[j] : "",
                            array->features ? ")" : "", sums[j].min);
    }
    *state = (nib_preprocess_state){
        load->input_names[input], config->preprocessor->name, array->width, shift, divisor, array->features};
    return NIB_OK;
}

/** Fit on the training rows of the training source and store all its rows. */
static nib_status fit_and_store(nib_load *load, int input, distribution *d, nib_preprocess_state *state,
                                nib_error *err)
{
    const nib_array *array = d->array;
    bool one_pass = array->info.exact_in_float;
    d->sums = NIB_NEW(load->scratch, nib_column_sums, array->width);
    d->store = one_pass;
    if (!d->sums)
        return nib_fail_memory(err, "preprocessing");
    NIB_TRY(nib_array_each_block(array, visit_rows, d, err));
    NIB_TRY(new_state(load, input, array, d->sums, state, err));
    for (int part = 0; one_pass && part < NIB_PART_COUNT; part++)
        NIB_TRY(transform(array, state, d->at[part], d->out[part], err));
    if (one_pass)
        return NIB_OK;
    d->sums = NULL;
    d->store = true;
    d->state = state;
    return nib_array_each_block(array, visit_rows, d, err);
}

static nib_status load_input(nib_load *load, int input, float *const x[], nib_preprocess_state *state,
                             nib_error *err)
{
    if (load->known)
        *state = load->known[input];
    for (int o = 0; o < NIB_PART_COUNT; o++) {
        const nib_origin *origin = &load->origin[o];
        if (!origin->active)
            continue;
        distribution d = {.array = &origin->input[input], .map = &origin->map, .state = state, .store = true};
        for (int part = 0; part < NIB_PART_COUNT; part++)
            d.out[part] = x[part];
        if (o == NIB_PART_TRAIN && !load->known) {
            d.state = NULL;
            NIB_TRY(fit_and_store(load, input, &d, state, err));
        } else if (nib_row_map_count(&origin->map, NIB_PART_SKIP) < origin->map.rows) {
            NIB_TRY(nib_array_each_block(d.array, visit_rows, &d, err));
        }
    }
    return NIB_OK;
}

nib_status nib_load_inputs(nib_load *load, nib_error *err)
{
    nib_arena *arena = load->data->arena;
    int n = load->config->n_inputs;
    nib_preprocess_state *state = NIB_NEW(arena, nib_preprocess_state, n);
    nib_data_input *input[NIB_PART_COUNT];
    for (int part = 0; part < NIB_PART_COUNT; part++)
        if (!(input[part] = NIB_NEW(arena, nib_data_input, n)))
            return nib_fail_memory(err, "inputs");
    if (!state)
        return nib_fail_memory(err, "inputs");
    for (int i = 0; i < n; i++) {
        const nib_origin *first = &load->origin[NIB_PART_TRAIN];
        const nib_array *array = &(first->active ? first : &load->origin[NIB_PART_TEST])->input[i];
        float *x[NIB_PART_COUNT];
        for (int part = 0; part < NIB_PART_COUNT; part++) {
            int64_t rows = load->part[part]->rows;
            if (rows > INT64_MAX / (int64_t)sizeof(float) / array->width ||
                !(x[part] = nib_arena_alloc(arena, (size_t)(rows * array->width), sizeof(float))))
                return nib_fail_memory(err, "inputs");
        }
        NIB_TRY(load_input(load, i, x, &state[i], err));
        const char *const *features = load->known && !array->features ? state[i].features : array->features;
        for (int part = 0; part < NIB_PART_COUNT; part++)
            input[part][i] = (nib_data_input){load->input_names[i], array->width, features, x[part], NULL};
    }
    for (int part = 0; part < NIB_PART_COUNT; part++) {
        load->part[part]->n_inputs = n;
        load->part[part]->input = input[part];
    }
    load->data->n_inputs = n;
    load->data->preprocess = state;
    return NIB_OK;
}
