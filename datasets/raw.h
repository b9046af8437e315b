/** Raw tables: named arrays as a file holds them, before any preprocessing. Generators make them, readers of
 * small files may, `nibble data synth` writes them to HDF5. */
#ifndef NIB_DATASETS_RAW_H
#define NIB_DATASETS_RAW_H

#include <stdint.h>

#include "core/arena.h"

typedef enum nib_raw_type { NIB_RAW_F32, NIB_RAW_I32 } nib_raw_type;

typedef struct nib_raw_array {
    const char *path; /**< "hlf16", "x", "label" */
    nib_raw_type type;
    int rank; /**< 1 to 3; dim[0] = rows */
    int64_t dim[3];
    const char *const *names; /**< feature names [last dim] or, for labels, class names [n_names]; or NULL */
    int n_names;
    void *data; /**< dense, row-major */
} nib_raw_array;

typedef struct nib_raw {
    int64_t rows;
    int count;
    nib_raw_array *array;
} nib_raw;

#endif
