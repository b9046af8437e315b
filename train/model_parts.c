#include "train/model_parts.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "core/file.h"
#include "core/yaml.h"
#include "datasets/index_file.h"
#include "train/keras_layout.h"

static const char FORMAT[] = "nibble";

/* ---- Parameters ---- */

nib_status nib_model_parts_put_rows(nib_h5 *file, const char *group, const nib_params *params,
                                    const float *flat, nib_error *err)
{
    nib_arena *arena = nib_arena_create();
    nib_status status = arena ? NIB_OK : nib_fail_memory(err, "parameters");
    for (int i = 0; status == NIB_OK && i < params->count; i++) {
        const nib_param *row = &params->row[i];
        const int64_t dim[2] = {row->rank == 1 ? row->cols : row->rows, row->cols};
        const char *path = nib_arena_printf(arena, "%s/%s", group, row->name);
        float *dense = NIB_NEW(arena, float, nib_params_elements(row));
        if (!path || !dense) {
            status = nib_fail_memory(err, "parameters");
        } else {
            nib_params_pack(params, i, flat, dense);
            status = nib_h5_write_f32(file, path, row->rank, dim, dense, err);
        }
    }
    nib_arena_destroy(arena);
    return status;
}

static nib_status check_row(nib_h5 *file, const char *path, const nib_param *row, nib_error *err)
{
    nib_h5_info info;
    NIB_TRY(nib_h5_dataset_info(file, path, &info, err));
    bool same = (info.class_ == NIB_H5_FLOAT || info.class_ == NIB_H5_INTEGER) && info.rank == row->rank &&
                info.dim[info.rank - 1] == row->cols && (info.rank == 1 || info.dim[0] == row->rows);
    if (same)
        return NIB_OK;
    char has[96] = "";
    size_t used = 0;
    for (int i = 0; i < info.rank && used < sizeof has; i++)
        used += (size_t)snprintf(has + used, sizeof has - used, "%s%" PRId64, i ? " x " : "", info.dim[i]);
    if (row->rank == 1)
        return nib_fail(err, NIB_ERR_INPUT, "%s: %s: shape (%s), but %s of the model has (%" PRId64 ")",
                        nib_h5_path(file), path, has, row->name, row->cols);
    return nib_fail(err, NIB_ERR_INPUT,
                    "%s: %s: shape (%s), but %s of the model has (%" PRId64 " x %" PRId64 ")",
                    nib_h5_path(file), path, has, row->name, row->rows, row->cols);
}

nib_status nib_model_parts_get_row(nib_h5 *file, const char *path, const nib_params *params, int index,
                                   float *flat, nib_error *err)
{
    const nib_param *row = &params->row[index];
    NIB_TRY(check_row(file, path, row, err));
    nib_arena *arena = nib_arena_create();
    float *dense = arena ? NIB_NEW(arena, float, nib_params_elements(row)) : NULL;
    nib_status status =
        dense ? nib_h5_read_f32(file, path, 0, row->rank == 1 ? row->cols : row->rows, dense, err)
              : nib_fail_memory(err, "parameters");
    if (status == NIB_OK)
        nib_params_unpack(params, index, dense, flat);
    nib_arena_destroy(arena);
    return status;
}

nib_status nib_model_parts_get_rows(nib_h5 *file, const char *group, const nib_params *params, float *flat,
                                    nib_error *err)
{
    nib_status status = NIB_OK;
    for (int i = 0; status == NIB_OK && i < params->count; i++) {
        char path[512];
        int n = snprintf(path, sizeof path, "%s/%s", group, params->row[i].name);
        if (n < 0 || (size_t)n >= sizeof path)
            return nib_fail(err, NIB_ERR_INPUT, "%s: name too long", params->row[i].name);
        status = nib_model_parts_get_row(file, path, params, i, flat, err);
        if (status == NIB_ERR_CONFIG && err) /* a dataset that is not there */
            status = err->code = NIB_ERR_INPUT;
    }
    return status;
}

