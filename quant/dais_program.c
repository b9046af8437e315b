#include "quant/dais_program.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "quant/wide.h"

enum { FIRST_OPS = 1024, FIRST_TABLES = 8, MOST_BITS = 53 /* intervals are doubles */ };

static int bits_of(const nib_dais_number *x)
{
    const int below = x->low < 0 ? nib_wide_width((nib_wide)x->low + 1) + 1 : 0;
    const int above = nib_wide_width(x->high) + (x->low < 0);
    return below > above ? below : above;
}

/* Wires need a bit: a number that is always the same is a constant, and 0 is one of a bit. */
static nib_dais_op settled(nib_dais_op op)
{
    if (op.out.low != op.out.high || op.code == NIB_DAIS_INPUT)
        return op;
    return (nib_dais_op){.id0 = -1, .id1 = -1, .data = op.out.low, .code = NIB_DAIS_CONSTANT, .out = op.out};
}

static nib_dais_number append(nib_dais_program *p, nib_dais_op op)
{
    op = settled(op);
    if (p->count == p->capacity) {
        const int64_t capacity = p->capacity ? 2 * p->capacity : FIRST_OPS;
        nib_dais_op *ops = NIB_NEW(p->arena, nib_dais_op, capacity);
        if (!ops) {
            p->failed = true;
            return (nib_dais_number){0};
        }
        if (p->count)
            memcpy(ops, p->op, (size_t)p->count * sizeof *ops);
        p->op = ops;
        p->capacity = capacity;
    }
    if (bits_of(&op.out) > MOST_BITS)
        p->failed = p->says_wide = true;
    op.out.id = p->count;
    p->op[p->count++] = op;
    return op.out;
}

static int latency_of(const nib_dais_program *p, nib_dais_number x)
{
    return p->failed ? 0 : p->op[x.id].latency;
}

static int later(int a, int b)
{
    return a > b ? a : b;
}

/* A code at another step; beyond 62 bits the program has failed. */
static int64_t shifted(nib_dais_program *p, int64_t code, int shift)
{
    const nib_wide wide = nib_wide_shift_up(code, shift);
    if (nib_wide_width(wide) > 61) {
        p->failed = p->says_wide = true;
        return 0;
    }
    return (int64_t)wide;
}

nib_dais_number nib_dais_input(nib_dais_program *p, int64_t index, const nib_fixed *type)
{
    const int64_t low = nib_fixed_lowest(type), high = nib_fixed_highest(type);
    return append(p, (nib_dais_op){.id0 = index,
                                   .id1 = -1,
                                   .code = NIB_DAIS_INPUT,
                                   .out = {.low = low, .high = high, .fraction = nib_fixed_fraction(type)}});
}

nib_dais_number nib_dais_constant(nib_dais_program *p, int64_t code, int fraction)
{
    return append(p, (nib_dais_op){.id0 = -1,
                                   .id1 = -1,
                                   .data = code,
                                   .code = NIB_DAIS_CONSTANT,
                                   .out = {.low = code, .high = code, .fraction = fraction}});
}

nib_dais_number nib_dais_add(nib_dais_program *p, nib_dais_number a, nib_dais_number b, int shift,
                             bool subtract)
{
    const int fb = b.fraction - shift, f = a.fraction > fb ? a.fraction : fb;
    const int64_t al = shifted(p, a.low, f - a.fraction), ah = shifted(p, a.high, f - a.fraction);
    const int64_t bl = shifted(p, b.low, f - fb), bh = shifted(p, b.high, f - fb);
    nib_dais_op op = {
        .id0 = a.id,
        .id1 = b.id,
        .data = shift,
        .code = subtract ? NIB_DAIS_SUBTRACT : NIB_DAIS_ADD,
        .out = {.low = subtract ? al - bh : al + bl, .high = subtract ? ah - bl : ah + bh, .fraction = f},
        .latency = later(latency_of(p, a), latency_of(p, b)) + 1};
    op.cost = bits_of(&op.out);
    return append(p, op);
}

static nib_dais_number add_constant(nib_dais_program *p, nib_dais_number a, int64_t code, int fraction)
{
    if (code == 0)
        return a;
    const int f = a.fraction > fraction ? a.fraction : fraction;
    const int64_t c = shifted(p, code, f - fraction);
    nib_dais_op op = {.id0 = a.id,
                      .id1 = -1,
                      .data = c,
                      .code = NIB_DAIS_ADD_CONSTANT,
                      .out = {.low = shifted(p, a.low, f - a.fraction) + c,
                              .high = shifted(p, a.high, f - a.fraction) + c,
                              .fraction = f},
                      .latency = latency_of(p, a) + 1};
    op.cost = bits_of(&op.out);
    return append(p, op);
}

