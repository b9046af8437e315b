/* export: files, determinism, the model file on its own. */
#include <criterion/criterion.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/file.h"
#include "core/h5.h"
#include "tests/tools/call.h"

static const char chain[] = "{mlp: {hidden: [12, 8]}}";
static const char types[] =
    "{default: {input: 'fixed<8,3,RND,SAT>', weight: 'fixed<6,1,RND_CONV,SAT>', bias: "
    "'fixed<8,3,RND_CONV,SAT>', activation: 'ufixed<6,2,RND,SAT>', output: "
    "'fixed<10,5,RND,SAT>'}}";
/* Accumulators that can overflow, which takes every precision by hand. */
static const char given[] =
    "{default: {input: 'fixed<10,4>', weight: 'fixed<10,4>', bias: 'fixed<10,4>', result: "
    "'fixed<10,4>', activation: 'fixed<10,4>', output: 'fixed<10,4>', accum: "
    "'fixed<10,4>'}}";

static void write_config(const char *name, const char *model, const char *quant)
{
    FILE *out = fopen(name, "w");
    cr_assert(out, "%s cannot be written", name);
    fprintf(out,
            "data: {source: {generator: jets, n: 1500}, inputs: {x: {path: hlf16, preprocess: standardize}}, "
            "targets: {y: label}, validation: {fraction: 0.2}, test: {fraction: 0.4}}\n"
            "model: %s\ntrain: {seed: 2, epochs: 2, batch: 64}\n",
            model);
    if (quant)
        fprintf(out, "quant: %s\n", quant);
    cr_assert(fclose(out) == 0, "%s cannot be written", name);
}

static void call_well(const char *words)
{
    static outcome o;
    call_nibble(words, &o);
    cr_assert(o.status == 0, "nibble %s: exit status %d, %s", words, o.status, o.err);
}

static void call_badly(const char *words, int status, const char *said)
{
    static outcome o;
    call_nibble(words, &o);
    cr_expect(o.status == status, "nibble %s: exit status %d, not %d", words, o.status, status);
    cr_expect(strstr(o.err, said), "nibble %s says '%s', not '%s'", words, o.err, said);
}

static char *contents(const char *path, size_t *bytes)
{
    static const size_t most = (size_t)4 << 20;
    char *data = malloc(most);
    FILE *in = fopen(path, "rb");
    cr_assert(in && data, "%s is missing", path);
    *bytes = fread(data, 1, most - 1, in);
    data[*bytes] = '\0';
    (void)fclose(in);
    return data;
}

static void expect_same(const char *a, const char *b)
{
    size_t n, m;
    char *one = contents(a, &n), *other = contents(b, &m);
    cr_expect(n > 0 && n == m && memcmp(one, other, n) == 0, "%s and %s differ", a, b);
    free(one);
    free(other);
}

static void expect_text(const char *path, const char *text)
{
    size_t n;
    char *data = contents(path, &n);
    cr_expect(strstr(data, text), "%s does not have '%s'", path, text);
    free(data);
}

Test(export, two_exports_of_one_run_are_byte_identical)
{
    static const char *const files[] = {"model.h5", "hls4ml.yml", "convert.py", "README.md"};
    enter_scratch();
    write_config("q.yaml", chain, types);
    call_well("train q.yaml -o run --quiet");
    call_well("export run --quiet");
    call_well("export run -o b --quiet -t 3");
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        char a[64], b[64];
        (void)snprintf(a, sizeof a, "run/export/%s", files[i]);
        (void)snprintf(b, sizeof b, "b/%s", files[i]);
        expect_same(a, b);
    }
    call_badly("export run", 2, "--force");
    leave_scratch();
}

/* What is exported is what is emulated: the engine runs what it reads from the file. */
Test(export, the_model_file_stands_alone)
{
    static outcome o;
    enter_scratch();
    write_config("q.yaml", chain, types);
    call_well("train q.yaml -o run --quiet");
    call_well("export run -o out --quiet --rows 300");
    call_well("emulate run --quiet --logits -o a.npy");
    call_well("emulate out/model.h5 --quiet --logits -o b.npy");
    expect_same("a.npy", "b.npy");
    call_nibble("emulate out/model.h5 --golden", &o);
    cr_expect(strcmp(o.out, "300 golden samples: 0 of 1500 outputs differ\n") == 0, "--golden says '%s'",
              o.out);
    call_nibble("inspect out/model.h5", &o);
    cr_expect(o.status == 0 && strstr(o.out, "nibble export"), "inspect says '%s'", o.out);
    call_badly("emulate run --golden", 2, "no golden samples");
    leave_scratch();
}

