#include "tools/progress.h"

#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum { BAR_CELLS = 24, LINE_BYTES = 1024 };

void nib_progress_init(nib_progress *progress, FILE *out, bool quiet)
{
    const char *term = getenv("TERM");
    *progress = (nib_progress){.out = out, .quiet = quiet};
    progress->terminal = isatty(fileno(out)) && !(term && strcmp(term, "dumb") == 0);
}

void nib_format_rate(double value, char *text)
{
    static const char *const units[] = {"", " k", " M", " G", " T"};
    int unit = 0;
    /* Three digits of what follows are 1000, which is 1 of the next unit. */
    for (; value >= 999.5 && unit < (int)(sizeof units / sizeof units[0]) - 1; ++unit)
        value /= 1e3;
    (void)snprintf(text, 16, "%.3g%s", value, units[unit]);
}

void nib_format_duration(double seconds, char *text)
{
    long s = seconds > 0 ? (long)(seconds + 0.5) : 0;
    if (seconds < 9.95)
        (void)snprintf(text, 32, "%.1f s", seconds > 0 ? seconds : 0.0);
    else if (s >= 3600)
        (void)snprintf(text, 32, "%ld h %02ld min", s / 3600, s % 3600 / 60);
    else if (s >= 60)
        (void)snprintf(text, 32, "%ld min %02ld s", s / 60, s % 60);
    else
        (void)snprintf(text, 32, "%ld s", s);
}

static void clear_bar(nib_progress *p)
{
    if (p->bar_drawn)
        fputs("\r\033[K", p->out);
    p->bar_drawn = false;
}

static int terminal_width(const nib_progress *p)
{
    struct winsize size;
    return ioctl(fileno(p->out), TIOCGWINSZ, &size) == 0 && size.ws_col > 20 ? size.ws_col : 80;
}

NIB_PRINTF(4, 5) static void append(char *line, size_t bytes, size_t *used, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int n = vsnprintf(line + *used, bytes - *used, format, args);
    va_end(args);
    if (n > 0)
        *used = *used + (size_t)n < bytes ? *used + (size_t)n : bytes - 1;
}

static void draw_bar(void *context, const nib_fit_progress *at)
{
    nib_progress *p = context;
    if (p->quiet || !p->terminal)
        return;
    char bar[BAR_CELLS + 1], text[32], line[LINE_BYTES];
    size_t used = 0;
    double done = at->steps > 0 ? (double)at->step / (double)at->steps : 1;
    int full = (int)(done * BAR_CELLS);
    for (int i = 0; i < BAR_CELLS; i++)
        bar[i] = i < full ? '=' : i == full ? '>' : '.';
    bar[BAR_CELLS] = '\0';
    append(line, sizeof line, &used, "epoch %3lld/%lld [%s] %3.0f %%", (long long)at->epoch,
           (long long)at->epochs, bar, 100 * done);
    for (int i = 0; i < at->n_train; i++)
        append(line, sizeof line, &used, "  %s %.4f", at->train[i].name, at->train[i].value);
    nib_format_rate(at->samples_per_second, text);
    append(line, sizeof line, &used, "  %s samples/s", text);
    if (p->seconds_per_epoch > 0) {
        nib_format_duration(p->seconds_per_epoch * ((double)(at->epochs - at->epoch) + 1 - done), text);
        append(line, sizeof line, &used, "  ETA %s", text);
    }
    fprintf(p->out, "\r\033[K%.*s", terminal_width(p) - 1, line);
    (void)fflush(p->out);
    p->bar_drawn = true;
}

static void put_line(nib_progress *p, const char *line, bool also_quiet)
{
    if (p->log) {
        fprintf(p->log, "%s\n", line);
        (void)fflush(p->log);
    }
    if (p->quiet && !also_quiet)
        return;
    clear_bar(p);
    fprintf(p->out, "%s\n", line);
    (void)fflush(p->out);
}

static void epoch_done(void *context, const nib_fit_epoch *e)
{
    nib_progress *p = context;
    char line[LINE_BYTES];
    size_t used = 0;
    p->seconds_per_epoch = e->seconds;
    append(line, sizeof line, &used, "epoch %3lld/%lld", (long long)e->epoch, (long long)e->epochs);
    for (int i = 0; i < e->n_train; i++)
        append(line, sizeof line, &used, "  %s %.4f", e->train[i].name, e->train[i].value);
    for (int i = 0; i < e->n_validation; i++)
        if (e->validation[i].headline)
            append(line, sizeof line, &used, "  val_%s %.4f", e->validation[i].name, e->validation[i].value);
    append(line, sizeof line, &used, "  lr %.2e  %.2f s%s", e->lr, e->seconds, e->best ? "  *" : "");
    put_line(p, line, false);
}

nib_fit_observer nib_progress_observer(nib_progress *progress)
{
    return (nib_fit_observer){.context = progress, .progress = draw_bar, .epoch_done = epoch_done};
}

static void write_log(void *context, nib_log_level level, const char *text)
{
    nib_progress *p = context;
    char line[2048];
    (void)snprintf(line, sizeof line, "%s%s", level == NIB_LOG_WARNING ? "warning: " : "", text);
    put_line(p, line, level == NIB_LOG_WARNING);
}

nib_log nib_progress_log(nib_progress *progress)
{
    return (nib_log){.write = write_log, .context = progress};
}

void nib_progress_text(nib_progress *p, const char *text)
{
    size_t length = strlen(text);
    const char *end = length && text[length - 1] == '\n' ? "" : "\n";
    if (p->log) {
        fprintf(p->log, "%s%s", text, end);
        (void)fflush(p->log);
    }
    if (p->quiet)
        return;
    clear_bar(p);
    fprintf(p->out, "%s%s", text, end);
    (void)fflush(p->out);
}
