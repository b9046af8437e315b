#include "tools/sweep_view.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "tools/progress.h"
#include "tools/sweep_process.h"

static int terminal_width(const nib_sweep_view *v)
{
    struct winsize size;
    return ioctl(fileno(v->job->out), TIOCGWINSZ, &size) == 0 && size.ws_col > 20 ? size.ws_col : 80;
}

void nib_sweep_view_begin(nib_sweep_view *v, const nib_sweep_job *job, nib_arena *arena,
                          const nib_sweep_result *results)
{
    const char *term = getenv("TERM");
    *v = (nib_sweep_view){.job = job, .arena = arena, .begin = nib_clock_seconds()};
    v->terminal = !job->quiet && isatty(fileno(job->out)) && !(term && strcmp(term, "dumb") == 0);
    v->started = NIB_NEW(arena, double, job->sweep->n_trials);
    v->metric = *job->sweep->metric ? job->sweep->metric : "val_accuracy";
    for (int i = job->first; i < job->last; i++)
        v->done_before += results[i].status != NIB_SWEEP_OPEN;
}

static void clear(nib_sweep_view *v)
{
    if (v->drawn > 0)
        fprintf(v->job->out, "\033[%dA\r\033[J", v->drawn);
    v->drawn = 0;
}

void nib_sweep_view_start(nib_sweep_view *v, int trial)
{
    if (v->started)
        v->started[trial] = nib_clock_seconds();
}

static int total_of(const nib_sweep_view *v)
{
    return v->job->last - v->job->first;
}

static void eta_text(const nib_sweep_view *v, char *text)
{
    const int left = total_of(v) - v->done_before - v->ended;
    text[0] = '\0';
    if (v->ended > 0 && left > 0)
        nib_format_duration((nib_clock_seconds() - v->begin) / v->ended * left, text);
}

void nib_sweep_view_line(nib_sweep_view *v, int trial, const nib_sweep_result *result)
{
    static const char *const names[] = {"goes on", "done", "FAILED", "dropped"};
    char eta[32], time[32], score[64] = "";
    const double value = nib_sweep_value(result, v->metric);
    v->ended += result->status != NIB_SWEEP_OPEN;
    if (v->job->quiet && result->status != NIB_SWEEP_FAILED)
        return;
    clear(v);
    eta_text(v, eta);
    nib_format_duration(result->seconds, time);
    if (isfinite(value) && result->status != NIB_SWEEP_FAILED)
        (void)snprintf(score, sizeof score, "  %s %.5g", v->metric, value);
    fprintf(v->job->out, "%4d of %d  trial %d %s%s  %s  %s%s%s%s%s\n", v->done_before + v->ended, total_of(v),
            trial, names[result->status], score, time, nib_sweep_trial_text(v->arena, v->job->sweep, trial),
            *eta ? "  ETA " : "", eta, result->message && result->status == NIB_SWEEP_FAILED ? ": " : "",
            result->message && result->status == NIB_SWEEP_FAILED ? result->message : "");
    (void)fflush(v->job->out);
}

void nib_sweep_view_end(nib_sweep_view *v, int trial, const nib_sweep_result *result)
{
    if (v->started)
        v->started[trial] = 0;
    if (result->attempts > 0)
        nib_sweep_view_line(v, trial, result);
}

void nib_sweep_view_draw(nib_sweep_view *v, const nib_sweep_result *results)
{
    const double now = nib_clock_seconds();
    const int width = terminal_width(v);
    char eta[32], time[32];
    if (!v->terminal || now - v->last_drawn < 0.1)
        return;
    v->last_drawn = now;
    clear(v);
    int best = -1;
    const double sign = v->job->sweep->maximize ? 1 : -1;
    for (int i = v->job->first; i < v->job->last; i++) {
        const double value = nib_sweep_value(&results[i], v->metric);
        if (results[i].status == NIB_SWEEP_DONE && isfinite(value) &&
            (best < 0 || sign * value > sign * nib_sweep_value(&results[best], v->metric)))
            best = i;
        if (!v->started || v->started[i] <= 0)
            continue;
        nib_format_duration(now - v->started[i], time);
        fprintf(v->job->out, "  %7s  %.*s\n", time, width - 12,
                nib_sweep_trial_text(v->arena, v->job->sweep, i));
        v->drawn++;
    }
    eta_text(v, eta);
    fprintf(v->job->out, "%d of %d trials%s%s", v->done_before + v->ended, total_of(v), *eta ? "  ETA " : "",
            eta);
    if (best >= 0)
        fprintf(v->job->out, "  best %s %.5g: trial %d", v->metric,
                nib_sweep_value(&results[best], v->metric), best);
    fputs("\n", v->job->out);
    v->drawn++;
    (void)fflush(v->job->out);
}

