/** Nodes that work element by element, as C. */
#include <assert.h>
#include <inttypes.h>
#include <string.h>

#include "quant/c_export_internal.h"
#include "quant/grid.h"

/* ---- Heads and loops ---- */

void nib_c_begin(nib_c_writer *w, int index)
{
    const nib_fix_node *node = &w->net->node[index];
    fprintf(w->out, "static void node_%d(", index);
    if (node->n_inputs == 0)
        fprintf(w->out, "const float *restrict x0, ");
    for (int i = 0; i < node->n_inputs; ++i)
        fprintf(w->out, "const %s *restrict x%d, ", nib_c_tensor_type(w, node->input[i]), i);
    fprintf(w->out, "%s *restrict y)\n{\n", nib_c_tensor_type(w, index));
}

/* Elements e, and features f where a cast goes by them. */
static int begin_loop(nib_c_writer *w, const nib_fix_node *node)
{
    if (node->positions == 1) {
        fprintf(w->out, "    for (int e = 0; e < %" PRId64 "; ++e) {\n", node->features);
        return 8;
    }
    fprintf(w->out,
            "    for (int p = 0; p < %" PRId64 "; ++p)\n"
            "        for (int f = 0; f < %" PRId64 "; ++f) {\n"
            "            const int e = p * %" PRId64 " + f;\n",
            node->positions, node->features, node->features);
    return 12;
}

/* Cast v, store it, end loop and function. */
static void end_loop(nib_c_writer *w, int index, const nib_c_cast *cast, int indent)
{
    nib_c_cast_code(w, cast, indent);
    fprintf(w->out, "%*sy[e] = (%s)v;\n%*s}\n}\n\n", indent, "", nib_c_tensor_type(w, index), indent - 4, "");
}

static bool is_zero(const nib_fix_span *span)
{
    return span->low == 0 && span->high == 0;
}

/* Room for what is known before the casts of a node: [features], or [elements]. Spans of the features are to
 * be filled in; nib_c_spread copies them to the other positions. */
static nib_fix_span *spans(nib_c_writer *w, const nib_fix_node *node)
{
    return NIB_NEW(w->arena, nib_fix_span, node->positions * node->features);
}

static void spread(const nib_fix_node *node, nib_fix_span *before)
{
    for (int64_t e = node->features; e < node->positions * node->features; ++e)
        before[e] = before[e % node->features];
}

/* ---- Inputs ---- */

/* In float, where 24 bits suffice and no number becomes a denormal on the way: vectors can do it. */
static bool by_float(const nib_c_cast *c)
{
    for (int64_t i = 0; i < c->count; ++i) {
        const nib_fixed *type = &c->type[i];
        const int fraction = nib_fixed_fraction(type);
        if (type->bits > 23 || type->bits < 1 || type->overflow == NIB_OVERFLOW_WRAP || fraction < 0 ||
            fraction > 100)
            return false;
    }
    return true;
}

static const char *const float_rounding[NIB_ROUNDING_COUNT] = {
    [NIB_ROUNDING_TRN] = NULL,
    [NIB_ROUNDING_TRN_ZERO] = "r > 0 && s < 0",
    [NIB_ROUNDING_RND] = "r >= 0.5",
    [NIB_ROUNDING_RND_ZERO] = "r > 0.5 || (r == 0.5 && s < 0)",
    [NIB_ROUNDING_RND_INF] = "r > 0.5 || (r == 0.5 && s > 0)",
    [NIB_ROUNDING_RND_MIN_INF] = "r > 0.5",
    [NIB_ROUNDING_RND_CONV] = "r > 0.5 || (r == 0.5 && (v & 1))",
};

