#include "libshared/rpc/schema.h"

#include "gen/kongsi_errors.h"
#include "libshared/base/clock.h"
#include "libshared/base/uuid.h"
#include "libshared/rpc/field_err.h"
#include "libshared/rpc/wire.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>

#define EMAIL_LENGTH_MAX 254
#define DATE_LENGTH 10
#define NUMBER_TEXT_SIZE 40

/* What was seen of a singular field; of a repeated one the same number counts its elements. */
enum { SEEN_NOT, SEEN_EMPTY, SEEN_FILLED };

static struct err *check_message(const struct schema_message *message, struct bytes wire, const struct field_path *path);

/* RFC 5321 section 4.5.3.1.3 limits the length; beyond that only what a mail server would surely refuse is refused. */
static bool is_email(const char *text, size_t length)
{
    const char *at = memchr(text, '@', length);
    if (!at || length > EMAIL_LENGTH_MAX || at == text || at == text + length - 1 ||
        memchr(at + 1, '@', (size_t)(text + length - at - 1))) {
        return false;
    }
    /* White space and control characters of ASCII, U+0085, U+00A0, U+1680, U+2000 to U+200A, U+2028, U+2029, U+202F, U+205F,
     * U+3000. */
    static const char *const SPACES[] = {"\xc2\x85", "\xc2\xa0", "\xe1\x9a\x80", "\xe2\x80\xa8", "\xe2\x80\xa9",
        "\xe2\x80\xaf", "\xe2\x81\x9f", "\xe3\x80\x80"};
    for (size_t i = 0; i < length; i++) {
        unsigned char c = (unsigned char)text[i];
        if (c <= ' ' || c == 0x7f) {
            return false;
        }
        if (c == 0xe2 && length - i >= 3 && text[i + 1] == '\x80' && (unsigned char)text[i + 2] <= 0x8a) {
            return false;
        }
    }
    for (size_t i = 0; i < sizeof(SPACES) / sizeof(SPACES[0]); i++) {
        if (memmem(text, length, SPACES[i], strlen(SPACES[i]))) {
            return false;
        }
    }
    return true;
}

static bool is_uuid(const char *text, size_t length)
{
    char copy[UUID_TEXT_SIZE];
    struct uuid uuid;
    if (length != UUID_TEXT_LENGTH) {
        return false;
    }
    memcpy(copy, text, length);
    copy[length] = '\0';
    return uuid_parse(copy, &uuid);
}

static bool is_date(const char *text, size_t length)
{
    char copy[DATE_LENGTH + 1];
    if (length != DATE_LENGTH) {
        return false;
    }
    memcpy(copy, text, length);
    copy[length] = '\0';
    return date_is_valid(copy);
}

static bool is_language(const char *text, size_t length)
{
    static const char *const LANGUAGES[] = {"zh-HK", "en", "zh-CN"};
    for (size_t i = 0; i < sizeof(LANGUAGES) / sizeof(LANGUAGES[0]); i++) {
        if (strlen(LANGUAGES[i]) == length && memcmp(LANGUAGES[i], text, length) == 0) {
            return true;
        }
    }
    return false;
}

static struct err *check_format(
    const struct schema_field *field, const char *text, size_t length, const struct field_path *path)
{
    switch (field->format) {
    case SCHEMA_FORMAT_UUID:
        return is_uuid(text, length) ? NULL : field_err_value(path, text, length, "UUID", "must be a UUID of 36 characters");
    case SCHEMA_FORMAT_EMAIL:
        return is_email(text, length) ? NULL : field_err_value(path, text, length, "EMAIL", "must be an e-mail address");
    case SCHEMA_FORMAT_DATE:
        return is_date(text, length) ? NULL : field_err_value(path, text, length, "DATE", "must be a day as YYYY-MM-DD");
    case SCHEMA_FORMAT_LANGUAGE:
        return is_language(text, length) ? NULL
                                         : field_err_value(path, text, length, "LANGUAGE", "must be zh-HK, en or zh-CN");
    default:
        return NULL;
    }
}

static struct err *check_length(
    const struct schema_field *field, size_t length, const char *unit, const struct field_path *path)
{
    if (length > (size_t)field->max_length) {
        return field_err_count(path, length, field->max_length, true, unit);
    }
    if (field->min_length > 0 && length < (size_t)field->min_length) {
        return field_err_count(path, length, field->min_length, false, unit);
    }
    return NULL;
}

static struct err *check_string(const struct schema_field *field, struct bytes bytes, const struct field_path *path)
{
    const char *text = (const char *)bytes.data;
    if (bytes.length == 0 && !field->repeated) {
        return NULL;
    }
    if (!utf8_valid(text, bytes.length)) {
        return field_err_value(path, "(not UTF-8)", strlen("(not UTF-8)"), "UTF-8", "must be valid UTF-8");
    }
    if (bytes.length > 0 && memchr(text, '\0', bytes.length)) {
        return field_err_value(path, text, bytes.length, "no NUL", "must not contain the character U+0000");
    }
    ERR_TRY(check_length(field, utf8_length(text, bytes.length), "characters", path));
    return check_format(field, text, bytes.length, path);
}

