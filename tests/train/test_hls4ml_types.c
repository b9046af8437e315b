/* The types of hls4ml projects: what is looked up where, what auto becomes, and the network of it. */
#include <criterion/criterion.h>
#include <string.h>

#include "core/yaml.h"
#include "quantized.h"
#include "train/hls4ml_types.h"

static nib_status read_types(const quantized *q, const char *yaml, nib_hls4ml_types *types, nib_error *err)
{
    nib_doc *doc;
    const nib_log silent = {0};
    NIB_TRY(nib_yaml_parse(q->arena, "p.yml", yaml, strlen(yaml), &doc, err));
    return nib_hls4ml_types_read(doc, q->config, q->model, q->arena, &silent, types, err);
}

/* A model with the types of a project in place of its quantizers. */
typedef struct typed {
    quantized q;
    nib_config *config;
    nib_model *model;
    nib_hls4ml_types types;
    nib_lowering lowering;
} typed;

static nib_status make_typed(typed *t, const char *model, const char *yaml, nib_error *err)
{
    char *text;
    const nib_lower_options options = {.allow_float = false};
    memset(t, 0, sizeof *t);
    quantized_create(&t->q, model, "{allow_float: true}", 4, 3);
    NIB_TRY(read_types(&t->q, yaml, &t->types, err));
    NIB_TRY(nib_yaml_write(t->q.arena, t->types.quant, &text, err));
    const char *set = nib_arena_printf(t->q.arena, "quant=%s", text);
    const char *whole = nib_config_text(t->q.config);
    NIB_TRY(nib_config_parse("t.yaml", ".", whole, strlen(whole), &set, 1, &t->config, err));
    NIB_TRY(nib_model_create(&t->model, t->config, &t->q.data, err));
    memcpy(t->model->params->value, t->q.model->params->value,
           (size_t)t->model->params->size * sizeof(float));
    NIB_TRY(nib_lower_model(t->model, &options, t->q.arena, &t->lowering, err));
    return nib_hls4ml_finish(&t->types, t->q.arena, &t->lowering.net, err);
}

static void must_typed(typed *t, const char *model, const char *yaml)
{
    nib_error err = {NIB_OK, ""};
    cr_assert_eq(make_typed(t, model, yaml, &err), NIB_OK, "%s", err.message);
}

static void destroy_typed(typed *t)
{
    nib_model_destroy(t->model);
    nib_config_destroy(t->config);
    quantized_destroy(&t->q);
}

static const nib_fix_node *node_of(const typed *t, const char *name)
{
    const int index = nib_fixnet_find(&t->lowering.net, name);
    cr_assert(index >= 0, "there is a node %s", name);
    return &t->lowering.net.node[index];
}

static void expect_type(const nib_fixed *type, const char *wanted, const char *of)
{
    char text[NIB_FIXED_TEXT_BYTES];
    cr_expect_str_eq(nib_fixed_print(type, NIB_FIXED_PLAIN, text), wanted, "%s is %s instead of %s", of, text,
                     wanted);
}

/* Section B's example: x fixed<9,3>, w fixed<7,1>, b fixed<8,2>, 16 inputs: fixed<21,9>. */
Test(hls4ml_types, auto_is_wide_enough)
{
    static const char model[] =
        "{layers: [dense: {name: fc1, units: 16}, relu: {name: relu1}, dense: {name: logits, "
        "units: 3}], outputs: {y: logits}}";
    static const char yaml[] =
        "HLSConfig:\n  Model: {Precision: 'fixed<16,6>'}\n  LayerName:\n"
        "    relu1: {Precision: {result: 'fixed<9,3>'}}\n"
        "    logits: {Precision: {weight: 'fixed<7,1>', bias: 'fixed<8,2>', accum: auto, result: auto}}\n"
        "    y_prob: {Precision: {result: 'ufixed<12,1,RND,SAT>'}, exp_table_t: 'ufixed<18,4,RND,SAT>'}\n";
    typed t;
    must_typed(&t, model, yaml);
    cr_assert_eq(t.types.n_heads, 1, "a softmax");
    const nib_fix_softmax *s = &t.types.head[0].softmax;
    expect_type(&s->inp_norm, "ufixed<20,8>", "inp_norm, fixed<21,9> without its sign");
    expect_type(&s->exp_table, "ufixed<18,4,RND,SAT>", "exp_table");
    expect_type(&s->inv_table, "fixed<18,8,RND,SAT>", "inv_table");
    expect_type(&s->accum, "fixed<16,6>", "the softmax's accum");
    expect_type(&t.types.head[0].result, "ufixed<12,1,RND,SAT>", "the softmax's result");
    cr_expect_eq(s->exp_size, 1024, "entries");
    cr_expect(node_of(&t, "logits")->as.dense.proven, "an accumulator of auto loses nothing");
    cr_expect_not(node_of(&t, "fc1")->as.dense.proven, "one of the default may");
    expect_type(&node_of(&t, "fc1")->as.dense.accum, "fixed<16,6>", "fc1's accum");
    cr_expect_eq(node_of(&t, "y_prob")->kind, NIB_FIX_SOFTMAX, "the last node");
    cr_expect_eq(t.lowering.net.output[0].node, t.lowering.net.n_nodes - 1, "is what is read");
    destroy_typed(&t);
}

