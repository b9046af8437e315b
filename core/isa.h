/** Instruction sets: one binary holds its hot loops several times and chooses once, at start.
 *
 *  A source file with such loops (core/kernels.c, ops, optimizers: the list is in CMakeLists.txt) is compiled
 * once as it is, for the baseline of the architecture, and again per instruction set with -DNIB_ISA=avx2 or
 * avx512 and that set's flags. What it defines for others is named NIB_ISA_NAME(nib_x): nib_x in the
 * baseline, nib_x_avx2, nib_x_avx512. Baseline: SSE2 on x86-64, NEON on arm64, plain C elsewhere.
 */
#ifndef NIB_CORE_ISA_H
#define NIB_CORE_ISA_H

#include <stdbool.h>

#include "core/status.h"

#define NIB_ISA_PASTE_(name, isa) name##_##isa
#define NIB_ISA_PASTE(name, isa)  NIB_ISA_PASTE_(name, isa)
#ifdef NIB_ISA
#define NIB_ISA_NAME(name) NIB_ISA_PASTE(name, NIB_ISA)
#else
#define NIB_ISA_NAME(name) name
#endif

#if defined(__x86_64__)
#define NIB_ISA_X86 1 /* the sets avx2 and avx512 are built */
#else
#define NIB_ISA_X86 0
#endif

typedef enum nib_isa { NIB_ISA_BASELINE, NIB_ISA_AVX2, NIB_ISA_AVX512, NIB_ISA_COUNT } nib_isa;

/** The way hot loops go in this process: the best set the processor has, or what the environment variable
 * NIBBLE_ISA asks for (avx512, avx2, baseline; openblas: the best set, but all products by OpenBLAS). Looked
 * up once and fixed from then on; a value that cannot be followed counts as not set (see nib_isa_check). */
typedef struct nib_isa_choice {
    nib_isa isa;
    bool openblas; /**< products by OpenBLAS */
} nib_isa_choice;
nib_isa_choice nib_isa_chosen(void);

/** Whether this build and this processor can run the set. */
bool nib_isa_supported(nib_isa isa);

/** "baseline", "avx2", "avx512". */
const char *nib_isa_name(nib_isa isa);

/** What nib_isa_chosen() would do with this value of NIBBLE_ISA (NULL or "": not set).
 *  Errors: NIB_ERR_USAGE: no such instruction set, or the processor lacks it. */
NIB_MUST_USE nib_status nib_isa_check(const char *value, nib_isa_choice *choice, nib_error *err);

#endif
