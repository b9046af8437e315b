/* nibble quantize: run folders and scans of a trained model. */
#include <criterion/criterion.h>

#include <cjson/cJSON.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/tools/call.h"

#define TRAIN                                                                                                \
    "train jets.yaml --set data.source={generator:~jets,~n:~3000} --set model.mlp.hidden=[8] --set "         \
    "train.epochs=15 --set train.optimizer.adam.lr=0.01 -q"

static char *read_file(const char *path)
{
    FILE *file = fopen(path, "r");
    cr_assert(file, "%s is there", path);
    char *text = calloc(1, 1 << 16);
    (void)fread(text, 1, (1 << 16) - 1, file);
    (void)fclose(file);
    return text;
}

static double number(const char *path, const char *part, const char *name)
{
    char *text = read_file(path);
    cJSON *json = cJSON_Parse(text);
    const cJSON *value = cJSON_GetObjectItem(cJSON_GetObjectItem(json, part), name);
    cr_assert(cJSON_IsNumber(value), "%s has %s.%s", path, part, name);
    const double v = value->valuedouble;
    cJSON_Delete(json);
    free(text);
    return v;
}

static void train_small(outcome *o)
{
    call_nibble("init jets", o);
    cr_assert_eq(o->status, 0, "%s", o->err);
    call_nibble(TRAIN " -o float", o);
    cr_assert_eq(o->status, 0, "%s", o->err);
}

Test(quantize_command, writes_a_run_folder)
{
    static outcome o;
    enter_scratch();
    train_small(&o);
    call_nibble("quantize float --bits 8 --calibrate percentile -o q8", &o);
    cr_assert_eq(o.status, 0, "%s", o.err);
    char *manifest = read_file("q8/manifest.json"), *config = read_file("q8/config.yaml");
    cr_expect(strstr(manifest, "\"parent\":\t\"float\""), "the parent: %s", manifest);
    cr_expect(strstr(manifest, "\"status\":\t\"done\""), "done: %s", manifest);
    cr_expect(strstr(config, "weight: fixed<8,") && !strstr(config, ",auto"), "types are settled: %s",
              config);
    free(manifest), free(config);
    const double before = number("float/summary.json", "test", "accuracy");
    const double after = number("q8/summary.json", "test", "accuracy");
    cr_expect_eq(number("q8/summary.json", "cost", "weights"), 16 * 8 + 8 * 5, "the cost of its layers");
    cr_expect(after > before - 0.03 && after < before + 0.03, "8 bits: %g of %g", after, before);

    /* The folder is a run like others: evaluation of it gives what the integers gave. */
    call_nibble("eval q8 --json", &o);
    cr_assert_eq(o.status, 0, "%s", o.err);
    cJSON *json = cJSON_Parse(o.out);
    const cJSON *loss = cJSON_GetObjectItem(json, "loss");
    cr_assert(cJSON_IsNumber(loss), "%s", o.out);
    const double engine = number("q8/summary.json", "test", "loss");
    cr_expect_eq(loss->valuedouble, engine, "%.17g instead of %.17g", loss->valuedouble, engine);
    cJSON_Delete(json);
    call_nibble("train q8/config.yaml --set model.init_from=q8 --set train.epochs=1 -q -o more", &o);
    cr_expect_eq(o.status, 0, "training goes on from it: %s", o.err);

    call_nibble("quantize float --runs runs fixed<12,4,RND,SAT> -q", &o);
    cr_assert_eq(o.status, 0, "%s", o.err);
    cr_expect(number("runs/float-ptq-001/summary.json", "test", "accuracy") > before - 0.03, "12 bits");

    call_nibble("quantize float --bits 8 --set data.source={generator:~jets,~n:~1000} -o few -q", &o);
    cr_assert_eq(o.status, 0, "%s", o.err);
    const double rows = number("q8/summary.json", "test", "rows"),
                 few = number("few/summary.json", "test", "rows");
    cr_expect(rows == 600 && few == 200, "--set data chooses the rows: %g and %g", rows, few);
    leave_scratch();
}

