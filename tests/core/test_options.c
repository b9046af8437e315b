/* Option tables: numbers, bounds, messages, defaults, and the way back. */
#include <criterion/criterion.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/options.h"
#include "core/yaml.h"

typedef struct sample {
    int64_t epochs, units;
    double lr;
    bool shuffle;
    const char *name;
    int mode;
    nib_ints hidden;
    nib_floats weights;
    nib_strings names;
    const nib_doc *extra;
} sample;

static const nib_option rows[] = {
    NIB_ROW(sample, epochs, NIB_OPTION_INT, "20", 1, 1000000, NULL, "epochs", "how long"),
    NIB_ROW(sample, units, NIB_OPTION_INT, "auto", 1, 1e6, "auto", "", "width"),
    NIB_ROW(sample, lr, NIB_OPTION_FLOAT, "1e-3", 0, 1, NULL, "", "rate"),
    NIB_ROW(sample, shuffle, NIB_OPTION_BOOL, "yes", 0, 0, NULL, "", "order"),
    NIB_ROW(sample, name, NIB_OPTION_STRING, "", 0, 0, NULL, "", "a name"),
    NIB_ROW(sample, mode, NIB_OPTION_CHOICE, "auto", 0, 0, "auto|min|max", "", "direction"),
    NIB_ROW(sample, hidden, NIB_OPTION_INTS, "[64, 32]", 1, 4096, NULL, "", "widths"),
    NIB_ROW(sample, weights, NIB_OPTION_FLOATS, "", 0, 0, NULL, "", "weights"),
    NIB_ROW(sample, names, NIB_OPTION_STRINGS, "", 0, 0, NULL, "", "names"),
    NIB_ROW(sample, extra, NIB_OPTION_NODE, "", 0, 0, NULL, "", "more"),
};
static const nib_option_table table = NIB_OPTION_TABLE(sample, rows);

static nib_status read_text(nib_arena *arena, const char *text, sample *out, nib_error *err)
{
    nib_doc *doc;
    nib_status status = nib_yaml_parse(arena, "f", text, strlen(text), &doc, err);
    return status == NIB_OK ? nib_options_read(arena, &table, doc, "train", out, err) : status;
}

Test(options, defaults)
{
    nib_arena *arena = nib_arena_create();
    nib_error err = {0};
    sample s;
    cr_assert_eq(nib_options_read(arena, &table, NULL, "train", &s, &err), NIB_OK, "%s", err.message);
    cr_expect(s.epochs == 20 && s.units == -1 && s.lr == 1e-3 && s.shuffle && !s.name && s.mode == 0,
              "scalars");
    cr_expect(s.hidden.count == 2 && s.hidden.value[1] == 32 && s.weights.count == 0 && !s.extra,
              "lists and nodes");
    nib_arena_destroy(arena);
}

