/* The table of a sweep: means over seeds, best points, the front, trials.csv. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/file.h"
#include "core/options.h"
#include "train/sweep_results.h"

/* The column of a trial that counts: one that is done. */
static double counted(const nib_sweep_result *r, const char *column)
{
    return r->status == NIB_SWEEP_DONE ? nib_sweep_value(r, column) : (double)NAN;
}

/* Mean and sample deviation of a column over the seeds of a point. @return whether all of them are done */
static bool point_mean(const nib_sweep *sweep, const nib_sweep_result *results, int point, const char *column,
                       double *mean, double *deviation)
{
    const int seeds = sweep->seeds.count;
    double sum = 0, squares = 0;
    int n = 0;
    for (int i = 0; i < seeds; i++) {
        const double v = counted(&results[point * seeds + i], column);
        if (isfinite(v))
            sum += v, n++;
    }
    *mean = n ? sum / n : (double)NAN;
    for (int i = 0; i < seeds; i++) {
        const double v = counted(&results[point * seeds + i], column);
        if (isfinite(v))
            squares += (v - *mean) * (v - *mean);
    }
    *deviation = n > 1 ? sqrt(squares / (n - 1)) : n == 1 ? 0 : (double)NAN;
    return n == seeds;
}

static bool has_column(const nib_sweep *sweep, const nib_sweep_result *results, const char *name)
{
    for (int i = 0; i < sweep->n_trials; i++)
        if (results[i].status == NIB_SWEEP_DONE && !isnan(nib_sweep_value(&results[i], name)))
            return true;
    return false;
}

static void choose_columns(const nib_sweep *sweep, const nib_sweep_result *results, nib_sweep_table *t)
{
    static const char *const costs[] = {"ebops",       "bops",    "lut",       "dsp",
                                        "multipliers", "nonzero", "parameters"};
    t->metric = sweep->metric;
    t->maximize = sweep->maximize;
    if (!*t->metric) {
        const bool accuracy = has_column(sweep, results, "val_accuracy");
        t->metric = accuracy ? "val_accuracy" : "val_loss";
        t->maximize = accuracy;
    }
    t->front[0] = t->metric;
    if (sweep->front.count == 2) {
        t->front[0] = sweep->front.value[0];
        t->front[1] = sweep->front.value[1];
        return;
    }
    for (size_t i = 0; i < sizeof costs / sizeof costs[0] && !t->front[1]; i++)
        if (has_column(sweep, results, costs[i]))
            t->front[1] = costs[i];
}

/* A point is on the front when no other one is at least as good in both and better in one. */
static void find_front(const nib_sweep *sweep, const nib_sweep_result *results, nib_sweep_table *t)
{
    for (int i = 0; i < sweep->n_points; i++) {
        double spread;
        const bool whole = point_mean(sweep, results, i, t->front[0], &t->mean[i], &spread);
        if (!point_mean(sweep, results, i, t->front[1], &t->cost[i], &spread) || !whole)
            t->cost[i] = (double)NAN;
    }
    const double sign = t->maximize ? 1 : -1;
    for (int i = 0; i < sweep->n_points; i++) {
        t->on_front[i] = isfinite(t->mean[i]) && isfinite(t->cost[i]);
        for (int k = 0; k < sweep->n_points && t->on_front[i]; k++) {
            if (!isfinite(t->mean[k]) || !isfinite(t->cost[k]))
                continue;
            const double better = sign * (t->mean[k] - t->mean[i]), dearer = t->cost[k] - t->cost[i];
            if (better >= 0 && dearer <= 0 && (better > 0 || dearer < 0))
                t->on_front[i] = false;
        }
    }
}

/* The cheapest of the points that are good enough; the earlier one where two are equal. */
static nib_status choose_cheapest(const nib_sweep *sweep, const nib_sweep_result *results, nib_arena *arena,
                                  nib_sweep_table *t, nib_error *err)
{
    const nib_sweep_choice *choose = &sweep->choose;
    const int best = choose->of >= 0 ? t->best[choose->of] : t->chosen;
    const double sign = t->maximize ? 1 : -1;
    t->price = NIB_NEW(arena, double, sweep->n_points);
    if (!t->price)
        return nib_fail_memory(err, "sweep");
    t->chosen = -1;
    for (int i = 0; i < sweep->n_points; i++) {
        double spread, price;
        const bool whole = point_mean(sweep, results, i, choose->lowest, &price, &spread);
        const bool good = best >= 0 && whole &&
                          sign * (t->mean[i] - t->mean[best]) + choose->within >=
                              -1e-12; /* decimals are not exact; NaN: not */
        t->price[i] = good ? price : (double)NAN;
        if (good && (t->chosen < 0 || price < t->price[t->chosen]))
            t->chosen = i;
    }
    return NIB_OK;
}

