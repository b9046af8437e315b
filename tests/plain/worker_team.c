/* The worker team: every task once, whatever the numbers of threads and tasks; results visible to the next
 * job; no processor time while idle. A plain program because ThreadSanitizer cannot start under Criterion. */
#include <math.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "core/team.h"

enum { TASKS = 300, ROUNDS = 400 };

typedef struct job {
    int64_t count[TASKS]; /* not atomic: a task run twice at once is a race that ThreadSanitizer sees */
    int64_t sum[TASKS];
    int tasks, threads, wrong;
} job;

static void count(void *context, int index, int worker)
{
    job *j = context;
    j->count[index]++;
    if (worker < 0 || worker >= j->threads)
        j->wrong++;
}

/* Reads what other tasks of the job before wrote. */
static void add_all(void *context, int index, int worker)
{
    job *j = context;
    (void)worker;
    j->sum[index] = 0;
    for (int i = 0; i < j->tasks; ++i)
        j->sum[index] += j->count[i];
}

static int check_threads(int threads)
{
    static const int task_counts[] = {0, 1, 2, 3, 8, 17, TASKS};
    static job j;
    nib_team *team;
    nib_error err;
    int failed = 0;
    if (nib_team_create(&team, threads, &err) != NIB_OK) {
        (void)fprintf(stderr, "%s\n", err.message);
        return 1;
    }
    failed += nib_team_threads(team) != threads;
    for (size_t k = 0; k < sizeof task_counts / sizeof task_counts[0]; ++k) {
        memset(&j, 0, sizeof j);
        j.tasks = task_counts[k];
        j.threads = threads;
        for (int round = 0; round < ROUNDS; ++round) {
            nib_team_run(team, count, &j, j.tasks);
            nib_team_run(team, add_all, &j, j.tasks);
            for (int i = 0; i < TASKS; ++i)
                failed += j.count[i] != (i < j.tasks ? round + 1 : 0);
            for (int i = 0; i < j.tasks; ++i)
                failed += j.sum[i] != (int64_t)j.tasks * (round + 1);
            if (round % 100 == 50) /* let the workers fall asleep */
                (void)nanosleep(&(struct timespec){.tv_nsec = 5000000}, NULL);
        }
        failed += j.wrong;
    }
    nib_team_destroy(team);
    if (failed)
        (void)fprintf(stderr, "%d threads: %d failures\n", threads, failed);
    return failed;
}

typedef struct parts {
    int64_t count[8]; /* by part; not atomic, as above */
    int threads, last, alone, together, wrong;
} parts;

static void count_part(void *context, int part, int n)
{
    parts *p = context;
    p->count[part]++;
    if (part == 0) {
        p->last = n;
        p->alone += n == 1;
        p->together += n > 1;
        p->wrong += n != 1 && n != p->threads;
    }
}

/* Every part once, and alone when and only when the rule says so. `patience` HUGE_VAL: never; 0 with pauses
 * of no length: as stalls come; a pause until the end of time: always. */
static int check_split(int threads, double patience, double pause)
{
    enum { JOBS = 2000 };
    parts p = {.threads = threads};
    nib_team *team;
    nib_error err;
    int failed = 0;
    if (nib_team_create(&team, threads, &err) != NIB_OK)
        return 1;
    *nib_team_solo(team) = (nib_solo){.patience = patience, .until = pause};
    int64_t expected[8] = {0};
    for (int k = 0; k < JOBS; ++k) {
        nib_team_split(team, NIB_MAX_THREADS, count_part, &p);
        for (int i = 0; i < threads; ++i)
            failed += p.count[i] != (expected[i] += i < p.last);
        if (k % 500 == 250)
            (void)nanosleep(&(struct timespec){.tv_nsec = 5000000}, NULL);
    }
    failed += p.wrong;
    failed += isinf(patience) && pause == 0 && threads > 1 && p.alone != 0;
    failed += isinf(pause) && p.together != 0;
    nib_team_split(team, 1, count_part, &p);
    failed += p.last != 1;
    p.threads = 2;
    nib_team_split(team, 2, count_part, &p);
    failed += p.wrong;
    nib_team_destroy(team);
    if (failed)
        (void)fprintf(stderr, "%d threads, patience %g, pause %g: %d failures, %d alone, %d together\n",
                      threads, patience, pause, failed, p.alone, p.together);
    return failed;
}

