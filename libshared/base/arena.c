#include "libshared/base/arena.h"

#include <stdalign.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BLOCK_FIRST_BYTES ((size_t)4 * 1024)
#define BLOCK_MAX_BYTES ((size_t)256 * 1024)
#define ALIGNMENT alignof(max_align_t)

struct block {
    struct block *next;
    size_t size_bytes; /* of `data` */
    size_t used_bytes;
    alignas(max_align_t) unsigned char data[];
};

struct arena {
    struct block *current; /* the newest; older ones behind it */
    size_t cap_bytes;
    size_t used_bytes; /* handed out, with padding */
    size_t next_block_bytes;
};

struct arena *arena_new(size_t cap_bytes)
{
    struct arena *arena = calloc(1, sizeof(*arena));
    if (!arena) {
        return NULL;
    }
    arena->cap_bytes = cap_bytes;
    arena->next_block_bytes = BLOCK_FIRST_BYTES;
    return arena;
}

static void free_blocks(struct block *block)
{
    while (block) {
        struct block *next = block->next;
        free(block);
        block = next;
    }
}

void arena_free(struct arena *arena)
{
    if (!arena) {
        return;
    }
    free_blocks(arena->current);
    free(arena);
}

void arena_reset(struct arena *arena)
{
    struct block *kept = arena->current;
    arena->used_bytes = 0;
    if (!kept) {
        return;
    }
    free_blocks(kept->next);
    kept->next = NULL;
    kept->used_bytes = 0;
    if (kept->size_bytes > BLOCK_MAX_BYTES) { /* one huge request must not stay for ever */
        free(kept);
        arena->current = NULL;
        arena->next_block_bytes = BLOCK_FIRST_BYTES;
    }
}

static struct block *add_block(struct arena *arena, size_t needed_bytes)
{
    size_t size_bytes = arena->next_block_bytes > needed_bytes ? arena->next_block_bytes : needed_bytes;
    if (size_bytes > SIZE_MAX - sizeof(struct block)) {
        return NULL;
    }
    struct block *block = malloc(sizeof(*block) + size_bytes);
    if (!block) {
        return NULL;
    }
    block->next = arena->current;
    block->size_bytes = size_bytes;
    block->used_bytes = 0;
    arena->current = block;
    if (arena->next_block_bytes < BLOCK_MAX_BYTES) {
        arena->next_block_bytes *= 2;
    }
    return block;
}

void *arena_alloc(struct arena *arena, size_t size_bytes)
{
    if (size_bytes > SIZE_MAX - ALIGNMENT) {
        return NULL;
    }
    size_t rounded = (size_bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    if (rounded == 0) {
        rounded = ALIGNMENT; /* distinct, non-NULL even for nothing */
    }
    if (rounded > arena->cap_bytes || arena->used_bytes > arena->cap_bytes - rounded) {
        return NULL;
    }
    struct block *block = arena->current;
    if (!block || block->size_bytes - block->used_bytes < rounded) {
        block = add_block(arena, rounded);
        if (!block) {
            return NULL;
        }
    }
    void *memory = block->data + block->used_bytes;
    block->used_bytes += rounded;
    arena->used_bytes += rounded;
    return memset(memory, 0, rounded);
}

void *arena_calloc(struct arena *arena, size_t count, size_t size_bytes)
{
    size_t total;
    if (__builtin_mul_overflow(count, size_bytes, &total)) {
        return NULL;
    }
    return arena_alloc(arena, total);
}

void *arena_memdup(struct arena *arena, const void *bytes, size_t size_bytes)
{
    void *copy = arena_alloc(arena, size_bytes);
    if (copy && size_bytes > 0) {
        memcpy(copy, bytes, size_bytes);
    }
    return copy;
}

char *arena_strdup(struct arena *arena, const char *text)
{
    return arena_memdup(arena, text, strlen(text) + 1);
}

char *arena_strndup(struct arena *arena, const char *text, size_t length)
{
    if (length == SIZE_MAX) {
        return NULL;
    }
    char *copy = arena_alloc(arena, length + 1);
    if (copy && length > 0) {
        memcpy(copy, text, length);
    }
    return copy;
}

char *arena_printf(struct arena *arena, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    char *text = arena_vprintf(arena, format, arguments);
    va_end(arguments);
    return text;
}

char *arena_vprintf(struct arena *arena, const char *format, va_list arguments)
{
    va_list again;
    va_copy(again, arguments);
    int length = vsnprintf(NULL, 0, format, arguments);
    char *text = length < 0 ? NULL : arena_alloc(arena, (size_t)length + 1);
    if (text) {
        vsnprintf(text, (size_t)length + 1, format, again);
    }
    va_end(again);
    return text;
}

size_t arena_used_bytes(const struct arena *arena)
{
    return arena->used_bytes;
}
