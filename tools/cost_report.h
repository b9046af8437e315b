/** A cost as people and programs read it. */
#ifndef NIB_TOOLS_COST_REPORT_H
#define NIB_TOOLS_COST_REPORT_H

#include <cjson/cJSON.h>
#include <stdio.h>

#include "quant/cost.h"
#include "train/hardware_config.h"

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

#endif
