#include "core/op.h"

#include <stdio.h>
#include <string.h>

#define NIB_OP(name) extern const nib_op nib_op_##name;
#include "core/ops.def"
#undef NIB_OP

#define NIB_OP(name) &nib_op_##name,
const nib_op *const nib_ops[] = {
#include "core/ops.def"
};
#undef NIB_OP
const int nib_ops_count = (int)(sizeof nib_ops / sizeof nib_ops[0]);

#if NIB_ISA_X86
#define NIB_OP(name) extern const nib_op nib_op_##name##_avx2, nib_op_##name##_avx512;
#include "core/ops.def"
#undef NIB_OP

#define NIB_OP(name) {&nib_op_##name##_avx2, &nib_op_##name##_avx512},
static const nib_op *const variants[][2] = {
#include "core/ops.def"
};
#undef NIB_OP
#endif

const nib_op *nib_op_for_isa(const nib_op *op, nib_isa isa)
{
#if NIB_ISA_X86
    for (int i = 0; isa != NIB_ISA_BASELINE && i < nib_ops_count; i++)
        if (nib_ops[i] == op)
            return variants[i][isa == NIB_ISA_AVX512];
#endif
    (void)isa;
    return op;
}

const nib_op *nib_op_find(const char *name)
{
    for (int i = 0; i < nib_ops_count; i++)
        if (strcmp(nib_ops[i]->name, name) == 0)
            return nib_ops[i];
    return NULL;
}

int64_t nib_shape_row(const nib_shape *shape)
{
    if (shape->rate == NIB_RATE_STEP)
        return shape->dim[shape->rank - 1];
    int64_t floats = 1;
    for (int i = 0; i < shape->rank; i++)
        floats *= shape->dim[i];
    return floats;
}

const char *nib_shape_text(const nib_shape *shape, char *text)
{
    int n = 0;
    if (shape->rate == NIB_RATE_TILE)
        n = snprintf(text, NIB_SHAPE_BYTES, "[%s",
                     shape->domain == NIB_DOMAIN_ELEMENTS ? "elements" : "rows");
    else
        n = snprintf(text, NIB_SHAPE_BYTES, "[");
    for (int i = 0; i < shape->rank; ++i)
        n += snprintf(text + n, (size_t)(NIB_SHAPE_BYTES - n), "%s%lld", n > 1 ? ", " : "",
                      (long long)shape->dim[i]);
    (void)snprintf(text + n, (size_t)(NIB_SHAPE_BYTES - n), "]");
    return text;
}

static bool same_shape(const nib_shape *a, const nib_shape *b)
{
    bool same = a->rate == b->rate && a->domain == b->domain && a->rank == b->rank;
    for (int i = 0; same && i < a->rank; ++i)
        same = a->dim[i] == b->dim[i];
    return same;
}

nib_status nib_op_infer_same(const void *options, const nib_shape *x, int inputs, nib_op_plan *plan,
                             nib_error *err)
{
    (void)options;
    for (int i = 1; i < inputs; ++i) {
        if (same_shape(&x[i], &x[0]))
            continue;
        char a[NIB_SHAPE_BYTES], b[NIB_SHAPE_BYTES];
        return nib_fail(err, NIB_ERR_SHAPE, "input %d is %s, input 1 is %s; they must be the same", i + 1,
                        nib_shape_text(&x[i], b), nib_shape_text(&x[0], a));
    }
    plan->y = x[0];
    return NIB_OK;
}
