/** Loading, step by step. Private to datasets/.
 *
 *  An origin is a place rows come from: the training source (its rows may be split into all three parts), or
 *  the arrays a validation or test part has of its own. */
#ifndef NIB_DATASETS_LOAD_INTERNAL_H
#define NIB_DATASETS_LOAD_INTERNAL_H

#include "datasets/array_internal.h"

typedef struct nib_origin {
    bool active;
    nib_source *source;
    nib_array *input, *target; /**< [n_inputs], [n_targets] */
    nib_array weight;          /**< path NULL: none */
    nib_row_map map;           /**< the part of each row */
    int32_t **label;           /**< [n_targets] labels of all rows; NULL for REAL targets */
} nib_origin;

typedef struct nib_load {
    const nib_data_config *config;
    const nib_preprocess_state *known; /**< [n_inputs] or NULL */
    nib_team *team;
    const nib_log *log;
    bool all;           /**< else only the test part is wanted */
    nib_arena *scratch; /**< lives as long as the load */
    nib_data *data;
    nib_dataset *part[NIB_PART_COUNT];
    nib_origin origin[NIB_PART_COUNT];
    int n_sources;
    nib_source *sources[NIB_PART_COUNT];
    const nib_source_config *source_configs[NIB_PART_COUNT];
    nib_data_file *files;                                 /**< [2 * NIB_PART_COUNT], n in data->n_files */
    const char *const *input_names, *const *target_names; /**< copies that live as long as the data */
    struct {
        int64_t count;
        const char *const *names;
    } * classes; /**< [n_targets] */
} nib_load;

/** Files of a config with their digests, each once (fingerprint.c). */
typedef struct nib_file_list {
    int count;
    nib_data_file file[2 * NIB_PART_COUNT];
} nib_file_list;

/** Whether the training source must be opened though only the test part is wanted. */
bool nib_load_needs_training(const nib_data_config *config, bool all);
/** Digests of the files that loading reads. Errors: NIB_ERR_INPUT: missing, other contents than the config
 * says. */
NIB_MUST_USE nib_status nib_files_digest(nib_arena *arena, const nib_data_config *config, bool all,
                                         nib_file_list *list, nib_error *err);
/** Of the canonical section and the contents of the files. NIB_ERR_MEMORY. */
NIB_MUST_USE nib_status nib_fingerprint(const nib_data_config *config, const nib_file_list *list,
                                        uint64_t *fingerprint, nib_error *err);

/** Open sources and arrays (load_open.c). */
NIB_MUST_USE nib_status nib_load_open(nib_load *load, nib_error *err);
/** Labels, classes, and which row goes where (load_split.c). */
NIB_MUST_USE nib_status nib_load_split(nib_load *load, nib_error *err);
/** Inputs: fit and transform (load_inputs.c). */
NIB_MUST_USE nib_status nib_load_inputs(nib_load *load, nib_error *err);
/** Targets and weights (load_targets.c). */
NIB_MUST_USE nib_status nib_load_targets(nib_load *load, nib_error *err);

#endif
