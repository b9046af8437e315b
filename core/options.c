#include "core/options.h"

#include <assert.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "core/names.h"
#include "core/yaml.h"

enum { MAX_NUMBER_BYTES = 64, MAX_CHOICES = 32 };

/* What is being read, for messages. */
typedef struct context {
    nib_arena *arena;
    const nib_option *row;
    const char *path;
    nib_error *err;
} context;

static const char *const kind_names[] = {[NIB_OPTION_BOOL] = "true or false",
                                         [NIB_OPTION_INT] = "an integer",
                                         [NIB_OPTION_FLOAT] = "a number",
                                         [NIB_OPTION_STRING] = "a text",
                                         [NIB_OPTION_CHOICE] = "a word",
                                         [NIB_OPTION_INTS] = "a list of integers",
                                         [NIB_OPTION_FLOATS] = "a list of numbers",
                                         [NIB_OPTION_STRINGS] = "a list of texts",
                                         [NIB_OPTION_NODE] = "a value of its own form"};

/* ---- Scalars ---- */

/* Copy a number without the underscores between its digits. False: no number of this form. */
static bool clean_number(const char *text, char *clean)
{
    size_t n = 0;
    for (const char *c = text; *c; c++) {
        bool between = c > text && c[-1] >= '0' && c[-1] <= '9' && c[1] >= '0' && c[1] <= '9';
        if (*c == '_' && between)
            continue;
        if (!strchr("0123456789+-.eE", *c) || n + 1 == MAX_NUMBER_BYTES)
            return false;
        clean[n++] = *c;
    }
    clean[n] = '\0';
    return n > 0;
}

static bool parse_double(const char *text, double *value)
{
    char clean[MAX_NUMBER_BYTES], *end;
    if (!clean_number(text, clean))
        return false;
    *value = strtod(clean, &end);
    return *end == '\0';
}

/* An integer, also written as 1e6. False: none, or one that does not fit. */
static bool parse_int(const char *text, int64_t *value)
{
    char clean[MAX_NUMBER_BYTES], *end;
    if (!clean_number(text, clean))
        return false;
    errno = 0;
    *value = strtoll(clean, &end, 10);
    if (*end == '\0' && end > clean)
        return errno == 0;
    double d = strtod(clean, &end);
    if (*end != '\0' || d != floor(d) || fabs(d) > 9007199254740992.0)
        return false;
    *value = (int64_t)d;
    return true;
}

static bool parse_bool(const char *text, bool *value)
{
    static const char *const words[] = {"false", "true", "no", "yes", "off", "on"};
    for (int i = 0; i < 6; i++)
        if (strcasecmp(text, words[i]) == 0) {
            *value = i % 2;
            return true;
        }
    return false;
}

/* Index of `text` in "a|b|c", or -1. */
static int choice_index(const char *choices, const char *text)
{
    size_t bytes = strlen(text);
    int index = 0;
    for (const char *c = choices; c; index++) {
        size_t n = strcspn(c, "|");
        if (n == bytes && strncmp(c, text, n) == 0)
            return index;
        c = c[n] ? c + n + 1 : NULL;
    }
    return -1;
}

static const char *choice_name(nib_arena *arena, const char *choices, int index)
{
    for (const char *c = choices; c; index--) {
        size_t n = strcspn(c, "|");
        if (index == 0)
            return nib_arena_strndup(arena, c, n);
        c = c[n] ? c + n + 1 : NULL;
    }
    assert(false && "a choice within its list");
    return NULL;
}

static nib_status fail_kind(const context *c, const nib_doc *value)
{
    const char *word = c->row->kind == NIB_OPTION_INT && c->row->choices ? c->row->choices : NULL;
    const char *or_word = word ? " or " : "";
    static const char *const element[] = {
        [NIB_OPTION_INTS] = "an integer", [NIB_OPTION_FLOATS] = "a number", [NIB_OPTION_STRINGS] = "a text"};
    const char *wanted = kind_names[c->row->kind];
    if (value->kind != NIB_DOC_SCALAR)
        return nib_doc_fail(&value->place, c->err, NIB_ERR_CONFIG, "%s: a %s where %s%s%s is expected",
                            c->path, value->kind == NIB_DOC_MAP ? "map" : "list", wanted, or_word,
                            word ? word : "");
    if (c->row->kind >= NIB_OPTION_INTS && c->row->kind <= NIB_OPTION_STRINGS)
        wanted = element[c->row->kind];
    return nib_doc_fail(&value->place, c->err, NIB_ERR_CONFIG, "%s: '%.80s' is not %s%s%s%s", c->path,
                        value->text, wanted, or_word, word ? word : "",
                        value->quoted ? " (it is quoted, so it is a text)" : "");
}

