/* Dense nodes at the largest numbers that a way to multiply can take, and one above, where the next way must
 * be taken: the fast run against the trace, in every rounding and overflow mode. */
#include <criterion/criterion.h>

#include <string.h>

#include "engine_ways.h"
#include "random_net.h"
#include "tests/sanitized.h"

enum { COLUMNS = 3, ROWS = 40 };

typedef enum way_to { TO_DOT16, TO_BLOCKS, TO_RESIDUE, TO_PAIR, TO_WIDE, WAYS_TO } way_to;

static const char *const way_names[WAYS_TO] = {"dot16", "blocks", "residue", "pair", "wide"};

typedef struct net {
    nib_arena *arena;
    random_source source;
    nib_fixnet net;
    nib_fix_node node[3];
    nib_fix_output output;
} net;

/* x is any number of 16 bits. Columns: the weights, their negatives, and both in turns. */
static void make_layer(net *n, int64_t n_in, const int64_t *weight, nib_fixed x, int64_t bias)
{
    nib_fixed w = {.bits = 16, .integer = 1, .is_signed = true},
              b = {.bits = 32, .integer = 13, .is_signed = true};
    int64_t *kernel = NIB_NEW(n->arena, int64_t, n_in * COLUMNS);
    int64_t *biases = NIB_NEW(n->arena, int64_t, COLUMNS);
    for (int64_t i = 0; i < n_in; ++i)
        for (int64_t o = 0; o < COLUMNS; ++o)
            kernel[i * COLUMNS + o] = o == 0 || (o == 2 && i % 2) ? weight[i] : -weight[i];
    biases[1] = bias;
    n->node[0] = (nib_fix_node){.kind = NIB_FIX_INPUT,
                                .name = "x",
                                .layer = "x",
                                .positions = 1,
                                .features = n_in,
                                .type = nib_fix_types_of(n->arena, &x)};
    n->node[1] = (nib_fix_node){.kind = NIB_FIX_DENSE,
                                .name = "fc1",
                                .layer = "fc1",
                                .n_inputs = 1,
                                .positions = 1,
                                .features = COLUMNS};
    nib_fix_dense *dense = &n->node[1].as.dense;
    dense->kernel = (nib_fix_array){n_in, COLUMNS, kernel, nib_fix_types_of(n->arena, &w)};
    dense->bias = (nib_fix_array){1, COLUMNS, biases, nib_fix_types_of(n->arena, &b)};
    dense->reuse = 1;
}

/* Types behind the weights: what is cast in which way. */
static void type_layer(net *n, nib_fixed y, bool relu)
{
    nib_error err = {0};
    nib_fix_interval interval[2] = {{0}};
    nib_fix_dense *dense = &n->node[1].as.dense;
    n->net = (nib_fixnet){.n_nodes = 2, .node = n->node, .n_inputs = 1, .n_outputs = 1, .output = &n->output};
    cr_assert_eq(nib_fixnet_interval(&n->net, 0, interval, n->arena, &interval[0], &err), NIB_OK, "%s",
                 err.message);
    cr_assert_eq(nib_fix_dense_accum(dense, &interval[0], &dense->accum, &err), NIB_OK, "%s", err.message);
    dense->proven = true;
    n->node[1].type = nib_fix_types_of(n->arena, relu ? &dense->accum : &y);
    n->output = (nib_fix_output){"y", 1};
    if (relu) {
        n->node[2] = (nib_fix_node){.kind = NIB_FIX_RELU,
                                    .name = "relu1",
                                    .layer = "relu1",
                                    .n_inputs = 1,
                                    .input = {1},
                                    .positions = 1,
                                    .features = COLUMNS,
                                    .type = nib_fix_types_of(n->arena, &y)};
        n->net.n_nodes = 3;
        n->output.node = 2;
    }
    cr_assert_eq(nib_fixnet_check(&n->net, &err), NIB_OK, "%s", err.message);
}

