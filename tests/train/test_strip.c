/* Stripping: a smaller network, the same outputs. */
#include <criterion/criterion.h>

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "tests/train/toy.h"
#include "train/strip.h"
#include "train/units.h"

static float *row_of(const toy *t, const char *name, int64_t *stride)
{
    const nib_params *p = t->model->params;
    const int index = nib_params_find(p, name);
    cr_assert(index >= 0, "there is %s", name);
    *stride = p->row[index].stride;
    return p->value + p->row[index].offset;
}

/* Neuron `unit` of a dense layer becomes the constant `bias`. */
static void make_constant(const toy *t, const char *layer, int64_t unit, float bias)
{
    char name[64];
    int64_t stride;
    (void)snprintf(name, sizeof name, "%s/kernel", layer);
    float *kernel = row_of(t, name, &stride);
    const nib_param *row = &t->model->params->row[nib_params_find(t->model->params, name)];
    for (int64_t r = 0; r < row->rows; r++)
        kernel[r * stride + unit] = 0;
    (void)snprintf(name, sizeof name, "%s/bias", layer);
    row_of(t, name, &stride)[unit] = bias;
}

/* Biases that are not 0, so that something is shown. */
static void shake(const toy *t)
{
    const nib_params *p = t->model->params;
    for (int i = 0; i < p->count; i++)
        for (int64_t c = 0; p->row[i].role == NIB_ROLE_BIAS && c < p->row[i].cols; c++)
            p->value[p->row[i].offset + c] = 0.25f * (float)(c % 5) - 0.5f;
}

static double difference(const toy *t, const nib_model *a, const nib_model *b, double *largest)
{
    nib_error err = {NIB_OK, ""};
    nib_evaluator *e[2];
    double apart = 0;
    *largest = 0;
    cr_assert_eq(nib_evaluator_create(&e[0], a, &t->data.validation, false, t->team, &err), NIB_OK, "%s",
                 err.message);
    cr_assert_eq(nib_evaluator_create(&e[1], b, &t->data.validation, false, t->team, &err), NIB_OK, "%s",
                 err.message);
    for (int i = 0; i < 2; i++)
        cr_assert_eq(nib_evaluator_run(e[i], &err), NIB_OK, "%s", err.message);
    const nib_metric_data x = nib_evaluator_output(e[0], 0), y = nib_evaluator_output(e[1], 0);
    for (int64_t i = 0; i < x.rows * x.width; i++) {
        apart = fmax(apart, fabs((double)x.logits[i] - (double)y.logits[i]));
        *largest = fmax(*largest, fabs((double)x.logits[i]));
    }
    nib_evaluator_destroy(e[0]);
    nib_evaluator_destroy(e[1]);
    return apart;
}

static int64_t units_of(const nib_model *m, const char *layer)
{
    for (int i = 0; i < m->n_layers; i++)
        if (strcmp(m->layer[i].config->name, layer) == 0)
            return nib_shape_row(&m->layer[i].shape);
    return -1;
}

static void expect_same(const toy *t, const nib_strip *s, bool exact, const char *what)
{
    double largest;
    const double apart = difference(t, t->model, s->model, &largest);
    cr_expect(largest > 0.01, "%s: outputs are not all zero", what);
    cr_expect(exact ? apart == 0 : apart <= 1e-6 * largest, "%s: %g apart, largest %g", what, apart, largest);
}

/* Every activation, with batch norm; sigmoids of pruned neurons are 0.5, which goes into the next bias. */
Test(strip, neurons_of_every_activation)
{
    static const char *const activations[] = {"relu", "leaky_relu", "tanh", "sigmoid"};
    for (int i = 0; i < 8; i++) {
        toy t;
        char model[160];
        nib_strip s;
        nib_error err = {NIB_OK, ""};
        (void)snprintf(model, sizeof model, "{mlp: {hidden: [8, 6], activation: %s, batch_norm: %s}}",
                       activations[i % 4], i < 4 ? "false" : "true");
        toy_create(&t, model, "{epochs: 1, batch: 32}", 200, 1);
        shake(&t);
        for (int64_t u = 0; u < 5; u++)
            make_constant(&t, "fc1", u, u == 2 ? 0.75f : 0.0f);
        make_constant(&t, "fc2", 3, 0.0f);
        cr_assert_eq(nib_strip_model(t.model, t.config, &t.data.train, t.team, &s, &err), NIB_OK, "%s",
                     err.message);
        cr_expect(units_of(s.model, "fc1") == 3 && units_of(s.model, "fc2") == 5,
                  "%s: %d and %d units are left", model, (int)units_of(s.model, "fc1"),
                  (int)units_of(s.model, "fc2"));
        cr_expect(s.before.macs == 16 + 48 + 12 && s.after.macs == 6 + 15 + 10, "%s: MACs %d -> %d", model,
                  (int)s.before.macs, (int)s.after.macs);
        expect_same(&t, &s, false, model);
        nib_strip_close(&s);
        toy_destroy(&t);
    }
}