/* Name and variable, name, class and variable, class, variable of Model, Model. */
Test(hls4ml_types, look_up)
{
    static const char yaml[] =
        "Model: {Precision: {default: 'ap_fixed<16,6>', bias: 'fixed<14,5>'}, Strategy: Resource, "
        "ReuseFactor: 3}\n"
        "LayerType: {dense: {Precision: {weight: 'fixed<12,4>'}}, Activation: {Precision: "
        "'ufixed<9,4,RND,SAT>'}}\n"
        "LayerName: {FC2: {Precision: {Weight: 'fixed<10,3>'}, Strategy: Latency, ReuseFactor: 4}, "
        "relu2: {Precision: 'int<7>'}, y_prob: {Skip: true}}\n";
    typed t;
    must_typed(&t, quantized_chain, yaml);
    const nib_fixed w1 = nib_fix_type_at(&node_of(&t, "fc1")->as.dense.kernel.type, 0);
    const nib_fixed w2 = nib_fix_type_at(&node_of(&t, "fc2")->as.dense.kernel.type, 0);
    const nib_fixed b2 = nib_fix_type_at(&node_of(&t, "fc2")->as.dense.bias.type, 0);
    const nib_fixed r1 = nib_fix_type_at(&node_of(&t, "relu1")->type, 0);
    const nib_fixed r2 = nib_fix_type_at(&node_of(&t, "relu2")->type, 0);
    expect_type(&w1, "fixed<12,4>", "fc1's weight: of the class");
    expect_type(&w2, "fixed<10,3>", "fc2's weight: its own");
    expect_type(&b2, "fixed<14,5>", "fc2's bias: of the model");
    expect_type(&r1, "ufixed<9,4,RND,SAT>", "relu1: of the class");
    expect_type(&r2, "fixed<7,7>", "relu2: its own");
    cr_expect_eq(t.types.n_heads, 0, "skipped");
    cr_expect_eq(node_of(&t, "fc1")->as.dense.order, NIB_FIX_ORDER_RESOURCE, "of the model");
    cr_expect_eq(node_of(&t, "fc1")->as.dense.reuse, 3, "of the model");
    cr_expect_eq(node_of(&t, "fc2")->as.dense.order, NIB_FIX_ORDER_LATENCY, "its own");
    cr_expect_eq(node_of(&t, "fc2")->as.dense.reuse, 4, "its own");
    destroy_typed(&t);
}

Test(hls4ml_types, one_type_for_all)
{
    quantized q;
    nib_error err = {NIB_OK, ""};
    nib_hls4ml_types types;
    nib_fixed type;
    const nib_log silent = {0};
    quantized_create(&q, quantized_chain, "{allow_float: true}", 4, 3);
    cr_assert_eq(nib_fixed_parse("fixed<10,6>", &type, NULL, &err), NIB_OK, "%s", err.message);
    cr_assert_eq(nib_hls4ml_types_uniform(&type, &type, q.config, q.model, q.arena, &silent, &types, &err),
                 NIB_OK, "%s", err.message);
    cr_assert_eq(types.n_heads, 1, "a softmax");
    expect_type(&types.head[0].softmax.accum, "fixed<10,6>", "accum");
    expect_type(&types.head[0].result, "fixed<10,6>", "result");
    expect_type(&types.head[0].softmax.inp_norm, "ufixed<9,5>", "differences");
    expect_type(&types.head[0].softmax.exp_table, "fixed<18,8,RND,SAT>", "tables keep their types");
    cr_expect_eq(types.head[0].softmax.exp_size, 512, "entries: as many as there are differences");
    cr_expect_eq(types.head[0].softmax.inv_size, 1024, "entries");
    quantized_destroy(&q);
}

