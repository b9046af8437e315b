#include "quant/engine_internal.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#if NIB_ISA_X86
#include <cpuid.h>
#endif

/* ---- Instruction sets ---- */

const nib_engine_loops *nib_engine_loops_for(nib_isa isa)
{
#if NIB_ISA_X86
    if (isa == NIB_ISA_AVX512)
        return &nib_engine_loops_of_avx512;
    if (isa == NIB_ISA_AVX2)
        return &nib_engine_loops_of_avx2;
#endif
    (void)isa;
    return &nib_engine_loops_of;
}

#if NIB_ISA_X86
/* Older compilers do not know the name of this one: leaf 7, second part, EAX bit 4. */
static bool has_avx_vnni(void)
{
    unsigned a = 0, b = 0, c = 0, d = 0;
    return __get_cpuid_count(7, 1, &a, &b, &c, &d) && (a >> 4 & 1);
}
#endif

const nib_engine_dense_loops *nib_engine_dense_loops_for(nib_isa isa)
{
#if NIB_ISA_X86
    if (isa == NIB_ISA_AVX512)
        return __builtin_cpu_supports("avx512vnni") ? &nib_engine_dense_loops_of_avx512vnni
                                                    : &nib_engine_dense_loops_of_avx512;
    if (isa == NIB_ISA_AVX2)
        return has_avx_vnni() ? &nib_engine_dense_loops_of_avx2vnni : &nib_engine_dense_loops_of_avx2;
#endif
    (void)isa;
    return &nib_engine_dense_loops_of;
}

/* ---- Creation ---- */

static nib_status make_rows(nib_engine *engine, nib_error *err)
{
    const nib_fixnet *net = engine->net;
    engine->row = NIB_NEW(engine->arena, int64_t *, net->n_nodes);
    engine->plain = NIB_NEW(engine->arena, nib_engine_plain, net->n_nodes);
    if (!engine->row || !engine->plain)
        return nib_fail_memory(err, "the integer engine");
    for (int i = 0; i < net->n_nodes; ++i) {
        const nib_fix_node *node = &net->node[i];
        /* Padded to whole lanes, position by position, so that a tensor's rows can be loaded into it. */
        engine->row[i] = NIB_NEW(engine->arena, int64_t, node->positions * nib_engine_stride(node));
        if (!engine->row[i])
            return nib_fail_memory(err, "the integer engine");
        NIB_TRY(nib_engine_plain_prepare(net, i, engine->arena, &engine->plain[i], err));
    }
    return NIB_OK;
}

static nib_status make(nib_engine *engine, nib_error *err)
{
    engine->arena = nib_arena_create();
    if (!engine->arena)
        return nib_fail_memory(err, "the integer engine");
    NIB_TRY(nib_fixnet_intervals(engine->net, engine->arena, &engine->interval, err));
    NIB_TRY(make_rows(engine, err));
    return nib_engine_plan(engine, err);
}

nib_status nib_engine_create_with(nib_engine **engine, const nib_fixnet *net, const nib_engine_loops *loops,
                                  const nib_engine_dense_loops *dense_loops, nib_error *err)
{
    *engine = calloc(1, sizeof **engine);
    if (!*engine)
        return nib_fail_memory(err, "the integer engine");
    (*engine)->net = net;
    (*engine)->loops = loops;
    (*engine)->dense_loops = dense_loops;
    const nib_status status = make(*engine, err);
    if (status != NIB_OK) {
        nib_engine_destroy(*engine);
        *engine = NULL;
    }
    return status;
}

nib_status nib_engine_create(nib_engine **engine, const nib_fixnet *net, nib_error *err)
{
    const nib_isa isa = nib_isa_chosen().isa;
    return nib_engine_create_with(engine, net, nib_engine_loops_for(isa), nib_engine_dense_loops_for(isa),
                                  err);
}

void nib_engine_destroy(nib_engine *engine)
{
    if (!engine)
        return;
    nib_arena_destroy(engine->arena);
    free(engine);
}

/* ---- Rows between the two ways ---- */

static int64_t width_of(const nib_fix_node *node)
{
    return node->positions * node->features;
}

/* The codes of some samples of a tensor, without alignment. */
static void load_samples(const nib_engine *engine, int node, int64_t first, int64_t samples, int64_t *codes)
{
    const int64_t positions = engine->net->node[node].positions;
    const nib_engine_tensor x = nib_engine_rows(&engine->tensor[node], first * positions);
    engine->loops->codes(&x, samples * positions, positions, engine->align[node], codes);
}

static void store_sample(const nib_engine *engine, int node, int64_t sample, const int64_t *codes)
{
    const nib_fix_node *n = &engine->net->node[node];
    const int32_t *align = engine->align[node];
    int64_t *row = engine->scratch;
    memset(row, 0, (size_t)nib_engine_stride(n) * sizeof *row);
    for (int64_t p = 0; p < n->positions; ++p) {
        const int64_t begin = p * n->features;
        for (int64_t f = 0; f < n->features; ++f)
            row[f] = align ? (int64_t)((uint64_t)codes[begin + f] << align[begin + f]) : codes[begin + f];
        engine->loops->store(&engine->tensor[node], sample * n->positions + p, row);
    }
}

