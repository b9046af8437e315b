#include "core/op.h"

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
