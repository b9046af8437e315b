/** A worker team: persistent threads that run numbered tasks with one barrier at the end.
 *
 *  Tasks (lanes) are claimed at run time, so which thread runs a task never decides a result. Every worker
 * sets flush-to-zero and denormals-are-zero when it starts; so does the caller by nib_cpu_flush_denormals.
 */
#ifndef NIB_CORE_TEAM_H
#define NIB_CORE_TEAM_H

#include "core/status.h"

typedef struct nib_team nib_team;

/** @param threads  workers in all, the caller included; >= 1. The team is owned by the caller. */
NIB_MUST_USE nib_status nib_team_create(nib_team **team, int threads, nib_error *err);
void nib_team_destroy(nib_team *team);
int nib_team_threads(const nib_team *team);

/** Run task(context, i, worker) for i = 0..tasks-1, worker in [0, threads), and return when all are done.
 *  No heap call, no lock on the way. Only the thread that made the team may call it. */
void nib_team_run(nib_team *team, void (*task)(void *context, int index, int worker), void *context,
                  int tasks);

#endif
