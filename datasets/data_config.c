#include "datasets/data_config_internal.h"

#include "core/names.h"

#include <string.h>

const nib_doc *nib_doc_as_map(nib_arena *arena, const nib_doc *value, const char *key)
{
    if (value->kind != NIB_DOC_SCALAR)
        return value;
    nib_doc *map = nib_doc_new_map(arena);
    nib_doc *copy = nib_doc_copy(arena, value);
    if (!map || !nib_doc_add(arena, map, key, copy))
        return NULL;
    map->place = value->place;
    map->entries[0].place = value->place;
    return map;
}

/** Add `value` to `map` at `key` as if it was written at `place`. */
static bool add_at(nib_arena *arena, nib_doc *map, const char *key, nib_doc_place place, nib_doc *value)
{
    if (!nib_doc_add(arena, map, key, value))
        return false;
    map->entries[map->count - 1].place = place;
    return true;
}

nib_status nib_data_expand_xy(nib_arena *arena, const nib_doc *map, const char *key, const nib_doc **expanded,
                              nib_error *err)
{
    *expanded = map;
    if (map->kind != NIB_DOC_MAP || (!nib_doc_get(map, "x") && !nib_doc_get(map, "y")))
        return NIB_OK;
    nib_doc *out = nib_doc_new_map(arena);
    if (!out)
        return nib_fail_memory(err, "config");
    out->place = map->place;
    for (int i = 0; i < map->count; i++) {
        const nib_doc_entry *entry = &map->entries[i];
        bool x = strcmp(entry->key, "x") == 0, y = strcmp(entry->key, "y") == 0;
        const char *into = x ? "inputs" : y ? "targets" : NULL;
        if (into && nib_doc_get(map, into))
            return nib_doc_fail(&entry->place, err, NIB_ERR_CONFIG,
                                "%s: '%s' is short for '%s: {%s: ...}'; give one of them", key, entry->key,
                                into, entry->key);
        nib_doc *value = entry->value;
        if (into) {
            value = nib_doc_new_map(arena);
            if (!value || !add_at(arena, value, entry->key, entry->place, entry->value))
                return nib_fail_memory(err, "config");
            value->place = entry->place;
        }
        if (!add_at(arena, out, into ? into : entry->key, entry->place, value))
            return nib_fail_memory(err, "config");
    }
    *expanded = out;
    return NIB_OK;
}

/* Sources */

static nib_status read_generator(nib_arena *arena, const nib_doc *map, const char *key,
                                 nib_source_config *source, nib_error *err)
{
    nib_generator_source_options options;
    NIB_TRY(nib_options_read(arena, &nib_table_generator_source, map, key, &options, err));
    char *path = nib_arena_printf(arena, "%s.generator", key);
    const char *name;
    const nib_doc *body;
    if (!path)
        return nib_fail_memory(err, "config");
    NIB_TRY(nib_options_split_choice(options.generator, path, "generator", &name, &body, err));
    source->generator = nib_generator_find(name);
    if (!source->generator) {
        const char **known = NIB_NEW(arena, const char *, nib_generators_count + 1);
        for (int i = 0; known && i < nib_generators_count; i++)
            known[i] = nib_generators[i]->name;
        const char *nearest = known ? nib_names_nearest(name, known, (size_t)nib_generators_count) : NULL;
        return nib_doc_fail(&options.generator->place, err, NIB_ERR_CONFIG,
                            "%s: unknown generator '%s'%s%s%s", path, name, nearest ? " (did you mean '" : "",
                            nearest ? nearest : "", nearest ? "'?)" : "");
    }
    void *own = nib_arena_alloc(arena, 1, source->generator->options.bytes);
    char *own_path = nib_arena_printf(arena, "%s.%s", path, name);
    if (!own || !own_path)
        return nib_fail_memory(err, "config");
    NIB_TRY(nib_options_read(arena, &source->generator->options, body, own_path, own, err));
    source->options = own;
    source->n = options.n;
    return NIB_OK;
}

nib_status nib_source_config_read(nib_arena *arena, const nib_doc *value, const char *key, const char *folder,
                                  nib_source_config *source, nib_error *err)
{
    *source = (nib_source_config){.place = value->place};
    const nib_doc *map = nib_doc_as_map(arena, value, "file");
    if (!map)
        return nib_fail_memory(err, "config");
    const nib_doc_entry *generator = nib_doc_entry_of(map, "generator");
    const nib_doc *file = nib_doc_get(map, "file");
    if (generator && file)
        return nib_doc_fail(&generator->place, err, NIB_ERR_CONFIG, "%s: give either file or generator", key);
    if (generator)
        return read_generator(arena, map, key, source, err);
    if (map->kind == NIB_DOC_MAP && map->count == 0)
        return nib_doc_fail(&map->place, err, NIB_ERR_CONFIG, "%s: give file: F or generator: G", key);
    nib_file_source_options options;
    NIB_TRY(nib_options_read(arena, &nib_table_file_source, map, key, &options, err));
    char *path = nib_arena_printf(arena, "%s.file", key);
    if (!path)
        return nib_fail_memory(err, "config");
    source->digest = options.digest && *options.digest ? options.digest : NULL;
    source->place = file->place;
    return nib_data_file_name(arena, file, folder, path, &source->file, err);
}

