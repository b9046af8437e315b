/** Four floats in a vector and the 4 x 4 transposition, on every instruction set. */
#ifndef NIB_CORE_QUAD_H
#define NIB_CORE_QUAD_H

#include <string.h>

typedef float nib_quad __attribute__((vector_size(16)));

static inline nib_quad nib_quad_load(const float *from)
{
    nib_quad x;
    memcpy(&x, from, sizeof x);
    return x;
}

static inline void nib_quad_store(float *to, nib_quad x)
{
    memcpy(to, &x, sizeof x);
}

/** x[i][j] becomes x[j][i]. */
static inline void nib_quad_transpose(nib_quad x[4])
{
    const nib_quad a = __builtin_shufflevector(x[0], x[1], 0, 4, 1, 5);
    const nib_quad b = __builtin_shufflevector(x[0], x[1], 2, 6, 3, 7);
    const nib_quad c = __builtin_shufflevector(x[2], x[3], 0, 4, 1, 5);
    const nib_quad d = __builtin_shufflevector(x[2], x[3], 2, 6, 3, 7);
    x[0] = __builtin_shufflevector(a, c, 0, 1, 4, 5);
    x[1] = __builtin_shufflevector(a, c, 2, 3, 6, 7);
    x[2] = __builtin_shufflevector(b, d, 0, 1, 4, 5);
    x[3] = __builtin_shufflevector(b, d, 2, 3, 6, 7);
}

#endif
