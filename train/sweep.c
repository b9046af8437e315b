#include "train/sweep.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/file.h"
#include "core/yaml.h"
#include "train/sweep_parts.h"

typedef struct sweep_file {
    const nib_doc *base, *seeds, *set, *parameters, *together, *search, *studies, *choose;
    const char *metric;
    int goal, keep;
    int64_t cap, retries;
    nib_strings front;
} sweep_file;

static const nib_option sweep_rows[] = {
    NIB_ROW(sweep_file, base, NIB_OPTION_NODE, NULL, 0, 0, NULL, "",
            "the config that all trials change: a file, relative to this one, or the config itself as a map"),
    NIB_ROW(sweep_file, seeds, NIB_OPTION_NODE, "", 0, 0, NULL, "",
            "values of train.seed, each point is run with all of them: a number n (1 to n) or a list; 1"),
    NIB_ROW(sweep_file, metric, NIB_OPTION_STRING, "", 0, 0, NULL, "",
            "what points are chosen by: val_accuracy, val_loss, ...; val_accuracy where there is one, else "
            "val_loss"),
    NIB_ROW(sweep_file, goal, NIB_OPTION_CHOICE, "auto", 0, 0, "auto|min|max", "",
            "which way the metric is better; auto: losses and errors down, others up"),
    NIB_ROW(sweep_file, cap, NIB_OPTION_INT, "1000", 1, 1000000, NULL, "trials", "more trials are refused"),
    NIB_ROW(sweep_file, retries, NIB_OPTION_INT, "0", 0, 100, NULL, "",
            "how often a failed trial is tried again"),
    NIB_ROW(sweep_file, keep, NIB_OPTION_CHOICE, "best", 0, 0, "best|all|none", "",
            "whose weights are kept: of the best point of each study, of all trials, of none"),
    NIB_ROW(sweep_file, front, NIB_OPTION_STRINGS, "", 0, 0, NULL, "",
            "two columns of trials.csv whose Pareto front is marked, as [val_accuracy, ebops]"),
    NIB_ROW(sweep_file, choose, NIB_OPTION_NODE, "", 0, 0, NULL, "",
            "{lowest, within, of}: the cheapest point that is good enough; the point with the best metric"),
    NIB_ROW(sweep_file, set, NIB_OPTION_NODE, "", 0, 0, NULL, "", "keys with one value, in all studies"),
    NIB_ROW(sweep_file, studies, NIB_OPTION_NODE, "", 0, 0, NULL, "",
            "name: {from, command, set, parameters, together, search}; without it the keys of a study stand "
            "at the top"),
    NIB_ROW(sweep_file, parameters, NIB_OPTION_NODE, "", 0, 0, NULL, "", "as in a study"),
    NIB_ROW(sweep_file, together, NIB_OPTION_NODE, "", 0, 0, NULL, "", "as in a study"),
    NIB_ROW(sweep_file, search, NIB_OPTION_NODE, "", 0, 0, NULL, "", "as in a study"),
};
const nib_option_table nib_table_sweep = NIB_OPTION_TABLE(sweep_file, sweep_rows);

typedef struct choose_map {
    const char *lowest, *of;
    double within;
} choose_map;

static const nib_option choose_rows[] = {
    NIB_ROW(choose_map, lowest, NIB_OPTION_STRING, NULL, 0, 0, NULL, "",
            "column of trials.csv that is to be small: ebops, dsp, latency, lut_ff_fraction, ..."),
    NIB_ROW(choose_map, within, NIB_OPTION_FLOAT, "0.01", 0, 1e9, NULL, "",
            "the metric may be so much worse"),
    NIB_ROW(choose_map, of, NIB_OPTION_STRING, "", 0, 0, NULL, "",
            "than the best point of this study; without it: than the best of all"),
};
const nib_option_table nib_table_sweep_choose = NIB_OPTION_TABLE(choose_map, choose_rows);

typedef struct builder {
    nib_sweep *sweep;
    nib_arena *arena;
    const nib_doc *doc;
    sweep_file file;
    const char *const *sets;
    int n_sets;
} builder;

