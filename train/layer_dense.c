/* dense: y = x kernel + bias, with optional L1 and L2 penalties that become step-rate losses. */
#include <stdio.h>

#include "core/op_options.h"
#include "train/double_forward.h"
#include "train/fold.h"
#include "train/lower.h"

extern const nib_op nib_op_matmul, nib_op_l1_l2;

typedef struct dense_options {
    int64_t units;
    bool use_bias;
    const nib_doc *kernel_initializer, *bias_initializer;
    double l1, l2, bias_l1, bias_l2;
} dense_options;

static const nib_option rows[] = {
    NIB_ROW(dense_options, units, NIB_OPTION_INT, NULL, 1, 65536, "auto", "",
            "outputs; auto: as many as the target needs (output layers only)"),
    NIB_ROW(dense_options, use_bias, NIB_OPTION_BOOL, "true", 0, 0, NULL, "", "add a bias"),
    NIB_ROW(dense_options, kernel_initializer, NIB_OPTION_NODE, "glorot_uniform", 0, 0, NULL, "",
            "first values of the kernel (nibble list initializers)"),
    NIB_ROW(dense_options, bias_initializer, NIB_OPTION_NODE, "zeros", 0, 0, NULL, "",
            "first values of the bias"),
    NIB_ROW(dense_options, l1, NIB_OPTION_FLOAT, "0", 0, 1e6, NULL, "", "penalty l1 * sum |kernel|"),
    NIB_ROW(dense_options, l2, NIB_OPTION_FLOAT, "0", 0, 1e6, NULL, "", "penalty l2 * sum kernel^2"),
    NIB_ROW(dense_options, bias_l1, NIB_OPTION_FLOAT, "0", 0, 1e6, NULL, "", "penalty bias_l1 * sum |bias|"),
    NIB_ROW(dense_options, bias_l2, NIB_OPTION_FLOAT, "0", 0, 1e6, NULL, "", "penalty bias_l2 * sum bias^2"),
};

static const nib_option_table table = NIB_OPTION_TABLE(dense_options, rows);

static nib_status add_penalty(nib_layer_build *b, double l1, double l2, nib_value weights, nib_error *err)
{
    if (l1 == 0 && l2 == 0)
        return NIB_OK;
    nib_l1_l2_options *options = NIB_NEW(b->arena, nib_l1_l2_options, 1);
    if (!options)
        return nib_fail_memory(err, "regulariser");
    *options = (nib_l1_l2_options){.l1 = l1, .l2 = l2};
    nib_value penalty;
    NIB_TRY(nib_graph_add(b->graph, &nib_op_l1_l2, b->config->name, options, &weights, 1, &penalty, err));
    return nib_graph_loss(b->graph, b->config->name, penalty, 1, err);
}

static nib_status build(nib_layer_build *b, nib_error *err)
{
    const dense_options *o = b->config->options;
    const nib_shape *x = nib_layer_input(b, 0);
    nib_initializer_config kernel, bias;
    if (x->rank != 1)
        return nib_fail(err, NIB_ERR_SHAPE, "dense needs rows of features, not arrays of rank %d", x->rank);
    if (o->units < 1)
        return nib_fail(err, NIB_ERR_CONFIG,
                        "units: auto is for layers named in model.outputs; write the number of outputs");
    NIB_TRY(
        nib_initializer_read(o->kernel_initializer, "glorot_uniform", "kernel_initializer", &kernel, err));
    NIB_TRY(nib_initializer_read(o->bias_initializer, "zeros", "bias_initializer", &bias, err));

    nib_value operand[3] = {b->input[0], 0, 0};
    NIB_TRY(nib_layer_add_param(b, "kernel", NIB_ROLE_KERNEL, 2, x->dim[0], o->units, true, kernel,
                                &operand[1], err));
    if (o->use_bias)
        NIB_TRY(nib_layer_add_param(b, "bias", NIB_ROLE_BIAS, 1, 1, o->units, true, bias, &operand[2], err));
    /* Penalties are on the trained numbers, products on what the hardware has of them. */
    NIB_TRY(add_penalty(b, o->l1, o->l2, operand[1], err));
    NIB_TRY(nib_layer_quantize_param(b, b->quant->weight, &operand[1], err));
    if (o->use_bias) {
        NIB_TRY(add_penalty(b, o->bias_l1, o->bias_l2, operand[2], err));
        NIB_TRY(nib_layer_quantize_param(b, b->quant->bias, &operand[2], err));
    }
    return nib_graph_add(b->graph, &nib_op_matmul, b->config->name, NULL, operand, o->use_bias ? 3 : 2,
                         &b->output, err);
}

static nib_status check(const void *options, const char *path, nib_error *err)
{
    const dense_options *o = options;
    nib_initializer_config unused;
    char key[160];
    (void)snprintf(key, sizeof key, "%s.kernel_initializer", path);
    NIB_TRY(nib_initializer_read(o->kernel_initializer, "glorot_uniform", key, &unused, err));
    (void)snprintf(key, sizeof key, "%s.bias_initializer", path);
    return nib_initializer_read(o->bias_initializer, "zeros", key, &unused, err);
}

static int64_t *units(void *options)
{
    return &((dense_options *)options)->units;
}

static void keras_config(const nib_layer_config *config, const nib_shape *y, cJSON *json)
{
    const dense_options *o = config->options;
    cJSON_AddNumberToObject(json, "units", (double)y->dim[0]);
    cJSON_AddBoolToObject(json, "use_bias", o->use_bias);
}

