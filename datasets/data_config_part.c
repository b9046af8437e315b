/** `validation:` and `test:`: drawn from the training rows, or arrays of their own. */
#include "datasets/data_config_internal.h"

#include "core/names.h"

#include <string.h>

/** Keys that tell one form from another, `x` and `y` being short for inputs and targets. */
static const struct {
    const char *key;
    nib_part_form form;
} forms[] = {
    {"rows", NIB_FORM_ROWS},
    {"last", NIB_FORM_LAST},
    {"source", NIB_FORM_OWN},
    {"inputs", NIB_FORM_OWN},
    {"targets", NIB_FORM_OWN},
    {"x", NIB_FORM_OWN},
    {"y", NIB_FORM_OWN},
    {"weight", NIB_FORM_OWN},
    {"fraction", NIB_FORM_FRACTION},
    {"stratify", NIB_FORM_FRACTION},
};
enum { FORMS = sizeof forms / sizeof *forms };

static nib_status find_form(const nib_doc *map, const char *key, nib_part_form *form, nib_error *err)
{
    *form = NIB_FORM_FRACTION;
    if (map->kind != NIB_DOC_MAP)
        return nib_doc_fail(&map->place, err, NIB_ERR_CONFIG,
                            "%s: write {fraction: F}, {last: F}, {rows: FILE} or {inputs: ..., targets: ...}",
                            key);
    for (int i = 0; i < FORMS; i++)
        if (nib_doc_get(map, forms[i].key)) {
            *form = forms[i].form;
            return NIB_OK;
        }
    if (map->count == 0)
        return NIB_OK;
    const char *known[FORMS];
    for (int i = 0; i < FORMS; i++)
        known[i] = forms[i].key;
    const char *nearest = nib_names_nearest(map->entries[0].key, known, FORMS);
    return nib_doc_fail(&map->entries[0].place, err, NIB_ERR_CONFIG, "%s: unknown key '%s'%s%s%s", key,
                        map->entries[0].key,
                        nearest ? " (did you mean '" : " (write fraction, last, rows, or inputs and targets)",
                        nearest ? nearest : "", nearest ? "'?)" : "");
}

static nib_status read_array(nib_arena *arena, const nib_doc *value, const char *key,
                             const nib_array_config *like, nib_array_config *array, nib_error *err)
{
    const nib_doc *map = nib_doc_as_map(arena, value, "path");
    nib_part_array_options options;
    if (!map)
        return nib_fail_memory(err, "config");
    NIB_TRY(nib_options_read(arena, &nib_table_part_array, map, key, &options, err));
    const nib_doc *path = nib_doc_get(map, "path"), *columns = nib_doc_get(map, "columns");
    *array = (nib_array_config){.key = key,
                                .path = options.path,
                                .place = path ? path->place : map->place,
                                .columns = options.columns,
                                .columns_place = columns ? columns->place : map->place};
    if (options.columns.count == 0) {
        array->columns = like->columns;
        array->columns_place = like->columns_place;
    }
    return NIB_OK;
}

nib_status nib_part_arrays_read(nib_arena *arena, const nib_doc *map, const char *key, int count,
                                const char *const *names, const nib_array_config *like,
                                nib_array_config *array, nib_error *err)
{
    if (map->kind != NIB_DOC_MAP)
        return nib_doc_fail(&map->place, err, NIB_ERR_CONFIG, "%s: write {NAME: path, ...}", key);
    for (int i = 0; i < map->count; i++) {
        int k = 0;
        while (k < count && strcmp(names[k], map->entries[i].key) != 0)
            k++;
        if (k < count)
            continue;
        const char *nearest = nib_names_nearest(map->entries[i].key, names, (size_t)count);
        return nib_doc_fail(&map->entries[i].place, err, NIB_ERR_CONFIG,
                            "%s: '%s' is not among those of the training rows (did you mean '%s'?)", key,
                            map->entries[i].key, nearest ? nearest : names[0]);
    }
    for (int i = 0; i < count; i++) {
        const nib_doc *value = nib_doc_get(map, names[i]);
        char *own_key = nib_arena_printf(arena, "%s.%s", key, names[i]);
        if (!own_key)
            return nib_fail_memory(err, "config");
        if (!value)
            return nib_doc_fail(&map->place, err, NIB_ERR_CONFIG, "%s: '%s' is missing", key, names[i]);
        NIB_TRY(read_array(arena, value, own_key, &like[i], &array[i], err));
    }
    return NIB_OK;
}