/* Arrays, inputs, targets */

static void take_array(nib_array_config *array, const char *key, const nib_doc *map, const char *path,
                       nib_strings columns)
{
    const nib_doc *path_node = nib_doc_get(map, "path"), *columns_node = nib_doc_get(map, "columns");
    array->key = key;
    array->path = path;
    array->columns = columns;
    array->place = path_node ? path_node->place : map->place;
    array->columns_place = columns_node ? columns_node->place : map->place;
}

/** `features:` or `classes:` (NULL: absent). */
static nib_status read_names(nib_arena *arena, const nib_doc *value, const char *key, const char *what,
                             nib_names_config *names, nib_error *err)
{
    *names = (nib_names_config){0};
    if (!value)
        return NIB_OK;
    names->place = value->place;
    if (value->kind == NIB_DOC_SCALAR) {
        names->path = value->text;
        return NIB_OK;
    }
    char *path = nib_arena_printf(arena, "%s.%s", key, what);
    if (!path)
        return nib_fail_memory(err, "config");
    nib_option row = {what, NIB_OPTION_STRINGS, 0, "", 0, 0, NULL, "", ""};
    return nib_options_read_value(arena, &row, value, path, &names->list, err);
}

static nib_status read_preprocess(nib_arena *arena, const nib_doc *value, const char *key,
                                  nib_input_config *input, nib_error *err)
{
    const char *name = "standardize";
    const nib_doc *body = NULL;
    char *path = nib_arena_printf(arena, "%s.preprocess", key);
    if (!path)
        return nib_fail_memory(err, "config");
    if (value)
        NIB_TRY(nib_options_split_choice(value, path, "preprocessing", &name, &body, err));
    const nib_preprocessor *found = nib_preprocessor_find(name);
    if (!found) {
        const char *known[16];
        int n = nib_preprocessors_count < 16 ? nib_preprocessors_count : 16;
        for (int i = 0; i < n; i++)
            known[i] = nib_preprocessors[i]->name;
        const char *nearest = nib_names_nearest(name, known, (size_t)n);
        return nib_doc_fail(&value->place, err, NIB_ERR_CONFIG, "%s: unknown preprocessing '%s'%s%s%s", path,
                            name, nearest ? " (did you mean '" : " (known: none, standardize, minmax)",
                            nearest ? nearest : "", nearest ? "'?)" : "");
    }
    void *options = nib_arena_alloc(arena, 1, found->options.bytes);
    if (!options)
        return nib_fail_memory(err, "config");
    NIB_TRY(nib_options_read(arena, &found->options, body, path, options, err));
    nib_error inner;
    if (found->check && found->check(options, &inner) != NIB_OK)
        return nib_doc_fail(&value->place, err, NIB_ERR_CONFIG, "%s: %s", path, inner.message);
    input->preprocessor = found;
    input->preprocessor_options = options;
    return NIB_OK;
}

static nib_status read_input(nib_arena *arena, const nib_doc *value, const char *key, nib_input_config *input,
                             nib_array_config *array, nib_error *err)
{
    const nib_doc *map = nib_doc_as_map(arena, value, "path");
    nib_input_options options;
    if (!map)
        return nib_fail_memory(err, "config");
    NIB_TRY(nib_options_read(arena, &nib_table_input, map, key, &options, err));
    take_array(array, key, map, options.path, options.columns);
    NIB_TRY(read_names(arena, options.features, key, "features", &input->features, err));
    return read_preprocess(arena, options.preprocess, key, input, err);
}

static nib_status read_target(nib_arena *arena, const nib_doc *value, const char *key,
                              nib_target_config *target, nib_array_config *array, nib_error *err)
{
    const nib_doc *map = nib_doc_as_map(arena, value, "path");
    nib_target_options options;
    if (!map)
        return nib_fail_memory(err, "config");
    NIB_TRY(nib_options_read(arena, &nib_table_target, map, key, &options, err));
    take_array(array, key, map, options.path, options.columns);
    return read_names(arena, options.classes, key, "classes", &target->classes, err);
}

/** A map of names: not empty, identifiers. */
static nib_status check_names(nib_arena *arena, const nib_doc *map, const char *key, const char *what,
                              const char *const **names, nib_error *err)
{
    if (map->kind != NIB_DOC_MAP || map->count == 0)
        return nib_doc_fail(&map->place, err, NIB_ERR_CONFIG,
                            "%s: write at least one %s as 'NAME: path' or 'NAME: {path: ...}'", key, what);
    const char **list = NIB_NEW(arena, const char *, map->count);
    if (!list)
        return nib_fail_memory(err, "config");
    for (int i = 0; i < map->count; i++) {
        list[i] = map->entries[i].key;
        if (!nib_names_is_identifier(list[i]))
            return nib_doc_fail(&map->entries[i].place, err, NIB_ERR_CONFIG,
                                "%s: the name '%s' must be letters, digits and _, no digit first", key,
                                list[i]);
    }
    *names = list;
    return NIB_OK;
}

