/* nibble strip: a run whose dead neurons are gone, shown to compute the same. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/file.h"
#include "tools/command.h"
#include "tools/progress.h"
#include "tools/session.h"
#include "train/manifest.h"
#include "train/strip.h"

typedef struct options {
    const char *runs, *output;
    int64_t threads;
    bool quiet, json;
} options;

static const nib_arg args[] = {
    {"runs", 0, NIB_ARG_TEXT, offsetof(options, runs), 0, 0, "DIR",
     "where numbered run folders are made (runs)"},
    {"output", 'o', NIB_ARG_TEXT, offsetof(options, output), 0, 0, "DIR",
     "this very run folder, new or empty"},
    {"threads", 't', NIB_ARG_INT, offsetof(options, threads), 1, 1024, "N", "threads"},
    {"quiet", 'q', NIB_ARG_FLAG, offsetof(options, quiet), 0, 0, NULL, "print warnings and errors only"},
    {"json", 0, NIB_ARG_FLAG, offsetof(options, json), 0, 0, NULL,
     "print the summary as JSON on standard output"},
};

/* Largest difference allowed between float networks, of the largest output: other orders of summing. */
static const double float_tolerance = 1e-6;

/* How far apart the outputs of the two networks are. */
typedef struct proof {
    int64_t rows;
    double largest, apart; /* |output|, and difference, over all rows and outputs */
    bool equal;            /* to the last bit */
} proof;

static nib_status compare_part(const nib_session *s, const nib_strip *strip, const nib_dataset *rows,
                               proof *p, nib_error *err)
{
    nib_evaluator *a = NULL, *b = NULL;
    if (rows->rows < 1)
        return NIB_OK;
    nib_status status = nib_evaluator_create(&a, s->model, rows, false, s->team, err);
    if (status == NIB_OK)
        status = nib_evaluator_create(&b, strip->model, rows, false, s->team, err);
    if (status == NIB_OK)
        status = nib_evaluator_run(a, err);
    if (status == NIB_OK)
        status = nib_evaluator_run(b, err);
    for (int i = 0; status == NIB_OK && i < s->model->n_outputs; i++) {
        const nib_metric_data x = nib_evaluator_output(a, i), y = nib_evaluator_output(b, i);
        for (int64_t k = 0; k < x.rows * x.width; k++) {
            const double wanted = (double)x.logits[k], got = (double)y.logits[k];
            p->largest = fmax(p->largest, fabs(wanted));
            p->apart = fmax(p->apart, fabs(wanted - got));
            p->equal = p->equal && wanted == got;
        }
    }
    p->rows += rows->rows;
    nib_evaluator_destroy(a);
    nib_evaluator_destroy(b);
    return status;
}

/* On every row there is. Quantized networks must agree to the last bit. */
static nib_status prove(const nib_session *s, const nib_strip *strip, proof *p, nib_error *err)
{
    *p = (proof){.equal = true};
    NIB_TRY(compare_part(s, strip, &s->data->train, p, err));
    NIB_TRY(compare_part(s, strip, &s->data->validation, p, err));
    NIB_TRY(compare_part(s, strip, &s->data->test, p, err));
    const bool quantized = s->config->quant.present;
    if (quantized ? p->equal : p->apart <= float_tolerance * p->largest)
        return NIB_OK;
    return nib_fail(err, NIB_ERR_UNSUPPORTED,
                    "the stripped network would give other outputs (up to %.3g apart, the largest output is "
                    "%.3g); nothing was written",
                    p->apart, p->largest);
}

static cJSON *count_json(const nib_strip_count *count)
{
    cJSON *json = cJSON_CreateObject();
    cJSON_AddNumberToObject(json, "neurons", (double)count->neurons);
    cJSON_AddNumberToObject(json, "macs", (double)count->macs);
    cJSON_AddNumberToObject(json, "weights", (double)count->weights);
    return json;
}

static cJSON *summary_json(const nib_run_folder *run, const char *parent, const nib_strip *strip,
                           const proof *p)
{
    cJSON *json = cJSON_CreateObject();
    cJSON_AddStringToObject(json, "run", nib_run_folder_path(run));
    cJSON_AddStringToObject(json, "parent", parent);
    cJSON_AddItemToObject(json, "before", count_json(&strip->before));
    cJSON_AddItemToObject(json, "after", count_json(&strip->after));
    cJSON_AddNumberToObject(json, "folded_biases", strip->folds);
    cJSON_AddNumberToObject(json, "rows_compared", (double)p->rows);
    cJSON_AddBoolToObject(json, "outputs_equal", p->equal);
    cJSON_AddNumberToObject(json, "largest_difference", p->apart);
    cJSON_AddNumberToObject(json, "largest_output", p->largest);
    return json;
}

/* "runs/jets-003" -> "jets-stripped" */
static const char *name_of(nib_arena *arena, const char *path)
{
    char *name = nib_arena_strdup(arena, path);
    size_t n = name ? strlen(name) : 0;
    while (n > 1 && name[n - 1] == '/')
        name[--n] = '\0';
    if (!name)
        return NULL;
    const char *base = nib_path_base(name);
    n = strcspn(base, ".");
    while (n > 1 && base[n - 1] >= '0' && base[n - 1] <= '9')
        n--;
    n -= n > 1 && base[n - 1] == '-';
    return nib_arena_printf(arena, "%.*s-stripped", (int)n, base);
}

