#include <math.h>

#include "quant/grid_loops.h"
#include "quant/lowered_types.h"
#include "quant/scale.h"

/* y = s * clamp(round(x / s)), ties to even, integer levels, and a trained scale s:
 * in range dx = dy and ds = sum dy (round(x / s) - x / s), out of range dx = 0 and ds = sum dy * end. In
 * range means after rounding. snap=po2: 2^k in place of s, the power of two nearest to it, and ds times 2^k /
 * s. */

typedef struct options {
    int64_t bits;
    bool is_signed, narrow_range;
    int per, init, snap, ste;
    float lowest, highest; /* levels */
} options;

enum { INIT_MAX, INIT_MEAN };
enum { STE_CLIP, STE_PASS };
static const float smallest = 1e-10f; /* of Brevitas */

static const nib_option rows[] = {
    NIB_ROW(options, bits, NIB_OPTION_INT, "8", 1, 24, NULL, "bits", "width, the sign counted"),
    {"signed", NIB_OPTION_BOOL, offsetof(options, is_signed), "true", 0, 0, NULL, "", "with a sign"},
    NIB_ROW(options, narrow_range, NIB_OPTION_BOOL, "true", 0, 0, NULL, "",
            "leave out the lowest level (signed) or the highest (unsigned)"),
    NIB_ROW(options, per, NIB_OPTION_CHOICE, "tensor", 0, 0, "channel|tensor", "",
            "what has a scale of its own"),
    NIB_ROW(options, init, NIB_OPTION_CHOICE, "max", 0, 0, "max|mean", "",
            "first scale: the largest |x| on the last level, or 2 mean |x| / sqrt(last level)"),
    NIB_SCALE_SNAP_ROW(options),
    NIB_ROW(options, ste, NIB_OPTION_CHOICE, "clip", 0, 0, "clip|pass", "",
            "gradient of x out of range: 0 or passed"),
};

static nib_status check(void *filled, const char **warning, nib_error *err)
{
    options *o = filled;
    (void)warning;
    const float codes = ldexpf(1.0f, (int)o->bits - (o->is_signed ? 1 : 0));
    o->lowest = o->is_signed ? -codes + (o->narrow_range ? 1.0f : 0.0f) : 0.0f;
    o->highest = codes - (!o->is_signed && o->narrow_range ? 2.0f : 1.0f);
    if (o->highest < 1.0f)
        return nib_fail(err, NIB_ERR_CONFIG,
                        "learned_scale: %lld bit%s leave%s no level above 0; give more bits",
                        (long long)o->bits, o->bits == 1 ? "" : "s", o->bits == 1 ? "s" : "");
    return NIB_OK;
}

/* ---- Scales ---- */

static int64_t n_scales(const void *filled, int64_t channels)
{
    const options *o = filled;
    return o->per ? 1 : channels;
}

static float init_scale(const options *o, const nib_scale_group *group)
{
    const float last = -o->lowest > o->highest ? -o->lowest : o->highest;
    float s = nib_scale_largest(group) / last;
    if (o->init == INIT_MEAN) {
        double sum = 0.0;
        for (int64_t r = 0; r < group->rows; r++)
            for (int64_t c = 0; c < group->cols; c++)
                sum += fabs((double)group->x[r * group->stride + c]);
        s = (float)(2.0 * sum / (double)(group->rows * group->cols) / sqrt((double)o->highest));
    }
    return s > 0.0f ? s : 1.0f / last; /* nothing but zeros: a range of 1 */
}

static void init_scales(const nib_quantize_call *call, float *scale)
{
    const options *o = call->options;
    for (int64_t i = 0; i < n_scales(o, call->cols); i++) {
        const nib_scale_group group = nib_scale_group_of(call, o->per, i);
        scale[i] = init_scale(o, &group);
    }
}

/* The scale in use; *slope is its derivative by the parameter. */
static float scale_of(const nib_quantize_call *call, int64_t index, float *slope)
{
    const options *o = call->options;
    float s = call->scale ? call->scale[index] : 0.0f;
    if (s == 0.0f) {
        const nib_scale_group group = nib_scale_group_of(call, o->per, index);
        s = init_scale(o, &group);
    }
    s = s < smallest ? smallest : s;
    *slope = 1.0f;
    if (o->snap && s < INFINITY) {
        const float snapped = nib_scale_snapped(s);
        *slope = snapped / s;
        s = snapped;
    }
    return s;
}

