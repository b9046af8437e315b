/* The `prune:` section: what is pruned, when, and which weights go first. */
#include <stdio.h>
#include <string.h>

#include "train/config_parts.h"

enum { COMPATIBLE_NONE, COMPATIBLE_TFMOT };
enum { TIES_AUTO, TIES_INDEX, TIES_KEEP };

typedef struct prune_section {
    int scope, compatible, ties;
    const nib_doc *part, *layers;
} prune_section;

static const nib_option prune_rows[] = {
    NIB_ROW(
        prune_section, scope, NIB_OPTION_CHOICE, "layer", 0, 0, "layer|global", "",
        "where weights compete: within their layer, or in one pool of all layers without keys of their own"),
    NIB_ROW(prune_section, compatible, NIB_OPTION_CHOICE, "none", 0, 0, "none|tfmot", "",
            "tfmot: masks and update steps of TFMOT 0.8.1, to the bit"),
    NIB_ROW(prune_section, ties, NIB_OPTION_CHOICE, "auto", 0, 0, "auto|index|keep", "",
            "equal scores: keep as many as asked for by index, or all of them; auto: index, tfmot keep"),
    {"default", NIB_OPTION_NODE, offsetof(prune_section, part), "", 0, 0, NULL, "",
     "for every layer with a kernel that `layers` does not name"},
    NIB_ROW(prune_section, layers, NIB_OPTION_NODE, "", 0, 0, NULL, "",
            "{LAYER: {keys of default}}; sparsity: 0 leaves a layer out"),
};
const nib_option_table nib_table_prune = NIB_OPTION_TABLE(prune_section, prune_rows);

typedef struct part_section {
    const nib_doc *schedule;
    double sparsity;
    const nib_doc *criterion;
    double cost;
    bool biases;
} part_section;

static const nib_option part_rows[] = {
    NIB_ROW(part_section, schedule, NIB_OPTION_NODE, "polynomial", 0, 0, NULL, "",
            "NAME or {NAME: {options}} (nibble list prune_schedules)"),
    NIB_ROW(part_section, sparsity, NIB_OPTION_FLOAT, "0", 0, 1, NULL, "",
            "final share of zeros in the kernel; one weight of a layer always stays"),
    NIB_ROW(part_section, criterion, NIB_OPTION_NODE, "magnitude", 0, 0, NULL, "",
            "NAME or {NAME: {options}} (nibble list criteria)"),
    NIB_ROW(part_section, cost, NIB_OPTION_FLOAT, "1", 1e-6, 1e6, NULL, "",
            "of one weight of the layer: scores are divided by it, which matters in scope: global"),
    NIB_ROW(part_section, biases, NIB_OPTION_BOOL, "false", 0, 0, NULL, "",
            "prune biases too, by the same schedule and as weights of one row"),
};
const nib_option_table nib_table_prune_part = NIB_OPTION_TABLE(part_section, part_rows);

/* ---- Choices ---- */

static nib_status fail_unknown(nib_arena *arena, const nib_doc *value, const char *path, const char *what,
                               const char *name, int count, const char *(*nth)(int), nib_error *err)
{
    const nib_doc_place *place = value->kind == NIB_DOC_MAP ? &value->entries[0].place : &value->place;
    const char **known = NIB_NEW(arena, const char *, count);
    char hint[NIB_HINT_BYTES];
    if (!known)
        return nib_fail_memory(err, path);
    for (int i = 0; i < count; i++)
        known[i] = nth(i);
    return nib_doc_fail(place, err, NIB_ERR_CONFIG, "%s: unknown %s '%.80s'%s", path, what, name,
                        nib_config_hint(hint, name, known, count));
}

static const char *schedule_name(int i)
{
    return nib_prune_schedules[i]->name;
}

static const char *criterion_name(int i)
{
    return nib_prune_criteria[i]->name;
}

/* Options of the descriptor `name`, and both as a node. */
static nib_status read_options(nib_arena *arena, const nib_option_table *table, const char *name,
                               const nib_doc *body, const char *path, const void **options,
                               const nib_doc **resolved, nib_error *err)
{
    char inside[192];
    (void)snprintf(inside, sizeof inside, "%.120s.%.60s", path, name);
    void *made = nib_arena_alloc(arena, 1, table->bytes);
    if (!made)
        return nib_fail_memory(err, path);
    NIB_TRY(nib_options_read(arena, table, body, inside, made, err));
    *options = made;
    if (table->count == 0) {
        *resolved = nib_doc_new_scalar(arena, name);
    } else {
        nib_doc *map = nib_doc_new_map(arena);
        *resolved = nib_doc_add(arena, map, name, nib_options_write(arena, table, made)) ? map : NULL;
    }
    return *resolved ? NIB_OK : nib_fail_memory(err, path);
}