static struct err *check_enum(const struct schema_field *field, int32_t number, const struct field_path *path)
{
    for (size_t i = 0; i < field->enumeration->value_count; i++) {
        if (field->enumeration->values[i].number == number) {
            return NULL;
        }
    }
    char text[NUMBER_TEXT_SIZE];
    int length = snprintf(text, sizeof(text), "%" PRId32, number);
    return field_err_value(path, text, (size_t)length, field->enumeration->full_name, "must be a declared value");
}

static struct err *bound_err(const struct field_path *path, const char *text, int64_t bound, bool upper)
{
    char limit[NUMBER_TEXT_SIZE];
    char must[NUMBER_TEXT_SIZE + 32];
    snprintf(limit, sizeof(limit), "%" PRId64, bound);
    snprintf(must, sizeof(must), "must be at %s %s", upper ? "most" : "least", limit);
    return field_err_value(path, text, strlen(text), limit, must);
}

static struct err *check_integer(const struct schema_field *field, uint64_t bits, const struct field_path *path)
{
    int64_t number = wire_to_integer(field->type, bits);
    bool beyond_int64 = number < 0 && (field->type == SCHEMA_UINT64 || field->type == SCHEMA_FIXED64);
    char text[NUMBER_TEXT_SIZE];
    if (beyond_int64) {
        snprintf(text, sizeof(text), "%" PRIu64, (uint64_t)number);
    } else {
        snprintf(text, sizeof(text), "%" PRId64, number);
    }
    if (field->has_maximum && (beyond_int64 || number > field->maximum)) {
        return bound_err(path, text, field->maximum, true);
    }
    if (field->has_minimum && !beyond_int64 && number < field->minimum) {
        return bound_err(path, text, field->minimum, false);
    }
    return NULL;
}

static struct err *check_float(const struct schema_field *field, uint64_t bits, const struct field_path *path)
{
    double number = field->type == SCHEMA_DOUBLE ? wire_to_double(bits) : (double)wire_to_float(bits);
    char text[NUMBER_TEXT_SIZE];
    snprintf(text, sizeof(text), "%.17g", number);
    if (field->has_maximum && !(number <= (double)field->maximum)) { /* NaN breaks every bound */
        return bound_err(path, text, field->maximum, true);
    }
    if (field->has_minimum && !(number >= (double)field->minimum)) {
        return bound_err(path, text, field->minimum, false);
    }
    return NULL;
}

static struct err *check_number(const struct schema_field *field, uint64_t bits, const struct field_path *path)
{
    switch (field->type) {
    case SCHEMA_BOOL:
        return NULL;
    case SCHEMA_ENUM:
        return check_enum(field, (int32_t)(uint32_t)bits, path);
    case SCHEMA_DOUBLE:
    case SCHEMA_FLOAT:
        return field->has_minimum || field->has_maximum ? check_float(field, bits, path) : NULL;
    default:
        return field->has_minimum || field->has_maximum ? check_integer(field, bits, path) : NULL;
    }
}

static struct err *check_timestamp(struct bytes wire, const struct field_path *path)
{
    struct wire_timestamp timestamp;
    char text[NUMBER_TEXT_SIZE];
    if (!wire_read_timestamp(wire, &timestamp)) {
        return err_new(&KONGSI_BODY_INVALID, "%s is not a google.protobuf.Timestamp", path->field->name);
    }
    if (wire_timestamp_in_range(timestamp)) {
        return NULL;
    }
    snprintf(text, sizeof(text), "%" PRId64 " s %" PRId32 " ns", timestamp.seconds, timestamp.nanos);
    return field_err_value(path, text, strlen(text), "0001..9999", "must be in the years 1 to 9999");
}

/* A value of a length-delimited type. */
static struct err *check_bytes(const struct schema_field *field, struct bytes bytes, const struct field_path *path)
{
    if (field->type == SCHEMA_STRING) {
        return check_string(field, bytes, path);
    }
    if (field->type == SCHEMA_BYTES) {
        return bytes.length == 0 && !field->repeated ? NULL : check_length(field, bytes.length, "bytes", path);
    }
    return field->message->timestamp ? check_timestamp(bytes, path) : check_message(field->message, bytes, path);
}

