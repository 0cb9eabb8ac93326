#include "libshared/rpc/json.h"

#include "gen/kongsi_errors.h"
#include "libshared/base/clock.h"
#include "libshared/rpc/wire.h"

#include <inttypes.h>
#include <math.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>

#define NUMBER_TEXT_SIZE 40
#define BASE64_CHUNK_BYTES 768 /* a multiple of 3, so that chunks join without padding */

/* Where a field's values stand in the wire bytes of its message: from the first tag (of a singular field: the last one,
 * which wins) to the end of the last value. 4-byte offsets, as every level of nesting has an array of these on the stack; an
 * empty span: absent. */
struct span {
    uint32_t begin, end;
};

static struct err *write_message(const struct schema_message *message, struct bytes wire, struct buf *json);

static struct err *wire_broken(const struct schema_message *message)
{
    return err_new(&KONGSI_BODY_INVALID, "the bytes are not a %s", message->full_name);
}

static void write_float(double number, int digits_min, int digits_max, struct buf *json)
{
    char text[NUMBER_TEXT_SIZE];
    if (!isfinite(number)) {
        buf_append_text(json, isnan(number) ? "\"NaN\"" : number > 0 ? "\"Infinity\"" : "\"-Infinity\"");
        return;
    }
    if (number == 0) {
        buf_append_text(json, signbit(number) ? "-0.0" : "0"); /* a reader takes "-0" for an integer and drops its sign */
        return;
    }
    for (int digits = digits_min; digits <= digits_max; digits++) {
        snprintf(text, sizeof(text), "%.*g", digits, number);
        bool same = digits_max > 9 ? strtod(text, NULL) == number : (double)strtof(text, NULL) == number;
        if (same) {
            break;
        }
    }
    buf_append_text(json, text);
}

static size_t print_unsigned(char *end, uint64_t number)
{
    char *at = end;
    do {
        *--at = (char)('0' + number % 10);
        number /= 10;
    } while (number > 0);
    return (size_t)(end - at);
}

static void write_integer(const struct schema_field *field, uint64_t bits, bool quoted, struct buf *json)
{
    char text[NUMBER_TEXT_SIZE];
    char *end = text + sizeof(text);
    int64_t number = wire_to_integer(field->type, bits);
    bool negative = number < 0 && field->type != SCHEMA_UINT64 && field->type != SCHEMA_FIXED64;
    char *at = end;
    if (quoted) {
        *--at = '"';
    }
    at -= print_unsigned(at, negative ? ~(uint64_t)number + 1 : (uint64_t)number);
    if (negative) {
        *--at = '-';
    }
    if (quoted) {
        *--at = '"';
    }
    buf_append(json, at, (size_t)(end - at));
}

static void write_enum(const struct schema_enum *enumeration, int32_t number, struct buf *json)
{
    for (size_t i = 0; i < enumeration->value_count; i++) {
        if (enumeration->values[i].number == number) {
            buf_append_char(json, '"');
            buf_append_text(json, enumeration->values[i].name);
            buf_append_char(json, '"');
            return;
        }
    }
    buf_printf(json, "%" PRId32, number); /* of a newer schema */
}

static void write_number(const struct schema_field *field, uint64_t bits, struct buf *json)
{
    switch (field->type) {
    case SCHEMA_DOUBLE:
        write_float(wire_to_double(bits), 15, 17, json);
        break;
    case SCHEMA_FLOAT:
        write_float((double)wire_to_float(bits), 6, 9, json);
        break;
    case SCHEMA_BOOL:
        buf_append_text(json, bits ? "true" : "false");
        break;
    case SCHEMA_ENUM:
        write_enum(field->enumeration, (int32_t)(uint32_t)bits, json);
        break;
    case SCHEMA_INT64:
    case SCHEMA_UINT64:
    case SCHEMA_SINT64:
    case SCHEMA_FIXED64:
    case SCHEMA_SFIXED64:
        write_integer(field, bits, true, json);
        break;
    default:
        write_integer(field, bits, false, json);
    }
}

static void write_base64(struct bytes bytes, struct buf *json)
{
    char text[sodium_base64_ENCODED_LEN(BASE64_CHUNK_BYTES, sodium_base64_VARIANT_ORIGINAL)];
    buf_append_char(json, '"');
    for (size_t at = 0; at < bytes.length; at += BASE64_CHUNK_BYTES) {
        size_t left = bytes.length - at;
        size_t piece = left < BASE64_CHUNK_BYTES ? left : BASE64_CHUNK_BYTES;
        sodium_bin2base64(text, sizeof(text), bytes.data + at, piece, sodium_base64_VARIANT_ORIGINAL);
        buf_append_text(json, text);
    }
    buf_append_char(json, '"');
}