Test(options, numbers)
{
    static const struct {
        const char *text;
        int64_t value;
    } ints[] = {{"1e6", 1000000}, {"1_000", 1000}, {"+7", 7}, {"2.0", 2}, {"1.5e1", 15}, {"007", 7}};
    static const struct {
        const char *text;
        double value;
    } floats[] = {{"1e-3", 1e-3},    {".5", .5}, {"1", 1}, {"1E-2", 1e-2},
                  {"0.000_1", 1e-4}, {"+1.", 1}, {"-0", 0}};
    static const char *const bad[] = {"epochs: 1.5",
                                      "epochs: x",
                                      "epochs: 0x10",
                                      "epochs: 1_",
                                      "epochs: _1",
                                      "epochs: 1__0",
                                      "epochs: '5'",
                                      "epochs: [1]",
                                      "epochs: 1e400",
                                      "epochs: --1",
                                      "epochs: 99999999999999999999",
                                      "epochs: 1 2",
                                      "epochs: +",
                                      "lr: .nan",
                                      "lr: inf",
                                      "lr: 1e999",
                                      "lr: e",
                                      "lr: 1e",
                                      "lr: 0x1p-3",
                                      "lr: '1'",
                                      "lr: {}"};
    nib_arena *arena = nib_arena_create();
    nib_error err = {0};
    sample s;
    char text[64];
    for (size_t i = 0; i < sizeof ints / sizeof *ints; i++) {
        (void)snprintf(text, sizeof text, "epochs: %s", ints[i].text);
        cr_assert_eq(read_text(arena, text, &s, &err), NIB_OK, "%s", err.message);
        cr_expect_eq(s.epochs, ints[i].value, "%s gave %lld", text, (long long)s.epochs);
    }
    for (size_t i = 0; i < sizeof floats / sizeof *floats; i++) {
        (void)snprintf(text, sizeof text, "lr: %s", floats[i].text);
        cr_assert_eq(read_text(arena, text, &s, &err), NIB_OK, "%s", err.message);
        cr_expect_eq(s.lr, floats[i].value, "%s gave %g", text, s.lr);
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        cr_expect_eq(read_text(arena, bad[i], &s, &err), NIB_ERR_CONFIG, "'%s' is refused", bad[i]);
    nib_arena_destroy(arena);
}

Test(options, kind_decides)
{
    nib_arena *arena = nib_arena_create();
    nib_error err = {0};
    sample s;
    cr_assert_eq(
        read_text(arena, "shuffle: no\nname: no\nunits: auto\nhidden: 5\nnames: a\nmode: max", &s, &err),
        NIB_OK, "%s", err.message);
    cr_expect(!s.shuffle, "`no` of a bool is false");
    cr_expect_str_eq(s.name, "no", "`no` of a text is a text");
    cr_expect(s.units == -1 && s.mode == 2, "words");
    cr_expect(s.hidden.count == 1 && s.hidden.value[0] == 5 && s.names.count == 1,
              "one value is a list of one");
    nib_arena_destroy(arena);
}

Test(options, messages)
{
    static const struct {
        const char *text, *message;
    } cases[] = {
        {"lr: 2", "f:1:5: train.lr: 2 is above the limit 1"},
        {"lr: -1e-9", "f:1:5: train.lr: -1e-9 is below the limit 0"},
        {"epochs: 0", "f:1:9: train.epochs: 0 is below the limit 1 epochs"},
        {"epoch: 5", "f:1:1: unknown key 'epoch' in train (did you mean 'epochs'?)"},
        {"zzzzzz: 5",
         "f:1:1: unknown key 'zzzzzz' in train (known: epochs, units, lr, shuffle, name, mode, hidden, "
         "weights, names, extra)"},
        {"epochs: many", "f:1:9: train.epochs: 'many' is not an integer"},
        {"units: outo", "f:1:8: train.units: 'outo' is not an integer or auto"},
        {"epochs: '5'", "f:1:9: train.epochs: '5' is not an integer (it is quoted, so it is a text)"},
        {"epochs:", "f:1:8: train.epochs has no value (an integer is expected)"},
        {"shuffle: maybe", "f:1:10: train.shuffle: 'maybe' is not true or false"},
        {"shuffle: {}", "f:1:10: train.shuffle: a map where true or false is expected"},
        {"name: [a]", "f:1:7: train.name: a list where a text is expected"},
        {"mode: mni", "f:1:7: train.mode: unknown word 'mni' (did you mean 'min'?)"},
        {"mode: largest", "f:1:7: train.mode: unknown word 'largest' (known: auto, min, max)"},
        {"hidden: [8, 5000]", "f:1:13: train.hidden: 5000 is above the limit 4096"},
        {"hidden: [8, x]", "f:1:13: train.hidden: 'x' is not an integer"},
        {"hidden: {a: 1}", "f:1:9: train.hidden: a map where a list of integers is expected"},
        {"lr: 1e999", "f:1:5: train.lr: 1e999 is too large for a number"},
        {"[1]", "f:1:1: train: a list where a map of options is expected"},
        {"word", "f:1:1: train: a single value where a map of options is expected"},
    };
    nib_arena *arena = nib_arena_create();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        nib_error err = {0};
        sample s;
        cr_expect_eq(read_text(arena, cases[i].text, &s, &err), NIB_ERR_CONFIG, "'%s' is refused",
                     cases[i].text);
        cr_expect_str_eq(err.message, cases[i].message, "message of '%s'", cases[i].text);
    }
    nib_arena_destroy(arena);
}

Test(options, round_trip)
{
    static const char *const texts[] = {
        "{}",
        "epochs: 1_000\nlr: 0.1\nshuffle: off\nname: 'a: b'\nmode: min\n",
        "name: '5'\nnames: [yes, '1', '', null, a b]\nweights: [0.1, 1e-300, 3]\nhidden: []\n",
        "extra: {any: [thing, {at: all}]}\nunits: 64\n",
    };
    nib_arena *arena = nib_arena_create();
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        nib_error err = {0};
        sample s;
        char *first, *second;
        cr_assert_eq(read_text(arena, texts[i], &s, &err), NIB_OK, "%s", err.message);
        cr_assert_eq(nib_yaml_write(arena, nib_options_write(arena, &table, &s), &first, &err), NIB_OK,
                     "writes");
        cr_assert_eq(read_text(arena, first, &s, &err), NIB_OK, "%s in\n%s", err.message, first);
        cr_assert_eq(nib_yaml_write(arena, nib_options_write(arena, &table, &s), &second, &err), NIB_OK,
                     "writes");
        cr_expect_str_eq(first, second, "read(write(x)) is x");
    }
    nib_arena_destroy(arena);
}

