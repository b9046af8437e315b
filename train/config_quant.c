/* The `quant:` section: a quantizer for every tensor, and how training uses them. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "train/config_parts.h"

typedef struct quant_section {
    const nib_doc *defaults, *layers;
    int64_t bits;
    const char *integer, *fallback;
    bool allow_float, allow_dead, wrap_in_training;
    double start, finish, exponent;
    int64_t freeze;
} quant_section;

enum { NONE = -1 };

static const nib_option quant_rows[] = {
    {"default", NIB_OPTION_NODE, offsetof(quant_section, defaults), "", 0, 0, NULL, "",
     "{KEY: QUANTIZER} of all layers; keys: input, weight, bias, activation, output, result, accum"},
    NIB_ROW(quant_section, layers, NIB_OPTION_NODE, "", 0, 0, NULL, "",
            "{NAME: {KEY: QUANTIZER}} of a layer or an input, before the default"),
    NIB_ROW(quant_section, bits, NIB_OPTION_INT, "none", 2, NIB_FIXED_MAX_FAKE, "none", "bits",
            "short: weights and activations of so many bits, inputs, biases and outputs of 8 or more"),
    NIB_ROW(quant_section, integer, NIB_OPTION_STRING, "", 0, 0, NULL, "bits",
            "integer bits of the weights under `bits`: a number or auto; default: 1, and auto below 4 bits"),
    NIB_ROW(quant_section, fallback, NIB_OPTION_STRING, "fixed<16,6>", 0, 0, NULL, "",
            "type that a float tensor gets at lowering (allow_float)"),
    NIB_ROW(quant_section, allow_float, NIB_OPTION_BOOL, "false", 0, 0, NULL, "",
            "tensors without a type may reach a multiplication"),
    NIB_ROW(quant_section, allow_dead, NIB_OPTION_BOOL, "false", 0, 0, NULL, "",
            "a layer may begin with over 99 % of its weights quantized to zero"),
    NIB_ROW(quant_section, wrap_in_training, NIB_OPTION_BOOL, "true", 0, 0, NULL, "",
            "types with WRAP wrap while training too; false: they only round then, as in HGQ2"),
    NIB_ROW(quant_section, start, NIB_OPTION_FLOAT, "0", 0, 1e6, NULL, "epochs",
            "training computes in float until then (evaluation never does)"),
    NIB_ROW(quant_section, finish, NIB_OPTION_FLOAT, "0", 0, 1e6, NULL, "epochs",
            "from `start` to here float and quantized values are blended; 0: at once"),
    NIB_ROW(quant_section, exponent, NIB_OPTION_FLOAT, "3", 0.1, 100, NULL, "",
            "of the blend's course, as in QKeras' QNoiseScheduler"),
    NIB_ROW(
        quant_section, freeze, NIB_OPTION_INT, "auto", 0, 1e6, "auto|never", "epochs",
        "when batch norm goes over to its moving statistics; auto: at once with model.init_from, else after "
        "half of the epochs"),
};
const nib_option_table nib_table_quant = NIB_OPTION_TABLE(quant_section, quant_rows);

typedef struct set_section {
    const nib_doc *quantizer[NIB_QUANT_KEYS];
    const char *accum;
} set_section;

#define KEY(name, index, help)                                                                               \
    {                                                                                                        \
        name, NIB_OPTION_NODE, offsetof(set_section, quantizer) + (index) * sizeof(const nib_doc *), "", 0,  \
            0, NULL, "", help                                                                                \
    }
static const nib_option set_rows[] = {
    KEY("input", NIB_QUANT_INPUT, "of the network's inputs"),
    KEY("weight", NIB_QUANT_WEIGHT, "of kernels"),
    KEY("bias", NIB_QUANT_BIAS, "of biases"),
    KEY("activation", NIB_QUANT_ACTIVATION, "of the outputs of activation layers"),
    KEY("output", NIB_QUANT_OUTPUT, "of the layers named in model.outputs"),
    KEY("result", NIB_QUANT_RESULT, "of every other layer's output; default: full width"),
    NIB_ROW(set_section, accum, NIB_OPTION_STRING, "", 0, 0, NULL, "",
            "type of the accumulators; default: wide enough, proven from the weights"),
};
const nib_option_table nib_table_quant_set = NIB_OPTION_TABLE(set_section, set_rows);

const char *nib_quant_key_name(nib_quant_key key)
{
    return set_rows[key].name;
}

/* ---- Types ---- */

