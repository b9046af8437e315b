/** All that `nibble list` and `nibble describe` know: one view of every module's list of descriptors. */
#ifndef NIB_TOOLS_CATALOG_H
#define NIB_TOOLS_CATALOG_H

#include <stdbool.h>

#include "core/options.h"

typedef struct nib_catalog_entry {
    const char *name;
    char help[160];
    const char *source;              /**< NULL: the kind has none */
    const nib_option_table *options; /**< NULL: none */
} nib_catalog_entry;

typedef struct nib_catalog_kind {
    const char *name;   /**< "layers" */
    const char *single; /**< "layer" */
    const char *help;
    bool has_source;
    /** Fill `entry` with number `index`; false: there are no more. */
    bool (*entry)(int index, nib_catalog_entry *entry);
} nib_catalog_kind;

extern const nib_catalog_kind nib_catalog_kinds[];
extern const int nib_catalog_kinds_count;

#endif
