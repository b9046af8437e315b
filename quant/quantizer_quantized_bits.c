#include <math.h>

#include "quant/grid.h"
#include "quant/lowered_types.h"
#include "quant/quantizer.h"
#include "quant/scale.h"
#include "quant/stochastic.h"

/* y = alpha * x on the grid fixed<bits, integer + sign, RND_CONV>, SAT or SAT_SYM (symmetric); dx = dy.
 * One bit with a sign: y = alpha * (x < 0 ? -1 : 1).
 * alpha=auto: levels -n..n with n = 2^(bits-1) - 1, the largest |x| on n, ties away from zero; auto_po2
 * starts from there and fits the scale by least squares five times. The last fit is the scale of levels that
 * were made with the one before, as release 0.9.0 does. */

typedef struct options {
    int64_t bits, integer;
    bool symmetric, keep_negative;
    const char *alpha;
    bool use_stochastic_rounding;
    int per, snap, ste;
    bool use_ste;
    nib_scale scale;
    nib_fixed type; /* for alpha = 1 */
    nib_grid grid;  /* of x; its step is that of y, alpha times that of x */
} options;

enum { STE_PASS, STE_CLIP, FITS = 5 };

static const nib_option rows[] = {
    NIB_ROW(options, bits, NIB_OPTION_INT, "8", 1, 24, NULL, "bits", "width, the sign counted"),
    NIB_ROW(options, integer, NIB_OPTION_INT, "0", -32, 32, NULL, "bits",
            "bits before the point, the sign not counted"),
    NIB_ROW(options, symmetric, NIB_OPTION_BOOL, "false", 0, 0, NULL, "", "leave the lowest code out"),
    NIB_ROW(options, keep_negative, NIB_OPTION_BOOL, "true", 0, 0, NULL, "", "with a sign"),
    NIB_SCALE_ALPHA_ROW(options),
    NIB_STOCHASTIC_ROW(options),
    NIB_SCALE_PER_ROW(options),
    NIB_SCALE_SNAP_ROW(options),
    NIB_ROW(options, ste, NIB_OPTION_CHOICE, "pass", 0, 0, "pass|clip", "",
            "gradient out of range: passed or 0"),
    NIB_STOCHASTIC_USE_STE_ROW(options),
};

static bool is_sign(const options *o)
{
    return o->bits == 1 && o->keep_negative;
}

static nib_status check(void *filled, const char **warning, nib_error *err)
{
    options *o = filled;
    NIB_TRY(nib_scale_read(o->alpha, o->snap, &o->scale, err));
    if (nib_scale_is_fitted(&o->scale) && o->bits == 1)
        return nib_fail(err, NIB_ERR_CONFIG,
                        "quantized_bits with one bit has no scale to fit; use binary(alpha=%s)", o->alpha);
    if (nib_scale_is_fitted(&o->scale) && !o->keep_negative)
        return nib_fail(err, NIB_ERR_CONFIG, "alpha=%s needs keep_negative=True: its levels are symmetric",
                        o->alpha);
    if (nib_scale_is_fitted(&o->scale) && o->ste == STE_CLIP)
        return nib_fail(err, NIB_ERR_CONFIG, "ste=clip needs a given alpha: alpha=%s makes its own range",
                        o->alpha);
    if (o->use_stochastic_rounding && (nib_scale_is_fitted(&o->scale) || is_sign(o)))
        *warning =
            "quantized_bits rounds at random only with a given alpha and two bits or more, as in QKeras";
    if (is_sign(o) && o->integer != 0)
        *warning = "quantized_bits with one bit is -1 or 1: integer is ignored, as in QKeras";
    o->type = (nib_fixed){.bits = (int)o->bits,
                          .integer = (int)o->integer + (o->keep_negative ? 1 : 0),
                          .is_signed = o->keep_negative,
                          .rounding = NIB_ROUNDING_RND_CONV,
                          .overflow = o->symmetric ? NIB_OVERFLOW_SAT_SYM : NIB_OVERFLOW_SAT};
    o->grid = nib_grid_of(&o->type);
    o->grid.step *= o->scale.value;
    return NIB_OK;
}

/* ---- Fitted scales ---- */

typedef struct fit {
    float unit; /* 2^integer */
    float scale;
    float levels;
} fit;

/* The level of x: an integer in -levels..levels. */
static float level_of(const void *context, float x)
{
    const fit *f = context;
    if (f->scale == 0.0f)
        return x * 0.0f; /* nothing but zeros and NaN, which stays */
    const float level = nib_grid_round(NIB_ROUNDING_RND, fabsf(x / f->unit) / f->scale);
    return copysignf(level > f->levels ? f->levels : level, x);
}

/* The scale that makes levels, in f->scale, and the factor of the levels, which is returned. */
static float fit_group(const options *o, const nib_scale_group *group, fit *fitted)
{
    fit f = {.unit = ldexpf(1.0f, (int)o->integer), .levels = ldexpf(1.0f, (int)o->bits - 1) - 1.0f};
    f.scale = nib_scale_largest(group) / f.unit * 2.0f / (2.0f * f.levels);
    float factor = f.scale;
    if (o->scale.kind == NIB_SCALE_AUTO_PO2) {
        factor = nib_scale_po2(f.scale);
        for (int i = 0; i < FITS; i++) {
            f.scale = factor;
            /* The sums are of x, the scale of x / unit. */
            factor = nib_scale_least_squares(group, NIB_SCALE_AUTO, level_of, &f) / f.unit;
            factor = nib_scale_po2(factor);
        }
    }
    *fitted = f;
    return factor * f.unit;
}

