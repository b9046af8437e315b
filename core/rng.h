/** Counter-based random numbers: Philox4x32-10 (Random123).
 *
 *  A number is a function of (seed, stream, step, element) alone, so it is the same whatever the thread
 * count, the tile it is drawn in, or the point a run was resumed at. key = seed, counter = (element, stream,
 * step). element is row of the batch x width + column; stream is nib_rng_stream("layer/purpose"). Source:
 * Salmon et al., Parallel random numbers: as easy as 1, 2, 3 (SC 2011).
 */
#ifndef NIB_CORE_RNG_H
#define NIB_CORE_RNG_H

#include <stdbool.h>
#include <stdint.h>

typedef struct nib_rng {
    uint64_t seed;
    uint32_t stream;
    uint32_t step;
} nib_rng;

/** FNV-1a hash of a name like "fc1/kernel_init". */
uint32_t nib_rng_stream(const char *name);

/** Four 32-bit words for counter (element, stream, step). */
void nib_rng_words(const nib_rng *rng, uint64_t element, uint32_t words[4]);

/** Uniform in [0, 1) with 53 bits (word 0 and 1 of the element). */
double nib_rng_uniform(const nib_rng *rng, uint64_t element);

/** u [n] uniform in [0, 1) with 24 bits: word `word` (0 to 3) of the elements first, first + 1, ... */
void nib_rng_floats(const nib_rng *rng, uint64_t first, int64_t n, int word, float *u);

/** Standard normal (Box-Muller on the element's words; one value per element). */
double nib_rng_normal(const nib_rng *rng, uint64_t element);

/** Uniform integer in [0, n), n >= 1, unbiased to 2^-64 * n. */
uint64_t nib_rng_below(const nib_rng *rng, uint64_t element, uint64_t n);

/** Random permutation of 0..n-1 into index [n] (Fisher-Yates). n < 2^31. Swap i draws from
 * element i / 2 of the stream, words 0 and 1 for even i, 2 and 3 for odd i. */
void nib_rng_permutation(const nib_rng *rng, int64_t n, int32_t *index);

/** The same permutation in the making, a few swaps at a time between other work. */
typedef struct nib_shuffle {
    nib_rng rng;
    int32_t *index;
    int64_t at, first; /**< the next swap is that of index `at`, in the block of swaps from `first` on */
    uint32_t target[2][128]; /**< of that block and of the one to come */
    int now;                 /**< which of them is that block's */
    bool drawn;              /**< so are the targets of the one to come */
} nib_shuffle;

/** Nothing is in its place before nib_shuffle_advance has made n - 1 swaps or was asked for more. `index` [n]
 * stays the caller's. */
void nib_shuffle_begin(nib_shuffle *shuffle, const nib_rng *rng, int64_t n, int32_t *index);

/** At most `swaps` further swaps. It works as fast as the caches allow when few are asked for at a time. */
void nib_shuffle_advance(nib_shuffle *shuffle, int64_t swaps);

#endif
