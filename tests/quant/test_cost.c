/* Cost of nets made by hand: the published numbers, the peers' numbers, and the formulas one by one. */
#include <criterion/criterion.h>

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "quant/cost.h"

enum { MAX_NODES = 32 };

typedef struct builder {
    nib_arena *arena;
    nib_fix_node node[MAX_NODES];
    nib_fix_output output;
    nib_fixnet net;
} builder;

static builder start(void)
{
    return (builder){.arena = nib_arena_create()};
}

static nib_fixed type_of(const char *text)
{
    nib_fixed type = {0};
    nib_error err = {0};
    cr_assert_eq(nib_fixed_parse(text, &type, NULL, &err), NIB_OK, "%s", err.message);
    return type;
}

static nib_fix_types types_of(builder *b, const char *text)
{
    const nib_fixed type = type_of(text);
    return nib_fix_types_of(b->arena, &type);
}

/* A node after the last one. */
static nib_fix_node *add_node(builder *b, nib_fix_kind kind, int64_t positions, int64_t features,
                              const char *type)
{
    const int index = b->net.n_nodes++;
    nib_fix_node *node = &b->node[index];
    cr_assert(index < MAX_NODES, "room for a node");
    node->kind = kind;
    node->name = node->layer = nib_arena_printf(b->arena, "n%d", index);
    node->positions = positions;
    node->features = features;
    node->type = types_of(b, type);
    node->n_inputs = index > 0;
    node->input[0] = index - 1;
    return node;
}

/* Codes first, first + 1, ... that avoid 0 and powers of two in value. */
static nib_fix_node *add_dense(builder *b, int64_t n_out, const char *weight, const char *accum,
                               const char *type, int64_t reuse)
{
    const nib_fix_node before = b->node[b->net.n_nodes - 1];
    const int64_t n_in = before.features;
    int64_t *kernel = NIB_NEW(b->arena, int64_t, n_in * n_out), *bias = NIB_NEW(b->arena, int64_t, n_out);
    nib_fix_node *node = add_node(b, NIB_FIX_DENSE, before.positions, n_out, type);
    for (int64_t i = 0; i < n_in * n_out; i++)
        kernel[i] = 3;
    for (int64_t i = 0; i < n_out; i++)
        bias[i] = 1;
    node->as.dense = (nib_fix_dense){.kernel = {n_in, n_out, kernel, types_of(b, weight)},
                                     .bias = {1, n_out, bias, types_of(b, weight)},
                                     .accum = type_of(accum),
                                     .reuse = reuse,
                                     .order = NIB_FIX_ORDER_RESOURCE};
    return node;
}

static int64_t *codes(nib_fix_node *node)
{
    return (int64_t *)(uintptr_t)node->as.dense.kernel.code;
}

static nib_cost *cost_of(builder *b, double clock_ns, bool stream)
{
    const nib_cost_options options = {clock_ns, stream};
    nib_cost *cost = NULL;
    nib_error err = {0};
    b->net.node = b->node;
    b->net.n_inputs = b->net.n_outputs = 1;
    b->output = (nib_fix_output){"y", b->net.n_nodes - 1};
    b->net.output = &b->output;
    cr_assert_eq(nib_fixnet_check(&b->net, &err), NIB_OK, "%s", err.message);
    cr_assert_eq(nib_cost_create(&b->net, &options, b->arena, &cost, &err), NIB_OK, "%s", err.message);
    return cost;
}

static void expect(const double *value, nib_cost_number what, double wanted, const char *of)
{
    cr_expect_eq(value[what], wanted, "%s of %s: %.10g instead of %.10g", nib_cost_abouts[what].title, of,
                 value[what], wanted);
}

