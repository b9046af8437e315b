#include "tools/quantize.h"

#include <stdlib.h>
#include <string.h>

#include "core/yaml.h"
#include "train/quant_prepare.h"

enum { MORE_SETS = 3 };

/* ---- What the types ask of the config ---- */

static bool is_like(const nib_quantize_types *types)
{
    return types->kind == NIB_QUANTIZE_HLS4ML || types->kind == NIB_QUANTIZE_PROJECT;
}

static const char *set_of_types(nib_arena *arena, const nib_quantize_types *types)
{
    char weight[NIB_FIXED_TEXT_BYTES], data[NIB_FIXED_TEXT_BYTES];
    if (types->kind == NIB_QUANTIZE_BITS)
        return nib_arena_printf(arena, "quant={bits: %d, integer: auto}", types->bits);
    (void)nib_quant_type_text(&types->weight, weight);
    (void)nib_quant_type_text(&types->data, data);
    return nib_arena_printf(
        arena, "quant={default: {input: '%s', weight: '%s', bias: '%s', activation: '%s', output: '%s'}}",
        data, weight, weight, data, data);
}

static nib_status set_of_hls4ml(const nib_quantize_job *job, const nib_quantize_types *types,
                                nib_quantized *q, const char **set, nib_error *err)
{
    char *text;
    const nib_session *s = job->session;
    if (types->kind == NIB_QUANTIZE_PROJECT) {
        nib_doc *project;
        NIB_TRY(nib_yaml_read(q->arena, types->project, &project, err));
        NIB_TRY(nib_hls4ml_types_read(project, s->config, s->model, q->arena, job->log, &q->like, err));
    } else {
        NIB_TRY(nib_hls4ml_types_uniform(&types->weight, &types->data, s->config, s->model, q->arena,
                                         job->log, &q->like, err));
    }
    NIB_TRY(nib_yaml_write(q->arena, q->like.quant, &text, err));
    *set = nib_arena_printf(q->arena, "quant=%s", text);
    return NIB_OK;
}

static nib_status read_config(const nib_quantize_job *job, const nib_quantize_types *types, nib_quantized *q,
                              nib_error *err)
{
    const char *text = nib_config_text(job->session->config);
    const char **sets = NIB_NEW(q->arena, const char *, job->n_sets + MORE_SETS);
    int n = 0;
    if (!text || !sets)
        return nib_fail_memory(err, "config");
    if (is_like(types))
        NIB_TRY(set_of_hls4ml(job, types, q, &sets[n++], err));
    else if (types->kind != NIB_QUANTIZE_GIVEN)
        sets[n++] = set_of_types(q->arena, types);
    if (job->allow_dead)
        sets[n++] = "quant.allow_dead=true";
    for (int i = 0; i < n; i++)
        if (!sets[i])
            return nib_fail_memory(err, "config");
    for (int i = 0; i < job->n_sets; i++)
        sets[n++] = job->sets[i];
    return nib_config_parse(job->session->config->path, ".", text, strlen(text), sets, n, &q->config, err);
}

/* ---- The model ---- */

static nib_status settle(const nib_quantize_job *job, const nib_quantize_types *types, nib_quantized *q,
                         nib_error *err)
{
    const nib_session *s = job->session;
    const nib_quant_settle_job settle = {.config = q->config,
                                         .model = q->model,
                                         .data = &s->data->train,
                                         .team = s->team,
                                         .weight = job->how,
                                         .data_tensor = job->how,
                                         .rows = job->rows};
    NIB_TRY(nib_quant_settle(&settle, err));
    /* hls4ml's defaults cut and wrap: that is what is looked at. */
    const nib_log silent = {NULL, NULL};
    return nib_quant_check(q->model, q->config, is_like(types) ? &silent : job->log, err);
}

static nib_status lower(const nib_quantize_types *types, nib_quantized *q, nib_error *err)
{
    const nib_quant_config *c = &q->config->quant;
    const nib_lower_options how = {.allow_float = c->allow_float, .fallback = c->fallback};
    if (is_like(types))
        NIB_TRY(nib_hls4ml_weights(q->model, q->model->params->value, err));
    NIB_TRY(nib_lower_model(q->model, &how, q->arena, &q->lowering, err));
    if (is_like(types))
        NIB_TRY(nib_hls4ml_finish(&q->like, q->arena, &q->lowering.net, err));
    return NIB_OK;
}

static nib_status evaluate(const nib_quantize_job *job, nib_quantized *q, nib_error *err)
{
    const nib_data *d = job->session->data;
    const struct {
        const nib_dataset *rows;
        const char *title;
    } part[NIB_QUANTIZE_PARTS] = {{&d->validation, "validation"}, {&d->test, "test"}};
    for (int i = 0; i < NIB_QUANTIZE_PARTS; i++) {
        if (part[i].rows->rows < 1)
            continue;
        nib_evaluator **e = &q->evaluator[q->parts];
        NIB_TRY(nib_evaluator_create(e, q->model, part[i].rows, true, job->session->team, err));
        q->title[q->parts++] = part[i].title;
        nib_evaluator_emulate(*e, &q->lowering.net);
        NIB_TRY(nib_evaluator_run(*e, err));
    }
    return NIB_OK;
}

