#include "tools/sweep_plot.h"

#include <cjson/cJSON.h>
#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/file.h"
#include "tools/figure.h"

enum { MAX_AXES = 16, MAX_SERIES = 64, LABEL_BYTES = 200 };

/* What points lie along: a parameter, or the bits of types, whatever parameter has them. */
typedef enum axis_kind { AXIS_KEY, AXIS_BITS, AXIS_INTEGER, AXIS_FRACTION } axis_kind;
typedef struct axis {
    const char *name;  /* of the figure's file: "bits", "sparsity", "train_optimizer_adam_lr" */
    const char *label; /* "total bits", the key itself */
    axis_kind kind;
    const char *key; /* AXIS_KEY */
} axis;

static const struct {
    const char *name, *label;
} costs[] = {
    {"ebops", "EBOPs (effective bit operations)"},
    {"bops", "BOPs (bit operations)"},
    {"multipliers", "multipliers"},
    {"dsp", "DSPs (estimated)"},
    {"lut", "LUTs (estimated)"},
    {"ff", "flip-flops (estimated)"},
    {"bram18", "BRAM18 (estimated)"},
    {"latency_ns", "latency (ns, estimated)"},
    {"latency", "latency (cycles, estimated)"},
    {"ii", "initiation interval (cycles)"},
    {"lut_ff_fraction", "fraction of LUTs + fraction of flip-flops (estimated)"},
    {"weight_bits", "weight memory (bits)"},
    {"nonzero", "weights that are not zero"},
};

/* One figure's line: points of a study whose other values agree. */
typedef struct series {
    char label[LABEL_BYTES];
    int n;
    int *point;
    double *x;
} series;

typedef struct plotter {
    const nib_sweep_session *s;
    nib_arena *arena;
    const char *folder, *suffix;
    FILE *out;
    nib_sweep_table table;
    double chance; /* accuracy of guessing, NaN: unknown */
    int n_axes;
    axis axis[MAX_AXES];
    int drawn;
} plotter;

/* A value in numbers: itself, or the first ones inside of its brackets: fixed<6,1> has 6 bits, one of them
 * integer. */
typedef struct numbers {
    bool in_brackets;
    int n;
    double first, second;
} numbers;

static numbers numbers_of(const char *text)
{
    numbers v = {0};
    char *end, *next;
    v.first = strtod(text, &end);
    if (end != text && *end == '\0') {
        v.n = 1;
        return v;
    }
    const char *open = strpbrk(text, "<(");
    v.in_brackets = open != NULL;
    if (!open)
        return v;
    v.first = strtod(open + 1, &end);
    v.n = end != open + 1;
    v.second = v.n && *end == ',' ? strtod(end + 1, &next) : 0;
    v.n += v.n && *end == ',' && next != end + 1;
    return v;
}

/* "sparsity" of prune.default.sparsity, "bits" of --bits. */
static const char *last_word(const char *key)
{
    const char *last = strrchr(key, '.');
    return last ? last + 1 : key + strspn(key, "-");
}

/* Where a setting lies on an axis. @return false: nowhere */
static bool place_setting(const nib_sweep_setting *set, const axis *a, double *x)
{
    const numbers v = numbers_of(set->value);
    const bool bits = v.in_brackets || strcmp(last_word(set->key), "bits") == 0;
    *x = a->kind == AXIS_INTEGER ? v.second : a->kind == AXIS_FRACTION ? v.first - v.second : v.first;
    switch (a->kind) {
    case AXIS_KEY:
        return v.n > 0 && !bits && strcmp(set->key, a->key) == 0;
    case AXIS_BITS:
        return v.n > 0 && bits;
    case AXIS_INTEGER:
    case AXIS_FRACTION:
        break;
    }
    return v.n > 1 && strchr(set->value, '<') != NULL;
}

/* A file's name: letters and digits of the key. */
static const char *file_name(nib_arena *arena, const char *key)
{
    char *name = nib_arena_strdup(arena, key);
    for (char *at = name; at && *at; at++)
        if (!isalnum((unsigned char)*at))
            *at = '_';
    while (name && *name == '_')
        name++;
    return name;
}

