/* Loading: every form of split and label, columns, types, own parts, fit on the training rows only. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/file.h"
#include "files_fixture.h"

TestSuite(data_load, .init = files_setup, .fini = files_teardown);

/* The row of jets.h5 that a row of `set` came from, when it was read unchanged. */
static int64_t origin(const nib_dataset *set, int64_t row)
{
    return (int64_t)set->input[0].x[row * set->input[0].width] / 10;
}

Test(data_load, a_fraction_of_the_rows_in_order)
{
    fx_jets(100);
    const nib_data *d = fx_loaded("{source: jets.h5, x: {path: train/x, preprocess: none}, y: train/label, "
                                  "validation: 0.25, test: 0.1}",
                                  NIB_TARGET_CLASS);
    cr_expect_eq(d->test.rows, 10, "test: %ld", (long)d->test.rows);
    cr_expect_eq(d->validation.rows, 23, "validation: round(0.25 * 90), %ld", (long)d->validation.rows);
    cr_expect_eq(d->train.rows, 67, "training: %ld", (long)d->train.rows);
    cr_expect_eq(d->train.target[0].width, 3, "classes");
    cr_expect_str_eq(d->train.target[0].classes[2], "2", "class names are numbers");
    int seen[100] = {0};
    const nib_dataset *sets[] = {&d->train, &d->validation, &d->test};
    for (int s = 0; s < 3; s++)
        for (int64_t i = 0; i < sets[s]->rows; i++) {
            int64_t row = origin(sets[s], i);
            seen[row]++;
            cr_expect(i == 0 || row > origin(sets[s], i - 1), "the rows are not in order");
            cr_expect_eq(sets[s]->target[0].label[i], row % 3, "the label of row %ld", (long)row);
            for (int64_t j = 0; j < 3; j++)
                cr_expect_eq(sets[s]->input[0].x[3 * i + j], (float)(10 * row + j), "column %ld", (long)j);
        }
    for (int i = 0; i < 100; i++)
        cr_expect_eq(seen[i], 1, "row %d is in %d parts", i, seen[i]);
    cr_expect_eq((uintptr_t)d->train.input[0].x % 64, 0, "alignment");
}

Test(data_load, stratified_and_last)
{
    fx_jets(99);
    const nib_data *d = fx_loaded("{source: jets.h5, x: train/x, y: train/label, validation: {fraction: 0.1, "
                                  "stratify: true}}",
                                  NIB_TARGET_CLASS);
    int count[3] = {0};
    for (int64_t i = 0; i < d->validation.rows; i++)
        count[d->validation.target[0].label[i]]++;
    for (int c = 0; c < 3; c++)
        cr_expect(count[c] == 3 || count[c] == 4, "class %d: %d of 3.3 rows", c, count[c]);
    /* a 0/1 target of a sigmoid is stratified as well */
    d = fx_loaded(
        "{source: jets.h5, x: train/x, y: train/label, validation: {fraction: 0.1, stratify: true}}",
        NIB_TARGET_REAL);
    int real[3] = {0};
    for (int64_t i = 0; i < d->validation.rows; i++)
        real[(int)d->validation.target[0].value[i]]++;
    cr_expect(real[0] == count[0] && real[1] == count[1] && real[2] == count[2], "%d %d %d", real[0], real[1],
              real[2]);
    d = fx_loaded("{source: jets.h5, x: {path: train/x, preprocess: none}, y: train/label, validation: "
                  "{last: 0.25}}",
                  NIB_TARGET_CLASS);
    cr_expect(d->train.rows == 74 && origin(&d->validation, 0) == 74, "int(99 * 0.75) = 74");
}

