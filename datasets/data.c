#include "datasets/data.h"

#include "datasets/load_internal.h"

#include <sys/mman.h>

static void count_parts(nib_load *load)
{
    nib_data *data = load->data;
    nib_dataset *parts[NIB_PART_COUNT] = {&data->train, &data->validation, &data->test};
    for (int part = 0; part < NIB_PART_COUNT; part++) {
        load->part[part] = parts[part];
        for (int o = 0; o < NIB_PART_COUNT; o++)
            if (load->origin[o].active)
                parts[part]->rows += nib_row_map_count(&load->origin[o].map, (nib_part)part);
    }
}

static nib_status run(nib_load *load, nib_error *err)
{
    const nib_data_config *config = load->config;
    nib_data *data = load->data;
    load->scratch = nib_arena_create();
    if (!load->scratch)
        return nib_fail_memory(err, "data");
    nib_file_list *list = NIB_NEW(data->arena, nib_file_list, 1);
    load->classes = nib_arena_alloc(load->scratch, (size_t)config->n_targets, sizeof *load->classes);
    if (!list || !load->classes)
        return nib_fail_memory(err, "data");
    NIB_TRY(nib_files_digest(data->arena, config, load->all, list, err));
    NIB_TRY(nib_fingerprint(config, list, &data->fingerprint, err));
    data->n_files = list->count;
    data->files = list->file;
    NIB_TRY(nib_copy_texts(data->arena, config->n_inputs, config->input_names, &load->input_names, err));
    NIB_TRY(nib_copy_texts(data->arena, config->n_targets, config->target_names, &load->target_names, err));
    NIB_TRY(nib_load_open(load, err));
    NIB_TRY(nib_load_split(load, err));
    count_parts(load);
    NIB_TRY(nib_load_inputs(load, err));
    return nib_load_targets(load, err);
}

nib_status nib_data_load(const nib_data_config *config, const nib_preprocess_state *known,
                         nib_data_parts parts, nib_team *team, const nib_log *log, nib_data **data,
                         nib_error *err)
{
    *data = NULL;
    nib_arena *arena = nib_arena_create();
    nib_data *made = arena ? NIB_NEW(arena, nib_data, 1) : NULL;
    if (!made) {
        nib_arena_destroy(arena);
        return nib_fail_memory(err, "data");
    }
    made->arena = arena;
    nib_load load = {.config = config,
                     .known = known,
                     .team = team,
                     .log = log,
                     .all = parts == NIB_DATA_ALL || !known,
                     .data = made};
    nib_status status = NIB_OK;
    if (load.all || config->part[NIB_PART_TEST].form != NIB_FORM_NONE)
        status = run(&load, err);
    for (int i = 0; i < load.n_sources; i++)
        nib_source_close(load.sources[i]);
    nib_arena_destroy(load.scratch);
    if (status != NIB_OK) {
        nib_arena_destroy(arena);
        return status;
    }
    *data = made;
    return NIB_OK;
}

void nib_data_destroy(nib_data *data)
{
    if (!data)
        return;
    if (data->mapping)
        (void)munmap(data->mapping, data->mapping_bytes);
    nib_arena_destroy(data->arena);
}
