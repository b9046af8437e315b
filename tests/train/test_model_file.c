/* train/model_file and train/keras_layout: what is written, what comes back, what is refused. */
#include <criterion/criterion.h>
#include <hdf5.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/file.h"
#include "small_model.h"
#include "train/keras_layout.h"
#include "train/model_file.h"

static char folder[64];
static const char train[] = "{loss: {y: categorical_crossentropy}}";
static const char graph_train[] = "{loss: {y: categorical_crossentropy, r: mse}}";

static void enter(void)
{
    strcpy(folder, "/tmp/nibble-model-XXXXXX");
    cr_assert(mkdtemp(folder) != NULL && chdir(folder) == 0, "temporary folder");
}

static void leave(void)
{
    char command[128];
    (void)snprintf(command, sizeof command, "rm -rf '%s'", folder);
    cr_assert(chdir("/") == 0 && system(command) == 0, "clean up");
}

static void write_model(const small_model *s, const char *path)
{
    nib_error err = {0};
    nib_status status =
        nib_model_file_write(path, s->model, s->config, &s->data, s->model->params->value, &err);
    cr_assert(status == NIB_OK, "%s", err.message);
}

static nib_model_file *open_model(const char *path)
{
    nib_error err = {0};
    nib_model_file *file = NULL;
    cr_assert(nib_model_file_open(path, &file, &err) == NIB_OK, "%s", err.message);
    return file;
}

/* Rebuild from the file alone and compare every weight. */
static void check_rebuilt(const small_model *s, const char *path)
{
    nib_error err = {0};
    nib_model *model = NULL;
    nib_model_file *file = open_model(path);
    cr_assert_str_eq(file->kind, "model", "kind");
    cr_assert(strncmp(file->digest, "crc32:", 6) == 0 && strlen(file->digest) == 14, "%s", file->digest);
    cr_assert(file->n_inputs == s->data.n_inputs, "%d inputs", file->n_inputs);
    for (int i = 0; i < file->n_inputs; i++) {
        const nib_preprocess_state *a = &file->preprocess[i], *b = &s->data.preprocess[i];
        cr_assert(a->width == b->width && !strcmp(a->input, b->input) && !strcmp(a->kind, b->kind),
                  "input %d", i);
        cr_assert_arr_eq(a->shift, b->shift, (size_t)a->width * 8, "shift");
        cr_assert_arr_eq(a->divisor, b->divisor, (size_t)a->width * 8, "divisor");
        cr_assert(!a->features == !b->features && (!a->features || !strcmp(a->features[2], "phi")),
                  "features");
    }
    cr_assert(file->shapes.target[0].kind == NIB_TARGET_CLASS && file->shapes.target[0].width == 3,
              "classes");
    cr_assert_str_eq(file->shapes.target[0].classes[1], "quark", "class name");
    cr_assert(nib_model_create(&model, file->config, &file->shapes, &err) == NIB_OK, "%s", err.message);
    cr_assert(model->params->size == s->model->params->size, "sizes");
    cr_assert(nib_model_file_load(path, model->params, &err) == NIB_OK, "%s", err.message);
    cr_assert_arr_eq(model->params->value, s->model->params->value, (size_t)model->params->size * 4,
                     "weights");
    nib_model_destroy(model);
    nib_model_file_close(file);
}

Test(model_file, a_chain_is_rebuilt_from_the_file_alone, .init = enter, .fini = leave)
{
    small_model s;
    small_model_create(&s, small_chain_data, small_chain_model, train);
    write_model(&s, "best.h5");
    check_rebuilt(&s, "best.h5");
    check_rebuilt(&s, folder); /* a run folder means its best.h5 */
    nib_model_file *file = open_model("best.h5");
    cr_assert(strstr(file->config_text, "toy.h5") && !strstr(file->config_text, "somewhere"),
              "the config names base names only:\n%s", file->config_text);
    nib_model_file_close(file);
    small_model_destroy(&s);
}

Test(model_file, a_graph_is_rebuilt_from_the_file_alone, .init = enter, .fini = leave)
{
    small_model s;
    small_model_create(&s, small_graph_data, small_graph_model, graph_train);
    write_model(&s, "m.h5");
    check_rebuilt(&s, "m.h5");
    nib_model_file *file = open_model("m.h5");
    cr_assert(file->shapes.n_targets == 2 && file->shapes.target[1].kind == NIB_TARGET_REAL &&
                  file->shapes.target[1].width == 2,
              "second target");
    nib_model_file_close(file);
    small_model_destroy(&s);
}

