/* What quantizers are in hardware: every value lies on the type they say, and where they say that they are a
 * cast to it or one step on a grid, they are, to the last bit. */
#include <criterion/criterion.h>

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/cpu.h"
#include "quant/quantizer.h"
#include "tests/sanitized.h"

enum { COLS = 8, MAX_POINTS = 1 << 19 };

typedef struct points {
    int64_t rows;
    float x[MAX_POINTS], y[MAX_POINTS], dy[MAX_POINTS], dx[MAX_POINTS], again[MAX_POINTS];
} points;

static nib_quantizer_config parse(nib_arena *arena, const char *text)
{
    nib_error err = {0};
    nib_quantizer_config q = {0};
    cr_assert_eq(nib_quantizer_parse(arena, text, &q, &err), NIB_OK, "%s", err.message);
    return q;
}

static nib_quantize_call call_of(const nib_quantizer_config *q, points *p)
{
    return (nib_quantize_call){.options = q->options,
                               .rows = p->rows,
                               .cols = COLS,
                               .stride = COLS,
                               .x = p->x,
                               .y = p->y,
                               .dy = p->dy,
                               .dx = p->dx};
}

static int64_t add(int64_t n, points *p, double x)
{
    const float f = (float)x, near[] = {f, nextafterf(f, INFINITY), nextafterf(f, -INFINITY)};
    for (int i = 0; i < 3; i++)
        if (n < MAX_POINTS && (near[i] == 0.0f || isnormal(near[i])))
            p->x[n++] = near[i];
    return n;
}

/* Every code of `type` and beyond its ends, half and quarter steps, the floats beside them; then other sizes.
 */
static void fill(points *p, const nib_fixed *type)
{
    int64_t n = 0;
    const int bits = type->bits < 14 ? type->bits : 14;
    const int64_t range = (int64_t)1 << bits;
    for (int64_t code = -range - 40; code < range + 40; code++)
        for (int quarter = 0; quarter < 4; quarter++)
            n = add(n, p, ldexp((double)code + 0.25 * quarter, bits - type->bits - nib_fixed_fraction(type)));
    for (int e = -120; e < 120; e++) {
        n = add(n, p, ldexp(1.0, e));
        n = add(n, p, ldexp(-1.3, e));
    }
    p->rows = n / COLS;
    for (int64_t i = 0; i < n; i++)
        p->dy[i] = 1.0f + (float)(i % 5);
}

/* Values that weights have: what a scale is fitted to. */
static void fill_weights(points *p)
{
    p->rows = 64;
    for (int64_t i = 0; i < p->rows * COLS; i++) {
        p->x[i] = sinf((float)i * 1.7f) * ldexpf(1.0f, (int)(i % COLS) - 4);
        p->dy[i] = 1.0f;
    }
    for (int64_t i = 3; i < p->rows * COLS; i += COLS)
        p->x[i] = 0.0f; /* a channel of zeros */
}

static void check_values(const char *text, const points *p, const nib_lowered *lowered)
{
    for (int64_t i = 0; i < p->rows * COLS; i++) {
        nib_fixed type = lowered->type[lowered->n_types > 1 ? i % COLS : 0];
        const double x = (double)(lowered->is_cast ? p->x[i] : p->y[i]);
        const double wanted = type.bits == 0 ? 0.0 : nib_fixed_value(&type, nib_fixed_cast_double(&type, x));
        if ((double)p->y[i] != wanted)
            cr_assert_fail("%s of %a is %a; %s gives %a", text, (double)p->x[i], (double)p->y[i],
                           lowered->is_cast ? "a cast" : "its type", wanted);
    }
}