static nib_status read_seeds(builder *b, nib_error *err)
{
    static const nib_option row = {"seeds", NIB_OPTION_INTS, 0, "1", 0, 4294967295.0, NULL, "", "seeds"};
    nib_ints *seeds = &b->sweep->seeds;
    static const int64_t one = 1;
    *seeds = (nib_ints){1, &one};
    if (nib_doc_is_null(b->file.seeds))
        return NIB_OK;
    NIB_TRY(nib_options_read_value(b->arena, &row, b->file.seeds, "seeds", seeds, err));
    if (b->file.seeds->kind == NIB_DOC_LIST) {
        for (int i = 0; i < seeds->count; i++)
            for (int k = 0; k < i; k++)
                if (seeds->value[i] == seeds->value[k])
                    return nib_doc_fail(&b->file.seeds->place, err, NIB_ERR_CONFIG,
                                        "seeds: %lld is there twice", (long long)seeds->value[i]);
        return seeds->count > 0
                   ? NIB_OK
                   : nib_doc_fail(&b->file.seeds->place, err, NIB_ERR_CONFIG, "seeds: the list is empty");
    }
    const int64_t count = seeds->value[0];
    if (count < 1 || count > 1000)
        return nib_doc_fail(&b->file.seeds->place, err, NIB_ERR_CONFIG,
                            "seeds: %lld; a number of seeds is 1 to 1000 (one particular seed: [%lld])",
                            (long long)count, (long long)count);
    int64_t *value = NIB_NEW(b->arena, int64_t, count);
    if (!value)
        return nib_fail_memory(err, "sweep");
    for (int64_t i = 0; i < count; i++)
        value[i] = i + 1;
    *seeds = (nib_ints){(int)count, value};
    return NIB_OK;
}

/* Losses and errors get better downwards. */
static bool is_better_upwards(const char *metric)
{
    static const char *const down[] = {"loss", "mse", "mae", "error"};
    for (size_t i = 0; i < sizeof down / sizeof down[0]; i++)
        if (strstr(metric, down[i]))
            return false;
    return true;
}

static nib_status read_choices(builder *b, nib_error *err)
{
    nib_sweep *s = b->sweep;
    const nib_doc *metric = nib_doc_get(b->doc, "metric"), *front = nib_doc_get(b->doc, "front");
    s->metric = b->file.metric ? b->file.metric : "";
    if (*s->metric && strncmp(s->metric, "val_", 4) != 0)
        return nib_doc_fail(
            &metric->place, err, NIB_ERR_CONFIG,
            "metric: '%s' is no score of the validation rows; they are called val_..., and points are "
            "chosen by nothing else",
            s->metric);
    s->maximize =
        b->file.goal == 0 ? is_better_upwards(*s->metric ? s->metric : "val_accuracy") : b->file.goal == 2;
    s->cap = b->file.cap;
    s->retries = b->file.retries;
    s->keep = b->file.keep;
    s->front = b->file.front;
    if (s->front.count != 0 && s->front.count != 2)
        return nib_doc_fail(&front->place, err, NIB_ERR_CONFIG,
                            "front: %d columns; a front is made of two, as [val_accuracy, ebops]",
                            s->front.count);
    return NIB_OK;
}

/* Studies are read in the order of the file: `from` names one above. */
static nib_status read_studies(builder *b, nib_error *err)
{
    nib_sweep *s = b->sweep;
    const nib_doc *studies = b->file.studies;
    nib_sweep_source source = {
        .arena = b->arena, .sweep = s, .sets = b->sets, .n_sets = b->n_sets, .common = b->file.set};
    const bool single = nib_doc_is_null(studies);
    static const char *const at_top[] = {"parameters", "together", "search"};
    for (size_t i = 0; !single && i < sizeof at_top / sizeof at_top[0]; i++) {
        const nib_doc_entry *e = nib_doc_entry_of(b->doc, at_top[i]);
        if (e)
            return nib_doc_fail(&e->place, err, NIB_ERR_CONFIG,
                                "%s: stands in a study when there are studies", at_top[i]);
    }
    if (!single && (studies->kind != NIB_DOC_MAP || studies->count == 0))
        return nib_doc_fail(&studies->place, err, NIB_ERR_CONFIG,
                            "studies: has the form {name: {from: ..., parameters: ...}}");
    const int count = single ? 1 : studies->count;
    s->study = NIB_NEW(b->arena, nib_sweep_study, count);
    if (!s->study)
        return nib_fail_memory(err, "sweep");
    if (single) {
        nib_doc *map = nib_doc_new_map(b->arena);
        for (size_t i = 0; map && i < sizeof at_top / sizeof at_top[0]; i++)
            if (nib_doc_get(b->doc, at_top[i]) &&
                !nib_doc_add(b->arena, map, at_top[i], nib_doc_get(b->doc, at_top[i])))
                map = NULL;
        if (!map)
            return nib_fail_memory(err, "sweep");
        map->place = b->doc->place;
        return nib_sweep_add_study(&source, s->name, map, &map->place, err);
    }
    for (int i = 0; i < count; i++)
        NIB_TRY(nib_sweep_add_study(&source, studies->entries[i].key, studies->entries[i].value,
                                    &studies->entries[i].place, err));
    return NIB_OK;
}

static nib_status read_choose(builder *b, nib_error *err)
{
    nib_sweep *s = b->sweep;
    choose_map m;
    s->choose = (nib_sweep_choice){.of = -1};
    if (nib_doc_is_null(b->file.choose))
        return NIB_OK;
    NIB_TRY(nib_options_read(b->arena, &nib_table_sweep_choose, b->file.choose, "choose", &m, err));
    const char *of = m.of ? m.of : "";
    for (int i = 0; i < s->n_studies; i++)
        if (strcmp(s->study[i].name, of) == 0)
            s->choose.of = i;
    if (*of && s->choose.of < 0)
        return nib_doc_fail(&nib_doc_get(b->file.choose, "of")->place, err, NIB_ERR_CONFIG,
                            "choose.of: there is no study '%s'", of);
    s->choose.lowest = m.lowest;
    s->choose.within = m.within;
    return NIB_OK;
}

