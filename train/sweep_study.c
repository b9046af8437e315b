/* A study of a sweep: its parameters become axes. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/names.h"
#include "train/sweep_parts.h"

typedef struct study_map {
    const char *from;
    int command;
    const nib_doc *set, *parameters, *together, *search;
} study_map;

static const nib_option study_rows[] = {
    NIB_ROW(study_map, from, NIB_OPTION_STRING, "", 0, 0, NULL, "",
            "study above whose runs of the same seed this one starts from"),
    NIB_ROW(study_map, command, NIB_OPTION_CHOICE, "train", 0, 0, "train|quantize", "",
            "what a trial runs; quantize needs `from`"),
    NIB_ROW(study_map, set, NIB_OPTION_NODE, "", 0, 0, NULL, "", "keys with one value"),
    NIB_ROW(
        study_map, parameters, NIB_OPTION_NODE, "", 0, 0, NULL, "",
        "key: values; a list, a text with ranges ({2..8}, {2..8..2}, {a,b}) or {from, to, n | step, log}"),
    NIB_ROW(study_map, together, NIB_OPTION_NODE, "", 0, 0, NULL, "",
            "list of maps as parameters, whose keys move together"),
    NIB_ROW(study_map, search, NIB_OPTION_NODE, "grid", 0, 0, NULL, "",
            "grid, {random: {trials: n, seed: 1}}, {halving: {eta: 3, first: 1, trials: n, seed: 1}}"),
};
const nib_option_table nib_table_sweep_study = NIB_OPTION_TABLE(study_map, study_rows);

typedef struct values_map {
    double from, to, step;
    int64_t n;
    bool log, integer;
} values_map;

static const nib_option values_rows[] = {
    NIB_ROW(values_map, from, NIB_OPTION_FLOAT, NULL, -1e18, 1e18, NULL, "", "first value"),
    NIB_ROW(values_map, to, NIB_OPTION_FLOAT, NULL, -1e18, 1e18, NULL, "", "last value"),
    NIB_ROW(values_map, step, NIB_OPTION_FLOAT, "0", -1e18, 1e18, NULL, "", "from one value to the next"),
    NIB_ROW(values_map, n, NIB_OPTION_INT, "0", 0, 1000000, NULL, "",
            "how many values; neither n nor step: any value between, drawn by random search"),
    NIB_ROW(values_map, log, NIB_OPTION_BOOL, "false", 0, 0, NULL, "", "equal ratios instead of differences"),
    NIB_ROW(values_map, integer, NIB_OPTION_BOOL, "false", 0, 0, NULL, "", "rounded to whole numbers"),
};
const nib_option_table nib_table_sweep_values = NIB_OPTION_TABLE(values_map, values_rows);

typedef struct random_map {
    int64_t trials, seed;
} random_map;
static const nib_option random_rows[] = {
    NIB_ROW(random_map, trials, NIB_OPTION_INT, NULL, 1, 1000000, NULL, "", "points drawn"),
    NIB_ROW(random_map, seed, NIB_OPTION_INT, "1", 0, 4294967295.0, NULL, "", "of the draw"),
};
const nib_option_table nib_table_sweep_random = NIB_OPTION_TABLE(random_map, random_rows);

typedef struct halving_map {
    int64_t eta, first, trials, seed;
} halving_map;
static const nib_option halving_rows[] = {
    NIB_ROW(halving_map, eta, NIB_OPTION_INT, "3", 2, 100, NULL, "", "one point of so many goes on"),
    NIB_ROW(halving_map, first, NIB_OPTION_INT, "1", 1, 1000000, NULL, "epochs", "of the first rung"),
    NIB_ROW(halving_map, trials, NIB_OPTION_INT, "0", 0, 1000000, NULL, "",
            "points drawn; 0: the whole grid"),
    NIB_ROW(halving_map, seed, NIB_OPTION_INT, "1", 0, 4294967295.0, NULL, "", "of the draw"),
};
const nib_option_table nib_table_sweep_halving = NIB_OPTION_TABLE(halving_map, halving_rows);

/* Inside of a list or a map texts stay quoted where they were. */
static const char *flow_part(nib_arena *arena, const nib_doc *value)
{
    if (value->kind == NIB_DOC_SCALAR && value->quoted && !strpbrk(value->text, "'\\\n"))
        return nib_arena_printf(arena, "'%s'", value->text);
    return nib_sweep_flow(arena, value);
}

