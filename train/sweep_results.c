#include "train/sweep_results.h"

#include <cjson/cJSON.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/file.h"
#include "core/options.h"

enum { MAX_RESULT_BYTES = 4 << 20, MAX_COLUMNS = 4096, MAX_WORDS = 8 };

const char *nib_sweep_result_path(nib_arena *arena, const char *folder, int trial)
{
    return nib_arena_printf(arena, "%s/results/%04d.json", folder, trial);
}

const char *nib_sweep_trial_folder(nib_arena *arena, const char *folder, int trial)
{
    return nib_arena_printf(arena, "%s/trials/%04d", folder, trial);
}

const char *nib_sweep_trial_log(nib_arena *arena, const char *folder, int trial)
{
    return nib_arena_printf(arena, "%s/trials/%04d.log", folder, trial);
}

/* ---- summary.json ---- */

static nib_status read_json(nib_arena *arena, const char *path, cJSON **json, nib_error *err)
{
    char *text;
    size_t bytes;
    NIB_TRY(nib_file_read(arena, path, MAX_RESULT_BYTES, &text, &bytes, err));
    *json = cJSON_ParseWithLength(text, bytes);
    return *json ? NIB_OK : nib_fail(err, NIB_ERR_INPUT, "%s: is no JSON", path);
}

static nib_status add_column(nib_arena *arena, nib_sweep_result *r, const char *prefix, const cJSON *item,
                             nib_error *err)
{
    if (!cJSON_IsNumber(item) && !cJSON_IsBool(item))
        return NIB_OK;
    if (r->n_columns == MAX_COLUMNS)
        return nib_fail(err, NIB_ERR_INPUT, "more than %d numbers in a summary", MAX_COLUMNS);
    const char *name = nib_arena_printf(arena, "%s%s", prefix, item->string);
    if (!name)
        return nib_fail_memory(err, "sweep");
    r->column[r->n_columns++] =
        (nib_sweep_column){name, cJSON_IsBool(item) ? (double)cJSON_IsTrue(item) : item->valuedouble};
    return NIB_OK;
}

static nib_status add_columns(nib_arena *arena, nib_sweep_result *r, const char *prefix, const cJSON *object,
                              nib_error *err)
{
    for (const cJSON *item = object ? object->child : NULL; item; item = item->next)
        if (strcmp(item->string, "rows") != 0)
            NIB_TRY(add_column(arena, r, prefix, item, err));
    return NIB_OK;
}

nib_status nib_sweep_collect(nib_arena *arena, const char *run, nib_sweep_result *result, nib_error *err)
{
    cJSON *json = NULL;
    const char *path = nib_path_join(arena, run, "summary.json");
    result->column = NIB_NEW(arena, nib_sweep_column, MAX_COLUMNS);
    if (!path || !result->column)
        return nib_fail_memory(err, "sweep");
    NIB_TRY(read_json(arena, path, &json, err));
    const cJSON *epochs = cJSON_GetObjectItemCaseSensitive(json, "epochs");
    result->epochs = cJSON_IsNumber(epochs) ? (int64_t)epochs->valuedouble : 0;
    result->n_columns = 0;
    nib_status status =
        add_columns(arena, result, "val_", cJSON_GetObjectItemCaseSensitive(json, "validation"), err);
    static const char *const plain[] = {"parameters", "nonzero"};
    for (size_t i = 0; status == NIB_OK && i < sizeof plain / sizeof plain[0]; i++) {
        const cJSON *item = cJSON_GetObjectItemCaseSensitive(json, plain[i]);
        if (item)
            status = add_column(arena, result, "", item, err);
    }
    if (status == NIB_OK)
        status = add_columns(arena, result, "", cJSON_GetObjectItemCaseSensitive(json, "cost"), err);
    cJSON_Delete(json);
    return status;
}

/* ---- results/NNNN.json ---- */

static const char *const status_names[] = {"open", "done", "failed", "dropped"};

nib_status nib_sweep_result_write(const char *path, const nib_sweep_result *r, nib_error *err)
{
    cJSON *json = cJSON_CreateObject();
    (void)cJSON_AddStringToObject(json, "status", status_names[r->status]);
    (void)cJSON_AddNumberToObject(json, "rung", (double)r->rung);
    (void)cJSON_AddNumberToObject(json, "epochs", (double)r->epochs);
    (void)cJSON_AddNumberToObject(json, "attempts", (double)r->attempts);
    (void)cJSON_AddNumberToObject(json, "seconds", r->seconds);
    (void)cJSON_AddNumberToObject(json, "cpu_seconds", r->cpu_seconds);
    if (r->killed)
        (void)cJSON_AddBoolToObject(json, "killed", true);
    if (r->message)
        (void)cJSON_AddStringToObject(json, "message", r->message);
    cJSON *columns = cJSON_AddObjectToObject(json, "columns");
    /* As texts: cJSON's own numbers may be off by their last bit. */
    for (int i = 0; columns && i < r->n_columns; i++) {
        char number[NIB_NUMBER_BYTES] = "null";
        if (isfinite(r->column[i].value))
            nib_format_double(r->column[i].value, number);
        (void)cJSON_AddRawToObject(columns, r->column[i].name, number);
    }
    char *text = columns ? cJSON_Print(json) : NULL;
    nib_status status =
        text ? nib_file_write(path, text, strlen(text), err) : nib_fail_memory(err, "result of a trial");
    cJSON_free(text);
    cJSON_Delete(json);
    return status;
}

static double number_of(const cJSON *json, const char *name)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(json, name);
    return cJSON_IsNumber(item) ? item->valuedouble : 0;
}

