/* The `hls:` and `target:` sections. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "train/config_parts.h"

typedef struct hls_section {
    int backend;
    const char *part;
    double clock_period;
    int io_type;
    const nib_doc *defaults, *layers;
} hls_section;

static const char *const backends[] = {"Vitis",   "Vivado", "VivadoAccelerator", "oneAPI", "Catapult",
                                       "Quartus", "Libero"};
static const char *const strategies[] = {"Latency", "Resource", "distributed_arithmetic"};
#define HLS_BACKENDS   "Vitis|Vivado|VivadoAccelerator|oneAPI|Catapult|Quartus|Libero"
#define HLS_STRATEGIES "Latency|Resource|distributed_arithmetic"

static const nib_option hls_rows[] = {
    NIB_ROW(hls_section, backend, NIB_OPTION_CHOICE, "Vitis", 0, 0, HLS_BACKENDS, "", "as hls4ml's Backend"),
    NIB_ROW(hls_section, part, NIB_OPTION_STRING, "xcvu13p-flga2577-2-e", 0, 0, NULL, "",
            "FPGA part, as hls4ml's Part"),
    NIB_ROW(hls_section, clock_period, NIB_OPTION_FLOAT, "5", 0.1, 1000, NULL, "ns",
            "period of the clock, as hls4ml's ClockPeriod"),
    NIB_ROW(hls_section, io_type, NIB_OPTION_CHOICE, "io_parallel", 0, 0, "io_parallel|io_stream", "",
            "as hls4ml's IOType"),
    {"default", NIB_OPTION_NODE, offsetof(hls_section, defaults), "", 0, 0, NULL, "",
     "{strategy: Latency, reuse_factor: 1} of all dense layers"},
    NIB_ROW(hls_section, layers, NIB_OPTION_NODE, "", 0, 0, NULL, "",
            "{NAME: {strategy: ..., reuse_factor: ...}} of a layer, before the default"),
};
const nib_option_table nib_table_hls = NIB_OPTION_TABLE(hls_section, hls_rows);

typedef struct hls_layer_section {
    int strategy;
    int64_t reuse_factor;
} hls_layer_section;

static const nib_option hls_layer_rows[] = {
    NIB_ROW(hls_layer_section, strategy, NIB_OPTION_CHOICE, "Latency", 0, 0, HLS_STRATEGIES, "",
            "as hls4ml's Strategy: unrolled, weights that take turns, or shifts and adds (da4ml)"),
    NIB_ROW(hls_layer_section, reuse_factor, NIB_OPTION_INT, "1", 1, 1e9, NULL, "",
            "products that one multiplier computes, as hls4ml's ReuseFactor"),
};
const nib_option_table nib_table_hls_layer = NIB_OPTION_TABLE(hls_layer_section, hls_layer_rows);

typedef struct target_section {
    const char *device;
    double clock_ns, limit[NIB_TARGET_LIMITS];
} target_section;

#define LIMIT(name, index, unit, help)                                                                       \
    {                                                                                                        \
        name, NIB_OPTION_FLOAT, offsetof(target_section, limit) + (index) * sizeof(double), "-1", -1, 1e15,  \
            NULL, unit, help                                                                                 \
    }
static const nib_option target_rows[] = {
    NIB_ROW(target_section, device, NIB_OPTION_STRING, "", 0, 0, NULL, "",
            "device or part that percentages are of; default: hls.part"),
    NIB_ROW(target_section, clock_ns, NIB_OPTION_FLOAT, "0", 0, 1000, NULL, "ns",
            "period of the clock; 0: hls.clock_period"),
    LIMIT("max_latency_ns", NIB_TARGET_LATENCY_NS, "ns", "latency; -1: no limit"),
    LIMIT("max_latency_cycles", NIB_TARGET_LATENCY_CYCLES, "cycles", "latency; -1: no limit"),
    LIMIT("max_ii", NIB_TARGET_II, "cycles", "initiation interval; -1: no limit"),
    LIMIT("max_lut_percent", NIB_TARGET_LUT_PERCENT, "%", "LUTs of the device; -1: no limit"),
    LIMIT("max_ff_percent", NIB_TARGET_FF_PERCENT, "%", "flip-flops of the device; -1: no limit"),
    LIMIT("max_dsp_percent", NIB_TARGET_DSP_PERCENT, "%", "DSPs of the device; -1: no limit"),
    LIMIT("max_bram_percent", NIB_TARGET_BRAM_PERCENT, "%", "memory blocks of the device; -1: no limit"),
    LIMIT("max_ebops", NIB_TARGET_EBOPS, "", "EBOPs; -1: no limit"),
};
const nib_option_table nib_table_hardware_target = NIB_OPTION_TABLE(target_section, target_rows);

enum { FIRST_LIMIT = 2 }; /* row of the first of them */

