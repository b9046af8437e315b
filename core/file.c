#include "core/file.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

static nib_status fail_errno(nib_error *err, nib_status code, const char *path, const char *what)
{
    int number = errno;
    return nib_fail(err, code, "%s: %s: %s", path, what, strerror(number));
}

/* Open a regular file and tell its size. */
static nib_status open_regular(const char *path, int *fd, int64_t *bytes, nib_error *err)
{
    struct stat st;
    /* O_NONBLOCK: a named pipe must not make the open wait for ever. */
    *fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (*fd < 0)
        return fail_errno(err, NIB_ERR_INPUT, path, "cannot open");
    if (fstat(*fd, &st) != 0 || !S_ISREG(st.st_mode)) {
        (void)close(*fd);
        return nib_fail(err, NIB_ERR_INPUT, "%s: not a regular file", path);
    }
    *bytes = (int64_t)st.st_size;
    return NIB_OK;
}

/* Up to `want` bytes; fewer only at the end of the file. -1 with errno set. */
static ssize_t read_fully(int fd, char *data, size_t want)
{
    size_t got = 0;
    while (got < want) {
        ssize_t n = read(fd, data + got, want - got);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -1;
        if (n == 0)
            break;
        got += (size_t)n;
    }
    return (ssize_t)got;
}

nib_status nib_file_read(nib_arena *arena, const char *path, size_t limit, char **data, size_t *bytes,
                         nib_error *err)
{
    int fd;
    int64_t size;
    NIB_TRY(open_regular(path, &fd, &size, err));
    if ((uint64_t)size > limit) {
        (void)close(fd);
        return nib_fail(err, NIB_ERR_INPUT, "%s: %lld bytes are more than the limit of %zu", path,
                        (long long)size, limit);
    }
    char *buffer = nib_arena_alloc(arena, (size_t)size + 1, 1);
    if (!buffer) {
        (void)close(fd);
        return nib_fail_memory(err, path);
    }
    ssize_t got = read_fully(fd, buffer, (size_t)size);
    if (got < 0) {
        nib_status status = fail_errno(err, NIB_ERR_INPUT, path, "cannot read");
        (void)close(fd);
        return status;
    }
    (void)close(fd);
    buffer[got] = '\0';
    *data = buffer;
    *bytes = (size_t)got;
    return NIB_OK;
}

nib_status nib_file_sync_folder(const char *path, nib_error *err)
{
    char folder[4096];
    const char *base = nib_path_base(path);
    size_t n = (size_t)(base - path);
    if (n >= sizeof folder)
        return nib_fail(err, NIB_ERR_IO, "%s: the name is too long", path);
    (void)snprintf(folder, sizeof folder, "%.*s", n ? (int)n : 1, n ? path : ".");
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return fail_errno(err, NIB_ERR_IO, folder, "cannot open the folder");
    /* EINVAL: the file system cannot sync folders; nothing more can be done there. */
    if (fsync(fd) != 0 && errno != EINVAL && errno != ENOTSUP) {
        nib_status status = fail_errno(err, NIB_ERR_IO, folder, "cannot sync the folder");
        (void)close(fd);
        return status;
    }
    (void)close(fd);
    return NIB_OK;
}

/* Write, sync and close `fd`, which is closed in any case. */
static nib_status fill_file(int fd, const char *path, const char *data, size_t bytes, nib_error *err)
{
    nib_status status = NIB_OK;
    size_t done = 0;
    while (status == NIB_OK && done < bytes) {
        ssize_t n = write(fd, data + done, bytes - done);
        if (n >= 0)
            done += (size_t)n;
        else if (errno != EINTR)
            status = fail_errno(err, NIB_ERR_IO, path, "cannot write");
    }
    if (status == NIB_OK && fsync(fd) != 0)
        status = fail_errno(err, NIB_ERR_IO, path, "cannot sync");
    if (close(fd) != 0 && status == NIB_OK)
        status = fail_errno(err, NIB_ERR_IO, path, "cannot close");
    return status;
}

