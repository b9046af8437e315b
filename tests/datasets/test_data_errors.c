/* Files that cannot be used: one clear message each, with file, array and row. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "files_fixture.h"

TestSuite(data_errors, .init = files_setup, .fini = files_teardown);

enum { ROWS = 40 };

/* f.h5 with a good x [40, 3] and y, and what else the tests need. */
static void write_file(void)
{
    float x[3 * ROWS], w[ROWS];
    double big[ROWS];
    int32_t y[ROWS];
    static const float empty[1] = {0};
    for (int i = 0; i < 3 * ROWS; i++)
        x[i] = (float)(i % 7);
    for (int i = 0; i < ROWS; i++) {
        y[i] = i % 2;
        w[i] = 1;
        big[i] = i;
    }
    fx_begin();
    fx_f32("x", ROWS, 3, x);
    fx_i32("y", ROWS, 0, y);
    fx_f32("none", 0, 3, empty);
    fx_f32("short", ROWS - 1, 3, x);
    fx_f32("wide", ROWS, 2, x);
    cr_assert_eq(nib_h5_write_text(fx.file, "text", "hello", &fx.err), NIB_OK, "%s", fx.err.message);
    big[9] = 1e300;
    fx_f64("big", ROWS, 1, big);
    y[31] = -2;
    fx_i32("negative", ROWS, 0, y);
    y[31] = 123456;
    fx_i32("huge", ROWS, 0, y);
    y[31] = 5;
    fx_i32("five", ROWS, 0, y);
    memset(y, 0, sizeof y);
    fx_i32("zeros", ROWS, 0, y);
    x[3 * 12 + 1] = NAN;
    fx_f32("nan", ROWS, 3, x);
    x[3 * 12 + 1] = -INFINITY;
    fx_f32("inf", ROWS, 3, x);
    fx_f32("zero_weight", ROWS, 0, (const float[ROWS]){0});
    w[7] = -0.5f;
    fx_f32("negative_weight", ROWS, 0, w);
    w[7] = 2.5f;
    fx_f32("half_label", ROWS, 0, w);
    for (int i = 0; i < ROWS; i++)
        x[2 * i] = (float)(i % 2), x[2 * i + 1] = (float)(1 - i % 2);
    x[2 * 3] = 0.5f;
    fx_f32("soft", ROWS, 2, x);
    x[2 * 3] = x[2 * 3 + 1] = 1;
    fx_f32("two_hot", ROWS, 2, x);
    x[2 * 3] = x[2 * 3 + 1] = 0;
    fx_f32("no_hot", ROWS, 2, x);
    fx_end("f.h5");
}

