/** Dense nodes, pools and softmax as C. */
#include <inttypes.h>
#include <string.h>

#include "quant/c_export_internal.h"
#include "quant/softmax_table.h"

/* ---- Dense, when the accumulator holds everything: integers on the finest step of each column ---- */

enum { LANES = 16 };

typedef struct aligned {
    int64_t *kernel, *bias; /* [n_in, n_out], [n_out] */
    nib_fix_span *sum;      /* [n_out] */
    int bits;               /* of any partial sum */
} aligned;

/* Every term at 2^-fraction; false where one needs more than 61 bits. */
static bool align_column(const nib_fix_dense *dense, const nib_fix_interval *x, int64_t o, aligned *a)
{
    const int64_t n_in = dense->kernel.rows, n_out = dense->kernel.cols;
    const nib_fix_span bias = dense->bias.rows ? nib_fix_span_trimmed(&dense->bias, o) : (nib_fix_span){0};
    bool any = bias.low != 0;
    int fraction = bias.fraction;
    for (int64_t i = 0; i < n_in; ++i) {
        const nib_fix_span w = nib_fix_span_trimmed(&dense->kernel, i * n_out + o);
        if (w.low != 0 && (!any || w.fraction + x->fraction > fraction))
            fraction = w.fraction + x->fraction;
        any = any || w.low != 0;
    }
    if (nib_wide_width(bias.low) + (bias.low ? fraction - bias.fraction : 0) > NIB_C_BITS)
        return false;
    a->bias[o] = bias.low ? (int64_t)nib_wide_shift_up(bias.low, fraction - bias.fraction) : 0;
    a->sum[o] = (nib_fix_span){a->bias[o], a->bias[o], fraction};
    nib_wide most = a->bias[o] < 0 ? -a->bias[o] : a->bias[o];
    for (int64_t i = 0; i < n_in; ++i) {
        const nib_fix_span w = nib_fix_span_trimmed(&dense->kernel, i * n_out + o),
                           in = nib_fix_span_of(x, i);
        const int shift = w.low ? fraction - w.fraction - x->fraction : 0;
        if (nib_wide_width(w.low) + shift + nib_c_span_bits(&in) > NIB_C_BITS)
            return false;
        const int64_t code = w.low ? (int64_t)nib_wide_shift_up(w.low, shift) : 0;
        a->kernel[i * n_out + o] = code;
        nib_fix_span product = nib_fix_span_times(in, code, 0);
        product.fraction = fraction;
        a->sum[o] = nib_fix_span_plus(a->sum[o], product);
        most += product.high > -product.low ? product.high : -product.low;
    }
    a->bits = nib_wide_width(most) > a->bits ? nib_wide_width(most) : a->bits;
    return a->bits <= NIB_C_BITS;
}

static bool align(const nib_c_writer *w, const nib_fix_node *node, aligned *a)
{
    const nib_fix_dense *dense = &node->as.dense;
    for (int64_t o = 0; o < node->features; ++o)
        if (!align_column(dense, &w->interval[node->input[0]], o, a))
            return false;
    return true;
}

/* Columns in groups of 16, so that their sums stay in registers; the last one is filled up with zeros. */
static nib_status tables(nib_c_writer *w, int index, const aligned *a, int64_t lanes, nib_error *err)
{
    const nib_fix_dense *dense = &w->net->node[index].as.dense;
    const int64_t n_in = dense->kernel.rows, n_out = dense->kernel.cols;
    const int64_t groups = (n_out + lanes - 1) / lanes;
    int64_t *kernel = NIB_NEW(w->arena, int64_t, groups * n_in * lanes);
    int64_t *bias = NIB_NEW(w->arena, int64_t, groups * lanes);
    if (!kernel || !bias)
        return nib_fail_memory(err, "C source");
    for (int64_t o = 0; o < n_out; ++o) {
        bias[o] = a->bias[o];
        for (int64_t i = 0; i < n_in; ++i)
            kernel[((o / lanes) * n_in + i) * lanes + o % lanes] = a->kernel[i * n_out + o];
    }
    nib_c_table(w, nib_arena_printf(w->arena, "n%d_kernel", index), groups * n_in * lanes, kernel);
    nib_c_table(w, nib_arena_printf(w->arena, "n%d_bias", index), groups * lanes, bias);
    return NIB_OK;
}