void nib_sweep_view_end_all(nib_sweep_view *v)
{
    clear(v);
    (void)fflush(v->job->out);
}

static const char *point_text(nib_arena *arena, const nib_sweep *sweep, int point)
{
    const nib_sweep_point *p = &sweep->point[point];
    const char *text = sweep->study[p->study].name;
    for (int i = 0; text && i < p->n_chosen; i++)
        text = nib_arena_printf(arena, "%s  %s=%s", text, p->chosen[i].key, p->chosen[i].value);
    return text ? text : "";
}

const char *nib_sweep_score_text(const nib_sweep *sweep, double mean, double deviation, char text[64])
{
    const int n = snprintf(text, 64, "%.5g", mean);
    if (sweep->seeds.count > 1)
        (void)snprintf(text + n, 64 - (size_t)n, " +- %.2g", deviation);
    return text;
}

typedef struct ranked {
    int point;
    double cost;
} ranked;

static int by_cost(const void *a, const void *b)
{
    const ranked *x = a, *y = b;
    return x->cost < y->cost ? -1 : x->cost > y->cost ? 1 : x->point - y->point;
}

/* The cheapest points that are good enough. */
static void print_leaders(FILE *out, nib_arena *arena, const nib_sweep *sweep, const nib_sweep_table *t,
                          ranked *list)
{
    enum { SHOWN = 10 };
    int count = 0;
    for (int i = 0; i < sweep->n_points; i++)
        if (isfinite(t->price[i]))
            list[count++] = (ranked){i, t->price[i]};
    qsort(list, (size_t)count, sizeof *list, by_cost);
    fprintf(out, "\n%d of %d points have %s within %g of the best%s%s; the lowest %s of them\n", count,
            sweep->n_points, t->metric, sweep->choose.within, sweep->choose.of >= 0 ? " of " : "",
            sweep->choose.of >= 0 ? sweep->study[sweep->choose.of].name : "", sweep->choose.lowest);
    for (int i = 0; i < count && i < SHOWN; i++)
        fprintf(out, "  %12.6g  %.5g  %s\n", list[i].cost, t->mean[list[i].point],
                point_text(arena, sweep, list[i].point));
}

void nib_sweep_print_tables(FILE *out, const nib_sweep *sweep, const nib_sweep_result *results,
                            const nib_sweep_table *t)
{
    nib_arena *arena = nib_arena_create();
    int done = 0, failed = 0, dropped = 0;
    char score[64];
    for (int i = 0; i < sweep->n_trials; i++) {
        done += results[i].status == NIB_SWEEP_DONE;
        failed += results[i].status == NIB_SWEEP_FAILED;
        dropped += results[i].status == NIB_SWEEP_DROPPED;
    }
    fprintf(out, "%d trials: %d done", sweep->n_trials, done);
    if (dropped)
        fprintf(out, ", %d dropped on the way", dropped);
    if (failed)
        fprintf(out, ", %d FAILED", failed);
    fprintf(out, "\n");
    ranked *front = arena ? NIB_NEW(arena, ranked, sweep->n_points) : NULL;
    if (!front) {
        nib_arena_destroy(arena);
        return;
    }
    fprintf(out, "\nBest point of each study by %s (mean over %d seed%s)\n", t->metric, sweep->seeds.count,
            sweep->seeds.count > 1 ? "s" : "");
    for (int i = 0; i < sweep->n_studies; i++)
        if (t->best[i] >= 0)
            fprintf(out, "  %s  %s\n",
                    nib_sweep_score_text(sweep, t->mean[t->best[i]], t->deviation[t->best[i]], score),
                    point_text(arena, sweep, t->best[i]));
        else
            fprintf(out, "  -  %s: no point with all seeds done\n", sweep->study[i].name);
    int count = 0;
    for (int i = 0; i < sweep->n_points; i++)
        if (t->on_front[i])
            front[count++] = (ranked){i, t->cost[i]};
    qsort(front, (size_t)count, sizeof *front, by_cost);
    if (count > 0)
        fprintf(out, "\nPareto front: %s against %s\n", t->front[0], t->front[1]);
    for (int i = 0; i < count; i++)
        fprintf(out, "  %12.6g  %.5g  %s\n", front[i].cost, t->mean[front[i].point],
                point_text(arena, sweep, front[i].point));
    if (t->price)
        print_leaders(out, arena, sweep, t, front);
    nib_arena_destroy(arena);
}
