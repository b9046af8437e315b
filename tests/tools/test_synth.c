/* synth import on a sample of each kind of report. The samples are cut from the layouts that hls4ml 1.3.0
 * reads. */
#include <criterion/criterion.h>

#include <stdio.h>
#include <string.h>

#include "tests/tools/call.h"

static void make_run(void)
{
    static outcome o;
    FILE *out = fopen("q.yaml", "w");
    cr_assert(
        out &&
            fprintf(out,
                    "data: {source: {generator: jets, n: 800}, inputs: {x: hlf16}, targets: {y: label}, "
                    "validation: {fraction: 0.2}, test: {fraction: 0.2}}\n"
                    "model: {mlp: {hidden: [8]}}\nquant: {bits: 6}\ntrain: {epochs: 1, batch: 64}\n") > 0 &&
            fclose(out) == 0,
        "q.yaml cannot be written");
    call_nibble("train q.yaml -o run --quiet", &o);
    cr_assert(o.status == 0, "%s", o.err);
}

static void expect(const char *words, int status, const char *const *says, int n)
{
    static outcome o;
    call_nibble(words, &o);
    cr_expect(o.status == status, "nibble %s: exit status %d, %s", words, o.status, o.err);
    for (int i = 0; i < n; i++)
        cr_expect(strstr(o.out, says[i]) || strstr(o.err, says[i]), "nibble %s says not '%s' but\n%s%s",
                  words, says[i], o.out, o.err);
}

Test(synth, reads_a_sample_of_each_kind)
{
    static const char *const vitis[] = {"9876", "3456", "csynth.xml", "vivado_synth.rpt (synthesized)",
                                        "estimate"};
    static const char *const json[] = {"\"latency_cycles\":\t9", "\"bram18\":\t3", "\"dsp\":\t7",
                                       "\"part\":\t\"xcvu13p-flga2577-2-e\"", "\"clock_ns\":\t3.641"};
    static const char *const oneapi[] = {"5120",
                                         "\"mlab\":\t60",
                                         "\"dsp\":\t33",
                                         "\"latency_cycles\":\t21",
                                         "\"ii_cycles\":\t2",
                                         "\"clock_ns\":\t2.083"};
    enter_scratch();
    make_run();
    expect("synth import " NIB_TEST_FOLDER "/tools/golden/synth/vitis run", 0, vitis, 5);
    expect("synth show run --json", 0, json, 5);
    expect("synth import " NIB_TEST_FOLDER "/tools/golden/synth/oneapi run --json", 0, oneapi, 6);
    leave_scratch();
}

Test(synth, what_is_wrong_is_said)
{
    static const char *const none[] = {"no csynth.xml"}, *const word[] = {"neither import nor show"},
                             *const folder[] = {"no folder"},
                             *const json[] = {"not what nibble synth import writes"};
    enter_scratch();
    make_run();
    expect("synth import run run", 2, none, 1);
    expect("synth export run run", 2, word, 1);
    expect("synth import nowhere run", 2, folder, 1);
    FILE *out = fopen("run/synthesis.json", "w");
    cr_assert(out && fputs("[1]", out) >= 0 && fclose(out) == 0, "synthesis.json cannot be written");
    expect("synth show run", 2, json, 1);
    leave_scratch();
}
