/* Memory of one request or domain event: allocated piece by piece, freed at once.
 *
 * An arena is used by one thread at a time. Every allocation is zeroed and aligned for any type. Past the cap, or when the
 * system is out of memory, allocation returns NULL; callers answer err_out_of_memory(). */
#pragma once

#include <stdarg.h>
#include <stddef.h>

struct arena;

#define ARENA_CAP_DEFAULT_BYTES ((size_t)64 * 1024 * 1024)

/* A new arena that will hold at most `cap_bytes`; NULL when out of memory. */
struct arena *arena_new(size_t cap_bytes);
/* Frees the arena and all it holds. NULL is fine. */
void arena_free(struct arena *arena);
/* Forgets what it holds, keeps a first block for reuse. */
void arena_reset(struct arena *arena);

void *arena_alloc(struct arena *arena, size_t size_bytes);
/* An array of `count` elements; NULL also when the product overflows. */
void *arena_calloc(struct arena *arena, size_t count, size_t size_bytes);
void *arena_memdup(struct arena *arena, const void *bytes, size_t size_bytes);
char *arena_strdup(struct arena *arena, const char *text);
char *arena_strndup(struct arena *arena, const char *text, size_t length);
char *arena_printf(struct arena *arena, const char *format, ...) __attribute__((format(printf, 2, 3)));
char *arena_vprintf(struct arena *arena, const char *format, va_list arguments) __attribute__((format(printf, 2, 0)));
size_t arena_used_bytes(const struct arena *arena);

static inline void arena_cleanup(struct arena **arena)
{
    arena_free(*arena);
}
#define ARENA_AUTO __attribute__((cleanup(arena_cleanup))) struct arena *
