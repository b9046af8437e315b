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

/** The next one from number *i on, which it counts up; false after the last. Sets that have VNNI are there
 * with and without it. */
static inline bool next_way(int *i, engine_way *way)
{
    while (*i < 2 * NIB_ISA_COUNT) {
        const int n = (*i)++;
        const nib_isa isa = (nib_isa)(n / 2);
        if (!nib_isa_supported(isa))
            continue;
        *way = (engine_way){nib_isa_name(isa), nib_engine_loops_for(isa), nib_engine_dense_loops_for(isa)};
        if (n % 2 == 0)
            return true;
#if NIB_ISA_X86
        const nib_engine_dense_loops *plain =
            isa == NIB_ISA_AVX512 ? &nib_engine_dense_loops_of_avx512 : &nib_engine_dense_loops_of_avx2;
        if (isa != NIB_ISA_BASELINE && way->dense_loops != plain) {
            way->name = isa == NIB_ISA_AVX512 ? "avx512 without VNNI" : "avx2 without VNNI";
            way->dense_loops = plain;
            return true;
        }
#endif
    }
    return false;
}

#endif