/** Inputs or targets of a part: with a source of its own the paths may be left out. */
static nib_status read_arrays(nib_arena *arena, const nib_part_config *part, const nib_doc *map,
                              const char *key, const char *what, int count, const char *const *names,
                              const nib_array_config *like, nib_array_config **out, nib_error *err)
{
    char *own_key = nib_arena_printf(arena, "%s.%s", key, what);
    nib_array_config *array = NIB_NEW(arena, nib_array_config, count);
    if (!own_key || !array)
        return nib_fail_memory(err, "config");
    *out = array;
    if (map)
        return nib_part_arrays_read(arena, map, own_key, count, names, like, array, err);
    if (!part->own_source)
        return nib_doc_fail(&part->place, err, NIB_ERR_CONFIG, "%s: '%s' is missing", key, what);
    for (int i = 0; i < count; i++)
        array[i] = like[i];
    return NIB_OK;
}

static nib_status read_own(nib_arena *arena, nib_data_config *config, nib_part which, const nib_doc *map,
                           const char *key, const char *folder, nib_error *err)
{
    const nib_part_config *train = &config->part[NIB_PART_TRAIN];
    nib_part_config *part = &config->part[which];
    nib_part_options options;
    NIB_TRY(nib_data_expand_xy(arena, map, key, &map, err));
    NIB_TRY(nib_options_read(arena, &nib_table_part, map, key, &options, err));
    part->source = train->source;
    part->own_source = options.source != NULL;
    char *source_key = nib_arena_printf(arena, "%s.source", key);
    char *weight_key = nib_arena_printf(arena, "%s.weight", key);
    if (!source_key || !weight_key)
        return nib_fail_memory(err, "config");
    if (options.source)
        NIB_TRY(nib_source_config_read(arena, options.source, source_key, folder, &part->source, err));
    part->weight = (nib_array_config){.key = weight_key, .path = options.weight};
    const nib_doc *weight = nib_doc_get(map, "weight");
    if (weight)
        part->weight.place = weight->place;
    NIB_TRY(read_arrays(arena, part, options.inputs, key, "inputs", config->n_inputs, config->input_names,
                        train->input, &part->input, err));
    if (options.inputs && !options.targets && part->own_source && which == NIB_PART_TEST)
        return NIB_OK; /* rows to predict: no targets */
    NIB_TRY(read_arrays(arena, part, options.targets, key, "targets", config->n_targets, config->target_names,
                        train->target, &part->target, err));
    return NIB_OK;
}

static nib_status read_rows(nib_arena *arena, nib_part_config *part, const nib_doc *map, const char *key,
                            const char *folder, nib_error *err)
{
    NIB_TRY(nib_options_read(arena, &nib_table_rows, map, key, &part->rows, err));
    char *rows_key = nib_arena_printf(arena, "%s.rows", key);
    const nib_doc *rows = nib_doc_get(map, "rows");
    if (!rows_key)
        return nib_fail_memory(err, "config");
    part->place = rows->place;
    return nib_data_file_name(arena, rows, folder, rows_key, &part->rows.rows, err);
}

nib_status nib_part_config_read(nib_arena *arena, nib_data_config *config, nib_part which,
                                const nib_doc *value, const char *folder, nib_error *err)
{
    nib_part_config *part = &config->part[which];
    const char *key = which == NIB_PART_TEST ? "data.test" : "data.validation";
    *part = (nib_part_config){.form = NIB_FORM_NONE, .place = config->part[NIB_PART_TRAIN].place};
    if (!value && which == NIB_PART_TEST)
        return NIB_OK;
    const nib_doc *map = value ? nib_doc_as_map(arena, value, "fraction") : nib_doc_new_map(arena);
    if (!map)
        return nib_fail_memory(err, "config");
    if (value)
        part->place = value->place;
    NIB_TRY(find_form(map, key, &part->form, err));
    switch (part->form) {
    case NIB_FORM_ROWS:
        return read_rows(arena, part, map, key, folder, err);
    case NIB_FORM_OWN:
        return read_own(arena, config, which, map, key, folder, err);
    case NIB_FORM_LAST: {
        nib_last_options last;
        NIB_TRY(nib_options_read(arena, &nib_table_last, map, key, &last, err));
        part->last = last.last;
        return NIB_OK;
    }
    case NIB_FORM_FRACTION:
    case NIB_FORM_NONE:
        break;
    }
    NIB_TRY(nib_options_read(arena, &nib_table_fraction, map, key, &part->fraction, err));
    if (!(part->fraction.fraction > 0))
        part->form = NIB_FORM_NONE;
    return NIB_OK;
}
