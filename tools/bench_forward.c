#include "tools/bench_forward.h"

#include <stdio.h>
#include <string.h>

#include "core/exec.h"
#include "quant/engine.h"
#include "tools/bench_clock.h"
#include "train/config.h"
#include "train/lower.h"

enum { ROWS = 16384, CHUNK = 4096, TEXT_BYTES = 1024, PROGRAMS = 1 + NIB_BENCH_WIDTHS };

static const int widths[NIB_BENCH_WIDTHS] = {4, 8, 12, 16};

/* The float net, or the engine of a quantized one. */
typedef struct program {
    nib_config *config;
    nib_model *model;
    nib_team *team;
    nib_exec *exec;
    nib_feed *feeds;
    float *logits;
    nib_engine *engine;
    int64_t *codes;
    nib_lowering lowering;
    double rate[NIB_BENCH_ROUNDS];
} program;

static void write_config(const nib_bench_net *net, int bits, char *text)
{
    size_t used = (size_t)snprintf(text, TEXT_BYTES,
                                   "data: {source: {file: none.h5}, x: x, y: y}\nmodel: {mlp: {hidden: [");
    for (int i = 1; i < net->n_layers; ++i)
        used += (size_t)snprintf(text + used, TEXT_BYTES - used, "%s%lld", i > 1 ? ", " : "",
                                 (long long)net->width[i]);
    used += (size_t)snprintf(text + used, TEXT_BYTES - used, "]}}\n");
    if (bits)
        (void)snprintf(text + used, TEXT_BYTES - used,
                       "quant: {default: {input: 'fixed<%d,2,RND,SAT>', weight: 'fixed<%d,1,RND_CONV,SAT>', "
                       "bias: 'fixed<%d,2,RND_CONV,SAT>', activation: 'ufixed<%d,3,RND,SAT>'}}\n",
                       bits, bits, bits, bits);
}

static nib_status create(program *p, const nib_bench_net *net, const nib_dataset *data, int bits,
                         nib_arena *arena, nib_error *err)
{
    char text[TEXT_BYTES];
    const nib_lower_options options = {.values = NULL};
    const int64_t numbers = ROWS * net->width[net->n_layers];
    write_config(net, bits, text);
    NIB_TRY(nib_config_parse("bench", ".", text, strlen(text), NULL, 0, &p->config, err));
    NIB_TRY(nib_model_create(&p->model, p->config, data, err));
    if (bits) {
        p->codes = NIB_NEW(arena, int64_t, numbers);
        NIB_TRY(nib_lower_model(p->model, &options, arena, &p->lowering, err));
        NIB_TRY(nib_engine_create(&p->engine, &p->lowering.net, err));
        return p->codes ? NIB_OK : nib_fail_memory(err, "benchmark");
    }
    nib_dataset inputs = *data;
    inputs.n_targets = 0; /* no losses */
    p->logits = NIB_NEW(arena, float, numbers);
    p->feeds = nib_model_feeds(arena, p->model, &inputs);
    if (!p->logits || !p->feeds)
        return nib_fail_memory(err, "benchmark");
    NIB_TRY(nib_team_create(&p->team, 1, err));
    return nib_exec_create(&p->exec, p->model->graph, NIB_MODE_EVALUATE, CHUNK, 0, p->team, err);
}

static void destroy(program *p)
{
    nib_engine_destroy(p->engine);
    nib_exec_destroy(p->exec);
    nib_team_destroy(p->team);
    nib_model_destroy(p->model);
    nib_config_destroy(p->config);
}

/* All rows once. */
static void forward(program *p, const nib_dataset *data)
{
    if (p->engine) {
        const float *const inputs[1] = {data->input[0].x};
        int64_t *const codes[1] = {p->codes};
        nib_engine_run(p->engine, inputs, ROWS, codes);
        return;
    }
    nib_sums sums;
    for (int64_t first = 0; first < ROWS; first += CHUNK) {
        const nib_batch batch = {.rows = CHUNK, .first = first, .feeds = p->feeds};
        float *const out[1] = {p->logits + first * p->model->output[0].width};
        nib_exec_forward(p->exec, &batch, out, &sums);
    }
}

static double timed(program *p, const nib_dataset *data, int64_t passes, bool cpu_time)
{
    const double begin = cpu_time ? nib_bench_thread_time() : nib_bench_wall();
    for (int64_t i = 0; i < passes; ++i)
        forward(p, data);
    return (cpu_time ? nib_bench_thread_time() : nib_bench_wall()) - begin;
}

/* Passes over the data for each measurement: those of the float net in the time that is asked for. */
static int64_t passes_for(program *p, const nib_dataset *data, double seconds)
{
    (void)timed(p, data, 1, false);
    const double one = timed(p, data, 2, false) / 2;
    return one > 0 && seconds / one > 1 ? (int64_t)(seconds / one) : 1;
}

