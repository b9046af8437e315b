/* nibble export --format qonnx: an ONNX file with Quant nodes, for FINN and whatever else reads QONNX. What
 * operators a kind of node becomes is one row of the table below. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "quant/export.h"
#include "quant/export_texts.h"
#include "quant/fixnet_internal.h"
#include "quant/onnx_file.h"

static const char quant_domain[] = "qonnx.custom_op.general";

enum { FLOAT_BITS = 24 }; /* of a float: what QONNX is executed in */

/* What a row works with. */
typedef struct context {
    const nib_export *export;
    nib_onnx *onnx;
    const char **tensor; /* [nodes] their names in the file */
    const nib_fix_node *node;
    int index; /* of the node */
    nib_error *err;
} context;

static nib_status out_of_memory(const context *c)
{
    return nib_fail_memory(c->err, "QONNX");
}

/* ---- What floats hold exactly ---- */

static int span_bits(const nib_fix_span *s)
{
    const int low = nib_wide_width(s->low), high = nib_wide_width(s->high);
    return low > high ? low : high;
}

static nib_status check_floats(const context *c, const nib_fix_span *span, const char *what)
{
    /* 2^24 - 1 steps can be the float below 1/2, which HALF_UP rounds to 1. */
    const nib_wide most = ((nib_wide)1 << FLOAT_BITS) - 2;
    if (span->low >= -most && span->high <= most)
        return NIB_OK;
    return nib_fail(
        c->err, NIB_ERR_UNSUPPORTED,
        "%s: %s of %d bits; QONNX is executed in floats, which are exact to %d: use narrower types of "
        "weights or of what comes in",
        c->node->name, what, span_bits(span), (int)FLOAT_BITS);
}

static nib_fix_span input_span(const context *c, int input, int64_t feature)
{
    return nib_fix_span_of(&c->export->interval[c->node->input[input]], feature);
}

static nib_fix_span span_with_zero(nib_fix_span s)
{
    return nib_fix_span_join(s, (nib_fix_span){0, 0, s.fraction});
}

/* All sums of some of a column's products, and the bias: whoever adds in whatever order meets no others. */
static nib_fix_span dense_span(const context *c, int64_t column)
{
    const nib_fix_dense *d = &c->node->as.dense;
    nib_fix_span sum = {0, 0, 0};
    for (int64_t i = 0; i < d->kernel.rows; i++) {
        const nib_fix_span w = nib_fix_span_trimmed(&d->kernel, i * d->kernel.cols + column);
        if (w.low == 0)
            continue;
        const nib_fix_span product = nib_fix_span_times(input_span(c, 0, i), (int64_t)w.low, w.fraction);
        sum = nib_fix_span_plus(sum, span_with_zero(product));
    }
    return d->bias.rows ? nib_fix_span_plus(sum, span_with_zero(nib_fix_span_trimmed(&d->bias, column)))
                        : sum;
}

static nib_fix_span scale_span(const context *c, int64_t feature)
{
    const nib_fix_scale *s = &c->node->as.scale;
    const nib_fix_span w = nib_fix_span_trimmed(&s->scale, feature);
    const nib_fix_span product = nib_fix_span_times(input_span(c, 0, feature), (int64_t)w.low, w.fraction);
    return nib_fix_span_plus(product, nib_fix_span_trimmed(&s->shift, feature));
}

static nib_fix_span add_span(const context *c, int64_t feature)
{
    nib_fix_span sum = input_span(c, 0, feature);
    for (int i = 1; i < c->node->n_inputs; i++)
        sum = nib_fix_span_plus(span_with_zero(sum), span_with_zero(input_span(c, i, feature)));
    return sum;
}

static nib_fix_span concat_span(const context *c, int64_t feature)
{
    for (int i = 0; i < c->node->n_inputs; i++) {
        const int64_t width = c->export->net->node[c->node->input[i]].features;
        if (feature < width)
            return input_span(c, i, feature);
        feature -= width;
    }
    return (nib_fix_span){0, 0, 0};
}