/* The golden samples node by node, with how often accumulators of a given type wrap on them. */
Test(export, golden_samples_are_traced)
{
    nib_h5 *file;
    nib_error err = {NIB_OK, ""};
    int64_t wrapped = 0, codes[20 * 5], golden[20 * 5];
    enter_scratch();
    write_config("g.yaml", chain, given);
    call_well("train g.yaml -o given --quiet");
    call_well("export given -o out --quiet --synthetic --rows 20");
    call_well("emulate out/model.h5 --golden --quiet --trace trace.h5");
    call_badly("emulate out/model.h5 --golden --trace trace.h5", 2, "--force");
    cr_assert(nib_h5_open(&file, "trace.h5", &err) == NIB_OK, "%s", err.message);
    cr_assert(nib_h5_attribute_i64(file, "/trace/fc1", "accum_wrapped", &wrapped, &err) == NIB_OK &&
                  nib_h5_read_i64(file, "/trace/logits/codes", 0, 20, codes, &err) == NIB_OK,
              "%s", err.message);
    nib_h5_close(file);
    cr_assert(nib_h5_open(&file, "out/model.h5", &err) == NIB_OK, "%s", err.message);
    cr_assert(nib_h5_read_i64(file, "/nibble/golden/output/y/code", 0, 20, golden, &err) == NIB_OK, "%s",
              err.message);
    nib_h5_close(file);
    cr_expect(wrapped > 0, "no accumulator of fc1 wraps on samples from far outside");
    cr_expect(memcmp(codes, golden, sizeof codes) == 0, "the trace has other codes than the golden samples");
    leave_scratch();
}

/* Weights in the Keras part are the integers, on their grid; golden inputs are what the preprocessing makes.
 */
Test(export, numbers_are_on_their_grid)
{
    nib_h5 *file;
    nib_error err = {NIB_OK, ""};
    static float kernel[16 * 12], x[40 * 16], raw[40 * 16];
    static int64_t code[16 * 12];
    static double shift[16], divisor[16];
    enter_scratch();
    write_config("q.yaml", chain, types);
    call_well("train q.yaml -o run --quiet");
    call_well("export run -o out --quiet --rows 40");
    cr_assert(nib_h5_open(&file, "out/model.h5", &err) == NIB_OK, "%s", err.message);
    cr_assert(nib_h5_read_f32(file, "/model_weights/fc1/fc1/kernel:0", 0, 16, kernel, &err) == NIB_OK &&
                  nib_h5_read_i64(file, "/nibble/fixnet/op/fc1/kernel/code", 0, 16, code, &err) == NIB_OK &&
                  nib_h5_read_f32(file, "/nibble/golden/input/x/raw", 0, 40, raw, &err) == NIB_OK &&
                  nib_h5_read_f32(file, "/nibble/golden/input/x/x", 0, 40, x, &err) == NIB_OK &&
                  nib_h5_read_f64(file, "/nibble/data/x/preprocess/shift", 0, 16, shift, &err) == NIB_OK &&
                  nib_h5_read_f64(file, "/nibble/data/x/preprocess/divisor", 0, 16, divisor, &err) == NIB_OK,
              "%s", err.message);
    nib_h5_close(file);
    for (int i = 0; i < 16 * 12; i++)
        cr_expect(kernel[i] == (float)code[i] / 32, "kernel %d is %g, its code %lld", i, (double)kernel[i],
                  (long long)code[i]);
    for (int i = 0; i < 40 * 16; i++)
        cr_expect(x[i] == (float)(((double)raw[i] - shift[i % 16]) / divisor[i % 16]),
                  "golden input %d is %g", i, (double)x[i]);
    leave_scratch();
}

