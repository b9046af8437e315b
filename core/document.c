#include "core/document.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "core/names.h"

enum { MAX_PATH_ELEMENTS = 64, MAX_ELEMENT_BYTES = 256 };

static nib_doc *new_node(nib_arena *arena, nib_doc_kind kind)
{
    nib_doc *doc = nib_arena_alloc(arena, 1, sizeof *doc);
    if (doc)
        doc->kind = kind;
    return doc;
}

nib_doc *nib_doc_new_scalar(nib_arena *arena, const char *text)
{
    nib_doc *doc = new_node(arena, NIB_DOC_SCALAR);
    if (doc && !(doc->text = nib_arena_strdup(arena, text)))
        return NULL;
    return doc;
}

nib_doc *nib_doc_new_map(nib_arena *arena)
{
    return new_node(arena, NIB_DOC_MAP);
}

nib_doc *nib_doc_new_list(nib_arena *arena)
{
    return new_node(arena, NIB_DOC_LIST);
}

nib_doc *nib_doc_add(nib_arena *arena, nib_doc *parent, const char *key, nib_doc *value)
{
    if (!parent || !value)
        return NULL;
    assert(parent->kind != NIB_DOC_SCALAR && (parent->kind == NIB_DOC_MAP) == (key != NULL));
    if (parent->count == parent->capacity) {
        int capacity = parent->capacity ? 2 * parent->capacity : 8;
        nib_doc_entry *entries = nib_arena_alloc(arena, (size_t)capacity, sizeof *entries);
        if (!entries)
            return NULL;
        if (parent->count)
            memcpy(entries, parent->entries, (size_t)parent->count * sizeof *entries);
        parent->entries = entries;
        parent->capacity = capacity;
    }
    const char *own = key ? nib_arena_strdup(arena, key) : NULL;
    if (key && !own)
        return NULL;
    parent->entries[parent->count++] = (nib_doc_entry){own, value->place, value};
    return value;
}

nib_doc *nib_doc_add_text(nib_arena *arena, nib_doc *parent, const char *key, const char *format, ...)
{
    char small[256];
    va_list args, again;
    va_start(args, format);
    va_copy(again, args);
    int n = vsnprintf(small, sizeof small, format, args);
    va_end(args);
    nib_doc *doc = n < 0 ? NULL : new_node(arena, NIB_DOC_SCALAR);
    char *text = doc ? nib_arena_alloc(arena, (size_t)n + 1, 1) : NULL;
    if (text) {
        (void)vsnprintf(text, (size_t)n + 1, format, again);
        doc->text = text;
    }
    va_end(again);
    return text ? nib_doc_add(arena, parent, key, doc) : NULL;
}

nib_doc_entry *nib_doc_entry_of(const nib_doc *map, const char *key)
{
    if (!map || map->kind != NIB_DOC_MAP)
        return NULL;
    for (int i = 0; i < map->count; i++)
        if (strcmp(map->entries[i].key, key) == 0)
            return &map->entries[i];
    return NULL;
}

nib_doc *nib_doc_get(const nib_doc *map, const char *key)
{
    const nib_doc_entry *entry = nib_doc_entry_of(map, key);
    return entry ? entry->value : NULL;
}

void nib_doc_remove(nib_doc *map, const char *key)
{
    nib_doc_entry *entry = nib_doc_entry_of(map, key);
    if (!entry)
        return;
    nib_doc_entry *end = map->entries + map->count;
    memmove(entry, entry + 1, (size_t)(end - entry - 1) * sizeof *entry);
    map->count--;
}

nib_doc *nib_doc_copy(nib_arena *arena, const nib_doc *doc)
{
    nib_doc *copy = new_node(arena, doc->kind);
    if (!copy)
        return NULL;
    *copy = *doc; /* texts, keys and file names never change: they are shared */
    copy->capacity = doc->count;
    copy->entries = NULL;
    if (doc->count == 0)
        return copy;
    copy->entries = nib_arena_alloc(arena, (size_t)doc->count, sizeof *copy->entries);
    if (!copy->entries)
        return NULL;
    for (int i = 0; i < doc->count; i++) {
        copy->entries[i] = doc->entries[i];
        if (!(copy->entries[i].value = nib_doc_copy(arena, doc->entries[i].value)))
            return NULL;
    }
    return copy;
}

bool nib_doc_is_null(const nib_doc *doc)
{
    if (!doc)
        return true;
    return doc->kind == NIB_DOC_SCALAR && !doc->quoted &&
           (doc->text[0] == '\0' || strcmp(doc->text, "~") == 0 || strcasecmp(doc->text, "null") == 0);
}

nib_status nib_doc_fail(const nib_doc_place *place, nib_error *err, nib_status code, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    nib_status status = nib_fail_v(err, code, format, args);
    va_end(args);
    if (!err)
        return status;
    if (place && place->file && place->line > 0)
        nib_error_prefix(err, "%s:%d:%d", place->file, place->line, place->column);
    else if (place && place->file)
        nib_error_prefix(err, "%s", place->file);
    return status;
}

