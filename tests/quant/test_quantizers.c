/* The table of quantizers, and what each row promises by itself: QKeras is asked in test_qkeras_golden.c. */
#include <criterion/criterion.h>

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/yaml.h"
#include "quant/fixed.h"
#include "quant/quantizer.h"

static nib_quantizer_config parse(nib_arena *arena, const char *text)
{
    nib_error err = {0};
    nib_quantizer_config q = {0};
    cr_assert_eq(nib_quantizer_parse(arena, text, &q, &err), NIB_OK, "%s", err.message);
    return q;
}

Test(quantizers, every_row_is_complete)
{
    nib_arena *arena = nib_arena_create();
    for (int i = 0; i < nib_quantizers_count; i++) {
        const nib_quantizer *q = nib_quantizers[i];
        nib_error err = {0};
        cr_assert(q->name && q->help && *q->help && q->source && *q->source,
                  "row %d has name, help and source", i);
        cr_assert(q->check && q->forward && q->backward && q->cases && q->cases[0], "%s is complete",
                  q->name);
        cr_expect(q->n_positional <= q->options.count, "%s: arguments by position", q->name);
        cr_expect_eq(nib_options_check(arena, &q->options, q->name, &err), NIB_OK, "%s", err.message);
        for (int j = 0; j < i; j++)
            cr_expect(strcmp(q->name, nib_quantizers[j]->name) != 0, "%s is listed twice", q->name);
    }
    nib_arena_destroy(arena);
}

enum { ROWS = 37, COLS = 5, STRIDE = 16, FLOATS = ROWS * STRIDE };

static void fill(float *x)
{
    for (int i = 0; i < FLOATS; i++)
        x[i] = i % STRIDE < COLS ? (float)(i % 97 - 48) * 0.0731f * (float)(1 + i % STRIDE) : 1e9f;
}

/* Forward and backward of `q` on copies of x and dy; columns from COLS on are not its own. */
static void run(const nib_quantizer_config *q, bool in_place, const float *x, float *y, float *dx)
{
    static float dy[FLOATS];
    for (int i = 0; i < FLOATS; i++)
        dy[i] = 1.0f + (float)i * 0.01f;
    memcpy(y, x, sizeof dy);
    memcpy(dx, dy, sizeof dy);
    nib_quantize_call call = {.options = q->options, .rows = ROWS, .cols = COLS, .stride = STRIDE};
    call.x = in_place ? y : x;
    call.y = y;
    q->type->forward(&call);
    call.x = x;
    call.dy = in_place ? dx : dy;
    call.dx = dx;
    q->type->backward(&call);
    for (int i = 0; i < FLOATS; i++)
        if (i % STRIDE >= COLS)
            cr_assert(y[i] == x[i] && dx[i] == dy[i], "%s writes beyond its columns", q->type->name);
}

/* What is written reads back and computes the same; in place too. */
static void check_text(nib_arena *arena, const char *text)
{
    static float x[FLOATS], y[2][FLOATS], dx[2][FLOATS];
    fill(x);
    const nib_quantizer_config q = parse(arena, text);
    const char *written = nib_quantizer_print(arena, &q);
    const nib_quantizer_config again = parse(arena, written);
    cr_expect_str_eq(nib_quantizer_print(arena, &again), written, "%s", text);
    run(&q, false, x, y[0], dx[0]);
    run(&again, true, x, y[1], dx[1]);
    cr_expect_eq(memcmp(y[0], y[1], sizeof y[0]), 0, "%s: y differs from that of %s in place", text, written);
    cr_expect_eq(memcmp(dx[0], dx[1], sizeof dx[0]), 0, "%s: dx differs from that of %s in place", text,
                 written);
    bool finite = true, moved = false;
    for (int i = 0; i < FLOATS; i++) {
        finite = finite && isfinite(y[0][i]) && isfinite(dx[0][i]);
        moved = moved || y[0][i] != x[i];
    }
    cr_expect(finite && moved, "%s gives finite values on a grid", text);
}

