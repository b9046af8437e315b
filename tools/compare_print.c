/* The comparison as text: tables and CSV. */
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/file.h"
#include "tools/compare.h"

static void print_percent(FILE *out, int64_t part, int64_t of)
{
    const double percent = of > 0 ? 100 * (double)part / (double)of : 0;
    if (part == 0)
        fprintf(out, " %7s", "-");
    else if (percent < 0.01)
        fprintf(out, " %7s", "<0.01");
    else
        fprintf(out, " %7.2f", percent);
}

static void print_span(FILE *out, const nib_span *s)
{
    char text[48];
    (void)snprintf(text, sizeof text, "%.4g .. %.4g", s->low, s->high);
    fprintf(out, " %20s", text);
}

static void print_tensors(const nib_comparison *c, FILE *out)
{
    fprintf(out, "%-14s %-25s %20s %20s %7s %7s %9s %8s %9s %9s\n", "tensor", "type", "float", "integers",
            "sat %", "wrap %", "unused", "corr", "max error", "differ");
    for (int i = 0; i < c->n_tensors; i++) {
        const nib_compared *t = &c->tensor[i];
        const nib_engine_counts *n = &t->traced->counts;
        char unused[32], differ[32];
        (void)snprintf(unused, sizeof unused, "%d+%d", t->unused.top, t->unused.bottom);
        (void)snprintf(differ, sizeof differ, "%" PRId64, t->differing);
        fprintf(out, "%-14.14s %-25.25s", t->traced->name, t->type);
        print_span(out, &t->plain);
        print_span(out, &t->integer);
        print_percent(out, n->saturated, n->casts);
        print_percent(out, n->wrapped, n->casts);
        fprintf(out, " %9s", unused);
        if (isnan(t->correlation))
            fprintf(out, " %8s", "-");
        else
            fprintf(out, " %8.5f", t->correlation);
        fprintf(out, " %9.3g %9s\n", t->largest_error, t->differing ? differ : "-");
    }
    fprintf(out,
            "sat, wrap: casts that left the type's range. unused: bits at the top + at the bottom of the "
            "type. differ: integers\nagainst the float forward with quantizers.\n");
}

static void print_weights(const nib_comparison *c, FILE *out)
{
    fprintf(out, "\n%-22s %-25s %8s %20s %7s %7s %7s %9s %9s\n", "weights", "type", "numbers", "float",
            "pruned", "zero %", "clip %", "unused", "rms error");
    for (int i = 0; i < c->n_weights; i++) {
        const nib_compared_weights *w = &c->weights[i];
        char unused[32];
        (void)snprintf(unused, sizeof unused, "%d+%d", w->unused.top, w->unused.bottom);
        fprintf(out, "%-22.22s %-25.25s %8" PRId64, w->weights->what, w->type, w->numbers);
        print_span(out, &w->plain);
        print_percent(out, w->pruned, w->numbers);
        print_percent(out, w->zero, w->numbers);
        print_percent(out, w->clipped, w->numbers);
        fprintf(out, " %9s %9.3g\n", unused, w->rms_error);
    }
}

static void print_accumulators(const nib_comparison *c, FILE *out)
{
    char type[NIB_FIXED_TEXT_BYTES];
    for (int i = 0; i < c->n_tensors; i++) {
        const nib_fix_node *node = c->tensor[i].node;
        const nib_engine_counts *n = &c->tensor[i].traced->counts;
        if (node->kind != NIB_FIX_DENSE)
            continue;
        fprintf(out, "accumulator of %s: %s, %s", node->name,
                nib_fixed_print(&node->as.dense.accum, NIB_FIXED_PLAIN, type),
                node->as.dense.proven ? "proven to hold every partial sum" : "given");
        if (!node->as.dense.proven)
            fprintf(out,
                    ": %" PRId64 " of %" PRId64 " sums overflow (%" PRId64 " additions saturated, %" PRId64
                    " wrapped)",
                    n->sums_overflown, n->sums, n->accum_saturated, n->accum_wrapped);
        fprintf(out, "\n");
    }
}

static void print_first(const nib_comparison *c, FILE *out)
{
    for (int i = 0; i < c->n_tensors; i++) {
        const nib_compared *t = &c->tensor[i];
        if (t->differing == 0)
            continue;
        const int64_t at = t->first_row * t->traced->width + t->first_at;
        fprintf(out,
                "first difference of quantized and integers: sample %" PRId64 ", %s[%" PRId64
                "]: %.9g against %.9g (float %.9g)\n",
                t->first_row, t->traced->name, t->first_at, t->traced->quantized[at], t->traced->integer[at],
                (double)t->traced->plain[at]);
        return;
    }
    fprintf(out, "quantized and integers: 0 differing numbers in all tensors of %" PRId64 " samples\n",
            c->rows);
}

