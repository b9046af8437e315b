#include <math.h>

#include "train/double_forward.h"
#include "train/lower.h"

extern const nib_op nib_op_tanh;

static nib_status build(nib_layer_build *b, nib_error *err)
{
    return nib_layer_add_op(b, &nib_op_tanh, err);
}

static void keras_config(const nib_layer_config *config, const nib_shape *y, cJSON *json)
{
    (void)config, (void)y;
    cJSON_AddStringToObject(json, "activation", "tanh");
}

static nib_status lower(nib_lower *l, nib_error *err)
{
    return nib_lower_table(l, l->input[0], "tanh", NULL, tanh, err);
}

/* As the entries of the table: the input is a float, its type has at most 12 bits. */
static void run_double(const nib_double_layer *l, int64_t rows, const double *const *x, double *y)
{
    for (int64_t i = 0; i < rows * l->stride; i++)
        y[i] = (double)(float)tanh(x[0][i]);
}

const nib_layer nib_layer_tanh = {
    .name = "tanh",
    .help = "hyperbolic tangent",
    .source = "Keras activations.tanh",
    .keras_class = "Activation",
    .options = &nib_op_tanh.options,
    .min_inputs = 1,
    .max_inputs = 1,
    .flow = NIB_FLOW_UNITWISE,
    .build = build,
    .keras_config = keras_config,
    .lower = lower,
    .run_double = run_double,
};
