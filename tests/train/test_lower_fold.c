/* Preprocessing inside the network. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "quantized.h"
#include "train/emulate.h"

enum { ROWS = 400, FEATURES = 6, CLASSES = 3 };

static const char types[] = "{default: {input: 'fixed<8,4,RND,SAT>', weight: 'fixed<6,1,RND_CONV,SAT>', "
                            "bias: 'fixed<8,3,RND_CONV,SAT>', "
                            "activation: 'ufixed<6,3,RND,SAT>', output: 'fixed<12,6,RND,SAT>'}}";

static void run(const quantized *q, const nib_input_fold *fold, const float *x, nib_arena *arena,
                int64_t *code, nib_lowering *lowering)
{
    nib_error err = {NIB_OK, ""};
    nib_emulator *emulator;
    const nib_lower_options options = {.fold = fold};
    cr_assert(nib_lower_model(q->model, &options, arena, lowering, &err) == NIB_OK, "%s", err.message);
    cr_assert(nib_emulator_create(&emulator, &lowering->net, q->team, &err) == NIB_OK, "%s", err.message);
    nib_emulator_run(emulator, &x, ROWS, &code, NULL);
    nib_emulator_destroy(emulator);
}

/* Numbers well within fixed<8,4>, at a step that floats keep when they are shifted and scaled. */
static void make_rows(float *x)
{
    for (int64_t i = 0; i < (int64_t)ROWS * FEATURES; i++)
        x[i] = ldexpf((float)(i * 7919 % 14001 - 7000), -10);
}

/* Divisors that are powers of two and shifts on the input's grid lose nothing: both networks give the same
 * codes. */
Test(lower_fold, powers_of_two_change_nothing)
{
    static const char *const models[] = {quantized_chain, quantized_norm};
    static const double divisor[FEATURES] = {1, 2, 0.25, 1024, 0.0078125, 16};
    static const double shift[FEATURES] = {0, -6, 0.75, 5120, -0.0234375, 16};
    static float x[ROWS * FEATURES], raw[ROWS * FEATURES];
    static int64_t plain[ROWS * CLASSES], folded[ROWS * CLASSES];
    const nib_input_fold fold = {shift, divisor};
    make_rows(x);
    for (int64_t i = 0; i < (int64_t)ROWS * FEATURES; i++)
        raw[i] = (float)((double)x[i] * divisor[i % FEATURES] + shift[i % FEATURES]);
    for (size_t m = 0; m < 2; m++) {
        quantized q;
        nib_lowering a, b;
        int64_t different = 0;
        quantized_create(&q, models[m], types, 8, 5);
        run(&q, NULL, x, q.arena, plain, &a);
        run(&q, &fold, raw, q.arena, folded, &b);
        for (int64_t i = 0; i < (int64_t)ROWS * CLASSES; i++)
            different += plain[i] != folded[i];
        cr_expect(different == 0, "model %zu: %lld codes differ", m, (long long)different);
        cr_expect(b.net.node[0].type.count == FEATURES, "raw numbers have %lld types",
                  (long long)b.net.node[0].type.count);
        quantized_destroy(&q);
    }
}

/* Any divisors: the kernel is rounded a second time, and the answers move by that much only. */
Test(lower_fold, other_divisors_cost_a_second_rounding)
{
    static const double divisor[FEATURES] = {3, 0.7, 11.3, 1000, 0.0011, -5};
    static const double shift[FEATURES] = {10, -0.3, 4, 3333, 0.002, 7};
    static float x[ROWS * FEATURES], raw[ROWS * FEATURES];
    static int64_t plain[ROWS * CLASSES], folded[ROWS * CLASSES];
    const nib_input_fold fold = {shift, divisor};
    quantized q;
    nib_lowering a, b;
    double sum = 0, largest = 0;
    make_rows(x);
    for (int64_t i = 0; i < (int64_t)ROWS * FEATURES; i++)
        raw[i] = (float)((double)x[i] * divisor[i % FEATURES] + shift[i % FEATURES]);
    quantized_create(&q, quantized_norm, types, 8, 5);
    run(&q, NULL, x, q.arena, plain, &a);
    run(&q, &fold, raw, q.arena, folded, &b);
    for (int64_t i = 0; i < (int64_t)ROWS * CLASSES; i++) {
        sum += ldexp((double)llabs(plain[i] - folded[i]), -6);
        largest = fmax(largest, ldexp((double)llabs(plain[i]), -6));
    }
    const double mean = sum / ((double)ROWS * CLASSES);
    cr_expect(mean < 0.05 * largest, "answers of up to %g move by %g", largest, mean);
    const nib_fix_dense *first = &b.net.node[1].as.dense;
    for (int64_t i = 0; i < first->kernel.rows * first->kernel.cols; i++)
        cr_expect(nib_fix_type_at(&first->kernel.type, i).bits == 6, "weight %lld has %d bits", (long long)i,
                  nib_fix_type_at(&first->kernel.type, i).bits);
    quantized_destroy(&q);
}

Test(lower_fold, what_cannot_take_it_in_is_refused)
{
    static const double one[FEATURES] = {1, 1, 1, 1, 1, 1}, small[FEATURES] = {1, 1, 1e-12, 1, 1, 1};
    static const double shift[FEATURES] = {0, 0, 5, 0, 0, 0};
    const struct {
        const char *model;
        const double *divisor;
        const char *says;
    } rows[] = {
        {"{layers: [dense: {name: fc1, units: 6, from: x}, add: {name: both, from: [fc1, x]}, dense: {name: "
         "logits, "
         "units: 3}], outputs: {y: logits}}",
         one, "layer both: it reads the input x"},
        {quantized_chain, small, "feature 2, which is (raw - 5) / 1e-12, needs more than 32 bits"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const nib_input_fold fold = {shift, rows[i].divisor};
        const nib_lower_options options = {.fold = &fold};
        nib_error err = {NIB_OK, ""};
        nib_lowering lowering;
        quantized q;
        quantized_create(&q, rows[i].model, types, 8, 5);
        cr_expect(nib_lower_model(q.model, &options, q.arena, &lowering, &err) != NIB_OK, "case %zu: lowered",
                  i);
        cr_expect(strstr(err.message, rows[i].says), "case %zu: '%s'", i, err.message);
        quantized_destroy(&q);
    }
}
