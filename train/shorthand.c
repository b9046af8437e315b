/* Shorthands of the config: what they stand for is written into the parsed tree, before it is read. */
#include <stdio.h>
#include <string.h>

#include "core/names.h"
#include "train/config_parts.h"

/* ---- data: x: and y:, bare files and paths ---- */

/* A bare text becomes `{key: text}`. */
static nib_status open_bare(nib_arena *arena, nib_doc_entry *entry, const char *key, nib_error *err)
{
    nib_doc *bare = entry->value;
    if (bare->kind != NIB_DOC_SCALAR || nib_doc_is_null(bare))
        return NIB_OK;
    nib_doc *map = nib_doc_new_map(arena);
    if (!nib_doc_add(arena, map, key, bare))
        return nib_fail_memory(err, "data");
    map->place = bare->place;
    entry->value = map;
    return NIB_OK;
}

static nib_status expand_array(nib_arena *arena, nib_doc *data, const char *key, const char *plural,
                               nib_error *err)
{
    nib_doc_entry *entry = nib_doc_entry_of(data, key);
    if (entry && !nib_doc_get(data, plural)) {
        nib_doc *map = nib_doc_new_map(arena);
        if (!nib_doc_add(arena, map, key, entry->value))
            return nib_fail_memory(err, plural);
        map->place = entry->value->place;
        map->entries[0].place = entry->place;
        *entry = (nib_doc_entry){plural, entry->place, map};
    }
    nib_doc *all = nib_doc_get(data, plural);
    for (int i = 0; all && all->kind == NIB_DOC_MAP && i < all->count; i++)
        NIB_TRY(open_bare(arena, &all->entries[i], "path", err));
    return NIB_OK;
}

nib_status nib_shorthand_data(nib_arena *arena, nib_doc *data, nib_error *err)
{
    if (!data || data->kind != NIB_DOC_MAP)
        return NIB_OK;
    nib_doc_entry *source = nib_doc_entry_of(data, "source");
    if (source)
        NIB_TRY(open_bare(arena, source, "file", err));
    NIB_TRY(expand_array(arena, data, "x", "inputs", err));
    return expand_array(arena, data, "y", "targets", err);
}

/* ---- model: mlp ---- */

typedef struct mlp {
    nib_ints hidden;
    int activation;
    bool batch_norm;
    double dropout;
} mlp;

static const char activations[] = "relu|leaky_relu|tanh|sigmoid";
static const char *const activation_names[] = {"relu", "leaky_relu", "tanh", "sigmoid"};

static const nib_option mlp_rows[] = {
    NIB_ROW(mlp, hidden, NIB_OPTION_INTS, "[64, 32, 32]", 1, 65536, NULL, "",
            "widths of the hidden layers; []: a linear model"),
    NIB_ROW(mlp, activation, NIB_OPTION_CHOICE, "relu", 0, 0, activations, "", "after each hidden layer"),
    NIB_ROW(mlp, batch_norm, NIB_OPTION_BOOL, "false", 0, 0, NULL, "", "before each activation"),
    NIB_ROW(mlp, dropout, NIB_OPTION_FLOAT, "0", 0, 0.99, NULL, "",
            "share dropped after each activation; 0: none"),
};
const nib_option_table nib_table_mlp = NIB_OPTION_TABLE(mlp, mlp_rows);

/* Everything made for a shorthand was written where the shorthand was. */
static void stamp(nib_doc *doc, const nib_doc_place *place)
{
    doc->place = *place;
    for (int i = 0; i < doc->count; i++) {
        doc->entries[i].place = *place;
        stamp(doc->entries[i].value, place);
    }
}

/* Append `{type: {name: ...}}`. @return the inner map, NULL when out of memory */
static nib_doc *add_layer(nib_arena *arena, nib_doc *layers, const char *type, const char *name, int number)
{
    nib_doc *body = nib_doc_add(arena, nib_doc_add(arena, layers, NULL, nib_doc_new_map(arena)), type,
                                nib_doc_new_map(arena));
    if (number > 0)
        return nib_doc_add_text(arena, body, "name", "%s%d", name, number) ? body : NULL;
    return nib_doc_add_text(arena, body, "name", "%s", name) ? body : NULL;
}

