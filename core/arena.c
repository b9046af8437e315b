#include "core/arena.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum { BLOCK_BYTES = 16384, SMALL_ALIGN = 16, HUGE_PAGE = 2 << 20, LARGE_BYTES = 4 * HUGE_PAGE };

/* Blocks are aligned to NIB_ALIGN; the header takes one alignment unit so that the payload is aligned too. */
typedef struct block {
    struct block *next;
    size_t used, size; /* payload bytes */
} block;

struct nib_arena {
    block *head;
};

void *nib_aligned_alloc(size_t bytes)
{
    if (bytes > SIZE_MAX - NIB_ALIGN)
        return NULL;
    size_t rounded = (bytes + NIB_ALIGN - 1) / NIB_ALIGN * NIB_ALIGN;
    if (rounded == 0)
        rounded = NIB_ALIGN;
    const bool large = rounded >= LARGE_BYTES && rounded <= SIZE_MAX - HUGE_PAGE;
    if (large)
        rounded = (rounded + HUGE_PAGE - 1) / HUGE_PAGE * HUGE_PAGE;
    void *p = aligned_alloc(large ? HUGE_PAGE : NIB_ALIGN, rounded);
    if (!p)
        return NULL;
#ifdef MADV_HUGEPAGE
    /* Rows of a data set are read at random: with small pages every one costs a walk through the page table.
     * Only a wish, so its failure is none. */
    if (large)
        (void)madvise(p, rounded, MADV_HUGEPAGE);
#endif
    return memset(p, 0, rounded);
}

void nib_aligned_free(void *block_)
{
    free(block_);
}

nib_arena *nib_arena_create(void)
{
    return calloc(1, sizeof(nib_arena));
}

void nib_arena_destroy(nib_arena *arena)
{
    if (!arena)
        return;
    for (block *b = arena->head; b;) {
        block *next = b->next;
        nib_aligned_free(b);
        b = next;
    }
    free(arena);
}

void *nib_arena_alloc(nib_arena *arena, size_t count, size_t size)
{
    if (size && count > (SIZE_MAX / 2) / size)
        return NULL;
    size_t bytes = count * size;
    size_t align = bytes >= NIB_ALIGN ? NIB_ALIGN : SMALL_ALIGN;
    block *b = arena->head;
    size_t at = b ? (b->used + align - 1) / align * align : 0;
    if (!b || at + bytes > b->size) {
        size_t payload = bytes > BLOCK_BYTES ? bytes : BLOCK_BYTES;
        block *fresh = nib_aligned_alloc(NIB_ALIGN + payload);
        if (!fresh)
            return NULL;
        fresh->size = payload;
        /* A large request gets a block of its own behind the head, so that the head's free space is kept. */
        if (b && bytes > BLOCK_BYTES / 2) {
            fresh->next = b->next;
            b->next = fresh;
        } else {
            fresh->next = b;
            arena->head = fresh;
        }
        b = fresh;
        at = 0;
    }
    b->used = at + bytes;
    return (char *)b + NIB_ALIGN + at;
}

char *nib_arena_strndup(nib_arena *arena, const char *text, size_t n)
{
    char *copy = nib_arena_alloc(arena, n + 1, 1);
    if (copy)
        memcpy(copy, text, n);
    return copy;
}

char *nib_arena_strdup(nib_arena *arena, const char *text)
{
    return nib_arena_strndup(arena, text, strlen(text));
}

char *nib_arena_printf(nib_arena *arena, const char *format, ...)
{
    va_list args, again;
    va_start(args, format);
    va_copy(again, args);
    int n = vsnprintf(NULL, 0, format, args);
    va_end(args);
    char *text = n < 0 ? NULL : nib_arena_alloc(arena, (size_t)n + 1, 1);
    if (text)
        (void)vsnprintf(text, (size_t)n + 1, format, again);
    va_end(again);
    return text;
}