/* RFC 3339 with 0, 3, 6 or 9 digits of the second. */
static struct err *write_timestamp(const struct schema_message *message, struct bytes wire, struct buf *json)
{
    struct wire_timestamp timestamp;
    char text[INSTANT_TEXT_SIZE];
    if (!wire_read_timestamp(wire, &timestamp) || !wire_timestamp_in_range(timestamp)) {
        return wire_broken(message);
    }
    instant_format((struct instant){timestamp.seconds * 1000000 + timestamp.nanos / 1000}, text);
    buf_append_char(json, '"');
    if (timestamp.nanos % 1000 == 0) {
        buf_append_text(json, text);
    } else {
        buf_append(json, text, strlen("2026-11-22T08:00:00"));
        buf_printf(json, ".%09" PRId32 "Z", timestamp.nanos);
    }
    buf_append_char(json, '"');
    return NULL;
}

/* A value of a length-delimited type. */
static struct err *write_bytes(const struct schema_field *field, struct bytes bytes, struct buf *json)
{
    if (field->type == SCHEMA_BYTES) {
        write_base64(bytes, json);
        return NULL;
    }
    if (field->type == SCHEMA_MESSAGE) {
        return field->message->timestamp ? write_timestamp(field->message, bytes, json)
                                         : write_message(field->message, bytes, json);
    }
    const char *text = (const char *)bytes.data;
    if (!utf8_valid(text, bytes.length) || (bytes.length > 0 && memchr(text, '\0', bytes.length))) {
        return err_new(&KONGSI_BODY_INVALID, "%s is not UTF-8 without U+0000", field->name);
    }
    buf_append_json_string(json, text, bytes.length);
    return NULL;
}

static struct err *write_value(const struct schema_field *field, const struct wire_field *value, struct buf *json)
{
    if (value->type == WIRE_BYTES) {
        return write_bytes(field, value->bytes, json);
    }
    write_number(field, value->value, json);
    return NULL;
}

/* The value of an absent field. */
static void write_default(const struct schema_field *field, struct buf *json)
{
    if (field->map) {
        buf_append(json, "{}", 2);
    } else if (field->repeated) {
        buf_append(json, "[]", 2);
    } else if (field->type == SCHEMA_STRING || field->type == SCHEMA_BYTES) {
        buf_append(json, "\"\"", 2);
    } else {
        write_number(field, 0, json);
    }
}

/* "name":value of one entry of a map. */
static struct err *write_entry(const struct schema_field *map, struct bytes entry, struct buf *json)
{
    const struct schema_field *key_field = schema_find_field_number(map->message, WIRE_MAP_KEY);
    const struct schema_field *value_field = schema_find_field_number(map->message, WIRE_MAP_VALUE);
    struct wire_field key = wire_map_key(map->message, entry);
    if (key.type == WIRE_BYTES) {
        ERR_TRY(write_bytes(key_field, key.bytes, json));
    } else if (key_field->type == SCHEMA_BOOL) {
        buf_append_text(json, key.value ? "\"true\"" : "\"false\"");
    } else {
        struct schema_field plain = *key_field;
        plain.type = key_field->type == SCHEMA_UINT64 || key_field->type == SCHEMA_FIXED64 ? SCHEMA_UINT64 : SCHEMA_INT64;
        write_integer(&plain, key.value, true, json); /* wire_map_key has undone the wire form */
    }
    buf_append_char(json, ':');
    struct wire_reader reader = wire_reader(entry);
    struct wire_field field;
    struct wire_field value = {.number = 0};
    while (wire_next(&reader, &field)) {
        const struct schema_field *known = field.number == WIRE_MAP_KEY ? key_field : value_field;
        if (field.number > WIRE_MAP_VALUE) {
            continue;
        }
        bool again = value.number != 0 && known == value_field && value_field->message;
        if (field.type != wire_type_of(known->type) || again) {
            return wire_broken(map->message);
        }
        if (field.number == WIRE_MAP_VALUE) {
            value = field;
        }
    }
    if (reader.failed) {
        return wire_broken(map->message);
    }
    if (value.number != 0) {
        return write_value(value_field, &value, json);
    }
    if (value_field->message) {
        return write_bytes(value_field, (struct bytes){NULL, 0}, json);
    }
    write_default(value_field, json);
    return NULL;
}

