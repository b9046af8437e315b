#include <math.h>

#include "quant/grid.h"
#include "quant/lowered_types.h"
#include "quant/quantizer.h"
#include "quant/scale.h"
#include "quant/signs.h"

/* y = alpha * (|x| >= threshold ? sign(x) : 0). alpha=auto: the threshold is half of the scale, which starts
 * at 2/3 of the largest |x| and is fitted by least squares five times; the last fit is the scale of levels
 * that were made with the one before. dx = dy; with alpha=none dx = dy * (1 - tanh(x)^2), as in QKeras. */

typedef nib_ternary_options options;

static const nib_option rows[] = {
    NIB_SCALE_ALPHA_ROW(options),
    NIB_ROW(options, threshold, NIB_OPTION_FLOAT, "0.33", 0, 1e6, NULL, "",
            "smallest |x| that is not 0 (not for alpha auto and auto_po2)"),
    NIB_ROW(options, number_of_unrolls, NIB_OPTION_INT, "5", 1, 100, NULL, "", "fits of the scale"),
    NIB_SCALE_PER_ROW(options),
    NIB_SCALE_SNAP_ROW(options),
    NIB_SCALE_STE_ROW(options),
};

static nib_status check(void *filled, const char **warning, nib_error *err)
{
    options *o = filled;
    NIB_TRY(nib_scale_read(o->alpha, o->snap, &o->scale, err));
    const bool fits = nib_scale_is_fitted(&o->scale);
    if (fits && o->threshold != 0.33)
        *warning = "ternary makes its own threshold under alpha=auto and auto_po2: the given one is ignored";
    return NIB_OK;
}

static float level_by_threshold(const void *context, float x)
{
    const float threshold = *(const float *)context;
    const float sign = x < 0.0f ? -1.0f : x > 0.0f ? 1.0f : 0.0f;
    return fabsf(x) >= threshold ? sign : x * 0.0f; /* NaN stays NaN */
}

/* Half of a scale rounds to 0 (ties to even), so the threshold itself is excluded here. */
static float level_by_scale(const void *context, float x)
{
    const float scale = *(const float *)context;
    if (scale == 0.0f || nib_grid_round(NIB_ROUNDING_RND_CONV, x / scale) == 0.0f)
        return x * 0.0f;
    const float positive = x > 0.0f ? 1.0f : x; /* NaN stays NaN */
    return x < 0.0f ? -1.0f : positive;
}

/* The scale that makes levels, in *level_scale, and the factor of the levels, which is returned. */
static float fit_group(const options *o, const nib_scale_group *group, float *level_scale)
{
    float factor = 2.0f * nib_scale_largest(group) / 3.0f, scale = factor;
    if (o->scale.kind == NIB_SCALE_AUTO_PO2)
        factor = nib_scale_po2(factor);
    for (int64_t i = 0; i < o->number_of_unrolls; i++) {
        scale = factor;
        factor = nib_scale_least_squares(group, o->scale.kind, level_by_scale, &scale);
    }
    *level_scale = scale;
    return factor;
}

static void forward(const nib_quantize_call *call)
{
    const options *o = call->options;
    const bool fits = nib_scale_is_fitted(&o->scale);
    const float threshold = (float)o->threshold;
    const int64_t groups = nib_scale_groups(call, o->per);
    for (int64_t i = 0; i < groups; i++) {
        const nib_scale_group group = nib_scale_group_of(call, o->per, i);
        if (!fits) {
            nib_scale_apply(&group, o->scale.value, level_by_threshold, &threshold);
            continue;
        }
        float scale;
        const float factor = fit_group(o, &group, &scale);
        nib_scale_apply(&group, factor, level_by_scale, &scale);
    }
}

static void backward(const nib_quantize_call *call)
{
    const options *o = call->options;
    nib_scale_gradient(call, &o->scale, (nib_scale_ste)o->ste);
}

static nib_status lower(const nib_quantize_call *call, nib_lowered *lowered, nib_error *err)
{
    static const nib_fixed levels = {2, 2, true, NIB_ROUNDING_RND_CONV, NIB_OVERFLOW_SAT_SYM};
    const options *o = call->options;
    lowered->is_table = !nib_scale_is_fitted(&o->scale);
    if (lowered->is_table)
        return nib_lowered_scaled(lowered, 0, &levels, o->scale.value, err);
    NIB_TRY(nib_scale_need_values(call, o->alpha, err));
    lowered->n_types = nib_scale_groups(call, o->per);
    for (int64_t i = 0; i < lowered->n_types; i++) {
        const nib_scale_group group = nib_scale_group_of(call, o->per, i);
        float scale;
        const float factor = fit_group(o, &group, &scale);
        NIB_TRY(nib_lowered_scaled(lowered, i, &levels, scale == 0.0f ? 0.0f : factor, err));
    }
    return NIB_OK;
}

static const char *const cases[] = {"ternary()",
                                    "ternary(1.0, threshold=0.5)",
                                    "ternary(alpha=auto)",
                                    "ternary('auto_po2', per=tensor)",
                                    "ternary(alpha=2, ste=clip)",
                                    NULL};

const nib_quantizer nib_quantizer_ternary = {
    .name = "ternary",
    .help = "-1, 0 or 1, times alpha",
    .source = "QKeras 0.9.0",
    .options = NIB_OPTION_TABLE(options, rows),
    .n_positional = 2,
    .check = check,
    .forward = forward,
    .backward = backward,
    .lower = lower,
    .cases = cases,
};
