#include "prune/select.h"

#include <assert.h>
#include <math.h>
#include <string.h>

int64_t nib_prune_kept(int64_t size, double sparsity, bool tfmot)
{
    const double wanted =
        tfmot ? (double)rintf((float)size * (1.0f - (float)sparsity)) : rint((double)size * (1 - sparsity));
    const int64_t kept = (int64_t)wanted;
    return kept < 1 ? 1 : kept > size ? size : kept;
}

/* A strict order: equal scores follow their index, so any way of partitioning ends in the same set. */
static inline bool before(const float *score, int32_t a, int32_t b)
{
    return score[a] > score[b] || (score[a] == score[b] && a < b);
}

static inline void swap(int32_t *a, int32_t *b)
{
    const int32_t t = *a;
    *a = *b;
    *b = t;
}

/* The median of the first, middle and last goes to the front. */
static void choose_pivot(const float *score, int32_t *order, int64_t first, int64_t last)
{
    const int64_t middle = first + (last - first) / 2;
    if (before(score, order[middle], order[first]))
        swap(&order[middle], &order[first]);
    if (before(score, order[last], order[first]))
        swap(&order[last], &order[first]);
    if (before(score, order[middle], order[last]))
        swap(&order[middle], &order[last]);
    swap(&order[first], &order[last]);
}

/* Hoare's selection: afterwards order[0..k-1] are the first k, in any order, and order[k-1] is the k-th. */
static void partition(const float *score, int64_t n, int64_t k, int32_t *order)
{
    int64_t first = 0, last = n - 1;
    while (first < last) {
        choose_pivot(score, order, first, last);
        const int32_t pivot = order[first];
        int64_t i = first, j = last + 1;
        for (;;) {
            while (before(score, order[++i], pivot) && i < last)
                continue;
            while (before(score, pivot, order[--j]))
                continue;
            if (i >= j)
                break;
            swap(&order[i], &order[j]);
        }
        swap(&order[first], &order[j]);
        if (j == k - 1)
            return;
        if (j < k - 1)
            first = j + 1;
        else
            last = j - 1;
    }
}

void nib_prune_select(const float *score, int64_t n, int64_t k, int32_t *order, uint8_t *keep)
{
    assert(n < INT32_MAX && k >= 1);
    if (k >= n) {
        memset(keep, 1, (size_t)n);
        return;
    }
    for (int64_t i = 0; i < n; i++)
        order[i] = (int32_t)i;
    partition(score, n, k, order);
    memset(keep, 0, (size_t)n);
    for (int64_t i = 0; i < k; i++)
        keep[order[i]] = 1;
}

void nib_prune_select_ties(const float *score, int64_t n, int64_t k, int32_t *order, uint8_t *keep)
{
    assert(n < INT32_MAX && k >= 1);
    const int64_t at = k < n ? k : n;
    for (int64_t i = 0; i < n; i++)
        order[i] = (int32_t)i;
    partition(score, n, at, order);
    const float threshold = score[order[at - 1]];
    for (int64_t i = 0; i < n; i++)
        keep[i] = score[i] >= threshold;
}
