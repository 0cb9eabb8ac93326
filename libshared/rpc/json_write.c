#include "libshared/rpc/json.h"

#include "gen/kongsi_errors.h"
#include "libshared/rpc/json_print.h"
#include "libshared/rpc/wire.h"

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

/* A value of a length-delimited type. */
static struct err *write_bytes(const struct schema_field *field, struct bytes bytes, struct buf *json)
{
    if (field->type == SCHEMA_BYTES) {
        json_print_base64(bytes, json);
        return NULL;
    }
    if (field->type == SCHEMA_MESSAGE) {
        return field->message->timestamp ? json_print_timestamp(field->message, bytes, json)
                                         : write_message(field->message, bytes, json);
    }
    return json_print_string(field, bytes, json);
}

static struct err *write_value(const struct schema_field *field, const struct wire_field *value, struct buf *json)
{
    if (value->type == WIRE_BYTES) {
        return write_bytes(field, value->bytes, json);
    }
    json_print_number(field, value->value, json);
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
        json_print_number(field, 0, json);
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
        json_print_integer(&plain, key.value, true, json); /* wire_map_key has undone the wire form */
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
            json_print_number(field, bits, json);
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
    ERR_TRY(message->timestamp ? json_print_timestamp(message, wire, json) : write_message(message, wire, json));
    return json->failed ? err_out_of_memory() : NULL;
}