/* The rows of a part must not reach the fit: here they are far off. */
Test(data_load, fitted_on_the_training_rows_only)
{
    float x[20];
    int32_t y[20];
    long double mean = 0, square = 0;
    for (int i = 0; i < 20; i++) {
        x[i] = i < 15 ? (float)(i * i) : 1e6f;
        y[i] = i % 2;
        mean += i < 15 ? (long double)x[i] / 15 : 0;
    }
    for (int i = 0; i < 15; i++)
        square += ((long double)x[i] - mean) * ((long double)x[i] - mean);
    const double deviation = (double)sqrtl(square / 15);
    double x64[20];
    for (int i = 0; i < 20; i++)
        x64[i] = (double)x[i] + 1e-12; /* not a float: the way that reads the file twice */
    fx_begin();
    fx_f32("x", 20, 0, x);
    fx_f64("x64", 20, 0, x64);
    fx_i32("y", 20, 0, y);
    fx_end("f.h5");
    static const char *const sections[] = {
        "{source: f.h5, x: x, y: y, validation: {last: 0.25}}",
        "{source: f.h5, x: x64, y: y, validation: {last: 0.25}}",
        "{source: f.h5, x: x, y: y, validation: {rows: v.txt}, test: {rows: t.txt}}",
    };
    fx_text("v.txt", "# validation\n19\n18\n\n 17 # near the end\n");
    fx_text("t.txt", "15\n16\n");
    for (int s = 0; s < 3; s++) {
        const nib_data *d = fx_loaded(sections[s], NIB_TARGET_CLASS);
        cr_assert_eq(d->train.rows, 15, "%s", sections[s]);
        const nib_preprocess_state *p = &d->preprocess[0];
        cr_expect(fabs(p->shift[0] - (double)mean) < 1e-9, "%s: mean %.17g", sections[s], p->shift[0]);
        cr_expect(fabs(p->divisor[0] - deviation) < 1e-9, "%s: deviation %.17g", sections[s], p->divisor[0]);
        for (int i = 0; i < 15; i++) {
            double raw = s == 1 ? x64[i] : (double)x[i];
            cr_expect_eq(d->train.input[0].x[i], (float)((raw - p->shift[0]) / p->divisor[0]), "row %d", i);
        }
        cr_expect_eq(d->validation.input[0].x[0],
                     (float)(((s == 1 ? x64[19] : 1e6) - p->shift[0]) / p->divisor[0]), "%s: validation",
                     sections[s]);
        cr_expect_str_eq(p->kind, "standardize", "%s", p->kind);
        cr_expect_str_eq(p->input, "x", "%s", p->input);
    }
}

Test(data_load, columns_by_name_and_number)
{
    fx_jets(30);
    static const struct {
        const char *x, *features;
        int width, column[3];
    } cases[] = {
        {"{path: train/x, preprocess: none, columns: [c, a], features: names}", "c a", 2, {2, 0}},
        {"{path: train/x, preprocess: none, columns: [2, 0]}", "- -", 2, {2, 0}},
        {"{path: train/x, preprocess: none, columns: m, features: [k, l, m]}", "m", 1, {2}},
        {"{path: train/x, preprocess: none, features: names}", "a b c", 3, {0, 1, 2}},
    };
    for (int k = 0; k < 4; k++) {
        char yaml[256], got[64] = "";
        (void)snprintf(yaml, sizeof yaml, "{source: jets.h5, x: %s, y: train/label, validation: {last: 0.5}}",
                       cases[k].x);
        const nib_data *d = fx_loaded(yaml, NIB_TARGET_CLASS);
        const nib_data_input *in = &d->train.input[0];
        cr_assert_eq(in->width, cases[k].width, "%s", yaml);
        for (int j = 0; j < cases[k].width; j++) {
            (void)snprintf(got + strlen(got), sizeof got - strlen(got), "%s%s", j ? " " : "",
                           in->features ? in->features[j] : "-");
            for (int i = 0; i < 15; i++)
                cr_expect_eq(in->x[i * in->width + j], (float)(10 * i + cases[k].column[j]), "%s: row %d",
                             yaml, i);
        }
        cr_expect_str_eq(got, cases[k].features, "%s: %s", yaml, got);
    }
}

