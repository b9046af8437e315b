/* nibble cost: what a model costs in hardware, without synthesis. */
#include <stdio.h>
#include <string.h>

#include "tools/command.h"
#include "tools/cost_report.h"
#include "tools/network.h"
#include "tools/probe.h"
#include "train/lower.h"
#include "train/model_file.h"
#include "train/run_folder.h"

typedef struct options {
    nib_arg_list set;
    bool json, formulas;
} options;

static const nib_arg args[] = {
    {"set", 's', NIB_ARG_LIST, offsetof(options, set), 0, 0, "KEY=VALUE",
     "change a key of the model's config: hls..., target... (may be repeated)"},
    {"formulas", 'f', NIB_ARG_FLAG, offsetof(options, formulas), 0, 0, NULL,
     "with the formula and the source of every number"},
    {"json", 0, NIB_ARG_FLAG, offsetof(options, json), 0, 0, NULL,
     "print JSON, with all numbers of every layer"},
};

/* All that is held at once, so that one function frees it. */
typedef struct costing {
    nib_arena *arena;
    nib_model_file *file;
    nib_config *config;
    nib_model *model;
    nib_lowering lowering;
} costing;

static nib_status open_model(costing *c, const char *path, const options *o, nib_error *err)
{
    NIB_TRY(nib_run_folder_resolve(c->arena, path, &path, err));
    NIB_TRY(nib_probe_model(path, err));
    NIB_TRY(nib_model_file_open(path, &c->file, err));
    NIB_TRY(nib_config_parse(path, ".", c->file->config_text, strlen(c->file->config_text), o->set.text,
                             o->set.count, &c->config, err));
    NIB_TRY(nib_model_create(&c->model, c->config, &c->file->shapes, err));
    return nib_model_file_load(path, c->model->params, err);
}

static nib_status lower(costing *c, nib_error *err)
{
    const nib_quant_config *q = &c->config->quant;
    const nib_lower_options how = {.allow_float = q->allow_float, .fallback = q->fallback};
    NIB_TRY(nib_lower_model(c->model, &how, c->arena, &c->lowering, err));
    nib_hls_apply(&c->config->hls, &c->lowering.net);
    return NIB_OK;
}

/* A network stored in the file is what is built, with nodes of its own to take reuse factors. */
static nib_status find_network(costing *c, nib_error *err)
{
    const nib_fixnet *stored;
    NIB_TRY(nib_network_stored(c->file->path, c->model, c->arena, &stored, err));
    if (!stored)
        return lower(c, err);
    c->lowering = (nib_lowering){.net = *stored};
    c->lowering.net.node = NIB_NEW(c->arena, nib_fix_node, stored->n_nodes);
    if (!c->lowering.net.node)
        return nib_fail_memory(err, "cost");
    memcpy(c->lowering.net.node, stored->node, (size_t)stored->n_nodes * sizeof *stored->node);
    nib_hls_apply(&c->config->hls, &c->lowering.net);
    return NIB_OK;
}

static void print_fills(const costing *c)
{
    char text[NIB_FIXED_TEXT_BYTES];
    if (c->lowering.n_fills == 0)
        return;
    fprintf(stderr, "without a type, so taken as %s:",
            nib_fixed_print(&c->config->quant.fallback, NIB_FIXED_PLAIN, text));
    for (int i = 0; i < c->lowering.n_fills; i++)
        fprintf(stderr, " %s", c->lowering.fill[i]);
    fprintf(stderr, "\n");
}

static nib_status report(const costing *c, const options *o, nib_error *err)
{
    const nib_cost_options how = {c->config->target.clock_ns, c->config->hls.stream};
    nib_cost_report r = {.hls = &c->config->hls, .target = &c->config->target, .formulas = o->formulas};
    nib_cost *cost;
    NIB_TRY(nib_cost_create(&c->lowering.net, &how, c->arena, &cost, err));
    r.cost = cost;
    print_fills(c);
    if (!o->json) {
        nib_cost_report_print(&r, stdout);
        return NIB_OK;
    }
    cJSON *json = nib_cost_report_json(&r);
    char *text = cJSON_Print(json);
    nib_status status = text ? NIB_OK : nib_fail_memory(err, "JSON");
    if (text)
        printf("%s\n", text);
    cJSON_free(text);
    cJSON_Delete(json);
    return status;
}

static nib_status run(const nib_invocation *call, nib_error *err)
{
    const options *o = call->options;
    costing c = {.arena = nib_arena_create()};
    if (!c.arena)
        return nib_fail_memory(err, "cost");
    nib_status status = open_model(&c, call->argument[0], o, err);
    if (status == NIB_OK)
        status = find_network(&c, err);
    if (status == NIB_OK)
        status = report(&c, o, err);
    nib_model_destroy(c.model);
    nib_config_destroy(c.config);
    nib_model_file_close(c.file);
    nib_arena_destroy(c.arena);
    return status;
}

const nib_command nib_command_cost = {
    .name = "cost",
    .arguments = "RUN|MODEL",
    .help = "what a quantized model costs in hardware: multipliers, DSPs, EBOPs, LUTs, latency, ...",
    .text =
        "  nibble cost runs/jets-001 --set hls.default.strategy=Resource --set hls.default.reuse_factor=4\n"
        "  nibble cost runs/jets-001 --set target.device=xcku115 --set target.max_latency_ns=100 "
        "--formulas\n\n"
        "Numbers are made from the fixed-point network without synthesis; --formulas says how.",
    .min_arguments = 1,
    .max_arguments = 1,
    NIB_ARG_TABLE(args),
    .option_bytes = sizeof(options),
    .run = run,
};
