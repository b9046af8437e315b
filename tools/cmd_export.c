/* nibble export: files for other programs. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "core/file.h"
#include "core/names.h"
#include "core/yaml.h"
#include "tools/command.h"
#include "tools/export_record.h"
#include "tools/progress.h"

typedef struct options {
    const char *output, *format, *route, *name, *data;
    nib_arg_list set;
    int64_t rows, threads;
    bool synthetic, fold, softmax, show_config, force, quiet;
} options;

enum { DEFAULT_ROWS = 1000, MAX_NAMES = 64 };

static const nib_arg args[] = {
    {"output", 'o', NIB_ARG_TEXT, offsetof(options, output), 0, 0, "DIR",
     "folder to write; default: RUN/export"},
    {"format", 0, NIB_ARG_TEXT, offsetof(options, format), 0, 0, "FORMAT",
     "hls4ml (default), c, dais, qonnx (nibble list exporters)"},
    {"route", 0, NIB_ARG_TEXT, offsetof(options, route), 0, 0, "ROUTE",
     "how precisions reach hls4ml: auto (default), bitexact, fpq or explicit"},
    {"name", 0, NIB_ARG_TEXT, offsetof(options, name), 0, 0, "NAME", "of the project; default: the run's"},
    {"data", 'd', NIB_ARG_TEXT, offsetof(options, data), 0, 0, "FILE",
     "golden samples from a file laid out like the run's own"},
    {"synthetic", 0, NIB_ARG_FLAG, offsetof(options, synthetic), 0, 0, NULL,
     "golden samples without any data"},
    {"fold-preprocessing", 0, NIB_ARG_FLAG, offsetof(options, fold), 0, 0, NULL,
     "put it into the first layer: raw numbers in"},
    {"softmax", 0, NIB_ARG_FLAG, offsetof(options, softmax), 0, 0, NULL,
     "end at probabilities of classes, not at logits"},
    {"rows", 'n', NIB_ARG_INT, offsetof(options, rows), 1, 1e7, "N", "golden samples (default 1000)"},
    {"set", 's', NIB_ARG_LIST, offsetof(options, set), 0, 0, "KEY=VALUE",
     "change a key: hls... (may be repeated)"},
    {"show-config", 0, NIB_ARG_FLAG, offsetof(options, show_config), 0, 0, NULL,
     "print what differs from hls4ml's defaults"},
    {"threads", 't', NIB_ARG_INT, offsetof(options, threads), 1, 1024, "N", "threads"},
    {"force", 'f', NIB_ARG_FLAG, offsetof(options, force), 0, 0, NULL, "replace existing files"},
    {"quiet", 'q', NIB_ARG_FLAG, offsetof(options, quiet), 0, 0, NULL, "print nothing"},
};

/* ---- Words ---- */

static nib_status fail_word(const char *what, const char *word, const char *const *known, int n,
                            nib_error *err)
{
    const char *near = nib_names_nearest(word, known, (size_t)n);
    return near ? nib_fail(err, NIB_ERR_USAGE, "--%s: '%s' is unknown; did you mean '%s'?", what, word, near)
                : nib_fail(err, NIB_ERR_USAGE, "--%s: '%s' is unknown", what, word);
}

static nib_status find_exporter(const char *name, const nib_exporter **exporter, nib_error *err)
{
    const char *known[MAX_NAMES];
    *exporter = nib_exporter_find(name ? name : "hls4ml");
    if (*exporter)
        return NIB_OK;
    for (int i = 0; i < nib_exporters_count; i++)
        known[i] = nib_exporters[i]->name;
    return fail_word("format", name, known, nib_exporters_count, err);
}

static nib_status find_route(const char *name, nib_export_route *route, nib_error *err)
{
    *route = NIB_EXPORT_AUTO;
    for (int i = 0; name && i < NIB_EXPORT_ROUTES; i++)
        if (strcmp(nib_export_route_names[i], name) == 0) {
            *route = (nib_export_route)i;
            return NIB_OK;
        }
    return name ? fail_word("route", name, nib_export_route_names, NIB_EXPORT_ROUTES, err) : NIB_OK;
}

/* RUN/export; beside a model file: <its name without .h5>-export. */
static const char *default_folder(nib_arena *arena, const char *path)
{
    if (nib_file_is_folder(path))
        return nib_path_join(arena, path, "export");
    const size_t n = strlen(path), cut = n > 3 && strcmp(path + n - 3, ".h5") == 0 ? n - 3 : n;
    return nib_arena_printf(arena, "%.*s-export", (int)cut, path);
}

/* ---- Files ---- */

static nib_status write_files(const nib_export_files *files, const char *folder, bool force, nib_error *err)
{
    for (int i = 0; i < files->count; i++) {
        const char *path = nib_path_join(files->arena, folder, files->file[i].name);
        if (!path)
            return nib_fail_memory(err, "file name");
        if (nib_file_exists(path) && !force)
            return nib_fail(err, NIB_ERR_USAGE, "%s exists; choose another folder (-o) or give --force",
                            path);
    }
    NIB_TRY(nib_file_make_folders(folder, err));
    for (int i = 0; i < files->count; i++)
        NIB_TRY(nib_file_write(nib_path_join(files->arena, folder, files->file[i].name), files->file[i].data,
                               files->file[i].bytes, err));
    return NIB_OK;
}