static nib_status check_bounds(const context *c, const nib_doc *value, double number)
{
    const nib_option *row = c->row;
    if (row->min == 0 && row->max == 0)
        return NIB_OK;
    if (number >= row->min && number <= row->max)
        return NIB_OK;
    char limit[NIB_NUMBER_BYTES];
    bool above = number > row->max;
    nib_format_double(above ? row->max : row->min, limit);
    return nib_doc_fail(&value->place, c->err, NIB_ERR_CONFIG, "%s: %.80s is %s the limit %s%s%s", c->path,
                        value->text, above ? "above" : "below", limit, *row->unit ? " " : "", row->unit);
}

static nib_status read_int(const context *c, const nib_doc *value, int64_t *out)
{
    if (value->kind != NIB_DOC_SCALAR)
        return fail_kind(c, value);
    int word = c->row->choices ? choice_index(c->row->choices, value->text) : -1;
    if (word >= 0) {
        *out = -1 - word;
        return NIB_OK;
    }
    if (value->quoted || !parse_int(value->text, out))
        return fail_kind(c, value);
    return check_bounds(c, value, (double)*out);
}

static nib_status read_float(const context *c, const nib_doc *value, double *out)
{
    if (value->kind != NIB_DOC_SCALAR || value->quoted || !parse_double(value->text, out))
        return fail_kind(c, value);
    if (!isfinite(*out))
        return nib_doc_fail(&value->place, c->err, NIB_ERR_CONFIG, "%s: %.80s is too large for a number",
                            c->path, value->text);
    return check_bounds(c, value, *out);
}

static nib_status read_string(const context *c, const nib_doc *value, const char **out)
{
    if (value->kind != NIB_DOC_SCALAR)
        return fail_kind(c, value);
    *out = value->text;
    return NIB_OK;
}

static nib_status read_choice(const context *c, const nib_doc *value, int *out)
{
    if (value->kind != NIB_DOC_SCALAR)
        return fail_kind(c, value);
    *out = choice_index(c->row->choices, value->text);
    if (*out >= 0)
        return NIB_OK;
    const char *names[MAX_CHOICES];
    char all[512] = "";
    int n = 0;
    for (const char *p = c->row->choices; p && n < MAX_CHOICES; n++) {
        size_t bytes = strcspn(p, "|"), used = strlen(all);
        if (!(names[n] = nib_arena_strndup(c->arena, p, bytes)))
            return nib_fail_memory(c->err, c->path);
        (void)snprintf(all + used, sizeof all - used, "%s%s", n ? ", " : "", names[n]);
        p = p[bytes] ? p + bytes + 1 : NULL;
    }
    const char *nearest = nib_names_nearest(value->text, names, (size_t)n);
    if (nearest)
        return nib_doc_fail(&value->place, c->err, NIB_ERR_CONFIG,
                            "%s: unknown word '%.80s' (did you mean '%s'?)", c->path, value->text, nearest);
    return nib_doc_fail(&value->place, c->err, NIB_ERR_CONFIG, "%s: unknown word '%.80s' (known: %s)",
                        c->path, value->text, all);
}

/* ---- Lists ---- */

/* Element i of a value that is a list, or a scalar that counts as a list of one. */
static const nib_doc *element_of(const nib_doc *value, int i)
{
    return value->kind == NIB_DOC_LIST ? value->entries[i].value : value;
}

