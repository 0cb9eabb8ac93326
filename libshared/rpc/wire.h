/* The protobuf wire form, field by field. Private to the codec.
 *
 * Stricter than the format where protobuf-c's unpack is: tags and lengths of at most 5 bytes, no groups, field numbers 1 to
 * 2^29-1. */
#pragma once

#include "libshared/base/str.h"
#include "libshared/rpc/schema.h"

#include <string.h>

enum wire_type { WIRE_VARINT = 0, WIRE_FIXED64 = 1, WIRE_BYTES = 2, WIRE_FIXED32 = 5 };

#define WIRE_VARINT_SIZE_MAX 10
#define WIRE_TAG_SIZE_MAX 5
#define WIRE_NUMBER_MAX ((UINT32_C(1) << 29) - 1)

#define WIRE_MAP_KEY 1 /* field numbers in a map's entry message */
#define WIRE_MAP_VALUE 2

struct wire_reader {
    const uint8_t *at, *end;
    bool failed;
};

struct wire_field {
    uint32_t number;
    enum wire_type type;
    uint64_t value;     /* of numbers: the varint, or the fixed bits */
    struct bytes bytes; /* of WIRE_BYTES */
};

static inline struct wire_reader wire_reader(struct bytes wire)
{
    return (struct wire_reader){.at = wire.data, .end = wire.length ? wire.data + wire.length : wire.data};
}

/* A varint of at most `size_max` bytes that fits 64 bits. */
static inline uint64_t wire_read_varint(struct wire_reader *reader, int size_max)
{
    uint64_t value = 0;
    for (int i = 0; i < size_max && reader->at < reader->end; i++) {
        uint8_t byte = *reader->at++;
        if (i == WIRE_VARINT_SIZE_MAX - 1 && byte > 1) {
            break;
        }
        value |= (uint64_t)(byte & 0x7f) << (7 * i);
        if (byte < 0x80) {
            return value;
        }
    }
    reader->failed = true;
    return 0;
}

static inline uint64_t wire_read_fixed(struct wire_reader *reader, size_t size)
{
    uint64_t value = 0;
    if ((size_t)(reader->end - reader->at) < size) {
        reader->failed = true;
        return 0;
    }
    for (size_t i = 0; i < size; i++) {
        value |= (uint64_t)reader->at[i] << (8 * i);
    }
    reader->at += size;
    return value;
}

static inline struct bytes wire_read_bytes(struct wire_reader *reader)
{
    uint64_t length = wire_read_varint(reader, WIRE_TAG_SIZE_MAX);
    if (reader->failed || length > (uint64_t)(reader->end - reader->at)) {
        reader->failed = true;
        return (struct bytes){NULL, 0};
    }
    struct bytes bytes = {.data = reader->at, .length = (size_t)length};
    reader->at += length;
    return bytes;
}

/* The next field; false at the end, and when the bytes are broken (then reader->failed). */
static inline bool wire_next(struct wire_reader *reader, struct wire_field *ret_field)
{
    if (reader->at >= reader->end || reader->failed) {
        return false;
    }
    uint64_t tag = wire_read_varint(reader, WIRE_TAG_SIZE_MAX);
    struct wire_field field = {.number = (uint32_t)(tag >> 3), .type = (enum wire_type)(tag & 7)};
    if (tag >> 3 == 0 || tag >> 3 > WIRE_NUMBER_MAX) {
        reader->failed = true;
    } else if (field.type == WIRE_VARINT) {
        field.value = wire_read_varint(reader, WIRE_VARINT_SIZE_MAX);
    } else if (field.type == WIRE_FIXED64) {
        field.value = wire_read_fixed(reader, 8);
    } else if (field.type == WIRE_FIXED32) {
        field.value = wire_read_fixed(reader, 4);
    } else if (field.type == WIRE_BYTES) {
        field.bytes = wire_read_bytes(reader);
    } else {
        reader->failed = true;
    }
    *ret_field = field;
    return !reader->failed;
}

