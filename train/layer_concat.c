#include "train/layer.h"

extern const nib_op nib_op_concat;

static nib_status build(nib_layer_build *b, nib_error *err)
{
    return nib_layer_add_op(b, &nib_op_concat, err);
}

static void keras_config(const nib_layer_config *config, const nib_shape *y, cJSON *json)
{
    (void)config, (void)y;
    cJSON_AddNumberToObject(json, "axis", -1);
}

const nib_layer nib_layer_concat = {
    .name = "concat",
    .help = "features of two or more layers side by side",
    .source = "Keras Concatenate",
    .keras_class = "Concatenate",
    .options = &nib_op_concat.options,
    .min_inputs = 2,
    .max_inputs = NIB_MAX_INPUTS,
    .build = build,
    .keras_config = keras_config,
};
