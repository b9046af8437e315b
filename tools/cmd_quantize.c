/* nibble quantize: post-training quantization, and scans over types. */
#include <stdio.h>
#include <string.h>

#include "core/file.h"
#include "tools/command.h"
#include "tools/cost_report.h"
#include "tools/progress.h"
#include "tools/quantize.h"
#include "tools/report.h"
#include "tools/scan_report.h"
#include "train/manifest.h"
#include "train/quant_prepare.h"

typedef struct options {
    nib_arg_list set;
    const char *like, *weights, *calibrate, *scan, *tensors, *csv, *plot, *runs, *output, *prepared;
    double percentile;
    int64_t bits, rows, threads;
    bool force, quiet, json;
} options;

static const nib_arg args[] = {
    {"set", 's', NIB_ARG_LIST, offsetof(options, set), 0, 0, "KEY=VALUE",
     "change a key of the run's config: quant..., data... (may be repeated)"},
    {"like", 0, NIB_ARG_TEXT, offsetof(options, like), 0, 0, "hls4ml",
     "TYPE for accumulators and the softmax as well, as hls4ml's default precision has it"},
    {"weights", 'w', NIB_ARG_TEXT, offsetof(options, weights), 0, 0, "TYPE",
     "another type for weights and biases; TYPE is that of the data then"},
    {"bits", 'b', NIB_ARG_INT, offsetof(options, bits), 2, NIB_FIXED_MAX_FAKE, "N",
     "types of N bits (inputs, biases, outputs 8 or more), their integer bits calibrated"},
    {"calibrate", 'c', NIB_ARG_TEXT, offsetof(options, calibrate), 0, 0, "METHOD",
     "minmax, percentile, mse (default) or entropy: how auto becomes integer bits"},
    {"percentile", 0, NIB_ARG_REAL, offsetof(options, percentile), 50, 100, "P",
     "per cent of the values that percentile keeps (99.99)"},
    {"rows", 'n', NIB_ARG_INT, offsetof(options, rows), 1, 1e12, "N",
     "rows of the training part to calibrate on (65536)"},
    {"scan", 0, NIB_ARG_TEXT, offsetof(options, scan), 0, 0, "LIST",
     "a table instead of a run folder: bits=16,14,12 (at TYPE's integer bits), integer=2:8 (at its "
     "fraction), "
     "fraction=2:12 (at its integer bits)"},
    {"tensors", 0, NIB_ARG_TEXT, offsetof(options, tensors), 0, 0, "WHICH",
     "what a scan varies: all (default), weights (and biases) or data (inputs, results, outputs); the others "
     "keep "
     "TYPE"},
    {"csv", 0, NIB_ARG_TEXT, offsetof(options, csv), 0, 0, "FILE", "write a scan's table"},
    {"plot", 0, NIB_ARG_TEXT, offsetof(options, plot), 0, 0, "FILE", "draw a scan (.svg, .png, .pdf)"},
    {"force", 'f', NIB_ARG_FLAG, offsetof(options, force), 0, 0, NULL,
     "replace existing files of --csv and --plot"},
    {"runs", 0, NIB_ARG_TEXT, offsetof(options, runs), 0, 0, "DIR",
     "where numbered run folders are made (runs)"},
    {"output", 'o', NIB_ARG_TEXT, offsetof(options, output), 0, 0, "DIR",
     "this very run folder, new or empty"},
    {"prepared", 0, NIB_ARG_TEXT, offsetof(options, prepared), 0, 0, "DIR",
     "map the data as prepared in DIR, as nibble train does"},
    {"threads", 't', NIB_ARG_INT, offsetof(options, threads), 1, 1024, "N",
     "threads; never changes a result"},
    {"quiet", 'q', NIB_ARG_FLAG, offsetof(options, quiet), 0, 0, NULL, "print warnings and errors only"},
    {"json", 0, NIB_ARG_FLAG, offsetof(options, json), 0, 0, NULL,
     "print the summary, or the scan, as JSON on standard output"},
};

/* What is held while the command works. */
typedef struct work {
    const options *o;
    const nib_invocation *call;
    nib_session session;
    nib_quantize_job job;
    nib_quantize_types types;
    nib_progress progress;
    nib_log log;
} work;

/* ---- The call ---- */

static nib_status read_method(const options *o, nib_calibration *how, nib_error *err)
{
    const int kind = nib_calibrate_find(o->calibrate ? o->calibrate : "mse");
    if (kind < 0)
        return nib_fail(err, NIB_ERR_USAGE, "--calibrate: '%s' is none of minmax, percentile, mse, entropy",
                        o->calibrate);
    if (o->percentile > 0 && kind != NIB_CALIBRATE_PERCENTILE)
        return nib_fail(err, NIB_ERR_USAGE, "--percentile goes with --calibrate percentile");
    *how = (nib_calibration){.kind = (nib_calibrate_kind)kind, .percentile = o->percentile};
    return NIB_OK;
}

