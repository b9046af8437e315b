/** Arenas: memory by lifetime. Everything taken from an arena is freed at once by nib_arena_destroy. */
#ifndef NIB_CORE_ARENA_H
#define NIB_CORE_ARENA_H

#include <stdarg.h>
#include <stddef.h>

#include "core/status.h"

enum { NIB_ALIGN = 64 }; /**< bytes: one cache line, one AVX-512 vector */

typedef struct nib_arena nib_arena;

/** @return a new arena, owned by the caller, or NULL when out of memory. */
nib_arena *nib_arena_create(void);

/** Free the arena and all that was taken from it. NULL-safe. */
void nib_arena_destroy(nib_arena *arena);

/** `count * size` zeroed bytes, aligned to NIB_ALIGN when they are 64 bytes or more, else to 16.
 *  @return NULL when out of memory or when the product overflows. A request of 0 bytes gives a valid pointer.
 */
void *nib_arena_alloc(nib_arena *arena, size_t count, size_t size);

/** Typed form: `float *x = NIB_NEW(arena, float, n);` */
#define NIB_NEW(arena, type, count) ((type *)nib_arena_alloc((arena), (size_t)(count), sizeof(type)))

/** Copies of a string; NULL when out of memory. */
char *nib_arena_strdup(nib_arena *arena, const char *text);
char *nib_arena_strndup(nib_arena *arena, const char *text, size_t n);
char *nib_arena_printf(nib_arena *arena, const char *format, ...) NIB_PRINTF(2, 3);

/** One zeroed, NIB_ALIGN-aligned block of `bytes` outside any arena; free with nib_aligned_free. */
void *nib_aligned_alloc(size_t bytes);
void nib_aligned_free(void *block);

#endif
