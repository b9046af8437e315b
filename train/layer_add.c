#include "train/double_forward.h"
#include "train/lower.h"

extern const nib_op nib_op_add;

static nib_status build(nib_layer_build *b, nib_error *err)
{
    return nib_layer_add_op(b, &nib_op_add, err);
}

static nib_status lower(nib_lower *l, nib_error *err)
{
    nib_fix_node *node = nib_lower_add(l, NIB_FIX_ADD, NULL, err);
    if (!node)
        return NIB_ERR_MEMORY;
    nib_fixed full = nib_lower_widest(&nib_lower_input(l, 0)->type);
    for (int i = 1; i < l->n_inputs; i++) {
        const nib_fixed one = nib_lower_widest(&nib_lower_input(l, i)->type);
        full = nib_lower_cover(&full, &one);
    }
    for (int terms = 1; terms < l->n_inputs; terms *= 2) {
        full.bits++;
        full.integer++;
    }
    return nib_lower_result(l, node, &full, err);
}

static void run_double(const nib_double_layer *l, int64_t rows, const double *const *x, double *y)
{
    for (int64_t i = 0; i < rows * l->stride; i++) {
        y[i] = x[0][i];
        for (int k = 1; k < l->n_inputs; k++)
            y[i] += x[k][i];
    }
}

const nib_layer nib_layer_add = {
    .name = "add",
    .help = "sum of two or more layers of the same width",
    .source = "Keras Add",
    .keras_class = "Add",
    .options = &nib_op_add.options,
    .min_inputs = 2,
    .max_inputs = NIB_MAX_INPUTS,
    .flow = NIB_FLOW_UNITWISE,
    .build = build,
    .lower = lower,
    .run_double = run_double,
};