static nib_fix_span relu_span(const context *c, int64_t feature)
{
    nib_fix_span s = input_span(c, 0, feature);
    s.low = s.low < 0 ? 0 : s.low;
    s.high = s.high < 0 ? 0 : s.high;
    return s;
}

static nib_fix_span leaky_span(const context *c, int64_t feature)
{
    const nib_fix_span s = input_span(c, 0, feature);
    nib_fix_span scaled = s;
    scaled.fraction += c->node->as.leaky_shift;
    return nib_fix_span_join(s, scaled);
}

static nib_fix_span same_span(const context *c, int64_t feature)
{
    return input_span(c, 0, feature);
}

/* ---- Quant ---- */

/* The words of the modes; NULL: there is none. */
static const char *rounding_word(const nib_fixed *type, bool negative, bool is_input)
{
    switch (type->rounding) {
    case NIB_ROUNDING_TRN:
        return "FLOOR";
    case NIB_ROUNDING_TRN_ZERO:
        return "DOWN";
    case NIB_ROUNDING_RND_CONV:
        return "ROUND";
    case NIB_ROUNDING_RND_ZERO:
        return "HALF_DOWN";
    case NIB_ROUNDING_RND_MIN_INF: /* ties down: toward zero where nothing is negative */
        return negative ? NULL : "HALF_DOWN";
    case NIB_ROUNDING_RND_INF: /* |x| + 1/2 rounds up for the float below 1/2, which only inputs can be */
        return is_input ? NULL : "HALF_UP";
    case NIB_ROUNDING_RND: /* QONNX's HALF_UP is away from zero */
        return negative || is_input ? NULL : "HALF_UP";
    case NIB_ROUNDING_COUNT:
        break;
    }
    return NULL;
}

static const char *type_text(const context *c, const nib_fixed *type)
{
    const char *text = nib_export_type(c->onnx->arena, type);
    return text ? text : "its type";
}

static nib_status refuse_rounding(const context *c, const nib_fixed *type)
{
    nib_fixed offered = *type;
    offered.rounding = NIB_ROUNDING_RND_CONV;
    return nib_fail(c->err, NIB_ERR_UNSUPPORTED, "%s: %s: QONNX has no rounding of ties %s; use RND_CONV: %s",
                    c->node->name, type_text(c, type),
                    type->rounding == NIB_ROUNDING_RND_MIN_INF          ? "down"
                    : type->is_signed || c->node->kind != NIB_FIX_INPUT ? "up (its HALF_UP is away from zero)"
                                                                        : "up that is exact for every float",
                    type_text(c, &offered));
}

static nib_status refuse_overflow(const context *c, const nib_fixed *type)
{
    nib_fixed offered = *type;
    offered.overflow = NIB_OVERFLOW_SAT;
    return nib_fail(c->err, NIB_ERR_UNSUPPORTED,
                    "%s: %s can overflow, and QONNX only saturates; use SAT: %s, or more integer bits",
                    c->node->name, type_text(c, type), type_text(c, &offered));
}

/* The constants of a Quant node, and the node. Weights are on their grid already: any rounding will do. */
static void put_quant(const context *c, const nib_fixed *type, const char *rounding, const char *from,
                      const char *to)
{
    nib_onnx *onnx = c->onnx;
    nib_proto attributes = nib_onnx_attributes(onnx);
    const bool narrow = type->is_signed && type->overflow == NIB_OVERFLOW_SAT_SYM;
    const char *inputs[4] = {from, nib_onnx_name(onnx, "%s_scale", to), nib_onnx_name(onnx, "%s_zero", to),
                             nib_onnx_name(onnx, "%s_width", to)};
    const float numbers[3] = {(float)nib_fixed_step(type), 0, (float)type->bits};
    for (int i = 0; i < 3; i++)
        nib_onnx_constant(onnx, inputs[i + 1], 0, NULL, &numbers[i]);
    nib_onnx_int(&attributes, "signed", type->is_signed);
    nib_onnx_int(&attributes, "narrow", narrow);
    nib_onnx_text(&attributes, "rounding_mode", rounding);
    nib_onnx_node(onnx, quant_domain, "Quant", 4, inputs, to, &attributes);
}

