/** Clocks of the benchmark, in seconds. */
#ifndef NIB_TOOLS_BENCH_CLOCK_H
#define NIB_TOOLS_BENCH_CLOCK_H

#include <time.h>

static inline double nib_bench_clock(clockid_t id)
{
    struct timespec t;
    (void)clock_gettime(id, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static inline double nib_bench_wall(void)
{
    return nib_bench_clock(CLOCK_MONOTONIC);
}

/** What the calling thread got of a processor. */
static inline double nib_bench_thread_time(void)
{
    return nib_bench_clock(CLOCK_THREAD_CPUTIME_ID);
}

#endif