/* hls4ml's tutorial of its resource strategy: 784-128-128-128-10 at fixed<16,6>. */
Test(cost, the_tutorial_has_1162_dsps_and_518_cycles)
{
    static const char *const t = "fixed<16,6>";
    builder b = start();
    add_node(&b, NIB_FIX_INPUT, 1, 784, t);
    for (int i = 0; i < 4; i++) {
        add_dense(&b, i < 3 ? 128 : 10, t, t, t, i == 0 ? 112 : 128);
        if (i < 3)
            add_node(&b, NIB_FIX_RELU, 1, 128, t);
    }
    nib_fix_node *softmax = add_node(&b, NIB_FIX_SOFTMAX, 1, 10, t);
    const nib_fixed table = type_of("fixed<18,8,RND,SAT>");
    softmax->as.softmax = (nib_fix_softmax){.kind = NIB_FIX_SOFTMAX_STABLE,
                                            .inp_norm = type_of("ufixed<15,5>"),
                                            .exp_table = table,
                                            .inv_inp = table,
                                            .inv_table = table,
                                            .accum = type_of(t),
                                            .exp_size = 1024,
                                            .inv_size = 1024};
    nib_cost *cost = cost_of(&b, 5, false);
    double dense = 0;
    for (int i = 0; i < cost->n_nodes; i++)
        if (cost->node[i].node->kind == NIB_FIX_DENSE) {
            dense += cost->node[i].value[NIB_COST_DSP];
            cr_expect_eq(cost->node[i].valid_reuse, 0, "hls4ml takes the reuse factor of %s",
                         cost->node[i].node->name);
        }
    cr_expect_eq(dense, 1162, "DSPs of the dense layers: %g", dense);
    expect(cost->total, NIB_COST_II, 128, "the tutorial");
    const double latency = cost->total[NIB_COST_LATENCY];
    cr_expect(latency >= 466 && latency <= 570, "latency %g cycles, the tutorial has 518", latency);
    expect(cost->total, NIB_COST_WEIGHT_BITS, 16.0 * (784 * 128 + 128 * 128 * 2 + 1280 + 128 * 3 + 10), "it");
    /* 896 words of 16 bits, 112 deep, in blocks of 512 x 36 */
    expect(cost->node[1].value, NIB_COST_BRAM18, ceil(896 * 16 / 36.0), "fc1");
    nib_arena_destroy(b.arena);
}

static double total_multipliers(int64_t pruned, int64_t reuse, const char *type, double *dsp)
{
    builder b = start();
    add_node(&b, NIB_FIX_INPUT, 1, 32, type);
    nib_fix_node *node = add_dense(&b, 16, type, "fixed<32,16>", type, reuse);
    for (int64_t i = 0; i < pruned; i++)
        codes(node)[(i * 37) % 512] = 0;
    nib_cost *cost = cost_of(&b, 5, false);
    const double multipliers = cost->total[NIB_COST_MULTIPLIERS];
    *dsp = cost->total[NIB_COST_DSP];
    cr_expect_eq(cost->total[NIB_COST_ZEROS], (double)pruned, "zeros are counted");
    nib_arena_destroy(b.arena);
    return multipliers;
}

Test(cost, multipliers_and_dsps_fall_by_the_pruned_count)
{
    for (int64_t pruned = 0; pruned <= 512; pruned += 64)
        for (int64_t reuse = 1; reuse <= 8; reuse *= 2) {
            double dsp, narrow;
            const double m = total_multipliers(pruned, reuse, "fixed<16,6>", &dsp);
            cr_expect_eq(m, (double)((512 - pruned) / reuse), "%" PRId64 " pruned, reuse %" PRId64 ": %g",
                         pruned, reuse, m);
            cr_expect_eq(dsp, m, "one DSP each: %g", dsp);
            (void)total_multipliers(pruned, reuse, "fixed<9,6>", &narrow);
            cr_expect_eq(narrow, 0, "nine bits need none");
        }
    cr_expect_eq(nib_cost_dsp(9, 9), 0, "9 x 9");
    cr_expect_eq(nib_cost_dsp(10, 2), 1, "10 x 2");
    cr_expect_eq(nib_cost_dsp(27, 18), 1, "27 x 18");
    cr_expect_eq(nib_cost_dsp(18, 27), 1, "18 x 27");
    cr_expect_eq(nib_cost_dsp(28, 18), 2, "28 x 18");
    cr_expect_eq(nib_cost_dsp(19, 19), 2, "19 x 19");
    cr_expect_eq(nib_cost_dsp(32, 32), 4, "32 x 32");
}