/* What nobody looks at goes too, and what was only looked at by it. */
Test(strip, unused_neurons)
{
    toy t;
    nib_strip s;
    int64_t stride;
    nib_error err = {NIB_OK, ""};
    toy_create(&t, "{mlp: {hidden: [8, 6]}}", "{epochs: 1, batch: 32}", 200, 1);
    shake(&t);
    float *logits = row_of(&t, "logits/kernel", &stride);
    for (int64_t u = 0; u < 4; u++) /* only neurons 4 and 5 of fc2 are used */
        logits[u * stride] = logits[u * stride + 1] = 0;
    float *kernel = row_of(&t, "fc2/kernel", &stride);
    kernel[7 * stride + 4] = kernel[7 * stride + 5] = 0; /* neuron 7 of fc1 goes to unused ones alone */
    cr_assert_eq(nib_strip_model(t.model, t.config, &t.data.train, t.team, &s, &err), NIB_OK, "%s",
                 err.message);
    cr_expect(units_of(s.model, "fc1") == 7 && units_of(s.model, "fc2") == 2, "7 and 2 units are left");
    expect_same(&t, &s, false, "unused neurons");
    nib_strip_close(&s);
    toy_destroy(&t);
}

/* A layer that is constant as a whole keeps one unit. */
Test(strip, a_collapsed_layer)
{
    toy t;
    nib_strip s;
    nib_error err = {NIB_OK, ""};
    toy_create(&t, "{mlp: {hidden: [8, 6]}}", "{epochs: 1, batch: 32}", 200, 1);
    shake(&t);
    for (int64_t u = 0; u < 6; u++)
        make_constant(&t, "fc2", u, 0.5f);
    cr_assert_eq(nib_strip_model(t.model, t.config, &t.data.train, t.team, &s, &err), NIB_OK, "%s",
                 err.message);
    cr_expect_eq(units_of(s.model, "fc2"), 1, "one unit is left");
    expect_same(&t, &s, false, "a collapsed layer");
    nib_strip_close(&s);
    toy_destroy(&t);
}

/* Both sides of an add go together, sides of a concat alone. */
Test(strip, branches)
{
    static const char model[] =
        "{layers: [dense: {name: a, units: 6, from: x}, relu: {name: ra}, dense: {name: b, units: 6, from: "
        "x}, "
        "add: {name: s, from: [ra, b]}, dense: {name: c, units: 4, from: x}, tanh: {name: tc}, "
        "concat: {name: both, from: [tc, s]}, dense: {name: logits, units: 2}], outputs: {y: logits}}";
    toy t;
    nib_strip s;
    nib_error err = {NIB_OK, ""};
    toy_create(&t, model, "{epochs: 1, batch: 32}", 200, 1);
    shake(&t);
    for (int64_t u = 0; u < 4; u++)
        make_constant(&t, "a", u, 0.3f);
    for (int64_t u = 2; u < 6; u++)
        make_constant(&t, "b", u, -0.2f);
    make_constant(&t, "c", 1, 0.4f);
    cr_assert_eq(nib_strip_model(t.model, t.config, &t.data.train, t.team, &s, &err), NIB_OK, "%s",
                 err.message);
    cr_expect(units_of(s.model, "a") == 4 && units_of(s.model, "b") == 4,
              "units 2 and 3 are dead on both sides");
    cr_expect_eq(units_of(s.model, "c"), 3, "one of c");
    expect_same(&t, &s, false, "branches");
    nib_strip_close(&s);
    toy_destroy(&t);
}

Test(strip, masks_come_along)
{
    toy t;
    nib_strip s;
    nib_error err = {NIB_OK, ""};
    nib_fit_result result;
    toy_create(
        &t, "{mlp: {hidden: [8, 6], batch_norm: true}}",
        "{epochs: 2, batch: 32}\nprune: {default: {schedule: one_shot, sparsity: 0.5, criterion: neuron}, "
        "layers: {logits: {criterion: magnitude, sparsity: 0.25}}}",
        200, 1);
    cr_assert_eq(toy_fit(&t, &result, &err), NIB_OK, "%s", err.message);
    cr_assert_eq(nib_strip_model(t.model, t.config, &t.data.train, t.team, &s, &err), NIB_OK, "%s",
                 err.message);
    cr_expect(units_of(s.model, "fc1") <= 4 && units_of(s.model, "fc2") <= 3, "half of the neurons");
    for (int64_t i = 0; i < s.model->params->size; i++)
        cr_expect(s.model->params->mask[i] != 0.0f || s.model->params->value[i] == 0.0f, "masked number %d",
                  (int)i);
    expect_same(&t, &s, false, "a pruned run");
    nib_strip_close(&s);
    toy_destroy(&t);
}

