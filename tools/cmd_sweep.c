/* nibble sweep: many trials of one config. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/cpu.h"
#include "core/file.h"
#include "datasets/prepared.h"
#include "tools/command.h"
#include "tools/probe.h"
#include "tools/progress.h"
#include "tools/session.h"
#include "tools/sweep_cluster.h"
#include "tools/sweep_folder.h"
#include "tools/sweep_run.h"

typedef struct options {
    nib_arg_list set;
    const char *sweeps, *output, *resume, *trials, *executor, *emit;
    nib_arg_list extra;
    int64_t jobs, threads, chunk;
    bool dry_run, no_wait, quiet;
} options;

static const nib_arg args[] = {
    {"set", 's', NIB_ARG_LIST, offsetof(options, set), 0, 0, "KEY=VALUE",
     "a key for all trials, or with a range ({2..8}, {a,b}) a parameter"},
    {"jobs", 'j', NIB_ARG_INT, offsetof(options, jobs), 1, 1024, "N",
     "trials at once (the processors divided by --threads)"},
    {"threads", 't', NIB_ARG_INT, offsetof(options, threads), 1, 1024, "N", "threads of each trial (1)"},
    {"sweeps", 0, NIB_ARG_TEXT, offsetof(options, sweeps), 0, 0, "DIR",
     "where numbered folders of sweeps are made (sweeps)"},
    {"output", 'o', NIB_ARG_TEXT, offsetof(options, output), 0, 0, "DIR", "this very folder, new or empty"},
    {"resume", 0, NIB_ARG_TEXT, offsetof(options, resume), 0, 0, "DIR",
     "go on with an interrupted sweep; failed trials are run again"},
    {"trials", 0, NIB_ARG_TEXT, offsetof(options, trials), 0, 0, "A-B",
     "with --resume: run these trials only (what a job on a cluster does)"},
    {"executor", 0, NIB_ARG_TEXT, offsetof(options, executor), 0, 0, "local|slurm",
     "who runs the trials: processes of this one (local), or array jobs (slurm)"},
    {"chunk", 0, NIB_ARG_INT, offsetof(options, chunk), 1, 1e6, "N",
     "trials of one cluster job (about a minute's, by the seconds of the first trial)"},
    {"no-wait", 0, NIB_ARG_FLAG, offsetof(options, no_wait), 0, 0, NULL,
     "submit and return; --resume DIR collects later"},
    {"emit", 0, NIB_ARG_TEXT, offsetof(options, emit), 0, 0, "list|htcondor",
     "run nothing: print one command per line, or write submit files"},
    {"extra", 0, NIB_ARG_LIST, offsetof(options, extra), 0, 0, "TEXT",
     "an argument for sbatch, or a line for the submit file (may be repeated)"},
    {"dry-run", 'n', NIB_ARG_FLAG, offsetof(options, dry_run), 0, 0, NULL,
     "list the trials and the time they may take, run nothing"},
    {"quiet", 'q', NIB_ARG_FLAG, offsetof(options, quiet), 0, 0, NULL, "print failures and the result only"},
};

static nib_status check_call(const nib_invocation *call, const options *o, nib_error *err)
{
    if (o->resume && (call->count || o->set.count || o->output || o->sweeps || o->dry_run))
        return nib_fail(
            err, NIB_ERR_USAGE,
            "nibble sweep: --resume goes on with the folder's own sweep; it takes no SWEEP, --set, --sweeps, "
            "--output or --dry-run");
    if (!o->resume && call->count == 0)
        return nib_fail(err, NIB_ERR_USAGE,
                        "nibble sweep: SWEEP is missing: a sweep file, or a config with --set "
                        "that has a range");
    if (o->trials && !o->resume)
        return nib_fail(err, NIB_ERR_USAGE, "nibble sweep: --trials needs --resume DIR");
    if (o->executor && strcmp(o->executor, "local") != 0 && strcmp(o->executor, "slurm") != 0)
        return nib_fail(err, NIB_ERR_USAGE, "--executor: '%s' is none of local, slurm", o->executor);
    if (o->emit && strcmp(o->emit, "list") != 0 && strcmp(o->emit, "htcondor") != 0)
        return nib_fail(err, NIB_ERR_USAGE, "--emit: '%s' is none of list, htcondor", o->emit);
    return NIB_OK;
}

/* ---- a dry run ---- */

static int64_t parameters_of(const nib_model *model)
{
    int64_t n = 0;
    for (int i = 0; i < model->params->count; i++)
        n += model->params->row[i].trainable ? nib_params_elements(&model->params->row[i]) : 0;
    return n;
}