/* The entry whose value a list of layers `[{dense: {name: fc1}}]` holds under the name, or NULL. */
static nib_doc_entry *layer_of(const nib_doc *list, const char *name)
{
    for (int i = 0; i < list->count; i++) {
        const nib_doc *item = list->entries[i].value;
        if (item->kind != NIB_DOC_MAP || item->count != 1)
            continue;
        const nib_doc *own = nib_doc_get(item->entries[0].value, "name");
        if (own && own->kind == NIB_DOC_SCALAR && strcmp(own->text, name) == 0)
            return &item->entries[0];
    }
    return NULL;
}

/* Names a list can be stepped into by; `names` has room for list->count. */
static int layer_names(const nib_doc *list, const char **names)
{
    int n = 0;
    for (int i = 0; i < list->count; i++) {
        const nib_doc *item = list->entries[i].value;
        const nib_doc *own = item->kind == NIB_DOC_MAP && item->count == 1
                                 ? nib_doc_get(item->entries[0].value, "name")
                                 : NULL;
        if (own && own->kind == NIB_DOC_SCALAR)
            names[n++] = own->text;
    }
    return n;
}

static nib_status step_into_list(nib_arena *arena, nib_doc *list, const char *element, const char *where,
                                 const nib_doc_place *place, nib_doc_entry **entry, nib_error *err)
{
    if ((*entry = layer_of(list, element)))
        return NIB_OK;
    if (element[strspn(element, "0123456789")] == '\0') {
        long index = strlen(element) < 8 ? strtol(element, NULL, 10) : -1;
        if (index < 0 || index >= list->count)
            return nib_doc_fail(place, err, NIB_ERR_CONFIG,
                                "%s has no element %s (it has %d, counted from 0)", where, element,
                                list->count);
        *entry = &list->entries[index];
        return NIB_OK;
    }
    const char **names = nib_arena_alloc(arena, (size_t)list->count + 1, sizeof *names);
    if (!names)
        return nib_fail_memory(err, "a path");
    int n = layer_names(list, names);
    const char *nearest = nib_names_nearest(element, names, (size_t)n);
    if (nearest)
        return nib_doc_fail(place, err, NIB_ERR_CONFIG, "%s has no '%s' (did you mean '%s'?)", where, element,
                            nearest);
    if (n > 0)
        return nib_doc_fail(place, err, NIB_ERR_CONFIG, "%s has no '%s' (it has %s ... %s)", where, element,
                            names[0], names[n - 1]);
    return nib_doc_fail(place, err, NIB_ERR_CONFIG, "%s is a list: '%s' is no index", where, element);
}

/* A scalar on the way becomes a map: an absent value an empty one, the name of a descriptor its choice. */
static nib_status open_scalar(nib_arena *arena, nib_doc *node, const char *element, const char *where,
                              const nib_doc_place *place, nib_error *err)
{
    bool absent = nib_doc_is_null(node);
    if (!absent && strcmp(node->text, element) != 0)
        return nib_doc_fail(place, err, NIB_ERR_CONFIG, "%s is '%.80s': it has no '%s'", where, node->text,
                            element);
    node->kind = NIB_DOC_MAP;
    node->text = NULL;
    if (!absent && !nib_doc_add(arena, node, element, nib_doc_new_map(arena)))
        return nib_fail_memory(err, "a path");
    return NIB_OK;
}

/* The entry of `node` that `element` names, made when missing. `where` is the path of `node`. */
static nib_status step_into(nib_arena *arena, nib_doc *node, const char *element, const char *where,
                            const nib_doc_place *place, nib_doc_entry **entry, nib_error *err)
{
    if (node->kind == NIB_DOC_LIST)
        return step_into_list(arena, node, element, where, place, entry, err);
    if (node->kind == NIB_DOC_SCALAR)
        NIB_TRY(open_scalar(arena, node, element, where, place, err));
    if ((*entry = nib_doc_entry_of(node, element)))
        return NIB_OK;
    nib_doc *made = nib_doc_new_map(arena);
    if (made)
        made->place = *place;
    if (!nib_doc_add(arena, node, element, made))
        return nib_fail_memory(err, "a path");
    *entry = &node->entries[node->count - 1];
    return NIB_OK;
}

nib_status nib_doc_set_path(nib_arena *arena, nib_doc *root, const char *path, nib_doc *value, nib_error *err)
{
    const nib_doc_place *place = &value->place;
    nib_doc *node = root;
    const char *at = path;
    for (int depth = 0;; depth++) {
        size_t bytes = strcspn(at, ".");
        char element[MAX_ELEMENT_BYTES], where[2 * MAX_ELEMENT_BYTES];
        if (bytes == 0 || bytes >= sizeof element)
            return nib_doc_fail(place, err, NIB_ERR_CONFIG, "'%.80s' is no path of keys: it has %s element",
                                path, bytes ? "too long an" : "an empty");
        if (depth == MAX_PATH_ELEMENTS)
            return nib_doc_fail(place, err, NIB_ERR_CONFIG, "the path has more than %d elements",
                                MAX_PATH_ELEMENTS);
        (void)snprintf(element, sizeof element, "%.*s", (int)bytes, at);
        (void)snprintf(where, sizeof where, "%.*s", at == path ? 10 : (int)(at - path) - 1,
                       at == path ? "the config" : path);
        nib_doc_entry *entry = NULL;
        NIB_TRY(step_into(arena, node, element, where, place, &entry, err));
        if (at[bytes] == '\0') {
            entry->value = value;
            entry->place = *place;
            return NIB_OK;
        }
        node = entry->value;
        at += bytes + 1;
    }
}
