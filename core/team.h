/** A worker team: persistent threads that share a job with the caller, with one barrier at its end.
 *
 *  Which thread does what never decides a result. Every worker sets flush-to-zero and denormals-are-zero when
 * it starts; so does the caller by nib_cpu_flush_denormals.
 */
#ifndef NIB_CORE_TEAM_H
#define NIB_CORE_TEAM_H

#include "core/solo.h"
#include "core/status.h"

enum { NIB_MAX_THREADS = 1024 };

typedef struct nib_team nib_team;

/** @param threads  workers in all, the caller included; 1 to NIB_MAX_THREADS. The team is owned by the
 * caller. One thread: none is started. Idle workers spin for about 0.1 ms, then sleep. Errors: NIB_ERR_USAGE,
 * NIB_ERR_MEMORY, NIB_ERR_SYSTEM. */
NIB_MUST_USE nib_status nib_team_create(nib_team **team, int threads, nib_error *err);
void nib_team_destroy(nib_team *team);
int nib_team_threads(const nib_team *team);

/** Run part(context, p, parts) for p = 0..parts-1, each on a thread of its own (part 0 on the caller's, and p
 * always on the same), and return when all are done. parts = 1 while the team stays alone after a stall, else
 * the number of threads, at most `most`. Made for steps of training: neighbouring jobs with the same `most`
 * find their memory in the cache of the thread that has worked on it before. No heap call; no lock or system
 * call while the workers are awake. Only the thread that made the team may call it, and a part may not run
 * the team. */
void nib_team_split(nib_team *team, int most, void (*part)(void *context, int part, int parts),
                    void *context);

/** How many parts a job with this `most` is to have now, by the same rule: for jobs that have to know before
 * they begin. */
int nib_team_parts(nib_team *team, int most);

/** nib_team_split in `parts` parts, as nib_team_parts said. */
void nib_team_split_in(nib_team *team, int parts, void (*part)(void *context, int part, int parts),
                       void *context);

/** The same with parts that meet on their way. It returns when part 0 is done: what the others do after they
 * met may still go on, until nib_team_join. The next job of any kind, and nib_team_destroy, wait for it. */
void nib_team_split_open(nib_team *team, int parts, void (*part)(void *context, int part, int parts),
                         void *context);

/** Called once by every part of nib_team_split_open: returns when all parts have called it.
 *  @return all of them gave true */
bool nib_team_meet(nib_team *team, int part, int parts, bool fine);

/** Wait for what is left of nib_team_split_open. Nothing to do when nothing is. */
void nib_team_join(nib_team *team);

/** Run task(context, i, worker) for i = 0..tasks-1, worker in [0, threads), and return when all are done.
 * Tasks are claimed one by one by whoever is free: made for long and uneven tasks; never alone. Otherwise as
 * nib_team_split. */
void nib_team_run(nib_team *team, void (*task)(void *context, int index, int worker), void *context,
                  int tasks);

/** The rule by which nib_team_split stays alone, to be changed between jobs: with patience INFINITY it never
 * does, while `until` lies ahead it does. */
nib_solo *nib_team_solo(nib_team *team);

#endif
