#include "tools/manifest.h"

#include <H5public.h>
#include <cblas.h>
#include <inttypes.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>
#include <yaml.h>
#include <zlib.h>

#include "core/cpu.h"
#include "core/gemm.h"

static void add_time(cJSON *json, const char *name)
{
    char text[64];
    time_t seconds = time(NULL);
    struct tm parts;
    if (gmtime_r(&seconds, &parts) && strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts)) {
        cJSON_DeleteItemFromObject(json, name);
        cJSON_AddStringToObject(json, name, text);
    }
}

static void add_versions(cJSON *manifest)
{
    unsigned major, minor, release;
    char hdf5[64];
    cJSON *versions = cJSON_AddObjectToObject(manifest, "versions");
    cJSON_AddStringToObject(versions, "nibble", NIBBLE_VERSION);
    cJSON_AddStringToObject(versions, "compiler", __VERSION__);
    if (H5get_libversion(&major, &minor, &release) >= 0) {
        (void)snprintf(hdf5, sizeof hdf5, "%u.%u.%u", major, minor, release);
        cJSON_AddStringToObject(versions, "hdf5", hdf5);
    }
    cJSON_AddStringToObject(versions, "openblas", openblas_get_config());
    cJSON_AddStringToObject(versions, "libyaml", yaml_get_version_string());
    cJSON_AddStringToObject(versions, "cjson", cJSON_Version());
    cJSON_AddStringToObject(versions, "zlib", zlibVersion());
}

static void add_machine(cJSON *manifest, int threads)
{
    char text[256];
    cJSON *machine = cJSON_AddObjectToObject(manifest, "machine");
    if (gethostname(text, sizeof text) == 0) {
        text[sizeof text - 1] = '\0';
        cJSON_AddStringToObject(machine, "host", text);
    }
    nib_cpu_model(text, sizeof text);
    cJSON_AddStringToObject(machine, "processor", text);
    cJSON_AddStringToObject(machine, "isa", nib_cpu_isa());
    nib_gemm_engine(text, sizeof text);
    cJSON_AddStringToObject(machine, "gemm", text);
    cJSON_AddNumberToObject(machine, "threads", threads);
}

static void add_data(cJSON *manifest, const nib_data *data)
{
    char text[32];
    cJSON *json = cJSON_AddObjectToObject(manifest, "data");
    (void)snprintf(text, sizeof text, "%016" PRIx64, data->fingerprint);
    cJSON_AddStringToObject(json, "fingerprint", text);
    cJSON_AddNumberToObject(json, "train_rows", (double)data->train.rows);
    cJSON_AddNumberToObject(json, "validation_rows", (double)data->validation.rows);
    cJSON_AddNumberToObject(json, "test_rows", (double)data->test.rows);
    cJSON *files = cJSON_AddArrayToObject(json, "files");
    for (int i = 0; i < data->n_files; i++) {
        cJSON *file = cJSON_CreateObject();
        (void)snprintf(text, sizeof text, "%08" PRIx32, data->files[i].crc);
        cJSON_AddStringToObject(file, "path", data->files[i].path);
        cJSON_AddStringToObject(file, "crc32", text);
        cJSON_AddNumberToObject(file, "bytes", (double)data->files[i].bytes);
        cJSON_AddItemToArray(files, file);
    }
}

cJSON *nib_manifest_create(int argc, const char *const *argv, const nib_config *config, const nib_data *data,
                           int threads)
{
    cJSON *manifest = cJSON_CreateObject();
    if (!manifest)
        return NULL;
    cJSON_AddStringToObject(manifest, "status", "running");
    cJSON_AddStringToObject(manifest, "config", config->path);
    if (config->model.init_from)
        cJSON_AddStringToObject(manifest, "parent", config->model.init_from);
    cJSON_AddNumberToObject(manifest, "seed", (double)config->train.seed);
    cJSON *command = cJSON_AddArrayToObject(manifest, "command");
    for (int i = 0; i < argc; i++)
        cJSON_AddItemToArray(command, cJSON_CreateString(argv[i]));
    add_time(manifest, "started");
    add_versions(manifest);
    add_machine(manifest, threads);
    add_data(manifest, data);
    return manifest;
}

void nib_manifest_finish(cJSON *manifest, nib_status status)
{
    const char *text = status == NIB_OK ? "done" : status == NIB_ERR_INTERRUPTED ? "interrupted" : "failed";
    cJSON_ReplaceItemInObject(manifest, "status", cJSON_CreateString(text));
    add_time(manifest, "ended");
}
