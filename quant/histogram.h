/** Histograms of values that are streamed once, in any order: what calibration looks at.
 *
 *  Magnitudes of negative and of other values are counted apart in bins of equal width over [0, 2^exponent).
 * A value beyond the range doubles it, which merges bins in pairs; since widths are powers of two the result
 * is that of a histogram that had the last range from the start, whatever the order of the values.
 */
#ifndef NIB_QUANT_HISTOGRAM_H
#define NIB_QUANT_HISTOGRAM_H

#include <stdint.h>

enum { NIB_HISTOGRAM_BINS = 4096 };

/** Plain; 64 kB. Owns nothing. */
typedef struct nib_histogram {
    int64_t count;           /**< finite values */
    int64_t zeros;           /**< of them, 0 (they are in positive[0] as well) */
    int64_t others;          /**< NaN and infinities: not counted anywhere else */
    float smallest, largest; /**< 0 while count is 0 */
    int exponent;            /**< every magnitude is below 2^exponent */
    int64_t negative[NIB_HISTOGRAM_BINS], positive[NIB_HISTOGRAM_BINS];
} nib_histogram;

/** Empty it; must be called before the first values are added. */
void nib_histogram_clear(nib_histogram *histogram);

/** Count x [n]. Denormals count as 0. */
void nib_histogram_add(nib_histogram *histogram, int64_t n, const float *x);

/** Count all of `other` too. */
void nib_histogram_merge(nib_histogram *histogram, const nib_histogram *other);

/** Width of a bin; the centre of bin i is (i + 0.5) * width. */
double nib_histogram_width(const nib_histogram *histogram);

#endif
