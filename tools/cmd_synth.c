/* nibble synth: what synthesis tools report, kept with a run and shown beside the estimates. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "core/file.h"
#include "tools/command.h"
#include "tools/network.h"
#include "tools/probe.h"
#include "tools/synth_reports.h"
#include "train/model_file.h"
#include "train/run_folder.h"

typedef struct options {
    bool json;
} options;

enum { MOST_JSON = 16 << 20 };

static const nib_arg args[] = {
    {"json", 0, NIB_ARG_FLAG, offsetof(options, json), 0, 0, NULL, "print the reports as JSON"},
};

/* ---- The table ---- */

static const struct {
    const char *key, *title;
    int estimate; /* nib_cost_number, or -1 */
} rows[] = {{"lut", "LUT", NIB_COST_LUT},
            {"ff", "FF", NIB_COST_FF},
            {"dsp", "DSP", NIB_COST_DSP},
            {"bram18", "BRAM18", NIB_COST_BRAM18},
            {"uram", "URAM", -1},
            {"alut", "ALUT", -1},
            {"ram", "RAM", -1},
            {"mlab", "MLAB", NIB_COST_MLAB},
            {"latency_cycles", "latency, cycles", NIB_COST_LATENCY},
            {"ii_cycles", "II, cycles", NIB_COST_II},
            {"clock_ns", "clock, ns", -1}};

static void print_table(const cJSON *reports, const nib_cost *cost)
{
    const cJSON *report;
    int index = 0;
    printf("%-16s %12s", "", "estimate");
    cJSON_ArrayForEach(report, reports) printf(" %11s%d", "report ", ++index);
    printf("\n");
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        bool any = false;
        cJSON_ArrayForEach(report, reports) any = any || cJSON_GetObjectItem(report, rows[i].key);
        if (!any)
            continue;
        printf("%-16s", rows[i].title);
        if (cost && rows[i].estimate >= 0)
            printf(" %12.0f", cost->total[rows[i].estimate]);
        else
            printf(" %12s", "-");
        cJSON_ArrayForEach(report, reports)
        {
            const cJSON *n = cJSON_GetObjectItem(report, rows[i].key);
            if (cJSON_IsNumber(n))
                printf(" %12.6g", n->valuedouble);
            else
                printf(" %12s", "-");
        }
        printf("\n");
    }
    index = 0;
    cJSON_ArrayForEach(report, reports)
        printf("report %d: %s (%s)\n", ++index, cJSON_GetObjectItem(report, "file")->valuestring,
               cJSON_GetObjectItem(report, "stage")->valuestring);
    printf("estimate: nibble's own, made without synthesis (nibble cost --formulas)\n");
}

/* ---- The estimates ---- */

typedef struct estimating {
    nib_model_file *file;
    nib_config *config;
    nib_model *model;
} estimating;

static nib_status estimate(estimating *e, const char *run, nib_arena *arena, nib_cost **cost, nib_error *err)
{
    const nib_log log = {0};
    const nib_fixnet *net;
    NIB_TRY(nib_run_folder_resolve(arena, run, &run, err));
    NIB_TRY(nib_probe_model(run, err));
    NIB_TRY(nib_model_file_open(run, &e->file, err));
    NIB_TRY(nib_config_parse(run, ".", e->file->config_text, strlen(e->file->config_text), NULL, 0,
                             &e->config, err));
    NIB_TRY(nib_model_create(&e->model, e->config, &e->file->shapes, err));
    NIB_TRY(nib_model_file_load(run, e->model->params, err));
    NIB_TRY(nib_network_of_file(run, e->model, arena, &log, &net, err));
    nib_fixnet own = *net;
    own.node = NIB_NEW(arena, nib_fix_node, net->n_nodes);
    if (!own.node)
        return nib_fail_memory(err, "cost");
    memcpy(own.node, net->node, (size_t)net->n_nodes * sizeof *own.node);
    nib_hls_apply(&e->config->hls, &own);
    const nib_cost_options how = {e->config->target.clock_ns, e->config->hls.stream};
    return nib_cost_create(&own, &how, arena, cost, err);
}

