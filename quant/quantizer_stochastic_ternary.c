#include <math.h>

#include "quant/sample.h"
#include "quant/stochastic.h"

/* Training: y = s * (a + b) / 2, with a and b 1 with the probability sigmoid(temperature * (x -+ s/2) / d),
 * else -1; d is the standard deviation of those who share the scale s, which is fitted with the threshold
 * |x| >= s/2. Evaluation: ternary. dx = dy. */

typedef struct options {
    const char *alpha;
    double temperature;
    bool use_real_sigmoid;
    int64_t number_of_unrolls;
    int per, snap, sigmoid;
    nib_sample sample;
    nib_ternary_options evaluated;
} options;

static const nib_option rows[] = {
    NIB_ROW(options, alpha, NIB_OPTION_STRING, "auto_po2", 0, 0, NULL, "",
            "factor of the values: auto (least squares) or auto_po2 (a power of two)"),
    NIB_SAMPLE_TEMPERATURE_ROW(options, "8"),
    NIB_SAMPLE_REAL_ROW(options),
    NIB_ROW(options, number_of_unrolls, NIB_OPTION_INT, "5", 1, 100, NULL, "", "fits of the scale"),
    NIB_SCALE_PER_ROW(options),
    NIB_SCALE_SNAP_ROW(options),
    NIB_CURVE_SIGMOID_ROW(options),
};

static nib_status check(void *filled, const char **warning, nib_error *err)
{
    options *o = filled;
    o->sample = (nib_sample){o->temperature, o->use_real_sigmoid, o->sigmoid};
    o->evaluated = (nib_ternary_options){.alpha = o->alpha,
                                         .threshold = 0.33,
                                         .number_of_unrolls = o->number_of_unrolls,
                                         .per = o->per,
                                         .snap = o->snap};
    NIB_TRY(nib_quantizer_ternary.check(&o->evaluated, warning, err));
    if (!nib_scale_is_fitted(&o->evaluated.scale))
        return nib_fail(err, NIB_ERR_CONFIG,
                        "stochastic_ternary needs alpha=auto or auto_po2: its probabilities come from the "
                        "fitted scale; ternary takes a number");
    return NIB_OK;
}

static nib_quantize_call evaluation(const nib_quantize_call *call)
{
    const options *o = call->options;
    nib_quantize_call same = *call;
    same.options = &o->evaluated;
    return same;
}

static float level_of(const void *context, float x)
{
    const float threshold = *(const float *)context;
    const float sign = x < 0.0f ? -1.0f : x > 0.0f ? 1.0f : x;
    return fabsf(x) >= threshold ? sign : x * 0.0f; /* NaN stays NaN */
}

typedef struct scaled {
    float factor, deviation;
} scaled;

static scaled fit(const nib_quantize_call *call, int64_t channel)
{
    const options *o = call->options;
    const nib_scale_kind kind = o->evaluated.scale.kind;
    const nib_scale_group group = nib_scale_group_of(call, o->per, channel);
    float factor = 2.0f * nib_scale_largest(&group) / 3.0f;
    if (kind == NIB_SCALE_AUTO_PO2)
        factor = nib_scale_po2(factor);
    for (int64_t i = 0; i < o->number_of_unrolls; i++) {
        const float threshold = factor / 2.0f;
        factor = nib_scale_least_squares(&group, kind, level_of, &threshold);
    }
    return (scaled){factor, nib_sample_deviation(&group)};
}

static void sample_columns(const nib_quantize_call *call, const scaled *scales, int64_t from, int64_t n)
{
    const options *o = call->options;
    float u[2][NIB_STOCHASTIC_CHUNK];
    for (int64_t r = 0; r < call->rows; r++) {
        nib_stochastic_draw(call, r, from, n, 0, u[0]);
        nib_stochastic_draw(call, r, from, n, 1, u[1]);
        for (int64_t c = 0; c < n; c++) {
            const int64_t at = r * call->stride + from + c;
            const scaled s = scales[c];
            const float x = call->x[at] / s.deviation, half = s.factor / (2.0f * s.deviation);
            const float p0 = nib_sample_probability(&o->sample, x - half);
            const float p1 = nib_sample_probability(&o->sample, x + half);
            const float sum = (u[0][c] < p0 ? 1.0f : -1.0f) + (u[1][c] < p1 ? 1.0f : -1.0f);
            call->y[at] = isnan(p0) ? p0 : s.factor * sum * 0.5f;
        }
    }
}

static void forward(const nib_quantize_call *call)
{
    const options *o = call->options;
    if (!call->training) {
        const nib_quantize_call same = evaluation(call);
        nib_quantizer_ternary.forward(&same);
        return;
    }
    /* A scale of the whole tensor is fitted before anything is written, for y may be x. */
    const scaled whole = o->per ? fit(call, 0) : (scaled){0.0f, 0.0f};
    scaled scales[NIB_STOCHASTIC_CHUNK];
    for (int64_t from = 0; from < call->cols; from += NIB_STOCHASTIC_CHUNK) {
        const int64_t left = call->cols - from, n = left < NIB_STOCHASTIC_CHUNK ? left : NIB_STOCHASTIC_CHUNK;
        for (int64_t c = 0; c < n; c++)
            scales[c] = o->per ? whole : fit(call, from + c);
        sample_columns(call, scales, from, n);
    }
}

static void backward(const nib_quantize_call *call)
{
    nib_scale_pass(call, -INFINITY, INFINITY);
}

static nib_status lower(const nib_quantize_call *call, nib_lowered *lowered, nib_error *err)
{
    const nib_quantize_call same = evaluation(call);
    return nib_quantizer_ternary.lower(&same, lowered, err);
}

static const char *const cases[] = {"stochastic_ternary()", "stochastic_ternary(alpha='auto_po2')",
                                    "stochastic_ternary(auto, temperature=4, use_real_sigmoid=0)",
                                    "stochastic_ternary(alpha=auto_po2, per=tensor)", NULL};

const nib_quantizer nib_quantizer_stochastic_ternary = {
    .name = "stochastic_ternary",
    .help = "-1, 0 or 1 times alpha, at random in training with probabilities that follow x",
    .source = "QKeras 0.9.0",
    .options = NIB_OPTION_TABLE(options, rows),
    .n_positional = 1,
    .check = check,
    .forward = forward,
    .backward = backward,
    .lower = lower,
    .cases = cases,
};
