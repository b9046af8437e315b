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

/** Few columns are the rule: with their number known, all columns of a block stay in registers. */
#define NIB_FOR_FEW_COLUMNS(X) X(2) X(3) X(4) X(5) X(6) X(8) X(10)

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
    NIB_UNROLL
    for (int64_t c = 0; c < NIB_ROW_COLUMNS; c += 4) {
        nib_vf x[4];
        if (c >= cols)
            continue;
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
    NIB_UNROLL
    for (int64_t c = 0; c < NIB_ROW_COLUMNS; c += 4) {
        nib_vf x[4] = {zero, zero, zero, zero};
        if (c < cols) {
            NIB_UNROLL
            for (int j = 0; j < 4; j++)
                x[j] = c + j < cols ? column[c + j] : zero;
            nib_vf_transpose_quads(x);
        }
        NIB_UNROLL
        for (int j = 0; j < 4; j++)
            nib_vf_store_quads(to + j * stride + c, 4 * stride, x[j]);
    }
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

typedef uint32_t nib_vf_bits __attribute__((vector_size(NIB_VF * sizeof(float))));
typedef int32_t nib_vf_ints __attribute__((vector_size(NIB_VF * sizeof(float))));
typedef float nib_vf_floats __attribute__((vector_size(NIB_VF * sizeof(float))));

/** e^x and the logarithm, operation by operation those of core/vector_math.h: the same bits. */
NIB_INLINE nib_vf nib_vf_exp(nib_vf x)
{
    const nib_vf magic = nib_vf_set(12582912.0f);
    const nib_vf shifted = nib_vf_add(nib_vf_mul(x, nib_vf_set(1.44269504088896341f)), magic);
    const nib_vf n = nib_vf_sub(shifted, magic);
    const nib_vf high = nib_vf_sub(x, nib_vf_mul(n, nib_vf_set(0.693359375f)));
    const nib_vf r = nib_vf_sub(high, nib_vf_mul(n, nib_vf_set(-2.12194440e-4f)));
    nib_vf p = nib_vf_set(1.9875691500e-4f);
    p = nib_vf_add(nib_vf_mul(p, r), nib_vf_set(1.3981999507e-3f));
    p = nib_vf_add(nib_vf_mul(p, r), nib_vf_set(8.3334519073e-3f));
    p = nib_vf_add(nib_vf_mul(p, r), nib_vf_set(4.1665795894e-2f));
    p = nib_vf_add(nib_vf_mul(p, r), nib_vf_set(1.6666665459e-1f));
    p = nib_vf_add(nib_vf_mul(p, r), nib_vf_set(5.0000001201e-1f));
    p = nib_vf_add(nib_vf_add(nib_vf_mul(p, nib_vf_mul(r, r)), r), nib_vf_set(1.0f));
    const nib_vf y = nib_vf_mul(p, (nib_vf)(((nib_vf_bits)shifted + 127u) << 23));
    const nib_vf low = nib_vf_where_greater(nib_vf_set(-87.0f), x, nib_vf_set(0.0f), y);
    return nib_vf_where_greater(x, nib_vf_set(88.0f), nib_vf_set(INFINITY), low);
}
NIB_INLINE nib_vf nib_vf_log(nib_vf x)
{
    const nib_vf_bits shift = (nib_vf_bits)x - 0x3f3504f3u;
    const nib_vf e = (nib_vf) __builtin_convertvector((nib_vf_ints)shift >> 23, nib_vf_floats);
    const nib_vf m = nib_vf_sub((nib_vf)((shift & 0x007fffffu) + 0x3f3504f3u), nib_vf_set(1.0f));
    const nib_vf z = nib_vf_mul(m, m);
    nib_vf p = nib_vf_set(7.0376836292e-2f);
    p = nib_vf_sub(nib_vf_mul(p, m), nib_vf_set(1.1514610310e-1f));
    p = nib_vf_add(nib_vf_mul(p, m), nib_vf_set(1.1676998740e-1f));
    p = nib_vf_sub(nib_vf_mul(p, m), nib_vf_set(1.2420140846e-1f));
    p = nib_vf_add(nib_vf_mul(p, m), nib_vf_set(1.4249322787e-1f));
    p = nib_vf_sub(nib_vf_mul(p, m), nib_vf_set(1.6668057665e-1f));
    p = nib_vf_add(nib_vf_mul(p, m), nib_vf_set(2.0000714765e-1f));
    p = nib_vf_sub(nib_vf_mul(p, m), nib_vf_set(2.4999993993e-1f));
    p = nib_vf_add(nib_vf_mul(p, m), nib_vf_set(3.3333331174e-1f));
    nib_vf y = nib_vf_mul(nib_vf_mul(p, m), z);
    y = nib_vf_add(y, nib_vf_mul(e, nib_vf_set(-2.12194440e-4f)));
    y = nib_vf_sub(y, nib_vf_mul(nib_vf_set(0.5f), z));
    const nib_vf result = nib_vf_add(nib_vf_add(m, y), nib_vf_mul(e, nib_vf_set(0.693359375f)));
    return nib_vf_where_greater(nib_vf_set(INFINITY), x, result, x);
}

#endif
