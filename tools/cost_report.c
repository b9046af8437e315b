#include "tools/cost_report.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

static const nib_cost_number columns[] = {NIB_COST_ZEROS,  NIB_COST_MULTIPLIERS, NIB_COST_DSP,
                                          NIB_COST_EBOPS,  NIB_COST_LUT,         NIB_COST_FF,
                                          NIB_COST_BRAM18, NIB_COST_LATENCY,     NIB_COST_II};
enum { COLUMNS = sizeof columns / sizeof *columns };

static const char *number(double value, char *text, size_t bytes)
{
    (void)snprintf(text, bytes, value == floor(value) || fabs(value) >= 1e6 ? "%.0f" : "%.1f", value);
    return text;
}

static void print_row(FILE *out, const char *name, const char *kind, const char *shape, int64_t reuse,
                      const double *value)
{
    char text[32];
    fprintf(out, "%-16.16s %-8s %-14s", name, kind, shape);
    if (reuse > 0)
        fprintf(out, " %6" PRId64, reuse);
    else
        fprintf(out, " %6s", "");
    for (int i = 0; i < COLUMNS; i++)
        fprintf(out, " %*s", i == 3 ? 11 : 8, number(value[columns[i]], text, sizeof text));
    fprintf(out, "\n");
}

static void print_layers(const nib_cost *cost, FILE *out)
{
    fprintf(out, "%-16s %-8s %-14s %6s %8s %8s %8s %11s %8s %8s %8s %8s %8s\n", "layer", "", "", "reuse",
            "zeros", "mult.", "DSP", "EBOPs", "LUT", "FF", "BRAM18", "cycles", "II");
    for (int i = 0; i < cost->n_nodes; i++) {
        const nib_cost_node *c = &cost->node[i];
        const nib_fix_node *node = c->node;
        char shape[48] = "";
        if (node->kind == NIB_FIX_INPUT)
            continue;
        if (node->kind == NIB_FIX_DENSE)
            (void)snprintf(shape, sizeof shape, "%" PRId64 " x %" PRId64, node->as.dense.kernel.rows,
                           node->as.dense.kernel.cols);
        else
            (void)snprintf(shape, sizeof shape, "%" PRId64, node->features);
        if (node->positions > 1)
            (void)snprintf(shape + strlen(shape), sizeof shape - strlen(shape), ", N %" PRId64,
                           node->positions);
        print_row(out, node->name, nib_fix_kind_name(node->kind), shape, c->reuse, c->value);
    }
    print_row(out, "all", "", "", 0, cost->total);
}

static void print_reuse(const nib_cost *cost, FILE *out)
{
    for (int i = 0; i < cost->n_nodes; i++) {
        const nib_cost_node *c = &cost->node[i];
        if (c->valid_reuse == 0)
            continue;
        fprintf(out,
                "%s: hls4ml would take reuse factor %" PRId64 " instead of %" PRId64
                "; nearest valid ones: %" PRId64,
                c->node->name, c->valid_reuse, c->reuse, c->valid_below);
        if (c->valid_above)
            fprintf(out, " and %" PRId64, c->valid_above);
        fprintf(out, "\n");
    }
}

static void print_total(const nib_cost_report *r, FILE *out)
{
    const nib_device *device = r->target->device;
    fprintf(out,
            "\nEstimated without synthesis, %s, clock %g ns, latency %.0f cycles = %g ns, II %.0f cycles = "
            "%g ns\n",
            r->cost->options.stream ? "io_stream" : "io_parallel", r->cost->options.clock_ns,
            r->cost->total[NIB_COST_LATENCY], r->cost->total[NIB_COST_LATENCY] * r->cost->options.clock_ns,
            r->cost->total[NIB_COST_II], r->cost->total[NIB_COST_II] * r->cost->options.clock_ns);
    for (int i = 0; i < NIB_COST_NUMBERS; i++) {
        char text[32];
        const nib_cost_about *about = &nib_cost_abouts[i];
        const double percent = device ? nib_cost_percent(r->cost->total, device, (nib_cost_number)i) : -1;
        fprintf(out, "  %-20s %14s", about->title, number(r->cost->total[i], text, sizeof text));
        if (percent >= 0)
            fprintf(out, "  %6.2f %% of %s", percent, device->name);
        fprintf(out, "\n");
        if (r->formulas)
            fprintf(out, "      = %s\n      %s\n", about->formula, about->source);
    }
    if (device && r->formulas)
        fprintf(out, "%s: %s\n", device->name, device->source);
}

