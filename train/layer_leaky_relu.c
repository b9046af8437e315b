#include <math.h>

#include "core/op_options.h"
#include "train/double_forward.h"
#include "train/lower.h"

extern const nib_op nib_op_leaky_relu;

static nib_status build(nib_layer_build *b, nib_error *err)
{
    return nib_layer_add_op(b, &nib_op_leaky_relu, err);
}

static void keras_config(const nib_layer_config *config, const nib_shape *y, cJSON *json)
{
    (void)y;
    const nib_leaky_relu_options *o = config->options;
    cJSON_AddNumberToObject(json, "alpha", o->negative_slope);
}

static nib_status lower(nib_lower *l, nib_error *err)
{
    const nib_leaky_relu_options *o = l->layer->config->options;
    int exponent;
    if (o->negative_slope <= 0 || frexp(o->negative_slope, &exponent) != 0.5 || exponent > 1)
        return nib_fail(
            err, NIB_ERR_UNSUPPORTED,
            "negative_slope %g is no power of two of at most 1, which is a shift in hardware; the "
            "nearest is %g",
            o->negative_slope, o->negative_slope > 0 ? fmin(1, exp2(round(log2(o->negative_slope)))) : 0.25);
    nib_fix_node *node = nib_lower_add(l, NIB_FIX_LEAKY_RELU, NULL, err);
    if (!node)
        return NIB_ERR_MEMORY;
    node->as.leaky_shift = 1 - exponent;
    nib_fixed full = nib_lower_widest(&nib_lower_input(l, 0)->type);
    full.bits += node->as.leaky_shift;
    return nib_lower_activation(l, node, &full, err);
}

static void run_double(const nib_double_layer *l, int64_t rows, const double *const *x, double *y)
{
    const nib_leaky_relu_options *o = l->options;
    for (int64_t i = 0; i < rows * l->stride; i++)
        y[i] = x[0][i] < 0 ? x[0][i] * o->negative_slope : x[0][i];
}

const nib_layer nib_layer_leaky_relu = {
    .name = "leaky_relu",
    .help = "x where positive, else negative_slope * x",
    .source = "Keras LeakyReLU",
    .keras_class = "LeakyReLU",
    .options = &nib_op_leaky_relu.options,
    .min_inputs = 1,
    .max_inputs = 1,
    .flow = NIB_FLOW_UNITWISE,
    .build = build,
    .keras_config = keras_config,
    .lower = lower,
    .run_double = run_double,
};