Test(model_file, equal_runs_give_equal_bytes, .init = enter, .fini = leave)
{
    nib_error err = {0};
    uint32_t crc[2];
    int64_t bytes[2];
    for (int i = 0; i < 2; i++) {
        small_model s;
        char path[] = "0.h5";
        path[0] = (char)('0' + i);
        small_model_create(&s, small_graph_data, small_graph_model, graph_train);
        write_model(&s, path);
        cr_assert(nib_file_digest(path, &crc[i], &bytes[i], &err) == NIB_OK, "%s", err.message);
        small_model_destroy(&s);
        usleep(1100000);
    }
    cr_assert(crc[0] == crc[1] && bytes[0] == bytes[1], "the files differ");
}

Test(model_file, keras_layout_of_a_chain, .init = enter, .fini = leave)
{
    static const char *const layers[] = {"fc1", "bn1", "relu1", "drop1", "logits", "y_prob"};
    static const char *const weights[] = {"bn1/gamma:0", "bn1/moving_mean:0", "bn1/moving_variance:0"};
    nib_error err = {0};
    small_model s;
    nib_h5 *h5 = NULL;
    nib_h5_info info;
    int count = 0;
    const char *const *names = NULL;
    const char *text = NULL;
    nib_arena *arena = nib_arena_create();
    small_model_create(&s, small_chain_data, small_chain_model, train);
    write_model(&s, "m.h5");
    cr_assert(nib_h5_open(&h5, "m.h5", &err) == NIB_OK, "%s", err.message);
    for (int i = 0; i < 2; i++) {
        const char *place = i ? "/model_weights" : "/";
        cr_assert(nib_h5_attribute_text(h5, place, "backend", arena, &text, &err) == NIB_OK, "%s",
                  err.message);
        cr_assert_str_eq(text, "tensorflow", "backend of %s", place);
        cr_assert(nib_h5_attribute_text(h5, place, "keras_version", arena, &text, &err) == NIB_OK, "%s",
                  err.message);
    }
    cr_assert(nib_h5_attribute_strings(h5, "/model_weights", "layer_names", arena, &count, &names, &err) ==
                  NIB_OK,
              "%s", err.message);
    cr_assert(count == 6, "%d layers: a Sequential file does not name its input", count);
    for (int i = 0; i < count; i++)
        cr_assert_str_eq(names[i], layers[i], "layer %d", i);
    cr_assert(nib_h5_attribute_strings(h5, "/model_weights/bn1", "weight_names", arena, &count, &names,
                                       &err) == NIB_OK,
              "%s", err.message);
    cr_assert(count == 3, "an untrained beta is left out: %d", count);
    for (int i = 0; i < count; i++)
        cr_assert_str_eq(names[i], weights[i], "weight %d", i);
    cr_assert(nib_h5_dataset_info(h5, "/model_weights/fc1/fc1/kernel:0", &info, &err) == NIB_OK, "%s",
              err.message);
    cr_assert(info.rank == 2 && info.dim[0] == 3 && info.dim[1] == 4 && info.element_bytes == 4, "kernel");
    cr_assert(nib_h5_attribute_text(h5, "/", "model_config", arena, &text, &err) == NIB_OK, "%s",
              err.message);
    cJSON *json = cJSON_Parse(text);
    cr_assert(json && !strcmp(cJSON_GetObjectItem(json, "class_name")->valuestring, "Sequential"), "%s",
              text);
    cJSON *list = cJSON_GetObjectItem(cJSON_GetObjectItem(json, "config"), "layers");
    cr_assert(cJSON_GetArraySize(list) == 7, "input, 5 layers, softmax");
    cJSON *dense = cJSON_GetObjectItem(cJSON_GetArrayItem(list, 1), "config");
    cr_assert(!cJSON_GetObjectItem(dense, "activation"), "hls4ml makes a second layer of an activation");
    cJSON *last = cJSON_GetObjectItem(cJSON_GetArrayItem(list, 6), "config");
    cr_assert_str_eq(cJSON_GetObjectItem(last, "activation")->valuestring, "softmax", "link");
    cJSON_Delete(json);
    nib_h5_close(h5);
    nib_arena_destroy(arena);
    small_model_destroy(&s);
}

