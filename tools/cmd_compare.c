/* nibble compare: float, quantized and integers of a model, layer by layer. */
#include <stdio.h>
#include <string.h>

#include "core/file.h"
#include "tools/command.h"
#include "tools/compare.h"
#include "tools/compare_hardware.h"
#include "tools/network.h"
#include "tools/progress.h"
#include "tools/session.h"

typedef struct options {
    const char *data, *part, *csv, *plot, *format, *hardware;
    nib_arg_list set;
    int64_t threads, rows;
    bool force, quiet;
} options;

enum { DEFAULT_ROWS = 10000 };

static const nib_arg args[] = {
    {"data", 'd', NIB_ARG_TEXT, offsetof(options, data), 0, 0, "FILE",
     "a file laid out like the run's own (targets may be missing)"},
    {"part", 'p', NIB_ARG_TEXT, offsetof(options, part), 0, 0, "PART", "test (default), validation or train"},
    {"rows", 'n', NIB_ARG_INT, offsetof(options, rows), 1, 1e9, "N", "the first N rows (10000)"},
    {"csv", 'c', NIB_ARG_TEXT, offsetof(options, csv), 0, 0, "FILE", "write the table as CSV"},
    {"plot", 0, NIB_ARG_TEXT, offsetof(options, plot), 0, 0, "DIR",
     "draw figures into this folder, with their gnuplot scripts and data"},
    {"format", 0, NIB_ARG_TEXT, offsetof(options, format), 0, 0, "FORMAT",
     "of the figures: png (default), svg or pdf"},
    {"hardware", 0, NIB_ARG_TEXT, offsetof(options, hardware), 0, 0, "FILE",
     "compare this instead: what hardware or its simulation answered to the first rows (.npy or text)"},
    {"force", 'f', NIB_ARG_FLAG, offsetof(options, force), 0, 0, NULL, "replace an existing FILE"},
    {"set", 's', NIB_ARG_LIST, offsetof(options, set), 0, 0, "KEY=VALUE", "change a key"},
    {"threads", 't', NIB_ARG_INT, offsetof(options, threads), 1, 1024, "N", "threads"},
    {"quiet", 'q', NIB_ARG_FLAG, offsetof(options, quiet), 0, 0, NULL, "print no table"},
};

static nib_status compare(const nib_session *s, const options *o, const char *part, const nib_log *log,
                          nib_arena *arena, nib_error *err)
{
    const nib_dataset *data;
    nib_lowering lowering;
    nib_layer_trace trace;
    nib_comparison comparison;
    NIB_TRY(nib_session_part(s, part, &data, err));
    NIB_TRY(nib_network_lowering_of_file(s->file->path, s->model, arena, log, &lowering, err));
    nib_dataset shaped = *data; /* targets may be missing in the file; the model needs their widths */
    shaped.n_targets = s->file->shapes.n_targets;
    shaped.target = s->file->shapes.target;
    const int64_t wanted = o->rows > 0 ? o->rows : DEFAULT_ROWS;
    const int64_t rows = wanted < data->rows ? wanted : data->rows;
    NIB_TRY(nib_layer_trace_run(s->model, s->config, &lowering, &shaped, rows, s->team, arena, &trace, err));
    NIB_TRY(nib_compare(s->model, &lowering, &trace, arena, &comparison, err));
    if (!o->quiet)
        nib_compare_print(&comparison, &lowering, stdout);
    if (o->csv)
        NIB_TRY(nib_compare_csv(&comparison, o->csv, err));
    if (o->plot)
        NIB_TRY(nib_compare_draw(&comparison, o->plot, o->format ? o->format : "png", err));
    return NIB_OK;
}

/* Hardware's answers; different ones end in exit status 1. */
static nib_status compare_hardware(const nib_session *s, const options *o, const char *part,
                                   const nib_log *log, nib_arena *arena, nib_error *err)
{
    const nib_dataset *data;
    const nib_fixnet *net;
    nib_hardware_comparison comparison;
    NIB_TRY(nib_session_part(s, part, &data, err));
    NIB_TRY(nib_network_of_file(s->file->path, s->model, arena, log, &net, err));
    NIB_TRY(nib_hardware_compare(net, data, o->hardware, s->team, &comparison, err));
    if (!o->quiet)
        nib_hardware_print(&comparison, stdout);
    return comparison.differing == 0
               ? NIB_OK
               : nib_fail(err, NIB_ERR_DIVERGED, "%s: %lld outputs differ from the integer engine's",
                          o->hardware, (long long)comparison.differing);
}

static nib_status check_call(const options *o, nib_error *err)
{
    if (o->format && strcmp(o->format, "png") != 0 && strcmp(o->format, "svg") != 0 &&
        strcmp(o->format, "pdf") != 0)
        return nib_fail(err, NIB_ERR_USAGE, "nibble compare: --format: '%s' is none of png, svg, pdf",
                        o->format);
    if (o->hardware && (o->csv || o->plot || o->rows))
        return nib_fail(err, NIB_ERR_USAGE,
                        "nibble compare: --hardware compares the rows of its file; --csv, --plot and --rows "
                        "are for layers");
    if (o->csv && nib_file_exists(o->csv) && !o->force)
        return nib_fail(err, NIB_ERR_USAGE, "%s exists; choose another name or give --force", o->csv);
    return NIB_OK;
}

static nib_status run(const nib_invocation *call, nib_error *err)
{
    const options *o = call->options;
    nib_progress progress;
    nib_session session;
    NIB_TRY(check_call(o, err));
    nib_progress_init(&progress, stderr, o->quiet);
    nib_log log = nib_progress_log(&progress);
    const char *part = o->part ? o->part : "test";
    nib_session_data wanted = {.file = o->data,
                               .part = part,
                               .n_sets = o->set.count,
                               .sets = o->set.text,
                               .targets = false,
                               .weights = !o->hardware};
    NIB_TRY(nib_session_open(call->argument[0], &wanted, o->threads, &log, &session, err));
    nib_arena *arena = nib_arena_create();
    nib_status status = !arena        ? nib_fail_memory(err, "comparison")
                        : o->hardware ? compare_hardware(&session, o, part, &log, arena, err)
                                      : compare(&session, o, part, &log, arena, err);
    nib_arena_destroy(arena);
    nib_session_close(&session);
    return status;
}

const nib_command nib_command_compare = {
    .name = "compare",
    .arguments = "RUN|MODEL",
    .help = "a quantized model in float, with quantizers and in integers, layer by layer",
    .text = "  nibble compare runs/jets-001\n  nibble compare runs/jets-001 --rows 100000 --csv layers.csv "
            "--plot figures\n  nibble compare runs/jets-001 --hardware y_hw.npy",
    .min_arguments = 1,
    .max_arguments = 1,
    NIB_ARG_TABLE(args),
    .option_bytes = sizeof(options),
    .run = run,
};