Test(export, routes_are_chosen_and_refused)
{
    enter_scratch();
    write_config("q.yaml", chain, types);
    call_well("train q.yaml -o run --quiet");
    call_well("export run -o a --quiet --synthetic");
    expect_text("a/hls4ml.yml", "BitExact: true");
    expect_text("a/hls4ml.yml", "result: ufixed<6,2,RND,SAT>");
    call_well("export run -o b --quiet --synthetic --route explicit");
    expect_text("b/hls4ml.yml", "BitExact: false");
    expect_text("b/hls4ml.yml", "accum:");
    call_well("export run -o c --quiet --synthetic --set hls.default.strategy=Resource --set "
              "hls.default.reuse_factor=4 --set hls.backend=Vivado --set hls.clock_period=2.5");
    expect_text("c/hls4ml.yml", "fc1: {Strategy: Resource, ReuseFactor: 4}");
    expect_text("c/hls4ml.yml", "Backend: Vivado");
    expect_text("c/hls4ml.yml", "ClockPeriod: 2.5");
    write_config("g.yaml", chain, given);
    call_well("train g.yaml -o given --quiet");
    call_well("export given -o d --quiet --synthetic");
    expect_text("d/hls4ml.yml", "accum: fixed<10,4>");
    call_badly("export given -o e --synthetic --route bitexact", 2, "takes --route explicit");
    call_badly("export run -o f --route bitexct", 2, "did you mean 'bitexact'");
    call_badly("export run -o f --format hls4m", 2, "did you mean 'hls4ml'");
    leave_scratch();
}

/* Steps beyond all that comes in: ap_fixed asserts there, so the text is refused before it is written. */
Test(export, roundings_that_abort_are_refused)
{
    static const char coarse[] =
        "{default: {input: 'fixed<8,-6,RND,SAT>', weight: 'fixed<6,-4,RND_CONV,SAT>', bias: "
        "'fixed<8,-6,RND_CONV,SAT>', activation: 'ufixed<6,6,%s,SAT>', output: 'fixed<24,-4,RND,SAT>'}, "
        "allow_dead: true}";
    static const char *const modes[] = {"RND", "RND_CONV", "RND_ZERO", "TRN"};
    enter_scratch();
    for (size_t i = 0; i < sizeof modes / sizeof *modes; i++) {
        char quant[400], said[80];
        (void)snprintf(quant, sizeof quant, coarse, modes[i]);
        (void)snprintf(said, sizeof said, ": %s to steps of 2^0 drops every bit", modes[i]);
        write_config("q.yaml", chain, quant);
        char train[80], export[80];
        (void)snprintf(train, sizeof train, "train q.yaml -o run%zu --quiet", i);
        (void)snprintf(export, sizeof export, "export run%zu -o out%zu --quiet --synthetic", i, i);
        call_well(train);
        if (strcmp(modes[i], "TRN") == 0)
            call_well(export);
        else
            call_badly(export, 2, said);
    }
    leave_scratch();
}

/* Raw numbers in: the goldens are the folded network's own, and nothing stands in front of it. */
Test(export, preprocessing_goes_into_the_network)
{
    static outcome o;
    static float x[40 * 16], raw[40 * 16];
    static double shift[16], divisor[16], folded[16];
    nib_h5 *file;
    nib_error err = {NIB_OK, ""};
    const char *kind = "";
    nib_arena *arena = nib_arena_create();
    enter_scratch();
    write_config("q.yaml", chain, types);
    call_well("train q.yaml -o run --quiet");
    call_well("export run -o out --quiet --rows 40 --fold-preprocessing");
    cr_assert(nib_h5_open(&file, "out/model.h5", &err) == NIB_OK, "%s", err.message);
    cr_assert(nib_h5_read_f32(file, "/nibble/golden/input/x/raw", 0, 40, raw, &err) == NIB_OK &&
                  nib_h5_read_f32(file, "/nibble/golden/input/x/x", 0, 40, x, &err) == NIB_OK &&
                  nib_h5_read_f64(file, "/nibble/data/x/preprocess/shift", 0, 16, shift, &err) == NIB_OK &&
                  nib_h5_read_f64(file, "/nibble/data/x/preprocess/divisor", 0, 16, divisor, &err) ==
                      NIB_OK &&
                  nib_h5_read_f64(file, "/nibble/export/fold/x/divisor", 0, 16, folded, &err) == NIB_OK &&
                  nib_h5_read_text(file, "/nibble/data/x/preprocess/kind", arena, &kind, &err) == NIB_OK,
              "%s", err.message);
    cr_expect(strcmp(kind, "none") == 0, "preprocessing '%s' is left", kind);
    for (int i = 0; i < 16; i++)
        cr_expect(shift[i] == 0 && divisor[i] == 1 && folded[i] > 0, "column %d: %g, %g, %g", i, shift[i],
                  divisor[i], folded[i]);
    cr_expect(memcmp(x, raw, sizeof x) == 0, "what goes in is not what is raw");
    nib_h5_close(file);
    nib_arena_destroy(arena);
    call_nibble("emulate out/model.h5 --golden", &o);
    cr_expect(strcmp(o.out, "40 golden samples: 0 of 200 outputs differ\n") == 0, "--golden says '%s'",
              o.out);
    expect_text("out/README.md", "The network takes raw numbers");
    expect_text("out/hls4ml.yml", "BitExact: true");
    call_badly("compare out/model.h5", 2, "has the preprocessing inside");
    call_badly("quantize out/model.h5 --bits 6 -o six", 2, "has the preprocessing inside");
    call_badly("strip out/model.h5 -o less", 2, "has the preprocessing inside");
    call_well("export run -o again --quiet --rows 40 --fold-preprocessing");
    expect_same("out/model.h5", "again/model.h5");
    call_badly("export out/model.h5 -o twice --synthetic --fold-preprocessing", 2, "stored in integers");
    leave_scratch();
}

