/* nibble inspect: what a model file or any HDF5 file holds. */
#include <inttypes.h>
#include <stdio.h>

#include "core/file.h"
#include "core/h5.h"
#include "tools/command.h"
#include "tools/probe.h"
#include "train/model.h"
#include "train/model_file.h"
#include "train/run_folder.h"
#include "train/units.h"

typedef struct options {
    bool config, preprocess;
} options;

static const nib_arg args[] = {
    {"config", 'c', NIB_ARG_FLAG, offsetof(options, config), 0, 0, NULL,
     "print the config that the model was made with"},
    {"preprocess", 'p', NIB_ARG_FLAG, offsetof(options, preprocess), 0, 0, NULL,
     "print shift and divisor of every input column"},
};

static const char *type_name(const nib_h5_info *info, char *text, size_t bytes)
{
    static const char *const names[] = {"int", "float", "string", "other"};
    (void)snprintf(text, bytes, "%s%zu", names[info->class_], 8 * info->element_bytes);
    return info->class_ == NIB_H5_INTEGER || info->class_ == NIB_H5_FLOAT ? text : names[info->class_];
}

static void print_dataset(nib_h5 *file, const char *path)
{
    nib_h5_info info;
    nib_error ignored;
    char type[32], shape[160] = "";
    size_t used = 0;
    if (nib_h5_dataset_info(file, path, &info, &ignored) != NIB_OK) {
        printf("  %-40s %s\n", path, ignored.message);
        return;
    }
    for (int i = 0; i < info.rank && used < sizeof shape; i++)
        used +=
            (size_t)snprintf(shape + used, sizeof shape - used, "%s%" PRId64, i ? " x " : "", info.dim[i]);
    printf("  %-40s %-22s %s\n", path, info.rank ? shape : "scalar", type_name(&info, type, sizeof type));
}

static nib_status print_datasets(nib_h5 *file, nib_error *err)
{
    int n;
    const char *const *paths;
    nib_arena *arena = nib_arena_create();
    if (!arena)
        return nib_fail_memory(err, "list of datasets");
    nib_status status = nib_h5_datasets(file, "/", arena, &n, &paths, err);
    for (int i = 0; status == NIB_OK && i < n; i++)
        print_dataset(file, paths[i]);
    nib_arena_destroy(arena);
    return status;
}

static void print_inputs(const nib_model_file *file, bool columns)
{
    for (int i = 0; i < file->n_inputs; i++) {
        const nib_preprocess_state *p = &file->preprocess[i];
        printf("input %s: %" PRId64 " features, %s\n", p->input, p->width, p->kind);
        for (int64_t k = 0; columns && k < p->width; k++)
            printf("  %3" PRId64 "  %-16s (x - %.9g) / %.9g\n", k, p->features ? p->features[k] : "",
                   p->shift[k], p->divisor[k]);
    }
    for (int i = 0; i < file->shapes.n_targets; i++) {
        const nib_data_target *t = &file->shapes.target[i];
        printf("target %s:", t->name);
        if (t->kind == NIB_TARGET_CLASS)
            for (int64_t k = 0; k < t->width; k++)
                printf(" %s", t->classes[k]);
        else
            printf(" %" PRId64 " numbers", t->width);
        printf("\n");
    }
}

/* Of pruned models, and of others that have dead neurons or zeros. */
static nib_status print_sparsity(const nib_model *model, nib_arena *arena, nib_error *err)
{
    nib_units units;
    NIB_TRY(nib_units_find(arena, model, NULL, &units, err));
    nib_layer_sparsity *list = NIB_NEW(arena, nib_layer_sparsity, model->n_layers);
    if (!list)
        return nib_fail_memory(err, "sparsity");
    const int n = nib_units_sparsity(&units, list);
    bool sparse = model->params->mask != NULL;
    for (int i = 0; i < n; i++)
        sparse = sparse || list[i].kept < list[i].weights || list[i].dead_neurons || list[i].dead_inputs;
    if (sparse)
        printf("%s", nib_units_table(&units, arena));
    return NIB_OK;
}

static nib_status print_model(const nib_model_file *file, const options *o, nib_error *err)
{
    nib_model *model;
    NIB_TRY(nib_model_create(&model, file->config, &file->shapes, err));
    nib_status status = nib_model_file_load(file->path, model->params, err);
    if (status == NIB_OK) {
        printf("%s: nibble %s, %s\n", file->path, file->kind, file->digest);
        print_inputs(file, o->preprocess);
        printf("%s", nib_model_summary(model, file->arena));
        status = print_sparsity(model, file->arena, err);
    }
    if (status == NIB_OK) {
        if (o->config)
            printf("\n%s", file->config_text);
    }
    nib_model_destroy(model);
    return status;
}

static nib_status inspect(const char *path, const options *o, nib_error *err)
{
    nib_h5 *h5;
    NIB_TRY(nib_probe_file(path, err));
    NIB_TRY(nib_h5_open(&h5, path, err));
    if (nib_h5_is_group(h5, "/nibble")) {
        nib_model_file *file;
        nib_h5_close(h5);
        NIB_TRY(nib_model_file_open(path, &file, err));
        nib_status status = print_model(file, o, err);
        nib_model_file_close(file);
        return status;
    }
    printf("%s: HDF5, no nibble model; datasets:\n", path);
    nib_status status = print_datasets(h5, err);
    nib_h5_close(h5);
    return status;
}

static nib_status run(const nib_invocation *call, nib_error *err)
{
    const char *path;
    nib_arena *arena = nib_arena_create();
    if (!arena)
        return nib_fail_memory(err, "inspect");
    nib_status status = nib_run_folder_resolve(arena, call->argument[0], &path, err);
    if (status == NIB_OK)
        status = inspect(path, call->options, err);
    nib_arena_destroy(arena);
    return status;
}

const nib_command nib_command_inspect = {
    .name = "inspect",
    .arguments = "RUN|MODEL|FILE",
    .help = "show what a model file, a run, or any HDF5 file holds",
    .text = "  nibble inspect runs/jets-001\n  nibble inspect jets.h5",
    .min_arguments = 1,
    .max_arguments = 1,
    NIB_ARG_TABLE(args),
    .option_bytes = sizeof(options),
    .run = run,
};