Test(model_file, keras_order_of_a_graph)
{
    /* Falling longest way to an output, then the order in which a walk from the outputs meets the nodes. */
    static const char *const order[] = {"x",   "fc1",   "lr1",    "z",      "fc2",    "short", "t2",
                                        "sum", "extra", "joined", "logits", "y_prob", "values"};
    nib_error err = {0};
    small_model s;
    const char *text = NULL;
    nib_arena *arena = nib_arena_create();
    small_model_create(&s, small_graph_data, small_graph_model, graph_train);
    cr_assert(nib_keras_layout_config(s.model, arena, &text, &err) == NIB_OK, "%s", err.message);
    cJSON *json = cJSON_Parse(text);
    cr_assert(json && !strcmp(cJSON_GetObjectItem(json, "class_name")->valuestring, "Functional"), "%s",
              text);
    cJSON *list = cJSON_GetObjectItem(cJSON_GetObjectItem(json, "config"), "layers");
    cr_assert(cJSON_GetArraySize(list) == 13, "%s", text);
    for (int i = 0; i < 13; i++)
        cr_expect_str_eq(cJSON_GetObjectItem(cJSON_GetArrayItem(list, i), "name")->valuestring, order[i],
                         "place %d", i);
    cJSON_Delete(json);
    nib_arena_destroy(arena);
    small_model_destroy(&s);
}

Test(model_file, pruned_weights_are_zero_for_keras, .init = enter, .fini = leave)
{
    nib_error err = {0};
    small_model s;
    nib_h5 *h5 = NULL;
    float out[12];
    small_model_create(&s, small_chain_data, small_chain_model, train);
    nib_params *params = s.model->params;
    params->mask = NIB_NEW(s.model->arena, float, params->size);
    for (int64_t i = 0; i < params->size; i++)
        params->mask[i] = (float)(i % 2);
    write_model(&s, "m.h5");
    cr_assert(nib_h5_open(&h5, "m.h5", &err) == NIB_OK, "%s", err.message);
    cr_assert(nib_h5_read_f32(h5, "/model_weights/fc1/fc1/kernel:0", 0, 3, out, &err) == NIB_OK, "%s",
              err.message);
    cr_assert(out[0] == 0 && out[1] == params->value[1], "mask: %g %g", (double)out[0], (double)out[1]);
    cr_assert(nib_h5_read_f32(h5, "/nibble/param/fc1/kernel", 0, 3, out, &err) == NIB_OK, "%s", err.message);
    cr_assert(out[0] == params->value[0], "nibble keeps the weight beside its mask");
    nib_h5_close(h5);
    memset(params->mask, 0, (size_t)params->size * 4);
    cr_assert(nib_model_file_load("m.h5", params, &err) == NIB_OK, "%s", err.message);
    cr_assert(params->mask[0] == 0 && params->mask[1] == 1, "masks come back");
    small_model_destroy(&s);
}

/* A weights file as Keras' save_weights makes it. */
static void write_foreign(const char *path, float first, bool with_bias, const char *extra)
{
    nib_error err = {0};
    nib_h5 *h5 = NULL;
    float kernel[12] = {first, 1e-40f}, gamma[4] = {2, 2, 2, 2}, three[12] = {3};
    const char *layers[] = {"fc1", "bn1", "logits", extra};
    const char *fc1[] = {"fc1/kernel:0", "fc1/bias:0"}, *logits[] = {"logits/kernel:0", "logits/bias:0"};
    const char *bn[] = {"bn1/gamma:0", "bn1/moving_mean:0", "bn1/moving_variance:0"};
    nib_status bad = nib_h5_create(&h5, &err);
    bad |= nib_h5_write_f32(h5, "/fc1/fc1/kernel:0", 2, (int64_t[]){3, 4}, kernel, &err);
    if (with_bias)
        bad |= nib_h5_write_f32(h5, "/fc1/fc1/bias:0", 1, (int64_t[]){4}, gamma, &err);
    bad |= nib_h5_set_attribute_strings(h5, "/fc1", "weight_names", 1 + with_bias, fc1, &err);
    for (int i = 0; i < 3; i++) {
        char name[64];
        (void)snprintf(name, sizeof name, "/bn1/%s", bn[i]);
        bad |= nib_h5_write_f32(h5, name, 1, (int64_t[]){4}, gamma, &err);
    }
    bad |= nib_h5_set_attribute_strings(h5, "/bn1", "weight_names", 3, bn, &err);
    bad |= nib_h5_write_f32(h5, "/logits/logits/kernel:0", 2, (int64_t[]){4, 3}, three, &err);
    bad |= nib_h5_write_f32(h5, "/logits/logits/bias:0", 1, (int64_t[]){3}, three, &err);
    bad |= nib_h5_set_attribute_strings(h5, "/logits", "weight_names", 2, logits, &err);
    if (extra) {
        char name[64];
        const char *weight[] = {"w:0"};
        (void)snprintf(name, sizeof name, "/%s/w:0", extra);
        bad |= nib_h5_write_f32(h5, name, 1, (int64_t[]){3}, three, &err);
        (void)snprintf(name, sizeof name, "/%s", extra);
        bad |= nib_h5_set_attribute_strings(h5, name, "weight_names", 1, weight, &err);
    }
    bad |= nib_h5_set_attribute_strings(h5, "/", "layer_names", extra ? 4 : 3, layers, &err);
    cr_assert(bad == NIB_OK, "%s", err.message);
    cr_assert(nib_h5_commit(h5, path, &err) == NIB_OK, "%s", err.message);
}

