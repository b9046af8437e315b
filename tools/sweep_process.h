/** Child processes of a sweep: this very program with other arguments. */
#ifndef NIB_TOOLS_SWEEP_PROCESS_H
#define NIB_TOOLS_SWEEP_PROCESS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "core/arena.h"

/** How a child ended. */
typedef struct nib_child_end {
    pid_t pid;
    int exit_status;    /**< -1: by a signal */
    int signal_number;  /**< 0: by itself */
    double cpu_seconds; /**< of the child and its children, user and system */
} nib_child_end;

/** Seconds on a clock that only goes forward. */
double nib_clock_seconds(void);

/** Start this program with arguments argv [count], standard output and error added to `log`, in a process
 * group of its own; it is killed when this process dies, in whatever way. Errors: NIB_ERR_SYSTEM. */
NIB_MUST_USE nib_status nib_child_start(const char *const *argv, int count, const char *log, pid_t *pid,
                                        nib_error *err);

/** To be called once before the first child: SIGCHLD, SIGINT and SIGTERM are waited for from then on. */
void nib_child_prepare(void);

/** Wait until a signal comes, at most `seconds`. @return SIGINT or SIGTERM when that was it, else 0 */
int nib_child_wait(double seconds);

/** A child that has ended, if there is one. */
bool nib_child_reap(nib_child_end *end);

/** In the child's main: die with the process that started this one (NIBBLE_PARENT names it). */
void nib_child_follow_parent(void);

/** The last `lines` lines of a file as one line, joined by " | "; "" when there are none. In the arena. */
const char *nib_child_last_lines(nib_arena *arena, const char *path, int lines);

/** Remove a folder of a run with everything in it, one level of folders deep. */
void nib_remove_run(const char *path);

#endif