Test(data_load, names_from_attributes)
{
    static const char *const classes[] = {"gluon", "quark", "w", "z"};
    float x[12] = {0};
    int32_t y[6] = {0, 1, 2, 0, 1, 2};
    for (int i = 0; i < 12; i++)
        x[i] = (float)i;
    fx_begin();
    fx_f32("x", 6, 2, x);
    fx_i32("y", 6, 0, y);
    cr_assert_eq(nib_h5_set_attribute_text(fx.file, "x", "features", "pT, eta", &fx.err), NIB_OK, "%s",
                 fx.err.message);
    cr_assert_eq(nib_h5_set_attribute_text(fx.file, "x", "other", "u v", &fx.err), NIB_OK, "%s",
                 fx.err.message);
    cr_assert_eq(nib_h5_set_attribute_strings(fx.file, "y", "classes", 4, classes, &fx.err), NIB_OK, "%s",
                 fx.err.message);
    fx_end("f.h5");
    const nib_data *d = fx_loaded("{source: f.h5, x: x, y: y, validation: 0.5}", NIB_TARGET_CLASS);
    cr_expect_str_eq(d->train.input[0].features[1], "eta", "%s", d->train.input[0].features[1]);
    cr_expect_eq(d->train.target[0].width, 4, "the file names four classes");
    cr_expect_str_eq(d->train.target[0].classes[0], "gluon", "%s", d->train.target[0].classes[0]);
    d = fx_loaded("{source: f.h5, x: {path: x, features: x@other}, y: {path: y, classes: [q, g, t]}, "
                  "validation: 0.5}",
                  NIB_TARGET_CLASS);
    cr_expect_str_eq(d->train.input[0].features[0], "u", "%s", d->train.input[0].features[0]);
    cr_expect_str_eq(d->validation.target[0].classes[2], "t", "the config's names come first");
}

Test(data_load, labels_one_hot_and_as_floats)
{
    static const float one_hot[] = {0, 1, 0, 1, 0, 0, 0, 0, 1, 0, 1, 0}, floats[] = {1, 0, 2, 1};
    float x[4] = {1, 2, 3, 4};
    fx_begin();
    fx_f32("x", 4, 1, x);
    fx_f32("hot", 4, 3, one_hot);
    fx_f32("y", 4, 0, floats);
    fx_f32("table", 4, 3, one_hot);
    fx_end("f.h5");
    static const char *const paths[] = {"hot", "y"};
    for (int k = 0; k < 2; k++) {
        char yaml[128];
        (void)snprintf(yaml, sizeof yaml, "{source: f.h5, x: x, y: %s, validation: {last: 0.5}}", paths[k]);
        const nib_data *d = fx_loaded(yaml, NIB_TARGET_CLASS);
        cr_expect_eq(d->train.target[0].width, 3, "%s: classes", paths[k]);
        for (int i = 0; i < 4; i++)
            cr_expect_eq((i < 2 ? d->train.target[0].label[i] : d->validation.target[0].label[i - 2]),
                         (int)floats[i], "%s: row %d", paths[k], i);
    }
    const nib_data *d = fx_loaded("{source: f.h5, x: x, y: {path: table, columns: [1]}, validation: {last: "
                                  "0.5}}",
                                  NIB_TARGET_CLASS);
    cr_expect_eq(d->train.target[0].width, 2, "one column of a table holds labels");
    d = fx_loaded("{source: f.h5, x: x, y: {path: table, columns: [2, 0]}, validation: {last: 0.5}}",
                  NIB_TARGET_REAL);
    cr_expect(d->train.target[0].width == 2 && d->train.target[0].value[3] == 1.0f &&
                  d->validation.target[0].value[0] == 1.0f,
              "two numbers per row");
}

