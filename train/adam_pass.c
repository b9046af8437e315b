#include "train/adam_pass.h"

#include <math.h>

#include "core/simd.h"
#include "core/vector_math.h"

/* Without amsgrad. Rows are multiples of 16 floats. The root and the quotient are nib_vf's: the divider would
 * take most of the time. */
static void update(const nib_pass *pass, nib_vf alpha, nib_vf rate_1, nib_vf rate_2, nib_vf epsilon,
                   float shrink)
{
    float *restrict w = pass->value, *restrict m = pass->slot[0], *restrict v = pass->slot[1];
    const bool plain = !(pass->clip < INFINITY) && pass->scale == 1.0f;
    const nib_vf decay = nib_vf_set(shrink);
    for (int64_t i = 0; i < pass->n; i += NIB_VF) {
        nib_vf g = nib_vf_load(pass->gradient + i);
        if (!plain)
            g = nib_vf_mul(nib_vf_clip(g, pass->clip), nib_vf_set(pass->scale));
        nib_vf first = nib_vf_load(m + i), second = nib_vf_load(v + i), weight = nib_vf_load(w + i);
        first = nib_vf_fma(nib_vf_sub(g, first), rate_1, first);
        second = nib_vf_fma(nib_vf_sub(nib_vf_mul(g, g), second), rate_2, second);
        nib_vf_store(m + i, first);
        nib_vf_store(v + i, second);
        if (shrink != 0.0f)
            weight = nib_vf_sub(weight, nib_vf_mul(weight, decay));
        const nib_vf step = nib_vf_div(nib_vf_mul(first, alpha), nib_vf_add(nib_vf_sqrt(second), epsilon));
        nib_vf_store(w + i, nib_vf_sub(weight, step));
    }
}

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
        update(pass, nib_vf_set(alpha), nib_vf_set(rate_1), nib_vf_set(rate_2), nib_vf_set(epsilon), decay);
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
