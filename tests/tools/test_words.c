/* pack and unpack: every code of a type there and back, through every kind of file. */
#include <criterion/criterion.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "quant/fixed.h"
#include "tests/tools/call.h"
#include "tools/numbers.h"

enum { COLUMNS = 3 };

/* All codes of the type as numbers in rows of three, in text that is exact; returns the rows. */
static int64_t write_codes(const nib_fixed *type, const char *path)
{
    FILE *out = fopen(path, "w");
    int64_t n = 0;
    cr_assert(out, "%s cannot be written", path);
    const int64_t low = type->is_signed ? -(INT64_C(1) << (type->bits - 1)) : 0;
    const int64_t count = INT64_C(1) << type->bits;
    for (; n < count || n % COLUMNS; n++)
        fprintf(out, "%.17g%c", nib_fixed_value(type, low + n % count),
                n % COLUMNS == COLUMNS - 1 ? '\n' : ' ');
    cr_assert(fclose(out) == 0, "%s cannot be written", path);
    return n / COLUMNS;
}

static void same_numbers(const char *a, const char *b, int64_t rows)
{
    nib_arena *arena = nib_arena_create();
    nib_numbers x, y;
    nib_error err = {NIB_OK, ""};
    cr_assert_eq(nib_numbers_read(a, arena, &x, &err), NIB_OK, "%s", err.message);
    cr_assert_eq(nib_numbers_read(b, arena, &y, &err), NIB_OK, "%s", err.message);
    cr_assert(x.rows == rows && y.rows == rows && x.columns == COLUMNS && y.columns == COLUMNS,
              "%s: %" PRId64 " rows, %s: %" PRId64 " rows, not %" PRId64, a, x.rows, b, y.rows, rows);
    for (int64_t i = 0; i < rows * COLUMNS; i++)
        cr_assert((float)x.value[i] == (float)y.value[i], "number %" PRId64 ": %g in %s, %g in %s", i,
                  x.value[i], a, y.value[i], b);
    nib_arena_destroy(arena);
}

Test(words, every_code_comes_back)
{
    static const struct {
        const char *type, *more;
    } types[] = {{"fixed<6,2>", "--slot 6 --per-beat 3"},
                 {"ufixed<11,3>", "--per-beat 2"},
                 {"fixed<9,-2>", "--slot 12 --per-beat 4 --big-endian"},
                 {"fixed<16,16>", "--big-endian"},
                 {"ufixed<1,1>", "--slot 1 --per-beat 5"}};
    static const char *const suffixes[] = {"bin", "hex", "dat", "npy"};
    static outcome o;
    enter_scratch();
    for (size_t t = 0; t < sizeof types / sizeof *types; t++)
        for (size_t s = 0; s < sizeof suffixes / sizeof *suffixes; s++) {
            char words[512];
            const char *more = types[t].more;
            nib_fixed type;
            cr_assert_eq(nib_fixed_parse(types[t].type, &type, NULL, NULL), NIB_OK, "%s", types[t].type);
            const int64_t rows = write_codes(&type, "x.dat");
            (void)snprintf(words, sizeof words, "pack x.dat --type %s %s -o w.%s -f", types[t].type, more,
                           suffixes[s]);
            call_nibble(words, &o);
            cr_assert(o.status == 0 && strstr(o.err, "changed 0 of"), "%s: %s", words, o.err);
            (void)snprintf(words, sizeof words, "unpack w.%s --type %s %s --columns 3 -o y.csv -f",
                           suffixes[s], types[t].type, more);
            call_nibble(words, &o);
            cr_assert(o.status == 0, "%s: %s", words, o.err);
            same_numbers("x.dat", "y.csv", rows);
        }
    leave_scratch();
}

/* The layout itself, by hand: -1.5 is 0xd0 in fixed<8,3>, 0.25 is 0x08; two 12-bit slots in three bytes. */
Test(words, layout)
{
    static const struct {
        const char *more;
        unsigned char bytes[4];
        int count;
    } cases[] = {{"", {0xd0, 0x08}, 2},
                 {"--slot 16", {0xd0, 0xff, 0x08, 0x00}, 4},
                 {"--slot 16 --big-endian", {0xff, 0xd0, 0x00, 0x08}, 4},
                 {"--slot 12 --per-beat 2", {0xd0, 0x8f, 0x00}, 3},
                 {"--slot 12 --per-beat 2 --big-endian", {0x00, 0x8f, 0xd0}, 3}};
    static outcome o;
    enter_scratch();
    FILE *out = fopen("x.dat", "w");
    cr_assert(out && fprintf(out, "-1.5 0.25\n") > 0 && fclose(out) == 0, "x.dat cannot be written");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char words[256];
        unsigned char bytes[16];
        (void)snprintf(words, sizeof words, "pack x.dat --type fixed<8,3> %s -o w.bin -f -q", cases[i].more);
        call_nibble(words, &o);
        cr_assert(o.status == 0, "%s: %s", words, o.err);
        FILE *in = fopen("w.bin", "rb");
        const size_t n = in ? fread(bytes, 1, sizeof bytes, in) : 0;
        cr_assert(in && fclose(in) == 0, "there is no w.bin");
        cr_expect(n == (size_t)cases[i].count && memcmp(bytes, cases[i].bytes, n) == 0,
                  "%s: %zu bytes %02x %02x %02x %02x", cases[i].more, n, bytes[0], bytes[1], bytes[2],
                  bytes[3]);
    }
    leave_scratch();
}

Test(words, what_is_wrong_is_said)
{
    static const struct {
        const char *words, *says;
    } cases[] = {{"pack x.dat -o x.hex", "--type is missing"},
                 {"pack x.dat --type fixed<8,3>", "--output FILE is missing"},
                 {"pack x.dat --type fixed<8,3> -o x.txt", ".bin, .hex, .dat or .npy"},
                 {"pack x.dat --type fixed<8,3> --slot 4 -o x.bin", "8 to 64"},
                 {"pack bad.dat --type fixed<8,3> -o z.bin", "bad.dat:2: 1 numbers"},
                 {"unpack x.bin --type fixed<8,3> -o y.npy", "--columns"},
                 {"unpack y.hex --type fixed<8,3> --columns 1 -o y.npy", "line 2: not a beat"},
                 {"unpack x.dat --type fixed<8,3> -o y.npy", "0.3 is no number of the type"}};
    static outcome o;
    enter_scratch();
    static const struct {
        const char *path, *text;
    } files[] = {{"x.dat", "1 0.3\n"}, {"bad.dat", "1 2\n3\n"}, {"x.bin", "abc"}, {"y.hex", "0a\nxy\n"}};
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        FILE *out = fopen(files[i].path, "w");
        cr_assert(out && fputs(files[i].text, out) >= 0 && fclose(out) == 0, "no %s", files[i].path);
    }
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        call_nibble(cases[i].words, &o);
        cr_expect(o.status == 2 && strstr(o.err, cases[i].says), "nibble %s: exit status %d, %s",
                  cases[i].words, o.status, o.err);
    }
    leave_scratch();
}