static nib_status read_list(const context *c, const nib_doc *value, void *target)
{
    if (value->kind == NIB_DOC_MAP)
        return fail_kind(c, value);
    int n = value->kind == NIB_DOC_LIST ? value->count : 1;
    if (c->row->kind == NIB_OPTION_INTS) {
        int64_t *list = NIB_NEW(c->arena, int64_t, n + 1);
        for (int i = 0; list && i < n; i++)
            NIB_TRY(read_int(c, element_of(value, i), &list[i]));
        *(nib_ints *)target = (nib_ints){n, list};
        return list ? NIB_OK : nib_fail_memory(c->err, c->path);
    }
    if (c->row->kind == NIB_OPTION_FLOATS) {
        double *list = NIB_NEW(c->arena, double, n + 1);
        for (int i = 0; list && i < n; i++)
            NIB_TRY(read_float(c, element_of(value, i), &list[i]));
        *(nib_floats *)target = (nib_floats){n, list};
        return list ? NIB_OK : nib_fail_memory(c->err, c->path);
    }
    const char **list = NIB_NEW(c->arena, const char *, n + 1);
    for (int i = 0; list && i < n; i++)
        NIB_TRY(read_string(c, element_of(value, i), &list[i]));
    *(nib_strings *)target = (nib_strings){n, list};
    return list ? NIB_OK : nib_fail_memory(c->err, c->path);
}

nib_status nib_options_read_value(nib_arena *arena, const nib_option *row, const nib_doc *value,
                                  const char *path, void *target, nib_error *err)
{
    const context c = {arena, row, path, err};
    switch (row->kind) {
    case NIB_OPTION_BOOL:
        if (value->kind != NIB_DOC_SCALAR || value->quoted || !parse_bool(value->text, target))
            return fail_kind(&c, value);
        return NIB_OK;
    case NIB_OPTION_INT:
        return read_int(&c, value, target);
    case NIB_OPTION_FLOAT:
        return read_float(&c, value, target);
    case NIB_OPTION_STRING:
        return read_string(&c, value, target);
    case NIB_OPTION_CHOICE:
        return read_choice(&c, value, target);
    case NIB_OPTION_INTS:
    case NIB_OPTION_FLOATS:
    case NIB_OPTION_STRINGS:
        return read_list(&c, value, target);
    case NIB_OPTION_NODE:
        *(const nib_doc **)target = value;
        return NIB_OK;
    }
    return NIB_OK;
}

/* ---- Tables ---- */

static const nib_option *row_of(const nib_option_table *table, const char *name)
{
    for (int i = 0; i < table->count; i++)
        if (strcmp(table->rows[i].name, name) == 0)
            return &table->rows[i];
    return NULL;
}

static nib_status fail_unknown(nib_arena *arena, const nib_option_table *table, const nib_doc_entry *entry,
                               const char *path, nib_error *err)
{
    const char **names = NIB_NEW(arena, const char *, table->count + 1);
    if (!names)
        return nib_fail_memory(err, path);
    char all[512] = "";
    for (int i = 0; i < table->count; i++) {
        size_t used = strlen(all);
        names[i] = table->rows[i].name;
        (void)snprintf(all + used, sizeof all - used, "%s%s", i ? ", " : "", names[i]);
    }
    const char *in = *path ? " in " : "";
    const char *nearest = nib_names_nearest(entry->key, names, (size_t)table->count);
    if (nearest)
        return nib_doc_fail(&entry->place, err, NIB_ERR_CONFIG,
                            "unknown key '%.80s'%s%s (did you mean '%s'?)", entry->key, in, path, nearest);
    if (table->count == 0)
        return nib_doc_fail(&entry->place, err, NIB_ERR_CONFIG, "unknown key '%.80s'%s%s (it has no options)",
                            entry->key, in, path);
    return nib_doc_fail(&entry->place, err, NIB_ERR_CONFIG, "unknown key '%.80s'%s%s (known: %s)", entry->key,
                        in, path, all);
}

/* The default of a row as a node: scalars as they are, lists and nodes parsed. */
static nib_status initial_of(nib_arena *arena, const nib_option *row, nib_doc **node, nib_error *err)
{
    if (row->kind >= NIB_OPTION_INTS)
        return nib_yaml_parse(arena, "default", row->initial, strlen(row->initial), node, err);
    *node = nib_doc_new_scalar(arena, row->initial);
    return *node ? NIB_OK : nib_fail_memory(err, row->name);
}