/* Multiply-adds of a trial's training, from its own config and the rows of the first one's data. */
static nib_status work_of(nib_sweep_session *s, int trial, nib_data **data, nib_team *team, double *work,
                          nib_error *err)
{
    const nib_log silent = {0};
    const char **sets = NULL;
    int n = 0;
    nib_config *config = NULL;
    nib_model *model = NULL;
    *work = 0;
    if (s->epochs[trial] == 0)
        return NIB_OK;
    NIB_TRY(nib_sweep_trial_sets(s->arena, s->sweep, trial, &sets, &n, err));
    nib_status status = nib_config_read(s->sweep->base, sets, n, &config, err);
    if (status == NIB_OK && !*data)
        status = nib_data_load(config->data, NULL, NIB_DATA_ALL, team, &silent, data, err);
    if (status == NIB_OK)
        status = nib_model_create(&model, config, &(*data)->train, err);
    if (status == NIB_OK)
        *work = 3.0 * (double)parameters_of(model) * (double)(*data)->train.rows * (double)s->epochs[trial];
    nib_model_destroy(model);
    nib_config_destroy(config);
    return status;
}

static nib_status dry_run(nib_sweep_session *s, int64_t jobs, nib_error *err)
{
    enum { MADDS_PER_SECOND = 1000000000 };
    const double start_seconds = 0.1;
    double seconds = 0, work = 0;
    nib_data *data = NULL;
    nib_team *team;
    char time[32];
    NIB_TRY(nib_team_create(&team, 1, err));
    nib_status status = NIB_OK;
    for (int i = 0; status == NIB_OK && i < s->sweep->n_trials; i++) {
        if (i % s->sweep->seeds.count == 0)
            status = work_of(s, i, &data, team, &work, err);
        seconds += start_seconds + work / MADDS_PER_SECOND / 10;
        if (status == NIB_OK)
            printf("trial %d  %s%s%s\n", i, nib_sweep_trial_text(s->arena, s->sweep, i),
                   s->sweep->trial[i].parent >= 0 ? "  from trial " : "",
                   s->sweep->trial[i].parent >= 0
                       ? nib_arena_printf(s->arena, "%d", s->sweep->trial[i].parent)
                       : "");
    }
    nib_format_duration(seconds / (double)jobs, time);
    if (status == NIB_OK)
        printf("%d trials, about %s with %lld at a time (estimated from the multiply-adds: ten milliard a "
               "second "
               "and process)\n",
               s->sweep->n_trials, time, (long long)jobs);
    nib_data_destroy(data);
    nib_team_destroy(team);
    return status;
}

/* ---- a run ---- */

/* The data of the first trial, prepared before the trials that map them. */
static nib_status prepare_data(nib_sweep_session *s, nib_error *err)
{
    const nib_log silent = {0};
    const char **sets = NULL;
    const char *folder = nib_path_join(s->arena, s->folder, "prepared");
    int n = 0;
    nib_config *config = NULL;
    nib_data *data = NULL;
    nib_team *team = NULL;
    if (!folder)
        return nib_fail_memory(err, "sweep");
    NIB_TRY(nib_sweep_trial_sets(s->arena, s->sweep, 0, &sets, &n, err));
    NIB_TRY(nib_config_read(s->sweep->base, sets, n, &config, err));
    nib_status status = nib_team_create(&team, nib_cpu_count(), err);
    if (status == NIB_OK)
        status = nib_probe_data(config->data, NIB_DATA_ALL, err);
    if (status == NIB_OK)
        status = nib_prepared_load(config->data, folder, team, &silent, &data, err);
    nib_data_destroy(data);
    nib_team_destroy(team);
    nib_config_destroy(config);
    return status;
}

/* "3-9" or "7". */
static nib_status read_trials(const char *text, int count, int *first, int *last, nib_error *err)
{
    char *end = NULL;
    long a = strtol(text, &end, 10), b = a;
    const bool digit = end != text;
    if (digit && *end == '-')
        b = strtol(end + 1, &end, 10);
    if (!digit || *end || a < 0 || b < a || b >= count)
        return nib_fail(err, NIB_ERR_USAGE, "--trials %s: has the form A-B, numbers from 0 to %d", text,
                        count - 1);
    *first = (int)a;
    *last = (int)b + 1;
    return NIB_OK;
}

static bool wants(const char *choice, const char *name)
{
    return choice && strcmp(choice, name) == 0;
}

/* Trials on other machines. The first trial runs here: how long it takes says how many make a job. */
static nib_status run_elsewhere(nib_sweep_session *s, const options *o, nib_sweep_job *job, nib_error *err)
{
    const nib_sweep_cluster cluster = {.session = s,
                                       .chunk = o->chunk,
                                       .jobs = o->jobs,
                                       .n_extra = o->extra.count,
                                       .extra = o->extra.text,
                                       .wait = !o->no_wait,
                                       .quiet = o->quiet,
                                       .out = wants(o->executor, "slurm") ? stderr : stdout};
    if (o->chunk == 0) {
        job->first = 0, job->last = 1;
        NIB_TRY(nib_sweep_run(job, s->arena, s->results, err));
    }
    if (wants(o->emit, "list"))
        return nib_sweep_list(&cluster, err);
    if (wants(o->emit, "htcondor"))
        return nib_sweep_htcondor(&cluster, err);
    NIB_TRY(nib_sweep_slurm(&cluster, err));
    if (o->no_wait) {
        printf("collect the results with: nibble sweep --resume %s\n", s->folder);
        return NIB_OK;
    }
    nib_sweep_session_refresh(s);
    return nib_sweep_session_finish(s, stdout, err);
}