/* The largest and smallest sums of each column, and bytes at their ends. */
static float *extreme_rows(net *n)
{
    static const int64_t ends[] = {-32768, 32767, -32513, 32512, 0, 255, -1, -256, 256};
    const nib_fixed x = nib_fix_type_at(&n->node[0].type, 0);
    const nib_fix_array *kernel = &n->node[1].as.dense.kernel;
    const float step = 1.0f / (float)((int64_t)1 << nib_fixed_fraction(&x));
    float *rows = NIB_NEW(n->arena, float, ROWS * kernel->rows);
    for (int64_t r = 0; r < ROWS; ++r)
        for (int64_t i = 0; i < kernel->rows; ++i) {
            int64_t code = ends[random_between(&n->source, 0, 8)];
            if (r < 2 * COLUMNS)
                code = (kernel->code[i * COLUMNS + r / 2] > 0) == (r % 2 == 0) ? 32767 : -32768;
            else if (r % 3 == 0)
                code = random_between(&n->source, -32768, 32767);
            rows[r * kernel->rows + i] = (float)(x.is_signed ? code : code + 32768) * step;
        }
    return rows;
}

static nib_engine *engine_of(const net *n, const engine_way *way)
{
    nib_engine *engine = NULL;
    nib_error err = {0};
    cr_assert_eq(nib_engine_create_with(&engine, &n->net, way->loops, &way->dense_loops, &err), NIB_OK, "%s",
                 err.message);
    return engine;
}

static way_to way_of(const nib_engine *engine)
{
    const nib_engine_stage *stage = &engine->stage[1];
    const nib_engine_dense_loops *loops = engine->dense_loops;
    cr_assert_eq(stage->kind, NIB_ENGINE_STAGE_DENSE, "a stage of kind %d", (int)stage->kind);
    return stage->product == loops->dot16                     ? TO_DOT16
           : stage->product == loops->pair                    ? TO_PAIR
           : stage->product == loops->blocks && loops->blocks ? TO_BLOCKS
           : stage->product == loops->wide                    ? TO_WIDE
                                                              : TO_RESIDUE;
}

/* All ways that this processor has. `with` and `without`: what a set with bytes must do, and one without.
 * @return how many were cast in vectors */
static int compare(net *n, way_to with, way_to without)
{
    const int y = n->output.node;
    int64_t *fast = NIB_NEW(n->arena, int64_t, ROWS * COLUMNS), *traced[3] = {NULL, NULL, NULL};
    const float *x = extreme_rows(n);
    int finished = 0;
    engine_way way;
    traced[y] = NIB_NEW(n->arena, int64_t, ROWS * COLUMNS);
    for (int i = 0, first = 1; next_way(&i, &way); first = 0) {
        nib_engine *engine = engine_of(n, &way);
        const way_to taken = way_of(engine);
        const way_to wanted = taken == TO_BLOCKS ? TO_BLOCKS : way.dense_loops.dot8 ? with : without;
        cr_assert_eq(taken, wanted, "%s: %lld inputs are multiplied by %s, not %s", way.name,
                     (long long)n->node[0].features, way_names[taken], way_names[wanted]);
        if (first)
            nib_engine_trace(engine, &x, ROWS, traced, NULL);
        memset(fast, 0x55, ROWS * COLUMNS * sizeof *fast);
        nib_engine_run(engine, &x, ROWS, &fast);
        for (int k = 0; k < ROWS * COLUMNS; ++k)
            cr_assert_eq(fast[k], traced[y][k],
                         "%s by %s, rounding %d, overflow %d, row %d, column %d: %lld, traced %lld", way.name,
                         way_names[taken], (int)n->node[y].type.rounding, (int)n->node[y].type.overflow,
                         k / COLUMNS, k % COLUMNS, (long long)fast[k], (long long)traced[y][k]);
        finished += engine->stage[1].as.dense.finish.possible;
        nib_engine_destroy(engine);
    }
    return finished;
}

