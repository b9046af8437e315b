/* The comparison as figures. */
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/arena.h"
#include "tools/compare.h"
#include "tools/figure.h"

enum { SCATTER_POINTS = 8000, BINS = 60 };

/* Name for a file: "fc1/kernel" becomes "fc1_kernel". */
static const char *figure_path(nib_arena *arena, const char *folder, const char *kind, const char *name,
                               const char *suffix)
{
    char *path = nib_arena_printf(arena, "%s/%s_%s.%s", folder, kind, name, suffix);
    for (char *p = path ? path + strlen(folder) + 1 : NULL; p && *p; p++)
        *p = *p == '/' ? '_' : *p;
    return path;
}

/* ---- Scatter ---- */

static nib_status draw_scatter(const nib_compared *t, const char *path, nib_error *err)
{
    nib_figure *f;
    char name[128], type[128];
    if (!path)
        return nib_fail_memory(err, "figure");
    NIB_TRY(nib_figure_create(path, 640, 560, &f, err));
    FILE *script = nib_figure_script(f), *data = nib_figure_data(f);
    /* All neurons of some samples. */
    const int64_t rows = t->numbers / t->traced->width;
    const int64_t step = t->numbers > SCATTER_POINTS ? t->numbers / SCATTER_POINTS : 1;
    for (int64_t r = 0; r < rows; r += step)
        for (int64_t i = r * t->traced->width; i < (r + 1) * t->traced->width; i++)
            fprintf(data, "%.9g %.17g\n", (double)t->traced->plain[i], t->traced->integer[i]);
    double low = t->plain.low < t->integer.low ? t->plain.low : t->integer.low;
    double high = t->plain.high > t->integer.high ? t->plain.high : t->integer.high;
    const double margin = high > low ? 0.04 * (high - low) : 1;
    low -= margin;
    high += margin;
    fprintf(script, "set title \"%s, %s: correlation %.5f\"\n",
            nib_figure_quote(t->traced->name, name, sizeof name),
            nib_figure_quote(t->type, type, sizeof type), t->correlation);
    fprintf(script, "set xlabel \"float\"\nset ylabel \"integers\"\nset key off\nset size square\n");
    fprintf(script, "set xrange [%.9g:%.9g]\nset yrange [%.9g:%.9g]\n", low, high, low, high);
    fprintf(script, "low = %.17g  # of the type\nhigh = %.17g\n", t->range.low, t->range.high);
    fprintf(script, "plot x with lines lc rgb \"#bbbbbb\", low with lines dt 2 lc rgb \"#cc4444\", "
                    "high with lines dt 2 lc rgb \"#cc4444\", \\\n"
                    "     DATA index 0 using 1:2 with points pt 7 ps 0.35 lc rgb \"#2266aa\"\n");
    return nib_figure_draw(f, err);
}

/* ---- Histogram ---- */

static double value_of(const nib_compared_weights *c, int64_t i)
{
    const nib_fixed type = nib_fix_type_at(&c->weights->array->type, i);
    return type.bits ? nib_fixed_value(&type, c->weights->array->code[i]) : 0;
}

