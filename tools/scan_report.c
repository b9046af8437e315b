#include "tools/scan_report.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <math.h>
#include <string.h>

#include "core/file.h"
#include "tools/figure.h"

enum { MAX_SCORES = 64, FIGURE_WIDTH = 640, FIGURE_HEIGHT = 440 };

/* Scores of one row of the table: the model itself, or one value. */
typedef struct row {
    char weight[NIB_FIXED_TEXT_BYTES], data[NIB_FIXED_TEXT_BYTES];
    double value[NIB_QUANTIZE_PARTS][MAX_SCORES];
} row;

struct nib_scan_report {
    nib_arena *arena;
    const nib_scan *scan;
    int parts, scores, rows;
    const char *title[NIB_QUANTIZE_PARTS];
    const char *score[MAX_SCORES];
    bool headline[MAX_SCORES];
    row *row; /* [1 + scan->count] */
};

static void note(row *r, int part, const nib_evaluator *e)
{
    const nib_score *score;
    const int n = nib_evaluator_scores(e, &score);
    for (int i = 0; i < n && i < MAX_SCORES; i++)
        r->value[part][i] = score[i].value;
}

static nib_status name_scores(nib_scan_report *r, const nib_evaluator *e, nib_error *err)
{
    const nib_score *score;
    const int n = nib_evaluator_scores(e, &score);
    r->scores = n < MAX_SCORES ? n : MAX_SCORES;
    for (int i = 0; i < r->scores; i++) {
        r->headline[i] = score[i].headline;
        if (!(r->score[i] = nib_arena_strdup(r->arena, score[i].name)))
            return nib_fail_memory(err, "scan");
    }
    return NIB_OK;
}

static nib_status score_model(nib_scan_report *r, const nib_session *s, nib_error *err)
{
    const struct {
        const nib_dataset *data;
        const char *title;
    } part[NIB_QUANTIZE_PARTS] = {{&s->data->validation, "validation"}, {&s->data->test, "test"}};
    for (int i = 0; i < NIB_QUANTIZE_PARTS; i++) {
        nib_evaluator *e = NULL;
        if (part[i].data->rows < 1)
            continue;
        NIB_TRY(nib_evaluator_create(&e, s->model, part[i].data, true, s->team, err));
        nib_status status = nib_evaluator_run(e, err);
        if (status == NIB_OK) {
            note(&r->row[0], r->parts, e);
            status = name_scores(r, e, err);
        }
        nib_evaluator_destroy(e);
        NIB_TRY(status);
        r->title[r->parts++] = part[i].title;
    }
    return NIB_OK;
}

nib_status nib_scan_report_create(nib_scan_report **report, const nib_session *session, const nib_scan *scan,
                                  nib_error *err)
{
    nib_arena *arena = nib_arena_create();
    nib_scan_report *r = arena ? NIB_NEW(arena, nib_scan_report, 1) : NULL;
    row *rows = r ? NIB_NEW(arena, row, 1 + scan->count) : NULL;
    if (!rows) {
        nib_arena_destroy(arena);
        return nib_fail_memory(err, "scan");
    }
    *r = (nib_scan_report){.arena = arena, .scan = scan, .rows = 1, .row = rows};
    nib_status status = score_model(r, session, err);
    if (status != NIB_OK)
        nib_arena_destroy(arena);
    else
        *report = r;
    return status;
}

void nib_scan_report_destroy(nib_scan_report *report)
{
    if (report)
        nib_arena_destroy(report->arena);
}

void nib_scan_report_add(nib_scan_report *r, int index, const nib_quantize_types *types,
                         const nib_quantized *q)
{
    row *to = &r->row[1 + index];
    if (types->kind == NIB_QUANTIZE_BITS) {
        (void)snprintf(to->weight, sizeof to->weight, "%d bits", types->bits);
        (void)snprintf(to->data, sizeof to->data, "calibrated");
    } else {
        (void)nib_fixed_print(&types->weight, NIB_FIXED_PLAIN, to->weight);
        (void)nib_fixed_print(&types->data, NIB_FIXED_PLAIN, to->data);
    }
    for (int i = 0; i < q->parts && i < r->parts; i++)
        note(to, i, q->evaluator[i]);
    r->rows = 2 + index;
}

static const char *label(const nib_scan_report *r, int index, char *text, size_t bytes)
{
    if (index == 0)
        return "model";
    (void)snprintf(text, bytes, "%d", r->scan->value[index - 1]);
    return text;
}

