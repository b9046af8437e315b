#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

#include "quantized.h"

#define TYPES(w, i)                                                                                          \
    "{default: {input: 'fixed<8,4,RND,SAT>', weight: 'fixed<" #w "," #i                                      \
    ",RND_CONV,SAT>', bias: 'fixed<8,3,RND_CONV,SAT>', activation: 'ufixed<6,3,RND,SAT>'}}"

/* ---- What is refused, and how ---- */

typedef struct refused_case {
    const char *model, *quant;
    const char *says[3];
} refused_case;

static const refused_case refused[] = {
    {quantized_chain,
     "{default: {input: 'fixed<8,4>', bias: 'fixed<8,4>'}, allow_float: true}",
     {"fc1/kernel has no type", "quant.default.weight", "allow_float"}},
    {"{layers: [dense: {name: fc1, units: 4}, leaky_relu: {name: leaky1}, dense: {name: logits, units: 3}], "
     "outputs: {y: logits}}",
     TYPES(6, 1),
     {"layer leaky1", "negative_slope 0.3", "nearest is 0.25"}},
    {"{layers: [dense: {name: fc1, units: 4}, tanh: {name: tanh1}, dense: {name: logits, units: 3}], "
     "outputs: "
     "{y: logits}}",
     "{default: {input: 'fixed<8,4>', weight: 'fixed<8,1>', bias: 'fixed<8,4>', activation: 'fixed<8,1>'}, "
     "layers: {fc1: {result: 'fixed<16,6>'}}}",
     {"layer tanh1", "at most 12 bits", "fc1 has 16"}},
    {quantized_chain,
     "{default: {input: 'fixed<8,4>', weight: 'quantized_bits(4,0,alpha=auto)', bias: 'fixed<8,4>', "
     "activation: 'ufixed<8,4>'}}",
     {"fc1/kernel", "power of two", "po2"}},
};

Test(lower, refusals_name_layer_reason_and_remedy)
{
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        quantized q;
        nib_error err = {NIB_OK, ""};
        nib_lowering lowering;
        const nib_lower_options options = {.allow_float = false};
        quantized_create(&q, refused[i].model, refused[i].quant, 8, 5);
        cr_expect(nib_lower_model(q.model, &options, q.arena, &lowering, &err) != NIB_OK, "case %zu: lowered",
                  i);
        for (size_t k = 0; k < 3; k++)
            cr_expect(strstr(err.message, refused[i].says[k]) != NULL, "case %zu: '%s' lacks '%s'", i,
                      err.message, refused[i].says[k]);
        quantized_destroy(&q);
    }
}

Test(lower, a_float_tensor_gets_the_fallback_and_is_listed)
{
    quantized q;
    nib_error err = {NIB_OK, ""};
    nib_lowering lowering;
    nib_lower_options options = {.allow_float = true};
    cr_assert(nib_fixed_parse("fixed<16,6>", &options.fallback, NULL, &err) == NIB_OK, "%s", err.message);
    quantized_create(
        &q, quantized_chain,
        "{default: {weight: 'fixed<6,1,RND,SAT>', bias: 'fixed<8,3,RND,SAT>'}, allow_float: true}", 8, 5);
    cr_assert(nib_lower_model(q.model, &options, q.arena, &lowering, &err) == NIB_OK, "%s", err.message);
    static const char *const listed[] = {"x", "relu1", "relu2"};
    cr_assert(lowering.n_fills == 3, "%d tensors are listed, not 3", lowering.n_fills);
    for (int i = 0; i < 3; i++)
        cr_expect(strcmp(lowering.fill[i], listed[i]) == 0, "'%s' is listed, not %s", lowering.fill[i],
                  listed[i]);
    for (int i = 0; i < lowering.net.n_nodes; i++)
        if (lowering.net.node[i].kind == NIB_FIX_RELU || lowering.net.node[i].kind == NIB_FIX_INPUT)
            cr_expect(lowering.net.node[i].type.bits[0] == 16, "%s has %d bits, not 16",
                      lowering.net.node[i].name, lowering.net.node[i].type.bits[0]);
    quantized_destroy(&q);
}

/* ---- Numbers ---- */

