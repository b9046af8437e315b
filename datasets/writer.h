/** Writers of result tables (predictions): one .c file each, listed in datasets/writers.def, chosen by the
 * file's suffix. All write atomically. */
#ifndef NIB_DATASETS_WRITER_H
#define NIB_DATASETS_WRITER_H

#include <stdint.h>

#include "core/status.h"

/** One table of floats. */
typedef struct nib_table {
    const char *name; /**< HDF5: the dataset; CSV with several tables: in front of the column names */
    int64_t rows, cols;
    const char *const *columns; /**< [cols] names (classes), or NULL */
    const float *values;        /**< [rows, cols] */
} nib_table;

typedef struct nib_writer {
    const char *name, *help, *source;
    const char *suffixes; /**< "h5|hdf5" */
    int max_tables;       /**< npy: 1 */
    /** Tables of equally many rows. NIB_ERR_IO: an existing file is untouched. */
    nib_status (*write)(const char *path, int n_tables, const nib_table *tables, nib_error *err);
} nib_writer;

extern const nib_writer *const nib_writers[];
extern const int nib_writers_count;

/** The writer for a file name. Errors: NIB_ERR_USAGE naming the known suffixes. */
NIB_MUST_USE nib_status nib_writer_for(const char *path, const nib_writer **writer, nib_error *err);

/** The shortest decimal text that reads back as the same float. `text` has NIB_FLOAT_BYTES. Returns its
 * length. */
enum { NIB_FLOAT_BYTES = 24 };
int nib_format_float(float value, char *text);

#endif
