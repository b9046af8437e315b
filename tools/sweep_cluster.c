#include "tools/sweep_cluster.h"

#include <errno.h>
#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/file.h"
#include "tools/sweep_process.h"

enum { JOB_SECONDS = 60, MAX_ROUNDS = 3 };

/* Trials [first, last) that one job runs. */
typedef struct chunk {
    int first, last, level;
} chunk;

typedef struct plan {
    nib_arena *arena;
    const nib_sweep_cluster *c;
    const char *program;
    chunk *chunk;
    int n_chunks, levels;
} plan;

static int level_of(const nib_sweep *sweep, int trial)
{
    int level = 0;
    for (int t = sweep->trial[trial].parent; t >= 0; t = sweep->trial[t].parent)
        level++;
    return level;
}

/* Trials in a job: about a minute of work, by what the trials that are done took. */
static int64_t chunk_of(const nib_sweep_cluster *c)
{
    double seconds = 0;
    int done = 0;
    if (c->chunk > 0)
        return c->chunk;
    for (int i = 0; i < c->session->sweep->n_trials; i++)
        if (c->session->results[i].status == NIB_SWEEP_DONE)
            seconds += c->session->results[i].seconds, done++;
    const double each = done && seconds > 0 ? seconds / done : JOB_SECONDS;
    return each >= JOB_SECONDS ? 1 : (int64_t)ceil(JOB_SECONDS / each);
}

/* Open trials in jobs. A study with halving is one job: its rungs are decided over all of its points. */
static nib_status make_plan(const nib_sweep_cluster *c, nib_arena *arena, plan *p, nib_error *err)
{
    const nib_sweep *sweep = c->session->sweep;
    const int64_t size = chunk_of(c);
    char program[PATH_MAX];
    const ssize_t n = readlink("/proc/self/exe", program, sizeof program - 1);
    *p = (plan){.arena = arena, .c = c, .chunk = NIB_NEW(arena, chunk, sweep->n_trials)};
    if (n > 0)
        program[n] = '\0';
    p->program = nib_arena_strdup(arena, n > 0 ? program : "nibble");
    if (!p->chunk || !p->program)
        return nib_fail_memory(err, "sweep");
    for (int i = 0; i < sweep->n_trials; i++) {
        const int study = sweep->point[sweep->trial[i].point].study;
        chunk *last = p->n_chunks ? &p->chunk[p->n_chunks - 1] : NULL;
        const bool whole = sweep->study[study].halving.eta > 0;
        if (c->session->results[i].status != NIB_SWEEP_OPEN && !whole)
            continue;
        const bool same = last && last->last == i && last->level == level_of(sweep, i) &&
                          sweep->point[sweep->trial[i - 1].point].study == study;
        if (same && (whole || i - last->first < size))
            last->last = i + 1;
        else
            p->chunk[p->n_chunks++] = (chunk){i, i + 1, level_of(sweep, i)};
        p->levels = level_of(sweep, i) + 1 > p->levels ? level_of(sweep, i) + 1 : p->levels;
    }
    return NIB_OK;
}

/* A name for a shell, in single quotes. */
static const char *shell(nib_arena *arena, const char *text)
{
    const char *out = "'";
    for (const char *at = text; out && *at;) {
        const size_t n = strcspn(at, "'");
        out = nib_arena_printf(arena, "%s%.*s%s", out, (int)n, at, at[n] ? "'\\''" : "");
        at += n + (at[n] != '\0');
    }
    return out ? nib_arena_printf(arena, "%s'", out) : NULL;
}

static nib_status write_text(const plan *p, const char *part, const char *name, const char *text,
                             const char **path, nib_error *err)
{
    const char *folder = nib_path_join(p->arena, p->c->session->folder, part);
    *path = folder ? nib_path_join(p->arena, folder, name) : NULL;
    if (!*path || !text)
        return nib_fail_memory(err, "sweep");
    NIB_TRY(nib_file_make_folders(folder, err));
    return nib_file_write(*path, text, strlen(text), err);
}

/* The chunks of a level, "A-B" per line. @return their number */
static int lines_of(const plan *p, int level, const char **text)
{
    int count = 0;
    *text = "";
    for (int i = 0; i < p->n_chunks && *text; i++)
        if (p->chunk[i].level == level) {
            *text = nib_arena_printf(p->arena, "%s%d-%d\n", *text, p->chunk[i].first, p->chunk[i].last - 1);
            count++;
        }
    return count;
}

/* ---- a list ---- */

nib_status nib_sweep_list(const nib_sweep_cluster *c, nib_error *err)
{
    nib_arena *arena = nib_arena_create();
    plan p;
    nib_status status = arena ? make_plan(c, arena, &p, err) : nib_fail_memory(err, "sweep");
    for (int level = 0; status == NIB_OK && level < p.levels; level++)
        for (int i = 0; i < p.n_chunks; i++)
            if (p.chunk[i].level == level)
                fprintf(c->out, "%s sweep --resume %s --trials %d-%d --jobs 1 --quiet\n",
                        shell(arena, p.program), shell(arena, c->session->folder), p.chunk[i].first,
                        p.chunk[i].last - 1);
    nib_arena_destroy(arena);
    return status;
}