static void add_axis(plotter *p, const axis *a)
{
    for (int i = 0; i < p->n_axes; i++)
        if (strcmp(p->axis[i].name, a->name) == 0)
            return;
    if (p->n_axes < MAX_AXES)
        p->axis[p->n_axes++] = *a;
}

/* Types of one study that differ in their integer or in their fractional bits alone are drawn along those. */
static void find_axes_of_types(plotter *p, const nib_sweep_study *study)
{
    static const axis all[2] = {{"integer", "integer bits", AXIS_INTEGER, NULL},
                                {"fraction", "fractional bits", AXIS_FRACTION, NULL}};
    double low[2] = {HUGE_VAL, HUGE_VAL}, high[2] = {-HUGE_VAL, -HUGE_VAL}, x = 0;
    for (int64_t i = 0; i < study->n_points; i++) {
        const nib_sweep_point *point = &p->s->sweep->point[study->first_point + (int)i];
        for (int k = 0; k < point->n_chosen; k++)
            for (int a = 0; a < 2; a++)
                if (place_setting(&point->chosen[k], &all[a], &x))
                    low[a] = x < low[a] ? x : low[a], high[a] = x > high[a] ? x : high[a];
    }
    for (int a = 0; a < 2; a++)
        if (high[a] > low[a] && high[1 - a] <= low[1 - a])
            add_axis(p, &all[a]);
}

static void find_axes(plotter *p)
{
    static const axis bits = {"bits", "total bits", AXIS_BITS, NULL};
    const nib_sweep *sweep = p->s->sweep;
    for (int i = 0; i < sweep->n_points; i++)
        for (int k = 0; k < sweep->point[i].n_chosen; k++) {
            const nib_sweep_setting *set = &sweep->point[i].chosen[k];
            const char *key = strcmp(last_word(set->key), "sparsity") == 0 ? "sparsity" : set->key;
            const axis a = {file_name(p->arena, key), key, AXIS_KEY, set->key};
            double x;
            if (place_setting(set, &bits, &x))
                add_axis(p, &bits);
            else if (a.name && place_setting(set, &a, &x))
                add_axis(p, &a);
        }
    for (int i = 0; i < sweep->n_studies; i++)
        find_axes_of_types(p, &sweep->study[i]);
}

/* Where a point lies on an axis. @return false: nowhere */
static bool place_on(const plotter *p, int point, const axis *a, double *x)
{
    const nib_sweep_point *pt = &p->s->sweep->point[point];
    for (int k = pt->n_chosen - 1; k >= 0; k--)
        if (place_setting(&pt->chosen[k], a, x))
            return true;
    return false;
}

/* The study, and the point's values that the axis does not show. */
static void label_of(const plotter *p, int point, const axis *a, char *label)
{
    const nib_sweep_point *pt = &p->s->sweep->point[point];
    size_t used = (size_t)snprintf(label, LABEL_BYTES, "%s", p->s->sweep->study[pt->study].name);
    for (int k = 0; k < pt->n_chosen && used + 1 < LABEL_BYTES; k++) {
        double x;
        if (a && place_setting(&pt->chosen[k], a, &x))
            continue;
        const int n = snprintf(label + used, LABEL_BYTES - used, " %s=%s", last_word(pt->chosen[k].key),
                               pt->chosen[k].value);
        used += n > 0 ? (size_t)n : 0;
    }
}

