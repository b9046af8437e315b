/** The `data:` section as it was read: private to datasets/. Three parts (training, validation, test); the
 * training part always has a source and arrays of its own, the others may be drawn from it. */
#ifndef NIB_DATASETS_DATA_CONFIG_INTERNAL_H
#define NIB_DATASETS_DATA_CONFIG_INTERNAL_H

#include "datasets/data.h"
#include "datasets/generator.h"
#include "datasets/split.h"

/** Option structs, one per table in data_options.c. */
typedef struct nib_file_source_options {
    const char *file, *digest;
} nib_file_source_options;

typedef struct nib_generator_source_options {
    const nib_doc *generator;
    int64_t n;
} nib_generator_source_options;

typedef struct nib_input_options {
    const char *path;
    nib_strings columns;
    const nib_doc *preprocess, *features;
} nib_input_options;

typedef struct nib_target_options {
    const char *path;
    nib_strings columns;
    const nib_doc *classes;
} nib_target_options;

typedef struct nib_part_array_options {
    const char *path;
    nib_strings columns;
} nib_part_array_options;

typedef struct nib_fraction_options {
    double fraction;
    bool stratify;
} nib_fraction_options;

typedef struct nib_last_options {
    double last;
} nib_last_options;

typedef struct nib_rows_options {
    const char *rows, *digest;
} nib_rows_options;

typedef struct nib_part_options {
    const nib_doc *source, *inputs, *targets;
    const char *weight;
} nib_part_options;

typedef struct nib_data_options {
    const nib_doc *source, *inputs, *targets;
    const char *weight;
    const nib_doc *validation, *test;
    int64_t seed;
} nib_data_options;

extern const nib_option_table nib_table_data, nib_table_file_source, nib_table_generator_source,
    nib_table_input, nib_table_target, nib_table_part_array, nib_table_fraction, nib_table_last,
    nib_table_rows, nib_table_part;

/** Where rows come from. */
typedef struct nib_source_config {
    const char *file;   /**< absolute; NULL: a generator */
    const char *digest; /**< that the contents must have, or NULL */
    const nib_generator *generator;
    const void *options;
    int64_t n;
    nib_doc_place place;
} nib_source_config;

/** Names of columns or classes: written out, or stored at a path of the source, or neither. */
typedef struct nib_names_config {
    nib_strings list;
    const char *path;
    nib_doc_place place;
} nib_names_config;

/** One array of a part. */
typedef struct nib_array_config {
    const char *key; /**< "data.inputs.x", for messages */
    const char *path;
    nib_doc_place place, columns_place;
    nib_strings columns; /**< empty: all */
} nib_array_config;

typedef enum nib_part_form {
    NIB_FORM_NONE,
    NIB_FORM_FRACTION,
    NIB_FORM_LAST,
    NIB_FORM_ROWS,
    NIB_FORM_OWN, /**< arrays of its own */
} nib_part_form;

typedef struct nib_part_config {
    nib_part_form form;
    nib_doc_place place;
    nib_fraction_options fraction;
    double last;
    nib_rows_options rows; /**< rows.rows is absolute */
    bool own_source;
    nib_source_config source; /**< OWN: of the part, or a copy of the training source */
    nib_array_config *input;  /**< OWN: [n_inputs] */
    nib_array_config *target; /**< OWN: [n_targets]; NULL: rows to predict only */
    nib_array_config weight;  /**< OWN: path NULL: none */
} nib_part_config;

typedef struct nib_input_config {
    const char *name;
    nib_names_config features;
    const nib_preprocessor *preprocessor;
    const void *preprocessor_options;
} nib_input_config;

typedef struct nib_target_config {
    const char *name;
    nib_target_kind kind;
    nib_names_config classes;
    int n_known; /**< classes of a trained model, 0: not known */
    const char *const *known;
} nib_target_config;

struct nib_data_config {
    int64_t seed;
    int n_inputs, n_targets;
    nib_input_config *input;
    nib_target_config *target;
    const char *const *input_names, *const *target_names;
    nib_part_config part[NIB_PART_COUNT];
};

/** `validation:` or `test:` (NULL: absent). The training part, inputs and targets must be read already. */
NIB_MUST_USE nib_status nib_part_config_read(nib_arena *arena, nib_data_config *config, nib_part part,
                                             const nib_doc *value, const char *folder, nib_error *err);
NIB_MUST_USE nib_status nib_source_config_read(nib_arena *arena, const nib_doc *value, const char *key,
                                               const char *folder, nib_source_config *source, nib_error *err);
/** `{x: path}` or `{x: {path: ..., columns: ...}}`, one per name, in the order of names. */
NIB_MUST_USE nib_status nib_part_arrays_read(nib_arena *arena, const nib_doc *map, const char *key, int count,
                                             const char *const *names, const nib_array_config *like,
                                             nib_array_config *array, nib_error *err);

/** A scalar as `{key: scalar}`; maps as they are. NULL when out of memory. */
const nib_doc *nib_doc_as_map(nib_arena *arena, const nib_doc *value, const char *key);
/** `map` without the shorthands x and y: `{inputs: {x: ...}, targets: {y: ...}}`. */
NIB_MUST_USE nib_status nib_data_expand_xy(nib_arena *arena, const nib_doc *map, const char *key,
                                           const nib_doc **expanded, nib_error *err);

/** The canonical map. @param files  NULL: full file names; else base names, with the digests of these files
 */
nib_doc *nib_data_config_write(nib_arena *arena, const nib_data_config *config, int n_files,
                               const nib_data_file *files);

#endif
