/** What the group /nibble of an exported model has beside what its owner puts there: private to
 * quant/export_*.c. datasets/FORMAT.md is the specification. */
#ifndef NIB_QUANT_EXPORT_GROUP_H
#define NIB_QUANT_EXPORT_GROUP_H

#include "quant/export.h"

/** Write /nibble/fixnet, /nibble/golden and /nibble/export. @param arena  for scratch */
NIB_MUST_USE nib_status nib_export_group_write(const nib_export *export, nib_export_route route, nib_h5 *file,
                                               nib_arena *arena, nib_error *err);

#endif
