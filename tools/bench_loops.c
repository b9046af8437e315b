/* Compiled once per instruction set: see core/isa.h. */
#include "tools/bench_loops.h"

#include <math.h>
#include <string.h>

#include "core/vector_math.h"

static void gather(float *restrict to, int32_t *restrict label, const float *from, const int32_t *from_label,
                   int64_t n, const int32_t *index, int64_t rows)
{
    for (int64_t r = 0; r < rows; ++r) {
        memcpy(to + r * n, from + index[r] * n, (size_t)n * sizeof *to);
        label[r] = from_label[index[r]];
    }
}

static void bias(float *restrict y, const float *restrict b, int64_t rows, int64_t n, bool relu)
{
    for (int64_t r = 0; r < rows; ++r) {
        float *restrict row = y + r * n;
        if (relu)
            for (int64_t j = 0; j < n; ++j) {
                const float sum = row[j] + b[j];
                row[j] = sum < 0.0f ? 0.0f : sum;
            }
        else
            for (int64_t j = 0; j < n; ++j)
                row[j] += b[j];
    }
}

static void relu_backward(float *restrict dy, const float *restrict y, int64_t count)
{
    for (int64_t i = 0; i < count; ++i)
        dy[i] = y[i] > 0.0f ? dy[i] : 0.0f;
}

static void column_sums(float *restrict sums, const float *restrict x, int64_t rows, int64_t n)
{
    enum { BLOCK = 16 };
    int64_t first = 0;
    for (; first + BLOCK <= n; first += BLOCK) {
        float sum[BLOCK] = {0};
        for (int64_t r = 0; r < rows; ++r)
            for (int64_t j = 0; j < BLOCK; ++j)
                sum[j] += x[r * n + first + j];
        memcpy(sums + first, sum, sizeof sum);
    }
    for (int64_t j = first; j < n; ++j) {
        sums[j] = 0;
        for (int64_t r = 0; r < rows; ++r)
            sums[j] += x[r * n + j];
    }
}

static double softmax(float *restrict z, const int32_t *restrict label, int64_t rows, int64_t n,
                      float *restrict work, int64_t *hits)
{
    float *restrict own = work, *restrict total = work + rows; /* the label's shifted logit; sum of exp */
    const float scale = 1.0f / (float)rows;
    for (int64_t r = 0; r < rows; ++r) {
        float *restrict row = z + r * n;
        float largest = row[0];
        for (int64_t j = 1; j < n; ++j)
            largest = row[j] > largest ? row[j] : largest;
        for (int64_t j = 0; j < n; ++j)
            row[j] -= largest;
        own[r] = row[label[r]];
        *hits += own[r] >= 0.0f;
    }
    for (int64_t i = 0; i < rows * n; ++i)
        z[i] = nib_expf(z[i]);
    for (int64_t r = 0; r < rows; ++r) {
        float *restrict row = z + r * n;
        float sum = 0;
        for (int64_t j = 0; j < n; ++j)
            sum += row[j];
        total[r] = sum;
        const float factor = scale / sum;
        for (int64_t j = 0; j < n; ++j)
            row[j] *= factor;
        row[label[r]] -= scale;
    }
    for (int64_t r = 0; r < rows; ++r)
        own[r] = nib_logf(total[r]) - own[r];
    double loss = 0;
    for (int64_t r = 0; r < rows; ++r)
        loss += (double)own[r];
    return loss;
}

static void adam(float *restrict w, float *restrict m, float *restrict v, const float *restrict g, int64_t n,
                 const nib_bench_adam *numbers)
{
    const nib_bench_adam a = *numbers;
    for (int64_t i = 0; i < n; ++i) {
        m[i] += (g[i] - m[i]) * a.rate_1;
        v[i] += (g[i] * g[i] - v[i]) * a.rate_2;
        w[i] -= m[i] * a.alpha / (sqrtf(v[i]) + a.epsilon);
    }
}

extern const nib_bench_loops NIB_ISA_NAME(nib_bench_loops_table); /* the header names every copy */

const nib_bench_loops NIB_ISA_NAME(nib_bench_loops_table) = {.gather = gather,
                                                             .bias = bias,
                                                             .relu_backward = relu_backward,
                                                             .column_sums = column_sums,
                                                             .softmax = softmax,
                                                             .adam = adam};
