/* Optimizers against Keras' formulas written out again in double, weight by weight, over 100 steps. */
#include <math.h>
#include <string.h>

#include "core/rng.h"
#include "tests/options_of.h"
#include "train/optimizer.h"

enum { STEPS = 100, MAX_STATE = 3 };

/* Numbers of a case, as the reference wants them. */
typedef struct numbers {
    double lr, a, b, epsilon; /* a: momentum, rho or beta_1; b: momentum of RMSprop or beta_2 */
    bool flag;                /* nesterov, centered, amsgrad */
    double decay;
} numbers;

typedef double reference(const numbers *k, double w, double g, double *s, int t, double decay_factor);

static double sgd(const numbers *k, double w, double g, double *s, int t, double decay_factor)
{
    (void)t, (void)decay_factor;
    s[0] = -g * k->lr + s[0] * k->a;
    if (k->flag)
        return w + (-g * k->lr + s[0] * k->a);
    return w + s[0];
}

static double rmsprop(const numbers *k, double w, double g, double *s, int t, double decay_factor)
{
    (void)t, (void)decay_factor;
    s[0] = k->a * s[0] + (1 - k->a) * g * g;
    double denominator = s[0] + k->epsilon;
    if (k->flag) {
        s[2] = k->a * s[2] + (1 - k->a) * g;
        denominator = s[0] - s[2] * s[2] + k->epsilon;
    }
    double increment = k->lr * g / sqrt(denominator);
    if (!(k->b > 0))
        return w - increment;
    s[1] = k->b * s[1] + increment;
    return w - s[1];
}

static double adam(const numbers *k, double w, double g, double *s, int t, double decay_factor)
{
    double alpha = k->lr * sqrt(1 - pow(k->b, t)) / (1 - pow(k->a, t));
    w -= w * k->decay * decay_factor * k->lr;
    s[0] += (g - s[0]) * (1 - k->a);
    s[1] += (g * g - s[1]) * (1 - k->b);
    s[2] = s[1] > s[2] ? s[1] : s[2];
    return w - s[0] * alpha / (sqrt(k->flag ? s[2] : s[1]) + k->epsilon);
}

static const struct {
    const char *optimizer, *yaml;
    reference *step;
    numbers k;
    int slots;
    bool kernels_only;
} cases[] = {
    {"sgd", "", sgd, {0.01, 0, 0, 0, false, 0}, 0, false},
    {"sgd", "{lr: 0.1, momentum: 0.9}", sgd, {0.1, 0.9, 0, 0, false, 0}, 1, false},
    {"sgd", "{lr: 0.1, momentum: 0.9, nesterov: true}", sgd, {0.1, 0.9, 0, 0, true, 0}, 1, false},
    {"rmsprop", "", rmsprop, {1e-3, 0.9, 0, 1e-7, false, 0}, 1, false},
    {"rmsprop", "{rho: 0.8, momentum: 0.5}", rmsprop, {1e-3, 0.8, 0.5, 1e-7, false, 0}, 2, false},
    {"rmsprop", "{centered: true, epsilon: 1e-3}", rmsprop, {1e-3, 0.9, 0, 1e-3, true, 0}, 3, false},
    {"rmsprop",
     "{lr: 0.01, centered: true, momentum: 0.9}",
     rmsprop,
     {0.01, 0.9, 0.9, 1e-7, true, 0},
     3,
     false},
    {"adam", "", adam, {1e-3, 0.9, 0.999, 1e-7, false, 0}, 2, false},
    {"adam",
     "{lr: 0.01, beta_1: 0.5, beta_2: 0.9, epsilon: 1e-3}",
     adam,
     {0.01, 0.5, 0.9, 1e-3, false, 0},
     2,
     false},
    {"adam", "{amsgrad: true, beta_2: 0.9}", adam, {1e-3, 0.9, 0.9, 1e-7, true, 0}, 3, false},
    {"adamw", "", adam, {1e-3, 0.9, 0.999, 1e-7, false, 0.004}, 2, false},
    {"adamw",
     "{weight_decay: 1, decay: kernels, amsgrad: yes}",
     adam,
     {1e-3, 0.9, 0.999, 1e-7, true, 1},
     3,
     true},
};
enum { N_CASES = sizeof cases / sizeof cases[0] };