Test(quantizers, every_case_reads_writes_and_runs)
{
    nib_arena *arena = nib_arena_create();
    for (int i = 0; i < nib_quantizers_count; i++)
        for (const char *const *text = nib_quantizers[i]->cases; *text; text++) {
            check_text(arena, *text);
            cr_expect_eq(parse(arena, *text).type, nib_quantizers[i], "%s is read as another quantizer",
                         *text);
        }
    nib_arena_destroy(arena);
}

/* NaN must not vanish in a quantizer; infinities must not trap. */
Test(quantizers, numbers_without_a_value)
{
    static const float numbers[] = {NAN, INFINITY, -INFINITY, 3e38f};
    nib_arena *arena = nib_arena_create();
    for (int i = 0; i < nib_quantizers_count; i++)
        for (const char *const *text = nib_quantizers[i]->cases; *text; text++) {
            const nib_quantizer_config q = parse(arena, *text);
            for (int k = 0; k < 4; k++) {
                float y[2] = {0, 0}, x[2] = {numbers[k], 0.5f};
                const nib_quantize_call call = {
                    .options = q.options, .rows = 2, .cols = 1, .stride = 1, .x = x, .y = y};
                q.type->forward(&call);
                cr_expect(k > 0 || isnan(y[0]), "%s: NaN becomes %g", *text, (double)y[0]);
            }
        }
    nib_arena_destroy(arena);
}

/* Every value on the grid stays where it is: all codes, for each row that is a type. */
Test(quantizers, values_on_the_grid_stay)
{
    nib_arena *arena = nib_arena_create();
    for (int bits = 2; bits <= 12; bits++)
        for (int integer = -2; integer <= 3; integer++) {
            const nib_fixed type = {bits, integer + 1, true, NIB_ROUNDING_RND_CONV, NIB_OVERFLOW_SAT};
            const nib_fixed relu = {bits, integer, false, NIB_ROUNDING_RND_CONV, NIB_OVERFLOW_SAT};
            char text[2][64];
            (void)snprintf(text[0], sizeof text[0], "quantized_bits(%d, %d)", bits, integer);
            (void)snprintf(text[1], sizeof text[1], "quantized_relu(%d, %d)", bits, integer);
            for (int t = 0; t < 2; t++) {
                const nib_quantizer_config q = parse(arena, text[t]);
                const nib_fixed *grid = t ? &relu : &type;
                for (int64_t code = nib_fixed_lowest(grid); code <= nib_fixed_highest(grid); code++) {
                    const float x = (float)nib_fixed_value(grid, code);
                    float y = NAN;
                    const nib_quantize_call call = {
                        .options = q.options, .rows = 1, .cols = 1, .stride = 1, .x = &x, .y = &y};
                    q.type->forward(&call);
                    if (x != y)
                        cr_assert_fail("%s moves %a to %a", text[t], (double)x, (double)y);
                }
            }
        }
    nib_arena_destroy(arena);
}

