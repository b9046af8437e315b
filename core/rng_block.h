/** Many random words at once, by vectors. Private to core/rng.c. */
#ifndef NIB_CORE_RNG_BLOCK_H
#define NIB_CORE_RNG_BLOCK_H

#include "core/isa.h"
#include "core/rng.h"

enum { NIB_RNG_BLOCK = 64 };

/** words[w][i] = word w of element first + i, as nib_rng_words gives them. */
void nib_rng_block(const nib_rng *rng, uint64_t first, uint32_t words[4][NIB_RNG_BLOCK]);
#if NIB_ISA_X86
void nib_rng_block_avx2(const nib_rng *rng, uint64_t first, uint32_t words[4][NIB_RNG_BLOCK]);
void nib_rng_block_avx512(const nib_rng *rng, uint64_t first, uint32_t words[4][NIB_RNG_BLOCK]);
#endif

#endif