/* "hls4ml", or "hls4ml fixed<16,6>" in one word, as a sweep's parameter has it. */
static nib_status read_like(const char *like, const char **type, nib_error *err)
{
    static const char word[] = "hls4ml";
    const size_t bytes = sizeof word - 1;
    if (strncmp(like, word, bytes) != 0 || (like[bytes] != '\0' && like[bytes] != ' '))
        return nib_fail(err, NIB_ERR_USAGE, "--like: '%s' is not known; hls4ml is", like);
    const char *rest = like + bytes + strspn(like + bytes, " ");
    if (*rest && *type)
        return nib_fail(err, NIB_ERR_USAGE, "--like names the type %s, and %s stands behind RUN", rest,
                        *type);
    if (*rest)
        *type = rest;
    return NIB_OK;
}

static nib_status read_types(const nib_invocation *call, nib_quantize_types *types, nib_error *err)
{
    const options *o = call->options;
    const char *type = call->count > 1 ? call->argument[1] : NULL;
    nib_error inner = {NIB_OK, ""};
    *types = (nib_quantize_types){.kind = NIB_QUANTIZE_GIVEN, .bits = (int)o->bits};
    if (o->like)
        NIB_TRY(read_like(o->like, &type, err));
    if (o->like && !type)
        return nib_fail(err, NIB_ERR_USAGE,
                        "--like hls4ml needs a type: nibble quantize RUN --like hls4ml 'fixed<16,6>'");
    if (!type) {
        types->kind = o->bits > 0 ? NIB_QUANTIZE_BITS : NIB_QUANTIZE_GIVEN;
        return o->weights ? nib_fail(err, NIB_ERR_USAGE,
                                     "--weights needs the type of the data behind RUN, as 'fixed<16,6>'")
                          : NIB_OK;
    }
    if (o->bits > 0)
        return nib_fail(err, NIB_ERR_USAGE, "--bits and the type %s exclude each other", type);
    if (nib_fixed_parse(type, &types->data, NULL, &inner) != NIB_OK ||
        nib_fixed_parse(o->weights ? o->weights : type, &types->weight, NULL, &inner) != NIB_OK)
        return nib_fail(err, NIB_ERR_USAGE, "nibble quantize: %s", inner.message);
    types->kind = o->like ? NIB_QUANTIZE_HLS4ML : NIB_QUANTIZE_TYPE;
    return NIB_OK;
}

static nib_status check_call(const options *o, nib_error *err)
{
    if (!o->scan && (o->csv || o->plot || o->tensors))
        return nib_fail(err, NIB_ERR_USAGE, "--csv, --plot and --tensors go with --scan");
    if (o->scan && (o->runs || o->output))
        return nib_fail(err, NIB_ERR_USAGE, "a scan makes no run folder: --csv and --plot keep its table");
    const char *const file[] = {o->csv, o->plot};
    for (int i = 0; i < 2; i++)
        if (file[i] && nib_file_exists(file[i]) && !o->force)
            return nib_fail(err, NIB_ERR_USAGE, "%s exists; choose another name or give --force", file[i]);
    if (o->tensors && strcmp(o->tensors, "all") != 0 && strcmp(o->tensors, "weights") != 0 &&
        strcmp(o->tensors, "data") != 0)
        return nib_fail(err, NIB_ERR_USAGE, "--tensors: '%s' is none of all, weights, data", o->tensors);
    return NIB_OK;
}

/* ---- One model ---- */

static cJSON *summary_json(const work *w, const nib_quantized *q, const char *run)
{
    cJSON *json = cJSON_CreateObject(), *how = cJSON_CreateObject();
    char text[NIB_FIXED_TEXT_BYTES];
    cJSON_AddStringToObject(json, "run", run);
    cJSON_AddStringToObject(json, "parent", w->call->argument[0]);
    cJSON_AddStringToObject(json, "evaluation", "integer engine");
    if (w->types.kind == NIB_QUANTIZE_HLS4ML)
        cJSON_AddStringToObject(json, "like", "hls4ml");
    if (w->types.kind == NIB_QUANTIZE_HLS4ML || w->types.kind == NIB_QUANTIZE_TYPE) {
        cJSON_AddStringToObject(json, "type", nib_fixed_print(&w->types.data, NIB_FIXED_PLAIN, text));
        cJSON_AddStringToObject(json, "weights", nib_fixed_print(&w->types.weight, NIB_FIXED_PLAIN, text));
    }
    cJSON_AddStringToObject(how, "method", nib_calibrate_name(w->job.how.kind));
    cJSON_AddItemToObject(json, "calibration", how);
    nib_report_parameters(json, q->model);
    for (int i = 0; i < q->parts; i++)
        cJSON_AddItemToObject(json, q->title[i], nib_report_json(q->model, q->evaluator[i]));
    return json;
}