/* Points along an axis, by series. @return how many series */
static int collect(plotter *p, const axis *a, series *out)
{
    const nib_sweep *sweep = p->s->sweep;
    int count = 0;
    for (int i = 0; i < sweep->n_points; i++) {
        char label[LABEL_BYTES];
        double x;
        if (!isfinite(p->table.mean[i]) || !place_on(p, i, a, &x))
            continue;
        label_of(p, i, a, label);
        int at = 0;
        while (at < count && strcmp(out[at].label, label) != 0)
            at++;
        if (at == MAX_SERIES)
            continue;
        series *s = &out[at];
        if (at == count) {
            *s = (series){.point = NIB_NEW(p->arena, int, sweep->n_points),
                          .x = NIB_NEW(p->arena, double, sweep->n_points)};
            memcpy(s->label, label, sizeof label);
            count++;
        }
        if (!s->point || !s->x)
            return 0;
        /* In rising order of x, so that lines go from left to right. */
        int k = s->n++;
        for (; k > 0 && s->x[k - 1] > x; k--)
            s->x[k] = s->x[k - 1], s->point[k] = s->point[k - 1];
        s->x[k] = x, s->point[k] = i;
    }
    /* Beside lines, a point alone says nothing of the axis. */
    int lines = 0;
    for (int i = 0; i < count; i++)
        if (out[i].x[out[i].n - 1] > out[i].x[0])
            out[lines++] = out[i];
    return lines > 0 ? lines : count;
}

/* Mean of a column over the seeds of a point. */
static double cost_of(const plotter *p, int point, const char *column)
{
    const int seeds = p->s->sweep->seeds.count;
    double sum = 0;
    for (int i = 0; i < seeds; i++)
        sum += nib_sweep_value(&p->s->results[point * seeds + i], column);
    return sum / seeds;
}

static const char *quoted(const char *text, char *out)
{
    return nib_figure_quote(text, out, 2 * LABEL_BYTES);
}

/* A metric as an axis' label: "accuracy (validation)". */
static const char *metric_label(const plotter *p, char *text)
{
    const bool validation = strncmp(p->table.metric, "val_", 4) == 0;
    (void)snprintf(text, LABEL_BYTES, "%s%s", p->table.metric + (validation ? 4 : 0),
                   validation ? " (validation)" : "");
    return text;
}

static nib_status begin(plotter *p, const char *y, const char *x, nib_figure **figure, nib_error *err)
{
    const char *path = nib_arena_printf(p->arena, "%s/%s-against-%s.%s", p->folder, y, x, p->suffix);
    if (!path)
        return nib_fail_memory(err, "figure");
    NIB_TRY(nib_figure_create(path, 900, 500, figure, err));
    fprintf(p->out, "%s\n", path);
    p->drawn++;
    return NIB_OK;
}

/* Points without a value on the axis (the float runs) are lines from side to side, guessing too. */
static void draw_levels(plotter *p, nib_figure *f, const axis *a)
{
    FILE *script = nib_figure_script(f);
    const nib_sweep *sweep = p->s->sweep;
    char label[LABEL_BYTES], quote[2 * LABEL_BYTES];
    double x;
    for (int i = 0, shown = 0; i < sweep->n_points && shown < 4; i++) {
        if (!isfinite(p->table.mean[i]) || place_on(p, i, a, &x) || sweep->point[i].parent >= 0)
            continue;
        label_of(p, i, NULL, label);
        fprintf(script, ", %.9g with lines dt 2 lc rgb '#555555' title \"%s\"", p->table.mean[i],
                quoted(label, quote));
        shown++;
    }
    if (isfinite(p->chance) && strcmp(p->table.metric, "val_accuracy") == 0)
        fprintf(script, ", %.9g with lines dt 3 lc rgb '#999999' title \"random choice\"", p->chance);
}