static nib_status write_proven(nib_c_writer *w, int index, const aligned *a, nib_error *err)
{
    const nib_fix_node *node = &w->net->node[index];
    const int64_t n_in = node->as.dense.kernel.rows, n_out = node->features;
    const int64_t lanes = n_out < LANES ? n_out : LANES, groups = (n_out + lanes - 1) / lanes;
    const char *sum = a->bits <= 31 ? "int32_t" : "int64_t";
    nib_c_cast cast;
    nib_fix_span *before = NIB_NEW(w->arena, nib_fix_span, node->positions * n_out);
    if (!before)
        return nib_fail_memory(err, "C source");
    for (int64_t e = 0; e < node->positions * n_out; ++e)
        before[e] = a->sum[e % n_out];
    NIB_TRY(nib_c_node_cast(w, index, before, &cast, err));
    if (!nib_c_each_element(node))
        cast.index = "f";
    NIB_TRY(nib_c_cast_tables(w, &cast, err));
    NIB_TRY(tables(w, index, a, lanes, err));
    nib_c_begin(w, index);
    fprintf(w->out,
            "    for (int p = 0; p < %" PRId64 "; ++p)\n"
            "        for (int g = 0; g < %" PRId64 "; ++g) {\n"
            "            %s sum[%" PRId64 "];\n"
            "            for (int k = 0; k < %" PRId64 "; ++k)\n"
            "                sum[k] = n%d_bias[g * %" PRId64 " + k];\n"
            "            for (int i = 0; i < %" PRId64 "; ++i)\n"
            "                for (int k = 0; k < %" PRId64 "; ++k)\n"
            "                    sum[k] += (%s)x0[p * %" PRId64 " + i] * n%d_kernel[(g * %" PRId64
            " + i) * %" PRId64 " + k];\n",
            node->positions, groups, sum, lanes, lanes, index, lanes, n_in, lanes, sum, n_in, index, n_in,
            lanes);
    if (n_out % lanes)
        fprintf(w->out,
                "            const int end = g < %" PRId64 " ? %" PRId64 " : %" PRId64 ";\n"
                "            for (int k = 0; k < end; ++k) {\n",
                groups - 1, lanes, n_out % lanes);
    else
        fprintf(w->out, "            for (int k = 0; k < %" PRId64 "; ++k) {\n", lanes);
    fprintf(w->out,
            "                const int f = g * %" PRId64 " + k, e = p * %" PRId64 " + f;\n"
            "                %s v = sum[k];\n",
            lanes, n_out, nib_c_cast_type(&cast));
    nib_c_cast_code(w, &cast, 16);
    fprintf(w->out, "                y[e] = (%s)v;\n            }\n        }\n}\n\n",
            nib_c_tensor_type(w, index));
    return NIB_OK;
}

/* ---- Dense, with a cast of every product and every sum ---- */

/* A cast into one type, of numbers that are all of one kind. */
static nib_status single_cast(nib_c_writer *w, const char *prefix, const nib_fixed *type, nib_fix_span before,
                              nib_c_cast *cast, nib_error *err)
{
    nib_fix_span *span = NIB_NEW(w->arena, nib_fix_span, 1);
    nib_fixed *into = NIB_NEW(w->arena, nib_fixed, 1);
    if (!span || !into)
        return nib_fail_memory(err, "C source");
    *span = before;
    *into = *type;
    *cast = (nib_c_cast){.count = 1, .before = span, .type = into, .index = "0"};
    (void)snprintf(cast->prefix, sizeof cast->prefix, "%s", prefix);
    nib_c_cast_plan(w, cast);
    return NIB_OK;
}

