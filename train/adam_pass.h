/** Adam's update, shared by adam and adamw (which decays the weights before it). */
#ifndef NIB_TRAIN_ADAM_PASS_H
#define NIB_TRAIN_ADAM_PASS_H

#include "train/optimizer_pass.h"

/** Whether the pass puts parameters on their grids: with fewer registers that is faster afterwards. */
#if defined(__AVX512F__)
#define NIB_ADAM_ON_GRIDS 1
#else
#define NIB_ADAM_ON_GRIDS 0
#endif

typedef struct nib_adam_numbers {
    double beta_1, beta_2, epsilon;
    bool amsgrad;
} nib_adam_numbers;

/** Slots m, v, and vhat with amsgrad.
 *
 *  alpha = lr sqrt(1 - beta_2^t) / (1 - beta_1^t)
 *  m += (g - m) (1 - beta_1);  v += (g^2 - v) (1 - beta_2);  amsgrad: vhat = max(vhat, v), used for v below
 *  w -= w * shrink;  w -= m alpha / (sqrt(v) + epsilon)
 *
 *  @param shrink  decoupled decay of this step, 0: none (not as a factor 1 - shrink, which float would round)
 */
void NIB_ISA_NAME(nib_adam_pass)(const nib_pass *pass, const nib_adam_numbers *numbers, int64_t step,
                                 double shrink);

#endif
