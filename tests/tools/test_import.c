/* Models of Keras 2 and 3, TFMOT and QKeras (tests/peers/import_*_golden.py made them): predictions of the
 * imported ones, codes of the quantized ones, and what they can be used for. */
#include <criterion/criterion.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/file.h"
#include "core/h5.h"
#include "tests/tools/call.h"
#include "tools/numbers.h"

static void call_well(const char *words)
{
    static outcome o;
    call_nibble(words, &o);
    cr_assert(o.status == 0, "nibble %s: exit status %d, %s", words, o.status, o.err);
}

static const char *golden(const char *name)
{
    static char path[4][512];
    static int next;
    char *own = path[next = (next + 1) % 4];
    (void)snprintf(own, sizeof path[0], NIB_TEST_FOLDER "/tools/golden/import/%s", name);
    return own;
}

static nib_numbers read_numbers(const char *path, nib_arena *arena)
{
    nib_numbers n;
    nib_error err = {NIB_OK, ""};
    cr_assert_eq(nib_numbers_read(path, arena, &n, &err), NIB_OK, "%s", err.message);
    return n;
}

/* <name>-x.npy as dataset x of data.h5. */
static void write_data(const char *name, nib_arena *arena)
{
    char file[64];
    nib_h5 *h5;
    nib_error err = {NIB_OK, ""};
    (void)snprintf(file, sizeof file, "%s-x.npy", name);
    const nib_numbers n = read_numbers(golden(file), arena);
    float *x = NIB_NEW(arena, float, n.rows *n.columns);
    for (int64_t i = 0; i < n.rows * n.columns; i++)
        x[i] = (float)n.value[i];
    const int64_t dim[2] = {n.rows, n.columns};
    cr_assert(nib_h5_create(&h5, &err) == NIB_OK && nib_h5_write_f32(h5, "x", 2, dim, x, &err) == NIB_OK &&
                  nib_h5_commit(h5, "data.h5", &err) == NIB_OK,
              "%s", err.message);
}

/* Largest difference between two tables of equal shape. */
static double compare(const char *name, const char *own, nib_arena *arena)
{
    char file[64];
    double largest = 0;
    (void)snprintf(file, sizeof file, "%s-y.npy", name);
    const nib_numbers wanted = read_numbers(golden(file), arena), found = read_numbers(own, arena);
    cr_assert(wanted.rows == found.rows && wanted.columns == found.columns, "%s: other shapes", name);
    for (int64_t i = 0; i < wanted.rows * wanted.columns; i++) {
        const double d = fabs(wanted.value[i] - found.value[i]);
        largest = d <= largest ? largest : d;
    }
    return largest;
}

static double predict(const char *name, const char *words)
{
    static char text[2048];
    nib_arena *arena = nib_arena_create();
    write_data(name, arena);
    (void)snprintf(text, sizeof text, "import %s -o %s --quiet", words, name);
    call_well(text);
    (void)snprintf(text, sizeof text, "predict %s --data data.h5 -o y.npy --force --quiet", name);
    call_well(text);
    const double largest = compare(name, "y.npy", arena);
    nib_arena_destroy(arena);
    return largest;
}

Test(import, predictions_are_those_of_the_peers)
{
    static const char *const names[][3] = {
        {"chain", "chain.h5", NULL},     {"graph", "graph.json", "graph-weights.h5"},
        {"wrapped", "wrapped.h5", NULL}, {"stripped", "stripped.h5", NULL},
        {"three", "three.keras", NULL},  {"qgraph", "qgraph.h5", NULL},
        {"qnorm", "qnorm.h5", NULL}};
    enter_scratch();
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char words[1200];
        (void)snprintf(words, sizeof words, "%s %s", golden(names[i][1]),
                       names[i][2] ? golden(names[i][2]) : "");
        const double largest = predict(names[i][0], words);
        cr_log_info("%s: largest difference %.3g", names[i][0], largest);
        cr_expect(largest <= 1e-6, "%s: predictions differ by %.3g", names[i][0], largest);
    }
    leave_scratch();
}

/* QKeras' outputs are codes of fixed<10,5>: the integer engine gives the very same numbers. */
Test(import, codes_of_qkeras_are_equal)
{
    static char words[1200];
    nib_arena *arena = nib_arena_create();
    enter_scratch();
    (void)snprintf(words, sizeof words, "import %s -o run --quiet", golden("qgraph.h5"));
    call_well(words);
    write_data("qgraph", arena);
    call_well("emulate run --data data.h5 --no-metrics -o y.npy --logits --quiet");
    const double largest = compare("qgraph", "y.npy", arena);
    cr_expect(largest == 0, "the integer engine differs from QKeras by %.3g", largest);
    nib_arena_destroy(arena);
    leave_scratch();
}

