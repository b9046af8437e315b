/* Compiled once per instruction set: see core/isa.h. Philox4x32-10 with an element per 64-bit lane, so that a
 * product of two words is one instruction; Random123's, which rng.c uses for single elements, is made for one
 * at a time. What lies in the upper half of a lane is left there: only products look at a word, and they look
 * at the lower half. */
#include "core/rng_block.h"

#include <string.h>

#include "core/simd.h"

#if defined(__AVX512F__)

enum { LANES = 8 };
typedef __m512i words;

NIB_INLINE words load(const uint64_t *from)
{
    return _mm512_loadu_si512(from);
}
NIB_INLINE void store(void *to, words x)
{
    _mm512_storeu_si512(to, x);
}
NIB_INLINE words set(uint64_t x)
{
    return _mm512_set1_epi64((int64_t)x);
}
NIB_INLINE words add(words a, words b)
{
    return _mm512_add_epi64(a, b);
}
/** The products of the lower halves. */
NIB_INLINE words multiply(words a, words b)
{
    return _mm512_mul_epu32(a, b);
}
NIB_INLINE words upper(words x)
{
    return _mm512_srli_epi64(x, 32);
}
NIB_INLINE words differ(words a, words b, words c)
{
    return _mm512_ternarylogic_epi64(a, b, c, 0x96);
}
/** The upper halves of both, those of `low` below. */
NIB_INLINE words join(words low, words high)
{
    return _mm512_mask_mov_epi32(upper(low), 0xaaaa, high);
}

#elif defined(__AVX2__)

enum { LANES = 4 };
typedef __m256i words;

NIB_INLINE words load(const uint64_t *from)
{
    return _mm256_loadu_si256((const __m256i *)from);
}
NIB_INLINE void store(void *to, words x)
{
    _mm256_storeu_si256(to, x);
}
NIB_INLINE words set(uint64_t x)
{
    return _mm256_set1_epi64x((int64_t)x);
}
NIB_INLINE words add(words a, words b)
{
    return _mm256_add_epi64(a, b);
}
NIB_INLINE words multiply(words a, words b)
{
    return _mm256_mul_epu32(a, b);
}
NIB_INLINE words upper(words x)
{
    return _mm256_srli_epi64(x, 32);
}
NIB_INLINE words differ(words a, words b, words c)
{
    return _mm256_xor_si256(_mm256_xor_si256(a, b), c);
}
NIB_INLINE words join(words low, words high)
{
    return _mm256_blend_epi32(upper(low), high, 0xaa);
}

#elif defined(__x86_64__)

enum { LANES = 2 };
typedef __m128i words;

NIB_INLINE words load(const uint64_t *from)
{
    return _mm_loadu_si128((const __m128i *)from);
}
NIB_INLINE void store(void *to, words x)
{
    _mm_storeu_si128(to, x);
}
NIB_INLINE words set(uint64_t x)
{
    return _mm_set1_epi64x((int64_t)x);
}
NIB_INLINE words add(words a, words b)
{
    return _mm_add_epi64(a, b);
}
NIB_INLINE words multiply(words a, words b)
{
    return _mm_mul_epu32(a, b);
}
NIB_INLINE words upper(words x)
{
    return _mm_srli_epi64(x, 32);
}
NIB_INLINE words differ(words a, words b, words c)
{
    return _mm_xor_si128(_mm_xor_si128(a, b), c);
}
NIB_INLINE words join(words low, words high)
{
    return _mm_or_si128(upper(low), _mm_slli_epi64(upper(high), 32));
}

#else

enum { LANES = 1 };
typedef uint64_t words;

NIB_INLINE words load(const uint64_t *from)
{
    return *from;
}
NIB_INLINE void store(void *to, words x)
{
    memcpy(to, &x, sizeof x);
}
NIB_INLINE words set(uint64_t x)
{
    return x;
}
NIB_INLINE words add(words a, words b)
{
    return a + b;
}
NIB_INLINE words multiply(words a, words b)
{
    return (a & UINT32_MAX) * (b & UINT32_MAX);
}
NIB_INLINE words upper(words x)
{
    return x >> 32;
}
NIB_INLINE words differ(words a, words b, words c)
{
    return a ^ b ^ c;
}
NIB_INLINE words join(words low, words high)
{
    return (low >> 32) | (high & ~(uint64_t)UINT32_MAX);
}

#endif

enum { CHAINS = 4 /* elements next to each other, times LANES: products take a while */ };
static const uint64_t count_up[8] = {0, 1, 2, 3, 4, 5, 6, 7};

/* Words of elements first, first + 1, ...: x[w][c] are those of LANES elements. */
NIB_INLINE void draw(const nib_rng *rng, uint64_t first, words x[4][CHAINS])
{
    uint32_t key_0 = (uint32_t)rng->seed, key_1 = (uint32_t)(rng->seed >> 32);
    NIB_UNROLL
    for (int c = 0; c < CHAINS; ++c) {
        x[0][c] = add(load(count_up), set(first + (uint64_t)(c * LANES)));
        x[1][c] = upper(x[0][c]);
        x[2][c] = set(rng->stream);
        x[3][c] = set(rng->step);
    }
    for (int round = 0; round < 10; ++round) {
        NIB_UNROLL
        for (int c = 0; c < CHAINS; ++c) {
            const words a = multiply(x[0][c], set(UINT64_C(0xD2511F53)));
            const words b = multiply(x[2][c], set(UINT64_C(0xCD9E8D57)));
            x[0][c] = differ(upper(b), x[1][c], set(key_0));
            x[1][c] = b;
            x[2][c] = differ(upper(a), x[3][c], set(key_1));
            x[3][c] = a;
        }
        key_0 += 0x9E3779B9u;
        key_1 += 0xBB67AE85u;
    }
}

void NIB_ISA_NAME(nib_rng_block)(const nib_rng *rng, uint64_t first, uint32_t to[4][NIB_RNG_BLOCK])
{
    for (int i = 0; i < NIB_RNG_BLOCK; i += CHAINS * LANES) {
        words x[4][CHAINS];
        draw(rng, first + (uint64_t)i, x);
        for (int w = 0; w < 4; ++w) {
            uint64_t lane[CHAINS * LANES];
            for (int c = 0; c < CHAINS; ++c)
                store(lane + c * LANES, x[w][c]);
            for (int k = 0; k < CHAINS * LANES; ++k)
                to[w][i + k] = (uint32_t)lane[k];
        }
    }
}

/* word * n / 2^64 by halves, for n < 2^32: Lemire's multiply-shift; the result is in the upper half. */
NIB_INLINE words scale_down(words low, words high, words n)
{
    return add(multiply(high, n), upper(multiply(low, n)));
}

void NIB_ISA_NAME(nib_rng_targets)(const nib_rng *rng, int64_t first, uint32_t target[2 * NIB_RNG_BLOCK])
{
    for (int i = 0; i < NIB_RNG_BLOCK; i += CHAINS * LANES) {
        words x[4][CHAINS];
        draw(rng, (uint64_t)(first / 2 + i), x);
        NIB_UNROLL
        for (int c = 0; c < CHAINS; ++c) {
            const int k = i + c * LANES;
            const words n = add(set((uint64_t)(first + 2 * k + 1)), add(load(count_up), load(count_up)));
            store(target + 2 * k,
                  join(scale_down(x[0][c], x[1][c], n), scale_down(x[2][c], x[3][c], add(n, set(1)))));
        }
    }
}
