/* nibble data: what it writes, that a file computed back gives the same observables, and what it refuses. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/file.h"
#include "core/h5.h"
#include "datasets/observables.h"
#include "tests/tools/call.h"

TestSuite(data_command, .init = enter_scratch, .fini = leave_scratch);

enum { ROWS = 1500, MOST = 24 };

static nib_h5 *open_file(const char *path)
{
    nib_error err = {NIB_OK, ""};
    nib_h5 *file = NULL;
    cr_assert_eq(nib_h5_open(&file, path, &err), NIB_OK, "%s", err.message);
    return file;
}

static void read_rows(nib_h5 *file, const char *path, int64_t rows, float *out)
{
    nib_error err = {NIB_OK, ""};
    cr_assert_eq(nib_h5_read_f32(file, path, 0, rows, out, &err), NIB_OK, "%s", err.message);
}

static void expect_success(const char *words)
{
    outcome o;
    call_nibble(words, &o);
    cr_assert_eq(o.status, 0, "nibble %s: status %d: %s", words, o.status, o.err);
}

static uint32_t digest(const char *path)
{
    nib_error err = {NIB_OK, ""};
    uint32_t crc = 0;
    int64_t bytes;
    cr_assert_eq(nib_file_digest(path, &crc, &bytes, &err), NIB_OK, "%s", err.message);
    return crc;
}

Test(data_command, observables_of_a_written_file_are_its_own)
{
    static float made[ROWS][NIB_OBSERVABLES], again[ROWS][NIB_OBSERVABLES];
    nib_error err = {NIB_OK, ""};
    nib_h5_info info;
    const char *text;
    const char *const *names;
    int count;
    nib_arena *arena = nib_arena_create();
    expect_success(
        "data synth jets -n 1500 -o jets.h5 --set max_constituents=24 --set noise=0 --set noise=2");
    expect_success("data observables jets.h5 back.h5 --threads 2");
    nib_h5 *jets = open_file("jets.h5"), *back = open_file("back.h5");
    read_rows(jets, "hlf16", ROWS, made[0]);
    read_rows(back, "hlf16", ROWS, again[0]);
    cr_assert(memcmp(made, again, sizeof made) == 0, "the observables computed back differ");
    cr_assert_eq(nib_h5_dataset_info(jets, "x", &info, &err), NIB_OK, "%s", err.message);
    cr_assert(info.rank == 3 && info.dim[0] == ROWS && info.dim[1] == MOST && info.dim[2] == 3, "shape of x");
    cr_assert_eq(nib_h5_attribute_strings(jets, "label", "classes", arena, &count, &names, &err), NIB_OK,
                 "%s", err.message);
    cr_assert(count == 5 && strcmp(names[2], "w") == 0, "%d classes", count);
    cr_assert_eq(nib_h5_read_strings(back, "hlf16_names", arena, &count, &names, &err), NIB_OK, "%s",
                 err.message);
    cr_assert(count == 16 && strcmp(names[14], "mass_mmdt") == 0, "%d names of observables", count);
    cr_assert_eq(nib_h5_read_text(jets, "made_by", arena, &text, &err), NIB_OK, "%s", err.message);
    cr_assert(strstr(text, "noise: 2\n") && strstr(text, "n: 1500\n") && strstr(text, "seed: 1\n"),
              "made_by: %s", text);
    nib_h5_close(jets);
    nib_h5_close(back);
    nib_arena_destroy(arena);
}

Test(data_command, files_do_not_depend_on_threads_but_on_the_seed)
{
    expect_success("data synth jets -n 700 -o a.h5 -t 1");
    expect_success("data synth jets -n 700 -o b.h5 -t 2 --seed 1");
    expect_success("data synth jets -n 700 -o c.h5 --seed 2");
    cr_assert_eq(digest("a.h5"), digest("b.h5"), "one and two threads write different files");
    cr_assert_neq(digest("a.h5"), digest("c.h5"), "two seeds write the same file");
}

/** Constituents that somebody else wrote: in double, absolute eta, -1 in the padding; some entry may be bad.
 */
static void write_foreign(const char *path, int64_t row, int64_t column, double bad)
{
    enum { JETS = 1100, FEW = 4 };
    static double x[JETS][FEW][3];
    static const int64_t dim[] = {JETS, FEW, 3};
    nib_error err = {NIB_OK, ""};
    nib_h5 *file;
    for (int i = 0; i < JETS; i++)
        for (int k = 0; k < FEW; k++) {
            x[i][k][0] = k == FEW - 1 ? -1 : 100 - k;
            x[i][k][1] = 1.5 + 0.1 * k * k;
            x[i][k][2] = 3 + 0.1 * k;
        }
    if (row >= 0)
        x[row][1][column] = bad;
    cr_assert_eq(nib_h5_create(&file, &err), NIB_OK, "%s", err.message);
    cr_assert_eq(nib_h5_write_f64(file, "jets/p", 3, dim, x[0][0], &err), NIB_OK, "%s", err.message);
    cr_assert_eq(nib_h5_write_text(file, "text", "hello", &err), NIB_OK, "%s", err.message);
    cr_assert_eq(nib_h5_commit(file, path, &err), NIB_OK, "%s", err.message);
}

