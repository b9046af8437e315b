/** The loops of the straightforward trainer beside its matrix products, written plainly for the compiler to
 * vectorise, and compiled once per instruction set (core/isa.h). Matrices are dense and row-major. */
#ifndef NIB_TOOLS_BENCH_LOOPS_H
#define NIB_TOOLS_BENCH_LOOPS_H

#include <stdbool.h>
#include <stdint.h>

#include "core/isa.h"

/** Adam's numbers for one step: alpha = lr sqrt(1 - beta_2^t) / (1 - beta_1^t). */
typedef struct nib_bench_adam {
    float alpha, rate_1, rate_2, epsilon; /**< rate: 1 - beta */
} nib_bench_adam;

typedef struct nib_bench_loops {
    /** to [rows, n]: the rows index[0..rows-1] of from; label likewise. */
    void (*gather)(float *to, int32_t *label, const float *from, const int32_t *from_label, int64_t n,
                   const int32_t *index, int64_t rows);
    /** y [rows, n] += bias [n], then max(y, 0) if relu. */
    void (*bias)(float *y, const float *bias, int64_t rows, int64_t n, bool relu);
    /** dy [rows, n] = 0 where y <= 0. */
    void (*relu_backward)(float *dy, const float *y, int64_t count);
    /** sums [n] = column sums of x [rows, n]. */
    void (*column_sums)(float *sums, const float *x, int64_t rows, int64_t n);
    /** z [rows, n] logits become the gradient of the mean cross entropy, (softmax - one hot) / rows; work
     * [2 rows]. @return sum of the losses; *hits += rows whose label has the largest logit. */
    double (*softmax)(float *z, const int32_t *label, int64_t rows, int64_t n, float *work, int64_t *hits);
    /** w, m, v [n] one step along g [n]. */
    void (*adam)(float *w, float *m, float *v, const float *g, int64_t n, const nib_bench_adam *numbers);
} nib_bench_loops;

extern const nib_bench_loops nib_bench_loops_table;
#if NIB_ISA_X86
extern const nib_bench_loops nib_bench_loops_table_avx2, nib_bench_loops_table_avx512;
#endif

#endif
