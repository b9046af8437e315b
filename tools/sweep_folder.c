#include "tools/sweep_folder.h"

#include <cjson/cJSON.h>
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/file.h"
#include "tools/sweep_run.h"
#include "tools/sweep_view.h"
#include "train/config.h"

enum { MAX_JSON_BYTES = 4 << 20 };

/* ---- configs of trials ---- */

nib_status nib_sweep_trial_sets(nib_arena *arena, const nib_sweep *sweep, int trial, const char ***sets,
                                int *count, nib_error *err)
{
    const nib_sweep_point *p = &sweep->point[sweep->trial[trial].point];
    const char **out = NIB_NEW(arena, const char *, p->n_settings + 1);
    int n = 0;
    for (int i = 0; out && i < p->n_settings; i++)
        if (strncmp(p->setting[i].key, "--", 2) != 0)
            out[n++] = nib_arena_printf(arena, "%s=%s", p->setting[i].key, p->setting[i].value);
    if (out)
        out[n++] = nib_arena_printf(arena, "train.seed=%lld", (long long)sweep->trial[trial].seed);
    for (int i = 0; i < n; i++)
        if (!out[i])
            return nib_fail_memory(err, "sweep");
    *sets = out;
    *count = n;
    return out ? NIB_OK : nib_fail_memory(err, "sweep");
}

static nib_status check_trial(nib_sweep_session *s, int trial, nib_error *err)
{
    const nib_sweep *sweep = s->sweep;
    const nib_sweep_study *study = &sweep->study[sweep->point[sweep->trial[trial].point].study];
    const char **sets = NULL;
    int count = 0;
    nib_config *config;
    NIB_TRY(nib_sweep_trial_sets(s->arena, sweep, trial, &sets, &count, err));
    nib_status status = nib_config_read(sweep->base, sets, count, &config, err);
    if (status != NIB_OK) {
        nib_error_prefix(err, "trial %d (%s)", trial, nib_sweep_trial_text(s->arena, sweep, trial));
        return status;
    }
    s->epochs[trial] = strcmp(study->command, "train") == 0 ? config->train.epochs : 0;
    nib_config_destroy(config);
    return NIB_OK;
}

nib_status nib_sweep_session_read(const char *path, const char *const *sets, int n_sets, nib_sweep_session *s,
                                  nib_error *err)
{
    *s = (nib_sweep_session){.arena = nib_arena_create()};
    if (!s->arena)
        return nib_fail_memory(err, "sweep");
    NIB_TRY(nib_sweep_read(path, sets, n_sets, &s->sweep, err));
    const char *base = realpath(s->sweep->base, NULL);
    if (!base)
        return nib_fail(err, NIB_ERR_INPUT, "%s: %s", s->sweep->base, strerror(errno));
    s->sweep->base = nib_arena_strdup(s->sweep->arena, base);
    free((void *)(uintptr_t)base);
    s->epochs = NIB_NEW(s->arena, int64_t, s->sweep->n_trials);
    s->results = NIB_NEW(s->arena, nib_sweep_result, s->sweep->n_trials);
    if (!s->epochs || !s->results || !s->sweep->base)
        return nib_fail_memory(err, "sweep");
    /* One seed of each point: they differ in nothing else. */
    const int seeds = s->sweep->seeds.count;
    for (int i = 0; i < s->sweep->n_trials; i++) {
        if (i % seeds == 0)
            NIB_TRY(check_trial(s, i, err));
        s->epochs[i] = s->epochs[i - i % seeds];
    }
    return NIB_OK;
}

/* ---- the folder ---- */

static nib_status make_folder(const char *path, bool *exists, nib_error *err)
{
    *exists = false;
    if (mkdir(path, 0777) == 0)
        return NIB_OK;
    *exists = errno == EEXIST;
    return *exists ? NIB_OK
                   : nib_fail(err, NIB_ERR_IO, "cannot make the folder %s: %s", path, strerror(errno));
}

static bool is_empty(const char *path)
{
    DIR *folder = opendir(path);
    int found = 0;
    while (folder && readdir(folder))
        found++;
    if (folder)
        (void)closedir(folder);
    return folder && found <= 2;
}

static nib_status claim_folder(nib_sweep_session *s, const char *sweeps, const char *exact, const char **path,
                               nib_error *err)
{
    bool exists;
    if (exact) {
        NIB_TRY(nib_file_make_folders(exact, err));
        *path = exact;
        return is_empty(exact)
                   ? NIB_OK
                   : nib_fail(
                         err, NIB_ERR_USAGE,
                         "%s is not empty; choose another folder, or go on with: nibble sweep --resume %s",
                         exact, exact);
    }
    NIB_TRY(nib_file_make_folders(sweeps, err));
    for (int i = 1; i < 100000; i++) {
        *path = nib_arena_printf(s->arena, "%s/%s-%03d", sweeps, s->sweep->name, i);
        if (!*path)
            return nib_fail_memory(err, "sweep");
        NIB_TRY(make_folder(*path, &exists, err));
        if (!exists)
            return NIB_OK;
    }
    return nib_fail(err, NIB_ERR_IO, "%s: no free number for %s", sweeps, s->sweep->name);
}

