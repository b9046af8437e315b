#include "train/run_folder.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/file.h"

enum { MAX_RUNS = 99999 };

struct nib_run_folder {
    nib_arena *arena;
    const char *path, *best, *last, *config, *metrics;
    FILE *log;
    int metrics_fd; /* open for appending, or -1 */
    bool unsynced;  /* lines were added since the last sync */
};

static nib_status new_run(const char *path, nib_run_folder **run, nib_error *err)
{
    nib_arena *arena = nib_arena_create();
    nib_run_folder *r = arena ? NIB_NEW(arena, nib_run_folder, 1) : NULL;
    if (r) {
        *r = (nib_run_folder){.arena = arena, .metrics_fd = -1};
        r->path = nib_arena_strdup(arena, path);
        r->best = nib_path_join(arena, path, "best.h5");
        r->last = nib_path_join(arena, path, "last.h5");
        r->config = nib_path_join(arena, path, "config.yaml");
        r->metrics = nib_path_join(arena, path, "metrics.csv");
    }
    if (!r || !r->path || !r->best || !r->last || !r->config || !r->metrics) {
        nib_arena_destroy(arena);
        return nib_fail_memory(err, "run folder");
    }
    *run = r;
    return NIB_OK;
}

static bool is_empty_folder(const char *path)
{
    DIR *dir = opendir(path);
    bool empty = dir != NULL;
    for (struct dirent *entry; dir && empty && (entry = readdir(dir));)
        empty = strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0;
    if (dir)
        (void)closedir(dir);
    return empty;
}

/* The folder that the user named: new, or there and empty. */
static nib_status claim_exact(nib_arena *arena, const char *path, nib_error *err)
{
    const char *parent = nib_path_folder(arena, path);
    if (!parent)
        return nib_fail_memory(err, "run folder");
    NIB_TRY(nib_file_make_folders(parent, err));
    if (mkdir(path, 0777) == 0 || (errno == EEXIST && is_empty_folder(path)))
        return NIB_OK;
    if (errno == EEXIST || nib_file_exists(path))
        return nib_fail(err, NIB_ERR_USAGE,
                        "%s: exists already and is not an empty folder; runs are never overwritten", path);
    return nib_fail(err, NIB_ERR_IO, "%s: cannot make the folder: %s", path, strerror(errno));
}

/* The first free number; mkdir decides between two programs that start at once. */
static nib_status claim_number(nib_arena *arena, const char *runs, const char *name, const char **path,
                               nib_error *err)
{
    NIB_TRY(nib_file_make_folders(runs, err));
    const char *base = nib_path_join(arena, runs, nib_path_base(name));
    size_t bytes = base ? strlen(base) + 16 : 0;
    char *numbered = base ? NIB_NEW(arena, char, bytes) : NULL;
    if (!numbered)
        return nib_fail_memory(err, "run folder");
    *path = numbered;
    for (int n = 1; n <= MAX_RUNS; n++) {
        (void)snprintf(numbered, bytes, "%s-%03d", base, n);
        if (mkdir(numbered, 0777) == 0)
            return NIB_OK;
        if (errno != EEXIST)
            return nib_fail(err, NIB_ERR_IO, "%s: cannot make the folder: %s", numbered, strerror(errno));
    }
    return nib_fail(err, NIB_ERR_IO, "%s: there are %d runs of this name already", base, MAX_RUNS);
}

nib_status nib_run_folder_create(const char *runs, const char *name, const char *exact, nib_run_folder **run,
                                 nib_error *err)
{
    nib_arena *arena = nib_arena_create();
    if (!arena)
        return nib_fail_memory(err, "run folder");
    const char *path = exact;
    nib_status status = exact ? claim_exact(arena, exact, err) : claim_number(arena, runs, name, &path, err);
    if (status == NIB_OK)
        status = nib_file_sync_folder(path, err);
    if (status == NIB_OK)
        status = new_run(path, run, err);
    nib_arena_destroy(arena);
    return status;
}

nib_status nib_run_folder_open(const char *path, nib_run_folder **run, nib_error *err)
{
    nib_run_folder *r;
    if (!nib_file_is_folder(path))
        return nib_fail(err, NIB_ERR_INPUT, "%s: there is no such run folder", path);
    NIB_TRY(new_run(path, &r, err));
    const char *missing = !nib_file_exists(r->config) ? "config.yaml"
                          : !nib_file_exists(r->last) ? "last.h5"
                                                      : NULL;
    if (missing) {
        nib_run_folder_close(r);
        return nib_fail(err, NIB_ERR_INPUT, "%s: not a run that can be resumed: there is no %s in it", path,
                        missing);
    }
    nib_file_remove_stale(path);
    *run = r;
    return NIB_OK;
}

static void close_metrics(nib_run_folder *run)
{
    if (run->metrics_fd >= 0)
        (void)close(run->metrics_fd);
    run->metrics_fd = -1;
}

void nib_run_folder_close(nib_run_folder *run)
{
    if (!run)
        return;
    close_metrics(run);
    if (run->log)
        (void)fclose(run->log);
    nib_arena_destroy(run->arena);
}

const char *nib_run_folder_path(const nib_run_folder *run)
{
    return run->path;
}

