/* batch_norm: statistics of the whole batch while training, running ones when evaluating. */
#include <math.h>

#include "core/op_options.h"
#include "train/double_forward.h"
#include "train/fold.h"
#include "train/lower.h"

extern const nib_op nib_op_batch_norm;

typedef struct layer_options {
    nib_batch_norm_options op; /* first, so that the struct serves the op as it is */
    bool center, scale;
} layer_options;

static const nib_option rows[] = {
    {"momentum", NIB_OPTION_FLOAT, offsetof(layer_options, op.momentum), "0.99", 0, 1, NULL, "",
     "weight of the past in the running mean and variance"},
    {"epsilon", NIB_OPTION_FLOAT, offsetof(layer_options, op.epsilon), "0.001", 0, 1, NULL, "",
     "added to the variance"},
    NIB_ROW(layer_options, center, NIB_OPTION_BOOL, "true", 0, 0, NULL, "", "train an offset (beta)"),
    NIB_ROW(layer_options, scale, NIB_OPTION_BOOL, "true", 0, 0, NULL, "", "train a factor (gamma)"),
};

static const nib_option_table table = NIB_OPTION_TABLE(layer_options, rows);

static nib_status build(nib_layer_build *b, nib_error *err)
{
    const layer_options *o = b->config->options;
    const int64_t width = nib_layer_input(b, 0)->dim[0];
    nib_initializer_config zeros, ones;
    NIB_TRY(nib_initializer_read(NULL, "zeros", "", &zeros, err));
    NIB_TRY(nib_initializer_read(NULL, "ones", "", &ones, err));

    /* Without center or scale the row stays at its first value: it is not trained, and Keras' files leave it
     * out. */
    nib_value x[5] = {b->input[0], 0, 0, 0, 0};
    NIB_TRY(nib_layer_add_param(b, "gamma", NIB_ROLE_BN, 1, 1, width, o->scale, ones, &x[1], err));
    NIB_TRY(nib_layer_add_param(b, "beta", NIB_ROLE_BN, 1, 1, width, o->center, zeros, &x[2], err));
    NIB_TRY(nib_layer_add_param(b, "moving_mean", NIB_ROLE_STATE, 1, 1, width, false, zeros, &x[3], err));
    NIB_TRY(nib_layer_add_param(b, "moving_variance", NIB_ROLE_STATE, 1, 1, width, false, ones, &x[4], err));
    return nib_graph_add(b->graph, &nib_op_batch_norm, b->config->name, &o->op, x, 5, &b->output, err);
}

static void keras_config(const nib_layer_config *config, const nib_shape *y, cJSON *json)
{
    const layer_options *o = config->options;
    const int axis = y->rank;
    cJSON_AddItemToObject(json, "axis", cJSON_CreateIntArray(&axis, 1));
    cJSON_AddNumberToObject(json, "momentum", o->op.momentum);
    cJSON_AddNumberToObject(json, "epsilon", o->op.epsilon);
    cJSON_AddBoolToObject(json, "center", o->center);
    cJSON_AddBoolToObject(json, "scale", o->scale);
}

/* On a grid: y = x scale + shift, both numbers with types of their own (weight and bias). Folded, the dense
 * layer has done it all. */
static nib_status lower(nib_lower *l, nib_error *err)
{
    const layer_options *o = l->layer->config->options;
    const nib_layer_quant *q = &l->layer->quant;
    nib_lower_matrix scale, shift, mean, variance;
    if (nib_fold_dense(l->model, l->index) >= 0) {
        l->output = l->input[0];
        return NIB_OK;
    }
    nib_fix_node *node = nib_lower_add(l, NIB_FIX_SCALE, NULL, err);
    if (!node)
        return NIB_ERR_MEMORY;
    NIB_TRY(nib_lower_parameter(l, l->index, "gamma", &scale, err));
    NIB_TRY(nib_lower_parameter(l, l->index, "beta", &shift, err));
    NIB_TRY(nib_lower_parameter(l, l->index, "moving_mean", &mean, err));
    NIB_TRY(nib_lower_parameter(l, l->index, "moving_variance", &variance, err));
    for (int64_t i = 0; i < scale.cols; i++) {
        const double factor = (double)scale.value[i] / sqrt((double)variance.value[i] + o->op.epsilon);
        shift.value[i] = (float)((double)shift.value[i] - (double)mean.value[i] * factor);
        scale.value[i] = (float)factor;
    }
    NIB_TRY(nib_lower_array(l, &scale, q->weight, "weight", &node->as.scale.scale, err));
    NIB_TRY(nib_lower_array(l, &shift, q->bias, "bias", &node->as.scale.shift, err));

    const nib_fixed x = nib_lower_widest(&nib_lower_input(l, 0)->type);
    const nib_fixed s = nib_lower_widest(&node->as.scale.scale.type);
    const nib_fixed b = nib_lower_widest(&node->as.scale.shift.type);
    const nib_fixed product = {
        .bits = x.bits + s.bits, .integer = x.integer + s.integer, .is_signed = x.is_signed || s.is_signed};
    nib_fixed full = nib_lower_cover(&product, &b);
    full.bits++;
    full.integer++;
    return nib_lower_result(l, node, &full, err);
}

/* The numbers of the grid; folded, there are none and x is handed on. */
static nib_status prepare_double(nib_double_layer *l, nib_error *err)
{
    const layer_options *o = l->options;
    const nib_layer_quant *q = &l->model->layer[l->index].quant;
    nib_double_parameter scale, shift, mean, variance;
    if (nib_fold_dense(l->model, l->index) >= 0)
        return NIB_OK;
    NIB_TRY(nib_double_find(l, l->index, "gamma", &scale, err));
    NIB_TRY(nib_double_find(l, l->index, "beta", &shift, err));
    NIB_TRY(nib_double_find(l, l->index, "moving_mean", &mean, err));
    NIB_TRY(nib_double_find(l, l->index, "moving_variance", &variance, err));
    for (int64_t i = 0; i < scale.cols; i++) {
        const double factor = (double)scale.value[i] / sqrt((double)variance.value[i] + o->op.epsilon);
        shift.value[i] = (float)((double)shift.value[i] - (double)mean.value[i] * factor);
        scale.value[i] = (float)factor;
    }
    NIB_TRY(nib_double_weights(l, &scale, q->weight, &l->kernel, err));
    return nib_double_weights(l, &shift, q->bias, &l->bias, err);
}

static void run_double(const nib_double_layer *l, int64_t count, const double *const *x, double *y)
{
    if (!l->kernel) {
        nib_double_copy(l, count, x, y);
        return;
    }
    for (int64_t r = 0; r < count; r++)
        for (int64_t c = 0; c < l->stride; c++)
            y[r * l->stride + c] = x[0][r * l->stride + c] * l->kernel[c] + l->bias[c];
}

const nib_layer nib_layer_batch_norm = {
    .name = "batch_norm",
    .help = "normalise each feature by mean and variance of the batch",
    .source = "Ioffe and Szegedy, arXiv:1502.03167; Keras BatchNormalization",
    .keras_class = "BatchNormalization",
    .options = &table,
    .min_inputs = 1,
    .max_inputs = 1,
    .flow = NIB_FLOW_UNITWISE,
    .build = build,
    .keras_config = keras_config,
    .lower = lower,
    .prepare_double = prepare_double,
    .run_double = run_double,
};
