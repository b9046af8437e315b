#include "train/layer.h"

extern const nib_op nib_op_softmax;

static nib_status build(nib_layer_build *b, nib_error *err)
{
    return nib_layer_add_op(b, &nib_op_softmax, err);
}

static void keras_config(const nib_layer_config *config, const nib_shape *y, cJSON *json)
{
    (void)config, (void)y;
    cJSON_AddStringToObject(json, "activation", "softmax");
}

const nib_layer nib_layer_softmax = {
    .name = "softmax",
    .help = "exp(x) / sum exp(x) over the features (outputs need none: the loss applies it)",
    .source = "Keras activations.softmax",
    .keras_class = "Activation",
    .options = &nib_op_softmax.options,
    .min_inputs = 1,
    .max_inputs = 1,
    .build = build,
    .keras_config = keras_config,
};