typedef struct bench {
    nib_arena *arena;
    nib_params *params;
    float *slot[NIB_MAX_SLOTS];
} bench;

static bench bench_create(void)
{
    bench b = {.arena = nib_arena_create()};
    nib_error err = {0};
    b.params = nib_params_create(b.arena);
    nib_params_add(b.arena, b.params, "fc1", "kernel", NIB_ROLE_KERNEL, 2, 7, 5, true);
    nib_params_add(b.arena, b.params, "fc1", "bias", NIB_ROLE_BIAS, 1, 1, 5, true);
    nib_params_add(b.arena, b.params, "bn1", "moving_mean", NIB_ROLE_STATE, 1, 1, 5, false);
    /* 40 rows of 32 floats: more than one chunk of the passes that work in chunks */
    nib_params_add(b.arena, b.params, "fc2", "kernel", NIB_ROLE_KERNEL, 2, 40, 19, true);
    cr_assert_eq(nib_params_allocate(b.arena, b.params, &err), NIB_OK, "%s", err.message);
    b.params->row[1].lr_factor = 0.5;
    for (int i = 0; i < NIB_MAX_SLOTS; i++)
        b.slot[i] = NIB_NEW(b.arena, float, b.params->size);
    return b;
}

/* Fill one row of a flat vector with reproducible numbers, on its elements only. */
static void fill(const bench *b, int row, float *flat, uint32_t step, double scale)
{
    const nib_param *p = &b->params->row[row];
    const nib_rng rng = {.seed = 3, .stream = (uint32_t)row, .step = step};
    for (int64_t r = 0; r < p->rows; r++)
        for (int64_t c = 0; c < p->cols; c++)
            flat[p->offset + r * p->stride + c] =
                (float)(scale * nib_rng_normal(&rng, (uint64_t)(r * p->cols + c)));
}

typedef struct history {
    double clip_value, gradient_scale;
    bool masked;
    int64_t range; /* 0: updated at once, else so many floats at a time, the last ones first */
    enum { ONE_PART, ADDED, TWO_PARTS } parts; /* of the gradient: two are added before or by the update */
} history;

/* Every third weight of the kernels is masked. */
static bool is_masked(const history *h, const nib_param *p, int64_t i)
{
    return h->masked && p->role == NIB_ROLE_KERNEL && i % 3 == 0;
}

static void run_nibble(bench *b, int which, const history *h)
{
    const nib_optimizer *optimizer = nib_optimizer_find(cases[which].optimizer);
    const void *options = options_of(b->arena, &optimizer->options, cases[which].yaml);
    const int used = optimizer->slots_used ? optimizer->slots_used(options) : optimizer->slots;
    cr_expect_eq(used, cases[which].slots, "%s %s uses %d slots", optimizer->name, cases[which].yaml, used);
    nib_update update = {.params = b->params,
                         .lr = *(const double *)options,
                         .clip_value = h->clip_value,
                         .gradient_scale = h->gradient_scale};
    for (int i = 0; i < used; i++)
        update.slot[i] = b->slot[i];
    if (h->masked) {
        b->params->mask = NIB_NEW(b->arena, float, b->params->size);
        for (int row = 0; row < b->params->count; row++) {
            const nib_param *p = &b->params->row[row];
            for (int64_t i = 0; i < p->rows * p->stride; i++)
                b->params->mask[p->offset + i] = is_masked(h, p, i) ? 0.0f : 1.0f;
        }
    }
    for (int row = 0; row < b->params->count; row++)
        fill(b, row, b->params->value, 0, 0.3);
    nib_params_apply_masks(b->params, b->params->value);
    float *const second = NIB_NEW(b->arena, float, b->params->size);
    update.second = h->parts == TWO_PARTS ? second : NULL;
    for (int t = 1; t <= STEPS; t++) {
        for (int row = 0; row < b->params->count; row++) {
            fill(b, row, b->params->gradient, (uint32_t)t, 0.1 * (1 + row));
            fill(b, row, second, (uint32_t)t + STEPS, 0.05);
        }
        for (int64_t i = 0; h->parts == ADDED && i < b->params->size; i++)
            b->params->gradient[i] += second[i];
        update.step = t;
        if (h->range == 0)
            nib_optimizer_apply(optimizer, options, &update);
        for (int64_t end = h->range ? b->params->size : 0; end > 0; end -= h->range) {
            const int64_t first = end > h->range ? end - h->range : 0;
            nib_optimizer_apply_range(optimizer, options, &update, first, end - first);
        }
    }
}