static nib_fix_span range_of(const nib_fixed *type)
{
    return (nib_fix_span){nib_fixed_lowest(type), nib_fixed_highest(type), nib_fixed_fraction(type)};
}

/* The cast of the products into the accumulator. */
static nib_status product_cast(nib_c_writer *w, int index, nib_c_cast *cast, nib_error *err)
{
    const nib_fix_node *node = &w->net->node[index];
    const nib_fix_dense *dense = &node->as.dense;
    const int64_t n = dense->kernel.rows * dense->kernel.cols;
    nib_fix_span *before = NIB_NEW(w->arena, nib_fix_span, n);
    *cast = (nib_c_cast){.count = n, .before = before, .type = NIB_NEW(w->arena, nib_fixed, n), .index = "w"};
    if (!before || !cast->type)
        return nib_fail_memory(err, "C source");
    (void)snprintf(cast->prefix, sizeof cast->prefix, "n%d_product", index);
    for (int64_t i = 0; i < n; ++i) {
        const nib_fixed type = nib_fix_type_at(&dense->kernel.type, i);
        const nib_fix_span x = nib_fix_span_of(&w->interval[node->input[0]], i / dense->kernel.cols);
        cast->type[i] = dense->accum;
        before[i] = nib_fix_span_times(x, dense->kernel.code[i], type.bits ? nib_fixed_fraction(&type) : 0);
    }
    nib_c_cast_plan(w, cast);
    return NIB_OK;
}

static nib_status in_order_tables(nib_c_writer *w, int index, bool *ordered, nib_error *err)
{
    const nib_fix_dense *dense = &w->net->node[index].as.dense;
    const int64_t n_in = dense->kernel.rows, n_out = dense->kernel.cols;
    int64_t *first = NIB_NEW(w->arena, int64_t, n_out), *order = NIB_NEW(w->arena, int64_t, n_in * n_out);
    int32_t *column = NIB_NEW(w->arena, int32_t, n_in);
    if (!first || !order || !column)
        return nib_fail_memory(err, "C source");
    *ordered = false;
    for (int64_t o = 0; o < n_out; ++o) {
        if (dense->bias.rows) {
            const nib_fixed type = nib_fix_type_at(&dense->bias.type, o);
            const int64_t code = dense->bias.code[o];
            first[o] = nib_wide_cast(&dense->accum, code, code ? nib_fixed_fraction(&type) : 0, NULL);
        }
        nib_fix_dense_sequence(dense, o, column);
        for (int64_t k = 0; k < n_in; ++k) {
            order[o * n_in + k] = column[k];
            *ordered = *ordered || column[k] != k;
        }
    }
    nib_c_table(w, nib_arena_printf(w->arena, "n%d_first", index), n_out, first);
    nib_c_table(w, nib_arena_printf(w->arena, "n%d_kernel", index), n_in * n_out, dense->kernel.code);
    if (*ordered)
        nib_c_table(w, nib_arena_printf(w->arena, "n%d_order", index), n_in * n_out, order);
    return NIB_OK;
}

