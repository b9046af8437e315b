/* Every row of every table: help, source, defaults within their own bounds; recipes that are configs. */
#include <criterion/criterion.h>

#include <stdlib.h>
#include <string.h>

#include "core/names.h"
#include "tools/catalog.h"
#include "tools/recipe.h"
#include "train/config.h"

Test(catalog, entries)
{
    nib_arena *arena = nib_arena_create();
    int entries = 0;
    for (int k = 0; k < nib_catalog_kinds_count; k++) {
        const nib_catalog_kind *kind = &nib_catalog_kinds[k];
        nib_catalog_entry entry;
        int i = 0;
        for (; kind->entry(i, &entry); i++, entries++) {
            nib_error err = {NIB_OK, ""};
            cr_expect(entry.name && *entry.name, "%s %d has a name", kind->single, i);
            cr_expect(*entry.help, "%s %s has a line of help", kind->single, entry.name);
            cr_expect(!kind->has_source || (entry.source && *entry.source), "%s %s has a source",
                      kind->single, entry.name);
            if (kind->has_source)
                cr_expect(nib_names_is_identifier(entry.name), "%s '%s' is an identifier", kind->single,
                          entry.name);
            if (entry.options)
                cr_expect_eq(nib_options_check(arena, entry.options, entry.name, &err), NIB_OK, "%s %s: %s",
                             kind->single, entry.name, err.message);
        }
        cr_expect(i > 0, "there are %s", kind->name);
    }
    cr_expect(entries > 60, "%d entries", entries);
    nib_arena_destroy(arena);
}

/* Within a kind a name stands for one thing (sections have several forms). */
Test(catalog, names_are_unique)
{
    for (int k = 0; k < nib_catalog_kinds_count; k++) {
        const nib_catalog_kind *kind = &nib_catalog_kinds[k];
        nib_catalog_entry a, b;
        for (int i = 0; kind->has_source && kind->entry(i, &a); i++)
            for (int j = i + 1; kind->entry(j, &b); j++)
                cr_expect_str_neq(a.name, b.name, "%s %d and %d", kind->single, i, j);
    }
}

Test(catalog, recipes)
{
    cr_assert_eq(setenv("NIBBLE_DATA", "/data", 1), 0, "setenv");
    for (int i = 0; i < nib_recipes_count; i++) {
        const nib_recipe *recipe = &nib_recipes[i];
        nib_error err = {NIB_OK, ""};
        nib_config *config, *again;
        char help[160];
        nib_recipe_help(recipe, help, sizeof help);
        cr_expect(strlen(help) > 20 && strlen(help) < 159, "recipe %s begins with a comment line",
                  recipe->name);
        cr_assert_eq(
            nib_config_parse(recipe->name, "/d", recipe->text, recipe->bytes, NULL, 0, &config, &err), NIB_OK,
            "%s", err.message);
        const char *text = nib_config_text(config);
        cr_assert_eq(nib_config_parse("again", "/e", text, strlen(text), NULL, 0, &again, &err), NIB_OK, "%s",
                     err.message);
        cr_expect_str_eq(nib_config_text(again), text, "recipe %s resolves to itself", recipe->name);
        nib_config_destroy(again);
        nib_config_destroy(config);
    }
}
