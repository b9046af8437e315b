/** Weights out of the files of Keras 2 (model_weights or a weights file: by name) and Keras 3
 * (model.weights.h5: by number). */
#include <ctype.h>
#include <float.h>
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "quant/quantizer.h"
#include "train/keras_import.h"
#include "train/keras_layout.h"

typedef struct reader {
    const nib_keras_import *import;
    const nib_keras_source *source;
    nib_arena *arena;
    nib_params *params;
} reader;

/* ---- Keras 3 ---- */

/* "BatchNormalization" -> "batch_normalization", "QDense" -> "q_dense", as keras.src.utils.naming has it. */
static const char *snake_case(nib_arena *arena, const char *name)
{
    char *out = NIB_NEW(arena, char, 2 * (int64_t)strlen(name) + 1);
    size_t n = 0;
    for (size_t i = 0; out && name[i]; i++) {
        const bool upper = isupper((unsigned char)name[i]);
        const bool before =
            i > 0 && (islower((unsigned char)name[i - 1]) || isdigit((unsigned char)name[i - 1]));
        const bool after = i > 0 && upper && islower((unsigned char)name[i + 1]);
        if (upper && (before || after))
            out[n++] = '_';
        out[n++] = (char)tolower((unsigned char)name[i]);
    }
    return out;
}

/* Folder of a layer's variables: the one that says so, or the n-th of its class. */
static nib_status folder_3(const reader *r, int layer, const char **folder, nib_error *err)
{
    static const char *const roots[] = {"/layers", "/_layer_checkpoint_dependencies"};
    nib_h5 *file = r->source->weights;
    const char *const *classes = r->import->keras_class, *root = NULL;
    *folder = NULL;
    for (size_t i = 0; i < sizeof roots / sizeof *roots && !root; i++)
        root = nib_h5_is_group(file, roots[i]) ? roots[i] : NULL;
    if (!root)
        return nib_fail(err, NIB_ERR_INPUT, "%s: there are no weights of layers in it", r->source->name);
    int count = 0;
    const char *const *members;
    NIB_TRY(nib_h5_members(file, root, r->arena, &count, &members, err));
    for (int i = 0; i < count; i++) {
        const char *path = nib_arena_printf(r->arena, "%s/%s/vars", root, members[i]), *name;
        if (!path || !nib_h5_is_group(file, path) || !nib_h5_has_attribute(file, path, "name"))
            continue;
        NIB_TRY(nib_h5_attribute_text(file, path, "name", r->arena, &name, err));
        if (strcmp(name, r->import->keras_name[layer]) == 0) {
            *folder = path;
            return NIB_OK;
        }
    }
    int before = 0;
    for (int i = 0; i < layer; i++)
        before += strcmp(classes[i], classes[layer]) == 0;
    const char *word = snake_case(r->arena, classes[layer]);
    *folder = !word    ? NULL
              : before ? nib_arena_printf(r->arena, "%s/%s_%d/vars", root, word, before)
                       : nib_arena_printf(r->arena, "%s/%s/vars", root, word);
    return *folder ? NIB_OK : nib_fail_memory(err, "weights");
}

/* Variables are numbered in the order in which the layer made them, which is the order of the import's. */
static nib_status path_3(const reader *r, int index, const char **path, nib_error *err)
{
    const nib_keras_weight *w = &r->import->weight[index];
    const char *folder;
    int number = 0;
    for (int i = 0; i < index; i++)
        number += r->import->weight[i].keras_layer == w->keras_layer;
    NIB_TRY(folder_3(r, w->keras_layer, &folder, err));
    *path = nib_arena_printf(r->arena, "%s/%d", folder, number);
    return *path ? NIB_OK : nib_fail_memory(err, "weights");
}

static bool is_keras_3(nib_h5 *file)
{
    return nib_h5_is_group(file, "/layers") || nib_h5_is_group(file, "/_layer_checkpoint_dependencies");
}

/* ---- Values ---- */

static nib_status find_path(const reader *r, int index, const char *var, const char **path, nib_error *err)
{
    if (is_keras_3(r->source->weights))
        return path_3(r, index, path, err);
    return nib_keras_layout_find(r->source->weights, r->arena,
                                 r->import->keras_name[r->import->weight[index].keras_layer], var, path, err);
}

