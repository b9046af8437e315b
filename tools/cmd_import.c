/* nibble import: a model of Keras, TFMOT or QKeras becomes a run folder. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/file.h"
#include "core/yaml.h"
#include "tools/command.h"
#include "tools/probe.h"
#include "tools/progress.h"
#include "train/keras_import.h"
#include "train/keras_zip.h"
#include "train/manifest.h"
#include "train/model_file.h"
#include "train/run_folder.h"

typedef struct options {
    nib_arg_list set;
    const char *config, *runs, *output;
    bool quiet;
} options;

enum { MOST_BYTES = 1 << 30, MOST_JSON = 64 << 20 };

static const nib_arg args[] = {
    {"config", 'c', NIB_ARG_TEXT, offsetof(options, config), 0, 0, "CONFIG",
     "sections data, train, prune, hls, ... of the new run's config: a nibble config, whose model and quant "
     "are not read"},
    {"set", 's', NIB_ARG_LIST, offsetof(options, set), 0, 0, "KEY=VALUE",
     "change a key of the new run's config (may be repeated)"},
    {"runs", 0, NIB_ARG_TEXT, offsetof(options, runs), 0, 0, "DIR",
     "where numbered run folders are made (runs)"},
    {"output", 'o', NIB_ARG_TEXT, offsetof(options, output), 0, 0, "DIR",
     "this very run folder, new or empty"},
    {"quiet", 'q', NIB_ARG_FLAG, offsetof(options, quiet), 0, 0, NULL, "print warnings and errors only"},
};

/* All that is held while the command works. */
typedef struct work {
    const nib_invocation *call;
    const options *o;
    nib_arena *arena;
    nib_keras_source source;
    nib_keras_import import;
    nib_config *config;
    nib_model *model;
    nib_data data; /* names, widths and no rows */
} work;

/* ---- Files ---- */

static bool ends_in(const char *path, const char *suffix)
{
    const size_t n = strlen(path), m = strlen(suffix);
    return n > m && strcmp(path + n - m, suffix) == 0;
}

static nib_status open_h5(work *w, const char *path, nib_error *err)
{
    NIB_TRY(nib_probe_file(path, err));
    return nib_h5_open(&w->source.weights, path, err);
}

/* libhdf5 looks at the weights of a foreign file in a process of its own first, and that needs a file. */
static nib_status open_member(work *w, const char *path, const char *data, size_t bytes, nib_error *err)
{
    const char *folder = getenv("TMPDIR");
    char *name = nib_arena_printf(w->arena, "%s/nibble-XXXXXX", folder && *folder ? folder : "/tmp");
    const int file = name ? mkstemp(name) : -1;
    if (file < 0)
        return nib_fail(err, NIB_ERR_IO, "%s: no temporary file can be made for its weights", path);
    (void)close(file);
    nib_status status = nib_file_write(name, data, bytes, err);
    if (status == NIB_OK)
        status = nib_probe_file(name, err);
    if (status != NIB_OK)
        nib_error_prefix(err, "%s: model.weights.h5", path);
    (void)unlink(name);
    return status == NIB_OK ? nib_h5_open_image(&w->source.weights, path, data, bytes, err) : status;
}

static nib_status open_keras(work *w, const char *path, nib_error *err)
{
    char *archive, *json, *weights;
    size_t bytes, json_bytes, weight_bytes;
    NIB_TRY(nib_file_read(w->arena, path, MOST_BYTES, &archive, &bytes, err));
    NIB_TRY(nib_keras_zip_member(path, archive, bytes, "config.json", MOST_JSON, w->arena, &json, &json_bytes,
                                 err));
    NIB_TRY(nib_keras_zip_member(path, archive, bytes, "model.weights.h5", MOST_BYTES, w->arena, &weights,
                                 &weight_bytes, err));
    w->source.config = json;
    return open_member(w, path, weights, weight_bytes, err);
}

static nib_status open_json(work *w, const char *path, const char *weights, nib_error *err)
{
    char *json;
    size_t bytes;
    if (!weights)
        return nib_fail(err, NIB_ERR_USAGE, "nibble import: %s has no weights; name their file behind it",
                        path);
    NIB_TRY(nib_file_read(w->arena, path, MOST_JSON, &json, &bytes, err));
    w->source.config = json;
    return open_h5(w, weights, err);
}

static nib_status open_whole(work *w, const char *path, nib_error *err)
{
    NIB_TRY(open_h5(w, path, err));
    if (nib_h5_is_group(w->source.weights, "/nibble"))
        return nib_fail(err, NIB_ERR_INPUT, "%s is a model of nibble already", path);
    if (!nib_h5_has_attribute(w->source.weights, "/", "model_config"))
        return nib_fail(err, NIB_ERR_INPUT,
                        "%s: it holds weights, but no model (no attribute model_config); name the model's "
                        "JSON in front of it",
                        path);
    return nib_h5_attribute_text(w->source.weights, "/", "model_config", w->arena, &w->source.config, err);
}

