#include "tools/report.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_CLASSES = 20 };

/* Text that grows in an arena-allocated buffer of known size. */
typedef struct text {
    char *at;
    size_t used, size;
} text;

NIB_PRINTF(2, 3) static void put(text *t, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int n = vsnprintf(t->at + t->used, t->size - t->used, format, args);
    va_end(args);
    if (n > 0)
        t->used = t->used + (size_t)n < t->size ? t->used + (size_t)n : t->size - 1;
}

const char *nib_report_scores(nib_arena *arena, int parts, const nib_evaluator *const *evaluator,
                              const char *const *title)
{
    const nib_score *scores;
    int n = nib_evaluator_scores(evaluator[0], &scores);
    text t = {NULL, 0, 256 + (size_t)n * 160};
    t.at = nib_arena_alloc(arena, t.size, 1);
    if (!t.at)
        return "";
    put(&t, "%-24s", "");
    for (int p = 0; p < parts; p++)
        put(&t, " %12s", title[p]);
    put(&t, "\n%-24s", "rows");
    for (int p = 0; p < parts; p++)
        put(&t, " %12" PRId64, nib_evaluator_output(evaluator[p], 0).rows);
    put(&t, "\n");
    for (int i = 0; i < n; i++) {
        put(&t, "%-24s", scores[i].name);
        for (int p = 0; p < parts; p++) {
            const nib_score *s;
            (void)nib_evaluator_scores(evaluator[p], &s);
            put(&t, fabs(s[i].value) >= 1e4 ? " %12.4g" : " %12.4f", s[i].value);
        }
        put(&t, "\n");
    }
    return t.at;
}

static bool has_confusion(const nib_metric_data *d)
{
    return d->target && d->target->kind == NIB_TARGET_CLASS && d->width >= 2 && d->width <= MAX_CLASSES;
}

const char *nib_report_confusion(nib_arena *arena, const nib_model *model, const nib_evaluator *evaluator,
                                 int output)
{
    nib_metric_data d = nib_evaluator_output(evaluator, output);
    if (!has_confusion(&d))
        return NULL;
    const int n = (int)d.width;
    double matrix[MAX_CLASSES * MAX_CLASSES];
    text t = {NULL, 0, 512 + (size_t)n * (size_t)(n + 4) * 24};
    t.at = nib_arena_alloc(arena, t.size, 1);
    if (!t.at)
        return NULL;
    nib_confusion_matrix(&d, matrix);
    put(&t, "confusion of %s, per cent of the true class\n%-14s", model->output[output].target,
        "truth \\ taken for");
    for (int k = 0; k < n; k++)
        put(&t, " %8.8s", d.target->classes[k]);
    put(&t, "\n");
    for (int i = 0; i < n; i++) {
        double sum = 0;
        for (int k = 0; k < n; k++)
            sum += matrix[i * n + k];
        put(&t, "%-17.17s", d.target->classes[i]);
        for (int k = 0; k < n; k++)
            put(&t, " %8.1f", sum > 0 ? 100 * matrix[i * n + k] / sum : 0);
        put(&t, "\n");
    }
    return t.at;
}

static cJSON *number(double value)
{
    return isfinite(value) ? cJSON_CreateNumber(value) : cJSON_CreateNull();
}

static cJSON *confusion_json(const nib_metric_data *d)
{
    const int n = (int)d->width;
    double matrix[MAX_CLASSES * MAX_CLASSES];
    nib_confusion_matrix(d, matrix);
    cJSON *json = cJSON_CreateObject();
    cJSON *classes = cJSON_AddArrayToObject(json, "classes"), *rows = cJSON_AddArrayToObject(json, "matrix");
    for (int i = 0; i < n; i++) {
        cJSON_AddItemToArray(classes, cJSON_CreateString(d->target->classes[i]));
        cJSON_AddItemToArray(rows, cJSON_CreateDoubleArray(matrix + i * n, n));
    }
    return json;
}

cJSON *nib_report_json(const nib_model *model, const nib_evaluator *evaluator)
{
    const nib_score *scores;
    int n = nib_evaluator_scores(evaluator, &scores);
    cJSON *json = cJSON_CreateObject(), *confusion = cJSON_CreateObject();
    cJSON_AddNumberToObject(json, "rows", (double)nib_evaluator_output(evaluator, 0).rows);
    for (int i = 0; i < n; i++)
        cJSON_AddItemToObject(json, scores[i].name, number(scores[i].value));
    for (int i = 0; i < model->n_outputs; i++) {
        nib_metric_data d = nib_evaluator_output(evaluator, i);
        if (has_confusion(&d))
            cJSON_AddItemToObject(confusion, model->output[i].target, confusion_json(&d));
    }
    if (confusion && confusion->child)
        cJSON_AddItemToObject(json, "confusion", confusion);
    else
        cJSON_Delete(confusion);
    return json;
}

void nib_report_parameters(cJSON *summary, const nib_model *model)
{
    int64_t all = 0, nonzero = 0;
    for (int i = 0; i < model->params->count; i++)
        if (model->params->row[i].trainable) {
            all += nib_params_elements(&model->params->row[i]);
            nonzero += nib_params_nonzero(model->params, i);
        }
    cJSON_AddNumberToObject(summary, "parameters", (double)all);
    cJSON_AddNumberToObject(summary, "nonzero", (double)nonzero);
}