const char *nib_quant_type_text(const nib_fixed *type, char *text)
{
    (void)snprintf(text, NIB_FIXED_TEXT_BYTES, "%sfixed<%d,%d,%s,%s>", type->is_signed ? "" : "u", type->bits,
                   type->integer, nib_rounding_name(type->rounding), nib_overflow_name(type->overflow));
    return text;
}

nib_status nib_quant_of_type(nib_arena *arena, const nib_fixed *type, nib_quantizer_config *quantizer,
                             nib_error *err)
{
    char text[NIB_FIXED_TEXT_BYTES];
    return nib_quantizer_parse(arena, nib_quant_type_text(type, text), quantizer, err);
}

/* "fixed<8,auto,RND,SAT>" with the word replaced by 0, or NULL: nothing of the kind. */
static const char *without_auto(nib_arena *arena, const char *text)
{
    const char *comma = strchr(text, '<') ? strchr(text, ',') : NULL;
    if (!comma)
        return NULL;
    const char *word = comma + 1 + strspn(comma + 1, " \t"), *rest = word + 4 + strspn(word + 4, " \t");
    if (strncmp(word, "auto", 4) != 0 || (*rest != ',' && *rest != '>'))
        return NULL;
    return nib_arena_printf(arena, "%.*s,0%s", (int)(comma - text), text, rest);
}

/* The type of a quantizer that is one and nothing else. */
static bool type_of(nib_arena *arena, const nib_quantizer_config *quantizer, nib_fixed *type)
{
    if (strcmp(quantizer->type->name, "fixed") != 0)
        return false;
    const nib_doc *map = nib_options_write(arena, &quantizer->type->options, quantizer->options);
    const nib_doc *text = nib_doc_get(map, "type"), *ste = nib_doc_get(map, "ste");
    const nib_doc *wraps = nib_doc_get(map, "wrap_in_training");
    const nib_doc *bits = nib_doc_get(map, "bits"), *integer = nib_doc_get(map, "integer");
    const bool by_channel = (bits && bits->count > 0) || (integer && integer->count > 0);
    return text && ste && !by_channel && strcmp(ste->text, "auto") == 0 && wraps &&
           strcmp(wraps->text, "true") == 0 && nib_fixed_parse(text->text, type, NULL, NULL) == NIB_OK;
}

static nib_status read_entry(nib_arena *arena, const nib_doc *value, const char *path, nib_quant_entry *entry,
                             nib_error *err)
{
    *entry = (nib_quant_entry){.given = true, .place = value->place};
    const bool is_text = value->kind == NIB_DOC_SCALAR;
    entry->is_float = is_text && !value->quoted && strcmp(value->text, "none") == 0;
    if (entry->is_float)
        return NIB_OK;
    const char *text = is_text ? without_auto(arena, value->text) : NULL;
    nib_doc number = *value;
    if (text)
        number.text = text;
    NIB_TRY(nib_quantizer_read(arena, &number, path, &entry->quantizer, err));
    entry->is_type = type_of(arena, &entry->quantizer, &entry->type);
    entry->is_auto = text != NULL;
    if (entry->is_auto)
        entry->quantizer = (nib_quantizer_config){0};
    return NIB_OK;
}

static const char *entry_text(nib_arena *arena, const nib_quant_entry *entry)
{
    char text[NIB_FIXED_TEXT_BYTES];
    if (entry->is_float)
        return "none";
    if (entry->is_auto)
        return nib_arena_printf(arena, "%sfixed<%d,auto,%s,%s>", entry->type.is_signed ? "" : "u",
                                entry->type.bits, nib_rounding_name(entry->type.rounding),
                                nib_overflow_name(entry->type.overflow));
    if (entry->is_type)
        return nib_arena_strdup(arena, nib_quant_type_text(&entry->type, text));
    return nib_quantizer_print(arena, &entry->quantizer);
}

