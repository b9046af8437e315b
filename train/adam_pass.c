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

/* Vectors that are taken step by step together: by itself one would wait for its own root and quotient. */
enum { TOGETHER = NIB_VF_REGISTERS >= 32 ? 4 : 1 };

#define FOR_TOGETHER                                                                                         \
    NIB_UNROLL                                                                                               \
    for (int j = 0; j < n; j++)

/* n vectors of new weights at i..., by gradients g. The root and the quotient are nib_vf's: the divider would
 * take most of the time. */
NIB_INLINE void new_weights(const nib_pass *pass, const constants *o, int64_t i, nib_vf *g, nib_vf *weight,
                            const int n, bool plain)
{
    float *m = pass->slot[0] + i, *v = pass->slot[1] + i;
    const float *w = pass->value + i;
    nib_vf first[TOGETHER], root[TOGETHER];
    if (!plain)
        FOR_TOGETHER g[j] = nib_vf_mul(nib_vf_clip(g[j], pass->clip), nib_vf_set(pass->scale));
    FOR_TOGETHER
    {
        const nib_vf mean = nib_vf_load(m + j * NIB_VF), square = nib_vf_load(v + j * NIB_VF);
        first[j] = nib_vf_fma(nib_vf_sub(g[j], mean), o->rate_1, mean);
        root[j] = nib_vf_fma(nib_vf_sub(nib_vf_mul(g[j], g[j]), square), o->rate_2, square);
        nib_vf_store(m + j * NIB_VF, first[j]);
        nib_vf_store(v + j * NIB_VF, root[j]);
    }
    FOR_TOGETHER root[j] = nib_vf_add(nib_vf_sqrt(root[j]), o->epsilon);
    FOR_TOGETHER first[j] = nib_vf_div(nib_vf_mul(first[j], o->alpha), root[j]);
    FOR_TOGETHER weight[j] = nib_vf_load(w + j * NIB_VF);
    if (o->shrink != 0.0f)
        FOR_TOGETHER weight[j] = nib_vf_sub(weight[j], nib_vf_mul(weight[j], nib_vf_set(o->shrink)));
    FOR_TOGETHER weight[j] = nib_vf_sub(weight[j], first[j]);
}

NIB_INLINE nib_vf new_weight(const nib_pass *pass, const constants *o, int64_t i, nib_vf g, bool plain)
{
    nib_vf weight;
    new_weights(pass, o, i, &g, &weight, 1, plain);
    return weight;
}

NIB_INLINE void ask_for_gradient(const nib_pass *pass, int64_t i)
{
    enum { AHEAD_BYTES = 1024 }; /* behind the last weight that is no memory of ours, which does not matter */
    __builtin_prefetch((const void *)((uintptr_t)(pass->gradient + i) + AHEAD_BYTES));
    __builtin_prefetch((const void *)((uintptr_t)(pass->second + i) + AHEAD_BYTES));
}

/* The gradient at i..., of which there may be two parts. */
NIB_INLINE nib_vf gradient_at(const nib_pass *pass, int64_t i, bool two)
{
    const nib_vf g = nib_vf_load(pass->gradient + i);
    return two ? nib_vf_add(g, nib_vf_load(pass->second + i)) : g;
}

/* Weights [first, end) of the pass, multiples of 16. One of two parts of the gradient comes from another
 * core, and it takes as long as a hundred weights: it is asked for early. */
NIB_INLINE void update_all_of(const nib_pass *given, const constants *o, int64_t first, int64_t end,
                              bool plain, bool two)
{
    const nib_pass pass = *given; /* nothing that a store could change */
    const constants c = *o;
    const int n = TOGETHER;
    int64_t i = first;
    for (; TOGETHER > 1 && i + TOGETHER * NIB_VF <= end; i += TOGETHER * NIB_VF) {
        nib_vf g[TOGETHER], weight[TOGETHER];
        if (two)
            FOR_TOGETHER ask_for_gradient(&pass, i + j * NIB_VF);
        FOR_TOGETHER g[j] = gradient_at(&pass, i + j * NIB_VF, two);
        new_weights(&pass, &c, i, g, weight, n, plain);
        FOR_TOGETHER nib_vf_store(pass.value + i + j * NIB_VF, weight[j]);
    }
    for (; i < end; i += NIB_VF) {
        if (two)
            ask_for_gradient(&pass, i);
        nib_vf_store(pass.value + i, new_weight(&pass, &c, i, gradient_at(&pass, i, two), plain));
    }
}

static void update(const nib_pass *pass, const constants *o, int64_t first, int64_t end, bool plain)
{
    if (pass->second)
        update_all_of(pass, o, first, end, plain, true);
    else if (plain)
        update_all_of(pass, o, first, end, true, false);
    else
        update_all_of(pass, o, first, end, false, false);
}

/* One vector of what update_rounded does: the weight, its code, and whether its gradient passes next time. */
NIB_INLINE void store_rounded(float *value, float *y, unsigned char *bits, nib_vf weight,
                              nib_grid_rounding rounding, const nib_grid_columns *columns,
                              const nib_grid_pass *range)
{
    nib_vf_store(value, weight);
    nib_vf_store(y,
                 nib_grid_apply_noting(rounding, NIB_GRID_CLAMP, false, true, columns, range, weight, bits));
}

NIB_INLINE void update_rounded(const nib_pass *given, const constants *o, int64_t first, int64_t end,
                               bool plain, const nib_param_step *s, nib_grid_rounding rounding)
{
    enum { PASS_BYTES = NIB_VF / NIB_PASS_FLOATS_PER_BYTE };
    const nib_pass pass = *given;
    const constants c = *o;
    const int n = TOGETHER;
    const nib_grid_columns columns = nib_grid_columns_load(s->flat, NIB_GRID_CLAMP, false, 0);
    const nib_grid_pass range = nib_grid_pass_load(s->flat, false, 0);
    float *y = s->y + pass.first + first - s->first;
    unsigned char *bits = s->pass + (pass.first + first - s->first) / NIB_PASS_FLOATS_PER_BYTE;
    int64_t i = first;
    for (; TOGETHER > 1 && i + TOGETHER * NIB_VF <= end; i += TOGETHER * NIB_VF) {
        nib_vf g[TOGETHER], weight[TOGETHER];
        FOR_TOGETHER g[j] =
            nib_vf_where_bits(bits + j * PASS_BYTES, nib_vf_load(pass.gradient + i + j * NIB_VF));
        new_weights(&pass, &c, i, g, weight, n, plain);
        FOR_TOGETHER store_rounded(pass.value + i + j * NIB_VF, y + j * NIB_VF, bits + j * PASS_BYTES,
                                   weight[j], rounding, &columns, &range);
        y += TOGETHER * NIB_VF;
        bits += TOGETHER * PASS_BYTES;
    }
    for (; i < end; i += NIB_VF) {
        const nib_vf g = nib_vf_where_bits(bits, nib_vf_load(pass.gradient + i));
        store_rounded(pass.value + i, y, bits, new_weight(&pass, &c, i, g, plain), rounding, &columns,
                      &range);
        y += NIB_VF;
        bits += PASS_BYTES;
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
