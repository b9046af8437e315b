/* The `model:` section: layers, outputs, first weights. */
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "core/names.h"
#include "train/config_parts.h"

typedef struct model_section {
    const nib_doc *layers, *outputs;
    const char *init_from;
    const nib_doc *mlp;
} model_section;

static const nib_option model_rows[] = {
    NIB_ROW(model_section, layers, NIB_OPTION_NODE, "", 0, 0, NULL, "",
            "list of {TYPE: {name: ..., from: ..., options}}"),
    NIB_ROW(model_section, outputs, NIB_OPTION_NODE, "", 0, 0, NULL, "",
            "{TARGET: LAYER}: linear layers, the loss applies softmax or sigmoid"),
    NIB_ROW(model_section, init_from, NIB_OPTION_STRING, "", 0, 0, NULL, "",
            "run folder or model file whose weights training starts from"),
    NIB_ROW(model_section, mlp, NIB_OPTION_NODE, "", 0, 0, NULL, "",
            "short for dense layers with activations, and the outputs"),
};
const nib_option_table nib_table_model = NIB_OPTION_TABLE(model_section, model_rows);

/* What every layer has; the options of its type follow in memory. */
typedef struct layer_common {
    const char *name;
    nib_strings from;
} layer_common;

static const nib_option layer_rows[] = {
    NIB_ROW(layer_common, name, NIB_OPTION_STRING, "", 0, 0, NULL, "",
            "a C identifier; default: the type's short name and a number"),
    NIB_ROW(layer_common, from, NIB_OPTION_STRINGS, "", 0, 0, NULL, "",
            "layers above or inputs that it takes; default: the layer above"),
};
const nib_option_table nib_table_layer = NIB_OPTION_TABLE(layer_common, layer_rows);

enum { COMMON_ROWS = 2, COMMON_BYTES = (sizeof(layer_common) + 15) / 16 * 16 };

/* One table for a layer: the common rows, then those of its type. */
static nib_status combine(nib_arena *arena, const nib_layer *type, nib_option_table *table, nib_error *err)
{
    int own = type->options ? type->options->count : 0;
    nib_option *rows = NIB_NEW(arena, nib_option, COMMON_ROWS + own);
    if (!rows)
        return nib_fail_memory(err, "model.layers");
    memcpy(rows, layer_rows, sizeof layer_rows);
    for (int i = 0; i < own; i++) {
        rows[COMMON_ROWS + i] = type->options->rows[i];
        rows[COMMON_ROWS + i].offset += COMMON_BYTES;
    }
    *table = (nib_option_table){rows, COMMON_ROWS + own, COMMON_BYTES + (own ? type->options->bytes : 16)};
    return NIB_OK;
}

/* Names end up in model files and in C++ made from them; hls4ml finds variables by substring. */
static nib_status check_name(const nib_doc_place *place, const char *name, const nib_data_names *names,
                             nib_error *err)
{
    static const char *const parts[] = {"kernel", "bias",  "gamma",    "beta",         "moving",
                                        "bits",   "table", "integers", "keep_negative"};
    if (!nib_names_is_identifier(name) || strlen(name) > 60)
        return nib_doc_fail(place, err, NIB_ERR_CONFIG,
                            "layer name '%.80s' is no identifier of letters, digits and _ (at most 60)",
                            name);
    if (strcasecmp(name, "input") == 0)
        return nib_doc_fail(place, err, NIB_ERR_CONFIG, "a layer cannot be called '%s'", name);
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        if (strcasestr(name, parts[i]))
            return nib_doc_fail(place, err, NIB_ERR_CONFIG,
                                "layer name '%s' contains '%s', which stands for a variable in model files",
                                name, parts[i]);
    for (int i = 0; i < names->n_inputs; i++)
        if (strcmp(names->input[i], name) == 0)
            return nib_doc_fail(place, err, NIB_ERR_CONFIG, "layer name '%s' is the name of an input", name);
    return NIB_OK;
}

static int find_layer(const nib_model_config *model, const char *name, int count)
{
    for (int i = 0; i < count; i++)
        if (strcmp(model->layer[i].name, name) == 0)
            return i;
    return -1;
}

/* Names of the first `count` layers, then of the inputs. */
static const char **source_names(nib_arena *arena, const nib_model_config *model, int count,
                                 const nib_data_names *names)
{
    const char **all = NIB_NEW(arena, const char *, count + names->n_inputs + 1);
    for (int i = 0; all && i < count; i++)
        all[i] = model->layer[i].name;
    for (int i = 0; all && i < names->n_inputs; i++)
        all[count + i] = names->input[i];
    return all;
}

