/* train/run_folder: numbering, never overwriting, metrics.csv across a resume. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/file.h"
#include "train/run_folder.h"

static char folder[64];

static void enter(void)
{
    strcpy(folder, "/tmp/nibble-run-XXXXXX");
    cr_assert(mkdtemp(folder) != NULL && chdir(folder) == 0, "temporary folder");
}

static void leave(void)
{
    char command[128];
    (void)snprintf(command, sizeof command, "rm -rf '%s'", folder);
    cr_assert(chdir("/") == 0 && system(command) == 0, "clean up");
}

static nib_run_folder *create(const char *runs, const char *name, const char *exact)
{
    nib_error err = {0};
    nib_run_folder *run = NULL;
    cr_assert(nib_run_folder_create(runs, name, exact, &run, &err) == NIB_OK, "%s", err.message);
    return run;
}

static void check_text(const char *path, const char *expected)
{
    nib_error err = {0};
    nib_arena *arena = nib_arena_create();
    char *text = NULL;
    size_t bytes;
    cr_assert(nib_file_read(arena, path, 4096, &text, &bytes, &err) == NIB_OK, "%s", err.message);
    cr_assert_str_eq(text, expected, "%s holds: %s", path, text);
    nib_arena_destroy(arena);
}

Test(run_folder, numbers_and_names, .init = enter, .fini = leave)
{
    nib_arena *arena = nib_arena_create();
    nib_run_folder *run[2] = {create("a/runs", "jets", NULL), create("a/runs", "jets", NULL)};
    cr_assert_str_eq(nib_run_folder_path(run[0]), "a/runs/jets-001", "first");
    cr_assert_str_eq(nib_run_folder_path(run[1]), "a/runs/jets-002", "second");
    cr_assert_str_eq(nib_run_folder_best(run[1]), "a/runs/jets-002/best.h5", "best");
    cr_assert_str_eq(nib_run_folder_last(run[1]), "a/runs/jets-002/last.h5", "last");
    cr_assert_str_eq(nib_run_folder_config(run[1]), "a/runs/jets-002/config.yaml", "config");
    cr_assert_str_eq(nib_run_folder_epoch(run[1], arena, 7), "a/runs/jets-002/epoch-007.h5", "epoch");
    nib_run_folder_close(run[0]);
    nib_run_folder_close(run[1]);
    nib_run_folder_close(NULL);
    nib_arena_destroy(arena);
}

Test(run_folder, an_exact_name_is_never_overwritten, .init = enter, .fini = leave)
{
    nib_error err = {0};
    nib_run_folder *run = create("runs", "x", "out/here");
    nib_run_folder_close(run);
    run = create("runs", "x", "out/here"); /* still empty */
    cr_assert(nib_run_folder_write(run, "config.yaml", "a: 1\n", &err) == NIB_OK, "%s", err.message);
    nib_run_folder_close(run);
    cr_assert(nib_run_folder_create("runs", "x", "out/here", &run, &err) == NIB_ERR_USAGE, "overwritten");
    cr_assert(strstr(err.message, "out/here: exists already"), "%s", err.message);
    cr_assert(nib_run_folder_create("runs", "x", "out/here/config.yaml", &run, &err) == NIB_ERR_USAGE,
              "a file is no folder");
    check_text("out/here/config.yaml", "a: 1\n");
}

Test(run_folder, two_programs_never_share_a_folder, .init = enter, .fini = leave)
{
    enum { CHILDREN = 8, EACH = 10 };
    for (int i = 0; i < CHILDREN; i++)
        if (fork() == 0) {
            int failed = 0;
            for (int k = 0; k < EACH; k++) {
                nib_run_folder *run = NULL;
                char name[32];
                nib_error err;
                (void)snprintf(name, sizeof name, "%d-%d", i, k);
                failed |= nib_run_folder_create("runs", "x", NULL, &run, &err) != NIB_OK ||
                          nib_file_exists(nib_run_folder_config(run)) ||
                          nib_run_folder_write(run, "config.yaml", name, &err) != NIB_OK;
                nib_run_folder_close(run);
            }
            _exit(failed);
        }
    for (int i = 0, status; i < CHILDREN; i++)
        cr_assert(wait(&status) > 0 && status == 0, "a child failed: %d", status);
    cr_assert(nib_file_exists("runs/x-080/config.yaml") && !nib_file_exists("runs/x-081"), "80 folders");
}

