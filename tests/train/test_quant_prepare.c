/* Between a model's making and its first run: auto, the checks, the table. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "tests/train/quantized.h"
#include "tests/train/toy.h"
#include "train/quant_prepare.h"

#define MODEL                                                                                                \
    "{layers: [dense: {name: fc1, units: 8}, relu: {name: act1}, dense: {name: logits, units: 2}], "         \
    "outputs: {y: logits}}"

typedef struct lines {
    int warnings;
    char text[4096];
} lines;

static void note(void *context, nib_log_level level, const char *line)
{
    lines *l = context;
    l->warnings += level == NIB_LOG_WARNING;
    (void)snprintf(l->text + strlen(l->text), sizeof l->text - strlen(l->text), "%s\n", line);
}

static void create(toy *t, const char *quant)
{
    char train[1024];
    (void)snprintf(train, sizeof train, "{epochs: 2, batch: 32}\nquant: %s", quant);
    toy_create(t, MODEL, train, 512, 1);
}

static nib_status settle(toy *t, nib_error *err)
{
    const nib_quant_settle_job job = nib_quant_settle_defaults(t->config, t->model, &t->data.train, t->team);
    return nib_quant_settle(&job, err);
}

static nib_quant_entry entry_of(const toy *t, const char *name, nib_quant_key key)
{
    const nib_quant_entry *entry = nib_quant_find(&t->config->quant, name, key);
    cr_assert_not_null(entry, "%s has a quantizer", name);
    return *entry;
}

Test(quant_prepare, settles_integer_bits)
{
    toy t;
    nib_error err = {NIB_OK, ""};
    create(&t, "{bits: 3}");
    cr_expect_neq(nib_model_check_settled(t.model, &err), NIB_OK, "it cannot run yet");
    cr_assert_eq(settle(&t, &err), NIB_OK, "%s", err.message);
    cr_expect_eq(nib_model_check_settled(t.model, &err), NIB_OK, "now it can: %s", err.message);
    /* The inputs are uniform in -1..1: 8 bits with I = 1 lose nothing. */
    cr_expect_eq(entry_of(&t, "x", NIB_QUANT_INPUT).type.integer, 1, "I of the input");
    /* By least squares, checked against every other choice. */
    const int row = nib_params_find(t.model->params, "fc1/kernel");
    float w[16];
    nib_params_pack(t.model->params, row, t.model->params->value, w);
    const nib_fixed chosen = entry_of(&t, "fc1", NIB_QUANT_WEIGHT).type;
    for (int i = -6; i < 6; i++) {
        nib_fixed other = chosen;
        other.integer = i;
        cr_expect(nib_calibrate_error(&chosen, 16, w) <= nib_calibrate_error(&other, 16, w),
                  "I = %d is no better than %d", i, chosen.integer);
    }
    /* The text of the config has the numbers, and reads back the same. */
    nib_config *again = NULL;
    const char *text = nib_config_text(t.config);
    cr_expect_null(strstr(text, "auto,"), "no auto is left in\n%s", text);
    cr_assert_eq(nib_config_parse("t.yaml", ".", text, strlen(text), NULL, 0, &again, &err), NIB_OK, "%s",
                 err.message);
    cr_expect_str_eq(nib_config_text(again), text, "resolved twice");
    nib_config_destroy(again);
    toy_destroy(&t);
}

/* The network that calibration looks at is the float one: quantizers that are there already change nothing.
 */
Test(quant_prepare, data_of_the_float_network)
{
    toy t;
    nib_error err = {NIB_OK, ""};
    create(&t, "{default: {input: 'fixed<8,1,RND,SAT>', weight: 'fixed<2,-9>', bias: 'fixed<8,1>', "
               "activation: 'ufixed<8,auto,RND,SAT>'}}");
    cr_assert_eq(settle(&t, &err), NIB_OK, "%s", err.message);
    cr_expect(entry_of(&t, "act1", NIB_QUANT_ACTIVATION).type.integer > -6,
              "activations as large as the float weights make them");
    cr_expect(t.config->quant.defaults.entry[NIB_QUANT_ACTIVATION].is_auto, "the default stays as written");
    toy_destroy(&t);
}