/* The elements of a repeated field; values of other fields may stand between them. */
static struct err *write_list(const struct schema_field *field, struct bytes span, struct buf *json)
{
    struct wire_reader reader = wire_reader(span);
    struct wire_field value;
    enum wire_type type = wire_type_of(field->type);
    char separator = '[';
    while (wire_next(&reader, &value)) {
        if (value.number != field->number) {
            continue;
        }
        if (!wire_is_packed(field, value.type)) {
            buf_append_char(json, separator);
            separator = ',';
            ERR_TRY(write_value(field, &value, json));
            continue;
        }
        struct wire_reader run = wire_reader(value.bytes);
        while (run.at < run.end) {
            uint64_t bits = wire_read_packed(&run, type);
            if (run.failed) {
                return err_new(&KONGSI_BODY_INVALID, "%s ends within a number", field->name);
            }
            buf_append_char(json, separator);
            separator = ',';
            write_number(field, bits, json);
        }
    }
    buf_append_text(json, separator == '[' ? "[]" : "]"); /* an empty packed run */
    return NULL;
}

/* The entries of a map; of several with one key the last wins. */
static struct err *write_map(const struct schema_field *field, struct bytes span, struct buf *json)
{
    struct wire_reader reader = wire_reader(span);
    struct wire_field value;
    char separator = '{';
    int count = 0;
    while (wire_next(&reader, &value)) {
        if (value.number != field->number) {
            continue;
        }
        if (++count > JSON_MAP_ENTRIES_MAX) { /* the search for later ones of the same key is quadratic */
            return err_new(&KONGSI_BODY_INVALID, "%s has more than %d entries", field->name, JSON_MAP_ENTRIES_MAX);
        }
        struct wire_field key = wire_map_key(field->message, value.bytes);
        if (!wire_map_key_recurs(field, reader, &key)) {
            buf_append_char(json, separator);
            separator = ',';
            ERR_TRY(write_entry(field, value.bytes, json));
        }
    }
    buf_append_char(json, '}'); /* the last entry has no other behind it, so there was one */
    return NULL;
}

static struct err *write_field(const struct schema_field *field, struct bytes span, struct buf *json)
{
    if (field->map) {
        return write_map(field, span, json);
    }
    if (field->repeated) {
        return write_list(field, span, json);
    }
    struct wire_reader reader = wire_reader(span);
    struct wire_field value;
    return wire_next(&reader, &value) ? write_value(field, &value, json) : NULL;
}

static void forget_siblings(const struct schema_message *message, const struct schema_field *member, struct span *spans)
{
    for (size_t i = 0; i < message->field_count; i++) {
        if (message->fields[i].oneof_index == member->oneof_index) {
            spans[i] = (struct span){0, 0};
        }
    }
}

/* Finds the fields of a message, in whatever order they stand. */
static struct err *find_spans(const struct schema_message *message, struct bytes wire, struct span *spans)
{
    struct wire_reader reader = wire_reader(wire);
    struct wire_field value;
    for (uint32_t begin = 0; wire_next(&reader, &value); begin = (uint32_t)(reader.at - wire.data)) {
        const struct schema_field *field = schema_find_field_number(message, value.number);
        if (!field) {
            continue;
        }
        struct span *span = &spans[field - message->fields];
        bool again = span->end != 0;
        if ((value.type != wire_type_of(field->type) && !wire_is_packed(field, value.type)) ||
            (again && field->message && !field->repeated)) {
            return wire_broken(message);
        }
        if (field->oneof_index >= 0) {
            forget_siblings(message, field, spans);
        }
        span->begin = again && field->repeated ? span->begin : begin;
        span->end = (uint32_t)(reader.at - wire.data);
    }
    return reader.failed ? wire_broken(message) : NULL;
}

static struct err *write_message(const struct schema_message *message, struct bytes wire, struct buf *json)
{
    struct span spans[SCHEMA_FIELDS_MAX];
    memset(spans, 0, message->field_count * sizeof(spans[0]));
    if (wire.length > UINT32_MAX) {
        return wire_broken(message);
    }
    ERR_TRY(find_spans(message, wire, spans));
    char separator = '{';
    for (size_t i = 0; i < message->field_count; i++) {
        const struct schema_field *field = &message->fields[i];
        bool absent = spans[i].end == 0;
        if (absent && !field->repeated && (field->message || field->oneof_index >= 0)) {
            continue;
        }
        buf_append_char(json, separator);
        separator = ',';
        buf_append(json, field->json_key, field->json_key_length);
        if (absent) {
            write_default(field, json);
        } else {
            ERR_TRY(write_field(field, (struct bytes){wire.data + spans[i].begin, spans[i].end - spans[i].begin}, json));
        }
    }
    buf_append_text(json, separator == '{' ? "{}" : "}");
    return json->failed ? err_out_of_memory() : NULL;
}

struct err *json_from_wire(const struct schema_message *message, struct bytes wire, struct buf *json)
{
    ERR_TRY(message->timestamp ? write_timestamp(message, wire, json) : write_message(message, wire, json));
    return json->failed ? err_out_of_memory() : NULL;
}
