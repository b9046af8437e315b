/** The order in which an epoch takes the training rows. It follows from the seed and the epoch alone; while
 * one epoch runs, the next one's order is made a few swaps at a time. */
#ifndef NIB_TRAIN_ORDER_H
#define NIB_TRAIN_ORDER_H

#include "core/arena.h"
#include "core/rng.h"
#include "core/status.h"

typedef struct nib_order {
    int64_t rows;
    uint64_t seed;
    bool shuffles;
    int32_t *index[2]; /**< [rows]: of the running epoch and of the one to come; the same without shuffling */
    int now;           /**< which of them is the running one's */
    int64_t next;      /**< epoch that the other one is for, or -1: not begun */
    nib_shuffle shuffle;
} nib_order;

/** @param shuffles  false: the rows as they are, in every epoch
 *  Errors: NIB_ERR_MEMORY. */
NIB_MUST_USE nib_status nib_order_create(nib_order *order, nib_arena *arena, int64_t rows, uint64_t seed,
                                         bool shuffles, nib_error *err);

/** The order of `epoch` (0 for the first), [rows], until the next call. */
const int32_t *nib_order_begin(nib_order *order, int64_t epoch);

/** A step of the epoch that nib_order_begin was called for has taken so many rows: a like share of the work
 * on the epoch after it is done. */
void nib_order_advance(nib_order *order, int64_t epoch, int64_t rows);

#endif
