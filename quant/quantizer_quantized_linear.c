#include <math.h>

#include "quant/grid_loops.h"
#include "quant/lowered_types.h"
#include "quant/scale.h"
#include "quant/stochastic.h"

/* y = s * round(clamp(x / s)), ties to even, levels from -2^u (+ 1, symmetric) or 0 to 2^u - 1 with u = bits
 * less the sign; s = alpha * 2^(integer - u). One bit with a sign: y = x < 0 ? -s/2 : s/2.
 * alpha=auto: s = 2 max|x| / (highest - lowest level), unsigned max x / highest level, at least 1e-7;
 * auto_po2: the power of two nearest to it, then at most five (one bit: one) least-squares fits, until it
 * stays. dx = dy where x / s is in range before rounding, else 0. */

typedef struct options {
    int64_t bits, integer;
    bool symmetric, keep_negative;
    const char *alpha;
    bool use_stochastic_rounding;
    int per, snap, ste;
    nib_scale scale;
    float unit;            /* 2^(integer - u) */
    float lowest, highest; /* levels; -0.5 and 0.5 for one bit with a sign */
    bool is_sign;
} options;

enum { STE_CLIP, STE_PASS, FITS = 5 };
static const float epsilon = 1e-7f; /* of Keras */

static const nib_option rows[] = {
    NIB_ROW(options, bits, NIB_OPTION_INT, "8", 1, 24, NULL, "bits", "width, the sign counted"),
    NIB_ROW(options, integer, NIB_OPTION_INT, "0", -32, 32, NULL, "bits",
            "bits before the point, the sign not counted"),
    NIB_ROW(options, symmetric, NIB_OPTION_BOOL, "true", 0, 0, NULL, "", "leave the lowest code out"),
    NIB_ROW(options, keep_negative, NIB_OPTION_BOOL, "true", 0, 0, NULL, "", "with a sign"),
    NIB_SCALE_ALPHA_ROW(options),
    NIB_STOCHASTIC_ROW(options),
    NIB_SCALE_PER_ROW(options),
    NIB_SCALE_SNAP_ROW(options),
    NIB_ROW(options, ste, NIB_OPTION_CHOICE, "clip", 0, 0, "clip|pass", "",
            "gradient out of range: 0 or passed"),
};

static nib_status check(void *filled, const char **warning, nib_error *err)
{
    options *o = filled;
    (void)warning;
    const int magnitude = (int)o->bits - (o->keep_negative ? 1 : 0);
    o->is_sign = magnitude == 0;
    o->unit = ldexpf(1.0f, (int)o->integer - magnitude);
    o->highest = o->is_sign ? 0.5f : ldexpf(1.0f, magnitude) - 1.0f;
    o->lowest = o->is_sign ? -0.5f : o->keep_negative ? -o->highest - (o->symmetric ? 0.0f : 1.0f) : 0.0f;
    return nib_scale_read(o->alpha, o->snap, &o->scale, err);
}

/* ---- Levels ---- */

typedef struct fit {
    const options *o;
    float scale;
} fit;

static float clamp(const options *o, float v)
{
    const float above = v < o->lowest ? o->lowest : v;
    return above > o->highest ? o->highest : above;
}

static float level_of(const void *context, float x)
{
    const fit *f = context;
    if (f->o->is_sign) {
        const float high = x >= 0.0f ? 0.5f : x; /* NaN stays NaN */
        return x < 0.0f ? -0.5f : high;
    }
    return nib_grid_half_even(clamp(f->o, x / f->scale));
}

static float largest_of(const options *o, const nib_scale_group *group)
{
    float largest = 0.0f;
    for (int64_t r = 0; r < group->rows; r++)
        for (int64_t c = 0; c < group->cols; c++) {
            const float x = group->x[r * group->stride + c], size = o->keep_negative ? fabsf(x) : x;
            largest = size > largest ? size : largest;
        }
    return largest;
}

static float scale_of(const options *o, const nib_scale_group *group)
{
    if (!nib_scale_is_fitted(&o->scale))
        return o->scale.value * o->unit;
    const float largest = largest_of(o, group) * (o->keep_negative ? 2.0f : 1.0f);
    fit f = {o, largest / (o->highest - o->lowest)};
    f.scale = f.scale > epsilon ? f.scale : epsilon;
    if (o->scale.kind == NIB_SCALE_AUTO)
        return f.scale;
    f.scale = nib_scale_po2(f.scale);
    for (int i = 0; i < (o->is_sign ? 1 : FITS); i++) {
        const float before = f.scale;
        f.scale = nib_scale_least_squares(group, NIB_SCALE_AUTO_PO2, level_of, &f);
        if (f.scale == before)
            break;
    }
    return f.scale;
}

/* ---- Both directions ---- */

/* Rounded at random: clamped first, so the ends stay. */
static void apply_random(const nib_quantize_call *call, int64_t channel, const nib_scale_group *group,
                         float s)
{
    const options *o = call->options;
    float u[NIB_STOCHASTIC_CHUNK];
    for (int64_t r = 0; r < group->rows; r++)
        for (int64_t c = 0; c < group->cols; c++) {
            const int64_t k = c % NIB_STOCHASTIC_CHUNK, left = group->cols - c, at = r * group->stride + c;
            if (k == 0)
                nib_stochastic_draw(call, r, channel + c,
                                    left < NIB_STOCHASTIC_CHUNK ? left : NIB_STOCHASTIC_CHUNK, 0, u);
            group->y[at] = s * nib_stochastic_round(clamp(o, group->x[at] / s), u[k]);
        }
}

