/* Scales that quantizers learn: set from the float numbers, trained, kept in files, lowered. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/h5.h"
#include "tests/tools/call.h"

static void write_config(const char *name, const char *rate, const char *more)
{
    FILE *out = fopen(name, "w");
    cr_assert(out, "%s cannot be written", name);
    fprintf(out,
            "data: {source: {generator: jets, n: 3000}, inputs: {x: hlf16}, targets: {y: label}, "
            "validation: {fraction: 0.2}, test: {fraction: 0.2}}\n"
            "model: {mlp: {hidden: [12, 8]}%s}\ntrain: {seed: 2, epochs: 3, batch: 64, optimizer: {adam: "
            "{lr: %s}}}\n"
            "quant: {default: {input: 'learned_scale(8,True,False,snap=po2)', weight: "
            "'learned_scale(4,per=channel,snap=po2)', bias: 'learned_scale(8,snap=po2)', activation: "
            "'learned_scale(6,signed=0,narrow_range=0,snap=po2)'}}\n",
            more, rate);
    cr_assert(fclose(out) == 0, "%s cannot be written", name);
}

static void call_well(const char *words, outcome *o)
{
    call_nibble(words, o);
    cr_assert(o->status == 0, "nibble %s: exit status %d, %s", words, o->status, o->err);
}

static void read_row(const char *run, const char *row, int64_t n, float *values)
{
    nib_h5 *file;
    nib_error err = {NIB_OK, ""};
    char path[96];
    (void)snprintf(path, sizeof path, "%s/last.h5", run);
    cr_assert(nib_h5_open(&file, path, &err) == NIB_OK, "%s", err.message);
    (void)snprintf(path, sizeof path, "/nibble/param/%s", row);
    cr_assert(nib_h5_read_f32(file, path, 0, n, values, &err) == NIB_OK, "%s", err.message);
    nib_h5_close(file);
}

static double change(const char *row, int64_t n, const char *a, const char *b)
{
    float x[12], y[12];
    double largest = 0;
    read_row(a, row, n, x);
    read_row(b, row, n, y);
    for (int64_t i = 0; i < n; i++) {
        cr_assert(x[i] > 0 && y[i] > 0, "%s[%lld]: %g and %g", row, (long long)i, (double)x[i], (double)y[i]);
        largest = fmax(largest, fabs((double)y[i] / (double)x[i] - 1));
    }
    return largest;
}

Test(learned_scale, is_trained_and_kept)
{
    static outcome o;
    static const struct {
        const char *row;
        int64_t n;
    } scales[] = {{"x/scale", 1},
                  {"fc1/kernel_scale", 12},
                  {"fc2/kernel_scale", 8},
                  {"fc1/bias_scale", 1},
                  {"relu1/scale", 1}};
    float kernel[8 * 5], scale[5];
    enter_scratch();
    write_config("still.yaml", "1e-12", "");
    write_config("q.yaml", "1e-3", "");
    call_well("train still.yaml -o still --quiet", &o);
    call_well("train q.yaml -o run --quiet", &o);
    /* The first scale puts the largest weight of the channel on the last level. */
    read_row("still", "logits/kernel", 8, kernel);
    read_row("still", "logits/kernel_scale", 5, scale);
    for (int c = 0; c < 5; c++) {
        float largest = 0;
        for (int r = 0; r < 8; r++)
            largest = fmaxf(largest, fabsf(kernel[r * 5 + c]));
        cr_expect(fabsf(scale[c] / (largest / 7) - 1) < 1e-5f, "logit %d begins with %g, not %g", c,
                  (double)scale[c], (double)largest / 7);
    }
    for (size_t i = 0; i < sizeof scales / sizeof *scales; i++)
        cr_expect(change(scales[i].row, scales[i].n, "still", "run") > 1e-3, "%s is not trained: %g",
                  scales[i].row, change(scales[i].row, scales[i].n, "still", "run"));
    call_well("compare run -n 300", &o);
    cr_expect(strstr(o.out, "0 differing numbers"), "compare: %s", o.out);

    /* A run that begins with another keeps its scales; a float one has no use for them. */
    write_config("again.yaml", "1e-12", ", init_from: run/last.h5");
    call_well("train again.yaml -o again --quiet", &o);
    for (size_t i = 0; i < sizeof scales / sizeof *scales; i++)
        cr_expect(change(scales[i].row, scales[i].n, "run", "again") < 1e-6, "%s begins anew", scales[i].row);
    call_well("train again.yaml --set quant=null -o float --quiet", &o);
    leave_scratch();
}