/* ---- Both directions ---- */

static void forward_group(const options *o, const nib_scale_group *group, float s)
{
    const nib_grid levels = {.lowest = o->lowest, .highest = o->highest};
    for (int64_t r = 0; r < group->rows; r++)
        for (int64_t c = 0; c < group->cols; c++) {
            const int64_t at = r * group->stride + c;
            const float code = nib_grid_half_even(group->x[at] / s);
            group->y[at] = s * nib_grid_bring_in(NIB_OVERFLOW_SAT, &levels, code, code);
        }
}

static void forward(const nib_quantize_call *call)
{
    const options *o = call->options;
    float slope;
    for (int64_t i = 0; i < n_scales(o, call->cols); i++) {
        const nib_scale_group group = nib_scale_group_of(call, o->per, i);
        forward_group(o, &group, scale_of(call, i, &slope));
    }
}

/* dx of the columns from `first` on, which share s; returns ds. */
static double backward_group(const nib_quantize_call *call, int64_t first, int64_t cols, float s)
{
    const options *o = call->options;
    double ds = 0.0;
    for (int64_t r = 0; r < call->rows; r++)
        for (int64_t c = first; c < first + cols; c++) {
            const int64_t at = r * call->stride + c;
            const float v = call->x[at] / s, code = nib_grid_half_even(v), dy = call->dy[at];
            const bool below = code<o->lowest, above = code> o->highest;
            const float inside = code - v, end = below ? o->lowest : o->highest;
            ds += (double)dy * (double)(below || above ? end : inside);
            call->dx[at] = (below || above) && o->ste == STE_CLIP ? 0.0f : dy;
        }
    return ds;
}

static void backward(const nib_quantize_call *call)
{
    const options *o = call->options;
    for (int64_t i = 0; i < n_scales(o, call->cols); i++) {
        float slope;
        const float s = scale_of(call, i, &slope);
        const double ds = backward_group(call, o->per ? 0 : i, o->per ? call->cols : 1, s);
        if (call->dscale)
            call->dscale[i] += (float)(ds * (double)slope) * (1.0f - call->float_share);
    }
}

/* ---- Hardware ---- */

static nib_status lower(const nib_quantize_call *call, nib_lowered *lowered, nib_error *err)
{
    const options *o = call->options;
    const nib_fixed type = {(int)o->bits, (int)o->bits, o->is_signed, NIB_ROUNDING_RND_CONV,
                            o->is_signed && o->narrow_range ? NIB_OVERFLOW_SAT_SYM : NIB_OVERFLOW_SAT};
    if ((!call->scale || call->scale[0] == 0.0f) && !call->x)
        return nib_fail(err, NIB_ERR_CONFIG,
                        "there is neither a learned scale nor a value to start one from");
    lowered->n_types = n_scales(o, call->cols);
    lowered->is_cast = o->is_signed || !o->narrow_range; /* unsigned and narrow ends one level early */
    for (int64_t i = 0; i < lowered->n_types; i++) {
        float slope;
        NIB_TRY(nib_lowered_scaled(lowered, i, &type, scale_of(call, i, &slope), err));
    }
    return NIB_OK;
}

static const char *const cases[] = {"learned_scale(4)",
                                    "learned_scale(4, snap=po2)",
                                    "learned_scale(bits=6, signed=0, narrow_range=0, init=mean)",
                                    "learned_scale(3, True, False, per=channel, snap=po2)",
                                    "learned_scale(2, ste=pass)",
                                    NULL};

const nib_quantizer nib_quantizer_learned_scale = {
    .name = "learned_scale",
    .help = "integers times a scale that is trained (LSQ), for a tensor or each channel",
    .source = "Brevitas; Esser et al., Learned step size quantization (ICLR 2020)",
    .options = NIB_OPTION_TABLE(options, rows),
    .n_positional = 3,
    .check = check,
    .forward = forward,
    .backward = backward,
    .n_scales = n_scales,
    .init_scales = init_scales,
    .lower = lower,
    .cases = cases,
};
