#include "train/model_file.h"

#include <float.h>
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "core/file.h"
#include "quant/fixnet_file.h"
#include "train/keras_layout.h"
#include "train/model_parts.h"
#include "train/run_folder.h"

enum { MOST_FEATURES = 1 << 20, MOST_CLASSES = 1 << 16 };

nib_status nib_model_file_write(const char *path, const nib_model *model, const nib_config *config,
                                const nib_data *data, const float *values, nib_error *err)
{
    return nib_model_file_write_network(path, model, config, data, values, NULL, err);
}

nib_status nib_model_file_write_network(const char *path, const nib_model *model, const nib_config *config,
                                        const nib_data *data, const float *values, const nib_fixnet *net,
                                        nib_error *err)
{
    nib_h5 *file;
    NIB_TRY(nib_h5_create(&file, err));
    nib_status status = nib_model_parts_write(file, "model", model, config, data, values, err);
    if (status == NIB_OK && net)
        status = nib_fixnet_write(file, net, err);
    if (status != NIB_OK) {
        nib_h5_close(file);
        return status;
    }
    return nib_model_parts_commit(file, path, err);
}

/* ---- Opening ---- */

/* Width of a one-dimensional dataset, within a limit. */
static nib_status read_width(nib_h5 *h5, const char *path, int64_t most, int64_t *width, nib_error *err)
{
    nib_h5_info info;
    NIB_TRY(nib_h5_dataset_info(h5, path, &info, err));
    if (info.rank != 1 || info.elements < 1 || info.elements > most)
        return nib_fail(err, NIB_ERR_INPUT, "%s: %s: not a list of 1 to %" PRId64 " values", nib_h5_path(h5),
                        path, most);
    *width = info.elements;
    return NIB_OK;
}

static nib_status read_column(nib_h5 *h5, nib_arena *arena, const char *input, const char *what,
                              int64_t width, const double **out, nib_error *err)
{
    int64_t found = 0;
    const char *path = nib_arena_printf(arena, "/nibble/data/%s/preprocess/%s", input, what);
    double *values = NIB_NEW(arena, double, width);
    if (!path || !values)
        return nib_fail_memory(err, "preprocessing");
    NIB_TRY(read_width(h5, path, MOST_FEATURES, &found, err));
    if (found != width)
        return nib_fail(err, NIB_ERR_INPUT, "%s: %s: %" PRId64 " values for %" PRId64 " features",
                        nib_h5_path(h5), path, found, width);
    NIB_TRY(nib_h5_read_f64(h5, path, 0, width, values, err));
    for (int64_t i = 0; i < width; i++)
        if (!isfinite(values[i]) || (values[i] == 0 && strcmp(what, "divisor") == 0))
            return nib_fail(err, NIB_ERR_INPUT, "%s: %s: value %" PRId64 " is %g", nib_h5_path(h5), path, i,
                            values[i]);
    *out = values;
    return NIB_OK;
}

static nib_status read_preprocess(nib_h5 *h5, nib_arena *arena, const char *input,
                                  nib_preprocess_state *state, nib_error *err)
{
    int count;
    const char *shift = nib_arena_printf(arena, "/nibble/data/%s/preprocess/shift", input);
    const char *kind = nib_arena_printf(arena, "/nibble/data/%s/preprocess/kind", input);
    const char *features = nib_arena_printf(arena, "/nibble/data/%s/features", input);
    state->input = input;
    if (!shift || !kind || !features)
        return nib_fail_memory(err, "preprocessing");
    NIB_TRY(read_width(h5, shift, MOST_FEATURES, &state->width, err));
    NIB_TRY(nib_h5_read_text(h5, kind, arena, &state->kind, err));
    if (!nib_preprocessor_find(state->kind))
        return nib_fail(err, NIB_ERR_INPUT,
                        "%s: %s: unknown preprocessing '%.40s' (known: none, standardize, minmax)",
                        nib_h5_path(h5), kind, state->kind);
    NIB_TRY(read_column(h5, arena, input, "shift", state->width, &state->shift, err));
    NIB_TRY(read_column(h5, arena, input, "divisor", state->width, &state->divisor, err));
    if (!nib_h5_has(h5, features))
        return NIB_OK;
    NIB_TRY(nib_h5_read_strings(h5, features, arena, &count, &state->features, err));
    if (count != state->width)
        return nib_fail(err, NIB_ERR_INPUT, "%s: %s: %d names for %" PRId64 " features", nib_h5_path(h5),
                        features, count, state->width);
    return NIB_OK;
}

static nib_status read_inputs(nib_h5 *h5, nib_model_file *file, nib_error *err)
{
    const char *const *names;
    int n = nib_data_config_inputs(file->config->data, &names);
    nib_preprocess_state *state = NIB_NEW(file->arena, nib_preprocess_state, n);
    nib_data_input *input = NIB_NEW(file->arena, nib_data_input, n);
    if (!state || !input)
        return nib_fail_memory(err, "model file");
    for (int i = 0; i < n; i++) {
        NIB_TRY(read_preprocess(h5, file->arena, names[i], &state[i], err));
        input[i] = (nib_data_input){.name = names[i], .width = state[i].width, .features = state[i].features};
    }
    file->n_inputs = n;
    file->preprocess = state;
    file->shapes.n_inputs = n;
    file->shapes.input = input;
    return NIB_OK;
}