nib_status nib_sweep_tabulate(const nib_sweep *sweep, const nib_sweep_result *results, nib_arena *arena,
                              nib_sweep_table *t, nib_error *err)
{
    *t = (nib_sweep_table){.chosen = -1};
    t->mean = NIB_NEW(arena, double, sweep->n_points);
    t->deviation = NIB_NEW(arena, double, sweep->n_points);
    t->cost = NIB_NEW(arena, double, sweep->n_points);
    t->on_front = NIB_NEW(arena, bool, sweep->n_points);
    t->best = NIB_NEW(arena, int, sweep->n_studies);
    if (!t->mean || !t->deviation || !t->cost || !t->on_front || !t->best)
        return nib_fail_memory(err, "sweep");
    choose_columns(sweep, results, t);
    if (t->front[1])
        find_front(sweep, results, t);
    for (int i = 0; i < sweep->n_studies; i++)
        t->best[i] = -1;
    for (int i = 0; i < sweep->n_points; i++) {
        const int study = sweep->point[i].study;
        const bool whole = point_mean(sweep, results, i, t->metric, &t->mean[i], &t->deviation[i]);
        const double sign = t->maximize ? 1 : -1;
        if (!whole)
            continue;
        if (t->best[study] < 0 || sign * t->mean[i] > sign * t->mean[t->best[study]])
            t->best[study] = i;
        if (t->chosen < 0 || sign * t->mean[i] > sign * t->mean[t->chosen])
            t->chosen = i;
    }
    return sweep->choose.lowest ? choose_cheapest(sweep, results, arena, t, err) : NIB_OK;
}

/* ---- halving ---- */

/* Mean of the metric over a point's seeds, whatever became of them after the rung; NaN where one has none. */
static double rung_score(const nib_sweep *sweep, const nib_sweep_result *results, int point,
                         const char *metric)
{
    double sum = 0;
    for (int i = 0; i < sweep->seeds.count; i++)
        sum += nib_sweep_value(&results[point * sweep->seeds.count + i], metric);
    return sum / sweep->seeds.count;
}

void nib_sweep_promote(const nib_sweep *sweep, int study, const nib_sweep_result *results, const bool *in,
                       bool *on)
{
    const nib_sweep_study *s = &sweep->study[study];
    const double sign = sweep->maximize ? 1 : -1;
    const char *metric = *sweep->metric ? sweep->metric : "val_accuracy";
    int64_t running = 0;
    for (int64_t i = 0; i < s->n_points; i++) {
        running += in[i];
        on[i] = false;
    }
    /* The best of the rest, again and again; the earlier point where two are equal. */
    for (int64_t left = (running + s->halving.eta - 1) / s->halving.eta; left > 0; left--) {
        int64_t best = -1;
        double highest = 0;
        for (int64_t i = 0; i < s->n_points; i++) {
            const double score = sign * rung_score(sweep, results, s->first_point + (int)i, metric);
            if (in[i] && !on[i] && isfinite(score) && (best < 0 || score > highest))
                best = i, highest = score;
        }
        if (best < 0)
            return;
        on[best] = true;
    }
}

/* ---- trials.csv ---- */

typedef struct csv {
    char *text;
    size_t used, size;
    bool failed;
} csv;

static void put(csv *c, const char *text)
{
    const size_t n = strlen(text);
    if (!c->failed && c->used + n + 1 > c->size) {
        const size_t size = 2 * (c->used + n + 4096);
        char *grown = realloc(c->text, size);
        c->failed = !grown;
        if (grown)
            c->text = grown, c->size = size;
    }
    if (c->failed)
        return;
    memcpy(c->text + c->used, text, n + 1);
    c->used += n;
}

/* A field, in quotes where it needs them (RFC 4180). */
static void put_field(csv *c, const char *text, bool first)
{
    char letter[2] = "";
    if (!first)
        put(c, ",");
    if (!strpbrk(text, ",\"\n\r")) {
        put(c, text);
        return;
    }
    put(c, "\"");
    for (; *text; text++) {
        letter[0] = *text;
        put(c, *text == '"' ? "\"\"" : letter);
    }
    put(c, "\"");
}

static void put_number(csv *c, double value)
{
    char text[NIB_NUMBER_BYTES] = "";
    if (isfinite(value))
        nib_format_double(value, text);
    put_field(c, text, false);
}

static void put_integer(csv *c, int64_t value, bool first)
{
    char text[32];
    (void)snprintf(text, sizeof text, "%lld", (long long)value);
    put_field(c, text, first);
}

static bool known(const char *const *names, int count, const char *name)
{
    for (int i = 0; i < count; i++)
        if (strcmp(names[i], name) == 0)
            return true;
    return false;
}

/* Names in the order in which the trials, by number, bring them. */
typedef struct columns {
    int n_keys, n_scores;
    const char **key, **score;
} columns;

