/* DAIS programs of random networks, run op by op, against the engine. */
#include <criterion/criterion.h>

#include <stdlib.h>
#include <string.h>

#include "core/cpu.h"
#include "quant/dais_program.h"
#include "quant/engine.h"
#include "quant/wide.h"
#include "tests/quant/random_net.h"

enum { ROWS = 12, NETS = 400, MAX_OPS = 200000 };

/* A code at a finer step, or floored to a coarser one. */
static nib_wide at_step(nib_wide code, int from, int to)
{
    return to >= from ? code * ((nib_wide)1 << (to - from))
                      : nib_wide_round(NIB_ROUNDING_TRN, code, from - to);
}

/* What da4ml's _quantize does: floor, then the low bits that [low, high] needs. */
static nib_wide wrapped(nib_wide code, const nib_dais_number *out)
{
    int bits = 0;
    while (((nib_wide)1 << bits) <= out->high || ((nib_wide)1 << bits) < -(nib_wide)out->low)
        bits++;
    const nib_wide bias = out->low < 0 ? (nib_wide)1 << bits : 0, n = (nib_wide)1 << (bits + (out->low < 0));
    return ((code + bias) % n + n) % n - bias;
}

static nib_wide compute(const nib_dais_program *p, const nib_dais_op *op, const nib_wide *v,
                        const nib_wide *x)
{
    const nib_dais_op *a = op->id0 >= 0 && op->code != NIB_DAIS_INPUT ? &p->op[op->id0] : NULL;
    const nib_dais_op *b = op->id1 >= 0 ? &p->op[op->id1] : NULL;
    const int f = op->out.fraction;
    switch (op->code) {
    case NIB_DAIS_INPUT:
        return x[op->id0];
    case NIB_DAIS_CONSTANT:
        return op->data;
    case NIB_DAIS_ADD:
    case NIB_DAIS_SUBTRACT: {
        const nib_wide other = at_step(v[op->id1], b->out.fraction - (int)op->data, f);
        return at_step(v[op->id0], a->out.fraction, f) + (op->code == NIB_DAIS_ADD ? other : -other);
    }
    case NIB_DAIS_RELU:
        return v[op->id0] > 0 ? v[op->id0] : 0;
    case NIB_DAIS_QUANTIZE:
        return wrapped(at_step(v[op->id0], a->out.fraction, f), &op->out);
    case NIB_DAIS_ADD_CONSTANT:
        return at_step(v[op->id0], a->out.fraction, f) + op->data;
    case NIB_DAIS_SELECT:
        return v[op->data] < 0 ? at_step(v[op->id0], a->out.fraction, f)
                               : at_step(v[op->id1], b->out.fraction, f);
    default:
        return p->table[op->data].code[(int64_t)(v[op->id0] - a->out.low)];
    }
}

/* Inputs of one sample as codes, in the order of the program. */
static void cast_inputs(const nib_fixnet *net, const float *const *rows, int64_t row, nib_wide *x)
{
    for (int i = 0; i < net->n_inputs; i++) {
        const int64_t width = net->node[i].positions * net->node[i].features;
        for (int64_t k = 0; k < width; k++) {
            const nib_fixed type = nib_fix_type_at(&net->node[i].type, k);
            *x++ = type.bits ? nib_fixed_cast_double(&type, (double)rows[i][row * width + k]) : 0;
        }
    }
}

static void run_net(const nib_fixnet *net, const nib_dais_program *p, const nib_dais_number *out,
                    int64_t n_in, random_source *source, nib_arena *arena, int index)
{
    nib_engine *engine;
    nib_error err;
    cr_assert(nib_engine_create(&engine, net, &err) == NIB_OK, "net %d: %s", index, err.message);
    const float **rows = NIB_NEW(arena, const float *, net->n_inputs);
    int64_t **codes = NIB_NEW(arena, int64_t *, net->n_outputs);
    nib_wide *x = NIB_NEW(arena, nib_wide, n_in), *v = NIB_NEW(arena, nib_wide, p->count);
    for (int i = 0; i < net->n_inputs; i++)
        rows[i] = random_rows(source, arena, &net->node[i], ROWS);
    for (int i = 0; i < net->n_outputs; i++) {
        const nib_fix_node *n = &net->node[net->output[i].node];
        codes[i] = NIB_NEW(arena, int64_t, ROWS * n->positions * n->features);
    }
    nib_engine_run(engine, rows, ROWS, codes);
    for (int64_t row = 0; row < ROWS; row++) {
        cast_inputs(net, rows, row, x);
        for (int64_t i = 0; i < p->count; i++) {
            v[i] = compute(p, &p->op[i], v, x);
            cr_assert(v[i] >= p->op[i].out.low && v[i] <= p->op[i].out.high,
                      "net %d, op %lld (%d): its value leaves its interval", index, (long long)i,
                      p->op[i].code);
        }
        const nib_dais_number *y = out;
        for (int i = 0; i < net->n_outputs; i++) {
            const nib_fix_node *n = &net->node[net->output[i].node];
            for (int64_t k = 0; k < n->positions * n->features; k++, y++) {
                const nib_fixed type = nib_fix_type_at(&n->type, k);
                const int64_t code = codes[i][row * n->positions * n->features + k];
                const int f = type.bits ? nib_fixed_fraction(&type) : y->fraction;
                const int step = f > y->fraction ? f : y->fraction;
                cr_assert(at_step(v[y->id], y->fraction, step) == at_step(code, f, step),
                          "net %d, output %d, number %lld: another value than the engine's", index, i,
                          (long long)k);
            }
        }
    }
    nib_engine_destroy(engine);
}

Test(dais, programs_of_random_nets_give_the_engines_numbers)
{
    random_source source = {7};
    int ran = 0;
    nib_cpu_flush_denormals();
    for (int i = 0; i < NETS; i++) {
        nib_arena *arena = nib_arena_create();
        nib_error err;
        const nib_fixnet *net = random_net(&source, arena);
        nib_dais_program program = {.arena = arena};
        nib_dais_number *out;
        int64_t n_in, n_out;
        const nib_status status = nib_dais_of_net(&program, net, &out, &n_in, &n_out, &err);
        cr_assert(status == NIB_OK || status == NIB_ERR_UNSUPPORTED, "net %d: %s", i, err.message);
        if (status == NIB_OK && program.count < MAX_OPS) {
            run_net(net, &program, out, n_in, &source, arena, i);
            ran++;
        }
        nib_arena_destroy(arena);
    }
    cr_log_info("%d of %d nets have a program", ran, NETS);
    cr_expect(ran > NETS / 10, "only %d nets have a program", ran);
}
