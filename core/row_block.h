/** Blocks of 16 rows, one row per vector lane.
 *
 *  Losses need a handful of numbers per row (2 to 10 classes), so a vector along the row would be mostly
 * padding. Taking 16 rows at a time, one column at a time, fills every lane whatever the width.
 */
#ifndef NIB_CORE_ROW_BLOCK_H
#define NIB_CORE_ROW_BLOCK_H

#include "core/tensor.h"

enum { NIB_ROW_BLOCK = 16 };

/** Column `column` of rows first .. first + n - 1 into `lane` [16]; lanes beyond n get 0. 1 <= n <= 16. */
static inline void nib_row_block_load(float *lane, const nib_tensor *x, int64_t first, int64_t n,
                                      int64_t column)
{
    const float *from = x->data + first * x->stride + column;
    for (int64_t i = 0; i < n; i++)
        lane[i] = from[i * x->stride];
    for (int64_t i = n; i < NIB_ROW_BLOCK; i++)
        lane[i] = 0.0f;
}

/** The reverse: n lanes into one column of an array with `stride` floats from row to row. */
static inline void nib_row_block_store(const float *lane, float *to, int64_t stride, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        to[i * stride] = lane[i];
}

/** Rows of the block that starts at `first` of `rows`. */
static inline int64_t nib_row_block_size(int64_t rows, int64_t first)
{
    return rows - first < NIB_ROW_BLOCK ? rows - first : NIB_ROW_BLOCK;
}

#endif