nib_status nib_model_parts_get_masks(nib_h5 *file, nib_params *params, nib_error *err)
{
    if (nib_h5_is_group(file, "/nibble/mask"))
        NIB_TRY(nib_params_add_masks(params, err));
    for (int i = 0; params->mask && i < params->count; i++) {
        const nib_param *row = &params->row[i];
        char path[512];
        int n = snprintf(path, sizeof path, "/nibble/mask/%s", row->name);
        if (n > 0 && (size_t)n < sizeof path && nib_h5_has(file, path)) {
            NIB_TRY(nib_model_parts_get_row(file, path, params, i, params->mask, err));
            continue;
        }
        for (int64_t r = 0; r < row->rows; r++)
            for (int64_t c = 0; c < row->cols; c++)
                params->mask[row->offset + r * row->stride + c] = 1.0f;
    }
    return NIB_OK;
}

/* ---- Config ---- */

/* Keys whose scalars are file names. */
static bool names_a_file(const char *key)
{
    return key && (strcmp(key, "file") == 0 || strcmp(key, "rows") == 0 || strcmp(key, "init_from") == 0 ||
                   strcmp(key, "teacher") == 0);
}

/* "a/idx.h5:split/test" -> "idx.h5:split/test" */
static const char *base_of(nib_arena *arena, const char *name)
{
    const char *file, *dataset;
    if (nib_index_file_split(arena, name, &file, &dataset, NULL) != NIB_OK)
        return NULL;
    return dataset ? nib_arena_printf(arena, "%s:%s", nib_path_base(file), dataset) : nib_path_base(name);
}

static bool cut_names(nib_arena *arena, nib_doc *doc)
{
    bool ok = true;
    for (int i = 0; i < doc->count && ok; i++) {
        nib_doc *value = doc->entries[i].value;
        if (value->kind == NIB_DOC_SCALAR && names_a_file(doc->entries[i].key))
            ok = (value->text = base_of(arena, value->text)) != NULL;
        else
            ok = cut_names(arena, value);
    }
    return ok;
}

nib_status nib_model_parts_config(const nib_config *config, nib_arena *arena, const char **text,
                                  nib_error *err)
{
    char *written;
    nib_doc *doc = nib_doc_copy(arena, config->resolved);
    if (!doc)
        return nib_fail_memory(err, "config");
    /* Paths differ from machine to machine, contents do not: the files' digests stand in /nibble/files. */
    if (!cut_names(arena, doc))
        return nib_fail_memory(err, "config");
    NIB_TRY(nib_yaml_write(arena, doc, &written, err));
    *text = written;
    return NIB_OK;
}

/* ---- Data ---- */

static nib_status write_preprocess(nib_h5 *file, nib_arena *arena, const nib_preprocess_state *state,
                                   nib_error *err)
{
    const int64_t dim[1] = {state->width};
    const char *group = nib_arena_printf(arena, "/nibble/data/%s", state->input);
    const char *kind = nib_arena_printf(arena, "%s/preprocess/kind", group ? group : "");
    const char *shift = nib_arena_printf(arena, "%s/preprocess/shift", group ? group : "");
    const char *divisor = nib_arena_printf(arena, "%s/preprocess/divisor", group ? group : "");
    const char *features = nib_arena_printf(arena, "%s/features", group ? group : "");
    if (!group || !kind || !shift || !divisor || !features)
        return nib_fail_memory(err, "data");
    NIB_TRY(nib_h5_write_text(file, kind, state->kind, err));
    NIB_TRY(nib_h5_write_f64(file, shift, 1, dim, state->shift, err));
    NIB_TRY(nib_h5_write_f64(file, divisor, 1, dim, state->divisor, err));
    if (!state->features)
        return NIB_OK;
    return nib_h5_write_strings(file, features, (int)state->width, state->features, err);
}