/* ---- Sets ---- */

static nib_status read_set(nib_arena *arena, const nib_doc *map, const char *path, nib_quant_set *set,
                           nib_error *err)
{
    set_section s;
    NIB_TRY(nib_config_read_section(arena, &nib_table_quant_set, map, path, &s, err));
    for (int k = 0; k < NIB_QUANT_KEYS; k++) {
        char key[192];
        (void)snprintf(key, sizeof key, "%.128s.%s", path, set_rows[k].name);
        if (!nib_doc_is_null(s.quantizer[k]))
            NIB_TRY(read_entry(arena, s.quantizer[k], key, &set->entry[k], err));
    }
    if (!s.accum)
        return NIB_OK;
    nib_error inner = {NIB_OK, ""};
    nib_doc_place place = nib_doc_get(map, "accum")->place;
    set->has_accum = true;
    if (nib_fixed_parse(s.accum, &set->accum, NULL, &inner) != NIB_OK)
        return nib_doc_fail(&place, err, NIB_ERR_CONFIG, "%s.accum: %s", path, inner.message);
    return NIB_OK;
}

static nib_doc *write_set(nib_arena *arena, const nib_quant_set *set)
{
    nib_doc *map = nib_doc_new_map(arena);
    bool ok = map != NULL;
    for (int k = 0; ok && k < NIB_QUANT_KEYS; k++) {
        if (!set->entry[k].given)
            continue;
        const char *text = entry_text(arena, &set->entry[k]);
        ok = text && nib_doc_add_text(arena, map, set_rows[k].name, "%s", text);
    }
    char text[NIB_FIXED_TEXT_BYTES];
    if (ok && set->has_accum)
        ok = nib_doc_add_text(arena, map, "accum", "%s", nib_quant_type_text(&set->accum, text)) != NULL;
    return ok ? map : NULL;
}

static int find_layer(const nib_model_config *model, const char *name)
{
    for (int i = 0; i < model->n_layers; i++)
        if (strcmp(model->layer[i].name, name) == 0)
            return i;
    return -1;
}

static bool is_input(const nib_data_names *names, const char *name)
{
    for (int i = 0; i < names->n_inputs; i++)
        if (strcmp(names->input[i], name) == 0)
            return true;
    return false;
}

static bool is_output(const nib_model_config *model, const char *name)
{
    for (int i = 0; i < model->n_outputs; i++)
        if (strcmp(model->output[i].layer, name) == 0)
            return true;
    return false;
}

static bool is_one_of(const char *name, const char *const *names)
{
    for (; *names; names++)
        if (strcmp(*names, name) == 0)
            return true;
    return false;
}

nib_quant_key nib_quant_result_key(const nib_model_config *model, const nib_layer_config *layer)
{
    static const char *const activations[] = {"relu", "leaky_relu", "tanh", "sigmoid", "softmax", NULL};
    if (is_output(model, layer->name))
        return NIB_QUANT_OUTPUT;
    return is_one_of(layer->type->name, activations) ? NIB_QUANT_ACTIVATION : NIB_QUANT_RESULT;
}

static bool has_weights(const nib_layer_config *layer)
{
    return strcmp(layer->type->name, "dense") == 0 || strcmp(layer->type->name, "batch_norm") == 0;
}

