/* Channels of W = 0 from the config through training, evaluation, integers, cost, comparison, export and
 * words: value 0 everywhere. */
#include <criterion/criterion.h>

#include <cjson/cJSON.h>
#include <stdio.h>
#include <string.h>

#include "core/h5.h"
#include "tests/tools/call.h"

enum { ROWS = 200, WIDTH = 16 };

/* Input 2, output 1 of fc1's kernel, relu1's channel 3 and logit 4 are removed. */
static const char config[] =
    "data: {source: {generator: jets, n: 1500}, inputs: {x: hlf16}, targets: {y: label}, validation: "
    "{fraction: "
    "0.2}, test: {fraction: 0.4}}\n"
    "model: {layers: [dense: {name: fc1, units: 6, use_bias: false}, relu: {name: relu1}, dense: {name: "
    "logits, "
    "units: auto}], outputs: {y: logits}}\n"
    "train: {seed: 2, epochs: 2, batch: 64}\n"
    "quant:\n"
    "  default: {input: \"fixed('fixed<8,3,RND,SAT>', bits=[8,8,0,8,8,8,8,8,8,8,8,8,8,8,8,8])\", weight: "
    "'fixed<6,1,RND_CONV,SAT>', bias: 'fixed<8,3,RND_CONV,SAT>', activation: \"fixed('ufixed<6,2,RND,SAT>', "
    "bits=[6,5,6,0,6,6])\", output: \"fixed('fixed<10,5,RND,SAT>', bits=[10,10,10,10,0])\"}\n"
    "  layers: {fc1: {weight: \"fixed('fixed<6,1,RND_CONV,SAT>', bits=[6,0,6,5,6,6])\"}}\n";

static void call_well(const char *words, outcome *o)
{
    call_nibble(words, o);
    cr_assert(o->status == 0, "nibble %s: exit status %d, %s", words, o->status, o->err);
}

/* Column `column` of a tensor of the trace is 0 and another one is not. */
static void check_column(nib_h5 *file, const char *tensor, int64_t width, int64_t column)
{
    static int64_t code[ROWS * WIDTH];
    static double value[ROWS * WIDTH];
    nib_error err = {NIB_OK, ""};
    char path[64];
    int64_t others = 0;
    (void)snprintf(path, sizeof path, "/trace/%s/codes", tensor);
    cr_assert(nib_h5_read_i64(file, path, 0, ROWS, code, &err) == NIB_OK, "%s", err.message);
    (void)snprintf(path, sizeof path, "/trace/%s/values", tensor);
    cr_assert(nib_h5_read_f64(file, path, 0, ROWS, value, &err) == NIB_OK, "%s", err.message);
    for (int64_t i = 0; i < ROWS * width; i++) {
        if (i % width == column)
            cr_assert(code[i] == 0 && value[i] == 0, "%s[%lld] is %g", tensor, (long long)column, value[i]);
        others += code[i] != 0;
    }
    cr_expect(others > ROWS, "%s: nearly all is 0", tensor);
}

static double cost_of(const char *text, const char *key)
{
    cJSON *json = cJSON_Parse(text);
    const cJSON *total = cJSON_GetObjectItem(json, "total");
    const double found = cJSON_GetNumberValue(cJSON_GetObjectItem(total, key));
    cJSON_Delete(json);
    return found;
}

Test(removed_channels, are_zero_from_training_to_export)
{
    static outcome o;
    static float logits[ROWS * 5];
    nib_h5 *file;
    nib_error err = {NIB_OK, ""};
    enter_scratch();
    FILE *out = fopen("q.yaml", "w");
    cr_assert(out && fputs(config, out) >= 0 && fclose(out) == 0, "q.yaml cannot be written");
    call_well("train q.yaml -o run --quiet", &o);
    call_well("emulate run --quiet --trace t.h5 -o e.h5 --logits", &o);
    call_well("predict run --quiet -o p.h5 --logits", &o);
    call_well("compare run -n 200 --csv c.csv", &o);
    cr_expect(strstr(o.out, "0 differing numbers"), "compare: %s", o.out);
    cr_assert(nib_h5_open(&file, "t.h5", &err) == NIB_OK, "%s", err.message);
    check_column(file, "x", WIDTH, 2);
    check_column(file, "fc1", 6, 1);
    check_column(file, "relu1", 6, 3);
    check_column(file, "logits", 5, 4);
    nib_h5_close(file);
    cr_assert(nib_h5_open(&file, "p.h5", &err) == NIB_OK, "%s", err.message);
    cr_assert(nib_h5_read_f32(file, "/y", 0, ROWS, logits, &err) == NIB_OK, "%s", err.message);
    nib_h5_close(file);
    for (int i = 4; i < ROWS * 5; i += 5)
        cr_assert(logits[i] == 0, "predicted logit 4 is %g", (double)logits[i]);

    /* 16 x 6 weights of fc1 less an input and an output, 6 x 5 of logits less an input, and what is 0 anyway.
     */
    call_well("cost run --json", &o);
    cr_expect(cost_of(o.out, "zeros") >= 6 + 15 + 5, "zeros: %g", cost_of(o.out, "zeros"));
    cr_expect(cost_of(o.out, "multipliers") <= 15 * 5 + 5 * 5, "multipliers: %g",
              cost_of(o.out, "multipliers"));

    call_well("export run -o hls --quiet --rows 50", &o);
    call_well("export run -o c --quiet --rows 50 --format c", &o);
    call_well("emulate hls/model.h5 --golden", &o);
    cr_expect(strstr(o.out, "0 of 250 outputs differ"), "--golden says %s", o.out);
    call_well("emulate run --quiet -o e.npy --logits", &o);
    call_well("pack e.npy -o e.bin --type fixed<10,5,RND,SAT> --quiet", &o);
    leave_scratch();
}