/* Groups that share a scale: all where it is given. */
static bool is_one_group(const options *o)
{
    return o->per || !nib_scale_is_fitted(&o->scale);
}

static void forward(const nib_quantize_call *call)
{
    const options *o = call->options;
    const bool one = is_one_group(o);
    const int64_t groups = nib_scale_groups(call, one);
    for (int64_t i = 0; i < groups; i++) {
        const nib_scale_group group = nib_scale_group_of(call, one, i);
        const fit f = {o, scale_of(o, &group)};
        if (o->use_stochastic_rounding && call->training && !o->is_sign)
            apply_random(call, i, &group, f.scale);
        else
            nib_scale_apply(&group, f.scale, level_of, &f);
    }
}

static void backward(const nib_quantize_call *call)
{
    const options *o = call->options;
    const bool one = is_one_group(o);
    const int64_t groups = nib_scale_groups(call, one);
    for (int64_t i = 0; i < groups; i++) {
        const nib_scale_group group = nib_scale_group_of(call, one, i);
        const float s = o->ste == STE_CLIP ? scale_of(o, &group) : 1.0f;
        for (int64_t r = 0; r < group.rows; r++)
            for (int64_t c = 0; c < group.cols; c++) {
                const int64_t at = r * call->stride + i + c;
                const float v = call->x[at] / s;
                const bool out = o->ste == STE_CLIP && (v < o->lowest || v > o->highest);
                call->dx[at] = out ? 0.0f : call->dy[at];
            }
    }
}

/* ---- Hardware ---- */

/* Integer levels with the step 1; half steps for one bit with a sign. */
static nib_fixed level_type(const options *o)
{
    if (o->is_sign)
        return (nib_fixed){2, 1, true, NIB_ROUNDING_RND_CONV, NIB_OVERFLOW_SAT_SYM};
    return (nib_fixed){(int)o->bits, (int)o->bits, o->keep_negative, NIB_ROUNDING_RND_CONV,
                       o->symmetric && o->keep_negative ? NIB_OVERFLOW_SAT_SYM : NIB_OVERFLOW_SAT};
}

static nib_status lower(const nib_quantize_call *call, nib_lowered *lowered, nib_error *err)
{
    const options *o = call->options;
    const nib_fixed type = level_type(o);
    if (!nib_scale_is_fitted(&o->scale)) {
        lowered->is_cast = !o->is_sign;
        lowered->is_table = o->is_sign;
        return nib_lowered_scaled(lowered, 0, &type, o->scale.value * o->unit, err);
    }
    NIB_TRY(nib_scale_need_values(call, o->alpha, err));
    lowered->n_types = nib_scale_groups(call, o->per);
    for (int64_t i = 0; i < lowered->n_types; i++) {
        const nib_scale_group group = nib_scale_group_of(call, o->per, i);
        const float s = largest_of(o, &group) > 0.0f ? scale_of(o, &group) : 0.0f;
        NIB_TRY(nib_lowered_scaled(lowered, i, &type, s, err));
    }
    return NIB_OK;
}

/* Clamping before rounding gives what clamping after it gives, for integer ends. */
static int64_t grid(const void *filled, bool training, int64_t channels, nib_quantizer_step *steps)
{
    const options *o = filled;
    int exponent;
    (void)channels;
    if (nib_scale_is_fitted(&o->scale) || o->is_sign || (training && o->use_stochastic_rounding) ||
        frexpf(o->scale.value, &exponent) != 0.5f)
        return 0;
    const float s = o->scale.value * o->unit;
    steps[0].grid = (nib_grid){.step = s,
                               .inverse = 1.0f / s,
                               .lowest = o->lowest,
                               .highest = o->highest,
                               .modulus = o->highest - o->lowest + 1.0f,
                               .least = s > 1.0f ? 0.25f : 0.0f,
                               .rounding = NIB_ROUNDING_RND_CONV,
                               .overflow = NIB_OVERFLOW_SAT};
    steps[0].lowest = o->ste == STE_CLIP ? o->lowest * s : -INFINITY;
    steps[0].highest = o->ste == STE_CLIP ? o->highest * s : INFINITY;
    return 1;
}

static const char *const cases[] = {"quantized_linear(4, 1)",
                                    "quantized_linear(bits=6, integer=0, symmetric=0)",
                                    "quantized_linear(6, 2, keep_negative=0, alpha=0.5)",
                                    "quantized_linear(1, 1)",
                                    "quantized_linear(4, alpha='auto')",
                                    "quantized_linear(4, alpha='auto_po2')",
                                    "quantized_linear(1, alpha=auto_po2, per=tensor)",
                                    "quantized_linear(5, 0, 1, 1, 1.0, True, ste=pass)",
                                    "quantized_linear(4, 0, keep_negative=0, alpha=auto, snap=po2)",
                                    NULL};

const nib_quantizer nib_quantizer_quantized_linear = {
    .name = "quantized_linear",
    .help = "fixed point with ties to even and the gradient clipped, times alpha",
    .source = "QKeras after 0.9.0 (the release lacks it)",
    .options = NIB_OPTION_TABLE(options, rows),
    .n_positional = 6,
    .check = check,
    .forward = forward,
    .backward = backward,
    .lower = lower,
    .grid = grid,
    .cases = cases,
};
