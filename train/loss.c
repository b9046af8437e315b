#include "train/loss.h"

#include <math.h>
#include <string.h>

extern const nib_op nib_op_categorical_crossentropy, nib_op_binary_crossentropy, nib_op_mse, nib_op_mae,
    nib_op_huber, nib_op_soft_categorical, nib_op_soft_binary, nib_op_categorical_hits, nib_op_binary_hits;

static const nib_loss nib_loss_categorical_crossentropy = {
    .name = "categorical_crossentropy",
    .help = "softmax of the logits against a class: -log p(class); label smoothing, class weights",
    .source = "Keras CategoricalCrossentropy(from_logits=True)",
    .op = &nib_op_categorical_crossentropy,
    .soft = &nib_op_soft_categorical,
    .hits = &nib_op_categorical_hits,
    .hits_name = "accuracy",
    .kind = NIB_TARGET_CLASS,
    .link = NIB_LINK_SOFTMAX,
};

static const nib_loss nib_loss_binary_crossentropy = {
    .name = "binary_crossentropy",
    .help = "sigmoid of each logit against 0 or 1, mean over the outputs",
    .source = "Keras BinaryCrossentropy(from_logits=True)",
    .op = &nib_op_binary_crossentropy,
    .soft = &nib_op_soft_binary,
    .hits = &nib_op_binary_hits,
    .hits_name = "accuracy",
    .kind = NIB_TARGET_REAL,
    .link = NIB_LINK_SIGMOID,
};

static const nib_loss nib_loss_mse = {
    .name = "mse",
    .help = "mean squared error of the outputs",
    .source = "Keras MeanSquaredError",
    .op = &nib_op_mse,
    .soft = &nib_op_mse,
    .kind = NIB_TARGET_REAL,
    .link = NIB_LINK_IDENTITY,
};

static const nib_loss nib_loss_mae = {
    .name = "mae",
    .help = "mean absolute error of the outputs",
    .source = "Keras MeanAbsoluteError",
    .op = &nib_op_mae,
    .soft = &nib_op_mse,
    .kind = NIB_TARGET_REAL,
    .link = NIB_LINK_IDENTITY,
};

static const nib_loss nib_loss_huber = {
    .name = "huber",
    .help = "squared error near 0, absolute error beyond delta: outliers pull less",
    .source = "Huber, Ann. Math. Statist. 35 (1964); Keras Huber",
    .op = &nib_op_huber,
    .soft = &nib_op_mse,
    .kind = NIB_TARGET_REAL,
    .link = NIB_LINK_IDENTITY,
};

#define NIB_LOSS(name) &nib_loss_##name,
const nib_loss *const nib_losses[] = {
#include "train/losses.def"
};
#undef NIB_LOSS
const int nib_losses_count = (int)(sizeof nib_losses / sizeof nib_losses[0]);

const nib_loss *nib_loss_find(const char *name)
{
    for (int i = 0; i < nib_losses_count; i++)
        if (strcmp(nib_losses[i]->name, name) == 0)
            return nib_losses[i];
    return NULL;
}

static double sigmoid(double x)
{
    const double e = exp(-fabs(x));
    return (x >= 0 ? 1.0 : e) / (1.0 + e);
}

/* Probabilities below the smallest normal float are 0, as all denormals are in nibble. */
static float to_float(double x)
{
    return fabs(x) < 0x1p-126 ? 0.0f : (float)x;
}

static void softmax_row(int64_t width, const float *logits, float *prediction)
{
    double max = (double)logits[0], sum = 0;
    for (int64_t c = 1; c < width; c++)
        max = (double)logits[c] > max ? (double)logits[c] : max;
    for (int64_t c = 0; c < width; c++)
        sum += exp((double)logits[c] - max);
    for (int64_t c = 0; c < width; c++)
        prediction[c] = to_float(exp((double)logits[c] - max) / sum);
}

void nib_link_apply(nib_link link, int64_t rows, int64_t width, const float *logits, float *prediction)
{
    if (link == NIB_LINK_SOFTMAX)
        for (int64_t r = 0; r < rows; r++)
            softmax_row(width, logits + r * width, prediction + r * width);
    else if (link == NIB_LINK_SIGMOID)
        for (int64_t i = 0; i < rows * width; i++)
            prediction[i] = to_float(sigmoid((double)logits[i]));
    else if (prediction != logits)
        memcpy(prediction, logits, (size_t)(rows * width) * sizeof *logits);
}
