/** A thread that takes a processor away: it spins, pinned to the last processor this process may use. */
#ifndef NIB_TOOLS_BENCH_HOG_H
#define NIB_TOOLS_BENCH_HOG_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "core/status.h"

typedef struct nib_bench_hog {
    pthread_t thread;
    atomic_bool stop;
} nib_bench_hog;

/** Errors: NIB_ERR_SYSTEM. */
NIB_MUST_USE nib_status nib_bench_hog_start(nib_bench_hog *hog, nib_error *err);
/** Return when the thread has ended. */
void nib_bench_hog_stop(nib_bench_hog *hog);

#endif
