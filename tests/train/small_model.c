#include "small_model.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char small_chain_data[] = "{source: {file: /somewhere/deep/toy.h5}, inputs: {x: {path: x, preprocess: "
                                "standardize}}, targets: {y: {path: y}}}";
const char small_chain_model[] =
    "{layers: [dense: {name: fc1, units: 4}, batch_norm: {name: bn1, center: false}, relu: {name: relu1}, "
    "dropout: {name: drop1, rate: 0.1}, dense: {name: logits, units: 3}], outputs: {y: logits}}";
const char small_graph_data[] = "{source: {file: toy.h5}, inputs: {x: {path: x}, z: {path: z}}, targets: {y: "
                                "{path: y}, r: {path: r}}}";
/* Branches of unequal length, written so that Keras' order is not the order of the file. */
const char small_graph_model[] =
    "{layers: [dense: {name: short, units: 4, from: z}, dense: {name: fc1, units: 4, from: x}, leaky_relu: "
    "{name: lr1}, dense: {name: fc2, units: 4}, tanh: {name: t2}, add: {name: sum, from: [short, t2]}, "
    "dense: {name: extra, units: 5, from: fc1}, concat: {name: joined, from: [sum, extra]}, dense: {name: "
    "logits, units: 3, from: joined}, dense: {name: values, units: 2, from: sum}], outputs: {y: logits, r: "
    "values}}";

static void must(nib_status status, const nib_error *err)
{
    if (status != NIB_OK) {
        fprintf(stderr, "small model: %s\n", err->message);
        abort();
    }
}

/* What the loader would know of the inputs and targets that the config names. */
static void describe_data(small_model *s)
{
    static const char *const classes[] = {"gluon", "quark", "top"};
    static const char *const features[] = {"pT", "eta", "phi"};
    static const double shift[] = {0.1, -2.5, 1e-9}, divisor[] = {3, 0.7, 1};
    static const nib_data_file file = {"/somewhere/deep/toy.h5", "toy.h5", 0x1234abcd, 4242};
    const char *const *names;
    nib_arena *arena = nib_arena_create();
    int n_inputs = nib_data_config_inputs(s->config->data, &names);
    nib_preprocess_state *state = NIB_NEW(arena, nib_preprocess_state, n_inputs);
    nib_data_input *input = NIB_NEW(arena, nib_data_input, n_inputs);
    for (int i = 0; i < n_inputs; i++) {
        int64_t width = strcmp(names[i], "x") == 0 ? 3 : 2;
        const char *const *columns = width == 3 ? features : NULL;
        state[i] = (nib_preprocess_state){names[i], "standardize", width, shift, divisor, columns};
        input[i] = (nib_data_input){.name = names[i], .width = width, .features = columns};
    }
    int n_targets = nib_data_config_targets(s->config->data, &names);
    nib_data_target *target = NIB_NEW(arena, nib_data_target, n_targets);
    for (int i = 0; i < n_targets; i++)
        target[i] = strcmp(names[i], "y") == 0
                        ? (nib_data_target){.name = names[i], NIB_TARGET_CLASS, 3, .classes = classes}
                        : (nib_data_target){.name = names[i], NIB_TARGET_REAL, 2};
    s->data = (nib_data){.arena = arena, .n_inputs = n_inputs, .preprocess = state};
    s->data.train =
        (nib_dataset){.n_inputs = n_inputs, .input = input, .n_targets = n_targets, .target = target};
    s->data.n_files = 1;
    s->data.files = &file;
    s->data.fingerprint = 0xfedcba9876543210u;
}

void small_model_create(small_model *s, const char *data, const char *model, const char *train)
{
    char text[4096];
    nib_error err;
    memset(s, 0, sizeof *s);
    int n = snprintf(text, sizeof text, "data: %s\nmodel: %s\ntrain: %s\n", data, model, train);
    must(nib_config_parse("small.yaml", ".", text, (size_t)n, NULL, 0, &s->config, &err), &err);
    describe_data(s);
    must(nib_model_create(&s->model, s->config, &s->data.train, &err), &err);
    nib_params *params = s->model->params;
    for (int i = 0; i < params->count; i++) {
        const nib_param *row = &params->row[i];
        for (int64_t r = 0; r < row->rows; r++)
            for (int64_t c = 0; c < row->cols; c++)
                params->value[row->offset + r * row->stride + c] =
                    0.1f * (float)(i + 1) + 0.01f * (float)(r * row->cols + c);
    }
}

void small_model_destroy(small_model *s)
{
    nib_model_destroy(s->model);
    nib_arena_destroy(s->data.arena);
    nib_config_destroy(s->config);
}
