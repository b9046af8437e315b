/** What `nibble bench` was asked to do. */
#ifndef NIB_TOOLS_BENCH_OPTIONS_H
#define NIB_TOOLS_BENCH_OPTIONS_H

#include "tools/bench_rounds.h"
#include "tools/command.h"

typedef struct nib_bench_options {
    nib_arg_list net;
    const char *batch, *threads, *part;
    int64_t rounds, rows;
    double seconds, since;
    bool hog, cpu_time, memory, forward, json, quiet;
} nib_bench_options;

/** "128,1024" to numbers from 1 to `most`. Errors: NIB_ERR_USAGE: naming the option. */
NIB_MUST_USE nib_status nib_bench_numbers(const char *name, const char *text, int64_t most, int64_t *numbers,
                                          int *count, nib_error *err);

/** Fill in what is not given: the three nets of the README, batches 128 and 1024, threads 1 and 2, nine
 * rounds. */
NIB_MUST_USE nib_status nib_bench_plan_of(const nib_bench_options *options, nib_bench_plan *plan,
                                          nib_error *err);

#endif
