#include <criterion/criterion.h>
#include <string.h>

#include "tests/train/toy.h"

static int64_t parameters(const nib_model *m)
{
    int64_t n = 0;
    for (int i = 0; i < m->params->count; i++)
        n += nib_params_elements(&m->params->row[i]);
    return n;
}

Test(model, mlp_has_the_layers_and_parameters_of_its_shorthand)
{
    toy t;
    toy_create(&t, "{mlp: {hidden: [64, 32, 32], batch_norm: true, dropout: 0.1}}", "{epochs: 1}", 64, 1);
    /* kernels and biases, and four numbers of batch norm for every hidden unit */
    int64_t dense = 2 * 64 + 64 + 64 * 32 + 32 + 32 * 32 + 32 + 32 * 2 + 2, norm = 4 * (64 + 32 + 32);
    cr_expect(parameters(t.model) == dense + norm, "%lld parameters, not %lld",
              (long long)parameters(t.model), (long long)(dense + norm));
    static const char *const names[] = {"fc1/kernel", "bn1/gamma", "fc3/bias", "logits/kernel"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        cr_expect(nib_params_find(t.model->params, names[i]) >= 0, "there is no %s", names[i]);
    toy_destroy(&t);
}

Test(model, first_weights_follow_from_the_seed_alone)
{
    toy a, b, c;
    toy_create(&a, "{mlp: {hidden: [8]}}", "{seed: 3}", 64, 1);
    toy_create(&b, "{mlp: {hidden: [8]}}", "{seed: 3, batch: 16}", 64, 2);
    toy_create(&c, "{mlp: {hidden: [8]}}", "{seed: 4}", 64, 1);
    size_t bytes = (size_t)a.model->params->size * sizeof(float);
    cr_expect(memcmp(a.model->params->value, b.model->params->value, bytes) == 0,
              "equal seeds, other weights");
    cr_expect(memcmp(a.model->params->value, c.model->params->value, bytes) != 0,
              "other seeds, equal weights");
    toy_destroy(&a);
    toy_destroy(&b);
    toy_destroy(&c);
}

Test(model, a_dag_adds_and_concatenates)
{
    toy t;
    toy_create(
        &t,
        "{layers: [dense: {name: a, units: 4}, dense: {name: b, from: x, units: 4}, add: {name: s, from: [a, "
        "b]},"
        " concat: {name: c, from: [s, a, x]}, dense: {name: logits, units: auto}], outputs: {y: logits}}",
        "{epochs: 1}", 64, 1);
    const nib_param *kernel = &t.model->params->row[nib_params_find(t.model->params, "logits/kernel")];
    cr_expect(kernel->rows == 10 && kernel->cols == 2, "logits/kernel is %lld x %lld, not 10 x 2",
              (long long)kernel->rows, (long long)kernel->cols);
    nib_arena *arena = nib_arena_create();
    const char *summary = nib_model_summary(t.model, arena);
    cr_expect(strstr(summary, "c (concat)") && strstr(summary, "s, a, x"), "%s", summary);
    nib_arena_destroy(arena);
    toy_destroy(&t);
}

Test(model, the_resolved_config_gets_the_number_of_outputs)
{
    toy t;
    toy_create(&t, "{mlp: {hidden: [8]}}", "{epochs: 1}", 64, 1);
    const char *text = nib_config_text(t.config);
    cr_expect(text && !strstr(text, "units: auto") && strstr(text, "units: 2"), "%s", text ? text : "(null)");
    toy_destroy(&t);
}

/* What a wrong model is told; the place is that of the layer. */
Test(model, wrong_models_are_told_where)
{
    static const struct {
        const char *model, *message;
    } wrong[] = {
        {"{layers: [dense: {name: a, units: 4}, add: {name: s, from: [a, x]}, dense: {name: logits, units: "
         "2}],"
         " outputs: {y: logits}}",
         "layer s"},
        {"{layers: [dense: {name: logits, units: 3}], outputs: {y: logits}}",
         "3 units, but target y has 2 classes"},
        {"{layers: [dense: {name: a, units: auto}, dense: {name: logits, units: auto}], outputs: {y: "
         "logits}}",
         "layer a: units: auto is for layers named in model.outputs"},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        toy t;
        char text[1024];
        nib_error err = {NIB_OK, ""};
        nib_config *config;
        nib_model *model;
        toy_create(&t, "{mlp: {hidden: [8]}}", "{epochs: 1}", 64, 1);
        int n = snprintf(text, sizeof text, "data: {source: {file: toy.h5}, x: x, y: y}\nmodel: %s\n",
                         wrong[i].model);
        cr_assert(nib_config_parse("wrong.yaml", ".", text, (size_t)n, NULL, 0, &config, &err) == NIB_OK,
                  "%s", err.message);
        nib_status status = nib_model_create(&model, config, &t.data.train, &err);
        cr_expect(status == NIB_ERR_CONFIG, "case %zu was accepted", i);
        cr_expect(strstr(err.message, wrong[i].message) && strncmp(err.message, "wrong.yaml:2:", 13) == 0,
                  "case %zu: '%s'", i, err.message);
        nib_config_destroy(config);
        toy_destroy(&t);
    }
}