Test(cost, numbers_of_a_small_layer)
{
    builder b = start();
    add_node(&b, NIB_FIX_INPUT, 1, 4, "ufixed<6,2,RND,SAT>");
    nib_fix_node *node =
        add_dense(&b, 2, "fixed<4,1,RND_CONV,SAT_SYM>", "fixed<16,6>", "fixed<8,3,RND,SAT>", 1);
    static const int64_t kernel[] = {5, 0, -6, 7, 2, 0, 0, -1}; /* fraction 3: no weight is +-1 */
    memcpy(codes(node), kernel, sizeof kernel);
    nib_cost *cost = cost_of(&b, 5, false);
    const double *v = cost->node[1].value;
    expect(v, NIB_COST_WEIGHTS, 8, "it");
    expect(v, NIB_COST_ZEROS, 3, "it");
    expect(v, NIB_COST_ONES, 0, "it");
    expect(v, NIB_COST_MULTIPLIERS, 5, "it");
    expect(v, NIB_COST_DSP, 0, "it");
    expect(v, NIB_COST_EBOPS, 6 * (3 + 2 + 3 + 1 + 1), "it");
    expect(v, NIB_COST_EBOPS_HGQ2, 6 * 3 * 8 + 3 * 2, "it"); /* SAT_SYM: the sign is no bit of the weights */
    expect(v, NIB_COST_MAC_BITS, 5 * 6 * 4, "it");
    expect(v, NIB_COST_BOPS, 2 * 4 * ((1 - 3.0 / 8) * 6 * 4 + 6 + 4 + 2), "it");
    /* 5 = 101, 6 = 10-10, 7 = 100-1, 2, 1: digits 2 2 2 1 1; outputs {5, -6, 2} and {7, -1}, both with bias
     */
    expect(v, NIB_COST_CSD_ADDERS, (2 + 2 + 1) + (2 + 1), "it");
    expect(v, NIB_COST_ADDERS, 3 + 2, "it");
    expect(v, NIB_COST_WEIGHT_BITS, 10 * 4, "it");
    expect(v, NIB_COST_LUT, 60 + 2 * (8 + 8), "it");
    expect(v, NIB_COST_BRAM18, 0, "it");
    cr_expect_eq(nib_cost_csd_digits(0), 0, "no digit");
    cr_expect_eq(nib_cost_csd_digits(INT64_C(0x5555)), 8, "alternating bits stay");
    cr_expect_eq(nib_cost_csd_digits(-INT64_C(0x7fff)), 2, "a run becomes two");
    cr_expect_eq(nib_cost_span(0), 0, "0");
    cr_expect_eq(nib_cost_span(-12), 2, "12 = 1100");
    cr_expect_eq(nib_cost_span(7), 3, "7");
    nib_arena_destroy(b.arena);
}

Test(cost, ones_are_adders)
{
    builder b = start();
    add_node(&b, NIB_FIX_INPUT, 1, 8, "fixed<12,4>");
    nib_fix_node *node = add_dense(&b, 4, "fixed<12,4>", "fixed<24,12>", "fixed<16,8>", 1);
    for (int i = 0; i < 8; i++) /* +-1 among others */
        codes(node)[i] = i % 2 ? 256 : -256;
    nib_cost *cost = cost_of(&b, 5, false);
    expect(cost->total, NIB_COST_ONES, 8, "mixed");
    expect(cost->total, NIB_COST_MULTIPLIERS, 24, "mixed");
    expect(cost->total, NIB_COST_DSP, 24, "mixed");
    node->as.dense.reuse = 4; /* they come from a memory now */
    cost = cost_of(&b, 5, false);
    expect(cost->total, NIB_COST_ONES, 0, "mixed, reused");
    expect(cost->total, NIB_COST_MULTIPLIERS, 8, "mixed, reused");
    for (int i = 0; i < 32; i++) /* ternary with a scale */
        codes(node)[i] = i % 3 == 0 ? 0 : i % 3 == 1 ? 64 : -64;
    cost = cost_of(&b, 5, false);
    expect(cost->total, NIB_COST_ONES, 21, "ternary");
    expect(cost->total, NIB_COST_MULTIPLIERS, 0, "ternary");
    expect(cost->total, NIB_COST_DSP, 0, "ternary");
    nib_arena_destroy(b.arena);
}

