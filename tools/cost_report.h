/** A cost as people and programs read it. */
#ifndef NIB_TOOLS_COST_REPORT_H
#define NIB_TOOLS_COST_REPORT_H

#include <cjson/cJSON.h>
#include <stdio.h>

#include "quant/cost.h"
#include "train/config.h"

typedef struct nib_cost_report {
    const nib_cost *cost;
    const nib_hls_config *hls;
    const nib_target_config *target;
    bool formulas; /**< with formula and source of every number */
} nib_cost_report;

/** Layer by layer, the whole in numbers and in per cent of the device, reuse factors that hls4ml would
 * change, and what the target says. */
void nib_cost_report_print(const nib_cost_report *report, FILE *out);

/** The same with every number of every layer; per-cent values of what the device lacks are left out. NULL
 * when out of memory. */
cJSON *nib_cost_report_json(const nib_cost_report *report);

/** A trained model's cost as summary.json has it and sweeps read it: one flat object with the numbers of the
 * whole network, latency_ns and ii_ns, "<number>_percent" of the target's device, and lut_ff_fraction: LUTs
 * and flip-flops in use as fractions of the device, added up.
 *  @param net  its reuse factors become those of config.hls
 *  Errors: NIB_ERR_MEMORY. */
NIB_MUST_USE nib_status nib_cost_summary_json(nib_fixnet *net, const nib_config *config, cJSON **json,
                                              nib_error *err);

#endif