Test(quantizers, text_position_keyword_and_map_say_the_same)
{
    static const char *const table[][2] = {
        {"quantized_bits(4,1,1,True,'auto')",
         "quantized_bits(bits=4, integer=1, symmetric=true, alpha=auto)"},
        {"quantized_bits(4)", "{quantized_bits: {bits: 4}}"},
        {"quantized_bits(4, alpha=None)", "quantized_bits(4)"},
        {"quantized_bits( 6 , 0 , alpha = 1 , )", "{quantized_bits: {bits: 6, alpha: 1}}"},
        {"ternary", "ternary()"},
        {"binary(use_01=1)", "{binary: {use_01: true}}"},
        {"fixed< 8, 3, AP_RND , SAT >", "{fixed: {type: 'fixed< 8, 3, AP_RND , SAT >'}}"},
        {"quantized_po2(4, None)", "quantized_po2(bits=4)"},
        {"fixed('fixed<8,3>', bits=[8, 0,4 ], ste=pass)",
         "{fixed: {type: 'fixed<8,3>', bits: [8, 0, 4], ste: pass}}"},
        {"quantized_relu(6,2,0,0.25,False,6.0,0)", "quantized_relu(bits=6, integer=2, negative_slope=0.25, "
                                                   "relu_upper_bound=6, is_quantized_clip=false)"},
    };
    nib_arena *arena = nib_arena_create();
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        const nib_quantizer_config a = parse(arena, table[i][0]);
        nib_quantizer_config b = {0};
        nib_error err = {0};
        nib_doc *doc = NULL;
        if (table[i][1][0] == '{') {
            cr_assert_eq(nib_yaml_parse(arena, "t", table[i][1], strlen(table[i][1]), &doc, &err), NIB_OK,
                         "%s", err.message);
            cr_assert_eq(nib_quantizer_read(arena, doc, "q", &b, &err), NIB_OK, "%s", err.message);
        } else {
            b = parse(arena, table[i][1]);
        }
        cr_expect_str_eq(nib_quantizer_print(arena, &a), nib_quantizer_print(arena, &b), "%s", table[i][0]);
    }
    nib_arena_destroy(arena);
}

Test(quantizers, refusals_say_what_and_where)
{
    static const char *const table[][2] = {
        {"quantised_bits(4)",
         "quantizer:1:1: quantizer: there is no quantizer 'quantised_bits' (did you mean "
         "'quantized_bits'?)"},
        {"xyz", "'xyz' is no quantizer (known: fixed<W,I,Q,O>"},
        {"fixed<0,3>", "quantizer: type 'fixed<0,3>', character 7: a width of 0 bits"},
        {"fixed<32,3>", "a width of 32 bits: 1 to 24 are possible here"},
        {"quantized_bits(40)", "quantizer:1:16: quantizer.bits: 40 is above the limit 24 bits"},
        {"quantized_bits(4, bits=5)", "quantizer:1:19: quantizer: bits is given twice"},
        {"quantized_bits(4, intger=1)",
         "quantizer:1:19: unknown key 'intger' in quantizer (did you mean 'integer'?)"},
        {"quantized_bits(bits=4, 1)", "'1' stands by position after a keyword"},
        {"quantized_relu(4,0,0,0,0,0,1,2)",
         "quantized_relu takes 7 arguments by position; '2' needs its name"},
        {"quantized_bits(4", "',' or ')' is expected at character 17 of the quantizer, not the end"},
        {"quantized_bits(4) x", "the quantizer ends at character 19"},
        {"quantized_bits[4]", "'(' is expected at character 15 of the quantizer, not '['"},
        {"fixed('fixed<8,3>', bits=[8,40])", "quantizer:1:29: quantizer.bits: 40 is above the limit 24 bits"},
        {"fixed('fixed<8,3>', bits=[8,4], integer=[1,2,3])",
         "bits has 2 entries, integer 3: one for each channel"},
        {"fixed('fixed<8,3>', bits=[8;4])", "',' or ']' is expected at character 28"},
        {"quantized_tanh(0)", "quantizer:1:16: quantizer.bits: 0 is below the limit 1 bits"},
        {"learned_scale(1)", "learned_scale: 1 bit leaves no level above 0"},
        {"stochastic_ternary(alpha=1)", "stochastic_ternary needs alpha=auto or auto_po2"},
        {"quantized_linear(4, snap=no)", "quantizer.snap"},
        {"quantized_bits(,)", "an argument is expected at character 16"},
        {"quantized_bits(4, alpha='auto)", "a text without its closing quote begins at character 25"},
        {"quantized_bits(4, alpha='much')", "alpha: 'much' is not a number, none, auto or auto_po2"},
        {"quantized_bits(4, alpha=-1)", "alpha: -1 is out of range"},
        {"quantized_bits(1, alpha=auto)",
         "quantized_bits with one bit has no scale to fit; use binary(alpha=auto)"},
        {"quantized_bits(4, keep_negative=0, alpha=auto_po2)", "alpha=auto_po2 needs keep_negative=True"},
        {"quantized_bits(4, alpha=auto, ste=clip)", "ste=clip needs a given alpha"},
        {"quantized_relu(4, negative_slope=0.3)", "negative_slope: 0.3 is neither 0 nor a power of two"},
        {"quantized_relu(1, negative_slope=0.5)", "a negative slope needs 2 bits"},
        {"binary('\n')", "printable text is expected at character 9"},
    };
    nib_arena *arena = nib_arena_create();
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        nib_quantizer_config q;
        nib_error err = {0};
        cr_expect_eq(nib_quantizer_parse(arena, table[i][0], &q, &err), NIB_ERR_CONFIG, "'%s' is taken",
                     table[i][0]);
        cr_expect(strstr(err.message, table[i][1]), "'%s' gives: %s", table[i][0], err.message);
        cr_expect(!strchr(err.message, '\n'), "one line: %s", err.message);
    }
    nib_arena_destroy(arena);
}

