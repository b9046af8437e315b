/* nibble bench: both trainers do the same work, options, figures. Nothing is timed here. */
#include <criterion/criterion.h>

#include <math.h>
#include <string.h>

#include "core/cpu.h"
#include "tests/tools/call.h"
#include "tools/bench_forward.h"
#include "tools/bench_options.h"
#include "tools/bench_others.h"
#include "tools/bench_peak.h"
#include "tools/bench_report.h"

static void must(nib_status status, const nib_error *err)
{
    cr_assert_eq(status, NIB_OK, "%s", err->message);
}

Test(bench, multiply_adds)
{
    static const struct {
        const char *net;
        int64_t macs;
    } cases[] = {
        {"16-32-32-32-5", 7648}, {"16-64-32-32-5", 11744}, {"784-128-128-128-10", 302848}, {"3-2", 12}};
    nib_bench_net net;
    nib_error err = {NIB_OK, ""};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        must(nib_bench_net_parse(cases[i].net, &net, &err), &err);
        cr_expect_eq(nib_bench_net_macs(&net), cases[i].macs, "%s: %lld multiply-adds, not %lld",
                     cases[i].net, (long long)nib_bench_net_macs(&net), (long long)cases[i].macs);
    }
}

/* The same losses epoch by epoch, also with a short last batch, one layer, and outputs wider than a vector.
 */
Test(bench, straightforward_trainer_does_the_same_work)
{
    enum { EPOCHS = 4 };
    static const struct {
        const char *net;
        int64_t rows, batch;
    } cases[] = {{"16-32-32-32-5", 3000, 128},
                 {"16-64-32-32-5", 1024, 1024},
                 {"16-5", 500, 32},
                 {"40-19-21", 700, 64},
                 {"100-50-10", 300, 1000}};
    nib_cpu_flush_denormals();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        nib_arena *arena = nib_arena_create();
        nib_error err = {NIB_OK, ""};
        nib_bench_net net;
        nib_dataset data;
        nib_bench_nibble *nibble;
        nib_bench_straight *straight;
        double first = 0, last = 0;
        must(nib_bench_net_parse(cases[i].net, &net, &err), &err);
        must(nib_bench_net_data(arena, &net, cases[i].rows, &data, &err), &err);
        must(nib_bench_nibble_create(&nibble, &net, &data, cases[i].batch, 2, NIB_BENCH_FLOAT, &err), &err);
        must(nib_bench_straight_create(&straight, &net, &data, cases[i].batch,
                                       nib_bench_nibble_params(nibble), &err),
             &err);
        for (int epoch = 1; epoch <= EPOCHS; epoch++) {
            nib_bench_epoch a, b;
            must(nib_bench_nibble_epoch(nibble, NULL, &a, &err), &err);
            must(nib_bench_straight_epoch(straight, NULL, &b, &err), &err);
            cr_expect(fabs(a.loss - b.loss) < 2e-5 * a.loss, "%s, epoch %d: loss %.8f of nibble, %.8f",
                      net.name, epoch, a.loss, b.loss);
            cr_expect(fabs(a.accuracy - b.accuracy) * (double)data.rows < 2.5,
                      "%s, epoch %d: accuracy %g, %g", net.name, epoch, a.accuracy, b.accuracy);
            first = epoch == 1 ? b.loss : first;
            last = b.loss;
        }
        cr_expect(last < 0.99 * first, "%s learns: %g, then %g", net.name, first, last);
        nib_bench_straight_destroy(straight);
        nib_bench_nibble_destroy(nibble);
        nib_arena_destroy(arena);
    }
}

/* A measurement of every program: complete figures, equal work, and the same bits for any thread count. */
Test(bench, rounds)
{
    static nib_bench_plan plan;
    const nib_bench_options options = {.net = {.count = 1, .text = {"8-16-3"}},
                                       .batch = "32,100",
                                       .threads = "1,3",
                                       .rounds = 3,
                                       .rows = 500,
                                       .seconds = 1e-3,
                                       .hog = true};
    nib_error err = {NIB_OK, ""};
    nib_progress progress;
    nib_bench_result result;
    nib_progress_init(&progress, stderr, true);
    must(nib_bench_plan_of(&options, &plan, &err), &err);
    must(nib_bench_run(&plan, NULL, &progress, &result, &err), &err);
    cr_expect(nib_bench_others() >= 0 && result.others >= -0.5, "the system does not tell: %g",
              result.others);
    cr_assert(result.n_cases == 2 && result.rounds == 3, "%d cases, %d rounds", result.n_cases,
              (int)result.rounds);
    for (int i = 0; i < result.n_cases; i++) {
        const nib_bench_case *c = &result.cases[i];
        cr_assert_eq(c->n_programs, 7, "%d programs", c->n_programs);
        cr_expect(c->same_weights, "weights differ between thread counts");
        for (int k = 0; k < c->n_programs; k++) {
            const nib_bench_figures f = nib_bench_figures_of(&result, c, k);
            cr_expect(f.rate.median > 0 && f.share.median > 0 && f.straight.median > 0 && f.one.median > 0,
                      "case %d, program %d: figures are missing", i, k);
            cr_expect_eq(c->program[k].epochs, 1 + 3 * c->epochs, "program %d did other work", k);
        }
    }
    nib_bench_result_destroy(&result);
}

