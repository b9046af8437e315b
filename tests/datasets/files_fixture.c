#include "files_fixture.h"

#include <criterion/criterion.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/file.h"
#include "core/yaml.h"

files_fixture fx;

void files_setup(void)
{
    memset(&fx, 0, sizeof fx);
    (void)snprintf(fx.folder, sizeof fx.folder, "/tmp/nibble-data-XXXXXX");
    cr_assert_not_null(mkdtemp(fx.folder), "no temporary folder");
    fx.arena = nib_arena_create();
    cr_assert_not_null(fx.arena, "no memory");
}

static int remove_one(const char *path, const struct stat *stat, int kind, struct FTW *walk)
{
    (void)stat;
    (void)kind;
    (void)walk;
    return remove(path);
}

void files_teardown(void)
{
    nib_data_destroy(fx.data);
    nib_arena_destroy(fx.arena);
    (void)nftw(fx.folder, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

const char *fx_path(const char *name)
{
    return nib_path_join(fx.arena, fx.folder, name);
}

void fx_begin(void)
{
    cr_assert_eq(nib_h5_create(&fx.file, &fx.err), NIB_OK, "%s", fx.err.message);
}

void fx_f32(const char *path, int64_t rows, int64_t cols, const float *value)
{
    cr_assert_eq(nib_h5_write_f32(fx.file, path, cols ? 2 : 1, (const int64_t[]){rows, cols}, value, &fx.err),
                 NIB_OK, "%s", fx.err.message);
}

void fx_f64(const char *path, int64_t rows, int64_t cols, const double *value)
{
    cr_assert_eq(nib_h5_write_f64(fx.file, path, cols ? 2 : 1, (const int64_t[]){rows, cols}, value, &fx.err),
                 NIB_OK, "%s", fx.err.message);
}

void fx_i32(const char *path, int64_t rows, int64_t cols, const int32_t *value)
{
    cr_assert_eq(nib_h5_write_i32(fx.file, path, cols ? 2 : 1, (const int64_t[]){rows, cols}, value, &fx.err),
                 NIB_OK, "%s", fx.err.message);
}

void fx_end(const char *name)
{
    cr_assert_eq(nib_h5_commit(fx.file, fx_path(name), &fx.err), NIB_OK, "%s", fx.err.message);
    fx.file = NULL;
}

void fx_text(const char *name, const char *text)
{
    cr_assert_eq(nib_file_write(fx_path(name), text, strlen(text), &fx.err), NIB_OK, "%s", fx.err.message);
}

void fx_jets(int64_t n)
{
    static const char *const names[] = {"a", "b", "c"};
    float *x = NIB_NEW(fx.arena, float, 3 * n);
    int32_t *label = NIB_NEW(fx.arena, int32_t, n);
    for (int64_t i = 0; i < n; i++) {
        label[i] = (int32_t)(i % 3);
        for (int64_t j = 0; j < 3; j++)
            x[3 * i + j] = (float)(10 * i + j);
    }
    fx_begin();
    fx_f32("train/x", n, 3, x);
    fx_i32("train/label", n, 0, label);
    cr_assert_eq(nib_h5_write_strings(fx.file, "names", 3, names, &fx.err), NIB_OK, "%s", fx.err.message);
    fx_end("jets.h5");
}

static void note(void *context, nib_log_level level, const char *line)
{
    (void)context;
    if (level == NIB_LOG_WARNING) {
        fx.warnings++;
        (void)snprintf(fx.warning, sizeof fx.warning, "%s", line);
    }
}

nib_status fx_config(const char *yaml, nib_data_config **config, nib_doc **resolved)
{
    nib_doc *doc;
    cr_assert_eq(nib_yaml_parse(fx.arena, "c.yaml", yaml, strlen(yaml), &doc, &fx.err), NIB_OK, "%s",
                 fx.err.message);
    return nib_data_config_read(fx.arena, doc, fx.folder, config, resolved, &fx.err);
}

nib_status fx_load(const char *yaml, nib_target_kind kind)
{
    nib_data_config *config;
    nib_doc *resolved;
    const nib_log log = {note, NULL};
    nib_status status = fx_config(yaml, &config, &resolved);
    if (status != NIB_OK)
        return status;
    const char *const *names;
    for (int i = 0; i < nib_data_config_targets(config, &names); i++)
        nib_data_config_set_target_kind(config, i, kind);
    nib_data_destroy(fx.data);
    return nib_data_load(config, NULL, NIB_DATA_ALL, NULL, &log, &fx.data, &fx.err);
}

const nib_data *fx_loaded(const char *yaml, nib_target_kind kind)
{
    nib_status status = fx_load(yaml, kind);
    cr_assert_eq(status, NIB_OK, "%s\n%s", yaml, fx.err.message);
    return fx.data;
}

void fx_fails(const char *yaml, nib_target_kind kind, nib_status status, const char *message)
{
    nib_status got = fx_load(yaml, kind);
    cr_assert_neq(got, NIB_OK, "%s\nworks, but should say: %s", yaml, message);
    cr_expect_str_eq(fx.err.message, message, "%s\ngives : %s\nwanted: %s", yaml, fx.err.message, message);
    cr_expect_eq(got, status, "%s: status %d, wanted %d", yaml, (int)got, (int)status);
}
