#include "tools/sweep_run.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "core/file.h"
#include "tools/sweep_process.h"
#include "tools/sweep_view.h"

/* A trial that runs here. */
typedef struct worker {
    int trial; /* -1: free */
    pid_t pid;
    int lock;
    double begin;
} worker;

typedef struct runner {
    const nib_sweep_job *job;
    nib_arena *arena;
    nib_sweep_result *results;
    worker *worker;
    bool *elsewhere; /* [n_trials] another process has it */
    double looked;   /* when those were last looked at */
    double written;  /* trials.csv */
    bool stopping;
    nib_sweep_view view;
} runner;

const char *nib_sweep_trial_text(nib_arena *arena, const nib_sweep *sweep, int trial)
{
    const nib_sweep_trial *t = &sweep->trial[trial];
    const nib_sweep_point *p = &sweep->point[t->point];
    const char *text = sweep->study[p->study].name;
    for (int i = 0; text && i < p->n_chosen; i++)
        text = nib_arena_printf(arena, "%s %s=%s", text, p->chosen[i].key, p->chosen[i].value);
    if (text && sweep->seeds.count > 1)
        text = nib_arena_printf(arena, "%s seed %lld", text, (long long)t->seed);
    return text ? text : "";
}

static int study_index(const runner *r, int trial)
{
    return r->job->sweep->point[r->job->sweep->trial[trial].point].study;
}

static const nib_sweep_study *study_of(const runner *r, int trial)
{
    return &r->job->sweep->study[study_index(r, trial)];
}

/* Epochs that a rung ends at. */
static int64_t rung_end(const nib_sweep_halving *h, int64_t rung, int64_t epochs)
{
    int64_t end = h->first;
    while (rung-- > 0 && end < epochs)
        end *= h->eta;
    return end < epochs ? end : epochs;
}

static nib_status save(const runner *r, int trial, nib_error *err)
{
    const char *path = nib_sweep_result_path(r->arena, r->job->folder, trial);
    return path ? nib_sweep_result_write(path, &r->results[trial], err) : nib_fail_memory(err, "sweep");
}

static void reread(runner *r, int trial)
{
    const char *path = nib_sweep_result_path(r->arena, r->job->folder, trial);
    const nib_sweep_result now = path ? nib_sweep_result_read(r->arena, path) : (nib_sweep_result){0};
    if (now.status != NIB_SWEEP_OPEN || now.rung > r->results[trial].rung)
        r->results[trial] = now;
}

static bool runs_here(const runner *r, int trial)
{
    for (int64_t i = 0; i < r->job->jobs; i++)
        if (r->worker[i].trial == trial)
            return true;
    return false;
}

/* --- Halving ---------------------------------------------------------------------------------------- */

/* What a trial that was killed would have scored is not known: its rung waits until a resume has run it
 * again. */
static bool holds_rung(const nib_sweep_result *result)
{
    return result->status == NIB_SWEEP_OPEN || (result->status == NIB_SWEEP_FAILED && result->killed);
}

/* The lowest rung that a trial of the study is still to end; -1: there is none. `open`: whether one of those
 * can run. */
static int64_t lowest_rung(const runner *r, int study, bool *open)
{
    const nib_sweep_study *s = &r->job->sweep->study[study];
    int64_t lowest = -1;
    *open = false;
    for (int i = 0; i < (int)s->n_points * r->job->sweep->seeds.count; i++) {
        const nib_sweep_result *result = &r->results[s->first_trial + i];
        if (!holds_rung(result) || (lowest >= 0 && result->rung > lowest))
            continue;
        *open = (result->rung == lowest && *open) || result->status == NIB_SWEEP_OPEN;
        lowest = result->rung;
    }
    return lowest;
}

/* When all open trials have ended the same rung, the points that do not go on are dropped. Says what the
 * results alone say: a sweep that was killed on the way decides the same again. */