/* The weight at `i` of a row after all steps, by the reference. */
static double run_reference(bench *b, int which, const history *h, int row, int64_t i)
{
    const nib_param *p = &b->params->row[row];
    numbers k = cases[which].k;
    k.lr *= row == 1 ? 0.5 : 1;
    const double factor = cases[which].kernels_only && p->role != NIB_ROLE_KERNEL ? 0 : 1;
    const uint64_t element = (uint64_t)(i / p->stride * p->cols + i % p->stride);
    nib_rng rng = {.seed = 3, .stream = (uint32_t)row};
    double state[MAX_STATE] = {0}, w = (double)(float)(0.3 * nib_rng_normal(&rng, element));
    for (int t = 1; t <= STEPS; t++) {
        rng.step = (uint32_t)t;
        double g = (double)(float)(0.1 * (1 + row) * nib_rng_normal(&rng, element));
        if (h->clip_value > 0)
            g = fmax(-h->clip_value, fmin(h->clip_value, g));
        w = cases[which].step(&k, w, g * h->gradient_scale, state, t, factor);
    }
    return w;
}

static void expect_zero_slots(const bench *b, int which, int64_t at)
{
    for (int s = 0; s < cases[which].slots; s++)
        cr_assert(b->slot[s][at] == 0.0f, "case %d: slot %d at %lld is %g", which, s, (long long)at,
                  (double)b->slot[s][at]);
}

static void compare(int which, const history *h)
{
    bench b = bench_create();
    run_nibble(&b, which, h);
    for (int row = 0; row < b.params->count; row++) {
        const nib_param *p = &b.params->row[row];
        double worst = 0, largest = 0;
        for (int64_t i = 0; i < p->rows * p->stride; i++) {
            const float got = b.params->value[p->offset + i];
            if (i % p->stride >= p->cols || is_masked(h, p, i)) {
                cr_assert(got == 0.0f, "case %d, %s: padding or masked weight %lld is %g", which, p->name,
                          (long long)i, (double)got);
                expect_zero_slots(&b, which, p->offset + i);
                continue;
            }
            const nib_rng rng = {.seed = 3, .stream = (uint32_t)row};
            const double untouched =
                (double)(float)(0.3 *
                                nib_rng_normal(&rng, (uint64_t)(i / p->stride * p->cols + i % p->stride)));
            const double wanted = p->trainable ? run_reference(&b, which, h, row, i) : untouched;
            worst = fmax(worst, fabs((double)got - wanted));
            largest = fmax(largest, fabs(wanted));
        }
        cr_expect(worst <= 3e-6 * largest, "case %d, %s %s, %s: off by %g of %g", which,
                  cases[which].optimizer, cases[which].yaml, p->name, worst, largest);
    }
    nib_arena_destroy(b.arena);
}

Test(optimizers, equal_keras_formulas)
{
    for (int i = 0; i < N_CASES; i++)
        compare(i, &(history){.gradient_scale = 1});
}

Test(optimizers, clip_gradients)
{
    for (int i = 0; i < N_CASES; i++) {
        compare(i, &(history){.gradient_scale = 0.125});
        compare(i, &(history){.gradient_scale = 1, .clip_value = 0.05});
    }
}

Test(optimizers, keep_masked_weights_at_zero)
{
    for (int i = 0; i < N_CASES; i++)
        compare(i, &(history){.gradient_scale = 1, .masked = true});
}

