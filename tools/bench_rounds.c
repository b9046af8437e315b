#include "tools/bench_rounds.h"

#include <math.h>
#include <string.h>

#include "tools/bench_clock.h"
#include "tools/bench_hog.h"
#include "tools/bench_others.h"
#include "tools/bench_peak.h"

enum { MAX_PROGRAMS = 2 * NIB_BENCH_CHOICES + 3 };

static const double peak_seconds = 0.02;

/* A benchmark while it runs. */
typedef struct bench {
    const nib_bench_plan *plan;
    const volatile sig_atomic_t *stop;
    nib_progress *progress;
    nib_bench_result *result;
} bench;

static void show(const bench *b, int64_t round, const nib_bench_case *c, const nib_bench_program *p)
{
    nib_progress *out = b->progress;
    if (out->quiet || !out->terminal)
        return;
    if (round < 0)
        fprintf(out->out, "\r\033[Kwarming up: ");
    else
        fprintf(out->out, "\r\033[Kround %lld/%lld: ", (long long)round + 1, (long long)b->plan->rounds);
    fprintf(out->out, "%s, batch %lld, %s, %d thread%s%s", c->net->name, (long long)c->batch, p->name,
            p->threads, p->threads > 1 ? "s" : "", p->hog ? ", hog" : "");
    (void)fflush(out->out);
    out->bar_drawn = true;
}

/* --- Programs
 * ------------------------------------------------------------------------------------------------ */

static nib_status make_room(const bench *b, nib_bench_case *c, const char *name, int threads,
                            nib_bench_program **program, nib_error *err)
{
    nib_bench_program *p = &c->program[c->n_programs];
    p->rate = NIB_NEW(b->result->arena, double, b->plan->rounds);
    p->cpu = NIB_NEW(b->result->arena, double, b->plan->rounds);
    if (!p->rate || !p->cpu)
        return nib_fail_memory(err, "benchmark");
    p->name = name;
    p->threads = threads;
    c->n_programs++;
    *program = p;
    return NIB_OK;
}

static nib_status add_nibble(const bench *b, nib_bench_case *c, const nib_dataset *data, nib_bench_kind kind,
                             int threads, bool hog, nib_error *err)
{
    static const char *const names[] = {"nibble", "nibble QAT 6 bits", "nibble 80 % pruned"};
    nib_bench_program *p = NULL;
    NIB_TRY(make_room(b, c, names[kind], threads, &p, err));
    p->hog = hog;
    p->variant = kind != NIB_BENCH_FLOAT;
    return nib_bench_nibble_create(&p->nibble, c->net, data, c->batch, threads, kind, err);
}

static nib_status add_straight(const bench *b, nib_bench_case *c, const nib_dataset *data, nib_error *err)
{
    nib_bench_program *p = NULL;
    NIB_TRY(make_room(b, c, "straightforward", 1, &p, err));
    return nib_bench_straight_create(&p->straight, c->net, data, c->batch,
                                     nib_bench_nibble_params(c->program[0].nibble), err);
}

static nib_status add_case(const bench *b, const nib_bench_net *net, int64_t batch, const nib_dataset *data,
                           nib_error *err)
{
    const nib_bench_plan *plan = b->plan;
    nib_bench_case *c = &b->result->cases[b->result->n_cases];
    c->program = NIB_NEW(b->result->arena, nib_bench_program, MAX_PROGRAMS);
    if (!c->program)
        return nib_fail_memory(err, "benchmark");
    c->net = net;
    c->batch = batch < data->rows ? batch : data->rows;
    c->rows = data->rows;
    b->result->n_cases++;
    for (int hog = 0; hog <= (plan->hog ? 1 : 0); ++hog)
        for (int i = 0; i < plan->n_threads; ++i)
            NIB_TRY(add_nibble(b, c, data, NIB_BENCH_FLOAT, (int)plan->threads[i], hog == 1, err));
    NIB_TRY(add_nibble(b, c, data, NIB_BENCH_QUANTIZED, 1, false, err));
    NIB_TRY(add_nibble(b, c, data, NIB_BENCH_PRUNED, 1, false, err));
    return plan->straight ? add_straight(b, c, data, err) : NIB_OK;
}

/* Nets with the same inputs and classes share their data. */
static nib_status add_cases(const bench *b, nib_error *err)
{
    const nib_bench_plan *plan = b->plan;
    nib_arena *arena = b->result->arena;
    nib_dataset *data = NIB_NEW(arena, nib_dataset, plan->n_nets);
    b->result->cases = NIB_NEW(arena, nib_bench_case, plan->n_nets * plan->n_batches);
    b->result->peak = NIB_NEW(arena, double, plan->rounds);
    if (!data || !b->result->cases || !b->result->peak)
        return nib_fail_memory(err, "benchmark");
    for (int i = 0; i < plan->n_nets; ++i) {
        const nib_bench_net *net = &plan->net[i];
        for (int k = 0; k < i && data[i].rows == 0; ++k)
            if (plan->net[k].width[0] == net->width[0] &&
                plan->net[k].width[plan->net[k].n_layers] == net->width[net->n_layers])
                data[i] = data[k];
        if (data[i].rows == 0)
            NIB_TRY(nib_bench_net_data(arena, net, plan->rows > 0 ? plan->rows : nib_bench_net_rows(net),
                                       &data[i], err));
        for (int k = 0; k < plan->n_batches; ++k)
            NIB_TRY(add_case(b, net, plan->batch[k], &data[i], err));
    }
    return NIB_OK;
}

