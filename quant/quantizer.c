#include "quant/quantizer.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "core/names.h"

#define NIB_QUANTIZER(name) extern const nib_quantizer nib_quantizer_##name;
#include "quant/quantizers.def"
#undef NIB_QUANTIZER

const nib_quantizer *const nib_quantizers[] = {
#define NIB_QUANTIZER(name) &nib_quantizer_##name,
#include "quant/quantizers.def"
#undef NIB_QUANTIZER
};
const int nib_quantizers_count = (int)(sizeof nib_quantizers / sizeof nib_quantizers[0]);

enum { MAX_QUANTIZERS = 64, MAX_WORD = 128 };

static const nib_quantizer *find(const char *name)
{
    for (int i = 0; i < nib_quantizers_count; i++)
        if (strcmp(nib_quantizers[i]->name, name) == 0)
            return nib_quantizers[i];
    return NULL;
}

static nib_status fail_unknown(const nib_doc_place *place, const char *path, const char *name, nib_error *err)
{
    const char *names[MAX_QUANTIZERS];
    char all[512] = "";
    for (int i = 0; i < nib_quantizers_count; i++) {
        names[i] = nib_quantizers[i]->name;
        (void)snprintf(all + strlen(all), sizeof all - strlen(all), "%s%s", i ? ", " : "", names[i]);
    }
    const char *near = nib_names_nearest(name, names, (size_t)nib_quantizers_count);
    if (near)
        return nib_doc_fail(place, err, NIB_ERR_CONFIG,
                            "%s: there is no quantizer '%.40s' (did you mean '%s'?)", path, name, near);
    return nib_doc_fail(place, err, NIB_ERR_CONFIG,
                        "%s: '%.40s' is no quantizer (known: fixed<W,I,Q,O>, ufixed<...>, and %s with their "
                        "arguments in brackets)",
                        path, name, all);
}

/* ---- name(arguments) to a map ---- */

typedef struct reader {
    nib_arena *arena;
    const char *text, *at;
    const nib_doc *value; /* the scalar */
    const char *path;
    const nib_quantizer *type;
    nib_doc *map;
    int position;      /* arguments read */
    bool keyword_seen; /* no more arguments by position */
    nib_error *err;
} reader;

static nib_doc_place place_of(const reader *r, const char *at)
{
    nib_doc_place place = r->value->place;
    if (place.line > 0)
        place.column += (int)(at - r->text) + (r->value->quoted ? 1 : 0);
    return place;
}

static nib_status fail_here(const reader *r, const char *what)
{
    const nib_doc_place place = place_of(r, r->at);
    char found[16] = "the end";
    if (*r->at)
        (void)snprintf(found, sizeof found, "'%c'", isprint((unsigned char)*r->at) ? *r->at : '?');
    return nib_doc_fail(&place, r->err, NIB_ERR_CONFIG, "%s: %s at character %d of the quantizer, not %s",
                        r->path, what, (int)(r->at - r->text) + 1, found);
}

static void skip_blanks(reader *r)
{
    r->at += strspn(r->at, " \t\r\n");
}

/* A word of the value: letters, digits, signs and points, or a text in quotes. */
static nib_status read_word(reader *r, char *word, bool *quoted, const char **place)
{
    skip_blanks(r);
    *place = r->at;
    const char mark = *r->at;
    *quoted = mark == '"' || mark == '\'';
    const char *from = *quoted ? r->at + 1 : r->at;
    size_t n = 0;
    while (from[n] &&
           (*quoted ? from[n] != mark : isalnum((unsigned char)from[n]) || strchr("_+-.", from[n])))
        n++;
    if (n >= MAX_WORD)
        return fail_here(r, "an argument of over 127 letters");
    if ((*quoted && from[n] != mark) || (!*quoted && n == 0))
        return fail_here(r, *quoted ? "a text without its closing quote begins" : "an argument is expected");
    memcpy(word, from, n);
    word[n] = '\0';
    r->at = from + n + (*quoted ? 1 : 0);
    return NIB_OK;
}

/* Python's 0 and 1 for a truth value. */
static const char *as_option(const nib_option *row, const char *word)
{
    if (row && row->kind == NIB_OPTION_BOOL && (strcmp(word, "0") == 0 || strcmp(word, "1") == 0))
        return *word == '1' ? "true" : "false";
    return word;
}