/* What a cast does to what can occur. */
typedef struct effect {
    bool rounds, overflows, negative;
} effect;

static effect effect_of(const nib_fixed *type, const nib_fix_span *s)
{
    const int drop = s->fraction - nib_fixed_fraction(type);
    const nib_wide low = nib_wide_round(type->rounding, s->low, drop);
    const nib_wide high = nib_wide_round(type->rounding, s->high, drop);
    return (effect){drop > 0, low < nib_fixed_lowest(type) || high > nib_fixed_highest(type), s->low < 0};
}

static nib_status check_type(const context *c)
{
    const nib_fix_types *t = &c->node->type;
    if (t->count > 1)
        return nib_fail(c->err, NIB_ERR_UNSUPPORTED,
                        "%s: its types differ by channel; QONNX has one width for a tensor: give it one type",
                        c->node->name);
    if (t->bits[0] == 0)
        return nib_fail(c->err, NIB_ERR_UNSUPPORTED, "%s: all of it is removed; take the layer out",
                        c->node->name);
    return NIB_OK;
}

/* How the node's cast is said, or that it changes nothing (NULL). */
static nib_status choose_quant(const context *c, nib_fix_span (*before)(const context *c, int64_t feature),
                               const char **word)
{
    const nib_fixed type = nib_fix_type_at(&c->node->type, 0);
    effect all = {false, false, false};
    *word = NULL;
    for (int64_t i = 0; i < c->node->features; i++) {
        const nib_fix_span s = before(c, i);
        NIB_TRY(check_floats(c, &s, c->node->kind == NIB_FIX_DENSE ? "sums of products" : "results"));
        const effect one = effect_of(&type, &s);
        all.rounds = all.rounds || one.rounds;
        all.overflows = all.overflows || one.overflows;
        all.negative = all.negative || one.negative;
    }
    if (!all.rounds && !all.overflows)
        return NIB_OK;
    if (type.bits > FLOAT_BITS || (type.bits == 1 && type.is_signed))
        return nib_fail(c->err, NIB_ERR_UNSUPPORTED, "%s: %s: QONNX's types have %s", c->node->name,
                        type_text(c, &type),
                        type.bits == 1 ? "two bits or more where they are signed (one means -1 or 1)"
                                       : "at most 24 bits when executed in floats");
    if (all.overflows && type.overflow != NIB_OVERFLOW_SAT && type.overflow != NIB_OVERFLOW_SAT_SYM)
        return refuse_overflow(c, &type);
    /* Clamping comes first in QONNX, so what saturates at 0 is not negative when it is rounded. */
    *word = all.rounds ? rounding_word(&type, all.negative && type.is_signed, false) : "ROUND";
    return *word ? NIB_OK : refuse_rounding(c, &type);
}

/* The tensor `from` is what the node casts, already exact: name it, or its cast. @param from  from
 * begin_result */
typedef struct result {
    const char *word; /* of the rounding, or NULL: no cast */
    const char *from; /* the last tensor before the cast: the node's own where there is none */
} result;

static nib_status begin_result(const context *c, nib_fix_span (*before)(const context *c, int64_t feature),
                               const char *suffix, result *r)
{
    NIB_TRY(choose_quant(c, before, &r->word));
    c->tensor[c->index] = nib_onnx_name(c->onnx, "%s", c->node->name);
    r->from = r->word ? nib_onnx_name(c->onnx, "%s_%s", c->node->name, suffix) : c->tensor[c->index];
    return NIB_OK;
}

static void put_tensor(const context *c, const char *name)
{
    if (name != c->tensor[c->index] || !nib_export_is_output(c->export->net, c->index))
        nib_onnx_tensor(c->onnx, name, c->node->features);
}

