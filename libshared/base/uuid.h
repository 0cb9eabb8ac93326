/* UUIDs (RFC 9562). New ones are version 7: in order of time. */
#pragma once

#include "libshared/base/clock.h"

#include <stdbool.h>
#include <stdint.h>

struct uuid {
    uint8_t bytes[16];
};

#define UUID_TEXT_LENGTH 36
#define UUID_TEXT_SIZE 37

/* A version 7 UUID of `now`; unique across processes, increasing within one. Thread-safe. */
struct uuid uuid_v7(struct instant now);
/* The 36-character form in either case; nothing else. */
bool uuid_parse(const char *text, struct uuid *ret_uuid);
/* Lower case. Returns `text`. */
const char *uuid_format(struct uuid uuid, char text[UUID_TEXT_SIZE]);
bool uuid_equal(struct uuid a, struct uuid b);
bool uuid_is_nil(struct uuid uuid);
int uuid_compare(struct uuid a, struct uuid b);
uint64_t uuid_hash(struct uuid uuid); /* hash_fnv1a of the 16 bytes */