/* Threads share the update: whoever has which part, no bit may change. */
Test(optimizers, ranges_make_up_the_whole)
{
    static const int64_t ranges[] = {16, 48, 272, 10000};
    for (int i = 0; i < N_CASES; i++)
        for (size_t k = 0; k < sizeof ranges / sizeof *ranges; k++)
            for (int masked = 0; masked < 2; masked++) {
                bench whole = bench_create(), parts = bench_create();
                run_nibble(&whole, i, &(history){.gradient_scale = 1, .masked = masked});
                run_nibble(&parts, i, &(history){.gradient_scale = 1, .masked = masked, .range = ranges[k]});
                const size_t bytes = (size_t)whole.params->size * sizeof(float);
                bool same = memcmp(whole.params->value, parts.params->value, bytes) == 0;
                for (int slot = 0; slot < cases[i].slots; slot++)
                    same = same && memcmp(whole.slot[slot], parts.slot[slot], bytes) == 0;
                cr_expect(same, "case %d, %s %s: %d floats at a time give other bits", i, cases[i].optimizer,
                          cases[i].yaml, (int)ranges[k]);
                nib_arena_destroy(whole.arena);
                nib_arena_destroy(parts.arena);
            }
}

/* Optimizers that add two parts of the gradient on the way write none of them. */
Test(optimizers, two_parts_of_a_gradient_are_as_good_as_their_sum)
{
    static const history histories[] = {
        {.gradient_scale = 1},
        {.gradient_scale = 0.125, .clip_value = 0.05},
        {.gradient_scale = 1, .range = 48},
    };
    int checked = 0;
    for (int i = 0; i < N_CASES; i++)
        for (size_t k = 0; k < sizeof histories / sizeof *histories; k++) {
            bench added = bench_create(), two = bench_create();
            const nib_optimizer *optimizer = nib_optimizer_find(cases[i].optimizer);
            if (nib_optimizer_adds(optimizer, options_of(two.arena, &optimizer->options, cases[i].yaml))) {
                history h = histories[k];
                h.parts = ADDED;
                run_nibble(&added, i, &h);
                h.parts = TWO_PARTS;
                run_nibble(&two, i, &h);
                const size_t bytes = (size_t)two.params->size * sizeof(float);
                cr_expect(memcmp(added.params->value, two.params->value, bytes) == 0 &&
                              memcmp(added.slot[0], two.slot[0], bytes) == 0 &&
                              memcmp(added.slot[1], two.slot[1], bytes) == 0,
                          "case %d, history %d, %s %s: other bits", i, (int)k, cases[i].optimizer,
                          cases[i].yaml);
                for (int row = 0; row < two.params->count; row++)
                    fill(&added, row, added.params->gradient, STEPS, 0.1 * (1 + row));
                cr_expect(memcmp(added.params->gradient, two.params->gradient, bytes) == 0, "written");
                checked++;
            }
            nib_arena_destroy(added.arena);
            nib_arena_destroy(two.arena);
        }
    cr_expect(checked >= 6, "%d cases", checked);
}

/* A NaN in the gradient must be seen in the weights, not clipped away. */
Test(optimizers, let_nan_through)
{
    for (int i = 0; i < N_CASES; i++) {
        bench b = bench_create();
        const nib_optimizer *optimizer = nib_optimizer_find(cases[i].optimizer);
        nib_update update = {.params = b.params, .lr = 0.1, .clip_value = 1, .gradient_scale = 1, .step = 1};
        for (int s = 0; s < NIB_MAX_SLOTS; s++)
            update.slot[s] = b.slot[s];
        b.params->gradient[0] = NAN;
        nib_optimizer_apply(optimizer, options_of(b.arena, &optimizer->options, cases[i].yaml), &update);
        cr_expect(isnan(b.params->value[0]), "%s %s swallows a NaN", cases[i].optimizer, cases[i].yaml);
        cr_expect(b.params->value[1] == 0.0f, "%s %s spreads a NaN", cases[i].optimizer, cases[i].yaml);
        nib_arena_destroy(b.arena);
    }
}

Test(optimizers, gradient_norm_counts_trainable_rows)
{
    bench b = bench_create();
    double sum = 0;
    for (int row = 0; row < b.params->count; row++) {
        const nib_param *p = &b.params->row[row];
        fill(&b, row, b.params->gradient, 1, 2);
        for (int64_t i = 0; p->trainable && i < p->rows * p->stride; i++)
            sum += pow((double)b.params->gradient[p->offset + i], 2);
    }
    cr_expect(fabs(nib_gradient_norm(b.params) - sqrt(sum)) < 1e-12 * sqrt(sum), "norm %g, wanted %g",
              nib_gradient_norm(b.params), sqrt(sum));
    nib_arena_destroy(b.arena);
}
