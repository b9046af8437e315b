#include "tests/train/toy.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/cpu.h"
#include "core/rng.h"

static void must(nib_status status, const nib_error *err)
{
    if (status != NIB_OK) {
        fprintf(stderr, "toy: %s\n", err->message);
        abort();
    }
}

/* Points in a square; the class is the sign of the product of the coordinates (exclusive or). */
static void fill(nib_arena *arena, nib_dataset *set, int64_t rows, uint32_t stream)
{
    static const char *const classes[] = {"same", "opposite"};
    nib_rng rng = {.seed = 7, .stream = stream};
    float *x = NIB_NEW(arena, float, rows * 2);
    int32_t *label = NIB_NEW(arena, int32_t, rows);
    nib_data_input *input = NIB_NEW(arena, nib_data_input, 1);
    nib_data_target *target = NIB_NEW(arena, nib_data_target, 1);
    for (int64_t i = 0; i < rows; i++) {
        for (int64_t k = 0; k < 2; k++)
            x[2 * i + k] = (float)(2 * nib_rng_uniform(&rng, (uint64_t)(2 * i + k)) - 1);
        label[i] = x[2 * i] * x[2 * i + 1] < 0;
    }
    *input = (nib_data_input){.name = "x", .width = 2, .x = x};
    *target = (nib_data_target){
        .name = "y", .kind = NIB_TARGET_CLASS, .width = 2, .classes = classes, .label = label};
    *set = (nib_dataset){.rows = rows, .n_inputs = 1, .n_targets = 1, .input = input, .target = target};
}

void toy_create(toy *t, const char *model, const char *train, int64_t rows, int threads)
{
    char text[4096];
    nib_error err;
    memset(t, 0, sizeof *t);
    nib_cpu_flush_denormals();
    int n = snprintf(text, sizeof text, "data: {source: {file: toy.h5}, x: x, y: y}\nmodel: %s\ntrain: %s\n",
                     model, train);
    must(nib_config_parse("toy.yaml", ".", text, (size_t)n, NULL, 0, &t->config, &err), &err);
    t->data.arena = nib_arena_create();
    fill(t->data.arena, &t->data.train, rows, 1);
    fill(t->data.arena, &t->data.validation, rows / 4, 2);
    must(nib_team_create(&t->team, threads, &err), &err);
    must(nib_model_create(&t->model, t->config, &t->data.train, &err), &err);
}

void toy_destroy(toy *t)
{
    nib_model_destroy(t->model);
    nib_team_destroy(t->team);
    nib_arena_destroy(t->data.arena);
    nib_config_destroy(t->config);
}

nib_status toy_fit(toy *t, nib_fit_result *result, nib_error *err)
{
    nib_fit_job job = {.config = t->config, .model = t->model, .data = &t->data, .team = t->team};
    return nib_fit(&job, result, err);
}
