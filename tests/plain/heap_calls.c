/* No heap call in a training step: an epoch of many steps makes as many as one of few. malloc and its kin are
 * counted by wrappers that the linker puts before libc's. */
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/train/toy.c"

/* The sanitizers put their own malloc before libc's. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
int main(void)
{
    puts("heap calls cannot be counted under a sanitizer");
    return 77;
}
#else

static atomic_long calls;

void *__libc_malloc(size_t bytes);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *old, size_t bytes);
void *__libc_memalign(size_t alignment, size_t bytes);

void *malloc(size_t bytes)
{
    atomic_fetch_add(&calls, 1);
    return __libc_malloc(bytes);
}

void *calloc(size_t count, size_t size)
{
    atomic_fetch_add(&calls, 1);
    return __libc_calloc(count, size);
}

void *realloc(void *old, size_t bytes)
{
    atomic_fetch_add(&calls, 1);
    return __libc_realloc(old, bytes);
}

void *aligned_alloc(size_t alignment, size_t bytes)
{
    atomic_fetch_add(&calls, 1);
    return __libc_memalign(alignment, bytes);
}

static long calls_of_epochs(int batch, int threads)
{
    toy t;
    nib_error err;
    nib_fit_result result;
    char train[128];
    (void)snprintf(train, sizeof train, "{epochs: 2, batch: %d, metrics: [accuracy], clip_norm: 1}", batch);
    toy_create(&t, "{mlp: {hidden: [16, 8], batch_norm: true, dropout: 0.1}}", train, 4096, threads);
    long before = atomic_load(&calls);
    if (toy_fit(&t, &result, &err) != NIB_OK) {
        fprintf(stderr, "%s\n", err.message);
        exit(1);
    }
    long n = atomic_load(&calls) - before;
    toy_destroy(&t);
    return n;
}

int main(void)
{
    int failed = 0;
    for (int threads = 1; threads <= 2; threads++) {
        (void)calls_of_epochs(1024, threads); /* libraries set themselves up on first use */
        long few = calls_of_epochs(1024, threads), many = calls_of_epochs(4, threads);
        printf("%d threads: %ld heap calls with 8 steps, %ld with 2048\n", threads, few, many);
        if (few != many || few == 0)
            failed = 1;
    }
    return failed;
}
#endif