static nib_status write_in_order(nib_c_writer *w, int index, nib_error *err)
{
    const nib_fix_node *node = &w->net->node[index];
    const nib_fix_dense *dense = &node->as.dense;
    const int64_t n_in = dense->kernel.rows, n_out = node->features;
    const nib_fix_span accum = range_of(&dense->accum), twice = nib_fix_span_plus(accum, accum);
    nib_c_cast product, sum, cast;
    bool ordered = false;
    nib_fix_span *before = NIB_NEW(w->arena, nib_fix_span, node->positions * n_out);
    char prefix[48];
    if (!before)
        return nib_fail_memory(err, "C source");
    for (int64_t e = 0; e < node->positions * n_out; ++e)
        before[e] = accum;
    (void)snprintf(prefix, sizeof prefix, "n%d_sum", index);
    NIB_TRY(product_cast(w, index, &product, err));
    NIB_TRY(single_cast(w, prefix, &dense->accum, twice, &sum, err));
    NIB_TRY(nib_c_node_cast(w, index, before, &cast, err));
    if (!nib_c_each_element(node))
        cast.index = "f";
    NIB_TRY(nib_c_cast_tables(w, &product, err));
    NIB_TRY(nib_c_cast_tables(w, &cast, err));
    NIB_TRY(in_order_tables(w, index, &ordered, err));
    nib_c_begin(w, index);
    fprintf(w->out,
            "    for (int p = 0; p < %" PRId64 "; ++p)\n"
            "        for (int f = 0; f < %" PRId64 "; ++f) {\n"
            "            const int e = p * %" PRId64 " + f;\n"
            "            int64_t sum = n%d_first[f];\n"
            "            for (int k = 0; k < %" PRId64 "; ++k) {\n",
            node->positions, n_out, n_out, index, n_in);
    if (ordered)
        fprintf(w->out, "                const int i = n%d_order[f * %" PRId64 " + k];\n", index, n_in);
    else
        fprintf(w->out, "                const int i = k;\n");
    fprintf(w->out,
            "                const int w = i * %" PRId64 " + f;\n"
            "                int64_t term;\n"
            "                {\n"
            "                    %s v = (%s)x0[p * %" PRId64 " + i] * n%d_kernel[w];\n",
            n_out, nib_c_cast_type(&product), nib_c_cast_type(&product), n_in, index);
    nib_c_cast_code(w, &product, 20);
    fprintf(w->out,
            "                    term = (int64_t)v;\n"
            "                }\n"
            "                {\n"
            "                    %s v = (%s)sum + term;\n",
            nib_c_cast_type(&sum), nib_c_cast_type(&sum));
    nib_c_cast_code(w, &sum, 20);
    fprintf(w->out,
            "                    sum = (int64_t)v;\n"
            "                }\n"
            "            }\n"
            "            %s v = sum;\n",
            nib_c_cast_type(&cast));
    nib_c_cast_code(w, &cast, 12);
    fprintf(w->out, "            y[e] = (%s)v;\n        }\n}\n\n", nib_c_tensor_type(w, index));
    return NIB_OK;
}

nib_status nib_c_write_dense(nib_c_writer *w, int index, nib_error *err)
{
    const nib_fix_node *node = &w->net->node[index];
    const int64_t n_in = node->as.dense.kernel.rows, n_out = node->features;
    if (!node->as.dense.proven)
        return write_in_order(w, index, err);
    aligned a = {NIB_NEW(w->arena, int64_t, n_in * n_out), NIB_NEW(w->arena, int64_t, n_out),
                 NIB_NEW(w->arena, nib_fix_span, n_out), 0};
    if (!a.kernel || !a.bias || !a.sum)
        return nib_fail_memory(err, "C source");
    return align(w, node, &a) ? write_proven(w, index, &a, err) : write_in_order(w, index, err);
}

/* ---- Pools ---- */

static nib_status write_max(nib_c_writer *w, int index, const nib_c_cast *accum)
{
    const nib_fix_node *node = &w->net->node[index];
    const char *type = nib_c_tensor_type(w, node->input[0]);
    fprintf(w->out,
            "        %s most = x0[f];\n"
            "        for (int p = 1; p < %" PRId64 "; ++p)\n"
            "            most = x0[p * %" PRId64 " + f] > most ? x0[p * %" PRId64 " + f] : most;\n"
            "        {\n"
            "            %s v = most;\n",
            type, w->net->node[node->input[0]].positions, node->features, node->features,
            nib_c_cast_type(accum));
    nib_c_cast_code(w, accum, 12);
    fprintf(w->out, "            sum = (int64_t)v;\n        }\n");
    return NIB_OK;
}