/* Jobs whose parts meet on their way. */
typedef struct meeting {
    nib_team *team;
    int number;
    int unfine;           /* part that is not fine, or -1 */
    int came[8], went[8]; /* latest job in which a part came to the meeting, and was done */
    int wrong[8];
} meeting;

/* Some parts take longer than others. */
static void dawdle(int number, int part)
{
    for (int i = 0; number % 3 == 0 && i < (number * 7 + part * 13) % 11; ++i)
        (void)sched_yield();
}

static void meet(void *context, int part, int n)
{
    meeting *m = context;
    dawdle(m->number, part);
    m->came[part] = m->number;
    const bool fine = nib_team_meet(m->team, part, n, part != m->unfine);
    m->wrong[part] += fine != (m->unfine < 0);
    for (int other = 0; other < n; ++other)
        m->wrong[part] += m->came[other] != m->number;
    dawdle(m->number + 1, part);
    m->went[part] = m->number;
}

/* Everybody knows what the others came with, and a job waits for what is left of the one before. */
static int check_meet(int threads)
{
    enum { JOBS = 1500 };
    meeting m = {.number = 0};
    nib_error err;
    int failed = 0;
    if (nib_team_create(&m.team, threads, &err) != NIB_OK)
        return 1;
    *nib_team_solo(m.team) = (nib_solo){.patience = HUGE_VAL};
    for (int k = 1; k <= JOBS; ++k) {
        const int n = 1 + k % threads;
        parts p = {.threads = n};
        nib_team_join(m.team); /* so that the job can be changed */
        m.number = k;
        m.unfine = k % 4 ? -1 : k / 4 % n;
        nib_team_split_open(m.team, n, meet, &m);
        failed += m.went[0] != k;
        if (k % 6 == 0)
            nib_team_split(m.team, n, count_part, &p);
        else if (k % 6 == 1)
            nib_team_join(m.team);
        for (int i = 0; k % 6 <= 1 && i < n; ++i)
            failed += m.went[i] != k;
        if (k % 500 == 250)
            (void)nanosleep(&(struct timespec){.tv_nsec = 5000000}, NULL);
    }
    nib_team_destroy(m.team); /* which waits as well */
    for (int i = 0; i < threads; ++i)
        failed += m.wrong[i];
    if (failed)
        (void)fprintf(stderr, "%d threads that meet: %d failures\n", threads, failed);
    return failed;
}

static double cpu_seconds(void)
{
    struct rusage use;
    (void)getrusage(RUSAGE_SELF, &use);
    return (double)(use.ru_utime.tv_sec + use.ru_stime.tv_sec) +
           1e-6 * (double)(use.ru_utime.tv_usec + use.ru_stime.tv_usec);
}

static int check_idle(void)
{
    static job j = {.tasks = 8, .threads = 3};
    nib_team *team;
    nib_error err;
    if (nib_team_create(&team, 3, &err) != NIB_OK)
        return 1;
    nib_team_run(team, count, &j, 8);
    (void)nanosleep(&(struct timespec){.tv_nsec = 100000000}, NULL);
    double before = cpu_seconds();
    (void)nanosleep(&(struct timespec){.tv_nsec = 400000000}, NULL);
    double used = cpu_seconds() - before;
    nib_team_destroy(team);
    if (used > 0.05)
        (void)fprintf(stderr, "an idle team used %.3f s of processor time in 0.4 s\n", used);
    return used > 0.05;
}

static int check_limits(void)
{
    nib_team *team;
    nib_error err;
    int failed = nib_team_create(&team, 0, &err) != NIB_ERR_USAGE || team != NULL;
    failed += nib_team_create(&team, 1000000, &err) != NIB_ERR_USAGE || team != NULL;
    nib_team_destroy(NULL);
    if (failed)
        (void)fprintf(stderr, "0 or 1000000 threads are accepted\n");
    return failed;
}

int main(void)
{
    int failed = check_limits();
    for (int threads = 1; threads <= 5; ++threads)
        failed += check_threads(threads) + check_split(threads, HUGE_VAL, 0) +
                  check_split(threads, HUGE_VAL, HUGE_VAL) + check_split(threads, 0, 0) + check_meet(threads);
    failed += check_idle();
    return failed != 0;
}
