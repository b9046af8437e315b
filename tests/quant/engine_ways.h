/** Every set of loops of the integer engine that this processor can run. */
#ifndef NIB_TESTS_QUANT_ENGINE_WAYS_H
#define NIB_TESTS_QUANT_ENGINE_WAYS_H

#include "core/cpu.h"
#include "quant/engine_internal.h"

typedef struct engine_way {
    const char *name;
    const nib_engine_loops *loops;
    nib_engine_dense_loops dense_loops;
} engine_way;

/** The next one from number *i on, which it counts up; false after the last. Each set is there with and
 * without blocks, and those that have VNNI with and without it. */
static inline bool next_way(int *i, engine_way *way)
{
    static const char *const names[NIB_ISA_COUNT][4] = {
        [NIB_ISA_BASELINE] = {"baseline", "baseline without blocks"},
        [NIB_ISA_AVX2] = {"avx2", "avx2 without blocks", "avx2 without VNNI", "avx2 without VNNI and blocks"},
        [NIB_ISA_AVX512] = {"avx512", "avx512 without blocks", "avx512 without VNNI",
                            "avx512 without VNNI and blocks"}};
    while (*i < 4 * NIB_ISA_COUNT) {
        const int n = (*i)++;
        const nib_isa isa = (nib_isa)(n / 4);
        if (!nib_isa_supported(isa))
            continue;
        const nib_engine_dense_loops *loops = nib_engine_dense_loops_for(isa), *plain = loops;
#if NIB_ISA_X86
        plain = isa == NIB_ISA_AVX512 ? &nib_engine_dense_loops_of_avx512
                : isa == NIB_ISA_AVX2 ? &nib_engine_dense_loops_of_avx2
                                      : loops;
#endif
        if (n % 4 >= 2 && plain == loops)
            continue;
        *way = (engine_way){names[isa][n % 4], nib_engine_loops_for(isa), n % 4 >= 2 ? *plain : *loops};
        if (n % 2)
            way->dense_loops.blocks = NULL;
        return true;
    }
    return false;
}

#endif
