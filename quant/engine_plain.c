#include "quant/engine_plain.h"

#include <assert.h>
#include <float.h>
#include <math.h>

#include "quant/fixnet_internal.h"
#include "quant/softmax_table.h"

nib_status nib_engine_plain_prepare(const nib_fixnet *net, int index, nib_arena *arena,
                                    nib_engine_plain *plain, nib_error *err)
{
    const nib_fix_node *node = &net->node[index];
    *plain = (nib_engine_plain){0};
    if (node->kind == NIB_FIX_DENSE) {
        plain->order = NIB_NEW(arena, int32_t, node->as.dense.kernel.rows);
        return plain->order ? NIB_OK : nib_fail_memory(err, "the integer engine");
    }
    if (node->kind != NIB_FIX_SOFTMAX || node->as.softmax.kind == NIB_FIX_SOFTMAX_ARGMAX)
        return NIB_OK;
    const nib_fix_softmax *softmax = &node->as.softmax;
    plain->exp_table = NIB_NEW(arena, int64_t, softmax->exp_size);
    plain->inv_table = NIB_NEW(arena, int64_t, softmax->inv_size);
    plain->scratch = NIB_NEW(arena, int64_t, node->features);
    if (!plain->exp_table || !plain->inv_table || !plain->scratch)
        return nib_fail_memory(err, "the integer engine");
    const nib_fixed x = nib_fix_type_at(&net->node[node->input[0]].type, 0);
    nib_softmax_exp_table(softmax, &x, plain->exp_table);
    nib_softmax_inv_table(softmax, plain->inv_table);
    return NIB_OK;
}

/* ---- Casts that are counted ---- */

static void count_lost(const nib_fixed *type, int64_t *saturated, int64_t *wrapped)
{
    if (type->overflow == NIB_OVERFLOW_WRAP)
        ++*wrapped;
    else
        ++*saturated;
}

/* Into the node's type. */
static int64_t cast(const nib_fixed *type, nib_wide mantissa, int fraction, nib_engine_counts *counts)
{
    bool lost;
    const int64_t code = nib_wide_cast(type, mantissa, fraction, &lost);
    if (counts && type->bits) {
        ++counts->casts;
        if (lost)
            count_lost(type, &counts->saturated, &counts->wrapped);
    }
    return code;
}

static int64_t cast_accum(const nib_fixed *type, nib_wide mantissa, int fraction, nib_engine_counts *counts)
{
    bool lost;
    const int64_t code = nib_wide_cast(type, mantissa, fraction, &lost);
    if (lost && counts)
        count_lost(type, &counts->accum_saturated, &counts->accum_wrapped);
    return code;
}

/* A number on its way. */
typedef struct number {
    nib_wide mantissa;
    int fraction;
} number;

static number number_of(const nib_fix_types *types, int64_t index, int64_t code)
{
    const nib_fixed type = nib_fix_type_at(types, index);
    return (number){code, code ? nib_fixed_fraction(&type) : 0};
}

static number plus(number a, number b)
{
    if (a.mantissa == 0)
        return b;
    if (b.mantissa == 0)
        return a;
    const int fraction = a.fraction > b.fraction ? a.fraction : b.fraction;
    return (number){nib_wide_shift_up(a.mantissa, fraction - a.fraction) +
                        nib_wide_shift_up(b.mantissa, fraction - b.fraction),
                    fraction};
}

static bool above(number a, number b)
{
    b.mantissa = -b.mantissa;
    return plus(a, b).mantissa > 0;
}

static number times(number a, number b)
{
    return (number){a.mantissa * b.mantissa, a.fraction + b.fraction};
}

/* ---- Kinds ---- */

/* The node's record, its first input and where codes come from and go to. */
typedef struct job {
    const nib_fixnet *net;
    const nib_fix_node *node, *in;
    const nib_engine_plain *plain;
    int64_t *const *codes;
    const int64_t *x;
    int64_t *y;
    int64_t elements;
    nib_engine_counts *counts;
} job;

static int64_t cast_to(const job *j, int64_t element, number v)
{
    const nib_fixed type = nib_fix_type_at(&j->node->type, element);
    return cast(&type, v.mantissa, v.fraction, j->counts);
}

static number input_at(const job *j, int64_t element)
{
    return number_of(&j->in->type, element, j->x[element]);
}