nib_dais_number nib_dais_select(nib_dais_program *p, nib_dais_number key, nib_dais_number a,
                                nib_dais_number b)
{
    if (key.low >= 0)
        return b;
    if (key.high < 0)
        return a;
    const int f = a.fraction > b.fraction ? a.fraction : b.fraction;
    const int64_t al = shifted(p, a.low, f - a.fraction), ah = shifted(p, a.high, f - a.fraction);
    const int64_t bl = shifted(p, b.low, f - b.fraction), bh = shifted(p, b.high, f - b.fraction);
    nib_dais_op op = {.id0 = a.id,
                      .id1 = b.id,
                      .data = key.id,
                      .code = NIB_DAIS_SELECT,
                      .out = {.low = al < bl ? al : bl, .high = ah > bh ? ah : bh, .fraction = f},
                      .latency = later(latency_of(p, key), later(latency_of(p, a), latency_of(p, b))) + 1};
    op.cost = (bits_of(&op.out) + 1) / 2;
    return append(p, op);
}

nib_dais_number nib_dais_relu(nib_dais_program *p, nib_dais_number x)
{
    if (x.low >= 0)
        return x;
    if (x.high <= 0)
        return nib_dais_constant(p, 0, 0);
    nib_dais_op op = {.id0 = x.id,
                      .id1 = -1,
                      .code = NIB_DAIS_RELU,
                      .out = {.low = 0, .high = x.high, .fraction = x.fraction},
                      .latency = latency_of(p, x)};
    op.cost = bits_of(&op.out);
    return append(p, op);
}

/* ---- Sums of products with constants ---- */

/* number * 2^shift, negated or not. */
typedef struct term {
    nib_dais_number number;
    int shift;
    bool negative;
} term;

static term join(nib_dais_program *p, term a, term b)
{
    if (a.negative && !b.negative) {
        const term other = a;
        a = b;
        b = other;
    }
    return (term){nib_dais_add(p, a.number, b.number, b.shift - a.shift, a.negative != b.negative), a.shift,
                  a.negative};
}

/* Neighbours first: the depth is the logarithm of the count. */
static term join_all(nib_dais_program *p, term *t, int64_t n)
{
    while (n > 1) {
        int64_t kept = 0;
        for (int64_t i = 0; i < n; i += 2)
            t[kept++] = i + 1 < n ? join(p, t[i], t[i + 1]) : t[i];
        n = kept;
    }
    return t[0];
}

/* Terms of x * code * 2^-fraction, one for each digit of the canonical signed form. */
static int64_t digits(nib_dais_number x, int64_t code, int fraction, term *t)
{
    int64_t n = 0;
    for (int shift = -fraction; code; shift++) {
        if (code & 1) {
            const int64_t digit = 2 - (code & 3);
            t[n++] = (term){x, shift, digit < 0};
            code -= digit;
        }
        code /= 2;
    }
    return n;
}

nib_dais_number nib_dais_sum(nib_dais_program *p, int64_t n, const nib_dais_number *a, const int64_t *code,
                             const int *fraction, int64_t constant, int constant_fraction)
{
    enum { MOST_DIGITS = 33 };
    term *t = NIB_NEW(p->arena, term, n * MOST_DIGITS);
    int64_t count = 0;
    if (!t) {
        p->failed = true;
        return (nib_dais_number){0};
    }
    for (int64_t i = 0; i < n; i++)
        count += digits(a[i], code[i], fraction[i], t + count);
    if (count == 0)
        return nib_dais_constant(p, constant, constant_fraction);
    const term all = join_all(p, t, count);
    if (constant == 0 && all.shift == 0 && !all.negative)
        return all.number;
    return nib_dais_add(p, nib_dais_constant(p, constant, constant_fraction), all.number, all.shift,
                        all.negative);
}

nib_dais_number nib_dais_times(nib_dais_program *p, nib_dais_number a, int64_t code, int fraction)
{
    return nib_dais_sum(p, 1, &a, &code, &fraction, 0, 0);
}

/* ---- Casts ---- */

static nib_dais_number quantize(nib_dais_program *p, nib_dais_number x, int64_t low, int64_t high,
                                int fraction)
{
    return append(p, (nib_dais_op){.id0 = x.id,
                                   .id1 = -1,
                                   .code = NIB_DAIS_QUANTIZE,
                                   .out = {.low = low, .high = high, .fraction = fraction},
                                   .latency = latency_of(p, x)});
}

/* floor to a coarser step, nothing lost above. */
static nib_dais_number down(nib_dais_program *p, nib_dais_number x, int fraction)
{
    const int drop = x.fraction - fraction;
    const int64_t low = (int64_t)nib_wide_round(NIB_ROUNDING_TRN, x.low, drop);
    const int64_t high = (int64_t)nib_wide_round(NIB_ROUNDING_TRN, x.high, drop);
    return quantize(p, x, low, high, fraction);
}

