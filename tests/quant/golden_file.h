/** Golden numbers from HDF5 files, for the tests that compare with peers. */
#ifndef NIB_TESTS_QUANT_GOLDEN_FILE_H
#define NIB_TESTS_QUANT_GOLDEN_FILE_H

#include "core/h5.h"
#include "quant/quantizer.h"

/** Open tests/quant/golden/<name>; the test fails where that is not possible. */
nib_h5 *golden_open(const char *name);

/** A dataset of floats, whole, in the arena. */
float *golden_floats(nib_arena *arena, nib_h5 *file, const char *path, int64_t *n);

/** The lines of a dataset of text, NULL at the end. */
char **golden_lines(nib_arena *arena, nib_h5 *file, const char *path);

/** A quantizer from text. */
nib_quantizer_config golden_quantizer(nib_arena *arena, const char *text);

#endif
