#include "train/manifest.h"

#include <cblas.h>
#include <dirent.h>
#include <hdf5.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <yaml.h>
#include <zlib.h>

#include "core/cpu.h"
#include "core/file.h"
#include "core/gemm.h"

static void add_text(cJSON *object, const char *name, const char *text)
{
    (void)cJSON_AddStringToObject(object, name, text);
}

static void add_format(cJSON *object, const char *name, const char *format, ...) NIB_PRINTF(3, 4);

static void add_format(cJSON *object, const char *name, const char *format, ...)
{
    char text[4096];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(text, sizeof text, format, args);
    va_end(args);
    add_text(object, name, text);
}

/* ISO 8601 in UTC. */
static void add_time(cJSON *object, const char *name)
{
    char text[32] = "unknown";
    time_t now = time(NULL);
    struct tm utc;
    if (gmtime_r(&now, &utc))
        (void)strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &utc);
    cJSON_DeleteItemFromObject(object, name);
    add_text(object, name, text);
}

static void add_versions(cJSON *manifest, const char *version)
{
    cJSON *v = cJSON_AddObjectToObject(manifest, "versions");
    unsigned major = 0, minor = 0, release = 0;
    (void)H5get_libversion(&major, &minor, &release);
    add_text(v, "nibble", version);
    add_format(v, "hdf5", "%u.%u.%u", major, minor, release);
    add_text(v, "openblas", openblas_get_config());
    add_text(v, "libyaml", yaml_get_version_string());
    add_text(v, "cjson", cJSON_Version());
    add_text(v, "zlib", zlibVersion());
#if defined(__clang__)
    add_text(v, "compiler", __VERSION__); /* names itself */
#else
    add_text(v, "compiler", "gcc " __VERSION__);
#endif
}

static void add_machine(cJSON *manifest, int threads)
{
    cJSON *m = cJSON_AddObjectToObject(manifest, "machine");
    char model[128] = "";
    char host[256] = "unknown";
    nib_cpu_model(model, (int)sizeof model);
    if (gethostname(host, sizeof host - 1) == 0)
        add_text(m, "host", host);
    add_text(m, "cpu", model);
    add_text(m, "isa", nib_cpu_isa());
    char engine[128];
    nib_gemm_engine(engine, sizeof engine);
    add_text(m, "products", engine);
    add_text(m, "blas_core", openblas_get_corename());
    (void)cJSON_AddNumberToObject(m, "processors", nib_cpu_count());
    (void)cJSON_AddNumberToObject(m, "threads", threads);
}

static void add_data(cJSON *manifest, const nib_data *data)
{
    cJSON *d = cJSON_AddObjectToObject(manifest, "data");
    add_format(d, "fingerprint", "%016llx", (unsigned long long)data->fingerprint);
    (void)cJSON_AddNumberToObject(d, "train_rows", (double)data->train.rows);
    (void)cJSON_AddNumberToObject(d, "validation_rows", (double)data->validation.rows);
    (void)cJSON_AddNumberToObject(d, "test_rows", (double)data->test.rows);
    cJSON *files = cJSON_AddArrayToObject(d, "files");
    for (int i = 0; i < data->n_files; i++) {
        cJSON *file = cJSON_CreateObject();
        char full[4096];
        const char *path = data->files[i].path;
        add_text(file, "path", realpath(path, full) ? full : path);
        add_format(file, "digest", "crc32:%08x", (unsigned)data->files[i].crc);
        (void)cJSON_AddNumberToObject(file, "bytes", (double)data->files[i].bytes);
        (void)cJSON_AddItemToArray(files, file);
    }
}

static void add_command(cJSON *object, const nib_manifest_facts *facts)
{
    char folder[4096];
    cJSON *command = cJSON_AddArrayToObject(object, "command");
    for (int i = 0; i < facts->argc; i++)
        (void)cJSON_AddItemToArray(command, cJSON_CreateString(facts->argv[i]));
    add_text(object, "folder", getcwd(folder, sizeof folder) ? folder : "unknown");
}