Test(hls4ml_types, refused)
{
    static const struct {
        const char *model, *yaml, *says;
    } cases[] = {
        {quantized_graph, "Model: {Precision: 'fixed<16,6>'}\n",
         "leaky1: hls4ml's leaky_relu is not emulated"},
        {quantized_norm, "Model: {Precision: 'fixed<16,6>'}\nLayerName: {fc1: {Precision: {result: auto}}}\n",
         "bn1: hls4ml folds this batch norm into fc1"},
        {quantized_chain, "LayerName: {fc1: {Precision: 'fixed<16,6>'}}\n",
         "layer x has no precision of result"},
        {quantized_chain, "Layers: 3\n", "this is no configuration of hls4ml"},
        {quantized_chain, "Model: {Precision: auto}\n", "the default precision cannot be auto"},
        {quantized_chain, "Model: {Precision: 'fixed<16>'}\n", "p.yml:1:20: "},
        {quantized_chain, "Model: {Precision: 'fixed<16,6>', Strategy: distributed_arithmetic}\n",
         "strategy distributed_arithmetic is not emulated"},
        {quantized_chain, "Model: {Precision: 'fixed<16,6>', ReuseFactor: 0}\n", "ReuseFactor must be 1"},
        {quantized_chain,
         "Model: {Precision: 'fixed<16,6>'}\nLayerName: {y_prob: {Implementation: legacy}}\n",
         "y_prob: this implementation of softmax is not emulated"},
        {quantized_chain, "Model: {Precision: 'fixed<16,6>'}\nLayerName: {y_prob: {TableSize: 1000}}\n",
         "TableSize must be a power of two"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        typed t;
        nib_error err = {NIB_OK, ""};
        cr_expect(make_typed(&t, cases[i].model, cases[i].yaml, &err) != NIB_OK, "%s", cases[i].yaml);
        cr_expect(strstr(err.message, cases[i].says), "%s: %s", cases[i].yaml, err.message);
        destroy_typed(&t);
    }
}

/* A batch norm behind a dense layer with a result of its own stays a node. */
Test(hls4ml_types, batch_norm_on_a_grid)
{
    typed t;
    must_typed(&t, quantized_norm,
               "Model: {Precision: 'fixed<16,6>'}\nLayerName: {bn1: {Precision: {scale: 'fixed<9,4>', bias: "
               "'fixed<8,3>', "
               "result: auto}}}\n");
    const nib_fix_node *bn = node_of(&t, "bn1");
    cr_assert_eq(bn->kind, NIB_FIX_SCALE, "a node of its own");
    const nib_fixed scale = nib_fix_type_at(&bn->as.scale.scale.type, 0);
    const nib_fixed shift = nib_fix_type_at(&bn->as.scale.shift.type, 0);
    expect_type(&scale, "fixed<9,4>", "scale");
    expect_type(&shift, "fixed<8,3>", "shift");
    destroy_typed(&t);
}

/* -1e-12 is "-0.0000" with four digits: 0, and not one step below as a cast of it would be. */
Test(hls4ml_types, weights_go_through_decimal_text)
{
    typed t;
    nib_error err = {NIB_OK, ""};
    must_typed(&t, quantized_chain, "Model: {Precision: 'fixed<8,4>'}\n");
    nib_params *p = t.model->params;
    float *values = NIB_NEW(t.q.arena, float, p->size), *w = p->value + p->row[0].offset;
    w[0] = -1e-12F, w[1] = 0.06249999F, w[2] = -0.06249999F, w[3] = 0.0624F, w[4] = -0.03F, w[5] = 9.0F;
    cr_assert_eq(nib_hls4ml_weights(t.model, values, &err), NIB_OK, "%s", err.message);
    const float wanted[] = {0, 0.0625F, -0.0625F, 0, -0.0625F, -7.0F};
    for (int i = 0; i < 6; i++)
        cr_expect_eq(values[p->row[0].offset + i], wanted[i], "%g becomes %g instead of %g", (double)w[i],
                     (double)values[p->row[0].offset + i], (double)wanted[i]);
    destroy_typed(&t);
}