const char *nib_sweep_flow(nib_arena *arena, const nib_doc *value)
{
    if (value->kind == NIB_DOC_SCALAR)
        return value->text;
    const char *text = value->kind == NIB_DOC_MAP ? "{" : "[";
    for (int i = 0; text && i < value->count; i++) {
        const char *part = flow_part(arena, value->entries[i].value), *key = value->entries[i].key;
        if (!part)
            return NULL;
        text =
            nib_arena_printf(arena, "%s%s%s%s%s", text, i ? ", " : "", key ? key : "", key ? ": " : "", part);
    }
    return text ? nib_arena_printf(arena, "%s%s", text, value->kind == NIB_DOC_MAP ? "}" : "]") : NULL;
}

/* The message of a failure again, with the place and the key in front. */
static nib_status fail_at(const nib_doc_place *place, const char *key, nib_error *err)
{
    char why[NIB_ERROR_BYTES];
    (void)snprintf(why, sizeof why, "%s", err ? err->message : "");
    return nib_doc_fail(place, err, NIB_ERR_CONFIG, "%s: %s", key, why);
}

typedef struct reader {
    const nib_sweep_source *source;
    nib_arena *arena;
    nib_sweep_study *study;
    const char *study_path;
} reader;

/* A key has one place: `set`, an axis, or the command line. */
static nib_status check_new(const reader *r, const char *key, const nib_doc_place *place, nib_error *err)
{
    const nib_sweep_study *s = r->study;
    const char *where = NULL;
    for (int i = 0; i < s->n_settings; i++)
        if (strcmp(s->setting[i].key, key) == 0)
            where = "set";
    for (int i = 0; i < s->n_axes; i++)
        for (int k = 0; k < s->axis[i].n_keys; k++)
            if (strcmp(s->axis[i].key[k], key) == 0)
                where = "another parameter";
    if (strcmp(key, "train.seed") == 0)
        return nib_doc_fail(place, err, NIB_ERR_CONFIG, "train.seed: seeds are chosen with `seeds`");
    if (strcmp(key, "model.init_from") == 0)
        return nib_doc_fail(place, err, NIB_ERR_CONFIG,
                            "model.init_from: say `from: STUDY` to start from the runs of another study");
    if (where)
        return nib_doc_fail(place, err, NIB_ERR_CONFIG, "%s: the key is given by %s already", key, where);
    return NIB_OK;
}

static nib_status spaced_values(const reader *r, const char *key, const nib_doc *value, nib_sweep_axis *axis,
                                nib_strings *out, nib_error *err)
{
    values_map v;
    NIB_TRY(nib_options_read(r->arena, &nib_table_sweep_values, value, key, &v, err));
    if (v.log && (v.from <= 0 || v.to <= 0))
        return nib_doc_fail(&value->place, err, NIB_ERR_CONFIG, "%s: log needs values above 0", key);
    if (v.n > 0 && v.step != 0)
        return nib_doc_fail(&value->place, err, NIB_ERR_CONFIG, "%s: n and step: give one of them", key);
    if (v.n == 0 && v.step == 0) {
        if (v.from >= v.to)
            return nib_doc_fail(&value->place, err, NIB_ERR_CONFIG, "%s: the range from %g to %g is empty",
                                key, v.from, v.to);
        axis->low = v.from, axis->high = v.to, axis->log = v.log, axis->integer = v.integer;
        *out = (nib_strings){0, NULL};
        return NIB_OK;
    }
    const double steps = v.n > 0 ? (double)(v.n - 1) : floor((v.to - v.from) / v.step + 1e-9);
    if (steps < 0 || steps > 1e6 || (v.n == 1 && v.from != v.to))
        return nib_doc_fail(&value->place, err, NIB_ERR_CONFIG, "%s: the range from %g to %g %s", key, v.from,
                            v.to, steps > 1e6 ? "has more than a million values" : "is empty");
    const int count = (int)steps + 1;
    const char **text = NIB_NEW(r->arena, const char *, count);
    for (int i = 0; text && i < count; i++) {
        const double part = v.n > 1 ? i / steps : 0;
        double x = v.n == 0 ? v.from + i * v.step
                   : v.log  ? v.from * pow(v.to / v.from, part)
                            : v.from + (v.to - v.from) * part;
        char number[NIB_NUMBER_BYTES];
        if (v.integer)
            x = rint(x);
        (void)snprintf(number, sizeof number, "%.6g", x);
        if (!(text[i] = nib_arena_strdup(r->arena, number)))
            text = NULL;
    }
    *out = (nib_strings){count, text};
    return text ? NIB_OK : nib_fail_memory(err, "sweep");
}

