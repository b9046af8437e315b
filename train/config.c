#include "train/config.h"

#include <stdio.h>
#include <string.h>

#include "core/file.h"
#include "core/names.h"
#include "core/yaml.h"
#include "train/config_parts.h"

enum { MAX_CONFIG_BYTES = 16 << 20, MAX_LABEL_BYTES = 160 };

typedef struct config_section {
    const nib_doc *data, *model, *train, *quant, *prune, *hls, *target;
} config_section;

static const nib_option config_rows[] = {
    NIB_ROW(config_section, data, NIB_OPTION_NODE, NULL, 0, 0, NULL, "", "where the rows come from"),
    NIB_ROW(config_section, model, NIB_OPTION_NODE, NULL, 0, 0, NULL, "", "layers and outputs"),
    NIB_ROW(config_section, train, NIB_OPTION_NODE, "", 0, 0, NULL, "", "how it is trained"),
    NIB_ROW(config_section, quant, NIB_OPTION_NODE, "", 0, 0, NULL, "", "types of the hardware's numbers"),
    NIB_ROW(config_section, prune, NIB_OPTION_NODE, "", 0, 0, NULL, "",
            "which weights become zero, and when"),
    NIB_ROW(config_section, hls, NIB_OPTION_NODE, "", 0, 0, NULL, "",
            "how the hardware is built, in hls4ml's words"),
    NIB_ROW(config_section, target, NIB_OPTION_NODE, "", 0, 0, NULL, "", "what the hardware must fit into"),
};
const nib_option_table nib_table_config = NIB_OPTION_TABLE(config_section, config_rows);

const nib_config_section nib_config_sections[] = {
    {"config", "", "a config file", &nib_table_config},
    {"model", "model", "layers and outputs", &nib_table_model},
    {"mlp", "model.mlp", "short for a multilayer perceptron", &nib_table_mlp},
    {"layer", "model.layers.NAME", "what every layer has, whatever its type", &nib_table_layer},
    {"train", "train", "how the model is trained", &nib_table_train},
    {"early_stopping", "train.early_stopping", "stop when nothing improves", &nib_table_early_stopping},
    {"distill", "train.distill", "learn from the outputs of another network too", &nib_table_distill},
    {"loss", "train.loss.TARGET", "beside the loss of a target", &nib_table_objective},
    {"quant", "quant", "quantization", &nib_table_quant},
    {"quantizers", "quant.default", "quantizers of all layers, or of one: quant.layers.NAME",
     &nib_table_quant_set},
    {"prune", "prune", "which weights become zero, and when", &nib_table_prune},
    {"prune_part", "prune.default, prune.layers.NAME", "how a layer is pruned", &nib_table_prune_part},
    {"hls", "hls", "hardware", &nib_table_hls},
    {"hls_layer", "hls.default", "reuse of all dense layers, or of one: hls.layers.NAME",
     &nib_table_hls_layer},
    {"target", "target", "limits of the hardware", &nib_table_hardware_target},
};
const int nib_config_sections_count = (int)(sizeof nib_config_sections / sizeof *nib_config_sections);

/* ---- Messages ---- */

const char *nib_config_hint(char *text, const char *name, const char *const *names, int count)
{
    const char *nearest = nib_names_nearest(name, names, (size_t)count);
    if (nearest) {
        (void)snprintf(text, NIB_HINT_BYTES, " (did you mean '%.80s'?)", nearest);
        return text;
    }
    size_t used = 0;
    for (int i = 0; i < count; i++) {
        int n = snprintf(text + used, NIB_HINT_BYTES - used, "%s%s", i ? ", " : " (known: ", names[i]);
        used += n > 0 ? (size_t)n : 0;
        if (used + 2 > NIB_HINT_BYTES) {
            used = 0;
            break;
        }
    }
    (void)snprintf(text + used, NIB_HINT_BYTES - used, "%s", used ? ")" : "");
    return text;
}

static bool has_row(const nib_option_table *table, const char *name)
{
    for (int i = 0; i < table->count; i++)
        if (strcmp(table->rows[i].name, name) == 0)
            return true;
    return false;
}