static nib_status build(const nib_quantize_job *job, const nib_quantize_types *types, nib_quantized *q,
                        nib_error *err)
{
    const nib_session *s = job->session;
    NIB_TRY(read_config(job, types, q, err));
    if (!q->config->quant.present)
        return nib_fail(
            err, NIB_ERR_USAGE,
            "nibble quantize: no types: name one ('fixed<8,3,RND,SAT>'), give --bits N for calibrated "
            "ones, or set them with --set quant...");
    NIB_TRY(nib_model_create(&q->model, q->config, &s->file->shapes, err));
    NIB_TRY(nib_model_file_load(s->file->path, q->model->params, err));
    NIB_TRY(settle(job, types, q, err));
    return lower(types, q, err);
}

nib_status nib_quantize_build(const nib_quantize_job *job, const nib_quantize_types *types,
                              nib_quantized *quantized, nib_error *err)
{
    *quantized = (nib_quantized){.arena = nib_arena_create()};
    if (!quantized->arena)
        return nib_fail_memory(err, "quantized model");
    nib_status status = build(job, types, quantized, err);
    if (status != NIB_OK)
        nib_quantized_destroy(quantized);
    return status;
}

nib_status nib_quantize(const nib_quantize_job *job, const nib_quantize_types *types,
                        nib_quantized *quantized, nib_error *err)
{
    NIB_TRY(nib_quantize_build(job, types, quantized, err));
    nib_status status = evaluate(job, quantized, err);
    if (status != NIB_OK)
        nib_quantized_destroy(quantized);
    return status;
}

void nib_quantized_destroy(nib_quantized *q)
{
    for (int i = 0; i < q->parts; i++)
        nib_evaluator_destroy(q->evaluator[i]);
    nib_model_destroy(q->model);
    nib_config_destroy(q->config);
    nib_arena_destroy(q->arena);
    *q = (nib_quantized){.arena = NULL};
}

/* ---- Scans ---- */

static const char *const scan_names[] = {"bits", "integer", "fraction"};

const char *nib_scan_name(nib_scan_kind kind)
{
    return scan_names[kind];
}

static bool add_range(nib_scan *scan, long first, long last, long step)
{
    step = first <= last ? labs(step) : -labs(step);
    for (long v = first; step > 0 ? v <= last : v >= last; v += step) {
        if (scan->count >= NIB_SCAN_MAX || labs(v) > NIB_FIXED_MAX_INTEGER)
            return false;
        scan->value[scan->count++] = (int)v;
    }
    return true;
}

/* "4", "4:16" or "4:16:2"; moves *at behind it. */
static bool parse_range(const char **at, nib_scan *scan)
{
    long number[3] = {0, 0, 1};
    int n = 0;
    do {
        char *end;
        const char *from = *at + (n > 0 ? 1 : 0);
        number[n++] = strtol(from, &end, 10);
        if (end == from)
            return false;
        *at = end;
    } while (n < 3 && **at == ':');
    return number[2] != 0 && add_range(scan, number[0], n > 1 ? number[1] : number[0], number[2]);
}

nib_status nib_scan_parse(const char *text, nib_scan *scan, nib_error *err)
{
    *scan = (nib_scan){.count = 0};
    for (int k = 0; k < 3; k++) {
        const size_t bytes = strlen(scan_names[k]);
        if (strncmp(text, scan_names[k], bytes) != 0 || text[bytes] != '=')
            continue;
        const char *at = text + bytes;
        scan->kind = (nib_scan_kind)k;
        do {
            at++;
            if (!parse_range(&at, scan))
                break;
        } while (*at == ',');
        if (*at == '\0' && scan->count > 0)
            return NIB_OK;
        break;
    }
    return nib_fail(
        err, NIB_ERR_USAGE,
        "--scan: '%.60s' is none of bits=16,14,12  integer=2:8  fraction=12:2:2 (up to %d values)", text,
        (int)NIB_SCAN_MAX);
}

nib_status nib_scan_type(const nib_scan *scan, int index, nib_fixed *type, nib_error *err)
{
    const int v = scan->value[index], fraction = nib_fixed_fraction(type);
    nib_error inner = {NIB_OK, ""};
    if (scan->kind == NIB_SCAN_INTEGER)
        type->integer = v;
    type->bits = scan->kind == NIB_SCAN_BITS      ? v
                 : scan->kind == NIB_SCAN_INTEGER ? v + fraction
                                                  : type->integer + v;
    if (nib_fixed_check(type, NIB_FIXED_MAX_BITS, &inner) == NIB_OK)
        return NIB_OK;
    return nib_fail(err, NIB_ERR_USAGE, "--scan %s=%d: %s", scan_names[scan->kind], v, inner.message);
}
