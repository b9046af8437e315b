/** Writing prepared files, and the cache. The description is a row of 64-bit numbers and NUL-terminated
 * texts, read back in the same order by prepared_map.c. */
#include "datasets/prepared_internal.h"

#include "core/file.h"
#include "datasets/load_internal.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

nib_status nib_prepared_each_array(nib_dataset *set, nib_data_input *input, nib_data_target *target,
                                   bool weight, nib_prepared_visit visit, void *context, nib_error *err)
{
    uint64_t rows = (uint64_t)set->rows;
    for (int i = 0; i < set->n_inputs; i++) {
        uint64_t elements = rows;
        if (input[i].offsets) {
            NIB_TRY(visit(context, (const void **)&input[i].offsets, (rows + 1) * sizeof(int64_t), err));
            elements = (uint64_t)input[i].offsets[rows];
        }
        NIB_TRY(visit(context, (const void **)&input[i].x,
                      elements * (uint64_t)input[i].width * sizeof(float), err));
    }
    for (int i = 0; i < set->n_targets; i++)
        if (target[i].kind == NIB_TARGET_CLASS)
            NIB_TRY(visit(context, (const void **)&target[i].label, rows * sizeof(int32_t), err));
        else
            NIB_TRY(visit(context, (const void **)&target[i].value,
                          rows * (uint64_t)target[i].width * sizeof(float), err));
    return weight ? visit(context, (const void **)&set->weight, rows * sizeof(float), err) : NIB_OK;
}

/** The image of a file while it is made. */
typedef struct image {
    char *data;
    size_t used, size;
    bool failed; /* out of memory */
} image;

static void put(image *m, const void *data, size_t bytes)
{
    if (m->used + bytes > m->size && !m->failed) {
        size_t size = 2 * m->size + bytes + 4096;
        char *grown = realloc(m->data, size);
        m->failed = !grown;
        m->data = grown ? grown : m->data;
        m->size = grown ? size : m->size;
    }
    if (m->failed)
        return;
    if (bytes)
        memcpy(m->data + m->used, data, bytes);
    m->used += bytes;
}

static void put_number(image *m, int64_t number)
{
    put(m, &number, sizeof number);
}

static void put_text(image *m, const char *text)
{
    put(m, text, strlen(text) + 1);
}

/** Texts or none of them. */
static void put_texts(image *m, int64_t count, const char *const *texts)
{
    put_number(m, texts ? count : -1);
    for (int64_t i = 0; texts && i < count; i++)
        put_text(m, texts[i]);
}

static void describe(image *m, const nib_data *data)
{
    const nib_dataset *parts[] = {&data->train, &data->validation, &data->test};
    put_number(m, (int64_t)data->fingerprint);
    put_number(m, data->n_files);
    for (int i = 0; i < data->n_files; i++) {
        put_text(m, data->files[i].path);
        put_number(m, data->files[i].crc);
        put_number(m, data->files[i].bytes);
    }
    put_number(m, data->n_inputs);
    for (int i = 0; i < data->n_inputs; i++) {
        const nib_preprocess_state *p = &data->preprocess[i];
        put_text(m, p->input);
        put_text(m, p->kind);
        put_number(m, p->width);
        put(m, p->shift, (size_t)p->width * sizeof(double));
        put(m, p->divisor, (size_t)p->width * sizeof(double));
        put_texts(m, p->width, data->train.input[i].features);
        put_number(m, data->train.input[i].offsets != NULL);
    }
    put_number(m, data->train.n_targets);
    for (int i = 0; i < data->train.n_targets; i++) {
        const nib_data_target *t = &data->train.target[i];
        put_text(m, t->name);
        put_number(m, t->kind);
        put_number(m, t->width);
        put_texts(m, t->width, t->classes);
    }
    for (int part = 0; part < NIB_PART_COUNT; part++) {
        put_number(m, parts[part]->rows);
        put_number(m, parts[part]->n_targets);
        put_number(m, parts[part]->weight != NULL);
    }
}

static void pad(image *m)
{
    static const char zeros[NIB_ALIGN];
    put(m, zeros, (NIB_ALIGN - m->used % NIB_ALIGN) % NIB_ALIGN);
}

static nib_status put_array(void *context, const void **array, uint64_t bytes, nib_error *err)
{
    image *m = context;
    (void)err;
    pad(m);
    put(m, *array, bytes);
    return NIB_OK;
}

