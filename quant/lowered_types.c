#include "quant/lowered_types.h"

#include <assert.h>
#include <math.h>

nib_status nib_lowered_exponent(float scale, int *exponent, nib_error *err)
{
    if (frexpf(scale, exponent) != 0.5f)
        return nib_fail(err, NIB_ERR_CONFIG,
                        "a scale of %.9g is no power of two, which hardware would have to multiply by: "
                        "snap=po2 takes the nearest power of two (in training, too)",
                        (double)scale);
    --*exponent;
    return NIB_OK;
}

nib_status nib_lowered_scaled(nib_lowered *lowered, int64_t index, const nib_fixed *type, float scale,
                              nib_error *err)
{
    nib_error inner = {NIB_OK, ""};
    nib_fixed *made = &lowered->type[index];
    int exponent = 0;
    *made = *type;
    nib_status status = scale == 0.0f ? NIB_OK : nib_lowered_exponent(scale, &exponent, &inner);
    made->integer += exponent;
    if (status == NIB_OK)
        status = nib_fixed_check(made, NIB_FIXED_MAX_BITS, &inner);
    if (status == NIB_OK)
        return NIB_OK;
    if (lowered->n_types == 1)
        return nib_fail(err, status, "%s", inner.message);
    return nib_fail(err, status, "channel %lld: %s", (long long)index, inner.message);
}

nib_status nib_quantizer_lower(const nib_quantizer_config *config, const nib_quantize_call *call,
                               nib_lowered *lowered, nib_error *err)
{
    nib_quantize_call evaluation = *call;
    evaluation.options = config->options;
    evaluation.training = false;
    evaluation.float_share = 0.0f;
    lowered->n_types = 1;
    lowered->is_cast = lowered->is_table = false;
    const nib_status status = config->type->lower(&evaluation, lowered, err);
    if (status != NIB_OK) {
        nib_error_prefix(err, "%s", config->type->name);
        return status;
    }
    assert(lowered->n_types == 1 || lowered->n_types == call->cols);
    return NIB_OK;
}
