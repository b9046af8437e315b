/* nibble bench: how fast this machine trains, and how fast it could. */
#include <stdio.h>

#include "tools/bench_forward.h"
#include "tools/bench_memory.h"
#include "tools/bench_options.h"
#include "tools/bench_part.h"
#include "tools/bench_report.h"
#include "tools/session.h"

#define FIELD(name) offsetof(nib_bench_options, name)

static const nib_arg args[] = {
    {"net", 'n', NIB_ARG_LIST, FIELD(net), 0, 0, "WIDTHS",
     "a net, as in 16-32-32-32-5 (may be repeated; 16-32-32-32-5, 16-64-32-32-5, 784-128-128-128-10)"},
    {"batch", 'b', NIB_ARG_TEXT, FIELD(batch), 0, 0, "N,N", "batch sizes (128,1024)"},
    {"threads", 't', NIB_ARG_TEXT, FIELD(threads), 0, 0, "N,N", "nibble's threads (1,2)"},
    {"rounds", 'r', NIB_ARG_INT, FIELD(rounds), 1, NIB_BENCH_ROUNDS, "N", "interleaved rounds (9)"},
    {"seconds", 0, NIB_ARG_REAL, FIELD(seconds), 1e-3, 3600, "S",
     "a measurement lasts whole epochs, and at least this long (0.2)"},
    {"rows", 0, NIB_ARG_INT, FIELD(rows), 1, 1e8, "N",
     "rows of the generated data (610000; 60000 for wide inputs)"},
    {"hog", 0, NIB_ARG_FLAG, FIELD(hog), 0, 0, NULL, "once more while a thread spins on the last processor"},
    {"cpu-time", 0, NIB_ARG_FLAG, FIELD(cpu_time), 0, 0, NULL,
     "time one-thread programs by the processor time they got: for busy machines"},
    {"memory", 0, NIB_ARG_FLAG, FIELD(memory), 0, 0, NULL,
     "instead: peak memory of `nibble train`, and the time from its start to the first step"},
    {"forward", 0, NIB_ARG_FLAG, FIELD(forward), 0, 0, NULL,
     "instead: inference on one thread, in float and by the integer engine"},
    {"part", 0, NIB_ARG_TEXT, FIELD(part), 0, 0, "NAME", "what --memory starts in processes of their own"},
    {"since", 0, NIB_ARG_REAL, FIELD(since), 0, 1e12, "S", "when it did so"},
    {"json", 0, NIB_ARG_FLAG, FIELD(json), 0, 0, NULL, "print JSON on standard output"},
    {"quiet", 'q', NIB_ARG_FLAG, FIELD(quiet), 0, 0, NULL, "draw no progress"},
};

static nib_status print_json(cJSON *json, nib_error *err)
{
    char *text = cJSON_Print(json);
    cJSON_Delete(json);
    if (!text)
        return nib_fail_memory(err, "JSON");
    printf("%s\n", text);
    cJSON_free(text);
    return NIB_OK;
}

static nib_status measure_memory(const nib_bench_options *o, nib_error *err)
{
    enum { STARTS = 9 };
    nib_bench_memory result;
    nib_session_catch_signals();
    NIB_TRY(nib_bench_memory_run(o->rows, o->rounds ? o->rounds : STARTS, &nib_session_stop, &result, err));
    if (o->json)
        return print_json(nib_bench_memory_json(&result), err);
    nib_bench_memory_print(&result, stdout);
    return NIB_OK;
}

static nib_status measure_forward(const nib_bench_options *o, const nib_bench_plan *plan, nib_error *err)
{
    static nib_bench_forward result;
    nib_session_catch_signals();
    NIB_TRY(nib_bench_forward_run(plan, &nib_session_stop, &result, err));
    if (o->json)
        return print_json(nib_bench_forward_json(&result), err);
    nib_bench_forward_print(&result, stdout);
    return NIB_OK;
}

static nib_status run(const nib_invocation *call, nib_error *err)
{
    static nib_bench_plan plan;
    const nib_bench_options *o = call->options;
    nib_progress progress;
    nib_bench_result result;
    if (o->part)
        return nib_bench_part_run(o->part, o->since, o->rows, err);
    if (o->memory)
        return measure_memory(o, err);
    NIB_TRY(nib_bench_plan_of(o, &plan, err));
    if (o->forward)
        return measure_forward(o, &plan, err);
    nib_progress_init(&progress, stderr, o->quiet);
    nib_session_catch_signals();
    nib_status status = nib_bench_run(&plan, &nib_session_stop, &progress, &result, err);
    if (status == NIB_OK && o->json)
        status = print_json(nib_bench_json(&result), err);
    else if (status == NIB_OK)
        nib_bench_print(&result, stdout);
    nib_bench_result_destroy(&result);
    return status;
}

const nib_command nib_command_bench = {
    .name = "bench",
    .arguments = "",
    .help = "measure the training speed of this machine",
    .text = "Trains nets on generated data: nibble at several thread counts beside a straightforward trainer "
            "(one\n"
            "cblas_sgemm per product, plain vectorised loops between them) that does the same work from the "
            "same\n"
            "weights. Every round times each program once; the FMA peak is measured in the same rounds, in\n"
            "registers, with the instruction set that nibble uses (NIBBLE_ISA=avx2 forces one).\n\n"
            "  nibble bench --net 16-32-32-32-5 --batch 128\n"
            "  taskset -c 0 nibble bench --threads 1 --json\n"
            "  nibble bench --threads 1,2 --hog --net 16-32-32-32-5",
    .min_arguments = 0,
    .max_arguments = 0,
    NIB_ARG_TABLE(args),
    .option_bytes = sizeof(nib_bench_options),
    .run = run,
};
