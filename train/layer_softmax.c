#include "train/lower.h"

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

/* hls4ml's stable softmax with its default tables. Differences from the maximum get a type that holds them
 * all; with a given accumulator everything is as hls4ml has it by default, where they wrap. */
static nib_status lower(nib_lower *l, nib_error *err)
{
    enum { TABLE_BITS = 10 };
    const nib_layer_quant *q = &l->layer->quant;
    const bool plain = q->has_accum;
    const nib_fixed table = {18, 8, true, NIB_ROUNDING_RND, NIB_OVERFLOW_SAT};
    const nib_fix_types *x = &nib_lower_input(l, 0)->type;
    if (x->count != 1)
        return nib_fail(err, NIB_ERR_UNSUPPORTED,
                        "softmax needs one type for all its inputs; %s has a type for "
                        "each feature",
                        nib_lower_input(l, 0)->name);
    nib_fix_node *node = nib_lower_add(l, NIB_FIX_SOFTMAX, NULL, err);
    if (!node)
        return NIB_ERR_MEMORY;
    const nib_fixed in = nib_fix_type_at(x, 0);
    const int size_bits = in.bits < TABLE_BITS ? in.bits : TABLE_BITS;
    const int less = plain && in.is_signed ? 1 : 0;
    node->as.softmax = (nib_fix_softmax){
        .kind = NIB_FIX_SOFTMAX_STABLE,
        .inp_norm = {.bits = in.bits - less, .integer = in.integer - less},
        .exp_table = table,
        .inv_inp = table,
        .inv_table = table,
        .accum = plain ? q->accum : table,
        .exp_size = (int64_t)1 << size_bits,
        .inv_size = (int64_t)1 << size_bits,
    };
    const nib_fixed full = {.bits = 2 * table.bits, .integer = 2 * table.integer, .is_signed = true};
    return nib_lower_activation(l, node, &full, err);
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
    .lower = lower,
};
