/** When a team of threads is better left alone: bookkeeping, without a clock or a thread of its own.
 *
 *  A training step hands work to all threads and waits for them every few microseconds. Where another process
 * holds a processor, a thread is missing for milliseconds, and the team is slower than one thread. A job that
 * waited longer than its own work took is such a stall: where stalls take more than the team saves, the
 * caller works alone for a while and then tries the team again, each time later when that is no better.
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
    double last;     /**< begin of the latest job of the whole team */
    double calm;     /**< for how long the team has worked since the latest stall */
} nib_solo;

/** patience 10 us, pauses of 10 ms to 1 s. */
nib_solo nib_solo_defaults(void);

/** A job begins at `now`. @return it is to be done alone */
bool nib_solo_begin(nib_solo *solo, double now);

/** A job of the whole team is over at `now`: the caller worked for `worked`, then waited for `waited`. After
 * a stall the next pause begins: twice as long as the one before, or the shortest if the team has worked well
 * for four times that. Waits need not be reported that are known to be short. */
void nib_solo_report(nib_solo *solo, double now, double worked, double waited);

#endif
