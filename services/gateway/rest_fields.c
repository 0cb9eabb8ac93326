#include "services/gateway/rest_fields.h"

#include "gen/kongsi_errors.h"
#include "libshared/base/uuid.h"
#include "libshared/rpc/json.h"
#include "libshared/rpc/wire.h"

#include <string.h>

#define QUERY_FIELDS_MAX 100

static bool wire_find(const struct buf *wire, uint32_t number, struct wire_field *ret_field)
{
    struct wire_reader reader = wire_reader((struct bytes){(const uint8_t *)wire->data, wire->length});
    while (wire_next(&reader, ret_field)) {
        if (ret_field->number == number) {
            return true;
        }
    }
    return false;
}

static bool wire_has(const struct buf *wire, uint32_t number)
{
    struct wire_field field;
    return wire_find(wire, number, &field);
}

static struct err *invalid_field(const char *name, const char *what)
{
    return err_with(err_new(&KONGSI_FIELD_INVALID, "%s %s", name, what), "field", "%s", name);
}

static bool is_json(const char *content_type)
{
    size_t length = content_type ? strcspn(content_type, " ;\t") : 0;
    return length == strlen("application/json") && strncasecmp(content_type, "application/json", length) == 0;
}

static struct err *read_body(
    struct http_exchange *exchange, const struct schema_method *method, size_t size_max_bytes, struct buf *wire)
{
    struct bytes body;
    ERR_TRY(http_read_body(exchange, method->body ? size_max_bytes : 0, &body));
    if (!method->body || body.length == 0) {
        return NULL;
    }
    const char *content_type = http_header(exchange, "Content-Type");
    if (!is_json(content_type)) {
        return err_new(&KONGSI_MEDIA_TYPE_UNSUPPORTED, "Content-Type is %.100s, this operation takes application/json",
            content_type ? content_type : "missing");
    }
    return json_to_wire(method->input, (const char *)body.data, body.length, wire);
}

static struct err *add_text(struct http_exchange *exchange, const struct schema_field *field, const char *text,
    size_t length, bool query, struct buf *wire)
{
    if (!field->repeated && wire_has(wire, field->number)) {
        return invalid_field(field->name, "is given more than once; give it in one place");
    }
    char *decoded = http_percent_decode(http_arena(exchange), text, length, query);
    if (!decoded) {
        return invalid_field(field->name, "is not valid percent-encoded UTF-8 without NUL");
    }
    return json_text_to_wire(field, decoded, strlen(decoded), wire);
}

static struct err *add_path(struct http_exchange *exchange, const struct route_match *match, struct buf *wire)
{
    for (size_t i = 0; i < match->value_count; i++) {
        const struct route_value *value = &match->values[i];
        ERR_TRY(add_text(exchange, value->field, value->text, value->length, false, wire));
    }
    return NULL;
}

static struct err *add_query_pair(
    struct http_exchange *exchange, const struct schema_method *method, const char *pair, size_t length, struct buf *wire)
{
    const char *equals = memchr(pair, '=', length);
    size_t name_length = equals ? (size_t)(equals - pair) : length;
    char *name = http_percent_decode(http_arena(exchange), pair, name_length, true);
    const struct schema_field *field = name ? schema_find_field(method->input, name, strlen(name)) : NULL;
    if (!field || method->body || field->type == SCHEMA_MESSAGE) {
        return err_with(
            err_new(&KONGSI_FIELD_UNKNOWN, "this operation has no query parameter %.100s", name ? name : "of that name"),
            "field", "%.100s", name ? name : "");
    }
    const char *value = equals ? equals + 1 : "";
    return add_text(exchange, field, value, equals ? length - name_length - 1 : 0, true, wire);
}

static struct err *add_query(struct http_exchange *exchange, const struct schema_method *method, struct buf *wire)
{
    const char *at = http_query(exchange);
    for (int count = 0; *at; count++) {
        size_t length = strcspn(at, "&");
        if (count == QUERY_FIELDS_MAX) {
            return invalid_field("query", "has more than 100 parameters");
        }
        if (length > 0) {
            ERR_TRY(add_query_pair(exchange, method, at, length, wire));
        }
        at += length + (at[length] == '&');
    }
    return NULL;
}

/* Whether the field, whose text the codec has checked, is this UUID: in either case of its letters. */
static bool is_uuid(const struct wire_field *field, struct uuid uuid)
{
    char text[UUID_TEXT_SIZE];
    struct uuid other;
    if (field->type != WIRE_BYTES || field->bytes.length != UUID_TEXT_LENGTH) {
        return false;
    }
    memcpy(text, field->bytes.data, UUID_TEXT_LENGTH);
    text[UUID_TEXT_LENGTH] = '\0';
    return uuid_parse(text, &other) && memcmp(&other, &uuid, sizeof(uuid)) == 0;
}

/* request_id may come as the header Idempotency-Key, or as both when they are equal; without either there is a fresh one,
 * good for this attempt alone. */
static struct err *add_request_id(struct http_exchange *exchange, const struct schema_method *method, struct buf *wire)
{
    const struct schema_field *field = method->input->request_id;
    const char *key = http_header(exchange, "Idempotency-Key");
    struct wire_field given;
    struct uuid uuid = {{0}};
    if (!field) {
        return NULL;
    }
    if (key && !uuid_parse(key, &uuid)) {
        return err_with(invalid_field("Idempotency-Key", "is not a UUID"), "value", "%.100s", key);
    }
    if (wire_find(wire, field->number, &given)) {
        return !key || is_uuid(&given, uuid) ? NULL : invalid_field(field->name, "is not what Idempotency-Key says");
    }
    char text[UUID_TEXT_SIZE];
    const char *value = uuid_format(key ? uuid : uuid_v7(instant_now()), text);
    return json_text_to_wire(field, value, strlen(value), wire);
}

struct err *rest_read_fields(
    struct http_exchange *exchange, const struct route_match *match, size_t body_size_max_bytes, struct buf *wire)
{
    ERR_TRY(read_body(exchange, match->method, body_size_max_bytes, wire));
    ERR_TRY(add_path(exchange, match, wire));
    ERR_TRY(add_query(exchange, match->method, wire));
    return add_request_id(exchange, match->method, wire);
}
