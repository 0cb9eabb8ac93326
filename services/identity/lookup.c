#include "services/identity/lookup.h"

#include "libshared/base/check.h"

#include <stdlib.h>
#include <string.h>

bool lookup_init(struct lookup *lookup, struct arena *arena, size_t capacity)
{
    *lookup = (struct lookup){
        .entries = arena_calloc(arena, capacity ? capacity : 1, sizeof(*lookup->entries)), .capacity = capacity};
    return lookup->entries != NULL;
}

void lookup_add(struct lookup *lookup, const char *key, size_t position)
{
    if (key[0] == '\0') {
        return;
    }
    check(lookup->count < lookup->capacity);
    lookup->entries[lookup->count++] = (struct lookup_entry){key, position};
}

static int compare(const void *a, const void *b)
{
    const struct lookup_entry *one = a, *other = b;
    int order = strcmp(one->key, other->key);
    return order != 0 ? order : (one->position > other->position) - (one->position < other->position);
}

void lookup_sort(struct lookup *lookup)
{
    qsort(lookup->entries, lookup->count, sizeof(*lookup->entries), compare);
}

size_t lookup_find(const struct lookup *lookup, const char *key)
{
    size_t low = 0, high = lookup->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (strcmp(lookup->entries[middle].key, key) < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    bool found = low < lookup->count && strcmp(lookup->entries[low].key, key) == 0;
    return found ? lookup->entries[low].position : LOOKUP_NONE;
}
