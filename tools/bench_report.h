/** The results of `nibble bench` as a table and as JSON. */
#ifndef NIB_TOOLS_BENCH_REPORT_H
#define NIB_TOOLS_BENCH_REPORT_H

#include <cjson/cJSON.h>

#include "tools/bench_rounds.h"

/** Median, least and largest of `count` values; all 0 when count is 0. */
typedef struct nib_bench_spread {
    double median, min, max;
} nib_bench_spread;
nib_bench_spread nib_bench_spread_of(const double *values, int64_t count);

/** What a program reached in the rounds. Ratios are taken in each round, then their median. */
typedef struct nib_bench_figures {
    nib_bench_spread rate;     /**< samples/s */
    nib_bench_spread share;    /**< of the FMA peak of as many cores as threads */
    nib_bench_spread straight; /**< times the straightforward trainer; 0: none ran */
    nib_bench_spread one;      /**< times nibble's one thread, under the same hog; 0: none ran */
    double cpu;                /**< median share of a processor that the calling thread got */
} nib_bench_figures;
nib_bench_figures nib_bench_figures_of(const nib_bench_result *result, const nib_bench_case *c, int program);

/** The table for people on `out`. */
void nib_bench_print(const nib_bench_result *result, FILE *out);

/** Machine, versions, peak, and all figures with their rounds. NULL when out of memory. */
cJSON *nib_bench_json(const nib_bench_result *result);

/** Machine and versions, for other results of the benchmark. */
cJSON *nib_bench_machine_json(void);

#endif