static nib_status read_target(nib_h5 *h5, nib_arena *arena, const char *name, nib_data_target *target,
                              nib_error *err)
{
    int count;
    const char *text;
    const char *kind = nib_arena_printf(arena, "/nibble/target/%s/kind", name);
    const char *width = nib_arena_printf(arena, "/nibble/target/%s/width", name);
    const char *classes = nib_arena_printf(arena, "/nibble/data/classes/%s", name);
    if (!kind || !width || !classes)
        return nib_fail_memory(err, "model file");
    NIB_TRY(nib_h5_read_text(h5, kind, arena, &text, err));
    *target = (nib_data_target){.name = name};
    NIB_TRY(nib_h5_read_scalar_i64(h5, width, &target->width, err));
    if (target->width < 1 || target->width > MOST_CLASSES)
        return nib_fail(err, NIB_ERR_INPUT, "%s: %s: %" PRId64 " is not in 1..%d", nib_h5_path(h5), width,
                        target->width, (int)MOST_CLASSES);
    if (strcmp(text, "class") != 0 && strcmp(text, "real") != 0)
        return nib_fail(err, NIB_ERR_INPUT, "%s: %s: '%.40s' is neither class nor real", nib_h5_path(h5),
                        kind, text);
    target->kind = strcmp(text, "class") == 0 ? NIB_TARGET_CLASS : NIB_TARGET_REAL;
    if (target->kind == NIB_TARGET_REAL)
        return NIB_OK;
    NIB_TRY(nib_h5_read_strings(h5, classes, arena, &count, &target->classes, err));
    if (count != target->width)
        return nib_fail(err, NIB_ERR_INPUT, "%s: %s: %d names for %" PRId64 " classes", nib_h5_path(h5),
                        classes, count, target->width);
    return NIB_OK;
}

static nib_status read_targets(nib_h5 *h5, nib_model_file *file, nib_error *err)
{
    const char *const *names;
    int n = nib_data_config_targets(file->config->data, &names);
    nib_data_target *target = NIB_NEW(file->arena, nib_data_target, n);
    if (!target)
        return nib_fail_memory(err, "model file");
    for (int i = 0; i < n; i++)
        NIB_TRY(read_target(h5, file->arena, names[i], &target[i], err));
    file->shapes.n_targets = n;
    file->shapes.target = target;
    return NIB_OK;
}

/* An object that the format promises and the file lacks makes it an unusable input, not a wrong config. */
static nib_status as_input_error(nib_status status, nib_error *err)
{
    if (status != NIB_ERR_CONFIG)
        return status;
    if (err)
        err->code = NIB_ERR_INPUT;
    return NIB_ERR_INPUT;
}

static nib_status read_all(nib_h5 *h5, nib_model_file *file, nib_error *err)
{
    const char *folder = nib_path_folder(file->arena, file->path);
    if (!folder)
        return nib_fail_memory(err, "model file");
    NIB_TRY(nib_model_parts_verify(h5, file->arena, &file->kind, &file->digest, err));
    NIB_TRY(nib_h5_read_text(h5, "/nibble/config", file->arena, &file->config_text, err));
    const char *name = nib_arena_printf(file->arena, "%s:/nibble/config", file->path);
    if (!name)
        return nib_fail_memory(err, "model file");
    NIB_TRY(nib_config_parse(name, folder, file->config_text, strlen(file->config_text), NULL, 0,
                             &file->config, err));
    NIB_TRY(read_inputs(h5, file, err));
    return read_targets(h5, file, err);
}

nib_status nib_model_file_from(nib_h5 *h5, nib_model_file **out, nib_error *err)
{
    nib_arena *arena = nib_arena_create();
    nib_model_file *file = arena ? NIB_NEW(arena, nib_model_file, 1) : NULL;
    if (!file) {
        nib_arena_destroy(arena);
        return nib_fail_memory(err, "model file");
    }
    file->arena = arena;
    file->path = nib_arena_strdup(arena, nib_h5_path(h5));
    nib_status status = file->path ? read_all(h5, file, err) : nib_fail_memory(err, "model file");
    if (status != NIB_OK) {
        nib_model_file_close(file);
        return as_input_error(status, err);
    }
    *out = file;
    return NIB_OK;
}

/* RUN or MODEL, opened. */
static nib_status open_resolved(const char *path, nib_h5 **h5, nib_error *err)
{
    const char *resolved;
    nib_arena *arena = nib_arena_create();
    if (!arena)
        return nib_fail_memory(err, "model file");
    nib_status status = nib_run_folder_resolve(arena, path, &resolved, err);
    if (status == NIB_OK)
        status = nib_h5_open(h5, resolved, err);
    nib_arena_destroy(arena);
    return status;
}

