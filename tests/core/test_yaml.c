/* YAML in and out: what is read back is what was written, and every limit holds. */
#include <criterion/criterion.h>

#include <stdlib.h>
#include <string.h>

#include "core/yaml.h"

static bool same(const nib_doc *a, const nib_doc *b)
{
    if (a->kind != b->kind || a->count != b->count)
        return false;
    if (a->kind == NIB_DOC_SCALAR)
        return strcmp(a->text, b->text) == 0 && a->quoted == b->quoted;
    for (int i = 0; i < a->count; i++) {
        if (a->kind == NIB_DOC_MAP && strcmp(a->entries[i].key, b->entries[i].key) != 0)
            return false;
        if (!same(a->entries[i].value, b->entries[i].value))
            return false;
    }
    return true;
}

Test(yaml, round_trip)
{
    static const char *const texts[] = {
        "a: 1\nb: [1, 2, {c: d}]\n",
        "a: 'no'\nb: no\nc: \"tab\\there\"\nd: 'it''s'\n",
        "a:\nb: ~\nc: ''\nd: []\ne: {}\n",
        "deep: {a: {b: {c: {d: [[[1]]]}}}}\n",
        "long: [aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa, bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb, "
        "ccccccccccccccccccc]\n",
        "text: |\n  two\n  lines\nnext: >\n  folded\n  text\n",
        "q: fixed<6,1,RND_CONV,SAT>\nu: ${NIBBLE_DATA}/f.h5\nw: a b\n",
        "é: \"\\u00e9 \\u2028 \\x85\"\n",
        "? 'a long key of more than one hundred and twenty eight characters, which is what libyaml takes for "
        "a simple "
        "key, so it is written with a question mark'\n: 1\n",
        "- 1\n- [2]\n- a: b\n  c: d\n",
        "'': empty\n' ': space\n'#': hash\n",
    };
    nib_arena *arena = nib_arena_create();
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        nib_error err = {0};
        nib_doc *doc, *again;
        char *text, *text2;
        cr_assert_eq(nib_yaml_parse(arena, "a", texts[i], strlen(texts[i]), &doc, &err), NIB_OK, "%s",
                     err.message);
        cr_assert_eq(nib_yaml_write(arena, doc, &text, &err), NIB_OK, "%s", err.message);
        cr_assert_eq(nib_yaml_parse(arena, "b", text, strlen(text), &again, &err), NIB_OK, "%s: %s",
                     err.message, text);
        cr_expect(same(doc, again), "tree %zu changed:\n%s", i, text);
        cr_assert_eq(nib_yaml_write(arena, again, &text2, &err), NIB_OK, "%s", err.message);
        cr_expect_str_eq(text, text2, "text %zu changed", i);
    }
    nib_arena_destroy(arena);
}

Test(yaml, places_and_aliases)
{
    static const char text[] = "a: &x {k: 1}\nb:\n  - *x\n  - two\n";
    nib_arena *arena = nib_arena_create();
    nib_error err = {0};
    nib_doc *doc;
    cr_assert_eq(nib_yaml_parse(arena, "f.yaml", text, strlen(text), &doc, &err), NIB_OK, "%s", err.message);
    nib_doc *list = nib_doc_get(doc, "b"), *copy = list->entries[0].value;
    cr_expect_str_eq(nib_doc_get(copy, "k")->text, "1", "the alias is what it names");
    cr_expect_neq(copy, nib_doc_get(doc, "a"), "and a copy of it");
    cr_expect_eq(list->entries[1].value->place.line, 4, "line of 'two'");
    cr_expect_eq(list->entries[1].value->place.column, 5, "column of 'two'");
    cr_expect_eq(doc->entries[1].place.line, 2, "line of the key b");
    cr_expect_str_eq(doc->place.file, "f.yaml", "file");
    nib_arena_destroy(arena);
}

