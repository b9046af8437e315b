/* Sources: HDF5 of any numeric type, chunked and compressed; the arrays of a generator. */
#include <criterion/criterion.h>
#include <hdf5.h>
#include <stdio.h>
#include <string.h>

#include "datasets/source.h"
#include "files_fixture.h"

TestSuite(source, .init = files_setup, .fini = files_teardown);

enum { ROWS = 1000, COLS = 5, CHUNK = 64 };

/* IEEE half precision, which the library has no name for. */
static hid_t half_type(void)
{
    hid_t type = H5Tcopy(H5T_IEEE_F32LE);
    cr_assert(H5Tset_fields(type, 15, 10, 5, 0, 10) >= 0 && H5Tset_size(type, 2) >= 0 &&
                  H5Tset_ebias(type, 15) >= 0,
              "half precision");
    return type;
}

static void write_types(const char *path, const double *value, hid_t const *types, int n)
{
    const hsize_t dim[] = {ROWS, COLS}, chunk[] = {CHUNK, COLS};
    hid_t file = H5Fcreate(path, H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
    hid_t space = H5Screate_simple(2, dim, NULL);
    for (int i = 0; i < n; i++)
        for (int gzip = 0; gzip < 2; gzip++) {
            char name[32];
            (void)snprintf(name, sizeof name, "%s%d", gzip ? "gzip" : "flat", i);
            hid_t properties = H5Pcreate(H5P_DATASET_CREATE);
            if (gzip)
                cr_assert(H5Pset_chunk(properties, 2, chunk) >= 0 && H5Pset_shuffle(properties) >= 0 &&
                              H5Pset_deflate(properties, 4) >= 0,
                          "properties");
            hid_t set = H5Dcreate2(file, name, types[i], space, H5P_DEFAULT, properties, H5P_DEFAULT);
            cr_assert(set >= 0 && H5Dwrite(set, H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, value) >= 0,
                      "%s", name);
            (void)H5Dclose(set);
            (void)H5Pclose(properties);
        }
    (void)H5Sclose(space);
    (void)H5Fclose(file);
}

Test(source, every_numeric_type_chunked_or_not)
{
    static double value[ROWS * COLS], got[ROWS * COLS];
    for (int i = 0; i < ROWS * COLS; i++)
        value[i] = (i * 37) % 101; /* every type holds these */
    const hid_t half = half_type();
    const hid_t types[] = {H5T_STD_I8LE,  H5T_STD_U8LE,  H5T_STD_I16BE, H5T_STD_U16LE,  H5T_STD_I32LE,
                           H5T_STD_I64LE, H5T_STD_U64BE, half,          H5T_IEEE_F32BE, H5T_IEEE_F64LE};
    const struct {
        bool integer, exact;
    } is[] = {{true, true},  {true, true},  {true, true},  {true, true},  {true, false},
              {true, false}, {true, false}, {false, true}, {false, true}, {false, false}};
    enum { TYPES = sizeof types / sizeof *types };
    write_types(fx_path("types.h5"), value, types, TYPES);
    (void)H5Tclose(half);
    nib_source *source;
    cr_assert_eq(nib_source_open(&source, fx_path("types.h5"), &fx.err), NIB_OK, "%s", fx.err.message);
    for (int i = 0; i < TYPES; i++)
        for (int gzip = 0; gzip < 2; gzip++) {
            char name[32];
            nib_array_info info;
            (void)snprintf(name, sizeof name, "%s%d", gzip ? "gzip" : "flat", i);
            cr_assert_eq(nib_source_describe(source, name, &info, &fx.err), NIB_OK, "%s", fx.err.message);
            cr_expect(info.numeric && info.integer == is[i].integer && info.exact_in_float == is[i].exact,
                      "%s: integer %d exact %d", name, info.integer, info.exact_in_float);
            cr_expect(info.rows == ROWS && info.width == COLS && info.block_rows == (gzip ? CHUNK : 0),
                      "%s: shape", name);
            memset(got, 0, sizeof got);
            cr_assert_eq(nib_source_read(source, name, 0, 37, got, &fx.err), NIB_OK, "%s", fx.err.message);
            cr_assert_eq(nib_source_read(source, name, 37, ROWS - 37, got + 37 * COLS, &fx.err), NIB_OK, "%s",
                         fx.err.message);
            cr_expect_eq(memcmp(got, value, sizeof got), 0, "%s: other values", name);
        }
    nib_source_close(source);
}

Test(source, a_whole_load_of_every_type)
{
    static double value[ROWS * COLS];
    for (int i = 0; i < ROWS * COLS; i++)
        value[i] = (i * 37) % 101;
    const hid_t half = half_type();
    const hid_t types[] = {H5T_STD_I8LE, half, H5T_IEEE_F64LE};
    write_types(fx_path("types.h5"), value, types, 3);
    (void)H5Tclose(half);
    uint64_t first = 0;
    for (int i = 0; i < 6; i++) {
        char yaml[128];
        (void)snprintf(
            yaml, sizeof yaml,
            "{source: types.h5, x: {path: %s%d, columns: [0, 1, 4]}, y: {path: flat0, columns: 2}}",
            i % 2 ? "gzip" : "flat", i / 2);
        const nib_data *d = fx_loaded(yaml, NIB_TARGET_CLASS);
        const nib_data_input *in = &d->train.input[0];
        uint64_t hash = 0;
        for (int64_t k = 0; k < d->train.rows * in->width; k++) {
            uint32_t bits;
            memcpy(&bits, &in->x[k], sizeof bits);
            hash = hash * 31 + bits;
        }
        first = i == 0 ? hash : first;
        cr_expect_eq(hash, first, "%s: other bits than from int8", yaml);
    }
}

/* ---- A generator of its own ---- */

typedef struct ramp_options {
    double slope;
} ramp_options;

static nib_status ramp(nib_arena *arena, const void *options, uint64_t seed, int64_t rows, nib_team *team,
                       nib_raw *out, nib_error *err)
{
    static const char *const names[] = {"up", "down"}, *const classes[] = {"even", "odd", "never"};
    const ramp_options *o = options;
    (void)team;
    float *x = NIB_NEW(arena, float, 2 * rows);
    int32_t *y = NIB_NEW(arena, int32_t, rows);
    nib_raw_array *array = NIB_NEW(arena, nib_raw_array, 2);
    if (!x || !y || !array)
        return nib_fail_memory(err, "ramp");
    for (int64_t i = 0; i < rows; i++) {
        x[2 * i] = (float)(o->slope * (double)i + (double)seed);
        x[2 * i + 1] = (float)-i;
        y[i] = (int32_t)(i % 2);
    }
    array[0] = (nib_raw_array){"x", NIB_RAW_F32, 2, {rows, 2, 0}, names, 2, x};
    array[1] = (nib_raw_array){"label", NIB_RAW_I32, 1, {rows, 0, 0}, classes, 3, y};
    *out = (nib_raw){rows, 2, array};
    return NIB_OK;
}

Test(source, arrays_of_a_generator)
{
    static const nib_generator generator = {.name = "ramp", .generate = ramp};
    const ramp_options options = {0.5};
    nib_source *source;
    nib_array_info info;
    double got[4];
    int count;
    const char *const *names;
    cr_assert_eq(nib_source_generate(&source, &generator, &options, 10, 7, NULL, &fx.err), NIB_OK, "%s",
                 fx.err.message);
    cr_expect_str_eq(nib_source_name(source), "generator ramp", "%s", nib_source_name(source));
    cr_assert_eq(nib_source_describe(source, "x", &info, &fx.err), NIB_OK, "%s", fx.err.message);
    cr_expect(info.rows == 7 && info.width == 2 && info.exact_in_float && !info.integer, "x");
    cr_assert_eq(nib_source_read(source, "x", 3, 2, got, &fx.err), NIB_OK, "%s", fx.err.message);
    cr_expect(got[0] == 11.5 && got[1] == -3 && got[2] == 12 && got[3] == -4, "values");
    cr_assert_eq(nib_source_names(source, "label", fx.arena, &count, &names, &fx.err), NIB_OK, "%s",
                 fx.err.message);
    cr_expect_eq(nib_source_describe(source, "lable", &info, &fx.err), NIB_ERR_CONFIG, "a wrong name");
    cr_expect_str_eq(fx.err.message, "generator ramp has no 'lable' (did you mean 'label'?)", "%s",
                     fx.err.message);
    nib_source_close(source);
    cr_assert_eq(count, 3, "%d classes", count);
    cr_expect_str_eq(names[2], "never", "names outlive the source");
}

/* Through the config, with the generator of the list; a part's own generator must not repeat its rows. */
Test(source, the_generator_jets)
{
    const nib_data *d = fx_loaded("{source: {generator: jets, n: 60}, x: {path: hlf16, columns: [mass_mmdt, "
                                  "multiplicity], preprocess: none}, y: label, test: {source: {generator: "
                                  "jets, n: 60}}}",
                                  NIB_TARGET_CLASS);
    cr_assert(d->train.rows == 48 && d->validation.rows == 12 && d->test.rows == 60, "rows");
    cr_expect_eq(d->train.target[0].width, 5, "classes");
    cr_expect_str_eq(d->train.input[0].features[1], "multiplicity", "%s", d->train.input[0].features[1]);
    for (int64_t i = 0; i < d->train.rows; i++)
        for (int64_t k = 0; k < d->test.rows; k++)
            cr_expect(d->train.input[0].x[2 * i] == 0 || /* groomed to one particle: no mass */
                          d->train.input[0].x[2 * i] != d->test.input[0].x[2 * k],
                      "training row %ld is test row %ld", (long)i, (long)k);
    cr_expect_eq(d->n_files, 0, "no files");
}

Test(source, every_reader_is_complete)
{
    for (int i = 0; i < nib_readers_count; i++) {
        const nib_reader *r = nib_readers[i];
        cr_expect(r->name && r->help && r->source && r->suffixes && r->suffixes[0], "reader %d", i);
        cr_expect(r->open && r->close && r->has && r->describe && r->list && r->read && r->texts && r->names,
                  "%s: functions", r->name);
    }
    cr_expect_eq(nib_reader_for("a/B.HDF5"), nib_reader_for("x.h5"), "suffixes in any case");
    cr_expect_null(nib_reader_for(".h5"), "a suffix alone is no name");
}
