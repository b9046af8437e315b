/** Parts of `nibble bench --memory` that run in processes of their own, in a scratch folder: memory is
 * counted by process, and a start needs a new one. */
#ifndef NIB_TOOLS_BENCH_PART_H
#define NIB_TOOLS_BENCH_PART_H

#include <stdint.h>

#include "core/status.h"

#define NIB_BENCH_CONFIG "bench.yaml"

/** "data": write the config NIB_BENCH_CONFIG and its data file of `rows` rows.
 *  "step": prepared data to the first step, as `nibble train` would go; print the seconds since `since`
 * (monotonic clock), when the program was started. "file": the same from the data file. Errors:
 * NIB_ERR_USAGE: another name; those of the steps. */
NIB_MUST_USE nib_status nib_bench_part_run(const char *part, double since, int64_t rows, nib_error *err);

#endif