static nib_status full_name(nib_sweep_session *s, const char *path, const char **full, nib_error *err)
{
    char *real = realpath(path, NULL);
    *full = real ? nib_arena_strdup(s->arena, real) : NULL;
    free(real);
    return *full ? NIB_OK : nib_fail(err, NIB_ERR_INPUT, "%s: %s", path, strerror(errno));
}

static nib_status write_identity(nib_sweep_session *s, const char *file, const char *const *sets, int n_sets,
                                 nib_error *err)
{
    const char *path = nib_path_join(s->arena, s->folder, "sweep.json"), *full;
    NIB_TRY(full_name(s, file, &full, err));
    cJSON *json = cJSON_CreateObject();
    (void)cJSON_AddStringToObject(json, "format", "nibble sweep");
    (void)cJSON_AddNumberToObject(json, "version", 1);
    (void)cJSON_AddStringToObject(json, "file", full);
    (void)cJSON_AddStringToObject(json, "base", s->sweep->base);
    (void)cJSON_AddNumberToObject(json, "trials", s->sweep->n_trials);
    (void)cJSON_AddNumberToObject(json, "digest", s->sweep->digest);
    cJSON *list = cJSON_AddArrayToObject(json, "set");
    for (int i = 0; i < n_sets; i++)
        (void)cJSON_AddItemToArray(list, cJSON_CreateString(sets[i]));
    char *text = list ? cJSON_Print(json) : NULL;
    nib_status status =
        text && path ? nib_file_write(path, text, strlen(text), err) : nib_fail_memory(err, "sweep.json");
    cJSON_free(text);
    cJSON_Delete(json);
    return status;
}

nib_status nib_sweep_session_create(nib_sweep_session *s, const char *file, const char *const *sets,
                                    int n_sets, const char *sweeps, const char *exact, nib_error *err)
{
    static const char *const parts[] = {"results", "trials"};
    const char *path = NULL;
    NIB_TRY(claim_folder(s, sweeps, exact, &path, err));
    NIB_TRY(full_name(s, path, &s->folder, err));
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        const char *part = nib_path_join(s->arena, s->folder, parts[i]);
        if (!part)
            return nib_fail_memory(err, "sweep");
        NIB_TRY(nib_file_make_folders(part, err));
    }
    return write_identity(s, file, sets, n_sets, err);
}

void nib_sweep_session_refresh(nib_sweep_session *s)
{
    for (int i = 0; i < s->sweep->n_trials; i++) {
        const char *path = nib_sweep_result_path(s->arena, s->folder, i);
        if (path)
            s->results[i] = nib_sweep_result_read(s->arena, path);
    }
}

static nib_status open_identity(const cJSON *json, const char *folder, nib_sweep_session *s, nib_error *err)
{
    const cJSON *file = cJSON_GetObjectItemCaseSensitive(json, "file");
    const cJSON *digest = cJSON_GetObjectItemCaseSensitive(json, "digest");
    const cJSON *list = cJSON_GetObjectItemCaseSensitive(json, "set");
    const char *sets[NIB_ARG_LIST_MAX];
    int n_sets = 0;
    if (!cJSON_IsString(file) || !cJSON_IsNumber(digest))
        return nib_fail(err, NIB_ERR_INPUT, "%s/sweep.json is damaged", folder);
    for (const cJSON *set = list ? list->child : NULL; set && n_sets < NIB_ARG_LIST_MAX; set = set->next)
        if (cJSON_IsString(set))
            sets[n_sets++] = set->valuestring;
    NIB_TRY(nib_sweep_session_read(file->valuestring, sets, n_sets, s, err));
    NIB_TRY(full_name(s, folder, &s->folder, err));
    /* Texts of the JSON are gone soon; what the sweep keeps of them is its own copy. */
    if ((double)s->sweep->digest != digest->valuedouble)
        return nib_fail(
            err, NIB_ERR_INPUT,
            "%s or its base %s has changed since %s was begun: its trials would mix two sweeps; begin a new "
            "one",
            file->valuestring, s->sweep->base, folder);
    nib_sweep_session_refresh(s);
    return NIB_OK;
}

