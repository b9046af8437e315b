#include "train/double_forward.h"
#include "train/lower.h"

extern const nib_op nib_op_relu;

static nib_status build(nib_layer_build *b, nib_error *err)
{
    return nib_layer_add_op(b, &nib_op_relu, err);
}

static void keras_config(const nib_layer_config *config, const nib_shape *y, cJSON *json)
{
    (void)config, (void)y;
    cJSON_AddStringToObject(json, "activation", "relu");
}

static nib_status lower(nib_lower *l, nib_error *err)
{
    nib_fix_node *node = nib_lower_add(l, NIB_FIX_RELU, NULL, err);
    if (!node)
        return NIB_ERR_MEMORY;
    const nib_fixed full = nib_lower_widest(&nib_lower_input(l, 0)->type);
    return nib_lower_activation(l, node, &full, err);
}

static void run_double(const nib_double_layer *l, int64_t rows, const double *const *x, double *y)
{
    for (int64_t i = 0; i < rows * l->stride; i++)
        y[i] = x[0][i] < 0 ? 0 : x[0][i];
}

const nib_layer nib_layer_relu = {
    .name = "relu",
    .help = "max(x, 0)",
    .source = "Keras activations.relu",
    .keras_class = "Activation",
    .options = &nib_op_relu.options,
    .min_inputs = 1,
    .max_inputs = 1,
    .flow = NIB_FLOW_UNITWISE,
    .build = build,
    .keras_config = keras_config,
    .lower = lower,
    .run_double = run_double,
};
