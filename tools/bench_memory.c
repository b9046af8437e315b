#include "tools/bench_memory.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tools/bench_clock.h"
#include "tools/bench_part.h"

extern char **environ;

enum { MAX_WORDS = 12 };

/* This program with `words`, in `folder`, its output in the file "out" there. Waits.
 * @param peak  bytes of memory it had at most, or NULL */
static nib_status run_self(const char *folder, const char *const *words, double *peak, nib_error *err)
{
    char program[4096], *argv[MAX_WORDS + 2];
    posix_spawn_file_actions_t actions;
    pid_t pid;
    int at = 0, status = 0;
    const ssize_t length = readlink("/proc/self/exe", program, sizeof program - 1);
    if (length < 1)
        return nib_fail(err, NIB_ERR_SYSTEM, "/proc/self/exe cannot be read: %s", strerror(errno));
    program[length] = '\0';
    argv[at++] = program;
    for (; words[at - 1] && at <= MAX_WORDS; ++at)
        argv[at] = strdup(words[at - 1]); /* posix_spawn wants them writable */
    argv[at] = NULL;
    int error = posix_spawn_file_actions_init(&actions);
    if (!error) {
        error = posix_spawn_file_actions_addchdir_np(&actions, folder);
        if (!error)
            error = posix_spawn_file_actions_addopen(&actions, 1, "out", O_CREAT | O_TRUNC | O_WRONLY, 0600);
        if (!error)
            error = posix_spawn(&pid, program, &actions, NULL, argv, environ);
        (void)posix_spawn_file_actions_destroy(&actions);
    }
    while (at > 1)
        free(argv[--at]);
    if (error)
        return nib_fail(err, NIB_ERR_SYSTEM, "%s cannot be started: %s", program, strerror(error));
    struct rusage usage = {.ru_maxrss = 0};
    while (wait4(pid, &status, 0, &usage) < 0)
        if (errno != EINTR)
            return nib_fail(err, NIB_ERR_SYSTEM, "cannot wait for %s: %s", program, strerror(errno));
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
        return nib_fail(err, NIB_ERR_SYSTEM, "nibble %s failed (its message is above)", words[0]);
    if (peak)
        *peak = 1024.0 * (double)usage.ru_maxrss;
    return NIB_OK;
}

/* Medians over starts; the first one is not counted: it makes prepared data and fills the page cache. */
static nib_status time_starts(const char *folder, const char *part, int64_t runs,
                              const volatile sig_atomic_t *stop, nib_bench_spread *spread, nib_error *err)
{
    double seconds[NIB_BENCH_ROUNDS];
    char since[32], text[64] = "", out[512];
    (void)snprintf(out, sizeof out, "%s/out", folder);
    for (int64_t i = -1; i < runs; ++i) {
        const char *const words[] = {"bench", "--part", part, "--since", since, NULL};
        (void)snprintf(since, sizeof since, "%.6f", nib_bench_wall());
        NIB_TRY(run_self(folder, words, NULL, err));
        FILE *file = fopen(out, "r");
        bool read = file && fgets(text, sizeof text, file);
        if (file)
            (void)fclose(file);
        if (!read)
            return nib_fail(err, NIB_ERR_IO, "%s cannot be read", out);
        if (i >= 0)
            seconds[i] = strtod(text, NULL);
        if (stop && *stop)
            return nib_fail(err, NIB_ERR_INTERRUPTED, "interrupted");
    }
    *spread = nib_bench_spread_of(seconds, runs);
    return NIB_OK;
}

static nib_status measure(const char *folder, int64_t rows, int64_t runs, const volatile sig_atomic_t *stop,
                          nib_bench_memory *result, nib_error *err)
{
    char number[32];
    const char *const data[] = {"bench", "--part", "data", "--rows", number, NULL};
    const char *const train[] = {"train", NIB_BENCH_CONFIG, "--quiet", "-o", "run", NULL};
    result->rows = rows > 0 ? rows : 610000;
    (void)snprintf(number, sizeof number, "%lld", (long long)result->rows);
    NIB_TRY(run_self(folder, data, NULL, err));
    NIB_TRY(run_self(folder, train, &result->train_bytes, err));
    NIB_TRY(time_starts(folder, "file", runs, stop, &result->file, err));
    return time_starts(folder, "step", runs, stop, &result->step, err);
}

static int remove_one(const char *path, const struct stat *info, int type, struct FTW *at)
{
    (void)info, (void)type, (void)at;
    return remove(path);
}

nib_status nib_bench_memory_run(int64_t rows, int64_t runs, const volatile sig_atomic_t *stop,
                                nib_bench_memory *result, nib_error *err)
{
    const char *tmp = getenv("TMPDIR");
    char folder[256];
    *result = (nib_bench_memory){.rows = 0};
    (void)snprintf(folder, sizeof folder, "%.200s/nibble-bench-XXXXXX", tmp && *tmp ? tmp : "/tmp");
    if (!mkdtemp(folder))
        return nib_fail(err, NIB_ERR_IO, "%s cannot be made: %s", folder, strerror(errno));
    nib_status status = measure(folder, rows, runs, stop, result, err);
    (void)nftw(folder, remove_one, 16, FTW_PHYS | FTW_DEPTH);
    return status;
}

void nib_bench_memory_print(const nib_bench_memory *r, FILE *out)
{
    fprintf(out, "nibble train, %lld rows of 16 features: %.0f MB at most\n", (long long)r->rows,
            r->train_bytes / 1e6);
    fprintf(out, "start to first step: %.1f ms on prepared data (%.1f to %.1f), %.1f ms from the data file\n",
            1e3 * r->step.median, 1e3 * r->step.min, 1e3 * r->step.max, 1e3 * r->file.median);
}

cJSON *nib_bench_memory_json(const nib_bench_memory *r)
{
    cJSON *json = cJSON_CreateObject();
    (void)cJSON_AddItemToObject(json, "machine", nib_bench_machine_json());
    (void)cJSON_AddNumberToObject(json, "rows", (double)r->rows);
    (void)cJSON_AddNumberToObject(json, "train_peak_bytes", r->train_bytes);
    (void)cJSON_AddNumberToObject(json, "first_step_seconds", r->step.median);
    (void)cJSON_AddNumberToObject(json, "first_step_seconds_from_file", r->file.median);
    return json;
}
