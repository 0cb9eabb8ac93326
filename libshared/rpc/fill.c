#include "libshared/rpc/fill.h"

char *fill_uuid(struct arena *arena, struct uuid uuid)
{
    char *text = arena_alloc(arena, UUID_TEXT_SIZE);
    if (text) {
        uuid_format(uuid, text);
    }
    return text;
}

char *fill_uuid_or_empty(struct arena *arena, struct uuid uuid)
{
    return uuid_is_nil(uuid) ? arena_strdup(arena, "") : fill_uuid(arena, uuid);
}

Google__Protobuf__Timestamp *fill_instant(struct arena *arena, struct instant instant)
{
    Google__Protobuf__Timestamp *timestamp = arena_alloc(arena, sizeof(*timestamp));
    if (timestamp) {
        google__protobuf__timestamp__init(timestamp);
        int64_t fraction_us = ((instant.us % 1000000) + 1000000) % 1000000;
        timestamp->seconds = (instant.us - fraction_us) / 1000000;
        timestamp->nanos = (int32_t)(fraction_us * 1000);
    }
    return timestamp;
}
