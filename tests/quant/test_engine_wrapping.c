/* Dense layers whose accumulators truncate and wrap, as hls4ml's default precision has them: the sum that is
 * wrapped once against the one that is cast at every add (where casts are counted). */
#include <criterion/criterion.h>

#include "core/cpu.h"
#include "quant/engine.h"
#include "random_net.h"

enum { NETS = 1500, ROWS = 40, INPUTS = 11, OUTPUTS = 6 };

static nib_fixed some_type(random_source *source, int most)
{
    const int bits = (int)random_between(source, 1, most);
    return (nib_fixed){.bits = bits,
                       .integer = (int)random_between(source, -4, bits + 4),
                       .is_signed = random_between(source, 0, 3) > 0};
}

static nib_fix_array some_array(random_source *source, nib_arena *arena, int64_t rows, int64_t cols, int most)
{
    const nib_fixed type = some_type(source, most);
    int64_t *code = NIB_NEW(arena, int64_t, rows * cols);
    for (int64_t i = 0; i < rows * cols; ++i)
        code[i] = random_between(source, nib_fixed_lowest(&type), nib_fixed_highest(&type));
    return (nib_fix_array){rows, cols, code, nib_fix_types_of(arena, &type)};
}

static void make_net(random_source *source, nib_arena *arena, nib_fixnet *net)
{
    nib_fixed x = some_type(source, 24), y = some_type(source, 30), accum = some_type(source, 36);
    if (random_between(source, 0, 1)) /* near the products, so that most of the sum is kept */
        accum.bits = 30, accum.integer = x.integer + 6;
    y.rounding = (nib_rounding)random_between(source, 0, NIB_ROUNDING_COUNT - 1);
    y.overflow = (nib_overflow)random_between(source, 0, NIB_OVERFLOW_COUNT - 1);
    *net = (nib_fixnet){2, NIB_NEW(arena, nib_fix_node, 2), 1, 1, NIB_NEW(arena, nib_fix_output, 1)};
    const int64_t positions = random_between(source, 1, 3);
    net->node[0] = (nib_fix_node){.kind = NIB_FIX_INPUT,
                                  .name = "x",
                                  .layer = "x",
                                  .positions = positions,
                                  .features = INPUTS,
                                  .type = nib_fix_types_of(arena, &x)};
    net->node[1] = (nib_fix_node){.kind = NIB_FIX_DENSE,
                                  .name = "fc1",
                                  .layer = "fc1",
                                  .n_inputs = 1,
                                  .positions = positions,
                                  .features = OUTPUTS,
                                  .type = nib_fix_types_of(arena, &y)};
    nib_fix_dense *dense = &net->node[1].as.dense;
    dense->kernel = some_array(source, arena, INPUTS, OUTPUTS, 24);
    if (random_between(source, 0, 3) > 0)
        dense->bias = some_array(source, arena, 1, OUTPUTS, 30);
    dense->accum = accum;
    dense->reuse = random_between(source, 1, 4);
    dense->order = (nib_fix_order)random_between(source, 0, NIB_FIX_ORDER_COUNT - 1);
    net->output[0] = (nib_fix_output){"y", 1};
}

/* @return accumulators that wrapped */
static int64_t compare(random_source *source, const nib_fixnet *net, nib_arena *arena, uint64_t seed)
{
    nib_engine *engine = NULL;
    nib_error err = {NIB_OK, ""};
    const int64_t numbers = ROWS * net->node[1].positions * OUTPUTS;
    cr_assert_eq(nib_fixnet_check(net, &err), NIB_OK, "net %d: %s", (int)seed, err.message);
    cr_assert_eq(nib_engine_create(&engine, net, &err), NIB_OK, "net %d: %s", (int)seed, err.message);
    const float *x = random_rows(source, arena, &net->node[0], ROWS);
    int64_t *fast = NIB_NEW(arena, int64_t, numbers), *traced = NIB_NEW(arena, int64_t, numbers);
    nib_engine_counts counts[2] = {{0}, {0}};
    nib_engine_run(engine, &x, ROWS, &fast);
    nib_engine_trace(engine, &x, ROWS, (int64_t *[]){NULL, traced}, counts);
    for (int64_t i = 0; i < numbers; ++i)
        cr_assert_eq(fast[i], traced[i], "net %d, output %d: %lld, cast at every add %lld", (int)seed, (int)i,
                     (long long)fast[i], (long long)traced[i]);
    nib_engine_destroy(engine);
    return counts[1].accum_wrapped;
}

Test(engine_wrapping, a_sum_wrapped_once_is_one_cast_at_every_add)
{
    int64_t wrapped = 0;
    nib_cpu_flush_denormals();
    for (uint64_t seed = 1; seed <= NETS; ++seed) {
        random_source source = {seed * 7919};
        nib_fixnet net;
        nib_arena *arena = nib_arena_create();
        cr_assert(arena, "memory");
        make_net(&source, arena, &net);
        wrapped += compare(&source, &net, arena, seed);
        nib_arena_destroy(arena);
    }
    cr_log_info("%lld casts of accumulators wrapped", (long long)wrapped);
    cr_assert(wrapped > 100000, "accumulators that overflow: %lld", (long long)wrapped);
}