static nib_status read_schedule(nib_arena *arena, const nib_doc *value, const char *path,
                                nib_prune_part *part, const nib_doc **resolved, nib_error *err)
{
    const char *name;
    const nib_doc *body;
    char text[NIB_PRUNE_TEXT_BYTES];
    NIB_TRY(nib_options_split_choice(value, path, "schedule", &name, &body, err));
    part->schedule = nib_prune_schedule_find(name);
    if (!part->schedule)
        return fail_unknown(arena, value, path, "schedule", name, nib_prune_schedules_count, schedule_name,
                            err);
    NIB_TRY(read_options(arena, &part->schedule->options, part->schedule->name, body, path,
                         &part->schedule_options, resolved, err));
    const char *wrong = part->schedule->wrong ? part->schedule->wrong(part->schedule_options, text) : NULL;
    if (wrong)
        return nib_doc_fail(body ? &body->place : &value->place, err, NIB_ERR_CONFIG, "%s.%s: %s", path, name,
                            wrong);
    return NIB_OK;
}

static nib_status read_criterion(nib_arena *arena, const nib_doc *value, const char *path,
                                 nib_prune_part *part, const nib_doc **resolved, nib_error *err)
{
    const char *name;
    const nib_doc *body;
    char text[NIB_PRUNE_TEXT_BYTES];
    NIB_TRY(nib_options_split_choice(value, path, "criterion", &name, &body, err));
    part->criterion = nib_prune_criterion_find(name);
    if (!part->criterion)
        return fail_unknown(arena, value, path, "criterion", name, nib_prune_criteria_count, criterion_name,
                            err);
    NIB_TRY(read_options(arena, &part->criterion->options, part->criterion->name, body, path,
                         &part->criterion_options, resolved, err));
    const char *wrong = part->criterion->wrong && part->sparsity > 0
                            ? part->criterion->wrong(part->criterion_options, part->sparsity, text)
                            : NULL;
    if (wrong)
        return nib_doc_fail(&value->place, err, NIB_ERR_CONFIG, "%s: %s", path, wrong);
    return NIB_OK;
}

/* ---- Parts ---- */

static nib_status read_part(nib_arena *arena, const nib_doc *map, const char *path, nib_prune_part *part,
                            nib_doc **resolved, nib_error *err)
{
    part_section s;
    char key[160];
    NIB_TRY(nib_config_read_section(arena, &nib_table_prune_part, map, path, &s, err));
    *part = (nib_prune_part){.sparsity = s.sparsity, .cost = s.cost, .biases = s.biases};
    (void)snprintf(key, sizeof key, "%.120s.schedule", path);
    NIB_TRY(read_schedule(arena, s.schedule, key, part, &s.schedule, err));
    (void)snprintf(key, sizeof key, "%.120s.criterion", path);
    NIB_TRY(read_criterion(arena, s.criterion, key, part, &s.criterion, err));
    if (part->biases && (part->criterion->unit_of || part->criterion->choose)) {
        const nib_doc *biases = nib_doc_get(map, "biases");
        return nib_doc_fail(biases ? &biases->place : NULL, err, NIB_ERR_CONFIG,
                            "%s.biases: only criteria of single weights prune biases, %s does not", path,
                            part->criterion->name);
    }
    *resolved = nib_options_write(arena, &nib_table_prune_part, &s);
    return *resolved ? NIB_OK : nib_fail_memory(err, path);
}

/* The default's keys with the layer's own in their place. */
static nib_doc *overlay(nib_arena *arena, const nib_doc *base, const nib_doc *own)
{
    nib_doc *map = nib_doc_new_map(arena);
    for (int i = 0; base && base->kind == NIB_DOC_MAP && i < base->count; i++)
        if (!nib_doc_entry_of(own, base->entries[i].key) &&
            !nib_doc_add(arena, map, base->entries[i].key, base->entries[i].value))
            return NULL;
    for (int i = 0; map && i < own->count; i++) {
        if (!nib_doc_add(arena, map, own->entries[i].key, own->entries[i].value))
            return NULL;
        map->entries[map->count - 1].place = own->entries[i].place;
    }
    return map;
}

static nib_status check_layer(const nib_config *config, const nib_doc_entry *entry, nib_error *err)
{
    const char *known[NIB_MAX_LAYERS];
    char hint[NIB_HINT_BYTES];
    int n = 0;
    for (int i = 0; i < config->model.n_layers; i++) {
        const nib_layer_config *layer = &config->model.layer[i];
        const bool has_kernel = layer->type->units != NULL;
        if (strcmp(layer->name, entry->key) == 0 && has_kernel)
            return NIB_OK;
        if (strcmp(layer->name, entry->key) == 0)
            return nib_doc_fail(&entry->place, err, NIB_ERR_CONFIG,
                                "prune.layers: layer '%s' (%s) has no kernel to prune", layer->name,
                                layer->type->name);
        if (has_kernel && n < NIB_MAX_LAYERS)
            known[n++] = layer->name;
    }
    return nib_doc_fail(&entry->place, err, NIB_ERR_CONFIG, "prune.layers: there is no layer '%.80s'%s",
                        entry->key, nib_config_hint(hint, entry->key, known, n));
}