Test(run_folder, metrics_survive_a_resume, .init = enter, .fini = leave)
{
    nib_error err = {0};
    nib_run_folder *run = create("runs", "x", NULL);
    cr_assert(nib_run_folder_truncate_metrics(run, 3, &err) == NIB_OK, "no file yet: %s", err.message);
    for (int i = 1; i <= 3; i++) {
        char line[32];
        (void)snprintf(line, sizeof line, "%d,0.%d", i, i);
        cr_assert(nib_run_folder_append_metrics(run, "epoch,loss", line, &err) == NIB_OK, "%s", err.message);
        cr_assert(nib_run_folder_sync(run, &err) == NIB_OK, "%s", err.message);
    }
    check_text("runs/x-001/metrics.csv", "epoch,loss\n1,0.1\n2,0.2\n3,0.3\n");
    cr_assert(nib_run_folder_truncate_metrics(run, 1, &err) == NIB_OK, "%s", err.message);
    check_text("runs/x-001/metrics.csv", "epoch,loss\n1,0.1\n");
    cr_assert(nib_run_folder_append_metrics(run, "epoch,loss", "2,0.9", &err) == NIB_OK, "%s", err.message);
    check_text("runs/x-001/metrics.csv", "epoch,loss\n1,0.1\n2,0.9\n");
    nib_run_folder_close(run);
    FILE *cut = fopen("runs/x-001/metrics.csv", "a"); /* the half line of a full disk */
    cr_assert(cut && fputs("3,0.", cut) >= 0 && fclose(cut) == 0, "append");
    cr_assert(nib_file_write("runs/x-001/last.h5", "", 0, &err) == NIB_OK, "%s", err.message);
    cr_assert(nib_file_write("runs/x-001/config.yaml", "", 0, &err) == NIB_OK, "%s", err.message);
    cr_assert(nib_run_folder_open("runs/x-001", &run, &err) == NIB_OK, "%s", err.message);
    cr_assert(nib_run_folder_truncate_metrics(run, 2, &err) == NIB_OK, "%s", err.message);
    check_text("runs/x-001/metrics.csv", "epoch,loss\n1,0.1\n2,0.9\n");
    nib_run_folder_close(run);
}

Test(run_folder, what_cannot_be_resumed_or_resolved_is_named, .init = enter, .fini = leave)
{
    nib_error err = {0};
    nib_arena *arena = nib_arena_create();
    const char *file = NULL;
    nib_run_folder *run = create("runs", "x", NULL), *other = NULL;
    cr_assert(nib_run_folder_open("runs/none", &other, &err) == NIB_ERR_INPUT, "none");
    cr_assert(strstr(err.message, "runs/none: there is no such run folder"), "%s", err.message);
    cr_assert(nib_run_folder_open("runs/x-001", &other, &err) == NIB_ERR_INPUT, "empty");
    cr_assert(strstr(err.message, "there is no config.yaml in it"), "%s", err.message);
    cr_assert(nib_run_folder_write(run, "config.yaml", "", &err) == NIB_OK, "%s", err.message);
    cr_assert(nib_run_folder_open("runs/x-001", &other, &err) == NIB_ERR_INPUT, "no checkpoint");
    cr_assert(strstr(err.message, "there is no last.h5 in it"), "%s", err.message);
    cr_assert(nib_run_folder_resolve(arena, "runs/x-001", &file, &err) == NIB_ERR_INPUT, "no best");
    cr_assert(strstr(err.message, "runs/x-001: there is no best.h5"), "%s", err.message);
    cr_assert(nib_run_folder_resolve(arena, "runs/y", &file, &err) == NIB_ERR_INPUT, "nothing");
    cr_assert(nib_run_folder_write(run, "best.h5", "", &err) == NIB_OK, "%s", err.message);
    cr_assert(nib_run_folder_resolve(arena, "runs/x-001", &file, &err) == NIB_OK, "%s", err.message);
    cr_assert_str_eq(file, "runs/x-001/best.h5", "folder");
    cr_assert(nib_run_folder_resolve(arena, file, &file, &err) == NIB_OK, "%s", err.message);
    cr_assert_str_eq(file, "runs/x-001/best.h5", "file");
    nib_run_folder_close(run);
    nib_arena_destroy(arena);
}

Test(run_folder, json_and_log, .init = enter, .fini = leave)
{
    nib_error err = {0};
    nib_run_folder *run = create("runs", "x", NULL);
    cJSON *json = cJSON_CreateObject();
    cJSON_AddNumberToObject(json, "accuracy", 0.75);
    cr_assert(nib_run_folder_write_json(run, "summary.json", json, &err) == NIB_OK, "%s", err.message);
    check_text("runs/x-001/summary.json", "{\n\t\"accuracy\":\t0.75\n}\n");
    FILE *log = nib_run_folder_log(run);
    cr_assert(log && log == nib_run_folder_log(run) && fputs("hello\n", log) >= 0, "log");
    check_text("runs/x-001/train.log", "hello\n");
    cJSON_Delete(json);
    nib_run_folder_close(run);
}