static nib_status decide_rung(runner *r, int study, nib_error *err)
{
    const nib_sweep *sweep = r->job->sweep;
    const nib_sweep_study *s = &sweep->study[study];
    const int seeds = sweep->seeds.count, trials = (int)s->n_points * seeds;
    bool open;
    const int64_t rung = lowest_rung(r, study, &open);
    bool *in = NIB_NEW(r->arena, bool, s->n_points), *on = NIB_NEW(r->arena, bool, s->n_points);
    if (!in || !on)
        return nib_fail_memory(err, "sweep");
    if (rung < 1)
        return NIB_OK;
    for (int i = 0; i < trials; i++) {
        const nib_sweep_result *result = &r->results[s->first_trial + i];
        in[i / seeds] = in[i / seeds] || result->rung == rung;
        if ((result->status == NIB_SWEEP_OPEN && result->rung > rung) ||
            (result->killed && holds_rung(result)))
            return NIB_OK; /* decided before, and the next rung is on its way; or it cannot be decided */
    }
    nib_sweep_promote(sweep, study, r->results, in, on);
    for (int i = 0; i < trials; i++) {
        nib_sweep_result *result = &r->results[s->first_trial + i];
        if (!in[i / seeds] || on[i / seeds] || result->status != NIB_SWEEP_OPEN)
            continue;
        result->status = NIB_SWEEP_DROPPED;
        NIB_TRY(save(r, s->first_trial + i, err));
    }
    return NIB_OK;
}

/* --- Starting --------------------------------------------------------------------------------------- */

/* Whether a trial may start now; a trial whose parent failed fails with it. */
static bool is_ready(runner *r, int trial)
{
    nib_sweep_result *result = &r->results[trial];
    const int parent = r->job->sweep->trial[trial].parent;
    const nib_sweep_study *s = study_of(r, trial);
    bool open;
    if (result->status != NIB_SWEEP_OPEN || runs_here(r, trial) || r->elsewhere[trial])
        return false;
    if (parent >= 0 && r->results[parent].status == NIB_SWEEP_OPEN &&
        (parent < r->job->first || parent >= r->job->last))
        reread(r, parent);
    if (parent >= 0 &&
        (r->results[parent].status == NIB_SWEEP_FAILED || r->results[parent].status == NIB_SWEEP_DROPPED)) {
        nib_error ignored;
        result->status = NIB_SWEEP_FAILED;
        result->message =
            nib_arena_printf(r->arena, "trial %d, which it starts from, has no weights", parent);
        if (save(r, trial, &ignored) != NIB_OK)
            result->status = NIB_SWEEP_OPEN;
        nib_sweep_view_line(&r->view, trial, result);
        return false;
    }
    if (parent >= 0 && r->results[parent].status != NIB_SWEEP_DONE)
        return false;
    return s->halving.eta == 0 || result->rung == lowest_rung(r, study_index(r, trial), &open);
}

/* Whether an open trial can come to run while this process lives. */
static bool can_run(const runner *r, int trial)
{
    bool open;
    const nib_sweep_result *result = &r->results[trial];
    if (result->status != NIB_SWEEP_OPEN || study_of(r, trial)->halving.eta == 0)
        return result->status == NIB_SWEEP_OPEN;
    return result->rung == lowest_rung(r, study_index(r, trial), &open) || open;
}

/* @return a locked file, or -1 when another process has the trial */
static int claim(runner *r, int trial)
{
    const char *path = nib_arena_printf(r->arena, "%s/trials/%04d.lock", r->job->folder, trial);
    const int file = path ? open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666) : -1;
    if (file < 0)
        return -1;
    if (flock(file, LOCK_EX | LOCK_NB) == 0)
        return file;
    (void)close(file);
    return -1;
}

static nib_status command_of(const runner *r, int trial, const char ***argv, int *count, nib_error *err)
{
    nib_arena *arena = r->arena;
    const nib_sweep_study *s = study_of(r, trial);
    const char *run = nib_sweep_trial_folder(arena, r->job->folder, trial);
    const char *last = run ? nib_path_join(arena, run, "last.h5") : NULL;
    const bool train = strcmp(s->command, "train") == 0;
    const char **words = nib_sweep_command(arena, r->job->sweep, r->job->folder, trial, count);
    if (!words || !last)
        return nib_fail_memory(err, "sweep");
    if (train && nib_file_exists(last)) {
        words[0] = "train", words[1] = "--resume", words[2] = run;
        *count = 3;
    } else {
        nib_remove_run(run);
    }
    words[(*count)++] = "--threads";
    words[(*count)++] = nib_arena_printf(arena, "%lld", (long long)r->job->threads);
    words[(*count)++] = "--quiet";
    words[(*count)++] = "--prepared";
    words[(*count)++] = nib_path_join(arena, r->job->folder, "prepared");
    if (s->halving.eta > 0) {
        words[(*count)++] = "--until";
        words[(*count)++] = nib_arena_printf(
            arena, "%lld", (long long)rung_end(&s->halving, r->results[trial].rung, r->job->epochs[trial]));
    }
    for (int i = 0; i < *count; i++)
        if (!words[i])
            return nib_fail_memory(err, "sweep");
    *argv = words;
    return NIB_OK;
}

