/** Batch norm folded into the dense layer before it: with running statistics both are one affine map.
 *
 *      kernel'[i][j] = kernel[i][j] f[j],  bias'[j] = (bias[j] - mean[j]) f[j] + beta[j],
 *      f[j] = gamma[j] / sqrt(variance[j] + epsilon), rounded once to float
 *
 *  Products and sums are in float, each rounded: whoever computes them, in a graph or at lowering, gets the
 * same bits. Source: Jacob et al., arXiv:1712.05877, section 3.2.
 */
#ifndef NIB_TRAIN_FOLD_H
#define NIB_TRAIN_FOLD_H

#include "train/model.h"

/** The batch norm that folds into dense layer `dense`, or -1: it is all that reads the dense layer, which is
 * no output and has no type of its own, and has no scale or shift with quantizers of their own. */
int nib_fold_norm(const nib_model *model, int dense);

/** The dense layer that batch norm `norm` folds into, or -1. */
int nib_fold_dense(const nib_model *model, int norm);

/** @param factor  [n] f of the formula */
void nib_fold_factors(int64_t n, const float *gamma, const float *variance, double epsilon, float *factor);

/** kernel [rows x cols] in place. */
void nib_fold_kernel(int64_t rows, int64_t cols, const float *factor, float *kernel);

/** bias [n] in place; of a layer without one: zeros. */
void nib_fold_bias(int64_t n, const float *factor, const float *mean, const float *beta, float *bias);

#endif
