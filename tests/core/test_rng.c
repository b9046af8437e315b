/* Counter-based random numbers: the published vectors, ranges, moments, permutations. */
#include <criterion/criterion.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/rng.h"
#include "core/rng_block.h"

/* philox4x32 10 of Random123's tests/kat_vectors: counter, key, result. */
static const uint32_t vectors[][10] = {
    {0, 0, 0, 0, 0, 0, 0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8},
    {0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff, 0x408f276d, 0x41c83b0e,
     0xa20bc7c6, 0x6d5451fd},
    {0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344, 0xa4093822, 0x299f31d0, 0xd16cfe09, 0x94fdcceb,
     0x5001e420, 0x24126ea1},
};

Test(rng, words_are_philox_4x32_10)
{
    for (size_t i = 0; i < sizeof vectors / sizeof vectors[0]; ++i) {
        const uint32_t *v = vectors[i];
        const nib_rng rng = {.seed = (uint64_t)v[5] << 32 | v[4], .stream = v[2], .step = v[3]};
        uint32_t words[4];
        nib_rng_words(&rng, (uint64_t)v[1] << 32 | v[0], words);
        for (int k = 0; k < 4; ++k)
            cr_expect(words[k] == v[6 + k], "vector %d, word %d: %08x, not %08x", (int)i, k, words[k],
                      v[6 + k]);
    }
}

Test(rng, streams_are_fnv_hashes)
{
    cr_expect(nib_rng_stream("") == 0x811c9dc5u, "of the empty text");
    cr_expect(nib_rng_stream("a") == 0xe40c292cu, "of a");
    cr_expect(nib_rng_stream("foobar") == 0xbf9cf968u, "of foobar");
}

Test(rng, numbers_depend_on_seed_stream_step_and_element)
{
    const nib_rng base = {.seed = 1, .stream = 2, .step = 3};
    nib_rng other[3] = {base, base, base};
    other[0].seed = UINT64_C(1) << 40 | 1;
    other[1].stream = 3;
    other[2].step = 4;
    for (int i = 0; i < 3; ++i)
        cr_expect(nib_rng_uniform(&base, 7) != nib_rng_uniform(&other[i], 7), "key part %d is not used", i);
    cr_expect(nib_rng_uniform(&base, 7) != nib_rng_uniform(&base, UINT64_C(1) << 32 | 7),
              "high element bits");
    cr_expect(nib_rng_uniform(&base, 7) == nib_rng_uniform(&base, 7), "the same again");
}

Test(rng, uniform_and_normal_have_their_moments)
{
    const nib_rng rng = {.seed = 9, .stream = nib_rng_stream("moments")};
    enum { N = 200000 };
    double sum = 0, square = 0, low = 1, high = 0, normal = 0, normal2 = 0, normal4 = 0;
    for (uint64_t i = 0; i < N; ++i) {
        double u = nib_rng_uniform(&rng, i), z = nib_rng_normal(&rng, i);
        sum += u / N;
        square += u * u / N;
        low = fmin(low, u);
        high = fmax(high, u);
        normal += z / N;
        normal2 += z * z / N;
        normal4 += z * z * z * z / N;
    }
    cr_expect(low >= 0 && low < 1e-4 && high < 1 && high > 1 - 1e-4, "range %g to %g", low, high);
    cr_expect(fabs(sum - 0.5) < 0.003 && fabs(square - 1.0 / 3) < 0.003, "uniform moments %g %g", sum,
              square);
    cr_expect(fabs(normal) < 0.01 && fabs(normal2 - 1) < 0.015 && fabs(normal4 - 3) < 0.12,
              "normal moments %g %g %g", normal, normal2, normal4);
}