static nib_status write_run(const work *w, nib_quantized *q, nib_run_folder *run, nib_error *err)
{
    const nib_manifest_facts facts = {.version = NIBBLE_VERSION,
                                      .argc = w->call->argc,
                                      .argv = w->call->argv,
                                      .threads = nib_team_threads(w->session.team),
                                      .config = q->config,
                                      .data = w->session.data,
                                      .parent = w->call->argument[0]};
    const char *text = nib_config_text(q->config);
    cJSON *manifest = text ? nib_manifest_create(&facts) : NULL;
    if (!manifest)
        return nib_fail_memory(err, "manifest");
    nib_status status = nib_run_folder_write(run, "config.yaml", text, err);
    /* The model's own lowering ends at the logits, hls4ml's network with its softmax. */
    const nib_fixnet *net = q->like.n_heads > 0 ? &q->lowering.net : NULL;
    if (status == NIB_OK)
        status = nib_model_file_write_network(nib_run_folder_best(run), q->model, q->config, w->session.data,
                                              q->model->params->value, net, err);
    cJSON *summary = summary_json(w, q, nib_run_folder_path(run)), *cost = NULL;
    if (status == NIB_OK)
        status = nib_cost_summary_json(&q->lowering.net, q->config, &cost, err);
    if (cost)
        cJSON_AddItemToObject(summary, "cost", cost);
    if (status == NIB_OK)
        status = nib_run_folder_write_json(run, "summary.json", summary, err);
    if (status == NIB_OK)
        status = nib_manifest_finish(manifest, run, "done", err);
    char *printed = status == NIB_OK && w->o->json ? cJSON_Print(summary) : NULL;
    if (printed)
        printf("%s\n", printed);
    cJSON_free(printed);
    cJSON_Delete(summary);
    cJSON_Delete(manifest);
    return status;
}

static void show(work *w, const nib_quantized *q, const char *run)
{
    const nib_evaluator *shown[NIB_QUANTIZE_PARTS] = {q->evaluator[0], q->evaluator[1]};
    nib_progress_text(&w->progress, nib_quant_table(q->model, q->config, q->arena));
    if (q->parts > 0)
        nib_progress_text(&w->progress, nib_report_scores(q->arena, q->parts, shown, q->title));
    nib_log_info(&w->log, "run folder: %s", run);
}

/* "<base of RUN>-ptq": runs/jets-001 becomes runs/jets-001-ptq-001. */
static nib_status make_folder(const work *w, const nib_quantized *q, nib_run_folder **run, nib_error *err)
{
    char *path = nib_arena_strdup(q->arena, w->call->argument[0]);
    if (!path)
        return nib_fail_memory(err, "run folder");
    for (size_t n = strlen(path); n > 1 && path[n - 1] == '/'; n--)
        path[n - 1] = '\0';
    const char *name = nib_arena_printf(q->arena, "%s-ptq", nib_path_base(path));
    if (!name)
        return nib_fail_memory(err, "run folder");
    return nib_run_folder_create(w->o->runs ? w->o->runs : "runs", name, w->o->output, run, err);
}

static nib_status quantize_one(work *w, nib_error *err)
{
    nib_quantized q;
    nib_run_folder *run = NULL;
    NIB_TRY(nib_quantize(&w->job, &w->types, &q, err));
    nib_status status = make_folder(w, &q, &run, err);
    if (status == NIB_OK)
        status = write_run(w, &q, run, err);
    if (status == NIB_OK)
        show(w, &q, nib_run_folder_path(run));
    nib_run_folder_close(run);
    nib_quantized_destroy(&q);
    return status;
}

/* ---- Scans ---- */

static nib_status scan_types(const work *w, const nib_scan *scan, int index, nib_quantize_types *types,
                             nib_error *err)
{
    const char *tensors = w->o->tensors ? w->o->tensors : "all";
    *types = w->types;
    if (types->kind == NIB_QUANTIZE_BITS) {
        types->bits = scan->value[index];
        if (types->bits >= 2 && types->bits <= NIB_FIXED_MAX_FAKE)
            return NIB_OK;
        return nib_fail(err, NIB_ERR_USAGE, "--scan bits=%d: calibrated types have 2 to %d bits", types->bits,
                        (int)NIB_FIXED_MAX_FAKE);
    }
    if (strcmp(tensors, "data") != 0)
        NIB_TRY(nib_scan_type(scan, index, &types->weight, err));
    if (strcmp(tensors, "weights") != 0)
        NIB_TRY(nib_scan_type(scan, index, &types->data, err));
    return NIB_OK;
}