Test(quantize_command, the_cliff_of_hls4mls_default_precision)
{
    static outcome o;
    enter_scratch();
    train_small(&o);
    const double before = number("float/summary.json", "test", "accuracy");
    call_nibble("quantize float --like hls4ml~fixed<18,8> -o wide -q", &o);
    cr_assert_eq(o.status, 0, "%s", o.err);
    const double wide = number("wide/summary.json", "test", "accuracy");
    cr_expect(wide > before - 0.01, "18 bits keep what there is: %g of %g", wide, before);
    /* A project with the same types says the same. */
    FILE *project = fopen("project.yml", "w");
    cr_assert(project, "project.yml");
    fprintf(project, "HLSConfig: {Model: {Precision: 'fixed<18,8>', ReuseFactor: 1}}\n");
    (void)fclose(project);
    call_nibble("emulate float --types project.yml --json -q", &o);
    cr_assert_eq(o.status, 0, "%s", o.err);
    cJSON *same = cJSON_Parse(o.out);
    const double found = cJSON_GetNumberValue(cJSON_GetObjectItem(same, "loss"));
    cr_expect_eq(found, number("wide/summary.json", "test", "loss"), "--types: %.17g", found);
    cJSON_Delete(same);
    call_nibble("quantize float --like hls4ml fixed<8,6> -o narrow -q --set quant.allow_dead=true", &o);
    cr_assert_eq(o.status, 0, "%s", o.err);
    /* What is evaluated later is the network with hls4ml's softmax, too. */
    static const char *const again[] = {"eval narrow --json", "emulate narrow --json -q"};
    for (int i = 0; i < 2; i++) {
        call_nibble(again[i], &o);
        cr_assert_eq(o.status, 0, "%s", o.err);
        cJSON *json = cJSON_Parse(o.out);
        const double loss = cJSON_GetNumberValue(cJSON_GetObjectItem(json, "loss"));
        cr_expect_eq(loss, number("narrow/summary.json", "test", "loss"), "%s: %.17g", again[i], loss);
        cJSON_Delete(json);
    }
    call_nibble("cost narrow", &o);
    cr_expect(o.status == 0 && strstr(o.out, "softmax"), "the softmax costs: %s%s", o.out, o.err);
    /* So does the comparison: with the softmax's row, and the decision of its outputs. */
    static char lines[16384];
    call_nibble("compare narrow -n 100 --csv layers.csv", &o);
    cr_expect(o.status == 0 && strstr(o.out, "y_prob"), "compare: %s%s", o.out, o.err);
    FILE *csv = fopen("layers.csv", "r");
    cr_assert(csv, "layers.csv");
    lines[fread(lines, 1, sizeof lines - 1, csv)] = '\0';
    (void)fclose(csv);
    const char *row = strstr(lines, ",softmax,\"fixed<8,6>\",500,");
    double low = -1, high = -1;
    cr_assert(row, "no row of the softmax of 100 x 5 numbers: %s", lines);
    cr_expect(sscanf(row, ",softmax,\"fixed<8,6>\",500,%*[^,],%*[^,],%lf,%lf", &low, &high) == 2 &&
                  low >= -32 && high > 0.25,
              "the softmax's integers: %g to %g", low, high);
    const double narrow = number("narrow/summary.json", "test", "accuracy");
    cr_expect(narrow < before - 0.15, "two bits of fraction lose it: %g of %g", narrow, before);
    leave_scratch();
}

static int count_lines(const char *text)
{
    int n = 0;
    for (; *text; text++)
        n += *text == '\n';
    return n;
}

Test(quantize_command, scans)
{
    static outcome o;
    static const struct {
        const char *words, *first;
        int rows;
    } cases[] = {
        {"quantize float --scan bits=8:4:2 --csv scan.csv -f", "8,\"8 bits\"", 3},
        {"quantize float --scan bits=12,10 fixed<16,4,RND,SAT> --csv scan.csv -f",
         "12,\"fixed<12,4,RND,SAT>\"", 2},
        {"quantize float --scan integer=2:4 fixed<12,4,RND,SAT> --csv scan.csv -f",
         "2,\"fixed<10,2,RND,SAT>\"", 3},
        {"quantize float --scan fraction=2:6:2 --tensors weights fixed<12,4,RND,SAT> --csv scan.csv -f",
         "2,\"fixed<6,4,RND,SAT>\",\"fixed<12,4,RND,SAT>\"", 3},
        {"quantize float --scan bits=8 --tensors data --weights fixed<10,2> fixed<12,4,RND,SAT> --csv "
         "scan.csv -f",
         "8,\"fixed<10,2>\",\"fixed<8,4,RND,SAT>\"", 1},
        {"quantize float --scan fraction=8 --tensors data --like hls4ml fixed<16,6> --csv scan.csv -f",
         "8,\"fixed<16,6>\",\"fixed<14,6>\"", 1},
    };
    enter_scratch();
    train_small(&o);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        call_nibble(cases[i].words, &o);
        cr_expect_eq(o.status, 0, "%s: %s", cases[i].words, o.err);
        char *csv = read_file("scan.csv");
        cr_expect_eq(count_lines(csv), cases[i].rows + 2, "%s: rows, with the model itself: %s",
                     cases[i].words, csv);
        cr_expect(strstr(csv, cases[i].first), "%s: %s", cases[i].words, csv);
        cr_expect(strstr(csv, "\nmodel,"), "%s: the model itself: %s", cases[i].words, csv);
        free(csv);
    }
    leave_scratch();
}

Test(quantize_command, refused)
{
    static outcome o;
    static const char *const cases[][2] = {
        {"quantize float", "no types"},
        {"quantize float --like qkeras fixed<16,6>", "hls4ml is"},
        {"quantize float --like hls4ml", "needs a type"},
        {"quantize float --like hls4ml~fixed<16,6> fixed<8,3>", "stands behind RUN"},
        {"quantize float --like hls4ml~fixed<16", "fixed<16"},
        {"quantize float fixed<16>", "fixed<16>"},
        {"quantize float fixed<8,3> --bits 8", "exclude each other"},
        {"quantize float --bits 8 --calibrate kl", "none of minmax"},
        {"quantize float --bits 8 --percentile 99", "goes with"},
        {"quantize float --scan bits=8 --csv float/config.yaml", "exists; choose another"},
        {"quantize float --weights fixed<8,3>", "type of the data"},
        {"quantize float --weights fixed<8,x> fixed<16,6>", "fixed<8,x>"},
        {"quantize float --csv x.csv --bits 8", "go with --scan"},
        {"quantize float --scan bits=8 -o x", "no run folder"},
        {"quantize float --scan bits", "is none of"},
        {"quantize float --scan bits=8:", "is none of"},
        {"quantize float --scan integer=2:4", "needs a type"},
        {"quantize float --scan bits=1", "2 to 24"},
        {"quantize float --scan bits=40 fixed<16,6>", "40 bits"},
        {"quantize float --scan bits=8 --tensors some fixed<16,6>", "none of all"},
    };
    enter_scratch();
    train_small(&o);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        call_nibble(cases[i][0], &o);
        cr_expect_eq(o.status, 2, "%s: status %d", cases[i][0], o.status);
        cr_expect(strstr(o.err, cases[i][1]), "%s: %s", cases[i][0], o.err);
    }
    leave_scratch();
}