static void check_grid(const char *text, const nib_quantizer_config *q, points *p)
{
    nib_quantizer_step steps[COLS];
    const int64_t n = nib_quantizer_grid(q, false, COLS, steps);
    cr_assert(n == 0 || n == 1 || n == COLS, "%s: %lld steps", text, (long long)n);
    if (n == 0)
        return;
    nib_quantizer_step training[COLS];
    const bool trains = nib_quantizer_grid(q, true, COLS, training) == n; /* use_ste=False has no gradient */
    for (int64_t i = 0; i < p->rows * COLS; i++) {
        const nib_quantizer_step *step = &steps[n > 1 ? i % COLS : 0];
        nib_grid_apply(&step->grid, 1, &p->x[i], &p->again[i]);
        const float passed = p->x[i] >= step->lowest && p->x[i] <= step->highest ? p->dy[i] : 0.0f;
        if (p->again[i] != p->y[i] || (trains && passed != p->dx[i]))
            cr_assert_fail("%s of %a is %a with the gradient %a; its grid gives %a and %a", text,
                           (double)p->x[i], (double)p->y[i], (double)p->dx[i], (double)p->again[i],
                           (double)passed);
    }
}

static bool check_text(nib_arena *arena, points *p, const char *text)
{
    static const nib_fixed unit = {8, 3, true, NIB_ROUNDING_TRN, NIB_OVERFLOW_SAT};
    const nib_quantizer_config q = parse(arena, text);
    nib_fixed types[COLS];
    nib_lowered lowered = {.type = types};
    nib_error err = {0};
    nib_quantize_call call = call_of(&q, p);
    call.x = NULL;
    const bool of_values = nib_quantizer_lower(&q, &call, &lowered, &err) != NIB_OK;
    if (of_values) {
        fill_weights(p);
        call = call_of(&q, p);
        if (nib_quantizer_lower(&q, &call, &lowered, &err) != NIB_OK) {
            cr_expect(strstr(err.message, "power of two"), "%s: %s", text, err.message);
            return false;
        }
    } else {
        fill(p, types[0].bits > 0 ? &types[0] : &unit);
    }
    call = call_of(&q, p);
    q.type->forward(&call);
    q.type->backward(&call);
    check_values(text, p, &lowered);
    check_grid(text, &q, p);
    return true;
}

Test(lowered_types, values_of_every_case)
{
    nib_cpu_flush_denormals();
    nib_arena *arena = nib_arena_create();
    points *p = NIB_NEW(arena, points, 1);
    int lowered = 0;
    for (int i = 0; i < nib_quantizers_count; i++) {
        bool any = false;
        for (const char *const *text = nib_quantizers[i]->cases; *text; text++)
            any = check_text(arena, p, *text) || any;
        cr_expect(any, "%s: no case of it can be lowered", nib_quantizers[i]->name);
        lowered += any;
    }
    cr_expect_eq(lowered, nib_quantizers_count, "%d quantizers", lowered);
    nib_arena_destroy(arena);
}

Test(lowered_types, widths_and_integers)
{
    nib_cpu_flush_denormals();
    nib_arena *arena = nib_arena_create();
    points *p = NIB_NEW(arena, points, 1);
    static const char *const forms[] = {"quantized_bits(%d,%d)",
                                        "quantized_bits(%d,%d,1)",
                                        "quantized_bits(%d,%d,keep_negative=0)",
                                        "quantized_bits(%d,%d,1,alpha=0.25)",
                                        "quantized_relu(%d,%d)",
                                        "fixed<%d,%d,TRN,WRAP>",
                                        "fixed<%d,%d,RND,SAT_SYM>",
                                        "ufixed<%d,%d,RND_CONV,SAT_ZERO>"};
    char text[80];
    for (size_t f = 0; f < sizeof forms / sizeof forms[0]; f++)
        for (int bits = 1; bits <= 16; bits += bits < 8 ? 1 : 4)
            for (int integer = -3; integer <= bits + 2; integer += 2 * NIB_ONE_IN(4)) {
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
                (void)snprintf(text, sizeof text, forms[f], bits, integer);
#pragma GCC diagnostic pop
                cr_expect(check_text(arena, p, text), "%s is lowered", text);
            }
    nib_arena_destroy(arena);
}