static bool add_hidden(nib_arena *arena, nib_doc *layers, const mlp *m)
{
    const char *activation = activation_names[m->activation];
    char rate[NIB_NUMBER_BYTES];
    nib_format_double(m->dropout, rate);
    for (int i = 0; i < m->hidden.count; i++) {
        nib_doc *dense = add_layer(arena, layers, "dense", "fc", i + 1);
        if (!nib_doc_add_text(arena, dense, "units", "%lld", (long long)m->hidden.value[i]))
            return false;
        if (m->batch_norm && !add_layer(arena, layers, "batch_norm", "bn", i + 1))
            return false;
        if (!add_layer(arena, layers, activation, activation, i + 1))
            return false;
        if (m->dropout > 0 &&
            !nib_doc_add_text(arena, add_layer(arena, layers, "dropout", "drop", i + 1), "rate", "%s", rate))
            return false;
    }
    return true;
}

/* One linear layer per target, all on the same trunk. */
static bool add_outputs(nib_arena *arena, nib_doc *layers, nib_doc *outputs, const nib_data_names *names)
{
    const nib_doc *last = layers->count ? layers->entries[layers->count - 1].value : NULL;
    const char *trunk = last ? nib_doc_get(last->entries[0].value, "name")->text : names->input[0];
    for (int i = 0; i < names->n_targets; i++) {
        const char *name =
            names->n_targets > 1 ? nib_arena_printf(arena, "logits_%s", names->target[i]) : "logits";
        nib_doc *dense = name ? add_layer(arena, layers, "dense", name, 0) : NULL;
        if (names->n_targets > 1 && !nib_doc_add_text(arena, dense, "from", "%s", trunk))
            return false;
        if (!nib_doc_add_text(arena, dense, "units", "auto") ||
            !nib_doc_add_text(arena, outputs, names->target[i], "%s", name))
            return false;
    }
    return true;
}

static nib_status expand_mlp(nib_arena *arena, nib_doc *model, const nib_data_names *names, nib_error *err)
{
    const nib_doc_entry *entry = nib_doc_entry_of(model, "mlp");
    if (!entry)
        return NIB_OK;
    const nib_doc_place place = entry->place;
    if (nib_doc_get(model, "layers"))
        return nib_doc_fail(&place, err, NIB_ERR_CONFIG,
                            "model has both mlp and layers: one of them is expected");
    mlp m;
    NIB_TRY(nib_options_read(arena, &nib_table_mlp, entry->value, "model.mlp", &m, err));
    if (m.hidden.count > NIB_MAX_LAYERS / 5)
        return nib_doc_fail(&place, err, NIB_ERR_CONFIG,
                            "model.mlp.hidden: %d layers, at most %d are possible", m.hidden.count,
                            NIB_MAX_LAYERS / 5);
    nib_doc *layers = nib_doc_new_list(arena), *outputs = nib_doc_new_map(arena);
    bool done = layers && outputs;
    if (done && names->n_inputs > 1) {
        nib_doc *from = nib_doc_add(arena, add_layer(arena, layers, "concat", "features", 0), "from",
                                    nib_doc_new_list(arena));
        for (int i = 0; i < names->n_inputs; i++)
            done = done && nib_doc_add_text(arena, from, NULL, "%s", names->input[i]);
    }
    done = done && add_hidden(arena, layers, &m) && add_outputs(arena, layers, outputs, names);
    if (!done)
        return nib_fail_memory(err, "model.mlp");
    stamp(layers, &place);
    stamp(outputs, &place);
    nib_doc_remove(model, "mlp");
    if (!nib_doc_add(arena, model, "layers", layers) ||
        (!nib_doc_get(model, "outputs") && !nib_doc_add(arena, model, "outputs", outputs)))
        return nib_fail_memory(err, "model.mlp");
    return NIB_OK;
}

/* ---- model: names of layers ---- */

/* What an unnamed layer is called, with a number. */
static const char *short_name(const char *type)
{
    static const char *const names[][2] = {{"dense", "fc"}, {"batch_norm", "bn"}, {"dropout", "drop"}};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(type, names[i][0]) == 0)
            return names[i][1];
    return type;
}

