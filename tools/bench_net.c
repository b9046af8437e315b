#include "tools/bench_net.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/rng.h"

enum { MAX_WIDTH = 65536, RULE_FEATURES = 16 };

nib_status nib_bench_net_parse(const char *text, nib_bench_net *net, nib_error *err)
{
    static const char help[] = "write the widths as in 16-32-32-32-5: inputs, hidden layers, classes";
    const char *at = text;
    int n = 0;
    *net = (nib_bench_net){.n_layers = 0};
    for (;; ++at) {
        char *end;
        long width = *at >= '0' && *at <= '9' ? strtol(at, &end, 10) : 0;
        if (n > NIB_BENCH_LAYERS || width < 1 || width > MAX_WIDTH)
            return nib_fail(err, NIB_ERR_USAGE, "nibble bench: --net %s: %s (up to %d layers of 1 to %d)",
                            text, help, NIB_BENCH_LAYERS, MAX_WIDTH);
        net->width[n++] = width;
        at = end;
        if (*at != '-')
            break;
    }
    if (*at || n < 2 || net->width[n - 1] < 2)
        return nib_fail(err, NIB_ERR_USAGE, "nibble bench: --net %s: %s", text, help);
    net->n_layers = n - 1;
    (void)snprintf(net->name, sizeof net->name, "%s", text);
    return NIB_OK;
}

int64_t nib_bench_net_macs(const nib_bench_net *net)
{
    int64_t macs = 0;
    for (int i = 0; i < net->n_layers; ++i)
        macs += (i > 0 ? 3 : 2) * net->width[i] * net->width[i + 1];
    return macs;
}

int64_t nib_bench_net_rows(const nib_bench_net *net)
{
    return net->width[0] <= 64 ? 610000 : 60000;
}

static float number(uint32_t word)
{
    return (float)(word >> 8) * 0x1p-22f - 2.0f; /* uniform in [-2, 2) */
}

/* The class with the largest score, a quadratic form of the first features and noise. */
static int32_t classify(const float *x, int64_t features, int64_t classes, const float *rule, uint32_t noise)
{
    const int64_t n = features < RULE_FEATURES ? features : RULE_FEATURES;
    int32_t best = 0;
    float highest = 0;
    for (int64_t c = 0; c < classes; ++c) {
        const float *r = rule + c * 2 * RULE_FEATURES;
        float score = (float)((noise >> (uint32_t)(3 * (c % 10))) & 7u) * 0.4f;
        for (int64_t j = 0; j < n; ++j)
            score += x[j] * (r[j] + r[RULE_FEATURES + j] * x[(j + 1) % n]);
        if (c == 0 || score > highest) {
            highest = score;
            best = (int32_t)c;
        }
    }
    return best;
}

static void fill(const nib_bench_net *net, int64_t rows, float *x, int32_t *label, float *rule)
{
    const int64_t features = net->width[0], classes = net->width[net->n_layers];
    const nib_rng of_rule = {.seed = 1, .stream = nib_rng_stream("bench/rule")};
    const nib_rng of_x = {.seed = 1, .stream = nib_rng_stream("bench/x")};
    const nib_rng of_noise = {.seed = 1, .stream = nib_rng_stream("bench/noise")};
    uint32_t words[4];
    for (int64_t i = 0; i < classes * 2 * RULE_FEATURES; ++i) {
        nib_rng_words(&of_rule, (uint64_t)i, words);
        rule[i] = number(words[0]);
    }
    for (int64_t i = 0; i < rows * features; i += 4) {
        nib_rng_words(&of_x, (uint64_t)i / 4, words);
        for (int64_t j = 0; j < 4 && i + j < rows * features; ++j)
            x[i + j] = number(words[j]);
    }
    for (int64_t i = 0; i < rows; ++i) {
        nib_rng_words(&of_noise, (uint64_t)i, words);
        label[i] = classify(x + i * features, features, classes, rule, words[0]);
    }
}

nib_status nib_bench_net_data(nib_arena *arena, const nib_bench_net *net, int64_t rows, nib_dataset *data,
                              nib_error *err)
{
    const int64_t features = net->width[0], classes = net->width[net->n_layers];
    float *x = NIB_NEW(arena, float, rows *features);
    float *rule = NIB_NEW(arena, float, classes * 2 * RULE_FEATURES);
    int32_t *label = NIB_NEW(arena, int32_t, rows);
    const char **names = NIB_NEW(arena, const char *, classes);
    nib_data_input *input = NIB_NEW(arena, nib_data_input, 1);
    nib_data_target *target = NIB_NEW(arena, nib_data_target, 1);
    if (!x || !rule || !label || !names || !input || !target)
        return nib_fail_memory(err, "benchmark data");
    for (int64_t c = 0; c < classes; ++c)
        if (!(names[c] = nib_arena_printf(arena, "%lld", (long long)c)))
            return nib_fail_memory(err, "benchmark data");
    fill(net, rows, x, label, rule);
    *input = (nib_data_input){.name = "x", .width = features, .x = x};
    *target = (nib_data_target){
        .name = "y", .kind = NIB_TARGET_CLASS, .width = classes, .classes = names, .label = label};
    *data = (nib_dataset){.rows = rows, .n_inputs = 1, .input = input, .n_targets = 1, .target = target};
    return NIB_OK;
}