Test(data_errors, arrays)
{
    write_file();
    fx_text("bad.txt", "1\n2\nthree\n");
    fx_text("far.txt", "1\n40\n");
    fx_text("void.txt", "# nothing\n");
    fx_text("all.txt",
            "0\n1\n2\n3\n4\n5\n6\n7\n8\n9\n10\n11\n12\n13\n14\n15\n16\n17\n18\n19\n20\n21\n22\n23\n24\n"
            "25\n26\n27\n28\n29\n30\n31\n32\n33\n34\n35\n36\n37\n38\n39\n");
    fx_text("bad.npy", "not npy at all");
    static const struct {
        const char *rest;
        nib_status status;
        const char *message;
    } cases[] = {
        {"x: nan, y: y", NIB_ERR_INPUT,
         "f.h5: nan: row 12, column 1: NaN; remove such rows or replace the value"},
        {"x: {path: nan, features: [a, b, c], columns: [c, b]}, y: y", NIB_ERR_INPUT,
         "f.h5: nan: row 12, column 1 (b): NaN; remove such rows or replace the value"},
        {"x: inf, y: y", NIB_ERR_INPUT,
         "f.h5: inf: row 12, column 1: -Inf; remove such rows or replace the value"},
        {"x: {path: inf, preprocess: none}, y: y", NIB_ERR_INPUT,
         "f.h5: inf: row 12, column 1: -Inf; remove such rows or replace the value"},
        {"x: {path: big, preprocess: none}, y: y", NIB_ERR_INPUT,
         "f.h5: big: row 9: 1e+300 is too large for a float after preprocessing"},
        {"x: none, y: y", NIB_ERR_INPUT, "f.h5: none is empty (0 rows of 3 values)"},
        {"x: text, y: y", NIB_ERR_INPUT, "f.h5: text holds no numbers"},
        {"x: short, y: y", NIB_ERR_INPUT, "f.h5: y has 40 rows, but short has 39"},
        {"x: xx, y: y", NIB_ERR_CONFIG, "c.yaml:1:19: data.inputs.x: f.h5 has no 'xx' (did you mean 'x'?)"},
        {"x: x, y: negative", NIB_ERR_INPUT, "f.h5: negative: row 31: label -2; labels count from 0"},
        {"x: x, y: huge", NIB_ERR_INPUT,
         "f.h5: huge: row 31: label 123456 is too large for a class number (limit 9999)"},
        {"x: x, y: {path: five, classes: [q, g]}", NIB_ERR_INPUT,
         "f.h5: five: row 31: label 5, but target y has 2 classes (0 to 1)"},
        {"x: x, y: {path: y, classes: [q]}", NIB_ERR_CONFIG,
         "c.yaml:1:44: data.targets.y.classes: one name; a class target needs at least two"},
        {"x: x, y: zeros", NIB_ERR_INPUT,
         "target y: all labels are 0; a class target needs at least two classes"},
        {"x: x, y: half_label", NIB_ERR_INPUT,
         "f.h5: half_label: row 7: 2.5 is not a class label; labels are integers from 0"},
        {"x: x, y: soft", NIB_ERR_INPUT,
         "f.h5: soft: row 3, column 0: 0.5 in what should be one-hot rows of 0 and 1"},
        {"x: x, y: two_hot", NIB_ERR_INPUT,
         "f.h5: two_hot: row 3, column 1: a second 1; a one-hot row has a single 1 (the first is in column "
         "0)"},
        {"x: x, y: no_hot", NIB_ERR_INPUT,
         "f.h5: no_hot: row 3, column 0: all zeros; a one-hot row has a single 1"},
        {"x: x, y: {path: wide, classes: [a, b, c]}", NIB_ERR_INPUT,
         "f.h5: wide has 2 columns, but target y has 3 classes"},
        {"x: x, y: y, weight: negative_weight", NIB_ERR_INPUT,
         "f.h5: negative_weight: row 7: the weight -0.5 is negative"},
        {"x: x, y: y, weight: zero_weight", NIB_ERR_INPUT, "all weights of the training rows are 0"},
        {"x: x, y: y, weight: wide", NIB_ERR_INPUT, "f.h5: wide: 2 columns; weights are one per row"},
        {"x: x, y: y, test: {x: wide, y: five}", NIB_ERR_INPUT,
         "f.h5: wide has 2 columns, but input x has 3 in the training rows"},
        {"x: x, y: y, test: {x: x, y: y}", NIB_ERR_CONFIG,
         "c.yaml:1:34: data.test: x holds the training rows; give another array, or draw a fraction"},
        {"x: {path: x, columns: [3]}, y: y", NIB_ERR_CONFIG,
         "c.yaml:1:38: data.inputs.x.columns: there is no column 3; x has 3 columns, counted from 0"},
        {"x: {path: x, columns: [pt]}, y: y", NIB_ERR_CONFIG,
         "c.yaml:1:38: data.inputs.x.columns: the columns of x have no names, so 'pt' cannot be found; give "
         "numbers, or names by 'features'"},
        {"x: {path: x, columns: [mas], features: [pt, eta, mass]}, y: y", NIB_ERR_CONFIG,
         "c.yaml:1:38: data.inputs.x.columns: x has no column 'mas' (did you mean 'mass'?)"},
        {"x: {path: x, columns: [energy], features: [pt, eta, mass]}, y: y", NIB_ERR_CONFIG,
         "c.yaml:1:38: data.inputs.x.columns: x has no column 'energy' (it has pt, eta, mass)"},
        {"x: {path: x, columns: [1, 1]}, y: y", NIB_ERR_CONFIG,
         "c.yaml:1:38: data.inputs.x.columns: column 1 is listed twice"},
        {"x: {path: x, features: [a, b]}, y: y", NIB_ERR_CONFIG,
         "c.yaml:1:39: data.inputs.x.features: 2 names, but x has 3 columns"},
        {"x: {path: x, features: x@names}, y: y", NIB_ERR_CONFIG,
         "c.yaml:1:39: f.h5: x has no attribute 'names'"},
        {"x: x, y: y, validation: {rows: bad.txt}", NIB_ERR_INPUT, "bad.txt:3: 'three' is not a row number"},
        {"x: x, y: y, validation: {rows: far.txt}", NIB_ERR_INPUT,
         "far.txt: entry 1: there is no row 40; the data has 40 rows, counted from 0"},
        {"x: x, y: y, validation: {rows: void.txt}", NIB_ERR_INPUT, "void.txt: no row numbers"},
        {"x: x, y: y, validation: {rows: all.txt}", NIB_ERR_INPUT,
         "all.txt: the list leaves no training row"},
        {"x: x, y: y, validation: {rows: bad.npy}", NIB_ERR_INPUT, "bad.npy: not an npy file"},
        {"x: x, y: y, validation: {rows: 'f.h5:x'}", NIB_ERR_INPUT, "f.h5: x is not a list of numbers"},
        {"x: x, y: y, validation: {fraction: 0.001}", NIB_ERR_CONFIG,
         "c.yaml:1:40: data.validation: the validation fraction 0.001 of 40 rows is no row"},
        {"x: x, y: y, validation: 0.999", NIB_ERR_CONFIG,
         "c.yaml:1:40: data.validation: the validation fraction 0.999 leaves no training row: it takes 40 of "
         "40 "
         "rows"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char yaml[256];
        (void)snprintf(yaml, sizeof yaml, "{source: f.h5, %s}", cases[i].rest);
        fx_fails(yaml, NIB_TARGET_CLASS, cases[i].status, cases[i].message);
    }
    fx_fails("{source: f.h5, x: x, y: x, validation: {fraction: 0.5, stratify: true}}", NIB_TARGET_REAL,
             NIB_ERR_CONFIG, "c.yaml:1:40: data.validation.stratify: target y is no class to stratify by");
    fx_fails("{source: f.h5, x: x, y: nan}", NIB_TARGET_REAL, NIB_ERR_INPUT,
             "f.h5: nan: row 12, column 1: NaN; remove such rows or replace the value");
}

Test(data_errors, files)
{
    char message[512];
    fx_jets(2000);
    (void)snprintf(message, sizeof message, "c.yaml:1:10: %s/no.h5: there is no such file", fx.folder);
    fx_fails("{source: no.h5, x: x, y: y}", NIB_TARGET_CLASS, NIB_ERR_INPUT, message);
    fx_text("a.root", "x");
    (void)snprintf(message, sizeof message,
                   "%s/a.root: no reader for this kind of file; known suffixes: .h5, .hdf5, .hdf, .he5",
                   fx.folder);
    fx_fails("{source: a.root, x: x, y: y}", NIB_TARGET_CLASS, NIB_ERR_UNSUPPORTED, message);
    fx_text("t.h5", "this is no HDF5 file");
    cr_expect_eq(fx_load("{source: t.h5, x: x, y: y}", NIB_TARGET_CLASS), NIB_ERR_INPUT, "text as HDF5");
    cr_expect_not_null(strstr(fx.err.message, "t.h5"), "%s", fx.err.message);
    /* cut at every tenth of its length */
    FILE *f = fopen(fx_path("jets.h5"), "rb");
    cr_assert_not_null(f, "no file");
    cr_assert_eq(fseek(f, 0, SEEK_END), 0, "seek");
    long bytes = ftell(f);
    (void)fclose(f);
    for (int tenth = 9; tenth > 0; tenth--) {
        cr_assert_eq(truncate(fx_path("jets.h5"), bytes * tenth / 10), 0, "truncate");
        cr_expect_eq(fx_load("{source: jets.h5, x: train/x, y: train/label}", NIB_TARGET_CLASS),
                     NIB_ERR_INPUT, "%d tenths of the file can be read", tenth);
        cr_expect_not_null(strstr(fx.err.message, "jets.h5"), "%s", fx.err.message);
    }
}