static bool passes(double value, double limit)
{
    return value <= limit; /* not a number: fails */
}

static void print_target(const nib_cost_report *r, FILE *out)
{
    bool any = false;
    for (int i = 0; i < NIB_TARGET_LIMITS; i++) {
        const double limit = r->target->limit[i],
                     value = nib_target_value((nib_target_limit)i, r->cost, r->target->device);
        if (!r->target->present || limit < 0)
            continue;
        if (!any)
            fprintf(out, "\n%-20s %14s %14s\n", "target", "needs", "limit");
        any = true;
        fprintf(out, "%-20s %14.6g %14.6g  %s\n", nib_target_limit_name((nib_target_limit)i), value, limit,
                passes(value, limit) ? "pass" : "FAIL");
    }
}

void nib_cost_report_print(const nib_cost_report *report, FILE *out)
{
    print_layers(report->cost, out);
    print_reuse(report->cost, out);
    print_total(report, out);
    print_target(report, out);
}

/* ---- JSON ---- */

static cJSON *numbers(const double *value)
{
    cJSON *json = cJSON_CreateObject();
    for (int i = 0; i < NIB_COST_NUMBERS; i++)
        cJSON_AddNumberToObject(json, nib_cost_abouts[i].key, value[i]);
    return json;
}

static cJSON *layer_json(const nib_cost_node *c)
{
    cJSON *json = cJSON_CreateObject(), *shape = cJSON_AddArrayToObject(json, "shape");
    cJSON_AddStringToObject(json, "name", c->node->name);
    cJSON_AddStringToObject(json, "kind", nib_fix_kind_name(c->node->kind));
    cJSON_AddItemToArray(shape, cJSON_CreateNumber((double)c->node->positions));
    cJSON_AddItemToArray(shape, cJSON_CreateNumber((double)c->node->features));
    if (c->reuse > 0)
        cJSON_AddNumberToObject(json, "reuse_factor", (double)c->reuse);
    if (c->valid_reuse > 0) {
        cJSON *valid = cJSON_AddArrayToObject(json, "nearest_valid_reuse_factors");
        cJSON_AddNumberToObject(json, "hls4ml_reuse_factor", (double)c->valid_reuse);
        cJSON_AddItemToArray(valid, cJSON_CreateNumber((double)c->valid_below));
        if (c->valid_above)
            cJSON_AddItemToArray(valid, cJSON_CreateNumber((double)c->valid_above));
    }
    cJSON_AddItemToObject(json, "cost", numbers(c->value));
    return json;
}

static cJSON *percent_json(const nib_cost_report *r)
{
    cJSON *json = cJSON_CreateObject();
    for (int i = 0; i < NIB_COST_NUMBERS; i++) {
        const double percent = nib_cost_percent(r->cost->total, r->target->device, (nib_cost_number)i);
        if (percent >= 0)
            cJSON_AddNumberToObject(json, nib_cost_abouts[i].key, percent);
    }
    return json;
}

static cJSON *target_json(const nib_cost_report *r)
{
    cJSON *json = cJSON_CreateObject();
    for (int i = 0; i < NIB_TARGET_LIMITS; i++) {
        const double limit = r->target->limit[i],
                     value = nib_target_value((nib_target_limit)i, r->cost, r->target->device);
        if (!r->target->present || limit < 0)
            continue;
        cJSON *row = cJSON_AddObjectToObject(json, nib_target_limit_name((nib_target_limit)i));
        cJSON_AddItemToObject(row, "value", isfinite(value) ? cJSON_CreateNumber(value) : cJSON_CreateNull());
        cJSON_AddNumberToObject(row, "limit", limit);
        cJSON_AddBoolToObject(row, "pass", passes(value, limit));
    }
    return json;
}