static nib_status measure(const nib_bench_plan *plan, program *programs, const nib_dataset *data,
                          const volatile sig_atomic_t *stop, nib_bench_forward_case *c, nib_error *err)
{
    double ratio[NIB_BENCH_ROUNDS];
    const int64_t passes = passes_for(&programs[0], data, plan->seconds);
    for (int k = 0; k < PROGRAMS; ++k)
        forward(&programs[k], data);
    for (int64_t round = 0; round < plan->rounds; ++round)
        for (int k = 0; k < PROGRAMS; ++k) {
            program *p = &programs[(k + round) % PROGRAMS];
            p->rate[round] = (double)(ROWS * passes) / timed(p, data, passes, plan->cpu_time);
            if (stop && *stop)
                return nib_fail(err, NIB_ERR_INTERRUPTED, "interrupted");
        }
    c->float_rate = nib_bench_spread_of(programs[0].rate, plan->rounds);
    for (int k = 0; k < NIB_BENCH_WIDTHS; ++k) {
        c->bits[k] = widths[k];
        c->rate[k] = nib_bench_spread_of(programs[1 + k].rate, plan->rounds);
        for (int64_t round = 0; round < plan->rounds; ++round)
            ratio[round] = programs[1 + k].rate[round] / programs[0].rate[round];
        c->ratio[k] = nib_bench_spread_of(ratio, plan->rounds);
    }
    return NIB_OK;
}

static nib_status run_case(const nib_bench_plan *plan, const nib_bench_net *net, nib_arena *arena,
                           const volatile sig_atomic_t *stop, nib_bench_forward_case *c, nib_error *err)
{
    nib_dataset data;
    program *programs = NIB_NEW(arena, program, PROGRAMS);
    if (!programs)
        return nib_fail_memory(err, "benchmark");
    c->net = net;
    nib_status status = nib_bench_net_data(arena, net, ROWS, &data, err);
    for (int k = 0; k < PROGRAMS && status == NIB_OK; ++k)
        status = create(&programs[k], net, &data, k ? widths[k - 1] : 0, arena, err);
    if (status == NIB_OK)
        status = measure(plan, programs, &data, stop, c, err);
    for (int k = 0; k < PROGRAMS; ++k)
        destroy(&programs[k]);
    return status;
}

nib_status nib_bench_forward_run(const nib_bench_plan *plan, const volatile sig_atomic_t *stop,
                                 nib_bench_forward *result, nib_error *err)
{
    *result = (nib_bench_forward){.n_cases = 0};
    nib_status status = NIB_OK;
    for (int i = 0; i < plan->n_nets && status == NIB_OK; ++i) {
        nib_arena *arena = nib_arena_create();
        if (!arena)
            return nib_fail_memory(err, "benchmark");
        status = run_case(plan, &plan->net[i], arena, stop, &result->cases[result->n_cases++], err);
        nib_arena_destroy(arena);
    }
    return status;
}

void nib_bench_forward_print(const nib_bench_forward *result, FILE *out)
{
    fprintf(out, "%-22s %-22s %12s %12s\n", "inference, 1 thread", "", "samples/s", "/ float");
    for (int i = 0; i < result->n_cases; ++i) {
        const nib_bench_forward_case *c = &result->cases[i];
        fprintf(out, "%-22s %-22s %10.3f M %12s\n", c->net->name, "float forward", c->float_rate.median / 1e6,
                "");
        for (int k = 0; k < NIB_BENCH_WIDTHS; ++k) {
            char name[32];
            (void)snprintf(name, sizeof name, "integers, %d bits", c->bits[k]);
            fprintf(out, "%-22s %-22s %10.3f M %12.2f\n", "", name, c->rate[k].median / 1e6,
                    c->ratio[k].median);
        }
    }
}

cJSON *nib_bench_forward_json(const nib_bench_forward *result)
{
    cJSON *json = cJSON_CreateObject(), *cases = cJSON_CreateArray();
    (void)cJSON_AddItemToObject(json, "machine", nib_bench_machine_json());
    (void)cJSON_AddItemToObject(json, "forward", cases);
    for (int i = 0; i < result->n_cases; ++i) {
        const nib_bench_forward_case *c = &result->cases[i];
        cJSON *row = cJSON_CreateObject(), *engine = cJSON_CreateArray();
        (void)cJSON_AddItemToArray(cases, row);
        (void)cJSON_AddStringToObject(row, "net", c->net->name);
        (void)cJSON_AddNumberToObject(row, "float_samples_per_s", c->float_rate.median);
        (void)cJSON_AddItemToObject(row, "engine", engine);
        for (int k = 0; k < NIB_BENCH_WIDTHS; ++k) {
            cJSON *one = cJSON_CreateObject();
            (void)cJSON_AddItemToArray(engine, one);
            (void)cJSON_AddNumberToObject(one, "bits", c->bits[k]);
            (void)cJSON_AddNumberToObject(one, "samples_per_s", c->rate[k].median);
            (void)cJSON_AddNumberToObject(one, "per_float", c->ratio[k].median);
            (void)cJSON_AddNumberToObject(one, "per_float_min", c->ratio[k].min);
            (void)cJSON_AddNumberToObject(one, "per_float_max", c->ratio[k].max);
        }
    }
    return json;
}