static nib_status read_inputs(nib_arena *arena, nib_data_config *config, const nib_doc *map, nib_error *err)
{
    NIB_TRY(check_names(arena, map, "data.inputs", "input", &config->input_names, err));
    config->n_inputs = map->count;
    config->input = NIB_NEW(arena, nib_input_config, map->count);
    config->part[NIB_PART_TRAIN].input = NIB_NEW(arena, nib_array_config, map->count);
    if (!config->input || !config->part[NIB_PART_TRAIN].input)
        return nib_fail_memory(err, "config");
    for (int i = 0; i < map->count; i++) {
        char *key = nib_arena_printf(arena, "data.inputs.%s", map->entries[i].key);
        if (!key)
            return nib_fail_memory(err, "config");
        config->input[i].name = map->entries[i].key;
        if (strcmp(map->entries[i].key, "classes") == 0)
            return nib_doc_fail(
                &map->entries[i].place, err, NIB_ERR_CONFIG,
                "data.inputs: an input cannot be called 'classes': model files keep the names of the "
                "classes there");
        NIB_TRY(read_input(arena, map->entries[i].value, key, &config->input[i],
                           &config->part[NIB_PART_TRAIN].input[i], err));
    }
    return NIB_OK;
}

static nib_status read_targets(nib_arena *arena, nib_data_config *config, const nib_doc *map, nib_error *err)
{
    NIB_TRY(check_names(arena, map, "data.targets", "target", &config->target_names, err));
    config->n_targets = map->count;
    config->target = NIB_NEW(arena, nib_target_config, map->count);
    config->part[NIB_PART_TRAIN].target = NIB_NEW(arena, nib_array_config, map->count);
    if (!config->target || !config->part[NIB_PART_TRAIN].target)
        return nib_fail_memory(err, "config");
    for (int i = 0; i < map->count; i++) {
        char *key = nib_arena_printf(arena, "data.targets.%s", map->entries[i].key);
        if (!key)
            return nib_fail_memory(err, "config");
        config->target[i].name = map->entries[i].key;
        NIB_TRY(read_target(arena, map->entries[i].value, key, &config->target[i],
                            &config->part[NIB_PART_TRAIN].target[i], err));
    }
    return NIB_OK;
}

nib_status nib_data_config_read(nib_arena *arena, const nib_doc *map, const char *folder,
                                nib_data_config **config, nib_doc **resolved, nib_error *err)
{
    if (!map)
        return nib_fail(err, NIB_ERR_CONFIG, "data: the section is missing");
    nib_data_config *c = NIB_NEW(arena, nib_data_config, 1);
    if (!c)
        return nib_fail_memory(err, "config");
    nib_data_options options;
    NIB_TRY(nib_data_expand_xy(arena, map, "data", &map, err));
    NIB_TRY(nib_options_read(arena, &nib_table_data, map, "data", &options, err));
    nib_part_config *train = &c->part[NIB_PART_TRAIN];
    c->seed = options.seed;
    train->form = NIB_FORM_OWN;
    train->own_source = true;
    train->place = map->place;
    NIB_TRY(nib_source_config_read(arena, options.source, "data.source", folder, &train->source, err));
    NIB_TRY(read_inputs(arena, c, options.inputs, err));
    NIB_TRY(read_targets(arena, c, options.targets, err));
    const nib_doc *weight = nib_doc_get(map, "weight");
    train->weight = (nib_array_config){.key = "data.weight", .path = options.weight};
    if (weight)
        train->weight.place = weight->place;
    NIB_TRY(nib_part_config_read(arena, c, NIB_PART_VALIDATION, options.validation, folder, err));
    NIB_TRY(nib_part_config_read(arena, c, NIB_PART_TEST, options.test, folder, err));
    *config = c;
    *resolved = nib_data_config_write(arena, c, 0, NULL);
    return *resolved ? NIB_OK : nib_fail_memory(err, "config");
}

int nib_data_config_targets(const nib_data_config *config, const char *const **names)
{
    *names = config->target_names;
    return config->n_targets;
}

int nib_data_config_inputs(const nib_data_config *config, const char *const **names)
{
    *names = config->input_names;
    return config->n_inputs;
}

void nib_data_config_set_target_kind(nib_data_config *config, int target, nib_target_kind kind)
{
    config->target[target].kind = kind;
}

void nib_data_config_set_classes(nib_data_config *config, int target, int count, const char *const *names)
{
    config->target[target].n_known = count;
    config->target[target].known = names;
}
