/* Compiled once per instruction set: see core/isa.h. */
#include "tools/bench_burst.h"

#include "core/isa.h"
#include "core/simd.h"

/* Independent chains: two units with a latency of 4 (Intel, Zen) need 8; all registers but a few are used, so
 * that there is room for slower ones. */
enum { CHAINS = NIB_VF_REGISTERS == 32 ? 24 : 12 };

static float run(int64_t turns, float start)
{
    const nib_vf keep = nib_vf_set(1.0f - 0x1p-10f), add = nib_vf_set(0x1p-10f);
    nib_vf x[CHAINS];
    NIB_UNROLL
    for (int i = 0; i < CHAINS; ++i)
        x[i] = nib_vf_set(start + (float)i);
    for (int64_t t = 0; t < turns; ++t) {
        NIB_UNROLL
        for (int i = 0; i < CHAINS; ++i)
            x[i] = nib_vf_fma(x[i], keep, add);
    }
    float lanes[NIB_VF], sum = 0;
    for (int i = 1; i < CHAINS; ++i)
        x[0] = nib_vf_add(x[0], x[i]);
    nib_vf_store(lanes, x[0]);
    for (int i = 0; i < NIB_VF; ++i)
        sum += lanes[i];
    return sum / (float)(CHAINS * NIB_VF);
}

extern const nib_bench_burst NIB_ISA_NAME(nib_bench_burst_table); /* the header names every copy */

const nib_bench_burst NIB_ISA_NAME(nib_bench_burst_table) = {.flops = 2 * CHAINS * NIB_VF, .run = run};
