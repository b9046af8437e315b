#include "train/adam_pass.h"

#include <math.h>

#include "core/gemm.h"
#include "core/grid_vectors.h"
#include "core/kernels.h"
#include "core/simd.h"
#include "core/vector_math.h"

/* Without amsgrad: what is the same for all weights. */
typedef struct constants {
    nib_vf alpha, rate_1, rate_2, epsilon;
    float shrink;
} constants;

/* The new weights at i..., by gradient g. The root and the quotient are nib_vf's: the divider would take most
 * of the time. */
NIB_INLINE nib_vf new_weight(const nib_pass *pass, const constants *o, int64_t i, nib_vf g, bool plain)
{
    float *m = pass->slot[0] + i, *v = pass->slot[1] + i;
    if (!plain)
        g = nib_vf_mul(nib_vf_clip(g, pass->clip), nib_vf_set(pass->scale));
    nib_vf first = nib_vf_load(m), second = nib_vf_load(v), weight = nib_vf_load(pass->value + i);
    first = nib_vf_fma(nib_vf_sub(g, first), o->rate_1, first);
    second = nib_vf_fma(nib_vf_sub(nib_vf_mul(g, g), second), o->rate_2, second);
    nib_vf_store(m, first);
    nib_vf_store(v, second);
    if (o->shrink != 0.0f)
        weight = nib_vf_sub(weight, nib_vf_mul(weight, nib_vf_set(o->shrink)));
    const nib_vf step = nib_vf_div(nib_vf_mul(first, o->alpha), nib_vf_add(nib_vf_sqrt(second), o->epsilon));
    return nib_vf_sub(weight, step);
}

/* Weights [first, end) of the pass, multiples of 16. */
static void update(const nib_pass *given, const constants *o, int64_t first, int64_t end, bool plain)
{
    const nib_pass pass = *given; /* nothing that a store could change */
    const constants n = *o;
    for (int64_t i = first; i < end; i += NIB_VF)
        nib_vf_store(pass.value + i, new_weight(&pass, &n, i, nib_vf_load(pass.gradient + i), plain));
}

NIB_INLINE void update_rounded(const nib_pass *given, const constants *o, int64_t first, int64_t end,
                               bool plain, const nib_param_step *s, nib_grid_rounding rounding)
{
    const nib_pass pass = *given;
    const constants n = *o;
    const nib_grid_columns c = nib_grid_columns_load(s->flat, NIB_GRID_CLAMP, false, 0);
    const nib_grid_pass range = nib_grid_pass_load(s->flat, false, 0);
    float *y = s->y + pass.first + first - s->first;
    unsigned char *bits = s->pass + (pass.first + first - s->first) / NIB_PASS_FLOATS_PER_BYTE;
    for (int64_t i = first; i < end; i += NIB_VF) {
        const nib_vf g = nib_vf_where_bits(bits, nib_vf_load(pass.gradient + i));
        const nib_vf w = new_weight(&pass, &n, i, g, plain);
        nib_vf_store(pass.value + i, w);
        nib_vf_store(y, nib_grid_apply_noting(rounding, NIB_GRID_CLAMP, false, true, &c, &range, w, bits));
        y += NIB_VF;
        bits += NIB_VF / NIB_PASS_FLOATS_PER_BYTE;
    }
}

/* The same of a parameter that is used on a grid. */
static void update_on_grid(const nib_pass *pass, const constants *o, int64_t first, int64_t end, bool plain,
                           const nib_param_step *s)
{
    const nib_grid_step *g = s->flat;
    const int64_t at = pass->first + first - s->first;
    if (g->range == NIB_GRID_CLAMP && *g->pass_low == *g->low && *g->pass_high == *g->high) {
        if (g->rounding == NIB_GRID_HALF_EVEN)
            update_rounded(pass, o, first, end, plain, s, NIB_GRID_HALF_EVEN);
        else if (g->rounding == NIB_GRID_HALF_UP)
            update_rounded(pass, o, first, end, plain, s, NIB_GRID_HALF_UP);
        else
            update_rounded(pass, o, first, end, plain, s, NIB_GRID_FLOOR);
        return;
    }
    const nib_kernels *kernels = nib_kernels_of(nib_isa_chosen().isa);
    unsigned char *bits = s->pass + at / NIB_PASS_FLOATS_PER_BYTE;
    float *gradient = pass->gradient + first;
    kernels->pass_gradient(nib_tensor_matrix(gradient, 1, end - first, end - first), bits, 1);
    update(pass, o, first, end, plain);
    kernels->grid_flat(g, false, s->y + at, pass->value + first, end - first, bits);
}

/* Parameters on grids and what lies between them. */
static void update_all(const nib_pass *pass, const constants *o)
{
    const bool plain = !(pass->clip < INFINITY) && pass->scale == 1.0f;
    int64_t done = 0;
    for (int i = 0; i < pass->n_steps && done < pass->n; i++) {
        const nib_param_step *s = &pass->steps[i];
        const int64_t begin = s->first - pass->first, after = begin + s->floats;
        if (after <= done || begin >= pass->n)
            continue;
        const int64_t first = begin > done ? begin : done, end = after < pass->n ? after : pass->n;
        update(pass, o, done, first, plain);
        update_on_grid(pass, o, first, end, plain, s);
        done = end;
    }
    update(pass, o, done, pass->n, plain);
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
        const constants n = {.alpha = nib_vf_set(alpha),
                             .rate_1 = nib_vf_set(rate_1),
                             .rate_2 = nib_vf_set(rate_2),
                             .epsilon = nib_vf_set(epsilon),
                             .shrink = decay};
        update_all(pass, &n);
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
