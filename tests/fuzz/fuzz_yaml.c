/* Any text as a config. What can be parsed as YAML must come back from its own writing; what is a config must
 * resolve to a text that resolves to itself. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/yaml.h"
#include "train/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

static void demand(bool holds, const char *what, const char *text)
{
    if (holds)
        return;
    fprintf(stderr, "%s\n%s\n", what, text);
    abort();
}

static bool same(const nib_doc *a, const nib_doc *b)
{
    if (a->kind != b->kind || a->count != b->count)
        return false;
    if (a->kind == NIB_DOC_SCALAR)
        return strcmp(a->text, b->text) == 0 && nib_doc_is_null(a) == nib_doc_is_null(b);
    for (int i = 0; i < a->count; i++)
        if ((a->kind == NIB_DOC_MAP && strcmp(a->entries[i].key, b->entries[i].key) != 0) ||
            !same(a->entries[i].value, b->entries[i].value))
            return false;
    return true;
}

static void check_document(const char *text, size_t bytes)
{
    nib_arena *arena = nib_arena_create();
    nib_error err = {NIB_OK, ""};
    nib_doc *doc, *again;
    char *written;
    if (nib_yaml_parse(arena, "fuzz", text, bytes, &doc, &err) == NIB_OK) {
        demand(nib_yaml_write(arena, doc, &written, &err) == NIB_OK, "cannot be written", err.message);
        bool read = nib_yaml_parse(arena, "again", written, strlen(written), &again, &err) == NIB_OK;
        demand(read, err.message, written);
        demand(same(doc, again) || nib_doc_is_null(doc), "another document came back", written);
    }
    nib_arena_destroy(arena);
}

static void check_config(const char *text, size_t bytes)
{
    nib_error err = {NIB_OK, ""};
    nib_config *config, *again;
    if (nib_config_parse("fuzz.yaml", "/data", text, bytes, NULL, 0, &config, &err) != NIB_OK) {
        demand(err.message[0] && !strchr(err.message, '\n'), "a refusal has a message of one line",
               err.message);
        return;
    }
    const char *first = nib_config_text(config);
    demand(first, "a config has a text", "");
    bool read =
        nib_config_parse("again.yaml", "/other", first, strlen(first), NULL, 0, &again, &err) == NIB_OK;
    demand(read, err.message, first);
    const char *second = nib_config_text(again);
    demand(second && strcmp(first, second) == 0, "resolved again it differs", first);
    nib_config_destroy(again);
    nib_config_destroy(config);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    check_document((const char *)data, bytes);
    check_config((const char *)data, bytes);
    return 0;
}
