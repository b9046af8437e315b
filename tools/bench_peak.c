#include "tools/bench_peak.h"

#include <math.h>

#include "tools/bench_burst.h"
#include "tools/bench_clock.h"

static const nib_bench_burst *burst_of(nib_isa isa)
{
#if defined(__x86_64__)
    if (isa == NIB_ISA_AVX512)
        return &nib_bench_burst_table_avx512;
    if (isa == NIB_ISA_AVX2)
        return &nib_bench_burst_table_avx2;
#endif
    (void)isa;
    return &nib_bench_burst_table;
}

double nib_bench_peak(nib_isa isa, double seconds)
{
    enum { TURNS = 100000 };
    const nib_bench_burst *burst = burst_of(isa);
    const double begin = nib_bench_wall();
    double best = 0;
    do {
        const double at = nib_bench_thread_time();
        const float mean = burst->run(TURNS, 2.0f);
        const double taken = nib_bench_thread_time() - at;
        /* Every lane has come to rest at 1: the arithmetic was done. */
        if (!(fabsf(mean - 1.0f) < 1e-3f))
            return 0;
        if (taken > 0 && (double)burst->flops * TURNS / taken > best)
            best = (double)burst->flops * TURNS / taken;
    } while (nib_bench_wall() - begin < seconds);
    return best;
}
