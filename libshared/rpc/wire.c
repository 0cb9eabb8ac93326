#include "libshared/rpc/wire.h"

bool wire_read_timestamp(struct bytes wire, struct wire_timestamp *ret_timestamp)
{
    struct wire_timestamp timestamp = {0};
    struct wire_reader reader = wire_reader(wire);
    struct wire_field field;
    while (wire_next(&reader, &field)) {
        if (field.number <= 2 && field.type != WIRE_VARINT) {
            return false;
        }
        if (field.number == 1) {
            timestamp.seconds = (int64_t)field.value;
        } else if (field.number == 2) {
            timestamp.nanos = (int32_t)(uint32_t)field.value;
        }
    }
    *ret_timestamp = timestamp;
    return !reader.failed;
}

bool wire_timestamp_in_range(struct wire_timestamp timestamp)
{
    return timestamp.seconds >= WIRE_TIMESTAMP_SECONDS_MIN && timestamp.seconds <= WIRE_TIMESTAMP_SECONDS_MAX &&
           timestamp.nanos >= 0 && timestamp.nanos <= 999999999;
}

struct wire_field wire_map_key(const struct schema_message *entry, struct bytes wire)
{
    const struct schema_field *key_field = schema_find_field_number(entry, WIRE_MAP_KEY);
    struct wire_field key = {.number = WIRE_MAP_KEY, .type = wire_type_of(key_field->type)};
    struct wire_reader reader = wire_reader(wire);
    struct wire_field field;
    while (wire_next(&reader, &field)) {
        if (field.number == WIRE_MAP_KEY && field.type == key.type) {
            key = field;
        }
    }
    key.value = (uint64_t)wire_to_integer(key_field->type, key.value);
    return key;
}

static bool keys_equal(const struct wire_field *a, const struct wire_field *b)
{
    return a->value == b->value && a->bytes.length == b->bytes.length &&
           (a->bytes.length == 0 || memcmp(a->bytes.data, b->bytes.data, a->bytes.length) == 0);
}

bool wire_map_key_recurs(const struct schema_field *map, struct wire_reader rest, const struct wire_field *key)
{
    struct wire_field field;
    while (wire_next(&rest, &field)) {
        if (field.number == map->number && field.type == WIRE_BYTES) {
            struct wire_field other = wire_map_key(map->message, field.bytes);
            if (keys_equal(key, &other)) {
                return true;
            }
        }
    }
    return false;
}