Test(model_file, weights_of_keras_are_matched_by_name, .init = enter, .fini = leave)
{
    nib_error err = {0};
    small_model s;
    small_model_create(&s, small_chain_data, small_chain_model, train);
    nib_params *params = s.model->params;
    write_foreign("k.h5", 7, true, NULL);
    cr_assert(nib_model_file_load("k.h5", params, &err) == NIB_OK, "%s", err.message);
    cr_assert(params->value[0] == 7 && params->value[1] == 0, "kernel, and a denormal counts as zero");
    int beta = nib_params_find(params, "bn1/beta");
    cr_assert(beta >= 0 && params->value[params->row[beta].offset] != 0, "an untrained beta stays");
    write_foreign("k.h5", 9, false, NULL);
    cr_assert(nib_model_file_load("k.h5", params, &err) == NIB_ERR_INPUT, "missing");
    cr_assert(strstr(err.message, "there are no weights for fc1/bias"), "%s", err.message);
    write_foreign("k.h5", 9, true, "fc9");
    cr_assert(nib_model_file_load("k.h5", params, &err) == NIB_ERR_INPUT, "unused");
    cr_assert(strstr(err.message, "the model has no fc9/w, which the file has"), "%s", err.message);
    cr_assert(params->value[0] == 7, "a failed load changes nothing");
    small_model_destroy(&s);
}

/* Saved by Keras itself (tests/peers/keras_weights_golden.py): old-format HDF5, variable-length strings. */
Test(model_file, files_that_keras_saved_are_loaded)
{
    static const char *const files[] = {"/train/golden/keras2_weights.h5", "/train/golden/keras3_model.h5"};
    static const struct {
        const char *name;
        float first;
    } expected[] = {
        {"fc1/kernel", 1},          {"fc1/bias", 1},      {"bn1/gamma", 2},  {"bn1/moving_mean", 2},
        {"bn1/moving_variance", 2}, {"logits/kernel", 5}, {"logits/bias", 5}};
    for (int i = 0; i < 2; i++) {
        nib_error err = {0};
        small_model s;
        char path[4096];
        small_model_create(&s, small_chain_data, small_chain_model, train);
        (void)snprintf(path, sizeof path, "%s%s", NIB_TEST_FOLDER, files[i]);
        const nib_params *params = s.model->params;
        cr_assert(nib_model_file_load(path, s.model->params, &err) == NIB_OK, "%s", err.message);
        for (size_t k = 0; k < sizeof expected / sizeof expected[0]; k++) {
            int index = nib_params_find(params, expected[k].name);
            cr_assert(index >= 0, "%s", expected[k].name);
            const nib_param *row = &params->row[index];
            for (int64_t n = 0; n < row->rows * row->cols; n++) {
                float value = params->value[row->offset + n / row->cols * row->stride + n % row->cols];
                cr_assert(value == expected[k].first + (float)n / 64, "%s: %s[%d] = %g", path,
                          expected[k].name, (int)n, (double)value);
            }
        }
        small_model_destroy(&s);
    }
}