static bool is_taken(const nib_doc *layers, const char *name)
{
    for (int i = 0; i < layers->count; i++) {
        const nib_doc *item = layers->entries[i].value;
        const nib_doc *own = item->kind == NIB_DOC_MAP && item->count == 1
                                 ? nib_doc_get(item->entries[0].value, "name")
                                 : NULL;
        if (own && own->kind == NIB_DOC_SCALAR && strcmp(own->text, name) == 0)
            return true;
    }
    return false;
}

/* `relu` and `{relu: }` become `{relu: {}}`. */
static nib_status expand_bare_layer(nib_arena *arena, nib_doc_entry *item, nib_error *err)
{
    nib_doc *bare = item->value;
    bool named = bare->kind == NIB_DOC_SCALAR && !nib_doc_is_null(bare);
    bool empty = bare->kind == NIB_DOC_MAP && bare->count == 1 && nib_doc_is_null(bare->entries[0].value);
    if (!named && !empty)
        return NIB_OK;
    nib_doc *map = nib_doc_new_map(arena);
    const char *type = named ? bare->text : bare->entries[0].key;
    if (!nib_doc_add(arena, map, type, nib_doc_new_map(arena)))
        return nib_fail_memory(err, "model.layers");
    stamp(map, &bare->place);
    item->value = map;
    return NIB_OK;
}

static nib_status name_layer(nib_arena *arena, const nib_doc *layers, int index, nib_error *err)
{
    const nib_doc *item = layers->entries[index].value;
    if (item->kind != NIB_DOC_MAP || item->count != 1)
        return NIB_OK;
    nib_doc *body = item->entries[0].value;
    if (body->kind != NIB_DOC_MAP || !nib_doc_is_null(nib_doc_get(body, "name")))
        return NIB_OK;
    nib_doc_remove(body, "name");
    const char *type = item->entries[0].key;
    int number = 1;
    for (int i = 0; i < index; i++) {
        const nib_doc *above = layers->entries[i].value;
        number += above->kind == NIB_DOC_MAP && above->count == 1 && strcmp(above->entries[0].key, type) == 0;
    }
    char name[80];
    do
        (void)snprintf(name, sizeof name, "%.60s%d", short_name(type), number++);
    while (is_taken(layers, name));
    nib_doc *first = nib_doc_add_text(arena, body, "name", "%s", name);
    if (!first)
        return nib_fail_memory(err, "model.layers");
    stamp(first, &item->entries[0].place);
    nib_doc_entry entry = body->entries[body->count - 1];
    entry.place = first->place;
    memmove(body->entries + 1, body->entries, (size_t)(body->count - 1) * sizeof entry);
    body->entries[0] = entry;
    return NIB_OK;
}

/* Without `outputs`, the last layer is the output of the only target. */
static nib_status expand_outputs(nib_arena *arena, nib_doc *model, const nib_doc *layers,
                                 const nib_data_names *names, nib_error *err)
{
    nib_doc_entry *given = nib_doc_entry_of(model, "outputs");
    bool bare = given && given->value->kind == NIB_DOC_SCALAR && !nib_doc_is_null(given->value);
    if (names->n_targets != 1 || layers->count == 0 || (given && !bare && !nib_doc_is_null(given->value)))
        return NIB_OK;
    const nib_doc *item = layers->entries[layers->count - 1].value;
    const nib_doc *name = bare ? given->value
                          : item->kind == NIB_DOC_MAP && item->count == 1
                              ? nib_doc_get(item->entries[0].value, "name")
                              : NULL;
    if (!name || name->kind != NIB_DOC_SCALAR)
        return NIB_OK;
    nib_doc *outputs = nib_doc_new_map(arena);
    if (!nib_doc_add_text(arena, outputs, names->target[0], "%s", name->text))
        return nib_fail_memory(err, "model.outputs");
    stamp(outputs, &name->place);
    if (given)
        given->value = outputs;
    else if (!nib_doc_add(arena, model, "outputs", outputs))
        return nib_fail_memory(err, "model.outputs");
    return NIB_OK;
}

