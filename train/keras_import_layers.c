/** The table of Keras' layers: one row for each class, with the function that writes nibble's layers for it.
 * A new mapping is a function and a row of `mappings` at the end of this file. */
#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/names.h"
#include "train/keras_import_internal.h"

enum { MOST_FEATURES = 1 << 20 };

/* ---- Names ---- */

static bool is_used(const nib_keras_importer *m, const char *name)
{
    for (int i = 0; i < m->n_used; i++)
        if (strcmp(m->used[i], name) == 0)
            return true;
    return false;
}

const char *nib_keras_new_name(nib_keras_importer *m, const char *name)
{
    /* hls4ml finds variables by these words; x is taken out of the middle of them. */
    static const char *const words[] = {"kernel", "bias",     "gamma",         "beta", "moving",
                                        "bits",   "integers", "keep_negative", "table"};
    enum { MOST = 48 };
    char *base = nib_arena_printf(m->arena, "%s%.*s", isalpha((unsigned char)*name) ? "" : "l_", MOST, name);
    if (!base || m->n_used == (int)(sizeof m->used / sizeof *m->used))
        return NULL;
    for (char *c = base; *c; c++)
        if (!isalnum((unsigned char)*c))
            *c = '_';
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        for (char *at; (at = strstr(base, words[i])) != NULL;)
            at[1] = 'x';
    const char *free_name = strcmp(base, "input") == 0 ? "x" : base;
    for (int n = 1; free_name && is_used(m, free_name); n++)
        free_name = nib_arena_printf(m->arena, "%s_%d", base, n);
    m->used[m->n_used++] = free_name;
    return free_name;
}

/* ---- Writing ---- */

/* A layer of nibble over others; options are to be added to the result. */
static nib_doc *emit(nib_keras_importer *m, const char *type, const char *name, int n,
                     const char *const *from)
{
    nib_doc *entry = nib_doc_new_map(m->arena), *options = nib_doc_new_map(m->arena);
    if (!name || !nib_doc_add(m->arena, entry, type, options) ||
        !nib_doc_add(m->arena, m->layers, NULL, entry) ||
        !nib_doc_add_text(m->arena, options, "name", "%s", name))
        return NULL;
    nib_doc *list = nib_doc_new_list(m->arena);
    for (int i = 0; i < n; i++)
        if (!nib_doc_add_text(m->arena, list, NULL, "%s", from[i]))
            return NULL;
    return nib_doc_add(m->arena, options, "from", list) ? options : NULL;
}

static bool set_quantizer(nib_keras_importer *m, const char *layer, const char *key, const char *text)
{
    nib_doc *map = nib_doc_get(m->quant_layers, layer);
    if (!map) {
        map = nib_doc_new_map(m->arena);
        if (!nib_doc_add(m->arena, m->quant_layers, layer, map))
            return false;
    }
    nib_doc *value = nib_doc_add_text(m->arena, map, key, "%s", text);
    return value != NULL;
}

static bool add_weight(nib_keras_importer *m, const nib_keras_layer *l, const char *layer, const char *var,
                       const char *quantizer)
{
    nib_keras_import *import = m->import;
    if (import->n_weights == m->max_weights)
        return false;
    import->weight[import->n_weights++] = (nib_keras_weight){layer, var, (int)(l - m->layer), quantizer};
    return true;
}

/* ---- Settings ---- */

static const cJSON *get(const nib_keras_layer *l, const char *key)
{
    return cJSON_GetObjectItemCaseSensitive(l->config, key);
}

static bool truth(nib_keras_importer *m, const nib_keras_layer *l, const char *key, bool otherwise)
{
    const cJSON *item = get(l, key);
    if (item && !cJSON_IsNull(item) && !cJSON_IsBool(item))
        nib_keras_problem(m, l, "%s", key);
    return cJSON_IsBool(item) ? cJSON_IsTrue(item) : otherwise;
}

static double number(nib_keras_importer *m, const nib_keras_layer *l, const char *key, double otherwise)
{
    const cJSON *item = get(l, key);
    const bool fine = cJSON_IsNumber(item) && isfinite(item->valuedouble);
    if (item && !cJSON_IsNull(item) && !fine)
        nib_keras_problem(m, l, "%s", key);
    return fine ? item->valuedouble : otherwise;
}

