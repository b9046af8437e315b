#include "core/row_loss.h"

static nib_status check(const nib_shape *x, int64_t target_width, nib_op_plan *plan, nib_error *err)
{
    if (x[0].rate != NIB_RATE_TILE || x[1].rate != NIB_RATE_TILE)
        return nib_fail(err, NIB_ERR_SHAPE, "a loss compares rows of data, not parameters");
    if (x[0].domain != x[1].domain)
        return nib_fail(err, NIB_ERR_SHAPE, "prediction and target differ: samples against set elements");
    if (nib_shape_row(&x[1]) != target_width)
        return nib_fail(err, NIB_ERR_SHAPE, "the target has %lld numbers per row, the loss needs %lld",
                        (long long)nib_shape_row(&x[1]), (long long)target_width);
    plan->y = (nib_shape){.rate = NIB_RATE_TILE, .domain = x[0].domain, .rank = 1, .dim = {1, 1, 1}};
    return NIB_OK;
}

nib_status nib_row_loss_infer_label(const nib_shape *x, nib_op_plan *plan, nib_error *err)
{
    NIB_TRY(check(x, 1, plan, err));
    if (nib_shape_row(&x[0]) < 2)
        return nib_fail(err, NIB_ERR_SHAPE,
                        "a categorical loss needs two outputs or more, the layer has %lld",
                        (long long)nib_shape_row(&x[0]));
    return NIB_OK;
}

nib_status nib_row_loss_infer_values(const nib_shape *x, nib_op_plan *plan, nib_error *err)
{
    return check(x, nib_shape_row(&x[0]), plan, err);
}