nib_status nib_file_write(const char *path, const void *data, size_t bytes, nib_error *err)
{
    char temporary[4096];
    int n = snprintf(temporary, sizeof temporary, "%s.tmp.%ld", path, (long)getpid());
    if (n < 0 || (size_t)n >= sizeof temporary)
        return nib_fail(err, NIB_ERR_IO, "%s: the name is too long", path);
    int fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0666);
    if (fd < 0)
        return fail_errno(err, NIB_ERR_IO, path, "cannot create");
    nib_status status = fill_file(fd, path, data, bytes, err);
    if (status == NIB_OK && rename(temporary, path) != 0)
        status = fail_errno(err, NIB_ERR_IO, path, "cannot rename");
    if (status != NIB_OK) {
        (void)unlink(temporary);
        return status;
    }
    return nib_file_sync_folder(path, err);
}

/* The process number of "NAME.tmp.PID", or 0. */
static long temporary_owner(const char *name)
{
    const char *dot = strrchr(name, '.');
    if (!dot || dot - name < 4 || strncmp(dot - 4, ".tmp", 4) != 0 || !isdigit((unsigned char)dot[1]))
        return 0;
    char *end;
    errno = 0;
    long pid = strtol(dot + 1, &end, 10);
    return errno || *end || pid <= 0 ? 0 : pid;
}

void nib_file_remove_stale(const char *folder)
{
    DIR *dir = opendir(folder);
    if (!dir)
        return;
    for (struct dirent *entry; (entry = readdir(dir));) {
        long pid = temporary_owner(entry->d_name);
        if (pid > 0 && kill((pid_t)pid, 0) != 0 && errno == ESRCH)
            (void)unlinkat(dirfd(dir), entry->d_name, 0);
    }
    (void)closedir(dir);
}

bool nib_file_exists(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0;
}

bool nib_file_is_folder(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

char *nib_path_join(nib_arena *arena, const char *folder, const char *name)
{
    if (name[0] == '/' || folder[0] == '\0')
        return nib_arena_strdup(arena, name);
    size_t n = strlen(folder);
    return nib_arena_printf(arena, "%s%s%s", folder, folder[n - 1] == '/' ? "" : "/", name);
}

char *nib_path_folder(nib_arena *arena, const char *path)
{
    const char *base = nib_path_base(path);
    if (base == path)
        return nib_arena_strdup(arena, ".");
    const char *end = base - 1;
    while (end > path && end[-1] == '/')
        end--;
    return nib_arena_strndup(arena, path, end == path ? 1 : (size_t)(end - path));
}

const char *nib_path_base(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

nib_status nib_file_make_folders(const char *path, nib_error *err)
{
    char part[4096];
    size_t n = strlen(path);
    if (n == 0 || n >= sizeof part)
        return nib_fail(err, NIB_ERR_IO, "%s: the folder's name is empty or too long", path);
    memcpy(part, path, n + 1);
    for (size_t i = 1; i <= n; i++) {
        if (path[i] != '/' && path[i] != '\0')
            continue;
        part[i] = '\0';
        if (mkdir(part, 0777) != 0 && errno != EEXIST)
            return fail_errno(err, NIB_ERR_IO, part, "cannot make the folder");
        part[i] = path[i];
    }
    if (!nib_file_is_folder(path))
        return nib_fail(err, NIB_ERR_IO, "%s: exists and is not a folder", path);
    return NIB_OK;
}

uint32_t nib_crc32(uint32_t crc, const void *data, size_t bytes)
{
    const unsigned char *next = data;
    unsigned long state = crc;
    while (bytes > 0) {
        unsigned int block = bytes > (1u << 30) ? 1u << 30 : (unsigned int)bytes;
        state = crc32(state, next, block);
        next += block;
        bytes -= block;
    }
    return (uint32_t)state;
}

nib_status nib_file_digest(const char *path, uint32_t *crc, int64_t *bytes, nib_error *err)
{
    enum { BLOCK = 1 << 16 };
    int fd;
    int64_t size;
    NIB_TRY(open_regular(path, &fd, &size, err));
    char *block = malloc(BLOCK);
    if (!block) {
        (void)close(fd);
        return nib_fail_memory(err, path);
    }
    nib_status status = NIB_OK;
    *crc = 0;
    *bytes = 0;
    for (ssize_t n; (n = read_fully(fd, block, BLOCK)) != 0;) {
        if (n < 0) {
            status = fail_errno(err, NIB_ERR_INPUT, path, "cannot read");
            break;
        }
        *crc = nib_crc32(*crc, block, (size_t)n);
        *bytes += n;
    }
    free(block);
    (void)close(fd);
    return status;
}