/* A key that means nothing for this layer would be ignored: it is refused. */
static nib_status check_set(const nib_config *config, const nib_data_names *names, const nib_doc_entry *entry,
                            const nib_quant_set *set, nib_error *err)
{
    const int index = find_layer(&config->model, set->name);
    for (int k = 0; k < NIB_QUANT_KEYS; k++) {
        if (!set->entry[k].given)
            continue;
        const nib_layer_config *layer = index >= 0 ? &config->model.layer[index] : NULL;
        const nib_quant_key result = layer ? nib_quant_result_key(&config->model, layer) : NIB_QUANT_INPUT;
        const bool fits = !layer                                         ? k == NIB_QUANT_INPUT
                          : k == NIB_QUANT_WEIGHT || k == NIB_QUANT_BIAS ? has_weights(layer)
                                                                         : k == (int)result;
        if (fits)
            continue;
        const char *what = layer ? layer->type->name : "an input";
        return nib_doc_fail(&set->entry[k].place, err, NIB_ERR_CONFIG,
                            "quant.layers.%s.%s: %s has no such tensor; the key of its %s is %s", set->name,
                            set_rows[k].name, what, layer ? "output" : "values", set_rows[result].name);
    }
    if (set->has_accum && (index < 0 || strcmp(config->model.layer[index].type->name, "dense") != 0))
        return nib_doc_fail(&entry->place, err, NIB_ERR_CONFIG,
                            "quant.layers.%s.accum: only dense layers accumulate", set->name);
    (void)names;
    return NIB_OK;
}

static nib_status read_layers(nib_config *config, const nib_doc *layers, const nib_data_names *names,
                              nib_error *err)
{
    nib_quant_config *q = &config->quant;
    const nib_model_config *model = &config->model;
    if (layers && layers->kind != NIB_DOC_MAP && !nib_doc_is_null(layers))
        return nib_doc_fail(&layers->place, err, NIB_ERR_CONFIG,
                            "quant.layers: a map {NAME: {KEY: QUANTIZER}} is expected");
    q->set = NIB_NEW(config->arena, nib_quant_set, model->n_layers + names->n_inputs);
    const char **known = NIB_NEW(config->arena, const char *, model->n_layers + names->n_inputs);
    if (!q->set || !known)
        return nib_fail_memory(err, "quant.layers");
    for (int i = 0; i < model->n_layers; i++)
        known[i] = model->layer[i].name;
    for (int i = 0; i < names->n_inputs; i++)
        known[model->n_layers + i] = names->input[i];
    for (int i = 0; layers && i < layers->count; i++) {
        const nib_doc_entry *entry = &layers->entries[i];
        char hint[NIB_HINT_BYTES], path[128];
        if (find_layer(model, entry->key) < 0 && !is_input(names, entry->key))
            return nib_doc_fail(&entry->place, err, NIB_ERR_CONFIG,
                                "quant.layers: there is no layer or input '%.80s'%s", entry->key,
                                nib_config_hint(hint, entry->key, known, model->n_layers + names->n_inputs));
        (void)snprintf(path, sizeof path, "quant.layers.%.80s", entry->key);
        nib_quant_set *set = &q->set[q->n_sets++];
        set->name = entry->key;
        NIB_TRY(read_set(config->arena, entry->value, path, set, err));
        NIB_TRY(check_set(config, names, entry, set, err));
    }
    return NIB_OK;
}

/* ---- bits ---- */

nib_quant_set *nib_quant_set_of(nib_quant_config *q, const char *name)
{
    for (int i = 0; i < q->n_sets; i++)
        if (strcmp(q->set[i].name, name) == 0)
            return &q->set[i];
    q->set[q->n_sets] = (nib_quant_set){.name = name};
    return &q->set[q->n_sets++];
}

/* A type for a tensor that has none. */
static nib_status fill(nib_config *config, const char *name, nib_quant_key key, nib_fixed type, bool is_auto,
                       nib_error *err)
{
    nib_quant_config *q = &config->quant;
    nib_quant_entry *entry = &nib_quant_set_of(q, name)->entry[key];
    if (entry->given || q->defaults.entry[key].given)
        return NIB_OK;
    *entry = (nib_quant_entry){.given = true, .is_type = true, .is_auto = is_auto, .type = type};
    return is_auto ? NIB_OK : nib_quant_of_type(config->arena, &type, &entry->quantizer, err);
}

