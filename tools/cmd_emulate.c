/* nibble emulate: what the hardware would answer, from the integer engine. */
#include <inttypes.h>
#include <stdio.h>

#include "core/file.h"
#include "tools/command.h"
#include "tools/export_check.h"
#include "tools/network.h"
#include "tools/predictions.h"
#include "tools/probe.h"
#include "tools/progress.h"
#include "tools/quantize.h"
#include "tools/report.h"
#include "tools/trace_file.h"
#include "train/run_folder.h"

typedef struct options {
    const char *data, *part, *output, *trace, *types;
    nib_arg_list set;
    int64_t threads, rows;
    bool logits, force, quiet, json, blind, golden;
} options;

static const nib_arg args[] = {
    {"data", 'd', NIB_ARG_TEXT, offsetof(options, data), 0, 0, "FILE",
     "a file laid out like the run's own; all its rows are taken"},
    {"part", 'p', NIB_ARG_TEXT, offsetof(options, part), 0, 0, "PART", "test (default), validation or train"},
    {"rows", 'n', NIB_ARG_INT, offsetof(options, rows), 1, 1e12, "N", "the first N rows only"},
    {"output", 'o', NIB_ARG_TEXT, offsetof(options, output), 0, 0, "FILE",
     "write the predictions: .h5, .npy or .csv"},
    {"logits", 'l', NIB_ARG_FLAG, offsetof(options, logits), 0, 0, NULL,
     "what the last layer gives, before softmax or sigmoid"},
    {"trace", 'T', NIB_ARG_TEXT, offsetof(options, trace), 0, 0, "FILE",
     "write codes and values of every layer (HDF5)"},
    {"golden", 'g', NIB_ARG_FLAG, offsetof(options, golden), 0, 0, NULL,
     "run the golden samples of an exported model.h5 and compare (with --trace: write them); no other data "
     "are "
     "read"},
    {"types", 0, NIB_ARG_TEXT, offsetof(options, types), 0, 0, "YAML",
     "with the types of this hls4ml project (hls4ml_config.yml) instead of the model's own"},
    {"no-metrics", 0, NIB_ARG_FLAG, offsetof(options, blind), 0, 0, NULL, "the data need no targets"},
    {"force", 'f', NIB_ARG_FLAG, offsetof(options, force), 0, 0, NULL, "replace existing files"},
    {"set", 's', NIB_ARG_LIST, offsetof(options, set), 0, 0, "KEY=VALUE", "change a key"},
    {"threads", 't', NIB_ARG_INT, offsetof(options, threads), 1, 1024, "N", "threads"},
    {"quiet", 'q', NIB_ARG_FLAG, offsetof(options, quiet), 0, 0, NULL, "print no table"},
    {"json", 0, NIB_ARG_FLAG, offsetof(options, json), 0, 0, NULL,
     "print the scores as JSON on standard output"},
};

static void print_scores(const nib_session *s, const nib_evaluator *e, const options *o, const char *title,
                         nib_arena *arena)
{
    if (o->json) {
        cJSON *json = nib_report_json(s->model, e);
        char *text = cJSON_Print(json);
        if (text)
            printf("%s\n", text);
        cJSON_free(text);
        cJSON_Delete(json);
    } else if (!o->quiet) {
        printf("%s", nib_report_scores(arena, 1, &e, &title));
        for (int i = 0; i < s->model->n_outputs; i++) {
            const char *text = nib_report_confusion(arena, s->model, e, i);
            if (text)
                printf("%s", text);
        }
    }
}

static nib_status run_evaluator(const nib_session *s, const nib_fixnet *net, const nib_dataset *rows,
                                const options *o, const nib_writer *writer, const char *part,
                                nib_arena *arena, nib_error *err)
{
    nib_evaluator *e = NULL;
    NIB_TRY(nib_evaluator_create(&e, s->model, rows, !o->blind, s->team, err));
    nib_evaluator_emulate(e, net);
    nib_status status = nib_evaluator_run(e, err);
    if (status == NIB_OK && !o->blind)
        print_scores(s, e, o, o->data ? "file" : part, arena);
    if (status == NIB_OK && writer)
        status = nib_predictions_write(s, e, o->logits, writer, o->output, err);
    nib_evaluator_destroy(e);
    return status;
}

static nib_status emulate(const nib_session *s, const nib_fixnet *net, const options *o, const char *part,
                          const nib_writer *writer, nib_arena *arena, nib_error *err)
{
    const nib_dataset *all;
    NIB_TRY(nib_session_part(s, part, &all, err));
    nib_dataset rows = *all;
    rows.rows = o->rows > 0 && o->rows < all->rows ? o->rows : all->rows;
    NIB_TRY(run_evaluator(s, net, &rows, o, writer, part, arena, err));
    if (o->trace)
        NIB_TRY(nib_trace_file_write(o->trace, net, &rows, rows.rows, err));
    if (!o->quiet && writer)
        fprintf(stderr, "%" PRId64 " rows written to %s\n", rows.rows, o->output);
    if (!o->quiet && o->trace)
        fprintf(stderr, "trace of %" PRId64 " rows written to %s\n", rows.rows, o->trace);
    return NIB_OK;
}