static void print_column(nib_c_writer *w, const nib_c_cast *c, const char *name, bool low)
{
    fprintf(w->out, "static const float %s_%s[%" PRId64 "] = {", c->prefix, name, c->count);
    for (int64_t i = 0; i < c->count; ++i)
        fprintf(w->out, "%s%" PRId64 "%s", i ? ", " : "",
                low ? nib_fixed_lowest(&c->type[i]) : nib_fixed_highest(&c->type[i]), ".0f");
    fprintf(w->out, "};\n");
}

static void input_by_float(nib_c_writer *w, int index, const nib_c_cast *c)
{
    const nib_fix_node *node = &w->net->node[index];
    const nib_rounding rounding = c->type[0].rounding;
    const bool zero = c->type[0].overflow == NIB_OVERFLOW_SAT_ZERO;
    fprintf(w->out, "static const float %s_scale[%" PRId64 "] = {", c->prefix, c->count);
    for (int64_t i = 0; i < c->count; ++i)
        fprintf(w->out, "%s%af", i ? ", " : "", 1 / nib_fixed_step(&c->type[i]));
    fprintf(w->out, "};\n");
    print_column(w, c, "lowest", true);
    print_column(w, c, "highest", false);
    bool aligned = false;
    for (int64_t i = 0; i < c->count; ++i)
        aligned = aligned || c->align[i] != 0;
    if (aligned) {
        fprintf(w->out, "static const int8_t %s_up[%" PRId64 "] = {", c->prefix, c->count);
        for (int64_t i = 0; i < c->count; ++i)
            fprintf(w->out, "%s%d", i ? ", " : "", c->align[i]);
        fprintf(w->out, "};\n");
    }
    nib_c_begin(w, index);
    const int indent = begin_loop(w, node);
    const char *i = c->index, *n = c->prefix;
    fprintf(w->out,
            "%*sconst float x = x0[e] > -0x1p-126f && x0[e] < 0x1p-126f ? 0 : x0[e];\n"
            "%*sfloat s = x == x ? x * %s_scale[%s] : 0; /* denormal numbers and NaN are 0 */\n"
            "%*ss = s < %s_lowest[%s] - 1 ? %s_lowest[%s] - 1 : s > %s_highest[%s] + 1 ? %s_highest[%s] + 1 "
            ": s;\n"
            "%*sint32_t v = (int32_t)s;\n"
            "%*sv -= (float)v > s;\n",
            indent, "", indent, "", n, i, indent, "", n, i, n, i, n, i, n, i, indent, "", indent, "");
    if (float_rounding[rounding])
        fprintf(w->out, "%*sconst double r = (double)s - v;\n%*sv += %s;\n", indent, "", indent, "",
                float_rounding[rounding]);
    fprintf(w->out,
            zero ? "%*sv = v < (int32_t)%s_lowest[%s] || v > (int32_t)%s_highest[%s] ? 0 : v;\n"
                 : "%*sv = v < (int32_t)%s_lowest[%s] ? (int32_t)%s_lowest[%s] : v;\n",
            indent, "", n, i, n, i);
    if (!zero)
        fprintf(w->out, "%*sv = v > (int32_t)%s_highest[%s] ? (int32_t)%s_highest[%s] : v;\n", indent, "", n,
                i, n, i);
    fprintf(w->out, "%*sy[e] = (%s)v", indent, "", nib_c_tensor_type(w, index));
    if (aligned)
        fprintf(w->out, " * ((%s)1 << %s_up[%s])", nib_c_tensor_type(w, index), n, i);
    fprintf(w->out, ";\n%*s}\n}\n\n", indent - 4, "");
}

