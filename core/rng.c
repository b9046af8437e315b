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
    static nib_rng_block_words *const block[NIB_ISA_COUNT] = {
        nib_rng_block,
#if NIB_ISA_X86
        nib_rng_block_avx2,
        nib_rng_block_avx512,
#endif
    };
    block[nib_isa_chosen().isa](rng, first, words);
}

static void targets_of_block(const nib_rng *rng, int64_t first, uint32_t target[2 * NIB_RNG_BLOCK])
{
    static nib_rng_block_targets *const block[NIB_ISA_COUNT] = {
        nib_rng_targets,
#if NIB_ISA_X86
        nib_rng_targets_avx2,
        nib_rng_targets_avx512,
#endif
    };
    block[nib_isa_chosen().isa](rng, first, target);
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

enum { SWAPS = 2 * NIB_RNG_BLOCK /* in a block of targets */ };

void nib_shuffle_begin(nib_shuffle *s, const nib_rng *rng, int64_t n, int32_t *index)
{
    _Static_assert(sizeof s->target == 2 * SWAPS * sizeof(uint32_t), "two blocks");
    for (int64_t i = 0; i < n; ++i)
        index[i] = (int32_t)i;
    s->rng = *rng;
    s->index = index;
    s->at = n - 1;
    s->first = n > 0 ? (n - 1) / SWAPS * SWAPS : 0;
    s->now = 1;
    s->drawn = false;
    if (n > 0)
        targets_of_block(rng, s->first, s->target[0]);
}

/* The targets of the block to come: a data set's rows are more than the cache near by holds. */
static void draw_next(nib_shuffle *s)
{
    s->now = !s->now;
    s->drawn = true;
    if (s->first == 0)
        return;
    uint32_t *const target = s->target[!s->now];
    targets_of_block(&s->rng, s->first - SWAPS, target);
    for (int k = 0; k < SWAPS; ++k)
        __builtin_prefetch(s->index + target[k], 1);
}

/* Fisher-Yates from the end. Targets are drawn in blocks, and those of the block to come are fetched while
 * this one is shuffled, or longer. */
void nib_shuffle_advance(nib_shuffle *s, int64_t swaps)
{
    int32_t *const index = s->index;
    while (s->at > 0 && swaps > 0) {
        if (!s->drawn)
            draw_next(s);
        const int64_t first = s->first, begin = first > 0 ? first : 1, last = s->at;
        const int64_t end = last - swaps >= begin ? last - swaps + 1 : begin;
        const uint32_t *const target = s->target[s->now];
        for (int64_t i = last; i >= end; --i) {
            const uint32_t j = target[i - first];
            const int32_t swap = index[i];
            index[i] = index[j];
            index[j] = swap;
        }
        swaps -= last - end + 1;
        s->at = end - 1;
        if (s->at < first) {
            s->first -= SWAPS;
            s->drawn = false;
        }
    }
}

void nib_rng_permutation(const nib_rng *rng, int64_t n, int32_t *index)
{
    nib_shuffle s;
    nib_shuffle_begin(&s, rng, n, index);
    nib_shuffle_advance(&s, n);
}