/* A file without `base` is a config: itself the base of a sweep over the command line's ranges. */
static nib_status read_file(builder *b, const char *path, nib_error *err)
{
    nib_sweep *s = b->sweep;
    nib_doc *doc;
    NIB_TRY(nib_yaml_read(b->arena, path, &doc, err));
    b->doc = doc;
    if (!nib_doc_get(doc, "base") && (nib_doc_get(doc, "data") || nib_doc_get(doc, "model"))) {
        nib_doc *made = nib_doc_new_map(b->arena);
        if (!nib_doc_add_text(b->arena, made, "base", "%s", path))
            return nib_fail_memory(err, "sweep");
        made->place = doc->place;
        b->doc = made;
        NIB_TRY(nib_options_read(b->arena, &nib_table_sweep, made, "sweep", &b->file, err));
        s->base = nib_arena_strdup(b->arena, path);
        return s->base ? NIB_OK : nib_fail_memory(err, "sweep");
    }
    NIB_TRY(nib_options_read(b->arena, &nib_table_sweep, doc, "sweep", &b->file, err));
    const nib_doc *base = b->file.base;
    if (!base || base->kind == NIB_DOC_LIST || nib_doc_is_null(base))
        return nib_doc_fail(&doc->place, err, NIB_ERR_CONFIG, "base: is a file or a config");
    const char *folder = nib_path_folder(b->arena, path);
    s->base = base->kind == NIB_DOC_MAP ? nib_arena_strdup(b->arena, path)
              : folder                  ? nib_path_join(b->arena, folder, base->text)
                                        : NULL;
    if (!s->base)
        return nib_fail_memory(err, "sweep");
    if (!nib_file_exists(s->base))
        return nib_doc_fail(&base->place, err, NIB_ERR_CONFIG, "base: there is no file '%s'", s->base);
    return NIB_OK;
}

/* Everything that decides what the trials are, as one number. */
static nib_status digest(builder *b, nib_error *err)
{
    nib_sweep *s = b->sweep;
    int64_t bytes;
    NIB_TRY(nib_file_digest(s->base, &s->digest, &bytes, err));
    for (int i = 0; i < s->n_trials; i++) {
        const nib_sweep_trial *t = &s->trial[i];
        const nib_sweep_point *p = &s->point[t->point];
        const nib_sweep_study *study = &s->study[p->study];
        const int64_t numbers[4] = {t->seed, t->parent, study->halving.eta, study->halving.first};
        s->digest = nib_crc32(s->digest, numbers, sizeof numbers);
        s->digest = nib_crc32(s->digest, study->command, strlen(study->command) + 1);
        for (int k = 0; k < p->n_settings; k++) {
            s->digest = nib_crc32(s->digest, p->setting[k].key, strlen(p->setting[k].key) + 1);
            s->digest = nib_crc32(s->digest, p->setting[k].value, strlen(p->setting[k].value) + 1);
        }
    }
    return NIB_OK;
}

static const char *name_of(nib_arena *arena, const char *path)
{
    const char *base = nib_path_base(path), *dot = strrchr(base, '.');
    return dot && dot > base ? nib_arena_strndup(arena, base, (size_t)(dot - base))
                             : nib_arena_strdup(arena, base);
}

static nib_status build(builder *b, const char *path, nib_error *err)
{
    if (!(b->sweep->name = name_of(b->arena, path)))
        return nib_fail_memory(err, "sweep");
    NIB_TRY(read_file(b, path, err));
    NIB_TRY(read_choices(b, err));
    NIB_TRY(read_seeds(b, err));
    NIB_TRY(read_studies(b, err));
    NIB_TRY(read_choose(b, err));
    NIB_TRY(nib_sweep_make_trials(b->sweep, err));
    return digest(b, err);
}

nib_status nib_sweep_read(const char *path, const char *const *sets, int n_sets, nib_sweep **sweep,
                          nib_error *err)
{
    nib_arena *arena = nib_arena_create();
    nib_sweep *s = arena ? NIB_NEW(arena, nib_sweep, 1) : NULL;
    if (!s) {
        nib_arena_destroy(arena);
        return nib_fail_memory(err, "sweep");
    }
    s->arena = arena;
    builder b = {.sweep = s, .arena = arena, .sets = sets, .n_sets = n_sets};
    nib_status status = build(&b, path, err);
    if (status != NIB_OK) {
        nib_arena_destroy(arena);
        return status;
    }
    *sweep = s;
    return NIB_OK;
}

void nib_sweep_destroy(nib_sweep *sweep)
{
    if (sweep)
        nib_arena_destroy(sweep->arena);
}
