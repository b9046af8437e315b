/** Files that nibble did not just write are opened first in a process of their own. libhdf5 1.10 itself
 * crashes on some damaged files, or never comes back; the checks of core/h5 cannot see that from outside. The
 * child (this very program, started with posix_spawn) opens the file and reads a part of everything in it,
 * within limits of time, processor and memory. When it does not end well, the file is refused with one line.
 * What the child merely could not use, it leaves to the caller, who will say so in its own words.
 */
#ifndef NIB_TOOLS_PROBE_H
#define NIB_TOOLS_PROBE_H

#include "core/status.h"
#include "datasets/data.h"

/** The first argument of the child's command line; no command of the list, and not in --help. */
#define NIB_PROBE_COMMAND "probe-hdf5"

/** Exit statuses of the child besides 0. */
enum { NIB_PROBE_MEMORY = 3 };

/** The child's work: see probe_child.c. @return its exit status */
int nib_probe_child(const char *path);

/** Check files from now on. Only the program itself says so: a test that calls commands within its own
 * process is no program that could be started as the child. Before this call, the functions below succeed
 * without a look. */
void nib_probe_enable(void);

/** Seconds that a file of so many bytes may take. */
int nib_probe_seconds(int64_t bytes);

/** NIB_ERR_INPUT: the library crashes, does not end, or asks for absurd memory. NIB_ERR_INTERRUPTED: the
 * child was told to stop. NIB_ERR_SYSTEM: it could not be started. Missing and irregular files are the
 * caller's to refuse. */
NIB_MUST_USE nib_status nib_probe_file(const char *path, nib_error *err);
/** The file that RUN or MODEL stands for. */
NIB_MUST_USE nib_status nib_probe_model(const char *path, nib_error *err);
/** The files that nib_data_load will open. */
NIB_MUST_USE nib_status nib_probe_data(const nib_data_config *config, nib_data_parts parts, nib_error *err);

#endif