/* The layer cast to some types of every rounding and overflow mode. */
static void compare_casts(int64_t n_in, const int64_t *weight, int64_t bias, way_to with, way_to without)
{
    static const int shifts[] = {1, 5, 8, 12, 15, 16, 20, 23};
    enum { SHIFTS = sizeof shifts / sizeof *shifts };
    int finished = 0;
    for (int k = 0; k < NIB_ROUNDING_COUNT * NIB_OVERFLOW_COUNT * SHIFTS; k += NIB_ONE_IN(3)) {
        net n = {.arena = nib_arena_create(), .source = {(uint64_t)k * 7919 + (uint64_t)n_in}};
        const bool relu = random_between(&n.source, 0, 1), positive = random_between(&n.source, 0, 1);
        /* Sums have the fraction 15 + 4. */
        const nib_fixed x = {.bits = 16, .integer = 12, .is_signed = !positive, .rounding = NIB_ROUNDING_RND};
        const int bits = (int)random_between(&n.source, 6, 16), shift = shifts[k % SHIFTS];
        const nib_fixed y = {.bits = bits,
                             .integer = bits - 19 + shift,
                             .is_signed = !relu,
                             .rounding = (nib_rounding)(k / SHIFTS % NIB_ROUNDING_COUNT),
                             .overflow = (nib_overflow)(k / SHIFTS / NIB_ROUNDING_COUNT)};
        make_layer(&n, n_in, weight, x, bias);
        type_layer(&n, y, relu);
        finished += compare(&n, with, without);
        nib_arena_destroy(n.arena);
    }
    cr_log_info("%lld inputs, %s and %s: %d casts in vectors", (long long)n_in, way_names[with],
                way_names[without], finished);
}

Test(engine_bounds, sums_of_30_bits_and_more)
{
    nib_cpu_flush_denormals();
    /* 32768 (or 65535, stored with an offset) times 16383: below 2^30. */
    compare_casts(2, (const int64_t[]){8191, 8192}, 0, TO_DOT16, TO_DOT16);
    compare_casts(2, (const int64_t[]){32767, 1}, 0, TO_RESIDUE, TO_PAIR);
    compare_casts(5, (const int64_t[]){32767, 32767, 32767, 32767, 32767}, 12345, TO_RESIDUE, TO_PAIR);
}

/* All weights 127, which are low parts and nothing else: 32768 * 127 * 516 + 256 is the last below 2^31. The
 * upper byte of such weights is exact once it is their only one. */
Test(engine_bounds, low_sums_of_pairs)
{
    int64_t weight[517];
    nib_cpu_flush_denormals();
    for (int i = 0; i < 517; ++i)
        weight[i] = 127;
    compare_casts(516, weight, 0, TO_RESIDUE, TO_PAIR);
    compare_casts(517, weight, 0, TO_RESIDUE, TO_WIDE);
}

/* One large weight decides what the upper byte is; of the others, all 127, it has nothing: each misses up to
 * 127 * (255 * 256 + 255). */
Test(engine_bounds, what_residues_miss)
{
    int64_t weight[600];
    nib_cpu_flush_denormals();
    for (int i = 0; i < 600; ++i)
        weight[i] = i ? 127 : 32767;
    compare_casts(514, weight, 0, TO_RESIDUE, TO_PAIR);
    compare_casts(516, weight, 0, TO_PAIR, TO_PAIR);
}

/* Blocks into which the first set of loops divides a layer with these weights. */
static int64_t blocks_of(int64_t n_in, const int64_t *weight)
{
    net n = {.arena = nib_arena_create(), .source = {1}};
    const nib_fixed x = {.bits = 16, .integer = 12, .is_signed = true};
    nib_engine *engine = NULL;
    nib_error err = {0};
    engine_way way;
    int i = 0;
    make_layer(&n, n_in, weight, x, 0);
    type_layer(&n, (nib_fixed){.bits = 16, .integer = 13, .is_signed = true}, false);
    cr_assert(next_way(&i, &way), "no set of loops");
    cr_assert_eq(nib_engine_create_with(&engine, &n.net, way.loops, &way.dense_loops, &err), NIB_OK, "%s",
                 err.message);
    const int64_t blocks = way_of(engine) == TO_BLOCKS ? engine->stage[1].as.dense.n_blocks : 0;
    nib_engine_destroy(engine);
    nib_arena_destroy(n.arena);
    return blocks;
}

/* 32768 * 65533 and 2^16 that are left of the blocks before are the most below 2^31: 16 weights to a block,
 * and with one more unit 14. */
