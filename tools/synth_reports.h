/** Reports that synthesis tools leave behind, as JSON. */
#ifndef NIB_TOOLS_SYNTH_REPORTS_H
#define NIB_TOOLS_SYNTH_REPORTS_H

#include <cjson/cJSON.h>

#include "core/arena.h"

/** Read every report below a folder: Vivado and Vitis HLS (csynth.xml), Vivado's utilisation (.rpt) and
 * oneAPI's summary.ndjson and
 * loop_attr.ndjson (latency and interval of the worst loop). The caller deletes the result: {"reports":
 * [{"file", "kind", "stage", numbers...}]}, numbers with the keys lut, ff, dsp, bram18, uram, alut, ram,
 * mlab, latency_cycles, ii_cycles, clock_ns, target_clock_ns and part. Errors: NIB_ERR_INPUT: no folder, no
 * report in it, or a damaged one. */
NIB_MUST_USE nib_status nib_synth_reports_read(const char *folder, nib_arena *arena, cJSON **json,
                                               nib_error *err);

#endif
