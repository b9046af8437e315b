/* nibble cost on a trained model. */
#include <criterion/criterion.h>

#include <cjson/cJSON.h>
#include <stdio.h>
#include <string.h>

#include "tests/tools/call.h"

#define CONFIG_SETS                                                                                          \
    "--set data.source={generator:~jets,~n:~2000} --set model.mlp.hidden=[8] --set train.epochs=1 -q"

static double at(const cJSON *json, const char *a, const char *b)
{
    const cJSON *number = cJSON_GetObjectItem(cJSON_GetObjectItem(json, a), b);
    cr_assert(cJSON_IsNumber(number), "%s.%s is a number", a, b);
    return number->valuedouble;
}

/* What sweeps read of a run: the totals in one flat object, and none of a float run. */
static void check_summary(void)
{
    char text[8192];
    for (int i = 0; i < 2; i++) {
        FILE *file = fopen(i ? "q/summary.json" : "float/summary.json", "r");
        cr_assert(file, "there is a summary");
        text[fread(text, 1, sizeof text - 1, file)] = '\0';
        (void)fclose(file);
        cJSON *json = cJSON_Parse(text);
        cr_assert(json, "%s", text);
        if (i) {
            cr_expect_eq(at(json, "cost", "weights"), 16 * 8 + 8 * 5, "weights");
            cr_expect(at(json, "cost", "ebops") > 0, "EBOPs");
            cr_expect_eq(at(json, "cost", "latency_ns"), 5 * at(json, "cost", "latency"), "5 ns a cycle");
        } else {
            cr_expect(!cJSON_GetObjectItem(json, "cost"), "float costs nothing: %s", text);
        }
        cJSON_Delete(json);
    }
}

Test(cost_command, prints_tables_and_json)
{
    static outcome o;
    enter_scratch();
    call_nibble("init jets", &o);
    cr_assert_eq(o.status, 0, "%s", o.err);
    call_nibble("train jets.yaml " CONFIG_SETS " -o float", &o);
    cr_assert_eq(o.status, 0, "%s", o.err);
    call_nibble("cost float", &o);
    cr_expect_eq(o.status, 2, "a float model has no cost");
    cr_expect(strstr(o.err, "allow_float"), "and says what to do: %s", o.err);
    call_nibble("cost float --set quant.allow_float=true --set target.max_dsp_percent=0.001", &o);
    cr_expect_eq(o.status, 0, "%s", o.err);
    cr_expect(strstr(o.err, "fc1/kernel"), "what was filled in: %s", o.err);
    cr_expect(strstr(o.out, "max_dsp_percent") && strstr(o.out, "FAIL"), "the limit: %s", o.out);

    call_nibble("train jets.yaml " CONFIG_SETS " --set quant.bits=6 -o q", &o);
    cr_assert_eq(o.status, 0, "%s", o.err);
    check_summary();
    call_nibble("cost q --set hls.default.strategy=Resource --set hls.layers.fc1.reuse_factor=3", &o);
    cr_expect_eq(o.status, 0, "%s", o.err);
    cr_expect(
        strstr(o.out, "fc1: hls4ml would take reuse factor 2 instead of 3; nearest valid ones: 2 and 4"),
        "%s", o.out);
    call_nibble("cost q --json --formulas --set target.max_ii=1 --set hls.layers.fc1.reuse_factor=4", &o);
    cr_expect_eq(o.status, 0, "%s", o.err);
    cJSON *json = cJSON_Parse(o.out);
    if (json) { /* longer than the buffer: then it is cut */
        cr_expect_eq(at(json, "total", "weights"), 16 * 8 + 8 * 5, "weights");
        cr_expect_eq(at(json, "total", "ii"), 4, "interval");
        cr_expect_eq(at(cJSON_GetObjectItem(json, "target"), "max_ii", "value"), 4,
                     "what the target looks at");
        cJSON_Delete(json);
    }
    cr_expect(strstr(o.out, "\"reuse_factor\":\t4"), "reuse factors are in the JSON: %.400s", o.out);
    leave_scratch();
}