/* The values that a parameter's text, list or map stands for; none: continuous. */
static nib_status read_values(const reader *r, const char *key, const nib_doc *value, nib_sweep_axis *axis,
                              nib_strings *out, nib_error *err)
{
    const int64_t limit = 1000000;
    if (value->kind == NIB_DOC_MAP && nib_doc_get(value, "from"))
        return spaced_values(r, key, value, axis, out, err);
    if (value->kind == NIB_DOC_LIST) {
        const char **text = NIB_NEW(r->arena, const char *, value->count);
        if (value->count == 0)
            return nib_doc_fail(&value->place, err, NIB_ERR_CONFIG, "%s: the list is empty", key);
        for (int i = 0; text && i < value->count; i++)
            if (!(text[i] = nib_sweep_flow(r->arena, value->entries[i].value)))
                text = NULL;
        *out = (nib_strings){value->count, text};
        return text ? NIB_OK : nib_fail_memory(err, "sweep");
    }
    const char *text = nib_sweep_flow(r->arena, value);
    if (!text)
        return nib_fail_memory(err, "sweep");
    if (nib_sweep_expand(r->arena, text, limit, out, err) != NIB_OK)
        return fail_at(&value->place, key, err);
    if (out->count == 1 && strcmp(out->value[0], text) == 0)
        return nib_doc_fail(
            &value->place, err, NIB_ERR_CONFIG,
            "%s: '%s' has no range: write {2..8} in it, or a list; one value alone belongs in `set`", key,
            text);
    return NIB_OK;
}

/* An axis of all keys of a map, which have the same number of values. */
static nib_status add_axis(reader *r, const nib_doc *map, int first, int n_keys, nib_error *err)
{
    nib_sweep_axis *axis = &r->study->axis[r->study->n_axes];
    axis->place = map->entries[first].place;
    axis->key = NIB_NEW(r->arena, const char *, n_keys);
    nib_strings *values = NIB_NEW(r->arena, nib_strings, n_keys);
    if (!axis->key || !values)
        return nib_fail_memory(err, "sweep");
    for (int k = 0; k < n_keys; k++) {
        const nib_doc_entry *e = &map->entries[first + k];
        NIB_TRY(check_new(r, e->key, &e->place, err));
        axis->key[k] = e->key;
        NIB_TRY(read_values(r, e->key, e->value, axis, &values[k], err));
        if (values[k].count == 0 && n_keys > 1)
            return nib_doc_fail(&e->place, err, NIB_ERR_CONFIG, "%s: keys that go together need lists",
                                e->key);
        if (values[k].count != values[0].count)
            return nib_doc_fail(&e->place, err, NIB_ERR_CONFIG,
                                "%s: %d values, but %s has %d; keys that go together have equally many",
                                e->key, values[k].count, axis->key[0], values[0].count);
    }
    axis->n_keys = n_keys;
    axis->n_values = values[0].count;
    const char **value = NIB_NEW(r->arena, const char *, axis->n_values *n_keys);
    if (!value)
        return nib_fail_memory(err, "sweep");
    for (int64_t i = 0; i < axis->n_values; i++)
        for (int k = 0; k < n_keys; k++)
            value[i * n_keys + k] = values[k].value[i];
    axis->value = value;
    r->study->n_axes++;
    return NIB_OK;
}