/* The section that a key belongs to, or NULL. `text` has NIB_HINT_BYTES. */
static const char *home_of(const char *key, char *text)
{
    for (int i = 0; i < nib_config_sections_count; i++)
        if (has_row(nib_config_sections[i].table, key))
            return *nib_config_sections[i].path ? nib_config_sections[i].path : "the top level";
    for (int i = 0; i < nib_data_sections_count; i++)
        if (has_row(nib_data_sections[i].table, key))
            return nib_data_sections[i].path;
    const nib_optimizer *adam = nib_optimizer_find("adam");
    for (int i = -1; i < nib_optimizers_count; i++) {
        const nib_optimizer *o = i < 0 ? adam : nib_optimizers[i];
        if (!o || !has_row(&o->options, key))
            continue;
        (void)snprintf(text, NIB_HINT_BYTES, "train.optimizer.%s", o->name);
        return text;
    }
    return NULL;
}

/* A key that is none of this table but of another one. */
static nib_status refuse_misplaced(const nib_option_table *table, const nib_doc *map, const char *path,
                                   nib_error *err)
{
    for (int i = 0; map && map->kind == NIB_DOC_MAP && i < map->count; i++) {
        const nib_doc_entry *entry = &map->entries[i];
        char text[NIB_HINT_BYTES];
        const char *home = has_row(table, entry->key) ? NULL : home_of(entry->key, text);
        if (home)
            return nib_doc_fail(&entry->place, err, NIB_ERR_CONFIG, "unknown key '%s'%s%s (it belongs in %s)",
                                entry->key, *path ? " in " : "", path, home);
    }
    return NIB_OK;
}

nib_status nib_config_read_section(nib_arena *arena, const nib_option_table *table, const nib_doc *map,
                                   const char *path, void *out, nib_error *err)
{
    NIB_TRY(refuse_misplaced(table, map, path, err));
    return nib_options_read(arena, table, map, path, out, err);
}

/* ---- --set ---- */

typedef struct setting {
    const char *path;
    nib_doc *value;
} setting;

/* Values of `--set` are placed by the option itself, without line and column. */
static void place_at(nib_doc *doc, const nib_doc_place *place)
{
    doc->place = *place;
    for (int i = 0; i < doc->count; i++) {
        doc->entries[i].place = *place;
        place_at(doc->entries[i].value, place);
    }
}

static nib_status parse_setting(nib_arena *arena, const char *text, setting *set, nib_error *err)
{
    char label[MAX_LABEL_BYTES];
    (void)snprintf(label, sizeof label, "--set %.120s%s", text, strlen(text) > 120 ? "..." : "");
    nib_doc_place place = {nib_arena_strdup(arena, label), 0, 0};
    const char *equals = strchr(text, '=');
    if (!equals || equals == text)
        return nib_doc_fail(&place, err, NIB_ERR_CONFIG, "path=value is expected, as in train.epochs=10");
    set->path = nib_arena_strndup(arena, text, (size_t)(equals - text));
    if (!place.file || !set->path)
        return nib_fail_memory(err, "--set");
    nib_error inner = {NIB_OK, ""};
    if (equals[1] == '\0') {
        set->value = nib_doc_new_scalar(arena, "");
    } else {
        nib_status status =
            nib_yaml_parse(arena, "value", equals + 1, strlen(equals + 1), &set->value, &inner);
        const char *why = strstr(inner.message, ": "); /* past the place within the value */
        if (status != NIB_OK)
            return nib_doc_fail(&place, err, status, "%s", why ? why + 2 : inner.message);
    }
    if (!set->value)
        return nib_fail_memory(err, "--set");
    place_at(set->value, &place);
    return NIB_OK;
}

static bool is_below(const char *path, const char *const *prefixes, int count)
{
    for (int i = 0; i < count; i++) {
        size_t bytes = strlen(prefixes[i]);
        if (strncmp(path, prefixes[i], bytes) == 0 && (path[bytes] == '\0' || path[bytes] == '.'))
            return true;
    }
    return false;
}