static const nib_keras_layer *below(const nib_keras_importer *m, const nib_keras_layer *l, int i)
{
    return &m->layer[l->from[i]];
}

/* The key of what a layer gives, which is not named in model.outputs: their key is put right at the end. */
static const char *result_key(const nib_keras_importer *m, const char *layer)
{
    static const char *const activations[] = {"relu", "leaky_relu", "tanh", "sigmoid", "softmax"};
    for (int i = 0; i < m->layers->count; i++) {
        const nib_doc_entry *entry = &m->layers->entries[i].value->entries[0];
        if (strcmp(nib_doc_get(entry->value, "name")->text, layer) != 0)
            continue;
        for (size_t k = 0; k < sizeof activations / sizeof *activations; k++)
            if (strcmp(entry->key, activations[k]) == 0)
                return "activation";
    }
    return "result";
}

/* ---- Activations ---- */

/* What the layer gives so far goes through one more layer of nibble, made of one input. */
static nib_doc *emit_over(nib_keras_importer *m, nib_keras_layer *l, const char *type, const char *name)
{
    const char *from = l->out;
    nib_doc *options = emit(m, type, name, 1, &from);
    l->out = name;
    l->out_is_input = false;
    return options;
}

/* A quantizer as the function: on the result of the layer below where nobody else reads that, else on an
 * identity. relu and its quantizer are a layer with a quantizer. */
static nib_status apply_quantizer(nib_keras_importer *m, nib_keras_layer *l, const char *text, bool alone,
                                  const char *suffix, nib_error *err)
{
    const char *function = nib_keras_quantizer_name(m->arena, text);
    const bool relu =
        function && strcmp(function, "quantized_relu") == 0 && !strstr(text, "use_sigmoid=true");
    const char *slope = strstr(text, "negative_slope=");
    const bool leaky =
        slope && strncmp(slope, "negative_slope=0,", 17) != 0 && strncmp(slope, "negative_slope=0)", 17) != 0;
    const char *name = suffix ? nib_arena_printf(m->arena, "%s_%s", l->name, suffix) : l->name;
    const nib_doc *taken = nib_doc_get(m->quant_layers, l->out);
    bool fine;
    if (relu && !leaky) {
        name = nib_keras_new_name(m, name);
        fine = emit_over(m, l, "relu", name) && set_quantizer(m, name, "activation", text);
    } else if (alone && l->out_is_input && !nib_doc_get(taken, "input")) {
        fine = set_quantizer(m, l->out, "input", text);
    } else if (alone && !l->out_is_input && !nib_doc_get(taken, "result") &&
               !nib_doc_get(taken, "activation")) {
        fine = set_quantizer(m, l->out, result_key(m, l->out), text);
    } else {
        name = nib_keras_new_name(m, name);
        nib_doc *options = emit_over(m, l, "leaky_relu", name);
        fine = options && nib_doc_add_text(m->arena, options, "negative_slope", "1") &&
               set_quantizer(m, name, "activation", text);
    }
    return fine ? NIB_OK : nib_fail_memory(err, "import");
}

/* A Keras activation by name, behind what the layer gives so far. */
static nib_status apply_named(nib_keras_importer *m, nib_keras_layer *l, const char *function, bool alone,
                              const char *suffix, nib_error *err)
{
    static const char *const known[] = {"relu", "tanh", "sigmoid", "softmax"};
    const bool last = l->is_output && l->n_users == 0;
    if (strcmp(function, "linear") == 0)
        return NIB_OK;
    if (last && (strcmp(function, "softmax") == 0 || strcmp(function, "sigmoid") == 0)) {
        l->loss = *function == 's' && function[1] == 'o' ? "categorical_crossentropy" : "binary_crossentropy";
        return NIB_OK;
    }
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (strcmp(function, known[i]) == 0) {
            const char *name = suffix ? nib_arena_printf(m->arena, "%s_%s", l->name, suffix) : l->name;
            name = name ? nib_keras_new_name(m, name) : NULL;
            return name && emit_over(m, l, function, name) ? NIB_OK : nib_fail_memory(err, "import");
        }
    if (strncmp(function, "quantized_", 10) == 0 || strncmp(function, "binary", 6) == 0 ||
        strncmp(function, "ternary", 7) == 0 || strncmp(function, "stochastic_", 11) == 0) {
        const cJSON stored = {.type = cJSON_String, .valuestring = (char *)(uintptr_t)function};
        const char *text = nib_keras_quantizer(m, l, &stored, false, "activation");
        return text ? apply_quantizer(m, l, text, alone, suffix, err) : NIB_OK;
    }
    nib_keras_problem(m, l, "activation %.40s", function);
    return NIB_OK;
}