Test(data_command, foreign_constituents)
{
    float out[NIB_OBSERVABLES];
    write_foreign("foreign.h5", -1, 0, 0);
    expect_success("data observables foreign.h5 out.h5 --path jets/p");
    nib_h5 *file = open_file("out.h5");
    read_rows(file, "hlf16", 1, out);
    nib_h5_close(file);
    cr_assert(out[NIB_OBSERVABLE_MULTIPLICITY] == 3, "%g groomed constituents, 3 expected",
              (double)out[NIB_OBSERVABLE_MULTIPLICITY]);
    double wanted = sqrt(2 * (100 * 99 * (cosh(0.1) - cos(0.1)) + 100 * 98 * (cosh(0.4) - cos(0.2)) +
                              99 * 98 * (cosh(0.3) - cos(0.1))));
    cr_assert(fabs((double)out[NIB_OBSERVABLE_MASS] / wanted - 1) < 1e-5, "mass %.9g, %.9g expected",
              (double)out[NIB_OBSERVABLE_MASS], wanted);
}

Test(data_command, wrong_calls)
{
    static const struct {
        const char *words, *message;
    } wrong[] = {
        {"data sinth jets", "nibble data: there is no 'sinth' (did you mean synth?)"},
        {"data synth", "nibble data synth takes one generator: nibble data synth jets -n N -o FILE.h5"},
        {"data synth jets -o a.h5", "nibble data synth: --rows N is missing"},
        {"data synth jets -n 5", "nibble data synth: --output FILE.h5 is missing"},
        {"data synth jets -n 0 -o a.h5", "nibble data: --rows: 0 is outside 1 to 1e+09"},
        {"data synth jet -n 5 -o a.h5", "nibble data synth: no generator 'jet' (did you mean 'jets'?)"},
        {"data synth jets -n 5 -o a.npy", "a.npy: the output is an HDF5 file; end its name in .h5"},
        {"data synth jets -n 5 -o no/a.h5", "no/a.h5: there is no folder no"},
        {"data synth jets -n 5 -o good.h5", "good.h5 exists; choose another name or give --force"},
        {"data synth jets -n 5 -o a.h5 --set noise", "nibble data synth: --set noise: write OPTION=VALUE"},
        {"data synth jets -n 5 -o a.h5 --set nois=3",
         "--set: unknown key 'nois' in jets (did you mean 'noise'?)"},
        {"data synth jets -n 5 -o a.h5 --set noise=many", "--set: jets.noise: 'many' is not a number"},
        {"data synth jets -n 5 -o a.h5 --set noise=-1",
         "--set: jets.noise: -1 is below the limit 0 particles"},
        {"data synth jets -n 5 -o a.h5 --set pt_min=2000",
         "jets: pt_min (2000 GeV) exceeds pt_max (1200 GeV)"},
        {"data synth jets -n 5 -o a.h5 --path x",
         "nibble data synth: --path belongs to nibble data observables"},
        {"data observables good.h5",
         "nibble data observables takes two files: nibble data observables IN OUT.h5"},
        {"data observables good.h5 a.h5 -n 5",
         "nibble data observables: --rows, --output, --seed and --set belong to nibble data synth"},
        {"data observables no.h5 a.h5", "no.h5: there is no such file"},
        {"data observables good.h5 good.h5", "good.h5 exists; choose another name or give --force"},
        {"data observables good.h5 a.h5", "good.h5 has no 'x' (it has jets/p, text)"},
        {"data observables good.h5 a.h5 -p text", "good.h5: text holds no numbers"},
        {"data observables nan.h5 a.h5 -p jets/p",
         "nan.h5: jets/p: row 1050, constituent 1: pT is nan, not a finite float"},
        {"data observables eta.h5 a.h5 -p jets/p",
         "eta.h5: jets/p: row 2, constituent 1: eta is 99, beyond 20; the columns must be pT, eta, phi"},
    };
    write_foreign("good.h5", -1, 0, 0);
    write_foreign("nan.h5", 1050, 0, (double)NAN);
    write_foreign("eta.h5", 2, 1, 99);
    uint32_t before = digest("good.h5");
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        char wanted[512];
        outcome o;
        (void)snprintf(wanted, sizeof wanted, "nibble: %s\n", wrong[i].message);
        if (strncmp(wrong[i].message, "nibble", 6) == 0)
            (void)snprintf(wanted, sizeof wanted, "%s\n", wrong[i].message);
        call_nibble(wrong[i].words, &o);
        cr_assert_eq(o.status, 2, "nibble %s: status %d", wrong[i].words, o.status);
        cr_assert_str_eq(o.err, wanted, "nibble %s says\n%sand should say\n%s", wrong[i].words, o.err,
                         wanted);
        cr_assert(!nib_file_exists("a.h5"), "nibble %s writes a file", wrong[i].words);
    }
    cr_assert_eq(digest("good.h5"), before, "an existing file was changed");
    expect_success("data synth jets -n 5 -o good.h5 --force");
    cr_assert_neq(digest("good.h5"), before, "--force does not replace");
}
