#include <math.h>

#include "train/double_forward.h"
#include "train/lower.h"

extern const nib_op nib_op_sigmoid;

static nib_status build(nib_layer_build *b, nib_error *err)
{
    return nib_layer_add_op(b, &nib_op_sigmoid, err);
}

static void keras_config(const nib_layer_config *config, const nib_shape *y, cJSON *json)
{
    (void)config, (void)y;
    cJSON_AddStringToObject(json, "activation", "sigmoid");
}

static double logistic(double x)
{
    return 1 / (1 + exp(-x));
}

static nib_status lower(nib_lower *l, nib_error *err)
{
    return nib_lower_table(l, l->input[0], "sigmoid", NULL, logistic, err);
}

/* As the entries of the table: the input is a float, its type has at most 12 bits. */
static void run_double(const nib_double_layer *l, int64_t rows, const double *const *x, double *y)
{
    for (int64_t i = 0; i < rows * l->stride; i++)
        y[i] = (double)(float)logistic(x[0][i]);
}

const nib_layer nib_layer_sigmoid = {
    .name = "sigmoid",
    .help = "1 / (1 + exp(-x))",
    .source = "Keras activations.sigmoid",
    .keras_class = "Activation",
    .options = &nib_op_sigmoid.options,
    .min_inputs = 1,
    .max_inputs = 1,
    .flow = NIB_FLOW_UNITWISE,
    .build = build,
    .keras_config = keras_config,
    .lower = lower,
    .run_double = run_double,
};
