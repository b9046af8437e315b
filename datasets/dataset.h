/** A dataset in memory: preprocessed inputs and targets, one dense row-major array each, 64-byte aligned,
 * ready to be gathered by row number. Denormals are stored as 0. The same struct describes a mapped prepared
 * file. */
#ifndef NIB_DATASETS_DATASET_H
#define NIB_DATASETS_DATASET_H

#include <stdint.h>

typedef struct nib_data_input {
    const char *name;
    int64_t width;               /**< features per row (per element for sets) */
    const char *const *features; /**< [width] or NULL */
    const float *x;              /**< [rows, width]; sets: [elements, width] */
    const int64_t *offsets;      /**< sets: [rows + 1]; else NULL */
} nib_data_input;

typedef enum nib_target_kind {
    NIB_TARGET_CLASS, /**< class index per row, for categorical losses */
    NIB_TARGET_REAL,  /**< width numbers per row: regression, binary (0/1) outputs */
} nib_target_kind;

typedef struct nib_data_target {
    const char *name;
    nib_target_kind kind;
    int64_t width; /**< CLASS: number of classes; REAL: numbers per row */
    const char *const
        *classes; /**< CLASS: [width] names, never NULL ("0", "1", ... if the source has none); REAL: NULL */
    const int32_t *label; /**< CLASS: [rows] */
    const float *value;   /**< REAL: [rows, width] */
} nib_data_target;

typedef struct nib_dataset {
    int64_t rows; /**< 0: there is none */
    int n_inputs, n_targets;
    const nib_data_input *input;
    const nib_data_target *target;
    const float *weight; /**< [rows] sample weights or NULL */
} nib_dataset;

#endif