const char *nib_run_folder_best(const nib_run_folder *run)
{
    return run->best;
}

const char *nib_run_folder_last(const nib_run_folder *run)
{
    return run->last;
}

const char *nib_run_folder_config(const nib_run_folder *run)
{
    return run->config;
}

const char *nib_run_folder_epoch(const nib_run_folder *run, nib_arena *arena, int64_t epoch)
{
    return nib_arena_printf(arena, "%s/epoch-%03lld.h5", run->path, (long long)epoch);
}

nib_status nib_run_folder_write(nib_run_folder *run, const char *name, const char *text, nib_error *err)
{
    nib_arena *arena = nib_arena_create();
    const char *path = arena ? nib_path_join(arena, run->path, name) : NULL;
    nib_status status =
        path ? nib_file_write(path, text, strlen(text), err) : nib_fail_memory(err, "file name");
    nib_arena_destroy(arena);
    return status;
}

nib_status nib_run_folder_write_json(nib_run_folder *run, const char *name, const cJSON *json, nib_error *err)
{
    char *text = cJSON_Print(json);
    size_t n = text ? strlen(text) : 0;
    char *line = text ? realloc(text, n + 2) : NULL; /* cJSON uses malloc; a text file ends in a newline */
    if (!line) {
        cJSON_free(text);
        return nib_fail_memory(err, name);
    }
    line[n] = '\n';
    line[n + 1] = '\0';
    nib_status status = nib_run_folder_write(run, name, line, err);
    free(line);
    return status;
}

static nib_status write_all(int fd, const char *path, const char *text, nib_error *err)
{
    for (size_t left = strlen(text); left > 0;) {
        ssize_t n = write(fd, text, left);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return nib_fail(err, NIB_ERR_IO, "%s: cannot write: %s", path, strerror(errno));
        text += n;
        left -= (size_t)n;
    }
    return NIB_OK;
}

nib_status nib_run_folder_append_metrics(nib_run_folder *run, const char *header, const char *line,
                                         nib_error *err)
{
    struct stat st;
    if (run->metrics_fd < 0)
        run->metrics_fd = open(run->metrics, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
    if (run->metrics_fd < 0 || fstat(run->metrics_fd, &st) != 0)
        return nib_fail(err, NIB_ERR_IO, "%s: cannot open: %s", run->metrics, strerror(errno));
    /* One write per line: a kill cannot leave half of one. */
    bool fresh = st.st_size == 0;
    nib_arena *arena = nib_arena_create();
    char *text =
        arena ? nib_arena_printf(arena, "%s%s%s\n", fresh ? header : "", fresh ? "\n" : "", line) : NULL;
    nib_status status =
        text ? write_all(run->metrics_fd, run->metrics, text, err) : nib_fail_memory(err, "metrics.csv");
    nib_arena_destroy(arena);
    run->unsynced = true;
    return status;
}

nib_status nib_run_folder_sync(nib_run_folder *run, nib_error *err)
{
    if (run->unsynced && run->metrics_fd >= 0 && fsync(run->metrics_fd) != 0)
        return nib_fail(err, NIB_ERR_IO, "%s: cannot sync: %s", run->metrics, strerror(errno));
    run->unsynced = false;
    return NIB_OK;
}

nib_status nib_run_folder_truncate_metrics(nib_run_folder *run, int64_t epochs, nib_error *err)
{
    const size_t limit = (size_t)256 << 20;
    close_metrics(run);
    if (!nib_file_exists(run->metrics))
        return NIB_OK;
    nib_arena *arena = nib_arena_create();
    char *text = NULL;
    size_t bytes = 0, keep = 0;
    nib_status status = arena ? nib_file_read(arena, run->metrics, limit, &text, &bytes, err)
                              : nib_fail_memory(err, "metrics.csv");
    if (status == NIB_OK) {
        int64_t lines = 0;
        for (const char *end; lines < epochs + 1 && (end = memchr(text + keep, '\n', bytes - keep)); lines++)
            keep = (size_t)(end - text) + 1;
        if (keep < bytes)
            status = nib_file_write(run->metrics, text, keep, err);
    }
    nib_arena_destroy(arena);
    return status;
}

FILE *nib_run_folder_log(nib_run_folder *run)
{
    if (!run->log) {
        nib_arena *arena = nib_arena_create();
        const char *path = arena ? nib_path_join(arena, run->path, "train.log") : NULL;
        run->log = path ? fopen(path, "ae") : NULL;
        if (run->log)
            (void)setvbuf(run->log, NULL, _IOLBF, 0);
        nib_arena_destroy(arena);
    }
    return run->log;
}

nib_status nib_run_folder_resolve(nib_arena *arena, const char *path, const char **file, nib_error *err)
{
    if (!nib_file_exists(path))
        return nib_fail(err, NIB_ERR_INPUT, "%s: there is no such run folder or model file", path);
    *file = nib_file_is_folder(path) ? nib_path_join(arena, path, "best.h5") : nib_arena_strdup(arena, path);
    if (!*file)
        return nib_fail_memory(err, "file name");
    if (!nib_file_exists(*file))
        return nib_fail(err, NIB_ERR_INPUT, "%s: there is no best.h5 in this folder", path);
    return NIB_OK;
}