static nib_status make(image *m, const nib_data *data, nib_error *err)
{
    const nib_dataset *parts[] = {&data->train, &data->validation, &data->test};
    nib_prepared_head head = {.magic = "nibPREP", .byte_order = 0x01020304, .version = NIB_PREPARED_VERSION};
    put(m, &head, sizeof head);
    describe(m, data);
    if (m->failed)
        return nib_fail_memory(err, "prepared data");
    head.head_bytes = m->used;
    head.crc = nib_crc32(0, m->data + sizeof head, m->used - sizeof head);
    for (int part = 0; part < NIB_PART_COUNT; part++) {
        nib_dataset set = *parts[part]; /* the visitor wants to change what it visits */
        nib_data_input *input = malloc((size_t)(set.n_inputs + 1) * sizeof *input);
        nib_data_target *target = malloc((size_t)(set.n_targets + 1) * sizeof *target);
        nib_status status = input && target ? NIB_OK : nib_fail_memory(err, "prepared data");
        if (status == NIB_OK) {
            for (int i = 0; i < set.n_inputs; i++)
                input[i] = set.input[i];
            for (int i = 0; i < set.n_targets; i++)
                target[i] = set.target[i];
            status = nib_prepared_each_array(&set, input, target, set.weight != NULL, put_array, m, err);
        }
        free(input);
        free(target);
        NIB_TRY(status);
    }
    pad(m);
    if (m->failed)
        return nib_fail_memory(err, "prepared data");
    head.total_bytes = m->used;
    memcpy(m->data, &head, sizeof head);
    return NIB_OK;
}

nib_status nib_prepared_write(const char *path, const nib_data *data, nib_error *err)
{
    image m = {0};
    nib_status status = make(&m, data, err);
    if (status == NIB_OK)
        status = nib_file_write(path, m.data, m.used, err);
    free(m.data);
    return status;
}

/** The name of the file: what decides the arrays and is not in the fingerprint comes on top. */
static const char *cache_path(nib_arena *arena, const nib_data_config *config, const char *folder,
                              uint64_t fingerprint)
{
    uint64_t key = fingerprint + NIB_PREPARED_VERSION;
    for (int i = 0; i < config->n_targets; i++) {
        const nib_target_config *t = &config->target[i];
        key = key * UINT64_C(1099511628211) + (uint64_t)t->kind;
        for (int k = 0; k < t->n_known; k++)
            for (const char *c = t->known[k]; *c; c++)
                key = (key ^ (unsigned char)*c) * UINT64_C(1099511628211);
    }
    const char *name = nib_arena_printf(arena, "%016" PRIx64 ".prep", key);
    return name ? nib_path_join(arena, folder, name) : NULL;
}

static nib_status load(nib_arena *scratch, const nib_data_config *config, const char *folder, nib_team *team,
                       const nib_log *log, nib_data **data, nib_error *err)
{
    nib_file_list list = {0};
    uint64_t fingerprint = 0;
    NIB_TRY(nib_files_digest(scratch, config, true, &list, err));
    NIB_TRY(nib_fingerprint(config, &list, &fingerprint, err));
    const char *path = cache_path(scratch, config, folder, fingerprint);
    if (!path)
        return nib_fail_memory(err, "prepared data");
    nib_error damaged;
    if (nib_file_exists(path)) {
        if (nib_prepared_map(path, data, &damaged) == NIB_OK)
            return NIB_OK;
        nib_log_warning(log, "%s; preparing the data again", damaged.message);
    }
    nib_data *made;
    NIB_TRY(nib_data_load(config, NULL, NIB_DATA_ALL, team, log, &made, err));
    nib_status status = nib_file_make_folders(folder, err);
    if (status == NIB_OK)
        status = nib_prepared_write(path, made, err);
    nib_data_destroy(made);
    NIB_TRY(status);
    return nib_prepared_map(path, data, err);
}

nib_status nib_prepared_load(const nib_data_config *config, const char *folder, nib_team *team,
                             const nib_log *log, nib_data **data, nib_error *err)
{
    nib_arena *scratch = nib_arena_create();
    *data = NULL;
    nib_status status =
        scratch ? load(scratch, config, folder, team, log, data, err) : nib_fail_memory(err, "prepared data");
    nib_arena_destroy(scratch);
    return status;
}