/* --- Measurements
 * -------------------------------------------------------------------------------------------- */

static nib_status run_epochs(const bench *b, nib_bench_program *p, int64_t epochs, nib_error *err)
{
    for (int64_t i = 0; i < epochs; ++i) {
        if (p->nibble)
            NIB_TRY(nib_bench_nibble_epoch(p->nibble, b->stop, &p->last, err));
        else
            NIB_TRY(nib_bench_straight_epoch(p->straight, b->stop, &p->last, err));
        p->epochs++;
    }
    return NIB_OK;
}

/* @param seconds, cpu  wall time, and what the thread got of it */
static nib_status time_program(const bench *b, nib_bench_program *p, int64_t epochs, double *seconds,
                               double *cpu, nib_error *err)
{
    nib_bench_hog hog;
    if (p->hog)
        NIB_TRY(nib_bench_hog_start(&hog, err));
    *cpu = nib_bench_thread_time();
    *seconds = nib_bench_wall();
    nib_status status = run_epochs(b, p, epochs, err);
    *seconds = nib_bench_wall() - *seconds;
    *cpu = nib_bench_thread_time() - *cpu;
    if (p->hog)
        nib_bench_hog_stop(&hog);
    return status;
}

/* An epoch of each program; the fastest decides how many epochs a measurement has. */
static nib_status warm_up(const bench *b, nib_error *err)
{
    double seconds, cpu;
    for (int i = 0; i < b->result->n_cases; ++i) {
        nib_bench_case *c = &b->result->cases[i];
        double fastest = (double)INFINITY;
        for (int k = 0; k < c->n_programs; ++k) {
            show(b, -1, c, &c->program[k]);
            NIB_TRY(time_program(b, &c->program[k], 1, &seconds, &cpu, err));
            fastest = seconds < fastest ? seconds : fastest;
        }
        double wanted = fastest > 0 ? ceil(b->plan->seconds / fastest) : 1;
        c->epochs = wanted < 1 ? 1 : wanted > 1e6 ? 1000000 : (int64_t)wanted;
    }
    return NIB_OK;
}

/* Each program once, beginning with another one in each round. */
static nib_status measure_case(const bench *b, int64_t round, nib_bench_case *c, nib_error *err)
{
    for (int k = 0; k < c->n_programs; ++k) {
        nib_bench_program *p = &c->program[(k + round) % c->n_programs];
        double seconds, cpu;
        show(b, round, c, p);
        NIB_TRY(time_program(b, p, c->epochs, &seconds, &cpu, err));
        const double taken = b->plan->cpu_time && p->threads == 1 ? cpu : seconds;
        p->rate[round] = taken > 0 ? (double)(c->rows * c->epochs) / taken : 0;
        p->cpu[round] = seconds > 0 ? cpu / seconds : 0;
    }
    return NIB_OK;
}

static nib_status measure(const bench *b, nib_error *err)
{
    const nib_isa isa = nib_isa_chosen().isa;
    NIB_TRY(warm_up(b, err));
    const double begin = nib_bench_wall(), others = nib_bench_others();
    for (int64_t round = 0; round < b->plan->rounds; ++round) {
        double peak = 0;
        for (int i = 0; i < b->result->n_cases; ++i) {
            const double now = nib_bench_peak(isa, peak_seconds);
            peak = now > peak ? now : peak;
            NIB_TRY(measure_case(b, round, &b->result->cases[i], err));
        }
        if (!(peak > 0))
            return nib_fail(err, NIB_ERR_SYSTEM, "the measurement of the peak computed something else");
        b->result->peak[round] = peak;
        b->result->rounds++;
    }
    const double taken = nib_bench_wall() - begin;
    b->result->others = others < 0 || !(taken > 0) ? -1 : (nib_bench_others() - others) / taken;
    return NIB_OK;
}

static void compare_weights(nib_bench_case *c)
{
    const nib_params *first = nib_bench_nibble_params(c->program[0].nibble);
    c->same_weights = true;
    for (int k = 1; k < c->n_programs; ++k) {
        if (!c->program[k].nibble || c->program[k].variant)
            continue;
        const nib_params *other = nib_bench_nibble_params(c->program[k].nibble);
        c->same_weights =
            c->same_weights && memcmp(first->value, other->value, (size_t)first->size * sizeof(float)) == 0;
    }
}

nib_status nib_bench_run(const nib_bench_plan *plan, const volatile sig_atomic_t *stop,
                         nib_progress *progress, nib_bench_result *result, nib_error *err)
{
    const bench b = {.plan = plan, .stop = stop, .progress = progress, .result = result};
    *result = (nib_bench_result){.arena = nib_arena_create(), .plan = plan};
    if (!result->arena)
        return nib_fail_memory(err, "benchmark");
    NIB_TRY(add_cases(&b, err));
    nib_status status = measure(&b, err);
    if (progress->bar_drawn)
        fputs("\r\033[K", progress->out);
    progress->bar_drawn = false;
    for (int i = 0; i < result->n_cases && status == NIB_OK; ++i)
        compare_weights(&result->cases[i]);
    return status;
}

void nib_bench_result_destroy(nib_bench_result *result)
{
    for (int i = 0; i < result->n_cases; ++i)
        for (int k = 0; k < result->cases[i].n_programs; ++k) {
            nib_bench_nibble_destroy(result->cases[i].program[k].nibble);
            nib_bench_straight_destroy(result->cases[i].program[k].straight);
        }
    nib_arena_destroy(result->arena);
    *result = (nib_bench_result){.arena = NULL};
}