static nib_status write_target(nib_h5 *file, nib_arena *arena, const nib_data_target *target, nib_error *err)
{
    bool is_class = target->kind == NIB_TARGET_CLASS;
    const char *kind = nib_arena_printf(arena, "/nibble/target/%s/kind", target->name);
    const char *width = nib_arena_printf(arena, "/nibble/target/%s/width", target->name);
    const char *classes = nib_arena_printf(arena, "/nibble/data/classes/%s", target->name);
    if (!kind || !width || !classes)
        return nib_fail_memory(err, "data");
    NIB_TRY(nib_h5_write_text(file, kind, is_class ? "class" : "real", err));
    NIB_TRY(nib_h5_write_i64(file, width, 0, NULL, &target->width, err));
    if (!is_class)
        return NIB_OK;
    return nib_h5_write_strings(file, classes, (int)target->width, target->classes, err);
}

static nib_status write_data(nib_h5 *file, nib_arena *arena, const nib_data *data, nib_error *err)
{
    const char **files = NIB_NEW(arena, const char *, data->n_files);
    int64_t fingerprint;
    if (!files)
        return nib_fail_memory(err, "data");
    for (int i = 0; i < data->n_inputs; i++)
        NIB_TRY(write_preprocess(file, arena, &data->preprocess[i], err));
    for (int i = 0; i < data->train.n_targets; i++)
        NIB_TRY(write_target(file, arena, &data->train.target[i], err));
    for (int i = 0; i < data->n_files; i++) {
        const nib_data_file *f = &data->files[i];
        files[i] = nib_arena_printf(arena, "%s crc32:%08x %" PRId64, f->name, (unsigned)f->crc, f->bytes);
        if (!files[i])
            return nib_fail_memory(err, "data");
    }
    NIB_TRY(nib_h5_write_strings(file, "/nibble/files", data->n_files, files, err));
    memcpy(&fingerprint, &data->fingerprint, sizeof fingerprint);
    return nib_h5_write_i64(file, "/nibble/fingerprint", 0, NULL, &fingerprint, err);
}

/* ---- The file ---- */

static nib_status write_masks(nib_h5 *file, nib_arena *arena, const nib_params *params, nib_error *err)
{
    for (int i = 0; params->mask && i < params->count; i++) {
        const nib_param *row = &params->row[i];
        const int64_t n = nib_params_elements(row);
        const int64_t dim[2] = {row->rank == 1 ? row->cols : row->rows, row->cols};
        const char *path = nib_arena_printf(arena, "/nibble/mask/%s", row->name);
        float *dense = NIB_NEW(arena, float, n);
        uint8_t *bits = NIB_NEW(arena, uint8_t, n);
        if (!path || !dense || !bits)
            return nib_fail_memory(err, "masks");
        nib_params_pack(params, i, params->mask, dense);
        for (int64_t k = 0; k < n; k++)
            bits[k] = dense[k] != 0.0f;
        NIB_TRY(nib_h5_write_u8(file, path, row->rank, dim, bits, err));
    }
    return NIB_OK;
}

nib_status nib_model_parts_head(nib_h5 *file, const char *kind, nib_error *err)
{
    NIB_TRY(nib_h5_make_group(file, "/nibble", err));
    NIB_TRY(nib_h5_set_attribute_text(file, "/nibble", "format", FORMAT, err));
    NIB_TRY(nib_h5_set_attribute_i64(file, "/nibble", "version", NIB_MODEL_FILE_VERSION, err));
    return nib_h5_set_attribute_text(file, "/nibble", "kind", kind, err);
}

