/** A fixnet in an HDF5 file: the group /nibble/fixnet, as datasets/FORMAT.md has it. */
#ifndef NIB_QUANT_FIXNET_FILE_H
#define NIB_QUANT_FIXNET_FILE_H

#include "core/h5.h"
#include "quant/fixnet.h"

enum { NIB_FIXNET_VERSION = 1 };

/** Write the group /nibble/fixnet, which must not be there yet. @param net  checked */
NIB_MUST_USE nib_status nib_fixnet_write(nib_h5 *file, const nib_fixnet *net, nib_error *err);

/** Is there a fixnet in the file? */
bool nib_fixnet_stored(nib_h5 *file);

/** Read and check it; everything is in the arena. Errors: NIB_ERR_INPUT or NIB_ERR_CONFIG naming file and
 * dataset: missing, of another shape or type, a newer version, or not a fixnet that nib_fixnet_check passes.
 */
NIB_MUST_USE nib_status nib_fixnet_read(nib_h5 *file, nib_arena *arena, const nib_fixnet **net,
                                        nib_error *err);

#endif
