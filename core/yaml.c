#include "core/yaml.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include <yaml.h>

#include "core/file.h"

enum {
    MAX_DEPTH = 64,
    MAX_NODES = 100000,
    MAX_BYTES = 16 << 20,
    MAX_ANCHORS = 1000,
    FLOW_COLUMNS = 110, /* a map or list that fits is written in one line */
    INDENT = 2
};

/* ---- Reading ---- */

typedef struct anchor {
    const char *name;
    nib_doc *doc;
    int nodes, depth;
} anchor;

/* A map or list that is being read. */
typedef struct level {
    nib_doc *doc;
    const char *anchor; /* its own anchor, known to aliases once it is complete */
    const char *key;    /* maps: the key that waits for its value */
    nib_doc_place key_place;
    int first_node;
} level;

typedef struct reader {
    nib_arena *arena;
    const char *file, *text;
    size_t bytes;
    yaml_parser_t parser;
    nib_doc *root;
    int depth, nodes, n_anchors;
    level levels[MAX_DEPTH];
    anchor anchors[MAX_ANCHORS];
    nib_error *err;
} reader;

static nib_doc_place place_of(const reader *r, const yaml_mark_t *mark)
{
    return (nib_doc_place){r->file, (int)mark->line + 1, (int)mark->column + 1};
}

/* The place of a byte, for errors that libyaml gives as an offset. */
static nib_doc_place place_at(const reader *r, size_t offset)
{
    nib_doc_place place = {r->file, 1, 1};
    for (size_t i = 0; i < offset && i < r->bytes; i++) {
        place.column++;
        if (r->text[i] == '\n') {
            place.line++;
            place.column = 1;
        }
    }
    return place;
}

static nib_status fail_parser(const reader *r)
{
    const yaml_parser_t *p = &r->parser;
    if (p->error == YAML_MEMORY_ERROR)
        return nib_fail_memory(r->err, "a YAML text");
    nib_doc_place place =
        p->error == YAML_READER_ERROR ? place_at(r, p->problem_offset) : place_of(r, &p->problem_mark);
    const char *problem = p->problem ? p->problem : "no YAML";
    if (p->context && p->error == YAML_PARSER_ERROR)
        return nib_doc_fail(&place, r->err, NIB_ERR_CONFIG, "%s %s", problem, p->context);
    return nib_doc_fail(&place, r->err, NIB_ERR_CONFIG, "%s", problem);
}

static nib_status count_nodes(reader *r, int more, const nib_doc_place *place)
{
    if (more > MAX_NODES - r->nodes)
        return nib_doc_fail(place, r->err, NIB_ERR_CONFIG, "more than %d values", MAX_NODES);
    r->nodes += more;
    return NIB_OK;
}

static nib_status add_anchor(reader *r, const char *name, nib_doc *doc, int nodes, int depth)
{
    if (r->n_anchors == MAX_ANCHORS)
        return nib_doc_fail(&doc->place, r->err, NIB_ERR_CONFIG, "more than %d anchors", MAX_ANCHORS);
    r->anchors[r->n_anchors++] = (anchor){name, doc, nodes, depth};
    return NIB_OK;
}

static int depth_of(const nib_doc *doc)
{
    int deepest = 0;
    for (int i = 0; i < doc->count; i++) {
        int d = depth_of(doc->entries[i].value);
        deepest = d > deepest ? d : deepest;
    }
    return doc->kind == NIB_DOC_SCALAR ? 0 : 1 + deepest;
}

/* Hand a complete value to the map or list that is open. */
static nib_status attach(reader *r, nib_doc *doc)
{
    if (r->depth == 0) {
        r->root = doc;
        return NIB_OK;
    }
    level *open = &r->levels[r->depth - 1];
    if (!nib_doc_add(r->arena, open->doc, open->doc->kind == NIB_DOC_MAP ? open->key : NULL, doc))
        return nib_fail_memory(r->err, "a YAML text");
    if (open->doc->kind == NIB_DOC_MAP) {
        open->doc->entries[open->doc->count - 1].place = open->key_place;
        open->key = NULL;
    }
    return NIB_OK;
}