Test(yaml, refused)
{
    static const struct {
        const char *text, *message;
    } cases[] = {
        {"a: 1\nb: 2\na: 3\n", "f:3:1: duplicate key 'a' (first in line 1)"},
        {"a: {b: 1, b: 2}\n", "f:1:11: duplicate key 'b' (first in line 1)"},
        {"a: 1\n---\nb: 2\n", "f:2:1: more than one document"},
        {"? [1]\n: 2\n", "f:1:3: a key must be a plain text"},
        {"a: &x 1\n*x : 2\n", "f:2:1: a key must be a plain text"},
        {"&k a: 1\n", "f:1:1: a key cannot have an anchor"},
        {"a: *b\n", "f:1:4: no anchor 'b' before this alias"},
        {"&a [*a]\n", "f:1:5: no anchor 'a' before this alias"},
        {"a: !!python/object x\n", "f:1:4: unknown tag 'tag:yaml.org,2002:python/object'"},
        {"a: !!map x\n", "f:1:4: unknown tag 'tag:yaml.org,2002:map'"},
        {"a: \"\\0\"\n", "f:1:4: a text holds a NUL byte"},
        {"a: 1\nb: \xff\n", "f:2:4: invalid leading UTF-8 octet"},
        {"\xff\xfe\x61\x61", "f:1:1: invalid leading UTF-8 octet"}, /* would be UTF-16 */
        {"a: [1, 2\n", "f:2:1: did not find expected ',' or ']' while parsing a flow sequence"},
        {"a: 'x\n", "f:2:1: found unexpected end of stream"},
        {"\ta: 1\n", "f:1:1: found character that cannot start any token"},
    };
    nib_arena *arena = nib_arena_create();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        nib_error err = {0};
        nib_doc *doc;
        nib_status status = nib_yaml_parse(arena, "f", cases[i].text, strlen(cases[i].text), &doc, &err);
        cr_expect_eq(status, NIB_ERR_CONFIG, "case %zu is refused", i);
        cr_expect_str_eq(err.message, cases[i].message, "message of case %zu", i);
    }
    nib_arena_destroy(arena);
}

/* Parses `unit` repeated n times between head and tail. */
static nib_status repeated(const char *head, const char *unit, int n, const char *tail, nib_error *err)
{
    nib_arena *arena = nib_arena_create();
    size_t bytes = strlen(unit), at = strlen(head);
    char *text = malloc(at + bytes * (size_t)n + strlen(tail) + 1);
    memcpy(text, head, at);
    for (int i = 0; i < n; i++, at += bytes)
        memcpy(text + at, unit, bytes);
    memcpy(text + at, tail, strlen(tail) + 1);
    nib_doc *doc;
    nib_status status = nib_yaml_parse(arena, "f", text, strlen(text), &doc, err);
    free(text);
    nib_arena_destroy(arena);
    return status;
}

Test(yaml, limits)
{
    nib_error err = {0};
    cr_expect_eq(
        repeated("", "[", 64, "]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]", &err),
        NIB_OK, "64 levels are fine: %s", err.message);
    cr_expect_eq(repeated("", "[", 100000, "", &err), NIB_ERR_CONFIG, "100 000 levels are not");
    cr_expect_str_eq(err.message, "f:1:65: more than 64 levels", "message");
    cr_expect_eq(repeated("[", "1,", 99999, "]", &err), NIB_OK, "100 000 values are fine: %s", err.message);
    cr_expect_eq(repeated("[", "1,", 100000, "]", &err), NIB_ERR_CONFIG, "one more is not");
    cr_expect_str_eq(err.message, "f:1:200000: more than 100000 values", "message");
    cr_expect_eq(repeated("a: &a [1,1,1,1,1,1,1,1,1,1]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a,*a]\n"
                          "c: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b,*b]\nd: &d [*c,*c,*c,*c,*c,*c,*c,*c,*c,*c]\n"
                          "e: &e [*d,*d,*d,*d,*d,*d,*d,*d,*d,*d]\nf: [",
                          "*e,", 10, "]", &err),
                 NIB_ERR_CONFIG, "aliases are counted expanded");
    cr_expect_eq(repeated("# ", "0123456789abcdef", 1 << 20, "", &err), NIB_ERR_CONFIG, "more than 16 MB");
    cr_expect_str_eq(err.message, "f:1:1: the text is larger than 16 MB", "message");
}

Test(yaml, empty_and_missing)
{
    static const char *const texts[] = {"", "\n", "# nothing\n", "\xef\xbb\xbf", "---\n"};
    nib_arena *arena = nib_arena_create();
    nib_error err = {0};
    nib_doc *doc;
    for (int i = 0; i < 4; i++) {
        cr_assert_eq(nib_yaml_parse(arena, "f", texts[i], strlen(texts[i]), &doc, &err), NIB_OK, "%s",
                     err.message);
        cr_expect(doc->kind == NIB_DOC_MAP && doc->count == 0, "text %d is an empty map", i);
    }
    cr_expect_eq(nib_yaml_read(arena, "no-such.yaml", &doc, &err), NIB_ERR_INPUT, "a missing file");
    nib_arena_destroy(arena);
}