static nib_status check_scan(work *w, const nib_scan *scan, nib_error *err)
{
    if (w->types.kind == NIB_QUANTIZE_GIVEN)
        w->types = (nib_quantize_types){.kind = NIB_QUANTIZE_BITS};
    if (w->types.kind != NIB_QUANTIZE_BITS)
        return NIB_OK;
    if (scan->kind == NIB_SCAN_BITS && !w->o->tensors)
        return NIB_OK;
    return nib_fail(
        err, NIB_ERR_USAGE,
        "--scan %s%s needs a type to start from, as 'fixed<16,6>'; calibrated scans vary the bits of all",
        nib_scan_name(scan->kind), w->o->tensors ? " with --tensors" : "");
}

static nib_status scan(work *w, nib_error *err)
{
    nib_scan scan;
    nib_scan_report *report;
    NIB_TRY(nib_scan_parse(w->o->scan, &scan, err));
    NIB_TRY(check_scan(w, &scan, err));
    w->job.allow_dead = true;
    NIB_TRY(nib_scan_report_create(&report, &w->session, &scan, err));
    nib_status status = NIB_OK;
    for (int i = 0; status == NIB_OK && i < scan.count; i++) {
        nib_quantize_types types;
        nib_quantized q;
        status = scan_types(w, &scan, i, &types, err);
        if (status == NIB_OK)
            status = nib_quantize(&w->job, &types, &q, err);
        if (status != NIB_OK)
            break;
        nib_scan_report_add(report, i, &types, &q);
        nib_quantized_destroy(&q);
    }
    if (status == NIB_OK)
        status = nib_scan_report_print(report, stdout, w->o->json, err);
    if (status == NIB_OK && w->o->csv)
        status = nib_scan_report_csv(report, w->o->csv, err);
    if (status == NIB_OK && w->o->plot)
        status = nib_scan_report_plot(report, w->o->plot, err);
    nib_scan_report_destroy(report);
    return status;
}

static nib_status run(const nib_invocation *call, nib_error *err)
{
    work w = {.o = call->options, .call = call};
    NIB_TRY(check_call(w.o, err));
    NIB_TRY(read_types(call, &w.types, err));
    NIB_TRY(read_method(w.o, &w.job.how, err));
    nib_progress_init(&w.progress, stderr, w.o->quiet || w.o->scan);
    w.log = nib_progress_log(&w.progress);
    /* What --set says of data holds for the rows that are loaded; of the rest, after the types. */
    static const char *data_sets[NIB_ARG_LIST_MAX];
    nib_session_data wanted = {
        .part = "train", .targets = true, .weights = true, .sets = data_sets, .prepared = w.o->prepared};
    for (int i = 0; i < w.o->set.count; i++)
        if (strncmp(w.o->set.text[i], "data.", 5) == 0)
            data_sets[wanted.n_sets++] = w.o->set.text[i];
    NIB_TRY(nib_session_open(call->argument[0], &wanted, w.o->threads, &w.log, &w.session, err));
    w.job.session = &w.session;
    w.job.rows = w.o->rows;
    w.job.n_sets = w.o->set.count;
    w.job.sets = w.o->set.text;
    w.job.log = &w.log;
    nib_status status = w.o->scan ? scan(&w, err) : quantize_one(&w, err);
    nib_session_close(&w.session);
    return status;
}

const nib_command nib_command_quantize = {
    .name = "quantize",
    .arguments = "RUN|MODEL [TYPE]",
    .help = "quantize a trained model without training: types given or calibrated; scans over types",
    .text =
        "  nibble quantize runs/jets-001 --bits 6 --calibrate percentile\n"
        "  nibble quantize runs/jets-001 --set quant.default.weight='fixed<8,1,RND_CONV,SAT>' --set "
        "quant...\n"
        "  nibble quantize runs/jets-001 --like hls4ml 'fixed<16,6>'\n"
        "  nibble quantize runs/jets-001 --like hls4ml 'fixed<16,6>' --scan bits=16:6:2 --tensors weights "
        "--plot scan.svg\n"
        "  nibble quantize runs/jets-001 --scan bits=8:3\n\n"
        "Scores are those of the integer engine. TYPE is for weights, biases, inputs and outputs of layers, "
        "with\n"
        "accumulators wide enough; --like hls4ml has it for accumulators and the softmax too. The new run "
        "folder has\n"
        "config.yaml, best.h5, summary.json and manifest.json, which names the parent.",
    .min_arguments = 1,
    .max_arguments = 2,
    NIB_ARG_TABLE(args),
    .option_bytes = sizeof(options),
    .run = run,
};