/* When a setting is applied: 0 to the file as it is, 1 after data's shorthands, 2 after those of the others.
 */
static int phase_of(const char *path)
{
    static const char *const data[] = {"data.source", "data.inputs", "data.targets"};
    static const char *const rest[] = {"model.layers", "model.outputs", "train.loss", "train.metrics",
                                       "train.optimizer"};
    return is_below(path, data, 3) ? 1 : is_below(path, rest, 5) ? 2 : 0;
}

/* ---- Reading ---- */

typedef struct reader {
    nib_config *config;
    nib_doc *root;
    const char *folder;
    const setting *sets;
    int n_sets;
    nib_data_names names;
} reader;

static nib_status expand(reader *r, int phase, nib_error *err)
{
    nib_arena *arena = r->config->arena;
    if (phase == 1)
        return nib_shorthand_data(arena, nib_doc_get(r->root, "data"), err);
    if (phase == 2) {
        NIB_TRY(nib_shorthand_model(arena, nib_doc_get(r->root, "model"), &r->names, err));
        return nib_shorthand_train(arena, nib_doc_get(r->root, "train"), &r->names, err);
    }
    return NIB_OK;
}

/* A setting may be a shorthand itself, and the next one may go into it: expand after each. */
static nib_status apply(reader *r, int phase, nib_error *err)
{
    NIB_TRY(expand(r, phase, err));
    for (int i = 0; i < r->n_sets; i++) {
        if (phase_of(r->sets[i].path) != phase)
            continue;
        NIB_TRY(nib_doc_set_path(r->config->arena, r->root, r->sets[i].path, r->sets[i].value, err));
        NIB_TRY(expand(r, phase, err));
    }
    return NIB_OK;
}

/* Losses take logits: an output layer that applies the link already would apply it twice. */
static nib_status check_outputs(const nib_config *config, nib_error *err)
{
    static const char *const links[] = {
        [NIB_LINK_IDENTITY] = "", [NIB_LINK_SIGMOID] = "sigmoid", [NIB_LINK_SOFTMAX] = "softmax"};
    for (int i = 0; i < config->model.n_outputs; i++) {
        const nib_output_config *output = &config->model.output[i];
        const nib_loss *loss = config->train.objective[i].loss;
        for (int k = 0; k < config->model.n_layers; k++) {
            const nib_layer_config *layer = &config->model.layer[k];
            if (strcmp(layer->name, output->layer) == 0 && strcmp(layer->type->name, links[loss->link]) == 0)
                return nib_doc_fail(
                    &output->place, err, NIB_ERR_CONFIG,
                    "model.outputs.%s: name the layer before '%s': the loss %s applies %s itself",
                    output->target, layer->name, loss->name, layer->type->name);
        }
    }
    return NIB_OK;
}

static nib_status read_sections(reader *r, nib_error *err)
{
    nib_config *config = r->config;
    nib_arena *arena = config->arena;
    config_section section;
    nib_doc *resolved[7] = {NULL};
    NIB_TRY(apply(r, 0, err));
    if (r->root->kind != NIB_DOC_MAP)
        return nib_doc_fail(&r->root->place, err, NIB_ERR_CONFIG, "a map of sections is expected");
    NIB_TRY(apply(r, 1, err));
    NIB_TRY(nib_config_read_section(arena, &nib_table_config, r->root, "", &section, err));
    NIB_TRY(refuse_misplaced(nib_data_sections[0].table, section.data, "data", err));
    NIB_TRY(nib_data_config_read(arena, section.data, r->folder, &config->data, &resolved[0], err));
    r->names.n_inputs = nib_data_config_inputs(config->data, &r->names.input);
    r->names.n_targets = nib_data_config_targets(config->data, &r->names.target);

    NIB_TRY(apply(r, 2, err));
    NIB_TRY(nib_config_read_section(arena, &nib_table_config, r->root, "", &section, err));
    NIB_TRY(nib_config_read_model(config, section.model, r->folder, &r->names, &resolved[1], err));
    NIB_TRY(nib_config_read_train(config, section.train, r->folder, &r->names, &resolved[2], err));
    NIB_TRY(check_outputs(config, err));
    NIB_TRY(nib_config_read_quant(config, section.quant, &r->names, &resolved[3], err));
    NIB_TRY(nib_config_read_prune(config, section.prune, &resolved[4], err));
    NIB_TRY(nib_config_read_hls(config, section.hls, &resolved[5], err));
    NIB_TRY(nib_config_read_target(config, section.target, &resolved[6], err));
    section = (config_section){resolved[0], resolved[1], resolved[2], resolved[3],
                               resolved[4], resolved[5], resolved[6]};
    config->resolved = nib_options_write(arena, &nib_table_config, &section);
    return config->resolved ? NIB_OK : nib_fail_memory(err, "resolved config");
}

