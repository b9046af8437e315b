/** File formats: each is one .c file ending in one `const nib_reader`, listed in datasets/readers.def.
 *
 *  A reader gives access to named numeric arrays ("train/hlf16") whose first dimension counts rows. Files are
 *  not opened through this header but as a source (datasets/source.h), which picks the reader by suffix; the
 *  arrays of a generator are read through the same functions.
 */
#ifndef NIB_DATASETS_READER_H
#define NIB_DATASETS_READER_H

#include <stdbool.h>
#include <stdint.h>

#include "core/arena.h"

enum { NIB_ARRAY_MAX_RANK = 8 };

/** What an array is, without reading it. */
typedef struct nib_array_info {
    bool numeric;        /**< false: text or a compound, cannot be read */
    bool integer;        /**< an integer type */
    bool exact_in_float; /**< every value of its type is a float: float16/32, integers up to 16 bits */
    int rank;
    int64_t dim[NIB_ARRAY_MAX_RANK];
    int64_t rows;       /**< dim[0] */
    int64_t width;      /**< product of the other dimensions: values per row */
    int64_t block_rows; /**< rows that are stored together (a chunk): read multiples of it; 0: any */
} nib_array_info;

/** Lists of texts live in the arena that is handed in. */
typedef struct nib_reader {
    const char *name, *help, *source;
    const char *const *suffixes; /**< {".h5", ".hdf5", NULL}, lower case */

    /** `state` belongs to the caller until `close`. */
    nib_status (*open)(nib_arena *arena, const char *path, void **state, nib_error *err);
    void (*close)(void *state);

    bool (*has)(void *state, const char *path);
    nib_status (*describe)(void *state, const char *path, nib_array_info *info, nib_error *err);
    /** Paths of all arrays, for "did you mean". */
    nib_status (*list)(void *state, nib_arena *arena, int *count, const char *const **paths, nib_error *err);
    /** Rows [first, first + rows) converted to double. `out` [rows x width] */
    nib_status (*read)(void *state, const char *path, int64_t first, int64_t rows, double *out,
                       nib_error *err);
    /** Texts stored at `path`: a list of texts, or an attribute written as "array@attribute" (one text is
     * split at commas and blanks). */
    nib_status (*texts)(void *state, const char *path, nib_arena *arena, int *count,
                        const char *const **texts, nib_error *err);
    /** Column names (of labels: class names) that the file itself gives the array; count 0: none. */
    nib_status (*names)(void *state, const char *path, nib_arena *arena, int *count,
                        const char *const **names, nib_error *err);
} nib_reader;

/** The arrays of a nib_raw as a source; not in the list because it opens no file. */
extern const nib_reader nib_reader_memory;

extern const nib_reader *const nib_readers[];
extern const int nib_readers_count;

/** The reader for a file name, or NULL. */
const nib_reader *nib_reader_for(const char *path);

/** Split a text at commas and blanks ("pT, eta, phi"). */
NIB_MUST_USE nib_status nib_split_texts(nib_arena *arena, const char *text, int *count,
                                        const char *const **texts, nib_error *err);

NIB_MUST_USE nib_status nib_copy_texts(nib_arena *arena, int count, const char *const *texts,
                                       const char *const **copies, nib_error *err);

#endif