Test(rng, below_is_even_and_below)
{
    const nib_rng rng = {.seed = 9, .stream = 5};
    int count[7] = {0};
    for (uint64_t i = 0; i < 70000; ++i) {
        uint64_t x = nib_rng_below(&rng, i, 7);
        cr_assert(x < 7, "element %d gives %d", (int)i, (int)x);
        count[x]++;
    }
    for (int k = 0; k < 7; ++k)
        cr_expect(abs(count[k] - 10000) < 500, "%d falls %d times in 70000", k, count[k]);
    cr_expect(nib_rng_below(&rng, 3, 1) == 0, "only 0 lies below 1");
    __extension__ typedef unsigned __int128 wide;
    for (uint64_t i = 0; i < 200; ++i) {
        uint32_t w[4];
        nib_rng_words(&rng, i, w);
        const uint64_t n = UINT64_C(0xfedcba9876543210) >> (i % 60);
        const uint64_t expected = (uint64_t)((wide)((uint64_t)w[1] << 32 | w[0]) * n >> 64);
        cr_assert(nib_rng_below(&rng, i, n) == expected, "element %d below a large bound", (int)i);
    }
}

Test(rng, a_permutation_has_every_index_once_and_no_favourites)
{
    const nib_rng rng = {.seed = 4, .stream = 6};
    int32_t index[100], again[100];
    int at[5][5] = {{0}};
    for (int64_t n = 1; n <= 100; ++n) {
        bool seen[100] = {false};
        nib_rng_permutation(&rng, n, index);
        for (int64_t i = 0; i < n; ++i) {
            cr_assert(index[i] >= 0 && index[i] < n && !seen[index[i]], "n %d: index %d", (int)n, index[i]);
            seen[index[i]] = true;
        }
    }
    nib_rng_permutation(&rng, 100, again);
    cr_expect(memcmp(index, again, sizeof index) == 0, "the same seed gives the same order");
    for (uint32_t step = 0; step < 20000; ++step) {
        const nib_rng one = {.seed = 4, .stream = 6, .step = step};
        nib_rng_permutation(&one, 5, index);
        for (int i = 0; i < 5; ++i)
            at[i][index[i]]++;
    }
    for (int i = 0; i < 5; ++i)
        for (int k = 0; k < 5; ++k)
            cr_expect(abs(at[i][k] - 4000) < 300, "%d is at %d %d times in 20000", k, i, at[i][k]);
}

static void expect_block(const char *name, const nib_rng *rng, uint64_t first,
                         uint32_t words[4][NIB_RNG_BLOCK])
{
    for (uint64_t i = 0; i < NIB_RNG_BLOCK; ++i) {
        uint32_t w[4];
        nib_rng_words(rng, first + i, w);
        for (int k = 0; k < 4; ++k)
            cr_assert(words[k][i] == w[k], "%s: word %d of element %d is %08x, not %08x", name, k, (int)i,
                      words[k][i], w[k]);
    }
}

Test(rng, blocks_are_the_words_of_their_elements)
{
    const nib_rng rng = {.seed = UINT64_C(0x123456789abcdef0), .stream = 0xdeadbeef, .step = 7};
    uint32_t words[4][NIB_RNG_BLOCK];
    for (uint64_t first = 0; first < UINT64_C(0xf000000000000000); first = 3 * first + 64) {
        nib_rng_block(&rng, first, words);
        expect_block("baseline", &rng, first, words);
#if NIB_ISA_X86
        if (nib_isa_supported(NIB_ISA_AVX2)) {
            nib_rng_block_avx2(&rng, first, words);
            expect_block("avx2", &rng, first, words);
        }
        if (nib_isa_supported(NIB_ISA_AVX512)) {
            nib_rng_block_avx512(&rng, first, words);
            expect_block("avx512", &rng, first, words);
        }
#endif
        if (first > UINT64_C(0x4000000000000000))
            break;
    }
}

/* As the header defines it, swap by swap. */
Test(rng, a_permutation_swaps_what_its_elements_say)
{
    enum { N = 1000 };
    const nib_rng rng = {.seed = 11, .stream = 3};
    int32_t index[N], expected[N];
    for (int32_t n = 1; n <= N; n += 37) {
        for (int32_t i = 0; i < n; ++i)
            expected[i] = i;
        for (int32_t i = n - 1; i > 0; --i) {
            uint32_t w[4];
            nib_rng_words(&rng, (uint64_t)i / 2, w);
            const uint64_t word = (uint64_t)w[2 * (i % 2) + 1] << 32 | w[2 * (i % 2)];
            const uint64_t bound = (uint64_t)i + 1; /* far below 2^32: no carry is lost */
            const uint64_t low = (word & 0xffffffffu) * bound;
            const int64_t j = (int64_t)(((word >> 32) * bound + (low >> 32)) >> 32);
            const int32_t swap = expected[i];
            expected[i] = expected[j];
            expected[j] = swap;
        }
        nib_rng_permutation(&rng, n, index);
        cr_assert(memcmp(index, expected, (size_t)n * sizeof *index) == 0, "another order of %d", (int)n);
    }
}

