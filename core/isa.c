#include "core/isa.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

bool nib_isa_supported(nib_isa isa)
{
    switch (isa) {
#if NIB_ISA_X86
    case NIB_ISA_AVX2:
        return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
    case NIB_ISA_AVX512:
        return nib_isa_supported(NIB_ISA_AVX2) && __builtin_cpu_supports("avx512f") &&
               __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512bw") &&
               __builtin_cpu_supports("avx512dq");
#endif
    case NIB_ISA_BASELINE:
        return true;
    default:
        return false;
    }
}

const char *nib_isa_name(nib_isa isa)
{
    static const char *const name[NIB_ISA_COUNT] = {"baseline", "avx2", "avx512"};
    return name[isa];
}

static nib_isa best(void)
{
    nib_isa isa = NIB_ISA_AVX512;
    while (!nib_isa_supported(isa))
        --isa;
    return isa;
}

nib_status nib_isa_check(const char *value, nib_isa_choice *choice, nib_error *err)
{
    *choice = (nib_isa_choice){.isa = best()};
    if (!value || !*value)
        return NIB_OK;
    if (strcmp(value, "openblas") == 0) {
        choice->openblas = true;
        return NIB_OK;
    }
    for (nib_isa isa = NIB_ISA_BASELINE; isa < NIB_ISA_COUNT; ++isa) {
        if (strcmp(value, nib_isa_name(isa)) != 0)
            continue;
        if (!nib_isa_supported(isa))
            return nib_fail(err, NIB_ERR_USAGE,
                            "NIBBLE_ISA=%s: this processor or build has no %s; the best is %s", value, value,
                            nib_isa_name(choice->isa));
        choice->isa = isa;
        return NIB_OK;
    }
    return nib_fail(err, NIB_ERR_USAGE,
                    "NIBBLE_ISA=%s: no such instruction set; avx512, avx2, baseline and "
                    "openblas are known",
                    value);
}

nib_isa_choice nib_isa_chosen(void)
{
    /* 0: not looked up yet; else 1 + 2 * isa + openblas. Whoever comes first finds the same as the others. */
    static atomic_int chosen;
    int code = atomic_load_explicit(&chosen, memory_order_relaxed);
    if (code == 0) {
        nib_isa_choice choice;
        if (nib_isa_check(getenv("NIBBLE_ISA"), &choice, NULL) != NIB_OK)
            choice = (nib_isa_choice){.isa = best()};
        code = 1 + 2 * (int)choice.isa + choice.openblas;
        atomic_store_explicit(&chosen, code, memory_order_relaxed);
    }
    return (nib_isa_choice){.isa = (nib_isa)((code - 1) / 2), .openblas = (code - 1) % 2 != 0};
}