nib_sweep_result nib_sweep_result_read(nib_arena *arena, const char *path)
{
    nib_sweep_result r = {.status = NIB_SWEEP_OPEN};
    nib_error ignored;
    cJSON *json = NULL;
    if (!nib_file_exists(path) || read_json(arena, path, &json, &ignored) != NIB_OK)
        return r;
    const cJSON *status = cJSON_GetObjectItemCaseSensitive(json, "status");
    const cJSON *message = cJSON_GetObjectItemCaseSensitive(json, "message");
    for (int i = 0; cJSON_IsString(status) && i < 4; i++)
        if (strcmp(status->valuestring, status_names[i]) == 0)
            r.status = (nib_sweep_status)i;
    r.rung = (int64_t)number_of(json, "rung");
    r.epochs = (int64_t)number_of(json, "epochs");
    r.attempts = (int64_t)number_of(json, "attempts");
    r.seconds = number_of(json, "seconds");
    r.cpu_seconds = number_of(json, "cpu_seconds");
    r.killed = cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(json, "killed"));
    r.message = cJSON_IsString(message) ? nib_arena_strdup(arena, message->valuestring) : NULL;
    const cJSON *columns = cJSON_GetObjectItemCaseSensitive(json, "columns");
    const int count = cJSON_GetArraySize(columns);
    r.column = NIB_NEW(arena, nib_sweep_column, count < MAX_COLUMNS ? count : MAX_COLUMNS);
    for (const cJSON *c = columns ? columns->child : NULL; r.column && c && r.n_columns < MAX_COLUMNS;
         c = c->next) {
        const char *name = nib_arena_strdup(arena, c->string);
        if (name)
            r.column[r.n_columns++] =
                (nib_sweep_column){name, cJSON_IsNumber(c) ? c->valuedouble : (double)NAN};
    }
    cJSON_Delete(json);
    return r;
}

double nib_sweep_value(const nib_sweep_result *result, const char *column)
{
    for (int i = 0; i < result->n_columns; i++)
        if (strcmp(result->column[i].name, column) == 0)
            return result->column[i].value;
    return (double)NAN;
}

/* ---- command lines ---- */

/* The words of an option's value: --like: hls4ml fixed<8,6>. One that is true is the option alone. */
static int words_of(nib_arena *arena, const char *value, const char **word)
{
    int n = 0;
    for (const char *at = value + strspn(value, " "); *at && n < MAX_WORDS; at += strspn(at, " ")) {
        const size_t length = strcspn(at, " ");
        word[n++] = nib_arena_strndup(arena, at, length);
        at += length;
    }
    return n == 1 && word[0] && strcmp(word[0], "true") == 0 ? 0 : n;
}

const char **nib_sweep_command(nib_arena *arena, const nib_sweep *sweep, const char *folder, int trial,
                               int *count)
{
    const nib_sweep_trial *t = &sweep->trial[trial];
    const nib_sweep_point *p = &sweep->point[t->point];
    const nib_sweep_study *s = &sweep->study[p->study];
    const bool train = strcmp(s->command, "train") == 0;
    const char **argv = NIB_NEW(arena, const char *, (2 + MAX_WORDS) * p->n_settings + 16);
    const char *parent = t->parent >= 0 ? nib_sweep_trial_folder(arena, folder, t->parent) : NULL;
    int n = 0;
    if (!argv)
        return NULL;
    argv[n++] = s->command;
    argv[n++] = train ? sweep->base : parent;
    for (int i = train ? 0 : p->n_inherited; i < p->n_settings; i++) {
        const nib_sweep_setting *set = &p->setting[i];
        const bool option = strncmp(set->key, "--", 2) == 0;
        argv[n++] = option ? set->key : "--set";
        if (option)
            n += words_of(arena, set->value, &argv[n]);
        else
            argv[n++] = nib_arena_printf(arena, "%s=%s", set->key, set->value);
    }
    if (train) {
        argv[n++] = "--set";
        argv[n++] = nib_arena_printf(arena, "train.seed=%lld", (long long)t->seed);
    }
    if (train && parent) {
        argv[n++] = "--set";
        argv[n++] = nib_arena_printf(arena, "model.init_from=%s", parent);
    }
    argv[n++] = "--output";
    argv[n++] = nib_sweep_trial_folder(arena, folder, trial);
    for (int i = 0; i < n; i++)
        if (!argv[i])
            return NULL;
    *count = n;
    return argv;
}

/* As a shell reads it: in single quotes where there is anything else than plain letters. */
static const char *quoted(nib_arena *arena, const char *text)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-+=./,:@%";
    if (*text && text[strspn(text, plain)] == '\0')
        return text;
    const char *out = "'";
    for (const char *at = text; out && *at;) {
        const size_t n = strcspn(at, "'");
        out = nib_arena_printf(arena, "%s%.*s%s", out, (int)n, at, at[n] ? "'\\''" : "");
        at += n + (at[n] != '\0');
    }
    return out ? nib_arena_printf(arena, "%s'", out) : NULL;
}

const char *nib_sweep_command_text(nib_arena *arena, const nib_sweep *sweep, const char *folder, int trial)
{
    int count = 0;
    const char **argv = nib_sweep_command(arena, sweep, folder, trial, &count);
    const char *text = "nibble";
    for (int i = 0; argv && text && i < count; i++) {
        const char *word = quoted(arena, argv[i]);
        text = word ? nib_arena_printf(arena, "%s %s", text, word) : NULL;
    }
    return argv ? text : NULL;
}