/* phi over N elements: every position has its hardware; a mean over 7 divides. */
Test(cost, sets_count_positions_and_dividers)
{
    static const struct {
        nib_fix_pool_kind kind;
        int64_t n;
        double dividers;
    } table[] = {{NIB_FIX_POOL_MEAN, 7, 5},  {NIB_FIX_POOL_MEAN, 8, 0}, {NIB_FIX_POOL_SUM, 7, 0},
                 {NIB_FIX_POOL_MEAN, 12, 5}, {NIB_FIX_POOL_MAX, 7, 0},  {NIB_FIX_POOL_MEAN, 1, 0}};
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        const double n = (double)table[i].n;
        builder b = start();
        add_node(&b, NIB_FIX_INPUT, table[i].n, 3, "fixed<12,4>");
        add_dense(&b, 5, "fixed<12,4>", "fixed<30,12>", "fixed<16,8>", 1);
        add_node(&b, NIB_FIX_POOL, 1, 5, "fixed<20,10>")->as.pool =
            (nib_fix_pool){table[i].kind, type_of("fixed<24,12>"), false};
        nib_cost *cost = cost_of(&b, 5, false);
        const char *name = nib_arena_printf(b.arena, "pool %d over %g", (int)table[i].kind, n);
        expect(cost->node[1].value, NIB_COST_MULTIPLIERS, 15 * n, name);
        expect(cost->node[1].value, NIB_COST_DSP, 15 * n, name);
        expect(cost->node[1].value, NIB_COST_EBOPS, 15 * n * 12 * 2, name);
        expect(cost->node[1].value, NIB_COST_II, 1, name);
        expect(cost->node[2].value, NIB_COST_DIVIDERS, table[i].dividers, name);
        expect(cost->node[2].value, NIB_COST_ADDERS, 5 * (n - 1), name);
        if (table[i].kind != NIB_FIX_POOL_MAX)
            expect(cost->node[2].value, NIB_COST_EBOPS_HGQ2, 0.65 * 15 * 5 * (n - 1), name);
        cost = cost_of(&b, 5, true);
        expect(cost->node[1].value, NIB_COST_MULTIPLIERS, 15, "a stream");
        expect(cost->node[1].value, NIB_COST_EBOPS, 15 * n * 12 * 2, "a stream");
        expect(cost->total, NIB_COST_II, n, "a stream");
        nib_arena_destroy(b.arena);
    }
}

static bool read_numbers(FILE *file, int64_t n, int64_t *value)
{
    for (int64_t i = 0; i < n; i++)
        if (fscanf(file, "%" SCNd64, &value[i]) != 1)
            return false;
    return true;
}

/* A layer of the golden file as a net of its own; its EBOPs. */
static double ebops_of(FILE *file, int64_t positions, int64_t n_in, int64_t n_out)
{
    builder b = start();
    const int64_t n = positions * n_in;
    int64_t *bits = NIB_NEW(b.arena, int64_t, n), fraction;
    int8_t *width = NIB_NEW(b.arena, int8_t, n);
    cr_assert(fscanf(file, " x") == 0 && read_numbers(file, n, bits), "bits of the inputs");
    cr_assert(fscanf(file, " w %" SCNd64, &fraction) == 1, "fraction of the kernel");
    nib_fix_node *x = add_node(&b, NIB_FIX_INPUT, positions, n_in, "fixed<8,8>");
    nib_fixed *type = NIB_NEW(b.arena, nib_fixed, n);
    for (int64_t i = 0; i < n; i++) {
        width[i] = (int8_t)bits[i];
        type[i] = type_of("fixed<8,8>");
    }
    x->type = nib_fix_types_each(b.arena, type, n);
    x->type.bits = x->type.integer = width; /* 0 bits as well, which no text can say */
    nib_fix_node *node = add_dense(&b, n_out, "fixed<32,32>", "fixed<32,32>", "fixed<16,8>", 1);
    cr_assert(read_numbers(file, n_in * n_out, codes(node)), "the kernel");
    nib_cost *cost = cost_of(&b, 5, false);
    const double ebops = cost->total[NIB_COST_EBOPS];
    nib_arena_destroy(b.arena);
    return ebops;
}

Test(cost, exact_ebops_are_those_of_hgq)
{
    FILE *file = fopen(NIB_TEST_FOLDER "/quant/golden/hgq_ebops.txt", "r");
    char word[16], name[64], net[64] = "";
    int nets = 0;
    double wanted_net = 0, sum = 0;
    cr_assert(file, "the golden file opens");
    while (fscanf(file, "%15s %63s", word, name) == 2) {
        if (strcmp(word, "net") == 0) {
            cr_expect_eq(sum, wanted_net, "net %s: %g instead of %g", net, sum, wanted_net);
            cr_assert(fscanf(file, "%lf", &wanted_net) == 1, "EBOPs of a net");
            (void)snprintf(net, sizeof net, "%s", name);
            sum = 0;
            nets++;
            continue;
        }
        int64_t positions, n_in, n_out;
        double wanted;
        cr_assert(fscanf(file, "%" SCNd64 "%" SCNd64 "%" SCNd64 "%lf", &positions, &n_in, &n_out, &wanted) ==
                      4,
                  "shape of %s", name);
        const double ebops = ebops_of(file, positions, n_in, n_out);
        cr_expect_eq(ebops, wanted, "%s of %s: %g instead of %g", name, net, ebops, wanted);
        sum += ebops;
    }
    cr_expect_eq(sum, wanted_net, "net %s: %g instead of %g", net, sum, wanted_net);
    cr_assert_eq(nets, 3, "three nets");
    (void)fclose(file);
}

