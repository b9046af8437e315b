#include "core/team.h"

#include <assert.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "core/arena.h"
#include "core/cpu.h"

/* A job is one word, `ticket` = (generation << 32 | tasks << 16 | next task). Whoever adds 1 to it owns the
 * task whose number it read, so a worker that comes late finds either no task left or a task of the current
 * job: the job's function is read only by owners of a task, and it cannot change before that task is done.
 * Hence the caller waits for claimed tasks alone, never for a worker that the system has put aside. */
enum { TASK_BITS = 16, SPINS = 2000, YIELDS = 100 };

typedef struct worker {
    nib_team *team;
    int index;
    pthread_t thread;
} worker;

struct nib_team {
    _Alignas(NIB_ALIGN) _Atomic uint64_t ticket;
    _Alignas(NIB_ALIGN) _Atomic int done;
    _Alignas(NIB_ALIGN) void (*task)(void *context, int index, int worker);
    void *context;
    int threads, started;
    bool crowded; /* more threads than processors: spinning would take them from each other */
    worker *workers;
    _Atomic bool stop;
    _Atomic int sleepers;
    pthread_mutex_t lock;
    pthread_cond_t wake;
};

static void relax(void)
{
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

static uint32_t generation_of(uint64_t ticket)
{
    return (uint32_t)(ticket >> 32);
}

/* Claim and run tasks until none is left. Returns the last ticket seen. */
static uint64_t work(nib_team *team, int index)
{
    for (;;) {
        uint64_t ticket = atomic_fetch_add(&team->ticket, 1);
        uint32_t task = ticket & 0xffffu, tasks = (ticket >> TASK_BITS) & 0xffffu;
        if (task >= tasks)
            return ticket;
        team->task(team->context, (int)task, index);
        atomic_fetch_add_explicit(&team->done, 1, memory_order_release);
    }
}

/* Wait until the generation is not `seen` any more: spin, then yield, then sleep. A training step hands out
 * work every few microseconds, so sleep is for idle teams only. */
static void await(nib_team *team, uint32_t seen)
{
    for (int i = 0; i < (team->crowded ? 0 : SPINS); ++i) {
        if (generation_of(atomic_load_explicit(&team->ticket, memory_order_acquire)) != seen)
            return;
        relax();
    }
    for (int i = 0; i < YIELDS; ++i) {
        if (generation_of(atomic_load_explicit(&team->ticket, memory_order_acquire)) != seen)
            return;
        (void)sched_yield();
    }
    /* Announce, then look again: the caller publishes, then looks for sleepers (both sequentially
     * consistent), so one of the two sees the other. */
    (void)pthread_mutex_lock(&team->lock);
    atomic_fetch_add(&team->sleepers, 1);
    while (generation_of(atomic_load(&team->ticket)) == seen)
        (void)pthread_cond_wait(&team->wake, &team->lock);
    atomic_fetch_sub(&team->sleepers, 1);
    (void)pthread_mutex_unlock(&team->lock);
}

static void *run_worker(void *argument)
{
    worker *self = argument;
    nib_team *team = self->team;
    nib_cpu_flush_denormals();
    /* `stop` is set before its generation is published, so whoever saw that generation sees `stop`. */
    for (uint32_t seen = 0; !atomic_load(&team->stop); seen = generation_of(work(team, self->index)))
        await(team, seen);
    return NULL;
}

static void publish(nib_team *team, int tasks)
{
    uint64_t next = (uint64_t)generation_of(atomic_load(&team->ticket)) + 1;
    atomic_store(&team->ticket, (next << 32) | ((uint64_t)tasks << TASK_BITS));
    if (atomic_load(&team->sleepers) > 0) {
        (void)pthread_mutex_lock(&team->lock);
        (void)pthread_cond_broadcast(&team->wake);
        (void)pthread_mutex_unlock(&team->lock);
    }
}

void nib_team_run(nib_team *team, void (*task)(void *context, int index, int worker), void *context,
                  int tasks)
{
    assert(tasks >= 0 && tasks < 0x8000);
    if (team->threads == 1 || tasks <= 1) {
        for (int i = 0; i < tasks; ++i)
            task(context, i, 0);
        return;
    }
    team->task = task;
    team->context = context;
    atomic_store_explicit(&team->done, 0, memory_order_relaxed);
    publish(team, tasks);
    (void)work(team, 0);
    for (int i = 0; atomic_load_explicit(&team->done, memory_order_acquire) < tasks; ++i) {
        if (team->crowded || i > SPINS)
            (void)sched_yield();
        else
            relax();
    }
}

nib_status nib_team_create(nib_team **out, int threads, nib_error *err)
{
    *out = NULL;
    if (threads < 1 || threads > NIB_MAX_THREADS)
        return nib_fail(err, NIB_ERR_USAGE, "threads: %d is not between 1 and %d", threads, NIB_MAX_THREADS);
    nib_team *team = nib_aligned_alloc(sizeof *team);
    worker *workers = nib_aligned_alloc((size_t)threads * sizeof *workers);
    if (!team || !workers) {
        nib_aligned_free(team);
        nib_aligned_free(workers);
        return nib_fail_memory(err, "threads");
    }
    team->threads = threads;
    team->crowded = threads > nib_cpu_count();
    team->workers = workers;
    (void)pthread_mutex_init(&team->lock, NULL);
    (void)pthread_cond_init(&team->wake, NULL);
    for (int i = 1; i < threads; ++i) {
        workers[i] = (worker){.team = team, .index = i};
        if (pthread_create(&workers[i].thread, NULL, run_worker, &workers[i]) != 0) {
            nib_team_destroy(team);
            return nib_fail(err, NIB_ERR_SYSTEM, "cannot start thread %d of %d", i + 1, threads);
        }
        team->started = i;
    }
    *out = team;
    return NIB_OK;
}

void nib_team_destroy(nib_team *team)
{
    if (!team)
        return;
    atomic_store(&team->stop, true);
    publish(team, 0);
    for (int i = 1; i <= team->started; ++i)
        (void)pthread_join(team->workers[i].thread, NULL);
    (void)pthread_cond_destroy(&team->wake);
    (void)pthread_mutex_destroy(&team->lock);
    nib_aligned_free(team->workers);
    nib_aligned_free(team);
}

int nib_team_threads(const nib_team *team)
{
    return team->threads;
}
