/** A worker team: persistent threads that run numbered tasks with one barrier at the end.
 *
 *  Tasks (lanes) are claimed at run time, so which thread runs a task never decides a result. Every worker
 * sets flush-to-zero and denormals-are-zero when it starts; so does the caller by nib_cpu_flush_denormals.
 */
#ifndef NIB_CORE_TEAM_H
#define NIB_CORE_TEAM_H

#include "core/status.h"

enum { NIB_MAX_THREADS = 1024 };

typedef struct nib_team nib_team;

/** @param threads  workers in all, the caller included; 1 to NIB_MAX_THREADS. The team is owned by the
 * caller. One thread: none is started. Idle workers spin for about 0.1 ms, then sleep. Errors: NIB_ERR_USAGE,
 * NIB_ERR_MEMORY, NIB_ERR_SYSTEM. */
NIB_MUST_USE nib_status nib_team_create(nib_team **team, int threads, nib_error *err);
void nib_team_destroy(nib_team *team);
int nib_team_threads(const nib_team *team);

/** Run task(context, i, worker) for i = 0..tasks-1, worker in [0, threads), and return when all are done.
 *  No heap call; no lock or system call while the workers are awake. Which tasks the caller runs itself is
 *  open: it waits for tasks, never for workers. tasks < 32768. Only the thread that made the team may call
 * it, and a task may not run the team. */
void nib_team_run(nib_team *team, void (*task)(void *context, int index, int worker), void *context,
                  int tasks);

#endif