Test(quant_prepare, checks)
{
    static const struct {
        const char *quant, *message; /* NULL: all is well */
        int warnings;
    } cases[] = {
        {"{bits: 6}", NULL, 0},
        {"{default: {input: 'fixed<8,1,RND,SAT>', weight: 'fixed<6,1,RND,SAT>', bias: 'fixed<8,1,RND,SAT>', "
         "activation: 'ufixed<6,2,RND,SAT>'}}",
         NULL, 0},
        {"{default: {input: 'fixed<8,1>', weight: 'fixed<6,1>', bias: 'fixed<8,1>', activation: "
         "'ufixed<6,2>'}}",
         NULL, 1},
        {"{default: {weight: 'fixed<6,1,RND,SAT>', bias: 'fixed<8,1,RND,SAT>'}}",
         "without a type, though a multiplication needs one: x.input, act1.activation; give", 0},
        {"{default: {weight: 'fixed<6,1,RND,SAT>', bias: 'fixed<8,1,RND,SAT>'}, allow_float: true}", NULL, 1},
        {"{bits: 6, layers: {fc1: {weight: none}, logits: {bias: none}}}",
         "needs one: fc1.weight, logits.bias; give", 0},
        {"{bits: 6, layers: {fc1: {weight: 'fixed<2,9,RND_CONV,SAT>'}}}",
         "quant.layers.fc1.weight: 16 of 16 weights are quantized to zero at the start", 0},
        {"{bits: 6, allow_dead: yes, layers: {fc1: {weight: 'fixed<2,9,RND_CONV,SAT>'}}}", NULL, 1},
        {"{bits: 6, layers: {fc1: {weight: 'quantized_bits(1, 1)'}}}", NULL, 1},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        toy t;
        nib_error err = {NIB_OK, ""};
        lines l = {0, ""};
        const nib_log log = {note, &l};
        create(&t, cases[i].quant);
        cr_assert_eq(settle(&t, &err), NIB_OK, "%s: %s", cases[i].quant, err.message);
        const nib_status status = nib_quant_check(t.model, t.config, &log, &err);
        cr_expect_eq(status, cases[i].message ? NIB_ERR_CONFIG : NIB_OK, "%s: %s", cases[i].quant,
                     err.message);
        if (cases[i].message)
            cr_expect(strstr(err.message, cases[i].message), "%s: %s", cases[i].quant, err.message);
        cr_expect_eq(l.warnings, cases[i].warnings, "warnings of %s:\n%s", cases[i].quant, l.text);
        toy_destroy(&t);
    }
}

Test(quant_prepare, tables_need_narrow_inputs)
{
    static const char model[] = "{layers: [dense: {name: fc1, units: 8}, tanh: {name: act1}, dense: {name: "
                                "logits, units: 2}], outputs: {y: logits}}";
    static const struct {
        const char *set, *message;
    } cases[] = {
        {"{bits: 6}", NULL},
        {"{bits: 13}", "quant.layers.fc1.result: 13 bits, but act1 (tanh) is a table of its input's "
                       "values: at most 12 bits"},
        {"{bits: 6, layers: {fc1: {result: none}}}", "quant.layers.fc1.result must be a fixed-point"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        toy t;
        nib_error err = {NIB_OK, ""};
        char train[512];
        (void)snprintf(train, sizeof train, "{epochs: 2, batch: 32}\nquant: %s", cases[i].set);
        toy_create(&t, model, train, 256, 1);
        cr_assert_eq(settle(&t, &err), NIB_OK, "%s", err.message);
        const nib_status status = nib_quant_check(t.model, t.config, NULL, &err);
        cr_expect_eq(status == NIB_OK, cases[i].message == NULL, "%s: %s", cases[i].set, err.message);
        if (cases[i].message)
            cr_expect(strstr(err.message, cases[i].message), "%s: %s", cases[i].set, err.message);
        toy_destroy(&t);
    }
}

/* Shares of a known kernel. */
Test(quant_prepare, shares)
{
    toy t;
    create(&t, "{bits: 6, layers: {fc1: {weight: 'fixed<3,1,RND_CONV,SAT>'}}}");
    const int row = nib_params_find(t.model->params, "fc1/kernel");
    const float values[16] = {0.1f, -0.1f, 0.12f, 0.13f, 0.25f, -0.3f, 0.75f, 0.76f,
                              2.0f, -1.0f, -1.1f, 0.5f,  0.0f,  -3.0f, 0.2f,  0.125f};
    nib_params_unpack(t.model->params, row, values, t.model->params->value);
    nib_quant_share share;
    for (int i = 0; i < t.model->n_tensors; i++) {
        if (t.model->tensor[i].param != row)
            continue;
        cr_assert_eq(nib_quant_share_of(t.model, &t.model->tensor[i], &share, NULL), NIB_OK, "shares");
        cr_expect_eq(share.count, 16, "weights");
        cr_expect_eq(share.zero, 5, "zeros: those up to half a step, %lld", (long long)share.zero);
        cr_expect(share.has_range && share.clipped == 4, "clipped: %lld", (long long)share.clipped);
    }
    toy_destroy(&t);
}

Test(quant_prepare, table)
{
    toy t;
    nib_error err = {NIB_OK, ""};
    nib_arena *arena = nib_arena_create();
    create(&t, "{bits: 6}");
    cr_assert_eq(settle(&t, &err), NIB_OK, "%s", err.message);
    const char *table = nib_quant_table(t.model, t.config, arena);
    static const char *const names[] = {"x.input",         "fc1.weight",    "fc1.bias",    "fc1.result",
                                        "act1.activation", "logits.weight", "logits.bias", "logits.output"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        cr_expect(strstr(table, names[i]), "%s is in\n%s", names[i], table);
    nib_arena_destroy(arena);
    toy_destroy(&t);
}

Test(quant_prepare, the_table_says_what_becomes_of_batch_norm)
{
    quantized q;
    nib_arena *arena = nib_arena_create();
    quantized_create(
        &q, quantized_norm,
        "{default: {input: 'fixed<8,3,RND,SAT>', weight: 'fixed<6,1,RND,SAT>', bias: "
        "'fixed<8,3,RND,SAT>', activation: 'ufixed<6,2,RND,SAT>', output: 'fixed<8,4,RND,SAT>'}}",
        16, 1);
    const char *table = nib_quant_table(q.model, q.config, arena);
    cr_expect(strstr(table, "folded into fc1"), "batch norm is folded in\n%s", table);
    nib_arena_destroy(arena);
    quantized_destroy(&q);
}