static nib_status read_row(nib_arena *arena, const nib_option *row, const nib_doc *map, const char *path,
                           void *field, nib_error *err)
{
    char where[256];
    (void)snprintf(where, sizeof where, "%.160s%s%s", path, *path ? "." : "", row->name);
    nib_doc *value = nib_doc_get(map, row->name);
    if (value && !nib_doc_is_null(value))
        return nib_options_read_value(arena, row, value, where, field, err);
    if (row->initial && *row->initial == '\0')
        return NIB_OK; /* absent: the struct is zero */
    if (value)
        return nib_doc_fail(&value->place, err, NIB_ERR_CONFIG, "%s has no value (%s is expected)", where,
                            kind_names[row->kind]);
    if (!row->initial)
        return nib_doc_fail(map ? &map->place : NULL, err, NIB_ERR_CONFIG, "%s is missing (%s)", where,
                            row->help);
    NIB_TRY(initial_of(arena, row, &value, err));
    return nib_options_read_value(arena, row, value, where, field, err);
}

nib_status nib_options_read(nib_arena *arena, const nib_option_table *table, const nib_doc *map,
                            const char *path, void *out, nib_error *err)
{
    memset(out, 0, table->bytes);
    if (nib_doc_is_null(map))
        map = NULL;
    if (map && map->kind != NIB_DOC_MAP)
        return nib_doc_fail(&map->place, err, NIB_ERR_CONFIG, "%s: %s where a map of options is expected",
                            *path ? path : "the config",
                            map->kind == NIB_DOC_LIST ? "a list" : "a single value");
    for (int i = 0; map && i < map->count; i++)
        if (!row_of(table, map->entries[i].key))
            return fail_unknown(arena, table, &map->entries[i], path, err);
    for (int i = 0; i < table->count; i++)
        NIB_TRY(read_row(arena, &table->rows[i], map, path, (char *)out + table->rows[i].offset, err));
    return NIB_OK;
}

/* ---- Writing ---- */

/* Text that a reader could take for something else, or for syntax, goes in quotes. */
static nib_doc *new_text(nib_arena *arena, const char *text)
{
    nib_doc *doc = nib_doc_new_scalar(arena, text);
    if (!doc)
        return NULL;
    double number;
    bool truth;
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./+$-";
    doc->quoted = text[strspn(text, plain)] != '\0' || nib_doc_is_null(doc) || parse_double(text, &number) ||
                  parse_bool(text, &truth);
    return doc;
}

static nib_doc *new_number(nib_arena *arena, double value)
{
    char text[NIB_NUMBER_BYTES];
    nib_format_double(value, text);
    return nib_doc_new_scalar(arena, text);
}

static nib_doc *new_int(nib_arena *arena, const nib_option *row, int64_t value)
{
    if (row->choices && value < 0)
        return nib_doc_new_scalar(arena, choice_name(arena, row->choices, (int)(-1 - value)));
    char text[NIB_NUMBER_BYTES];
    (void)snprintf(text, sizeof text, "%lld", (long long)value);
    return nib_doc_new_scalar(arena, text);
}

static nib_doc *write_list(nib_arena *arena, const nib_option *row, const void *field)
{
    nib_doc *list = nib_doc_new_list(arena);
    int n = *(const int *)field; /* all three list structs begin with their count */
    for (int i = 0; list && i < n; i++) {
        nib_doc *item;
        if (row->kind == NIB_OPTION_INTS)
            item = new_int(arena, row, ((const nib_ints *)field)->value[i]);
        else if (row->kind == NIB_OPTION_FLOATS)
            item = new_number(arena, ((const nib_floats *)field)->value[i]);
        else
            item = new_text(arena, ((const nib_strings *)field)->value[i]);
        if (!nib_doc_add(arena, list, NULL, item))
            return NULL;
    }
    return list;
}

/* The value of a row, NULL when absent (or out of memory: *failed). */
static nib_doc *write_row(nib_arena *arena, const nib_option *row, const void *field, bool *failed)
{
    nib_doc *value = NULL;
    switch (row->kind) {
    case NIB_OPTION_BOOL:
        value = nib_doc_new_scalar(arena, *(const bool *)field ? "true" : "false");
        break;
    case NIB_OPTION_INT:
        value = new_int(arena, row, *(const int64_t *)field);
        break;
    case NIB_OPTION_FLOAT:
        value = new_number(arena, *(const double *)field);
        break;
    case NIB_OPTION_CHOICE:
        value = nib_doc_new_scalar(arena, choice_name(arena, row->choices, *(const int *)field));
        break;
    case NIB_OPTION_STRING:
        if (!*(const char *const *)field)
            return NULL;
        value = new_text(arena, *(const char *const *)field);
        break;
    case NIB_OPTION_NODE:
        if (!*(nib_doc *const *)field)
            return NULL;
        value = *(nib_doc *const *)field;
        break;
    case NIB_OPTION_INTS:
    case NIB_OPTION_FLOATS:
    case NIB_OPTION_STRINGS:
        value = write_list(arena, row, field);
        break;
    }
    *failed = !value;
    return value;
}