static nib_status plot_metric(plotter *p, const axis *a, nib_error *err)
{
    series all[MAX_SERIES];
    const int count = collect(p, a, all);
    char text[LABEL_BYTES], quote[2 * LABEL_BYTES];
    nib_figure *f = NULL;
    double low = HUGE_VAL, high = -HUGE_VAL;
    for (int i = 0; i < count; i++) {
        low = all[i].x[0] < low ? all[i].x[0] : low;
        high = all[i].x[all[i].n - 1] > high ? all[i].x[all[i].n - 1] : high;
    }
    if (count == 0 || !(high > low))
        return NIB_OK;
    NIB_TRY(begin(p, file_name(p->arena, p->table.metric), a->name, &f, err));
    FILE *script = nib_figure_script(f), *data = nib_figure_data(f);
    const bool log = a->kind == AXIS_KEY && low > 0 && high / low > 50;
    fprintf(script, "set xlabel \"%s\"\n", quoted(a->label, quote));
    fprintf(script, "set ylabel \"%s\"\n", quoted(metric_label(p, text), quote));
    if (log)
        fprintf(script, "set logscale x\nset format x '%%g'\n");
    fprintf(script, "set xrange [%.9g:%.9g]\n", log ? low / 1.2 : low - 0.04 * (high - low),
            log ? high * 1.2 : high + 0.04 * (high - low));
    fprintf(script, "set offsets graph 0, graph 0, graph 0.04, graph 0.04\nplot");
    for (int i = 0; i < count; i++) {
        const int at = i ? nib_figure_next(f) : 0;
        fprintf(data, "# %s: %s, mean and deviation over the seeds\n", all[i].label, p->table.metric);
        for (int k = 0; k < all[i].n; k++)
            fprintf(data, "%.9g %.9g %.9g\n", all[i].x[k], p->table.mean[all[i].point[k]],
                    p->table.deviation[all[i].point[k]]);
        fprintf(script,
                "%s DATA index %d using 1:2:3 with yerrorbars lt %d notitle, DATA index %d using 1:2 with "
                "linespoints lt %d title \"%s\"",
                i ? "," : "", at, i % 8 + 1, at, i % 8 + 1, quoted(all[i].label, quote));
    }
    draw_levels(p, f, a);
    fprintf(script, "\n");
    return nib_figure_draw(f, err);
}

/* A cost along an axis. */
static nib_status plot_cost_along(plotter *p, const axis *a, size_t cost, nib_error *err)
{
    series all[MAX_SERIES];
    const int count = collect(p, a, all);
    char quote[2 * LABEL_BYTES];
    nib_figure *f = NULL;
    bool any = false;
    for (int i = 0; i < count; i++)
        for (int k = 0; k < all[i].n; k++)
            any = any || isfinite(cost_of(p, all[i].point[k], costs[cost].name));
    if (!any || count == 0 || a->kind > AXIS_BITS)
        return NIB_OK;
    NIB_TRY(begin(p, costs[cost].name, a->name, &f, err));
    FILE *script = nib_figure_script(f), *data = nib_figure_data(f);
    fprintf(script, "set xlabel \"%s\"\nset ylabel \"%s\"\nset yrange [0:*]\nplot", a->label,
            costs[cost].label);
    for (int i = 0; i < count; i++) {
        const int at = i ? nib_figure_next(f) : 0;
        fprintf(data, "# %s\n", all[i].label);
        for (int k = 0; k < all[i].n; k++)
            if (isfinite(cost_of(p, all[i].point[k], costs[cost].name)))
                fprintf(data, "%.9g %.9g\n", all[i].x[k], cost_of(p, all[i].point[k], costs[cost].name));
        fprintf(script, "%s DATA index %d using 1:2 with linespoints lt %d title \"%s\"", i ? "," : "", at,
                i % 8 + 1, quoted(all[i].label, quote));
    }
    fprintf(script, "\n");
    return nib_figure_draw(f, err);
}

/* The run that a chain of studies began with. */
static int root_of(const nib_sweep *sweep, int point)
{
    while (sweep->point[point].parent >= 0)
        point = sweep->point[point].parent;
    return point;
}

