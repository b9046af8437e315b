/** Interval arithmetic that the files of the fixnet share. Not for other modules. */
#ifndef NIB_QUANT_FIXNET_INTERNAL_H
#define NIB_QUANT_FIXNET_INTERNAL_H

#include "quant/fixnet.h"
#include "quant/wide.h"

/** Names of enums, in files and for people. */
extern const char *const nib_fix_order_names[NIB_FIX_ORDER_COUNT];
extern const char *const nib_fix_softmax_names[NIB_FIX_SOFTMAX_KIND_COUNT];
extern const char *const nib_fix_pool_names[NIB_FIX_POOL_KIND_COUNT];

/** low * 2^-fraction to high * 2^-fraction. */
typedef struct nib_fix_span {
    nib_wide low, high;
    int fraction;
} nib_fix_span;

/** All that a cast of the span's numbers can give, at the type's step. */
nib_fix_span nib_fix_span_cast(const nib_fixed *type, nib_fix_span span);
/** code * 2^-fraction times the span. */
nib_fix_span nib_fix_span_times(nib_fix_span span, int64_t code, int fraction);
nib_fix_span nib_fix_span_plus(nib_fix_span a, nib_fix_span b);
/** The hull of both. */
nib_fix_span nib_fix_span_join(nib_fix_span a, nib_fix_span b);
/** Feature `index` of an interval. */
nib_fix_span nib_fix_span_of(const nib_fix_interval *interval, int64_t index);
/** A number of an array without the zeros at the end of its code, as a span of one. */
nib_fix_span nib_fix_span_trimmed(const nib_fix_array *array, int64_t index);

/** Where the inputs of output `column` come when an accumulator adds them: order [n_in]. */
void nib_fix_dense_sequence(const nib_fix_dense *dense, int64_t column, int32_t *order);

/** Does `accum` hold every product and partial sum exactly, in any order? */
bool nib_fix_dense_is_proven(const nib_fix_dense *dense, const nib_fix_interval *x);
bool nib_fix_pool_is_proven(const nib_fix_pool *pool, int64_t positions, int64_t features,
                            const nib_fix_interval *x);

/** The step of a tensor or an array: the finest of its types that are not removed; 0 when all are. */
int nib_fix_types_fraction(const nib_fix_types *types);
/** Bits that an aligned number of these types has at most, the step being 2^-fraction. */
int nib_fix_types_width(const nib_fix_types *types, int fraction);

#endif