Test(data_load, parts_of_their_own)
{
    fx_jets(10);
    float x[12], weight[4] = {1, 0.5f, 0, 2};
    int32_t y[4] = {2, 1, 4, 0};
    for (int i = 0; i < 12; i++)
        x[i] = (float)(100 + i);
    fx_begin();
    fx_f32("test/x", 4, 3, x);
    fx_i32("test/label", 4, 0, y);
    fx_f32("test/w", 4, 0, weight);
    fx_f32("train/x", 4, 3, x);
    fx_i32("train/label", 4, 0, y);
    fx_end("more.h5");
    const nib_data *d = fx_loaded("{source: jets.h5, inputs: {x: {path: train/x, preprocess: minmax, "
                                  "columns: [b], features: names}}, y: "
                                  "train/label, validation: {source: more.h5, x: test/x, y: test/label, "
                                  "weight: test/w}, test: {source: "
                                  "more.h5}}",
                                  NIB_TARGET_CLASS);
    cr_assert(d->train.rows == 10 && d->validation.rows == 4 && d->test.rows == 4, "rows");
    cr_expect_eq(d->train.target[0].width, 5, "classes are counted over all parts");
    cr_expect(d->preprocess[0].shift[0] == 1 && d->preprocess[0].divisor[0] == 90, "fitted on train/x");
    cr_expect_eq(d->validation.input[0].x[0], (float)((101.0 - 1) / 90), "column b, by the names of jets.h5");
    cr_expect_eq(d->test.target[0].label[2], 4, "the label");
    cr_assert_not_null(d->validation.weight, "weights of the validation part");
    cr_expect(!d->train.weight && !d->test.weight && d->validation.weight[3] == 2.0f, "weights");
    cr_expect_eq(d->n_files, 2, "two files");
    cr_expect_str_eq(d->files[1].name, "more.h5", "%s", d->files[1].name);
}

static const char *index_npy(const int64_t *index, int64_t n)
{
    static unsigned char image[256];
    char header[128];
    (void)snprintf(header, sizeof header, "{'descr': '<i8', 'fortran_order': False, 'shape': (%ld,), }",
                   (long)n);
    memset(image, ' ', 128);
    memcpy(image, "\x93NUMPY\x01\x00\x76\x00", 10);
    memcpy(image + 10, header, strlen(header));
    image[127] = '\n';
    memcpy(image + 128, index, (size_t)n * sizeof *index);
    cr_assert_eq(nib_file_write(fx_path("v.npy"), image, 128 + (size_t)n * sizeof *index, &fx.err), NIB_OK,
                 "%s", fx.err.message);
    return "v.npy";
}

Test(data_load, index_files)
{
    static const int64_t index[] = {7, 1, 4};
    static const int32_t index32[] = {7, 1, 4};
    fx_jets(10);
    index_npy(index, 3);
    fx_text("v.txt", "7\r\n1\n4");
    fx_begin();
    fx_i32("split/v", 3, 0, index32);
    fx_end("idx.h5");
    static const char *const files[] = {"v.npy", "v.txt", "idx.h5:split/v"};
    for (int k = 0; k < 3; k++) {
        char yaml[160];
        (void)snprintf(yaml, sizeof yaml,
                       "{source: jets.h5, x: {path: train/x, preprocess: none}, y: train/label, validation: "
                       "{rows: '%s'}, test: 0.3}",
                       files[k]);
        const nib_data *d = fx_loaded(yaml, NIB_TARGET_CLASS);
        cr_expect(d->validation.rows == 3 && origin(&d->validation, 0) == 1 &&
                      origin(&d->validation, 1) == 4 && origin(&d->validation, 2) == 7,
                  "%s", files[k]);
        cr_expect_eq(d->test.rows, 3, "%s: the test rows are drawn from the others", files[k]);
        cr_expect_eq(d->n_files, 2, "the list of rows is one of the files");
    }
}

