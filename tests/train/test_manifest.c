/* train/manifest: what a run folder says about where it comes from. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/file.h"
#include "small_model.h"
#include "train/manifest.h"

static char folder[64];

static void enter(void)
{
    strcpy(folder, "/tmp/nibble-manifest-XXXXXX");
    cr_assert(mkdtemp(folder) != NULL && chdir(folder) == 0, "temporary folder");
}

static void leave(void)
{
    char command[128];
    (void)snprintf(command, sizeof command, "rm -rf '%s'", folder);
    cr_assert(chdir("/") == 0 && system(command) == 0, "clean up");
}

static const char *text_at(const cJSON *json, const char *a, const char *b)
{
    const cJSON *item = cJSON_GetObjectItem(json, a);
    if (b)
        item = cJSON_GetObjectItem(item, b);
    return cJSON_IsString(item) ? item->valuestring : "";
}

static cJSON *read_back(void)
{
    nib_error err = {0};
    char *text = NULL;
    size_t bytes;
    nib_arena *arena = nib_arena_create();
    cr_assert(nib_file_read(arena, "run/manifest.json", 1 << 20, &text, &bytes, &err) == NIB_OK, "%s",
              err.message);
    cJSON *json = cJSON_Parse(text);
    cr_assert(json != NULL, "not JSON: %s", text);
    nib_arena_destroy(arena);
    return json;
}

Test(manifest, names_versions_machine_data_and_files, .init = enter, .fini = leave)
{
    static const char *const argv[] = {"nibble", "train", "small.yaml"};
    nib_error err = {0};
    small_model s;
    nib_run_folder *run = NULL;
    small_model_create(&s, small_chain_data, small_chain_model,
                       "{loss: {y: categorical_crossentropy}, seed: 7}");
    nib_manifest_facts facts = {.version = "1.2.3",
                                .argc = 3,
                                .argv = argv,
                                .threads = 2,
                                .config = s.config,
                                .data = &s.data,
                                .parent = "runs/other-001"};
    cr_assert(nib_run_folder_create(".", "x", "run", &run, &err) == NIB_OK, "%s", err.message);
    cr_assert(nib_manifest_resume(run, &facts) == NULL, "there is none to go on with");
    cJSON *manifest = nib_manifest_create(&facts);
    cr_assert_str_eq(text_at(manifest, "status", NULL), "running", "status");
    cr_assert(nib_run_folder_write(run, "best.h5", "123456789", &err) == NIB_OK, "%s", err.message);
    cr_assert(nib_manifest_finish(manifest, run, "done", &err) == NIB_OK, "%s", err.message);
    cJSON_Delete(manifest);
    manifest = read_back();
    cr_assert_str_eq(text_at(manifest, "status", NULL), "done", "status");
    cr_assert_str_eq(text_at(manifest, "parent", NULL), "runs/other-001", "parent");
    cr_assert_str_eq(text_at(manifest, "versions", "nibble"), "1.2.3", "version");
    cr_assert_str_eq(text_at(manifest, "data", "fingerprint"), "fedcba9876543210", "fingerprint");
    cr_assert_str_eq(text_at(manifest, "files", "best.h5"), "crc32:cbf43926", "digest");
    cr_assert(cJSON_GetObjectItem(manifest, "seed")->valuedouble == 7, "seed");
    cr_assert(cJSON_GetArraySize(cJSON_GetObjectItem(manifest, "command")) == 3, "command line");
    static const char *const needed[][2] = {
        {"versions", "hdf5"}, {"versions", "openblas"},    {"versions", "libyaml"},  {"versions", "compiler"},
        {"machine", "cpu"},   {"machine", "isa"},          {"machine", "blas_core"}, {"started", NULL},
        {"ended", NULL},      {"config_fingerprint", NULL}};
    for (size_t i = 0; i < sizeof needed / sizeof needed[0]; i++)
        cr_assert(text_at(manifest, needed[i][0], needed[i][1])[0], "%s is missing", needed[i][0]);
    cJSON_Delete(manifest);
    manifest = nib_manifest_resume(run, &facts);
    cr_assert(manifest && cJSON_GetArraySize(cJSON_GetObjectItem(manifest, "resumed")) == 1, "one resume");
    cr_assert_str_eq(text_at(manifest, "status", NULL), "running", "status");
    cr_assert(!cJSON_GetObjectItem(manifest, "ended"), "not ended");
    cr_assert(nib_manifest_finish(manifest, run, "interrupted", &err) == NIB_OK, "%s", err.message);
    cJSON_Delete(manifest);
    manifest = nib_manifest_resume(run, &facts);
    cr_assert(cJSON_GetArraySize(cJSON_GetObjectItem(manifest, "resumed")) == 2, "two resumes");
    cJSON_Delete(manifest);
    cr_assert(nib_run_folder_write(run, "manifest.json", "{\"resumed\": 3", &err) == NIB_OK, "%s",
              err.message);
    cr_assert(nib_manifest_resume(run, &facts) == NULL, "damaged");
    nib_run_folder_close(run);
    small_model_destroy(&s);
}