const char *nib_target_limit_name(nib_target_limit limit)
{
    return target_rows[FIRST_LIMIT + limit].name;
}

/* ---- hls ---- */

static nib_status read_layer(nib_arena *arena, const nib_doc *map, const char *path, nib_hls_layer *layer,
                             nib_error *err)
{
    hls_layer_section s;
    NIB_TRY(nib_config_read_section(arena, &nib_table_hls_layer, map, path, &s, err));
    /* What a layer does not say, the default says. */
    if (!layer->name || nib_doc_get(map, "strategy")) {
        layer->strategy = s.strategy == 1 ? NIB_FIX_ORDER_RESOURCE : NIB_FIX_ORDER_LATENCY;
        layer->distributed = s.strategy == 2;
    }
    if (!layer->name || nib_doc_get(map, "reuse_factor"))
        layer->reuse_factor = s.reuse_factor;
    return NIB_OK;
}

static nib_status check_layer(const nib_config *config, const nib_doc_entry *entry, nib_error *err)
{
    const nib_model_config *model = &config->model;
    const char **known = NIB_NEW(config->arena, const char *, model->n_layers + 1);
    int n = 0;
    if (!known)
        return nib_fail_memory(err, "hls.layers");
    for (int i = 0; i < model->n_layers; i++) {
        if (strcmp(model->layer[i].type->name, "dense") != 0)
            continue;
        known[n++] = model->layer[i].name;
        if (strcmp(model->layer[i].name, entry->key) == 0)
            return NIB_OK;
    }
    char hint[NIB_HINT_BYTES];
    return nib_doc_fail(&entry->place, err, NIB_ERR_CONFIG, "hls.layers: there is no dense layer '%.80s'%s",
                        entry->key, nib_config_hint(hint, entry->key, known, n));
}

static nib_status read_layers(nib_config *config, const nib_doc *layers, nib_error *err)
{
    nib_hls_config *hls = &config->hls;
    if (nib_doc_is_null(layers))
        return NIB_OK;
    if (layers->kind != NIB_DOC_MAP)
        return nib_doc_fail(&layers->place, err, NIB_ERR_CONFIG,
                            "hls.layers: a map {NAME: {reuse_factor: ...}} is expected");
    hls->layer = NIB_NEW(config->arena, nib_hls_layer, layers->count + 1);
    if (!hls->layer)
        return nib_fail_memory(err, "hls.layers");
    for (int i = 0; i < layers->count; i++) {
        const nib_doc_entry *entry = &layers->entries[i];
        char path[128];
        NIB_TRY(check_layer(config, entry, err));
        (void)snprintf(path, sizeof path, "hls.layers.%.80s", entry->key);
        nib_hls_layer *layer = &hls->layer[hls->n_layers++];
        *layer = hls->defaults;
        layer->name = entry->key;
        NIB_TRY(read_layer(config->arena, entry->value, path, layer, err));
    }
    return NIB_OK;
}

/* In `strategies`. */
static int strategy_index(const nib_hls_layer *layer)
{
    return layer->strategy == NIB_FIX_ORDER_RESOURCE ? 1 : layer->distributed ? 2 : 0;
}

static nib_doc *write_layer(nib_arena *arena, const nib_hls_layer *layer)
{
    const hls_layer_section s = {strategy_index(layer), layer->reuse_factor};
    return nib_options_write(arena, &nib_table_hls_layer, &s);
}

static nib_doc *write_hls(nib_arena *arena, const nib_hls_config *hls)
{
    nib_doc *layers = hls->n_layers ? nib_doc_new_map(arena) : NULL;
    for (int i = 0; i < hls->n_layers; i++)
        if (!layers || !nib_doc_add(arena, layers, hls->layer[i].name, write_layer(arena, &hls->layer[i])))
            return NULL;
    int backend = 0;
    while (strcmp(backends[backend], hls->backend) != 0)
        backend++;
    const hls_section s = {
        backend, hls->part, hls->clock_period, hls->stream, write_layer(arena, &hls->defaults), layers};
    return s.defaults ? nib_options_write(arena, &nib_table_hls, &s) : NULL;
}

