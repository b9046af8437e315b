/** Fixnets: names, checks, intervals and proven accumulators of small nets, by hand. */
#include <criterion/criterion.h>
#include <string.h>

#include "quant/fixnet.h"

/* x: 2 features fixed<4,4>; y = x [[3, -2], [1, 0]] + [5, -1]; r = relu(y) as ufixed<8,6>. */
typedef struct small {
    nib_arena *arena;
    nib_fix_node node[3];
    nib_fix_output output;
    nib_fixnet net;
    int64_t kernel[4], bias[2];
} small;

static nib_fixed type_of(const char *text)
{
    nib_fixed type;
    cr_assert(nib_fixed_parse(text, &type, NULL, NULL) == NIB_OK, "%s is a type", text);
    return type;
}

static nib_fix_types types_of(nib_arena *arena, const char *text)
{
    const nib_fixed type = type_of(text);
    return nib_fix_types_of(arena, &type);
}

static void small_net(small *s)
{
    *s = (small){.arena = nib_arena_create(), .kernel = {3, -2, 1, 0}, .bias = {5, -1}};
    s->node[0] =
        (nib_fix_node){.kind = NIB_FIX_INPUT, .name = "x", .layer = "x", .positions = 1, .features = 2};
    s->node[0].type = types_of(s->arena, "fixed<4,4>");
    s->node[1] = (nib_fix_node){
        .kind = NIB_FIX_DENSE, .name = "fc1", .layer = "fc1", .n_inputs = 1, .positions = 1, .features = 2};
    s->node[1].type = types_of(s->arena, "fixed<16,12>");
    s->node[1].as.dense = (nib_fix_dense){.kernel = {2, 2, s->kernel, types_of(s->arena, "fixed<4,3>")},
                                          .bias = {1, 2, s->bias, types_of(s->arena, "fixed<5,3>")},
                                          .accum = type_of("fixed<12,8>"),
                                          .reuse = 1};
    s->node[2] = (nib_fix_node){.kind = NIB_FIX_RELU,
                                .name = "relu1",
                                .layer = "relu1",
                                .n_inputs = 1,
                                .input = {1},
                                .positions = 1,
                                .features = 2};
    s->node[2].type = types_of(s->arena, "ufixed<8,6>");
    s->output = (nib_fix_output){"y", 2};
    s->net = (nib_fixnet){3, s->node, 1, 1, &s->output};
}

Test(fixnet, intervals_of_a_small_net)
{
    small s;
    small_net(&s);
    nib_error err = {0};
    cr_assert(nib_fixnet_check(&s.net, &err) == NIB_OK, "%s", err.message);
    nib_fix_interval *i;
    cr_assert(nib_fixnet_intervals(&s.net, s.arena, &i, &err) == NIB_OK, "%s", err.message);
    cr_assert(i[0].fraction == 0 && i[0].low[1] == -8 && i[0].high[0] == 7, "the input's type");
    /* y0 = 1.5 x0 + 0.5 x1 + 1.25 in [-14.75, 15.25], y1 = -x0 - 0.25 in [-7.25, 7.75]; step 1/16 */
    cr_assert(i[1].fraction == 4, "dense has the step of its type");
    cr_assert(i[1].low[0] == -236 && i[1].high[0] == 244, "y0: %lld %lld", (long long)i[1].low[0],
              (long long)i[1].high[0]);
    cr_assert(i[1].low[1] == -116 && i[1].high[1] == 124, "y1: %lld %lld", (long long)i[1].low[1],
              (long long)i[1].high[1]);
    cr_assert(i[2].fraction == 2 && i[2].low[0] == 0 && i[2].high[0] == 61 && i[2].high[1] == 31, "relu");
    nib_arena_destroy(s.arena);
}

Test(fixnet, the_smallest_accumulator_holds_all)
{
    small s;
    small_net(&s);
    nib_error err = {0};
    nib_fix_interval *i;
    cr_assert(nib_fixnet_intervals(&s.net, s.arena, &i, &err) == NIB_OK, "%s", err.message);
    nib_fixed accum;
    cr_assert(nib_fix_dense_accum(&s.node[1].as.dense, &i[0], &accum, &err) == NIB_OK, "%s", err.message);
    /* -14.75 to 15.25 at a step of 1/4 */
    cr_assert(accum.bits == 7 && accum.integer == 5 && accum.is_signed, "fixed<%d,%d>", accum.bits,
              accum.integer);
    s.node[1].as.dense.accum = accum;
    s.node[1].as.dense.proven = true;
    cr_assert(nib_fixnet_check(&s.net, &err) == NIB_OK, "%s", err.message);
    s.node[1].as.dense.accum.bits--;
    s.node[1].as.dense.accum.integer--;
    cr_assert(nib_fixnet_check(&s.net, &err) == NIB_ERR_INPUT, "one bit less does not hold all");
    cr_assert(strstr(err.message, "fc1") && strstr(err.message, "proven"), "%s", err.message);
    s.node[1].as.dense.accum.integer++;
    cr_assert(nib_fixnet_check(&s.net, &err) == NIB_ERR_INPUT, "nor with a coarser step");
    nib_arena_destroy(s.arena);
}