static const nib_option *row_of(const nib_quantizer *type, const char *name)
{
    for (int i = 0; i < type->options.count; i++)
        if (strcmp(type->options.rows[i].name, name) == 0)
            return &type->options.rows[i];
    return NULL;
}

static nib_status add_value(reader *r, const char *key, const char *key_at, nib_doc *value,
                            const char *value_at)
{
    const nib_doc_place key_place = place_of(r, key_at);
    if (nib_doc_get(r->map, key))
        return nib_doc_fail(&key_place, r->err, NIB_ERR_CONFIG, "%s: %s is given twice", r->path, key);
    if (!nib_doc_add(r->arena, r->map, nib_arena_strdup(r->arena, key), value))
        return nib_fail_memory(r->err, r->path);
    value->place = place_of(r, value_at);
    r->map->entries[r->map->count - 1].place = key_place;
    return NIB_OK;
}

static nib_status add_argument(reader *r, const char *key, const char *key_at, const char *word, bool quoted,
                               const char *word_at)
{
    const nib_option *row = row_of(r->type, key);
    if (row && !quoted && strcmp(word, "None") == 0 && !nib_doc_get(r->map, key))
        return NIB_OK; /* Python's word for the default */
    nib_doc *value = nib_doc_new_scalar(r->arena, as_option(row, word));
    if (!value)
        return nib_fail_memory(r->err, r->path);
    value->quoted = quoted;
    return add_value(r, key, key_at, value, word_at);
}

/* [1, 2, 3] */
static nib_status add_list(reader *r, const char *key, const char *key_at)
{
    const char *from = r->at++, *place;
    nib_doc *list = nib_doc_new_list(r->arena);
    char word[MAX_WORD];
    bool quoted;
    if (!list)
        return nib_fail_memory(r->err, r->path);
    skip_blanks(r);
    while (*r->at != ']') {
        NIB_TRY(read_word(r, word, &quoted, &place));
        nib_doc *item = nib_doc_new_scalar(r->arena, word);
        if (!nib_doc_add(r->arena, list, NULL, item))
            return nib_fail_memory(r->err, r->path);
        item->place = place_of(r, place);
        item->quoted = quoted;
        skip_blanks(r);
        if (*r->at != ',' && *r->at != ']')
            return fail_here(r, "',' or ']' is expected");
        if (*r->at == ',')
            r->at++;
        skip_blanks(r);
    }
    r->at++;
    return add_value(r, key, key_at, list, from);
}

static nib_status read_argument(reader *r)
{
    char word[MAX_WORD], key[MAX_WORD];
    const char *place, *key_place;
    bool quoted;
    NIB_TRY(read_word(r, word, &quoted, &place));
    skip_blanks(r);
    if (*r->at == '=' && !quoted) {
        r->at++;
        r->keyword_seen = true;
        memcpy(key, word, strlen(word) + 1);
        key_place = place;
        skip_blanks(r);
        if (*r->at == '[')
            return add_list(r, key, key_place);
        NIB_TRY(read_word(r, word, &quoted, &place));
        return add_argument(r, key, key_place, word, quoted, place);
    }
    const nib_doc_place at = place_of(r, place);
    if (r->keyword_seen)
        return nib_doc_fail(&at, r->err, NIB_ERR_CONFIG, "%s: '%.40s' stands by position after a keyword",
                            r->path, word);
    if (r->position >= r->type->n_positional)
        return nib_doc_fail(&at, r->err, NIB_ERR_CONFIG,
                            "%s: %s takes %d arguments by position; '%.40s' needs its name: NAME=%.40s",
                            r->path, r->type->name, r->type->n_positional, word, word);
    return add_argument(r, r->type->options.rows[r->position++].name, place, word, quoted, place);
}

/* name, name() or name(arguments), into r->type and r->map. */
static nib_status read_call(reader *r)
{
    char name[MAX_WORD];
    const char *place;
    bool quoted;
    for (; *r->at; r->at++)
        if (iscntrl((unsigned char)*r->at))
            return fail_here(r, "printable text is expected");
    r->at = r->text;
    NIB_TRY(read_word(r, name, &quoted, &place));
    r->type = find(name);
    const nib_doc_place at = place_of(r, place);
    if (!r->type)
        return fail_unknown(&at, r->path, name, r->err);
    skip_blanks(r);
    if (*r->at == '\0')
        return NIB_OK;
    if (*r->at != '(')
        return fail_here(r, "'(' is expected");
    r->at++;
    skip_blanks(r);
    while (*r->at != ')') {
        NIB_TRY(read_argument(r));
        skip_blanks(r);
        if (*r->at != ',' && *r->at != ')')
            return fail_here(r, "',' or ')' is expected");
        if (*r->at == ',')
            r->at++;
        skip_blanks(r);
    }
    r->at++;
    skip_blanks(r);
    return *r->at ? fail_here(r, "the quantizer ends") : NIB_OK;
}