static bool wants_key(const reader *r)
{
    return r->depth > 0 && r->levels[r->depth - 1].doc->kind == NIB_DOC_MAP && !r->levels[r->depth - 1].key;
}

static nib_status check_tag(reader *r, const yaml_char_t *tag, const char *const *allowed,
                            const nib_doc_place *place)
{
    static const char core[] = "tag:yaml.org,2002:";
    const char *name = (const char *)tag;
    if (!name || strcmp(name, "!") == 0)
        return NIB_OK;
    if (strncmp(name, core, sizeof core - 1) == 0)
        for (int i = 0; allowed[i]; i++)
            if (strcmp(name + sizeof core - 1, allowed[i]) == 0)
                return NIB_OK;
    return nib_doc_fail(place, r->err, NIB_ERR_CONFIG, "unknown tag '%.80s'", name);
}

static nib_status read_scalar(reader *r, const yaml_event_t *event)
{
    static const char *const tags[] = {"str", "int", "float", "bool", "null", NULL};
    nib_doc_place place = place_of(r, &event->start_mark);
    const char *text = (const char *)event->data.scalar.value;
    const char *tag = (const char *)event->data.scalar.tag;
    NIB_TRY(check_tag(r, event->data.scalar.tag, tags, &place));
    if (memchr(text, '\0', event->data.scalar.length))
        return nib_doc_fail(&place, r->err, NIB_ERR_CONFIG, "a text holds a NUL byte");
    NIB_TRY(count_nodes(r, 1, &place));
    if (wants_key(r)) {
        level *open = &r->levels[r->depth - 1];
        if (event->data.scalar.anchor)
            return nib_doc_fail(&place, r->err, NIB_ERR_CONFIG, "a key cannot have an anchor");
        open->key_place = place;
        open->key = nib_arena_strdup(r->arena, text);
        return open->key ? NIB_OK : nib_fail_memory(r->err, "a YAML text");
    }
    nib_doc *doc = nib_doc_new_scalar(r->arena, text);
    if (!doc)
        return nib_fail_memory(r->err, "a YAML text");
    doc->place = place;
    doc->quoted = event->data.scalar.style != YAML_PLAIN_SCALAR_STYLE ||
                  (tag && (strcmp(tag, "!") == 0 || strcmp(tag, YAML_STR_TAG) == 0));
    if (event->data.scalar.anchor) {
        const char *name = nib_arena_strdup(r->arena, (const char *)event->data.scalar.anchor);
        if (!name)
            return nib_fail_memory(r->err, "a YAML text");
        NIB_TRY(add_anchor(r, name, doc, 1, 0));
    }
    return attach(r, doc);
}

static nib_status open_level(reader *r, nib_doc *doc, const yaml_mark_t *mark, const yaml_char_t *name)
{
    nib_doc_place place = place_of(r, mark);
    if (wants_key(r))
        return nib_doc_fail(&place, r->err, NIB_ERR_CONFIG, "a key must be a plain text");
    if (r->depth == MAX_DEPTH)
        return nib_doc_fail(&place, r->err, NIB_ERR_CONFIG, "more than %d levels", MAX_DEPTH);
    NIB_TRY(count_nodes(r, 1, &place));
    const char *own = name ? nib_arena_strdup(r->arena, (const char *)name) : NULL;
    if (!doc || (name && !own))
        return nib_fail_memory(r->err, "a YAML text");
    doc->place = place;
    r->levels[r->depth++] = (level){.doc = doc, .anchor = own, .first_node = r->nodes - 1};
    return NIB_OK;
}

static int by_key(const void *a, const void *b)
{
    const nib_doc_entry *const *x = a, *const *y = b;
    int order = strcmp((*x)->key, (*y)->key);
    return order ? order : (*x > *y) - (*x < *y);
}

