/* Quantizers that round or sample at random: 100 000 draws for each value against counts of QKeras 0.9.0, or
 * the probabilities of the definition (golden/qkeras_draws.txt, made by tests/peers/qkeras_draws_golden.py).
 */
#include <criterion/criterion.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/cpu.h"
#include "tests/quant/golden_file.h"

enum { DRAWS = 100000, MAX_VALUES = 10, MAX_LEVELS = 8, MIN_CASES = 30 };
static const double least_p = 1e-4;

/* What is expected of one x, and what was drawn. */
typedef struct levels {
    float x;
    int n;
    double y[MAX_LEVELS], expected[MAX_LEVELS], drawn[MAX_LEVELS];
} levels;

typedef struct draws {
    char quantizer[128];
    bool of_peer;
    int values;
    levels level[MAX_VALUES];
} draws;

/* P(chi-square of `freedom` degrees > s) = Q(freedom / 2, s / 2), by the series of P. */
static double survival(int freedom, double s)
{
    const double a = 0.5 * freedom, x = 0.5 * s;
    if (s > 500.0)
        return 0.0;
    double term = 1.0 / a, sum = term;
    for (int i = 1; i < 1000 && term > sum * 1e-16; i++)
        sum += term *= x / (a + i);
    return x > 0.0 ? 1.0 - sum * exp(a * log(x) - x - lgamma(a)) : 1.0;
}

Test(draws, survival_of_chi_square)
{
    static const double table[][3] = {
        {1, 3.841459, 0.05}, {2, 13.815511, 0.001}, {5, 11.070498, 0.05}, {1, 15.1367, 1e-4}};
    for (int i = 0; i < 4; i++)
        cr_expect(fabs(survival((int)table[i][0], table[i][1]) / table[i][2] - 1.0) < 1e-3, "%g degrees: %g",
                  table[i][0], survival((int)table[i][0], table[i][1]));
}

/* Levels that are rare in both are one category. Two samples of a peer, or one against expectations. */
static double p_of(const levels *v, bool of_peer)
{
    double statistic = 0.0, rare[2] = {0.0, 0.0};
    int categories = 0;
    for (int i = 0; i <= v->n; i++) {
        double a = i < v->n ? v->expected[i] : rare[0], b = i < v->n ? v->drawn[i] : rare[1];
        if (i < v->n && a + b < 20.0) {
            rare[0] += a;
            rare[1] += b;
            continue;
        }
        if (a + b == 0.0)
            continue;
        categories++;
        statistic += (a - b) * (a - b) / (of_peer ? a + b : a > 0.0 ? a : 1e-9);
    }
    return categories > 1 ? survival(categories - 1, statistic) : statistic < 1.0 ? 1.0 : 0.0;
}

static void count(levels *v, const char *quantizer, float y)
{
    for (int i = 0; i < v->n; i++)
        if (fabs(v->y[i] - (double)y) <= 1e-6 * fabs(v->y[i])) {
            v->drawn[i]++;
            return;
        }
    cr_assert_lt(v->n, MAX_LEVELS, "%s of %g has many levels", quantizer, (double)v->x);
    v->expected[v->n] = 0.0;
    v->drawn[v->n] = 1.0;
    v->y[v->n++] = (double)y;
}

static void check(nib_arena *arena, draws *d)
{
    const nib_quantizer_config q = golden_quantizer(arena, d->quantizer);
    const int64_t rows = (int64_t)DRAWS * d->values;
    float *x = NIB_NEW(arena, float, rows), *y = NIB_NEW(arena, float, rows);
    for (int64_t i = 0; i < rows; i++)
        x[i] = d->level[i % d->values].x;
    const nib_quantize_call call = {.options = q.options,
                                    .rows = rows,
                                    .cols = 1,
                                    .stride = 1,
                                    .x = x,
                                    .y = y,
                                    .training = true,
                                    .rng = {.seed = 11, .stream = nib_rng_stream(d->quantizer), .step = 5}};
    nib_quantizer_forward(q.type, &call);
    for (int64_t i = 0; i < rows; i++)
        count(&d->level[i % d->values], d->quantizer, y[i]);
    for (int i = 0; i < d->values; i++) {
        const double p = p_of(&d->level[i], d->of_peer);
        cr_expect(p > least_p, "%s of %g: p = %g", d->quantizer, (double)d->level[i].x, p);
    }
}

static levels read_levels(char *line)
{
    levels v = {.x = strtof(line, &line)};
    for (char *end; v.n < MAX_LEVELS; v.n++) {
        v.y[v.n] = strtod(line, &end);
        if (end == line)
            break;
        v.expected[v.n] = strtod(end, &line);
    }
    return v;
}

static bool next_case(FILE *file, char *line, int bytes, draws *d)
{
    *d = (draws){.of_peer = line[0] == 'p'};
    if (sscanf(line, "%*s %127s", d->quantizer) != 1)
        return false;
    while (fgets(line, bytes, file) && line[0] != 'p' && line[0] != 'd')
        if (d->values < MAX_VALUES)
            d->level[d->values++] = read_levels(line);
    if (feof(file))
        line[0] = '\0';
    return true;
}

Test(draws, levels_have_their_probabilities)
{
    nib_cpu_flush_denormals();
    FILE *file = fopen(NIB_TEST_FOLDER "/quant/golden/qkeras_draws.txt", "r");
    char line[512] = "";
    draws d;
    int cases = 0;
    cr_assert(file && fgets(line, sizeof line, file), "the golden counts can be read");
    for (; next_case(file, line, sizeof line, &d); cases++) {
        nib_arena *arena = nib_arena_create();
        check(arena, &d);
        nib_arena_destroy(arena);
    }
    cr_expect(cases >= MIN_CASES, "%d cases", cases);
    (void)fclose(file);
}