Test(options, wrong_tables)
{
    static const nib_option below[] = {NIB_ROW(sample, epochs, NIB_OPTION_INT, "0", 1, 10, NULL, "", "h")};
    static const nib_option twice[] = {NIB_ROW(sample, lr, NIB_OPTION_FLOAT, "0", 0, 0, NULL, "", "h"),
                                       NIB_ROW(sample, lr, NIB_OPTION_FLOAT, "0", 0, 0, NULL, "", "h")};
    static const nib_option helpless[] = {NIB_ROW(sample, lr, NIB_OPTION_FLOAT, "0", 0, 0, NULL, "", "")};
    static const nib_option crossed[] = {NIB_ROW(sample, lr, NIB_OPTION_FLOAT, "0", 2, 1, NULL, "", "h")};
    static const nib_option worded[] = {NIB_ROW(sample, lr, NIB_OPTION_FLOAT, "0", 0, 0, "a|b", "", "h")};
    static const nib_option list[] = {
        NIB_ROW(sample, hidden, NIB_OPTION_INTS, "[1, 9]", 1, 8, NULL, "", "h")};
    const struct {
        nib_option_table table;
        const char *message;
    } cases[] = {
        {NIB_OPTION_TABLE(sample, below), "t.epochs: 0 is below the limit 1"},
        {NIB_OPTION_TABLE(sample, twice), "t.lr has two rows"},
        {NIB_OPTION_TABLE(sample, helpless), "t.lr has no help or no unit"},
        {NIB_OPTION_TABLE(sample, crossed), "t.lr has wrong bounds or a wrong offset"},
        {NIB_OPTION_TABLE(sample, worded), "t.lr: only a choice or an integer has words"},
        {NIB_OPTION_TABLE(sample, list), "default:1:5: t.hidden: 9 is above the limit 8"},
    };
    nib_arena *arena = nib_arena_create();
    nib_error err = {0};
    cr_expect_eq(nib_options_check(arena, &table, "t", &err), NIB_OK, "%s", err.message);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        cr_expect_eq(nib_options_check(arena, &cases[i].table, "t", &err), NIB_ERR_CONFIG, "table %zu", i);
        cr_expect_str_eq(err.message, cases[i].message, "message of table %zu", i);
    }
    nib_arena_destroy(arena);
}

Test(options, required)
{
    static const nib_option needed[] = {
        NIB_ROW(sample, name, NIB_OPTION_STRING, NULL, 0, 0, NULL, "", "which file")};
    static const nib_option_table needs = NIB_OPTION_TABLE(sample, needed);
    nib_arena *arena = nib_arena_create();
    nib_error err = {0};
    sample s;
    cr_expect_eq(nib_options_read(arena, &needs, NULL, "x", &s, &err), NIB_ERR_CONFIG, "refused");
    cr_expect_str_eq(err.message, "x.name is missing (which file)", "message");
    nib_arena_destroy(arena);
}

Test(options, choices_of_descriptors)
{
    static const struct {
        const char *text, *name, *message;
    } cases[] = {
        {"adam", "adam", NULL},
        {"{adam: }", "adam", NULL},
        {"{adam: {lr: 1}}", "adam", NULL},
        {"{adam: 1, sgd: 2}", NULL,
         "f:1:11: o: one optimizer is expected, 'sgd' is a second one (after 'adam')"},
        {"[adam]", NULL, "f:1:1: o: the name of one optimizer is expected, as in NAME or {NAME: {...}}"},
        {"{}", NULL, "f:1:1: o: the name of one optimizer is expected, as in NAME or {NAME: {...}}"}};
    nib_arena *arena = nib_arena_create();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        nib_error err = {0};
        nib_doc *doc;
        const nib_doc *body;
        const char *name;
        cr_assert_eq(nib_yaml_parse(arena, "f", cases[i].text, strlen(cases[i].text), &doc, &err), NIB_OK,
                     "parses");
        nib_status status = nib_options_split_choice(doc, "o", "optimizer", &name, &body, &err);
        if (cases[i].name)
            cr_expect(status == NIB_OK && strcmp(name, cases[i].name) == 0, "%s", cases[i].text);
        else
            cr_expect_str_eq(err.message, cases[i].message, "message of %s", cases[i].text);
    }
    nib_arena_destroy(arena);
}

Test(options, shortest_numbers)
{
    static const double values[] = {0, 1, -1, 0.1, 1e-3, 1.0 / 3, 1e300, 5e-324, 128, 1e6, 123456789.125};
    static const char *const texts[] = {
        "0",     "1",      "-1",  "0.1",     "0.001",        "0.3333333333333333",
        "1e300", "5e-324", "128", "1000000", "123456789.125"};
    char text[NIB_NUMBER_BYTES];
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        nib_format_double(values[i], text);
        cr_expect_str_eq(text, texts[i], "%.17g", values[i]);
        cr_expect_eq(strtod(text, NULL), values[i], "%s reads back", text);
    }
}
