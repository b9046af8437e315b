#include "tools/sweep_process.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <math.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

double nib_clock_seconds(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static void signals_of_sweep(sigset_t *set)
{
    (void)sigemptyset(set);
    (void)sigaddset(set, SIGCHLD);
    (void)sigaddset(set, SIGINT);
    (void)sigaddset(set, SIGTERM);
    (void)sigaddset(set, SIGHUP);
}

void nib_child_prepare(void)
{
    char pid[32];
    sigset_t set;
    signals_of_sweep(&set);
    (void)sigprocmask(SIG_BLOCK, &set, NULL);
    (void)snprintf(pid, sizeof pid, "%ld", (long)getpid());
    (void)setenv("NIBBLE_PARENT", pid, 1);
}

int nib_child_wait(double seconds)
{
    sigset_t set;
    signals_of_sweep(&set);
    const struct timespec limit = {(time_t)seconds, (long)((seconds - floor(seconds)) * 1e9)};
    const int got = sigtimedwait(&set, NULL, &limit);
    return got == SIGCHLD || got < 0 ? 0 : got;
}

static int set_up(posix_spawn_file_actions_t *actions, posix_spawnattr_t *how, const char *log)
{
    sigset_t none, defaults;
    signals_of_sweep(&defaults);
    (void)sigemptyset(&none);
    int reason = posix_spawn_file_actions_addopen(actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    if (!reason)
        reason = posix_spawn_file_actions_addopen(actions, STDOUT_FILENO, log, O_WRONLY | O_CREAT | O_APPEND,
                                                  0666);
    if (!reason)
        reason = posix_spawn_file_actions_adddup2(actions, STDOUT_FILENO, STDERR_FILENO);
    if (!reason)
        reason = posix_spawnattr_setsigmask(how, &none);
    if (!reason)
        reason = posix_spawnattr_setsigdefault(how, &defaults);
    if (!reason)
        reason = posix_spawnattr_setpgroup(how, 0);
    if (!reason)
        reason = posix_spawnattr_setflags(how, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF |
                                                   POSIX_SPAWN_SETPGROUP);
    return reason;
}

nib_status nib_child_start(const char *const *argv, int count, const char *log, pid_t *pid, nib_error *err)
{
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t how;
    char **words = calloc((size_t)count + 2, sizeof *words);
    char program[PATH_MAX] = "/proc/self/exe";
    const ssize_t n = readlink("/proc/self/exe", program, sizeof program - 1);
    bool whole = words && (words[0] = strdup("nibble"));
    for (int i = 0; whole && i < count; i++)
        whole = (words[i + 1] = strdup(argv[i])) != NULL;
    if (n > 0)
        program[n] = '\0';
    int reason = whole ? posix_spawn_file_actions_init(&actions) : ENOMEM;
    if (!reason) {
        reason = posix_spawnattr_init(&how);
        if (!reason) {
            reason = set_up(&actions, &how, log);
            if (!reason)
                reason = posix_spawn(pid, program, &actions, &how, words, environ);
            (void)posix_spawnattr_destroy(&how);
        }
        (void)posix_spawn_file_actions_destroy(&actions);
    }
    for (int i = 0; words && i <= count; i++)
        free(words[i]);
    free(words);
    return reason ? nib_fail(err, NIB_ERR_SYSTEM, "cannot start a process for a trial: %s", strerror(reason))
                  : NIB_OK;
}

bool nib_child_reap(nib_child_end *end)
{
    struct rusage used;
    int status = 0;
    const pid_t pid = wait4(-1, &status, WNOHANG, &used);
    if (pid <= 0)
        return false;
    *end = (nib_child_end){.pid = pid,
                           .exit_status = WIFEXITED(status) ? WEXITSTATUS(status) : -1,
                           .signal_number = WIFSIGNALED(status) ? WTERMSIG(status) : 0,
                           .cpu_seconds = (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) +
                                          (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec) * 1e-6};
    return true;
}

void nib_child_follow_parent(void)
{
    const char *text = getenv("NIBBLE_PARENT");
    const long parent = text ? strtol(text, NULL, 10) : 0;
    if (parent <= 0)
        return;
    (void)unsetenv("NIBBLE_PARENT");
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    if ((long)getppid() != parent) /* it is gone already */
        _exit(1);
}

const char *nib_child_last_lines(nib_arena *arena, const char *path, int lines)
{
    char text[4096];
    FILE *file = fopen(path, "r");
    if (!file)
        return "";
    const bool far = fseek(file, -(long)(sizeof text - 1), SEEK_END) == 0;
    if (!far)
        rewind(file);
    size_t n = fread(text, 1, sizeof text - 1, file);
    (void)fclose(file);
    while (n > 0 && (text[n - 1] == '\n' || text[n - 1] == ' '))
        n--;
    size_t from = n;
    for (int found = 0; from > 0; from--) {
        found += text[from - 1] == '\n';
        if (found == lines)
            break;
    }
    const char *out = "";
    for (size_t at = from; out && at < n;) {
        size_t end = at;
        while (end < n && text[end] != '\n')
            end++;
        out = nib_arena_printf(arena, "%s%s%.*s", out, *out ? " | " : "", (int)(end - at), text + at);
        at = end + 1;
    }
    return out ? out : "";
}

static void empty_folder(const char *path, int depth)
{
    DIR *folder = opendir(path);
    for (const struct dirent *e = folder ? readdir(folder) : NULL; e; e = readdir(folder)) {
        char name[PATH_MAX];
        struct stat info;
        const int n = snprintf(name, sizeof name, "%s/%s", path, e->d_name);
        if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0 || n < 0 || (size_t)n >= sizeof name)
            continue;
        if (lstat(name, &info) == 0 && S_ISDIR(info.st_mode) && depth > 0)
            empty_folder(name, depth - 1);
        (void)remove(name);
    }
    if (folder)
        (void)closedir(folder);
}

void nib_remove_run(const char *path)
{
    empty_folder(path, 1);
    (void)rmdir(path);
}
