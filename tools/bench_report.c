#include "tools/bench_report.h"

#include <cblas.h>
#include <stdlib.h>
#include <string.h>

#include "core/cpu.h"
#include "core/gemm.h"

#if defined(__clang__)
static const char compiler[] = __VERSION__; /* names itself */
#else
static const char compiler[] = "gcc " __VERSION__;
#endif

/* --- Figures
 * ------------------------------------------------------------------------------------------------- */

static int compare(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

nib_bench_spread nib_bench_spread_of(const double *values, int64_t count)
{
    double sorted[NIB_BENCH_ROUNDS];
    if (count < 1 || count > NIB_BENCH_ROUNDS)
        return (nib_bench_spread){0, 0, 0};
    memcpy(sorted, values, (size_t)count * sizeof *sorted);
    qsort(sorted, (size_t)count, sizeof *sorted, compare);
    const double upper = sorted[count / 2], lower = sorted[(count - 1) / 2];
    return (nib_bench_spread){.median = (lower + upper) / 2, .min = sorted[0], .max = sorted[count - 1]};
}

/* numerator[i] * factor / denominator[i] over the rounds; none without a denominator. */
static nib_bench_spread ratios(const double *numerator, const double *denominator, double factor,
                               int64_t rounds)
{
    double ratio[NIB_BENCH_ROUNDS];
    if (!denominator)
        return (nib_bench_spread){0, 0, 0};
    for (int64_t i = 0; i < rounds; ++i)
        ratio[i] = denominator[i] > 0 ? numerator[i] * factor / denominator[i] : 0;
    return nib_bench_spread_of(ratio, rounds);
}

static const double *rates_of(const nib_bench_case *c, bool nibble, bool hog)
{
    for (int i = 0; i < c->n_programs; ++i) {
        const nib_bench_program *p = &c->program[i];
        if ((p->nibble != NULL) == nibble && !p->variant && p->threads == 1 && p->hog == hog)
            return p->rate;
    }
    return NULL;
}

nib_bench_figures nib_bench_figures_of(const nib_bench_result *result, const nib_bench_case *c, int program)
{
    const nib_bench_program *p = &c->program[program];
    const double flops = 2 * (double)nib_bench_net_macs(c->net) / p->threads;
    return (nib_bench_figures){.rate = nib_bench_spread_of(p->rate, result->rounds),
                               .share = ratios(p->rate, result->peak, flops, result->rounds),
                               .straight = ratios(p->rate, rates_of(c, false, false), 1, result->rounds),
                               .one = ratios(p->rate, rates_of(c, true, p->hog), 1, result->rounds),
                               .cpu = nib_bench_spread_of(p->cpu, result->rounds).median};
}

/* --- Table
 * --------------------------------------------------------------------------------------------------- */

static void print_program(const nib_bench_result *r, const nib_bench_case *c, int program, FILE *out)
{
    const nib_bench_program *p = &c->program[program];
    const nib_bench_figures f = nib_bench_figures_of(r, c, program);
    char name[48], rate[3][16], straight[16] = "", one[16] = "";
    (void)snprintf(name, sizeof name, "%s, %d thread%s%s", p->name, p->threads, p->threads > 1 ? "s" : "",
                   p->hog ? ", hog" : "");
    nib_format_rate(f.rate.median, rate[0]);
    nib_format_rate(f.rate.min, rate[1]);
    nib_format_rate(f.rate.max, rate[2]);
    if (f.straight.median > 0 && p->nibble)
        (void)snprintf(straight, sizeof straight, "%.2f", f.straight.median);
    if (f.one.median > 0 && p->nibble && (p->threads > 1 || p->variant))
        (void)snprintf(one, sizeof one, "%.2f", f.one.median);
    fprintf(out, "  %-26s %9s %9s %9s %8.1f %% %12s %10s %9.4f\n", name, rate[0], rate[1], rate[2],
            100 * f.share.median, straight, one, p->last.loss);
}

static void print_case(const nib_bench_result *r, const nib_bench_case *c, FILE *out)
{
    const double macs = (double)nib_bench_net_macs(c->net);
    char bound[16];
    nib_format_rate(nib_bench_spread_of(r->peak, r->rounds).median / (2 * macs), bound);
    fprintf(out, "\n%s, batch %lld: %lld rows, %.0f MAC per sample, bound of one core %s samples/s\n",
            c->net->name, (long long)c->batch, (long long)c->rows, macs, bound);
    fprintf(out, "  %-26s %9s %9s %9s %10s %12s %10s %9s\n", "", "samples/s", "min", "max", "of peak",
            "x straight", "x 1 thread", "loss");
    for (int i = 0; i < c->n_programs; ++i)
        print_program(r, c, i, out);
    if (!c->same_weights)
        fprintf(out, "  warning: nibble's weights differ between thread counts\n");
}

void nib_bench_print(const nib_bench_result *r, FILE *out)
{
    char model[128], engine[64];
    const nib_bench_spread peak = nib_bench_spread_of(r->peak, r->rounds);
    nib_cpu_model(model, (int)sizeof model);
    nib_gemm_engine(engine, (int)sizeof engine);
    fprintf(out, "machine    %s, %d processors\n", model, nib_cpu_count());
    fprintf(out, "programs   nibble " NIBBLE_VERSION " (%s, %s); straightforward: cblas (OpenBLAS %s)\n",
            engine, compiler, openblas_get_corename());
    fprintf(out, "FMA peak   %.1f GFLOP/s of one core with %s (%.1f to %.1f)\n", peak.median / 1e9,
            nib_cpu_isa(), peak.min / 1e9, peak.max / 1e9);
    fprintf(out, "medians of %lld interleaved rounds%s; ratios are medians of the rounds' ratios\n",
            (long long)r->rounds, r->plan->cpu_time ? ", one thread by processor time" : "");
    for (int i = 0; i < r->n_cases; ++i)
        print_case(r, &r->cases[i], out);
    if (r->others > 0.05)
        fprintf(out, "\nwarning: other programs kept %.2f processors busy meanwhile\n", r->others);
}

/* --- JSON
 * ---------------------------------------------------------------------------------------------------- */

static void add_spread(cJSON *to, const char *name, nib_bench_spread s)
{
    if (s.max <= 0)
        return;
    cJSON *json = cJSON_AddObjectToObject(to, name);
    (void)cJSON_AddNumberToObject(json, "median", s.median);
    (void)cJSON_AddNumberToObject(json, "min", s.min);
    (void)cJSON_AddNumberToObject(json, "max", s.max);
}

static cJSON *program_json(const nib_bench_result *r, const nib_bench_case *c, int program)
{
    const nib_bench_program *p = &c->program[program];
    const nib_bench_figures f = nib_bench_figures_of(r, c, program);
    cJSON *json = cJSON_CreateObject();
    (void)cJSON_AddStringToObject(json, "program", p->name);
    (void)cJSON_AddNumberToObject(json, "threads", p->threads);
    (void)cJSON_AddBoolToObject(json, "hog", p->hog);
    add_spread(json, "samples_per_second", f.rate);
    add_spread(json, "share_of_peak", f.share);
    add_spread(json, "over_straightforward", f.straight);
    add_spread(json, "over_one_thread", f.one);
    (void)cJSON_AddNumberToObject(json, "cpu", f.cpu);
    (void)cJSON_AddNumberToObject(json, "epochs", (double)p->epochs);
    (void)cJSON_AddNumberToObject(json, "loss", p->last.loss);
    (void)cJSON_AddNumberToObject(json, "accuracy", p->last.accuracy);
    (void)cJSON_AddItemToObject(json, "rounds", cJSON_CreateDoubleArray(p->rate, (int)r->rounds));
    return json;
}

static cJSON *case_json(const nib_bench_result *r, const nib_bench_case *c)
{
    cJSON *json = cJSON_CreateObject();
    (void)cJSON_AddStringToObject(json, "net", c->net->name);
    (void)cJSON_AddNumberToObject(json, "batch", (double)c->batch);
    (void)cJSON_AddNumberToObject(json, "rows", (double)c->rows);
    (void)cJSON_AddNumberToObject(json, "macs_per_sample", (double)nib_bench_net_macs(c->net));
    (void)cJSON_AddNumberToObject(json, "epochs_per_measurement", (double)c->epochs);
    (void)cJSON_AddBoolToObject(json, "same_weights", c->same_weights);
    cJSON *programs = cJSON_AddArrayToObject(json, "programs");
    for (int i = 0; i < c->n_programs; ++i)
        (void)cJSON_AddItemToArray(programs, program_json(r, c, i));
    return json;
}

cJSON *nib_bench_machine_json(void)
{
    char model[128], engine[64];
    cJSON *json = cJSON_CreateObject();
    nib_cpu_model(model, (int)sizeof model);
    nib_gemm_engine(engine, (int)sizeof engine);
    (void)cJSON_AddStringToObject(json, "cpu", model);
    (void)cJSON_AddNumberToObject(json, "processors", nib_cpu_count());
    (void)cJSON_AddStringToObject(json, "isa", nib_cpu_isa());
    (void)cJSON_AddStringToObject(json, "engine", engine);
    (void)cJSON_AddStringToObject(json, "compiler", compiler);
    (void)cJSON_AddStringToObject(json, "openblas", openblas_get_config());
    (void)cJSON_AddStringToObject(json, "blas_core", openblas_get_corename());
    (void)cJSON_AddStringToObject(json, "version", NIBBLE_VERSION);
    return json;
}

cJSON *nib_bench_json(const nib_bench_result *r)
{
    cJSON *json = cJSON_CreateObject();
    (void)cJSON_AddItemToObject(json, "machine", nib_bench_machine_json());
    (void)cJSON_AddNumberToObject(json, "rounds", (double)r->rounds);
    (void)cJSON_AddBoolToObject(json, "cpu_time", r->plan->cpu_time);
    (void)cJSON_AddNumberToObject(json, "others", r->others);
    add_spread(json, "peak_flops", nib_bench_spread_of(r->peak, r->rounds));
    (void)cJSON_AddItemToObject(json, "peak_rounds", cJSON_CreateDoubleArray(r->peak, (int)r->rounds));
    cJSON *cases = cJSON_AddArrayToObject(json, "cases");
    for (int i = 0; i < r->n_cases; ++i)
        (void)cJSON_AddItemToArray(cases, case_json(r, &r->cases[i]));
    return json;
}