cJSON *nib_manifest_create(const nib_manifest_facts *facts)
{
    cJSON *manifest = cJSON_CreateObject();
    if (!manifest)
        return NULL;
    add_text(manifest, "format", "nibble run");
    (void)cJSON_AddNumberToObject(manifest, "version", 1);
    add_text(manifest, "status", "running");
    add_time(manifest, "started");
    add_command(manifest, facts);
    add_versions(manifest, facts->version);
    add_machine(manifest, facts->threads);
    if (facts->config) {
        const char *text = nib_config_text(facts->config);
        (void)cJSON_AddNumberToObject(manifest, "seed", (double)facts->config->train.seed);
        add_format(manifest, "config_fingerprint", "crc32:%08x",
                   (unsigned)nib_crc32(0, text ? text : "", text ? strlen(text) : 0));
    }
    if (facts->data)
        add_data(manifest, facts->data);
    if (facts->parent)
        add_text(manifest, "parent", facts->parent);
    return manifest;
}

static void add_digest(cJSON *files, const char *folder, const char *name)
{
    char path[4096];
    uint32_t crc;
    int64_t bytes;
    nib_error ignored;
    int n = snprintf(path, sizeof path, "%s/%s", folder, name);
    if (n > 0 && (size_t)n < sizeof path && nib_file_digest(path, &crc, &bytes, &ignored) == NIB_OK)
        add_format(files, name, "crc32:%08x", (unsigned)crc);
}

nib_status nib_manifest_finish(cJSON *manifest, nib_run_folder *run, const char *status, nib_error *err)
{
    cJSON_DeleteItemFromObject(manifest, "status");
    cJSON_DeleteItemFromObject(manifest, "files");
    add_text(manifest, "status", status);
    add_time(manifest, "ended");
    cJSON *files = cJSON_AddObjectToObject(manifest, "files");
    struct dirent **entry = NULL;
    int n = scandir(nib_run_folder_path(run), &entry, NULL, alphasort);
    for (int i = 0; i < n; i++) {
        size_t length = strlen(entry[i]->d_name);
        if (length > 3 && strcmp(entry[i]->d_name + length - 3, ".h5") == 0)
            add_digest(files, nib_run_folder_path(run), entry[i]->d_name);
        free(entry[i]);
    }
    free(entry);
    return nib_run_folder_write_json(run, "manifest.json", manifest, err);
}

cJSON *nib_manifest_resume(nib_run_folder *run, const nib_manifest_facts *facts)
{
    const size_t limit = (size_t)16 << 20;
    nib_arena *arena = nib_arena_create();
    char *text = NULL;
    size_t bytes;
    nib_error ignored;
    const char *path = arena ? nib_path_join(arena, nib_run_folder_path(run), "manifest.json") : NULL;
    cJSON *manifest = NULL;
    if (path && nib_file_read(arena, path, limit, &text, &bytes, &ignored) == NIB_OK)
        manifest = cJSON_Parse(text);
    nib_arena_destroy(arena);
    if (!cJSON_IsObject(manifest)) {
        cJSON_Delete(manifest);
        return NULL;
    }
    cJSON *list = cJSON_GetObjectItem(manifest, "resumed");
    if (!cJSON_IsArray(list)) {
        cJSON_DeleteItemFromObject(manifest, "resumed");
        list = cJSON_AddArrayToObject(manifest, "resumed");
    }
    cJSON *entry = cJSON_CreateObject();
    add_time(entry, "started");
    add_command(entry, facts);
    add_versions(entry, facts->version);
    add_machine(entry, facts->threads);
    (void)cJSON_AddItemToArray(list, entry);
    cJSON_DeleteItemFromObject(manifest, "status");
    cJSON_DeleteItemFromObject(manifest, "ended");
    add_text(manifest, "status", "running");
    return manifest;
}
