#include "quant/softmax_table.h"

#include <math.h>

nib_fixed nib_softmax_index_type(const nib_fix_softmax *softmax, const nib_fixed *x)
{
    return softmax->kind == NIB_FIX_SOFTMAX_LATENCY ? *x : softmax->inp_norm;
}

static int index_bits(int64_t size)
{
    return 63 - __builtin_clzll((unsigned long long)size);
}

int64_t nib_softmax_index(const nib_fixed *type, int64_t size, int64_t code)
{
    const uint64_t raw = (uint64_t)code & (((uint64_t)1 << type->bits) - 1);
    return (int64_t)(raw >> (type->bits - index_bits(size)));
}

/* The number whose top bits are `index`. It has at most 16 significant bits: exact in a float. */
static float value_of_index(const nib_fixed *type, int64_t size, int64_t index)
{
    const int64_t signed_index = type->is_signed && index >= size / 2 ? index - size : index;
    return ldexpf((float)signed_index, type->bits - index_bits(size) - nib_fixed_fraction(type));
}

void nib_softmax_exp_table(const nib_fix_softmax *softmax, const nib_fixed *x, int64_t *code)
{
    const nib_fixed type = nib_softmax_index_type(softmax, x);
    const bool negate = softmax->kind == NIB_FIX_SOFTMAX_STABLE;
    for (int64_t i = 0; i < softmax->exp_size; ++i) {
        const float v = value_of_index(&type, softmax->exp_size, i);
        code[i] = nib_fixed_cast_double(&softmax->exp_table, (double)expf(negate ? -v : v));
    }
}

void nib_softmax_inv_table(const nib_fix_softmax *softmax, int64_t *code)
{
    for (int64_t i = 0; i < softmax->inv_size; ++i) {
        const float v = value_of_index(&softmax->inv_inp, softmax->inv_size, i);
        code[i] =
            nib_fixed_cast_double(&softmax->inv_table, v == 0.0f ? (double)INFINITY : (double)(1.0f / v));
    }
}
