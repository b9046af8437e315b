#include "train/adam_pass.h"

#include <math.h>

#include "core/vector_math.h"

void NIB_ISA_NAME(nib_adam_pass)(const nib_pass *pass, const nib_adam_numbers *numbers, int64_t step,
                                 double shrink)
{
    float *restrict w = pass->value, *restrict m = pass->slot[0], *restrict v = pass->slot[1];
    const float *restrict gradient = pass->gradient;
    const double t = (double)step;
    /* Keras raises betas that are rounded to float: for beta_2 = 0.999 its steps are 6e-6 shorter than the
     * formula's until the power has died away, which a hundred steps in one direction show. */
    const double beta_1 = (double)(float)numbers->beta_1, beta_2 = (double)(float)numbers->beta_2;
    const float alpha = (float)(pass->lr * sqrt(1 - pow(beta_2, t)) / (1 - pow(beta_1, t)));
    const float rate_1 = (float)(1 - numbers->beta_1), rate_2 = (float)(1 - numbers->beta_2);
    const float epsilon = (float)numbers->epsilon, decay = (float)shrink;
    const float clip = pass->clip, scale = pass->scale;
    if (!numbers->amsgrad) {
        for (int64_t i = 0; i < pass->n; i++) {
            const float g = nib_pass_gradient(gradient[i], clip, scale);
            m[i] += (g - m[i]) * rate_1;
            v[i] += (g * g - v[i]) * rate_2;
            w[i] = (w[i] - w[i] * decay) - m[i] * alpha / (sqrtf(v[i]) + epsilon);
        }
        return;
    }
    float *restrict vhat = pass->slot[2];
    NIB_INDEPENDENT
    for (int64_t i = 0; i < pass->n; i++) {
        const float g = nib_pass_gradient(gradient[i], clip, scale);
        m[i] += (g - m[i]) * rate_1;
        v[i] += (g * g - v[i]) * rate_2;
        vhat[i] = vhat[i] > v[i] ? vhat[i] : v[i];
        w[i] = (w[i] - w[i] * decay) - m[i] * alpha / (sqrtf(vhat[i]) + epsilon);
    }
}
