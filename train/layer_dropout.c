#include "core/op_options.h"
#include "train/double_forward.h"
#include "train/lower.h"

extern const nib_op nib_op_dropout;

static nib_status build(nib_layer_build *b, nib_error *err)
{
    return nib_layer_add_op(b, &nib_op_dropout, err);
}

static void keras_config(const nib_layer_config *config, const nib_shape *y, cJSON *json)
{
    (void)y;
    const nib_dropout_options *o = config->options;
    cJSON_AddNumberToObject(json, "rate", o->rate);
}

/* Nothing happens to the numbers; only a type of its own makes a cast. */
static nib_status lower(nib_lower *l, nib_error *err)
{
    l->output = l->input[0];
    if (!l->layer->quant.result)
        return NIB_OK;
    nib_fix_node *node = nib_lower_add(l, NIB_FIX_CAST, NULL, err);
    if (!node)
        return NIB_ERR_MEMORY;
    const nib_fixed full = nib_lower_widest(&nib_lower_input(l, 0)->type);
    return nib_lower_result(l, node, &full, err);
}

const nib_layer nib_layer_dropout = {
    .name = "dropout",
    .help = "set a share of the values to 0 while training, scale the others up",
    .source = "Srivastava et al., JMLR 15 (2014) 1929; Keras Dropout",
    .keras_class = "Dropout",
    .options = &nib_op_dropout.options,
    .min_inputs = 1,
    .max_inputs = 1,
    .flow = NIB_FLOW_UNITWISE,
    .build = build,
    .keras_config = keras_config,
    .lower = lower,
    .run_double = nib_double_copy,
};
