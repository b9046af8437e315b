/** Blocks of NIB_VF rows, one row per vector lane, in registers. For files that are compiled once per
 * instruction set (core/simd.h).
 *
 *  Losses need a handful of numbers per row (2 to 10 classes), so a vector along the row would be mostly
 * padding. Taking the rows of a block column by column fills every lane whatever the width. A block of n <
 * NIB_VF rows is the last one of a tile; its other lanes are 0.
 */
#ifndef NIB_CORE_ROW_VECTORS_H
#define NIB_CORE_ROW_VECTORS_H

#include <string.h>

#include "core/row_loss.h"
#include "core/simd.h"
#include "core/tensor.h"
#include "core/vector_math.h"

enum { NIB_ROW_COLUMNS = NIB_LANE_FLOATS /* of a block at a time */ };

/** Rows of the block that starts at `first` of `rows`. */
NIB_INLINE int64_t nib_row_vectors_size(int64_t rows, int64_t first)
{
    return rows - first < NIB_VF ? rows - first : NIB_VF;
}

/** One float of each row, `stride` apart. Not by way of memory: a vector load of what narrower stores have
 * just written has to wait for them. */
NIB_INLINE nib_vf nib_row_vector(const float *from, int64_t stride, int64_t n)
{
    enum { LAST = NIB_VF - 1 };
    if (n < NIB_VF) {
        float lane[NIB_VF];
        for (int64_t i = 0; i < NIB_VF; i++)
            lane[i] = i < n ? from[i * stride] : 0.0f;
        return nib_vf_load(lane);
    }
    if (stride == 1)
        return nib_vf_load(from);
#if defined(__AVX512F__)
    return _mm512_setr_ps(from[0], from[stride], from[2 * stride], from[3 * stride], from[4 * stride],
                          from[5 * stride], from[6 * stride], from[7 * stride], from[8 * stride],
                          from[9 * stride], from[10 * stride], from[11 * stride], from[12 * stride],
                          from[13 * stride], from[14 * stride], from[LAST * stride]);
#elif defined(__AVX2__)
    return _mm256_setr_ps(from[0], from[stride], from[2 * stride], from[3 * stride], from[4 * stride],
                          from[5 * stride], from[6 * stride], from[LAST * stride]);
#else
    return (nib_vf){from[0], from[stride], from[2 * stride], from[LAST * stride]};
#endif
}

/** One float into each row's y [1]: padded rows get zeros behind it. */
NIB_INLINE void nib_row_vector_put(const nib_tensor *y, int64_t first, int64_t n, nib_vf x)
{
    float lane[NIB_VF];
    if (y->stride == 1 && n == NIB_VF) {
        nib_vf_store(y->data + first, x);
        return;
    }
    nib_vf_store(lane, x);
    for (int64_t i = 0; i < n; i++)
        nib_row_loss_put(y, first + i, lane[i]);
}

NIB_INLINE void nib_row_vectors_load_all(nib_vf *column, const float *from, int64_t stride, int64_t cols)
{
    for (int64_t c = 0; c < cols; c += 4) {
        nib_vf x[4];
        NIB_UNROLL
        for (int j = 0; j < 4; j++)
            x[j] = nib_vf_load_quads(from + j * stride + c, 4 * stride);
        nib_vf_transpose_quads(x);
        NIB_UNROLL
        for (int j = 0; j < 4; j++)
            column[c + j] = x[j];
    }
}

/** Columns 0 to cols - 1 of n rows, 1 <= cols <= NIB_ROW_COLUMNS; `column` has NIB_ROW_COLUMNS. Rows are read
 * in pieces of four floats. */
NIB_INLINE void nib_row_vectors_load(nib_vf *column, const float *from, int64_t stride, int64_t n,
                                     int64_t cols)
{
    float rows[NIB_VF * NIB_ROW_COLUMNS];
    if (n < NIB_VF) {
        memset(rows, 0, sizeof rows);
        for (int64_t i = 0; i < n; i++)
            memcpy(rows + i * NIB_ROW_COLUMNS, from + i * stride, (size_t)cols * sizeof *rows);
        from = rows;
        stride = NIB_ROW_COLUMNS;
    }
    nib_row_vectors_load_all(column, from, stride, cols);
}

NIB_INLINE void nib_row_vectors_store_all(float *to, int64_t stride, int64_t cols, const nib_vf *column)
{
    const nib_vf zero = nib_vf_set(0.0f);
    int64_t c = 0;
    for (; c < cols; c += 4) {
        nib_vf x[4];
        NIB_UNROLL
        for (int j = 0; j < 4; j++)
            x[j] = c + j < cols ? column[c + j] : zero;
        nib_vf_transpose_quads(x);
        NIB_UNROLL
        for (int j = 0; j < 4; j++)
            nib_vf_store_quads(to + j * stride + c, 4 * stride, x[j]);
    }
    for (; c < NIB_ROW_COLUMNS; c += 4)
        for (int j = 0; j < 4; j++)
            nib_vf_store_quads(to + j * stride + c, 4 * stride, zero);
}

/** The reverse. Columns from cols up to NIB_ROW_COLUMNS become 0. */
NIB_INLINE void nib_row_vectors_store(float *to, int64_t stride, int64_t n, int64_t cols,
                                      const nib_vf *column)
{
    if (n == NIB_VF) {
        nib_row_vectors_store_all(to, stride, cols, column);
        return;
    }
    float rows[NIB_VF * NIB_ROW_COLUMNS];
    nib_row_vectors_store_all(rows, NIB_ROW_COLUMNS, cols, column);
    for (int64_t i = 0; i < n; i++)
        memcpy(to + i * stride, rows + i * NIB_ROW_COLUMNS, NIB_ROW_COLUMNS * sizeof *rows);
}

/** e^x and the logarithm, lane by lane those of core/vector_math.h. */
NIB_INLINE nib_vf nib_vf_exp(nib_vf x)
{
    float lane[NIB_VF];
    nib_vf_store(lane, x);
    for (int i = 0; i < NIB_VF; i++)
        lane[i] = nib_expf(lane[i]);
    return nib_vf_load(lane);
}
NIB_INLINE nib_vf nib_vf_log(nib_vf x)
{
    float lane[NIB_VF];
    nib_vf_store(lane, x);
    for (int i = 0; i < NIB_VF; i++)
        lane[i] = nib_logf(lane[i]);
    return nib_vf_load(lane);
}

#endif