static nib_status read_values(const reader *r, const char *path, const nib_param *row, float *values,
                              nib_error *err)
{
    nib_h5_info info;
    if (!nib_h5_has(r->source->weights, path))
        return nib_fail(err, NIB_ERR_INPUT, "%s: there is no %s for %s", r->source->name, path, row->name);
    NIB_TRY(nib_h5_dataset_info(r->source->weights, path, &info, err));
    const bool fits = row->rank == 1 ? info.rank == 1 && info.dim[0] == row->cols
                                     : info.rank == 2 && info.dim[0] == row->rows && info.dim[1] == row->cols;
    if (!fits || info.class_ != NIB_H5_FLOAT)
        return nib_fail(err, NIB_ERR_INPUT,
                        "%s: %s is no array of floats [%" PRId64 ", %" PRId64 "], which %s needs",
                        r->source->name, path, row->rows, row->cols, row->name);
    NIB_TRY(nib_h5_read_f32(r->source->weights, path, 0, info.dim[0], values, err));
    for (int64_t i = 0; i < nib_params_elements(row); i++) {
        if (!isfinite(values[i]))
            return nib_fail(err, NIB_ERR_INPUT, "%s: %s has a number that is not finite", r->source->name,
                            path);
        values[i] = fabsf(values[i]) < FLT_MIN ? 0.0F : values[i];
    }
    return NIB_OK;
}

/* TFMOT keeps the mask beside a kernel. */
static nib_status apply_mask(const reader *r, int index, const nib_param *row, float *values, nib_error *err)
{
    const char *path = NULL;
    if (strcmp(row->var, "kernel") != 0 || is_keras_3(r->source->weights))
        return NIB_OK;
    NIB_TRY(find_path(r, index, "mask", &path, err));
    float *mask = NIB_NEW(r->arena, float, nib_params_elements(row));
    if (!path)
        return NIB_OK;
    if (!mask)
        return nib_fail_memory(err, "weights");
    NIB_TRY(read_values(r, path, row, mask, err));
    for (int64_t i = 0; i < nib_params_elements(row); i++)
        values[i] = mask[i] == 0.0F ? 0.0F : values[i];
    return NIB_OK;
}

static nib_status quantize(const reader *r, const char *text, int64_t n, float *values, nib_error *err)
{
    nib_quantizer_config quantizer;
    NIB_TRY(nib_quantizer_parse(r->arena, text, &quantizer, err));
    const nib_quantize_call call = {
        .options = quantizer.options, .rows = n, .cols = 1, .stride = 1, .x = values, .y = values};
    nib_quantizer_forward(quantizer.type, &call);
    return NIB_OK;
}

static nib_status read_weight(const reader *r, int index, nib_error *err)
{
    const nib_keras_weight *w = &r->import->weight[index];
    const char *name = nib_arena_printf(r->arena, "%s/%s", w->layer, w->var), *path = NULL;
    const int at = name ? nib_params_find(r->params, name) : -1;
    if (at < 0)
        return nib_fail(err, NIB_ERR_INPUT, "%s: the model has no %s", r->source->name, name ? name : "");
    const nib_param *row = &r->params->row[at];
    float *values = NIB_NEW(r->arena, float, nib_params_elements(row));
    if (!values)
        return nib_fail_memory(err, "weights");
    NIB_TRY(find_path(r, index, w->var, &path, err));
    if (!path)
        return nib_fail(err, NIB_ERR_INPUT, "%s: there are no weights %s of %s", r->source->name, w->var,
                        r->import->keras_name[w->keras_layer]);
    NIB_TRY(read_values(r, path, row, values, err));
    NIB_TRY(apply_mask(r, index, row, values, err));
    if (w->quantizer)
        NIB_TRY(quantize(r, w->quantizer, nib_params_elements(row), values, err));
    nib_params_unpack(r->params, at, values, r->params->value);
    return NIB_OK;
}

nib_status nib_keras_import_weights(const nib_keras_import *import, const nib_keras_source *source,
                                    nib_params *params, nib_error *err)
{
    const reader r = {import, source, nib_arena_create(), params};
    nib_status status = r.arena ? NIB_OK : nib_fail_memory(err, "weights");
    for (int i = 0; status == NIB_OK && i < import->n_weights; i++)
        status = read_weight(&r, i, err);
    nib_arena_destroy(r.arena);
    return status;
}
