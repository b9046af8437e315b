/** The fast run of the integer engine against its trace, on random nets. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "core/cpu.h"
#include "engine_ways.h"
#include "quant/engine_internal.h"
#include "random_net.h"
#include "tests/sanitized.h"

enum { ROWS = 37, NETS = 400 / NIB_ONE_IN(4) };

/* What the nets covered. */
typedef struct coverage {
    int64_t codes;
    int kinds[NIB_FIX_KIND_COUNT], stages[NIB_ENGINE_STAGE_NONE + 1];
    nib_engine_counts counts;
} coverage;

static void note(coverage *all, const nib_engine *engine, const nib_engine_counts *counts)
{
    for (int i = 0; i < engine->net->n_nodes; ++i) {
        all->kinds[engine->net->node[i].kind]++;
        all->stages[engine->stage[i].kind]++;
        all->counts.casts += counts[i].casts;
        all->counts.saturated += counts[i].saturated;
        all->counts.wrapped += counts[i].wrapped;
        all->counts.accum_saturated += counts[i].accum_saturated;
        all->counts.accum_wrapped += counts[i].accum_wrapped;
    }
}

static void describe_type(char *text, const nib_fix_types *types)
{
    const nib_fixed type = nib_fix_type_at(types, 0);
    char own[NIB_FIXED_TEXT_BYTES] = "removed";
    if (type.bits)
        (void)nib_fixed_print(&type, NIB_FIXED_PLAIN, own);
    (void)snprintf(text, 100, "%s x %lld", own, (long long)types->count);
}

static void print_net(const nib_engine *engine)
{
    for (int i = 0; i < engine->net->n_nodes; ++i) {
        const nib_fix_node *node = &engine->net->node[i];
        char type[100];
        describe_type(type, &node->type);
        cr_log_info("%s of %d, %lld x %lld, stage %d to %d, %s", node->name,
                    node->n_inputs ? node->input[0] : -1, (long long)node->positions,
                    (long long)node->features, (int)engine->stage[i].kind, engine->stage[i].target, type);
    }
}

static void compare_on(const nib_fixnet *net, const engine_way *way, random_source *source, nib_arena *arena,
                       coverage *all)
{
    nib_engine *engine = NULL;
    nib_error err = {0};
    cr_assert_eq(nib_engine_create_with(&engine, net, way->loops, &way->dense_loops, &err), NIB_OK, "%s",
                 err.message);
    const float *inputs[2] = {NULL, NULL};
    for (int i = 0; i < net->n_inputs; ++i)
        inputs[i] = random_rows(source, arena, &net->node[i], ROWS);
    int64_t **traced = NIB_NEW(arena, int64_t *, net->n_nodes), *fast[2] = {NULL, NULL};
    nib_engine_counts *counts = NIB_NEW(arena, nib_engine_counts, net->n_nodes);
    for (int i = 0; i < net->n_nodes; ++i)
        traced[i] = NIB_NEW(arena, int64_t, ROWS * net->node[i].positions * net->node[i].features);
    for (int i = 0; i < net->n_outputs; ++i) {
        const nib_fix_node *node = &net->node[net->output[i].node];
        fast[i] = NIB_NEW(arena, int64_t, ROWS * node->positions * node->features);
    }
    nib_engine_trace(engine, inputs, ROWS, traced, counts);
    nib_engine_run(engine, inputs, ROWS, fast);
    for (int i = 0; i < net->n_outputs; ++i) {
        const nib_fix_node *node = &net->node[net->output[i].node];
        for (int64_t k = 0; k < ROWS * node->positions * node->features; ++k) {
            all->codes++;
            if (fast[i][k] == traced[net->output[i].node][k])
                continue;
            print_net(engine);
            cr_assert_fail("%s, element %lld of %s: %lld, traced %lld", way->name, (long long)k, node->name,
                           (long long)fast[i][k], (long long)traced[net->output[i].node][k]);
        }
    }
    note(all, engine, counts);
    nib_engine_destroy(engine);
}

Test(engine, fast_run_equals_trace)
{
    nib_cpu_flush_denormals();
    static const char *const stages[] = {"input",  "dense",   "mix",   "pool",
                                         "lookup", "reshape", "plain", "fused"};
    coverage all = {0};
    for (uint64_t seed = 1; seed <= NETS; ++seed) {
        random_source source = {seed * 1000003};
        nib_arena *arena = nib_arena_create();
        const nib_fixnet *net = random_net(&source, arena);
        engine_way way;
        for (int i = 0; next_way(&i, &way);)
            compare_on(net, &way, &source, arena, &all);
        nib_arena_destroy(arena);
    }
    for (int i = 0; i < NIB_FIX_KIND_COUNT; ++i)
        cr_assert(all.kinds[i] > 3 * NETS / 40, "only %d nodes of kind %s", all.kinds[i],
                  nib_fix_kind_name((nib_fix_kind)i));
    for (int i = 0; i <= NIB_ENGINE_STAGE_NONE; ++i) {
        cr_log_info("%d nodes are run as %s", all.stages[i], stages[i]);
        cr_assert(all.stages[i] > 3 * NETS / 40, "only %d nodes are run as %s", all.stages[i], stages[i]);
    }
    cr_log_info("%lld codes compared; %lld casts, %lld saturated, %lld wrapped; accumulators: %lld, %lld",
                (long long)all.codes, (long long)all.counts.casts, (long long)all.counts.saturated,
                (long long)all.counts.wrapped, (long long)all.counts.accum_saturated,
                (long long)all.counts.accum_wrapped);
    cr_assert(all.counts.accum_saturated > 1000 && all.counts.accum_wrapped > 1000,
              "accumulators that overflow");
}
