/** YAML in and out (libyaml). Anchors and aliases, flow and block style; one document per text.
 *
 *  Refused with file:line:column: duplicate keys, more than one document, keys that are no scalars, depth
 * over 64, over 100 000 nodes (aliases counted expanded), text over 16 MB, tags other than the core ones, NUL
 * bytes, invalid UTF-8.
 */
#ifndef NIB_CORE_YAML_H
#define NIB_CORE_YAML_H

#include "core/document.h"

/** Parse `text` [bytes]. `file` is the name for messages, copied into the arena. An empty text gives an empty
 * map. */
NIB_MUST_USE nib_status nib_yaml_parse(nib_arena *arena, const char *file, const char *text, size_t bytes,
                                       nib_doc **doc, nib_error *err);

/** Read and parse a file (`-` is not special). A missing or unreadable file is NIB_ERR_INPUT. */
NIB_MUST_USE nib_status nib_yaml_read(nib_arena *arena, const char *path, nib_doc **doc, nib_error *err);

/** Write as block YAML, with short maps and lists in flow style, so that parsing the text gives the same
 * tree.
 *  @param text  NUL-terminated, in the arena */
NIB_MUST_USE nib_status nib_yaml_write(nib_arena *arena, const nib_doc *doc, char **text, nib_error *err);

#endif
