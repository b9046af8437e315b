#include "train/layer.h"

extern const nib_op nib_op_add;

static nib_status build(nib_layer_build *b, nib_error *err)
{
    return nib_layer_add_op(b, &nib_op_add, err);
}

const nib_layer nib_layer_add = {
    .name = "add",
    .help = "sum of two or more layers of the same width",
    .source = "Keras Add",
    .keras_class = "Add",
    .options = &nib_op_add.options,
    .min_inputs = 2,
    .max_inputs = NIB_MAX_INPUTS,
    .build = build,
};
