#include "train/fold.h"

#include <math.h>
#include <string.h>

static bool is_layer(const nib_model *model, int layer, const char *type)
{
    return strcmp(model->layer[layer].config->type->name, type) == 0;
}

static bool is_output(const nib_model *model, int layer)
{
    for (int i = 0; i < model->n_outputs; i++)
        if (model->output[i].layer == layer)
            return true;
    return false;
}

/* How often a layer is read, and by whom last. */
static int readers_of(const nib_model *model, int layer, int *reader)
{
    int n = 0;
    for (int i = layer + 1; i < model->n_layers; i++)
        for (int k = 0; k < model->layer[i].n_from; k++)
            if (model->layer[i].from[k] == layer) {
                *reader = i;
                n++;
            }
    return n;
}

int nib_fold_norm(const nib_model *model, int dense)
{
    int norm = -1;
    if (!is_layer(model, dense, "dense") || is_output(model, dense) || model->layer[dense].quant.result ||
        readers_of(model, dense, &norm) != 1 || !is_layer(model, norm, "batch_norm"))
        return -1;
    const nib_layer_quant *own = &model->layer[norm].quant;
    return own->weight || own->bias ? -1 : norm;
}

int nib_fold_dense(const nib_model *model, int norm)
{
    const int from = model->layer[norm].from[0];
    return from >= 0 && nib_fold_norm(model, from) == norm ? from : -1;
}

void nib_fold_factors(int64_t n, const float *gamma, const float *variance, double epsilon, float *factor)
{
    for (int64_t i = 0; i < n; i++)
        factor[i] = (float)((double)gamma[i] / sqrt((double)variance[i] + epsilon));
}

void nib_fold_kernel(int64_t rows, int64_t cols, const float *factor, float *kernel)
{
    for (int64_t r = 0; r < rows; r++)
        for (int64_t c = 0; c < cols; c++)
            kernel[r * cols + c] *= factor[c];
}

void nib_fold_bias(int64_t n, const float *factor, const float *mean, const float *beta, float *bias)
{
    for (int64_t i = 0; i < n; i++)
        bias[i] = (bias[i] - mean[i]) * factor[i] + beta[i];
}