/* AUC of each class over that of the run the chain began with, as the course draws it: a figure per study. */
static nib_status plot_ratio(plotter *p, const axis *a, int study, nib_error *err)
{
    static const char prefix[] = "val_auc_";
    const nib_sweep *sweep = p->s->sweep;
    const nib_sweep_study *s = &sweep->study[study];
    const nib_sweep_result *first = &p->s->results[s->first_point * sweep->seeds.count];
    nib_figure *f = NULL;
    char quote[2 * LABEL_BYTES];
    double x, low = HUGE_VAL, high = -HUGE_VAL;
    for (int64_t i = 0; i < s->n_points; i++)
        if (place_on(p, s->first_point + (int)i, a, &x))
            low = x < low ? x : low, high = x > high ? x : high;
    int classes = 0;
    for (int c = 0; c < first->n_columns; c++)
        classes += strncmp(first->column[c].name, prefix, sizeof prefix - 1) == 0;
    if (s->from < 0 || s->n_axes != 1 || s->n_points != s->axis->n_values || classes == 0 || !(high > low))
        return NIB_OK;
    NIB_TRY(begin(p, nib_arena_printf(p->arena, "%s-auc-ratio", s->name), a->name, &f, err));
    FILE *script = nib_figure_script(f), *data = nib_figure_data(f);
    fprintf(script, "set xlabel \"%s\"\n", quoted(a->label, quote));
    fprintf(
        script,
        "set ylabel \"AUC / AUC of the run it began with (validation)\"\nset offsets graph 0.03, graph 0.03, "
        "graph 0.04, graph 0.04\nplot 1 with lines dt 2 lc rgb '#555555' notitle");
    for (int c = 0, shown = 0; c < first->n_columns; c++) {
        const char *column = first->column[c].name;
        if (strncmp(column, prefix, sizeof prefix - 1) != 0)
            continue;
        const int at = shown++ ? nib_figure_next(f) : 0;
        fprintf(data, "# %s\n", column + sizeof prefix - 1);
        for (int64_t i = 0; i < s->n_points; i++) {
            const int point = s->first_point + (int)i;
            const double ratio = cost_of(p, point, column) / cost_of(p, root_of(sweep, point), column);
            if (isfinite(ratio) && place_on(p, point, a, &x))
                fprintf(data, "%.9g %.9g\n", x, ratio);
        }
        fprintf(script, ", DATA index %d using 1:2 with linespoints lt %d title \"%s\"", at,
                (shown - 1) % 8 + 1, quoted(column + sizeof prefix - 1, quote));
    }
    fprintf(script, "\n");
    return nib_figure_draw(f, err);
}

/* The points on the front of the metric against a cost, cheapest first: each is better than all before. */
static int front_of(plotter *p, const char *cost, int *front)
{
    const nib_sweep *sweep = p->s->sweep;
    const double sign = p->table.maximize ? 1 : -1;
    int count = 0;
    for (int i = 0; i < sweep->n_points; i++) {
        const double c = cost_of(p, i, cost), m = sign * p->table.mean[i];
        bool keep = isfinite(c) && isfinite(m);
        for (int k = 0; k < sweep->n_points && keep; k++) {
            const double ck = cost_of(p, k, cost), mk = sign * p->table.mean[k];
            if (isfinite(ck) && isfinite(mk) && ck <= c && mk >= m && (ck < c || mk > m))
                keep = false;
        }
        if (!keep)
            continue;
        int at = count++;
        for (; at > 0 && cost_of(p, front[at - 1], cost) > c; at--)
            front[at] = front[at - 1];
        front[at] = i;
    }
    return count;
}

/* The metric against a cost: a colour per study, the front as steps. */
static nib_status plot_front(plotter *p, size_t cost, nib_error *err)
{
    const nib_sweep *sweep = p->s->sweep;
    const char *name = costs[cost].name;
    int *front = NIB_NEW(p->arena, int, sweep->n_points);
    const int n_front = front ? front_of(p, name, front) : 0;
    char text[LABEL_BYTES], quote[2 * LABEL_BYTES];
    double low = HUGE_VAL, high = -HUGE_VAL;
    nib_figure *f = NULL;
    for (int i = 0; i < sweep->n_points; i++) {
        const double c = cost_of(p, i, name);
        if (isfinite(c) && isfinite(p->table.mean[i]))
            low = c < low ? c : low, high = c > high ? c : high;
    }
    if (!(high > low) || n_front == 0)
        return NIB_OK;
    NIB_TRY(begin(p, file_name(p->arena, p->table.metric), name, &f, err));
    FILE *script = nib_figure_script(f), *data = nib_figure_data(f);
    fprintf(script, "set xlabel \"%s\"\nset ylabel \"%s\"\n", costs[cost].label,
            quoted(metric_label(p, text), quote));
    if (low > 0 && high / low > 20)
        fprintf(script, "set logscale x\nset format x '10^{%%L}'\n");
    fprintf(data, "# front\n");
    for (int i = 0; i < n_front; i++)
        fprintf(data, "%.9g %.9g\n", cost_of(p, front[i], name), p->table.mean[front[i]]);
    fprintf(script, "set offsets graph 0.03, graph 0.03, graph 0.04, graph 0.04\n"
                    "plot DATA index 0 using 1:2 with steps lc rgb '#999999' lw 1.5 title \"Pareto front\"");
    for (int i = 0; i < sweep->n_studies; i++) {
        const nib_sweep_study *s = &sweep->study[i];
        int shown = 0;
        for (int64_t k = 0; k < s->n_points; k++) {
            const int point = s->first_point + (int)k;
            const double c = cost_of(p, point, name);
            if (!isfinite(c) || !isfinite(p->table.mean[point]))
                continue;
            if (shown++ == 0) {
                fprintf(script, ", DATA index %d using 1:2:3 with yerrorbars lt %d title \"%s\"",
                        nib_figure_next(f), i % 8 + 1, quoted(s->name, quote));
                fprintf(data, "# %s\n", s->name);
            }
            fprintf(data, "%.9g %.9g %.9g\n", c, p->table.mean[point], p->table.deviation[point]);
        }
    }
    fprintf(script, "\n");
    return nib_figure_draw(f, err);
}