static nib_status run_trials(nib_sweep_session *s, const options *o, int64_t jobs, nib_error *err)
{
    nib_sweep_job job = {.sweep = s->sweep,
                         .folder = s->folder,
                         .jobs = jobs,
                         .threads = o->threads > 0 ? o->threads : 1,
                         .epochs = s->epochs,
                         .first = 0,
                         .last = s->sweep->n_trials,
                         .again = o->resume != NULL && !o->trials,
                         .quiet = o->quiet,
                         .out = stderr};
    if (o->trials)
        NIB_TRY(read_trials(o->trials, s->sweep->n_trials, &job.first, &job.last, err));
    NIB_TRY(prepare_data(s, err));
    if (o->emit || wants(o->executor, "slurm"))
        return run_elsewhere(s, o, &job, err);
    NIB_TRY(nib_sweep_run(&job, s->arena, s->results, err));
    return o->trials ? NIB_OK : nib_sweep_session_finish(s, stdout, err);
}

static int64_t jobs_of(const options *o)
{
    const int64_t threads = o->threads > 0 ? o->threads : 1, cpus = nib_cpu_count();
    return o->jobs > 0 ? o->jobs : cpus / threads > 0 ? cpus / threads : 1;
}

/* A sweep whose trials failed is a failure to whoever called it. */
static nib_status judge(const nib_sweep_session *s, const options *o, nib_error *err)
{
    int failed = 0, open = 0;
    if (o->trials || o->emit || o->no_wait)
        return NIB_OK;
    for (int i = 0; i < s->sweep->n_trials; i++) {
        failed += s->results[i].status == NIB_SWEEP_FAILED;
        open += s->results[i].status == NIB_SWEEP_OPEN;
    }
    if (open > 0)
        return nib_fail(err, NIB_ERR_SYSTEM,
                        "%d of %d trials were not run; go on with: nibble sweep --resume %s", open,
                        s->sweep->n_trials, s->folder);
    if (failed == 0)
        return NIB_OK;
    return nib_fail(err, NIB_ERR_SYSTEM,
                    "%d of %d trials failed; try them again with: nibble sweep --resume %s", failed,
                    s->sweep->n_trials, s->folder);
}

static nib_status work(const nib_invocation *call, nib_sweep_session *s, nib_error *err)
{
    const options *o = call->options;
    const int64_t jobs = jobs_of(o);
    NIB_TRY(check_call(call, o, err));
    if (o->resume) {
        NIB_TRY(nib_sweep_session_open(o->resume, s, err));
    } else {
        NIB_TRY(nib_sweep_session_read(call->argument[0], o->set.text, o->set.count, s, err));
        if (o->dry_run)
            return dry_run(s, jobs, err);
        NIB_TRY(nib_sweep_session_create(s, call->argument[0], o->set.text, o->set.count,
                                         o->sweeps ? o->sweeps : "sweeps", o->output, err));
    }
    if (!o->quiet && !o->emit)
        fprintf(stderr, "%d trials, %lld at a time, in %s\n", s->sweep->n_trials, (long long)jobs, s->folder);
    NIB_TRY(run_trials(s, o, jobs, err));
    return judge(s, o, err);
}

static nib_status run(const nib_invocation *call, nib_error *err)
{
    nib_sweep_session s = {.arena = NULL};
    nib_status status = work(call, &s, err);
    nib_sweep_session_close(&s);
    return status;
}

const nib_command nib_command_sweep = {
    .name = "sweep",
    .arguments = "SWEEP",
    .help = "run a config with many values and seeds",
    .text = "  nibble sweep bits.yaml --jobs 2\n"
            "  nibble sweep jets.yaml --set 'train.optimizer.adam.lr={1e-2,1e-3,1e-4}'\n"
            "  nibble sweep --resume sweeps/bits-001\n\n"
            "A sweep file names a base config, parameters and seeds (nibble describe sweep). Each trial is a "
            "process "
            "of its own;\n"
            "its run folder is DIR/trials/NNNN. trials.csv has one row per trial. Ctrl-C stops after "
            "checkpoints.",
    .min_arguments = 0,
    .max_arguments = 1,
    NIB_ARG_TABLE(args),
    .option_bytes = sizeof(options),
    .run = run,
};
