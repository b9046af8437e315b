/* Names, documents and paths. */
#include <criterion/criterion.h>

#include <string.h>

#include "core/document.h"
#include "core/names.h"
#include "core/yaml.h"

Test(names, nearest)
{
    static const char *const known[] = {"epochs", "batch", "monitor", "lr"};
    static const struct {
        const char *name, *nearest;
    } cases[] = {{"epoch", "epochs"},
                 {"Epochs", "epochs"},
                 {"epohcs", "epochs"},
                 {"bacth", "batch"},
                 {"moniter", "monitor"},
                 {"rl", "lr"},
                 {"x", NULL},
                 {"", NULL},
                 {"optimizer", NULL},
                 {"epochsepochsepochsepochsepochsepochsepochsepochsepochsepochsepochsepochs", NULL}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *got = nib_names_nearest(cases[i].name, known, 4);
        cr_expect(got == cases[i].nearest || (got && cases[i].nearest && strcmp(got, cases[i].nearest) == 0),
                  "'%s' gave '%s'", cases[i].name, got ? got : "nothing");
    }
}

Test(names, identifier)
{
    static const char *const good[] = {"a", "_", "fc1", "A_b9"}, *const bad[] = {"",    "1a",  "a-b",
                                                                                 "a b", "a.b", "é"};
    for (size_t i = 0; i < 4; i++)
        cr_expect(nib_names_is_identifier(good[i]), "'%s' is an identifier", good[i]);
    for (size_t i = 0; i < 6; i++)
        cr_expect(!nib_names_is_identifier(bad[i]), "'%s' is no identifier", bad[i]);
}

static const char base[] =
    "train: {epochs: 10, optimizer: adam, none: }\n"
    "model: {layers: [{dense: {name: fc1, units: 64}}, {relu: {name: relu1}}], list: [1, 2]}\n";

/* Sets path=value in `base`: the text of the tree, or the message. */
static const char *set(nib_arena *arena, const char *path, const char *text)
{
    nib_error err;
    nib_doc *doc, *value;
    char *out;
    cr_assert_eq(nib_yaml_parse(arena, "base.yaml", base, strlen(base), &doc, &err), NIB_OK, "%s",
                 err.message);
    cr_assert_eq(nib_yaml_parse(arena, "--set", text, strlen(text), &value, &err), NIB_OK, "%s", err.message);
    value->place = (nib_doc_place){"--set", 0, 0};
    if (nib_doc_set_path(arena, doc, path, value, &err) != NIB_OK)
        return nib_arena_strdup(arena, err.message);
    cr_assert_eq(nib_yaml_write(arena, doc, &out, &err), NIB_OK, "%s", err.message);
    return out;
}

Test(document, set_path)
{
    static const struct {
        const char *path, *value, *part;
    } cases[] = {
        {"train.epochs", "3", "epochs: 3"},
        {"train.optimizer.adam.lr", "1e-2", "optimizer: {adam: {lr: 1e-2}}"},
        {"train.none.deep.er", "x", "none: {deep: {er: x}}"},
        {"new.key", "[1, 2]", "new: {key: [1, 2]}"},
        {"model.layers.fc1.units", "32", "{dense: {name: fc1, units: 32}}"},
        {"model.layers.relu1.from", "fc1", "{relu: {name: relu1, from: fc1}}"},
        {"model.list.1", "5", "list: [1, 5]"},
        {"train.optimizer.sgd.lr", "1", "--set: train.optimizer is 'adam': it has no 'sgd'"},
        {"model.layers.fc2.units", "1", "--set: model.layers has no 'fc2' (did you mean 'fc1'?)"},
        {"model.layers.logits.units", "1", "--set: model.layers has no 'logits' (it has fc1 ... relu1)"},
        {"model.list.2", "1", "--set: model.list has no element 2 (it has 2, counted from 0)"},
        {"model.list.x", "1", "--set: model.list is a list: 'x' is no index"},
        {"train..x", "1", "--set: 'train..x' is no path of keys: it has an empty element"},
        {"", "1", "--set: '' is no path of keys: it has an empty element"},
        {"train.epochs.x", "1", "--set: train.epochs is '10': it has no 'x'"},
    };
    nib_arena *arena = nib_arena_create();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *got = set(arena, cases[i].path, cases[i].value);
        cr_expect(strstr(got, cases[i].part), "%s=%s gave\n%s", cases[i].path, cases[i].value, got);
    }
    nib_arena_destroy(arena);
}

Test(document, copy_and_remove)
{
    nib_arena *arena = nib_arena_create();
    nib_doc *map = nib_doc_new_map(arena);
    for (int i = 0; i < 20; i++)
        nib_doc_add_text(arena, map, (char[]){(char)('a' + i), 0}, "%d", i);
    nib_doc *copy = nib_doc_copy(arena, map);
    nib_doc_remove(map, "b");
    nib_doc_remove(map, "nothing");
    cr_expect_eq(map->count, 19, "one key was removed");
    cr_expect_null(nib_doc_get(map, "b"), "b is gone");
    cr_expect_str_eq(nib_doc_get(map, "c")->text, "2", "c stays");
    cr_expect_str_eq(nib_doc_get(copy, "b")->text, "1", "the copy is its own");
    cr_expect_null(nib_doc_get(NULL, "b"), "no map, no value");
    cr_expect_null(nib_doc_add(arena, map, "x", NULL), "calls nest");
    nib_arena_destroy(arena);
}

Test(document, one_line_messages)
{
    nib_error err;
    nib_doc_place place = {"f\n.yaml", 3, 5};
    nib_status status = nib_doc_fail(&place, &err, NIB_ERR_CONFIG, "bad\n'%s'", "a\tb");
    cr_expect_eq(status, NIB_ERR_CONFIG, "the code is handed on");
    cr_expect_str_eq(err.message, "f?.yaml:3:5: bad?'a?b'", "no line break or tab is left");
}