static nib_status end_result(const context *c, const result *r)
{
    const nib_fixed type = nib_fix_type_at(&c->node->type, 0);
    if (r->word) {
        put_tensor(c, r->from);
        put_quant(c, &type, r->word, r->from, c->tensor[c->index]);
    }
    put_tensor(c, c->tensor[c->index]);
    return NIB_OK;
}

/* ---- Constants ---- */

/* Numbers on a grid, and the Quant node that says so. */
static nib_status add_array(const context *c, const nib_fix_array *array, int rank, const char *what,
                            const char **name)
{
    const int64_t n = array->rows * array->cols,
                  dim[2] = {rank == 1 ? array->cols : array->rows, array->cols};
    nib_fixed type;
    float *value = NIB_NEW(c->onnx->arena, float, n);
    if (!value)
        return out_of_memory(c);
    for (int64_t i = 0; i < n; i++) {
        const nib_fix_span s = nib_fix_span_trimmed(array, i);
        NIB_TRY(check_floats(c, &s, what));
        value[i] = (float)nib_export_value(array, i);
    }
    NIB_TRY(nib_export_array_type(array, &type, c->err));
    if (type.bits > FLOAT_BITS)
        return nib_fail(
            c->err, NIB_ERR_UNSUPPORTED,
            "%s: %s from steps of 2^%d to 2^%d: %d bits in one type; QONNX is executed in floats, which "
            "are exact to %d",
            c->node->name, what, -nib_fixed_fraction(&type), type.integer, type.bits, (int)FLOAT_BITS);
    if (type.bits == 1 && type.is_signed) /* one bit means -1 or 1 there */
        type = (nib_fixed){.bits = 2, .integer = type.integer + 1, .is_signed = true};
    const char *plain = nib_onnx_name(c->onnx, "%s_%s_values", c->node->name, what);
    *name = nib_onnx_name(c->onnx, "%s_%s", c->node->name, what);
    nib_onnx_constant(c->onnx, plain, rank, dim, value);
    put_quant(c, &type, "ROUND", plain, *name);
    nib_onnx_shape(c->onnx, *name, rank, dim);
    return NIB_OK;
}

/* ---- Rows ---- */

static nib_status input_rows(const context *c)
{
    const nib_fixed type = nib_fix_type_at(&c->node->type, 0);
    const char *raw = nib_onnx_name(c->onnx, "%s", c->node->name);
    const char *word = rounding_word(&type, type.is_signed, true);
    if (type.overflow != NIB_OVERFLOW_SAT && type.overflow != NIB_OVERFLOW_SAT_SYM)
        return refuse_overflow(c, &type);
    if (!word)
        return refuse_rounding(c, &type);
    if (type.bits > FLOAT_BITS || (type.bits == 1 && type.is_signed))
        return nib_fail(c->err, NIB_ERR_UNSUPPORTED,
                        "%s: %s: QONNX's types have 1 (signed: 2) to %d bits here", c->node->name,
                        type_text(c, &type), (int)FLOAT_BITS);
    c->tensor[c->index] = nib_onnx_name(c->onnx, "%s_on_grid", c->node->name);
    nib_onnx_input(c->onnx, raw, c->node->features);
    put_quant(c, &type, word, raw, c->tensor[c->index]);
    put_tensor(c, c->tensor[c->index]);
    return NIB_OK;
}

static nib_status dense_rows(const context *c)
{
    const nib_fix_dense *d = &c->node->as.dense;
    const char *weight, *bias;
    result r;
    if (!d->proven)
        return nib_fail(
            c->err, NIB_ERR_UNSUPPORTED,
            "%s: its accumulator can overflow or round, which QONNX cannot say; leave quant accum "
            "out, so that sums are exact",
            c->node->name);
    NIB_TRY(begin_result(c, dense_span, "sum", &r));
    NIB_TRY(add_array(c, &d->kernel, 2, "weight", &weight));
    const char *x = c->tensor[c->node->input[0]];
    const char *product = d->bias.rows ? nib_onnx_name(c->onnx, "%s_product", c->node->name) : r.from;
    nib_onnx_node(c->onnx, "", "MatMul", 2, (const char *[]){x, weight}, product, NULL);
    if (d->bias.rows) {
        NIB_TRY(add_array(c, &d->bias, 1, "offset", &bias));
        nib_onnx_tensor(c->onnx, product, c->node->features);
        nib_onnx_node(c->onnx, "", "Add", 2, (const char *[]){product, bias}, r.from, NULL);
    }
    return end_result(c, &r);
}