Test(lowered_types, types_as_text)
{
    static const struct {
        const char *quantizer, *type;
        bool is_cast;
    } table[] = {
        {"quantized_bits(4,1,1,alpha=1)", "fixed<4,2,RND_CONV,SAT_SYM>", true},
        {"quantized_bits(4,1)", "fixed<4,2,RND_CONV,SAT>", true},
        {"quantized_bits(6,2,keep_negative=0)", "ufixed<6,2,RND_CONV,SAT>", true},
        {"quantized_bits(4,1,alpha=0.25)", "fixed<4,0,RND_CONV,SAT>", false},
        {"quantized_bits(1,1,alpha=2)", "fixed<2,3,RND_CONV,SAT_SYM>", false},
        {"quantized_bits(4,1,alpha=0.3,snap=po2)", "fixed<4,0,RND_CONV,SAT>", false},
        {"binary(alpha=0.75,snap=po2)", "fixed<2,2,RND_CONV,SAT_SYM>", false},
        {"quantized_relu(6,2)", "ufixed<6,2,RND_CONV,SAT>", true},
        {"quantized_relu(6,2,negative_slope=0.25)", "fixed<6,3,RND_CONV,SAT>", false},
        {"binary(alpha=0.5)", "fixed<2,1,RND_CONV,SAT_SYM>", false},
        {"binary(1)", "ufixed<1,1,RND_CONV,SAT>", false},
        {"ternary()", "fixed<2,2,RND_CONV,SAT_SYM>", false},
        {"quantized_po2(4)", "fixed<9,5,RND_CONV,SAT_SYM>", false},
        {"quantized_po2(4,max_value=0.5)", "fixed<9,1,RND_CONV,SAT_SYM>", false},
        {"fixed<5,2>", "fixed<5,2>", true},
    };
    nib_arena *arena = nib_arena_create();
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        const nib_quantizer_config q = parse(arena, table[i].quantizer);
        const nib_quantize_call call = {.rows = 1, .cols = 1, .stride = 1};
        nib_fixed type;
        nib_lowered lowered = {.type = &type};
        nib_error err = {0};
        char text[NIB_FIXED_TEXT_BYTES];
        cr_assert_eq(nib_quantizer_lower(&q, &call, &lowered, &err), NIB_OK, "%s", err.message);
        cr_expect_str_eq(nib_fixed_print(&type, NIB_FIXED_PLAIN, text), table[i].type, "%s",
                         table[i].quantizer);
        cr_expect_eq(lowered.is_cast, table[i].is_cast, "%s as a cast", table[i].quantizer);
        cr_expect_eq(lowered.n_types, 1, "%s: one type", table[i].quantizer);
    }
    nib_arena_destroy(arena);
}

/* Channels with scales 2^-1, 2^0, ... have types that differ in I alone. */
Test(lowered_types, fitted_powers_of_two_shift_channels)
{
    nib_arena *arena = nib_arena_create();
    enum { ROWS = 4 };
    float x[ROWS * COLS];
    for (int i = 0; i < ROWS * COLS; i++)
        x[i] = (i / COLS % 2 ? -1.0f : 1.0f) * ldexpf(1.0f, i % COLS - 1);
    const nib_quantizer_config q = parse(arena, "binary(alpha=auto, snap=po2)");
    const nib_quantize_call call = {.rows = ROWS, .cols = COLS, .stride = COLS, .x = x};
    nib_fixed types[COLS];
    nib_lowered lowered = {.type = types};
    nib_error err = {0};
    cr_assert_eq(nib_quantizer_lower(&q, &call, &lowered, &err), NIB_OK, "%s", err.message);
    cr_assert_eq(lowered.n_types, COLS, "a type for each channel");
    for (int c = 0; c < COLS; c++)
        cr_expect(types[c].bits == 2 && types[c].integer == c + 1, "channel %d: fixed<%d,%d>", c,
                  types[c].bits, types[c].integer);
    nib_arena_destroy(arena);
}

