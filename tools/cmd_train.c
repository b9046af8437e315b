/* nibble train: config in, run folder out. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "datasets/prepared.h"
#include "tools/command.h"
#include "tools/cost_report.h"
#include "tools/probe.h"
#include "tools/progress.h"
#include "tools/report.h"
#include "tools/session.h"
#include "train/distill.h"
#include "train/fit.h"
#include "train/manifest.h"
#include "train/model_file.h"
#include "train/quant_prepare.h"

typedef struct options {
    nib_arg_list set;
    const char *runs, *output, *resume, *prepared;
    int64_t threads, until;
    bool quiet, json;
} options;

static const nib_arg args[] = {
    {"set", 's', NIB_ARG_LIST, offsetof(options, set), 0, 0, "KEY=VALUE",
     "change a key of the config (may be repeated)"},
    {"runs", 0, NIB_ARG_TEXT, offsetof(options, runs), 0, 0, "DIR",
     "where numbered run folders are made (runs)"},
    {"output", 'o', NIB_ARG_TEXT, offsetof(options, output), 0, 0, "DIR",
     "this very run folder, new or empty"},
    {"resume", 0, NIB_ARG_TEXT, offsetof(options, resume), 0, 0, "RUN", "go on with an interrupted run"},
    {"prepared", 0, NIB_ARG_TEXT, offsetof(options, prepared), 0, 0, "DIR",
     "map the data as prepared in DIR, made there the first time: the next start is at once"},
    {"until", 0, NIB_ARG_INT, offsetof(options, until), 1, 1e9, "EPOCH",
     "end after this epoch; --resume goes on later, as if there had been no pause"},
    {"threads", 't', NIB_ARG_INT, offsetof(options, threads), 1, 1024, "N",
     "threads (NIBBLE_THREADS, else the processors); never changes a result"},
    {"quiet", 'q', NIB_ARG_FLAG, offsetof(options, quiet), 0, 0, NULL, "print warnings and errors only"},
    {"json", 0, NIB_ARG_FLAG, offsetof(options, json), 0, 0, NULL,
     "print the summary as JSON on standard output"},
};

/* All that a training holds, so that one function frees it. */
typedef struct training {
    const options *o;
    const nib_invocation *call;
    nib_arena *arena;
    nib_config *config;
    nib_team *team;
    nib_data *data;
    nib_model *model;
    nib_run_folder *run;
    cJSON *manifest;
    nib_evaluator *evaluator[2];
    const char *title[2];
    int parts;
    nib_progress progress;
    nib_log log;
    nib_fit_result result;
} training;

static nib_status check_call(const nib_invocation *call, const options *o, nib_error *err)
{
    if (o->resume && (call->count || o->set.count || o->output || o->runs))
        return nib_fail(
            err, NIB_ERR_USAGE,
            "nibble train: --resume goes on with the run's own config; it takes no CONFIG, --set, --runs or "
            "--output");
    if (!o->resume && call->count == 0)
        return nib_fail(err, NIB_ERR_USAGE, "nibble train: CONFIG is missing (nibble init NAME writes one)");
    return NIB_OK;
}

/* Types that are to be chosen become numbers in the run's config, so a resumed run finds them there. */
static nib_status prepare_quantizers(training *t, nib_error *err)
{
    const nib_quant_settle_job job = nib_quant_settle_defaults(t->config, t->model, &t->data->train, t->team);
    NIB_TRY(nib_quant_settle(&job, err));
    return nib_quant_check(t->model, t->config, &t->log, err);
}

static nib_status load(training *t, nib_error *err)
{
    const char *config = t->o->resume ? NULL : t->call->argument[0];
    if (t->o->resume) {
        NIB_TRY(nib_run_folder_open(t->o->resume, &t->run, err));
        config = nib_run_folder_config(t->run);
    }
    NIB_TRY(nib_config_read(config, t->o->set.text, t->o->set.count, &t->config, err));
    NIB_TRY(nib_session_team(t->o->threads, t->config->train.batch, &t->team, err));
    NIB_TRY(nib_probe_data(t->config->data, NIB_DATA_ALL, err));
    if (t->o->prepared)
        NIB_TRY(nib_prepared_load(t->config->data, t->o->prepared, t->team, &t->log, &t->data, err));
    else
        NIB_TRY(nib_data_load(t->config->data, NULL, NIB_DATA_ALL, t->team, &t->log, &t->data, err));
    if (t->config->train.distill.teacher) {
        NIB_TRY(nib_probe_model(t->config->train.distill.teacher, err));
        t->config->train.distill.joined = true;
    }
    NIB_TRY(nib_model_create(&t->model, t->config, &t->data->train, err));
    NIB_TRY(nib_distill_attach(t->model, t->config, t->data, t->team, err));
    if (t->config->model.init_from && !t->o->resume) {
        NIB_TRY(nib_probe_model(t->config->model.init_from, err));
        NIB_TRY(nib_model_file_load(t->config->model.init_from, t->model->params, err));
        nib_log_info(&t->log, "weights from %s", t->config->model.init_from);
    }
    return t->o->resume ? NIB_OK : prepare_quantizers(t, err);
}