cJSON *nib_cost_report_json(const nib_cost_report *r)
{
    cJSON *json = cJSON_CreateObject(), *layers = cJSON_CreateArray();
    const nib_device *device = r->target->device;
    cJSON_AddNumberToObject(json, "clock_ns", r->cost->options.clock_ns);
    cJSON_AddStringToObject(json, "io_type", r->cost->options.stream ? "io_stream" : "io_parallel");
    cJSON_AddNumberToObject(json, "latency_ns", r->cost->total[NIB_COST_LATENCY] * r->cost->options.clock_ns);
    cJSON_AddNumberToObject(json, "ii_ns", r->cost->total[NIB_COST_II] * r->cost->options.clock_ns);
    for (int i = 0; i < r->cost->n_nodes; i++)
        cJSON_AddItemToArray(layers, layer_json(&r->cost->node[i]));
    cJSON_AddItemToObject(json, "layers", layers);
    cJSON_AddItemToObject(json, "total", numbers(r->cost->total));
    if (device) {
        cJSON_AddStringToObject(json, "device", device->name);
        cJSON_AddItemToObject(json, "percent", percent_json(r));
    }
    cJSON_AddItemToObject(json, "target", target_json(r));
    if (!r->formulas)
        return json;
    cJSON *about = cJSON_AddObjectToObject(json, "formulas");
    for (int i = 0; i < NIB_COST_NUMBERS; i++) {
        cJSON *row = cJSON_AddObjectToObject(about, nib_cost_abouts[i].key);
        cJSON_AddStringToObject(row, "formula", nib_cost_abouts[i].formula);
        cJSON_AddStringToObject(row, "source", nib_cost_abouts[i].source);
    }
    return json;
}

static cJSON *flat_json(const nib_cost *cost, const nib_target_config *target)
{
    char name[64];
    cJSON *json = numbers(cost->total);
    cJSON_AddNumberToObject(json, "latency_ns", cost->total[NIB_COST_LATENCY] * cost->options.clock_ns);
    cJSON_AddNumberToObject(json, "ii_ns", cost->total[NIB_COST_II] * cost->options.clock_ns);
    for (int i = 0; target->device && i < NIB_COST_NUMBERS; i++) {
        const double percent = nib_cost_percent(cost->total, target->device, (nib_cost_number)i);
        (void)snprintf(name, sizeof name, "%s_percent", nib_cost_abouts[i].key);
        if (percent >= 0)
            cJSON_AddNumberToObject(json, name, percent);
    }
    const double lut = target->device ? nib_cost_percent(cost->total, target->device, NIB_COST_LUT) : -1,
                 ff = target->device ? nib_cost_percent(cost->total, target->device, NIB_COST_FF) : -1;
    if (lut >= 0 && ff >= 0) /* what people make small: the logic that is in use */
        cJSON_AddNumberToObject(json, "lut_ff_fraction", (lut + ff) / 100);
    return json;
}

nib_status nib_cost_summary_json(nib_fixnet *net, const nib_config *config, cJSON **json, nib_error *err)
{
    const nib_cost_options how = {config->target.clock_ns, config->hls.stream};
    nib_cost *cost;
    nib_arena *arena = nib_arena_create();
    if (!arena)
        return nib_fail_memory(err, "cost");
    nib_hls_apply(&config->hls, net);
    nib_status status = nib_cost_create(net, &how, arena, &cost, err);
    if (status == NIB_OK && !(*json = flat_json(cost, &config->target)))
        status = nib_fail_memory(err, "cost");
    nib_arena_destroy(arena);
    return status;
}