static nib_status scale_rows(const context *c)
{
    const nib_fix_scale *s = &c->node->as.scale;
    const char *scale, *shift, *x = c->tensor[c->node->input[0]];
    result r;
    NIB_TRY(begin_result(c, scale_span, "sum", &r));
    NIB_TRY(add_array(c, &s->scale, 1, "factor", &scale));
    NIB_TRY(add_array(c, &s->shift, 1, "offset", &shift));
    const char *product = nib_onnx_name(c->onnx, "%s_product", c->node->name);
    nib_onnx_node(c->onnx, "", "Mul", 2, (const char *[]){x, scale}, product, NULL);
    nib_onnx_tensor(c->onnx, product, c->node->features);
    nib_onnx_node(c->onnx, "", "Add", 2, (const char *[]){product, shift}, r.from, NULL);
    return end_result(c, &r);
}

/* Operators of two inputs, one behind the other. */
static nib_status pair_rows(const context *c, const char *op,
                            nib_fix_span (*before)(const context *c, int64_t feature), bool is_sum)
{
    const nib_fix_node *n = c->node;
    result r;
    NIB_TRY(begin_result(c, before, is_sum ? "sum" : "joined", &r));
    const char *pair[2] = {c->tensor[n->input[0]], NULL};
    int64_t width = c->export->net->node[n->input[0]].features;
    for (int i = 1; i < n->n_inputs; i++) {
        nib_proto attributes = nib_onnx_attributes(c->onnx);
        const bool last = i == n->n_inputs - 1;
        const char *out = last ? r.from : nib_onnx_name(c->onnx, "%s_part", n->name);
        if (!is_sum) {
            nib_onnx_int(&attributes, "axis", 1);
            width += c->export->net->node[n->input[i]].features;
        }
        pair[1] = c->tensor[n->input[i]];
        nib_onnx_node(c->onnx, "", op, 2, pair, out, &attributes);
        if (!last)
            nib_onnx_tensor(c->onnx, out, width);
        pair[0] = out;
    }
    return end_result(c, &r);
}

static nib_status add_rows(const context *c)
{
    return pair_rows(c, "Add", add_span, true);
}

static nib_status concat_rows(const context *c)
{
    return pair_rows(c, "Concat", concat_span, false);
}

static nib_status relu_rows(const context *c)
{
    result r;
    NIB_TRY(begin_result(c, relu_span, "positive", &r));
    nib_onnx_node(c->onnx, "", "Relu", 1, &c->tensor[c->node->input[0]], r.from, NULL);
    return end_result(c, &r);
}

static nib_status leaky_rows(const context *c)
{
    nib_proto attributes = nib_onnx_attributes(c->onnx);
    result r;
    NIB_TRY(begin_result(c, leaky_span, "sloped", &r));
    nib_onnx_float(&attributes, "alpha", (float)ldexp(1, -c->node->as.leaky_shift));
    nib_onnx_node(c->onnx, "", "LeakyRelu", 1, &c->tensor[c->node->input[0]], r.from, &attributes);
    return end_result(c, &r);
}

static nib_status cast_rows(const context *c)
{
    const char *word, *x = c->tensor[c->node->input[0]];
    const nib_fixed type = nib_fix_type_at(&c->node->type, 0);
    NIB_TRY(choose_quant(c, same_span, &word));
    c->tensor[c->index] = nib_onnx_name(c->onnx, "%s", c->node->name);
    if (word)
        put_quant(c, &type, word, x, c->tensor[c->index]);
    else
        nib_onnx_node(c->onnx, "", "Identity", 1, &x, c->tensor[c->index], NULL);
    put_tensor(c, c->tensor[c->index]);
    return NIB_OK;
}

