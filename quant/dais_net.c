/* A fixed-point network as a program of da4ml. */
#include <string.h>

#include "quant/dais_program.h"
#include "quant/fixnet_internal.h"

typedef struct context {
    const nib_fixnet *net;
    nib_dais_program *program;
    nib_dais_number **tensor; /* [nodes][positions * features] */
    int64_t n_in;
    nib_error *err;
} context;

static int64_t width_of(const nib_fix_node *n)
{
    return n->positions * n->features;
}

/* y[i] = cast(x) to the node's type of that element. */
static void put(context *c, const nib_fix_node *n, int64_t i, nib_dais_number x)
{
    const nib_fixed type = nib_fix_type_at(&n->type, i);
    c->tensor[n - c->net->node][i] = nib_dais_cast(c->program, x, &type);
}

static const nib_dais_number *input_of(const context *c, const nib_fix_node *n, int i)
{
    return c->tensor[n->input[i]];
}

static nib_status put_inputs(context *c, const nib_fix_node *n)
{
    for (int64_t i = 0; i < width_of(n); i++) {
        const nib_fixed type = nib_fix_type_at(&n->type, i);
        nib_dais_number *y = &c->tensor[n - c->net->node][i];
        *y = type.bits ? nib_dais_input(c->program, c->n_in, &type) : nib_dais_constant(c->program, 0, 0);
        c->n_in++;
    }
    return NIB_OK;
}

/* Where order or width matter every step is cast as the hardware does; else the sum is a tree. */
static nib_dais_number put_column(context *c, const nib_fix_dense *d, const nib_dais_number *x,
                                  int64_t column, nib_dais_number *a, int64_t *code, int *fraction,
                                  int32_t *order)
{
    nib_dais_program *p = c->program;
    const int64_t n = d->kernel.rows;
    int64_t bias = 0;
    int bias_fraction = 0;
    if (d->bias.rows) {
        const nib_fixed type = nib_fix_type_at(&d->bias.type, column);
        bias = type.bits ? d->bias.code[column] : 0;
        bias_fraction = bias ? nib_fixed_fraction(&type) : 0;
    }
    for (int64_t i = 0; i < n; i++) {
        const int64_t at = i * d->kernel.cols + column;
        const nib_fixed type = nib_fix_type_at(&d->kernel.type, at);
        a[i] = x[i];
        code[i] = type.bits ? d->kernel.code[at] : 0;
        fraction[i] = nib_fixed_fraction(&type);
    }
    if (d->proven)
        return nib_dais_sum(p, n, a, code, fraction, bias, bias_fraction);
    nib_dais_number sum = nib_dais_cast(p, nib_dais_constant(p, bias, bias_fraction), &d->accum);
    nib_fix_dense_sequence(d, column, order);
    for (int64_t k = 0; k < n; k++) {
        const int32_t i = order[k];
        if (code[i] == 0)
            continue;
        const nib_dais_number product =
            nib_dais_cast(p, nib_dais_times(p, a[i], code[i], fraction[i]), &d->accum);
        sum = nib_dais_cast(p, nib_dais_add(p, sum, product, 0, false), &d->accum);
    }
    return sum;
}

static nib_status put_dense(context *c, const nib_fix_node *n)
{
    const nib_fix_dense *d = &n->as.dense;
    nib_arena *arena = c->program->arena;
    const int64_t n_in = d->kernel.rows;
    nib_dais_number *a = NIB_NEW(arena, nib_dais_number, n_in);
    int64_t *code = NIB_NEW(arena, int64_t, n_in);
    int *fraction = NIB_NEW(arena, int, n_in);
    int32_t *order = NIB_NEW(arena, int32_t, n_in);
    if (!a || !code || !fraction || !order)
        return nib_fail_memory(c->err, "DAIS program");
    for (int64_t position = 0; position < n->positions; position++)
        for (int64_t k = 0; k < n->features; k++)
            put(c, n, position * n->features + k,
                put_column(c, d, input_of(c, n, 0) + position * n_in, k, a, code, fraction, order));
    return NIB_OK;
}

static nib_status put_add(context *c, const nib_fix_node *n)
{
    for (int64_t i = 0; i < width_of(n); i++) {
        nib_dais_number sum = input_of(c, n, 0)[i];
        for (int k = 1; k < n->n_inputs; k++)
            sum = nib_dais_add(c->program, sum, input_of(c, n, k)[i], 0, false);
        put(c, n, i, sum);
    }
    return NIB_OK;
}

static nib_status put_concat(context *c, const nib_fix_node *n)
{
    int64_t first = 0;
    for (int k = 0; k < n->n_inputs; k++) {
        const int64_t features = c->net->node[n->input[k]].features;
        for (int64_t i = 0; i < n->positions * features; i++)
            put(c, n, i / features * n->features + first + i % features, input_of(c, n, k)[i]);
        first += features;
    }
    return NIB_OK;
}

static nib_status put_cast(context *c, const nib_fix_node *n)
{
    for (int64_t i = 0; i < width_of(n); i++)
        put(c, n, i, input_of(c, n, 0)[i]);
    return NIB_OK;
}

