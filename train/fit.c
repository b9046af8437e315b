#include "train/fit.h"

#include <math.h>
#include <string.h>
#include <time.h>

#include "train/checkpoint.h"
#include "train/model_file.h"
#include "train/order.h"

enum { PROGRESS_MS = 50, LINE_BYTES = 8192 };

/* One training job while it runs. */
typedef struct fit {
    const nib_fit_job *job;
    nib_arena *arena;
    nib_trainer *trainer;
    nib_evaluator *validation; /* NULL: no validation rows */
    nib_train_state *state;
    nib_pruner *pruner; /* NULL: nothing is pruned */
    nib_order order;
    const int32_t *rows; /* [rows] in the order of the running epoch */
    bool more;           /* an epoch follows the running one */
    int n_train;         /* scores of the training rows */
    nib_score *train;
    const char *monitor; /* column that decides on the best epoch */
    bool monitor_maximize;
    double last_checkpoint; /* clock */
    double last_progress;   /* clock */
    double epoch_begin;     /* clock */
    double step_seconds;    /* spent in steps by this call */
    int64_t rows_done;      /* trained on by this call */
} fit;

static double now(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* --- Columns
 * ------------------------------------------------------------------------------------------------- */

/* "loss" and the running hits of every output ("accuracy"), named as in the validation scores. */
static nib_status name_train_scores(fit *f, nib_error *err)
{
    const nib_model *m = f->job->model;
    f->train = NIB_NEW(f->arena, nib_score, 1 + m->n_outputs);
    if (!f->train)
        return nib_fail_memory(err, "scores");
    f->train[f->n_train++] = (nib_score){.name = "loss", .headline = true};
    for (int i = 0; i < m->n_outputs; i++) {
        const nib_loss *loss = m->output[i].objective->loss;
        if (!loss->hits)
            continue;
        const char *name = m->n_outputs > 1
                               ? nib_arena_printf(f->arena, "%s_%s", m->output[i].target, loss->hits_name)
                               : loss->hits_name;
        if (!name)
            return nib_fail_memory(err, "scores");
        f->train[f->n_train++] = (nib_score){.name = name, .maximize = true, .headline = true};
    }
    return NIB_OK;
}

static void set_train_scores(fit *f)
{
    double rows = f->state->rows > 0 ? (double)f->state->rows : 1;
    f->train[0].value = f->state->loss / rows;
    for (int i = 1; i < f->n_train; i++)
        f->train[i].value = f->state->watches[i - 1] / rows;
}

static int validation_scores(const fit *f, const nib_score **scores)
{
    *scores = NULL;
    return f->validation ? nib_evaluator_scores(f->validation, scores) : 0;
}

/* The column named by train.monitor; without validation rows "val_loss" falls back to the training loss. */
static nib_status find_monitor(fit *f, nib_error *err)
{
    const nib_train_config *c = &f->job->config->train;
    const nib_score *scores;
    int n = validation_scores(f, &scores);
    const char *wanted = c->monitor;
    const nib_score *found = NULL;
    if (!f->validation && strcmp(wanted, "val_loss") == 0)
        wanted = "loss";
    for (int i = 0; i < n && !found; i++)
        if (strncmp(wanted, "val_", 4) == 0 && strcmp(wanted + 4, scores[i].name) == 0)
            found = &scores[i];
    for (int i = 0; i < f->n_train && !found; i++)
        if (strcmp(wanted, f->train[i].name) == 0)
            found = &f->train[i];
    if (!found) {
        char known[NIB_ERROR_BYTES / 2] = "";
        size_t used = 0;
        for (int i = 0; i < n && used < sizeof known; i++)
            used += (size_t)snprintf(known + used, sizeof known - used, ", val_%s", scores[i].name);
        return nib_fail(err, NIB_ERR_CONFIG, "train.monitor: there is no column '%s'; it may be %s%s",
                        c->monitor, f->train[0].name, known);
    }
    f->monitor = wanted;
    f->monitor_maximize = c->monitor_mode == 0 ? found->maximize : c->monitor_mode == 2;
    return NIB_OK;
}

static double monitored_value(const fit *f)
{
    const nib_score *scores;
    int n = validation_scores(f, &scores);
    for (int i = 0; i < n; i++)
        if (strncmp(f->monitor, "val_", 4) == 0 && strcmp(f->monitor + 4, scores[i].name) == 0)
            return scores[i].value;
    for (int i = 0; i < f->n_train; i++)
        if (strcmp(f->monitor, f->train[i].name) == 0)
            return f->train[i].value;
    return (double)NAN;
}

/* --- Files
 * --------------------------------------------------------------------------------------------------- */

/* last.h5 holds everything; best.h5 repeats the best weights in a file of their own, so a kill between the
 * two writes loses nothing. */
static nib_status write_checkpoint(fit *f, nib_error *err)
{
    const nib_fit_job *job = f->job;
    if (!job->run)
        return NIB_OK;
    f->last_checkpoint = now();
    NIB_TRY(nib_run_folder_sync(job->run, err));
    NIB_TRY(nib_checkpoint_write(nib_run_folder_last(job->run), job->model, job->config, job->data, f->state,
                                 err));
    if (f->state->best_epoch < 0)
        return NIB_OK;
    return nib_model_file_write(nib_run_folder_best(job->run), job->model, job->config, job->data,
                                f->state->best, err);
}

static void append(char *line, size_t *used, const char *name, double value, bool header)
{
    char number[NIB_NUMBER_BYTES];
    nib_format_double(value, number);
    int n = snprintf(line + *used, LINE_BYTES - *used, ",%s", header ? name : number);
    *used = *used + (size_t)n < LINE_BYTES ? *used + (size_t)n : LINE_BYTES - 1;
}

static void metrics_line(const fit *f, double lr, bool header, char *line)
{
    const nib_score *scores;
    int n = validation_scores(f, &scores);
    size_t used = header ? (size_t)snprintf(line, LINE_BYTES, "epoch")
                         : (size_t)snprintf(line, LINE_BYTES, "%lld", (long long)f->state->epoch + 1);
    for (int i = 0; i < f->n_train; i++)
        append(line, &used, f->train[i].name, f->train[i].value, header);
    for (int i = 0; i < n; i++) {
        char name[256];
        (void)snprintf(name, sizeof name, "val_%s", scores[i].name);
        append(line, &used, name, scores[i].value, header);
    }
    append(line, &used, "lr", lr, header);
    if (f->pruner)
        append(line, &used, "sparsity", nib_pruner_sparsity(f->pruner), header);
}

static nib_status write_metrics(fit *f, double lr, nib_error *err)
{
    char header[LINE_BYTES], line[LINE_BYTES];
    if (!f->job->run)
        return NIB_OK;
    metrics_line(f, lr, true, header);
    metrics_line(f, lr, false, line);
    return nib_run_folder_append_metrics(f->job->run, header, line, err);
}

static nib_status keep_epoch(fit *f, nib_error *err)
{
    const nib_fit_job *job = f->job;
    for (int i = 0; i < job->config->train.keep.count && job->run; i++)
        if (job->config->train.keep.value[i] == f->state->epoch + 1) {
            const char *path = nib_run_folder_epoch(job->run, f->arena, f->state->epoch + 1);
            if (!path)
                return nib_fail_memory(err, "file name");
            return nib_model_file_write(path, job->model, job->config, job->data, job->model->params->value,
                                        err);
        }
    return NIB_OK;
}

/* --- Steps and epochs
 * ---------------------------------------------------------------------------------------- */

static bool stop_wanted(const fit *f)
{
    return f->job->stop && *f->job->stop;
}

static nib_status interrupted(fit *f, nib_error *err)
{
    NIB_TRY(write_checkpoint(f, err));
    if (!f->job->run)
        return nib_fail(err, NIB_ERR_INTERRUPTED, "interrupted");
    return nib_fail(
        err, NIB_ERR_INTERRUPTED,
        "interrupted in epoch %lld after step %lld; checkpoint written, go on with: nibble train --resume %s",
        (long long)f->state->epoch + 1, (long long)f->state->step_in_epoch, nib_run_folder_path(f->job->run));
}

static void show_progress(fit *f, double clock, double rate)
{
    const nib_fit_observer *o = &f->job->observer;
    if (!o->progress || clock - f->last_progress < 1e-3 * PROGRESS_MS)
        return;
    f->last_progress = clock;
    set_train_scores(f);
    nib_fit_progress progress = {.epoch = f->state->epoch + 1,
                                 .epochs = f->job->config->train.epochs,
                                 .step = f->state->step_in_epoch,
                                 .steps = nib_trainer_steps_per_epoch(f->trainer),
                                 .n_train = f->n_train,
                                 .train = f->train,
                                 .samples_per_second = rate};
    o->progress(o->context, &progress);
}

/* A step's share of the work on the next epoch's order. */
static void shuffle_on(void *context)
{
    fit *f = context;
    if (f->more)
        nib_order_advance(&f->order, f->state->epoch, f->job->config->train.batch);
}

/* The rest of the running epoch's steps. */
static nib_status run_steps(fit *f, nib_error *err)
{
    const nib_train_config *c = &f->job->config->train;
    const int64_t rows = f->job->data->train.rows, steps = nib_trainer_steps_per_epoch(f->trainer);
    const int64_t batch = c->batch < rows ? c->batch : rows;
    double clock = now();
    const double begin = clock;
    const int64_t first = f->state->step_in_epoch;
    nib_status status = NIB_OK;
    while (status == NIB_OK && f->state->step_in_epoch < steps) {
        int64_t at = f->state->step_in_epoch * batch;
        const int64_t after = at + batch, left = rows - after;
        nib_trainer_announce(f->trainer, left > 0 ? f->rows + after : NULL, left < batch ? left : batch);
        status = nib_trainer_step(f->trainer, f->rows + at, rows - at < batch ? rows - at : batch, err);
        clock = now();
        if (status == NIB_OK && stop_wanted(f))
            return interrupted(f, err);
        if (status == NIB_OK && c->checkpoint > 0 && clock - f->last_checkpoint >= c->checkpoint)
            status = write_checkpoint(f, err);
        show_progress(f, clock, (double)((f->state->step_in_epoch - first) * batch) / (clock - begin));
    }
    int64_t done = f->state->step_in_epoch * batch < rows ? f->state->step_in_epoch * batch : rows;
    f->step_seconds += now() - begin;
    f->rows_done += done - first * batch;
    return status;
}

/* Compare with the best epoch so far. @return true: this epoch is the best */
static bool judge(fit *f, double value)
{
    nib_train_state *s = f->state;
    double margin = f->job->config->train.early_stopping.min_delta;
    bool better =
        s->best_epoch < 0 || isnan(s->best_monitored) ||
        (f->monitor_maximize ? value > s->best_monitored + margin : value < s->best_monitored - margin);
    if (!better) {
        s->wait++;
        return false;
    }
    s->wait = 0;
    s->best_epoch = s->epoch;
    s->best_monitored = value;
    memcpy(s->best, f->job->model->params->value, (size_t)f->job->model->params->size * sizeof(float));
    return true;
}

static void next_epoch(nib_train_state *s)
{
    s->epoch++;
    s->step_in_epoch = 0;
    s->rows = 0;
    s->loss = 0;
    memset(s->losses, 0, (size_t)s->n_losses * sizeof *s->losses);
    memset(s->watches, 0, (size_t)s->n_watches * sizeof *s->watches);
}

static void tell_epoch(fit *f, double lr, bool best, double seconds, double rate)
{
    const nib_fit_observer *o = &f->job->observer;
    nib_fit_epoch line = {.epoch = f->state->epoch + 1,
                          .epochs = f->job->config->train.epochs,
                          .lr = lr,
                          .n_train = f->n_train,
                          .train = f->train,
                          .best = best,
                          .seconds = seconds,
                          .samples_per_second = rate};
    line.n_validation = validation_scores(f, &line.validation);
    if (o->epoch_done)
        o->epoch_done(o->context, &line);
}

static nib_status end_epoch(fit *f, double step_seconds, int64_t rows, nib_error *err)
{
    const nib_train_config *c = &f->job->config->train;
    /* Of the step before, not of the next: a run may be resumed between an epoch's last step and this. */
    const double lr = nib_trainer_lr(f->trainer, f->state->step - 1);
    if (f->validation)
        NIB_TRY(nib_evaluator_run(f->validation, err));
    set_train_scores(f);
    double value = monitored_value(f);
    bool best = judge(f, value);
    if (c->lr_schedule->epoch_end) {
        const double *base = c->optimizer_options;
        nib_lr_clock clock = {*base, f->state->step, nib_trainer_steps_per_epoch(f->trainer), c->epochs, 0};
        c->lr_schedule->epoch_end(c->lr_schedule_options, &clock, &f->state->lr, value, f->monitor_maximize);
    }
    NIB_TRY(write_metrics(f, lr, err));
    NIB_TRY(keep_epoch(f, err));
    tell_epoch(f, lr, best, now() - f->epoch_begin, step_seconds > 0 ? (double)rows / step_seconds : 0);
    if (f->pruner && f->state->step < nib_pruner_last_step(f->pruner))
        f->state->wait = 0; /* not before the schedule has ended */
    if (c->early_stopping.patience > 0 && f->state->wait >= c->early_stopping.patience)
        f->state->stopped = true;
    next_epoch(f->state);
    if (f->pruner)
        nib_pruner_epoch_done(f->pruner, f->state->epoch);
    bool due = c->checkpoint <= 0 || now() - f->last_checkpoint >= c->checkpoint;
    return due ? write_checkpoint(f, err) : NIB_OK;
}

static nib_status run_epochs(fit *f, nib_error *err)
{
    const nib_train_config *c = &f->job->config->train;
    const int64_t until = f->job->until;
    const int64_t epochs = until > 0 && until < c->epochs ? until : c->epochs;
    while (f->state->epoch < epochs && !f->state->stopped) {
        f->epoch_begin = now();
        f->rows = nib_order_begin(&f->order, f->state->epoch);
        f->more = f->state->epoch + 1 < epochs;
        double seconds = f->step_seconds;
        int64_t done = f->rows_done;
        NIB_TRY(run_steps(f, err));
        NIB_TRY(end_epoch(f, f->step_seconds - seconds, f->rows_done - done, err));
        if (stop_wanted(f) && f->state->epoch < epochs && !f->state->stopped)
            return interrupted(f, err);
    }
    return NIB_OK;
}

/* --- The job
 * ------------------------------------------------------------------------------------------------- */

static nib_status prepare(fit *f, nib_error *err)
{
    const nib_fit_job *job = f->job;
    if (job->data->train.rows < 1)
        return nib_fail(err, NIB_ERR_INPUT, "there are no training rows left after the splits");
    NIB_TRY(
        nib_trainer_create(&f->trainer, job->model, &job->config->train, &job->data->train, job->team, err));
    f->state = nib_trainer_state(f->trainer);
    NIB_TRY(nib_order_create(&f->order, f->arena, job->data->train.rows, (uint64_t)job->config->train.seed,
                             job->config->train.shuffle, err));
    nib_trainer_set_meanwhile(f->trainer, shuffle_on, f);
    if (job->config->prune.on) {
        NIB_TRY(nib_pruner_create(f->arena, job->model, job->config, nib_trainer_steps_per_epoch(f->trainer),
                                  f->state, job->log, &f->pruner, err));
        nib_trainer_set_pruner(f->trainer, f->pruner);
        if (!job->resume)
            nib_pruner_epoch_done(f->pruner, 0);
    }
    if (job->resume && job->run)
        NIB_TRY(nib_checkpoint_read(nib_run_folder_last(job->run), job->model, job->config, job->data,
                                    f->state, err));
    if (job->resume && job->run)
        NIB_TRY(nib_run_folder_truncate_metrics(job->run, f->state->epoch, err));
    NIB_TRY(name_train_scores(f, err));
    if (job->data->validation.rows > 0) {
        NIB_TRY(
            nib_evaluator_create(&f->validation, job->model, &job->data->validation, true, job->team, err));
        nib_evaluator_set_log(f->validation, job->log);
        /* Once before the first step: the scores get their names, so a wrong train.monitor is told now. */
        NIB_TRY(nib_evaluator_run(f->validation, err));
    }
    NIB_TRY(find_monitor(f, err));
    f->last_checkpoint = now();
    return NIB_OK;
}

static nib_status run(fit *f, nib_fit_result *result, nib_error *err)
{
    const nib_params *params = f->job->model->params;
    double begin = now();
    NIB_TRY(prepare(f, err));
    NIB_TRY(run_epochs(f, err));
    /* Also when nothing was left to do: the kill may have come between last.h5 and best.h5. */
    NIB_TRY(write_checkpoint(f, err));
    if (f->job->config->train.early_stopping.restore_best && f->state->best_epoch >= 0)
        memcpy(params->value, f->state->best, (size_t)params->size * sizeof(float));
    *result = (nib_fit_result){.epochs = f->state->epoch,
                               .best_epoch = f->state->best_epoch + 1,
                               .best_monitored = f->state->best_monitored,
                               .monitor = nib_arena_strdup(f->job->config->arena, f->monitor),
                               .stopped_early = f->state->stopped,
                               .seconds = now() - begin,
                               .samples_per_second =
                                   f->step_seconds > 0 ? (double)f->rows_done / f->step_seconds : 0};
    return NIB_OK;
}

nib_status nib_fit(const nib_fit_job *job, nib_fit_result *result, nib_error *err)
{
    fit f = {.job = job, .arena = nib_arena_create()};
    if (!f.arena)
        return nib_fail_memory(err, "training");
    nib_status status = run(&f, result, err);
    nib_evaluator_destroy(f.validation);
    nib_trainer_destroy(f.trainer);
    nib_arena_destroy(f.arena);
    return status;
}