/* Rows with labels, where an imported model's own data section looks for them. */
static void write_labelled(void)
{
    enum { ROWS = 400, WIDTH = 6 };
    static float x[ROWS * WIDTH];
    static int32_t y[ROWS];
    nib_h5 *h5;
    nib_error err = {NIB_OK, ""};
    for (int i = 0; i < ROWS; i++) {
        y[i] = i % 4;
        for (int k = 0; k < WIDTH; k++)
            x[i * WIDTH + k] = (float)((i * 7 + k * 13) % 29) / 10 - 1.4F + (k == y[i] ? 1.0F : 0.0F);
    }
    const int64_t dim[2] = {ROWS, WIDTH};
    cr_assert(nib_h5_create(&h5, &err) == NIB_OK && nib_h5_write_f32(h5, "x", 2, dim, x, &err) == NIB_OK &&
                  nib_h5_write_i32(h5, "y", 1, dim, y, &err) == NIB_OK &&
                  nib_h5_commit(h5, "data.h5", &err) == NIB_OK,
              "%s", err.message);
}

/* What was imported is a run as any other. */
Test(import, a_run_that_can_be_quantized_pruned_trained_and_exported)
{
    static char words[1200];
    enter_scratch();
    write_labelled();
    (void)snprintf(words, sizeof words, "import %s -o run --quiet", golden("three.keras"));
    call_well(words);
    call_well("inspect run");
    call_well("quantize run ap_fixed<16,6> -o ptq --quiet --set data.test.fraction=0.2");
    call_well("export ptq -o ptq-hls4ml --synthetic --rows 60 --quiet");
    call_well("train run/config.yaml --set model.init_from=run --set train.epochs=2 -o tuned --quiet");
    call_well("train run/config.yaml --set model.init_from=run --set train.epochs=2 --set "
              "prune.default.schedule=constant --set prune.default.sparsity=0.5 -o pruned --quiet");
    (void)snprintf(words, sizeof words, "import %s -o q --quiet", golden("qgraph.h5"));
    call_well(words);
    call_well("export q --format c --synthetic --rows 60 --quiet");
    call_well("cost q");
    leave_scratch();
}

Test(import, what_is_wrong_is_said)
{
    static outcome o;
    static char words[1200];
    enter_scratch();
    (void)snprintf(words, sizeof words, "import %s %s", golden("unknown.json"), golden("graph-weights.h5"));
    call_nibble(words, &o);
    cr_expect(o.status != 0 && strstr(o.err, "conv1 (Conv1D") && strstr(o.err, "pool1 (GlobalMaxPooling1D") &&
                  strstr(o.err, "train/keras_import_layers.c"),
              "exit status %d, %s", o.status, o.err);
    static const char *const cases[][2] = {{"graph.json", "no weights"}, {"graph-weights.h5", "no model"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        (void)snprintf(words, sizeof words, "import %s", golden(cases[i][0]));
        call_nibble(words, &o);
        cr_expect(o.status == 2 && strstr(o.err, cases[i][1]), "%s: exit status %d, %s", cases[i][0],
                  o.status, o.err);
    }
    leave_scratch();
}

/* A .keras file with one byte changed or cut off is refused or gives the same model; it never crashes. */
Test(import, damaged_archives_do_not_crash)
{
    static outcome o;
    nib_arena *arena = nib_arena_create();
    char *data;
    size_t bytes;
    nib_error err = {NIB_OK, ""};
    int refused = 0;
    enter_scratch();
    cr_assert_eq(nib_file_read(arena, golden("three.keras"), 1 << 20, &data, &bytes, &err), NIB_OK, "%s",
                 err.message);
    for (int i = 0; i < 60; i++) {
        const size_t at = (size_t)i * bytes / 60;
        data[at] = (char)(data[at] ^ 0x55);
        cr_assert_eq(nib_file_write("bad.keras", data, i % 3 == 2 ? at : bytes, &err), NIB_OK, "%s",
                     err.message);
        data[at] = (char)(data[at] ^ 0x55);
        call_nibble("import bad.keras --quiet", &o);
        cr_expect(o.status >= 0 && o.status <= 2, "byte %zu: exit status %d", at, o.status);
        refused += o.status != 0;
    }
    cr_expect(refused > 40, "only %d of 60 damaged archives are refused", refused);
    nib_arena_destroy(arena);
    leave_scratch();
}