/* From the bits of the float: m 2^e; steps of 2^-F; s places go, or -s come. */
static nib_status input_by_bits(nib_c_writer *w, int index, const nib_c_cast *c, nib_error *err)
{
    static const char *const rounding[NIB_ROUNDING_COUNT] = {
        [NIB_ROUNDING_TRN] = "trn",           [NIB_ROUNDING_TRN_ZERO] = "trn_zero",
        [NIB_ROUNDING_RND] = "rnd",           [NIB_ROUNDING_RND_ZERO] = "rnd_zero",
        [NIB_ROUNDING_RND_INF] = "rnd_inf",   [NIB_ROUNDING_RND_MIN_INF] = "rnd_min_inf",
        [NIB_ROUNDING_RND_CONV] = "rnd_conv",
    };
    static const char *const names[4] = {"fraction", "low", "high", "up"};
    const nib_fix_node *node = &w->net->node[index];
    int64_t *value = NIB_NEW(w->arena, int64_t, c->count);
    if (!value)
        return nib_fail_memory(err, "C source");
    for (int k = 0; k < 4; ++k) {
        for (int64_t i = 0; i < c->count; ++i) {
            const nib_fixed *type = &c->type[i];
            value[i] = type->bits == 0 ? 0
                       : k == 0        ? nib_fixed_fraction(type)
                       : k == 1        ? nib_fixed_lowest(type)
                       : k == 2        ? nib_fixed_highest(type)
                                       : c->align[i];
        }
        nib_c_table(w, nib_arena_printf(w->arena, "%s_%s", c->prefix, names[k]), c->count, value);
    }
    const nib_overflow overflow = c->type[0].overflow;
    const char *n = c->prefix, *i = c->index;
    w->used[NIB_C_FLOAT] = true;
    w->used[NIB_C_ROUND + (int)c->type[0].rounding] = true;
    w->used[overflow == NIB_OVERFLOW_WRAP       ? NIB_C_WRAP
            : overflow == NIB_OVERFLOW_SAT_ZERO ? NIB_C_ZERO
                                                : NIB_C_CLIP] = true;
    nib_c_begin(w, index);
    const int indent = begin_loop(w, node);
    fprintf(w->out,
            "%*sint exponent;\n"
            "%*sint64_t v = float_parts(x0[e], &exponent);\n"
            "%*sconst int64_t low = %s_low[%s], high = %s_high[%s];\n"
            "%*sconst int s = -exponent - %s_fraction[%s];\n"
            "%*sif (s > 0)\n"
            "%*s    v = round_%s(v, s > 62 ? 62 : s);\n"
            "%*selse if (s >= -39)\n"
            "%*s    v *= (int64_t)1 << -s;\n"
            "%*selse if (v != 0)\n",
            indent, "", indent, "", indent, "", n, i, n, i, indent, "", n, i, indent, "", indent, "",
            rounding[c->type[0].rounding], indent, "", indent, "", indent, "");
    if (overflow == NIB_OVERFLOW_WRAP)
        fprintf(w->out,
                "%*s    v = s < -63 ? 0 : wrap((uint64_t)v << -s, low, high);\n"
                "%*sv = wrap((uint64_t)v, low, high);\n",
                indent, "", indent, "");
    else if (overflow == NIB_OVERFLOW_SAT_ZERO)
        fprintf(w->out, "%*s    v = 0;\n%*sv = zero(v, low, high);\n", indent, "", indent, "");
    else
        fprintf(w->out, "%*s    v = v < 0 ? low : high;\n%*sv = clip(v, low, high);\n", indent, "", indent,
                "");
    fprintf(w->out, "%*sy[e] = (%s)(v * ((int64_t)1 << %s_up[%s]));\n%*s}\n}\n\n", indent, "",
            nib_c_tensor_type(w, index), n, i, indent - 4, "");
    return NIB_OK;
}

nib_status nib_c_write_input(nib_c_writer *w, int index, nib_error *err)
{
    const nib_fix_node *node = &w->net->node[index];
    nib_c_cast cast;
    nib_fix_span *before = spans(w, node);
    if (!before)
        return nib_fail_memory(err, "C source");
    NIB_TRY(nib_c_node_cast(w, index, before, &cast, err));
    if (!by_float(&cast))
        return input_by_bits(w, index, &cast, err);
    input_by_float(w, index, &cast);
    return NIB_OK;
}

/* ---- Cast, relu, leaky relu ---- */

