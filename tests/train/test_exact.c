#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

#include "quantized.h"
#include "train/evaluate.h"

#define TYPES(w, i)                                                                                          \
    "{default: {input: 'fixed<8,4,RND,SAT>', weight: 'fixed<" #w "," #i                                      \
    ",RND_CONV,SAT>', bias: 'fixed<8,3,RND_CONV,SAT>', activation: 'ufixed<6,3,RND,SAT>'}}"

typedef struct equal_case {
    const char *name, *model, *quant;
    nib_exactness exactness; /* what evaluation has to use */
} equal_case;

static const equal_case cases[] = {
    {"6 bits", quantized_chain, TYPES(6, 1), NIB_EXACT_FLOAT},
    {"2 bits", quantized_chain, TYPES(2, 1), NIB_EXACT_FLOAT},
    {"output typed", quantized_chain,
     "{default: {input: 'fixed<7,3,RND_CONV,SAT_SYM>', weight: 'fixed<5,1,RND,SAT>', bias: "
     "'fixed<6,2,TRN,SAT>', activation: 'ufixed<5,2,RND_CONV,SAT>', output: 'fixed<9,5,RND,SAT>', result: "
     "'fixed<9,5,RND_ZERO,SAT_ZERO>'}}",
     NIB_EXACT_FLOAT},
    {"all wrap", quantized_chain,
     "{default: {input: 'fixed<6,2>', weight: 'fixed<4,1>', bias: 'fixed<5,2>', activation: 'ufixed<4,2>', "
     "output: 'fixed<8,3>', result: 'fixed<8,3>'}}",
     NIB_EXACT_FLOAT},
    {"binary", quantized_chain,
     "{default: {input: 'fixed<8,4,RND,SAT>', weight: 'binary(alpha=1)', bias: 'fixed<8,3,RND,SAT>', "
     "activation: "
     "'ufixed<6,4,RND,SAT>'}}",
     NIB_EXACT_FLOAT},
    {"ternary", quantized_chain,
     "{default: {input: 'fixed<8,4,RND,SAT>', weight: 'ternary(alpha=auto_po2)', bias: 'fixed<8,3,RND,SAT>', "
     "activation: 'ufixed<6,4,RND,SAT>'}}",
     NIB_EXACT_FLOAT},
    {"auto_po2 per channel", quantized_chain,
     "{default: {input: 'fixed<8,4,RND,SAT>', weight: 'quantized_bits(4,0,alpha=auto_po2)', bias: "
     "'quantized_bits(8,2,alpha=1)', activation: 'quantized_relu(5,2)'}}",
     NIB_EXACT_FLOAT},
    {"graph", quantized_graph,
     "{default: {input: 'fixed<8,4,RND,SAT>', weight: 'fixed<5,1,RND,SAT>', bias: 'fixed<8,3,RND,SAT>', "
     "activation: 'fixed<7,4,RND,SAT>', result: 'fixed<8,5,TRN,SAT>'}}",
     NIB_EXACT_FLOAT},
    {"graph at full width", quantized_graph,
     "{default: {input: 'fixed<6,3,RND,SAT>', weight: 'fixed<3,1,RND,SAT>', bias: 'fixed<5,2,RND,SAT>', "
     "activation: 'fixed<5,3,RND,SAT>'}}",
     NIB_EXACT_FLOAT},
    {"tanh and sigmoid", quantized_tables,
     "{default: {input: 'fixed<8,4,RND,SAT>', weight: 'fixed<6,1,RND,SAT>', bias: 'fixed<8,3,RND,SAT>', "
     "activation: 'fixed<8,1,RND,SAT>', result: 'fixed<10,4,RND,SAT>'}}",
     NIB_EXACT_DOUBLE},
    {"tables of quantizers", quantized_chain,
     "{default: {input: 'fixed<8,4,RND,SAT>', weight: 'fixed<4,1,RND,SAT>', bias: 'fixed<6,3,RND,SAT>', "
     "activation: 'quantized_tanh(6)', result: 'fixed<10,4,RND,SAT>'}}",
     NIB_EXACT_DOUBLE},
    {"batch norm on a grid", quantized_norm,
     "{default: {input: 'fixed<8,4,RND,SAT>', weight: 'fixed<5,1,RND,SAT>', bias: 'fixed<8,3,RND,SAT>', "
     "activation: 'ufixed<6,3,RND,SAT>'}, layers: {fc1: {result: 'fixed<9,5,RND,SAT>'}, bn1: {weight: "
     "'fixed<6,3,RND,SAT>', bias: 'fixed<6,3,RND,SAT>'}}}",
     NIB_EXACT_DOUBLE},
    {"batch norm folded", quantized_norm,
     "{default: {input: 'fixed<8,4,RND,SAT>', weight: 'fixed<5,1,RND,SAT>', bias: 'fixed<8,3,RND,SAT>', "
     "activation: 'ufixed<6,3,RND,SAT>'}}",
     NIB_EXACT_DOUBLE},
    {"batch norm folded, with a result", quantized_norm,
     "{default: {input: 'fixed<8,4,RND,SAT>', weight: 'quantized_bits(5,1,alpha=auto_po2)', bias: "
     "'fixed<8,3,RND,SAT>', activation: 'ufixed<6,3,RND,SAT>'}, layers: {bn1: {result: "
     "'fixed<9,5,RND_CONV,WRAP>'}}}",
     NIB_EXACT_DOUBLE},
    {"graph at 24 bits", quantized_graph,
     "{default: {input: 'fixed<20,6,RND,SAT>', weight: 'fixed<8,2,RND_ZERO,SAT>', bias: "
     "'fixed<20,6,RND_INF,SAT>', activation: 'fixed<24,6,RND_MIN_INF,SAT_SYM>', output: "
     "'fixed<20,8,TRN_ZERO,SAT_ZERO>'}}",
     NIB_EXACT_DOUBLE},
    {"a type for each channel", quantized_chain,
     "{default: {input: \"fixed('fixed<16,6,RND,SAT>', bits=[16, 12, 0, 16, 9, 14], integer=[6, 5, 0, 7, 3, "
     "4])\", weight: 'fixed<14,3,RND,SAT>', bias: 'fixed<16,6,RND,SAT>', activation: "
     "'ufixed<16,6,RND,WRAP>'}}",
     NIB_EXACT_DOUBLE},
    {"beyond double", quantized_chain,
     "{default: {input: 'fixed<24,20,RND,SAT>', weight: 'fixed<24,1,RND,SAT>', bias: "
     "'fixed<24,-11,RND,SAT>', "
     "activation: 'ufixed<24,10,RND,SAT>'}}",
     NIB_EXACT_ENGINE},
    {"learned scales", quantized_chain,
     "{default: {input: 'learned_scale(6,True,False,snap=po2)', weight: "
     "'learned_scale(4,snap=po2,per=channel)', bias: "
     "'learned_scale(8,snap=po2)', activation: 'learned_scale(5,signed=0,narrow_range=0,snap=po2)'}}",
     NIB_EXACT_FLOAT},
    {"learned scales beside a folded batch norm", quantized_norm,
     "{default: {input: 'fixed<8,4,RND,SAT>', weight: 'learned_scale(4,snap=po2)', bias: "
     "'fixed<8,3,RND,SAT>', "
     "activation: 'learned_scale(5,signed=0,narrow_range=0,snap=po2)'}}",
     NIB_EXACT_DOUBLE},
    {"one input",
     "{layers: [dense: {name: fc0, units: 1}, relu: {name: relu0}, dense: {name: fc1, units: 6}, "
     "relu: {name: relu1}, dense: {name: logits, units: 3}], outputs: {y: logits}}",
     "{default: {input: 'fixed<8,4,RND,SAT>', weight: 'quantized_bits(4,0,alpha=auto_po2)', bias: "
     "'quantized_bits(8,2,alpha=1)', activation: 'quantized_relu(5,2)'}}",
     NIB_EXACT_FLOAT},
    {"wide accumulators", quantized_chain,
     "{default: {input: 'fixed<16,6,RND,SAT>', weight: 'fixed<16,3,RND,SAT>', bias: 'fixed<16,6,RND,SAT>', "
     "activation: 'ufixed<16,6,RND,SAT>'}}",
     NIB_EXACT_DOUBLE},
    {"given accumulator", quantized_chain,
     "{default: {input: 'fixed<8,3>', weight: 'fixed<8,3>', bias: 'fixed<8,3>', activation: 'fixed<8,3>', "
     "output: 'fixed<8,3>', result: 'fixed<8,3>', accum: 'fixed<8,3>'}}",
     NIB_EXACT_ENGINE},
};

