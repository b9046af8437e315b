/** Second step of loading: labels, classes, and which row goes into which part. */
#include "datasets/labels_internal.h"
#include "datasets/load_internal.h"

#include "core/file.h"
#include "datasets/index_file.h"

#include <inttypes.h>
#include <string.h>

/* Classes: their number and names, from (in this order) a trained model, the config, the width of one-hot
 * rows, names that the file gives the array, the largest label. */

static nib_status numbered(nib_load *load, int target, int64_t count, nib_error *err)
{
    nib_arena *arena = load->data->arena;
    const char **names = NIB_NEW(arena, const char *, count);
    for (int64_t i = 0; names && i < count; i++) {
        names[i] = nib_arena_printf(arena, "%" PRId64, i);
        if (!names[i])
            return nib_fail_memory(err, "class names");
    }
    load->classes[target].count = count;
    load->classes[target].names = names;
    return names ? NIB_OK : nib_fail_memory(err, "class names");
}

static nib_status known_classes(nib_load *load, int target, nib_error *err)
{
    nib_arena *arena = load->data->arena;
    const nib_target_config *config = &load->config->target[target];
    int count = config->n_known;
    const char *const *names = config->known;
    nib_source *main = load->origin[NIB_PART_TRAIN].source, *test = load->origin[NIB_PART_TEST].source;
    if (count == 0 && (config->classes.list.count > 0 || main))
        NIB_TRY(nib_names_read(arena, main, test, &config->classes, &count, &names, err));
    if (count == 0)
        return NIB_OK;
    if (count < 2)
        return nib_doc_fail(&config->classes.place, err, NIB_ERR_CONFIG,
                            "data.targets.%s.classes: one name; a class target needs at least two",
                            config->name);
    load->classes[target].count = count;
    return nib_copy_texts(arena, count, names, &load->classes[target].names, err);
}

/** The widths of one-hot rows agree with each other and with the classes known. */
static nib_status check_one_hot(nib_load *load, int target, nib_error *err)
{
    for (int part = 0; part < NIB_PART_COUNT; part++) {
        const nib_origin *o = &load->origin[part];
        const nib_array *a = o->active && o->target ? &o->target[target] : NULL;
        if (!a || a->width == 1)
            continue;
        if (load->classes[target].count == 0)
            NIB_TRY(numbered(load, target, a->width, err));
        if (a->width != load->classes[target].count)
            return nib_fail(err, NIB_ERR_INPUT,
                            "%s: %s has %" PRId64 " columns, but target %s has %" PRId64 " classes",
                            nib_source_name(o->source), a->path, a->width, load->config->target[target].name,
                            load->classes[target].count);
        if (a->features && part == NIB_PART_TRAIN && load->config->target[target].classes.list.count == 0)
            if (load->config->target[target].n_known == 0 && !load->config->target[target].classes.path)
                load->classes[target].names = a->features;
    }
    return NIB_OK;
}

static nib_status read_labels(nib_load *load, int target, nib_error *err)
{
    const nib_target_config *config = &load->config->target[target];
    int64_t max = 0;
    bool any = false;
    for (int part = 0; part < NIB_PART_COUNT; part++)
        any = any || (load->origin[part].active && load->origin[part].target);
    if (!any)
        return NIB_OK; /* rows to predict */
    NIB_TRY(known_classes(load, target, err));
    NIB_TRY(check_one_hot(load, target, err));
    const nib_origin *train = &load->origin[NIB_PART_TRAIN];
    for (int part = 0; part < NIB_PART_COUNT; part++) {
        nib_origin *o = &load->origin[part];
        if (!o->active || !o->target)
            continue;
        o->label[target] = NIB_NEW(load->scratch, int32_t, o->map.rows);
        if (!o->label[target])
            return nib_fail_memory(err, "labels");
        NIB_TRY(nib_labels_read(&o->target[target], config->name, load->classes[target].count,
                                o->label[target], &max, err));
    }
    if (load->classes[target].count > 0)
        return NIB_OK;
    int count = 0;
    const char *const *names = NULL;
    if (train->active)
        NIB_TRY(nib_source_names(train->source, train->target[target].path, load->data->arena, &count, &names,
                                 err));
    if (count > max && count >= 2) {
        load->classes[target].count = count;
        load->classes[target].names = names;
        return NIB_OK;
    }
    if (max == 0)
        return nib_fail(err, NIB_ERR_INPUT,
                        "target %s: all labels are 0; a class target needs at least two classes",
                        config->name);
    return numbered(load, target, max + 1, err);
}