static nib_status check_from(nib_config *config, int index, const nib_doc *body, const nib_data_names *names,
                             nib_error *err)
{
    const nib_model_config *model = &config->model;
    const nib_layer_config *layer = &model->layer[index];
    const nib_doc *node = nib_doc_get(body, "from");
    const char **above = source_names(config->arena, model, index, names);
    if (!above)
        return nib_fail_memory(err, "model.layers");
    for (int i = 0; i < layer->n_from; i++) {
        bool known = find_layer(model, layer->from[i], index) >= 0;
        for (int k = 0; k < names->n_inputs; k++)
            known = known || strcmp(names->input[k], layer->from[i]) == 0;
        if (known)
            continue;
        char hint[NIB_HINT_BYTES];
        return nib_doc_fail(&node->place, err, NIB_ERR_CONFIG,
                            "model.layers.%s.from: '%.80s' is no layer above and no input%s", layer->name,
                            layer->from[i],
                            nib_config_hint(hint, layer->from[i], above, index + names->n_inputs));
    }
    return NIB_OK;
}

static nib_status find_type(nib_arena *arena, const nib_doc_entry *entry, const nib_layer **type,
                            nib_error *err)
{
    *type = nib_layer_find(entry->key);
    if (*type)
        return NIB_OK;
    const char **known = NIB_NEW(arena, const char *, nib_layers_count);
    if (!known)
        return nib_fail_memory(err, "model.layers");
    for (int i = 0; i < nib_layers_count; i++)
        known[i] = nib_layers[i]->name;
    char hint[NIB_HINT_BYTES];
    return nib_doc_fail(&entry->place, err, NIB_ERR_CONFIG, "unknown layer type '%.80s'%s", entry->key,
                        nib_config_hint(hint, entry->key, known, nib_layers_count));
}

static nib_status read_layer(nib_config *config, int index, const nib_doc *item, const nib_data_names *names,
                             nib_doc *resolved, nib_error *err)
{
    nib_arena *arena = config->arena;
    nib_layer_config *layer = &config->model.layer[index];
    if (item->kind != NIB_DOC_MAP || item->count != 1)
        return nib_doc_fail(&item->place, err, NIB_ERR_CONFIG,
                            "model.layers: a layer is {TYPE: {name: ..., options}}, one type each");
    const nib_doc_entry *entry = &item->entries[0];
    const nib_doc *body = entry->value, *name = nib_doc_get(body, "name");
    NIB_TRY(find_type(arena, entry, &layer->type, err));

    nib_option_table table;
    NIB_TRY(combine(arena, layer->type, &table, err));
    char *options = nib_arena_alloc(arena, 1, table.bytes);
    if (!options)
        return nib_fail_memory(err, "model.layers");
    char path[128];
    (void)snprintf(path, sizeof path, "model.layers.%.60s",
                   name && name->kind == NIB_DOC_SCALAR ? name->text : entry->key);
    NIB_TRY(nib_config_read_section(arena, &table, body, path, options, err));

    const layer_common *common = (const layer_common *)(const void *)options;
    if (!common->name)
        return nib_doc_fail(&entry->place, err, NIB_ERR_CONFIG, "%s has no name", path);
    const nib_doc_place *place = name ? &name->place : &entry->place;
    NIB_TRY(check_name(place, common->name, names, err));
    if (find_layer(&config->model, common->name, index) >= 0)
        return nib_doc_fail(place, err, NIB_ERR_CONFIG, "a second layer is called '%s'", common->name);
    layer->name = common->name;
    layer->place = entry->place;
    layer->n_from = common->from.count;
    layer->from = common->from.value;
    layer->options = options + COMMON_BYTES;
    if (layer->type->check)
        NIB_TRY(layer->type->check(layer->options, path, err));
    NIB_TRY(check_from(config, index, body, names, err));

    nib_doc *map = nib_options_write(arena, &table, options);
    if (!map)
        return nib_fail_memory(err, "model.layers");
    if (layer->n_from == 0)
        nib_doc_remove(map, "from");
    if (!nib_doc_add(arena, nib_doc_add(arena, resolved, NULL, nib_doc_new_map(arena)), layer->type->name,
                     map))
        return nib_fail_memory(err, "model.layers");
    return NIB_OK;
}