/* What is added before the floor, in the last places of x; ties: to_even adds the last bit that stays. */
static nib_dais_number nudged(nib_dais_program *p, nib_dais_number x, int drop, bool ties_up)
{
    const int64_t half = (int64_t)1 << (drop - 1);
    return add_constant(p, x, ties_up ? half : half - 1, x.fraction);
}

static nib_dais_number half_even(nib_dais_program *p, nib_dais_number x, int drop, int fraction)
{
    const nib_dais_number last = quantize(p, x, 0, 1, fraction); /* the last bit that stays */
    return nib_dais_add(p, nudged(p, x, drop, false), last, -drop, false);
}

static nib_dais_number rounded(nib_dais_program *p, nib_dais_number x, nib_rounding rounding, int fraction)
{
    const int drop = x.fraction - fraction;
    if (drop <= 0)
        return x;
    if (drop > MOST_BITS) { /* nothing stays but a sign */
        p->failed = p->says_wide = true;
        return x;
    }
    switch (rounding) {
    case NIB_ROUNDING_TRN:
        break;
    case NIB_ROUNDING_TRN_ZERO:
        x = nib_dais_select(p, x, add_constant(p, x, ((int64_t)1 << drop) - 1, x.fraction), x);
        break;
    case NIB_ROUNDING_RND:
        x = nudged(p, x, drop, true);
        break;
    case NIB_ROUNDING_RND_MIN_INF:
        x = nudged(p, x, drop, false);
        break;
    case NIB_ROUNDING_RND_ZERO:
        x = nib_dais_select(p, x, nudged(p, x, drop, true), nudged(p, x, drop, false));
        break;
    case NIB_ROUNDING_RND_INF:
        x = nib_dais_select(p, x, nudged(p, x, drop, false), nudged(p, x, drop, true));
        break;
    case NIB_ROUNDING_RND_CONV:
        x = half_even(p, x, drop, fraction);
        break;
    case NIB_ROUNDING_COUNT:
        break;
    }
    return down(p, x, fraction);
}

/* Out of low to high: the ends, or 0. x is at the type's step. */
static nib_dais_number clamped(nib_dais_program *p, nib_dais_number x, int64_t low, int64_t high,
                               bool to_zero)
{
    nib_dais_number y = x;
    if (x.high > high) {
        const nib_dais_number top = nib_dais_constant(p, high, x.fraction);
        const nib_dais_number room = nib_dais_add(p, top, x, 0, true);
        y = nib_dais_select(p, room, to_zero ? nib_dais_constant(p, 0, x.fraction) : top, y);
        if (y.high > high)
            y = quantize(p, y, y.low, high, x.fraction);
    }
    if (x.low < low) {
        const nib_dais_number bottom = nib_dais_constant(p, low, x.fraction);
        const nib_dais_number room = nib_dais_add(p, x, bottom, 0, true);
        y = nib_dais_select(p, room, to_zero ? nib_dais_constant(p, 0, x.fraction) : bottom, y);
        if (y.low < low)
            y = quantize(p, y, low, y.high, x.fraction);
    }
    return y;
}

nib_dais_number nib_dais_cast(nib_dais_program *p, nib_dais_number x, const nib_fixed *type)
{
    if (type->bits == 0)
        return nib_dais_constant(p, 0, 0);
    const int fraction = nib_fixed_fraction(type);
    const int64_t low = nib_fixed_lowest(type), high = nib_fixed_highest(type);
    nib_dais_number y = rounded(p, x, type->rounding, fraction);
    if (p->failed)
        return y;
    /* A coarser x keeps its step: its limits are the type's at that step. */
    const int up = fraction - y.fraction;
    if (shifted(p, y.low, up) >= low && shifted(p, y.high, up) <= high)
        return y;
    if (up > 0) { /* at the type's own step, by adding a zero of it */
        y = nib_dais_add(p, nib_dais_constant(p, 0, fraction), y, 0, false);
    }
    if (type->overflow == NIB_OVERFLOW_WRAP)
        return quantize(p, y, low, high, fraction);
    return clamped(p, y, low, high, type->overflow == NIB_OVERFLOW_SAT_ZERO);
}