static nib_status put_relu(context *c, const nib_fix_node *n)
{
    for (int64_t i = 0; i < width_of(n); i++)
        put(c, n, i, nib_dais_relu(c->program, input_of(c, n, 0)[i]));
    return NIB_OK;
}

static nib_status put_leaky_relu(context *c, const nib_fix_node *n)
{
    for (int64_t i = 0; i < width_of(n); i++) {
        const nib_dais_number x = input_of(c, n, 0)[i];
        const nib_dais_number below = nib_dais_times(c->program, x, 1, n->as.leaky_shift);
        put(c, n, i, nib_dais_select(c->program, x, below, x));
    }
    return NIB_OK;
}

static nib_status put_table(context *c, const nib_fix_node *n)
{
    const nib_fixed from = nib_fix_type_at(&c->net->node[n->input[0]].type, 0);
    const nib_fixed to = nib_fix_type_at(&n->type, 0);
    for (int64_t i = 0; i < width_of(n); i++)
        c->tensor[n - c->net->node][i] =
            nib_dais_lookup(c->program, input_of(c, n, 0)[i], &from, n->as.table.code, &to);
    return NIB_OK;
}

static nib_status put_scale(context *c, const nib_fix_node *n)
{
    const nib_fix_scale *s = &n->as.scale;
    for (int64_t i = 0; i < width_of(n); i++) {
        const int64_t k = i % n->features;
        const nib_fixed scale = nib_fix_type_at(&s->scale.type, k),
                        shift = nib_fix_type_at(&s->shift.type, k);
        const int64_t factor = scale.bits ? s->scale.code[k] : 0, plus = shift.bits ? s->shift.code[k] : 0;
        const int fraction = nib_fixed_fraction(&scale);
        put(c, n, i,
            nib_dais_sum(c->program, 1, &input_of(c, n, 0)[i], &factor, &fraction, plus,
                         plus ? nib_fixed_fraction(&shift) : 0));
    }
    return NIB_OK;
}

static nib_status put_reshape(context *c, const nib_fix_node *n)
{
    memcpy(c->tensor[n - c->net->node], input_of(c, n, 0), (size_t)width_of(n) * sizeof(nib_dais_number));
    return NIB_OK;
}

static nib_status (*const rows[NIB_FIX_KIND_COUNT])(context *c, const nib_fix_node *n) = {
    [NIB_FIX_INPUT] = put_inputs,          [NIB_FIX_CAST] = put_cast,
    [NIB_FIX_DENSE] = put_dense,           [NIB_FIX_ADD] = put_add,
    [NIB_FIX_CONCAT] = put_concat,         [NIB_FIX_RELU] = put_relu,
    [NIB_FIX_LEAKY_RELU] = put_leaky_relu, [NIB_FIX_TABLE] = put_table,
    [NIB_FIX_SCALE] = put_scale,           [NIB_FIX_RESHAPE] = put_reshape,
};

static nib_status put_node(context *c, int index)
{
    const nib_fix_node *n = &c->net->node[index];
    if (!rows[n->kind])
        return nib_fail(c->err, NIB_ERR_UNSUPPORTED, "%s: the export to DAIS has no form of %s", n->name,
                        nib_fix_kind_name(n->kind));
    c->tensor[index] = NIB_NEW(c->program->arena, nib_dais_number, width_of(n));
    if (!c->tensor[index])
        return nib_fail_memory(c->err, "DAIS program");
    NIB_TRY(rows[n->kind](c, n));
    if (!c->program->failed)
        return NIB_OK;
    if (!c->program->says_wide)
        return nib_fail_memory(c->err, "DAIS program");
    return nib_fail(c->err, NIB_ERR_UNSUPPORTED,
                    "%s: a number of more than 53 bits, which a DAIS program's intervals cannot hold; use "
                    "narrower types",
                    n->name);
}

nib_status nib_dais_of_net(nib_dais_program *p, const nib_fixnet *net, nib_dais_number **out, int64_t *n_in,
                           int64_t *n_out, nib_error *err)
{
    context c = {
        .net = net, .program = p, .tensor = NIB_NEW(p->arena, nib_dais_number *, net->n_nodes), .err = err};
    int64_t at = 0;
    if (!c.tensor)
        return nib_fail_memory(err, "DAIS program");
    for (int i = 0; i < net->n_nodes; i++)
        NIB_TRY(put_node(&c, i));
    *n_in = c.n_in;
    *n_out = 0;
    for (int i = 0; i < net->n_outputs; i++)
        *n_out += width_of(&net->node[net->output[i].node]);
    *out = NIB_NEW(p->arena, nib_dais_number, *n_out);
    if (!*out)
        return nib_fail_memory(err, "DAIS program");
    for (int i = 0; i < net->n_outputs; i++)
        for (int64_t k = 0; k < width_of(&net->node[net->output[i].node]); k++)
            (*out)[at++] = c.tensor[net->output[i].node][k];
    return NIB_OK;
}
