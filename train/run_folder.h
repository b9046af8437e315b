/** Run folders: numbered, never overwritten.
 *
 *      config.yaml  metrics.csv  summary.json  manifest.json  best.h5  last.h5  epoch-<n>.h5  train.log
 */
#ifndef NIB_TRAIN_RUN_FOLDER_H
#define NIB_TRAIN_RUN_FOLDER_H

#include <cjson/cJSON.h>
#include <stdint.h>
#include <stdio.h>

#include "core/arena.h"
#include "core/status.h"

typedef struct nib_run_folder nib_run_folder;

/** Make `<runs>/<name>-001` (the first free number; mkdir is the claim), or exactly `exact` if not NULL,
 * which must not exist or be empty. */
NIB_MUST_USE nib_status nib_run_folder_create(const char *runs, const char *name, const char *exact,
                                              nib_run_folder **run, nib_error *err);
/** Open an existing run to resume it; removes temporary files of killed writers. NIB_ERR_INPUT: no run
 * folder, or one without config.yaml or last.h5. */
NIB_MUST_USE nib_status nib_run_folder_open(const char *path, nib_run_folder **run, nib_error *err);
void nib_run_folder_close(nib_run_folder *run);

const char *nib_run_folder_path(const nib_run_folder *run);
const char *nib_run_folder_best(const nib_run_folder *run);   /**< "<path>/best.h5" */
const char *nib_run_folder_last(const nib_run_folder *run);   /**< "<path>/last.h5" */
const char *nib_run_folder_config(const nib_run_folder *run); /**< "<path>/config.yaml" */
/** "<path>/epoch-<n>.h5" in the arena, n with leading zeros to three digits. */
const char *nib_run_folder_epoch(const nib_run_folder *run, nib_arena *arena, int64_t epoch);

/** Write a text file of the folder atomically ("config.yaml", "summary.json"). */
NIB_MUST_USE nib_status nib_run_folder_write(nib_run_folder *run, const char *name, const char *text,
                                             nib_error *err);
NIB_MUST_USE nib_status nib_run_folder_write_json(nib_run_folder *run, const char *name, const cJSON *json,
                                                  nib_error *err);

/** Add a line to metrics.csv; the header is written first when the file is new or empty. */
NIB_MUST_USE nib_status nib_run_folder_append_metrics(nib_run_folder *run, const char *header,
                                                      const char *line, nib_error *err);
/** fsync metrics.csv if lines were added. Called before a checkpoint, so that a checkpoint never outlives the
 * lines before it. */
NIB_MUST_USE nib_status nib_run_folder_sync(nib_run_folder *run, nib_error *err);
/** Keep the header and the first `epochs` lines (resume). A missing file is fine. */
NIB_MUST_USE nib_status nib_run_folder_truncate_metrics(nib_run_folder *run, int64_t epochs, nib_error *err);

/** train.log, opened for appending, line-buffered; owned by the run. NULL when it cannot be opened. */
FILE *nib_run_folder_log(nib_run_folder *run);

/** RUN or MODEL, as every command takes them: a run folder's best.h5, or the file itself. In the arena. */
NIB_MUST_USE nib_status nib_run_folder_resolve(nib_arena *arena, const char *path, const char **file,
                                               nib_error *err);

#endif