nib_dais_number nib_dais_lookup(nib_dais_program *p, nib_dais_number x, const nib_fixed *from,
                                const int64_t *code, const nib_fixed *to)
{
    const int64_t size = (int64_t)1 << from->bits;
    if (p->n_tables == p->table_capacity) {
        const int capacity = p->table_capacity ? 2 * p->table_capacity : FIRST_TABLES;
        nib_dais_table *tables = NIB_NEW(p->arena, nib_dais_table, capacity);
        if (tables && p->n_tables)
            memcpy(tables, p->table, (size_t)p->n_tables * sizeof *tables);
        p->table = tables;
        p->table_capacity = capacity;
    }
    int64_t *sorted = NIB_NEW(p->arena, int64_t, size);
    if (!p->table || !sorted) {
        p->failed = true;
        return x;
    }
    nib_dais_table *t = &p->table[p->n_tables];
    *t = (nib_dais_table){.size = size,
                          .code = sorted,
                          .fraction = nib_fixed_fraction(to),
                          .input_bits = from->bits,
                          .low = INT64_MAX,
                          .high = INT64_MIN};
    const int64_t lowest = from->is_signed ? -(size / 2) : 0;
    for (int64_t i = 0; i < size; i++) {
        const int64_t y = code[(lowest + i) & (size - 1)];
        sorted[i] = y;
        t->low = y < t->low ? y : t->low;
        t->high = y > t->high ? y : t->high;
    }
    /* The whole type, so that the table has an entry for each of its codes. */
    const nib_dais_number whole = quantize(p, x, lowest, lowest + size - 1, nib_fixed_fraction(from));
    return append(p, (nib_dais_op){.id0 = whole.id,
                                   .id1 = -1,
                                   .data = p->n_tables++,
                                   .code = NIB_DAIS_LOOKUP,
                                   .out = {.low = t->low, .high = t->high, .fraction = t->fraction},
                                   .latency = latency_of(p, x) + 1,
                                   .cost = from->bits});
}

/* ---- Text ---- */

static void put_interval(FILE *out, int64_t low, int64_t high, int fraction)
{
    fprintf(out, "%.17g, %.17g, %.17g", ldexp((double)low, -fraction), ldexp((double)high, -fraction),
            ldexp(1, -fraction));
}

static void put_list(FILE *out, int64_t n, const char *word)
{
    for (int64_t i = 0; i < n; i++)
        fprintf(out, "%s%s", i ? ", " : "", word);
}

static void put_table(FILE *out, const nib_dais_table *t, int index)
{
    fprintf(
        out,
        "{\"spec\": {\"hash\": \"table%d\", \"out_qint\": {\"min\": %.17g, \"max\": %.17g, \"step\": %.17g}, "
        "\"inp_width\": %d}, \"table\": [",
        index, ldexp((double)t->low, -t->fraction), ldexp((double)t->high, -t->fraction),
        ldexp(1, -t->fraction), t->input_bits);
    for (int64_t i = 0; i < t->size; i++)
        fprintf(out, "%s%" PRId64, i ? ", " : "", t->code[i]);
    fprintf(out, "]}");
}

static void put_program(FILE *out, const nib_dais_program *p, int64_t n_in, int64_t n_out,
                        const nib_dais_number *y)
{
    fprintf(out, "[[%" PRId64 ", %" PRId64 "], [", n_in, n_out);
    put_list(out, n_in, "0");
    fprintf(out, "], [");
    for (int64_t i = 0; i < n_out; i++)
        fprintf(out, "%s%" PRId64, i ? ", " : "", y[i].id);
    fprintf(out, "], [");
    put_list(out, n_out, "0");
    fprintf(out, "], [");
    put_list(out, n_out, "false");
    fprintf(out, "], [");
    for (int64_t i = 0; i < p->count; i++) {
        const nib_dais_op *op = &p->op[i];
        fprintf(out, "%s[%" PRId64 ", %" PRId64 ", %d, %" PRId64 ", [", i ? ",\n" : "", op->id0, op->id1,
                op->code, op->data);
        const bool is_zero = op->out.low == 0 && op->out.high == 0;
        put_interval(out, op->out.low, is_zero ? 1 : op->out.high, op->out.fraction);
        fprintf(out, "], %d.0, %d.0]", op->latency, op->cost);
    }
    fprintf(out, "], -1, 1");
    for (int i = 0; i < p->n_tables; i++) {
        fprintf(out, "%s", i ? ",\n" : ", [");
        put_table(out, &p->table[i], i);
    }
    fprintf(out, "%s]\n", p->n_tables ? "]" : "");
}

nib_status nib_dais_print(const nib_dais_program *p, int64_t n_in, int64_t n_out, const nib_dais_number *out,
                          const char **text, nib_error *err)
{
    char *buffer = NULL;
    size_t bytes = 0;
    FILE *stream = open_memstream(&buffer, &bytes);
    if (!stream)
        return nib_fail_memory(err, "DAIS program");
    put_program(stream, p, n_in, n_out, out);
    const bool ok = fclose(stream) == 0;
    *text = ok ? nib_arena_strdup(p->arena, buffer) : NULL;
    free(buffer);
    return *text ? NIB_OK : nib_fail_memory(err, "DAIS program");
}