static nib_status add_settings(reader *r, const nib_doc *map, nib_error *err)
{
    if (nib_doc_is_null(map))
        return NIB_OK;
    if (map->kind != NIB_DOC_MAP)
        return nib_doc_fail(&map->place, err, NIB_ERR_CONFIG, "set: has the form {key: value}");
    for (int i = 0; i < map->count; i++) {
        const nib_doc_entry *e = &map->entries[i];
        NIB_TRY(check_new(r, e->key, &e->place, err));
        const char *value = nib_sweep_flow(r->arena, e->value);
        if (!value)
            return nib_fail_memory(err, "sweep");
        r->study->setting[r->study->n_settings++] = (nib_sweep_setting){e->key, value};
    }
    return NIB_OK;
}

static nib_status add_parameters(reader *r, const study_map *m, nib_error *err)
{
    if (!nib_doc_is_null(m->parameters)) {
        if (m->parameters->kind != NIB_DOC_MAP)
            return nib_doc_fail(&m->parameters->place, err, NIB_ERR_CONFIG,
                                "parameters: has the form {key: values}");
        for (int i = 0; i < m->parameters->count; i++)
            NIB_TRY(add_axis(r, m->parameters, i, 1, err));
    }
    if (nib_doc_is_null(m->together))
        return NIB_OK;
    if (m->together->kind == NIB_DOC_MAP && m->together->count > 0)
        return add_axis(r, m->together, 0, m->together->count, err);
    for (int i = 0; m->together->kind == NIB_DOC_LIST && i < m->together->count; i++) {
        const nib_doc *map = m->together->entries[i].value;
        if (map->kind != NIB_DOC_MAP || map->count == 0)
            return nib_doc_fail(&map->place, err, NIB_ERR_CONFIG,
                                "together: has the form [{key: values, ...}]");
        NIB_TRY(add_axis(r, map, 0, map->count, err));
    }
    return NIB_OK;
}

/* Of the command line: ranges are parameters, everything else holds for the whole study. */
static nib_status add_sets(reader *r, nib_error *err)
{
    static const nib_doc_place place = {"--set", 0, 0};
    for (int i = 0; i < r->source->n_sets; i++) {
        const char *text = r->source->sets[i], *equals = strchr(text, '=');
        nib_strings values;
        if (!equals || equals == text)
            return nib_fail(err, NIB_ERR_USAGE, "--set %s: has the form KEY=VALUE", text);
        const char *key = nib_arena_strndup(r->arena, text, (size_t)(equals - text));
        if (!key)
            return nib_fail_memory(err, "sweep");
        NIB_TRY(check_new(r, key, &place, err));
        if (nib_sweep_expand(r->arena, equals + 1, 1000000, &values, err) != NIB_OK)
            return fail_at(&place, key, err);
        if (values.count == 1) {
            r->study->setting[r->study->n_settings++] = (nib_sweep_setting){key, values.value[0]};
            continue;
        }
        nib_sweep_axis *axis = &r->study->axis[r->study->n_axes++];
        axis->place = place;
        axis->key = NIB_NEW(r->arena, const char *, 1);
        if (!axis->key)
            return nib_fail_memory(err, "sweep");
        axis->key[0] = key;
        axis->n_keys = 1;
        axis->n_values = values.count;
        axis->value = values.value;
    }
    return NIB_OK;
}