Test(lowered_types, refusals_say_what_to_do)
{
    static const struct {
        const char *quantizer;
        bool with_values;
        const char *message;
    } table[] = {
        {"quantized_bits(4,alpha=0.3)", false, "quantized_bits: a scale of 0.300000012 is no power of two"},
        {"quantized_bits(4,alpha=0.3)", false, "snap=po2"},
        {"binary(alpha=auto)", true, "binary: channel 0: a scale of"},
        {"ternary(alpha=auto,per=tensor)", true, "ternary: a scale of"},
        {"ternary(alpha=auto_po2)", false, "ternary: alpha=auto_po2 is fitted to the values of a weight"},
        {"quantized_bits(4,32,alpha=576460752303423488)", false, "92 integer bits: -64 to 64"},
        {"quantized_po2(8)", false,
         "quantized_po2: powers of two from 2^-64 to 2^63 need a type of 129 bits"},
    };
    nib_arena *arena = nib_arena_create();
    points *p = NIB_NEW(arena, points, 1);
    fill_weights(p);
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        const nib_quantizer_config q = parse(arena, table[i].quantizer);
        nib_quantize_call call = call_of(&q, p);
        nib_fixed types[COLS];
        nib_lowered lowered = {.type = types};
        nib_error err = {0};
        call.x = table[i].with_values ? p->x : NULL;
        cr_expect_eq(nib_quantizer_lower(&q, &call, &lowered, &err), NIB_ERR_CONFIG, "%s is lowered",
                     table[i].quantizer);
        cr_expect(strstr(err.message, table[i].message), "%s: %s", table[i].quantizer, err.message);
    }
    nib_arena_destroy(arena);
}

/* y = x + q (xq - x), dx = q dxq + (1 - q) dx of the float function. */
Test(lowered_types, blend_with_the_float_function)
{
    static const struct {
        const char *quantizer;
        float share, x, y, dx;
    } table[] = {
        {"fixed<4,2,RND,SAT>", 0.25f, 0.3f, 0.3f + 0.75f * (0.25f - 0.3f), 1.0f},
        {"fixed<4,2,RND,SAT>", 0.25f, 4.0f, 4.0f + 0.75f * (1.75f - 4.0f), 0.25f},
        {"fixed<4,2,RND,SAT>", 1.0f, 4.0f, 4.0f, 1.0f},
        {"quantized_bits(4,1)", 0.5f, 3.0f, 2.375f, 1.0f},
        {"quantized_relu(4,2)", 0.5f, 0.3f, 0.275f, 1.0f},
        {"quantized_relu(4,2)", 0.5f, -1.0f, 0.0f, 0.0f},
        {"quantized_relu(4,2)", 1.0f, 9.0f, 3.75f, 0.0f},
    };
    nib_arena *arena = nib_arena_create();
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        const nib_quantizer_config q = parse(arena, table[i].quantizer);
        float x[70], y[70], dy[70], dx[70]; /* more than one chunk */
        for (int k = 0; k < 70; k++) {
            x[k] = table[i].x;
            dy[k] = 1.0f;
        }
        const nib_quantize_call call = {.options = q.options,
                                        .rows = 1,
                                        .cols = 70,
                                        .stride = 70,
                                        .x = x,
                                        .y = y,
                                        .dy = dy,
                                        .dx = dx,
                                        .float_share = table[i].share};
        nib_quantizer_forward(q.type, &call);
        nib_quantizer_backward(q.type, &call);
        for (int k = 0; k < 70; k += 69) {
            cr_expect_eq(y[k], table[i].y, "%s of %g: %a", table[i].quantizer, (double)x[k], (double)y[k]);
            cr_expect_eq(dx[k], table[i].dx, "%s at %g: dx %a", table[i].quantizer, (double)x[k],
                         (double)dx[k]);
        }
    }
    nib_arena_destroy(arena);
}
