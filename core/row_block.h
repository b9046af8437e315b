/** Blocks of 16 rows, one row per vector lane.
 *
 *  Losses need a handful of numbers per row (2 to 10 classes), so a vector along the row would be mostly
 * padding. Taking 16 rows at a time, one column at a time, fills every lane whatever the width.
 */
#ifndef NIB_CORE_ROW_BLOCK_H
#define NIB_CORE_ROW_BLOCK_H

#include "core/quad.h"
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

/** 16 columns of a block: lane[c][i] is column c of row i. */
typedef struct nib_row_columns {
    float lane[NIB_ROW_BLOCK][NIB_ROW_BLOCK];
} nib_row_columns;

/** Columns `column` to column + cols - 1 of n rows from `first` on, 1 <= cols <= 16; lanes beyond n get 0.
 * Rows are read in pieces of four floats. */
static inline void nib_row_columns_load(nib_row_columns *to, const nib_tensor *x, int64_t first, int64_t n,
                                        int64_t column, int64_t cols)
{
    const float *from = x->data + first * x->stride + column;
    const nib_quad zero = {0.0f, 0.0f, 0.0f, 0.0f};
    for (int64_t c = 0; c < cols; c += 4)
        for (int64_t i = 0; i < NIB_ROW_BLOCK; i += 4) {
            nib_quad q[4];
            for (int64_t j = 0; j < 4; j++)
                q[j] = i + j < n ? nib_quad_load(from + (i + j) * x->stride + c) : zero;
            nib_quad_transpose(q);
            for (int64_t j = 0; j < 4; j++)
                nib_quad_store(to->lane[c + j] + i, q[j]);
        }
}

/** The reverse, into rows with `stride` floats from row to row; columns from cols up to 16 become 0. */
static inline void nib_row_columns_store(nib_row_columns *from, float *to, int64_t stride, int64_t n,
                                         int64_t cols)
{
    const nib_quad zero = {0.0f, 0.0f, 0.0f, 0.0f};
    for (int64_t c = cols; c % 4 != 0; c++)
        memset(from->lane[c], 0, sizeof from->lane[c]);
    for (int64_t i = 0; i < n; i += 4) {
        for (int64_t c = 0; c < NIB_ROW_BLOCK; c += 4) {
            nib_quad q[4] = {zero, zero, zero, zero};
            for (int64_t j = 0; c < cols && j < 4; j++)
                q[j] = nib_quad_load(from->lane[c + j] + i);
            nib_quad_transpose(q);
            for (int64_t j = 0; j < 4 && i + j < n; j++)
                nib_quad_store(to + (i + j) * stride + c, q[j]);
        }
    }
}

/** Rows of the block that starts at `first` of `rows`. */
static inline int64_t nib_row_block_size(int64_t rows, int64_t first)
{
    return rows - first < NIB_ROW_BLOCK ? rows - first : NIB_ROW_BLOCK;
}

#endif
