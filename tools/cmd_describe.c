/* nibble describe: help, source and options of a layer, a loss, a section of the config, ... from its table.
 */
#include <stdio.h>
#include <string.h>

#include "core/names.h"
#include "quant/quantizer.h"
#include "tools/catalog.h"
#include "tools/command.h"
#include "tools/describe_quantizer.h"

enum { MAX_NAMES = 512 };

/* "0 .. 1", "true|false", "1 .. 65536 or auto" */
static void range_text(const nib_option *row, char *text, size_t size)
{
    static const char *const kinds[] = {
        [NIB_OPTION_BOOL] = "true|false", [NIB_OPTION_INT] = "integer",   [NIB_OPTION_FLOAT] = "number",
        [NIB_OPTION_STRING] = "text",     [NIB_OPTION_CHOICE] = "",       [NIB_OPTION_INTS] = "integers",
        [NIB_OPTION_FLOATS] = "numbers",  [NIB_OPTION_STRINGS] = "texts", [NIB_OPTION_NODE] = "map or name"};
    const char *words = row->choices ? row->choices : "";
    const char *either = row->choices && row->kind != NIB_OPTION_CHOICE ? " or " : "";
    if (row->min == 0 && row->max == 0) {
        (void)snprintf(text, size, "%s%s%s", kinds[row->kind], either, words);
        return;
    }
    char min[NIB_NUMBER_BYTES], max[NIB_NUMBER_BYTES];
    nib_format_double(row->min, min);
    nib_format_double(row->max, max);
    (void)snprintf(text, size, "%s .. %s%s%s", min, max, either, words);
}

static const char *initial_text(const nib_option *row)
{
    return !row->initial ? "required" : *row->initial ? row->initial : "-";
}

static void print_options(const nib_option_table *table)
{
    int name = 6, initial = 7, range = 6;
    char text[160];
    for (int i = 0; i < table->count; i++) {
        const nib_option *row = &table->rows[i];
        range_text(row, text, sizeof text);
        int widths[3] = {(int)strlen(row->name), (int)strlen(initial_text(row)), (int)strlen(text)};
        name = widths[0] > name ? widths[0] : name;
        initial = widths[1] > initial ? widths[1] : initial;
        range = widths[2] > range ? widths[2] : range;
    }
    printf("\n  %-*s  %-*s  %-*s  help\n", name, "key", initial, "default", range, "values");
    for (int i = 0; i < table->count; i++) {
        const nib_option *row = &table->rows[i];
        range_text(row, text, sizeof text);
        printf("  %-*s  %-*s  %-*s  %s%s%s%s\n", name, row->name, initial, initial_text(row), range, text,
               row->help, *row->unit ? " (" : "", row->unit, *row->unit ? ")" : "");
    }
}

static void print_entry(const nib_catalog_kind *kind, const nib_catalog_entry *entry)
{
    printf("%s (%s): %s\n", entry->name, kind->single, entry->help);
    if (entry->source)
        printf("  source: %s\n", entry->source);
    if (strcmp(kind->name, "layers") == 0)
        printf("  every layer has name and from too: nibble describe model.layers\n");
    if (strcmp(kind->name, "commands") == 0)
        printf("  options: nibble %s --help\n", entry->name);
    if (strcmp(kind->name, "recipes") == 0)
        printf("  use: nibble init NAME --recipe %s\n", entry->name);
    if (entry->options && entry->options->count)
        print_options(entry->options);
}

/* True if `name` is one of the paths "data.validation, data.test", with or without a last element in capitals
 * ("model.layers.NAME"), or the last element of one ("mlp"); or if the path `name` ends in a descriptor
 * ("train.optimizer.adam"). */
static bool is_called(const char *paths, const char *name)
{
    for (const char *p = paths; *p;) {
        size_t n = strcspn(p, ",");
        char path[128];
        (void)snprintf(path, sizeof path, "%.*s", (int)n, p);
        char *last = strrchr(path, '.');
        if (last && last[1] >= 'A' && last[1] <= 'Z') {
            *last = '\0';
            last = strrchr(path, '.');
        }
        const char *end = strrchr(name, '.');
        if (strcmp(path, name) == 0 || (last && strcmp(last + 1, name) == 0) ||
            (!last && end && strcmp(path, end + 1) == 0))
            return true;
        p += n;
        p += strspn(p, ", ");
    }
    return false;
}

