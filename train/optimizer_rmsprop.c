/* RMSprop, as Keras has it:
 *
 *   v = rho v + (1 - rho) g^2;   centered: a = rho a + (1 - rho) g, d = v - a^2, else d = v
 *   s = lr g / sqrt(d + epsilon);   w -= s,   with momentum: m = momentum m + s, w -= m
 *
 * d is cut at 0, where rounding could bring it below. Slots keep their place whatever is in use: v, m, a. */
#include <math.h>

#include "train/optimizer_pass.h"

typedef struct rmsprop_options {
    double lr, rho, momentum, epsilon;
    bool centered;
} rmsprop_options;

static const nib_option rows[] = {
    NIB_ROW(rmsprop_options, lr, NIB_OPTION_FLOAT, "0.001", 0, 1e3, NULL, "", "learning rate"),
    NIB_ROW(rmsprop_options, rho, NIB_OPTION_FLOAT, "0.9", 0, 1, NULL, "",
            "decay of the running mean of squared gradients"),
    NIB_ROW(rmsprop_options, momentum, NIB_OPTION_FLOAT, "0", 0, 1, NULL, "",
            "share of the last change that goes on"),
    NIB_ROW(rmsprop_options, epsilon, NIB_OPTION_FLOAT, "1e-7", 1e-12, 1, NULL, "",
            "added to the mean square"),
    NIB_ROW(rmsprop_options, centered, NIB_OPTION_BOOL, "false", 0, 0, NULL, "",
            "divide by the deviation of the gradient instead of its root mean square"),
};

static int slots_used(const void *options)
{
    const rmsprop_options *o = options;
    return o->centered ? 3 : (o->momentum > 0 ? 2 : 1);
}

/* v, and the step into `step`; `mean` is NULL unless centered. */
static void steps(const rmsprop_options *o, const nib_pass *p, int64_t first, int64_t n, float *restrict step)
{
    float *restrict v = p->slot[0] + first;
    const float *restrict gradient = p->gradient + first;
    const float rho = (float)o->rho, rest = (float)(1 - o->rho), epsilon = (float)o->epsilon;
    const float lr = (float)p->lr, clip = p->clip, scale = p->scale;
    for (int64_t i = 0; i < n; i++) {
        const float g = nib_pass_gradient(gradient[i], clip, scale);
        v[i] = rho * v[i] + rest * (g * g);
        step[i] = lr * g / sqrtf(v[i] + epsilon);
    }
    if (!o->centered)
        return;
    float *restrict mean = p->slot[2] + first;
    for (int64_t i = 0; i < n; i++) {
        const float g = nib_pass_gradient(gradient[i], clip, scale);
        mean[i] = rho * mean[i] + rest * g;
        const float variance = v[i] - mean[i] * mean[i];
        step[i] = lr * g / sqrtf((variance < 0.0f ? 0.0f : variance) + epsilon);
    }
}

static void update(const void *options, const nib_update *u, const nib_param *row)
{
    enum { CHUNK = 256 };
    const rmsprop_options *o = options;
    const nib_pass p = nib_pass_begin(u, row);
    const float momentum = (float)o->momentum;
    float step[CHUNK];
    for (int64_t first = 0; first < p.n; first += CHUNK) {
        const int64_t n = p.n - first < CHUNK ? p.n - first : CHUNK;
        steps(o, &p, first, n, step);
        if (o->momentum > 0) {
            float *restrict m = p.slot[1] + first;
            for (int64_t i = 0; i < n; i++)
                step[i] = m[i] = momentum * m[i] + step[i];
        }
        for (int64_t i = 0; i < n; i++)
            p.value[first + i] -= step[i];
    }
}

const nib_optimizer NIB_ISA_NAME(nib_optimizer_rmsprop) = {
    .name = "rmsprop",
    .help = "gradient divided by its running root mean square",
    .source = "Hinton, lecture 6e (2012); tf.keras 2.15 RMSprop",
    .options = NIB_OPTION_TABLE(rmsprop_options, rows),
    .slots = 3,
    .slot_names = {"velocity", "momentum", "average_gradient"},
    .slots_used = slots_used,
    .update = update,
};