Test(engine_bounds, blocks)
{
    enum { INPUTS = 160 };
    int64_t weight[INPUTS];
    nib_cpu_flush_denormals();
    for (int i = 0; i < INPUTS; ++i)
        weight[i] = i % 16 > 1 ? 4096 : 4094 + i % 16;
    cr_assert_eq(blocks_of(INPUTS, weight), INPUTS / 16, "%lld blocks", (long long)blocks_of(INPUTS, weight));
    compare_casts(INPUTS, weight, 54321, TO_RESIDUE, TO_PAIR);
    for (int i = 0; i < INPUTS; ++i)
        weight[i] = i % 16 > 1 ? 4096 : 4095;
    cr_assert_eq(blocks_of(INPUTS, weight), (INPUTS + 13) / 14, "%lld blocks",
                 (long long)blocks_of(INPUTS, weight));
    compare_casts(INPUTS, weight, -54321, TO_RESIDUE, TO_PAIR);
    cr_assert_eq(blocks_of(2, (const int64_t[]){32767, 32766}), 1, "two inputs that fit");
    cr_assert_eq(blocks_of(2, (const int64_t[]){32767, 32767}), 0, "two inputs that do not fit");
}

/* Rows of one number each, with weights that are all alike: there the bound of Cauchy and Schwarz is the sum
 * itself. 64 * 16383 * 2048 is the last below 2^31. */
static void compare_small_rows(bool positive, nib_rounding rounding)
{
    enum { INPUTS = 64, FIRST = 1964, STEP = 4 };
    net n = {.arena = nib_arena_create(), .source = {1}};
    const nib_fixed x = {.bits = 16, .integer = 12, .is_signed = !positive, .rounding = NIB_ROUNDING_RND};
    const nib_fixed y = {
        .bits = 16, .integer = 17, .is_signed = true, .rounding = rounding, .overflow = NIB_OVERFLOW_SAT};
    int64_t weight[INPUTS], fast[ROWS * COLUMNS], traced[ROWS * COLUMNS];
    float *rows = NIB_NEW(n.arena, float, ROWS *INPUTS);
    engine_way way;
    for (int i = 0; i < INPUTS; ++i)
        weight[i] = 16383;
    make_layer(&n, INPUTS, weight, x, 1000);
    type_layer(&n, y, false);
    for (int k = 0; k < ROWS * INPUTS; ++k) {
        const int number = FIRST + STEP * (k / INPUTS);
        rows[k] = (float)(positive || k / INPUTS % 4 < 2 ? number : -number) / 16;
    }
    for (int i = 0; next_way(&i, &way);) {
        nib_engine *engine = engine_of(&n, &way);
        const float *in = rows;
        int64_t *out = fast;
        int one = 0;
        nib_engine_trace(engine, &in, ROWS, (int64_t *[]){NULL, traced}, NULL);
        nib_engine_run(engine, &in, ROWS, &out);
        for (int k = 0; k < ROWS * COLUMNS; ++k)
            cr_assert_eq(fast[k], traced[k], "%s, %d of %s: %lld, traced %lld", way.name,
                         FIRST + STEP * (k / COLUMNS), positive ? "unsigned" : "signed", (long long)fast[k],
                         (long long)traced[k]);
        const nib_engine_narrow *narrow = &engine->stage[1].as.dense.narrow;
        cr_assert(narrow->limit > 0, "%s: no row gets by with one sum", way.name);
        for (int r = 0; r < ROWS; ++r)
            one += narrow->total[r] <= narrow->limit;
        cr_assert(one > 12 && one <= (2048 - FIRST) / STEP + 1, "%s: %d rows get by with one sum", way.name,
                  one);
        nib_engine_destroy(engine);
    }
    nib_arena_destroy(n.arena);
}

Test(engine_bounds, rows_of_small_numbers)
{
    nib_cpu_flush_denormals();
    for (int positive = 0; positive < 2; ++positive) {
        compare_small_rows(positive, NIB_ROUNDING_RND);
        compare_small_rows(positive, NIB_ROUNDING_RND_CONV);
    }
}

typedef struct mixture {
    int64_t inputs, weight, small; /* the largest weight, and number in rows of small ones */
    int shift, bits;               /* what the sums lose, and the type of y; 0 bits: sums as they are */
    bool positive;                 /* no input is negative */
} mixture;

/* Rows of which some, `large` in a hundred, have numbers too large for one sum: none to all of them, in lots
 * of every size, to bytes, 16, 32 and 64 bits. */
