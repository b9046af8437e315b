#include "quant/histogram.h"

#include <float.h>
#include <math.h>
#include <string.h>

enum { SMALLEST_EXPONENT = -100, BIN_BITS = 12 };
_Static_assert(1 << BIN_BITS == NIB_HISTOGRAM_BINS, "bins are a power of two");

void nib_histogram_clear(nib_histogram *h)
{
    memset(h, 0, sizeof *h);
    h->exponent = SMALLEST_EXPONENT;
}

double nib_histogram_width(const nib_histogram *h)
{
    return ldexp(1.0, h->exponent) / NIB_HISTOGRAM_BINS;
}

static void halve(int64_t *bin)
{
    for (int i = 0; i < NIB_HISTOGRAM_BINS / 2; i++)
        bin[i] = bin[2 * i] + bin[2 * i + 1];
    memset(bin + NIB_HISTOGRAM_BINS / 2, 0, NIB_HISTOGRAM_BINS / 2 * sizeof *bin);
}

static void widen(nib_histogram *h, int exponent)
{
    if (h->count == h->zeros) { /* all in bin 0 at any width */
        h->exponent = exponent;
        return;
    }
    for (; h->exponent < exponent; h->exponent++) {
        halve(h->negative);
        halve(h->positive);
    }
}

static void note_range(nib_histogram *h, float smallest, float largest)
{
    if (h->count == 0 || smallest < h->smallest)
        h->smallest = smallest;
    if (h->count == 0 || largest > h->largest)
        h->largest = largest;
}

void nib_histogram_add(nib_histogram *h, int64_t n, const float *x)
{
    float limit = ldexpf(1, h->exponent); /* infinite at the largest exponent */
    double inverse = 1 / nib_histogram_width(h);
    for (int64_t i = 0; i < n; i++) {
        const float v = fabsf(x[i]) < FLT_MIN ? 0 : x[i], size = fabsf(v);
        if (!isfinite(v)) {
            h->others++;
            continue;
        }
        if (size >= limit) {
            int exponent;
            (void)frexpf(size, &exponent);
            widen(h, exponent);
            limit = ldexpf(1, h->exponent);
            inverse = 1 / nib_histogram_width(h);
        }
        note_range(h, v, v);
        h->count++;
        h->zeros += v == 0;
        (v < 0 ? h->negative : h->positive)[(int)((double)size * inverse)]++;
    }
}

void nib_histogram_merge(nib_histogram *h, const nib_histogram *other)
{
    h->others += other->others;
    if (other->count == 0)
        return;
    if (other->exponent > h->exponent)
        widen(h, other->exponent);
    note_range(h, other->smallest, other->largest);
    h->count += other->count;
    h->zeros += other->zeros;
    const int shift = h->exponent - other->exponent;
    for (int i = 0; i < NIB_HISTOGRAM_BINS; i++) {
        const int bin = shift < BIN_BITS ? i >> shift : 0;
        h->negative[bin] += other->negative[i];
        h->positive[bin] += other->positive[i];
    }
}