static int compare_doubles(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* How many weights each used point of the grid has. @return points written */
static int64_t write_grid(FILE *data, double *sorted, int64_t n)
{
    int64_t points = 0;
    qsort(sorted, (size_t)n, sizeof *sorted, compare_doubles);
    for (int64_t i = 0, next; i < n; i = next) {
        for (next = i; next < n && sorted[next] <= sorted[i]; next++)
            ;
        fprintf(data, "%.17g %" PRId64 "\n", sorted[i], next - i);
        points++;
    }
    return points;
}

static void write_bins(FILE *data, const nib_compared_weights *c, double low, double width)
{
    int64_t bins[BINS] = {0};
    const nib_lowered_weights *w = c->weights;
    for (int64_t i = 0; i < c->numbers; i++) {
        if (w->mask && w->mask[i] == 0)
            continue;
        const int64_t bin = (int64_t)(((double)w->value[i] - low) / width);
        bins[bin < 0 ? 0 : bin >= BINS ? BINS - 1 : bin]++;
    }
    for (int i = 0; i < BINS; i++)
        fprintf(data, "%.9g %" PRId64 "\n", low + (i + 0.5) * width, bins[i]);
}

static nib_status draw_histogram(const nib_compared_weights *c, const char *path, nib_arena *arena,
                                 nib_error *err)
{
    nib_figure *f;
    char name[128], type[128];
    double *value = NIB_NEW(arena, double, c->numbers);
    if (!path || !value)
        return nib_fail_memory(err, "figure");
    NIB_TRY(nib_figure_create(path, 720, 480, &f, err));
    FILE *script = nib_figure_script(f), *data = nib_figure_data(f);
    double low = c->plain.low, high = c->plain.high;
    for (int64_t i = 0; i < c->numbers; i++) {
        value[i] = value_of(c, i);
        low = value[i] < low ? value[i] : low;
        high = value[i] > high ? value[i] : high;
    }
    const double width = high > low ? (high - low) / BINS : 1;
    write_bins(data, c, low, width);
    (void)nib_figure_next(f);
    const int64_t points = write_grid(data, value, c->numbers);
    fprintf(script, "set title \"%s, %s: %" PRId64 " of %" PRId64 " are zero\"\n",
            nib_figure_quote(c->weights->what, name, sizeof name),
            nib_figure_quote(c->type, type, sizeof type), c->zero, c->numbers);
    fprintf(script,
            "set xlabel \"value\"\nset ylabel \"weights\"\nset yrange [0:*]\nset key inside top right\n");
    fprintf(script, "set xrange [%.9g:%.9g]\nset style fill solid 0.5 noborder\nset boxwidth %.9g\n",
            low - 2 * width, high + 2 * width, width);
    fprintf(script,
            "plot DATA index 0 using 1:2 with boxes lc rgb \"#99bbdd\" title \"float\", \\\n"
            "     DATA index 1 using 1:2 with impulses lw %d lc rgb \"#cc4444\" title \"on the grid\"\n",
            points > 64 ? 1 : 2);
    return nib_figure_draw(f, err);
}

/* ---- Ranges ---- */

/* Quantiles of log2 |x| of the numbers that are not zero: 0, 5, 25, 50, 75, 95 and 100 %. */
enum { QUANTILES = 7 };

static bool log_quantiles(double *value, int64_t n, double quantile[QUANTILES])
{
    static const double share[QUANTILES] = {0, 0.05, 0.25, 0.5, 0.75, 0.95, 1};
    int64_t kept = 0;
    for (int64_t i = 0; i < n; i++)
        if (value[i] != 0)
            value[kept++] = log2(fabs(value[i]));
    if (kept == 0)
        return false;
    qsort(value, (size_t)kept, sizeof *value, compare_doubles);
    for (int q = 0; q < QUANTILES; q++)
        quantile[q] = value[(int64_t)(share[q] * (double)(kept - 1) + 0.5)];
    return true;
}

/* Powers of two that the type covers: from half a step to its end. */
static nib_span covered(const nib_fix_types *types)
{
    nib_span span = {0, 0};
    bool any = false;
    for (int64_t i = 0; i < types->count; i++) {
        const nib_fixed type = nib_fix_type_at(types, i);
        if (type.bits == 0)
            continue;
        const double low = -(double)nib_fixed_fraction(&type);
        const double high = (double)(type.integer - (type.is_signed ? 1 : 0));
        span.low = any && span.low < low ? span.low : low;
        span.high = any && span.high > high ? span.high : high;
        any = true;
    }
    return span;
}

static void put_range(FILE *data, FILE *tics, int at, const char *name, const nib_fix_types *types,
                      double *value, int64_t n, nib_span *bounds)
{
    double q[QUANTILES];
    char quoted[128];
    const nib_span span = covered(types);
    fprintf(tics, "%s\"%s\" %d", at ? ", " : "", nib_figure_quote(name, quoted, sizeof quoted), at);
    fprintf(data, "%d %.9g %.9g", at, span.low, span.high);
    bounds->low = fmin(bounds->low, span.low);
    bounds->high = fmax(bounds->high, span.high);
    if (log_quantiles(value, n, q)) {
        for (int i = 0; i < QUANTILES; i++)
            fprintf(data, " %.9g", q[i]);
        bounds->low =
            fmin(bounds->low, fmax(q[1], span.low - 8)); /* the smallest numbers are not looked at */
        bounds->high = fmax(bounds->high, q[QUANTILES - 1]);
    } else
        fprintf(data, " NaN NaN NaN NaN NaN NaN NaN");
    fprintf(data, "\n");
}

static int64_t most_numbers(const nib_comparison *c)
{
    int64_t most = 1;
    for (int i = 0; i < c->n_tensors; i++)
        most = c->tensor[i].numbers > most ? c->tensor[i].numbers : most;
    for (int i = 0; i < c->n_weights; i++)
        most = c->weights[i].numbers > most ? c->weights[i].numbers : most;
    return most;
}

static nib_status draw_ranges(const nib_comparison *c, const char *path, nib_arena *arena, nib_error *err)
{
    nib_figure *f;
    double *value = NIB_NEW(arena, double, most_numbers(c));
    const int count = c->n_tensors + c->n_weights;
    if (!path || !value)
        return nib_fail_memory(err, "figure");
    NIB_TRY(nib_figure_create(path, 160 + 62 * count, 600, &f, err));
    FILE *script = nib_figure_script(f), *data = nib_figure_data(f);
    fprintf(script, "set title \"float values and what their types hold\"\nset ylabel \"log_2 |x|\"\n");
    fprintf(script, "set xtics rotate by -40 (");
    int at = 0;
    nib_span bounds = {0, 0};
    for (int i = 0; i < c->n_tensors; i++, at++) {
        const nib_compared *t = &c->tensor[i];
        for (int64_t k = 0; k < t->numbers; k++)
            value[k] = (double)t->traced->plain[k];
        put_range(data, script, at, t->traced->name, &t->node->type, value, t->numbers, &bounds);
    }
    for (int i = 0; i < c->n_weights; i++, at++) {
        const nib_compared_weights *w = &c->weights[i];
        for (int64_t k = 0; k < w->numbers; k++)
            value[k] = w->weights->mask && w->weights->mask[k] == 0 ? 0 : (double)w->weights->value[k];
        put_range(data, script, at, w->weights->what, &w->weights->array->type, value, w->numbers, &bounds);
    }
    fprintf(script, ")\nset xrange [-0.7:%d.7]\nset yrange [%.9g:%.9g]\nset key outside below\n", at - 1,
            bounds.low - 1, bounds.high + 1);
    fprintf(
        script,
        "set style fill solid 0.25 noborder\nset boxwidth 0.2\n"
        "plot DATA index 0 using 1:(($2+$3)/2):(0.4):(($3-$2)/2) with boxxyerror lc rgb \"#cc8844\" title "
        "\"type, from its step to its end\", \\\n"
        "     DATA index 0 using 1:6:5:9:8 with candlesticks whiskerbars 0.5 fs empty lc rgb \"#2266aa\" "
        "title \"values: 5, 25, 75, 95 %%\", \\\n"
        "     DATA index 0 using 1:7 with points pt 7 ps 0.7 lc rgb \"#2266aa\" title \"median\", \\\n"
        "     DATA index 0 using 1:10 with points pt 6 ps 0.8 lc rgb \"#2266aa\" title \"largest\"\n");
    return nib_figure_draw(f, err);
}

nib_status nib_compare_draw(const nib_comparison *c, const char *folder, const char *suffix, nib_error *err)
{
    nib_arena *arena = nib_arena_create();
    if (!arena)
        return nib_fail_memory(err, "figures");
    nib_status status = draw_ranges(c, figure_path(arena, folder, "ranges", "all", suffix), arena, err);
    for (int i = 0; status == NIB_OK && i < c->n_tensors; i++)
        status = draw_scatter(&c->tensor[i],
                              figure_path(arena, folder, "scatter", c->tensor[i].traced->name, suffix), err);
    for (int i = 0; status == NIB_OK && i < c->n_weights; i++)
        status = draw_histogram(&c->weights[i],
                                figure_path(arena, folder, "weights", c->weights[i].weights->what, suffix),
                                arena, err);
    nib_arena_destroy(arena);
    return status;
}