static nib_status apply_activation(nib_keras_importer *m, nib_keras_layer *l, bool alone, const char *suffix,
                                   nib_error *err)
{
    const cJSON *stored = get(l, "activation");
    if (!stored || cJSON_IsNull(stored))
        return NIB_OK;
    if (cJSON_IsString(stored))
        return apply_named(m, l, stored->valuestring, alone, suffix, err);
    const char *text = nib_keras_quantizer(m, l, stored, false, "activation");
    return text ? apply_quantizer(m, l, text, alone, suffix, err) : NIB_OK;
}

static nib_status map_activation(nib_keras_importer *m, nib_keras_layer *l, nib_error *err)
{
    return apply_activation(m, l, below(m, l, 0)->n_users == 1, NULL, err);
}

static nib_status map_softmax(nib_keras_importer *m, nib_keras_layer *l, nib_error *err)
{
    return apply_named(m, l, "softmax", true, NULL, err);
}

static nib_status map_relu(nib_keras_importer *m, nib_keras_layer *l, nib_error *err)
{
    const double slope = number(m, l, "negative_slope", 0);
    const cJSON *most = get(l, "max_value");
    if ((most && !cJSON_IsNull(most)) || number(m, l, "threshold", 0) != 0) {
        nib_keras_problem(m, l, "max_value or threshold");
        return NIB_OK;
    }
    const char *name = nib_keras_new_name(m, l->name);
    nib_doc *options = name ? emit_over(m, l, slope == 0 ? "relu" : "leaky_relu", name) : NULL;
    if (options && slope != 0 && !nib_doc_add_text(m->arena, options, "negative_slope", "%.9g", slope))
        options = NULL;
    return options ? NIB_OK : nib_fail_memory(err, "import");
}

static nib_status map_leaky_relu(nib_keras_importer *m, nib_keras_layer *l, nib_error *err)
{
    /* alpha in Keras 2, negative_slope in Keras 3 */
    const double slope = number(m, l, "negative_slope", number(m, l, "alpha", 0.3));
    const char *name = nib_keras_new_name(m, l->name);
    nib_doc *options = name ? emit_over(m, l, "leaky_relu", name) : NULL;
    return options && nib_doc_add_text(m->arena, options, "negative_slope", "%.9g", slope)
               ? NIB_OK
               : nib_fail_memory(err, "import");
}

/* ---- Layers with weights ---- */

static nib_status map_dense(nib_keras_importer *m, nib_keras_layer *l, nib_error *err)
{
    const bool bias = truth(m, l, "use_bias", true);
    const double units = number(m, l, "units", 0);
    const char *name = nib_keras_new_name(m, l->name);
    if (units < 1 || units > 65536 || units != floor(units)) {
        nib_keras_problem(m, l, "units");
        return NIB_OK;
    }
    nib_doc *options = name ? emit_over(m, l, "dense", name) : NULL;
    if (!options || !nib_doc_add_text(m->arena, options, "units", "%d", (int)units) ||
        !nib_doc_add_text(m->arena, options, "use_bias", "%s", bias ? "true" : "false") ||
        !add_weight(m, l, name, "kernel", NULL) || (bias && !add_weight(m, l, name, "bias", NULL)))
        return nib_fail_memory(err, "import");
    l->width = (int64_t)units;
    const char *kernel = nib_keras_quantizer(m, l, get(l, "kernel_quantizer"), true, "kernel_quantizer");
    const char *of_bias = nib_keras_quantizer(m, l, get(l, "bias_quantizer"), true, "bias_quantizer");
    if ((kernel && !set_quantizer(m, name, "weight", kernel)) ||
        (bias && of_bias && !set_quantizer(m, name, "bias", of_bias)))
        return nib_fail_memory(err, "import");
    return apply_activation(m, l, true, "act", err);
}

