/** What every node of a fixed-point network gives, as an HDF5 file. */
#ifndef NIB_TOOLS_TRACE_FILE_H
#define NIB_TOOLS_TRACE_FILE_H

#include "datasets/dataset.h"
#include "quant/fixnet.h"

/** Write for the first `rows` rows, under /trace/NODE: `codes` [rows, features] int64 and `values` float64,
 * with the attributes index (nodes are in
 * this order), kind, layer, type and the numbers of casts that saturated or wrapped; under /input the
 * preprocessed inputs as float32. Beside them lie the weights on their grid, float64, with their types:
 * kernel and bias, scale and shift. Atomically. Errors: NIB_ERR_IO, NIB_ERR_MEMORY. */
NIB_MUST_USE nib_status nib_trace_file_write(const char *path, const nib_fixnet *net, const nib_dataset *data,
                                             int64_t rows, nib_error *err);

#endif