/* Evaluation draws nothing: a quantizer that rounds or samples at random gives what its form without chance
 * gives, whose numbers QKeras' are tested against; QKeras itself does so, too (qkeras_draws_golden.py). */
Test(draws, evaluation_is_exact)
{
    static const char *const pairs[][2] = {
        {"quantized_bits(4,1,use_stochastic_rounding=1)", "quantized_bits(4,1)"},
        {"quantized_bits(6,0,0,False,use_stochastic_rounding=1)", "quantized_bits(6,0,0,False)"},
        {"quantized_bits(4,1,alpha='auto_po2',use_stochastic_rounding=1)",
         "quantized_bits(4,1,alpha='auto_po2')"},
        {"quantized_relu(4,1,use_stochastic_rounding=1)", "quantized_relu(4,1)"},
        {"quantized_relu(4,1,0,0.25,1)", "quantized_relu(4,1,0,0.25)"},
        {"quantized_tanh(4,1)", "quantized_tanh(4)"},
        {"quantized_sigmoid(4,use_stochastic_rounding=1)", "quantized_sigmoid(4)"},
        {"quantized_po2(4,use_stochastic_rounding=1)", "quantized_po2(4)"},
        {"quantized_relu_po2(4,4.0,0.5,1)", "quantized_relu_po2(4,4.0,0.5)"},
        {"quantized_linear(4,1,use_stochastic_rounding=1)", "quantized_linear(4,1)"},
        {"bernoulli(alpha=0.5)", "binary(use_01=1,alpha=0.5)"},
    };
    nib_cpu_flush_denormals();
    nib_arena *arena = nib_arena_create();
    nib_h5 *file = golden_open("qkeras.h5");
    int64_t n;
    const float *x = golden_floats(arena, file, "/points", &n);
    float *random = NIB_NEW(arena, float, n), *plain = NIB_NEW(arena, float, n);
    nib_h5_close(file);
    for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
        const nib_quantizer_config a = golden_quantizer(arena, pairs[i][0]),
                                   b = golden_quantizer(arena, pairs[i][1]);
        nib_quantize_call call = {
            .options = a.options, .rows = n, .cols = 1, .stride = 1, .x = x, .y = random};
        call.rng = (nib_rng){.seed = 5, .stream = 6, .step = 7};
        nib_quantizer_forward(a.type, &call);
        call.options = b.options;
        call.y = plain;
        nib_quantizer_forward(b.type, &call);
        for (int64_t k = 0; k < n; k++)
            cr_assert(random[k] == plain[k], "%s at %a: %a, %s gives %a", pairs[i][0], (double)x[k],
                      (double)random[k], pairs[i][1], (double)plain[k]);
    }
    nib_arena_destroy(arena);
}

/* The same numbers for any cut into tiles, and others for another seed, stream or step. */
Test(draws, depend_on_seed_stream_step_and_element_alone)
{
    enum { ROWS = 24, COLS = 70, N = ROWS * COLS };
    static const char *const texts[] = {"quantized_bits(4,1,use_stochastic_rounding=1)",
                                        "quantized_relu(4,1,use_stochastic_rounding=1)",
                                        "quantized_relu(4,1,0,0.25,1)",
                                        "quantized_tanh(4,1)",
                                        "quantized_sigmoid(4,use_stochastic_rounding=1)",
                                        "quantized_po2(4,use_stochastic_rounding=1)",
                                        "quantized_relu_po2(4,use_stochastic_rounding=1)",
                                        "quantized_linear(4,1,use_stochastic_rounding=1)",
                                        "stochastic_binary(temperature=1)",
                                        "bernoulli(temperature=1)"};
    nib_cpu_flush_denormals();
    nib_arena *arena = nib_arena_create();
    float x[N], whole[N], cut[N];
    for (int i = 0; i < N; i++)
        x[i] = sinf((float)i) * 1.5f;
    for (size_t t = 0; t < sizeof texts / sizeof texts[0]; t++) {
        const nib_quantizer_config q = golden_quantizer(arena, texts[t]);
        nib_quantize_call call = {.options = q.options,
                                  .rows = ROWS,
                                  .cols = COLS,
                                  .stride = COLS,
                                  .x = x,
                                  .y = whole,
                                  .training = true,
                                  .rng = {.seed = 1, .stream = 2, .step = 3}};
        nib_quantizer_forward(q.type, &call);
        for (int r = 0; r < ROWS; r += 5) {
            call.first = r;
            call.rows = ROWS - r < 5 ? ROWS - r : 5;
            call.x = x + r * COLS;
            call.y = cut + r * COLS;
            nib_quantizer_forward(q.type, &call);
        }
        cr_expect_eq(memcmp(whole, cut, sizeof whole), 0, "%s: tiles change the numbers", texts[t]);
        for (int change = 0; change < 4; change++) {
            call.first = change == 3;
            call.rows = ROWS;
            call.x = x;
            call.y = cut;
            call.rng = (nib_rng){1 + (change == 0), 2 + (change == 1), 3 + (change == 2)};
            nib_quantizer_forward(q.type, &call);
            cr_expect_neq(memcmp(whole, cut, sizeof whole), 0, "%s: change %d is not seen", texts[t], change);
        }
    }
    nib_arena_destroy(arena);
}