/* How a value of the type stands on the wire. */
static inline enum wire_type wire_type_of(enum schema_type type)
{
    switch (type) {
    case SCHEMA_DOUBLE:
    case SCHEMA_FIXED64:
    case SCHEMA_SFIXED64:
        return WIRE_FIXED64;
    case SCHEMA_FLOAT:
    case SCHEMA_FIXED32:
    case SCHEMA_SFIXED32:
        return WIRE_FIXED32;
    case SCHEMA_STRING:
    case SCHEMA_BYTES:
    case SCHEMA_MESSAGE:
        return WIRE_BYTES;
    default:
        return WIRE_VARINT;
    }
}

/* Whether several values of a repeated field stand in one length-delimited run. */
static inline bool wire_is_packed(const struct schema_field *field, enum wire_type type)
{
    return field->repeated && type == WIRE_BYTES && wire_type_of(field->type) != WIRE_BYTES;
}

/* One value of a packed run. */
static inline uint64_t wire_read_packed(struct wire_reader *reader, enum wire_type type)
{
    return type == WIRE_VARINT ? wire_read_varint(reader, WIRE_VARINT_SIZE_MAX)
                               : wire_read_fixed(reader, type == WIRE_FIXED64 ? 8 : 4);
}

static inline int64_t wire_unzigzag(uint64_t value)
{
    return (int64_t)((value >> 1) ^ (~(value & 1) + 1));
}

static inline uint64_t wire_zigzag(int64_t value)
{
    return ((uint64_t)value << 1) ^ (uint64_t)(value >> 63);
}

/* The bits of an integer, enum or bool as a signed number; of uint64 and fixed64 the same bits. */
static inline int64_t wire_to_integer(enum schema_type type, uint64_t value)
{
    switch (type) {
    case SCHEMA_INT32:
    case SCHEMA_SFIXED32:
    case SCHEMA_ENUM:
        return (int32_t)(uint32_t)value;
    case SCHEMA_UINT32:
    case SCHEMA_FIXED32:
        return (int64_t)(uint32_t)value;
    case SCHEMA_SINT32:
        return (int32_t)wire_unzigzag((uint32_t)value);
    case SCHEMA_SINT64:
        return wire_unzigzag(value);
    case SCHEMA_BOOL:
        return value != 0;
    default:
        return (int64_t)value;
    }
}

/* Whether the value is what an absent field has. */
static inline bool wire_is_default(enum schema_type type, const struct wire_field *value)
{
    if (value->type == WIRE_BYTES) {
        return value->bytes.length == 0;
    }
    return value->type == WIRE_VARINT ? wire_to_integer(type, value->value) == 0 : value->value == 0;
}

static inline double wire_to_double(uint64_t value)
{
    double number;
    memcpy(&number, &value, sizeof(number));
    return number;
}

static inline float wire_to_float(uint64_t value)
{
    uint32_t bits = (uint32_t)value;
    float number;
    memcpy(&number, &bits, sizeof(number));
    return number;
}

static inline size_t wire_put_varint(uint8_t *out, uint64_t value)
{
    size_t length = 0;
    while (value >= 0x80) {
        out[length++] = (uint8_t)(value | 0x80);
        value >>= 7;
    }
    out[length++] = (uint8_t)value;
    return length;
}

static inline size_t wire_put_tag(uint8_t *out, uint32_t number, enum wire_type type)
{
    return wire_put_varint(out, (uint64_t)number << 3 | type);
}

/* seconds and nanos of a google.protobuf.Timestamp; false when the bytes are not one. */
struct wire_timestamp {
    int64_t seconds;
    int32_t nanos;
};
#define WIRE_TIMESTAMP_SECONDS_MIN INT64_C(-62135596800) /* 0001-01-01T00:00:00Z */
#define WIRE_TIMESTAMP_SECONDS_MAX INT64_C(253402300799) /* 9999-12-31T23:59:59Z */

bool wire_read_timestamp(struct bytes wire, struct wire_timestamp *ret_timestamp);
bool wire_timestamp_in_range(struct wire_timestamp timestamp);

/* The key of a map's entry, and whether `rest` of the message has another entry with that key. Neither fails: broken bytes
 * are found by whoever reads them. */
struct wire_field wire_map_key(const struct schema_message *entry, struct bytes wire);
bool wire_map_key_recurs(const struct schema_field *map, struct wire_reader rest, const struct wire_field *key);