/* ---- HTCondor ---- */

static nib_status write_submit(const plan *p, int level, nib_error *err)
{
    const char *lines, *path, *folder = p->c->session->folder;
    if (lines_of(p, level, &lines) == 0)
        return NIB_OK;
    const char *list = nib_arena_printf(p->arena, "level-%d.txt", level);
    const char *name = nib_arena_printf(p->arena, "level-%d.sub", level);
    const char *extra = "";
    for (int i = 0; extra && i < p->c->n_extra; i++)
        extra = nib_arena_printf(p->arena, "%s%s\n", extra, p->c->extra[i]);
    if (!list || !name || !extra)
        return nib_fail_memory(err, "sweep");
    NIB_TRY(write_text(p, "htcondor", list, lines, &path, err));
    const char *text = nib_arena_printf(
        p->arena,
        "universe = vanilla\nexecutable = %s\narguments = \"sweep --resume '%s' --trials $(trials) --jobs 1 "
        "--quiet\"\n"
        "should_transfer_files = NO\nrequest_cpus = 1\nrequest_memory = 1 GB\n+MaxRuntime = 3600\n"
        "log = %s/htcondor/level-%d.log\noutput = %s/htcondor/$(ClusterId).$(ProcId).out\n"
        "error = %s/htcondor/$(ClusterId).$(ProcId).err\n"
        "on_exit_remove = (ExitBySignal == False) && (ExitCode != 130)\n%squeue trials from %s\n",
        p->program, folder, folder, level, folder, folder, extra, path);
    return write_text(p, "htcondor", name, text, &path, err);
}

nib_status nib_sweep_htcondor(const nib_sweep_cluster *c, nib_error *err)
{
    nib_arena *arena = nib_arena_create();
    plan p;
    const char *dag = "", *path = NULL;
    nib_status status = arena ? make_plan(c, arena, &p, err) : nib_fail_memory(err, "sweep");
    for (int level = 0; status == NIB_OK && level < p.levels; level++) {
        status = write_submit(&p, level, err);
        dag = nib_arena_printf(arena, "%sJOB level%d level-%d.sub\n", dag ? dag : "", level, level);
    }
    for (int level = 1; status == NIB_OK && dag && level < p.levels; level++)
        dag = nib_arena_printf(arena, "%sPARENT level%d CHILD level%d\n", dag, level - 1, level);
    if (status == NIB_OK)
        status = write_text(&p, "htcondor", "sweep.dag", dag, &path, err);
    if (status == NIB_OK)
        fprintf(c->out,
                "%d jobs in %d levels. Submit them, then collect:\n  cd %s/htcondor && condor_submit_dag "
                "sweep.dag\n"
                "  nibble sweep --resume %s\n",
                p.n_chunks, p.levels, c->session->folder, c->session->folder);
    nib_arena_destroy(arena);
    return status;
}

/* ---- Slurm ---- */

/* Run a program and give what it prints, blanks at the end cut. `text` has `bytes`. */
static nib_status ask(const char *command, char *text, size_t bytes, nib_error *err)
{
    FILE *pipe = popen(command, "r");
    size_t used = pipe ? fread(text, 1, bytes - 1, pipe) : 0;
    while (used > 0 && (text[used - 1] == '\n' || text[used - 1] == ' '))
        used--;
    text[used] = '\0';
    const int status = pipe ? pclose(pipe) : -1;
    for (char *at = text; *at; at++)
        if (*at == '\n' && status != 0)
            *at = ' ';
    if (status == -1)
        return nib_fail(err, NIB_ERR_SYSTEM, "cannot run a shell: %s", strerror(errno));
    if (WIFEXITED(status) && WEXITSTATUS(status) == 127)
        return nib_fail(err, NIB_ERR_SYSTEM,
                        "there is no sbatch here: --executor slurm runs where jobs are submitted");
    if (status != 0)
        return nib_fail(err, NIB_ERR_SYSTEM, "Slurm refuses: %s", text);
    return NIB_OK;
}