static nib_status start_run(training *t, nib_error *err)
{
    if (!t->run) {
        const char *text = nib_config_text(t->config);
        if (!text)
            return nib_fail_memory(err, "config");
        NIB_TRY(nib_run_folder_create(t->o->runs ? t->o->runs : "runs", t->config->name, t->o->output,
                                      &t->run, err));
        NIB_TRY(nib_run_folder_write(t->run, "config.yaml", text, err));
    }
    t->progress.log = nib_run_folder_log(t->run);
    nib_manifest_facts facts = {.version = NIBBLE_VERSION,
                                .argc = t->call->argc,
                                .argv = t->call->argv,
                                .threads = nib_team_threads(t->team),
                                .config = t->config,
                                .data = t->data,
                                .parent = t->config->model.init_from};
    t->manifest = t->o->resume ? nib_manifest_resume(t->run, &facts) : NULL;
    if (!t->manifest)
        t->manifest = nib_manifest_create(&facts);
    if (!t->manifest)
        return nib_fail_memory(err, "manifest");
    return nib_run_folder_write_json(t->run, "manifest.json", t->manifest, err);
}

static void introduce(training *t)
{
    const nib_data *d = t->data;
    nib_progress_text(&t->progress, nib_model_summary(t->model, t->arena));
    if (t->model->n_tensors > 0 && !t->o->resume)
        nib_progress_text(&t->progress, nib_quant_table(t->model, t->config, t->arena));
    nib_log_info(&t->log, "data: %lld rows to train on, %lld to validate, %lld to test",
                 (long long)d->train.rows, (long long)d->validation.rows, (long long)d->test.rows);
    nib_log_info(&t->log, "run folder: %s   threads: %d", nib_run_folder_path(t->run),
                 nib_team_threads(t->team));
}

static nib_status fit(training *t, nib_error *err)
{
    nib_fit_job job = {.config = t->config,
                       .model = t->model,
                       .data = t->data,
                       .team = t->team,
                       .run = t->run,
                       .resume = t->o->resume != NULL,
                       .until = t->o->until,
                       .stop = &nib_session_stop,
                       .observer = nib_progress_observer(&t->progress),
                       .log = &t->log};
    return nib_fit(&job, &t->result, err);
}

/* Scores of the weights that best.h5 holds; the test part is looked at here, once. */
static nib_status evaluate(training *t, nib_error *err)
{
    const struct {
        const nib_dataset *data;
        const char *title;
    } part[2] = {{&t->data->validation, "validation"}, {&t->data->test, "test"}};
    for (int i = 0; i < 2; i++) {
        if (part[i].data->rows < 1)
            continue;
        nib_evaluator **e = &t->evaluator[t->parts];
        NIB_TRY(nib_evaluator_create(e, t->model, part[i].data, true, t->team, err));
        NIB_TRY(nib_evaluator_run(*e, err));
        t->title[t->parts++] = part[i].title;
    }
    return NIB_OK;
}

static cJSON *summary_json(const training *t)
{
    const nib_fit_result *r = &t->result;
    cJSON *json = cJSON_CreateObject();
    cJSON_AddStringToObject(json, "run", nib_run_folder_path(t->run));
    cJSON_AddStringToObject(json, "name", t->config->name);
    cJSON_AddNumberToObject(json, "epochs", (double)r->epochs);
    cJSON_AddNumberToObject(json, "best_epoch", (double)r->best_epoch);
    cJSON_AddStringToObject(json, "monitor", r->monitor);
    cJSON_AddNumberToObject(json, "best_monitored", r->best_monitored);
    cJSON_AddBoolToObject(json, "stopped_early", r->stopped_early);
    nib_report_parameters(json, t->model);
    cJSON_AddNumberToObject(json, "seconds", r->seconds);
    cJSON_AddNumberToObject(json, "samples_per_second", r->samples_per_second);
    for (int i = 0; i < t->parts; i++)
        cJSON_AddItemToObject(json, t->title[i], nib_report_json(t->model, t->evaluator[i]));
    return json;
}

