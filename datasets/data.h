/** From the `data:` section of a config to datasets in memory: open the sources, split, fit the preprocessing
 * on the training rows, transform in double, round once to float.
 *
 *      data:
 *        source: {file: jets.h5}              # or {generator: jets, n: 100000}; ${NAME} is taken from the
 * environment inputs: {x: {path: train/hlf16, preprocess: standardize}}     # short: {x: train/hlf16}
 *        targets: {y: {path: train/label}}                             # short: {y: train/label}
 *        weight: train/weight                 # optional sample weights
 *        validation: {fraction: 0.25, stratify: true}   # or {last: 0.25} | {rows: idx.npy|idx.txt} | a part
 * of a file test: {inputs: {x: test/hlf16}, targets: {y: test/label}}     # or {fraction: 0.2} (drawn first)
 * | {rows: ...} seed: 1                              # of generator and splits
 */
#ifndef NIB_DATASETS_DATA_H
#define NIB_DATASETS_DATA_H

#include "core/document.h"
#include "core/log.h"
#include "core/team.h"
#include "datasets/dataset.h"
#include "datasets/preprocess.h"

typedef struct nib_data_config nib_data_config;

/** What is needed of the data: preparing for evaluation needs no training rows when the preprocessing is
 * known. */
typedef enum nib_data_parts { NIB_DATA_ALL, NIB_DATA_TEST_ONLY } nib_data_parts;

/** Read and check a `data:` map (shorthands already expanded or not: `x:`/`y:` are expanded here).
 *  @param folder    relative file names are relative to it
 *  @param config    lives in the arena
 *  @param resolved  the canonical map with all defaults, in the arena
 *  Errors: NIB_ERR_CONFIG with place. No file is opened. */
NIB_MUST_USE nib_status nib_data_config_read(nib_arena *arena, const nib_doc *map, const char *folder,
                                             nib_data_config **config, nib_doc **resolved, nib_error *err);

/** Names of the targets, in order, and what each must be read as (train decides by the loss: siblings pass
 * numbers). */
int nib_data_config_targets(const nib_data_config *config, const char *const **names);
void nib_data_config_set_target_kind(nib_data_config *config, int target, nib_target_kind kind);
/** The classes of a trained model: they are not counted again. `names` must outlive the config. */
void nib_data_config_set_classes(nib_data_config *config, int target, int count, const char *const *names);
int nib_data_config_inputs(const nib_data_config *config, const char *const **names);

/** The files that nib_data_load will open with a reader (row numbers in texts and .npy are not among them),
 * each once.
 *  @param paths  [NIB_DATA_MAX_FILES], in the arena or in the config */
enum { NIB_DATA_MAX_FILES = 3 };
NIB_MUST_USE nib_status nib_data_config_files(nib_arena *arena, const nib_data_config *config,
                                              nib_data_parts parts, int *count, const char **paths,
                                              nib_error *err);

/** The option tables of the section, for `nibble describe data` and the reference page. */
typedef struct nib_data_section {
    const char *path, *help;
    const nib_option_table *table;
} nib_data_section;
extern const nib_data_section nib_data_sections[];
extern const int nib_data_sections_count;

typedef struct nib_data_file {
    const char *path; /**< as opened */
    const char *name; /**< base name */
    uint32_t crc;     /**< CRC-32 of the contents */
    int64_t bytes;
} nib_data_file;

typedef struct nib_data {
    nib_arena *arena; /**< owns all of it */
    nib_dataset train, validation, test;
    int n_inputs;
    const nib_preprocess_state *preprocess; /**< [n_inputs] as fitted (or as given) */
    int n_files;
    const nib_data_file *files;
    uint64_t fingerprint; /**< of the resolved data section and the contents of its files */
    void *mapping;        /**< of a prepared file, or NULL */
    size_t mapping_bytes;
} nib_data;

/** Load. @param known  preprocessing of a trained model, by input (NULL: fit on the training rows)
 *  @param team  NULL: one thread
 *  Errors: NIB_ERR_INPUT naming file, dataset and row; NIB_ERR_CONFIG for a dataset path that is not there
 * (with the nearest one). */
NIB_MUST_USE nib_status nib_data_load(const nib_data_config *config, const nib_preprocess_state *known,
                                      nib_data_parts parts, nib_team *team, const nib_log *log,
                                      nib_data **data, nib_error *err);
/** NULL-safe. */
void nib_data_destroy(nib_data *data);

/** The file name a scalar of a config stands for: ${NAME} from the environment, made absolute: relative names
 * are relative to `folder`, from `--set` (the place's file begins so) to the current folder. */
NIB_MUST_USE nib_status nib_data_file_name(nib_arena *arena, const nib_doc *value, const char *folder,
                                           const char *key, const char **path, nib_error *err);

#endif