/* The rule spelled out, against the shortcut. */
static bool valid(int64_t n_in, int64_t n_out, int64_t r)
{
    const int64_t limit = (n_in * n_out + (n_in < r ? n_in : r) - 1) / (n_in < r ? n_in : r);
    return (limit % n_out == 0 || r >= n_in) && (r % n_in == 0 || r < n_in) && (n_in * n_out) % r == 0;
}

Test(cost, reuse_factors_that_hls4ml_changes)
{
    static const int64_t shapes[][2] = {{16, 64}, {64, 32}, {32, 5}, {3, 7}, {1, 4}, {128, 10}};
    for (size_t s = 0; s < sizeof shapes / sizeof *shapes; s++)
        for (int64_t r = 1; r <= shapes[s][0] * shapes[s][1] + 3; r++)
            cr_expect_eq(nib_cost_reuse_is_valid(shapes[s][0], shapes[s][1], r),
                         valid(shapes[s][0], shapes[s][1], r), "%" PRId64 " x %" PRId64 ", reuse %" PRId64,
                         shapes[s][0], shapes[s][1], r);
    static const int64_t table[][4] = {/* asked, taken, below, above */
                                       {3, 2, 2, 4},     {4, 0, 0, 0},     {7, 8, 4, 8},         {6, 4, 4, 8},
                                       {20, 16, 16, 32}, {33, 32, 32, 64}, {2000, 1024, 1024, 0}};
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        builder b = start();
        add_node(&b, NIB_FIX_INPUT, 1, 16, "fixed<16,6>");
        add_dense(&b, 64, "fixed<16,6>", "fixed<16,6>", "fixed<16,6>", table[i][0]);
        nib_cost *cost = cost_of(&b, 5, false);
        cr_expect_eq(cost->node[1].valid_reuse, table[i][1], "reuse %" PRId64 ": taken", table[i][0]);
        cr_expect_eq(cost->node[1].valid_below, table[i][2], "reuse %" PRId64 ": below", table[i][0]);
        cr_expect_eq(cost->node[1].valid_above, table[i][3], "reuse %" PRId64 ": above", table[i][0]);
        b.node[1].as.dense.order = NIB_FIX_ORDER_LATENCY;
        cr_expect_eq(cost_of(&b, 5, false)->node[1].valid_reuse, 0, "a latency strategy is not changed");
        nib_arena_destroy(b.arena);
    }
}

Test(cost, memories_and_devices)
{
    cr_expect_eq(nib_cost_bram18(128, 36), 1, "one block");
    cr_expect_eq(nib_cost_bram18(128, 37), 2, "one bit too wide");
    cr_expect_eq(nib_cost_bram18(1024, 18), 1, "a table of 1024");
    cr_expect_eq(nib_cost_bram18(16384, 1), 1, "long and thin");
    cr_expect_eq(nib_cost_m20k(32, 100), 0, "shallow");
    cr_expect_eq(nib_cost_mlab(32, 100), 5, "shallow");
    cr_expect_eq(nib_cost_m20k(33, 100), 3, "deep");
    cr_expect_eq(nib_cost_mlab(33, 100), 0, "deep");
    double value[NIB_COST_NUMBERS] = {0};
    value[NIB_COST_DSP] = 1228.8;
    const nib_device *d = nib_device_find("xcvu13p-flga2577-2-e");
    cr_assert(d && strcmp(d->name, "xcvu13p") == 0, "a part has its device");
    cr_expect(fabs(nib_cost_percent(value, d, NIB_COST_DSP) - 10) < 1e-9, "per cent");
    cr_expect_lt(nib_cost_percent(value, d, NIB_COST_M20K), 0, "AMD has no M20K");
    d = nib_device_find("xc7z020clg400-1");
    cr_assert(d == nib_device_find("PYNQ-Z2") && d, "the board is its chip");
    d = nib_device_find("Agilex7");
    cr_assert(d, "hls4ml's name");
    value[NIB_COST_DSP] = value[NIB_COST_DSP_NARROW] = 902;
    cr_expect(fabs(nib_cost_percent(value, d, NIB_COST_DSP) - 10) < 1e-9, "two narrow ones share a block");
    cr_expect_null(nib_device_find("xc7"), "no such device");
    for (int i = 0; i < nib_devices_count; i++) {
        const nib_device *row = &nib_devices[i];
        cr_expect(row->dsp > 0 && row->lut > 0 && row->ff > 0 && row->bram18 + row->m20k > 0 && *row->source,
                  "%s is complete", row->name);
    }
    for (int i = 0; i < NIB_COST_NUMBERS; i++)
        cr_expect(*nib_cost_abouts[i].formula && *nib_cost_abouts[i].source, "%s says where it comes from",
                  nib_cost_abouts[i].key);
}