static nib_status write_run(const nib_session *s, const nib_invocation *call, const nib_strip *strip,
                            const proof *p, nib_run_folder *run, nib_error *err)
{
    const char *text = nib_config_text(strip->config);
    if (!text)
        return nib_fail_memory(err, "config");
    NIB_TRY(nib_run_folder_write(run, "config.yaml", text, err));
    NIB_TRY(nib_model_file_write(nib_run_folder_best(run), strip->model, strip->config, s->data,
                                 strip->model->params->value, err));
    cJSON *json = summary_json(run, call->argument[0], strip, p);
    nib_status status = nib_run_folder_write_json(run, "summary.json", json, err);
    char *shown = ((const options *)call->options)->json ? cJSON_Print(json) : NULL;
    if (shown && status == NIB_OK)
        printf("%s\n", shown);
    cJSON_free(shown);
    cJSON_Delete(json);
    NIB_TRY(status);
    const nib_manifest_facts facts = {.version = NIBBLE_VERSION,
                                      .argc = call->argc,
                                      .argv = call->argv,
                                      .threads = nib_team_threads(s->team),
                                      .config = strip->config,
                                      .data = s->data,
                                      .parent = call->argument[0]};
    cJSON *manifest = nib_manifest_create(&facts);
    if (!manifest)
        return nib_fail_memory(err, "manifest");
    status = nib_manifest_finish(manifest, run, "done", err);
    cJSON_Delete(manifest);
    return status;
}

static void print_result(const nib_log *log, const nib_strip *s, const proof *p, const char *path)
{
    const nib_strip_count *a = &s->before, *b = &s->after;
    nib_log_info(log,
                 "neurons %" PRId64 " -> %" PRId64 ", MACs %" PRId64 " -> %" PRId64 " (%.1f%% fewer), "
                 "weights that are not zero %" PRId64 " -> %" PRId64,
                 a->neurons, b->neurons, a->macs, b->macs,
                 a->macs > 0 ? 100 * (1 - (double)b->macs / (double)a->macs) : 0.0, a->weights, b->weights);
    if (p->equal)
        nib_log_info(log, "outputs are the same to the last bit on %" PRId64 " rows", p->rows);
    else
        nib_log_info(log, "outputs differ by at most %.3g on %" PRId64 " rows, %.2g of the largest (%.3g)",
                     p->apart, p->rows, p->apart / p->largest, p->largest);
    nib_log_info(log, "run folder: %s", path);
}

static nib_status strip_run(nib_session *s, const nib_invocation *call, nib_arena *arena, const nib_log *log,
                            nib_error *err)
{
    const options *o = call->options;
    nib_strip strip;
    nib_run_folder *run = NULL;
    proof p;
    const char *name = name_of(arena, call->argument[0]);
    if (!name)
        return nib_fail_memory(err, "strip");
    NIB_TRY(nib_strip_model(s->model, s->config, &s->file->shapes, s->team, &strip, err));
    nib_status status = prove(s, &strip, &p, err);
    if (status == NIB_OK)
        status = nib_run_folder_create(o->runs ? o->runs : "runs", name, o->output, &run, err);
    if (status == NIB_OK)
        status = write_run(s, call, &strip, &p, run, err);
    if (status == NIB_OK)
        print_result(log, &strip, &p, nib_run_folder_path(run));
    nib_run_folder_close(run);
    nib_strip_close(&strip);
    return status;
}

static nib_status run(const nib_invocation *call, nib_error *err)
{
    const options *o = call->options;
    nib_progress progress;
    nib_session session;
    nib_progress_init(&progress, stderr, o->quiet);
    const nib_log log = nib_progress_log(&progress);
    const nib_session_data wanted = {.part = "train", .targets = true, .weights = true};
    nib_arena *arena = nib_arena_create();
    if (!arena)
        return nib_fail_memory(err, "strip");
    nib_status status = nib_session_open(call->argument[0], &wanted, o->threads, &log, &session, err);
    if (status == NIB_OK) {
        status = strip_run(&session, call, arena, &log, err);
        nib_session_close(&session);
    }
    nib_arena_destroy(arena);
    return status;
}

const nib_command nib_command_strip = {
    .name = "strip",
    .arguments = "RUN|MODEL",
    .help = "remove pruned neurons: a new run with a smaller network that computes the same",
    .text = "  nibble strip runs/jets-002\n\n"
            "Neurons that are constant or that no weight leads on from are removed, with their bias, batch "
            "norm and rows in\n"
            "the next kernels; constants go into the next bias. The outputs of both networks are compared on "
            "all rows of the\n"
            "run's data: quantized networks must agree to the last bit, float ones to 1e-6 of the largest "
            "output.",
    .min_arguments = 1,
    .max_arguments = 1,
    NIB_ARG_TABLE(args),
    .option_bytes = sizeof(options),
    .run = run,
};