/* nib_fixed_cast_double, counted. */
static int64_t cast_float(const nib_fixed *type, float x, nib_engine_counts *counts)
{
    if (isnan(x) || fabsf(x) < FLT_MIN)
        return cast(type, 0, 0, counts);
    if (isinf(x)) {
        const nib_wide large = (nib_wide)1 << NIB_WIDE_BITS;
        (void)cast(type, x > 0 ? large : -large, -1000, counts);
        return type->bits ? nib_fixed_cast_double(type, (double)x) : 0;
    }
    int exponent; /* x = mantissa * 2^exponent, mantissa in +-[1/2, 1) */
    const float mantissa = frexpf(x, &exponent);
    return cast(type, (int64_t)ldexpf(mantissa, FLT_MANT_DIG), FLT_MANT_DIG - exponent, counts);
}

static void run_input(const job *j, const float *x)
{
    for (int64_t i = 0; i < j->elements; ++i) {
        const nib_fixed type = nib_fix_type_at(&j->node->type, i);
        j->y[i] = cast_float(&type, x[i], j->counts);
    }
}

/* An accumulator that truncates each product and wraps adds modulo 2^W: in any order, and wrapped once at the
 * end. For one type of all inputs and one of all weights, whose products fit into 63 bits. */
static bool wraps_at_the_end(const job *j)
{
    const nib_fix_dense *dense = &j->node->as.dense;
    return !j->counts && dense->accum.rounding == NIB_ROUNDING_TRN &&
           dense->accum.overflow == NIB_OVERFLOW_WRAP && j->in->type.count == 1 &&
           dense->kernel.type.count == 1 && j->in->type.bits[0] > 0 && dense->kernel.type.bits[0] > 0 &&
           j->in->type.bits[0] + dense->kernel.type.bits[0] < 63;
}

static void run_wrapping_dense(const job *j)
{
    const nib_fix_dense *dense = &j->node->as.dense;
    const int64_t n_in = dense->kernel.rows, n_out = dense->kernel.cols;
    const nib_fixed x_type = nib_fix_type_at(&j->in->type, 0),
                    w_type = nib_fix_type_at(&dense->kernel.type, 0);
    const int fraction = nib_fixed_fraction(&dense->accum);
    const int shift = nib_fixed_fraction(&x_type) + nib_fixed_fraction(&w_type) - fraction;
    const int down = shift < 0 ? 0 : shift < 63 ? shift : 63, up = shift < 0 ? -shift : 0;
    for (int64_t p = 0; p < j->node->positions; ++p) {
        int64_t *acc = j->y + p * n_out;
        for (int64_t o = 0; o < n_out; ++o) {
            number bias = {0};
            if (dense->bias.rows)
                bias = number_of(&dense->bias.type, o, dense->bias.code[o]);
            acc[o] = cast_accum(&dense->accum, bias.mantissa, bias.fraction, NULL);
        }
        for (int64_t i = 0; i < n_in && up < 64; ++i) {
            const int64_t x = j->x[p * n_in + i], *w = dense->kernel.code + i * n_out;
            for (int64_t o = 0; o < n_out; ++o)
                acc[o] = (int64_t)((uint64_t)acc[o] + ((uint64_t)((x * w[o]) >> down) << up));
        }
        for (int64_t o = 0; o < n_out; ++o) {
            const int64_t sum = cast_accum(&dense->accum, acc[o], fraction, NULL);
            acc[o] = cast_to(j, p * n_out + o, (number){sum, fraction});
        }
    }
}

/* Of the accumulator, so far. */
static int64_t overflows(const nib_engine_counts *counts)
{
    return counts ? counts->accum_saturated + counts->accum_wrapped : 0;
}

static void run_dense(const job *j)
{
    if (wraps_at_the_end(j)) {
        run_wrapping_dense(j);
        return;
    }
    const nib_fix_dense *dense = &j->node->as.dense;
    const int64_t n_in = dense->kernel.rows, n_out = dense->kernel.cols;
    const int fraction = nib_fixed_fraction(&dense->accum);
    for (int64_t o = 0; o < n_out; ++o) {
        number bias = {0};
        if (dense->bias.rows)
            bias = number_of(&dense->bias.type, o, dense->bias.code[o]);
        const int64_t first = cast_accum(&dense->accum, bias.mantissa, bias.fraction, j->counts);
        if (o == 0 || dense->order == NIB_FIX_ORDER_RESOURCE)
            nib_fix_dense_sequence(dense, o, j->plain->order);
        for (int64_t p = 0; p < j->node->positions; ++p) {
            int64_t acc = first;
            const int64_t before = overflows(j->counts);
            for (int64_t k = 0; k < n_in; ++k) {
                const int64_t i = j->plain->order[k], w = i * n_out + o;
                const number product = times(input_at(j, p * n_in + i),
                                             number_of(&dense->kernel.type, w, dense->kernel.code[w]));
                const int64_t term = cast_accum(&dense->accum, product.mantissa, product.fraction, j->counts);
                acc = cast_accum(&dense->accum, (nib_wide)acc + term, fraction, j->counts);
            }
            if (j->counts) {
                j->counts->sums++;
                j->counts->sums_overflown += overflows(j->counts) > before;
            }
            j->y[p * n_out + o] = cast_to(j, p * n_out + o, (number){acc, fraction});
        }
    }
}