/* Every kind of node has a cost that is finite, and the whole is the sum of its parts. */
Test(cost, every_kind_of_node)
{
    builder b = start();
    add_node(&b, NIB_FIX_INPUT, 4, 6, "fixed<10,4>");
    add_node(&b, NIB_FIX_CAST, 4, 6, "fixed<8,3,RND,SAT>");
    add_dense(&b, 8, "fixed<6,1>", "fixed<24,10>", "fixed<20,8>", 2);
    nib_fix_node *scale = add_node(&b, NIB_FIX_SCALE, 4, 8, "fixed<12,6,RND,SAT>");
    static const int64_t factors[8] = {3, 0, 16, -16, 5, 6, 7, 1}, shifts[8] = {1, 0, 0, 2, 0, 0, 0, 3};
    scale->as.scale.scale = (nib_fix_array){1, 8, factors, types_of(&b, "fixed<8,4>")};
    scale->as.scale.shift = (nib_fix_array){1, 8, shifts, types_of(&b, "fixed<8,4>")};
    add_node(&b, NIB_FIX_RELU, 4, 8, "ufixed<8,3,RND,SAT>");
    add_node(&b, NIB_FIX_POOL, 1, 8, "fixed<12,6>")->as.pool =
        (nib_fix_pool){NIB_FIX_POOL_SUM, type_of("fixed<20,10>"), false};
    add_node(&b, NIB_FIX_RESHAPE, 2, 4, "fixed<12,6>");
    nib_fix_node *table = add_node(&b, NIB_FIX_TABLE, 2, 4, "fixed<8,1>");
    table->as.table = (nib_fix_table){"tanh", 4096, NIB_NEW(b.arena, int64_t, 4096)};
    add_node(&b, NIB_FIX_LEAKY_RELU, 2, 4, "fixed<8,1>")->as.leaky_shift = 2;
    nib_cost *cost = cost_of(&b, 5, false);
    double sum[NIB_COST_NUMBERS] = {0}, latency = 0;
    for (int i = 0; i < cost->n_nodes; i++) {
        for (int k = 0; k < NIB_COST_NUMBERS; k++) {
            cr_expect(isfinite(cost->node[i].value[k]) && cost->node[i].value[k] >= 0, "%s of node %d: %g",
                      nib_cost_abouts[k].key, i, cost->node[i].value[k]);
            sum[k] += cost->node[i].value[k];
        }
        latency += cost->node[i].value[NIB_COST_LATENCY];
    }
    for (int k = 0; k < NIB_COST_NUMBERS; k++)
        if (k != NIB_COST_II && k != NIB_COST_LATENCY)
            expect(cost->total, (nib_cost_number)k, sum[k], "the net");
    expect(cost->total, NIB_COST_LATENCY, latency, "a chain");
    expect(cost->total, NIB_COST_II, 2, "the net");
    expect(cost->node[3].value, NIB_COST_ONES, 2, "scale"); /* 16 / 16 = 1 */
    expect(cost->node[3].value, NIB_COST_MULTIPLIERS, 4 * 5, "scale");
    expect(cost->node[7].value, NIB_COST_BRAM18, 4 * 2, "eight reads of 4096 x 8 bits");
    nib_arena_destroy(b.arena);
}