/* Submit a level after another job. @param id  in: the job before or ""; out: this one. [64] */
static nib_status submit_level(const plan *p, int level, char *id, nib_error *err)
{
    const char *lines, *list, *script, *folder = p->c->session->folder, *extra = "";
    char answer[512];
    const int count = lines_of(p, level, &lines);
    if (count == 0)
        return NIB_OK;
    const char *list_name = nib_arena_printf(p->arena, "level-%d.txt", level);
    const char *script_name = nib_arena_printf(p->arena, "level-%d.sh", level);
    if (!list_name || !script_name)
        return nib_fail_memory(err, "sweep");
    NIB_TRY(write_text(p, "slurm", list_name, lines, &list, err));
    /* A job that was stopped (130) or whose node died is put into the queue again and goes on from
     * checkpoints. */
    const char *text = nib_arena_printf(
        p->arena,
        "#!/bin/bash\n# Task i of the array runs the trials in line i + 1 of %s.\n"
        "trials=$(sed -n \"$((SLURM_ARRAY_TASK_ID + 1))p\" %s)\n"
        "%s sweep --resume %s --trials \"$trials\" --jobs \"${SLURM_CPUS_PER_TASK:-1}\" --quiet\n"
        "status=$?\n[ $status -ne 130 ] || exit 75\nexit $status\n",
        list_name, shell(p->arena, list), shell(p->arena, p->program), shell(p->arena, folder));
    NIB_TRY(write_text(p, "slurm", script_name, text, &script, err));
    for (int i = 0; extra && i < p->c->n_extra; i++) {
        const char *word = shell(p->arena, p->c->extra[i]);
        extra = word ? nib_arena_printf(p->arena, "%s %s", extra, word) : NULL;
    }
    char most[32] = "";
    if (p->c->jobs > 0)
        (void)snprintf(most, sizeof most, "%%%lld", (long long)p->c->jobs);
    const char *command = nib_arena_printf(
        p->arena,
        "sbatch --parsable --requeue --open-mode=append --job-name=nibble-sweep --array=0-%d%s%s%s%s "
        "--output=%s/slurm/%%A-%%a.out %s 2>&1",
        count - 1, most, *id ? " --dependency=afterany:" : "", id, extra ? extra : "",
        shell(p->arena, folder), shell(p->arena, script));
    if (!command || !extra)
        return nib_fail_memory(err, "sweep");
    NIB_TRY(ask(command, answer, sizeof answer, err));
    (void)snprintf(id, 64, "%.*s", (int)strcspn(answer, ";\n "), answer);
    if (!p->c->quiet)
        fprintf(p->c->out, "Slurm job %s: %d tasks\n", id, count);
    return NIB_OK;
}

static int open_trials(const nib_sweep_session *s)
{
    nib_sweep_session now = *s;
    int open = 0;
    nib_sweep_session_refresh(&now);
    for (int i = 0; i < s->sweep->n_trials; i++)
        open += s->results[i].status == NIB_SWEEP_OPEN;
    return open;
}

/* Until no job of ours is in the queue. sbatch --wait would poll ever more slowly. */
static nib_status wait_for(const plan *p, const char *ids, nib_error *err)
{
    char answer[4096], message[NIB_ERROR_BYTES];
    nib_error trouble;
    int failures = 0, before = -1;
    const char *queue = nib_arena_printf(p->arena, "squeue --noheader --jobs=%s 2>&1", ids);
    const char *cancel = nib_arena_printf(p->arena, "scancel %s 2>&1", ids);
    if (!queue || !cancel)
        return nib_fail_memory(err, "sweep");
    for (;;) {
        if (nib_child_wait(2)) {
            (void)ask(cancel, answer, sizeof answer, &trouble);
            return nib_fail(err, NIB_ERR_INTERRUPTED,
                            "interrupted, jobs cancelled; go on with: nibble sweep --resume %s",
                            p->c->session->folder);
        }
        nib_status status = ask(queue, answer, sizeof answer, &trouble);
        if (status != NIB_OK && strstr(answer, "Invalid job id"))
            return NIB_OK; /* forgotten already */
        failures = status == NIB_OK ? 0 : failures + 1;
        (void)snprintf(message, sizeof message, "%s", trouble.message);
        if (failures > 30)
            return nib_fail(err, NIB_ERR_SYSTEM, "squeue fails again and again: %s", message);
        const int open = open_trials(p->c->session);
        if (open != before && !p->c->quiet)
            fprintf(p->c->out, "%d of %d trials left\n", open, p->c->session->sweep->n_trials);
        before = open;
        if (status == NIB_OK && answer[0] == '\0')
            return NIB_OK;
    }
}

static nib_status submit(const nib_sweep_cluster *c, nib_arena *arena, nib_error *err)
{
    for (int round = 0; round < MAX_ROUNDS; round++) {
        plan p;
        char id[64] = "";
        const char *ids = "";
        if (open_trials(c->session) == 0)
            return NIB_OK;
        NIB_TRY(make_plan(c, arena, &p, err));
        for (int level = 0; level < p.levels; level++) {
            NIB_TRY(submit_level(&p, level, id, err));
            ids = ids && *id ? nib_arena_printf(arena, "%s%s%s", ids, *ids ? "," : "", id) : ids;
        }
        if (!ids)
            return nib_fail_memory(err, "sweep");
        if (!c->wait)
            return NIB_OK;
        NIB_TRY(wait_for(&p, ids, err));
    }
    return NIB_OK;
}

nib_status nib_sweep_slurm(const nib_sweep_cluster *c, nib_error *err)
{
    nib_arena *arena = nib_arena_create();
    nib_child_prepare();
    /* Jobs do not belong to this process: they live on when it is gone. */
    (void)unsetenv("NIBBLE_PARENT");
    nib_status status = arena ? submit(c, arena, err) : nib_fail_memory(err, "sweep");
    nib_arena_destroy(arena);
    return status;
}