static void run_add(const job *j)
{
    for (int64_t e = 0; e < j->elements; ++e) {
        number sum = {0};
        for (int i = 0; i < j->node->n_inputs; ++i) {
            const nib_fix_node *in = &j->net->node[j->node->input[i]];
            sum = plus(sum, number_of(&in->type, e, j->codes[j->node->input[i]][e]));
        }
        j->y[e] = cast_to(j, e, sum);
    }
}

static void run_concat(const job *j)
{
    int64_t begin = 0;
    for (int i = 0; i < j->node->n_inputs; ++i) {
        const nib_fix_node *in = &j->net->node[j->node->input[i]];
        const int64_t *x = j->codes[j->node->input[i]];
        for (int64_t p = 0; p < in->positions; ++p)
            for (int64_t f = 0; f < in->features; ++f) {
                const int64_t to = p * j->node->features + begin + f, from = p * in->features + f;
                j->y[to] = cast_to(j, to, number_of(&in->type, from, x[from]));
            }
        begin += in->features;
    }
}

static void run_relu(const job *j)
{
    for (int64_t e = 0; e < j->elements; ++e)
        j->y[e] = j->x[e] > 0 ? cast_to(j, e, input_at(j, e)) : 0;
}

static void run_leaky_relu(const job *j)
{
    for (int64_t e = 0; e < j->elements; ++e) {
        number v = input_at(j, e);
        if (v.mantissa < 0)
            v.fraction += j->node->as.leaky_shift;
        j->y[e] = cast_to(j, e, v);
    }
}

static void run_table(const job *j)
{
    const nib_fix_table *table = &j->node->as.table;
    const nib_fixed type = nib_fix_type_at(&j->in->type, 0);
    for (int64_t e = 0; e < j->elements; ++e)
        j->y[e] = table->code[nib_softmax_index(&type, table->size, j->x[e])];
}

static void run_scale(const job *j)
{
    const nib_fix_scale *scale = &j->node->as.scale;
    for (int64_t e = 0; e < j->elements; ++e) {
        const int64_t f = e % j->node->features;
        const number product = times(input_at(j, e), number_of(&scale->scale.type, f, scale->scale.code[f]));
        j->y[e] = cast_to(j, e, plus(product, number_of(&scale->shift.type, f, scale->shift.code[f])));
    }
}

static void run_reshape(const job *j)
{
    for (int64_t e = 0; e < j->elements; ++e)
        j->y[e] = j->x[e];
}

/* ---- Pools ---- */

static int64_t pool_max(const job *j, int64_t feature)
{
    const int64_t n = j->in->features;
    number largest = input_at(j, feature);
    for (int64_t p = 1; p < j->in->positions; ++p) {
        const number v = input_at(j, p * n + feature);
        if (above(v, largest))
            largest = v;
    }
    return cast_accum(&j->node->as.pool.accum, largest.mantissa, largest.fraction, j->counts);
}

static void run_pool(const job *j)
{
    const nib_fix_pool *pool = &j->node->as.pool;
    const int fraction = nib_fixed_fraction(&pool->accum);
    for (int64_t f = 0; f < j->node->features; ++f) {
        int64_t acc = 0;
        if (pool->kind == NIB_FIX_POOL_MAX) {
            acc = pool_max(j, f);
        } else {
            for (int64_t p = 0; p < j->in->positions; ++p) {
                const number sum = plus((number){acc, fraction}, input_at(j, p * j->in->features + f));
                acc = cast_accum(&pool->accum, sum.mantissa, sum.fraction, j->counts);
            }
            if (pool->kind == NIB_FIX_POOL_MEAN)
                acc /= j->in->positions; /* toward zero */
        }
        j->y[f] = cast_to(j, f, (number){acc, fraction});
    }
}

/* ---- Softmax ---- */