/* Guessing's accuracy: one of so many classes, from a trial's confusion matrix. */
static double chance_of(const plotter *p)
{
    for (int i = 0; i < p->s->sweep->n_trials; i++) {
        char *text;
        size_t bytes;
        nib_error ignored;
        const char *run = nib_sweep_trial_folder(p->arena, p->s->folder, i);
        const char *path = run ? nib_path_join(p->arena, run, "summary.json") : NULL;
        if (!path || p->s->results[i].status != NIB_SWEEP_DONE ||
            nib_file_read(p->arena, path, 4 << 20, &text, &bytes, &ignored) != NIB_OK)
            continue;
        cJSON *json = cJSON_ParseWithLength(text, bytes);
        const cJSON *matrix = cJSON_GetObjectItemCaseSensitive(
            cJSON_GetObjectItemCaseSensitive(json, "validation"), "confusion");
        const cJSON *target = matrix ? matrix->child : NULL;
        const int classes = cJSON_GetArraySize(cJSON_GetObjectItemCaseSensitive(target, "classes"));
        cJSON_Delete(json);
        if (classes > 1)
            return 1.0 / classes;
    }
    return (double)NAN;
}

static nib_status plot_all(plotter *p, nib_error *err)
{
    NIB_TRY(nib_sweep_tabulate(p->s->sweep, p->s->results, p->arena, &p->table, err));
    NIB_TRY(nib_file_make_folders(p->folder, err));
    p->chance = chance_of(p);
    find_axes(p);
    for (int i = 0; i < p->n_axes; i++)
        NIB_TRY(plot_metric(p, &p->axis[i], err));
    for (int i = 0; i < p->n_axes; i++)
        for (int k = 0; k < p->s->sweep->n_studies; k++)
            NIB_TRY(plot_ratio(p, &p->axis[i], k, err));
    for (size_t c = 0; c < sizeof costs / sizeof costs[0]; c++) {
        NIB_TRY(plot_front(p, c, err));
        for (int i = 0; i < p->n_axes; i++)
            NIB_TRY(plot_cost_along(p, &p->axis[i], c, err));
    }
    if (p->drawn == 0)
        return nib_fail(err, NIB_ERR_INPUT,
                        "%s: nothing to draw: no trial that is done differs from the others in a number",
                        p->s->folder);
    return NIB_OK;
}

nib_status nib_sweep_plot(const nib_sweep_session *session, const char *folder, const char *suffix, FILE *out,
                          nib_error *err)
{
    nib_arena *arena = nib_arena_create();
    plotter *p = arena ? NIB_NEW(arena, plotter, 1) : NULL;
    nib_status status = p ? NIB_OK : nib_fail_memory(err, "figures");
    if (p) {
        *p = (plotter){.s = session, .arena = arena, .folder = folder, .suffix = suffix, .out = out};
        status = plot_all(p, err);
    }
    nib_arena_destroy(arena);
    return status;
}