static nib_status read_layers(nib_config *config, const nib_doc *layers, const nib_doc_place *place,
                              const nib_data_names *names, nib_doc *resolved, nib_error *err)
{
    if (!layers)
        return nib_doc_fail(place, err, NIB_ERR_CONFIG,
                            "model has no layers (write layers: [...] or mlp: {hidden: [64, 32, 32]})");
    if (layers->kind != NIB_DOC_LIST || layers->count == 0)
        return nib_doc_fail(&layers->place, err, NIB_ERR_CONFIG,
                            "model.layers: a list of at least one layer is expected");
    config->model.layer = NIB_NEW(config->arena, nib_layer_config, layers->count);
    if (!config->model.layer)
        return nib_fail_memory(err, "model.layers");
    for (int i = 0; i < layers->count; i++) {
        NIB_TRY(read_layer(config, i, layers->entries[i].value, names, resolved, err));
        config->model.n_layers = i + 1;
    }
    return NIB_OK;
}

static nib_status read_output(nib_config *config, const nib_doc_entry *entry, const nib_data_names *names,
                              nib_output_config *output, nib_error *err)
{
    char hint[NIB_HINT_BYTES];
    const nib_doc *layer = entry->value;
    bool known = false;
    for (int i = 0; i < names->n_targets; i++)
        known = known || strcmp(names->target[i], entry->key) == 0;
    if (!known)
        return nib_doc_fail(&entry->place, err, NIB_ERR_CONFIG, "model.outputs: unknown target '%.80s'%s",
                            entry->key, nib_config_hint(hint, entry->key, names->target, names->n_targets));
    if (layer->kind != NIB_DOC_SCALAR)
        return nib_doc_fail(&layer->place, err, NIB_ERR_CONFIG,
                            "model.outputs.%s: the name of a layer is expected", entry->key);
    int index = find_layer(&config->model, layer->text, config->model.n_layers);
    if (index < 0) {
        const nib_data_names none = {0};
        const char **all = source_names(config->arena, &config->model, config->model.n_layers, &none);
        if (!all)
            return nib_fail_memory(err, "model.outputs");
        return nib_doc_fail(&layer->place, err, NIB_ERR_CONFIG,
                            "model.outputs.%s: there is no layer '%.80s'%s", entry->key, layer->text,
                            nib_config_hint(hint, layer->text, all, config->model.n_layers));
    }
    *output = (nib_output_config){entry->key, config->model.layer[index].name, entry->place};
    return NIB_OK;
}

/* In the order of the targets, whatever the order in the file. */
static nib_status read_outputs(nib_config *config, const nib_doc *outputs, const nib_doc_place *place,
                               const nib_data_names *names, nib_doc *resolved, nib_error *err)
{
    nib_model_config *model = &config->model;
    model->output = NIB_NEW(config->arena, nib_output_config, names->n_targets + 1);
    if (!model->output)
        return nib_fail_memory(err, "model.outputs");
    if (outputs && outputs->kind != NIB_DOC_MAP)
        return nib_doc_fail(&outputs->place, err, NIB_ERR_CONFIG,
                            "model.outputs: a map {TARGET: LAYER} is expected");
    nib_output_config unused;
    for (int i = 0; outputs && i < outputs->count; i++)
        NIB_TRY(read_output(config, &outputs->entries[i], names, &unused, err));
    for (int i = 0; i < names->n_targets; i++) {
        const nib_doc_entry *entry = nib_doc_entry_of(outputs, names->target[i]);
        if (!entry)
            return nib_doc_fail(outputs ? &outputs->place : place, err, NIB_ERR_CONFIG,
                                "model.outputs: no layer is named for target '%s'", names->target[i]);
        NIB_TRY(read_output(config, entry, names, &model->output[i], err));
        if (!nib_doc_add_text(config->arena, resolved, names->target[i], "%s", model->output[i].layer))
            return nib_fail_memory(err, "model.outputs");
    }
    model->n_outputs = names->n_targets;
    return NIB_OK;
}

nib_status nib_config_read_model(nib_config *config, const nib_doc *model, const char *folder,
                                 const nib_data_names *names, nib_doc **resolved, nib_error *err)
{
    nib_arena *arena = config->arena;
    model_section section;
    NIB_TRY(nib_config_read_section(arena, &nib_table_model, model, "model", &section, err));
    if (section.init_from)
        NIB_TRY(nib_data_file_name(arena, nib_doc_get(model, "init_from"), folder, "model.init_from",
                                   &section.init_from, err));
    config->model.init_from = section.init_from;
    nib_doc *layers = nib_doc_new_list(arena), *outputs = nib_doc_new_map(arena);
    if (!layers || !outputs)
        return nib_fail_memory(err, "model");
    NIB_TRY(read_layers(config, section.layers, &model->place, names, layers, err));
    NIB_TRY(read_outputs(config, section.outputs, &model->place, names, outputs, err));
    section.layers = layers;
    section.outputs = outputs;
    section.mlp = NULL;
    *resolved = nib_options_write(arena, &nib_table_model, &section);
    return *resolved ? NIB_OK : nib_fail_memory(err, "model");
}