static int64_t differences(const float *a, const float *b, int64_t n)
{
    int64_t differ = 0;
    for (int64_t i = 0; i < n; i++)
        differ += a[i] != b[i];
    return differ;
}

/* The logits of the model's own evaluation against those of the engine. */
static void compare_ways(const equal_case *c, quantized *q)
{
    enum { ROWS = 4000, WIDTH = 3 };
    static float own[ROWS * WIDTH];
    nib_error err = {NIB_OK, ""};
    nib_evaluator *e;
    nib_lowering lowering;
    const nib_lower_options options = {.allow_float = false};
    cr_assert(nib_evaluator_create(&e, q->model, &q->data, true, q->team, &err) == NIB_OK, "%s", err.message);
    cr_assert(nib_evaluator_run(e, &err) == NIB_OK, "%s: %s", c->name, err.message);
    const char *why;
    const nib_exactness found = nib_evaluator_exactness(e, &why);
    cr_expect(found == c->exactness, "%s: exactness %d, not %d: %s", c->name, (int)found, (int)c->exactness,
              why);
    memcpy(own, nib_evaluator_output(e, 0).logits, sizeof own);
    const nib_score *scores;
    (void)nib_evaluator_scores(e, &scores);
    const double loss = scores[0].value;

    cr_assert(nib_lower_model(q->model, &options, q->arena, &lowering, &err) == NIB_OK, "%s: %s", c->name,
              err.message);
    nib_evaluator_emulate(e, &lowering.net);
    cr_assert(nib_evaluator_run(e, &err) == NIB_OK, "%s: %s", c->name, err.message);
    const int64_t differ = differences(own, nib_evaluator_output(e, 0).logits, ROWS * WIDTH);
    cr_expect(differ == 0, "%s: %lld of %d outputs differ", c->name, (long long)differ, ROWS * WIDTH);
    (void)nib_evaluator_scores(e, &scores);
    cr_expect(scores[0].value == loss, "%s: loss %.17g, not %.17g", c->name, scores[0].value, loss);
    bool varied = false;
    for (int i = WIDTH; i < ROWS * WIDTH; i++)
        varied = varied || own[i] != own[i % WIDTH];
    cr_expect(varied, "%s: all rows have the same outputs", c->name);
    nib_evaluator_destroy(e);
}

