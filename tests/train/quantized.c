#include "quantized.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/rng.h"

const char quantized_chain[] =
    "{layers: [dense: {name: fc1, units: 8}, relu: {name: relu1}, dense: {name: fc2, "
    "units: 7}, relu: {name: relu2}, dense: {name: logits, units: 3}], outputs: {y: "
    "logits}}";
const char quantized_norm[] = "{layers: [dense: {name: fc1, units: 8}, batch_norm: {name: bn1}, relu: {name: "
                              "relu1}, dense: {name: logits, units: 3}], outputs: {y: logits}}";
const char quantized_tables[] =
    "{layers: [dense: {name: fc1, units: 8}, tanh: {name: tanh1}, dense: {name: fc2, "
    "units: 7}, sigmoid: {name: sigmoid1}, dense: {name: logits, units: 3}], outputs: "
    "{y: logits}}";
const char quantized_graph[] =
    "{layers: [dense: {name: fc1, units: 5, from: x}, leaky_relu: {name: leaky1, negative_slope: 0.25}, "
    "dropout: {name: drop1, rate: 0.2}, dense: {name: fc2, units: 5, from: x}, add: {name: sum, from: "
    "[drop1, fc2]}, concat: {name: joined, from: [sum, leaky1]}, dense: {name: logits, units: 3}], outputs: "
    "{y: logits}}";

enum { WIDTH = 6, CLASSES = 3 };

static void must(nib_status status, const nib_error *err)
{
    if (status != NIB_OK) {
        fprintf(stderr, "quantized model: %s\n", err->message);
        abort();
    }
}

/* Two fifths normal, two fifths on half-steps of 2^-5, some far out. */
static float draw_input(uint64_t seed, int64_t element)
{
    const nib_rng kinds = {.seed = seed, .stream = 1}, values = {.seed = seed, .stream = 2};
    const double kind = nib_rng_uniform(&kinds, (uint64_t)element);
    const double x = nib_rng_normal(&values, (uint64_t)element);
    if (kind < 0.4)
        return (float)(2 * x);
    if (kind < 0.8)
        return (float)(floor(64 * 2 * x) / 64);
    return (float)(kind < 0.9 ? 50 * x : 1e-3 * x);
}

void quantized_draw(quantized *q, uint64_t seed)
{
    nib_params *p = q->model->params;
    for (int i = 0; i < p->count; i++) {
        const nib_param *row = &p->row[i];
        const bool is_variance = strcmp(row->var, "moving_variance") == 0;
        for (int64_t k = 0; k < row->rows * row->cols; k++) {
            const nib_rng values = {.seed = seed, .stream = (uint32_t)(i + 10)};
            const double x = 0.5 * nib_rng_normal(&values, (uint64_t)k);
            p->value[row->offset + k / row->cols * row->stride + k % row->cols] =
                (float)(is_variance                   ? 0.5 + x * x
                        : row->role == NIB_ROLE_SCALE ? 0.05 + 0.5 * x * x
                                                      : x);
        }
    }
}

static void describe_data(quantized *q, int64_t rows, uint64_t seed)
{
    static const char *const classes[] = {"g", "q", "t"};
    nib_data_input *input = NIB_NEW(q->arena, nib_data_input, 1);
    nib_data_target *target = NIB_NEW(q->arena, nib_data_target, 1);
    float *x = NIB_NEW(q->arena, float, rows *WIDTH);
    int32_t *label = NIB_NEW(q->arena, int32_t, rows);
    for (int64_t i = 0; i < rows * WIDTH; i++)
        x[i] = draw_input(seed, i);
    for (int64_t i = 0; i < rows; i++)
        label[i] = (int32_t)(i % CLASSES);
    *input = (nib_data_input){.name = "x", .width = WIDTH, .x = x};
    *target = (nib_data_target){"y", NIB_TARGET_CLASS, CLASSES, .classes = classes, .label = label};
    q->data = (nib_dataset){.rows = rows, .n_inputs = 1, .input = input, .n_targets = 1, .target = target};
}

void quantized_create(quantized *q, const char *model, const char *quant, int64_t rows, uint64_t seed)
{
    char text[4096];
    nib_error err;
    memset(q, 0, sizeof *q);
    int n = snprintf(text, sizeof text,
                     "data: {source: {file: toy.h5}, inputs: {x: {path: x}}, targets: {y: {path: y}}}\n"
                     "model: %s\nquant: %s\ntrain: {loss: {y: categorical_crossentropy}}\n",
                     model, quant);
    must(nib_config_parse("quantized.yaml", ".", text, (size_t)n, NULL, 0, &q->config, &err), &err);
    q->arena = nib_arena_create();
    describe_data(q, rows, seed);
    must(nib_team_create(&q->team, 1, &err), &err);
    must(nib_model_create(&q->model, q->config, &q->data, &err), &err);
    quantized_draw(q, seed + 1);
}

void quantized_destroy(quantized *q)
{
    nib_model_destroy(q->model);
    nib_team_destroy(q->team);
    nib_arena_destroy(q->arena);
    nib_config_destroy(q->config);
}
