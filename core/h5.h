/** HDF5 with statuses: every library return code is checked, the error printer is off, messages name file and
 * dataset.
 *
 *  Reading: files are opened read-only after a look at their size and signature; ranks, sizes and filters are
 * checked against limits before anything is allocated. Writing: the image is built in memory (core driver)
 * and committed atomically by nib_h5_commit; nothing reaches the disk before. Object times are off, so equal
 * contents give equal bytes; the low bound is V18 (metadata checksums).
 *
 *  Not thread-safe: use from one thread.
 */
#ifndef NIB_CORE_H5_H
#define NIB_CORE_H5_H

#include <stdbool.h>
#include <stdint.h>

#include "core/arena.h"
#include "core/status.h"

typedef struct nib_h5 nib_h5;

typedef enum nib_h5_class { NIB_H5_INTEGER, NIB_H5_FLOAT, NIB_H5_STRING, NIB_H5_OTHER } nib_h5_class;

enum { NIB_H5_MAX_RANK = 8 };

typedef struct nib_h5_info {
    nib_h5_class class_;
    int rank;
    int64_t dim[NIB_H5_MAX_RANK];
    int64_t elements;
    int64_t chunk_rows; /**< 0: contiguous */
    size_t element_bytes;
    bool exact_in_float; /**< float16/32 and integers up to 16 bits: every value is a float */
} nib_h5_info;

/** Open for reading. NIB_ERR_INPUT: missing, not HDF5, truncated. */
NIB_MUST_USE nib_status nib_h5_open(nib_h5 **file, const char *path, nib_error *err);
/** Open an image in memory for reading (fuzzing, tests). `image` must outlive the file. */
NIB_MUST_USE nib_status nib_h5_open_image(nib_h5 **file, const char *name, const void *image, size_t bytes,
                                          nib_error *err);
/** A new file in memory. */
NIB_MUST_USE nib_status nib_h5_create(nib_h5 **file, nib_error *err);
/** Write the image to `path` atomically (nib_file_write) and close. The file handle is destroyed in any case.
 */
NIB_MUST_USE nib_status nib_h5_commit(nib_h5 *file, const char *path, nib_error *err);
/** The bytes that commit would write, from malloc (tests, seeds of fuzzing). The file handle is destroyed in
 * any case. */
NIB_MUST_USE nib_status nib_h5_finish(nib_h5 *file, void **image, size_t *bytes, nib_error *err);
/** Close without writing. NULL-safe. */
void nib_h5_close(nib_h5 *file);
const char *nib_h5_path(const nib_h5 *file);

/* Reading. Paths are absolute or relative to the root. */
bool nib_h5_has(nib_h5 *file, const char *path);
bool nib_h5_is_group(nib_h5 *file, const char *path);
NIB_MUST_USE nib_status nib_h5_dataset_info(nib_h5 *file, const char *path, nib_h5_info *info,
                                            nib_error *err);
/** Rows [first, first + rows) of dim 0, all other dims whole, converted. `out` [rows x elements/dim[0]]. */
NIB_MUST_USE nib_status nib_h5_read_f32(nib_h5 *file, const char *path, int64_t first, int64_t rows,
                                        float *out, nib_error *err);
NIB_MUST_USE nib_status nib_h5_read_f64(nib_h5 *file, const char *path, int64_t first, int64_t rows,
                                        double *out, nib_error *err);
NIB_MUST_USE nib_status nib_h5_read_i64(nib_h5 *file, const char *path, int64_t first, int64_t rows,
                                        int64_t *out, nib_error *err);
/** A dataset that must hold exactly one number. */
NIB_MUST_USE nib_status nib_h5_read_scalar_f64(nib_h5 *file, const char *path, double *out, nib_error *err);
NIB_MUST_USE nib_status nib_h5_read_scalar_i64(nib_h5 *file, const char *path, int64_t *out, nib_error *err);
/** A one-dimensional dataset or attribute of strings (fixed or variable length). */
NIB_MUST_USE nib_status nib_h5_read_strings(nib_h5 *file, const char *path, nib_arena *arena, int *count,
                                            const char *const **text, nib_error *err);
