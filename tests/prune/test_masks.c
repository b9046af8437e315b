/* Criteria and masks on small kernels whose answer is known. */
#include <math.h>

#include "core/rng.h"
#include "prune/mask.h"
#include "prune/select.h"
#include "tests/options_of.h"

static nib_arena *arena;

static void setup(void)
{
    arena = nib_arena_create();
}

static void teardown(void)
{
    nib_arena_destroy(arena);
}

TestSuite(prune_masks, .init = setup, .fini = teardown);

static const nib_prune_rule by_index = {false, false}, tfmot = {true, true}, ties = {false, true};

static nib_prune_tensor tensor_of(int64_t rows, int64_t cols, const float *value)
{
    float *mask = NIB_NEW(arena, float, rows *cols);
    for (int64_t i = 0; i < rows * cols; i++)
        mask[i] = 1.0f;
    return (nib_prune_tensor){.name = "t/kernel",
                              .rows = rows,
                              .cols = cols,
                              .stride = cols,
                              .value = value,
                              .gradient = value,
                              .mask = mask,
                              .cost = 1,
                              .seed = 3};
}

static bool make(const char *criterion, const char *options, nib_prune_tensor *t, double sparsity,
                 const nib_prune_rule *rule)
{
    nib_error err = {0};
    nib_prune_scratch scratch;
    const nib_prune_criterion *c = nib_prune_criterion_find(criterion);
    cr_assert(c != NULL, "%s is there", criterion);
    cr_assert_eq(nib_prune_scratch_create(arena, t->rows * t->cols, &scratch, &err), NIB_OK, "scratch");
    return nib_prune_mask(c, options_of(arena, &c->options, options), t, sparsity, rule, &scratch);
}

static const char *mask_text(const nib_prune_tensor *t)
{
    static char text[256];
    int n = 0;
    for (int64_t r = 0; r < t->rows; r++)
        for (int64_t c = 0; c < t->cols; c++)
            text[n++] = t->mask[r * t->stride + c] != 0.0f ? '1' : '0';
    text[n] = '\0';
    return text;
}

Test(prune_masks, ties)
{
    static const float w[8] = {.1f, -.2f, .2f, .2f, -.5f, .05f, .3f, .2f}, zeros[4] = {0, 0, 0, 1};
    nib_prune_tensor t = tensor_of(2, 4, w);
    cr_expect(make("magnitude", "", &t, 0.5, &by_index), "the mask changes");
    cr_expect_str_eq(mask_text(&t), "01101010", "four are kept, equal ones by index");
    cr_expect(!make("magnitude", "", &t, 0.5, &by_index), "a second time nothing changes");
    t = tensor_of(2, 4, w);
    (void)make("magnitude", "", &t, 0.5, &tfmot);
    cr_expect_str_eq(mask_text(&t), "01111011", "TFMOT keeps all that equal the threshold");
    t = tensor_of(2, 4, w);
    (void)make("magnitude", "", &t, 0.5, &ties);
    cr_expect_str_eq(mask_text(&t), "01111011", "so does ties: keep");
    t = tensor_of(2, 2, zeros);
    (void)make("magnitude", "", &t, 0.25, &tfmot);
    cr_expect_str_eq(mask_text(&t), "1111", "threshold 0 keeps all in TFMOT");
    t = tensor_of(2, 2, zeros);
    (void)make("magnitude", "", &t, 0.25, &by_index);
    cr_expect_str_eq(mask_text(&t), "1101", "three by default");
    t = tensor_of(1, 3, w);
    (void)make("magnitude", "", &t, 1, &by_index);
    cr_expect_eq(nib_prune_count(&t), 1, "one stays at sparsity 1");
}

/* What is pruned stays pruned, whatever its value has become. */
Test(prune_masks, nested)
{
    float w[6] = {1, 2, 3, 4, 5, 6};
    nib_prune_tensor t = tensor_of(2, 3, w);
    (void)make("magnitude", "", &t, 0.5, &by_index);
    cr_expect_str_eq(mask_text(&t), "000111", "the small half goes");
    w[0] = 100;
    (void)make("magnitude", "", &t, 0.5, &by_index);
    cr_expect_str_eq(mask_text(&t), "000111", "and does not come back");
    (void)make("magnitude", "", &t, 0.1, &by_index);
    cr_expect_str_eq(mask_text(&t), "000111", "at a lower sparsity neither");
    (void)make("magnitude", "", &t, 0.5, &tfmot);
    cr_expect_str_eq(mask_text(&t), "100011", "TFMOT chooses anew");
}

