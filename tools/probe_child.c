/* The child of tools/probe.h: open a file, read a part of everything in it, say nothing. What nibble refuses
 * with a message is no finding here; only a crash, an endless loop or absurd memory is. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "core/h5.h"
#include "tools/probe.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SHADOW_MEMORY 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SHADOW_MEMORY 1
#endif
#endif
#ifndef SHADOW_MEMORY
#define SHADOW_MEMORY 0
#endif

/* Values read of a dataset. A look must stay cheap: beyond these numbers it ends, content. */
enum { MAX_VALUES = 1 << 13, MAX_TEXTS = 1 << 12, ENOUGH_SECONDS = 3 };

typedef struct look {
    nib_h5 *file;
    nib_arena *names;
    double *values;
    struct timespec start;
    bool memory; /* the library was refused memory */
} look;

static void lower(__rlimit_resource_t resource, rlim_t most)
{
    struct rlimit limit;
    if (getrlimit(resource, &limit) != 0 || limit.rlim_cur <= most)
        return;
    limit.rlim_cur = most;
    (void)setrlimit(resource, &limit);
}

/* Chunks may have 1 GiB (core/h5), and a filter holds two or three of them. */
static void limit_self(const char *path)
{
    const rlim_t most_memory = (rlim_t)4 << 30;
    struct stat info;
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL); /* whoever asked is gone: nobody wants to know */
    struct pollfd output = {.fd = STDOUT_FILENO, .events = 0};
    if (poll(&output, 1, 0) > 0 && (output.revents & POLLERR)) /* gone already: nobody reads the pipe */
        _exit(1);
    lower(RLIMIT_CORE, 0);
    if (!SHADOW_MEMORY)
        lower(RLIMIT_AS, most_memory);
    if (stat(path, &info) == 0)
        lower(RLIMIT_CPU, (rlim_t)nib_probe_seconds(info.st_size));
}

/* After a call that failed. The library's own message hides among others; errno is what malloc left. */
static void note(look *l, nib_status status)
{
    if (status == NIB_ERR_MEMORY || (status != NIB_OK && errno == ENOMEM))
        l->memory = true;
    errno = 0;
}

static bool enough(const look *l)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return l->memory || now.tv_sec - l->start.tv_sec > ENOUGH_SECONDS;
}

static void look_at_attributes(look *l, const char *path, nib_arena *arena)
{
    int n = 0, count;
    const char *const *names, *const *texts;
    int64_t number;
    nib_error err;
    nib_status status = nib_h5_attributes(l->file, path, arena, &n, &names, &err);
    note(l, status);
    for (int i = 0; status == NIB_OK && i < n && !enough(l); i++) {
        if (nib_h5_attribute_i64(l->file, path, names[i], &number, &err) == NIB_OK)
            continue;
        errno = 0;
        note(l, nib_h5_attribute_strings(l->file, path, names[i], arena, &count, &texts, &err));
    }
}

/* The first rows: opening walks the headers, reading the index of chunks and one chunk. */
static void look_at_numbers(look *l, const char *path, const nib_h5_info *info)
{
    nib_error err;
    int64_t all = info->rank ? info->dim[0] : 1;
    int64_t width = all > 0 ? info->elements / all : 0;
    if (width < 1 || width > MAX_VALUES)
        return;
    int64_t rows = MAX_VALUES / width < all ? MAX_VALUES / width : all;
    note(l, nib_h5_read_f64(l->file, path, 0, rows, l->values, &err));
}

static void look_at_dataset(look *l, const char *path, nib_arena *arena)
{
    nib_h5_info info;
    nib_error err;
    int count;
    const char *const *texts;
    nib_status status = nib_h5_dataset_info(l->file, path, &info, &err);
    note(l, status);
    if (status != NIB_OK)
        return;
    if (info.class_ == NIB_H5_INTEGER || info.class_ == NIB_H5_FLOAT)
        look_at_numbers(l, path, &info);
    else if (info.class_ == NIB_H5_STRING && info.elements <= MAX_TEXTS)
        note(l, nib_h5_read_strings(l->file, path, arena, &count, &texts, &err));
}

typedef nib_status (*lister)(nib_h5 *file, const char *group, nib_arena *arena, int *count,
                             const char *const **paths, nib_error *err);

static void look_at_all(look *l, lister list, bool datasets)
{
    int n = 0;
    const char *const *paths;
    nib_error err;
    nib_status status = list(l->file, "/", l->names, &n, &paths, &err);
    note(l, status);
    for (int i = 0; status == NIB_OK && i < n && !enough(l); i++) {
        nib_arena *arena = nib_arena_create();
        if (!arena)
            return;
        look_at_attributes(l, paths[i], arena);
        if (datasets)
            look_at_dataset(l, paths[i], arena);
        nib_arena_destroy(arena);
    }
}

int nib_probe_child(const char *path)
{
    nib_error err;
    look l = {.values = NULL};
    limit_self(path);
    (void)clock_gettime(CLOCK_MONOTONIC, &l.start);
    l.names = nib_arena_create();
    l.values = calloc(MAX_VALUES, sizeof *l.values);
    errno = 0;
    nib_status status = l.names && l.values ? nib_h5_open(&l.file, path, &err) : NIB_ERR_MEMORY;
    note(&l, status);
    if (status == NIB_OK) {
        look_at_all(&l, nib_h5_groups, false);
        look_at_all(&l, nib_h5_datasets, true);
        nib_h5_close(l.file);
    }
    free(l.values);
    nib_arena_destroy(l.names);
    return l.memory ? NIB_PROBE_MEMORY : 0;
}