/* The accumulator: the user's, or wide enough for every partial sum. */
static nib_status lower_accum(nib_lower *l, nib_fix_dense *dense, nib_error *err)
{
    const nib_layer_quant *q = &l->layer->quant;
    NIB_TRY(nib_fix_dense_accum(dense, &l->interval[l->input[0]], &dense->accum, err));
    dense->proven = true;
    if (!q->has_accum)
        return NIB_OK;
    const nib_fixed both = nib_lower_cover(&q->accum, &dense->accum);
    dense->proven = both.bits == q->accum.bits && both.integer == q->accum.integer &&
                    both.is_signed == q->accum.is_signed;
    dense->accum = q->accum;
    return NIB_OK;
}

/* Kernel and bias, with the batch norm behind the layer folded in. */
static nib_status lower_weights(nib_lower *l, nib_fix_dense *dense, nib_error *err)
{
    const dense_options *o = l->layer->config->options;
    const nib_layer_quant *q = &l->layer->quant;
    const int norm = nib_fold_norm(l->model, l->index);
    nib_lower_matrix kernel, bias = {.value = NULL};
    NIB_TRY(nib_lower_parameter(l, l->index, "kernel", &kernel, err));
    if (o->use_bias)
        NIB_TRY(nib_lower_parameter(l, l->index, "bias", &bias, err));
    if (norm >= 0)
        NIB_TRY(nib_lower_fold(l, norm, &kernel, &bias, err));
    if (nib_lower_folds_input(l)) {
        nib_lower_fold_kernel(l, &kernel);
        NIB_TRY(nib_lower_array(l, &kernel, q->weight, "weight", &dense->kernel, err));
        return nib_lower_fold_shift(l, &bias, q->bias, dense, err);
    }
    NIB_TRY(nib_lower_array(l, &kernel, q->weight, "weight", &dense->kernel, err));
    return bias.value ? nib_lower_array(l, &bias, q->bias, "bias", &dense->bias, err) : NIB_OK;
}

static nib_status lower(nib_lower *l, nib_error *err)
{
    nib_fix_node *node = nib_lower_add(l, NIB_FIX_DENSE, NULL, err);
    if (!node)
        return NIB_ERR_MEMORY;
    nib_fix_dense *dense = &node->as.dense;
    NIB_TRY(lower_weights(l, dense, err));
    dense->reuse = 1;
    dense->order = NIB_FIX_ORDER_LATENCY;
    NIB_TRY(lower_accum(l, dense, err));
    return nib_lower_result(l, node, &dense->accum, err);
}

/* The batch norm behind the layer folded in, by the formulas of train/fold.h. */
static nib_status fold_double(const nib_double_layer *l, int norm, nib_double_parameter *kernel,
                              nib_double_parameter *bias, nib_error *err)
{
    const nib_batch_norm_options *o = l->model->layer[norm].config->options;
    nib_double_parameter gamma, beta, mean, variance;
    NIB_TRY(nib_double_find(l, norm, "gamma", &gamma, err));
    NIB_TRY(nib_double_find(l, norm, "beta", &beta, err));
    NIB_TRY(nib_double_find(l, norm, "moving_mean", &mean, err));
    NIB_TRY(nib_double_find(l, norm, "moving_variance", &variance, err));
    if (!bias->value)
        *bias = (nib_double_parameter){.rows = 1,
                                       .cols = kernel->cols,
                                       .value = NIB_NEW(l->arena, float, kernel->cols),
                                       .is_vector = true};
    if (!bias->value)
        return nib_fail_memory(err, "weights");
    nib_fold_factors(gamma.cols, gamma.value, variance.value, o->epsilon, gamma.value);
    nib_fold_kernel(kernel->rows, kernel->cols, gamma.value, kernel->value);
    nib_fold_bias(bias->cols, gamma.value, mean.value, beta.value, bias->value);
    return NIB_OK;
}

static nib_status prepare_double(nib_double_layer *l, nib_error *err)
{
    const nib_layer_quant *q = &l->model->layer[l->index].quant;
    const int norm = nib_fold_norm(l->model, l->index);
    nib_double_parameter kernel, bias;
    NIB_TRY(nib_double_find(l, l->index, "kernel", &kernel, err));
    NIB_TRY(nib_double_find(l, l->index, "bias", &bias, err));
    if (norm >= 0)
        NIB_TRY(fold_double(l, norm, &kernel, &bias, err));
    NIB_TRY(nib_double_weights(l, &kernel, q->weight, &l->kernel, err));
    if (bias.value)
        return nib_double_weights(l, &bias, q->bias, &l->bias, err);
    l->bias = NIB_NEW(l->arena, double, l->stride);
    return l->bias ? NIB_OK : nib_fail_memory(err, "weights");
}

static void run_double(const nib_double_layer *l, int64_t count, const double *const *x, double *y)
{
    l->loops->product(count, l->in_width[0], l->stride, x[0], l->in_stride[0], l->kernel, l->bias, y,
                      l->stride);
}

const nib_layer nib_layer_dense = {
    .name = "dense",
    .help = "fully connected: y = x kernel + bias",
    .source = "Keras Dense",
    .keras_class = "Dense",
    .options = &table,
    .min_inputs = 1,
    .max_inputs = 1,
    .flow = NIB_FLOW_KERNEL,
    .build = build,
    .check = check,
    .units = units,
    .keras_config = keras_config,
    .lower = lower,
    .prepare_double = prepare_double,
    .run_double = run_double,
};