static nib_status start(runner *r, worker *w, int trial, int lock, nib_error *err)
{
    const char **argv = NULL;
    int count = 0;
    const char *log = nib_sweep_trial_log(r->arena, r->job->folder, trial);
    if (!log)
        return nib_fail_memory(err, "sweep");
    NIB_TRY(command_of(r, trial, &argv, &count, err));
    NIB_TRY(nib_child_start(argv, count, log, &w->pid, err));
    w->trial = trial;
    w->lock = lock;
    w->begin = nib_clock_seconds();
    nib_sweep_view_start(&r->view, trial);
    return NIB_OK;
}

/* Fill free workers with the first trials that are ready. */
static nib_status fill(runner *r, nib_error *err)
{
    int trial = r->job->first;
    for (int64_t i = 0; i < r->job->jobs && !r->stopping; i++) {
        worker *w = &r->worker[i];
        if (w->trial >= 0)
            continue;
        for (; trial < r->job->last; trial++) {
            if (!is_ready(r, trial))
                continue;
            const int lock = claim(r, trial);
            r->elsewhere[trial] = lock < 0;
            if (lock < 0)
                continue;
            reread(r, trial); /* another process may just have ended it */
            if (!is_ready(r, trial)) {
                (void)close(lock);
                continue;
            }
            nib_status status = start(r, w, trial, lock, err);
            if (status != NIB_OK) {
                (void)close(lock);
                return status;
            }
            trial++;
            break;
        }
    }
    return NIB_OK;
}

/* --- Ending ----------------------------------------------------------------------------------------- */

static void note_failure(runner *r, int trial, const nib_child_end *end)
{
    nib_sweep_result *result = &r->results[trial];
    const char *lines =
        nib_child_last_lines(r->arena, nib_sweep_trial_log(r->arena, r->job->folder, trial), 3);
    const bool again = result->attempts <= r->job->sweep->retries;
    if (end->signal_number)
        result->message = nib_arena_printf(r->arena, "killed by signal %d%s%s", end->signal_number,
                                           *lines ? ": " : "", lines);
    else
        result->message = nib_arena_printf(r->arena, "exit status %d: %s", end->exit_status, lines);
    result->status = again ? NIB_SWEEP_OPEN : NIB_SWEEP_FAILED;
    result->killed = end->signal_number != 0;
}

static nib_status note_success(runner *r, int trial, nib_error *err)
{
    nib_sweep_result *result = &r->results[trial];
    const nib_sweep_study *s = study_of(r, trial);
    const char *run = nib_sweep_trial_folder(r->arena, r->job->folder, trial);
    nib_status status = run ? nib_sweep_collect(r->arena, run, result, err) : nib_fail_memory(err, "sweep");
    if (status != NIB_OK) {
        result->status = NIB_SWEEP_FAILED;
        result->message = nib_arena_strdup(r->arena, err ? err->message : "");
        return status == NIB_ERR_MEMORY ? status : NIB_OK;
    }
    const int64_t end = s->halving.eta > 0 ? rung_end(&s->halving, result->rung, r->job->epochs[trial]) : 0;
    const bool whole = s->halving.eta == 0 || end >= r->job->epochs[trial] || result->epochs < end;
    result->rung += s->halving.eta > 0;
    result->status = whole ? NIB_SWEEP_DONE : NIB_SWEEP_OPEN;
    result->message = NULL;
    result->killed = false;
    return NIB_OK;
}

static nib_status finish(runner *r, worker *w, const nib_child_end *end, nib_error *err)
{
    const int trial = w->trial;
    nib_sweep_result *result = &r->results[trial];
    nib_status status = NIB_OK;
    const bool stopped = r->stopping && (end->exit_status == 130 || end->signal_number);
    if (!stopped) {
        result->seconds += nib_clock_seconds() - w->begin;
        result->cpu_seconds += end->cpu_seconds;
        result->attempts++;
        if (end->exit_status == 0)
            status = note_success(r, trial, err);
        else
            note_failure(r, trial, end);
        if (status == NIB_OK)
            status = save(r, trial, err);
    }
    (void)close(w->lock);
    w->trial = -1;
    nib_sweep_view_end(&r->view, trial, result);
    const int study = study_index(r, trial);
    if (status == NIB_OK && r->job->sweep->study[study].halving.eta > 0)
        status = decide_rung(r, study, err);
    return status;
}