/* Sorted, so that a map of 50 000 keys takes no time. */
static nib_status refuse_duplicates(reader *r, const nib_doc *map)
{
    if (map->count < 2)
        return NIB_OK;
    const nib_doc_entry **sorted = malloc((size_t)map->count * sizeof(*sorted));
    if (!sorted)
        return nib_fail_memory(r->err, "a YAML text");
    for (int i = 0; i < map->count; i++)
        sorted[i] = &map->entries[i];
    qsort(sorted, (size_t)map->count, sizeof(*sorted), by_key);
    const nib_doc_entry *first = NULL, *again = NULL;
    for (int i = 1; i < map->count; i++)
        if (strcmp(sorted[i - 1]->key, sorted[i]->key) == 0 && (!again || sorted[i] < again)) {
            first = sorted[i - 1];
            again = sorted[i];
        }
    free(sorted);
    if (!again)
        return NIB_OK;
    return nib_doc_fail(&again->place, r->err, NIB_ERR_CONFIG, "duplicate key '%.80s' (first in line %d)",
                        again->key, first->place.line);
}

static nib_status close_level(reader *r)
{
    level *done = &r->levels[--r->depth];
    if (done->doc->kind == NIB_DOC_MAP)
        NIB_TRY(refuse_duplicates(r, done->doc));
    if (done->anchor)
        NIB_TRY(add_anchor(r, done->anchor, done->doc, r->nodes - done->first_node, depth_of(done->doc)));
    return attach(r, done->doc);
}

static nib_status read_alias(reader *r, const yaml_event_t *event)
{
    nib_doc_place place = place_of(r, &event->start_mark);
    const char *name = (const char *)event->data.alias.anchor;
    if (wants_key(r))
        return nib_doc_fail(&place, r->err, NIB_ERR_CONFIG, "a key must be a plain text");
    for (int i = r->n_anchors - 1; i >= 0; i--) {
        const anchor *a = &r->anchors[i];
        if (strcmp(a->name, name) != 0)
            continue;
        if (r->depth + a->depth > MAX_DEPTH)
            return nib_doc_fail(&place, r->err, NIB_ERR_CONFIG, "more than %d levels", MAX_DEPTH);
        NIB_TRY(count_nodes(r, a->nodes, &place));
        nib_doc *copy = nib_doc_copy(r->arena, a->doc); /* a copy: --set may change one of the two */
        return copy ? attach(r, copy) : nib_fail_memory(r->err, "a YAML text");
    }
    return nib_doc_fail(&place, r->err, NIB_ERR_CONFIG, "no anchor '%.80s' before this alias", name);
}

static nib_status read_event(reader *r, const yaml_event_t *event)
{
    static const char *const map_tags[] = {"map", NULL}, *const list_tags[] = {"seq", NULL};
    nib_doc_place place = place_of(r, &event->start_mark);
    switch (event->type) {
    case YAML_SCALAR_EVENT:
        return read_scalar(r, event);
    case YAML_ALIAS_EVENT:
        return read_alias(r, event);
    case YAML_MAPPING_START_EVENT:
        NIB_TRY(check_tag(r, event->data.mapping_start.tag, map_tags, &place));
        return open_level(r, nib_doc_new_map(r->arena), &event->start_mark, event->data.mapping_start.anchor);
    case YAML_SEQUENCE_START_EVENT:
        NIB_TRY(check_tag(r, event->data.sequence_start.tag, list_tags, &place));
        return open_level(r, nib_doc_new_list(r->arena), &event->start_mark,
                          event->data.sequence_start.anchor);
    case YAML_MAPPING_END_EVENT:
    case YAML_SEQUENCE_END_EVENT:
        return close_level(r);
    case YAML_DOCUMENT_START_EVENT:
        if (r->root)
            return nib_doc_fail(&place, r->err, NIB_ERR_CONFIG, "more than one document");
        return NIB_OK;
    case YAML_NO_EVENT:
    case YAML_STREAM_START_EVENT:
    case YAML_STREAM_END_EVENT:
    case YAML_DOCUMENT_END_EVENT:
        break;
    }
    return NIB_OK;
}