Test(quantizers, places_in_a_config)
{
    static const char text[] =
        "a: 1\nweight:  'quantized_bits(4, 0, alpha=x)'\nbias: quantized_bits(4, 99)\n";
    static const char *const messages[] = {"c.yaml:2:10: quant.weight: alpha: 'x'",
                                           "c.yaml:3:25: quant.bias.integer: 99"};
    nib_arena *arena = nib_arena_create();
    nib_error err = {0};
    nib_doc *doc = NULL;
    nib_quantizer_config q;
    cr_assert_eq(nib_yaml_parse(arena, "c.yaml", text, strlen(text), &doc, &err), NIB_OK, "%s", err.message);
    cr_expect_eq(nib_quantizer_read(arena, nib_doc_get(doc, "weight"), "quant.weight", &q, &err),
                 NIB_ERR_CONFIG, "alpha=x is taken");
    cr_expect(strstr(err.message, messages[0]), "%s", err.message);
    cr_expect_eq(nib_quantizer_read(arena, nib_doc_get(doc, "bias"), "quant.bias", &q, &err), NIB_ERR_CONFIG,
                 "99 is taken");
    cr_expect(strstr(err.message, messages[1]), "%s", err.message);
    nib_arena_destroy(arena);
}

Test(quantizers, warnings_and_deliberate_differences)
{
    nib_arena *arena = nib_arena_create();
    cr_expect(parse(arena, "quantized_bits(1, 1)").warning,
              "the integer of one bit is ignored with a warning");
    cr_expect_null(parse(arena, "quantized_bits(1, 0)").warning, "nothing to warn of");
    cr_expect(parse(arena, "ternary(auto, threshold=0.5)").warning,
              "an ignored threshold is worth a warning");
    static const struct {
        const char *text;
        float x, y;
    } table[] = {
        {"quantized_bits(2,0)", 1e9f, 0.5f},            /* QKeras: 0 */
        {"quantized_bits(4,0,alpha=auto)", 0.0f, 0.0f}, /* QKeras: NaN */
        {"ternary(alpha=auto)", 0.0f, 0.0f},            /* QKeras: NaN */
        {"quantized_po2(8, 1)", 1e-9f, 0x1p-126f},      /* QKeras: 2^-128, a denormal */
        {"quantized_po2(5,log2_rounding=floor)", 0.125f, 0.125f},
        {"quantized_po2(4)", 0x1.6a09e6p+0f, 1.0f}, /* the floats beside sqrt(2) */
        {"quantized_po2(4)", 0x1.6a09e8p+0f, 2.0f},
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        const nib_quantizer_config q = parse(arena, table[i].text);
        float y = NAN;
        const nib_quantize_call call = {
            .options = q.options, .rows = 1, .cols = 1, .stride = 1, .x = &table[i].x, .y = &y};
        q.type->forward(&call);
        cr_expect_eq(y, table[i].y, "%s of %a is %a", table[i].text, (double)table[i].x, (double)y);
    }
    nib_arena_destroy(arena);
}
