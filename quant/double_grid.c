#include <assert.h>
#include <math.h>

#include "quant/double_loops.h"

nib_double_grid nib_double_grid_of(const nib_fixed *type)
{
    assert(type->bits <= NIB_FIXED_MAX_BITS);
    const int fraction = type->bits - type->integer;
    const bool removed = type->bits == 0;
    const double codes = ldexp(1.0, type->bits), half = type->is_signed ? codes / 2 : 0;
    const bool symmetric = type->overflow == NIB_OVERFLOW_SAT_SYM && type->is_signed && type->bits > 1;
    return (nib_double_grid){
        .step = removed ? 0 : ldexp(1.0, -fraction),
        .inverse = removed ? 0 : ldexp(1.0, fraction),
        .lowest = symmetric ? 1 - half : -half,
        .highest = codes - half - 1,
        .modulus = codes,
        .rounding = type->rounding,
        .overflow = type->overflow,
    };
}

const nib_double_loops *nib_double_loops_for(nib_isa isa)
{
#if NIB_ISA_X86
    if (isa == NIB_ISA_AVX512)
        return &nib_double_loops_of_avx512;
    if (isa == NIB_ISA_AVX2)
        return &nib_double_loops_of_avx2;
#endif
    (void)isa;
    return &nib_double_loops_of;
}
