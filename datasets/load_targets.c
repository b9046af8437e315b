/** Last step of loading: targets and sample weights. */
#include "datasets/load_internal.h"

#include <inttypes.h>
#include <math.h>

/** Rows of numbers on their way into the parts. */
typedef struct distribution {
    const nib_array *array;
    const nib_row_map *map;
    bool weights; /* must not be negative */
    float *out[NIB_PART_COUNT];
    int64_t at[NIB_PART_COUNT];
} distribution;

static nib_status visit_numbers(void *context, int64_t first, int64_t rows, const double *value,
                                nib_error *err)
{
    static const double zero = 0, one = 1;
    const nib_preprocess_state identity = {.width = 1, .shift = &zero, .divisor = &one};
    distribution *d = context;
    int64_t width = d->array->width;
    for (int64_t i = 0; i < rows; i++, value += width) {
        int part = d->map->part[first + i];
        if (part == NIB_PART_SKIP)
            continue;
        float *out = d->out[part] + width * d->at[part]++;
        nib_preprocess_apply(&identity, width, value, out);
        for (int64_t j = 0; j < width; j++) {
            if (!isfinite(value[j]))
                return nib_array_fail(d->array, first + i, j, err,
                                      "%s; remove such rows or replace the value",
                                      isnan(value[j]) ? "NaN"
                                      : value[j] > 0  ? "Inf"
                                                      : "-Inf");
            if (!isfinite(out[j]))
                return nib_array_fail(d->array, first + i, j, err, "%g is too large for a float", value[j]);
            if (d->weights && value[j] < 0)
                return nib_array_fail(d->array, first + i, j, err, "the weight %g is negative", value[j]);
        }
    }
    return NIB_OK;
}

/** Every array of one kind into `out`, by part. `which` picks the array of an origin, NULL: it has none. */
static nib_status distribute(nib_load *load, const nib_array *(*which)(const nib_origin *, int), int index,
                             bool weights, float *const out[], nib_error *err)
{
    for (int o = 0; o < NIB_PART_COUNT; o++) {
        const nib_origin *origin = &load->origin[o];
        const nib_array *array = origin->active ? which(origin, index) : NULL;
        if (!array || nib_row_map_count(&origin->map, NIB_PART_SKIP) == origin->map.rows)
            continue;
        distribution d = {.array = array, .map = &origin->map, .weights = weights};
        for (int part = 0; part < NIB_PART_COUNT; part++)
            d.out[part] = out[part];
        NIB_TRY(nib_array_each_block(array, visit_numbers, &d, err));
    }
    return NIB_OK;
}

static const nib_array *target_of(const nib_origin *o, int i)
{
    return o->target ? &o->target[i] : NULL;
}

static const nib_array *weight_of(const nib_origin *o, int i)
{
    (void)i;
    return o->weight.path ? &o->weight : NULL;
}

static nib_status load_classes(nib_load *load, int t, nib_data_target *const target[], nib_error *err)
{
    int32_t *label[NIB_PART_COUNT];
    int64_t at[NIB_PART_COUNT] = {0};
    for (int part = 0; part < NIB_PART_COUNT; part++) {
        if (!(label[part] = NIB_NEW(load->data->arena, int32_t, load->part[part]->rows)))
            return nib_fail_memory(err, "labels");
        target[part][t] = (nib_data_target){.name = load->target_names[t],
                                            .kind = NIB_TARGET_CLASS,
                                            .width = load->classes[t].count,
                                            .classes = load->classes[t].names,
                                            .label = label[part]};
    }
    for (int o = 0; o < NIB_PART_COUNT; o++) {
        const nib_origin *origin = &load->origin[o];
        for (int64_t i = 0; origin->active && origin->label[t] && i < origin->map.rows; i++) {
            int part = origin->map.part[i];
            if (part != NIB_PART_SKIP)
                label[part][at[part]++] = origin->label[t][i];
        }
    }
    return NIB_OK;
}

static nib_status load_reals(nib_load *load, int t, nib_data_target *const target[], nib_error *err)
{
    float *value[NIB_PART_COUNT];
    const nib_array *first = NULL;
    for (int o = 0; o < NIB_PART_COUNT; o++) {
        const nib_array *a = load->origin[o].active ? target_of(&load->origin[o], t) : NULL;
        first = first ? first : a;
        if (a && a->width != first->width)
            return nib_fail(err, NIB_ERR_INPUT, "%s: %s has %" PRId64 " columns, but %s has %" PRId64,
                            nib_source_name(a->source), a->path, a->width, first->path, first->width);
    }
    for (int part = 0; part < NIB_PART_COUNT; part++) {
        int64_t rows = load->part[part]->rows;
        if (!(value[part] = NIB_NEW(load->data->arena, float, rows * first->width)))
            return nib_fail_memory(err, "targets");
        target[part][t] = (nib_data_target){.name = load->target_names[t],
                                            .kind = NIB_TARGET_REAL,
                                            .width = first->width,
                                            .value = value[part]};
    }
    return distribute(load, target_of, t, false, value, err);
}

static nib_status load_weights(nib_load *load, nib_error *err)
{
    float *weight[NIB_PART_COUNT] = {NULL};
    for (int part = 0; part < NIB_PART_COUNT; part++) {
        /* the rows of a part come from its own arrays or else from the training source */
        const nib_origin *own = &load->origin[part];
        const nib_origin *from = own->active ? own : &load->origin[NIB_PART_TRAIN];
        if (!from->active || !from->weight.path || load->part[part]->rows == 0)
            continue;
        if (!(weight[part] = NIB_NEW(load->data->arena, float, load->part[part]->rows)))
            return nib_fail_memory(err, "weights");
        load->part[part]->weight = weight[part];
    }
    NIB_TRY(distribute(load, weight_of, 0, true, weight, err));
    for (int part = 0; part < NIB_PART_COUNT; part++) {
        double sum = 0;
        for (int64_t i = 0; weight[part] && i < load->part[part]->rows; i++)
            sum += (double)weight[part][i];
        if (weight[part] && !(sum > 0))
            return nib_fail(err, NIB_ERR_INPUT, "all weights of the %s rows are 0",
                            nib_part_name((nib_part)part));
    }
    return NIB_OK;
}

nib_status nib_load_targets(nib_load *load, nib_error *err)
{
    int n = load->config->n_targets;
    const nib_origin *train = &load->origin[NIB_PART_TRAIN], *test = &load->origin[NIB_PART_TEST];
    nib_data_target *target[NIB_PART_COUNT];
    if (!(train->active ? train : test)->target)
        return NIB_OK; /* rows to predict */
    for (int part = 0; part < NIB_PART_COUNT; part++)
        if (!(target[part] = NIB_NEW(load->data->arena, nib_data_target, n)))
            return nib_fail_memory(err, "targets");
    for (int i = 0; i < n; i++)
        if (load->config->target[i].kind == NIB_TARGET_CLASS)
            NIB_TRY(load_classes(load, i, target, err));
        else
            NIB_TRY(load_reals(load, i, target, err));
    for (int part = 0; part < NIB_PART_COUNT; part++) {
        const nib_part_config *config = &load->config->part[part];
        if (config->form == NIB_FORM_OWN && !config->target)
            continue;
        load->part[part]->n_targets = n;
        load->part[part]->target = target[part];
    }
    return load_weights(load, err);
}