static nib_status open_source(work *w, nib_error *err)
{
    const char *path = w->call->argument[0], *second = w->call->count > 1 ? w->call->argument[1] : NULL;
    w->source.name = path;
    if (ends_in(path, ".json"))
        return open_json(w, path, second, err);
    if (second)
        return nib_fail(err, NIB_ERR_USAGE, "nibble import: a second file goes with a .json");
    return ends_in(path, ".keras") ? open_keras(w, path, err) : open_whole(w, path, err);
}

/* ---- The config ---- */

/* Where rows would come from: nothing is opened until something is trained or evaluated. */
static nib_doc *default_data(const work *w)
{
    nib_arena *arena = w->arena;
    nib_doc *data = nib_doc_new_map(arena), *source = nib_doc_new_map(arena);
    nib_doc *inputs = nib_doc_new_map(arena), *targets = nib_doc_new_map(arena);
    if (!nib_doc_add_text(arena, source, "file", "data.h5") || !nib_doc_add(arena, data, "source", source))
        return NULL;
    for (int i = 0; i < w->import.n_inputs; i++)
        if (!nib_doc_add_text(arena, inputs, w->import.input[i], "%s", w->import.input[i]))
            return NULL;
    for (int i = 0; i < w->import.n_outputs; i++)
        if (!nib_doc_add_text(arena, targets, w->import.output[i].target, "%s", w->import.output[i].target))
            return NULL;
    return nib_doc_add(arena, data, "inputs", inputs) && nib_doc_add(arena, data, "targets", targets) ? data
                                                                                                      : NULL;
}

static nib_doc *default_train(const work *w)
{
    nib_doc *train = nib_doc_new_map(w->arena), *loss = nib_doc_new_map(w->arena);
    for (int i = 0; i < w->import.n_outputs; i++)
        if (!nib_doc_add_text(w->arena, loss, w->import.output[i].target, "%s", w->import.output[i].loss))
            return NULL;
    return nib_doc_add(w->arena, train, "loss", loss) ? train : NULL;
}

static nib_status read_config(work *w, nib_error *err)
{
    nib_doc *root = nib_doc_new_map(w->arena);
    char *text;
    const char *folder = ".";
    if (w->o->config) {
        NIB_TRY(nib_yaml_read(w->arena, w->o->config, &root, err));
        nib_doc_remove(root, "model");
        nib_doc_remove(root, "quant");
        folder = nib_path_folder(w->arena, w->o->config);
    }
    if ((!nib_doc_get(root, "data") && !nib_doc_add(w->arena, root, "data", default_data(w))) ||
        (!nib_doc_get(root, "train") && !nib_doc_add(w->arena, root, "train", default_train(w))) ||
        !nib_doc_add(w->arena, root, "model", w->import.model) ||
        (w->import.quant && !nib_doc_add(w->arena, root, "quant", w->import.quant)) || !folder)
        return nib_fail_memory(err, "config");
    NIB_TRY(nib_yaml_write(w->arena, root, &text, err));
    const char *name = nib_arena_printf(w->arena, "%s as a config", w->source.name);
    const char **sets = NIB_NEW(w->arena, const char *, w->import.n_inputs + w->o->set.count);
    if (!name || !sets)
        return nib_fail_memory(err, "config");
    int n = 0; /* the model takes its numbers as Keras did */
    for (int i = 0; i < w->import.n_inputs; i++) {
        sets[n] = nib_arena_printf(w->arena, "data.inputs.%s.preprocess=none", w->import.input[i]);
        if (!sets[n++])
            return nib_fail_memory(err, "config");
    }
    for (int i = 0; i < w->o->set.count; i++)
        sets[n++] = w->o->set.text[i];
    return nib_config_parse(name, folder, text, strlen(text), sets, n, &w->config, err);
}

/* ---- The model ---- */

static nib_status describe_inputs(work *w, nib_data_input *input, nib_preprocess_state *state, nib_error *err)
{
    for (int i = 0; i < w->import.n_inputs; i++) {
        const int64_t width = w->import.input_width[i];
        double *shift = NIB_NEW(w->arena, double, width), *divisor = NIB_NEW(w->arena, double, width);
        if (!shift || !divisor)
            return nib_fail_memory(err, "import");
        for (int64_t k = 0; k < width; k++)
            divisor[k] = 1;
        input[i] = (nib_data_input){.name = w->import.input[i], .width = width};
        state[i] = (nib_preprocess_state){
            .input = input[i].name, .kind = "none", .width = width, .shift = shift, .divisor = divisor};
    }
    return NIB_OK;
}

static nib_status describe_targets(work *w, nib_data_target *target, nib_error *err)
{
    for (int i = 0; i < w->import.n_outputs; i++) {
        const nib_keras_output *o = &w->import.output[i];
        const bool classes = strcmp(o->loss, "categorical_crossentropy") == 0;
        const char **names = NIB_NEW(w->arena, const char *, o->width);
        if (!names)
            return nib_fail_memory(err, "import");
        for (int64_t k = 0; k < o->width; k++)
            names[k] = nib_arena_printf(w->arena, "%" PRId64, k);
        target[i] = (nib_data_target){.name = o->target,
                                      .kind = classes ? NIB_TARGET_CLASS : NIB_TARGET_REAL,
                                      .width = o->width,
                                      .classes = classes ? names : NULL};
    }
    return NIB_OK;
}

