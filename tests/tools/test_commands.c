/* list, describe, config and init when all is well. */
#include <criterion/criterion.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/file.h"
#include "tests/tools/call.h"
#include "tools/catalog.h"
#include "tools/recipe.h"
#include "train/config.h"

static void expect_done(const outcome *o, const char *words)
{
    cr_expect_eq(o->status, 0, "nibble %s: exit status %d, %s", words, o->status, o->err);
    cr_expect_str_empty(o->err, "nibble %s: %s", words, o->err);
    cr_expect(*o->out, "nibble %s prints something", words);
}

Test(commands, list_and_describe_all)
{
    static outcome all, one;
    char words[256];
    enter_scratch();
    call_nibble("list", &all);
    expect_done(&all, "list");
    for (int k = 0; k < nib_catalog_kinds_count; k++) {
        const nib_catalog_kind *kind = &nib_catalog_kinds[k];
        nib_catalog_entry entry;
        cr_expect(strstr(all.out, kind->name), "nibble list shows %s", kind->name);
        (void)snprintf(words, sizeof words, "list %s", kind->name);
        call_nibble(words, &one);
        expect_done(&one, words);
        for (int i = 0; kind->entry(i, &entry); i++) {
            cr_expect(strstr(all.out, entry.name), "nibble list shows %s", entry.name);
            cr_expect(strstr(one.out, entry.name) && strstr(one.out, entry.help), "nibble %s shows %s", words,
                      entry.name);
        }
    }
    leave_scratch();
}

Test(commands, describe)
{
    static const struct {
        const char *words, *part;
    } cases[] = {
        {"describe dense", "  units               required        1 .. 65536 or auto  "},
        {"describe train", "  monitor_mode    auto      auto|min|max   "},
        {"describe train.optimizer.adam", "  lr       0.001    0 .. 1000  "},
        {"describe model.layers", "a C identifier"},
        {"describe data.inputs", "preprocess"},
        {"describe mlp", "[64, 32, 32]"},
        {"describe epochs", "key of section train"},
        {"describe train.epochs", "key of section train"},
        {"describe jets_linear", "nibble init NAME --recipe jets_linear"},
        {"describe eval", "nibble eval --help"},
        {"describe matmul", "(op)"},
        {"describe ternary", "ternary (quantizer): -1, 0 or 1, times alpha"},
        {"describe quantized_bits(4,1,1)",
         "in hardware: fixed<4,2,RND_CONV,SAT_SYM>, -1.75 to 1.75 in steps of 0.25; y is x cast to it"},
        {"describe fixed('fixed<6,2>',bits=[3,0])", "in hardware, channel 1: 0 (removed)"},
        {"describe quantized_bits(1,1)", "warning: quantized_bits with one bit is -1 or 1"},
    };
    static outcome o;
    enter_scratch();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        call_nibble(cases[i].words, &o);
        expect_done(&o, cases[i].words);
        cr_expect(strstr(o.out, cases[i].part), "nibble %s: no '%s' in\n%s", cases[i].words, cases[i].part,
                  o.out);
    }
    call_nibble("describe all", &o);
    expect_done(&o, "describe all");
    leave_scratch();
}

/* A figure, its script and its data; data that say what the quantizer does. */
Test(commands, describe_draws_quantizers)
{
    static outcome o;
    nib_arena *arena = nib_arena_create();
    nib_error err = {NIB_OK, ""};
    size_t bytes;
    char *data = NULL;
    enter_scratch();
    call_nibble("describe quantized_relu(2,1) --plot figures/relu.svg", &o);
    if (strstr(o.err, "gnuplot-nox"))
        cr_skip_test("gnuplot is not installed");
    expect_done(&o, "describe --plot");
    cr_expect(strstr(o.out, "figures/relu.svg"), "the figure is named: %s", o.out);
    cr_expect_eq(nib_file_read(arena, "figures/relu.svg", 1 << 24, &data, &bytes, &err), NIB_OK, "%s",
                 err.message);
    cr_expect(data && strstr(data, "</svg>") && strstr(data, "straight-through estimator"),
              "an svg with its key");
    cr_expect_eq(nib_file_read(arena, "figures/relu.gp", 1 << 20, &data, &bytes, &err), NIB_OK, "%s",
                 err.message);
    cr_expect_eq(nib_file_read(arena, "figures/relu.dat", 1 << 20, &data, &bytes, &err), NIB_OK, "%s",
                 err.message);
    cr_expect(data && strstr(data, " 0.5\n") && strstr(data, " 1.5\n") && !strstr(data, " 1.75\n"),
              "the levels of two bits are in the data");
    call_nibble("describe adam --plot x.svg", &o);
    cr_expect(o.status == 2 && strstr(o.err, "--plot draws quantizers, and 'adam' is none"), "%s", o.err);
    call_nibble("describe binary --plot x.bmp", &o);
    cr_expect(o.status == 2 && strstr(o.err, "ends in .svg, .png or .pdf"), "%s", o.err);
    leave_scratch();
    nib_arena_destroy(arena);
}

/* What init writes is a config; what config prints of it is one that prints itself. */
Test(commands, init_and_config)
{
    static outcome first, second;
    char words[256];
    enter_scratch();
    cr_assert_eq(setenv("NIBBLE_DATA", "/data", 1), 0, "setenv");
    for (int i = 0; i < nib_recipes_count; i++) {
        (void)snprintf(words, sizeof words, "init mine%d --recipe %s", i, nib_recipes[i].name);
        call_nibble(words, &first);
        expect_done(&first, words);
        (void)snprintf(words, sizeof words, "config mine%d.yaml --set train.epochs=7", i);
        call_nibble(words, &first);
        expect_done(&first, words);
        cr_expect(strstr(first.out, "epochs: 7"), "--set is in the resolved config");
        nib_error err = {NIB_OK, ""};
        cr_assert_eq(nib_file_write("resolved.yaml", first.out, strlen(first.out), &err), NIB_OK, "%s",
                     err.message);
        call_nibble("config resolved.yaml", &second);
        cr_expect_str_eq(second.out, first.out, "recipe %s resolves to itself", nib_recipes[i].name);
    }
    leave_scratch();
}

Test(commands, init_fills_in_the_name)
{
    static outcome o;
    nib_arena *arena = nib_arena_create();
    nib_error err = {NIB_OK, ""};
    char *text;
    size_t bytes;
    enter_scratch();
    call_nibble("init first.yaml", &o);
    expect_done(&o, "init first.yaml");
    cr_assert_eq(nib_file_read(arena, "first.yaml", 1 << 16, &text, &bytes, &err), NIB_OK, "%s", err.message);
    cr_expect(strstr(text, "nibble train first.yaml\n"), "the comments name the file");
    cr_expect_null(strstr(text, "@NAME@"), "no mark is left");
    leave_scratch();
    nib_arena_destroy(arena);
}