/* Rows of any table whose key is `name`, or of the table that a path ("train.epochs") names. */
static int print_keys(const char *name)
{
    int found = 0;
    const char *dot = strrchr(name, '.'), *key = dot ? dot + 1 : name;
    char home[128];
    (void)snprintf(home, sizeof home, "%.*s", dot ? (int)(dot - name) : 0, name);
    nib_catalog_entry entry;
    for (int k = 0; k < nib_catalog_kinds_count; k++) {
        const nib_catalog_kind *kind = &nib_catalog_kinds[k];
        for (int i = 0; strcmp(kind->name, "ops") != 0 && kind->entry(i, &entry); i++) {
            for (int r = 0; entry.options && r < entry.options->count; r++) {
                const nib_option_table one = {&entry.options->rows[r], 1, entry.options->bytes};
                if (strcmp(one.rows->name, key) != 0 || (dot && !is_called(entry.name, home)))
                    continue;
                printf("%skey of %s %s", found++ ? "\n" : "", kind->single, entry.name);
                print_options(&one);
            }
        }
    }
    return found;
}

static nib_status fail_unknown(const char *name, nib_error *err)
{
    const char *names[MAX_NAMES];
    int n = 0;
    nib_catalog_entry entry;
    for (int k = 0; k < nib_catalog_kinds_count; k++)
        for (int i = 0; n < MAX_NAMES && nib_catalog_kinds[k].entry(i, &entry); i++)
            names[n++] = entry.name;
    const char *nearest = nib_names_nearest(name, names, (size_t)n);
    if (nearest)
        return nib_fail(err, NIB_ERR_USAGE, "nibble describe: there is no '%s' (did you mean '%s'?)", name,
                        nearest);
    return nib_fail(err, NIB_ERR_USAGE, "nibble describe: there is no '%s' (nibble list shows all names)",
                    name);
}

typedef struct options {
    const char *plot;
} options;

static const nib_arg args[] = {
    {"plot", 'p', NIB_ARG_TEXT, offsetof(options, plot), 0, 0, "FILE",
     "draw a quantizer: transfer curve and gradient (.svg, .png or .pdf)"},
};

static bool is_quantizer(const char *name)
{
    for (int i = 0; i < nib_quantizers_count; i++)
        if (strcmp(nib_quantizers[i]->name, name) == 0)
            return true;
    return nib_describe_is_quantizer(name);
}

static nib_status describe(const char *name, nib_error *err)
{
    bool all = strcmp(name, "all") == 0;
    int found = 0;
    nib_catalog_entry entry;
    for (int k = 0; k < nib_catalog_kinds_count; k++) {
        const nib_catalog_kind *kind = &nib_catalog_kinds[k];
        bool is_op = strcmp(kind->name, "ops") == 0; /* a layer or a loss says the same more simply */
        for (int i = 0; (all || !is_op || !found) && kind->entry(i, &entry); i++) {
            if (!all && !is_called(entry.name, name))
                continue;
            if (found++)
                printf("\n");
            print_entry(kind, &entry);
        }
    }
    return found || print_keys(name) ? NIB_OK : fail_unknown(name, err);
}

static nib_status run(const nib_invocation *call, nib_error *err)
{
    const options *o = call->options;
    const char *name = call->argument[0];
    if (o->plot && !is_quantizer(name))
        return nib_fail(err, NIB_ERR_USAGE,
                        "nibble describe: --plot draws quantizers, and '%s' is none (nibble list quantizers)",
                        name);
    NIB_TRY(nib_describe_is_quantizer(name) ? nib_describe_quantizer(name, err) : describe(name, err));
    if (!o->plot)
        return NIB_OK;
    NIB_TRY(nib_describe_plot(name, o->plot, err));
    printf("%s\n", o->plot);
    return NIB_OK;
}

const nib_command nib_command_describe = {
    .name = "describe",
    .arguments = "NAME",
    .help = "help, source and options of a layer, a loss, a section of the config, a key, ...",
    .text = "NAME is anything that `nibble list` shows, a key (epochs, train.epochs), a quantizer with its "
            "arguments,\n"
            "or `all`.\n"
            "  nibble describe 'quantized_bits(4, 1, alpha=1)' --plot staircase.svg",
    .min_arguments = 1,
    .max_arguments = 1,
    NIB_ARG_TABLE(args),
    .option_bytes = sizeof(options),
    .run = run,
};
