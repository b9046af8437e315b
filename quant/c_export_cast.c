/** Casts as C. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "quant/c_export_internal.h"

static const char *const rounding_function[NIB_ROUNDING_COUNT] = {
    [NIB_ROUNDING_TRN] = "round_trn",           [NIB_ROUNDING_TRN_ZERO] = "round_trn_zero",
    [NIB_ROUNDING_RND] = "round_rnd",           [NIB_ROUNDING_RND_ZERO] = "round_rnd_zero",
    [NIB_ROUNDING_RND_INF] = "round_rnd_inf",   [NIB_ROUNDING_RND_MIN_INF] = "round_rnd_min_inf",
    [NIB_ROUNDING_RND_CONV] = "round_rnd_conv",
};

/* ---- Tables ---- */

static const char *narrowest(int64_t count, const int64_t *value)
{
    int64_t low = 0, high = 0;
    for (int64_t i = 0; i < count; ++i) {
        low = value[i] < low ? value[i] : low;
        high = value[i] > high ? value[i] : high;
    }
    if (low >= INT8_MIN && high <= INT8_MAX)
        return "int8_t";
    if (low >= INT16_MIN && high <= INT16_MAX)
        return "int16_t";
    return low >= INT32_MIN && high <= INT32_MAX ? "int32_t" : "int64_t";
}

static void print_number(FILE *out, int64_t value)
{
    if (value >= INT32_MIN && value <= INT32_MAX)
        fprintf(out, "%" PRId64, value);
    else
        fprintf(out, "INT64_C(%" PRId64 ")", value);
}

void nib_c_table(nib_c_writer *w, const char *name, int64_t count, const int64_t *value)
{
    enum { PER_LINE = 20 };
    fprintf(w->out, "static const %s %s[%" PRId64 "] = {", narrowest(count, value), name, count);
    for (int64_t i = 0; i < count; ++i) {
        fprintf(w->out, "%s", i == 0 ? "" : i % PER_LINE ? ", " : ",\n    ");
        print_number(w->out, value[i]);
    }
    fprintf(w->out, "};\n");
}

/* ---- What the casts of a node do ---- */

typedef enum column { UP, DOWN, LOW, HIGH, ALIGN, COLUMNS } column;
static const char *const column_name[COLUMNS] = {"up", "down", "low", "high", "align"};

static bool passes(const nib_c_cast *c, int64_t i)
{
    const nib_fixed *type = &c->type[i];
    if (type->bits == 0)
        return c->before[i].low == 0 && c->before[i].high == 0;
    const int shift = c->before[i].fraction - nib_fixed_fraction(type);
    return nib_wide_round(type->rounding, c->before[i].low, shift) >= nib_fixed_lowest(type) &&
           nib_wide_round(type->rounding, c->before[i].high, shift) <= nib_fixed_highest(type);
}

static int shift_of(const nib_c_cast *c, int64_t i)
{
    const bool nothing = c->type[i].bits == 0 || (c->before[i].low == 0 && c->before[i].high == 0);
    return nothing ? 0 : c->before[i].fraction - nib_fixed_fraction(&c->type[i]);
}

static int64_t number(const nib_c_cast *c, column which, int64_t i)
{
    const int shift = shift_of(c, i), most_down = c->wide ? NIB_WIDE_BITS + 1 : NIB_C_MOST_SHIFT;
    const bool removed = c->type[i].bits == 0;
    switch (which) {
    case UP: /* 2^64 times anything but 0 is beyond every type, and has no low bits */
        return shift >= 0 ? 0 : -shift > 64 ? 64 : -shift;
    case DOWN:
        return shift <= 0 ? 0 : shift > most_down ? most_down : shift;
    case LOW:
        return removed ? 0 : nib_fixed_lowest(&c->type[i]);
    case HIGH:
        return removed ? 0 : nib_fixed_highest(&c->type[i]);
    case ALIGN:
        return c->align && !removed ? c->align[i] : 0;
    case COLUMNS:
        break;
    }
    return 0;
}

