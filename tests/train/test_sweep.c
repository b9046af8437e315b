/* train/sweep: texts with ranges, points and their numbers, chains, halving, the front, the table. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/file.h"
#include "train/config.h"
#include "train/sweep_results.h"

static char folder[64];

static void enter(void)
{
    nib_error err = {0};
    static const char base[] =
        "data: {source: {generator: jets, n: 100}, x: hlf16, y: label}\nmodel: {mlp: {}}\n";
    strcpy(folder, "/tmp/nibble-sweep-XXXXXX");
    cr_assert(mkdtemp(folder) != NULL && chdir(folder) == 0, "temporary folder");
    cr_assert(nib_file_write("base.yaml", base, strlen(base), &err) == NIB_OK, "%s", err.message);
}

static void leave(void)
{
    char command[128];
    (void)snprintf(command, sizeof command, "rm -rf '%s'", folder);
    cr_assert(chdir("/") == 0 && system(command) == 0, "clean up");
}

static nib_sweep *read_sweep(const char *text, const char *const *sets, int n_sets)
{
    nib_error err = {0};
    nib_sweep *sweep = NULL;
    cr_assert(nib_file_write("sweep.yaml", text, strlen(text), &err) == NIB_OK, "%s", err.message);
    cr_assert(nib_sweep_read("sweep.yaml", sets, n_sets, &sweep, &err) == NIB_OK, "%s: %s", text,
              err.message);
    return sweep;
}

/* All settings of a point as "key=value key=value". */
static const char *settings_of(nib_arena *arena, const nib_sweep *s, int point)
{
    const nib_sweep_point *p = &s->point[point];
    const char *text = "";
    for (int i = 0; text && i < p->n_settings; i++)
        text =
            nib_arena_printf(arena, "%s%s%s=%s", text, i ? " " : "", p->setting[i].key, p->setting[i].value);
    return text ? text : "out of memory";
}

static void expect_points(const nib_sweep *s, const char *const *wanted, int count)
{
    nib_arena *arena = nib_arena_create();
    cr_assert_eq(s->n_points, count, "%d points, wanted %d", s->n_points, count);
    for (int i = 0; i < count; i++)
        cr_expect_str_eq(settings_of(arena, s, i), wanted[i], "point %d: %s, wanted %s", i,
                         settings_of(arena, s, i), wanted[i]);
    nib_arena_destroy(arena);
}