static nib_status show(const char *run, const cJSON *json, const options *o, nib_arena *arena, nib_error *err)
{
    const cJSON *reports = cJSON_GetObjectItem(json, "reports");
    nib_cost *cost = NULL;
    estimating e = {NULL, NULL, NULL};
    if (o->json) {
        char *text = cJSON_Print(json);
        printf("%s\n", text ? text : "");
        cJSON_free(text);
        return NIB_OK;
    }
    const nib_status status = estimate(&e, run, arena, &cost, err);
    if (status == NIB_OK)
        print_table(reports, cost);
    nib_model_destroy(e.model);
    nib_config_destroy(e.config);
    nib_model_file_close(e.file);
    return status;
}

/* ---- The command ---- */

static nib_status import(const char *folder, const char *run, const char *path, nib_arena *arena,
                         cJSON **json, nib_error *err)
{
    if (!nib_file_is_folder(run))
        return nib_fail(err, NIB_ERR_INPUT, "%s is no run folder", run);
    NIB_TRY(nib_synth_reports_read(folder, arena, json, err));
    char *text = cJSON_Print(*json);
    const nib_status status =
        text ? nib_file_write(path, text, strlen(text), err) : nib_fail_memory(err, "synthesis.json");
    cJSON_free(text);
    return status;
}

static nib_status load(const char *path, nib_arena *arena, cJSON **json, nib_error *err)
{
    char *text;
    size_t bytes;
    NIB_TRY(nib_file_read(arena, path, MOST_JSON, &text, &bytes, err));
    *json = cJSON_Parse(text);
    const cJSON *reports = cJSON_GetObjectItem(*json, "reports"), *report;
    bool fine = cJSON_IsArray(reports);
    cJSON_ArrayForEach(report, reports) fine = fine && cJSON_IsString(cJSON_GetObjectItem(report, "file")) &&
                                               cJSON_IsString(cJSON_GetObjectItem(report, "stage"));
    return fine ? NIB_OK : nib_fail(err, NIB_ERR_INPUT, "%s: not what nibble synth import writes", path);
}

static nib_status run(const nib_invocation *call, nib_error *err)
{
    const bool imports = strcmp(call->argument[0], "import") == 0;
    if (!imports && strcmp(call->argument[0], "show") != 0)
        return nib_fail(err, NIB_ERR_USAGE, "nibble synth: '%s' is neither import nor show",
                        call->argument[0]);
    if (call->count != (imports ? 3 : 2))
        return nib_fail(err, NIB_ERR_USAGE, "nibble synth: write %s",
                        imports ? "synth import DIR RUN" : "synth show RUN");
    const char *folder = call->argument[call->count - 1];
    nib_arena *arena = nib_arena_create();
    const char *path = arena ? nib_path_join(arena, folder, "synthesis.json") : NULL;
    cJSON *json = NULL;
    nib_status status = !path     ? nib_fail_memory(err, "synthesis.json")
                        : imports ? import(call->argument[1], folder, path, arena, &json, err)
                                  : load(path, arena, &json, err);
    if (status == NIB_OK)
        status = show(folder, json, call->options, arena, err);
    cJSON_Delete(json);
    nib_arena_destroy(arena);
    return status;
}

const nib_command nib_command_synth = {
    .name = "synth",
    .arguments = "import DIR RUN | show RUN",
    .help = "reports of synthesis tools, kept with a run and shown beside the estimates",
    .text =
        "  nibble synth import runs/jets-001/export/hls runs/jets-001\n  nibble synth show runs/jets-001\n\n"
        "Below DIR, csynth.xml of Vivado and Vitis HLS, utilisation .rpt of Vivado, summary.ndjson and "
        "loop_attr.ndjson of "
        "oneAPI are read into\nRUN/synthesis.json. Estimates and reports are never mixed.",
    .min_arguments = 2,
    .max_arguments = 3,
    NIB_ARG_TABLE(args),
    .option_bytes = sizeof(options),
    .run = run,
};