Test(lower, pruned_weights_are_zero_where_the_quantizer_has_no_zero)
{
    quantized q;
    nib_error err = {NIB_OK, ""};
    nib_lowering lowering;
    const nib_lower_options options = {.allow_float = false};
    quantized_create(
        &q, quantized_chain,
        "{default: {input: 'fixed<8,4>', weight: 'binary(alpha=1)', bias: 'fixed<8,3>', activation: "
        "'ufixed<6,4>'}}",
        8, 5);
    nib_params *p = q.model->params;
    p->mask = NIB_NEW(q.arena, float, p->size);
    for (int64_t i = 0; i < p->size; i++)
        p->mask[i] = i % 3 ? 1 : 0;
    cr_assert(nib_lower_model(q.model, &options, q.arena, &lowering, &err) == NIB_OK, "%s", err.message);
    const nib_fix_node *node = &lowering.net.node[nib_fixnet_find(&lowering.net, "fc1")];
    const nib_param *row = &p->row[nib_params_find(p, "fc1/kernel")];
    for (int64_t r = 0; r < row->rows; r++)
        for (int64_t c = 0; c < row->cols; c++) {
            const bool kept = p->mask[row->offset + r * row->stride + c] != 0;
            const int64_t code = node->as.dense.kernel.code[r * row->cols + c];
            cr_expect(kept ? code == 1 || code == -1 : code == 0, "weight %lld,%lld is %lld", (long long)r,
                      (long long)c, (long long)code);
        }
    quantized_destroy(&q);
}

Test(lower, accumulators_are_proven_or_given)
{
    quantized q;
    nib_error err = {NIB_OK, ""};
    nib_lowering lowering;
    const nib_lower_options options = {.allow_float = false};
    static const struct {
        const char *quant;
        bool proven;
    } given[] = {
        {"{default: {input: 'fixed<8,3>', weight: 'fixed<8,3>', bias: 'fixed<8,3>', activation: "
         "'fixed<8,3>', "
         "accum: 'fixed<10,5>'}}",
         false},
        {"{default: {input: 'fixed<8,3>', weight: 'fixed<8,3>', bias: 'fixed<8,3>', activation: "
         "'fixed<8,3>', "
         "accum: 'fixed<30,16>'}}",
         true},
        {"{default: {input: 'fixed<8,3>', weight: 'fixed<8,3>', bias: 'fixed<8,3>', activation: "
         "'fixed<8,3>'}}",
         true},
    };
    for (size_t i = 0; i < 3; i++) {
        quantized_create(&q, quantized_chain, given[i].quant, 8, 5);
        cr_assert(nib_lower_model(q.model, &options, q.arena, &lowering, &err) == NIB_OK, "%s", err.message);
        const nib_fix_node *node = &lowering.net.node[nib_fixnet_find(&lowering.net, "fc1")];
        cr_expect(node->as.dense.proven == given[i].proven, "case %zu: proven is %d", i,
                  node->as.dense.proven);
        quantized_destroy(&q);
    }
}

Test(lower, batch_norm_folds_into_the_dense_layer_or_stands_on_a_grid)
{
    static const char *const quant[] = {
        "{default: {input: 'fixed<8,4>', weight: 'fixed<20,6,RND,SAT>', bias: 'fixed<20,6,RND,SAT>', "
        "activation: "
        "'ufixed<8,4>'}}",
        "{default: {input: 'fixed<8,4>', weight: 'fixed<20,6,RND,SAT>', bias: 'fixed<20,6,RND,SAT>', "
        "activation: "
        "'ufixed<8,4>'}, layers: {bn1: {weight: 'fixed<20,6,RND,SAT>', bias: 'fixed<20,6,RND,SAT>'}}}"};
    for (int i = 0; i < 2; i++) {
        quantized q;
        nib_error err = {NIB_OK, ""};
        nib_lowering lowering;
        const nib_lower_options options = {.allow_float = false};
        quantized_create(&q, quantized_norm, quant[i], 8, 5);
        cr_assert(nib_lower_model(q.model, &options, q.arena, &lowering, &err) == NIB_OK, "%s", err.message);
        const nib_params *p = q.model->params;
        const float *gamma = p->value + p->row[nib_params_find(p, "bn1/gamma")].offset;
        const float *variance = p->value + p->row[nib_params_find(p, "bn1/moving_variance")].offset;
        const float *kernel = p->value + p->row[nib_params_find(p, "fc1/kernel")].offset;
        const int at = nib_fixnet_find(&lowering.net, "bn1");
        cr_expect((at >= 0) == (i == 1), "case %d: bn1 is node %d", i, at);
        const nib_fix_array *array =
            &lowering.net.node[nib_fixnet_find(&lowering.net, "fc1")].as.dense.kernel;
        const nib_fixed type = nib_fix_type_at(&array->type, 0);
        for (int64_t c = 0; c < array->cols; c++) {
            const double factor = (double)gamma[c] / sqrt((double)variance[c] + 1e-3);
            const double want = (double)kernel[c] * (i == 0 ? factor : 1);
            const double found = nib_fixed_value(&type, array->code[c]);
            cr_expect(fabs(found - want) < 1e-4, "case %d: weight %lld is %g, not %g", i, (long long)c, found,
                      want);
        }
        quantized_destroy(&q);
    }
}