/* Splits */

/** Labels of the training source to stratify by: the first class target. */
static nib_status stratification(const nib_load *load, const nib_part_config *part, nib_part which,
                                 const int32_t **label, int64_t *classes, nib_error *err)
{
    *label = NULL;
    *classes = 1;
    if (!part->fraction.stratify)
        return NIB_OK;
    for (int i = 0; i < load->config->n_targets; i++)
        if (load->config->target[i].kind == NIB_TARGET_CLASS) {
            *label = load->origin[NIB_PART_TRAIN].label[i];
            *classes = load->classes[i].count;
            return NIB_OK;
        }
    /* a binary or regression target: stratify by a single column of small integers */
    const nib_array *a = &load->origin[NIB_PART_TRAIN].target[0];
    int64_t max = 0;
    int32_t *labels = NIB_NEW(load->scratch, int32_t, a->info.rows);
    if (!labels)
        return nib_fail_memory(err, "labels");
    nib_error inner;
    if (a->width != 1 || nib_labels_read(a, load->config->target[0].name, 0, labels, &max, &inner) != NIB_OK)
        return nib_doc_fail(&part->place, err, NIB_ERR_CONFIG,
                            "data.%s.stratify: target %s is no class to stratify by", nib_part_name(which),
                            load->config->target[0].name);
    *label = labels;
    *classes = max + 1;
    return NIB_OK;
}

/** Context for errors that come from numbers in the config. */
static nib_status at_place(nib_status status, const nib_part_config *part, nib_part which,
                           const nib_error *inner, nib_error *err)
{
    if (status == NIB_ERR_CONFIG)
        return nib_doc_fail(&part->place, err, status, "data.%s: %s", nib_part_name(which), inner->message);
    return status == NIB_OK ? status : nib_fail(err, status, "%s", inner->message);
}

static nib_status split_off(nib_load *load, nib_part which, nib_error *err)
{
    const nib_part_config *part = &load->config->part[which];
    nib_row_map *map = &load->origin[NIB_PART_TRAIN].map;
    nib_error inner;
    nib_status status;
    if (part->form == NIB_FORM_ROWS) {
        int64_t count;
        const int64_t *index;
        NIB_TRY(nib_index_file_read(load->scratch, part->rows.rows, &count, &index, err));
        return nib_split_rows(map, which, index, count, nib_path_base(part->rows.rows), err);
    }
    if (part->form == NIB_FORM_LAST) {
        status = nib_split_last(map, which, part->last, &inner);
        return at_place(status, part, which, &inner, err);
    }
    if (part->form != NIB_FORM_FRACTION)
        return NIB_OK;
    const int32_t *label;
    int64_t classes;
    NIB_TRY(stratification(load, part, which, &label, &classes, err));
    int64_t n_of = which == NIB_PART_TEST ? map->rows : nib_row_map_count(map, NIB_PART_TRAIN);
    status = nib_split_fraction(map, which, part->fraction.fraction, n_of, (uint64_t)load->config->seed,
                                label, classes, &inner);
    return at_place(status, part, which, &inner, err);
}

nib_status nib_load_split(nib_load *load, nib_error *err)
{
    const nib_data_config *config = load->config;
    for (int i = 0; i < config->n_targets; i++)
        if (config->target[i].kind == NIB_TARGET_CLASS)
            NIB_TRY(read_labels(load, i, err));
    nib_row_map *map = &load->origin[NIB_PART_TRAIN].map;
    if (!load->origin[NIB_PART_TRAIN].active)
        return NIB_OK;
    /* Rows listed by number are taken first, so that a fraction cannot draw them; then test, validation. */
    static const nib_part order[] = {NIB_PART_TEST, NIB_PART_VALIDATION};
    for (int listed = 1; listed >= 0; listed--)
        for (int i = 0; i < 2; i++)
            if ((config->part[order[i]].form == NIB_FORM_ROWS) == listed)
                NIB_TRY(split_off(load, order[i], err));
    for (int64_t i = 0; !load->all && i < map->rows; i++)
        if (map->part[i] != NIB_PART_TEST)
            map->part[i] = NIB_PART_SKIP;
    return NIB_OK;
}