/* A layer that reads a table, whose input needs a type for that. */
static bool feeds_table(const nib_model_config *model, int index)
{
    static const char *const tables[] = {"tanh", "sigmoid", "softmax", NULL};
    for (int i = index + 1; i < model->n_layers; i++) {
        const nib_layer_config *user = &model->layer[i];
        bool uses = user->n_from == 0 && i == index + 1;
        for (int k = 0; k < user->n_from; k++)
            uses = uses || strcmp(user->from[k], model->layer[index].name) == 0;
        if (uses && is_one_of(user->type->name, tables))
            return true;
    }
    return false;
}

/* quant.integer: a number or the word auto. */
static nib_status read_integer(const nib_doc *value, const char *text, int bits, bool *is_auto, int *integer,
                               nib_error *err)
{
    enum { SMALL = 4 };
    char *end = NULL;
    *integer = 1;
    *is_auto = text ? strcmp(text, "auto") == 0 : bits < SMALL;
    if (!text || *is_auto)
        return NIB_OK;
    const long number = strtol(text, &end, 10);
    if (end == text || *end || number < -NIB_FIXED_MAX_INTEGER || number > NIB_FIXED_MAX_INTEGER)
        return nib_doc_fail(&value->place, err, NIB_ERR_CONFIG,
                            "quant.integer: '%.40s' is neither auto nor a number of bits from -%d to %d",
                            text, (int)NIB_FIXED_MAX_INTEGER, (int)NIB_FIXED_MAX_INTEGER);
    *integer = (int)number;
    return NIB_OK;
}

static nib_status expand_bits(nib_config *config, const quant_section *s, bool weight_auto, int integer,
                              const nib_data_names *names, nib_error *err)
{
    enum { LEAST = 8 };
    const int bits = (int)s->bits, wide = bits < LEAST ? LEAST : bits;
    const nib_fixed data = {wide, 0, true, NIB_ROUNDING_RND, NIB_OVERFLOW_SAT};
    const nib_fixed bias = {wide, 0, true, NIB_ROUNDING_RND_CONV, NIB_OVERFLOW_SAT};
    const nib_fixed weight = {bits, weight_auto ? 0 : integer, true, NIB_ROUNDING_RND_CONV, NIB_OVERFLOW_SAT};
    for (int i = 0; i < names->n_inputs; i++)
        NIB_TRY(fill(config, names->input[i], NIB_QUANT_INPUT, data, true, err));
    for (int i = 0; i < config->model.n_layers; i++) {
        const nib_layer_config *layer = &config->model.layer[i];
        const nib_quant_key key = nib_quant_result_key(&config->model, layer);
        nib_fixed activation = {bits, 0, true, NIB_ROUNDING_RND, NIB_OVERFLOW_SAT};
        if (strcmp(layer->type->name, "dense") == 0) {
            NIB_TRY(fill(config, layer->name, NIB_QUANT_WEIGHT, weight, weight_auto, err));
            NIB_TRY(fill(config, layer->name, NIB_QUANT_BIAS, bias, true, err));
        }
        activation.is_signed = strcmp(layer->type->name, "relu") != 0;
        if (key == NIB_QUANT_ACTIVATION)
            NIB_TRY(fill(config, layer->name, key, activation, true, err));
        else if (key == NIB_QUANT_OUTPUT || feeds_table(&config->model, i))
            NIB_TRY(fill(config, layer->name, key, data, true, err));
    }
    return NIB_OK;
}

/* ---- The section ---- */

static nib_doc *write_sets(nib_arena *arena, const nib_quant_config *q)
{
    nib_doc *layers = nib_doc_new_map(arena);
    for (int i = 0; layers && i < q->n_sets; i++) {
        nib_doc *map = write_set(arena, &q->set[i]);
        if (map && map->count == 0)
            continue;
        if (!nib_doc_add(arena, layers, q->set[i].name, map))
            return NULL;
    }
    return layers;
}

nib_doc *nib_quant_write(nib_arena *arena, const nib_quant_config *q)
{
    char text[NIB_FIXED_TEXT_BYTES];
    const quant_section s = {.defaults = write_set(arena, &q->defaults),
                             .layers = write_sets(arena, q),
                             .bits = NONE,
                             .fallback = nib_quant_type_text(&q->fallback, text),
                             .allow_float = q->allow_float,
                             .allow_dead = q->allow_dead,
                             .wrap_in_training = q->wrap_in_training,
                             .start = q->start,
                             .finish = q->finish,
                             .exponent = q->exponent,
                             .freeze = q->freeze};
    nib_doc *map = s.defaults && s.layers ? nib_options_write(arena, &nib_table_quant, &s) : NULL;
    if (map)
        nib_doc_remove(map, "bits");
    return map;
}

