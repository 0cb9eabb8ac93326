#include "libshared/rpc/json_print.h"

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

void json_print_integer(const struct schema_field *field, uint64_t bits, bool quoted, struct buf *json)
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

void json_print_number(const struct schema_field *field, uint64_t bits, struct buf *json)
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
        json_print_integer(field, bits, true, json);
        break;
    default:
        json_print_integer(field, bits, false, json);
    }
}

void json_print_base64(struct bytes bytes, struct buf *json)
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

static char *put_digits(char *at, int64_t number, int digits)
{
    for (int i = digits - 1; i >= 0; i--) {
        at[i] = (char)('0' + number % 10);
        number /= 10;
    }
    return at + digits;
}

/* RFC 3339 with 0, 3, 6 or 9 digits of the second: instant_format knows only six. */
struct err *json_print_timestamp(const struct schema_message *message, struct bytes wire, struct buf *json)
{
    struct wire_timestamp timestamp;
    char text[INSTANT_TEXT_SIZE + 8] = "\"";
    if (!wire_read_timestamp(wire, &timestamp) || !wire_timestamp_in_range(timestamp)) {
        return err_new(&KONGSI_BODY_INVALID, "the bytes are not a %s of the years 1 to 9999", message->full_name);
    }
    instant_format((struct instant){timestamp.seconds * 1000000}, text + 1);
    char *at = text + strlen("\"2026-11-22T08:00:00");
    if (timestamp.nanos != 0) {
        int digits = timestamp.nanos % 1000 ? 9 : timestamp.nanos % 1000000 ? 6 : 3;
        int32_t unit = digits == 9 ? 1 : digits == 6 ? 1000 : 1000000;
        *at++ = '.';
        at = put_digits(at, timestamp.nanos / unit, digits);
    }
    *at++ = 'Z';
    *at++ = '"';
    buf_append(json, text, (size_t)(at - text));
    return NULL;
}

/* Whether it can be printed as it is: printable ASCII without '"' and '\\'. Ids and most other texts are; eight bytes at a
 * time. */
static bool is_plain(const uint8_t *text, size_t length)
{
    const uint64_t ones = UINT64_C(0x0101010101010101);
    const uint64_t highs = ones << 7;
    size_t i = 0;
    for (; length - i >= 8; i += 8) {
        uint64_t word;
        memcpy(&word, text + i, 8);
        uint64_t quote = word ^ (ones * '"');
        uint64_t backslash = word ^ (ones * '\\');
        uint64_t delete = word ^ (ones * 0x7f);
        /* Subtracting n sets the high bit of a byte below n; of one from 0x80 on it is set already. */
        uint64_t found = word | (word - ones * 0x20) | (quote - ones) | (backslash - ones) | (delete - ones);
        if (found & highs) {
            return false;
        }
    }
    for (; i < length; i++) {
        if (text[i] < 0x20 || text[i] >= 0x7f || text[i] == '"' || text[i] == '\\') {
            return false;
        }
    }
    return true;
}

struct err *json_print_string(const struct schema_field *field, struct bytes bytes, struct buf *json)
{
    const char *text = (const char *)bytes.data;
    if (is_plain(bytes.data, bytes.length)) {
        buf_append_char(json, '"');
        buf_append(json, text, bytes.length);
        buf_append_char(json, '"');
        return NULL;
    }
    if (!utf8_valid(text, bytes.length) || memchr(text, '\0', bytes.length)) {
        return err_new(&KONGSI_BODY_INVALID, "%s is not UTF-8 without U+0000", field->name);
    }
    buf_append_json_string(json, text, bytes.length);
    return NULL;
}
