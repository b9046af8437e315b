/* nibble predict: probabilities (or logits) of every row, to HDF5, npy or CSV. */
#include <stdio.h>

#include "tools/command.h"
#include "tools/predictions.h"
#include "tools/progress.h"
#include "tools/session.h"

typedef struct options {
    const char *data, *part, *output;
    nib_arg_list set;
    int64_t threads;
    bool logits, force, quiet;
} options;

static const nib_arg args[] = {
    {"output", 'o', NIB_ARG_TEXT, offsetof(options, output), 0, 0, "FILE",
     "where to: .h5, .npy or .csv (needed)"},
    {"data", 'd', NIB_ARG_TEXT, offsetof(options, data), 0, 0, "FILE",
     "a file laid out like the run's own (targets may be missing); all its rows are taken"},
    {"part", 'p', NIB_ARG_TEXT, offsetof(options, part), 0, 0, "PART", "test (default), validation or train"},
    {"logits", 'l', NIB_ARG_FLAG, offsetof(options, logits), 0, 0, NULL,
     "what the last layer gives, before softmax or sigmoid"},
    {"force", 'f', NIB_ARG_FLAG, offsetof(options, force), 0, 0, NULL, "replace an existing FILE"},
    {"set", 's', NIB_ARG_LIST, offsetof(options, set), 0, 0, "KEY=VALUE", "change a key"},
    {"threads", 't', NIB_ARG_INT, offsetof(options, threads), 1, 1024, "N", "threads"},
    {"quiet", 'q', NIB_ARG_FLAG, offsetof(options, quiet), 0, 0, NULL, "print warnings and errors only"},
};

static nib_status predict(const nib_session *s, const options *o, const char *part, const nib_writer *writer,
                          nib_error *err)
{
    const nib_dataset *rows;
    nib_evaluator *e = NULL;
    NIB_TRY(nib_session_part(s, part, &rows, err));
    NIB_TRY(nib_evaluator_create(&e, s->model, rows, false, s->team, err));
    nib_evaluator_emulate(e, s->network);
    nib_status status = nib_evaluator_run(e, err);
    if (status == NIB_OK)
        status = nib_predictions_write(s, e, o->logits, writer, o->output, err);
    if (status == NIB_OK && !o->quiet)
        fprintf(stderr, "%lld rows written to %s\n", (long long)rows->rows, o->output);
    nib_evaluator_destroy(e);
    return status;
}

static nib_status run(const nib_invocation *call, nib_error *err)
{
    const options *o = call->options;
    const nib_writer *writer;
    nib_progress progress;
    nib_session session;
    if (!o->output)
        return nib_fail(err, NIB_ERR_USAGE, "nibble predict: --output FILE is missing (.h5, .npy or .csv)");
    NIB_TRY(nib_predictions_writer(o->output, o->force, &writer, err));
    nib_progress_init(&progress, stderr, o->quiet);
    nib_log log = nib_progress_log(&progress);
    const char *part = o->part ? o->part : "test";
    nib_session_data wanted = {
        .file = o->data, .part = part, .n_sets = o->set.count, .sets = o->set.text, .targets = false};
    NIB_TRY(nib_session_open(call->argument[0], &wanted, o->threads, &log, &session, err));
    nib_status status = predict(&session, o, part, writer, err);
    nib_session_close(&session);
    return status;
}

const nib_command nib_command_predict = {
    .name = "predict",
    .arguments = "RUN|MODEL",
    .help = "write the predictions of a trained model",
    .text = "  nibble predict runs/jets-001 -o scores.h5\n  nibble predict best.h5 --data other.h5 -o "
            "scores.csv --logits",
    .min_arguments = 1,
    .max_arguments = 1,
    NIB_ARG_TABLE(args),
    .option_bytes = sizeof(options),
    .run = run,
};