Test(data_load, weights_and_several_inputs)
{
    float x[8] = {1, 2, 3, 4, 5, 6, 7, 8}, z[24] = {0}, w[8] = {1, 2, 3, 4, 0, 1, 2, 3};
    int32_t y[8] = {0, 1, 0, 1, 0, 1, 0, 1};
    for (int i = 0; i < 24; i++)
        z[i] = (float)i;
    fx_begin();
    fx_f32("x", 8, 1, x);
    cr_assert_eq(nib_h5_write_f32(fx.file, "z", 3, (const int64_t[]){2, 4, 3}, z, &fx.err), NIB_OK, "3 dims");
    cr_assert_eq(nib_h5_write_f32(fx.file, "s", 3, (const int64_t[]){8, 1, 3}, z, &fx.err), NIB_OK, "3 dims");
    fx_f32("w", 8, 0, w);
    fx_i32("y", 8, 0, y);
    fx_end("f.h5");
    const nib_data *d =
        fx_loaded("{source: f.h5, inputs: {a: x, b: {path: s, preprocess: none, features: [p, q, "
                  "r]}}, targets: {y: y, v: x}, weight: w, validation: {last: 0.5}}",
                  NIB_TARGET_REAL);
    cr_assert(d->n_inputs == 2 && d->train.n_inputs == 2 && d->train.n_targets == 2, "numbers");
    cr_expect_eq(d->train.input[1].width, 3, "flattened");
    cr_expect_eq(d->train.input[1].x[4], 4.0f, "row-major");
    cr_expect(d->train.weight[3] == 4.0f && d->validation.weight[3] == 3.0f, "weights");
    cr_expect_str_eq(d->train.input[1].features[2], "r", "%s", d->train.input[1].features[2]);
    cr_expect_eq(d->validation.target[1].value[0], 5.0f, "the second target");
}

Test(data_load, a_constant_column_is_warned_about)
{
    static const float x[] = {1, 5, 2, 5, 3, 5, 4, 5};
    static const int32_t y[] = {0, 1, 0, 1};
    fx_begin();
    fx_f32("x", 4, 2, x);
    fx_i32("y", 4, 0, y);
    fx_end("f.h5");
    const nib_data *d = fx_loaded(
        "{source: f.h5, x: {path: x, features: [a, b]}, y: y, validation: {last: 0.5}}", NIB_TARGET_CLASS);
    cr_expect_eq(fx.warnings, 1, "%d warnings", fx.warnings);
    cr_expect_str_eq(fx.warning, "f.h5: x: column 1 (b) is 5 in all training rows", "%s", fx.warning);
    cr_expect_eq(d->train.input[0].x[1], 0.0f, "a constant column becomes 0");
}

/* The same with and without the processor's flush to zero: a fit on denormals would differ. */
Test(data_load, denormals_count_as_zero)
{
    static const float x[] = {1e-40f, 1, 3e-39f, 2, 2e-40f, 3, -1e-41f, 4};
    static const double x64[] = {1e-40, 1, 3e-39, 2, 2e-40, 3, -1e-41, 4};
    static const int32_t y[] = {0, 1, 0, 1};
    fx_begin();
    fx_f32("x", 4, 2, x);
    fx_f64("x64", 4, 2, x64);
    fx_i32("y", 4, 0, y);
    fx_end("f.h5");
    for (int k = 0; k < 2; k++) {
        const nib_data *d = fx_loaded(k ? "{source: f.h5, x: x64, y: y, validation: {last: 0.5}}"
                                        : "{source: f.h5, x: x, y: y, validation: {last: 0.5}}",
                                      NIB_TARGET_CLASS);
        cr_expect(d->preprocess[0].shift[0] == 0 && d->preprocess[0].divisor[0] == 1, "shift %g, divisor %g",
                  d->preprocess[0].shift[0], d->preprocess[0].divisor[0]);
        cr_expect(d->train.input[0].x[0] == 0 && d->validation.input[0].x[2] == 0, "values");
        cr_expect_eq(d->preprocess[0].divisor[1], 0.5, "the other column");
    }
}

Test(data_load, fingerprint_is_of_settings_and_contents)
{
    fx_jets(20);
    const char *yaml = "{source: jets.h5, x: train/x, y: train/label}";
    uint64_t first = fx_loaded(yaml, NIB_TARGET_CLASS)->fingerprint;
    cr_expect_eq(fx_loaded(yaml, NIB_TARGET_CLASS)->fingerprint, first, "the same again");
    cr_expect_neq(
        fx_loaded("{source: jets.h5, x: train/x, y: train/label, seed: 2}", NIB_TARGET_CLASS)->fingerprint,
        first, "another seed");
    char command[256];
    (void)snprintf(command, sizeof command, "mkdir %s/sub && cp %s/jets.h5 %s/sub/jets.h5", fx.folder,
                   fx.folder, fx.folder);
    cr_assert_eq(system(command), 0, "%s", command);
    cr_expect_eq(
        fx_loaded("{source: sub/jets.h5, x: train/x, y: train/label}", NIB_TARGET_CLASS)->fingerprint, first,
        "the same file elsewhere");
    fx_jets(21);
    cr_expect_neq(fx_loaded(yaml, NIB_TARGET_CLASS)->fingerprint, first, "other contents");
}