/** Attribute `name` of the object at `path` ("/" for the root). */
bool nib_h5_has_attribute(nib_h5 *file, const char *path, const char *name);
NIB_MUST_USE nib_status nib_h5_attribute_text(nib_h5 *file, const char *path, const char *name,
                                              nib_arena *arena, const char **text, nib_error *err);
NIB_MUST_USE nib_status nib_h5_attribute_strings(nib_h5 *file, const char *path, const char *name,
                                                 nib_arena *arena, int *count, const char *const **text,
                                                 nib_error *err);
NIB_MUST_USE nib_status nib_h5_attribute_i64(nib_h5 *file, const char *path, const char *name, int64_t *value,
                                             nib_error *err);
/** Names of the members of a group, in alphabetical order. */
NIB_MUST_USE nib_status nib_h5_members(nib_h5 *file, const char *group, nib_arena *arena, int *count,
                                       const char *const **names, nib_error *err);
/** Names of the attributes of the object at `path`, in alphabetical order. */
NIB_MUST_USE nib_status nib_h5_attributes(nib_h5 *file, const char *path, nib_arena *arena, int *count,
                                          const char *const **names, nib_error *err);
/** Paths of all datasets below `group` in alphabetical order, at most 100 000 (for "did you mean" and
 * digests). */
NIB_MUST_USE nib_status nib_h5_datasets(nib_h5 *file, const char *group, nib_arena *arena, int *count,
                                        const char *const **paths, nib_error *err);
/** The same of all groups, `group` among them. */
NIB_MUST_USE nib_status nib_h5_groups(nib_h5 *file, const char *group, nib_arena *arena, int *count,
                                      const char *const **paths, nib_error *err);

/* Writing (files from nib_h5_create). Missing groups on the way are made. */
NIB_MUST_USE nib_status nib_h5_make_group(nib_h5 *file, const char *path, nib_error *err);
NIB_MUST_USE nib_status nib_h5_write_f32(nib_h5 *file, const char *path, int rank, const int64_t *dim,
                                         const float *data, nib_error *err);
NIB_MUST_USE nib_status nib_h5_write_f64(nib_h5 *file, const char *path, int rank, const int64_t *dim,
                                         const double *data, nib_error *err);
NIB_MUST_USE nib_status nib_h5_write_i32(nib_h5 *file, const char *path, int rank, const int64_t *dim,
                                         const int32_t *data, nib_error *err);
NIB_MUST_USE nib_status nib_h5_write_i64(nib_h5 *file, const char *path, int rank, const int64_t *dim,
                                         const int64_t *data, nib_error *err);
NIB_MUST_USE nib_status nib_h5_write_u8(nib_h5 *file, const char *path, int rank, const int64_t *dim,
                                        const uint8_t *data, nib_error *err);
/** One scalar string dataset (config text) and a one-dimensional array of strings, fixed length, UTF-8. */
NIB_MUST_USE nib_status nib_h5_write_text(nib_h5 *file, const char *path, const char *text, nib_error *err);
NIB_MUST_USE nib_status nib_h5_write_strings(nib_h5 *file, const char *path, int count,
                                             const char *const *text, nib_error *err);
NIB_MUST_USE nib_status nib_h5_read_text(nib_h5 *file, const char *path, nib_arena *arena, const char **text,
                                         nib_error *err);
NIB_MUST_USE nib_status nib_h5_set_attribute_text(nib_h5 *file, const char *path, const char *name,
                                                  const char *text, nib_error *err);
NIB_MUST_USE nib_status nib_h5_set_attribute_strings(nib_h5 *file, const char *path, const char *name,
                                                     int count, const char *const *text, nib_error *err);
NIB_MUST_USE nib_status nib_h5_set_attribute_i64(nib_h5 *file, const char *path, const char *name,
                                                 int64_t value, nib_error *err);

/** Copy a dataset with its attributes into a file that is being written, under the same path. */
NIB_MUST_USE nib_status nib_h5_copy(nib_h5 *from, const char *path, nib_h5 *to, nib_error *err);

/** CRC-32 over all datasets below `group` in name order: path, type class, shape, bytes (contracts: digest).
 */
NIB_MUST_USE nib_status nib_h5_digest(nib_h5 *file, const char *group, uint32_t *crc, nib_error *err);

#endif