static nib_status read_events(reader *r)
{
    for (bool done = false; !done;) {
        yaml_event_t event;
        if (!yaml_parser_parse(&r->parser, &event))
            return fail_parser(r);
        done = event.type == YAML_STREAM_END_EVENT;
        nib_status status = read_event(r, &event);
        yaml_event_delete(&event);
        NIB_TRY(status);
    }
    return NIB_OK;
}

nib_status nib_yaml_parse(nib_arena *arena, const char *file, const char *text, size_t bytes, nib_doc **doc,
                          nib_error *err)
{
    nib_doc_place top = {nib_arena_strdup(arena, file), 1, 1};
    if (bytes > MAX_BYTES)
        return nib_doc_fail(&top, err, NIB_ERR_CONFIG, "the text is larger than %d MB", MAX_BYTES >> 20);
    if (bytes >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0) {
        text += 3; /* byte order mark */
        bytes -= 3;
    }
    reader *r = calloc(1, sizeof *r);
    if (!r || !top.file || !yaml_parser_initialize(&r->parser)) {
        free(r);
        return nib_fail_memory(err, "a YAML text");
    }
    r->arena = arena;
    r->file = top.file;
    r->text = text;
    r->bytes = bytes;
    r->err = err;
    yaml_parser_set_encoding(&r->parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&r->parser, (const unsigned char *)text, bytes);
    nib_status status = read_events(r);
    yaml_parser_delete(&r->parser);
    *doc = r->root;
    free(r);
    NIB_TRY(status);
    if (!*doc) {
        if (!(*doc = nib_doc_new_map(arena)))
            return nib_fail_memory(err, "a YAML text");
        (*doc)->place = top;
    }
    return NIB_OK;
}

/* ---- Writing ---- */

typedef struct writer {
    nib_arena *arena;
    yaml_emitter_t emitter;
    char *text;
    size_t bytes, capacity;
    bool full;
    bool flow; /* within a map or list in flow style */
} writer;

static int append(void *data, unsigned char *buffer, size_t size)
{
    writer *w = data;
    if (size > w->capacity - w->bytes) {
        size_t capacity = 2 * (w->capacity + size);
        char *text = realloc(w->text, capacity);
        if (!text) {
            w->full = true;
            return 0;
        }
        w->text = text;
        w->capacity = capacity;
    }
    memcpy(w->text + w->bytes, buffer, size);
    w->bytes += size;
    return 1;
}

