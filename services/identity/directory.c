#include "services/identity/directory.h"

#include <string.h>

#define CUT_NAME_LENGTH 64

char *directory_pattern(struct arena *arena, const char *query)
{
    char *pattern = arena_alloc(arena, strlen(query) * 2 + 3);
    if (!pattern) {
        return NULL;
    }
    char *at = pattern;
    *at++ = '%';
    for (; *query; query++) {
        if (strchr("\\%_", *query)) {
            *at++ = '\\';
        }
        *at++ = *query;
    }
    *at++ = '%';
    *at = '\0';
    return pattern;
}

bool directory_slug_is_valid(const char *slug)
{
    size_t length = strlen(slug);
    bool plain = length > 0 && strspn(slug, "abcdefghijklmnopqrstuvwxyz0123456789-") == length;
    return plain && slug[0] != '-' && slug[length - 1] != '-';
}

char *directory_cut_name(struct arena *arena, const char *name)
{
    size_t length = 0;
    for (int characters = 0; name[length]; length++) {
        bool begins_character = ((unsigned char)name[length] & 0xc0) != 0x80;
        characters += begins_character;
        if (characters > CUT_NAME_LENGTH) {
            break;
        }
    }
    return arena_strndup(arena, name, length);
}