static bool last_axis(const nib_keras_layer *l)
{
    const cJSON *axis = get(l, "axis");
    const cJSON *one =
        cJSON_IsArray(axis) && cJSON_GetArraySize(axis) == 1 ? cJSON_GetArrayItem(axis, 0) : axis;
    return !one || (cJSON_IsNumber(one) && (one->valueint == -1 || one->valueint == 1));
}

/* Parameters of QBatchNormalization are put on their grids once: evaluation then is QKeras'. */
static nib_status map_batch_norm(nib_keras_importer *m, nib_keras_layer *l, nib_error *err)
{
    static const char *const vars[4] = {"gamma", "beta", "moving_mean", "moving_variance"};
    static const char *const keys[4] = {"gamma_quantizer", "beta_quantizer", "mean_quantizer",
                                        "variance_quantizer"};
    const bool wanted[4] = {truth(m, l, "scale", true), truth(m, l, "center", true), true, true};
    const cJSON *inverse = get(l, "inverse_quantizer");
    if (!last_axis(l))
        nib_keras_problem(m, l, "axis");
    if (inverse && !cJSON_IsNull(inverse))
        nib_keras_problem(m, l, "inverse_quantizer");
    const char *name = nib_keras_new_name(m, l->name);
    nib_doc *options = name ? emit_over(m, l, "batch_norm", name) : NULL;
    if (!options ||
        !nib_doc_add_text(m->arena, options, "momentum", "%.9g", number(m, l, "momentum", 0.99)) ||
        !nib_doc_add_text(m->arena, options, "epsilon", "%.9g", number(m, l, "epsilon", 0.001)) ||
        !nib_doc_add_text(m->arena, options, "scale", "%s", wanted[0] ? "true" : "false") ||
        !nib_doc_add_text(m->arena, options, "center", "%s", wanted[1] ? "true" : "false"))
        return nib_fail_memory(err, "import");
    for (int i = 0; i < 4; i++) {
        const char *quantizer = nib_keras_quantizer(m, l, get(l, keys[i]), false, keys[i]);
        if (wanted[i] && !add_weight(m, l, name, vars[i], quantizer))
            return nib_fail_memory(err, "import");
    }
    return NIB_OK;
}

/* ---- Layers without weights ---- */

static nib_status map_dropout(nib_keras_importer *m, nib_keras_layer *l, nib_error *err)
{
    const char *name = nib_keras_new_name(m, l->name);
    nib_doc *options = name ? emit_over(m, l, "dropout", name) : NULL;
    return options && nib_doc_add_text(m->arena, options, "rate", "%.9g", number(m, l, "rate", 0))
               ? NIB_OK
               : nib_fail_memory(err, "import");
}

static nib_status map_merge(nib_keras_importer *m, nib_keras_layer *l, const char *type, nib_error *err)
{
    const char *from[NIB_MAX_INPUTS];
    int64_t sum = 0;
    for (int i = 0; i < l->n_from; i++) {
        from[i] = below(m, l, i)->out;
        sum += below(m, l, i)->width;
        if (strcmp(type, "add") == 0 && below(m, l, i)->width != l->width)
            nib_keras_problem(m, l, "inputs of different widths");
    }
    if (strcmp(type, "concat") == 0) {
        if (sum > MOST_FEATURES)
            nib_keras_problem(m, l, "more than %d features", (int)MOST_FEATURES);
        l->width = sum > MOST_FEATURES ? MOST_FEATURES : sum;
        if (!last_axis(l))
            nib_keras_problem(m, l, "axis");
    }
    l->out = nib_keras_new_name(m, l->name);
    l->out_is_input = false;
    return l->out && emit(m, type, l->out, l->n_from, from) ? NIB_OK : nib_fail_memory(err, "import");
}

