/* emulate and compare on a quantized run. */
#include <criterion/criterion.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/file.h"
#include "core/h5.h"
#include "tests/tools/call.h"

static const char quant[] =
    "quant: {default: {input: 'fixed<8,3,RND,SAT>', weight: 'fixed<6,1,RND_CONV,SAT>', bias: "
    "'fixed<8,3,RND_CONV,SAT>', activation: 'ufixed<6,2,RND,SAT>', output: 'fixed<10,5,RND,SAT>'}}\n";

static void write_config(const char *name, const char *last)
{
    FILE *out = fopen(name, "w");
    cr_assert(out, "%s cannot be written", name);
    fprintf(out,
            "data: {source: {generator: jets, n: 1500}, inputs: {x: hlf16}, targets: {y: label}, "
            "validation: {fraction: 0.2}, test: {fraction: 0.4}}\n"
            "model: {mlp: {hidden: [12, 8]}}\ntrain: {seed: 2, epochs: 2, batch: 64}\n%s",
            last);
    cr_assert(fclose(out) == 0, "%s cannot be written", name);
}

static void call_well(const char *words, outcome *o)
{
    call_nibble(words, o);
    cr_assert(o->status == 0, "nibble %s: exit status %d, %s", words, o->status, o->err);
}

static bool same_file(const char *a, const char *b)
{
    char one[65536], other[65536];
    FILE *x = fopen(a, "rb"), *y = fopen(b, "rb");
    cr_assert(x && y, "%s or %s is missing", a, b);
    const size_t n = fread(one, 1, sizeof one, x), m = fread(other, 1, sizeof other, y);
    (void)fclose(x);
    (void)fclose(y);
    return n > 0 && n == m && memcmp(one, other, n) == 0;
}

Test(emulate, gives_the_scores_and_logits_of_evaluation)
{
    static outcome train, eval, emulate, threads;
    enter_scratch();
    write_config("q.yaml", quant);
    call_well("train q.yaml -o run --quiet", &train);
    call_well("eval run --json", &eval);
    call_well("emulate run --json -o e.npy --logits -t 1", &emulate);
    cr_expect(strcmp(eval.out, emulate.out) == 0, "eval says\n%s\nemulate\n%s", eval.out, emulate.out);
    call_well("predict run --quiet -o p.npy --logits", &threads);
    cr_expect(same_file("p.npy", "e.npy"), "predict and emulate write different logits");
    call_well("emulate run --quiet -o e3.npy --logits -t 3", &threads);
    cr_expect(same_file("e.npy", "e3.npy"), "one and three threads write different logits");
    leave_scratch();
}

/* Codes times steps are the values, and the last layer's are the predictions. */
Test(emulate, traces_every_layer)
{
    static outcome o;
    static double values[600 * 5];
    static int64_t codes[600 * 5];
    static float logits[600 * 5];
    nib_h5 *file;
    nib_error err = {NIB_OK, ""};
    enter_scratch();
    write_config("q.yaml", quant);
    call_well("train q.yaml -o run --quiet", &o);
    call_well("emulate run --quiet --trace t.h5 -o p.h5 --logits", &o);
    cr_assert(nib_h5_open(&file, "t.h5", &err) == NIB_OK, "%s", err.message);
    static const char *const nodes[] = {"x", "fc1", "relu1", "fc2", "relu2", "logits"};
    for (size_t i = 0; i < sizeof nodes / sizeof *nodes; i++) {
        char path[64];
        (void)snprintf(path, sizeof path, "/trace/%s/codes", nodes[i]);
        cr_expect(nib_h5_has(file, path), "there is no %s", path);
    }
    cr_assert(nib_h5_read_f64(file, "/trace/logits/values", 0, 600, values, &err) == NIB_OK, "%s",
              err.message);
    cr_assert(nib_h5_read_i64(file, "/trace/logits/codes", 0, 600, codes, &err) == NIB_OK, "%s", err.message);
    nib_h5_close(file);
    cr_assert(nib_h5_open(&file, "p.h5", &err) == NIB_OK, "%s", err.message);
    cr_assert(nib_h5_read_f32(file, "/y", 0, 600, logits, &err) == NIB_OK, "%s", err.message);
    nib_h5_close(file);
    for (int i = 0; i < 600 * 5; i++)
        cr_expect(values[i] == (double)codes[i] / 32 && values[i] == (double)logits[i],
                  "logit %d: code %lld, value %g, predicted %g", i, (long long)codes[i], values[i],
                  (double)logits[i]);
    leave_scratch();
}

