/* nibble list: names and one line of help of everything that has a table. */
#include <stdio.h>
#include <string.h>

#include "core/names.h"
#include "tools/catalog.h"
#include "tools/command.h"

enum { MAX_KINDS = 32 };

static void print_kind(const nib_catalog_kind *kind)
{
    nib_catalog_entry entry;
    int width = 0;
    for (int i = 0; kind->entry(i, &entry); i++) {
        int n = (int)strlen(entry.name);
        width = n > width ? n : width;
    }
    for (int i = 0; kind->entry(i, &entry); i++)
        printf("%-*s  %s\n", width, entry.name, entry.help);
}

static void print_all(void)
{
    for (int k = 0; k < nib_catalog_kinds_count; k++) {
        const nib_catalog_kind *kind = &nib_catalog_kinds[k];
        nib_catalog_entry entry;
        const char *before = "";
        printf("%s%s: %s\n ", k ? "\n" : "", kind->name, kind->help);
        for (int i = 0; kind->entry(i, &entry); i++) {
            if (strcmp(before, entry.name) != 0) /* a section may have several forms */
                printf("%s %s", i ? "," : "", entry.name);
            before = entry.name;
        }
        printf("\n");
    }
}

static nib_status run(const nib_invocation *call, nib_error *err)
{
    if (call->count == 0) {
        print_all();
        return NIB_OK;
    }
    const char *names[MAX_KINDS], *wanted = call->argument[0];
    for (int k = 0; k < nib_catalog_kinds_count; k++) {
        const nib_catalog_kind *kind = &nib_catalog_kinds[k];
        names[k] = kind->name;
        if (strcmp(kind->name, wanted) == 0 || strcmp(kind->single, wanted) == 0) {
            print_kind(kind);
            return NIB_OK;
        }
    }
    const char *nearest = nib_names_nearest(wanted, names, (size_t)nib_catalog_kinds_count);
    if (nearest)
        return nib_fail(err, NIB_ERR_USAGE, "nibble list: there are no '%s' (did you mean '%s'?)", wanted,
                        nearest);
    return nib_fail(err, NIB_ERR_USAGE, "nibble list: there are no '%s' (nibble list shows all kinds)",
                    wanted);
}

const nib_command nib_command_list = {
    .name = "list",
    .arguments = "[KIND]",
    .help = "list layers, losses, optimizers, ... (all kinds, or one with a line of help each)",
    .max_arguments = 1,
    .run = run,
};