static nib_status find_columns(const nib_sweep *sweep, const nib_sweep_result *results, nib_arena *arena,
                               columns *out, nib_error *err)
{
    int keys = 0, scores = 0;
    for (int i = 0; i < sweep->n_points; i++)
        keys += sweep->point[i].n_chosen;
    for (int i = 0; i < sweep->n_trials; i++)
        scores += results[i].n_columns;
    *out = (columns){0, 0, NIB_NEW(arena, const char *, keys), NIB_NEW(arena, const char *, scores)};
    if (!out->key || !out->score)
        return nib_fail_memory(err, "trials.csv");
    for (int i = 0; i < sweep->n_points; i++)
        for (int k = 0; k < sweep->point[i].n_chosen; k++)
            if (!known(out->key, out->n_keys, sweep->point[i].chosen[k].key))
                out->key[out->n_keys++] = sweep->point[i].chosen[k].key;
    for (int i = 0; i < sweep->n_trials; i++)
        for (int k = 0; k < results[i].n_columns; k++)
            if (!known(out->score, out->n_scores, results[i].column[k].name))
                out->score[out->n_scores++] = results[i].column[k].name;
    return NIB_OK;
}

static void put_header(csv *c, const columns *cols, const nib_sweep_table *t)
{
    static const char *const last[] = {"front", "best", "seconds", "folder", "command"};
    put(c, "trial,study,seed,parent,status,epochs");
    for (int i = 0; i < cols->n_keys; i++)
        put_field(c, cols->key[i], false);
    for (int i = 0; i < cols->n_scores; i++)
        put_field(c, cols->score[i], false);
    put(c, ",");
    put(c, t->metric);
    put(c, "_mean,");
    put(c, t->metric);
    put(c, "_std");
    for (size_t i = 0; i < sizeof last / sizeof last[0]; i++)
        put_field(c, last[i], false);
    put(c, "\n");
}

static const char *chosen_value(const nib_sweep_point *p, const char *key)
{
    for (int i = p->n_chosen - 1; i >= 0; i--)
        if (strcmp(p->chosen[i].key, key) == 0)
            return p->chosen[i].value;
    return "";
}

static nib_status put_row(csv *c, const nib_sweep *sweep, const char *folder, int trial,
                          const nib_sweep_result *r, const columns *cols, const nib_sweep_table *t,
                          nib_arena *arena, nib_error *err)
{
    static const char *const names[] = {"open", "done", "failed", "dropped"};
    const nib_sweep_trial *tr = &sweep->trial[trial];
    const nib_sweep_point *p = &sweep->point[tr->point];
    const char *run = nib_sweep_trial_folder(arena, folder, trial);
    const char *command = nib_sweep_command_text(arena, sweep, folder, trial);
    if (!run || !command)
        return nib_fail_memory(err, "trials.csv");
    put_integer(c, trial, true);
    put_field(c, sweep->study[p->study].name, false);
    put_integer(c, tr->seed, false);
    if (tr->parent >= 0)
        put_integer(c, tr->parent, false);
    else
        put_field(c, "", false);
    put_field(c, names[r->status], false);
    put_integer(c, r->epochs, false);
    for (int i = 0; i < cols->n_keys; i++)
        put_field(c, chosen_value(p, cols->key[i]), false);
    for (int i = 0; i < cols->n_scores; i++)
        put_number(c, nib_sweep_value(r, cols->score[i]));
    put_number(c, t->mean[tr->point]);
    put_number(c, t->deviation[tr->point]);
    put_integer(c, t->on_front[tr->point], false);
    put_integer(c, t->best[p->study] == tr->point, false);
    put_number(c, rint(r->seconds * 1000) / 1000);
    put_field(c, run, false);
    put_field(c, command, false);
    put(c, "\n");
    return NIB_OK;
}

nib_status nib_sweep_write_csv(const nib_sweep *sweep, const char *folder, const nib_sweep_result *results,
                               const nib_sweep_table *table, nib_error *err)
{
    csv c = {0};
    columns cols = {0};
    nib_arena *arena = nib_arena_create();
    nib_status status =
        arena ? find_columns(sweep, results, arena, &cols, err) : nib_fail_memory(err, "trials.csv");
    const char *path = status == NIB_OK ? nib_path_join(arena, folder, "trials.csv") : NULL;
    if (status == NIB_OK)
        put_header(&c, &cols, table);
    for (int i = 0; status == NIB_OK && i < sweep->n_trials; i++)
        status = put_row(&c, sweep, folder, i, &results[i], &cols, table, arena, err);
    if (status == NIB_OK && (c.failed || !path))
        status = nib_fail_memory(err, "trials.csv");
    if (status == NIB_OK)
        status = nib_file_write(path, c.text, c.used, err);
    free(c.text);
    nib_arena_destroy(arena);
    return status;
}