Test(emulate, float_models_and_missing_words_are_refused)
{
    static outcome o;
    static const struct {
        const char *words, *says;
    } cases[] = {
        {"emulate run", "float model"},
        {"compare run", "nibble quantize"},
        {"emulate run --no-metrics", "--output or --trace"},
        {"compare run --format gif", "none of png, svg, pdf"},
    };
    enter_scratch();
    write_config("f.yaml", "");
    call_well("train f.yaml -o run --quiet", &o);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        call_nibble(cases[i].words, &o);
        cr_expect(o.status == 2 && strstr(o.err, cases[i].says), "nibble %s: exit status %d, %s",
                  cases[i].words, o.status, o.err);
    }
    leave_scratch();
}

Test(compare, finds_no_difference_and_writes_it_down)
{
    static outcome o;
    static char text[65536];
    enter_scratch();
    write_config("q.yaml", quant);
    call_well("train q.yaml -o run --quiet", &o);
    call_well("compare run --csv c.csv", &o);
    static const char *const parts[] = {"relu2", "ufixed<6,2,RND,SAT>", "fc1/kernel",
                                        "0 differing numbers in all tensors of 600 samples", "arg-max of y"};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        cr_expect(strstr(o.out, parts[i]), "no '%s' in\n%s", parts[i], o.out);
    FILE *in = fopen("c.csv", "r");
    cr_assert(in, "there is no c.csv");
    text[fread(text, 1, sizeof text - 1, in)] = '\0';
    (void)fclose(in);
    int lines = 0;
    for (char *p = text; (p = strchr(p, '\n')); p++)
        lines++;
    cr_expect(lines == 1 + 6 + 6, "%d lines:\n%s", lines, text);
    leave_scratch();
}

/* Predictions as a hardware's answers: equal, then with one bit of one row turned. */
Test(compare, hardware_names_the_first_differing_bit)
{
    static outcome o;
    static const char *const says[] = {"1 of 3000 outputs differ, in 1 of 600 rows",
                                       "row 17, column 3, which is y[3]", "bit 4 differs",
                                       "largest difference: 16 steps"};
    enter_scratch();
    write_config("q.yaml", quant);
    call_well("train q.yaml -o run --quiet", &o);
    call_well("emulate run --quiet -o y.npy --logits", &o);
    call_well("compare run --hardware y.npy", &o);
    cr_expect(strstr(o.out, "600 rows of 5 outputs: all equal"), "%s", o.out);
    FILE *file = fopen("y.npy", "r+b");
    float value = 0;
    const long at = -(long)sizeof value * (600 * 5 - (17 * 5 + 3));
    cr_assert(file && fseek(file, at, SEEK_END) == 0 && fread(&value, sizeof value, 1, file) == 1,
              "y.npy cannot be read");
    const int code = (int)(value * 32);
    value = (float)(code ^ 16) / 32;
    cr_assert(fseek(file, at, SEEK_END) == 0 && fwrite(&value, sizeof value, 1, file) == 1 &&
                  fclose(file) == 0,
              "y.npy cannot be written");
    call_nibble("compare run --hardware y.npy", &o);
    cr_expect(o.status == 1, "exit status %d", o.status);
    for (size_t i = 0; i < sizeof says / sizeof *says; i++)
        cr_expect(strstr(o.out, says[i]), "'%s' is not in\n%s", says[i], o.out);
    call_nibble("compare run --hardware q.yaml", &o);
    cr_expect(o.status == 2 && strstr(o.err, "q.yaml"), "exit status %d, %s", o.status, o.err);
    leave_scratch();
}