static nib_status read_search(const reader *r, const nib_doc *search, nib_error *err)
{
    nib_sweep_study *s = r->study;
    const char *name = "grid";
    const nib_doc *body = NULL;
    if (!nib_doc_is_null(search))
        NIB_TRY(nib_options_split_choice(search, r->study_path, "search", &name, &body, err));
    if (strcmp(name, "random") == 0) {
        random_map m;
        NIB_TRY(nib_options_read(r->arena, &nib_table_sweep_random, body, "search.random", &m, err));
        s->search = NIB_SWEEP_RANDOM;
        s->draws = m.trials, s->search_seed = m.seed;
    } else if (strcmp(name, "halving") == 0) {
        halving_map m;
        NIB_TRY(nib_options_read(r->arena, &nib_table_sweep_halving, body, "search.halving", &m, err));
        s->halving = (nib_sweep_halving){m.eta, m.first};
        s->search = m.trials > 0 ? NIB_SWEEP_RANDOM : NIB_SWEEP_GRID;
        s->draws = m.trials, s->search_seed = m.seed;
        if (strcmp(s->command, "train") != 0)
            return nib_doc_fail(&search->place, err, NIB_ERR_CONFIG, "search: halving is for trainings");
    } else if (strcmp(name, "grid") != 0) {
        return nib_doc_fail(&search->place, err, NIB_ERR_CONFIG,
                            "search: '%s' is none of grid, random, halving", name);
    }
    for (int i = 0; i < s->n_axes; i++)
        if (s->axis[i].n_values == 0 && s->search == NIB_SWEEP_GRID)
            return nib_doc_fail(&s->axis[i].place, err, NIB_ERR_CONFIG,
                                "%s: a range without n or step needs `search: random`", s->axis[i].key[0]);
    return NIB_OK;
}

static nib_status find_parent(const reader *r, const study_map *m, const nib_doc *map, nib_error *err)
{
    const nib_sweep *sweep = r->source->sweep;
    r->study->from = -1;
    if (!m->from || !*m->from) {
        if (m->command == 1)
            return nib_doc_fail(&r->study->place, err, NIB_ERR_CONFIG,
                                "study %s: quantize needs `from: STUDY`, whose runs it quantizes",
                                r->study->name);
        return NIB_OK;
    }
    for (int i = 0; i < sweep->n_studies; i++)
        if (strcmp(sweep->study[i].name, m->from) == 0)
            r->study->from = i;
    if (r->study->from < 0)
        return nib_doc_fail(&nib_doc_get(map, "from")->place, err, NIB_ERR_CONFIG,
                            "from: there is no study '%s' above", m->from);
    return NIB_OK;
}

nib_status nib_sweep_add_study(const nib_sweep_source *source, const char *name, const nib_doc *map,
                               const nib_doc_place *place, nib_error *err)
{
    nib_arena *arena = source->arena;
    nib_sweep_study *s = &source->sweep->study[source->sweep->n_studies];
    reader r = {.source = source, .arena = arena, .study = s};
    study_map m;
    s->name = name;
    s->place = *place;
    if (!nib_names_is_identifier(name) && map != NULL && source->sweep->name != name)
        return nib_doc_fail(place, err, NIB_ERR_CONFIG, "study '%s': a name has letters, digits and _", name);
    for (int i = 0; i < source->sweep->n_studies; i++)
        if (strcmp(source->sweep->study[i].name, name) == 0)
            return nib_doc_fail(place, err, NIB_ERR_CONFIG, "study '%s' is there twice", name);
    if (!(r.study_path = nib_arena_printf(arena, "studies.%s", name)))
        return nib_fail_memory(err, "sweep");
    NIB_TRY(nib_options_read(arena, &nib_table_sweep_study, map, r.study_path, &m, err));
    const int common = source->common ? source->common->count : 0, own = m.set ? m.set->count : 0;
    const int parameters = m.parameters ? m.parameters->count : 0,
              paired = m.together ? m.together->count : 0;
    s->setting = NIB_NEW(arena, nib_sweep_setting, common + own + source->n_sets);
    s->axis = NIB_NEW(arena, nib_sweep_axis, parameters + paired + source->n_sets);
    if (!s->setting || !s->axis)
        return nib_fail_memory(err, "sweep");
    s->command = m.command == 1 ? "quantize" : "train";
    NIB_TRY(find_parent(&r, &m, map, err));
    NIB_TRY(add_settings(&r, m.set, err));
    NIB_TRY(add_parameters(&r, &m, err));
    /* What holds in all studies and the command line's word count where nothing comes before: a study that
     * continues another one has them from there. */
    if (s->from < 0) {
        NIB_TRY(add_settings(&r, source->common, err));
        NIB_TRY(add_sets(&r, err));
    }
    NIB_TRY(read_search(&r, m.search, err));
    source->sweep->n_studies++;
    return NIB_OK;
}