nib_status nib_model_file_open(const char *path, nib_model_file **file, nib_error *err)
{
    nib_h5 *h5;
    NIB_TRY(open_resolved(path, &h5, err));
    nib_status status = nib_model_file_from(h5, file, err);
    nib_h5_close(h5);
    return status;
}

void nib_model_file_close(nib_model_file *file)
{
    if (!file)
        return;
    nib_config_destroy(file->config);
    nib_arena_destroy(file->arena);
}

/* ---- Weights ---- */

static bool is_quantizer_state(const nib_param *row)
{
    return row->role == NIB_ROLE_SCALE || row->role == NIB_ROLE_BITS ||
           (row->role == NIB_ROLE_STATE && strcmp(row->var, "moving_mean") != 0 &&
            strcmp(row->var, "moving_variance") != 0);
}

/* Where the file keeps a row; NULL in *path: nowhere, and that is allowed. */
static nib_status find_row(nib_h5 *h5, nib_arena *arena, bool own, const nib_param *row, const char **path,
                           nib_error *err)
{
    *path = NULL;
    if (own) {
        const char *place = nib_arena_printf(arena, "/nibble/param/%s", row->name);
        if (!place)
            return nib_fail_memory(err, "weights");
        if (nib_h5_has(h5, place))
            *path = place;
    } else {
        NIB_TRY(nib_keras_layout_find(h5, arena, row->layer, row->var, path, err));
    }
    bool untrained = !own && row->role == NIB_ROLE_BN && !row->trainable;
    if (!*path && !is_quantizer_state(row) && !untrained)
        return nib_fail(err, NIB_ERR_INPUT, "%s: there are no weights for %s of the model", nib_h5_path(h5),
                        row->name);
    return NIB_OK;
}

/* Every weight of the file must have a place in the model. */
static nib_status check_unused(nib_h5 *h5, nib_arena *arena, bool own, const nib_params *params,
                               nib_error *err)
{
    static const char prefix[] = "/nibble/param/";
    int count;
    const char *const *names;
    if (own)
        NIB_TRY(nib_h5_datasets(h5, "/nibble/param", arena, &count, &names, err));
    else
        NIB_TRY(nib_keras_layout_list(h5, arena, &count, &names, err));
    for (int i = 0; i < count; i++) {
        const char *name = names[i] + (own ? sizeof prefix - 1 : 0);
        const char *var = strrchr(name, '/');
        if (own && var &&
            (strcmp(var, "/scale") == 0 || strcmp(var, "/kernel_scale") == 0 ||
             strcmp(var, "/bias_scale") == 0))
            continue; /* state of a quantizer that this model need not have */
        if (nib_params_find(params, name) < 0)
            return nib_fail(err, NIB_ERR_INPUT, "%s: the model has no %s, which the file has",
                            nib_h5_path(h5), name);
    }
    return NIB_OK;
}

/* Denormals count as zero everywhere in nibble; other programs' files may have some. */
static void flush(float *values, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        if (fabsf(values[i]) < FLT_MIN)
            values[i] = 0.0f;
}

static nib_status load(nib_h5 *h5, nib_arena *arena, nib_params *params, nib_error *err)
{
    bool own = nib_h5_is_group(h5, "/nibble");
    float *values = NIB_NEW(arena, float, params->size);
    if (!values)
        return nib_fail_memory(err, "weights");
    if (own)
        NIB_TRY(nib_model_parts_verify(h5, arena, NULL, NULL, err));
    NIB_TRY(check_unused(h5, arena, own, params, err));
    /* The model is changed only when all is read. */
    memcpy(values, params->value, (size_t)params->size * sizeof *values);
    for (int i = 0; i < params->count; i++) {
        const char *path;
        NIB_TRY(find_row(h5, arena, own, &params->row[i], &path, err));
        if (path)
            NIB_TRY(nib_model_parts_get_row(h5, path, params, i, values, err));
    }
    if (!own)
        flush(values, params->size);
    if (own)
        NIB_TRY(nib_model_parts_get_masks(h5, params, err));
    memcpy(params->value, values, (size_t)params->size * sizeof *values);
    return NIB_OK;
}

nib_status nib_model_file_load_from(nib_h5 *h5, nib_params *params, nib_error *err)
{
    nib_arena *arena = nib_arena_create();
    nib_status status = arena ? load(h5, arena, params, err) : nib_fail_memory(err, "weights");
    nib_arena_destroy(arena);
    return as_input_error(status, err);
}

nib_status nib_model_file_load(const char *path, nib_params *params, nib_error *err)
{
    nib_h5 *h5;
    NIB_TRY(open_resolved(path, &h5, err));
    nib_status status = nib_model_file_load_from(h5, params, err);
    nib_h5_close(h5);
    return status;
}