static void print_table(const nib_scan_report *r, FILE *out)
{
    const int part = r->parts - 1;
    char text[16];
    fprintf(out, "%-9s %-20s %-20s", nib_scan_name(r->scan->kind), "weights, biases", "data");
    for (int i = 0; i < r->scores; i++)
        if (r->headline[i])
            fprintf(out, " %12s", r->score[i]);
    fprintf(out, "   (%s)\n", r->title[part]);
    for (int k = 0; k < r->rows; k++) {
        fprintf(out, "%-9s %-20s %-20s", label(r, k, text, sizeof text), r->row[k].weight, r->row[k].data);
        for (int i = 0; i < r->scores; i++)
            if (r->headline[i])
                fprintf(out, " %12.4f", r->row[k].value[part][i]);
        fprintf(out, "\n");
    }
}

static cJSON *row_json(const nib_scan_report *r, int index)
{
    cJSON *json = cJSON_CreateObject();
    if (index > 0) {
        cJSON_AddNumberToObject(json, nib_scan_name(r->scan->kind), r->scan->value[index - 1]);
        cJSON_AddStringToObject(json, "weights", r->row[index].weight);
        cJSON_AddStringToObject(json, "data", r->row[index].data);
    }
    for (int p = 0; p < r->parts; p++) {
        cJSON *part = cJSON_AddObjectToObject(json, r->title[p]);
        for (int i = 0; i < r->scores; i++) {
            const double v = r->row[index].value[p][i];
            cJSON_AddItemToObject(part, r->score[i],
                                  isfinite(v) ? cJSON_CreateNumber(v) : cJSON_CreateNull());
        }
    }
    return json;
}

nib_status nib_scan_report_print(const nib_scan_report *r, FILE *out, bool json, nib_error *err)
{
    if (r->parts == 0)
        return nib_fail(err, NIB_ERR_INPUT,
                        "the run's data have neither test nor validation rows to scan on");
    if (!json) {
        print_table(r, out);
        return NIB_OK;
    }
    cJSON *list = cJSON_CreateArray(), *all = cJSON_CreateObject();
    for (int i = 1; i < r->rows; i++)
        cJSON_AddItemToArray(list, row_json(r, i));
    cJSON_AddItemToObject(all, "model", row_json(r, 0));
    cJSON_AddItemToObject(all, "scan", list);
    char *text = cJSON_Print(all);
    if (text)
        fprintf(out, "%s\n", text);
    cJSON_Delete(all);
    const nib_status status = text ? NIB_OK : nib_fail_memory(err, "JSON");
    cJSON_free(text);
    return status;
}

nib_status nib_scan_report_csv(const nib_scan_report *r, const char *path, nib_error *err)
{
    char text[16];
    FILE *out = fopen(path, "w");
    if (!out)
        return nib_fail(err, NIB_ERR_IO, "%s cannot be written: %s", path, strerror(errno));
    fprintf(out, "%s,weights,data", nib_scan_name(r->scan->kind));
    for (int p = 0; p < r->parts; p++)
        for (int i = 0; i < r->scores; i++)
            fprintf(out, ",%s_%s", r->title[p], r->score[i]);
    fprintf(out, "\n");
    for (int k = 0; k < r->rows; k++) { /* types have commas */
        fprintf(out, "%s,\"%s\",\"%s\"", label(r, k, text, sizeof text), r->row[k].weight, r->row[k].data);
        for (int p = 0; p < r->parts; p++)
            for (int i = 0; i < r->scores; i++)
                fprintf(out, ",%.9g", r->row[k].value[p][i]);
        fprintf(out, "\n");
    }
    const bool bad = ferror(out) != 0;
    if (fclose(out) != 0 || bad)
        return nib_fail(err, NIB_ERR_IO, "%s cannot be written: %s", path, strerror(errno));
    return NIB_OK;
}

/* The score that figures show. */
static int shown_score(const nib_scan_report *r)
{
    for (int i = 0; i < r->scores; i++)
        if (r->headline[i] && !strstr(r->score[i], "loss"))
            return i;
    return 0;
}

nib_status nib_scan_report_plot(const nib_scan_report *r, const char *path, nib_error *err)
{
    static const char *const axis[] = {"total bits", "integer bits", "fraction bits"};
    nib_figure *figure;
    char name[128];
    const int score = shown_score(r), part = r->parts - 1;
    NIB_TRY(nib_figure_create(path, FIGURE_WIDTH, FIGURE_HEIGHT, &figure, err));
    FILE *data = nib_figure_data(figure), *script = nib_figure_script(figure);
    for (int k = 1; k < r->rows; k++)
        fprintf(data, "%d %.9g\n", r->scan->value[k - 1], r->row[k].value[part][score]);
    (void)nib_figure_quote(r->score[score], name, sizeof name);
    fprintf(script,
            "set xlabel \"%s\"\nset ylabel \"%s (%s)\"\nset key bottom right\nset grid\n"
            "plot DATA index 0 using 1:2 with linespoints pointtype 7 title \"integer engine\", \\\n"
            "     %.9g with lines dashtype 2 title \"model\"\n",
            axis[r->scan->kind], name, r->title[part], r->row[0].value[part][score]);
    return nib_figure_draw(figure, err);
}