static nib_status no_rows(const context *c)
{
    const bool is_softmax = c->node->kind == NIB_FIX_SOFTMAX;
    return nib_fail(c->err, NIB_ERR_UNSUPPORTED, "%s: QONNX has nothing exact for %s%s", c->node->name,
                    nib_fix_kind_name(c->node->kind),
                    is_softmax ? "; end at the logits"
                               : " of integers; use relu or leaky_relu, or --format hls4ml, c or dais");
}

static nib_status (*const rows[NIB_FIX_KIND_COUNT])(const context *c) = {
    [NIB_FIX_INPUT] = input_rows,      [NIB_FIX_CAST] = cast_rows,     [NIB_FIX_DENSE] = dense_rows,
    [NIB_FIX_ADD] = add_rows,          [NIB_FIX_CONCAT] = concat_rows, [NIB_FIX_RELU] = relu_rows,
    [NIB_FIX_LEAKY_RELU] = leaky_rows, [NIB_FIX_SCALE] = scale_rows,   [NIB_FIX_TABLE] = no_rows,
    [NIB_FIX_SOFTMAX] = no_rows,       [NIB_FIX_POOL] = no_rows,       [NIB_FIX_RESHAPE] = no_rows,
};

static nib_status add_node(const context *c)
{
    if (c->node->positions != 1)
        return nib_fail(c->err, NIB_ERR_UNSUPPORTED,
                        "%s: sets of elements; the export to QONNX is for networks of rows of features",
                        c->node->name);
    NIB_TRY(check_type(c));
    return rows[c->node->kind](c);
}

static void add_outputs(const nib_export *e, nib_onnx *onnx, const char **tensor)
{
    for (int i = 0; i < e->net->n_outputs; i++) {
        const int node = e->net->output[i].node;
        const char *name = tensor[node];
        for (int k = 0; k < i; k++)
            if (e->net->output[k].node == node)
                name = NULL;
        if (!name) { /* a tensor is an output once */
            name = nib_onnx_name(onnx, "%s_again", tensor[node]);
            nib_onnx_node(onnx, "", "Identity", 1, &tensor[node], name, NULL);
        }
        nib_onnx_output(onnx, name, e->net->node[node].features);
    }
}

static nib_status add_model(const nib_export *e, nib_export_files *files, const char **tensor, nib_error *err)
{
    nib_onnx onnx;
    const void *data;
    size_t bytes;
    nib_onnx_begin(&onnx, files->arena);
    for (int i = 0; i < e->net->n_nodes; i++) {
        const context c = {e, &onnx, tensor, &e->net->node[i], i, err};
        NIB_TRY(add_node(&c));
    }
    add_outputs(e, &onnx, tensor);
    const char *origin = nib_arena_printf(files->arena, "%s, exported by nibble %s from the model %s",
                                          e->name, e->version, e->source);
    if (!origin)
        return nib_fail_memory(err, "QONNX");
    NIB_TRY(nib_onnx_finish(&onnx, e->name, e->version, origin, quant_domain, &data, &bytes, err));
    return nib_export_add(files, "model.onnx", data, bytes, err);
}

/* ---- Golden samples and README ---- */

static void put_samples(const nib_export *e, bool outputs, FILE *out)
{
    const int n = outputs ? e->net->n_outputs : e->net->n_inputs;
    for (int64_t row = 0; row < e->golden.rows; row++)
        for (int i = 0; i < n; i++) {
            const nib_fix_node *node = &e->net->node[outputs ? e->net->output[i].node : i];
            const nib_fixed type = nib_fix_type_at(&node->type, 0);
            for (int64_t k = 0; k < node->features; k++) {
                const int64_t at = row * node->features + k;
                const char end = i == n - 1 && k == node->features - 1 ? '\n' : ' ';
                if (outputs)
                    fprintf(out, "%.17g%c", nib_fixed_value(&type, e->golden.code[i][at]), end);
                else
                    fprintf(out, "%.9g%c", (double)e->golden.x[i][at], end);
            }
        }
}

