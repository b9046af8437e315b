/** The golden samples of an exported model, run again. */
#ifndef NIB_TOOLS_EXPORT_CHECK_H
#define NIB_TOOLS_EXPORT_CHECK_H

#include <stdint.h>

#include "core/h5.h"
#include "core/team.h"

typedef struct nib_export_check {
    int64_t rows, numbers, differing;
    int64_t first_row; /**< of the first difference, or -1 */
} nib_export_check;

/** Run the fixed-point network that is stored in an exported file on the golden inputs there, and compare
 * with the codes there. Nothing but the file is read.
 * @param trace  NULL, or where to write what every node gives (tools/trace_file.h), with how often casts and
 *               accumulators saturate and wrap
 * Errors: NIB_ERR_INPUT: no export, or not whole; those of nib_trace_file_write. */
NIB_MUST_USE nib_status nib_export_check_run(const char *path, nib_team *team, const char *trace,
                                             nib_export_check *check, nib_error *err);
/** The same from an open file. */
NIB_MUST_USE nib_status nib_export_check_from(nib_h5 *file, nib_team *team, const char *trace,
                                              nib_export_check *check, nib_error *err);

#endif
