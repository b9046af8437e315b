/* nibble eval: scores of a trained model. */
#include <stdio.h>

#include "tools/command.h"
#include "tools/progress.h"
#include "tools/report.h"
#include "tools/session.h"

typedef struct options {
    const char *data, *part;
    nib_arg_list set;
    int64_t threads;
    bool quiet, json;
} options;

static const nib_arg args[] = {
    {"data", 'd', NIB_ARG_TEXT, offsetof(options, data), 0, 0, "FILE",
     "a file laid out like the run's own; all its rows are taken"},
    {"part", 'p', NIB_ARG_TEXT, offsetof(options, part), 0, 0, "PART", "test (default), validation or train"},
    {"set", 's', NIB_ARG_LIST, offsetof(options, set), 0, 0, "KEY=VALUE",
     "change a key, e.g. train.metrics=[accuracy, auc]"},
    {"threads", 't', NIB_ARG_INT, offsetof(options, threads), 1, 1024, "N", "threads"},
    {"quiet", 'q', NIB_ARG_FLAG, offsetof(options, quiet), 0, 0, NULL, "print no table"},
    {"json", 0, NIB_ARG_FLAG, offsetof(options, json), 0, 0, NULL,
     "print the scores as JSON on standard output"},
};

static nib_status print_scores(const nib_session *s, const nib_evaluator *e, const options *o,
                               const char *part, nib_error *err)
{
    if (o->json) {
        cJSON *json = nib_report_json(s->model, e);
        char *text = cJSON_Print(json);
        if (text)
            printf("%s\n", text);
        cJSON_free(text);
        cJSON_Delete(json);
        return NIB_OK;
    }
    if (o->quiet)
        return NIB_OK;
    nib_arena *arena = nib_arena_create();
    if (!arena)
        return nib_fail_memory(err, "table");
    printf("%s", nib_report_scores(arena, 1, &e, &part));
    for (int i = 0; i < s->model->n_outputs; i++) {
        const char *text = nib_report_confusion(arena, s->model, e, i);
        if (text)
            printf("%s", text);
    }
    nib_arena_destroy(arena);
    return NIB_OK;
}

static nib_status evaluate(const nib_session *s, const options *o, const char *part, const nib_log *log,
                           nib_error *err)
{
    const nib_dataset *rows;
    nib_evaluator *e = NULL;
    NIB_TRY(nib_session_part(s, part, &rows, err));
    NIB_TRY(nib_evaluator_create(&e, s->model, rows, true, s->team, err));
    nib_evaluator_set_log(e, log);
    nib_evaluator_emulate(e, s->network);
    nib_status status = nib_evaluator_run(e, err);
    if (status == NIB_OK)
        status = print_scores(s, e, o, o->data ? "file" : part, err);
    nib_evaluator_destroy(e);
    return status;
}

static nib_status run(const nib_invocation *call, nib_error *err)
{
    const options *o = call->options;
    nib_progress progress;
    nib_session session;
    nib_progress_init(&progress, stderr, o->quiet);
    nib_log log = nib_progress_log(&progress);
    const char *part = o->part ? o->part : "test";
    nib_session_data wanted = {
        .file = o->data, .part = part, .n_sets = o->set.count, .sets = o->set.text, .targets = true};
    NIB_TRY(nib_session_open(call->argument[0], &wanted, o->threads, &log, &session, err));
    nib_status status = evaluate(&session, o, part, &log, err);
    nib_session_close(&session);
    return status;
}

const nib_command nib_command_eval = {
    .name = "eval",
    .arguments = "RUN|MODEL",
    .help = "scores of a trained model on its test data or another file",
    .text = "  nibble eval runs/jets-001\n  nibble eval runs/jets-001/best.h5 --data other.h5 --json",
    .min_arguments = 1,
    .max_arguments = 1,
    NIB_ARG_TABLE(args),
    .option_bytes = sizeof(options),
    .run = run,
};