Test(prune_masks, structures)
{
    static const float w[12] = {1, 9, 2, /**/ 1, 0, 2, /**/ 1, 0, 3, /**/ 1, 0, 2};
    nib_prune_tensor t = tensor_of(4, 3, w);
    (void)make("neuron", "", &t, 0.34, &by_index);
    cr_expect_str_eq(mask_text(&t), "011011011011", "column 0 has the smallest sum");
    t = tensor_of(4, 3, w);
    (void)make("neuron", "{norm: l2}", &t, 0.67, &by_index);
    cr_expect_str_eq(mask_text(&t), "010010010010", "column 1 has the largest root of squares");
    t = tensor_of(4, 3, w);
    (void)make("block", "{rows: 2, cols: 2}", &t, 0.5, &by_index);
    cr_expect_str_eq(mask_text(&t), "110110001001", "blocks of the mean, cut off at the edge");
    t = tensor_of(4, 3, w);
    (void)make("block", "{rows: 4, cols: 1, pool: max}", &t, 0.34, &by_index);
    cr_expect_str_eq(mask_text(&t), "011011011011", "columns by their largest weight");
    t = tensor_of(4, 3, w);
    (void)make("n_m", "{group: 2}", &t, 0.5, &by_index);
    cr_expect_str_eq(mask_text(&t), "111000111000", "one of two inputs, the first of equal ones");
}

Test(prune_masks, gradient_and_random)
{
    static const float w[4] = {1, -2, 3, 4}, g[4] = {-9, 1, 1, 0};
    nib_prune_tensor t = tensor_of(2, 2, w);
    t.gradient = g;
    (void)make("gradient", "", &t, 0.5, &by_index);
    cr_expect_str_eq(mask_text(&t), "1010", "|w g| is 9 2 3 0");
    static float many[200];
    nib_prune_tensor a = tensor_of(10, 20, many), b = tensor_of(10, 20, many);
    (void)make("random", "", &a, 0.4, &by_index);
    cr_expect_eq(nib_prune_count(&a), 120, "as many as asked for");
    (void)make("random", "", &b, 0.2, &by_index);
    (void)make("random", "", &b, 0.4, &by_index);
    cr_expect_arr_eq(a.mask, b.mask, sizeof many, "one order, however often");
    b = tensor_of(10, 20, many);
    b.seed = 4;
    (void)make("random", "", &b, 0.4, &by_index);
    cr_expect(memcmp(a.mask, b.mask, sizeof many) != 0, "another seed, another order");
}

Test(prune_masks, global_pool)
{
    static const float large[4] = {10, 11, 12, 13}, small[4] = {1, 2, 3, 4};
    const nib_prune_criterion *c = nib_prune_criterion_find("magnitude");
    nib_error err = {0};
    nib_prune_scratch scratch;
    cr_assert_eq(nib_prune_scratch_create(arena, 8, &scratch, &err), NIB_OK, "scratch");
    nib_prune_tensor t[2] = {tensor_of(2, 2, large), tensor_of(1, 4, small)};
    (void)nib_prune_mask_global(c, NULL, t, 2, 0.5, &by_index, &scratch);
    cr_expect_str_eq(mask_text(&t[0]), "0111", "three of the large ones");
    cr_expect_str_eq(mask_text(&t[1]), "0001", "the best of the small ones, so that the layer stays");
    t[0] = tensor_of(2, 2, large);
    t[1] = tensor_of(1, 4, small);
    t[0].cost = 10;
    (void)nib_prune_mask_global(c, NULL, t, 2, 0.5, &by_index, &scratch);
    cr_expect_str_eq(mask_text(&t[0]), "0001", "large ones that cost ten times as much");
    cr_expect_str_eq(mask_text(&t[1]), "0111", "lose against small ones");
}

/* The choice against a sort, on scores with many ties. */
Test(prune_masks, selection_against_counting)
{
    enum { N = 700 };
    static float score[N];
    static int32_t order[N];
    static uint8_t keep[N];
    for (uint32_t trial = 0; trial < 60; trial++) {
        const nib_rng rng = {.seed = 5, .stream = trial};
        const int64_t n = 1 + (int64_t)nib_rng_below(&rng, 1000, N);
        const int64_t k = 1 + (int64_t)nib_rng_below(&rng, 1001, (uint64_t)n);
        const uint64_t values = trial % 3 == 0 ? 2 : trial % 3 == 1 ? 20 : 1000000;
        for (int64_t i = 0; i < n; i++)
            score[i] = (float)nib_rng_below(&rng, (uint64_t)i, values);
        nib_prune_select(score, n, k, order, keep);
        for (int64_t i = 0; i < n; i++) {
            int64_t ahead = 0;
            for (int64_t j = 0; j < n; j++)
                ahead += score[j] > score[i] || (score[j] == score[i] && j < i);
            cr_assert_eq(keep[i], ahead < k, "trial %u: %lld of %lld, number %lld with %lld ahead", trial,
                         (long long)k, (long long)n, (long long)i, (long long)ahead);
        }
    }
}