Test(sweep, ranges_in_texts)
{
    static const struct {
        const char *text;
        int count;
        const char *first, *last;
    } cases[] = {
        {"fixed<{2..8},1,RND_CONV,SAT>", 7, "fixed<2,1,RND_CONV,SAT>", "fixed<8,1,RND_CONV,SAT>"},
        {"{8..2..-2}", 4, "8", "2"},
        {"{0.5..0.7..0.1}", 3, "0.5", "0.7"}, /* not 0.69999 */
        {"quantized_bits({1..3},{0,1},alpha=1)", 6, "quantized_bits(1,0,alpha=1)",
         "quantized_bits(3,1,alpha=1)"},
        {"{fixed<4,1>, fixed<6,2>}", 2, "fixed<4,1>", "fixed<6,2>"},
        {"{polynomial: {power: 2}}", 1, "{polynomial: {power: 2}}", "{polynomial: {power: 2}}"},
        {"plain", 1, "plain", "plain"},
        {"{relu}", 1, "{relu}", "{relu}"},
        {"{-2..2..2}", 3, "-2", "2"},
        {"{7..7}", 1, "7", "7"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        nib_arena *arena = nib_arena_create();
        nib_error err = {0};
        nib_strings got = {0, NULL};
        cr_assert(nib_sweep_expand(arena, cases[i].text, 100, &got, &err) == NIB_OK, "%s: %s", cases[i].text,
                  err.message);
        cr_expect_eq(got.count, cases[i].count, "%s has %d values", cases[i].text, got.count);
        cr_expect_str_eq(got.value[0], cases[i].first, "%s begins with %s", cases[i].text, got.value[0]);
        cr_expect_str_eq(got.value[got.count - 1], cases[i].last, "%s ends with %s", cases[i].text,
                         got.value[got.count - 1]);
        nib_arena_destroy(arena);
    }
}

Test(sweep, wrong_ranges)
{
    static const char *const wrong[] = {"{5..2}", "{2..8..0}", "{1..1000}", "{1..20},{1..20}", "{2..}"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        nib_arena *arena = nib_arena_create();
        nib_error err = {0};
        nib_strings got = {0, NULL};
        cr_expect(nib_sweep_expand(arena, wrong[i], 100, &got, &err) == NIB_ERR_CONFIG, "%s is refused",
                  wrong[i]);
        nib_arena_destroy(arena);
    }
}

Test(sweep, a_grid_counts_the_last_parameter_fastest, .init = enter, .fini = leave)
{
    static const char *const wanted[] = {"train.batch=32 train.epochs=1", "train.batch=32 train.epochs=2",
                                         "train.batch=64 train.epochs=1", "train.batch=64 train.epochs=2"};
    nib_sweep *s =
        read_sweep("base: base.yaml\nseeds: [3, 5]\nparameters: {train.batch: [32, 64], train.epochs: "
                   "{from: 1, to: 2, n: 2}}\n",
                   NULL, 0);
    expect_points(s, wanted, 4);
    cr_assert_eq(s->n_trials, 8, "two seeds of four points: %d trials", s->n_trials);
    for (int i = 0; i < 8; i++)
        cr_expect(s->trial[i].point == i / 2 && s->trial[i].seed == (i % 2 ? 5 : 3) &&
                      s->trial[i].parent == -1,
                  "trial %d is seed %lld of point %d", i, (long long)s->trial[i].seed, s->trial[i].point);
    nib_sweep_destroy(s);
}

Test(sweep, keys_that_go_together, .init = enter, .fini = leave)
{
    static const char *const wanted[] = {"train.batch=32 train.epochs=1", "train.batch=64 train.epochs=2"};
    nib_sweep *s =
        read_sweep("base: base.yaml\ntogether: [{train.batch: [32, 64], train.epochs: '{1..2}'}]\n", NULL, 0);
    expect_points(s, wanted, 2);
    nib_sweep_destroy(s);
}

Test(sweep, ranges_of_the_command_line_are_parameters, .init = enter, .fini = leave)
{
    static const char *const sets[] = {"train.batch={32,64}", "train.epochs=3"};
    static const char *const wanted[] = {"train.epochs=3 train.batch=32", "train.epochs=3 train.batch=64"};
    nib_sweep *s = read_sweep("base: base.yaml\n", sets, 2);
    expect_points(s, wanted, 2);
    nib_sweep_destroy(s);
    nib_error err = {0};
    cr_assert(nib_sweep_read("base.yaml", sets, 2, &s, &err) == NIB_OK, "a config is its own base: %s",
              err.message);
    expect_points(s, wanted, 2);
    cr_expect_str_eq(s->base, "base.yaml", "base %s", s->base);
    nib_sweep_destroy(s);
}

Test(sweep, a_sweep_holds_its_base, .init = enter, .fini = leave)
{
    nib_sweep *s =
        read_sweep("base: {data: {source: {generator: jets, n: 100}, x: hlf16, y: label}, model: {mlp: "
                   "{}}}\nparameters: {train.epochs: [1, 2]}\n",
                   NULL, 0);
    cr_expect_str_eq(s->base, "sweep.yaml", "base %s", s->base);
    nib_error err = {0};
    nib_config *config = NULL;
    static const char *const sets[] = {"train.epochs=7"};
    cr_assert(nib_config_read(s->base, sets, 1, &config, &err) == NIB_OK, "%s", err.message);
    cr_expect_eq(config->train.epochs, 7, "7 epochs, not %lld", (long long)config->train.epochs);
    nib_config_destroy(config);
    nib_sweep_destroy(s);
}

Test(sweep, studies_continue_others, .init = enter, .fini = leave)
{
    static const char *const wanted[] = {
        "train.epochs=5 train.batch=32",
        "train.epochs=5 train.batch=64",
        "train.epochs=5 train.batch=32 train.epochs=2 quant.bits=4",
        "train.epochs=5 train.batch=32 train.epochs=2 quant.bits=6",
        "train.epochs=5 train.batch=64 train.epochs=2 quant.bits=4",
        "train.epochs=5 train.batch=64 train.epochs=2 quant.bits=6",
        "train.epochs=5 train.batch=32 train.epochs=2 quant.bits=4 --like=hls4ml fixed<8,6>",
        "train.epochs=5 train.batch=32 train.epochs=2 quant.bits=6 --like=hls4ml fixed<8,6>",
        "train.epochs=5 train.batch=64 train.epochs=2 quant.bits=4 --like=hls4ml fixed<8,6>",
        "train.epochs=5 train.batch=64 train.epochs=2 quant.bits=6 --like=hls4ml fixed<8,6>",
    };
    static const int parent[] = {-1, -1, 0, 0, 1, 1, 2, 3, 4, 5};
    nib_sweep *s =
        read_sweep("base: base.yaml\nseeds: 2\nset: {train.epochs: 5}\nstudies:\n"
                   "  float: {parameters: {train.batch: [32, 64]}}\n"
                   "  qat: {from: float, set: {train.epochs: 2}, parameters: {quant.bits: [4, 6]}}\n"
                   "  ptq: {from: qat, command: quantize, parameters: {--like: ['hls4ml fixed<8,6>']}}\n",
                   NULL, 0);
    expect_points(s, wanted, 10);
    for (int i = 0; i < s->n_trials; i++) {
        const int p = parent[i / 2];
        cr_expect_eq(s->trial[i].parent, p < 0 ? -1 : 2 * p + i % 2, "trial %d starts from %d", i,
                     s->trial[i].parent);
    }
    nib_sweep_destroy(s);
}

Test(sweep, drawn_points_stay_when_more_are_drawn, .init = enter, .fini = leave)
{
    static const char text[] =
        "base: base.yaml\nsearch: {random: {trials: %d}}\nparameters:\n"
        "  train.optimizer.adam.lr: {from: 1e-4, to: 1e-2, log: true}\n"
        "  train.batch: {from: 16, to: 64, integer: true}\n  train.epochs: [1, 2, 3]\n";
    char few[400], many[400];
    nib_arena *arena = nib_arena_create();
    (void)snprintf(few, sizeof few, text, 5);
    (void)snprintf(many, sizeof many, text, 200);
    nib_sweep *a = read_sweep(few, NULL, 0), *b = read_sweep(many, NULL, 0);
    for (int i = 0; i < 5; i++)
        cr_expect_str_eq(settings_of(arena, a, i), settings_of(arena, b, i), "point %d is the same", i);
    int epochs[4] = {0}, below = 0;
    for (int i = 0; i < 200; i++) {
        const double lr = strtod(b->point[i].chosen[0].value, NULL),
                     batch = strtod(b->point[i].chosen[1].value, NULL);
        cr_expect(lr >= 1e-4 && lr <= 1e-2, "point %d: rate %g", i, lr);
        cr_expect(batch >= 16 && batch <= 64 && batch == rint(batch), "point %d: batch %g", i, batch);
        below += lr < 1e-3;
        epochs[atoi(b->point[i].chosen[2].value)]++;
    }
    cr_expect(below >= 70 && below <= 130, "half of the rates are below the geometric middle: %d of 200",
              below);
    for (int i = 1; i <= 3; i++)
        cr_expect(epochs[i] >= 40 && epochs[i] <= 95, "%d of 200 points have %d epochs", epochs[i], i);
    nib_sweep_destroy(a);
    nib_sweep_destroy(b);
    nib_arena_destroy(arena);
}

/* Six points with one seed: accuracies and costs. */
static nib_sweep *six_points(const char *more, nib_sweep_result results[6], nib_sweep_column columns[6][2],
                             const double accuracy[6], const double cost[6])
{
    char text[400];
    (void)snprintf(text, sizeof text,
                   "base: base.yaml\nmetric: val_accuracy\nparameters: {train.epochs: '{1..6}'}\n%s", more);
    for (int i = 0; i < 6; i++) {
        columns[i][0] = (nib_sweep_column){"val_accuracy", accuracy[i]};
        columns[i][1] = (nib_sweep_column){"ebops", cost[i]};
        results[i] = (nib_sweep_result){.status = NIB_SWEEP_DONE, .n_columns = 2, .column = columns[i]};
    }
    return read_sweep(text, NULL, 0);
}

Test(sweep, the_front, .init = enter, .fini = leave)
{
    static const double accuracy[6] = {0.5, 0.7, 0.7, 0.6, 0.9, 0.9}, cost[6] = {10, 20, 15, 30, 40, 40};
    static const bool front[6] = {true, false, true, false, true, true};
    nib_sweep_result results[6];
    nib_sweep_column columns[6][2];
    nib_sweep_table t;
    nib_error err = {0};
    nib_arena *arena = nib_arena_create();
    nib_sweep *s = six_points("", results, columns, accuracy, cost);
    cr_assert(nib_sweep_tabulate(s, results, arena, &t, &err) == NIB_OK, "%s", err.message);
    for (int i = 0; i < 6; i++)
        cr_expect_eq(t.on_front[i], front[i], "point %d is%s on the front", i, front[i] ? "" : " not");
    cr_expect_str_eq(t.front[1], "ebops", "the first cost there is: %s", t.front[1]);
    cr_expect_eq(t.chosen, 4, "the earlier one of the best: %d", t.chosen);
    cr_expect(t.price == NULL, "nothing is priced without choose");
    /* A point that failed is on no front and in no choice. */
    results[4].status = results[5].status = NIB_SWEEP_FAILED;
    cr_assert(nib_sweep_tabulate(s, results, arena, &t, &err) == NIB_OK, "%s", err.message);
    cr_expect(!t.on_front[4] && !t.on_front[5], "failed points are not on the front");
    cr_expect_eq(t.chosen, 1, "the best that is done: %d", t.chosen);
    nib_sweep_destroy(s);
    nib_arena_destroy(arena);
}

Test(sweep, the_cheapest_that_is_good_enough, .init = enter, .fini = leave)
{
    static const double accuracy[6] = {0.90, 0.885, 0.875, 0.88, 0.89, 0.5},
                        cost[6] = {60, 40, 10, 30, 35, 1};
    static const struct {
        const char *choose;
        int chosen;
    } cases[] = {{"choose: {lowest: ebops, within: 0.02}\n", 3},
                 {"choose: {lowest: ebops, within: 0.015}\n", 4},
                 {"choose: {lowest: ebops, within: 0}\n", 0},
                 {"choose: {lowest: ebops, within: 1, of: sweep}\n", 5},
                 {"choose: {lowest: dsp, within: 1}\n", -1}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        nib_sweep_result results[6];
        nib_sweep_column columns[6][2];
        nib_sweep_table t;
        nib_error err = {0};
        nib_arena *arena = nib_arena_create();
        nib_sweep *s = six_points(cases[i].choose, results, columns, accuracy, cost);
        cr_assert(nib_sweep_tabulate(s, results, arena, &t, &err) == NIB_OK, "%s", err.message);
        cr_expect_eq(t.chosen, cases[i].chosen, "%s: point %d", cases[i].choose, t.chosen);
        nib_sweep_destroy(s);
        nib_arena_destroy(arena);
    }
}

Test(sweep, a_rung_keeps_the_best, .init = enter, .fini = leave)
{
    static const double accuracy[6] = {0.5, 0.8, (double)NAN, 0.8, 0.6, 0.9}, cost[6] = {1, 1, 1, 1, 1, 1};
    nib_sweep_result results[6];
    nib_sweep_column columns[6][2];
    bool in[6] = {true, true, true, true, true, true}, on[6];
    nib_sweep *s = six_points("search: {halving: {eta: 3}}\n", results, columns, accuracy, cost);
    nib_sweep_promote(s, 0, results, in, on);
    static const bool two[6] = {false, true, false, false, false, true};
    for (int i = 0; i < 6; i++)
        cr_expect_eq(on[i], two[i], "of six with eta 3 two go on; point %d", i);
    memcpy(in, two, sizeof in);
    nib_sweep_promote(s, 0, results, in, on);
    for (int i = 0; i < 6; i++)
        cr_expect_eq(on[i], i == 5, "of two one goes on; point %d", i);
    nib_sweep_destroy(s);
}

Test(sweep, results_come_back, .init = enter, .fini = leave)
{
    nib_sweep_column columns[2] = {{"val_accuracy", 0.1 + 0.2}, {"ebops", 1e15 + 1}};
    const nib_sweep_result r = {.status = NIB_SWEEP_FAILED,
                                .rung = 2,
                                .epochs = 9,
                                .attempts = 3,
                                .seconds = 1.5,
                                .cpu_seconds = 1.25,
                                .killed = true,
                                .message = "a \"quoted\" line\nand another, with a comma",
                                .n_columns = 2,
                                .column = columns};
    nib_error err = {0};
    nib_arena *arena = nib_arena_create();
    cr_assert(nib_sweep_result_write("r.json", &r, &err) == NIB_OK, "%s", err.message);
    const nib_sweep_result back = nib_sweep_result_read(arena, "r.json");
    cr_expect(back.status == r.status && back.rung == 2 && back.epochs == 9 && back.attempts == 3 &&
                  back.killed,
              "state");
    cr_expect_str_eq(back.message, r.message, "message: %s", back.message);
    cr_expect(nib_sweep_value(&back, "val_accuracy") == 0.1 + 0.2, "the very number");
    cr_expect(nib_sweep_value(&back, "ebops") == 1e15 + 1, "the very number");
    cr_expect(isnan(nib_sweep_value(&back, "dsp")), "no such column");
    cr_assert(nib_file_write("half.json", "{\"status\": \"do", 14, &err) == NIB_OK, "%s", err.message);
    cr_expect_eq(nib_sweep_result_read(arena, "half.json").status, NIB_SWEEP_OPEN,
                 "half a file is no result");
    nib_arena_destroy(arena);
}

Test(sweep, the_table_quotes_what_needs_it, .init = enter, .fini = leave)
{
    static const double accuracy[6] = {0.5, 0.25, 0.125, 0.75, 1, 0.5}, cost[6] = {1, 2, 3, 4, 5, 6};
    nib_sweep_result results[6];
    nib_sweep_column columns[6][2];
    nib_sweep_table t;
    nib_error err = {0};
    nib_arena *arena = nib_arena_create();
    char *text;
    size_t bytes;
    nib_sweep *s = six_points("set: {model.mlp.hidden: [4, 4]}\n", results, columns, accuracy, cost);
    cr_assert(nib_sweep_tabulate(s, results, arena, &t, &err) == NIB_OK, "%s", err.message);
    cr_assert(nib_sweep_write_csv(s, folder, results, &t, &err) == NIB_OK, "%s", err.message);
    cr_assert(nib_file_read(arena, "trials.csv", 1 << 20, &text, &bytes, &err) == NIB_OK, "%s", err.message);
    static const char head[] =
        "trial,study,seed,parent,status,epochs,train.epochs,val_accuracy,ebops,val_accuracy_mean,"
        "val_accuracy_std,front,best,seconds,folder,command\n0,sweep,1,,done,0,1,0.5,1,0.5,0,1,0,0,";
    cr_expect(strncmp(text, head, sizeof head - 1) == 0, "the table begins with: %s", text);
    cr_expect(strstr(text, "model.mlp.hidden=[4, 4]") != NULL, "the command is in the table: %s", text);
    int lines = 0;
    for (size_t i = 0; i < bytes; i++)
        lines += text[i] == '\n';
    cr_expect_eq(lines, 7, "a line each and the head: %d", lines);
    nib_sweep_destroy(s);
    nib_arena_destroy(arena);
}
