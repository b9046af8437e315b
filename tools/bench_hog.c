#include "tools/bench_hog.h"

#include <sched.h>
#include <string.h>

static void *spin(void *context)
{
    nib_bench_hog *hog = context;
    while (!atomic_load_explicit(&hog->stop, memory_order_relaxed)) {
    }
    return NULL;
}

/* The last processor of the process as attributes of a new thread. */
static int pin(pthread_attr_t *attributes)
{
    cpu_set_t all, one;
    int error = pthread_getaffinity_np(pthread_self(), sizeof all, &all);
    size_t last = 0;
    for (size_t i = 0; i < CPU_SETSIZE && !error; ++i)
        if (CPU_ISSET(i, &all))
            last = i;
    CPU_ZERO(&one);
    CPU_SET(last, &one);
    return error ? error : pthread_attr_setaffinity_np(attributes, sizeof one, &one);
}

nib_status nib_bench_hog_start(nib_bench_hog *hog, nib_error *err)
{
    pthread_attr_t attributes;
    atomic_init(&hog->stop, false);
    int error = pthread_attr_init(&attributes);
    if (!error) {
        error = pin(&attributes);
        if (!error)
            error = pthread_create(&hog->thread, &attributes, spin, hog);
        (void)pthread_attr_destroy(&attributes);
    }
    if (error)
        return nib_fail(err, NIB_ERR_SYSTEM, "the hog's thread cannot be started: %s", strerror(error));
    return NIB_OK;
}

void nib_bench_hog_stop(nib_bench_hog *hog)
{
    atomic_store(&hog->stop, true);
    (void)pthread_join(hog->thread, NULL);
}