static void column_range(const nib_c_cast *c, column which, int64_t *low, int64_t *high)
{
    *low = *high = number(c, which, 0);
    for (int64_t i = 1; i < c->count; ++i) {
        const int64_t n = number(c, which, i);
        *low = n < *low ? n : *low;
        *high = n > *high ? n : *high;
    }
}

static bool constant(const nib_c_cast *c, column which)
{
    int64_t low, high;
    column_range(c, which, &low, &high);
    return low == high;
}

static bool all_pass(const nib_c_cast *c)
{
    for (int64_t i = 0; i < c->count; ++i)
        if (!passes(c, i))
            return false;
    return true;
}

static bool any(const nib_c_cast *c, column which)
{
    int64_t low, high;
    column_range(c, which, &low, &high);
    return low != 0 || high != 0;
}

static bool needs(const nib_c_cast *c, column which)
{
    return which == LOW || which == HIGH ? !all_pass(c) : any(c, which);
}

int nib_c_span_bits(const nib_fix_span *span)
{
    const int low = nib_wide_width(span->low), high = nib_wide_width(span->high);
    return low > high ? low : high;
}

void nib_c_cast_plan(nib_c_writer *w, nib_c_cast *c)
{
    int most = 0;
    for (int64_t i = 0; i < c->count; ++i) {
        const int own = nib_c_span_bits(&c->before[i]) + (int)number(c, UP, i);
        most = own > most ? own : most;
    }
    c->wide = false;
    nib_c_cast_widen(w, c, most);
}

void nib_c_cast_widen(nib_c_writer *w, nib_c_cast *c, int bits)
{
    if (bits <= NIB_C_BITS)
        return;
    c->wide = true;
    w->used[NIB_C_WIDE] = true;
}

const char *nib_c_cast_type(const nib_c_cast *c)
{
    return c->wide ? "wide" : "int64_t";
}

nib_status nib_c_cast_tables(nib_c_writer *w, const nib_c_cast *c, nib_error *err)
{
    int64_t *value = NIB_NEW(w->arena, int64_t, c->count);
    if (!value)
        return nib_fail_memory(err, "C source");
    for (column k = UP; k < COLUMNS; ++k) {
        char name[64];
        if (!needs(c, k) || constant(c, k))
            continue;
        for (int64_t i = 0; i < c->count; ++i)
            value[i] = number(c, k, i);
        (void)snprintf(name, sizeof name, "%s_%s", c->prefix, column_name[k]);
        nib_c_table(w, name, c->count, value);
    }
    return NIB_OK;
}

static const char *term(const nib_c_cast *c, column which, char *text, size_t bytes)
{
    if (!constant(c, which)) {
        (void)snprintf(text, bytes, "%s_%s[%s]", c->prefix, column_name[which], c->index);
        return text;
    }
    const int64_t n = number(c, which, 0);
    const bool narrow = n >= INT32_MIN && n <= INT32_MAX;
    (void)snprintf(text, bytes, narrow ? "%" PRId64 : "INT64_C(%" PRId64 ")", n);
    return text;
}

static void up_code(nib_c_writer *w, const nib_c_cast *c, int indent)
{
    char text[96];
    (void)term(c, UP, text, sizeof text);
    if (!c->wide) {
        fprintf(w->out, "%*sv *= (int64_t)1 << %s;\n", indent, "", text);
    } else if (c->type[0].overflow == NIB_OVERFLOW_WRAP) {
        /* The low 64 bits are all that counts; up to 64 places leave nothing of them. */
        fprintf(w->out, "%*sv = (wide)((wide_bits)v << %s);\n", indent, "", text);
    } else {
        w->used[NIB_C_UP_WIDE] = true;
        fprintf(w->out, "%*sv = up_wide(v, %s);\n", indent, "", text);
    }
}