static nib_status check_golden(const char *model, const options *o, nib_error *err)
{
    const char *path;
    nib_export_check check = {.rows = 0};
    nib_team *team = NULL;
    nib_arena *arena = nib_arena_create();
    nib_status status =
        arena ? nib_run_folder_resolve(arena, model, &path, err) : nib_fail_memory(err, "path");
    if (status == NIB_OK)
        status = nib_probe_file(path, err);
    if (status == NIB_OK)
        status = nib_session_team(o->threads, INT64_MAX / 2, &team, err);
    if (status == NIB_OK)
        status = nib_export_check_run(path, team, o->trace, &check, err);
    nib_team_destroy(team);
    nib_arena_destroy(arena);
    if (status != NIB_OK)
        return status;
    if (!o->quiet)
        printf("%" PRId64 " golden samples: %" PRId64 " of %" PRId64 " outputs differ\n", check.rows,
               check.differing, check.numbers);
    if (check.differing == 0)
        return NIB_OK;
    return nib_fail(err, NIB_ERR_DIVERGED, "%s: golden sample %" PRId64 " has other outputs", model,
                    check.first_row);
}

/* The model's own network, or the one that hls4ml would make of it. */
static nib_status emulate_as(const nib_session *s, const options *o, const char *part,
                             const nib_writer *writer, const nib_log *log, nib_arena *arena, nib_error *err)
{
    if (!o->types) {
        const nib_fixnet *net;
        NIB_TRY(nib_network_of_file(s->file->path, s->model, arena, log, &net, err));
        return emulate(s, net, o, part, writer, arena, err);
    }
    const nib_quantize_job job = {.session = s, .allow_dead = true, .log = log};
    const nib_quantize_types types = {.kind = NIB_QUANTIZE_PROJECT, .project = o->types};
    nib_quantized q;
    NIB_TRY(nib_quantize_build(&job, &types, &q, err));
    nib_status status = emulate(s, &q.lowering.net, o, part, writer, arena, err);
    nib_quantized_destroy(&q);
    return status;
}

static nib_status run(const nib_invocation *call, nib_error *err)
{
    const options *o = call->options;
    if (o->trace && nib_file_exists(o->trace) && !o->force)
        return nib_fail(err, NIB_ERR_USAGE, "%s exists; choose another name or give --force", o->trace);
    if (o->golden)
        return check_golden(call->argument[0], o, err);
    const nib_writer *writer = NULL;
    nib_progress progress;
    nib_session session;
    if (o->blind && !o->output && !o->trace)
        return nib_fail(err, NIB_ERR_USAGE, "nibble emulate: --no-metrics needs --output or --trace");
    if (o->output)
        NIB_TRY(nib_predictions_writer(o->output, o->force, &writer, err));
    nib_progress_init(&progress, stderr, o->quiet || o->json);
    nib_log log = nib_progress_log(&progress);
    const char *part = o->part ? o->part : "test";
    nib_session_data wanted = {
        .file = o->data, .part = part, .n_sets = o->set.count, .sets = o->set.text, .targets = !o->blind};
    NIB_TRY(nib_session_open(call->argument[0], &wanted, o->threads, &log, &session, err));
    nib_arena *arena = nib_arena_create();
    nib_status status =
        arena ? emulate_as(&session, o, part, writer, &log, arena, err) : nib_fail_memory(err, "emulation");
    nib_arena_destroy(arena);
    nib_session_close(&session);
    return status;
}

const nib_command nib_command_emulate = {
    .name = "emulate",
    .arguments = "RUN|MODEL",
    .help = "scores and predictions of a quantized model, computed in integers as hardware does",
    .text =
        "  nibble emulate runs/jets-001\n  nibble emulate runs/jets-001 --data other.h5 -o scores.h5\n  "
        "nibble emulate runs/jets-001 --rows 1000 --trace layers.h5\n  nibble emulate export/model.h5 "
        "--golden\n"
        "  nibble emulate runs/jets-001 --types hls4ml_config.yml\n\n"
        "--types computes what an hls4ml project made of the model's best.h5 computes: dense, relu, batch "
        "norm "
        "and\n"
        "softmax, with weights, accumulators, results and tables of the types that its configuration means. "
        "Layers\n"
        "of other kinds are named and refused.",
    .min_arguments = 1,
    .max_arguments = 1,
    NIB_ARG_TABLE(args),
    .option_bytes = sizeof(options),
    .run = run,
};
