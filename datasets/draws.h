/** A sequence of random numbers that belongs to one row of a generator: row i of a stream has its own
 * counters, so a row is the same whatever was made before it, and by which thread. */
#ifndef NIB_DATASETS_DRAWS_H
#define NIB_DATASETS_DRAWS_H

#include "core/rng.h"

typedef struct nib_draws {
    nib_rng rng;
    uint64_t element;
    uint32_t word[4];
    int left;      /**< words not used yet */
    double normal; /**< the second of a pair */
    int has_normal;
} nib_draws;

/** Start row `row` of the stream. A row has 2^22 words before it runs into the next. */
nib_draws nib_draws_start(uint64_t seed, uint32_t stream, int64_t row);

/** Uniform in (0, 1), 32 bits: neither end, so that logarithms are finite. */
double nib_draws_uniform(nib_draws *draws);
double nib_draws_between(nib_draws *draws, double low, double high);
/** Standard normal. */
double nib_draws_normal(nib_draws *draws);
/** Exponential with mean 1. */
double nib_draws_exponential(nib_draws *draws);
/** Poisson, mean <= 500 (product of uniforms). */
int nib_draws_poisson(nib_draws *draws, double mean);
/** Breit-Wigner (Cauchy) around `mass` with full width `width`, cut at 10 widths on either side. */
double nib_draws_resonance(nib_draws *draws, double mass, double width);

#endif