Test(bench, interrupted)
{
    static nib_bench_plan plan;
    static const volatile sig_atomic_t stop = 1;
    const nib_bench_options options = {.net = {.count = 1, .text = {"8-3"}}, .rows = 1000};
    nib_error err = {NIB_OK, ""};
    nib_progress progress;
    nib_bench_result result;
    nib_progress_init(&progress, stderr, true);
    must(nib_bench_plan_of(&options, &plan, &err), &err);
    cr_expect_eq(nib_bench_run(&plan, &stop, &progress, &result, &err), NIB_ERR_INTERRUPTED, "not stopped");
    nib_bench_result_destroy(&result);
}

Test(bench, peak_of_every_instruction_set)
{
    for (nib_isa isa = NIB_ISA_BASELINE; isa < NIB_ISA_COUNT; ++isa)
        if (nib_isa_supported(isa))
            cr_expect(nib_bench_peak(isa, 0) > 0, "%s computed something else", nib_isa_name(isa));
}

Test(bench, spread)
{
    const double values[] = {3, 1, 2, 10};
    const nib_bench_spread even = nib_bench_spread_of(values, 4), odd = nib_bench_spread_of(values, 3);
    cr_expect(even.median == 2.5 && even.min == 1 && even.max == 10, "%g (%g to %g)", even.median, even.min,
              even.max);
    cr_expect_eq(odd.median, 2, "%g", odd.median);
    cr_expect_eq(nib_bench_spread_of(values, 0).max, 0, "of nothing");
}

Test(bench, command)
{
    static outcome o;
    static const char words[] =
        "bench --net 16-8-5 --rows 300 --rounds 2 --batch 64 --threads 1 --seconds 0.001";
    char json[256];
    enter_scratch();
    call_nibble(words, &o);
    cr_expect(o.status == 0 && strstr(o.out, "FMA peak") && strstr(o.out, "straightforward, 1 thread"),
              "exit status %d, %s%s", o.status, o.out, o.err);
    (void)snprintf(json, sizeof json, "%s --json", words);
    call_nibble(json, &o);
    cJSON *root = cJSON_Parse(o.out);
    const cJSON *first = cJSON_GetArrayItem(cJSON_GetObjectItem(root, "cases"), 0);
    cr_expect(o.status == 0 && first, "no JSON: %s%s", o.out, o.err);
    cr_expect_eq(cJSON_GetNumberValue(cJSON_GetObjectItem(first, "macs_per_sample")), 2 * 16 * 8 + 3 * 8 * 5,
                 "multiply-adds in %s", o.out);
    cJSON_Delete(root);
    leave_scratch();
}

Test(bench, forward)
{
    static outcome o;
    static const char words[] = "bench --forward --net 16-8-5 --rounds 2 --seconds 0.001";
    char json[256];
    enter_scratch();
    call_nibble(words, &o);
    cr_expect(o.status == 0 && strstr(o.out, "float forward") && strstr(o.out, "integers, 16 bits"),
              "exit status %d, %s%s", o.status, o.out, o.err);
    (void)snprintf(json, sizeof json, "%s --cpu-time --json", words);
    call_nibble(json, &o);
    cJSON *root = cJSON_Parse(o.out);
    const cJSON *first = cJSON_GetArrayItem(cJSON_GetObjectItem(root, "forward"), 0);
    const cJSON *engine = cJSON_GetObjectItem(first, "engine"), *row;
    cr_expect(o.status == 0 && cJSON_GetArraySize(engine) == NIB_BENCH_WIDTHS, "no JSON: %s%s", o.out, o.err);
    cJSON_ArrayForEach(row, engine)
    {
        const double ratio = cJSON_GetNumberValue(cJSON_GetObjectItem(row, "per_float"));
        cr_expect(ratio > 0 && isfinite(ratio), "%g x float in %s", ratio, o.out);
    }
    cJSON_Delete(root);
    leave_scratch();
}

Test(bench, wrong_options)
{
    static const struct {
        const char *words, *part;
    } cases[] = {
        {"bench --net 16", "--net 16: write the widths as in 16-32-32-32-5"},
        {"bench --net 16-", "--net 16-: write"},
        {"bench --net 16-0-5", "--net 16-0-5: write"},
        {"bench --net 16-32-1", "--net 16-32-1: write"},
        {"bench --net 16x32", "--net 16x32: write"},
        {"bench --net 1-2-3-4-5-6-7-8-9-10", "up to 8 layers"},
        {"bench --batch 0", "--batch 0: up to 8 whole numbers from 1 to"},
        {"bench --batch 128;", "--batch 128;: ';' is not part"},
        {"bench --threads 1,,2", "--threads 1,,2: up to 8"},
        {"bench --threads 5000", "--threads 5000: up to 8 whole numbers from 1 to 1024"},
        {"bench --rounds 0", "--rounds: 0 is outside 1 to 1000"},
        {"bench fast", "unexpected argument 'fast'"},
    };
    static outcome o;
    enter_scratch();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        call_nibble(cases[i].words, &o);
        cr_expect_eq(o.status, 2, "nibble %s: exit status %d", cases[i].words, o.status);
        cr_expect(strstr(o.err, cases[i].part), "nibble %s: no '%s' in %s", cases[i].words, cases[i].part,
                  o.err);
    }
    leave_scratch();
}
