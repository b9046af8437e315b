/** What the parts of core/h5 share. Not for other modules. */
#ifndef NIB_CORE_H5_INTERNAL_H
#define NIB_CORE_H5_INTERNAL_H

#include <hdf5.h>

#include "core/h5.h"

/** The memory of a file that is being written: taken over from the library when it closes the file. */
typedef struct nib_h5_sink {
    void *data;
    size_t bytes;
    bool closed; /**< `data` is complete and ours to free */
} nib_h5_sink;

struct nib_h5 {
    hid_t file;
    hid_t access;     /**< dataset (hence link) access list that refuses external links */
    hid_t group_make; /**< group creation without times */
    hid_t data_make;  /**< dataset creation without times and fill values */
    hid_t transfer; /**< converts by pieces: the library clears its buffer, 1 MiB by default, at every read */
    char *path;
    int64_t bytes; /**< size of the file; 0 while writing */
    bool writing;
    nib_h5_sink sink;
    char parent[256]; /**< while writing: a group that is there, to ask for it once only */
};

enum { NIB_H5_MAX_STRINGS = 1000000, NIB_H5_MAX_MEMBERS = 100000, NIB_H5_PIECE_BYTES = 1 << 16 };
#define NIB_H5_MAX_ELEMENTS   ((int64_t)1 << 40)
#define NIB_H5_MAX_TEXT_BYTES ((size_t)64 << 20)

/** An empty handle with its property lists. */
NIB_MUST_USE nib_status nib_h5_new(nib_h5 **file, const char *path, nib_error *err);

/** Fail with "FILE: OBJECT: cannot VERB: <what the library said>" and clear the library's error stack. */
nib_status nib_h5_fail(const nib_h5 *file, const char *object, nib_error *err, nib_status code,
                       const char *verb);

/** Open an object below the root (links followed, never out of the file); NIB_ERR_CONFIG if it is not there.
 */
NIB_MUST_USE nib_status nib_h5_open_object(nib_h5 *file, const char *path, hid_t *object, nib_error *err);
NIB_MUST_USE nib_status nib_h5_open_dataset(nib_h5 *file, const char *path, hid_t *dataset, nib_h5_info *info,
                                            nib_error *err);

/** Rows of an open dataset as `memory` type. */
NIB_MUST_USE nib_status nib_h5_read_open(const nib_h5 *file, const char *path, hid_t dataset,
                                         const nib_h5_info *info, hid_t memory, int64_t first, int64_t rows,
                                         void *out, nib_error *err);

#endif