static nib_status read_text(nib_config *config, const char *folder, const char *text, size_t bytes,
                            const char *const *sets, int n_sets, nib_error *err)
{
    reader r = {.config = config, .folder = folder, .n_sets = n_sets};
    NIB_TRY(nib_yaml_parse(config->arena, config->path, text, bytes, &r.root, err));
    /* A sweep file may hold its base config: that is the config then. */
    nib_doc *base = nib_doc_get(r.root, "base");
    if (base && base->kind == NIB_DOC_MAP)
        r.root = base;
    setting *parsed = NIB_NEW(config->arena, setting, n_sets + 1);
    if (!parsed)
        return nib_fail_memory(err, "--set");
    for (int i = 0; i < n_sets; i++)
        NIB_TRY(parse_setting(config->arena, sets[i], &parsed[i], err));
    r.sets = parsed;
    return read_sections(&r, err);
}

/* Base name without `.yaml` or `.yml`. */
static char *name_of(nib_arena *arena, const char *path)
{
    const char *base = nib_path_base(path), *dot = strrchr(base, '.');
    bool suffix = dot && dot != base && (strcmp(dot, ".yaml") == 0 || strcmp(dot, ".yml") == 0);
    return nib_arena_strndup(arena, base, suffix ? (size_t)(dot - base) : strlen(base));
}

static nib_status create(const char *path, nib_config **config, nib_error *err)
{
    nib_arena *arena = nib_arena_create();
    nib_config *c = arena ? NIB_NEW(arena, nib_config, 1) : NULL;
    if (c) {
        c->arena = arena;
        c->path = nib_arena_strdup(arena, path);
        c->name = name_of(arena, path);
    }
    if (!c || !c->path || !c->name) {
        nib_arena_destroy(arena);
        return nib_fail_memory(err, "config");
    }
    *config = c;
    return NIB_OK;
}

nib_status nib_config_parse(const char *name, const char *folder, const char *text, size_t bytes,
                            const char *const *sets, int n_sets, nib_config **config, nib_error *err)
{
    nib_config *c = NULL;
    NIB_TRY(create(name, &c, err));
    nib_status status = read_text(c, folder, text, bytes, sets, n_sets, err);
    if (status != NIB_OK)
        nib_config_destroy(c);
    else
        *config = c;
    return status;
}

nib_status nib_config_read(const char *path, const char *const *sets, int n_sets, nib_config **config,
                           nib_error *err)
{
    nib_arena *arena = nib_arena_create();
    char *text, *folder = arena ? nib_path_folder(arena, path) : NULL;
    size_t bytes;
    nib_status status = folder ? nib_file_read(arena, path, MAX_CONFIG_BYTES, &text, &bytes, err)
                               : nib_fail_memory(err, "config");
    if (status == NIB_OK)
        status = nib_config_parse(path, folder, text, bytes, sets, n_sets, config, err);
    nib_arena_destroy(arena);
    return status;
}

void nib_config_destroy(nib_config *config)
{
    if (config)
        nib_arena_destroy(config->arena);
}

const char *nib_config_text(const nib_config *config)
{
    char *text;
    return nib_yaml_write(config->arena, config->resolved, &text, NULL) == NIB_OK ? text : NULL;
}
