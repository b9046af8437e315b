/** Peak memory of `nibble train`, and the time from its start to the first step. */
#ifndef NIB_TOOLS_BENCH_MEMORY_H
#define NIB_TOOLS_BENCH_MEMORY_H

#include <signal.h>

#include "tools/bench_report.h"

typedef struct nib_bench_memory {
    int64_t rows;
    double train_bytes;          /**< peak of `nibble train` on a data file, two epochs */
    nib_bench_spread step, file; /**< seconds to the first step: prepared data; the data file */
} nib_bench_memory;

/** Run the program on itself in a scratch folder, which is removed again.
 *  @param rows  0: 610 000; @param runs  starts to take the median of
 *  Errors: NIB_ERR_SYSTEM, NIB_ERR_IO, NIB_ERR_INTERRUPTED. */
NIB_MUST_USE nib_status nib_bench_memory_run(int64_t rows, int64_t runs, const volatile sig_atomic_t *stop,
                                             nib_bench_memory *result, nib_error *err);

void nib_bench_memory_print(const nib_bench_memory *result, FILE *out);
cJSON *nib_bench_memory_json(const nib_bench_memory *result);

#endif
