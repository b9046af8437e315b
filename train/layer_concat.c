#include "train/double_forward.h"
#include "train/lower.h"

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

static nib_status lower(nib_lower *l, nib_error *err)
{
    nib_fix_node *node = nib_lower_add(l, NIB_FIX_CONCAT, NULL, err);
    if (!node)
        return NIB_ERR_MEMORY;
    nib_fixed full = nib_lower_widest(&nib_lower_input(l, 0)->type);
    for (int i = 1; i < l->n_inputs; i++) {
        const nib_fixed one = nib_lower_widest(&nib_lower_input(l, i)->type);
        full = nib_lower_cover(&full, &one);
    }
    return nib_lower_result(l, node, &full, err);
}

static void run_double(const nib_double_layer *l, int64_t rows, const double *const *x, double *y)
{
    for (int64_t r = 0; r < rows; r++) {
        double *to = y + r * l->stride;
        for (int k = 0; k < l->n_inputs; to += l->in_width[k++])
            for (int64_t c = 0; c < l->in_width[k]; c++)
                to[c] = x[k][r * l->in_stride[k] + c];
    }
}

const nib_layer nib_layer_concat = {
    .name = "concat",
    .help = "features of two or more layers side by side",
    .source = "Keras Concatenate",
    .keras_class = "Concatenate",
    .options = &nib_op_concat.options,
    .min_inputs = 2,
    .max_inputs = NIB_MAX_INPUTS,
    .flow = NIB_FLOW_CONCAT,
    .build = build,
    .keras_config = keras_config,
    .lower = lower,
    .run_double = run_double,
};
