/** The fast run of the integer engine against its trace on chains of dense layers, as people build them:
 * every way to multiply and to cast, whole tiles and what is left of them. */
#include <criterion/criterion.h>

#include <string.h>

#include "engine_ways.h"
#include "random_net.h"

enum { ROWS = 131, MOST_NODES = 12, CHAINS = 120 };

/* How the dense nodes were run. */
typedef struct seen {
    int dot8, dot16, blocks, several, residue, pair, narrow, wide, finished, cast, offsets,
        ties[NIB_ENGINE_CUT_TO_ZERO + 1];
    int64_t codes;
} seen;

typedef struct chain {
    random_source *source;
    nib_arena *arena;
    nib_fixnet net;
    nib_fix_node node[MOST_NODES];
    nib_fix_output output;
    nib_fix_interval interval[MOST_NODES];
    bool fits;
} chain;

static nib_fixed type_of(chain *c, int bits, int integer, bool is_signed)
{
    /* Mostly the modes that training uses. */
    const bool usual = random_between(c->source, 0, 1);
    return (nib_fixed){.bits = bits,
                       .integer = integer,
                       .is_signed = is_signed,
                       .rounding = usual ? NIB_ROUNDING_RND
                                         : (nib_rounding)random_between(c->source, 0, NIB_ROUNDING_COUNT - 1),
                       .overflow = usual
                                       ? NIB_OVERFLOW_SAT
                                       : (nib_overflow)random_between(c->source, 0, NIB_OVERFLOW_COUNT - 1)};
}

static nib_fix_node *add_node(chain *c, nib_fix_kind kind, int64_t features, nib_fixed type)
{
    const int index = c->net.n_nodes++;
    nib_fix_node *node = &c->node[index];
    node->kind = kind;
    node->name = node->layer = nib_arena_printf(c->arena, "n%d", index);
    node->positions = 1;
    node->features = features;
    node->type = nib_fix_types_of(c->arena, &type);
    node->n_inputs = index > 0;
    node->input[0] = index - 1;
    return node;
}

static void know_interval(chain *c)
{
    const int i = c->net.n_nodes - 1;
    c->net.node = c->node;
    c->fits =
        c->fits && nib_fixnet_interval(&c->net, i, c->interval, c->arena, &c->interval[i], NULL) == NIB_OK;
}

static nib_fix_array weights(chain *c, int64_t rows, int64_t cols, int bits)
{
    const nib_fixed type = type_of(c, bits, 1, true);
    int64_t *code = NIB_NEW(c->arena, int64_t, rows * cols);
    for (int64_t i = 0; i < rows * cols; ++i)
        code[i] = random_between(c->source, 0, 9)
                      ? random_between(c->source, nib_fixed_lowest(&type) / 2, nib_fixed_highest(&type) / 2)
                      : 0;
    return (nib_fix_array){rows, cols, code, nib_fix_types_of(c->arena, &type)};
}

/* A dense layer, its result in full width or of a type, and mostly an activation. */
static void add_layer(chain *c, int64_t n_out, int bits, bool last)
{
    const int64_t n_in = c->node[c->net.n_nodes - 1].features;
    const bool typed = random_between(c->source, 0, 3) == 0;
    nib_fix_node *node = add_node(c, NIB_FIX_DENSE, n_out, type_of(c, bits, 4, true));
    node->as.dense.kernel = weights(c, n_in, n_out, bits);
    node->as.dense.bias = weights(c, 1, n_out, bits < 8 ? 8 : bits);
    node->as.dense.reuse = 1;
    c->fits = c->fits && nib_fix_dense_accum(&node->as.dense, &c->interval[c->net.n_nodes - 2],
                                             &node->as.dense.accum, NULL) == NIB_OK;
    if (!c->fits)
        return;
    node->as.dense.proven = true;
    if (!typed)
        node->type = nib_fix_types_of(c->arena, &node->as.dense.accum);
    know_interval(c);
    if (!c->fits || (last && random_between(c->source, 0, 1)))
        return;
    const bool relu = random_between(c->source, 0, 3) > 0;
    add_node(c, relu ? NIB_FIX_RELU : NIB_FIX_CAST, n_out, type_of(c, bits, relu ? 3 : 4, !relu));
    know_interval(c);
}

/* False where the accumulator of a layer is too wide. */
static bool make_chain(chain *c)
{
    const int bits = (int)random_between(c->source, 2, 18);
    const int layers = (int)random_between(c->source, 1, 4);
    c->fits = true;
    add_node(c, NIB_FIX_INPUT, random_between(c->source, 1, 40), type_of(c, bits, 3, true));
    know_interval(c);
    for (int i = 0; i < layers && c->fits; ++i)
        add_layer(c, random_between(c->source, 1, i == layers - 1 ? 20 : 100),
                  bits + (int)random_between(c->source, 0, bits < 15 ? 1 : 0), i == layers - 1);
    c->net.n_inputs = c->net.n_outputs = 1;
    c->output = (nib_fix_output){"y", c->net.n_nodes - 1};
    c->net.output = &c->output;
    return c->fits && nib_fixnet_check(&c->net, NULL) == NIB_OK;
}