static nib_status write_sum(nib_c_writer *w, int index, const nib_c_cast *accum, int up, int x_up)
{
    const nib_fix_node *node = &w->net->node[index];
    const char *type = nib_c_cast_type(accum);
    fprintf(w->out,
            "        for (int p = 0; p < %" PRId64 "; ++p) {\n"
            "            %s v = sum * ((%s)1 << %d) + x0[p * %" PRId64 " + f] * ((%s)1 << %d);\n",
            w->net->node[node->input[0]].positions, type, type, up, node->features, type, x_up);
    nib_c_cast_code(w, accum, 12);
    fprintf(w->out, "            sum = (int64_t)v;\n        }\n");
    if (node->as.pool.kind == NIB_FIX_POOL_MEAN)
        fprintf(w->out, "        sum /= %" PRId64 "; /* toward zero */\n",
                w->net->node[node->input[0]].positions);
    return NIB_OK;
}

nib_status nib_c_write_pool(nib_c_writer *w, int index, nib_error *err)
{
    const nib_fix_node *node = &w->net->node[index];
    const nib_fix_pool *pool = &node->as.pool;
    const nib_fix_interval *x = &w->interval[node->input[0]];
    const nib_fix_span range = range_of(&pool->accum);
    nib_c_cast accum, cast;
    char prefix[48];
    nib_fix_span hull = {0}, *before = NIB_NEW(w->arena, nib_fix_span, node->features);
    if (!before)
        return nib_fail_memory(err, "C source");
    for (int64_t f = 0; f < node->features; ++f) {
        const nib_fix_span own = nib_fix_span_of(x, f);
        hull = f ? nib_fix_span_join(hull, own) : own;
        before[f] = range;
    }
    const bool nothing = hull.low == 0 && hull.high == 0;
    const int fraction = nothing || range.fraction > hull.fraction ? range.fraction : hull.fraction;
    const int up = fraction - range.fraction, x_up = nothing ? 0 : fraction - hull.fraction;
    const bool max = pool->kind == NIB_FIX_POOL_MAX;
    const nib_fix_span sum = nothing ? range : nib_fix_span_plus(range, hull);
    (void)snprintf(prefix, sizeof prefix, "n%d_sum", index);
    NIB_TRY(single_cast(w, prefix, &pool->accum, max ? hull : sum, &accum, err));
    if (!max) {
        nib_c_cast_widen(w, &accum, nib_c_span_bits(&range) + up + 1);
        nib_c_cast_widen(w, &accum, nib_c_span_bits(&hull) + x_up + 1);
    }
    NIB_TRY(nib_c_node_cast(w, index, before, &cast, err));
    NIB_TRY(nib_c_cast_tables(w, &cast, err));
    cast.index = "f";
    nib_c_begin(w, index);
    fprintf(w->out, "    for (int f = 0; f < %" PRId64 "; ++f) {\n        int64_t sum = 0;\n",
            node->features);
    NIB_TRY(max ? write_max(w, index, &accum) : write_sum(w, index, &accum, up, x_up));
    fprintf(w->out, "        %s v = sum;\n", nib_c_cast_type(&cast));
    nib_c_cast_code(w, &cast, 8);
    fprintf(w->out, "        y[f] = (%s)v;\n    }\n}\n\n", nib_c_tensor_type(w, index));
    return NIB_OK;
}

/* ---- Softmax ---- */