static nib_status write_one(nib_c_writer *w, int index, nib_error *err)
{
    const nib_fix_node *node = &w->net->node[index];
    const nib_fix_interval *x = &w->interval[node->input[0]];
    const int shift = node->kind == NIB_FIX_LEAKY_RELU ? node->as.leaky_shift : 0;
    nib_c_cast cast;
    nib_fix_span *before = spans(w, node);
    if (!before)
        return nib_fail_memory(err, "C source");
    for (int64_t f = 0; f < node->features; ++f) {
        before[f] = nib_fix_span_of(x, f);
        before[f].fraction += shift;
        if (before[f].high > 0)
            before[f].high = nib_wide_shift_up(before[f].high, shift);
        if (node->kind == NIB_FIX_RELU)
            before[f].low = 0;
        if (node->kind == NIB_FIX_RELU && before[f].high < 0)
            before[f].high = 0;
    }
    spread(node, before);
    NIB_TRY(nib_c_node_cast(w, index, before, &cast, err));
    NIB_TRY(nib_c_cast_tables(w, &cast, err));
    nib_c_begin(w, index);
    const int indent = begin_loop(w, node);
    const char *type = nib_c_cast_type(&cast);
    if (node->kind == NIB_FIX_CAST)
        fprintf(w->out, "%*s%s v = x0[e];\n", indent, "", type);
    else if (node->kind == NIB_FIX_RELU)
        fprintf(w->out, "%*s%s v = x0[e] > 0 ? x0[e] : 0;\n", indent, "", type);
    else
        fprintf(w->out, "%*s%s v = x0[e];\n%*sv = v > 0 ? v * ((%s)1 << %d) : v;\n", indent, "", type, indent,
                "", type, shift);
    end_loop(w, index, &cast, indent);
    return NIB_OK;
}

/* ---- Sums ---- */

static nib_fix_span hull(const nib_c_writer *w, int node)
{
    nib_fix_span all = nib_fix_span_of(&w->interval[node], 0);
    for (int64_t f = 1; f < w->net->node[node].features; ++f)
        all = nib_fix_span_join(all, nib_fix_span_of(&w->interval[node], f));
    return all;
}

static nib_status write_add(nib_c_writer *w, int index, nib_error *err)
{
    const nib_fix_node *node = &w->net->node[index];
    nib_c_cast cast;
    nib_fix_span *before = spans(w, node);
    bool first = true;
    int fraction = 0;
    if (!before)
        return nib_fail_memory(err, "C source");
    for (int k = 0; k < node->n_inputs; ++k) {
        const nib_fix_span all = hull(w, node->input[k]);
        if (!is_zero(&all) && (first || all.fraction > fraction)) {
            fraction = all.fraction;
            first = false;
        }
    }
    for (int64_t f = 0; f < node->features; ++f) {
        before[f] = (nib_fix_span){0, 0, fraction};
        for (int k = 0; k < node->n_inputs; ++k) {
            const nib_fix_span own = nib_fix_span_of(&w->interval[node->input[k]], f);
            if (!is_zero(&own))
                before[f] = nib_fix_span_plus(before[f], own);
        }
    }
    spread(node, before);
    NIB_TRY(nib_c_node_cast(w, index, before, &cast, err));
    for (int k = 0; k < node->n_inputs; ++k) { /* up to 8 terms of both signs */
        const nib_fix_span own = hull(w, node->input[k]);
        if (!is_zero(&own))
            nib_c_cast_widen(w, &cast, nib_c_span_bits(&own) + fraction - own.fraction + 3);
    }
    NIB_TRY(nib_c_cast_tables(w, &cast, err));
    nib_c_begin(w, index);
    const int indent = begin_loop(w, node);
    fprintf(w->out, "%*s%s v = 0;\n", indent, "", nib_c_cast_type(&cast));
    for (int k = 0; k < node->n_inputs; ++k) {
        const nib_fix_span own = hull(w, node->input[k]);
        const int shift = is_zero(&own) ? 0 : fraction - own.fraction;
        fprintf(w->out, "%*sv += x%d[e] * ((%s)1 << %d);\n", indent, "", k, nib_c_cast_type(&cast), shift);
    }
    end_loop(w, index, &cast, indent);
    return NIB_OK;
}

