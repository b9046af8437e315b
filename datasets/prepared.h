/** Prepared data: what nib_data_load makes, in one file that many processes map read-only (trials of a
 * sweep).
 *
 *  A file has a header (names, widths, preprocessing, files) and, each at a multiple of 64 bytes, the
 * row-major arrays of nib_dataset. It is a cache of this machine: native byte order, written and read by the
 * same version.
 */
#ifndef NIB_DATASETS_PREPARED_H
#define NIB_DATASETS_PREPARED_H

#include "datasets/data.h"

/** Write atomically. Errors: NIB_ERR_IO, NIB_ERR_MEMORY (the image is built in memory). */
NIB_MUST_USE nib_status nib_prepared_write(const char *path, const nib_data *data, nib_error *err);

/** Map; nib_data_destroy unmaps. Errors: NIB_ERR_INPUT: missing, damaged, of another version. */
NIB_MUST_USE nib_status nib_prepared_map(const char *path, nib_data **data, nib_error *err);

/** nib_data_load of all parts by way of `folder`: maps the file named by the hash of the resolved section,
 * how targets are read, and the contents of the data files; makes it first when it is not there or damaged.
 */
NIB_MUST_USE nib_status nib_prepared_load(const nib_data_config *config, const char *folder, nib_team *team,
                                          const nib_log *log, nib_data **data, nib_error *err);

#endif
