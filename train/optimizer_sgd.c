/* Stochastic gradient descent, as Keras has it:
 *
 *   m = momentum m - lr g;   w += m,   with Nesterov: w += momentum m - lr g
 */
#include "train/optimizer_pass.h"

typedef struct sgd_options {
    double lr, momentum;
    bool nesterov;
} sgd_options;

static const nib_option rows[] = {
    NIB_ROW(sgd_options, lr, NIB_OPTION_FLOAT, "0.01", 0, 1e3, NULL, "", "learning rate"),
    NIB_ROW(sgd_options, momentum, NIB_OPTION_FLOAT, "0", 0, 1, NULL, "",
            "share of the last change that goes on"),
    NIB_ROW(sgd_options, nesterov, NIB_OPTION_BOOL, "false", 0, 0, NULL, "", "Nesterov's form of momentum"),
};

static int slots_used(const void *options)
{
    const sgd_options *o = options;
    return o->momentum > 0 ? 1 : 0;
}

static void descend(const nib_pass *p)
{
    float *restrict w = p->value;
    const float *restrict gradient = p->gradient;
    const float lr = (float)p->lr, clip = p->clip, scale = p->scale;
    for (int64_t i = 0; i < p->n; i++)
        w[i] -= lr * nib_pass_gradient(gradient[i], clip, scale);
}

static void descend_with_momentum(const nib_pass *p, float momentum)
{
    float *restrict w = p->value, *restrict m = p->slot[0];
    const float *restrict gradient = p->gradient;
    const float lr = (float)p->lr, clip = p->clip, scale = p->scale;
    for (int64_t i = 0; i < p->n; i++) {
        const float g = nib_pass_gradient(gradient[i], clip, scale);
        m[i] = m[i] * momentum - lr * g;
        w[i] += m[i];
    }
}

static void descend_nesterov(const nib_pass *p, float momentum)
{
    float *restrict w = p->value, *restrict m = p->slot[0];
    const float *restrict gradient = p->gradient;
    const float lr = (float)p->lr, clip = p->clip, scale = p->scale;
    for (int64_t i = 0; i < p->n; i++) {
        const float change = lr * nib_pass_gradient(gradient[i], clip, scale);
        m[i] = m[i] * momentum - change;
        w[i] += m[i] * momentum - change;
    }
}

static void update(const void *options, const nib_update *u, const nib_param *row)
{
    const sgd_options *o = options;
    const nib_pass pass = nib_pass_begin(u, row);
    if (!(o->momentum > 0))
        descend(&pass);
    else if (o->nesterov)
        descend_nesterov(&pass, (float)o->momentum);
    else
        descend_with_momentum(&pass, (float)o->momentum);
}

const nib_optimizer NIB_ISA_NAME(nib_optimizer_sgd) = {
    .name = "sgd",
    .help = "stochastic gradient descent, with momentum if wanted",
    .source = "Sutskever et al., ICML 2013; tf.keras 2.15 SGD",
    .options = NIB_OPTION_TABLE(sgd_options, rows),
    .slots = 1,
    .slot_names = {"m"},
    .slots_used = slots_used,
    .update = update,
};