static void put_inputs(const nib_export *e, FILE *out)
{
    put_samples(e, false, out);
}

static void put_outputs(const nib_export *e, FILE *out)
{
    put_samples(e, true, out);
}

static void put_readme(const nib_export *e, FILE *out)
{
    fprintf(
        out,
        "# %s as QONNX\n\nA quantized network exported by nibble %s from the model %s.\n\n"
        "    pip install qonnx onnx==1.20.1\n    python3 check.py    # onnx's checker, then %" PRId64
        " golden samples executed by the qonnx package\n\n"
        "| file | what |\n|---|---|\n"
        "| model.onnx | rows of features [1, width]: MatMul, Add, Mul, Concat, Relu, LeakyRelu and Quant "
        "(domain "
        "%s);\nshapes for all tensors, scales are powers of two, zero points 0, batch norms folded; no "
        "layout "
        "changes (features are last) |\n"
        "| x.dat, y.dat | preprocessed inputs and the numbers that nibble's integer engine answers, a sample "
        "in "
        "each line |\n\n"
        "Every sum of the network fits the 24 bits of a float, so executing it in floats gives the integers "
        "exactly. The network\ntakes preprocessed numbers `(raw - shift) / divisor`; its outputs are "
        "logits.\n\n"
        "| input | width | type |\n|---|---|---|\n",
        e->name, e->version, e->source, e->golden.rows, quant_domain);
    for (int i = 0; i < e->net->n_inputs + e->net->n_outputs; i++) {
        const bool is_input = i < e->net->n_inputs;
        const nib_fix_output *output = is_input ? NULL : &e->net->output[i - e->net->n_inputs];
        const nib_fix_node *n = &e->net->node[is_input ? i : output->node];
        const nib_fixed type = nib_fix_type_at(&n->type, 0);
        char text[NIB_FIXED_TEXT_BYTES];
        if (i == e->net->n_inputs)
            fprintf(out, "\n| output | tensor | width | type |\n|---|---|---|---|\n");
        fprintf(out, "| %s |", is_input ? n->name : output->target);
        if (output)
            fprintf(out, " %s |", n->name);
        fprintf(out, " %" PRId64 " | %s |\n", n->features, nib_fixed_print(&type, NIB_FIXED_PLAIN, text));
    }
    fprintf(out,
            "\nROUND and FLOOR are what every reader of QONNX knows; HALF_UP, HALF_DOWN and DOWN, where they "
            "occur, are of qonnx 1.0 and\nlater. hls4ml's ONNX reader truncates inputs to its default type: "
            "`nibble export --format hls4ml` is the way there.\n");
}

static nib_status write_files(const nib_export *e, nib_export_files *files, nib_error *err)
{
    const char **tensor = NIB_NEW(files->arena, const char *, e->net->n_nodes);
    if (!tensor)
        return nib_fail_memory(err, "QONNX");
    NIB_TRY(add_model(e, files, tensor, err));
    NIB_TRY(nib_export_add_printed(files, "x.dat", put_inputs, e, err));
    NIB_TRY(nib_export_add_printed(files, "y.dat", put_outputs, e, err));
    NIB_TRY(nib_export_add_text(files, "check.py", nib_export_check_qonnx_py, err));
    return nib_export_add_printed(files, "README.md", put_readme, e, err);
}

const nib_exporter nib_exporter_qonnx = {
    .name = "qonnx",
    .help = "model.onnx with Quant nodes of power-of-two scales, for FINN and other readers of QONNX",
    .source = "qonnx 1.0 (qonnx.custom_op.general.Quant), onnx.proto of ONNX 1.13",
    .write = write_files,
};
