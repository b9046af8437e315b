/** The parts of `nibble data`. */
#ifndef NIB_TOOLS_DATA_COMMAND_H
#define NIB_TOOLS_DATA_COMMAND_H

#include <stdio.h>

#include "core/h5.h"
#include "core/team.h"
#include "tools/command.h"

typedef struct nib_data_command {
    int64_t rows, seed, threads;
    const char *output, *path;
    nib_arg_list set;
    bool force, quiet;
} nib_data_command;

/** `nibble data synth GENERATOR`: run a generator into an HDF5 file. */
NIB_MUST_USE nib_status nib_data_synth(const nib_data_command *options, const char *generator, nib_team *team,
                                       nib_error *err);

/** `nibble data observables IN OUT`: the 16 observables of the constituents in a file. */
NIB_MUST_USE nib_status nib_data_observables(const nib_data_command *options, const char *in, const char *out,
                                             nib_team *team, nib_error *err);

/** Before any work: refuse an output that exists (unless forced), whose folder does not, or that is no .h5.
 */
NIB_MUST_USE nib_status nib_data_check_output(const nib_data_command *options, const char *path,
                                              nib_error *err);

/** Feature names of a dataset as attribute `features` (or `classes`) and as dataset `PATH_names`. */
NIB_MUST_USE nib_status nib_data_write_names(nib_h5 *file, const char *path, const char *attribute, int count,
                                             const char *const *names, nib_error *err);

#endif
