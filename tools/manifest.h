/** manifest.json: what a result was made with and from. Kept out of model files, which hold nothing of time
 * and place. */
#ifndef NIB_TOOLS_MANIFEST_H
#define NIB_TOOLS_MANIFEST_H

#include <cjson/cJSON.h>

#include "core/status.h"
#include "datasets/data.h"
#include "train/config.h"

/** Versions (nibble, compiler, HDF5, OpenBLAS, libyaml, cJSON, zlib), processor, instruction set, BLAS core,
 * threads, seeds, command line, start time, data files with digests and the fingerprint; status "running".
 * The caller deletes it. NULL when out of memory. */
cJSON *nib_manifest_create(int argc, const char *const *argv, const nib_config *config, const nib_data *data,
                           int threads);

/** Set "status" (done, interrupted, failed) and the end time. */
void nib_manifest_finish(cJSON *manifest, nib_status status);

#endif