static nib_status read_layer(nib_config *config, const nib_doc *base, const nib_doc_entry *entry,
                             nib_doc *resolved, nib_error *err)
{
    nib_arena *arena = config->arena;
    nib_prune_layer_config *layer = &config->prune.layer[config->prune.n_layers];
    const nib_doc *own = entry->value;
    char path[128];
    (void)snprintf(path, sizeof path, "prune.layers.%.80s", entry->key);
    NIB_TRY(check_layer(config, entry, err));
    if (own->kind != NIB_DOC_MAP)
        return nib_doc_fail(&own->place, err, NIB_ERR_CONFIG, "%s: a map like {sparsity: 0.5} is expected",
                            path);
    nib_doc *all = overlay(arena, base, own), *full, *part = nib_doc_new_map(arena);
    if (!all || !part)
        return nib_fail_memory(err, path);
    NIB_TRY(read_part(arena, all, path, &layer->part, &full, err));
    for (int i = 0; i < full->count; i++)
        if (nib_doc_entry_of(own, full->entries[i].key) &&
            !nib_doc_add(arena, part, full->entries[i].key, full->entries[i].value))
            return nib_fail_memory(err, path);
    layer->layer = entry->key;
    layer->place = entry->place;
    layer->own =
        nib_doc_get(own, "schedule") || nib_doc_get(own, "sparsity") || nib_doc_get(own, "criterion");
    config->prune.n_layers++;
    return nib_doc_add(arena, resolved, entry->key, part) ? NIB_OK : nib_fail_memory(err, path);
}

static nib_status check_scope(const nib_prune_config *prune, const nib_doc *section, nib_error *err)
{
    if (prune->scope != NIB_PRUNE_SCOPE_GLOBAL)
        return NIB_OK;
    const nib_prune_criterion *criterion = prune->part.criterion;
    const nib_doc *scope = nib_doc_get(section, "scope");
    if (criterion->unit_of || criterion->choose)
        return nib_doc_fail(scope ? &scope->place : &section->place, err, NIB_ERR_CONFIG,
                            "prune.scope: %s chooses within a layer; scope: global is for single weights",
                            criterion->name);
    return NIB_OK;
}

/* TFMOT's schedules take sparsities in [0, 1). */
static nib_status check_compatible(const nib_prune_config *prune, const nib_doc *section, nib_error *err)
{
    double most = prune->part.sparsity;
    for (int i = 0; i < prune->n_layers; i++)
        most = prune->layer[i].part.sparsity > most ? prune->layer[i].part.sparsity : most;
    if (!prune->rule.tfmot || most < 1)
        return NIB_OK;
    return nib_doc_fail(&nib_doc_get(section, "compatible")->place, err, NIB_ERR_CONFIG,
                        "prune.compatible: TFMOT refuses sparsity 1; leave out `compatible` or prune less");
}

nib_status nib_config_read_prune(nib_config *config, const nib_doc *prune, nib_doc **resolved, nib_error *err)
{
    nib_arena *arena = config->arena;
    nib_prune_config *p = &config->prune;
    prune_section s;
    nib_doc *part, *layers = nib_doc_new_map(arena);
    if (nib_doc_is_null(prune))
        return NIB_OK;
    NIB_TRY(nib_config_read_section(arena, &nib_table_prune, prune, "prune", &s, err));
    if (s.layers && s.layers->kind != NIB_DOC_MAP)
        return nib_doc_fail(&s.layers->place, err, NIB_ERR_CONFIG,
                            "prune.layers: a map {LAYER: {sparsity: ...}} is expected");
    *p = (nib_prune_config){.on = true, .place = prune->place, .scope = s.scope};
    p->rule.tfmot = s.compatible == COMPATIBLE_TFMOT;
    p->rule.keep_ties = s.ties == TIES_KEEP || (s.ties == TIES_AUTO && p->rule.tfmot);
    p->layer = NIB_NEW(arena, nib_prune_layer_config, s.layers ? s.layers->count : 0);
    if (!p->layer || !layers)
        return nib_fail_memory(err, "prune");
    const nib_doc *base = s.part;
    NIB_TRY(read_part(arena, base, "prune.default", &p->part, &part, err));
    for (int i = 0; s.layers && i < s.layers->count; i++)
        NIB_TRY(read_layer(config, base, &s.layers->entries[i], layers, err));
    NIB_TRY(check_scope(p, prune, err));
    NIB_TRY(check_compatible(p, prune, err));
    s.part = part;
    s.layers = layers->count ? layers : NULL;
    *resolved = nib_options_write(arena, &nib_table_prune, &s);
    return *resolved ? NIB_OK : nib_fail_memory(err, "prune");
}