static nib_status reap(runner *r, nib_error *err)
{
    nib_child_end end;
    while (nib_child_reap(&end))
        for (int64_t i = 0; i < r->job->jobs; i++)
            if (r->worker[i].trial >= 0 && r->worker[i].pid == end.pid)
                NIB_TRY(finish(r, &r->worker[i], &end, err));
    return NIB_OK;
}

static int running(const runner *r)
{
    int n = 0;
    for (int64_t i = 0; i < r->job->jobs; i++)
        n += r->worker[i].trial >= 0;
    return n;
}

/* What other processes did: about twice a second. @return whether there is anything left to wait for */
static nib_status look_around(runner *r, bool *open, nib_error *err)
{
    *open = false;
    const bool look = nib_clock_seconds() - r->looked > 0.5;
    if (look)
        r->looked = nib_clock_seconds();
    for (int i = r->job->first; i < r->job->last; i++) {
        if (r->elsewhere[i] && look) {
            reread(r, i);
            r->elsewhere[i] = false;
        }
        *open = *open || can_run(r, i);
    }
    for (int i = 0; look && i < r->job->sweep->n_studies; i++)
        if (r->job->sweep->study[i].halving.eta > 0)
            NIB_TRY(decide_rung(r, i, err));
    return NIB_OK;
}

/* trials.csv now and then, so that one can look at it meanwhile. */
static nib_status write_table(runner *r, nib_error *err)
{
    nib_sweep_table table;
    if (nib_clock_seconds() - r->written < 5)
        return NIB_OK;
    NIB_TRY(nib_sweep_tabulate(r->job->sweep, r->results, r->arena, &table, err));
    NIB_TRY(nib_sweep_write_csv(r->job->sweep, r->job->folder, r->results, &table, err));
    r->written = nib_clock_seconds();
    return NIB_OK;
}

static void stop_children(const runner *r, int signal_number)
{
    for (int64_t i = 0; i < r->job->jobs; i++)
        if (r->worker[i].trial >= 0)
            (void)kill(-r->worker[i].pid, signal_number);
}

static nib_status loop(runner *r, nib_error *err)
{
    bool open = true;
    while (open || running(r) > 0) {
        if (!r->stopping)
            NIB_TRY(fill(r, err));
        nib_sweep_view_draw(&r->view, r->results);
        /* A second signal does not wait for checkpoints. */
        if (nib_child_wait(0.2)) {
            stop_children(r, r->stopping ? SIGKILL : SIGTERM);
            r->stopping = true;
        }
        NIB_TRY(reap(r, err));
        NIB_TRY(look_around(r, &open, err));
        NIB_TRY(write_table(r, err));
        if (r->stopping && running(r) == 0)
            return nib_fail(err, NIB_ERR_INTERRUPTED, "interrupted; go on with: nibble sweep --resume %s",
                            r->job->folder);
    }
    return NIB_OK;
}

nib_status nib_sweep_run(const nib_sweep_job *job, nib_arena *arena, nib_sweep_result *results,
                         nib_error *err)
{
    runner r = {.job = job, .arena = arena, .results = results, .written = nib_clock_seconds()};
    r.worker = NIB_NEW(arena, worker, job->jobs);
    r.elsewhere = NIB_NEW(arena, bool, job->sweep->n_trials);
    if (!r.worker || !r.elsewhere)
        return nib_fail_memory(err, "sweep");
    for (int64_t i = 0; i < job->jobs; i++)
        r.worker[i].trial = -1;
    for (int i = job->first; i < job->last; i++) {
        if (!job->again || results[i].status != NIB_SWEEP_FAILED)
            continue;
        results[i].status = NIB_SWEEP_OPEN; /* in the file too, which is what counts */
        results[i].attempts = 0;
        results[i].message = NULL;
        results[i].killed = false;
        NIB_TRY(save(&r, i, err));
    }
    nib_sweep_view_begin(&r.view, job, arena, results);
    nib_child_prepare();
    for (int i = 0; i < job->sweep->n_studies; i++)
        if (job->sweep->study[i].halving.eta > 0)
            NIB_TRY(decide_rung(&r, i, err));
    nib_status status = loop(&r, err);
    if (status != NIB_OK && running(&r) > 0) {
        nib_error ignored;
        stop_children(&r, SIGTERM);
        r.stopping = true;
        for (int i = 0; i < 100 && running(&r) > 0; i++) {
            (void)nib_child_wait(0.1);
            (void)reap(&r, &ignored);
        }
    }
    nib_sweep_view_end_all(&r.view);
    return status;
}
