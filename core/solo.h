/** When a team of threads is better left alone: bookkeeping, without a clock or a thread of its own.
 *
 *  A training step hands work to all threads and waits for them every few microseconds. Where another process
 * holds a processor, a thread is missing for milliseconds, and the team is slower than one thread. A job that
 * waited longer than its own work took is such a stall: the caller then works alone for a while and tries the
 * team again, each time later when that is no better.
 */
#ifndef NIB_CORE_SOLO_H
#define NIB_CORE_SOLO_H

#include <stdbool.h>

/** Times in seconds; instants by any clock that does not go back. */
typedef struct nib_solo {
    double patience; /**< waits up to here are no stall */
    double shortest; /**< the first pause after a stall */
    double longest;  /**< pauses double up to here */
    double pause;    /**< the latest one; 0: none yet */
    double until;    /**< its end */
} nib_solo;

/** patience 0.2 ms, pauses of 10 ms to 1 s. */
nib_solo nib_solo_defaults(void);

/** Whether a job that begins at `now` is done alone. */
bool nib_solo_wanted(const nib_solo *solo, double now);

/** A job of the whole team is over at `now`: the caller worked for `worked`, then waited for `waited`. After
 * a stall the next pause begins: twice as long as the one before, or the shortest if the team has done well
 * for longer than four such pauses. */
void nib_solo_report(nib_solo *solo, double now, double worked, double waited);

#endif