static nib_status map_add(nib_keras_importer *m, nib_keras_layer *l, nib_error *err)
{
    return map_merge(m, l, "add", err);
}

static nib_status map_concat(nib_keras_importer *m, nib_keras_layer *l, nib_error *err)
{
    return map_merge(m, l, "concat", err);
}

static nib_status map_nothing(nib_keras_importer *m, nib_keras_layer *l, nib_error *err)
{
    (void)m;
    (void)l;
    (void)err;
    return NIB_OK;
}

static nib_status map_input(nib_keras_importer *m, nib_keras_layer *l, nib_error *err)
{
    const cJSON *shape = get(l, "batch_input_shape");
    shape = shape ? shape : get(l, "batch_shape");
    const cJSON *width = cJSON_GetArrayItem(shape, 1);
    nib_keras_import *import = m->import;
    if (cJSON_GetArraySize(shape) != 2 || !cJSON_IsNumber(width) || width->valuedouble < 1 ||
        width->valuedouble > MOST_FEATURES || width->valuedouble != floor(width->valuedouble)) {
        nib_keras_problem(m, l, "its shape is not (None, n)");
        return NIB_OK;
    }
    if (import->n_inputs == NIB_MAX_INPUTS) {
        nib_keras_problem(m, l, "more than %d inputs", (int)NIB_MAX_INPUTS);
        return NIB_OK;
    }
    int inputs = 0;
    for (int i = 0; i < m->n_layers; i++)
        inputs += strcmp(m->layer[i].class_, "InputLayer") == 0;
    l->width = (int64_t)width->valuedouble;
    l->out = nib_keras_new_name(m, inputs == 1 ? "x" : l->name);
    l->out_is_input = true;
    import->input[import->n_inputs] = l->out;
    import->input_width[import->n_inputs++] = l->width;
    return l->out ? NIB_OK : nib_fail_memory(err, "import");
}

/* ---- The table ---- */

typedef struct mapping {
    const char *class_;
    int min_inputs, max_inputs;
    nib_status (*map)(nib_keras_importer *m, nib_keras_layer *l, nib_error *err);
} mapping;

static const mapping mappings[] = {
    {"InputLayer", 0, 0, map_input},
    {"Dense", 1, 1, map_dense},
    {"QDense", 1, 1, map_dense},
    {"Activation", 1, 1, map_activation},
    {"QActivation", 1, 1, map_activation},
    {"ReLU", 1, 1, map_relu},
    {"LeakyReLU", 1, 1, map_leaky_relu},
    {"Softmax", 1, 1, map_softmax},
    {"BatchNormalization", 1, 1, map_batch_norm},
    {"QBatchNormalization", 1, 1, map_batch_norm},
    {"Dropout", 1, 1, map_dropout},
    {"ActivityRegularization", 1, 1, map_nothing},
    {"Add", 2, NIB_MAX_INPUTS, map_add},
    {"Concatenate", 2, NIB_MAX_INPUTS, map_concat},
};

nib_status nib_keras_map_layer(nib_keras_importer *m, nib_keras_layer *l, nib_error *err)
{
    const mapping *row = NULL;
    for (size_t i = 0; i < sizeof mappings / sizeof *mappings; i++)
        if (strcmp(mappings[i].class_, l->class_) == 0)
            row = &mappings[i];
    if (l->n_from > 0) { /* the layer's result so far is its first input's; unknown layers pass it on */
        l->out = below(m, l, 0)->out;
        l->out_is_input = below(m, l, 0)->out_is_input;
        l->width = below(m, l, 0)->width;
    }
    if (!row) {
        nib_keras_problem(m, l, "no such layer here");
        return NIB_OK;
    }
    if (l->n_from < row->min_inputs || l->n_from > row->max_inputs) {
        nib_keras_problem(m, l, "%d inputs", l->n_from);
        return NIB_OK;
    }
    for (int i = 0; i < l->n_from; i++)
        if (!below(m, l, i)->out)
            return NIB_OK; /* what is below was a problem already */
    return row->map(m, l, err);
}
