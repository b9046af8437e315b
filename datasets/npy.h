/** The header of NumPy's .npy files, versions 1.0 to 3.0.
 *  Source: NEP 1, A simple file format for NumPy arrays. */
#ifndef NIB_DATASETS_NPY_H
#define NIB_DATASETS_NPY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/arena.h"

typedef struct nib_npy {
    char kind;    /**< 'i', 'u', 'f', 'b' */
    size_t bytes; /**< of an element: 1, 2, 4, 8 */
    bool big_endian;
    bool column_major;
    int rank;
    int64_t dim[8];
    int64_t elements;
    size_t offset; /**< where the data begins; elements x bytes follow (checked) */
} nib_npy;

/** @param name  for messages. Errors: NIB_ERR_INPUT: not npy, damaged, truncated; NIB_ERR_UNSUPPORTED: a type
 * that is no plain number. */
NIB_MUST_USE nib_status nib_npy_parse(const char *name, const void *image, size_t bytes, nib_npy *npy,
                                      nib_error *err);

/** Element i of an integer array as a number. */
int64_t nib_npy_integer(const nib_npy *npy, const void *image, int64_t i);

/** The header of a little-endian float32 array (version 1.0, padded to 64 bytes), in the arena. NULL when out
 * of memory. */
char *nib_npy_header_f32(nib_arena *arena, int rank, const int64_t *dim, size_t *bytes);

#endif
