#include <math.h>

#include "quant/sample.h"

/* Training: y = alpha or 0, alpha with the probability sigmoid(temperature * x / d); d is the standard
 * deviation of those who share a fitted scale, else 1. Evaluation: alpha for x >= 0, else 0. dx = dy. */

typedef struct options {
    const char *alpha;
    double temperature;
    bool use_real_sigmoid;
    int per, snap, sigmoid;
    nib_sample sample;
    nib_binary_options evaluated;
} options;

static const nib_option rows[] = {
    NIB_SCALE_ALPHA_ROW(options), NIB_SAMPLE_TEMPERATURE_ROW(options, "6"),
    NIB_SAMPLE_REAL_ROW(options), NIB_SCALE_PER_ROW(options),
    NIB_SCALE_SNAP_ROW(options),  NIB_CURVE_SIGMOID_ROW(options),
};

static nib_status check(void *filled, const char **warning, nib_error *err)
{
    options *o = filled;
    o->sample = (nib_sample){o->temperature, o->use_real_sigmoid, o->sigmoid};
    o->evaluated = (nib_binary_options){.use_01 = true, .alpha = o->alpha, .per = o->per, .snap = o->snap};
    return nib_quantizer_binary.check(&o->evaluated, warning, err);
}

static nib_quantize_call evaluation(const nib_quantize_call *call)
{
    const options *o = call->options;
    nib_quantize_call same = *call;
    same.options = &o->evaluated;
    return same;
}

static void forward(const nib_quantize_call *call)
{
    const options *o = call->options;
    const nib_quantize_call same = evaluation(call);
    if (call->training)
        nib_sample_signs(call, &o->evaluated, &o->sample);
    else
        nib_quantizer_binary.forward(&same);
}

static void backward(const nib_quantize_call *call)
{
    nib_scale_pass(call, -INFINITY, INFINITY);
}

static nib_status lower(const nib_quantize_call *call, nib_lowered *lowered, nib_error *err)
{
    const nib_quantize_call same = evaluation(call);
    return nib_quantizer_binary.lower(&same, lowered, err);
}

static const char *const cases[] = {"bernoulli()", "bernoulli(alpha='auto_po2')",
                                    "bernoulli(0.5, 3.0, use_real_sigmoid=0, sigmoid=smooth)",
                                    "bernoulli(alpha=auto, per=tensor)", NULL};

const nib_quantizer nib_quantizer_bernoulli = {
    .name = "bernoulli",
    .help = "0 or 1 times alpha, at random in training: 1 with the probability sigmoid(temperature x)",
    .source = "QKeras 0.9.0",
    .options = NIB_OPTION_TABLE(options, rows),
    .n_positional = 3,
    .check = check,
    .forward = forward,
    .backward = backward,
    .lower = lower,
    .cases = cases,
};