static nib_status write_concat(nib_c_writer *w, int index, nib_error *err)
{
    const nib_fix_node *node = &w->net->node[index];
    nib_c_cast cast;
    nib_fix_span *before = spans(w, node);
    if (!before)
        return nib_fail_memory(err, "C source");
    int64_t begin = 0;
    for (int k = 0; k < node->n_inputs; ++k)
        for (int64_t f = 0; f < w->net->node[node->input[k]].features; ++f)
            before[begin++] = nib_fix_span_of(&w->interval[node->input[k]], f);
    spread(node, before);
    NIB_TRY(nib_c_node_cast(w, index, before, &cast, err));
    if (!nib_c_each_element(node))
        cast.index = "f";
    NIB_TRY(nib_c_cast_tables(w, &cast, err));
    nib_c_begin(w, index);
    fprintf(w->out, "    for (int p = 0; p < %" PRId64 "; ++p) {\n", node->positions);
    begin = 0;
    for (int k = 0; k < node->n_inputs; ++k) {
        const int64_t n = w->net->node[node->input[k]].features;
        fprintf(w->out,
                "        for (int f = %" PRId64 "; f < %" PRId64 "; ++f) {\n"
                "            const int e = p * %" PRId64 " + f;\n"
                "            %s v = x%d[p * %" PRId64 " + f - %" PRId64 "];\n",
                begin, begin + n, node->features, nib_c_cast_type(&cast), k, n, begin);
        nib_c_cast_code(w, &cast, 12);
        fprintf(w->out, "            y[e] = (%s)v;\n        }\n", nib_c_tensor_type(w, index));
        begin += n;
    }
    fprintf(w->out, "    }\n}\n\n");
    return NIB_OK;
}

/* ---- Scale ---- */

/* x code 2^up + shift 2^shift_up, for each feature. */
typedef struct scaling {
    int64_t *code, *up, *shift, *shift_up; /* [features] */
} scaling;

static void plan_scale(const nib_fix_scale *scale, int64_t f, nib_fix_span x, const scaling *s,
                       nib_fix_span *before)
{
    const nib_fixed factor = nib_fix_type_at(&scale->scale.type, f);
    const nib_fixed shift = nib_fix_type_at(&scale->shift.type, f);
    nib_fix_span product = {0}, add = {0};
    s->code[f] = is_zero(&x) ? 0 : scale->scale.code[f];
    s->shift[f] = scale->shift.code[f];
    if (s->code[f])
        product = nib_fix_span_times(x, s->code[f], nib_fixed_fraction(&factor));
    if (s->shift[f])
        add = (nib_fix_span){s->shift[f], s->shift[f], nib_fixed_fraction(&shift)};
    if (s->code[f] && s->shift[f]) {
        *before = nib_fix_span_plus(product, add);
        s->up[f] = before->fraction - product.fraction;
        s->shift_up[f] = before->fraction - add.fraction;
    } else {
        *before = s->code[f] ? product : add;
    }
}