Test(fixnet, accumulators_of_pools)
{
    const int64_t low[2] = {-3, 0}, high[2] = {2, 9};
    const nib_fix_interval x = {1, low, high};
    nib_fixed accum;
    nib_fix_pool pool = {.kind = NIB_FIX_POOL_SUM};
    cr_assert(nib_fix_pool_accum(&pool, 10, 2, &x, 0, &accum, NULL) == NIB_OK, "sum");
    cr_assert(accum.bits == 8 && accum.integer == 7 && accum.is_signed, "-30 to 90 halves: fixed<%d,%d>",
              accum.bits, accum.integer);
    pool.kind = NIB_FIX_POOL_MEAN;
    cr_assert(nib_fix_pool_accum(&pool, 8, 2, &x, 3, &accum, NULL) == NIB_OK, "mean");
    cr_assert(accum.bits == 11 && accum.integer == 7, "-24 to 72 halves, three bits finer: fixed<%d,%d>",
              accum.bits, accum.integer);
    pool.kind = NIB_FIX_POOL_MAX;
    cr_assert(nib_fix_pool_accum(&pool, 8, 2, &x, 0, &accum, NULL) == NIB_OK, "max");
    cr_assert(accum.bits == 5 && accum.integer == 4, "-3 to 9 halves: fixed<%d,%d>", accum.bits,
              accum.integer);
}

Test(fixnet, names_and_kinds)
{
    small s;
    small_net(&s);
    cr_assert(nib_fixnet_find(&s.net, "relu1") == 2 && nib_fixnet_find(&s.net, "relu2") == -1, "find");
    for (int i = 0; i < NIB_FIX_KIND_COUNT; ++i)
        cr_assert(nib_fix_kind_find(nib_fix_kind_name((nib_fix_kind)i)) == i, "kind %d", i);
    cr_assert(nib_fix_kind_find("conv") == -1, "no such kind");
    nib_arena_destroy(s.arena);
}

/* One thing broken in the small net, and a word of the message about it. */
typedef void breaking(small *s);

static void same_name(small *s)
{
    s->node[2].name = "fc1";
}
static void slash(small *s)
{
    s->node[2].name = "a/b";
}
static void late_input(small *s)
{
    s->node[1].input[0] = 2;
}
static void code_too_large(small *s)
{
    s->kernel[1] = 8;
}
static void shape(small *s)
{
    s->node[1].as.dense.kernel.cols = 3;
}
static void features(small *s)
{
    s->node[2].features = 1;
}
static void removed_bias(small *s)
{
    const nib_fixed type[2] = {{.bits = 5, .integer = 3, .is_signed = true}, {0}};
    s->node[1].as.dense.bias.type = nib_fix_types_each(s->arena, type, 2);
}
static void reuse(small *s)
{
    s->node[1].as.dense.reuse = 0;
}
static void mode(small *s)
{
    s->node[1].type.rounding = (nib_rounding)9;
}
static void no_output(small *s)
{
    s->net.n_outputs = 0;
}
static void output_node(small *s)
{
    s->output.node = 3;
}
static void many_types(small *s)
{
    s->node[1].type.count = 7;
}
static void second_input(small *s)
{
    s->node[2].kind = NIB_FIX_INPUT;
}

Test(fixnet, what_is_broken_is_named)
{
    static const struct {
        breaking *apply;
        const char *word;
    } cases[] = {{same_name, "two nodes are called fc1"},
                 {slash, "no '/'"},
                 {late_input, "not a node before it"},
                 {code_too_large, "code 8 at 1 is not within -8 to 7"},
                 {shape, "2 x 3, not 2 x 2"},
                 {features, "1 x 1 positions and features, its input fc1 has 1 x 2"},
                 {removed_bias, "bias: code -1"},
                 {reuse, "reuse factor of 0"},
                 {mode, "rounding (9)"},
                 {no_output, "0 outputs"},
                 {output_node, "node 3 of 3"},
                 {many_types, "7 types"},
                 {second_input, "come first"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; ++i) {
        small s;
        small_net(&s);
        cases[i].apply(&s);
        nib_error err = {0};
        cr_assert(nib_fixnet_check(&s.net, &err) == NIB_ERR_INPUT, "case %zu passes", i);
        cr_assert(strstr(err.message, cases[i].word), "case %zu: %s", i, err.message);
        nib_arena_destroy(s.arena);
    }
}

Test(fixnet, smallest_types)
{
    static const struct {
        int64_t low, high;
        int bits;
        bool is_signed;
    } cases[] = {{0, 0, 1, false},   {0, 1, 1, false},     {0, 255, 8, false},
                 {-1, 0, 1, true},   {-1, 1, 2, true},     {-128, 127, 8, true},
                 {-129, 0, 9, true}, {-128, 128, 9, true}, {0, INT64_MAX, 63, false}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; ++i) {
        nib_fixed type;
        cr_assert(nib_fix_smallest_type(cases[i].low, cases[i].high, 3, &type, NULL) == NIB_OK, "case %zu",
                  i);
        cr_assert(type.bits == cases[i].bits && type.is_signed == cases[i].is_signed &&
                      type.integer == cases[i].bits - 3,
                  "case %zu: %d bits", i, type.bits);
    }
    nib_fixed type;
    nib_error err = {0};
    cr_assert(nib_fix_smallest_type(INT64_MIN, 0, 0, &type, &err) == NIB_ERR_CONFIG, "64 bits");
    cr_assert(strstr(err.message, "63"), "%s", err.message);
}
