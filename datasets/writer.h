/** Files of predictions: each format is one .c file ending in one `const nib_writer`, listed in
 * datasets/writers.def. All are written atomically (nib_file_write). */
#ifndef NIB_DATASETS_WRITER_H
#define NIB_DATASETS_WRITER_H

#include <stdint.h>

#include "core/status.h"

/** What one output of a model says about every row. */
typedef struct nib_table {
    const char *name; /**< of the target */
    int64_t rows, width;
    const char *const *columns; /**< [width] class names, or NULL */
    const float *value;         /**< [rows, width] */
} nib_table;

typedef struct nib_writer {
    const char *name, *help, *source;
    const char *suffix; /**< ".npy" */
    int max_tables;     /**< how many outputs a file holds */
    /** Write `count` tables of equally many rows. NIB_ERR_IO: an existing file is untouched. */
    nib_status (*write)(const char *path, int count, const nib_table *table, nib_error *err);
} nib_writer;

extern const nib_writer *const nib_writers[];
extern const int nib_writers_count;

/** The writer for a file name. NIB_ERR_USAGE: none has its suffix. */
NIB_MUST_USE nib_status nib_writer_for(const char *path, const nib_writer **writer, nib_error *err);

/** The shortest decimal text that reads back as the same float. `text` has NIB_FLOAT_BYTES. */
enum { NIB_FLOAT_BYTES = 24 };
int nib_format_float(float value, char *text);

#endif
