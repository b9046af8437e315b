/** The loop that bench_peak times, compiled once per instruction set (core/isa.h). */
#ifndef NIB_TOOLS_BENCH_BURST_H
#define NIB_TOOLS_BENCH_BURST_H

#include <stdint.h>

typedef struct nib_bench_burst {
    int64_t flops; /**< per turn of the loop */
    float (*run)(int64_t turns,
                 float start); /**< @return mean over all lanes of x <- x (1 - 2^-10) + 2^-10 */
} nib_bench_burst;

extern const nib_bench_burst nib_bench_burst_table;
#if defined(__x86_64__)
extern const nib_bench_burst nib_bench_burst_table_avx2, nib_bench_burst_table_avx512;
#endif

#endif
