#include "tools/probe.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "train/run_folder.h"

static bool enabled;

void nib_probe_enable(void)
{
    enabled = true;
}

int nib_probe_seconds(int64_t bytes)
{
    enum { AT_LEAST = 10, BYTES_PER_SECOND = 16 << 20 }; /* a slow network drive delivers that */
    return AT_LEAST + (int)(bytes / BYTES_PER_SECOND);
}

/* Under valgrind /proc/self/exe is valgrind itself and only its readlink tells the truth; elsewhere the link
 * is right even when the program was replaced meanwhile, so it is what is tried when the name does not lead
 * anywhere. */
static int spawn(pid_t *pid, const posix_spawn_file_actions_t *actions, char *path)
{
    static char name[] = "nibble", command[] = NIB_PROBE_COMMAND;
    char *argv[] = {name, command, path, NULL};
    char program[PATH_MAX];
    ssize_t n = readlink("/proc/self/exe", program, sizeof program - 1);
    if (n > 0) {
        program[n] = '\0';
        if (posix_spawn(pid, program, actions, NULL, argv, environ) == 0)
            return 0;
    }
    return posix_spawn(pid, "/proc/self/exe", actions, NULL, argv, environ);
}

/* Start the child, silent but for `output`: the end of a pipe whose other end tells when the child is gone.
 */
static nib_status start(const char *path, int output, pid_t *pid, nib_error *err)
{
    posix_spawn_file_actions_t actions;
    char *copy = strdup(path);
    if (!copy || posix_spawn_file_actions_init(&actions) != 0) {
        free(copy);
        return nib_fail_memory(err, path);
    }
    int reason = posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    if (!reason)
        reason = posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO);
    if (!reason)
        reason = posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
    if (!reason)
        reason = spawn(pid, &actions, copy);
    (void)posix_spawn_file_actions_destroy(&actions);
    free(copy);
    if (reason)
        return nib_fail(err, NIB_ERR_SYSTEM, "%s: cannot start the process that looks at it first: %s", path,
                        strerror(reason));
    return NIB_OK;
}

static int64_t now_ms(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* @return false when the child has not closed its end of the pipe in time */
static bool wait_for_end(int input, int seconds)
{
    const int64_t end = now_ms() + (int64_t)seconds * 1000;
    for (int64_t left = end - now_ms(); left > 0; left = end - now_ms()) {
        char ignored[256];
        struct pollfd wanted = {.fd = input, .events = POLLIN};
        int ready = poll(&wanted, 1, left < INT_MAX ? (int)left : INT_MAX);
        if (ready > 0 && read(input, ignored, sizeof ignored) == 0)
            return true;
        if (ready < 0 && errno != EINTR)
            return false;
    }
    return false;
}

static nib_status judge(const char *path, int status, bool late, int seconds, nib_error *err)
{
    static const char advice[] = "damaged or hostile";
    int signal_number = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return NIB_OK;
    if (late || signal_number == SIGXCPU)
        return nib_fail(err, NIB_ERR_INPUT,
                        "%s: the HDF5 library comes to no end with this file (given up after %d s): %s", path,
                        seconds, advice);
    if (signal_number == SIGINT || signal_number == SIGTERM || signal_number == SIGHUP)
        return nib_fail(err, NIB_ERR_INTERRUPTED, "%s: interrupted while the file was looked at", path);
    if (signal_number) {
        const char *name = sigabbrev_np(signal_number);
        return nib_fail(err, NIB_ERR_INPUT, "%s: the HDF5 library crashes on this file (signal %s): %s", path,
                        name ? name : "unknown", advice);
    }
    if (WEXITSTATUS(status) == NIB_PROBE_MEMORY)
        return nib_fail(err, NIB_ERR_INPUT,
                        "%s: the HDF5 library asks for absurd amounts of memory for this file: %s", path,
                        advice);
    return nib_fail(err, NIB_ERR_INPUT, "%s: the HDF5 library crashes on this file (exit status %d): %s",
                    path, WEXITSTATUS(status), advice);
}

nib_status nib_probe_file(const char *path, nib_error *err)
{
    struct stat info;
    int ends[2], status = 0;
    pid_t pid;
    if (!enabled || stat(path, &info) != 0 || !S_ISREG(info.st_mode))
        return NIB_OK;
    if (pipe2(ends, O_CLOEXEC) != 0)
        return nib_fail(err, NIB_ERR_SYSTEM, "%s: no pipe: %s", path, strerror(errno));
    nib_status started = start(path, ends[1], &pid, err);
    (void)close(ends[1]);
    if (started != NIB_OK) {
        (void)close(ends[0]);
        return started;
    }
    const int seconds = nib_probe_seconds(info.st_size);
    const bool late = !wait_for_end(ends[0], seconds);
    (void)close(ends[0]);
    if (late)
        (void)kill(pid, SIGKILL);
    while (waitpid(pid, &status, 0) < 0)
        if (errno != EINTR)
            return nib_fail(err, NIB_ERR_SYSTEM, "%s: the process that looks at it is lost: %s", path,
                            strerror(errno));
    return judge(path, status, late, seconds, err);
}

nib_status nib_probe_model(const char *path, nib_error *err)
{
    const char *file;
    nib_arena *arena = nib_arena_create();
    if (!arena)
        return nib_fail_memory(err, "model file");
    nib_status status = nib_run_folder_resolve(arena, path, &file, err);
    if (status == NIB_OK)
        status = nib_probe_file(file, err);
    nib_arena_destroy(arena);
    return status;
}

nib_status nib_probe_data(const nib_data_config *config, nib_data_parts parts, nib_error *err)
{
    int count = 0;
    const char *paths[NIB_DATA_MAX_FILES];
    nib_arena *arena = nib_arena_create();
    if (!arena)
        return nib_fail_memory(err, "data files");
    nib_status status = nib_data_config_files(arena, config, parts, &count, paths, err);
    for (int i = 0; status == NIB_OK && i < count; i++)
        status = nib_probe_file(paths[i], err);
    nib_arena_destroy(arena);
    return status;
}