/* A text that stays a plain scalar in flow style too. */
static bool is_plain_word(const char *text)
{
    return *text &&
           text[strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./+$-")] == '\0';
}

/* Columns of a value in flow style, or a number above `limit` when it does not fit or must not be flow. */
static size_t flow_columns(const nib_doc *doc, size_t limit)
{
    if (doc->kind == NIB_DOC_SCALAR) {
        if (!doc->quoted && !is_plain_word(doc->text))
            return limit + 1;
        return strlen(doc->text) + (doc->quoted ? 2 : 0);
    }
    size_t columns = 2;
    for (int i = 0; i < doc->count && columns <= limit; i++) {
        const nib_doc_entry *entry = &doc->entries[i];
        columns += (i ? 2 : 0) + (entry->key ? strlen(entry->key) + 2 : 0);
        if (columns <= limit)
            columns += flow_columns(entry->value, limit - columns);
    }
    return columns;
}

static int emit_scalar(writer *w, const char *text, bool quoted)
{
    yaml_scalar_style_t style = quoted ? YAML_SINGLE_QUOTED_SCALAR_STYLE : YAML_ANY_SCALAR_STYLE;
    if (strpbrk(text, "\n\r\t") || strstr(text, "\xc2\x85") || strstr(text, "\xe2\x80\xa8") ||
        strstr(text, "\xe2\x80\xa9"))
        style = YAML_DOUBLE_QUOTED_SCALAR_STYLE; /* line breaks as escapes */
    yaml_event_t event;
    return yaml_scalar_event_initialize(&event, NULL, NULL, (const yaml_char_t *)text, (int)strlen(text), 1,
                                        1, style) &&
           yaml_emitter_emit(&w->emitter, &event);
}

static int emit_doc(writer *w, const nib_doc *doc, size_t indent, size_t key_bytes);

static int emit_entries(writer *w, const nib_doc *doc, size_t indent)
{
    for (int i = 0; i < doc->count; i++) {
        const nib_doc_entry *entry = &doc->entries[i];
        if (entry->key && !emit_scalar(w, entry->key, false))
            return 0;
        if (!emit_doc(w, entry->value, indent + INDENT, entry->key ? strlen(entry->key) + 2 : 0))
            return 0;
    }
    return 1;
}

static int emit_doc(writer *w, const nib_doc *doc, size_t indent, size_t key_bytes)
{
    if (doc->kind == NIB_DOC_SCALAR)
        return emit_scalar(w, doc->text, doc->quoted);
    bool outer = w->flow;
    size_t column = indent + key_bytes, limit = column < FLOW_COLUMNS ? FLOW_COLUMNS - column : 0;
    w->flow = outer || (indent > 0 && flow_columns(doc, limit) <= limit) || doc->count == 0;
    bool map = doc->kind == NIB_DOC_MAP;
    yaml_event_t event;
    int made =
        map ? yaml_mapping_start_event_initialize(
                  &event, NULL, NULL, 1, w->flow ? YAML_FLOW_MAPPING_STYLE : YAML_BLOCK_MAPPING_STYLE)
            : yaml_sequence_start_event_initialize(
                  &event, NULL, NULL, 1, w->flow ? YAML_FLOW_SEQUENCE_STYLE : YAML_BLOCK_SEQUENCE_STYLE);
    if (!made || !yaml_emitter_emit(&w->emitter, &event) || !emit_entries(w, doc, indent))
        return 0;
    w->flow = outer;
    made = map ? yaml_mapping_end_event_initialize(&event) : yaml_sequence_end_event_initialize(&event);
    return made && yaml_emitter_emit(&w->emitter, &event);
}

static int emit_all(writer *w, const nib_doc *doc)
{
    yaml_event_t event;
    return yaml_stream_start_event_initialize(&event, YAML_UTF8_ENCODING) &&
           yaml_emitter_emit(&w->emitter, &event) &&
           yaml_document_start_event_initialize(&event, NULL, NULL, NULL, 1) &&
           yaml_emitter_emit(&w->emitter, &event) && emit_doc(w, doc, 0, 0) &&
           yaml_document_end_event_initialize(&event, 1) && yaml_emitter_emit(&w->emitter, &event) &&
           yaml_stream_end_event_initialize(&event) && yaml_emitter_emit(&w->emitter, &event);
}

nib_status nib_yaml_write(nib_arena *arena, const nib_doc *doc, char **text, nib_error *err)
{
    writer w = {.arena = arena};
    if (!yaml_emitter_initialize(&w.emitter))
        return nib_fail_memory(err, "a YAML text");
    yaml_emitter_set_output(&w.emitter, append, &w);
    yaml_emitter_set_unicode(&w.emitter, 1);
    yaml_emitter_set_indent(&w.emitter, INDENT);
    yaml_emitter_set_width(&w.emitter, -1);
    int done = emit_all(&w, doc);
    bool memory = w.full || w.emitter.error == YAML_MEMORY_ERROR;
    if (!done && !memory)
        (void)nib_fail(err, NIB_ERR_CONFIG, "the tree cannot be written as YAML: %s",
                       w.emitter.problem ? w.emitter.problem : "unknown problem");
    yaml_emitter_delete(&w.emitter);
    *text = done ? nib_arena_strndup(arena, w.text ? w.text : "", w.bytes) : NULL;
    free(w.text);
    if (!done && !memory)
        return NIB_ERR_CONFIG;
    return *text ? NIB_OK : nib_fail_memory(err, "a YAML text");
}

nib_status nib_yaml_read(nib_arena *arena, const char *path, nib_doc **doc, nib_error *err)
{
    char *text;
    size_t bytes;
    NIB_TRY(nib_file_read(arena, path, MAX_BYTES, &text, &bytes, err));
    return nib_yaml_parse(arena, path, text, bytes, doc, err);
}
