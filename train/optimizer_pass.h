/** What every optimizer's pass over one row of the parameter table needs, in float as the pass computes. */
#ifndef NIB_TRAIN_OPTIMIZER_PASS_H
#define NIB_TRAIN_OPTIMIZER_PASS_H

#include "train/optimizer.h"

typedef struct nib_pass {
    int64_t first, n; /**< floats of the flat vectors, padding included */
    float *value;
    float *gradient;             /**< read; where steps decide, masked */
    float *slot[NIB_MAX_SLOTS];  /**< NULL where not used */
    double lr;                   /**< with the row's factor */
    float clip;                  /**< infinity: none */
    float scale;                 /**< of the gradient, after clip */
    const nib_param_step *steps; /**< [n_steps] parameters on grids */
    int n_steps;
    const float *second; /**< nib_update.second */
} nib_pass;

/** The pass over one row of the table. */
nib_pass nib_pass_begin(const nib_update *update, const nib_param *row);

/** The gradient the formulas see. NaN stays NaN. */
static inline float nib_pass_gradient(float gradient, float clip, float scale)
{
    const float above = gradient < -clip ? -clip : gradient;
    return (above > clip ? clip : above) * scale;
}

#endif
