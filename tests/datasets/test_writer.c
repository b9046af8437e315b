/* Prediction files: what is in them, atomic, floats that read back. */
#include <criterion/criterion.h>
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/file.h"
#include "core/rng.h"
#include "datasets/npy.h"
#include "datasets/writer.h"
#include "files_fixture.h"

TestSuite(writer, .init = files_setup, .fini = files_teardown);

static const float values[] = {0.1f, 0.9f, 1, 0, 1.0f / 3, 2.0f / 3}, more[] = {-1.5f, 3e-38f, 16777216};
static const char *const classes[] = {"q", "g,\"t\""};
static const nib_table tables[] = {{"y", 3, 2, classes, values}, {"v", 3, 1, NULL, more}};

static nib_status write_tables(const char *name, int count)
{
    const nib_writer *writer;
    cr_assert_eq(nib_writer_for(name, &writer, &fx.err), NIB_OK, "%s", fx.err.message);
    return writer->write(fx_path(name), count, tables, &fx.err);
}

static char *contents(const char *name, size_t *bytes)
{
    char *data;
    cr_assert_eq(nib_file_read(fx.arena, fx_path(name), 1 << 20, &data, bytes, &fx.err), NIB_OK, "%s",
                 fx.err.message);
    return data;
}

Test(writer, csv)
{
    size_t bytes;
    cr_assert_eq(write_tables("a.csv", 1), NIB_OK, "%s", fx.err.message);
    cr_expect_str_eq(contents("a.csv", &bytes), "q,\"g,\"\"t\"\"\"\n0.1,0.9\n1,0\n0.33333334,0.6666667\n",
                     "%s", contents("a.csv", &bytes));
    cr_assert_eq(write_tables("b.CSV", 2), NIB_OK, "%s", fx.err.message);
    cr_expect_str_eq(contents("b.CSV", &bytes),
                     "y_q,\"y_g,\"\"t\"\"\",v\n0.1,0.9,-1.5\n1,0,3e-38\n0.33333334,0.6666667,16777216\n",
                     "%s", contents("b.CSV", &bytes));
}

Test(writer, npy)
{
    size_t bytes;
    nib_npy npy;
    cr_assert_eq(write_tables("a.npy", 1), NIB_OK, "%s", fx.err.message);
    const char *image = contents("a.npy", &bytes);
    cr_assert_eq(bytes, 128 + sizeof values, "%zu bytes", bytes);
    cr_expect_eq(
        memcmp(image, "\x93NUMPY\x01\x00\x76\x00{'descr': '<f4', 'fortran_order': False, 'shape': (3, 2), }",
               10 + 59),
        0, "%.118s", image + 10);
    cr_expect_eq(image[127], '\n', "the header ends in a newline");
    cr_expect_eq(memcmp(image + 128, values, sizeof values), 0, "values");
    cr_assert_eq(nib_npy_parse("a.npy", image, bytes, &npy, &fx.err), NIB_OK, "%s", fx.err.message);
    cr_expect(npy.kind == 'f' && npy.bytes == 4 && npy.rank == 2 && npy.dim[1] == 2 && npy.offset == 128,
              "the header");
    for (size_t cut = 0; cut < bytes; cut++)
        cr_expect_eq(nib_npy_parse("a.npy", image, cut, &npy, &fx.err), NIB_ERR_INPUT, "cut at %zu", cut);
    cr_expect_eq(nib_writer_for("a.npy", &(const nib_writer *){NULL}, &fx.err), NIB_OK, "npy");
}

Test(writer, hdf5)
{
    nib_h5 *file;
    float got[6];
    int count;
    const char *const *names;
    cr_assert_eq(write_tables("a.h5", 2), NIB_OK, "%s", fx.err.message);
    cr_assert_eq(nib_h5_open(&file, fx_path("a.h5"), &fx.err), NIB_OK, "%s", fx.err.message);
    cr_assert_eq(nib_h5_read_f32(file, "y", 0, 3, got, &fx.err), NIB_OK, "%s", fx.err.message);
    cr_expect_eq(memcmp(got, values, sizeof values), 0, "y");
    cr_assert_eq(nib_h5_read_f32(file, "v", 0, 3, got, &fx.err), NIB_OK, "%s", fx.err.message);
    cr_expect_eq(memcmp(got, more, sizeof more), 0, "v");
    cr_assert_eq(nib_h5_attribute_strings(file, "y", "classes", fx.arena, &count, &names, &fx.err), NIB_OK,
                 "%s", fx.err.message);
    cr_expect_str_eq(names[1], classes[1], "%s", names[1]);
    nib_h5_close(file);
}

Test(writer, a_folder_that_is_not_there_keeps_everything)
{
    static const char *const names[] = {"no/a.csv", "no/a.npy", "no/a.h5"};
    for (int i = 0; i < 3; i++) {
        cr_expect_eq(write_tables(names[i], 1), NIB_ERR_IO, "%s", names[i]);
        cr_expect_not_null(strstr(fx.err.message, names[i]), "%s", fx.err.message);
    }
    const nib_writer *writer;
    cr_expect_eq(nib_writer_for("a.root", &writer, &fx.err), NIB_ERR_USAGE, "an unknown suffix");
    cr_expect_str_eq(fx.err.message, "a.root: predictions are written to .h5, .npy, .csv files", "%s",
                     fx.err.message);
}

Test(writer, floats_are_short_and_read_back)
{
    static const struct {
        float value;
        const char *text;
    } cases[] = {{0, "0"},          {0.1f, "0.1"},
                 {1e-7f, "1e-07"},  {FLT_MAX, "3.4028235e+38"},
                 {-2.5f, "-2.5"},   {16777216, "16777216"},
                 {1e10f, "1e+10"},  {1.0f / 3, "0.33333334"},
                 {INFINITY, "inf"}, {0.99999994f, "0.99999994"}};
    char text[NIB_FLOAT_BYTES];
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        int n = nib_format_float(cases[i].value, text);
        cr_expect_str_eq(text, cases[i].text, "%s, wanted %s", text, cases[i].text);
        cr_expect_eq(n, (int)strlen(text), "the length of %s", text);
    }
    const nib_rng rng = {1, nib_rng_stream("floats"), 0};
    for (uint64_t i = 0; i < 20000; i++) {
        uint32_t words[4];
        float x;
        nib_rng_words(&rng, i, words);
        memcpy(&x, words, sizeof x);
        if (!isfinite(x) || fabsf(x) < FLT_MIN)
            continue;
        (void)nib_format_float(x, text);
        cr_expect_eq(strtof(text, NULL), x, "%s", text);
    }
}

Test(writer, every_writer_is_complete)
{
    for (int i = 0; i < nib_writers_count; i++)
        cr_expect(nib_writers[i]->name && nib_writers[i]->help && nib_writers[i]->source &&
                      nib_writers[i]->suffixes && nib_writers[i]->max_tables > 0 && nib_writers[i]->write,
                  "writer %d", i);
}