/* However many swaps are asked for at a time. */
Test(rng, a_shuffle_in_pieces_is_the_permutation)
{
    enum { N = 1000 };
    static const int64_t pieces[] = {1, 7, 127, 128, 129, 300, N};
    const nib_rng rng = {.seed = 5, .stream = 8, .step = 2};
    int32_t index[N], expected[N];
    for (int64_t n = 0; n <= N; n = n < 3 ? n + 1 : 2 * n < N ? 2 * n : n + 211)
        for (size_t p = 0; p < sizeof pieces / sizeof *pieces; ++p) {
            nib_shuffle shuffle;
            memset(index, -1, sizeof index);
            nib_rng_permutation(&rng, n, expected);
            nib_shuffle_begin(&shuffle, &rng, n, index);
            for (int64_t done = 0; done < n; done += pieces[p])
                nib_shuffle_advance(&shuffle, pieces[p]);
            cr_assert(memcmp(index, expected, (size_t)n * sizeof *index) == 0,
                      "%d rows, %d swaps at a time: another order", (int)n, (int)pieces[p]);
            cr_assert(n == N || index[n] == -1, "%d rows: written beyond", (int)n);
            nib_shuffle_advance(&shuffle, n);
            cr_assert(memcmp(index, expected, (size_t)n * sizeof *index) == 0,
                      "%d rows: swapped on when all was done", (int)n);
        }
}

static void expect_targets(const char *name, nib_rng_block_targets *targets)
{
    const nib_rng rng = {.seed = UINT64_C(0xfedcba987654321), .stream = 17, .step = 3};
    uint32_t target[2 * NIB_RNG_BLOCK];
    for (int64_t first = 0; first < INT64_C(1) << 31; first = 5 * first + 128) {
        targets(&rng, first, target);
        for (int64_t k = 0; k < 2 * NIB_RNG_BLOCK; ++k) {
            uint32_t w[4];
            nib_rng_words(&rng, (uint64_t)(first + k) / 2, w);
            const uint64_t n = (uint64_t)(first + k + 1), low = w[k % 2 * 2] * n;
            const uint64_t expected = (w[k % 2 * 2 + 1] * n + (low >> 32)) >> 32;
            cr_assert(target[k] == expected, "%s: swap %lld with %u, not %llu", name, (long long)(first + k),
                      target[k], (unsigned long long)expected);
        }
    }
}

Test(rng, targets_of_blocks)
{
    expect_targets("baseline", nib_rng_targets);
#if NIB_ISA_X86
    if (nib_isa_supported(NIB_ISA_AVX2))
        expect_targets("avx2", nib_rng_targets_avx2);
    if (nib_isa_supported(NIB_ISA_AVX512))
        expect_targets("avx512", nib_rng_targets_avx512);
#endif
}

/* Floats of a block and one at a time are those of the words. */
Test(rng, floats_are_words)
{
    const nib_rng rng = {.seed = 9, .stream = 4, .step = 2};
    float u[200];
    for (int64_t n = 1; n <= 200; n += 1 + n / 2)
        for (int word = 0; word < 4; word++) {
            nib_rng_floats(&rng, 77, n, word, u);
            for (int64_t i = 0; i < n; i++) {
                uint32_t words[4];
                nib_rng_words(&rng, 77 + (uint64_t)i, words);
                cr_assert(u[i] == (float)(words[word] >> 8) * 0x1p-24f && u[i] < 1.0f, "element %lld of %lld",
                          (long long)i, (long long)n);
            }
        }
}
