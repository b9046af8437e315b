#include "train/emulate.h"

#include <string.h>

#include "core/arena.h"

enum { CHUNK_ROWS = 1024, MAX_TASKS = 16384 };

/* One thread's own. */
typedef struct worker {
    nib_engine *engine;
    int64_t **code; /* [n_outputs][CHUNK_ROWS * width] where the caller has no place for codes */
    int64_t **to;   /* [n_outputs] of the chunk */
    const float **input;
} worker;

struct nib_emulator {
    nib_arena *arena;
    const nib_fixnet *net;
    nib_team *team;
    int n_workers;
    worker *worker;

    /* Of the run. */
    const float *const *inputs;
    int64_t rows, rows_per_task;
    int64_t *const *codes;
    float *const *values;
};

static int64_t node_width(const nib_fix_node *node)
{
    return node->positions * node->features;
}

static int64_t output_width(const nib_fixnet *net, int output)
{
    return node_width(&net->node[net->output[output].node]);
}

static nib_status create_worker(nib_emulator *e, worker *w, nib_error *err)
{
    const int n = e->net->n_outputs;
    NIB_TRY(nib_engine_create(&w->engine, e->net, err));
    w->code = NIB_NEW(e->arena, int64_t *, n);
    w->to = NIB_NEW(e->arena, int64_t *, n);
    w->input = NIB_NEW(e->arena, const float *, e->net->n_inputs);
    if (!w->code || !w->to || !w->input)
        return nib_fail_memory(err, "emulation");
    for (int i = 0; i < n; i++) {
        w->code[i] = NIB_NEW(e->arena, int64_t, CHUNK_ROWS * output_width(e->net, i));
        if (!w->code[i])
            return nib_fail_memory(err, "emulation");
    }
    return NIB_OK;
}

nib_status nib_emulator_create(nib_emulator **emulator, const nib_fixnet *net, nib_team *team, nib_error *err)
{
    nib_arena *arena = nib_arena_create();
    nib_emulator *e = arena ? NIB_NEW(arena, nib_emulator, 1) : NULL;
    if (!e) {
        nib_arena_destroy(arena);
        return nib_fail_memory(err, "emulation");
    }
    *e = (nib_emulator){.arena = arena, .net = net, .team = team, .n_workers = nib_team_threads(team)};
    e->worker = NIB_NEW(arena, worker, e->n_workers);
    nib_status status = e->worker ? NIB_OK : nib_fail_memory(err, "emulation");
    for (int i = 0; status == NIB_OK && i < e->n_workers; i++)
        status = create_worker(e, &e->worker[i], err);
    if (status != NIB_OK) {
        nib_emulator_destroy(e);
        return status;
    }
    *emulator = e;
    return NIB_OK;
}

void nib_emulator_destroy(nib_emulator *e)
{
    if (!e)
        return;
    for (int i = 0; e->worker && i < e->n_workers; i++)
        nib_engine_destroy(e->worker[i].engine);
    nib_arena_destroy(e->arena);
}

/* The engine's view of rows first ... first + rows: the caller's arrays, or the worker's where there are
 * none. */
static void run_chunk(const nib_emulator *e, const worker *w, int64_t first, int64_t rows)
{
    const nib_fixnet *net = e->net;
    for (int i = 0; i < net->n_inputs; i++)
        w->input[i] = e->inputs[i] + first * node_width(&net->node[i]);
    for (int i = 0; i < net->n_outputs; i++) {
        int64_t *given = e->codes && e->codes[i] ? e->codes[i] + first * output_width(net, i) : NULL;
        const bool wanted = given || (e->values && e->values[i]);
        w->to[i] = given ? given : wanted ? w->code[i] : NULL;
    }
    nib_engine_run(w->engine, w->input, rows, w->to);
    for (int i = 0; e->values && i < net->n_outputs; i++)
        if (e->values[i])
            nib_engine_values(w->engine, i, w->to[i], rows, e->values[i] + first * output_width(net, i));
}

static void run_task(void *context, int index, int worker_index)
{
    const nib_emulator *e = context;
    const int64_t begin = index * e->rows_per_task;
    const int64_t end = begin + e->rows_per_task < e->rows ? begin + e->rows_per_task : e->rows;
    for (int64_t first = begin; first < end; first += CHUNK_ROWS)
        run_chunk(e, &e->worker[worker_index], first, end - first < CHUNK_ROWS ? end - first : CHUNK_ROWS);
}

void nib_emulator_run(nib_emulator *e, const float *const *inputs, int64_t rows, int64_t *const *codes,
                      float *const *values)
{
    const int64_t chunks = (rows + CHUNK_ROWS - 1) / CHUNK_ROWS;
    const int64_t per_task = (chunks + MAX_TASKS - 1) / MAX_TASKS;
    if (rows < 1)
        return;
    e->inputs = inputs;
    e->codes = codes;
    e->values = values;
    e->rows = rows;
    e->rows_per_task = per_task * CHUNK_ROWS;
    nib_team_run(e->team, run_task, e, (int)((chunks + per_task - 1) / per_task));
}