nib_status nib_config_read_quant(nib_config *config, const nib_doc *quant, const nib_data_names *names,
                                 nib_doc **resolved, nib_error *err)
{
    nib_arena *arena = config->arena;
    nib_quant_config *q = &config->quant;
    quant_section s;
    nib_error inner = {NIB_OK, ""};
    *resolved = NULL;
    q->present = !nib_doc_is_null(quant);
    q->place = quant ? quant->place : (nib_doc_place){0};
    NIB_TRY(nib_config_read_section(arena, &nib_table_quant, quant, "quant", &s, err));
    if (nib_fixed_parse(s.fallback, &q->fallback, NULL, &inner) != NIB_OK)
        return nib_doc_fail(&nib_doc_get(quant, "fallback")->place, err, NIB_ERR_CONFIG, "quant.fallback: %s",
                            inner.message);
    q->allow_float = s.allow_float;
    q->allow_dead = s.allow_dead;
    q->wrap_in_training = s.wrap_in_training;
    q->start = s.start;
    q->finish = s.finish;
    q->exponent = s.exponent;
    q->freeze = s.freeze;
    if (!q->present)
        return NIB_OK;
    if (s.finish > 0 && s.finish < s.start)
        return nib_doc_fail(&nib_doc_get(quant, "finish")->place, err, NIB_ERR_CONFIG,
                            "quant.finish: %g is before quant.start, %g", s.finish, s.start);
    const nib_doc *word = nib_doc_get(quant, "integer");
    int integer = 0;
    bool weight_auto = false;
    if (s.bits == NONE && s.integer)
        return nib_doc_fail(
            &word->place, err, NIB_ERR_CONFIG,
            "quant.integer goes with quant.bits; a type by itself has its own: fixed<6,auto>");
    NIB_TRY(read_integer(word, s.integer, (int)s.bits, &weight_auto, &integer, err));
    NIB_TRY(read_set(arena, s.defaults, "quant.default", &q->defaults, err));
    NIB_TRY(read_layers(config, s.layers, names, err));
    if (s.bits != NONE)
        NIB_TRY(expand_bits(config, &s, weight_auto, integer, names, err));
    *resolved = nib_quant_write(arena, q);
    return *resolved ? NIB_OK : nib_fail_memory(err, "quant");
}

/* ---- Questions ---- */

const nib_quant_entry *nib_quant_find_own(const nib_quant_config *config, const char *name, nib_quant_key key)
{
    for (int i = 0; i < config->n_sets; i++)
        if (strcmp(config->set[i].name, name) == 0 && config->set[i].entry[key].given)
            return &config->set[i].entry[key];
    return NULL;
}

const nib_quant_entry *nib_quant_find(const nib_quant_config *config, const char *name, nib_quant_key key)
{
    const nib_quant_entry *own = nib_quant_find_own(config, name, key), *all = &config->defaults.entry[key];
    const nib_quant_entry *entry = own ? own : all->given ? all : NULL;
    return entry && !entry->is_float ? entry : NULL;
}

const nib_fixed *nib_quant_accum(const nib_quant_config *config, const char *name)
{
    for (int i = 0; i < config->n_sets; i++)
        if (strcmp(config->set[i].name, name) == 0 && config->set[i].has_accum)
            return &config->set[i].accum;
    return config->defaults.has_accum ? &config->defaults.accum : NULL;
}

double nib_quant_blend(const nib_quant_config *config, double epoch)
{
    if (epoch < config->start)
        return 0.0;
    if (epoch >= config->finish)
        return 1.0;
    const double left = (config->finish - epoch) / (config->finish - config->start);
    return 1.0 - pow(left, config->exponent);
}