/* ---- Both forms ---- */

/* fixed<8,3> is a type, fixed(type='fixed<8,3>') a call. */
static bool is_type(const char *text)
{
    return text[strcspn(text, "(<")] == '<';
}

static nib_status split(nib_arena *arena, const nib_doc *value, const char *path, const nib_quantizer **type,
                        const nib_doc **body, nib_error *err)
{
    const char *name;
    if (value->kind != NIB_DOC_SCALAR) {
        NIB_TRY(nib_options_split_choice(value, path, "quantizer", &name, body, err));
        *type = find(name);
        return *type ? NIB_OK : fail_unknown(&value->place, path, name, err);
    }
    nib_doc *map = nib_doc_new_map(arena);
    if (!map)
        return nib_fail_memory(err, path);
    map->place = value->place;
    *body = map;
    if (is_type(value->text)) {
        nib_doc *text = nib_doc_add_text(arena, map, "type", "%s", value->text);
        *type = find("fixed");
        if (!text)
            return nib_fail_memory(err, path);
        text->place = value->place;
        return NIB_OK;
    }
    reader r = {arena, value->text, value->text, value, path, NULL, map, 0, false, err};
    NIB_TRY(read_call(&r));
    *type = r.type;
    return NIB_OK;
}

nib_status nib_quantizer_read(nib_arena *arena, const nib_doc *value, const char *path,
                              nib_quantizer_config *config, nib_error *err)
{
    const nib_doc *body = NULL;
    nib_quantizer_config made = {0};
    NIB_TRY(split(arena, value, path, &made.type, &body, err));
    made.options = nib_arena_alloc(arena, 1, made.type->options.bytes);
    if (!made.options)
        return nib_fail_memory(err, path);
    NIB_TRY(nib_options_read(arena, &made.type->options, body, path, made.options, err));
    nib_error inner = {NIB_OK, ""};
    const nib_status status = made.type->check(made.options, &made.warning, &inner);
    if (status != NIB_OK)
        return nib_doc_fail(&value->place, err, status, "%s: %s", path, inner.message);
    *config = made;
    return NIB_OK;
}

nib_status nib_quantizer_parse(nib_arena *arena, const char *text, nib_quantizer_config *config,
                               nib_error *err)
{
    nib_doc *value = nib_doc_new_scalar(arena, text);
    if (!value)
        return nib_fail_memory(err, "quantizer");
    value->place = (nib_doc_place){"quantizer", 1, 1};
    return nib_quantizer_read(arena, value, "quantizer", config, err);
}

/* A value as an argument: bare, in quotes, or a list. */
static const char *print_value(nib_arena *arena, const nib_doc *value)
{
    if (value->kind == NIB_DOC_LIST) {
        const char *text = "[";
        for (int i = 0; text && i < value->count; i++)
            text = nib_arena_printf(arena, "%s%s%s", text, i ? ", " : "", value->entries[i].value->text);
        return text ? nib_arena_printf(arena, "%s]", text) : NULL;
    }
    const bool bare = !value->quoted && !strchr(value->text, '<') && strcmp(value->text, "None") != 0;
    return bare ? value->text : nib_arena_printf(arena, "'%s'", value->text);
}

const char *nib_quantizer_print(nib_arena *arena, const nib_quantizer_config *config)
{
    const nib_doc *map = nib_options_write(arena, &config->type->options, config->options);
    if (!map)
        return NULL;
    const char *text = nib_arena_printf(arena, "%s(", config->type->name);
    for (int i = 0; text && i < map->count; i++) {
        const nib_doc *value = map->entries[i].value;
        if (value->kind == NIB_DOC_LIST && value->count == 0)
            continue;
        const char *word = print_value(arena, value);
        if (!word)
            return NULL;
        const char *comma = text[strlen(text) - 1] == '(' ? "" : ", ";
        text = nib_arena_printf(arena, "%s%s%s=%s", text, comma, map->entries[i].key, word);
    }
    return text ? nib_arena_printf(arena, "%s)", text) : NULL;
}