static nib_status softmax_tables(nib_c_writer *w, int index, nib_error *err)
{
    const nib_fix_node *node = &w->net->node[index];
    const nib_fix_softmax *softmax = &node->as.softmax;
    const nib_fixed x = nib_fix_type_at(&w->net->node[node->input[0]].type, 0);
    int64_t *e = NIB_NEW(w->arena, int64_t, softmax->exp_size);
    int64_t *inverse = NIB_NEW(w->arena, int64_t, softmax->inv_size);
    if (!e || !inverse)
        return nib_fail_memory(err, "C source");
    nib_softmax_exp_table(softmax, &x, e);
    nib_softmax_inv_table(softmax, inverse);
    for (int64_t i = 0; i < softmax->exp_size; ++i) /* as the accumulator has them */
        e[i] = nib_wide_cast(&softmax->accum, e[i], nib_fixed_fraction(&softmax->exp_table), NULL);
    nib_c_table(w, nib_arena_printf(w->arena, "n%d_exp", index), softmax->exp_size, e);
    nib_c_table(w, nib_arena_printf(w->arena, "n%d_inverse", index), softmax->inv_size, inverse);
    return NIB_OK;
}

/* The sum of n terms: the largest power of two below n of them, then the rest. */
static void write_tree(nib_c_writer *w, int index, const nib_c_cast *sum)
{
    fprintf(w->out,
            "static int64_t node_%d_sum(const int64_t *term, int n)\n"
            "{\n"
            "    if (n == 1)\n"
            "        return term[0];\n"
            "    int left = 1;\n"
            "    while (2 * left < n)\n"
            "        left *= 2;\n"
            "    %s v = node_%d_sum(term, left);\n"
            "    v += node_%d_sum(term + left, n - left);\n",
            index, nib_c_cast_type(sum), index, index);
    nib_c_cast_code(w, sum, 4);
    fprintf(w->out, "    return (int64_t)v;\n}\n\n");
}

/* The top bits of `name`, a code of the type, as an index into a table. */
static void write_index(nib_c_writer *w, const char *name, const nib_fixed *type, int64_t size)
{
    const int bits = 63 - __builtin_clzll((unsigned long long)size);
    fprintf(w->out, "((uint64_t)%s & UINT64_C(%" PRIu64 ")) >> %d", name, ((uint64_t)1 << type->bits) - 1,
            type->bits - bits);
}

static nib_status write_tables_softmax(nib_c_writer *w, int index, const nib_fix_span *before, nib_error *err)
{
    const nib_fix_node *node = &w->net->node[index];
    const nib_fix_softmax *softmax = &node->as.softmax;
    const nib_fixed x = nib_fix_type_at(&w->net->node[node->input[0]].type, 0);
    const nib_fixed key = nib_softmax_index_type(softmax, &x);
    const nib_fix_span in = range_of(&x), accum = range_of(&softmax->accum);
    const bool stable = softmax->kind == NIB_FIX_SOFTMAX_STABLE;
    nib_c_cast difference, sum, inverse, cast;
    NIB_TRY(single_cast(w, "d", &key, (nib_fix_span){0, in.high - in.low, in.fraction}, &difference, err));
    NIB_TRY(single_cast(w, "s", &softmax->accum, nib_fix_span_plus(accum, accum), &sum, err));
    NIB_TRY(single_cast(w, "i", &softmax->inv_inp, accum, &inverse, err));
    NIB_TRY(softmax_tables(w, index, err));
    NIB_TRY(nib_c_node_cast(w, index, before, &cast, err));
    if (!nib_c_each_element(node))
        cast.index = "f";
    NIB_TRY(nib_c_cast_tables(w, &cast, err));
    write_tree(w, index, &sum);
    nib_c_begin(w, index);
    const int64_t n = node->features;
    fprintf(w->out, "    for (int p = 0; p < %" PRId64 "; ++p) {\n        int64_t term[%" PRId64 "];\n",
            node->positions, n);
    if (stable)
        fprintf(w->out,
                "        %s most = x0[p * %" PRId64 "];\n"
                "        for (int f = 1; f < %" PRId64 "; ++f)\n"
                "            most = x0[p * %" PRId64 " + f] > most ? x0[p * %" PRId64 " + f] : most;\n",
                nib_c_tensor_type(w, node->input[0]), n, n, n, n);
    fprintf(w->out, "        for (int f = 0; f < %" PRId64 "; ++f) {\n", n);
    if (stable) {
        fprintf(w->out, "            %s v = (%s)most - x0[p * %" PRId64 " + f];\n",
                nib_c_cast_type(&difference), nib_c_cast_type(&difference), n);
        nib_c_cast_code(w, &difference, 12);
    } else {
        fprintf(w->out, "            const int64_t v = x0[p * %" PRId64 " + f];\n", n);
    }
    fprintf(w->out, "            term[f] = n%d_exp[", index);
    write_index(w, "v", &key, softmax->exp_size);
    fprintf(w->out, "];\n        }\n        %s v = node_%d_sum(term, %" PRId64 ");\n",
            nib_c_cast_type(&inverse), index, n);
    nib_c_cast_code(w, &inverse, 8);
    fprintf(w->out, "        const int64_t inverse = n%d_inverse[", index);
    write_index(w, "v", &softmax->inv_inp, softmax->inv_size);
    fprintf(w->out,
            "];\n"
            "        for (int f = 0; f < %" PRId64 "; ++f) {\n"
            "            const int e = p * %" PRId64 " + f;\n"
            "            %s v = (%s)term[f] * inverse;\n",
            n, n, nib_c_cast_type(&cast), nib_c_cast_type(&cast));
    nib_c_cast_code(w, &cast, 12);
    fprintf(w->out, "            y[e] = (%s)v;\n        }\n    }\n}\n\n", nib_c_tensor_type(w, index));
    return NIB_OK;
}

