/** Every set of loops of the integer engine that this processor can run. */
#ifndef NIB_TESTS_QUANT_ENGINE_WAYS_H
#define NIB_TESTS_QUANT_ENGINE_WAYS_H

#include "core/cpu.h"
#include "quant/engine_internal.h"

typedef struct engine_way {
    const char *name;
    const nib_engine_loops *loops;
    const nib_engine_dense_loops *dense_loops;
} engine_way;

/** The next one from number *i on, which it counts up; false after the last. AVX-512 is there with and
 * without VNNI. */
static inline bool next_way(int *i, engine_way *way)
{
    while (*i <= NIB_ISA_COUNT) {
        const int n = (*i)++;
        const nib_isa isa = n < NIB_ISA_COUNT ? (nib_isa)n : NIB_ISA_AVX512;
        if (!nib_isa_supported(isa))
            continue;
        *way = (engine_way){nib_isa_name(isa), nib_engine_loops_for(isa), nib_engine_dense_loops_for(isa)};
        if (n < NIB_ISA_COUNT)
            return true;
#if NIB_ISA_X86
        if (way->dense_loops != &nib_engine_dense_loops_of_avx512) {
            way->name = "avx512 without VNNI";
            way->dense_loops = &nib_engine_dense_loops_of_avx512;
            return true;
        }
#endif
    }
    return false;
}

#endif
