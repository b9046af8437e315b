/** Many random words at once, by vectors. Private to core/rng.c. */
#ifndef NIB_CORE_RNG_BLOCK_H
#define NIB_CORE_RNG_BLOCK_H

#include "core/isa.h"
#include "core/rng.h"

enum { NIB_RNG_BLOCK = 64 };

/** words[w][i] = word w of element first + i, as nib_rng_words gives them. */
typedef void nib_rng_block_words(const nib_rng *rng, uint64_t first, uint32_t words[4][NIB_RNG_BLOCK]);

/** What index first + k of a shuffle changes places with: nib_rng_below of half k & 1 of element (first + k)
 * / 2, n = first + k + 1. `first` is even and below 2^31. */
typedef void nib_rng_block_targets(const nib_rng *rng, int64_t first, uint32_t target[2 * NIB_RNG_BLOCK]);

nib_rng_block_words nib_rng_block;
nib_rng_block_targets nib_rng_targets;
#if NIB_ISA_X86
nib_rng_block_words nib_rng_block_avx2, nib_rng_block_avx512;
nib_rng_block_targets nib_rng_targets_avx2, nib_rng_targets_avx512;
#endif

#endif
