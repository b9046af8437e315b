/* The sections hls and target: what they become, what is refused, and what they ask of a cost. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "train/config.h"

#define HEAD                                                                                                 \
    "data: {source: {file: g.h5}, x: x, y: y}\n"                                                             \
    "model: {layers: [dense: {name: fc1, units: 4}, relu: {name: act1}, dense: {name: logits, units: 2}], "  \
    "outputs: {y: logits}}\n"

static nib_status parse(const char *sections, nib_config **config, nib_error *err)
{
    char text[2048];
    (void)snprintf(text, sizeof text, HEAD "%s", sections);
    return nib_config_parse("h.yaml", ".", text, strlen(text), NULL, 0, config, err);
}

static nib_config *must_parse(const char *sections)
{
    nib_config *config = NULL;
    nib_error err = {NIB_OK, ""};
    cr_assert_eq(parse(sections, &config, &err), NIB_OK, "%s: %s", sections, err.message);
    return config;
}

Test(config_hardware, without_the_sections)
{
    nib_config *c = must_parse("");
    cr_expect_not(c->hls.present || c->target.present, "no section");
    cr_expect_eq(c->hls.defaults.reuse_factor, 1, "everything unrolled");
    cr_expect_eq(c->target.clock_ns, 5, "hls4ml's clock");
    cr_assert(c->target.device, "hls4ml's part");
    cr_expect_str_eq(c->target.device->name, "xcvu13p", "hls4ml's part");
    cr_expect_null(strstr(nib_config_text(c), "hls:"), "and none is made");
    nib_config_destroy(c);
}

Test(config_hardware, resolved)
{
    nib_config *c = must_parse("hls: {part: xcku115-flvb2104-2-i, clock_period: 4, io_type: io_stream,\n"
                               "      default: {reuse_factor: 4, strategy: Resource},\n"
                               "      layers: {logits: {reuse_factor: 2}, fc1: {strategy: Latency}}}\n"
                               "target: {max_ii: 3, max_lut_percent: 12.5}\n");
    nib_config *again = NULL;
    nib_error err = {NIB_OK, ""};
    const char *text = nib_config_text(c);
    cr_assert_eq(nib_config_parse("h.yaml", ".", text, strlen(text), NULL, 0, &again, &err), NIB_OK, "%s",
                 err.message);
    cr_expect_str_eq(nib_config_text(again), text, "resolving twice is resolving once");
    for (int i = 0; i < 2; i++) {
        const nib_config *k = i ? again : c;
        cr_expect(k->hls.stream && k->hls.clock_period == 4, "as written");
        cr_assert_eq(k->hls.n_layers, 2, "two layers");
        cr_expect_eq(k->hls.layer[0].strategy, NIB_FIX_ORDER_RESOURCE, "logits: from the default");
        cr_expect_eq(k->hls.layer[0].reuse_factor, 2, "logits: its own");
        cr_expect_eq(k->hls.layer[1].strategy, NIB_FIX_ORDER_LATENCY, "fc1: its own");
        cr_expect_eq(k->hls.layer[1].reuse_factor, 4, "fc1: from the default");
        cr_expect_str_eq(k->target.device->name, "xcku115", "the device of the part");
        cr_expect_eq(k->target.clock_ns, 4, "the clock of hls");
        cr_expect_eq(k->target.limit[NIB_TARGET_II], 3, "a limit");
        cr_expect_lt(k->target.limit[NIB_TARGET_LATENCY_NS], 0, "no limit");
    }
    nib_config_destroy(again);
    nib_config_destroy(c);
}

Test(config_hardware, refused)
{
    static const struct {
        const char *text, *message;
    } cases[] = {
        {"hls: {layers: {fc2: {reuse_factor: 2}}}\n",
         "h.yaml:3:16: hls.layers: there is no dense layer 'fc2' (did you mean 'fc1'?)"},
        {"hls: {layers: {act1: {reuse_factor: 2}}}\n",
         "h.yaml:3:16: hls.layers: there is no dense layer 'act1'"},
        {"hls: {default: {reuse_factor: 0}}\n", "h.yaml:3:31: "},
        {"hls: {default: {strategy: Resources}}\n", "h.yaml:3:27: "},
        {"hls: {reuse_factor: 2}\n", "h.yaml:3:7: "},
        {"hls: {layers: [fc1]}\n", "h.yaml:3:15: hls.layers: a map"},
        {"target: {device: xcku11}\n",
         "h.yaml:3:18: target.device: 'xcku11' is not in the table of devices (did you mean 'xcku115'?)"},
        {"target: {max_lut: 3}\n", "h.yaml:3:10: "},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        nib_error err = {NIB_OK, ""};
        nib_config *c = NULL;
        cr_expect_eq(parse(cases[i].text, &c, &err), NIB_ERR_CONFIG, "%s", cases[i].text);
        cr_expect_eq(strncmp(err.message, cases[i].message, strlen(cases[i].message)), 0, "%s: %s",
                     cases[i].text, err.message);
    }
}

Test(config_hardware, limits)
{
    nib_cost cost = {.options = {.clock_ns = 4}};
    cost.total[NIB_COST_LATENCY] = 10;
    cost.total[NIB_COST_II] = 2;
    cost.total[NIB_COST_DSP] = 552;
    cost.total[NIB_COST_BRAM18] = 432;
    cost.total[NIB_COST_MLAB] = 2436;
    cost.total[NIB_COST_EBOPS] = 1e5;
    const nib_device *ku = nib_device_find("xcku115"), *agilex = nib_device_find("agilex7");
    cr_expect_eq(nib_target_value(NIB_TARGET_LATENCY_NS, &cost, ku), 40, "ns");
    cr_expect_eq(nib_target_value(NIB_TARGET_LATENCY_CYCLES, &cost, ku), 10, "cycles");
    cr_expect_eq(nib_target_value(NIB_TARGET_II, &cost, NULL), 2, "interval");
    cr_expect_eq(nib_target_value(NIB_TARGET_EBOPS, &cost, NULL), 1e5, "EBOPs");
    cr_expect(fabs(nib_target_value(NIB_TARGET_DSP_PERCENT, &cost, ku) - 10) < 1e-9, "DSP");
    cr_expect(fabs(nib_target_value(NIB_TARGET_BRAM_PERCENT, &cost, ku) - 10) < 1e-9, "blocks of AMD");
    cr_expect(fabs(nib_target_value(NIB_TARGET_BRAM_PERCENT, &cost, agilex) - 10) < 1e-9, "blocks of Intel");
    cr_expect(isnan(nib_target_value(NIB_TARGET_LUT_PERCENT, &cost, NULL)), "of no device");
    cr_expect_str_eq(nib_target_limit_name(NIB_TARGET_EBOPS), "max_ebops", "the last name");
    cr_expect_str_eq(nib_target_limit_name(NIB_TARGET_LATENCY_NS), "max_latency_ns", "the first name");
}

/* Layers that make several nodes, and the order of a resource strategy. */
Test(config_hardware, applied_to_a_net)
{
    nib_config *c = must_parse("hls: {default: {reuse_factor: 3}, layers: {fc1: {strategy: Resource}}}\n");
    nib_fix_node node[3] = {{.kind = NIB_FIX_INPUT, .layer = "x"},
                            {.kind = NIB_FIX_DENSE, .name = "fc1_q", .layer = "fc1"},
                            {.kind = NIB_FIX_DENSE, .name = "logits", .layer = "logits"}};
    nib_fixnet net = {.n_nodes = 3, .node = node};
    nib_hls_apply(&c->hls, &net);
    cr_expect_eq(node[1].as.dense.reuse, 3, "fc1");
    cr_expect_eq(node[1].as.dense.order, NIB_FIX_ORDER_RESOURCE, "fc1");
    cr_expect_eq(node[2].as.dense.order, NIB_FIX_ORDER_LATENCY, "logits");
    nib_config_destroy(c);
}
