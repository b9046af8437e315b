/* Parameters as integers, and tables. */
#include <string.h>

#include "core/op_options.h"
#include "train/fold.h"
#include "train/lower_internal.h"

/* ---- Parameters ---- */

nib_status nib_lower_parameter(const nib_lower *lower, int layer_index, const char *var,
                               nib_lower_matrix *matrix, nib_error *err)
{
    const nib_model_layer *layer = &lower->model->layer[layer_index];
    const nib_params *p = lower->model->params;
    const float *flat = lower->options->values ? lower->options->values : p->value;
    for (int i = 0; i < layer->n_params; i++) {
        const int index = layer->first_param + i;
        const nib_param *row = &p->row[index];
        if (strcmp(row->var, var) != 0)
            continue;
        *matrix = (nib_lower_matrix){
            .what = row->name, .rows = row->rows, .cols = row->cols, .is_vector = row->rank == 1};
        matrix->value = NIB_NEW(lower->arena, float, nib_params_elements(row));
        if (p->mask)
            matrix->mask = NIB_NEW(lower->arena, float, nib_params_elements(row));
        if (!matrix->value || (p->mask && !matrix->mask))
            return nib_fail_memory(err, "weights");
        nib_params_pack(p, index, flat, matrix->value);
        if (p->mask)
            nib_params_pack(p, index, p->mask, matrix->mask);
        return NIB_OK;
    }
    return nib_fail(err, NIB_ERR_CONFIG, "there is no %s", var);
}

nib_status nib_lower_fold(nib_lower *lower, int norm, nib_lower_matrix *kernel, nib_lower_matrix *bias,
                          nib_error *err)
{
    const nib_model_layer *layer = &lower->model->layer[norm];
    const nib_batch_norm_options *o = layer->config->options;
    nib_lower_matrix gamma, beta, mean, variance;
    NIB_TRY(nib_lower_parameter(lower, norm, "gamma", &gamma, err));
    NIB_TRY(nib_lower_parameter(lower, norm, "beta", &beta, err));
    NIB_TRY(nib_lower_parameter(lower, norm, "moving_mean", &mean, err));
    NIB_TRY(nib_lower_parameter(lower, norm, "moving_variance", &variance, err));
    if (!bias->value) {
        *bias =
            (nib_lower_matrix){.what = nib_arena_printf(lower->arena, "%s/bias", lower->layer->config->name),
                               .rows = 1,
                               .cols = kernel->cols,
                               .value = NIB_NEW(lower->arena, float, kernel->cols),
                               .is_vector = true};
        if (!bias->what || !bias->value)
            return nib_fail_memory(err, "weights");
    }
    nib_fold_factors(gamma.cols, gamma.value, variance.value, o->epsilon, gamma.value);
    nib_fold_kernel(kernel->rows, kernel->cols, gamma.value, kernel->value);
    nib_fold_bias(bias->cols, gamma.value, mean.value, beta.value, bias->value);
    lower->lowering->n_folded++;
    return NIB_OK;
}

/* Values that lie on the grids of their types, as codes. */
static nib_status put_codes(nib_lower *lower, const nib_lower_matrix *m, const float *value,
                            const nib_fixed *type, int64_t n_types, nib_fix_array *array, nib_error *err)
{
    int64_t *code = NIB_NEW(lower->arena, int64_t, m->rows * m->cols);
    *array = (nib_fix_array){.rows = m->rows, .cols = m->cols, .code = code};
    if (!code)
        return nib_fail_memory(err, "weights");
    for (int64_t i = 0; i < m->rows * m->cols; i++) {
        const nib_fixed *t = &type[n_types > 1 ? i % m->cols : 0];
        const double y = m->mask && m->mask[i] == 0 ? 0 : (double)value[i];
        char text[NIB_FIXED_TEXT_BYTES];
        if (t->bits == 0 || y == 0)
            continue;
        const int64_t c = nib_fixed_cast_double(t, y);
        if (nib_fixed_value(t, c) != y)
            return nib_fail(err, NIB_ERR_CONFIG, "%s: %.9g is not on the grid of %s", m->what, y,
                            nib_fixed_print(t, NIB_FIXED_PLAIN, text));
        code[i] = c;
    }
    return nib_lower_types(lower, type, n_types, &array->type, err);
}

/* Without a quantizer: cast to the fallback type. */
static nib_status put_fallback(nib_lower *lower, const nib_lower_matrix *m, float *value, const char *key,
                               nib_fix_array *array, nib_error *err)
{
    const nib_fixed *type = &lower->options->fallback;
    NIB_TRY(nib_lower_fallback(lower, m->what, key, err));
    for (int64_t i = 0; i < m->rows * m->cols; i++)
        value[i] = (float)nib_fixed_value(type, nib_fixed_cast_double(type, (double)m->value[i]));
    return put_codes(lower, m, value, type, 1, array, err);
}

static const float *scales_of(const nib_lower *lower, const nib_quantizer_config *quantizer)
{
    const float *values = lower->options->values ? lower->options->values : lower->model->params->value;
    return nib_model_scales(lower->model, quantizer, values);
}