Test(exact, evaluation_equals_the_engine)
{
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        quantized q;
        quantized_create(&q, cases[i].model, cases[i].quant, 4000, 17 + i);
        compare_ways(&cases[i], &q);
        quantized_draw(&q, 99 + i); /* other weights, other accumulators */
        compare_ways(&cases[i], &q);
        quantized_destroy(&q);
    }
}

/* ---- Batch norm ---- */

Test(exact, folded_batch_norm_is_near_the_float_network)
{
    quantized q;
    nib_error err = {NIB_OK, ""};
    nib_evaluator *e;
    nib_model *plain;
    enum { ROWS = 500, WIDTH = 3 };
    quantized_create(&q, quantized_norm,
                     "{default: {input: 'fixed<24,12,RND,SAT>', weight: 'fixed<24,6,RND,SAT>', bias: "
                     "'fixed<24,6,RND,SAT>', activation: 'ufixed<24,12,RND,SAT>'}}",
                     ROWS, 3);
    cr_assert(nib_evaluator_create(&e, q.model, &q.data, true, q.team, &err) == NIB_OK, "%s", err.message);
    cr_assert(nib_evaluator_run(e, &err) == NIB_OK, "%s", err.message);
    static float found[ROWS * WIDTH];
    memcpy(found, nib_evaluator_output(e, 0).logits, sizeof found);
    const char *why;
    cr_expect(nib_evaluator_exactness(e, &why) == NIB_EXACT_DOUBLE && strstr(why, "folded"), "'%s'", why);
    nib_evaluator_destroy(e);

    cr_assert(nib_model_create_float(&plain, q.config, &q.data, &err) == NIB_OK, "%s", err.message);
    cr_assert(plain->params->size == q.model->params->size, "another table");
    memcpy(plain->params->value, q.model->params->value, (size_t)plain->params->size * sizeof(float));
    cr_assert(nib_evaluator_create(&e, plain, &q.data, true, q.team, &err) == NIB_OK, "%s", err.message);
    cr_assert(nib_evaluator_run(e, &err) == NIB_OK, "%s", err.message);
    const float *want = nib_evaluator_output(e, 0).logits;
    for (int i = 0; i < ROWS * WIDTH; i++)
        cr_expect(fabsf(found[i] - want[i]) < 1e-2f + 1e-3f * fabsf(want[i]), "output %d is %g, in float %g",
                  i, (double)found[i], (double)want[i]);
    nib_evaluator_destroy(e);
    nib_model_destroy(plain);
    quantized_destroy(&q);
}
