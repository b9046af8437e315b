#include "quant/lowered_types.h"
#include "quant/quantizer.h"
#include "quant/scale.h"
#include "quant/signs.h"

/* y = alpha * (x < 0 ? -1 : 1), or alpha * (x < 0 ? 0 : 1) (use_01). alpha=auto: by least squares, mean |x|
 * for +-1. dx = dy; with alpha=none dx = dy * (1 - tanh(x)^2), QKeras' stand-in for the derivative of a sign.
 */

typedef nib_binary_options options;

static const nib_option rows[] = {
    NIB_ROW(options, use_01, NIB_OPTION_BOOL, "false", 0, 0, NULL, "", "0 and 1 instead of -1 and 1"),
    NIB_SCALE_ALPHA_ROW(options),
    NIB_SCALE_PER_ROW(options),
    NIB_SCALE_SNAP_ROW(options),
    NIB_SCALE_STE_ROW(options),
};

static nib_status check(void *filled, const char **warning, nib_error *err)
{
    options *o = filled;
    (void)warning;
    return nib_scale_read(o->alpha, o->snap, &o->scale, err);
}

static float sign_of(const void *context, float x)
{
    const options *o = context;
    const float low = o->use_01 ? 0.0f : -1.0f;
    const float high = x >= 0.0f ? 1.0f : x; /* NaN stays NaN */
    return x < 0.0f ? low : high;
}

float nib_binary_factor(const nib_binary_options *o, const nib_scale_group *group)
{
    if (nib_scale_is_fitted(&o->scale))
        return nib_scale_least_squares(group, o->scale.kind, sign_of, o);
    return o->scale.value;
}

static void forward(const nib_quantize_call *call)
{
    const options *o = call->options;
    const int64_t groups = nib_scale_groups(call, o->per);
    for (int64_t i = 0; i < groups; i++) {
        const nib_scale_group group = nib_scale_group_of(call, o->per, i);
        nib_scale_apply(&group, nib_binary_factor(o, &group), sign_of, o);
    }
}

static void backward(const nib_quantize_call *call)
{
    const options *o = call->options;
    nib_scale_gradient(call, &o->scale, (nib_scale_ste)o->ste);
}

static nib_status lower(const nib_quantize_call *call, nib_lowered *lowered, nib_error *err)
{
    /* -1 and 1 are two codes of two bits. */
    static const nib_fixed signs = {2, 2, true, NIB_ROUNDING_RND_CONV, NIB_OVERFLOW_SAT_SYM};
    static const nib_fixed bit = {1, 1, false, NIB_ROUNDING_RND_CONV, NIB_OVERFLOW_SAT};
    const options *o = call->options;
    const nib_fixed *type = o->use_01 ? &bit : &signs;
    lowered->is_table = !nib_scale_is_fitted(&o->scale);
    if (lowered->is_table)
        return nib_lowered_scaled(lowered, 0, type, o->scale.value, err);
    NIB_TRY(nib_scale_need_values(call, o->alpha, err));
    lowered->n_types = nib_scale_groups(call, o->per);
    for (int64_t i = 0; i < lowered->n_types; i++) {
        const nib_scale_group group = nib_scale_group_of(call, o->per, i);
        NIB_TRY(nib_lowered_scaled(lowered, i, type, nib_binary_factor(o, &group), err));
    }
    return NIB_OK;
}

static const char *const cases[] = {"binary()",
                                    "binary",
                                    "binary(1)",
                                    "binary(alpha=auto)",
                                    "binary(alpha='auto_po2', per=tensor)",
                                    "binary(0, 0.75, ste=clip)",
                                    NULL};

const nib_quantizer nib_quantizer_binary = {
    .name = "binary",
    .help = "the sign of x (0 counts as positive), times alpha",
    .source = "QKeras 0.9.0",
    .options = NIB_OPTION_TABLE(options, rows),
    .n_positional = 2,
    .check = check,
    .forward = forward,
    .backward = backward,
    .lower = lower,
    .cases = cases,
};