/* The largest power of two below n terms on the left, the rest on the right. */
static int64_t tree_sum(const nib_fixed *accum, const int64_t *term, int64_t n, nib_engine_counts *counts)
{
    if (n == 1)
        return term[0];
    int64_t left = 1;
    while (2 * left < n)
        left *= 2;
    const nib_wide sum =
        (nib_wide)tree_sum(accum, term, left, counts) + tree_sum(accum, term + left, n - left, counts);
    return cast_accum(accum, sum, nib_fixed_fraction(accum), counts);
}

static int64_t largest_index(const int64_t *x, int64_t n)
{
    int64_t best = 0;
    for (int64_t i = 1; i < n; ++i)
        if (x[i] > x[best])
            best = i;
    return best;
}

/* The features of one position, from element `begin` on. */
static void softmax_row(const job *j, int64_t begin)
{
    const nib_fix_softmax *softmax = &j->node->as.softmax;
    const int64_t n = j->node->features, *x = j->x + begin;
    const nib_fixed in = nib_fix_type_at(&j->in->type, 0), index = nib_softmax_index_type(softmax, &in);
    const nib_wide largest = x[largest_index(x, n)];
    int64_t *e = j->plain->scratch;
    for (int64_t i = 0; i < n; ++i) {
        int64_t d = x[i];
        if (softmax->kind == NIB_FIX_SOFTMAX_STABLE)
            d = cast_accum(&index, largest - x[i], nib_fixed_fraction(&in), j->counts);
        e[i] =
            cast_accum(&softmax->accum, j->plain->exp_table[nib_softmax_index(&index, softmax->exp_size, d)],
                       nib_fixed_fraction(&softmax->exp_table), j->counts);
    }
    const int64_t sum = cast_accum(&softmax->inv_inp, tree_sum(&softmax->accum, e, n, j->counts),
                                   nib_fixed_fraction(&softmax->accum), j->counts);
    const int64_t inverse = j->plain->inv_table[nib_softmax_index(&softmax->inv_inp, softmax->inv_size, sum)];
    const int fraction = nib_fixed_fraction(&softmax->accum) + nib_fixed_fraction(&softmax->inv_table);
    for (int64_t i = 0; i < n; ++i)
        j->y[begin + i] = cast_to(j, begin + i, (number){(nib_wide)e[i] * inverse, fraction});
}

static void run_softmax(const job *j)
{
    const int64_t n = j->node->features;
    for (int64_t begin = 0; begin < j->elements; begin += n) {
        if (j->node->as.softmax.kind != NIB_FIX_SOFTMAX_ARGMAX) {
            softmax_row(j, begin);
            continue;
        }
        const int64_t best = largest_index(j->x + begin, n);
        for (int64_t i = 0; i < n; ++i)
            j->y[begin + i] = cast_to(j, begin + i, (number){i == best, 0});
    }
}

void nib_engine_plain_run(const nib_fixnet *net, int index, const nib_engine_plain *plain, const float *x,
                          int64_t *const *codes, nib_engine_counts *counts)
{
    const nib_fix_node *node = &net->node[index];
    job j = {.net = net,
             .node = node,
             .plain = plain,
             .codes = codes,
             .y = codes[index],
             .elements = node->positions * node->features,
             .counts = counts};
    if (node->n_inputs) {
        j.in = &net->node[node->input[0]];
        j.x = codes[node->input[0]];
    }
    switch (node->kind) {
    case NIB_FIX_INPUT:
        run_input(&j, x);
        return;
    case NIB_FIX_CAST:
        for (int64_t e = 0; e < j.elements; ++e)
            j.y[e] = cast_to(&j, e, input_at(&j, e));
        return;
    case NIB_FIX_DENSE:
        run_dense(&j);
        return;
    case NIB_FIX_ADD:
        run_add(&j);
        return;
    case NIB_FIX_CONCAT:
        run_concat(&j);
        return;
    case NIB_FIX_RELU:
        run_relu(&j);
        return;
    case NIB_FIX_LEAKY_RELU:
        run_leaky_relu(&j);
        return;
    case NIB_FIX_TABLE:
        run_table(&j);
        return;
    case NIB_FIX_SOFTMAX:
        run_softmax(&j);
        return;
    case NIB_FIX_POOL:
        run_pool(&j);
        return;
    case NIB_FIX_SCALE:
        run_scale(&j);
        return;
    case NIB_FIX_RESHAPE:
        run_reshape(&j);
        return;
    case NIB_FIX_KIND_COUNT:
        break;
    }
    assert(false && "a kind of the closed set");
}