nib_doc *nib_options_write(nib_arena *arena, const nib_option_table *table, const void *in)
{
    nib_doc *map = nib_doc_new_map(arena);
    bool failed = false;
    for (int i = 0; map && i < table->count; i++) {
        const nib_option *row = &table->rows[i];
        nib_doc *value = write_row(arena, row, (const char *)in + row->offset, &failed);
        if (failed || (value && !nib_doc_add(arena, map, row->name, value)))
            return NULL;
    }
    return map;
}

nib_status nib_options_split_choice(const nib_doc *value, const char *path, const char *what,
                                    const char **name, const nib_doc **body, nib_error *err)
{
    *body = NULL;
    if (value->kind == NIB_DOC_SCALAR) {
        *name = value->text;
        return NIB_OK;
    }
    if (value->kind == NIB_DOC_MAP && value->count == 1) {
        *name = value->entries[0].key;
        if (!nib_doc_is_null(value->entries[0].value))
            *body = value->entries[0].value;
        return NIB_OK;
    }
    if (value->kind == NIB_DOC_MAP && value->count > 1)
        return nib_doc_fail(&value->entries[1].place, err, NIB_ERR_CONFIG,
                            "%s: one %s is expected, '%.80s' is a second one (after '%.80s')", path, what,
                            value->entries[1].key, value->entries[0].key);
    return nib_doc_fail(&value->place, err, NIB_ERR_CONFIG,
                        "%s: the name of one %s is expected, as in NAME or {NAME: {...}}", path, what);
}

nib_status nib_options_check(nib_arena *arena, const nib_option_table *table, const char *path,
                             nib_error *err)
{
    void *out = nib_arena_alloc(arena, 1, table->bytes);
    if (!out)
        return nib_fail_memory(err, path);
    for (int i = 0; i < table->count; i++) {
        const nib_option *row = &table->rows[i];
        bool words = row->kind == NIB_OPTION_CHOICE || row->kind == NIB_OPTION_INT;
        if (row_of(table, row->name) != row)
            return nib_fail(err, NIB_ERR_CONFIG, "%s.%s has two rows", path, row->name);
        if (!row->help || !*row->help || !row->unit)
            return nib_fail(err, NIB_ERR_CONFIG, "%s.%s has no help or no unit", path, row->name);
        if ((row->kind == NIB_OPTION_CHOICE && !row->choices) || (row->choices && !words))
            return nib_fail(err, NIB_ERR_CONFIG, "%s.%s: only a choice or an integer has words", path,
                            row->name);
        if (row->min > row->max || row->offset >= table->bytes)
            return nib_fail(err, NIB_ERR_CONFIG, "%s.%s has wrong bounds or a wrong offset", path, row->name);
        if (row->initial)
            NIB_TRY(read_row(arena, row, NULL, path, (char *)out + row->offset, err));
    }
    return NIB_OK;
}

/* 1e-07 as people write it: 1e-7. */
static void trim_exponent(char *text)
{
    char *e = strchr(text, 'e');
    if (!e)
        return;
    char *to = e + 1 + (e[1] == '-'), *digits = to + strspn(to, "+0");
    memmove(to, digits, strlen(digits) + 1);
}

void nib_format_double(double value, char *text)
{
    if (fabs(value) < 1e15 && value == floor(value) && value != 0) { /* 1000, not 1e+03 */
        (void)snprintf(text, NIB_NUMBER_BYTES, "%.0f", value);
        return;
    }
    for (int digits = 1; digits <= 17; digits++) {
        (void)snprintf(text, NIB_NUMBER_BYTES, "%.*g", digits, value);
        if (strtod(text, NULL) == value)
            break;
    }
    trim_exponent(text);
}