static struct err *check_map_entry(
    const struct schema_field *field, struct bytes entry, struct wire_reader rest, struct field_path *path)
{
    struct wire_field key = wire_map_key(field->message, entry);
    char number[NUMBER_TEXT_SIZE];
    if (key.type == WIRE_BYTES) {
        bool printable = utf8_valid((const char *)key.bytes.data, key.bytes.length);
        path->key = printable && key.bytes.length > 0 ? (const char *)key.bytes.data : "";
        path->key_length = printable ? key.bytes.length : 0;
    } else {
        path->key = number;
        path->key_length = (size_t)snprintf(number, sizeof(number), "%" PRId64, (int64_t)key.value);
    }
    ERR_TRY(check_message(field->message, entry, path));
    return wire_map_key_recurs(field, rest, &key) ? field_err_repeated(path) : NULL;
}

/* The elements of a repeated field that stand in one run. */
static struct err *check_packed(const struct schema_field *field, struct bytes run, struct field_path *path, uint32_t *seen)
{
    enum wire_type type = wire_type_of(field->type);
    struct wire_reader reader = wire_reader(run);
    while (reader.at < reader.end) {
        uint64_t bits = wire_read_packed(&reader, type);
        if (reader.failed) {
            return err_new(&KONGSI_BODY_INVALID, "%s ends within a number", field->name);
        }
        if (*seen >= (uint32_t)field->max_items) {
            return field_err_count(path, (size_t)*seen + 1, field->max_items, true, "items");
        }
        path->index = (*seen)++;
        ERR_TRY(check_number(field, bits, path));
        path->index = -1;
    }
    return NULL;
}

static struct err *check_element(const struct schema_field *field, const struct wire_field *value, struct wire_reader rest,
    struct field_path *path, uint32_t *seen)
{
    if (*seen >= (uint32_t)field->max_items) {
        return field_err_count(path, (size_t)*seen + 1, field->max_items, true, "items");
    }
    path->index = (*seen)++;
    if (field->map) {
        return check_map_entry(field, value->bytes, rest, path);
    }
    return value->type == WIRE_BYTES ? check_bytes(field, value->bytes, path) : check_number(field, value->value, path);
}

static struct err *check_singular(
    const struct schema_field *field, const struct wire_field *value, struct field_path *path, uint32_t *seen)
{
    if (field->message && *seen != SEEN_NOT) {
        return field_err_repeated(path);
    }
    *seen = field->message || field->oneof_index >= 0 || !wire_is_default(field->type, value) ? SEEN_FILLED : SEEN_EMPTY;
    if (*seen == SEEN_EMPTY) {
        return NULL;
    }
    return value->type == WIRE_BYTES ? check_bytes(field, value->bytes, path) : check_number(field, value->value, path);
}

/* The last member of a oneof on the wire wins; the others count as absent. */
static void forget_siblings(const struct schema_message *message, const struct schema_field *member, uint32_t *seen)
{
    for (size_t i = 0; i < message->field_count; i++) {
        if (message->fields[i].oneof_index == member->oneof_index && &message->fields[i] != member) {
            seen[i] = SEEN_NOT;
        }
    }
}

static struct err *check_field(const struct schema_message *message, const struct wire_field *value, struct wire_reader rest,
    const struct field_path *parent, uint32_t *seen)
{
    const struct schema_field *field = schema_find_field_number(message, value->number);
    if (!field) {
        return NULL;
    }
    struct field_path path = {.parent = parent, .field = field, .index = -1};
    uint32_t *field_seen = &seen[field - message->fields];
    if (wire_is_packed(field, value->type)) {
        return check_packed(field, value->bytes, &path, field_seen);
    }
    if (value->type != wire_type_of(field->type)) {
        return err_new(&KONGSI_BODY_INVALID, "field %u of %s has wire type %d, expected %d", value->number,
            message->full_name, value->type, wire_type_of(field->type));
    }
    if (field->repeated) {
        return check_element(field, value, rest, &path, field_seen);
    }
    if (field->oneof_index >= 0) {
        forget_siblings(message, field, seen);
    }
    return check_singular(field, value, &path, field_seen);
}

static struct err *check_message(const struct schema_message *message, struct bytes wire, const struct field_path *path)
{
    uint32_t seen[SCHEMA_FIELDS_MAX];
    memset(seen, 0, message->field_count * sizeof(seen[0]));
    struct wire_reader reader = wire_reader(wire);
    struct wire_field value;
    while (wire_next(&reader, &value)) {
        ERR_TRY(check_field(message, &value, reader, path, seen));
    }
    if (reader.failed) {
        return err_new(
            &KONGSI_BODY_INVALID, "the %zu bytes of %s are not well-formed protobuf", wire.length, message->full_name);
    }
    for (size_t i = 0; i < message->field_count; i++) {
        const struct schema_field *field = &message->fields[i];
        if (field->required && (field->repeated ? seen[i] == 0 : seen[i] != SEEN_FILLED)) {
            return field_err_missing(path, field);
        }
    }
    return NULL;
}

struct err *schema_check(const struct schema_message *message, struct bytes wire)
{
    return check_message(message, wire, NULL);
}