static void note(seen *s, const nib_engine *engine)
{
    for (int i = 0; i < engine->net->n_nodes; ++i) {
        const nib_engine_stage *stage = &engine->stage[i];
        if (stage->kind != NIB_ENGINE_STAGE_DENSE)
            continue;
        const bool eight = engine->dense_loops->dot8 && stage->product == engine->dense_loops->dot8;
        const bool sixteen = stage->product == engine->dense_loops->dot16;
        s->dot8 += eight;
        s->dot16 += sixteen;
        const bool in_blocks = engine->dense_loops->blocks && stage->product == engine->dense_loops->blocks;
        s->blocks += in_blocks;
        s->several += in_blocks && stage->as.dense.n_blocks > 1;
        s->residue += engine->dense_loops->residue && stage->product == engine->dense_loops->residue;
        s->pair += stage->product == engine->dense_loops->pair;
        const nib_engine_narrow *narrow = &stage->as.dense.narrow;
        s->narrow += narrow->kernel && narrow->limit >= 0 && narrow->total[0] <= narrow->limit;
        s->wide += stage->product == engine->dense_loops->wide;
        s->finished += stage->as.dense.finish.possible;
        s->cast += !stage->as.dense.finish.possible;
        s->ties[stage->as.dense.finish.tie] += stage->as.dense.finish.possible;
        s->offsets += engine->tensor[stage->target].offset != 0;
    }
}

static void print_ways(const nib_engine *engine)
{
    for (int i = 0; i < engine->net->n_nodes; ++i) {
        const nib_engine_stage *s = &engine->stage[i];
        const nib_engine_dense_loops *l = engine->dense_loops;
        const nib_engine_finish *f = &s->as.dense.finish;
        if (s->kind == NIB_ENGINE_STAGE_DENSE)
            cr_log_info(
                "%s: %s, %lld to %lld, casts %d, simple %d, saturates %d, tie %d, offset %d, to storage %d",
                engine->net->node[i].name,
                s->product == l->wide                  ? "wide"
                : s->product == l->pair                ? "pair"
                : s->product == l->dot16               ? "dot16"
                : l->blocks && s->product == l->blocks ? "blocks"
                : s->product == l->dot8                ? "dot8"
                                                       : "residue",
                (long long)s->as.dense.n_in, (long long)s->as.dense.n_out, f->possible, f->simple,
                f->saturates, (int)f->tie, (int)f->offset, (int)engine->tensor[s->target].storage);
    }
}

static void compare(const chain *c, const engine_way *way, const float *x, const int64_t *wanted,
                    int64_t *codes, seen *s)
{
    nib_engine *engine = NULL;
    nib_error err = {0};
    const int64_t width = c->node[c->output.node].features;
    cr_assert_eq(nib_engine_create_with(&engine, &c->net, way->loops, &way->dense_loops, &err), NIB_OK, "%s",
                 err.message);
    memset(codes, 0x55, (size_t)(ROWS * width) * sizeof *codes);
    nib_engine_run(engine, &x, ROWS, &codes);
    for (int64_t i = 0; i < ROWS * width; ++i)
        if (codes[i] != wanted[i]) {
            print_ways(engine);
            break;
        }
    for (int64_t i = 0; i < ROWS * width; ++i)
        cr_assert_eq(codes[i], wanted[i], "%s, row %lld, column %lld: %lld, traced %lld", way->name,
                     (long long)(i / width), (long long)(i % width), (long long)codes[i],
                     (long long)wanted[i]);
    s->codes += ROWS * width;
    note(s, engine);
    nib_engine_destroy(engine);
}

static void compare_all(const chain *c, seen *s)
{
    nib_engine *engine = NULL;
    nib_error err = {0};
    const int64_t width = c->node[c->output.node].features;
    const float *x = random_rows(c->source, c->arena, &c->node[0], ROWS);
    int64_t **traced = NIB_NEW(c->arena, int64_t *, c->net.n_nodes);
    int64_t *codes = NIB_NEW(c->arena, int64_t, ROWS * width);
    traced[c->output.node] = NIB_NEW(c->arena, int64_t, ROWS * width);
    cr_assert_eq(nib_engine_create(&engine, &c->net, &err), NIB_OK, "%s", err.message);
    nib_engine_trace(engine, &x, ROWS, traced, NULL);
    nib_engine_destroy(engine);
    engine_way way;
    for (int i = 0; next_way(&i, &way);)
        compare(c, &way, x, traced[c->output.node], codes, s);
}

Test(engine, chains_of_dense_layers)
{
    nib_cpu_flush_denormals();
    seen s = {0};
    for (int made = 0, seed = 1; made < CHAINS; ++seed) {
        random_source source = {(uint64_t)seed * 7919};
        chain c = {.source = &source, .arena = nib_arena_create()};
        if (make_chain(&c)) {
            compare_all(&c, &s);
            ++made;
        }
        nib_arena_destroy(c.arena);
    }
    cr_log_info("%lld codes; dense nodes: %d on bytes, %d on 16 bits, %d in blocks (%d in several), %d with "
                "residues, %d in pairs, %d with "
                "narrow rows, %d wide; "
                "%d cast in registers, %d not; %d with an offset; ties: %d, %d, %d, %d, %d",
                (long long)s.codes, s.dot8, s.dot16, s.blocks, s.several, s.residue, s.pair, s.narrow, s.wide,
                s.finished, s.cast, s.offsets, s.ties[0], s.ties[1], s.ties[2], s.ties[3], s.ties[4]);
    cr_assert(s.dot16 > 100 && s.pair > 50 && s.wide > 20, "%d, %d, %d", s.dot16, s.pair, s.wide);
    cr_assert(s.blocks > 50 && s.several > 20, "%d, %d", s.blocks, s.several);
    cr_assert(s.finished > 200 && s.cast > 50 && s.offsets > 20, "%d, %d, %d", s.finished, s.cast, s.offsets);
    for (int i = 0; i <= NIB_ENGINE_CUT_TO_ZERO; ++i)
        cr_assert(s.ties[i] > 5, "ties of kind %d: %d", i, s.ties[i]);
}
