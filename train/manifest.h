/** manifest.json: by what, from what and where a run was made. Times, host facts and full paths are here and
 * nowhere else in the run folder's machine-readable files. */
#ifndef NIB_TRAIN_MANIFEST_H
#define NIB_TRAIN_MANIFEST_H

#include "train/config.h"
#include "train/run_folder.h"

typedef struct nib_manifest_facts {
    const char *version; /**< of nibble */
    int argc;            /**< command line */
    const char *const *argv;
    int threads;
    const nib_config *config;
    const nib_data *data;
    const char *parent; /**< run folder or model file this one was made from, or NULL */
} nib_manifest_facts;

/** A manifest with status "running" and the start time. The caller deletes it (cJSON_Delete). NULL when out
 * of memory. */
cJSON *nib_manifest_create(const nib_manifest_facts *facts);

/** Set status ("done", "interrupted", "failed: ..."), end time and add the digest of every .h5 file of the
 * run. */
NIB_MUST_USE nib_status nib_manifest_finish(cJSON *manifest, nib_run_folder *run, const char *status,
                                            nib_error *err);

/** Read the manifest of a run that is resumed and note the new start in its list "resumed". NULL when there
 * is none or it is damaged: make a new one. */
cJSON *nib_manifest_resume(nib_run_folder *run, const nib_manifest_facts *facts);

#endif
