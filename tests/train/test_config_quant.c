/* The section `quant:`: what it becomes, and what is refused where. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "train/config.h"

#define HEAD "data: {source: {file: g.h5}, x: x, y: y}\n"
#define MODEL                                                                                                \
    "model: {layers: [dense: {name: fc1, units: 4}, relu: {name: act1}, dense: {name: logits, units: 2}], "  \
    "outputs: {y: logits}}\n"

static nib_status parse(const char *quant, nib_config **config, nib_error *err)
{
    char text[2048];
    (void)snprintf(text, sizeof text, HEAD MODEL "%s", quant);
    return nib_config_parse("q.yaml", ".", text, strlen(text), NULL, 0, config, err);
}

static nib_config *must_parse(const char *quant)
{
    nib_config *config = NULL;
    nib_error err = {NIB_OK, ""};
    cr_assert_eq(parse(quant, &config, &err), NIB_OK, "%s: %s", quant, err.message);
    return config;
}

static const char *part(const nib_config *config)
{
    const char *at = strstr(nib_config_text(config), "\nquant:");
    return at ? at + 1 : "";
}

Test(config_quant, without_the_section)
{
    nib_config *c = must_parse("");
    cr_expect_not(c->quant.present, "no section");
    cr_expect_str_eq(part(c), "", "and none is made");
    cr_expect_null(nib_quant_find(&c->quant, "fc1", NIB_QUANT_WEIGHT), "nothing is quantized");
    cr_expect(nib_quant_blend(&c->quant, 0) == 1.0, "and nothing blended");
    nib_config_destroy(c);
}

/* Resolving twice is resolving once, and all four parts of a type are spelled out. */
Test(config_quant, resolved)
{
    static const struct {
        const char *text, *part;
    } cases[] = {
        {"quant: {default: {weight: 'ap_fixed<6, 2>'}}\n", "weight: fixed<6,2,TRN,WRAP>"},
        {"quant: {default: {input: 'ufixed<8,-1,AP_RND,AP_SAT>'}}\n", "input: ufixed<8,-1,RND,SAT>"},
        {"quant: {default: {weight: 'fixed<6,auto,RND_CONV,SAT>'}}\n", "weight: fixed<6,auto,RND_CONV,SAT>"},
        {"quant: {default: {weight: 'fixed< 6 , auto >'}}\n", "weight: fixed<6,auto,TRN,WRAP>"},
        {"quant: {default: {weight: 'quantized_bits(4, 0, alpha=1)'}}\n", "quantized_bits(bits=4"},
        {"quant: {default: {weight: {quantized_bits: {bits: 4}}}}\n", "quantized_bits(bits=4"},
        {"quant: {default: {weight: 'fixed(fixed<4,1,RND,SAT>)'}}\n", NULL},
        {"quant: {default: {weight: \"fixed(type='fixed<4,1,RND,SAT>', ste=pass)\"}}\n", "ste=pass"},
        {"quant: {layers: {fc1: {weight: none, accum: 'fixed<20,8>'}}}\n", "accum: fixed<20,8,TRN,WRAP>"},
        {"quant: {layers: {x: {input: 'fixed<8,3,RND,SAT>'}}}\n", "input: fixed<8,3,RND,SAT>"},
        {"quant: {default: {weight: {fixed: {type: 'fixed<4,1>', bits: [4, 3]}}}}\n", "bits=[4, 3]"},
        {"quant: {bits: 6}\n", "weight: fixed<6,1,RND_CONV,SAT>"},
        {"quant: {bits: 6}\n", "activation: ufixed<6,auto,RND,SAT>"},
        {"quant: {bits: 6}\n", "bias: fixed<8,auto,RND_CONV,SAT>"},
        {"quant: {bits: 6}\n", "output: fixed<8,auto,RND,SAT>"},
        {"quant: {bits: 3}\n", "weight: fixed<3,auto,RND_CONV,SAT>"},
        {"quant: {bits: 3, integer: -1}\n", "weight: fixed<3,-1,RND_CONV,SAT>"},
        {"quant: {bits: 12, integer: auto}\n", "weight: fixed<12,auto,RND_CONV,SAT>"},
        {"quant: {bits: 12}\n", "input: fixed<12,auto,RND,SAT>"},
        {"quant: {bits: 6, default: {weight: binary}, layers: {act1: {activation: 'ufixed<3,2>'}}}\n",
         "activation: ufixed<3,2,TRN,WRAP>"},
        {"quant: {start: 2, finish: 5, freeze: never, allow_float: yes}\n", "freeze: never"},
        {"quant: {fallback: 'fixed<12,4>'}\n", "fallback: 'fixed<12,4,TRN,WRAP>'"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        nib_error err = {NIB_OK, ""};
        nib_config *c = NULL, *again = NULL;
        const nib_status status = parse(cases[i].text, &c, &err);
        if (!cases[i].part) {
            cr_expect_neq(status, NIB_OK, "%s", cases[i].text);
            continue;
        }
        cr_assert_eq(status, NIB_OK, "%s: %s", cases[i].text, err.message);
        const char *text = nib_config_text(c);
        cr_expect(strstr(part(c), cases[i].part), "%s has no '%s':\n%s", cases[i].text, cases[i].part,
                  part(c));
        cr_assert_eq(nib_config_parse("q.yaml", ".", text, strlen(text), NULL, 0, &again, &err), NIB_OK,
                     "%s again: %s", cases[i].text, err.message);
        cr_expect_str_eq(nib_config_text(again), text, "%s twice", cases[i].text);
        nib_config_destroy(c);
        nib_config_destroy(again);
    }
}

Test(config_quant, defaults_and_overrides)
{
    nib_config *c = must_parse("quant: {default: {weight: 'fixed<6,1,RND,SAT>', accum: 'fixed<24,9>'}, "
                               "layers: {fc1: {weight: 'fixed<8,2,RND,SAT>', accum: 'fixed<20,8>'}, "
                               "logits: {weight: none}}}\n");
    const nib_quant_entry *fc1 = nib_quant_find(&c->quant, "fc1", NIB_QUANT_WEIGHT);
    cr_assert(fc1 && fc1->is_type && fc1->type.bits == 8, "fc1 has its own");
    cr_expect_null(nib_quant_find(&c->quant, "logits", NIB_QUANT_WEIGHT), "none means float");
    cr_expect_eq(nib_quant_find(&c->quant, "other", NIB_QUANT_WEIGHT)->type.bits, 6, "others the default");
    cr_expect_eq(nib_quant_accum(&c->quant, "fc1")->bits, 20, "accumulator of fc1");
    cr_expect_eq(nib_quant_accum(&c->quant, "logits")->bits, 24, "accumulator of others");
    cr_expect_null(nib_quant_find_own(&c->quant, "other", NIB_QUANT_WEIGHT), "its own: nothing");
    nib_config_destroy(c);
}

Test(config_quant, keys_of_layers)
{
    nib_config *c = must_parse("quant: {bits: 4}\n");
    static const nib_quant_key keys[] = {NIB_QUANT_RESULT, NIB_QUANT_ACTIVATION, NIB_QUANT_OUTPUT};
    for (int i = 0; i < 3; i++)
        cr_expect_eq(nib_quant_result_key(&c->model, &c->model.layer[i]), keys[i], "key of layer %d", i);
    nib_config_destroy(c);
}

/* 1 - ((finish - t) / (finish - start))^exponent, as QKeras' QNoiseScheduler. */
Test(config_quant, blend)
{
    nib_config *c = must_parse("quant: {start: 2, finish: 6}\n");
    static const double expected[][2] = {{0, 0},        {1.99, 0}, {2, 0}, {4, 0.875},
                                         {5, 0.984375}, {6, 1},    {9, 1}};
    for (size_t i = 0; i < sizeof expected / sizeof *expected; i++)
        cr_expect_float_eq(nib_quant_blend(&c->quant, expected[i][0]), expected[i][1], 1e-12, "epoch %g",
                           expected[i][0]);
    nib_config_destroy(c);
    c = must_parse("quant: {start: 2}\n");
    cr_expect(nib_quant_blend(&c->quant, 1.9) == 0.0 && nib_quant_blend(&c->quant, 2) == 1.0, "at once");
    nib_config_destroy(c);
}

Test(config_quant, refused)
{
    static const struct {
        const char *text, *message;
    } cases[] = {
        {"quant: 6\n", "q.yaml:3:8: quant: a single value where a map of options is expected"},
        {"quant: [bits]\n", "q.yaml:3:8: quant: a list where a map of options is expected"},
        {"quant: {bit: 6}\n", "q.yaml:3:9: unknown key 'bit' in quant (did you mean 'bits'?)"},
        {"quant: {bits: 25}\n", "q.yaml:3:15: quant.bits: 25 is above the limit 24 bits"},
        {"quant: {bits: six}\n", NULL},
        {"quant: {integer: auto}\n",
         "q.yaml:3:18: quant.integer goes with quant.bits; a type by itself has its own: fixed<6,auto>"},
        {"quant: {bits: 6, integer: many}\n",
         "q.yaml:3:27: quant.integer: 'many' is neither auto nor a number of bits from -64 to 64"},
        {"quant: {bits: 6, integer: 65}\n",
         "q.yaml:3:27: quant.integer: '65' is neither auto nor a number of bits from -64 to 64"},
        {"quant: {default: 'fixed<8,3>'}\n",
         "q.yaml:3:18: quant.default: a single value where a map of options is expected"},
        {"quant: {default: {weigth: 'fixed<8,3>'}}\n",
         "q.yaml:3:19: unknown key 'weigth' in quant.default (did you mean 'weight'?)"},
        {"quant: {default: {weight: 'fixed<8>'}}\n", NULL},
        {"quant: {default: {weight: 'fixed<0,0>'}}\n", NULL},
        {"quant: {default: {weight: 'fixed<25,3>'}}\n", NULL},
        {"quant: {default: {weight: 'fixed<40,3>'}}\n", NULL},
        {"quant: {default: {weight: 'fixed<8,3,RNDD,SAT>'}}\n", NULL},
        {"quant: {default: {weight: 'quantized_bit(4)'}}\n", NULL},
        {"quant: {default: {weight: [fixed]}}\n", NULL},
        {"quant: {default: {accum: 'fixed<1,2,3>'}}\n", NULL},
        {"quant: {default: {accum: [1]}}\n", NULL},
        {"quant: {layers: [fc1]}\n", "q.yaml:3:17: quant.layers: a map {NAME: {KEY: QUANTIZER}} is expected"},
        {"quant: {layers: {fc2: {weight: 'fixed<8,3>'}}}\n",
         "q.yaml:3:18: quant.layers: there is no layer or input 'fc2' (did you mean 'fc1'?)"},
        {"quant: {layers: {fc1: 'fixed<8,3>'}}\n",
         "q.yaml:3:23: quant.layers.fc1: a single value where a map of options is expected"},
        {"quant: {layers: {act1: {weight: 'fixed<8,3>'}}}\n",
         "q.yaml:3:33: quant.layers.act1.weight: relu has no such tensor; the key of its output is "
         "activation"},
        {"quant: {layers: {logits: {result: 'fixed<8,3>'}}}\n",
         "q.yaml:3:35: quant.layers.logits.result: dense has no such tensor; the key of its output is "
         "output"},
        {"quant: {layers: {x: {result: 'fixed<8,3>'}}}\n",
         "q.yaml:3:30: quant.layers.x.result: an input has no such tensor; the key of its values is input"},
        {"quant: {layers: {act1: {accum: 'fixed<20,8>'}}}\n",
         "q.yaml:3:18: quant.layers.act1.accum: only dense layers accumulate"},
        {"quant: {fallback: 'fixed<16>'}\n", NULL},
        {"quant: {start: -1}\n", "q.yaml:3:16: quant.start: -1 is below the limit 0 epochs"},
        {"quant: {start: 5, finish: 2}\n", "q.yaml:3:27: quant.finish: 2 is before quant.start, 5"},
        {"quant: {freeze: soon}\n", NULL},
        {"quant: {allow_float: maybe}\n", NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        nib_config *c = NULL;
        nib_error err = {NIB_OK, ""};
        cr_expect_eq(parse(cases[i].text, &c, &err), NIB_ERR_CONFIG, "%s is refused", cases[i].text);
        cr_expect(strncmp(err.message, "q.yaml:3:", 9) == 0, "%s: no place in '%s'", cases[i].text,
                  err.message);
        cr_expect_null(strchr(err.message, '\n'), "%s: one line", cases[i].text);
        if (cases[i].message)
            cr_expect_str_eq(err.message, cases[i].message, "%s", cases[i].text);
    }
}
