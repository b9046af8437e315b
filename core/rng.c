#include "core/rng.h"

#include <math.h>

#include <Random123/philox.h>

#include "core/rng_block.h"

static const double TWO_PI = 6.283185307179586476925286766559;

uint32_t nib_rng_stream(const char *name)
{
    uint32_t hash = 2166136261u;
    for (const unsigned char *c = (const unsigned char *)name; *c; ++c)
        hash = (hash ^ *c) * 16777619u;
    return hash;
}

void nib_rng_words(const nib_rng *rng, uint64_t element, uint32_t words[4])
{
    philox4x32_ctr_t counter = {{(uint32_t)element, (uint32_t)(element >> 32), rng->stream, rng->step}};
    philox4x32_key_t key = {{(uint32_t)rng->seed, (uint32_t)(rng->seed >> 32)}};
    philox4x32_ctr_t out = philox4x32_R(10, counter, key);
    for (int i = 0; i < 4; ++i)
        words[i] = out.v[i];
}

/* 53 bits in [0, 1). */
static double unit(uint32_t low, uint32_t high)
{
    return (double)((((uint64_t)high << 32) | low) >> 11) * 0x1p-53;
}

double nib_rng_uniform(const nib_rng *rng, uint64_t element)
{
    uint32_t w[4];
    nib_rng_words(rng, element, w);
    return unit(w[0], w[1]);
}

double nib_rng_normal(const nib_rng *rng, uint64_t element)
{
    uint32_t w[4];
    nib_rng_words(rng, element, w);
    /* 1 - u lies in (0, 1], so the logarithm is finite. */
    return sqrt(-2.0 * log(1.0 - unit(w[0], w[1]))) * cos(TWO_PI * unit(w[2], w[3]));
}

/* High 64 bits of word * n: Lemire's multiply-shift, biased by less than n / 2^64. */
static uint64_t scale_down(uint64_t word, uint64_t n)
{
    uint64_t w0 = word & 0xffffffffu, w1 = word >> 32, n0 = n & 0xffffffffu, n1 = n >> 32;
    uint64_t middle = w1 * n0 + ((w0 * n0) >> 32);
    uint64_t carry = (middle & 0xffffffffu) + w0 * n1;
    return w1 * n1 + (middle >> 32) + (carry >> 32);
}

uint64_t nib_rng_below(const nib_rng *rng, uint64_t element, uint64_t n)
{
    uint32_t w[4];
    nib_rng_words(rng, element, w);
    return scale_down(((uint64_t)w[1] << 32) | w[0], n);
}

static void words_of_block(const nib_rng *rng, uint64_t first, uint32_t words[4][NIB_RNG_BLOCK])
{
#if NIB_ISA_X86
    const nib_isa isa = nib_isa_chosen().isa;
    if (isa == NIB_ISA_AVX512) {
        nib_rng_block_avx512(rng, first, words);
        return;
    }
    if (isa == NIB_ISA_AVX2) {
        nib_rng_block_avx2(rng, first, words);
        return;
    }
#endif
    nib_rng_block(rng, first, words);
}

void nib_rng_floats(const nib_rng *rng, uint64_t first, int64_t n, int word, float *u)
{
    uint32_t words[4][NIB_RNG_BLOCK];
    for (int64_t from = 0; from < n; from += NIB_RNG_BLOCK) {
        const int64_t left = n - from, count = left < NIB_RNG_BLOCK ? left : NIB_RNG_BLOCK;
        if (count < NIB_RNG_BLOCK / 16) { /* one at a time is faster than a block */
            for (int64_t i = 0; i < count; ++i) {
                uint32_t one[4];
                nib_rng_words(rng, first + (uint64_t)(from + i), one);
                u[from + i] = (float)(one[word] >> 8) * 0x1p-24f;
            }
            continue;
        }
        words_of_block(rng, first + (uint64_t)from, words);
        for (int64_t i = 0; i < count; ++i)
            u[from + i] = (float)(words[word][i] >> 8) * 0x1p-24f;
    }
}

/* target[k] = nib_rng_below of half k & 1 of element (first + k) / 2, n = first + k + 1: what index first + k
 * changes places with. `first` is even and below 2^31. */
static void targets_of_block(const nib_rng *rng, int64_t first, uint32_t target[2 * NIB_RNG_BLOCK])
{
    uint32_t words[4][NIB_RNG_BLOCK];
    words_of_block(rng, (uint64_t)first / 2, words);
    for (int64_t k = 0; k < 2 * NIB_RNG_BLOCK; ++k) {
        /* scale_down for n < 2^32 */
        const uint64_t n = (uint64_t)(first + k + 1), half = 2 * (uint64_t)(k & 1);
        const uint64_t low = words[half][k / 2], high = words[half + 1][k / 2];
        target[k] = (uint32_t)((high * n + ((low * n) >> 32)) >> 32);
    }
}

/* Fisher-Yates from the end. The shuffle of a large data set is a serial part of an epoch, so targets are
 * drawn in blocks, and those of the block to come are fetched while this one is shuffled. */
void nib_rng_permutation(const nib_rng *rng, int64_t n, int32_t *index)
{
    enum { SWAPS = 2 * NIB_RNG_BLOCK };
    uint32_t target[2][SWAPS];
    for (int64_t i = 0; i < n; ++i)
        index[i] = (int32_t)i;
    int64_t first = n > 0 ? (n - 1) / SWAPS * SWAPS : 0; /* of the block */
    targets_of_block(rng, first, target[0]);
    int now = 0;
    for (int64_t i = n - 1; i > 0; first -= SWAPS, now = !now) {
        if (first > 0) {
            targets_of_block(rng, first - SWAPS, target[!now]);
            for (int k = 0; k < SWAPS; ++k)
                __builtin_prefetch(index + target[!now][k], 1);
        }
        for (; i >= first && i > 0; --i) {
            const uint32_t j = target[now][i - first];
            const int32_t swap = index[i];
            index[i] = index[j];
            index[j] = swap;
        }
    }
}
