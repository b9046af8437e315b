/* Options of a descriptor from YAML text, for tests. */
#ifndef NIB_TESTS_OPTIONS_OF_H
#define NIB_TESTS_OPTIONS_OF_H

#include <criterion/criterion.h>

#include <string.h>

#include "core/options.h"
#include "core/yaml.h"

static inline const void *options_of(nib_arena *arena, const nib_option_table *table, const char *text)
{
    nib_error err = {0};
    nib_doc *doc = NULL;
    void *out = nib_arena_alloc(arena, 1, table->bytes);
    cr_assert_eq(nib_yaml_parse(arena, "test", text, strlen(text), &doc, &err), NIB_OK, "%s: %s", text,
                 err.message);
    cr_assert_eq(nib_options_read(arena, table, doc, "test", out, &err), NIB_OK, "%s: %s", text, err.message);
    return out;
}

#endif