static nib_status write_argmax(nib_c_writer *w, int index, const nib_fix_span *before, nib_error *err)
{
    const nib_fix_node *node = &w->net->node[index];
    const int64_t n = node->features;
    nib_c_cast cast;
    NIB_TRY(nib_c_node_cast(w, index, before, &cast, err));
    if (!nib_c_each_element(node))
        cast.index = "f";
    NIB_TRY(nib_c_cast_tables(w, &cast, err));
    nib_c_begin(w, index);
    fprintf(w->out,
            "    for (int p = 0; p < %" PRId64 "; ++p) {\n"
            "        int most = 0;\n"
            "        for (int f = 1; f < %" PRId64 "; ++f)\n"
            "            most = x0[p * %" PRId64 " + f] > x0[p * %" PRId64 " + most] ? f : most;\n"
            "        for (int f = 0; f < %" PRId64 "; ++f) {\n"
            "            const int e = p * %" PRId64 " + f;\n"
            "            %s v = f == most;\n",
            node->positions, n, n, n, n, n, nib_c_cast_type(&cast));
    nib_c_cast_code(w, &cast, 12);
    fprintf(w->out, "            y[e] = (%s)v;\n        }\n    }\n}\n\n", nib_c_tensor_type(w, index));
    return NIB_OK;
}

nib_status nib_c_write_softmax(nib_c_writer *w, int index, nib_error *err)
{
    const nib_fix_node *node = &w->net->node[index];
    const nib_fix_softmax *softmax = &node->as.softmax;
    const bool argmax = softmax->kind == NIB_FIX_SOFTMAX_ARGMAX;
    const int64_t count = node->positions * node->features;
    nib_fix_span product = {0, 1, 0};
    nib_fix_span *before = NIB_NEW(w->arena, nib_fix_span, count);
    if (!before)
        return nib_fail_memory(err, "C source");
    if (!argmax) {
        const nib_fix_span e = range_of(&softmax->accum), inverse = range_of(&softmax->inv_table);
        product = nib_fix_span_join(nib_fix_span_times(e, (int64_t)inverse.low, inverse.fraction),
                                    nib_fix_span_times(e, (int64_t)inverse.high, inverse.fraction));
    }
    for (int64_t e = 0; e < count; ++e)
        before[e] = product;
    return argmax ? write_argmax(w, index, before, err) : write_tables_softmax(w, index, before, err);
}