static void down_code(nib_c_writer *w, const nib_c_cast *c, int indent)
{
    char text[96];
    int64_t low, high;
    column_range(c, DOWN, &low, &high);
    (void)term(c, DOWN, text, sizeof text);
    const nib_rounding rounding = c->type[0].rounding;
    w->used[(int)(c->wide ? NIB_C_ROUND_WIDE : NIB_C_ROUND) + (int)rounding] = true;
    fprintf(w->out, "%*sv = ", indent, "");
    if (low == 0)
        fprintf(w->out, "%s == 0 ? v : ", text);
    fprintf(w->out, "%s%s(v, %s);\n", rounding_function[rounding], c->wide ? "_wide" : "", text);
}

static void overflow_code(nib_c_writer *w, const nib_c_cast *c, int indent)
{
    char low[96], high[96];
    (void)term(c, LOW, low, sizeof low);
    (void)term(c, HIGH, high, sizeof high);
    const char *suffix = c->wide ? "_wide" : "";
    switch (c->type[0].overflow) {
    case NIB_OVERFLOW_WRAP:
        w->used[NIB_C_WRAP] = true;
        fprintf(w->out, "%*sv = wrap((uint64_t)v, %s, %s);\n", indent, "", low, high);
        return;
    case NIB_OVERFLOW_SAT_ZERO:
        w->used[c->wide ? NIB_C_ZERO_WIDE : NIB_C_ZERO] = true;
        fprintf(w->out, "%*sv = zero%s(v, %s, %s);\n", indent, "", suffix, low, high);
        return;
    case NIB_OVERFLOW_SAT:
    case NIB_OVERFLOW_SAT_SYM:
    case NIB_OVERFLOW_COUNT:
        break;
    }
    w->used[c->wide ? NIB_C_CLIP_WIDE : NIB_C_CLIP] = true;
    fprintf(w->out, "%*sv = clip%s(v, %s, %s);\n", indent, "", suffix, low, high);
}

void nib_c_cast_code(nib_c_writer *w, const nib_c_cast *c, int indent)
{
    char text[96];
    if (needs(c, UP))
        up_code(w, c, indent);
    if (needs(c, DOWN))
        down_code(w, c, indent);
    if (needs(c, LOW))
        overflow_code(w, c, indent);
    if (needs(c, ALIGN))
        fprintf(w->out, "%*sv *= (int64_t)1 << %s;\n", indent, "", term(c, ALIGN, text, sizeof text));
}

/* ---- Tensors ---- */

const char *nib_c_tensor_type(const nib_c_writer *w, int node)
{
    const nib_fix_interval *interval = &w->interval[node];
    for (int64_t f = 0; f < w->net->node[node].features; ++f)
        if (interval->low[f] < INT32_MIN || interval->high[f] > INT32_MAX)
            return "int64_t";
    return "int32_t";
}

bool nib_c_each_element(const nib_fix_node *node)
{
    return node->type.count > node->features;
}

nib_status nib_c_node_cast(nib_c_writer *w, int index, const nib_fix_span *before, nib_c_cast *cast,
                           nib_error *err)
{
    const nib_fix_node *node = &w->net->node[index];
    const bool each = nib_c_each_element(node);
    const int64_t count = each ? node->positions * node->features : node->features;
    *cast = (nib_c_cast){.count = count, .before = before, .index = each || node->positions == 1 ? "e" : "f"};
    (void)snprintf(cast->prefix, sizeof cast->prefix, "n%d", index);
    cast->type = NIB_NEW(w->arena, nib_fixed, count);
    cast->align = NIB_NEW(w->arena, int, count);
    if (!cast->type || !cast->align)
        return nib_fail_memory(err, "C source");
    for (int64_t i = 0; i < count; ++i) {
        cast->type[i] = nib_fix_type_at(&node->type, i);
        if (cast->type[i].bits)
            cast->align[i] = w->interval[index].fraction - nib_fixed_fraction(&cast->type[i]);
    }
    nib_c_cast_plan(w, cast);
    return NIB_OK;
}
