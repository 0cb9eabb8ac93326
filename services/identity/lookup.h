/* Positions by key: filled, sorted once, then searched. Keys are compared as bytes; they must live as long as the lookup.
 * Pure. */
#pragma once

#include "libshared/base/arena.h"

#include <stdbool.h>
#include <stddef.h>

#define LOOKUP_NONE ((size_t)-1)

struct lookup_entry {
    const char *key;
    size_t position;
};

struct lookup {
    struct lookup_entry *entries;
    size_t count, capacity;
};

/* Room for `capacity` entries; false when out of memory. */
bool lookup_init(struct lookup *lookup, struct arena *arena, size_t capacity);
/* At most `capacity` of them; an empty key is left out. */
void lookup_add(struct lookup *lookup, const char *key, size_t position);
void lookup_sort(struct lookup *lookup);
/* The lowest position with this key, or LOOKUP_NONE. */
size_t lookup_find(const struct lookup *lookup, const char *key);