static nib_status write_parts(nib_h5 *file, nib_arena *arena, const char *kind, const nib_model *model,
                              const nib_config *config, const nib_data *data, const float *values,
                              nib_error *err)
{
    const char *text = NULL;
    NIB_TRY(nib_keras_layout_write(file, model, values, err));
    NIB_TRY(nib_model_parts_head(file, kind, err));
    NIB_TRY(nib_model_parts_config(config, arena, &text, err));
    NIB_TRY(nib_h5_write_text(file, "/nibble/config", text, err));
    NIB_TRY(write_data(file, arena, data, err));
    NIB_TRY(nib_model_parts_put_rows(file, "/nibble/param", model->params, values, err));
    return write_masks(file, arena, model->params, err);
}

nib_status nib_model_parts_write(nib_h5 *file, const char *kind, const nib_model *model,
                                 const nib_config *config, const nib_data *data, const float *values,
                                 nib_error *err)
{
    nib_arena *arena = nib_arena_create();
    if (!arena)
        return nib_fail_memory(err, "model file");
    nib_status status = write_parts(file, arena, kind, model, config, data, values, err);
    nib_arena_destroy(arena);
    return status;
}

nib_status nib_model_parts_commit(nib_h5 *file, const char *path, nib_error *err)
{
    uint32_t crc;
    char digest[32];
    nib_status status = nib_h5_digest(file, "/", &crc, err);
    if (status == NIB_OK) {
        (void)snprintf(digest, sizeof digest, "crc32:%08x", (unsigned)crc);
        status = nib_h5_set_attribute_text(file, "/nibble", "digest", digest, err);
    }
    if (status != NIB_OK) {
        nib_h5_close(file);
        return status;
    }
    return nib_h5_commit(file, path, err);
}

static nib_status check_head(nib_h5 *file, nib_arena *arena, const char **kind, nib_error *err)
{
    const char *format;
    int64_t version;
    NIB_TRY(nib_h5_attribute_text(file, "/nibble", "format", arena, &format, err));
    NIB_TRY(nib_h5_attribute_i64(file, "/nibble", "version", &version, err));
    NIB_TRY(nib_h5_attribute_text(file, "/nibble", "kind", arena, kind, err));
    if (strcmp(format, FORMAT) != 0)
        return nib_fail(err, NIB_ERR_INPUT, "%s: the group /nibble has the format '%.40s', not '%s'",
                        nib_h5_path(file), format, FORMAT);
    if (version < 1 || version > NIB_MODEL_FILE_VERSION)
        return nib_fail(err, NIB_ERR_INPUT,
                        "%s: a model file of version %" PRId64
                        "; this nibble reads up to %d: use a newer one",
                        nib_h5_path(file), version, (int)NIB_MODEL_FILE_VERSION);
    if (strcmp(*kind, "model") != 0 && strcmp(*kind, "checkpoint") != 0 && strcmp(*kind, "export") != 0)
        return nib_fail(err, NIB_ERR_INPUT, "%s: of the unknown kind '%.40s'", nib_h5_path(file), *kind);
    return NIB_OK;
}

nib_status nib_model_parts_verify(nib_h5 *file, nib_arena *arena, const char **kind, const char **digest,
                                  nib_error *err)
{
    const char *found_kind, *stored;
    uint32_t crc;
    char computed[32];
    if (!nib_h5_is_group(file, "/nibble"))
        return nib_fail(err, NIB_ERR_INPUT, "%s: not written by nibble: there is no group /nibble in it",
                        nib_h5_path(file));
    NIB_TRY(check_head(file, arena, &found_kind, err));
    NIB_TRY(nib_h5_attribute_text(file, "/nibble", "digest", arena, &stored, err));
    NIB_TRY(nib_h5_digest(file, "/", &crc, err));
    (void)snprintf(computed, sizeof computed, "crc32:%08x", (unsigned)crc);
    if (strcmp(stored, computed) != 0)
        return nib_fail(err, NIB_ERR_INPUT, "%s: damaged: its contents have the digest %s, not %.20s",
                        nib_h5_path(file), computed, stored);
    if (kind)
        *kind = found_kind;
    if (digest)
        *digest = stored;
    return NIB_OK;
}