nib_status nib_lower_array(nib_lower *lower, const nib_lower_matrix *m, const nib_quantizer_config *quantizer,
                           const char *key, nib_fix_array *array, nib_error *err)
{
    lower->weights[lower->lowering->n_weights++] =
        (nib_lowered_weights){m->what, lower->layer->config->name, m->value, m->mask, array};
    float *value = NIB_NEW(lower->arena, float, m->rows * m->cols);
    nib_fixed *type = NIB_NEW(lower->arena, nib_fixed, m->cols);
    if (!value || !type)
        return nib_fail_memory(err, "weights");
    if (!quantizer)
        return put_fallback(lower, m, value, key, array, err);
    /* A vector is one column that shares its scale; a kernel's columns are its channels. */
    const bool vector = m->is_vector;
    const nib_quantize_call call = {.options = quantizer->options,
                                    .rows = vector ? m->cols : m->rows,
                                    .cols = vector ? 1 : m->cols,
                                    .stride = vector ? 1 : m->cols,
                                    .scale = scales_of(lower, quantizer),
                                    .x = m->value,
                                    .y = value};
    nib_lowered lowered = {.type = type};
    nib_status status = nib_quantizer_lower(quantizer, &call, &lowered, err);
    if (status != NIB_OK) {
        nib_error_prefix(err, "%s", m->what);
        return status;
    }
    nib_quantizer_forward(quantizer->type, &call);
    return put_codes(lower, m, value, type, lowered.n_types, array, err);
}

/* ---- Tables ---- */

static nib_status check_table_input(const nib_fix_node *x, const char *what, nib_error *err)
{
    if (x->type.count == 1 && x->type.bits[0] <= NIB_LOWER_TABLE_BITS)
        return NIB_OK;
    if (x->type.count != 1)
        return nib_fail(
            err, NIB_ERR_UNSUPPORTED,
            "%s is a table in hardware, which needs one type for all its inputs; %s has a type for "
            "each feature",
            what, x->name);
    return nib_fail(err, NIB_ERR_CONFIG,
                    "%s is a table in hardware, of at most %d bits; %s has %d: give it a type "
                    "(quant.layers.%s.result: 'fixed<%d,4,RND,SAT>')",
                    what, NIB_LOWER_TABLE_BITS, x->name, x->type.bits[0], x->layer, NIB_LOWER_TABLE_BITS);
}

/* The inputs of a table in the order of its entries: entry i is the value with the raw bits i. */
static void table_inputs(const nib_fixed *type, int64_t size, float *x)
{
    for (int64_t i = 0; i < size; i++) {
        const bool negative = type->is_signed && i >= size / 2;
        x[i] = (float)nib_fixed_value(type, negative ? i - size : i);
    }
}

static nib_status fill_table(nib_lower *lower, nib_fix_node *node, const nib_quantizer_config *quantizer,
                             double (*function)(double), nib_error *err)
{
    const nib_fixed in = nib_fix_type_at(&lower->lowering->net.node[node->input[0]].type, 0);
    const int64_t size = (int64_t)1 << in.bits;
    float *x = NIB_NEW(lower->arena, float, size);
    int64_t *code = NIB_NEW(lower->arena, int64_t, size);
    nib_fixed *type = NIB_NEW(lower->arena, nib_fixed, node->features);
    if (!x || !code || !type)
        return nib_fail_memory(err, "table");
    nib_lowered lowered = {.type = type, .n_types = 1, .is_cast = true};
    const nib_quantize_call call = {.options = quantizer ? quantizer->options : NULL,
                                    .rows = quantizer ? size : 0,
                                    .cols = 1,
                                    .stride = 1,
                                    .scale = scales_of(lower, quantizer),
                                    .x = x,
                                    .y = x};
    table_inputs(&in, size, x);
    if (quantizer) {
        nib_quantize_call activation = call;
        activation.rows = 0;
        activation.x = NULL;
        NIB_TRY(nib_quantizer_lower(quantizer, &activation, &lowered, err));
    } else {
        type[0] = lower->options->fallback;
    }
    if (function)
        for (int64_t i = 0; i < size; i++)
            x[i] = (float)function((double)x[i]);
    if (quantizer)
        nib_quantizer_forward(quantizer->type, &call);
    for (int64_t i = 0; i < size; i++)
        code[i] = nib_fixed_cast_double(type, (double)x[i]);
    node->as.table.size = size;
    node->as.table.code = code;
    return nib_lower_types(lower, type, 1, &node->type, err);
}

nib_status nib_lower_table(nib_lower *lower, int input, const char *name, const char *suffix,
                           double (*function)(double), nib_error *err)
{
    const nib_quantizer_config *quantizer = lower->result;
    const nib_fix_node *x = &lower->lowering->net.node[input];
    NIB_TRY(check_table_input(x, name, err));
    if (!quantizer)
        NIB_TRY(nib_lower_fallback(lower, lower->layer->config->name, "activation", err));
    nib_fix_node *node = nib_lower_add(lower, NIB_FIX_TABLE, suffix, err);
    if (!node)
        return NIB_ERR_MEMORY;
    node->n_inputs = 1;
    node->input[0] = input;
    node->as.table.function = name;
    NIB_TRY(fill_table(lower, node, quantizer, function, err));
    return nib_lower_done(lower, node, err);
}
