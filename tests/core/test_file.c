/* core/file: whole reads, atomic writes, full disks, stale temporary files. */
#include <criterion/criterion.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/file.h"

static char folder[64];

static void enter(void)
{
    strcpy(folder, "/tmp/nibble-file-XXXXXX");
    cr_assert(mkdtemp(folder) != NULL, "temporary folder");
    cr_assert(chdir(folder) == 0, "enter it");
}

static void leave(void)
{
    char command[128];
    (void)snprintf(command, sizeof command, "rm -rf '%s'", folder);
    cr_assert(chdir("/") == 0 && system(command) == 0, "clean up");
}

static int entries(const char *path)
{
    char command[128];
    int n = -1;
    (void)snprintf(command, sizeof command, "ls -A '%s' | wc -l", path);
    FILE *pipe = popen(command, "r");
    cr_assert(pipe && fscanf(pipe, "%d", &n) == 1, "ls");
    pclose(pipe);
    return n;
}

Test(file, write_and_read_back, .init = enter, .fini = leave)
{
    nib_error err = {0};
    nib_arena *arena = nib_arena_create();
    char *data = NULL;
    size_t bytes = 0;
    uint32_t crc = 0;
    int64_t size = 0;
    cr_assert(nib_file_write("a", "old", 3, &err) == NIB_OK, "%s", err.message);
    cr_assert(nib_file_write("a", "123456789", 9, &err) == NIB_OK, "%s", err.message);
    cr_assert(nib_file_read(arena, "a", 9, &data, &bytes, &err) == NIB_OK, "%s", err.message);
    cr_assert(bytes == 9 && !strcmp(data, "123456789"), "contents");
    cr_assert(nib_file_digest("a", &crc, &size, &err) == NIB_OK, "%s", err.message);
    cr_assert(crc == 0xcbf43926u && size == 9, "CRC-32 check value: %08x", crc);
    cr_assert(nib_file_read(arena, "a", 8, &data, &bytes, &err) == NIB_ERR_INPUT, "limit");
    cr_assert(strstr(err.message, "9 bytes are more than the limit of 8"), "%s", err.message);
    cr_assert(nib_file_read(arena, "b", 8, &data, &bytes, &err) == NIB_ERR_INPUT, "missing");
    cr_assert(nib_file_read(arena, ".", 8, &data, &bytes, &err) == NIB_ERR_INPUT, "folder");
    cr_assert(nib_file_write("no/such/x", "1", 1, &err) == NIB_ERR_IO, "no folder");
    cr_assert(entries(".") == 1, "nothing is left over");
    nib_arena_destroy(arena);
}

Test(file, paths)
{
    static const struct {
        const char *path, *folder, *base;
    } cases[] = {
        {"a/b", "a", "b"}, {"a", ".", "a"}, {"/a", "/", "a"}, {"/a//b", "/a", "b"}, {"a/b/c", "a/b", "c"}};
    nib_arena *arena = nib_arena_create();
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        cr_assert_str_eq(nib_path_folder(arena, cases[i].path), cases[i].folder, "%s", cases[i].path);
        cr_assert_str_eq(nib_path_base(cases[i].path), cases[i].base, "%s", cases[i].path);
    }
    cr_assert_str_eq(nib_path_join(arena, "a/b", "c"), "a/b/c", "join");
    cr_assert_str_eq(nib_path_join(arena, "/", "c"), "/c", "join at the root");
    cr_assert_str_eq(nib_path_join(arena, "a", "/c"), "/c", "absolute");
    nib_arena_destroy(arena);
}

Test(file, folders, .init = enter, .fini = leave)
{
    nib_error err = {0};
    cr_assert(nib_file_make_folders("x/y//z/", &err) == NIB_OK, "%s", err.message);
    cr_assert(nib_file_make_folders("x/y", &err) == NIB_OK, "again: %s", err.message);
    cr_assert(nib_file_is_folder("x/y/z") && !nib_file_is_folder("x/q"), "made");
    cr_assert(nib_file_write("x/f", "", 0, &err) == NIB_OK && nib_file_exists("x/f"), "empty file");
    cr_assert(nib_file_make_folders("x/f", &err) == NIB_ERR_IO, "a file is in the way");
    cr_assert(nib_file_make_folders("x/f/g", &err) == NIB_ERR_IO, "a file is on the way");
}

Test(file, stale_temporary_files_go, .init = enter, .fini = leave)
{
    nib_error err = {0};
    char name[64];
    pid_t child = fork();
    if (child == 0)
        _exit(0);
    cr_assert(child > 0 && waitpid(child, NULL, 0) == child, "child");
    (void)snprintf(name, sizeof name, "best.h5.tmp.%d", (int)child);
    cr_assert(nib_file_write(name, "x", 1, &err) == NIB_OK, "%s", err.message);
    (void)snprintf(name, sizeof name, "live.h5.tmp.%d", (int)getpid());
    cr_assert(nib_file_write(name, "x", 1, &err) == NIB_OK, "%s", err.message);
    cr_assert(nib_file_write("a.tmp.12x", "x", 1, &err) == NIB_OK, "%s", err.message);
    cr_assert(nib_file_write("best.h5", "x", 1, &err) == NIB_OK, "%s", err.message);
    nib_file_remove_stale(".");
    nib_file_remove_stale("no such folder");
    cr_assert(entries(".") == 3, "only the dead one goes: %d are left", entries("."));
    cr_assert(nib_file_exists(name), "the living process' file stays");
}

static void check_full(const char *path, size_t bytes, const char *reason)
{
    nib_error err = {0};
    nib_arena *arena = nib_arena_create();
    char *big = calloc(1, bytes), *data = NULL;
    size_t n = 0;
    cr_assert(nib_file_write(path, "good", 4, &err) == NIB_OK, "%s", err.message);
    cr_assert(nib_file_write(path, big, bytes, &err) == NIB_ERR_IO, "must fail");
    cr_assert(strstr(err.message, reason) && strstr(err.message, path), "message: %s", err.message);
    cr_assert(nib_file_read(arena, path, 100, &data, &n, &err) == NIB_OK && n == 4, "the old file is whole");
    nib_arena_destroy(arena);
    free(big);
}

Test(file, a_full_disk_leaves_the_old_file, .init = enter, .fini = leave)
{
    cr_assert(mkdir("disk", 0777) == 0, "folder");
    if (mount("tmpfs", "disk", "tmpfs", 0, "size=64k") == 0) {
        check_full("disk/f", 1 << 18, "No space left on device");
        cr_assert(entries("disk") == 1, "the temporary file is removed");
        cr_assert(umount("disk") == 0, "unmount");
    } else {
        cr_log_info("tmpfs cannot be mounted here: the limit on file sizes stands in for the full disk");
    }
    struct rlimit limit = {1 << 16, RLIM_INFINITY};
    (void)signal(SIGXFSZ, SIG_IGN);
    cr_assert(setrlimit(RLIMIT_FSIZE, &limit) == 0, "limit");
    check_full("f", 1 << 18, "File too large");
    cr_assert(entries(".") == 2, "the temporary file is removed");
}