void nib_compare_print(const nib_comparison *c, const nib_lowering *lowering, FILE *out)
{
    print_tensors(c, out);
    print_weights(c, out);
    fprintf(out, "\n");
    print_accumulators(c, out);
    for (int i = 0; i < lowering->n_fills; i++)
        fprintf(out, "%s is float in training\n", lowering->fill[i]);
    print_first(c, out);
    if (c->exactness != NIB_EXACT_FLOAT)
        fprintf(out, "float cannot follow: %s; evaluation %s\n", c->why,
                c->exactness == NIB_EXACT_DOUBLE ? "computes in double" : "runs the integer engine itself");
    for (int i = 0; i < c->n_decisions; i++) {
        const nib_compared_decision *d = &c->decision[i];
        fprintf(out,
                "arg-max of %s: %" PRId64 " of %" PRId64 " samples (%.3f %%) decide otherwise than in float; "
                "the largest logit is shared in %" PRId64 " (%.3f %%)\n",
                d->target, d->changed, d->rows, 100 * (double)d->changed / (double)d->rows, d->ties,
                100 * (double)d->ties / (double)d->rows);
    }
}

/* ---- CSV ---- */

/* Types have commas. */
static void csv_text(FILE *out, const char *text)
{
    fprintf(out, strchr(text, ',') ? "\"%s\"," : "%s,", text);
}

static void csv_lines(const nib_comparison *c, FILE *out)
{
    fprintf(out, "tensor,kind,type,numbers,float_low,float_high,integer_low,integer_high,type_low,type_high,"
                 "saturated,wrapped,accum_saturated,accum_wrapped,unused_top,unused_bottom,correlation,"
                 "largest_error,rms_error,differing,first_sample,first_neuron,pruned,zero,clipped\n");
    for (int i = 0; i < c->n_tensors; i++) {
        const nib_compared *t = &c->tensor[i];
        const nib_engine_counts *n = &t->traced->counts;
        fprintf(out, "%s,%s,", t->traced->name, t->kind);
        csv_text(out, t->type);
        fprintf(out, "%" PRId64 ",%.9g,%.9g,%.17g,%.17g,%.17g,%.17g,", t->numbers, t->plain.low,
                t->plain.high, t->integer.low, t->integer.high, t->range.low, t->range.high);
        fprintf(out, "%" PRId64 ",%" PRId64 ",%" PRId64 ",%" PRId64 ",%d,%d,", n->saturated, n->wrapped,
                n->accum_saturated, n->accum_wrapped, t->unused.top, t->unused.bottom);
        if (!isnan(t->correlation))
            fprintf(out, "%.9g", t->correlation);
        fprintf(out, ",%.9g,%.9g,%" PRId64 ",", t->largest_error, t->rms_error, t->differing);
        if (t->differing)
            fprintf(out, "%" PRId64 ",%" PRId64 ",,,\n", t->first_row, t->first_at);
        else
            fprintf(out, ",,,,\n");
    }
    for (int i = 0; i < c->n_weights; i++) {
        const nib_compared_weights *w = &c->weights[i];
        fprintf(out, "%s,weights,", w->weights->what);
        csv_text(out, w->type);
        fprintf(out,
                "%" PRId64 ",%.9g,%.9g,,,%.17g,%.17g,,,,,%d,%d,,,%.9g,,,,%" PRId64 ",%" PRId64 ",%" PRId64
                "\n",
                w->numbers, w->plain.low, w->plain.high, w->range.low, w->range.high, w->unused.top,
                w->unused.bottom, w->rms_error, w->pruned, w->zero, w->clipped);
    }
}

nib_status nib_compare_csv(const nib_comparison *c, const char *path, nib_error *err)
{
    char *text = NULL;
    size_t bytes = 0;
    FILE *out = open_memstream(&text, &bytes);
    if (!out)
        return nib_fail_memory(err, "comparison");
    csv_lines(c, out);
    nib_status status =
        fclose(out) == 0 ? nib_file_write(path, text, bytes, err) : nib_fail_memory(err, "comparison");
    free(text);
    return status;
}
