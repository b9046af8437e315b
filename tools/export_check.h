/** The golden samples of an exported model, run again. */
#ifndef NIB_TOOLS_EXPORT_CHECK_H
#define NIB_TOOLS_EXPORT_CHECK_H

#include <stdint.h>

#include "core/status.h"
#include "core/team.h"

typedef struct nib_export_check {
    int64_t rows, numbers, differing;
    int64_t first_row; /**< of the first difference, or -1 */
} nib_export_check;

/** Run the fixed-point network that is stored in an exported file on the golden inputs there, and compare
 * with the codes there. Nothing but the file is read. Errors: NIB_ERR_INPUT: no export, or not whole. */
NIB_MUST_USE nib_status nib_export_check_run(const char *path, nib_team *team, nib_export_check *check,
                                             nib_error *err);

#endif
