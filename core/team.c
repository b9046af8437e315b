#include "core/team.h"

#include <assert.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdint.h>
#include <time.h>

#include "core/arena.h"
#include "core/cpu.h"

/* A job is one word, `ticket` = (generation << 16 | parts). A worker whose index is below `parts` takes part:
 * it reads the job and tells its end by the generation in `done`; the caller waits for it, so the job cannot
 * change meanwhile. The others read nothing but the word. What different threads write lies two cache lines
 * apart, as the processor fetches them in pairs: between cores a line takes as long as a hundred
 * multiply-adds. */
enum { PARTS_BITS = 16, SPINS = 2000, YIELDS = 100 };
static const double wake_seconds = 3e-4; /* what a sleeper may take until it works: no stall */

typedef struct worker {
    _Alignas(NIB_ALIGN) _Atomic uint64_t done; /* generation of the last job it had a part in */
    _Atomic uint64_t met;                      /* 2 * generation + whether it is fine, where the parts meet */
    nib_team *team;
    int index;
    pthread_t thread;
    _Alignas(NIB_ALIGN) char gap[NIB_ALIGN];
} worker;

struct nib_team {
    _Alignas(NIB_ALIGN) _Atomic uint64_t ticket;
    void (*part)(void *context, int part, int parts);
    void *context;
    /* The caller's own. */
    _Alignas(NIB_ALIGN) char gap[NIB_ALIGN];
    int threads, started;
    bool crowded;    /* more threads than processors: spinning would take them from each other */
    worker *workers; /* [threads], the caller's first */
    nib_solo solo;
    int open;     /* parts of a job whose end nobody has waited for, or 0 */
    double begin; /* of the latest job */
    bool woke;    /* somebody, for that job */
    /* Rarely written. */
    _Alignas(NIB_ALIGN) _Atomic bool stop;
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

static double clock_now(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* Wait for another ticket than `seen`: spin, then yield, then sleep. A training step hands out work every few
 * microseconds, so sleep is for idle teams only. */
static uint64_t await(nib_team *team, uint64_t seen)
{
    for (int i = 0; i < (team->crowded ? 0 : SPINS) + YIELDS; ++i) {
        const uint64_t ticket = atomic_load_explicit(&team->ticket, memory_order_acquire);
        if (ticket != seen)
            return ticket;
        if (team->crowded || i > SPINS)
            (void)sched_yield();
        else
            relax();
    }
    /* Announce, then look again: the caller publishes, then reads and writes `sleepers`. Of the two writes
     * one comes first, and the other side sees what was done before it. */
    (void)pthread_mutex_lock(&team->lock);
    atomic_fetch_add(&team->sleepers, 1);
    while (atomic_load(&team->ticket) == seen)
        (void)pthread_cond_wait(&team->wake, &team->lock);
    atomic_fetch_sub(&team->sleepers, 1);
    (void)pthread_mutex_unlock(&team->lock);
    return atomic_load(&team->ticket);
}

static void *run_worker(void *argument)
{
    worker *self = argument;
    nib_team *team = self->team;
    nib_cpu_flush_denormals();
    uint64_t ticket = 0;
    for (;;) {
        ticket = await(team, ticket);
        /* `stop` is set before its ticket is published, so whoever saw that ticket sees `stop`. */
        if (atomic_load_explicit(&team->stop, memory_order_relaxed))
            return NULL;
        const int parts = (int)(ticket & ((1u << PARTS_BITS) - 1));
        if (self->index >= parts)
            continue;
        team->part(team->context, self->index, parts);
        atomic_store_explicit(&self->done, ticket >> PARTS_BITS, memory_order_release);
    }
}

/* @return the generation of the job */
static uint64_t publish(nib_team *team, int parts)
{
    const uint64_t generation = (atomic_load_explicit(&team->ticket, memory_order_relaxed) >> PARTS_BITS) + 1;
    atomic_store_explicit(&team->ticket, (generation << PARTS_BITS) | (uint64_t)parts, memory_order_release);
    return generation;
}

static void wake(nib_team *team)
{
    (void)pthread_mutex_lock(&team->lock);
    (void)pthread_cond_broadcast(&team->wake);
    (void)pthread_mutex_unlock(&team->lock);
}

static uint64_t generation_of(const nib_team *team)
{
    return atomic_load_explicit(&team->ticket, memory_order_relaxed) >> PARTS_BITS;
}

/* Until `word` is at least `value`.
 * @param waiting  when spinning had not been enough, else 0; kept if it is set
 * @return the word */
static uint64_t wait_for(const nib_team *team, const _Atomic uint64_t *word, uint64_t value, double *waiting)
{
    for (int i = 0;; ++i) {
        const uint64_t now = atomic_load_explicit(word, memory_order_acquire);
        if (now >= value)
            return now;
        if (!team->crowded && i < SPINS) {
            relax();
            continue;
        }
        if (*waiting == 0)
            *waiting = clock_now();
        (void)sched_yield();
    }
}

void nib_team_join(nib_team *team)
{
    double waiting = 0;
    const uint64_t generation = generation_of(team);
    for (int i = 1; i < team->open; ++i)
        (void)wait_for(team, &team->workers[i].done, generation, &waiting);
    if (team->open > 0 && waiting > 0) {
        const double end = clock_now();
        nib_solo_report(&team->solo, end, waiting - team->begin, end - waiting);
    }
    team->open = 0;
}

/* Hand out a job of `parts` threads and do the caller's. */
static void start(nib_team *team, int parts, void (*part)(void *context, int part, int parts), void *context)
{
    nib_team_join(team);
    team->part = part;
    team->context = context;
    (void)publish(team, parts);
    team->woke = atomic_load_explicit(&team->sleepers, memory_order_relaxed) > 0;
    if (team->woke)
        wake(team);
    part(context, 0, parts);
}

/* Whoever fell asleep meanwhile. Only when there is nothing else to do: this waits until the ticket has
 * reached the other core. */
static void wake_sleepers(nib_team *team)
{
    if (!team->woke && atomic_fetch_add(&team->sleepers, 0) > 0) {
        wake(team);
        team->woke = true;
    }
}

/* The rule of `solo` looks at the job if it has waited since `waiting`. */
static void report(nib_team *team, double waiting)
{
    if (waiting == 0)
        return;
    const double end = clock_now();
    nib_solo_report(&team->solo, end, waiting - team->begin, end - waiting - (team->woke ? wake_seconds : 0));
}

/* A job of all that is over when all have done their parts. @param watched  by the rule */
static void share(nib_team *team, int parts, void (*part)(void *context, int part, int parts), void *context,
                  bool watched)
{
    double waiting = 0;
    start(team, parts, part, context);
    wake_sleepers(team);
    for (int i = 1; i < parts; ++i)
        (void)wait_for(team, &team->workers[i].done, generation_of(team), &waiting);
    if (watched)
        report(team, waiting);
}

int nib_team_parts(nib_team *team, int most)
{
    const int parts = team->threads < most ? team->threads : most;
    if (parts <= 1)
        return 1;
    team->begin = clock_now();
    return nib_solo_begin(&team->solo, team->begin) ? 1 : parts;
}

void nib_team_split(nib_team *team, int most, void (*part)(void *context, int part, int parts), void *context)
{
    nib_team_split_in(team, nib_team_parts(team, most), part, context);
}

void nib_team_split_in(nib_team *team, int parts, void (*part)(void *context, int part, int parts),
                       void *context)
{
    assert(parts >= 1 && parts <= team->threads);
    if (parts == 1)
        part(context, 0, 1);
    else
        share(team, parts, part, context, true);
}

void nib_team_split_open(nib_team *team, int parts, void (*part)(void *context, int part, int parts),
                         void *context)
{
    assert(parts >= 1 && parts <= team->threads);
    if (parts == 1) {
        part(context, 0, 1);
        return;
    }
    start(team, parts, part, context);
    team->open = parts;
}

bool nib_team_meet(nib_team *team, int part, int parts, bool fine)
{
    if (parts == 1)
        return fine;
    double waiting = 0;
    const uint64_t generation = generation_of(team);
    atomic_store_explicit(&team->workers[part].met, 2 * generation + fine, memory_order_release);
    if (part == 0)
        wake_sleepers(team);
    for (int i = 0; i < parts; ++i)
        if (i != part)
            fine = (wait_for(team, &team->workers[i].met, 2 * generation, &waiting) & 1) && fine;
    if (part == 0)
        report(team, waiting);
    return fine;
}

typedef struct tasks {
    void (*task)(void *context, int index, int worker);
    void *context;
    int count;
    _Atomic int next;
} tasks;

static void claim_tasks(void *context, int part, int parts)
{
    tasks *all = context;
    (void)parts;
    for (int i = atomic_fetch_add(&all->next, 1); i < all->count; i = atomic_fetch_add(&all->next, 1))
        all->task(all->context, i, part);
}

void nib_team_run(nib_team *team, void (*task)(void *context, int index, int worker), void *context,
                  int count)
{
    assert(count >= 0 && count < INT32_MAX - NIB_MAX_THREADS);
    tasks all = {.task = task, .context = context, .count = count};
    const int parts = team->threads < count ? team->threads : count;
    atomic_init(&all.next, 0);
    if (parts <= 1)
        claim_tasks(&all, 0, 1);
    else
        share(team, parts, claim_tasks, &all, false);
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
    team->solo = nib_solo_defaults();
    team->workers = workers;
    (void)pthread_mutex_init(&team->lock, NULL);
    (void)pthread_cond_init(&team->wake, NULL);
    for (int i = 1; i < threads; ++i) {
        workers[i].team = team;
        workers[i].index = i;
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
    nib_team_join(team);
    atomic_store(&team->stop, true);
    (void)publish(team, 0);
    wake(team);
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

nib_solo *nib_team_solo(nib_team *team)
{
    return &team->solo;
}
