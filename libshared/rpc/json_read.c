#include "libshared/rpc/json.h"

#include "gen/kongsi_errors.h"
#include "libshared/rpc/json_scalar.h"
#include "libshared/rpc/wire.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#define NUMBER_TEXT_SIZE 40

static struct err *read_message(
    const struct schema_message *message, json_t *object, const struct field_path *path, struct buf *wire);

/* What an error shows of a value. Of a whole object or list only that it is one: inside may be what nobody should see in a
 * log. */
static const char *describe(const json_t *value, char text[NUMBER_TEXT_SIZE])
{
    switch (json_typeof(value)) {
    case JSON_OBJECT:
        return "an object";
    case JSON_ARRAY:
        return "a list";
    case JSON_STRING:
        return json_string_value(value);
    case JSON_INTEGER:
        snprintf(text, NUMBER_TEXT_SIZE, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
        return text;
    case JSON_REAL:
        snprintf(text, NUMBER_TEXT_SIZE, "%.17g", json_real_value(value));
        return text;
    case JSON_TRUE:
        return "true";
    case JSON_FALSE:
        return "false";
    default:
        return "null";
    }
}

static struct err *type_err(const struct field_path *path, const json_t *value, const char *limit, const char *must)
{
    char text[NUMBER_TEXT_SIZE];
    bool parts = path->field->type == SCHEMA_MESSAGE && json_is_string(value);
    const char *what = parts ? "a string" : describe(value, text);
    return field_err_value(path, what, strlen(what), limit, must);
}

static struct err *read_bool(const struct field_path *path, const json_t *value, uint64_t *ret_bits)
{
    if (!json_is_boolean(value)) {
        return type_err(path, value, "true, false", "must be true or false");
    }
    *ret_bits = json_is_true(value);
    return NULL;
}

static struct err *read_number(const struct field_path *path, const json_t *value, uint64_t *ret_bits)
{
    enum schema_type type = path->field->type;
    bool floating = type == SCHEMA_DOUBLE || type == SCHEMA_FLOAT;
    char text[NUMBER_TEXT_SIZE];
    if (type == SCHEMA_BOOL) {
        return read_bool(path, value, ret_bits);
    }
    if (json_is_string(value)) {
        return scalar_from_text(path, json_string_value(value), json_string_length(value), ret_bits);
    }
    if (!json_is_number(value)) {
        const char *must = type == SCHEMA_ENUM ? "must be the name or number of a declared value" : "must be a number";
        return type_err(path, value, type == SCHEMA_ENUM ? path->field->enumeration->full_name : "number", must);
    }
    const char *shown = describe(value, text);
    if (json_is_real(value) || floating) {
        return scalar_from_double(path, json_number_value(value), shown, strlen(shown), ret_bits);
    }
    int64_t number = json_integer_value(value);
    struct scalar_integer integer = {
        .negative = number < 0, .magnitude = number < 0 ? ~(uint64_t)number + 1 : (uint64_t)number};
    return scalar_from_integer(path, integer, shown, strlen(shown), ret_bits);
}

static struct err *read_string(const struct field_path *path, const json_t *value, bool keep_default, struct buf *wire)
{
    const struct schema_field *field = path->field;
    if (!json_is_string(value)) {
        return type_err(
            path, value, "string", field->type == SCHEMA_BYTES ? "must be a string of base64" : "must be a string");
    }
    const char *text = json_string_value(value);
    size_t length = json_string_length(value);
    if (length == 0 && !keep_default) {
        return NULL;
    }
    if (field->type == SCHEMA_BYTES) {
        return scalar_put_base64(path, text, length, wire);
    }
    scalar_put_string(field, text, length, wire);
    return NULL;
}

static struct err *read_submessage(const struct field_path *path, json_t *value, struct buf *wire)
{
    const struct schema_field *field = path->field;
    if (field->message->timestamp) {
        return json_is_string(value) ? scalar_put_timestamp(path, json_string_value(value), json_string_length(value), wire)
                                     : type_err(path, value, "RFC 3339", "must be a time like 2026-11-22T08:00:00.120Z");
    }
    if (!json_is_object(value)) {
        return type_err(path, value, "object", "must be an object");
    }
    size_t begin = scalar_begin(field, wire);
    ERR_TRY(read_message(field->message, value, path, wire));
    scalar_end(begin, wire);
    return NULL;
}

/* Default values of plain fields are left out; elements of lists and members of oneofs are kept. */
static struct err *read_single(const struct field_path *path, json_t *value, bool keep_default, struct buf *wire)
{
    const struct schema_field *field = path->field;
    uint64_t bits;
    switch (field->type) {
    case SCHEMA_MESSAGE:
        return read_submessage(path, value, wire);
    case SCHEMA_STRING:
    case SCHEMA_BYTES:
        return read_string(path, value, keep_default, wire);
    default:
        ERR_TRY(read_number(path, value, &bits));
        if (bits != 0 || keep_default) {
            scalar_put_number(field, bits, wire);
        }
        return NULL;
    }
}

static struct err *read_list(struct field_path *path, const json_t *list, struct buf *wire)
{
    const struct schema_field *field = path->field;
    bool packed = wire_type_of(field->type) != WIRE_BYTES;
    size_t count = json_array_size(list);
    if (!json_is_array(list)) {
        return type_err(path, list, "list", "must be a list");
    }
    size_t begin = packed && count > 0 ? scalar_begin(field, wire) : 0;
    for (size_t i = 0; i < count; i++) {
        json_t *value = json_array_get(list, i);
        path->index = (int64_t)i;
        if (!packed) {
            ERR_TRY(read_single(path, value, true, wire));
            continue;
        }
        uint64_t bits;
        ERR_TRY(read_number(path, value, &bits));
        scalar_put_bits(field, bits, wire);
    }
    if (begin > 0) {
        scalar_end(begin, wire);
    }
    return NULL;
}

/* JSON has keys as strings, whatever the map's key type. */
static struct err *read_key(const struct field_path *entry, const char *text, struct buf *wire)
{
    const struct schema_field *field = schema_find_field_number(entry->field->message, WIRE_MAP_KEY);
    struct field_path path = {.parent = entry, .field = field, .index = -1};
    uint64_t bits;
    if (field->type == SCHEMA_STRING) {
        if (text[0]) {
            scalar_put_string(field, text, strlen(text), wire);
        }
        return NULL;
    }
    ERR_TRY(scalar_from_text(&path, text, strlen(text), &bits));
    if (bits != 0) {
        scalar_put_number(field, bits, wire);
    }
    return NULL;
}

static struct err *read_map(struct field_path *path, json_t *object, struct buf *wire)
{
    const struct schema_field *field = path->field;
    const struct schema_field *value_field = schema_find_field_number(field->message, WIRE_MAP_VALUE);
    const char *key;
    json_t *value;
    if (!json_is_object(object)) {
        return type_err(path, object, "object", "must be an object");
    }
    json_object_foreach(object, key, value)
    {
        path->key = key;
        path->key_length = strlen(key);
        struct field_path value_path = {.parent = path, .field = value_field, .index = -1};
        size_t begin = scalar_begin(field, wire);
        ERR_TRY(read_key(path, key, wire));
        ERR_TRY(read_single(&value_path, value, false, wire));
        scalar_end(begin, wire);
    }
    return NULL;
}

static struct err *read_field(struct field_path *path, json_t *value, struct buf *wire)
{
    if (path->field->map) {
        return read_map(path, value, wire);
    }
    if (path->field->repeated) {
        return read_list(path, value, wire);
    }
    return read_single(path, value, path->field->oneof_index >= 0, wire);
}

/* The first name in the object that no field has. */
static struct err *unknown_err(const struct schema_message *message, json_t *object, const struct field_path *parent)
{
    const char *name;
    json_t *value;
    json_object_foreach(object, name, value)
    {
        if (!schema_find_field(message, name, strlen(name))) {
            return field_err_unknown(parent, message, name);
        }
    }
    return NULL;
}

/* The value of a field under either of its names; NULL: absent. Counts the names it found. */
static struct err *find_value(const struct field_path *path, json_t *object, size_t *found, json_t **ret_value)
{
    const struct schema_field *field = path->field;
    json_t *value = json_object_get(object, field->name);
    json_t *camel = strcmp(field->name, field->json_name) == 0 ? NULL : json_object_get(object, field->json_name);
    *found += (value != NULL) + (camel != NULL);
    if (value && camel) {
        return field_err_repeated(path);
    }
    value = value ? value : camel;
    *ret_value = json_is_null(value) ? NULL : value;
    return NULL;
}

static struct err *read_message(
    const struct schema_message *message, json_t *object, const struct field_path *parent, struct buf *wire)
{
    size_t found = 0;
    const struct schema_field *members[SCHEMA_ONEOFS_MAX] = {NULL}; /* which member of each oneof is given */
    for (size_t i = 0; i < message->field_count; i++) {
        const struct schema_field *field = &message->fields[i];
        struct field_path path = {.parent = parent, .field = field, .index = -1};
        json_t *value = NULL;
        ERR_TRY(find_value(&path, object, &found, &value));
        if (!value) {
            continue;
        }
        if (field->oneof_index >= 0) {
            const struct schema_field **member = &members[field->oneof_index];
            if (*member) {
                return field_err_conflict(&path, *member);
            }
            *member = field;
        }
        ERR_TRY(read_field(&path, value, wire));
    }
    return found == json_object_size(object) ? NULL : unknown_err(message, object, parent);
}

static struct err *body_err(const char *what, int line, int column)
{
    struct err *error = err_new(&KONGSI_BODY_INVALID, "the JSON %s, at line %d, column %d", what, line, column);
    return err_with(err_with(error, "line", "%d", line), "column", "%d", column);
}

static struct err *body_err_at(const char *what, const char *json, size_t offset)
{
    int line = 1;
    int column = 1;
    for (size_t i = 0; i < offset; i++) {
        column = json[i] == '\n' ? 1 : column + 1;
        line += json[i] == '\n';
    }
    return body_err(what, line, column);
}

static size_t skip_string(const char *json, size_t length, size_t at)
{
    while (at < length && json[at] != '"') {
        at += json[at] == '\\' ? 2 : 1;
    }
    return at;
}

/* Refuses what would make the parser recurse deep or allocate much, before it does. Counts delimiters outside strings;
 * whether they stand where they should is the parser's business. */
static struct err *prescan(const char *json, size_t length)
{
    int depth = 0;
    int values = 0;
    for (size_t i = 0; i < length; i++) {
        char c = json[i];
        if (c == '"') {
            i = skip_string(json, length, i + 1);
            continue;
        }
        if (c == '{' || c == '[') {
            depth++;
        } else if (c != ',' && c != ':') {
            depth -= c == '}' || c == ']';
            continue;
        }
        if (depth > JSON_DEPTH_MAX) {
            return body_err_at("nests deeper than 32 levels", json, i);
        }
        if (++values > JSON_VALUES_MAX) {
            return body_err_at("has more than 100000 values", json, i);
        }
    }
    return NULL;
}

/* jansson's own text repeats the place in the input, which may be a password. */
static const char *parse_problem(enum json_error_code code)
{
    switch (code) {
    case json_error_invalid_utf8:
        return "is not valid UTF-8";
    case json_error_premature_end_of_input:
        return "ends too early";
    case json_error_end_of_input_expected:
        return "goes on after its end";
    case json_error_null_character:
    case json_error_null_byte_in_key:
        return "has the character U+0000";
    case json_error_duplicate_key:
        return "has a name twice";
    case json_error_numeric_overflow:
        return "has a number beyond 64 bits (write such integers as strings)";
    default:
        return "is not well-formed";
    }
}

static void json_cleanup(json_t **value)
{
    json_decref(*value);
}

struct err *json_to_wire(const struct schema_message *message, const char *json, size_t length, struct buf *wire)
{
    json_error_t error;
    ERR_TRY(prescan(json, length));
    __attribute__((cleanup(json_cleanup))) json_t *root = json_loadb(json, length, JSON_REJECT_DUPLICATES, &error);
    if (!root) {
        enum json_error_code code = json_error_code(&error);
        return code == json_error_out_of_memory ? err_out_of_memory()
                                                : body_err(parse_problem(code), error.line, error.column);
    }
    if (!json_is_object(root)) {
        return body_err("is not an object", 1, 1);
    }
    size_t before = wire->length;
    struct err *problem = read_message(message, root, NULL, wire);
    if (problem && !wire->failed) {
        wire->length = before;
    }
    return problem || !wire->failed ? problem : err_out_of_memory();
}

struct err *json_text_to_wire(const struct schema_field *field, const char *text, size_t length, struct buf *wire)
{
    struct field_path path = {.field = field, .index = -1};
    uint64_t bits;
    if (!utf8_valid(text, length) || (length > 0 && memchr(text, '\0', length))) {
        return field_err_value(&path, "(not UTF-8)", strlen("(not UTF-8)"), "UTF-8", "must be UTF-8 without U+0000");
    }
    if (field->type == SCHEMA_STRING) {
        scalar_put_string(field, text, length, wire);
    } else if (field->type == SCHEMA_BYTES) {
        ERR_TRY(scalar_put_base64(&path, text, length, wire));
    } else if (field->type != SCHEMA_MESSAGE) {
        ERR_TRY(scalar_from_text(&path, text, length, &bits));
        scalar_put_number(field, bits, wire);
    } else if (field->message->timestamp) {
        ERR_TRY(scalar_put_timestamp(&path, text, length, wire));
    } else {
        return field_err_value(&path, text, length, "JSON body", "can only be given in a JSON body");
    }
    return wire->failed ? err_out_of_memory() : NULL;
}