static void print_result(training *t)
{
    char rate[16], time[32];
    const nib_fit_result *r = &t->result;
    nib_format_rate(r->samples_per_second, rate);
    nib_format_duration(r->seconds, time);
    nib_log_info(&t->log, "%lld epochs in %s, %s samples/s; weights of epoch %lld (best %s, %.4f)%s",
                 (long long)r->epochs, time, rate, (long long)r->best_epoch, r->monitor, r->best_monitored,
                 r->stopped_early ? "; stopped early" : "");
    if (t->parts == 0)
        return;
    const nib_evaluator *shown[2] = {t->evaluator[0], t->evaluator[1]};
    nib_progress_text(&t->progress, nib_report_scores(t->arena, t->parts, shown, t->title));
    for (int i = 0; i < t->model->n_outputs; i++) {
        const char *text = nib_report_confusion(t->arena, t->model, shown[t->parts - 1], i);
        if (text)
            nib_progress_text(&t->progress, text);
    }
}

/* What the quantized model costs; one without an integer form has none, and the reason is said. */
static nib_status add_cost(const training *t, cJSON *summary, nib_error *err)
{
    nib_lowering lowering;
    nib_error why = {NIB_OK, ""};
    cJSON *cost;
    if (t->model->n_tensors == 0)
        return NIB_OK;
    const nib_lower_options how = {.allow_float = t->model->quant->allow_float,
                                   .fallback = t->model->quant->fallback};
    if (nib_lower_model(t->model, &how, t->arena, &lowering, &why) != NIB_OK) {
        nib_log_info(&t->log, "no cost in summary.json: %s", why.message);
        return NIB_OK;
    }
    NIB_TRY(nib_cost_summary_json(&lowering.net, t->config, &cost, err));
    cJSON_AddItemToObject(summary, "cost", cost);
    return NIB_OK;
}

static nib_status finish(training *t, nib_error *err)
{
    NIB_TRY(evaluate(t, err));
    cJSON *json = summary_json(t);
    nib_status status = add_cost(t, json, err);
    if (status == NIB_OK)
        status = nib_run_folder_write_json(t->run, "summary.json", json, err);
    if (status == NIB_OK) {
        print_result(t);
        nib_log_info(&t->log, "run folder: %s", nib_run_folder_path(t->run));
        char *text = t->o->json ? cJSON_Print(json) : NULL;
        if (text)
            printf("%s\n", text);
        cJSON_free(text);
    }
    cJSON_Delete(json);
    return status;
}

/* The manifest says how the run ended, also when it failed. */
static nib_status close_manifest(training *t, nib_status status, nib_error *err)
{
    nib_error second = {NIB_OK, ""};
    char text[NIB_ERROR_BYTES + 16] = "done";
    if (status == NIB_ERR_INTERRUPTED)
        (void)snprintf(text, sizeof text, "interrupted");
    else if (status != NIB_OK)
        (void)snprintf(text, sizeof text, "failed: %s", err->message);
    if (status != NIB_OK && t->progress.log)
        fprintf(t->progress.log, "%s\n", err->message);
    nib_status written = nib_manifest_finish(t->manifest, t->run, text, &second);
    if (status != NIB_OK || written == NIB_OK)
        return status;
    *err = second;
    return written;
}

static nib_status work(training *t, nib_error *err)
{
    NIB_TRY(load(t, err));
    NIB_TRY(start_run(t, err));
    introduce(t);
    nib_session_catch_signals();
    nib_status status = fit(t, err);
    if (t->progress.bar_drawn)
        fputs("\n", t->progress.out);
    if (status == NIB_OK)
        status = finish(t, err);
    return close_manifest(t, status, err);
}

static nib_status run(const nib_invocation *call, nib_error *err)
{
    training t = {.o = call->options, .call = call};
    NIB_TRY(check_call(call, t.o, err));
    if (!(t.arena = nib_arena_create()))
        return nib_fail_memory(err, "training");
    nib_progress_init(&t.progress, stderr, t.o->quiet);
    t.log = nib_progress_log(&t.progress);
    nib_status status = work(&t, err);
    cJSON_Delete(t.manifest);
    nib_evaluator_destroy(t.evaluator[0]);
    nib_evaluator_destroy(t.evaluator[1]);
    nib_run_folder_close(t.run);
    nib_model_destroy(t.model);
    nib_data_destroy(t.data);
    nib_team_destroy(t.team);
    nib_config_destroy(t.config);
    nib_arena_destroy(t.arena);
    return status;
}

const nib_command nib_command_train = {
    .name = "train",
    .arguments = "CONFIG",
    .help = "train a model and leave a run folder",
    .text = "  nibble train jets.yaml --set train.epochs=40 --set model.layers.fc1.units=32\n"
            "  nibble train --resume runs/jets-001\n\n"
            "The run folder holds config.yaml (resolved), metrics.csv, summary.json, manifest.json, best.h5, "
            "last.h5 (the\n"
            "checkpoint) and train.log. Ctrl-C finishes the step, writes a checkpoint and says how to go on.",
    .min_arguments = 0,
    .max_arguments = 1,
    NIB_ARG_TABLE(args),
    .option_bytes = sizeof(options),
    .run = run,
};