nib_status nib_sweep_session_open(const char *folder, nib_sweep_session *s, nib_error *err)
{
    char *text;
    size_t bytes;
    *s = (nib_sweep_session){.arena = NULL};
    nib_arena *arena = nib_arena_create();
    const char *path = arena ? nib_path_join(arena, folder, "sweep.json") : NULL;
    nib_status status = path ? NIB_OK : nib_fail_memory(err, "sweep");
    if (status == NIB_OK && !nib_file_exists(path))
        status = nib_fail(err, NIB_ERR_INPUT, "%s is no folder of a sweep: it has no sweep.json", folder);
    if (status == NIB_OK)
        status = nib_file_read(arena, path, MAX_JSON_BYTES, &text, &bytes, err);
    if (status == NIB_OK) {
        cJSON *json = cJSON_ParseWithLength(text, bytes);
        status = open_identity(json, folder, s, err);
        cJSON_Delete(json);
    }
    nib_arena_destroy(arena);
    return status;
}

void nib_sweep_session_close(nib_sweep_session *s)
{
    nib_sweep_destroy(s->sweep);
    nib_arena_destroy(s->arena);
    *s = (nib_sweep_session){.arena = NULL};
}

/* ---- the end ---- */

/* Mean and deviation of a test score over the seeds of a point; false where there is no test part. */
static bool test_score(const nib_sweep_session *s, int point, const char *name, double *mean,
                       double *deviation)
{
    const int seeds = s->sweep->seeds.count;
    double sum = 0, squares = 0;
    for (int i = 0; i < seeds; i++) {
        char *text;
        size_t bytes;
        nib_error ignored;
        const char *run = nib_sweep_trial_folder(s->arena, s->folder, point * seeds + i);
        const char *path = run ? nib_path_join(s->arena, run, "summary.json") : NULL;
        if (!path || nib_file_read(s->arena, path, MAX_JSON_BYTES, &text, &bytes, &ignored) != NIB_OK)
            return false;
        cJSON *json = cJSON_ParseWithLength(text, bytes);
        const cJSON *value =
            cJSON_GetObjectItemCaseSensitive(cJSON_GetObjectItemCaseSensitive(json, "test"), name);
        const bool found = cJSON_IsNumber(value);
        sum += found ? value->valuedouble : 0;
        squares += found ? value->valuedouble * value->valuedouble : 0;
        cJSON_Delete(json);
        if (!found)
            return false;
    }
    *mean = sum / seeds;
    const double variance = seeds > 1 ? (squares - sum * sum / seeds) / (seeds - 1) : 0;
    *deviation = variance > 0 ? sqrt(variance) : 0;
    return true;
}

static void print_chosen(const nib_sweep_session *s, const nib_sweep_table *t, FILE *out)
{
    double mean = 0, deviation = 0;
    char text[64];
    if (t->chosen < 0)
        return;
    const char *name = strncmp(t->metric, "val_", 4) == 0 ? t->metric + 4 : t->metric;
    const int first = t->chosen * s->sweep->seeds.count;
    fprintf(out, "\nChosen by %s: %s", t->price ? s->sweep->choose.lowest : t->metric,
            nib_sweep_trial_text(s->arena, s->sweep, first));
    fprintf(out, "\n  %s %s", t->metric,
            nib_sweep_score_text(s->sweep, t->mean[t->chosen], t->deviation[t->chosen], text));
    if (test_score(s, t->chosen, name, &mean, &deviation))
        fprintf(out, "; test %s %s (looked at for this point alone)", name,
                nib_sweep_score_text(s->sweep, mean, deviation, text));
    fprintf(out, "\n");
}

/* Weights that are not kept go when nothing can need them any more. */
static void drop_weights(const nib_sweep_session *s, const nib_sweep_table *t)
{
    enum { KEEP_BEST, KEEP_ALL };
    static const char *const files[] = {"best.h5", "last.h5"};
    const nib_sweep *sweep = s->sweep;
    for (int i = 0; i < sweep->n_trials; i++)
        if (s->results[i].status == NIB_SWEEP_OPEN || s->results[i].status == NIB_SWEEP_FAILED)
            return;
    for (int i = 0; sweep->keep != KEEP_ALL && i < sweep->n_trials; i++) {
        const int point = sweep->trial[i].point;
        const char *run = nib_sweep_trial_folder(s->arena, s->folder, i);
        if (sweep->keep == KEEP_BEST && t->best[sweep->point[point].study] == point)
            continue;
        for (size_t k = 0; run && k < sizeof files / sizeof files[0]; k++) {
            const char *file = nib_path_join(s->arena, run, files[k]);
            if (file)
                (void)unlink(file);
        }
    }
}

nib_status nib_sweep_session_finish(nib_sweep_session *s, FILE *out, nib_error *err)
{
    nib_sweep_table table;
    NIB_TRY(nib_sweep_tabulate(s->sweep, s->results, s->arena, &table, err));
    NIB_TRY(nib_sweep_write_csv(s->sweep, s->folder, s->results, &table, err));
    if (out) {
        nib_sweep_print_tables(out, s->sweep, s->results, &table);
        print_chosen(s, &table, out);
        fprintf(out, "\n%s/trials.csv has every trial\n", s->folder);
    }
    drop_weights(s, &table);
    return NIB_OK;
}