/* Probabilities: near those of the logits, and the types that hls4ml shall have. */
Test(export, softmax_on_request)
{
    static outcome o;
    static double logit[200 * 5], p[200 * 5];
    static const char *const folders[] = {"a/model.h5", "b/model.h5"};
    double worst = 0;
    enter_scratch();
    write_config("q.yaml", chain, types);
    call_well("train q.yaml -o run --quiet");
    call_well("export run -o a --quiet --rows 200");
    call_well("export run -o b --quiet --rows 200 --softmax");
    for (int i = 0; i < 2; i++) {
        nib_h5 *file;
        nib_error err = {NIB_OK, ""};
        cr_assert(nib_h5_open(&file, folders[i], &err) == NIB_OK &&
                      nib_h5_read_f64(file, "/nibble/golden/output/y/value", 0, 200, i ? p : logit, &err) ==
                          NIB_OK,
                  "%s", err.message);
        nib_h5_close(file);
    }
    for (int row = 0; row < 200; row++) {
        double sum = 0;
        for (int k = 0; k < 5; k++)
            sum += exp(logit[row * 5 + k]);
        for (int k = 0; k < 5; k++)
            worst = fmax(worst, fabs(p[row * 5 + k] - exp(logit[row * 5 + k]) / sum));
    }
    cr_expect(worst < 0.01, "a probability is wrong by %g", worst);
    call_nibble("emulate b/model.h5 --golden", &o);
    cr_expect(strcmp(o.out, "200 golden samples: 0 of 1000 outputs differ\n") == 0, "--golden says '%s'",
              o.out);
    expect_text("b/hls4ml.yml", "inp_norm_t: ufixed<10,5>");
    expect_text("b/hls4ml.yml", "TableSize: 1024");
    expect_text("b/README.md", "probabilities");
    leave_scratch();
}

/* Accumulators that were given: the folder says how many overflow. */
Test(export, overflows_are_counted)
{
    static outcome o;
    enter_scratch();
    write_config("g.yaml", chain, given);
    call_well("train g.yaml -o run --quiet");
    call_well("export run -o out --quiet --rows 500");
    expect_text("out/README.md", "| fc1 | fixed<10,4> | 6000 | ");
    call_nibble("compare run --rows 100", &o);
    cr_expect(strstr(o.out, "of 1200 sums overflow"), "compare says '%s'", o.out);
    write_config("q.yaml", chain, types);
    call_well("train q.yaml -o proven --quiet");
    call_well("export proven -o b --quiet");
    size_t n;
    char *text = contents("b/README.md", &n);
    cr_expect(!strstr(text, "overflow"), "a proven accumulator is said to overflow");
    free(text);
    leave_scratch();
}

Test(export, float_models_are_refused)
{
    enter_scratch();
    write_config("f.yaml", chain, NULL);
    call_well("train f.yaml -o run --quiet");
    call_badly("export run -o out", 2, "float model");
    leave_scratch();
}