Test(data_load, a_known_model_needs_no_training_rows)
{
    static const double shift[] = {1, 2, 3}, divisor[] = {2, 2, 2};
    static const char *const classes[] = {"q", "g", "t", "w"};
    const nib_preprocess_state known = {"x", "standardize", 3, shift, divisor, NULL};
    fx_jets(12);
    nib_data_config *config;
    nib_doc *resolved;
    nib_data *d;
    cr_assert_eq(fx_config("{source: missing.h5, x: a, y: b, test: {source: jets.h5, x: train/x, y: "
                           "train/label}}",
                           &config, &resolved),
                 NIB_OK, "%s", fx.err.message);
    nib_data_config_set_classes(config, 0, 4, classes);
    cr_assert_eq(nib_data_load(config, &known, NIB_DATA_TEST_ONLY, NULL, NULL, &d, &fx.err), NIB_OK, "%s",
                 fx.err.message);
    cr_expect(d->test.rows == 12 && d->train.rows == 0 && d->test.target[0].width == 4, "rows, classes");
    cr_expect_eq(d->test.input[0].x[3], 4.5f, "(10 - 1) / 2");
    nib_data_destroy(d);
    /* rows to predict: no targets */
    cr_assert_eq(fx_config("{source: missing.h5, x: a, y: b, test: {source: jets.h5, x: train/x}}", &config,
                           &resolved),
                 NIB_OK, "%s", fx.err.message);
    cr_assert_eq(nib_data_load(config, &known, NIB_DATA_TEST_ONLY, NULL, NULL, &d, &fx.err), NIB_OK, "%s",
                 fx.err.message);
    cr_expect(d->test.rows == 12 && d->test.n_targets == 0 && d->test.n_inputs == 1, "rows to predict");
    nib_data_destroy(d);
    /* a test part drawn from the training file is the one that the training drew */
    const char *yaml = "{source: jets.h5, x: {path: train/x, preprocess: none}, y: train/label, test: 0.5}";
    const nib_data *all = fx_loaded(yaml, NIB_TARGET_CLASS);
    cr_assert_eq(fx_config(yaml, &config, &resolved), NIB_OK, "%s", fx.err.message);
    cr_assert_eq(nib_data_load(config, all->preprocess, NIB_DATA_TEST_ONLY, NULL, NULL, &d, &fx.err), NIB_OK,
                 "%s", fx.err.message);
    cr_expect(d->train.rows == 0 && d->test.rows == all->test.rows, "rows");
    cr_expect_eq(memcmp(d->test.input[0].x, all->test.input[0].x, (size_t)(3 * d->test.rows) * sizeof(float)),
                 0, "the same rows");
    nib_data_destroy(d);
}

Test(data_load, a_digest_pins_the_contents)
{
    fx_jets(12);
    char yaml[256], message[512];
    const nib_data *d = fx_loaded("{source: jets.h5, x: train/x, y: train/label}", NIB_TARGET_CLASS);
    const uint32_t crc = d->files[0].crc;
    (void)snprintf(yaml, sizeof yaml,
                   "{source: {file: jets.h5, digest: 'crc32:%08x'}, x: train/x, y: train/label}", crc);
    (void)fx_loaded(yaml, NIB_TARGET_CLASS);
    (void)snprintf(
        message, sizeof message,
        "c.yaml:1:17: %s/jets.h5 has other contents than expected: crc32:%08x, but the config says "
        "crc32:00000000",
        fx.folder, crc);
    fx_fails("{source: {file: jets.h5, digest: 'crc32:00000000'}, x: train/x, y: train/label}",
             NIB_TARGET_CLASS, NIB_ERR_INPUT, message);
}