nib_status nib_config_read_hls(nib_config *config, const nib_doc *map, nib_doc **resolved, nib_error *err)
{
    hls_section s;
    nib_hls_config *hls = &config->hls;
    *resolved = NULL;
    NIB_TRY(nib_config_read_section(config->arena, &nib_table_hls, map, "hls", &s, err));
    *hls = (nib_hls_config){.present = !nib_doc_is_null(map),
                            .backend = backends[s.backend],
                            .part = s.part,
                            .clock_period = s.clock_period,
                            .stream = s.io_type == 1};
    NIB_TRY(read_layer(config->arena, s.defaults, "hls.default", &hls->defaults, err));
    NIB_TRY(read_layers(config, s.layers, err));
    if (!hls->present)
        return NIB_OK;
    *resolved = write_hls(config->arena, hls);
    return *resolved ? NIB_OK : nib_fail_memory(err, "hls section");
}

static const nib_hls_layer *layer_of(const nib_hls_config *hls, const char *name)
{
    for (int i = 0; i < hls->n_layers; i++)
        if (strcmp(hls->layer[i].name, name) == 0)
            return &hls->layer[i];
    return &hls->defaults;
}

const char *nib_hls_strategy(const nib_hls_config *hls, const char *layer)
{
    return strategies[strategy_index(layer_of(hls, layer))];
}

void nib_hls_apply(const nib_hls_config *hls, nib_fixnet *net)
{
    for (int i = 0; i < net->n_nodes; i++) {
        nib_fix_node *node = &net->node[i];
        if (node->kind != NIB_FIX_DENSE)
            continue;
        const nib_hls_layer *layer = layer_of(hls, node->layer);
        node->as.dense.reuse = layer->reuse_factor;
        node->as.dense.order = layer->strategy;
    }
}

/* ---- target ---- */

static nib_status find_device(const nib_doc *map, const char *name, const nib_device **device, nib_error *err)
{
    const char *known[32];
    char hint[NIB_HINT_BYTES];
    const int n = nib_devices_count < 32 ? nib_devices_count : 32;
    *device = nib_device_find(name);
    if (*device)
        return NIB_OK;
    for (int i = 0; i < n; i++)
        known[i] = nib_devices[i].name;
    return nib_doc_fail(&nib_doc_get(map, "device")->place, err, NIB_ERR_CONFIG,
                        "target.device: '%.80s' is not in the table of devices%s", name,
                        nib_config_hint(hint, name, known, n));
}

nib_status nib_config_read_target(nib_config *config, const nib_doc *map, nib_doc **resolved, nib_error *err)
{
    target_section s;
    nib_target_config *target = &config->target;
    *resolved = NULL;
    NIB_TRY(nib_config_read_section(config->arena, &nib_table_hardware_target, map, "target", &s, err));
    *target = (nib_target_config){.present = !nib_doc_is_null(map),
                                  .device = nib_device_find(config->hls.part),
                                  .clock_ns = s.clock_ns > 0 ? s.clock_ns : config->hls.clock_period};
    memcpy(target->limit, s.limit, sizeof s.limit);
    if (s.device)
        NIB_TRY(find_device(map, s.device, &target->device, err));
    if (!target->present)
        return NIB_OK;
    *resolved = nib_options_write(config->arena, &nib_table_hardware_target, &s);
    return *resolved ? NIB_OK : nib_fail_memory(err, "target section");
}

static double percent(const nib_cost *cost, const nib_device *device, nib_cost_number what)
{
    const double value = device ? nib_cost_percent(cost->total, device, what) : -1;
    return value < 0 ? (double)NAN : value;
}

double nib_target_value(nib_target_limit limit, const nib_cost *cost, const nib_device *device)
{
    switch (limit) {
    case NIB_TARGET_LATENCY_NS:
        return cost->total[NIB_COST_LATENCY] * cost->options.clock_ns;
    case NIB_TARGET_LATENCY_CYCLES:
        return cost->total[NIB_COST_LATENCY];
    case NIB_TARGET_II:
        return cost->total[NIB_COST_II];
    case NIB_TARGET_LUT_PERCENT:
        return percent(cost, device, NIB_COST_LUT);
    case NIB_TARGET_FF_PERCENT:
        return percent(cost, device, NIB_COST_FF);
    case NIB_TARGET_DSP_PERCENT:
        return percent(cost, device, NIB_COST_DSP);
    case NIB_TARGET_BRAM_PERCENT: /* fmax leaves out what the device does not have */
        return fmax(percent(cost, device, NIB_COST_BRAM18),
                    fmax(percent(cost, device, NIB_COST_M20K), percent(cost, device, NIB_COST_MLAB)));
    case NIB_TARGET_EBOPS:
        return cost->total[NIB_COST_EBOPS];
    case NIB_TARGET_LIMITS:
        break;
    }
    return (double)NAN;
}