static nib_status make_model(work *w, nib_error *err)
{
    nib_data_input *input = NIB_NEW(w->arena, nib_data_input, w->import.n_inputs);
    nib_data_target *target = NIB_NEW(w->arena, nib_data_target, w->import.n_outputs);
    nib_preprocess_state *state = NIB_NEW(w->arena, nib_preprocess_state, w->import.n_inputs);
    if (!input || !target || !state)
        return nib_fail_memory(err, "import");
    NIB_TRY(describe_inputs(w, input, state, err));
    NIB_TRY(describe_targets(w, target, err));
    w->data = (nib_data){.n_inputs = w->import.n_inputs, .preprocess = state};
    w->data.train = (nib_dataset){
        .n_inputs = w->import.n_inputs, .n_targets = w->import.n_outputs, .input = input, .target = target};
    NIB_TRY(nib_model_create(&w->model, w->config, &w->data.train, err));
    return nib_keras_import_weights(&w->import, &w->source, w->model->params, err);
}

/* ---- The run folder ---- */

static const char *run_name(nib_arena *arena, const char *path)
{
    const char *base = nib_path_base(path), *dot = strrchr(base, '.');
    return nib_arena_printf(arena, "%.*s", (int)(dot && dot > base ? dot - base : (long)strlen(base)), base);
}

static nib_status fill_run(work *w, nib_run_folder *run, nib_error *err)
{
    const nib_manifest_facts facts = {.version = NIBBLE_VERSION,
                                      .argc = w->call->argc,
                                      .argv = w->call->argv,
                                      .threads = 1,
                                      .config = w->config,
                                      .data = &w->data,
                                      .parent = w->call->argument[0]};
    const char *text = nib_config_text(w->config);
    cJSON *manifest = text ? nib_manifest_create(&facts) : NULL;
    if (!manifest)
        return nib_fail_memory(err, "manifest");
    nib_status status = nib_run_folder_write(run, "config.yaml", text, err);
    if (status == NIB_OK)
        status = nib_model_file_write(nib_run_folder_best(run), w->model, w->config, &w->data,
                                      w->model->params->value, err);
    if (status == NIB_OK)
        status = nib_manifest_finish(manifest, run, "done", err);
    cJSON_Delete(manifest);
    return status;
}

static nib_status import(work *w, nib_error *err)
{
    nib_run_folder *run = NULL;
    NIB_TRY(open_source(w, err));
    NIB_TRY(nib_keras_import_read(&w->source, w->arena, &w->import, err));
    NIB_TRY(read_config(w, err));
    NIB_TRY(make_model(w, err));
    const char *name = run_name(w->arena, w->source.name);
    if (!name)
        return nib_fail_memory(err, "run folder");
    NIB_TRY(nib_run_folder_create(w->o->runs ? w->o->runs : "runs", name, w->o->output, &run, err));
    const nib_status status = fill_run(w, run, err);
    if (status == NIB_OK && !w->o->quiet)
        fprintf(stderr, "%d layers, %d weights and biases%s; run folder: %s\n", w->config->model.n_layers,
                w->import.n_weights, w->import.quant ? ", with quantizers" : "", nib_run_folder_path(run));
    if (status == NIB_OK && !w->o->quiet && !w->o->config)
        fprintf(stderr, "its data section is a placeholder (data.h5): give --data FILE to predict and eval, "
                        "or import with --config\n");
    nib_run_folder_close(run);
    return status;
}

static nib_status run(const nib_invocation *call, nib_error *err)
{
    work w = {.call = call, .o = call->options, .arena = nib_arena_create()};
    nib_status status = w.arena ? import(&w, err) : nib_fail_memory(err, "import");
    nib_h5_close(w.source.weights);
    nib_model_destroy(w.model);
    nib_config_destroy(w.config);
    nib_arena_destroy(w.arena);
    return status;
}

const nib_command nib_command_import = {
    .name = "import",
    .arguments = "FILE [WEIGHTS]",
    .help = "a model of Keras, TFMOT or QKeras as a run folder",
    .text =
        "  nibble import model.h5 -o runs/imported        Keras 2, whole model\n"
        "  nibble import model.json weights.h5            Keras 2, in two files\n"
        "  nibble import model.keras --config jets.yaml   Keras 3, with the data of a config\n\n"
        "Dense, activation, batch-norm, dropout, add and concat layers are read, wrapped by TFMOT's pruning "
        "or not, and QKeras'\nQDense, QActivation and QBatchNormalization with their quantizers. The input "
        "is x and the target y where there is one of each.",
    .min_arguments = 1,
    .max_arguments = 2,
    NIB_ARG_TABLE(args),
    .option_bytes = sizeof(options),
    .run = run,
};