/* ---- Both directions ---- */

/* 0 counts as positive, NaN stays NaN. */
static float sign_of(float x)
{
    const float high = x >= 0.0f ? 1.0f : x;
    return x < 0.0f ? -1.0f : high;
}

static void forward(const nib_quantize_call *call)
{
    const options *o = call->options;
    if (nib_scale_is_fitted(&o->scale)) {
        const int64_t groups = nib_scale_groups(call, o->per);
        for (int64_t i = 0; i < groups; i++) {
            const nib_scale_group group = nib_scale_group_of(call, o->per, i);
            fit f;
            const float factor = fit_group(o, &group, &f);
            nib_scale_apply(&group, factor, level_of, &f);
        }
        return;
    }
    if (is_sign(o))
        for (int64_t r = 0; r < call->rows; r++)
            for (int64_t c = 0; c < call->cols; c++)
                call->y[r * call->stride + c] = o->scale.value * sign_of(call->x[r * call->stride + c]);
    else if (o->use_stochastic_rounding && call->training)
        nib_stochastic_grid(call, &o->grid);
    else
        nib_grid_apply_rows(&o->grid, call->rows, call->cols, call->stride, call->x, call->y);
}

/* Where the gradient passes. */
static void pass_range(const options *o, float *lowest, float *highest)
{
    *lowest = is_sign(o) ? -1.0f : o->grid.lowest / o->grid.inverse;
    *highest = is_sign(o) ? 1.0f : o->grid.highest / o->grid.inverse;
    if (o->ste == STE_PASS) {
        *lowest = -INFINITY;
        *highest = INFINITY;
    }
}

static void backward(const nib_quantize_call *call)
{
    const options *o = call->options;
    float lowest, highest;
    pass_range(o, &lowest, &highest);
    if (o->use_ste)
        nib_scale_pass(call, lowest, highest);
    else
        nib_stochastic_no_gradient(call);
}

/* ---- Hardware ---- */

static nib_status lower_fitted(const nib_quantize_call *call, nib_lowered *lowered, nib_error *err)
{
    const options *o = call->options;
    /* Integer levels, ties away from zero; I makes the step 1. */
    const nib_fixed levels = {(int)o->bits, (int)o->bits, true, NIB_ROUNDING_RND_INF, NIB_OVERFLOW_SAT_SYM};
    NIB_TRY(nib_scale_need_values(call, o->alpha, err));
    lowered->n_types = nib_scale_groups(call, o->per);
    for (int64_t i = 0; i < lowered->n_types; i++) {
        const nib_scale_group group = nib_scale_group_of(call, o->per, i);
        fit f;
        const float factor = fit_group(o, &group, &f);
        NIB_TRY(nib_lowered_scaled(lowered, i, &levels, f.scale == 0.0f ? 0.0f : factor, err));
    }
    return NIB_OK;
}

static nib_status lower(const nib_quantize_call *call, nib_lowered *lowered, nib_error *err)
{
    /* -1 and 1 are two codes of two bits. */
    static const nib_fixed signs = {2, 2, true, NIB_ROUNDING_RND_CONV, NIB_OVERFLOW_SAT_SYM};
    const options *o = call->options;
    if (nib_scale_is_fitted(&o->scale))
        return lower_fitted(call, lowered, err);
    lowered->is_cast = !is_sign(o) && o->scale.value == 1.0f;
    lowered->is_table = !lowered->is_cast;
    return nib_lowered_scaled(lowered, 0, is_sign(o) ? &signs : &o->type, o->scale.value, err);
}

static int64_t grid(const void *filled, bool training, int64_t channels, nib_quantizer_step *steps)
{
    const options *o = filled;
    (void)channels;
    if (nib_scale_is_fitted(&o->scale) || is_sign(o) ||
        (training && (o->use_stochastic_rounding || !o->use_ste)))
        return 0;
    steps[0].grid = o->grid;
    pass_range(o, &steps[0].lowest, &steps[0].highest);
    return 1;
}

static const char *const cases[] = {
    "quantized_bits(4, 1, 1, alpha=1.0)",     "quantized_bits(bits=6, integer=0, keep_negative=0)",
    "quantized_bits(1, 0, alpha=0.5)",        "quantized_bits(8, 2, alpha=\"auto\", per=tensor)",
    "quantized_bits(3, 0, alpha='auto_po2')", "quantized_bits(4, 0, ste=clip)",
    "quantized_bits(4, 1, 0, 1, 0.25, True)", "quantized_bits(4, 1, alpha=auto, snap=po2)",
    "quantized_bits(4, 0, use_ste=False)",    NULL};

const nib_quantizer nib_quantizer_quantized_bits = {
    .name = "quantized_bits",
    .help = "fixed point with ties to even, times alpha",
    .source = "QKeras 0.9.0",
    .options = NIB_OPTION_TABLE(options, rows),
    .n_positional = 6,
    .check = check,
    .forward = forward,
    .backward = backward,
    .lower = lower,
    .grid = grid,
    .cases = cases,
};