static nib_status write_scale(nib_c_writer *w, int index, nib_error *err)
{
    const nib_fix_node *node = &w->net->node[index];
    const int64_t n = node->features;
    nib_c_cast cast;
    nib_fix_span *before = spans(w, node);
    int64_t *numbers = NIB_NEW(w->arena, int64_t, 4 * n);
    if (!before || !numbers)
        return nib_fail_memory(err, "C source");
    const scaling s = {numbers, numbers + n, numbers + 2 * n, numbers + 3 * n};
    static const char *const names[4] = {"scale", "scale_up", "shift", "shift_up"};
    for (int64_t f = 0; f < n; ++f)
        plan_scale(&node->as.scale, f, nib_fix_span_of(&w->interval[node->input[0]], f), &s, &before[f]);
    spread(node, before);
    NIB_TRY(nib_c_node_cast(w, index, before, &cast, err));
    /* The terms may be larger than their sum. */
    for (int64_t f = 0; f < n; ++f) {
        const nib_fix_span x = nib_fix_span_of(&w->interval[node->input[0]], f);
        nib_c_cast_widen(w, &cast, nib_c_span_bits(&x) + nib_wide_width(s.code[f]) + (int)s.up[f] + 1);
        nib_c_cast_widen(w, &cast, nib_wide_width(s.shift[f]) + (int)s.shift_up[f] + 1);
    }
    NIB_TRY(nib_c_cast_tables(w, &cast, err));
    for (int k = 0; k < 4; ++k)
        nib_c_table(w, nib_arena_printf(w->arena, "n%d_%s", index, names[k]), n, numbers + k * n);
    nib_c_begin(w, index);
    const int indent = begin_loop(w, node);
    const char *type = nib_c_cast_type(&cast), *f = node->positions == 1 ? "e" : "f";
    fprintf(w->out, "%*s%s v = (%s)x0[e] * n%d_scale[%s] * ((%s)1 << n%d_scale_up[%s]);\n", indent, "", type,
            type, index, f, type, index, f);
    fprintf(w->out, "%*sv += n%d_shift[%s] * ((%s)1 << n%d_shift_up[%s]);\n", indent, "", index, f, type,
            index, f);
    end_loop(w, index, &cast, indent);
    return NIB_OK;
}

/* ---- Tables, other shapes ---- */

static nib_status write_table(nib_c_writer *w, int index)
{
    const nib_fix_node *node = &w->net->node[index];
    const nib_fix_table *table = &node->as.table;
    nib_c_table(w, nib_arena_printf(w->arena, "n%d_table", index), table->size, table->code);
    nib_c_begin(w, index);
    fprintf(w->out,
            "    for (int e = 0; e < %" PRId64 "; ++e)\n"
            "        y[e] = n%d_table[(uint32_t)x0[e] & %" PRId64 "];\n}\n\n",
            node->positions * node->features, index, table->size - 1);
    return NIB_OK;
}

static nib_status write_reshape(nib_c_writer *w, int index)
{
    const nib_fix_node *node = &w->net->node[index];
    nib_c_begin(w, index);
    fprintf(w->out, "    for (int e = 0; e < %" PRId64 "; ++e)\n        y[e] = (%s)x0[e];\n}\n\n",
            node->positions * node->features, nib_c_tensor_type(w, index));
    return NIB_OK;
}

nib_status nib_c_write_node(nib_c_writer *w, int index, nib_error *err)
{
    switch (w->net->node[index].kind) {
    case NIB_FIX_INPUT:
        return nib_c_write_input(w, index, err);
    case NIB_FIX_CAST:
    case NIB_FIX_RELU:
    case NIB_FIX_LEAKY_RELU:
        return write_one(w, index, err);
    case NIB_FIX_DENSE:
        return nib_c_write_dense(w, index, err);
    case NIB_FIX_ADD:
        return write_add(w, index, err);
    case NIB_FIX_CONCAT:
        return write_concat(w, index, err);
    case NIB_FIX_TABLE:
        return write_table(w, index);
    case NIB_FIX_SOFTMAX:
        return nib_c_write_softmax(w, index, err);
    case NIB_FIX_POOL:
        return nib_c_write_pool(w, index, err);
    case NIB_FIX_SCALE:
        return write_scale(w, index, err);
    case NIB_FIX_RESHAPE:
        return write_reshape(w, index);
    case NIB_FIX_KIND_COUNT:
        break;
    }
    assert(false && "a kind of the closed set");
    return NIB_OK;
}