nib_status nib_shorthand_model(nib_arena *arena, nib_doc *model, const nib_data_names *names, nib_error *err)
{
    if (!model || model->kind != NIB_DOC_MAP)
        return NIB_OK;
    const nib_doc_entry *sets = nib_doc_entry_of(model, "deepsets");
    if (sets)
        return nib_doc_fail(&sets->place, err, NIB_ERR_UNSUPPORTED,
                            "model.deepsets: networks of sets are not supported by this version");
    NIB_TRY(expand_mlp(arena, model, names, err));
    nib_doc *layers = nib_doc_get(model, "layers");
    if (!layers || layers->kind != NIB_DOC_LIST)
        return NIB_OK;
    if (layers->count > NIB_MAX_LAYERS)
        return nib_doc_fail(&layers->place, err, NIB_ERR_CONFIG,
                            "model.layers: %d layers, at most %d are possible", layers->count,
                            NIB_MAX_LAYERS);
    for (int i = 0; i < layers->count; i++)
        NIB_TRY(expand_bare_layer(arena, &layers->entries[i], err));
    for (int i = 0; i < layers->count; i++)
        NIB_TRY(name_layer(arena, layers, i, err));
    return expand_outputs(arena, model, layers, names, err);
}

/* ---- train: loss and metrics of the only target ---- */

static bool is_target(const nib_data_names *names, const char *key)
{
    for (int i = 0; i < names->n_targets; i++)
        if (strcmp(names->target[i], key) == 0)
            return true;
    return false;
}

/* True if `value` speaks of one target itself instead of naming targets. */
static bool is_bare(const nib_doc *value, const nib_data_names *names)
{
    if (value->kind != NIB_DOC_MAP)
        return true;
    for (int i = 0; i < value->count; i++) {
        const char *key = value->entries[i].key;
        if (is_target(names, key))
            return false;
        if (nib_loss_find(key) || nib_metric_find(key) || strcmp(key, "weight") == 0)
            return true;
    }
    return false;
}

static nib_status expand_target(nib_arena *arena, nib_doc *train, const char *key,
                                const nib_data_names *names, nib_error *err)
{
    nib_doc_entry *entry = nib_doc_entry_of(train, key);
    if (!entry || nib_doc_is_null(entry->value) || !is_bare(entry->value, names))
        return NIB_OK;
    if (names->n_targets != 1)
        return nib_doc_fail(&entry->value->place, err, NIB_ERR_CONFIG,
                            "train.%s: there are %d targets, say which one is meant (%s: {%s: ...})", key,
                            names->n_targets, key, names->target[0]);
    nib_doc *map = nib_doc_new_map(arena);
    if (!nib_doc_add(arena, map, names->target[0], entry->value))
        return nib_fail_memory(err, key);
    map->place = entry->value->place;
    entry->value = map;
    return NIB_OK;
}

/* The bare name of a target's loss becomes a map, so that `--set train.loss.y.weight=2` finds one. */
static nib_status open_losses(nib_arena *arena, nib_doc *losses, nib_error *err)
{
    for (int i = 0; losses && losses->kind == NIB_DOC_MAP && i < losses->count; i++) {
        nib_doc *bare = losses->entries[i].value;
        if (bare->kind != NIB_DOC_SCALAR || nib_doc_is_null(bare))
            continue;
        nib_doc *map = nib_doc_new_map(arena);
        if (!nib_doc_add(arena, map, bare->text, nib_doc_new_map(arena)))
            return nib_fail_memory(err, "train.loss");
        stamp(map, &bare->place);
        losses->entries[i].value = map;
    }
    return NIB_OK;
}

nib_status nib_shorthand_train(nib_arena *arena, nib_doc *train, const nib_data_names *names, nib_error *err)
{
    if (!train || train->kind != NIB_DOC_MAP)
        return NIB_OK;
    NIB_TRY(expand_target(arena, train, "loss", names, err));
    NIB_TRY(open_losses(arena, nib_doc_get(train, "loss"), err));
    return expand_target(arena, train, "metrics", names, err);
}
