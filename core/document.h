/** A parsed document: scalars, maps and lists with the place each was written at.
 *
 *  The tree is untyped: scalars stay text (`no` is the text "no"); the option tables (core/options.h) decide
 * what a scalar means. Read from YAML by core/yaml.h, changed by path (`--set`), written back as the resolved
 * config. All nodes live in the arena they were made from.
 */
#ifndef NIB_CORE_DOCUMENT_H
#define NIB_CORE_DOCUMENT_H

#include <stdbool.h>

#include "core/arena.h"
#include "core/status.h"

typedef enum nib_doc_kind { NIB_DOC_SCALAR, NIB_DOC_MAP, NIB_DOC_LIST } nib_doc_kind;

/** Where something was written. `file` is what the user calls it: a file name, or "--set". line and column
 * count from 1; line 0 means that only `file` is known. */
typedef struct nib_doc_place {
    const char *file;
    int line, column;
} nib_doc_place;

typedef struct nib_doc nib_doc;

/** One child. In a list `key` is NULL. */
typedef struct nib_doc_entry {
    const char *key;
    nib_doc_place place; /**< of the key (map) or of the value (list) */
    nib_doc *value;
} nib_doc_entry;

struct nib_doc {
    nib_doc_kind kind;
    nib_doc_place place;
    const char *text; /**< scalars: the text, never NULL */
    bool quoted;      /**< scalars: written in quotes (so it is a string, whatever it looks like) */
    int count;        /**< maps and lists */
    int capacity;
    nib_doc_entry *entries;
};

nib_doc *nib_doc_new_scalar(nib_arena *arena, const char *text);
nib_doc *nib_doc_new_map(nib_arena *arena);
nib_doc *nib_doc_new_list(nib_arena *arena);

/** Append a child (`key` NULL for lists); nodes may be shared between trees as long as nobody edits them.
 *  Returns `value`, or NULL when out of memory (also when `value` is NULL, so that calls nest). */
nib_doc *nib_doc_add(nib_arena *arena, nib_doc *parent, const char *key, nib_doc *value);

/** Append a scalar made by printf. */
nib_doc *nib_doc_add_text(nib_arena *arena, nib_doc *parent, const char *key, const char *format, ...)
    NIB_PRINTF(4, 5);

/** The value at `key` of a map, or NULL (also when `map` is NULL or not a map). */
nib_doc *nib_doc_get(const nib_doc *map, const char *key);

/** The entry at `key` of a map, or NULL. */
nib_doc_entry *nib_doc_entry_of(const nib_doc *map, const char *key);

/** True for an absent value: NULL, or an unquoted scalar that is empty, `~` or `null`. */
bool nib_doc_is_null(const nib_doc *doc);

/** Remove `key` from a map if it is there. */
void nib_doc_remove(nib_doc *map, const char *key);

/** A deep copy. */
nib_doc *nib_doc_copy(nib_arena *arena, const nib_doc *doc);

/** Set the node at `path` ("train.optimizer.adam.lr") to `value`, making missing maps on the way. A path
 * element steps into a map by key; into a list of layers `[{dense: {name: fc1, ...}}, ...]` by the value of
 * `name` inside; into any other list by 0-based index. A scalar on the way that names a descriptor ("adam")
 * becomes `{adam: {}}` when the next element is the same name. Fails with a message (NIB_ERR_CONFIG) that
 * names the element that did not fit and the nearest name there. */
NIB_MUST_USE nib_status nib_doc_set_path(nib_arena *arena, nib_doc *root, const char *path, nib_doc *value,
                                         nib_error *err);

/** "file:line:column: " + message, as nib_fail. */
nib_status nib_doc_fail(const nib_doc_place *place, nib_error *err, nib_status code, const char *format, ...)
    NIB_PRINTF(4, 5);

#endif