static void compare_mixed_rows(const mixture *m, int large)
{
    enum { MANY = 131 };
    const int bits = m->bits;
    const bool positive = m->positive;
    net n = {.arena = nib_arena_create(), .source = {(uint64_t)(large * 40 + bits)}};
    const nib_fixed x = {.bits = 16, .integer = 12, .is_signed = !positive, .rounding = NIB_ROUNDING_RND};
    const int stored = bits ? bits : 16;
    const nib_fixed y = {.bits = stored,
                         .integer = stored - 19 + m->shift,
                         .is_signed = true,
                         .rounding = NIB_ROUNDING_RND,
                         .overflow = NIB_OVERFLOW_SAT};
    int64_t *weight = NIB_NEW(n.arena, int64_t, m->inputs), fast[MANY * COLUMNS], traced[MANY * COLUMNS];
    float *rows = NIB_NEW(n.arena, float, MANY * m->inputs);
    engine_way way;
    int wide = 0;
    for (int64_t i = 0; i < m->inputs; ++i)
        weight[i] = random_between(&n.source, -m->weight - 1, m->weight);
    make_layer(&n, m->inputs, weight, x, 1000);
    type_layer(&n, y, false);
    if (bits == 0) /* sums as they are */
        n.node[1].type = nib_fix_types_of(n.arena, &n.node[1].as.dense.accum);
    for (int r = 0; r < MANY; ++r) {
        const bool is_large = random_between(&n.source, 1, 100) <= large;
        const int64_t most = is_large ? 32767 : m->small;
        wide += is_large;
        for (int64_t i = 0; i < m->inputs; ++i) {
            const bool up = (weight[i] > 0) == (r % 2 == 0);
            const int64_t number = is_large ? (up         ? most
                                               : positive ? 0
                                                          : -most)
                                            : random_between(&n.source, 0, most);
            rows[r * m->inputs + i] = (float)number / 16;
        }
    }
    for (int i = 0; next_way(&i, &way);) {
        nib_engine *engine = engine_of(&n, &way);
        const float *in = rows;
        int64_t *out = fast;
        cr_assert_eq((engine->tile < NIB_ENGINE_BLOCK), (m->inputs > 3000), "%lld inputs: tiles of %lld rows",
                     (long long)m->inputs, (long long)engine->tile);
        nib_engine_trace(engine, &in, MANY, (int64_t *[]){NULL, traced}, NULL);
        nib_engine_run(engine, &in, MANY, &out);
        for (int k = 0; k < MANY * COLUMNS; ++k)
            cr_assert_eq(fast[k], traced[k],
                         "%s, %d bits, %d of %d rows large, row %d, column %d: %lld, traced %lld", way.name,
                         bits, wide, MANY, k / COLUMNS, k % COLUMNS, (long long)fast[k],
                         (long long)traced[k]);
        /* Of those with bytes, not every shift is done in registers. */
        const nib_engine_dense *dense = &engine->stage[1].as.dense;
        cr_assert(dense->narrow.limit > 0 || (dense->bytes && bits % 16),
                  "%s, %d bits: no row gets by with one sum", way.name, bits);
        nib_engine_destroy(engine);
    }
    nib_arena_destroy(n.arena);
}

static const int shares_of_large[] = {0, 1, 2, 5, 10, 20, 30, 45, 55, 100};

Test(engine_bounds, rows_of_small_and_of_large_numbers)
{
    static const struct {
        int shift, bits;
    } types[] = {{16, 16}, {24, 8}, {16, 18}, {0, 0}};
    nib_cpu_flush_denormals();
    for (int i = 0; i < 16; ++i)
        for (size_t k = 0; k < sizeof shares_of_large / sizeof *shares_of_large; ++k) {
            const mixture m = {i < 8 ? 37 : 13,       32767, 300, types[i / 2 % 4].shift,
                               types[i / 2 % 4].bits, i % 2};
            compare_mixed_rows(&m, shares_of_large[k]);
        }
}

/* A lot of rows that are done again is larger than the whole tile: so wide a layer has nine rows in one. */
Test(engine_bounds, tiles_of_fewer_rows_than_a_lot)
{
    nib_cpu_flush_denormals();
    for (size_t k = 0; k < sizeof shares_of_large / sizeof *shares_of_large; k += NIB_ONE_IN(3)) {
        const mixture m = {3500, 100, 50, 8, 16, false};
        compare_mixed_rows(&m, shares_of_large[k]);
    }
}