/* ---- --show-config ---- */

/* What hls4ml takes where its config says nothing. */
static const char *hls4ml_default(const char *key)
{
    static const char *const rows[][2] = {{"Backend", "Vivado"},        {"ClockPeriod", "5"},
                                          {"IOType", "io_parallel"},    {"Part", "xcvu13p-flga2577-2-e"},
                                          {"Strategy", "Latency"},      {"ReuseFactor", "1"},
                                          {"Precision", "fixed<16,6>"}, {"BitExact", "false"}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (strcmp(rows[i][0], key) == 0)
            return rows[i][1];
    return NULL;
}

static void show(const nib_doc *doc, const char *prefix, nib_arena *arena)
{
    for (int i = 0; i < doc->count; i++) {
        const nib_doc_entry *e = &doc->entries[i];
        const char *path = nib_arena_printf(arena, "%s%s%s", prefix, *prefix ? "." : "", e->key);
        const char *usual = hls4ml_default(e->key);
        if (!path)
            return;
        if (e->value->kind == NIB_DOC_MAP)
            show(e->value, path, arena);
        else if (!usual || strcmp(usual, e->value->text) != 0)
            printf("  %-44s %s%s%s%s\n", path, e->value->text, usual ? "   (default: " : "",
                   usual ? usual : "", usual ? ")" : "");
    }
}

static nib_status show_config(const nib_export_files *files, nib_error *err)
{
    for (int i = 0; i < files->count; i++) {
        nib_doc *doc;
        if (strcmp(files->file[i].name, "hls4ml.yml") != 0)
            continue;
        NIB_TRY(
            nib_yaml_parse(files->arena, "hls4ml.yml", files->file[i].data, files->file[i].bytes, &doc, err));
        printf("hls4ml.yml beside hls4ml's defaults:\n");
        show(doc, "", files->arena);
    }
    return NIB_OK;
}

/* ---- The command ---- */

static nib_status export_to(const nib_export_record *r, const nib_exporter *exporter, const options *o,
                            const char *path, nib_error *err)
{
    nib_export_files files = {.arena = r->arena};
    const char *folder = o->output ? o->output : default_folder(r->arena, path);
    if (!folder)
        return nib_fail_memory(err, "folder");
    NIB_TRY(exporter->write(&r->export, &files, err));
    NIB_TRY(write_files(&files, folder, o->force, err));
    if (o->show_config)
        NIB_TRY(show_config(&files, err));
    if (o->quiet)
        return NIB_OK;
    fprintf(stderr, "%s:", folder);
    for (int i = 0; i < files.count; i++)
        fprintf(stderr, " %s", files.file[i].name);
    fprintf(stderr, " (%" PRId64 " golden samples)\n", r->export.golden.rows);
    return NIB_OK;
}

static nib_status run(const nib_invocation *call, nib_error *err)
{
    const options *o = call->options;
    const nib_exporter *exporter;
    nib_export_record record;
    nib_progress progress;
    nib_export_wanted wanted = {.name = o->name,
                                .data = o->data,
                                .synthetic = o->synthetic,
                                .fold = o->fold,
                                .softmax = o->softmax,
                                .rows = o->rows ? o->rows : DEFAULT_ROWS,
                                .threads = o->threads,
                                .n_sets = o->set.count,
                                .sets = o->set.text};
    NIB_TRY(find_exporter(o->format, &exporter, err));
    NIB_TRY(find_route(o->route, &wanted.route, err));
    if (o->name && !nib_names_is_identifier(o->name))
        return nib_fail(err, NIB_ERR_USAGE, "--name: '%s' is no C identifier", o->name);
    nib_progress_init(&progress, stderr, o->quiet);
    const nib_log log = nib_progress_log(&progress);
    nib_status status = nib_export_record_open(call->argument[0], &wanted, &log, &record, err);
    if (status == NIB_OK)
        status = export_to(&record, exporter, o, call->argument[0], err);
    nib_export_record_close(&record);
    return status;
}

const nib_command nib_command_export = {
    .name = "export",
    .arguments = "RUN|MODEL",
    .help = "write a quantized model for hls4ml and others, with golden samples",
    .text = "  nibble export runs/jets-001\n  cd runs/jets-001/export && python3 convert.py\n\n"
            "  nibble export runs/jets-001 -o firmware --set hls.default.strategy=Resource --set "
            "hls.default.reuse_factor=4 --show-config\n\n"
            "  nibble export runs/jets-001 --fold-preprocessing -o raw\n  nibble eval raw/model.h5     # "
            "beside nibble eval runs/jets-001: what folding costs\n\n"
            "  nibble export runs/jets-001 --format qonnx -o onnx\n  python3 onnx/check.py",
    .min_arguments = 1,
    .max_arguments = 1,
    NIB_ARG_TABLE(args),
    .option_bytes = sizeof(options),
    .run = run,
};
