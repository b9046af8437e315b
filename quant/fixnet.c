#include "quant/fixnet.h"

#include <assert.h>
#include <string.h>

#include "quant/fixnet_internal.h"

nib_fixed nib_fix_type_at(const nib_fix_types *types, int64_t index)
{
    const int64_t i = types->count == 1 ? 0 : index % types->count;
    return (nib_fixed){.bits = types->bits[i],
                       .integer = types->integer[i],
                       .is_signed = types->is_signed[i],
                       .rounding = types->rounding,
                       .overflow = types->overflow};
}

nib_fix_types nib_fix_types_each(nib_arena *arena, const nib_fixed *type, int64_t count)
{
    assert(count >= 1);
    int8_t *bits = NIB_NEW(arena, int8_t, count), *integer = NIB_NEW(arena, int8_t, count);
    bool *is_signed = NIB_NEW(arena, bool, count);
    if (!bits || !integer || !is_signed)
        return (nib_fix_types){0};
    for (int64_t i = 0; i < count; ++i) {
        bits[i] = (int8_t)type[i].bits;
        integer[i] = (int8_t)type[i].integer;
        is_signed[i] = type[i].is_signed;
    }
    return (nib_fix_types){.rounding = type->rounding,
                           .overflow = type->overflow,
                           .count = count,
                           .bits = bits,
                           .integer = integer,
                           .is_signed = is_signed};
}

nib_fix_types nib_fix_types_of(nib_arena *arena, const nib_fixed *type)
{
    return nib_fix_types_each(arena, type, 1);
}

static const char *const kind_names[NIB_FIX_KIND_COUNT] = {
    [NIB_FIX_INPUT] = "input",           [NIB_FIX_CAST] = "cast",
    [NIB_FIX_DENSE] = "dense",           [NIB_FIX_ADD] = "add",
    [NIB_FIX_CONCAT] = "concat",         [NIB_FIX_RELU] = "relu",
    [NIB_FIX_LEAKY_RELU] = "leaky_relu", [NIB_FIX_TABLE] = "table",
    [NIB_FIX_SOFTMAX] = "softmax",       [NIB_FIX_POOL] = "pool",
    [NIB_FIX_SCALE] = "scale",           [NIB_FIX_RESHAPE] = "reshape"};

const char *const nib_fix_order_names[NIB_FIX_ORDER_COUNT] = {
    [NIB_FIX_ORDER_LATENCY] = "latency", [NIB_FIX_ORDER_RESOURCE] = "resource"};
const char *const nib_fix_softmax_names[NIB_FIX_SOFTMAX_KIND_COUNT] = {[NIB_FIX_SOFTMAX_STABLE] = "stable",
                                                                       [NIB_FIX_SOFTMAX_LATENCY] = "latency",
                                                                       [NIB_FIX_SOFTMAX_ARGMAX] = "argmax"};
const char *const nib_fix_pool_names[NIB_FIX_POOL_KIND_COUNT] = {
    [NIB_FIX_POOL_SUM] = "sum", [NIB_FIX_POOL_MEAN] = "mean", [NIB_FIX_POOL_MAX] = "max"};

const char *nib_fix_kind_name(nib_fix_kind kind)
{
    assert((unsigned)kind < NIB_FIX_KIND_COUNT);
    return kind_names[kind];
}

int nib_fix_kind_find(const char *name)
{
    for (int i = 0; i < NIB_FIX_KIND_COUNT; ++i)
        if (strcmp(kind_names[i], name) == 0)
            return i;
    return -1;
}

int nib_fixnet_find(const nib_fixnet *net, const char *name)
{
    for (int i = 0; i < net->n_nodes; ++i)
        if (strcmp(net->node[i].name, name) == 0)
            return i;
    return -1;
}

nib_status nib_fix_smallest_type(int64_t low, int64_t high, int fraction, nib_fixed *type, nib_error *err)
{
    assert(low <= high);
    const bool is_signed = low < 0;
    /* -2^n needs n bits beside the sign, as 2^n - 1 does. */
    const int below = is_signed ? nib_wide_width((nib_wide)low + 1) : 0;
    const int above = high > 0 ? nib_wide_width(high) : 0;
    int bits = (below > above ? below : above) + (is_signed ? 1 : 0);
    if (bits < 1)
        bits = 1;
    if (bits > NIB_FIXED_MAX_ACCUM)
        return nib_fail(err, NIB_ERR_CONFIG, "a number of %d bits; %d are possible", bits,
                        NIB_FIXED_MAX_ACCUM);
    *type = (nib_fixed){.bits = bits,
                        .integer = bits - fraction,
                        .is_signed = is_signed,
                        .rounding = NIB_ROUNDING_TRN,
                        .overflow = NIB_OVERFLOW_WRAP};
    return nib_fixed_check(type, NIB_FIXED_MAX_ACCUM, err);
}