#define QUANT                                                                                                \
    "{epochs: 1, batch: 32}\nquant: {default: {input: 'fixed<8,2,RND,SAT>', weight: "                        \
    "'fixed<6,1,RND_CONV,SAT>', "                                                                            \
    "bias: 'fixed<%d,2,RND_CONV,SAT>', activation: 'fixed<6,2,RND,SAT>', output: 'fixed<12,5,RND,SAT>'}}"

/* On the grid of the bias the fold is exact; on a coarser one it is refused. */
Test(strip, quantized)
{
    for (int bits = 16; bits >= 4; bits -= 12) {
        toy t;
        nib_strip s;
        char train[512];
        nib_error err = {NIB_OK, ""};
        (void)snprintf(train, sizeof train, QUANT, bits);
        toy_create(&t, "{mlp: {hidden: [8, 6], activation: tanh}}", train, 200, 1);
        shake(&t);
        make_constant(&t, "fc1", 1, 0.75f);
        make_constant(&t, "fc1", 6, 0.0f);
        nib_status status = nib_strip_model(t.model, t.config, &t.data.train, t.team, &s, &err);
        if (bits == 16) {
            cr_assert_eq(status, NIB_OK, "%s", err.message);
            cr_expect(units_of(s.model, "fc1") == 6 && s.folds == 1,
                      "six units are left, one bias is changed");
            expect_same(&t, &s, true, "a quantized network");
            nib_strip_close(&s);
        } else {
            cr_expect(status == NIB_ERR_UNSUPPORTED &&
                          strstr(err.message, "fc2/bias: removed neurons add up to"),
                      "'%s'", err.message);
        }
        toy_destroy(&t);
    }
}

Test(strip, no_bias_to_fold_into)
{
    static const char model[] = "{layers: [dense: {name: a, units: 6}, sigmoid: {name: sa}, dense: {name: "
                                "logits, units: 2, use_bias: "
                                "false}], outputs: {y: logits}}";
    toy t;
    nib_strip s;
    nib_error err = {NIB_OK, ""};
    toy_create(&t, model, "{epochs: 1, batch: 32}", 200, 1);
    make_constant(&t, "a", 2, 0.0f);
    cr_expect_eq(nib_strip_model(t.model, t.config, &t.data.train, t.team, &s, &err), NIB_ERR_UNSUPPORTED,
                 "refused");
    cr_expect_str_eq(
        err.message,
        "layer logits: neurons in front of it are constant and not zero, and it has no bias that "
        "could take them up (use_bias: true)",
        "the message");
    toy_destroy(&t);
}

/* What inspect shows. */
Test(strip, sparsity_of_layers)
{
    toy t;
    nib_units units;
    nib_layer_sparsity list[8];
    nib_error err = {NIB_OK, ""};
    nib_arena *arena = nib_arena_create();
    toy_create(&t, "{mlp: {hidden: [8, 6]}}", "{epochs: 1, batch: 32}", 200, 1);
    make_constant(&t, "fc1", 1, 0.5f);
    make_constant(&t, "fc2", 0, 0.0f);
    cr_assert_eq(nib_units_find(arena, t.model, NULL, &units, &err), NIB_OK, "%s", err.message);
    cr_assert_eq(nib_units_sparsity(&units, list), 3, "three kernels");
    cr_expect(list[0].weights == 16 && list[0].kept == 14 && list[0].dead_neurons == 1 &&
                  !list[0].dead_inputs,
              "fc1: %d kept", (int)list[0].kept);
    cr_expect(list[1].kept == 40 && list[1].dead_neurons == 1 && list[1].dead_inputs == 1, "fc2: %d kept",
              (int)list[1].kept);
    cr_expect(list[2].kept == 12 && list[2].dead_neurons == 0 && list[2].dead_inputs == 1, "logits");
    cr_expect(strstr(nib_units_table(&units, arena), "1 of 8") != NULL, "the table");
    toy_destroy(&t);
    nib_arena_destroy(arena);
}