static void run_plain(nib_engine *engine, int index, const float *x, int64_t samples)
{
    const nib_fix_node *node = &engine->net->node[index];
    for (int64_t s = 0; s < samples; ++s) {
        for (int i = 0; i < node->n_inputs; ++i)
            load_samples(engine, node->input[i], s, 1, engine->row[node->input[i]]);
        nib_engine_plain_run(engine->net, index, &engine->plain[index],
                             x ? x + s * node->positions * node->features : NULL, engine->row, NULL);
        store_sample(engine, index, s, engine->row[index]);
    }
}

static void run_reshape(nib_engine *engine, int index, int64_t samples)
{
    const int x = engine->net->node[index].input[0];
    for (int64_t s = 0; s < samples; ++s) {
        load_samples(engine, x, s, 1, engine->row[x]);
        store_sample(engine, index, s, engine->row[x]);
    }
}

static void run_dense(nib_engine *engine, int index, int64_t rows)
{
    const nib_engine_stage *stage = &engine->stage[index];
    const nib_engine_tensor *x = &engine->tensor[engine->net->node[index].input[0]];
    if (stage->narrowed.data) {
        for (int64_t row = 0; row < rows; ++row) {
            engine->loops->load(x, row, engine->scratch);
            engine->loops->store(&stage->narrowed, row, engine->scratch);
        }
        x = &stage->narrowed;
    }
    stage->product(&stage->as.dense, x, rows, &engine->tensor[stage->target]);
}

static void run_stage(nib_engine *engine, int index, const float *x, int64_t samples)
{
    const nib_engine_stage *stage = &engine->stage[index];
    const nib_fix_node *node = &engine->net->node[index];
    const nib_engine_tensor *y = &engine->tensor[index];
    const nib_engine_tensor *in = node->n_inputs ? &engine->tensor[node->input[0]] : NULL;
    const int64_t rows = samples * node->positions;
    switch (stage->kind) {
    case NIB_ENGINE_STAGE_INPUT:
        engine->loops->input(&stage->as.input, x, samples, node->positions, y, engine->scratch);
        return;
    case NIB_ENGINE_STAGE_DENSE:
        run_dense(engine, index, rows);
        return;
    case NIB_ENGINE_STAGE_MIX:
        engine->loops->mix(&stage->as.mix, rows, y);
        return;
    case NIB_ENGINE_STAGE_POOL:
        engine->loops->pool(&stage->as.pool, in, rows, y);
        return;
    case NIB_ENGINE_STAGE_LOOKUP:
        engine->loops->lookup(&stage->as.lookup, in, rows, y);
        return;
    case NIB_ENGINE_STAGE_RESHAPE:
        run_reshape(engine, index, samples);
        return;
    case NIB_ENGINE_STAGE_PLAIN:
        run_plain(engine, index, x, samples);
        return;
    case NIB_ENGINE_STAGE_NONE:
        return;
    }
}

/* ---- Running ---- */

void nib_engine_run(nib_engine *engine, const float *const *inputs, int64_t rows, int64_t *const *codes)
{
    const nib_fixnet *net = engine->net;
    for (int64_t row = 0; row < rows; row += engine->tile) {
        const int64_t n = rows - row < engine->tile ? rows - row : engine->tile;
        for (int i = 0; i < net->n_nodes; ++i)
            run_stage(engine, i, i < net->n_inputs ? inputs[i] + row * width_of(&net->node[i]) : NULL, n);
        for (int i = 0; i < net->n_outputs; ++i) {
            const int node = net->output[i].node;
            if (codes[i])
                load_samples(engine, node, 0, n, codes[i] + row * width_of(&net->node[node]));
        }
    }
}

void nib_engine_trace(nib_engine *engine, const float *const *inputs, int64_t rows, int64_t *const *codes,
                      nib_engine_counts *counts)
{
    const nib_fixnet *net = engine->net;
    for (int64_t row = 0; row < rows; ++row)
        for (int i = 0; i < net->n_nodes; ++i) {
            const int64_t width = width_of(&net->node[i]);
            nib_engine_plain_run(net, i, &engine->plain[i],
                                 i < net->n_inputs ? inputs[i] + row * width : NULL, engine->row,
                                 counts ? &counts[i] : NULL);
            if (codes && codes[i])
                memcpy(codes[i] + row * width, engine->row[i], (size_t)width * sizeof(int64_t));
        }
}

void nib_engine_values(const nib_engine *engine, int output, const int64_t *codes, int64_t rows,
                       float *values)
{
    const nib_fix_node *node = &engine->net->node[engine->net->output[output].node];
    const int64_t width = width_of(node);
    for (int64_t i = 0; i < rows * width; ++i) {
        const nib_fixed type = nib_fix_type_at(&node->type, i % width);
        values[i] = type.bits ? (float)ldexp((double)codes[i], -nib_fixed_fraction(&type)) : 0.0f;
    }
}