Test(model_file, another_model_is_refused, .init = enter, .fini = leave)
{
    nib_error err = {0};
    small_model s, other;
    nib_model_file *file = NULL;
    small_model_create(&s, small_chain_data, small_chain_model, train);
    small_model_create(
        &other, small_chain_data,
        "{layers: [dense: {name: fc1, units: 5}, batch_norm: {name: bn1, center: false}, dense: "
        "{name: logits, units: 3}], outputs: {y: logits}}",
        train);
    write_model(&s, "m.h5");
    float before = other.model->params->value[0];
    cr_assert(nib_model_file_load("m.h5", other.model->params, &err) == NIB_ERR_INPUT, "other shape");
    cr_assert(strstr(err.message,
                     "m.h5: /nibble/param/fc1/kernel: shape (3 x 4), but fc1/kernel of the model has "
                     "(3 x 5)"),
              "%s", err.message);
    cr_assert(other.model->params->value[0] == before, "a failed load changes nothing");
    write_foreign("k.h5", 1, true, NULL);
    cr_assert(nib_model_file_open("k.h5", &file, &err) == NIB_ERR_INPUT, "foreign");
    cr_assert(strstr(err.message, "k.h5: not written by nibble"), "%s", err.message);
    cr_assert(nib_model_file_open("none.h5", &file, &err) == NIB_ERR_INPUT, "missing");
    small_model_destroy(&s);
    small_model_destroy(&other);
}

Test(model_file, unknown_preprocessing_is_refused, .init = enter, .fini = leave)
{
    nib_error err = {0};
    small_model s;
    nib_model_file *file = NULL;
    small_model_create(&s, small_chain_data, small_chain_model, train);
    nib_preprocess_state state = s.data.preprocess[0];
    nib_data data = s.data;
    cr_assert(data.n_inputs == 1, "%d inputs", data.n_inputs);
    state.kind = "whiten";
    data.preprocess = &state;
    cr_assert(nib_model_file_write("m.h5", s.model, s.config, &data, s.model->params->value, &err) == NIB_OK,
              "%s", err.message);
    cr_assert(nib_model_file_open("m.h5", &file, &err) == NIB_ERR_INPUT, "unknown preprocessing is read");
    cr_assert_str_eq(err.message,
                     "m.h5: /nibble/data/x/preprocess/kind: unknown preprocessing 'whiten' (known: none, "
                     "standardize, minmax)",
                     "message");
    small_model_destroy(&s);
}

/* Flip a byte, open, load: the digest or the library must notice, or the byte does not matter. */
Test(model_file, damage_is_noticed, .init = enter, .fini = leave, .timeout = 240)
{
    nib_error err = {0};
    small_model s;
    char *data = NULL;
    size_t bytes = 0;
    nib_arena *arena = nib_arena_create();
    int noticed = 0, tried = 0;
    small_model_create(&s, small_chain_data, small_chain_model, train);
    write_model(&s, "m.h5");
    cr_assert(nib_file_read(arena, "m.h5", 1 << 20, &data, &bytes, &err) == NIB_OK, "%s", err.message);
    for (size_t at = 0; at < bytes; at += 101) {
        nib_h5 *h5 = NULL;
        data[at] ^= 0x20;
        nib_model_file *file = NULL;
        nib_status status = nib_h5_open_image(&h5, "m.h5", data, bytes, &err);
        if (status == NIB_OK)
            status = nib_model_file_from(h5, &file, &err);
        tried++;
        noticed += status != NIB_OK;
        nib_model_file_close(file);
        nib_h5_close(h5);
        data[at] ^= 0x20;
    }
    cr_assert(H5Fget_obj_count((hid_t)H5F_OBJ_ALL, H5F_OBJ_ALL) == 0, "HDF5 objects were left open");
    /* Bytes between objects are not covered; a share of the file all the same. */
    cr_assert(noticed > tried / 4, "%d of %d flips were noticed", noticed, tried);
    for (size_t n = 0; n < bytes; n += 499) {
        nib_h5 *h5 = NULL;
        cr_assert(nib_h5_open_image(&h5, "m.h5", data, n, &err) == NIB_ERR_INPUT, "%zu bytes", n);
    }
    float *weight = s.model->params->value;
    for (size_t at = 0; at + 16 < bytes; at++) /* every copy of the first kernel's first row */
        if (memcmp(data + at, weight, 16) == 0) {
            data[at] ^= 1;
            nib_h5 *h5 = NULL;
            nib_model_file *file = NULL;
            cr_assert(nib_h5_open_image(&h5, "m.h5", data, bytes, &err) == NIB_OK, "%s", err.message);
            cr_assert(nib_model_file_from(h5, &file, &err) == NIB_ERR_INPUT, "a changed weight at %zu", at);
            cr_assert(strstr(err.message, "m.h5: damaged: its contents have the digest crc32:"), "%s",
                      err.message);
            nib_h5_close(h5);
            data[at] ^= 1;
        }
    nib_arena_destroy(arena);
    small_model_destroy(&s);
}
