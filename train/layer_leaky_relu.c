#include "core/op_options.h"
#include "train/layer.h"

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

const nib_layer nib_layer_leaky_relu = {
    .name = "leaky_relu",
    .help = "x where positive, else negative_slope * x",
    .source = "Keras LeakyReLU",
    .keras_class = "LeakyReLU",
    .options = &nib_op_leaky_relu.options,
    .min_inputs = 1,
    .max_inputs = 1,
    .build = build,
    .keras_config = keras_config,
};
