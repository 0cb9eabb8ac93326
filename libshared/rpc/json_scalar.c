#include "libshared/rpc/json_scalar.h"

#include "libshared/base/clock.h"
#include "libshared/rpc/wire.h"

#include <float.h>
#include <math.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>

#define NUMBER_LENGTH_MAX 64
#define BASE64_CHUNK_LENGTH 1024 /* a multiple of 4 */

static struct err *range_err(const struct field_path *path, const char *text, size_t length)
{
    static const struct {
        const char *limit, *must;
    } SIGNED_32 = {"-2147483648..2147483647", "must be a whole number from -2147483648 to 2147483647"},
      UNSIGNED_32 = {"0..4294967295", "must be a whole number from 0 to 4294967295"},
      SIGNED_64 = {"-9223372036854775808..9223372036854775807",
          "must be a whole number from -9223372036854775808 to 9223372036854775807"},
      UNSIGNED_64 = {"0..18446744073709551615", "must be a whole number from 0 to 18446744073709551615"};
    switch (path->field->type) {
    case SCHEMA_INT64:
    case SCHEMA_SINT64:
    case SCHEMA_SFIXED64:
        return field_err_value(path, text, length, SIGNED_64.limit, SIGNED_64.must);
    case SCHEMA_UINT64:
    case SCHEMA_FIXED64:
        return field_err_value(path, text, length, UNSIGNED_64.limit, UNSIGNED_64.must);
    case SCHEMA_UINT32:
    case SCHEMA_FIXED32:
        return field_err_value(path, text, length, UNSIGNED_32.limit, UNSIGNED_32.must);
    case SCHEMA_ENUM:
        return field_err_value(
            path, text, length, path->field->enumeration->full_name, "must be the name or number of a declared value");
    default:
        return field_err_value(path, text, length, SIGNED_32.limit, SIGNED_32.must);
    }
}

static bool is_declared(const struct schema_enum *enumeration, int64_t number)
{
    for (size_t i = 0; i < enumeration->value_count; i++) {
        if (enumeration->values[i].number == number) {
            return true;
        }
    }
    return false;
}

struct err *scalar_from_integer(
    const struct field_path *path, struct scalar_integer integer, const char *text, size_t length, uint64_t *ret_bits)
{
    enum schema_type type = path->field->type;
    uint64_t below_max = INT32_MAX; /* the largest magnitude; one more below zero, where there is a sign */
    bool is_signed = true;
    switch (type) {
    case SCHEMA_INT64:
    case SCHEMA_SINT64:
    case SCHEMA_SFIXED64:
        below_max = INT64_MAX;
        break;
    case SCHEMA_UINT64:
    case SCHEMA_FIXED64:
        below_max = UINT64_MAX;
        is_signed = false;
        break;
    case SCHEMA_UINT32:
    case SCHEMA_FIXED32:
        below_max = UINT32_MAX;
        is_signed = false;
        break;
    default:
        break;
    }
    bool negative = integer.negative && integer.magnitude != 0;
    if (negative ? !is_signed || integer.magnitude > below_max + 1 : integer.magnitude > below_max) {
        return range_err(path, text, length);
    }
    int64_t number = (int64_t)(negative ? ~integer.magnitude + 1 : integer.magnitude);
    if (type == SCHEMA_ENUM && !is_declared(path->field->enumeration, number)) {
        return range_err(path, text, length);
    }
    bool zigzag = type == SCHEMA_SINT32 || type == SCHEMA_SINT64;
    *ret_bits = zigzag ? wire_zigzag(number) : type == SCHEMA_SFIXED32 ? (uint32_t)number : (uint64_t)number;
    return NULL;
}

struct err *scalar_from_double(
    const struct field_path *path, double number, const char *text, size_t length, uint64_t *ret_bits)
{
    enum schema_type type = path->field->type;
    if (type == SCHEMA_DOUBLE) {
        memcpy(ret_bits, &number, sizeof(number));
        return NULL;
    }
    if (type == SCHEMA_FLOAT) {
        float narrow = (float)number;
        uint32_t bits;
        if (isinf(narrow) && !isinf(number)) {
            return field_err_value(path, text, length, "3.4028235e38", "must be within the range of a 32-bit float");
        }
        memcpy(&bits, &narrow, sizeof(bits));
        *ret_bits = bits;
        return NULL;
    }
    if (number != trunc(number) || !(fabs(number) < 0x1p64)) {
        return range_err(path, text, length);
    }
    struct scalar_integer integer = {.negative = number < 0, .magnitude = (uint64_t)fabs(number)};
    return scalar_from_integer(path, integer, text, length, ret_bits);
}

/* -?(0|[1-9][0-9]*): the grammar of JSON, so no white space, no plus, no leading zeros, no -0. */
static bool read_integer(const char *text, size_t length, struct scalar_integer *ret_integer)
{
    struct scalar_integer integer = {.negative = length > 0 && text[0] == '-'};
    size_t first = integer.negative ? 1 : 0;
    if (length == first || (text[first] == '0' && length > 1)) {
        return false;
    }
    for (size_t i = first; i < length; i++) {
        if (text[i] < '0' || text[i] > '9' || __builtin_mul_overflow(integer.magnitude, 10, &integer.magnitude) ||
            __builtin_add_overflow(integer.magnitude, (uint64_t)(text[i] - '0'), &integer.magnitude)) {
            return false;
        }
    }
    *ret_integer = integer;
    return true;
}

static size_t skip_digits(const char *text, size_t length, size_t at)
{
    while (at < length && text[at] >= '0' && text[at] <= '9') {
        at++;
    }
    return at;
}

/* Whether it is a number of JSON's grammar: strtod takes more (hexadecimal, white space, "inf"). */
static bool is_json_number(const char *text, size_t length)
{
    size_t at = length > 0 && text[0] == '-' ? 1 : 0;
    size_t digits = skip_digits(text, length, at);
    if (digits == at || (text[at] == '0' && digits > at + 1)) {
        return false;
    }
    at = digits;
    if (at < length && text[at] == '.') {
        digits = skip_digits(text, length, at + 1);
        if (digits == at + 1) {
            return false;
        }
        at = digits;
    }
    if (at < length && (text[at] == 'e' || text[at] == 'E')) {
        at += at + 1 < length && (text[at + 1] == '+' || text[at + 1] == '-') ? 2 : 1;
        digits = skip_digits(text, length, at);
        if (digits == at) {
            return false;
        }
        at = digits;
    }
    return at == length;
}

static bool text_is(const char *text, size_t length, const char *word)
{
    return strlen(word) == length && memcmp(text, word, length) == 0;
}

static struct err *double_from_text(const struct field_path *path, const char *text, size_t length, uint64_t *ret_bits)
{
    char copy[NUMBER_LENGTH_MAX + 1];
    double number;
    if (text_is(text, length, "NaN")) {
        number = (double)NAN;
    } else if (text_is(text, length, "Infinity") || text_is(text, length, "-Infinity")) {
        number = text[0] == '-' ? -(double)INFINITY : (double)INFINITY;
    } else if (length <= NUMBER_LENGTH_MAX && is_json_number(text, length)) {
        memcpy(copy, text, length);
        copy[length] = '\0';
        number = strtod(copy, NULL);
        if (isinf(number)) {
            return field_err_value(
                path, text, length, "1.7976931348623157e308", "must be within the range of a 64-bit float");
        }
    } else {
        return field_err_value(path, text, length, "number", "must be a number, \"NaN\", \"Infinity\" or \"-Infinity\"");
    }
    return scalar_from_double(path, number, text, length, ret_bits);
}

static bool enum_from_name(const struct schema_enum *enumeration, const char *text, size_t length, uint64_t *ret_bits)
{
    for (size_t i = 0; i < enumeration->value_count; i++) {
        if (text_is(text, length, enumeration->values[i].name)) {
            *ret_bits = (uint64_t)(int64_t)enumeration->values[i].number;
            return true;
        }
    }
    return false;
}

struct err *scalar_from_text(const struct field_path *path, const char *text, size_t length, uint64_t *ret_bits)
{
    const struct schema_field *field = path->field;
    struct scalar_integer integer;
    if (field->type == SCHEMA_DOUBLE || field->type == SCHEMA_FLOAT) {
        return double_from_text(path, text, length, ret_bits);
    }
    if (field->type == SCHEMA_BOOL) {
        if (!text_is(text, length, "true") && !text_is(text, length, "false")) {
            return field_err_value(path, text, length, "true, false", "must be true or false");
        }
        *ret_bits = text[0] == 't';
        return NULL;
    }
    if (field->type == SCHEMA_ENUM && enum_from_name(field->enumeration, text, length, ret_bits)) {
        return NULL;
    }
    if (!read_integer(text, length, &integer)) {
        return range_err(path, text, length);
    }
    return scalar_from_integer(path, integer, text, length, ret_bits);
}

void scalar_put_bits(const struct schema_field *field, uint64_t bits, struct buf *wire)
{
    uint8_t bytes[WIRE_VARINT_SIZE_MAX];
    enum wire_type type = wire_type_of(field->type);
    if (type == WIRE_VARINT) {
        buf_append(wire, bytes, wire_put_varint(bytes, bits));
        return;
    }
    size_t size = type == WIRE_FIXED64 ? 8 : 4;
    for (size_t i = 0; i < size; i++) {
        bytes[i] = (uint8_t)(bits >> (8 * i));
    }
    buf_append(wire, bytes, size);
}

static void put_tag(const struct schema_field *field, enum wire_type type, struct buf *wire)
{
    uint8_t tag[WIRE_TAG_SIZE_MAX];
    buf_append(wire, tag, wire_put_tag(tag, field->number, type));
}

void scalar_put_number(const struct schema_field *field, uint64_t bits, struct buf *wire)
{
    put_tag(field, wire_type_of(field->type), wire);
    scalar_put_bits(field, bits, wire);
}

static void put_length(const struct schema_field *field, size_t length, struct buf *wire)
{
    uint8_t bytes[WIRE_VARINT_SIZE_MAX];
    put_tag(field, WIRE_BYTES, wire);
    buf_append(wire, bytes, wire_put_varint(bytes, length));
}

void scalar_put_string(const struct schema_field *field, const char *text, size_t length, struct buf *wire)
{
    put_length(field, length, wire);
    buf_append(wire, text, length);
}

/* Takes away the padding; false when there is padding and the whole is not made of groups of four. */
static bool strip_padding(const char *text, size_t *length)
{
    size_t padding = 0;
    while (padding < 2 && padding < *length && text[*length - padding - 1] == '=') {
        padding++;
    }
    bool fits = padding == 0 || *length % 4 == 0;
    *length -= padding;
    return fits && *length % 4 != 1;
}

struct err *scalar_put_base64(const struct field_path *path, const char *text, size_t length, struct buf *wire)
{
    uint8_t bytes[BASE64_CHUNK_LENGTH / 4 * 3];
    size_t left = length;
    bool valid = strip_padding(text, &left);
    bool url = length > 0 && (memchr(text, '-', length) || memchr(text, '_', length));
    int variant = url ? sodium_base64_VARIANT_URLSAFE_NO_PADDING : sodium_base64_VARIANT_ORIGINAL_NO_PADDING;
    put_length(path->field, left / 4 * 3 + (left % 4 ? left % 4 - 1 : 0), wire);
    for (const char *at = text; valid && left > 0;) {
        size_t piece = left < BASE64_CHUNK_LENGTH ? left : BASE64_CHUNK_LENGTH;
        size_t size = 0;
        const char *end = at;
        valid = sodium_base642bin(bytes, sizeof(bytes), at, piece, NULL, &size, &end, variant) == 0 && end == at + piece;
        buf_append(wire, bytes, size);
        at += piece;
        left -= piece;
    }
    return valid ? NULL : field_err_value(path, text, length, "base64", "must be base64 or base64url");
}

/* The digits of the fraction of a second of a text that instant_parse has accepted; it keeps only six of them. */
static uint32_t read_nanos(const char *text, size_t length)
{
    const char *point = memchr(text, '.', length);
    uint32_t nanos = 0;
    uint32_t unit = 100000000;
    for (const char *at = point ? point + 1 : text + length; at < text + length && *at >= '0' && *at <= '9'; at++) {
        nanos += unit * (uint32_t)(*at - '0');
        unit /= 10;
    }
    return nanos;
}

struct err *scalar_put_timestamp(const struct field_path *path, const char *text, size_t length, struct buf *wire)
{
    static const struct schema_field SECONDS = {.number = 1, .type = SCHEMA_INT64};
    static const struct schema_field NANOS = {.number = 2, .type = SCHEMA_INT32};
    struct instant instant;
    if (!instant_parse(text, length, &instant)) {
        return field_err_value(path, text, length, "RFC 3339", "must be a time like 2026-11-22T08:00:00.120Z");
    }
    int64_t seconds = instant.us / 1000000 - (instant.us % 1000000 < 0 ? 1 : 0);
    uint32_t nanos = read_nanos(text, length);
    size_t begin = scalar_begin(path->field, wire);
    if (seconds != 0) {
        scalar_put_number(&SECONDS, (uint64_t)seconds, wire);
    }
    if (nanos != 0) {
        scalar_put_number(&NANOS, nanos, wire);
    }
    scalar_end(begin, wire);
    return NULL;
}

size_t scalar_begin(const struct schema_field *field, struct buf *wire)
{
    put_length(field, 0, wire); /* one byte, enough for most */
    return wire->length;
}

void scalar_end(size_t begin, struct buf *wire)
{
    uint8_t bytes[WIRE_VARINT_SIZE_MAX];
    if (wire->failed) {
        return;
    }
    size_t length = wire->length - begin;
    size_t size = wire_put_varint(bytes, length);
    if (size > 1 && !buf_append(wire, bytes, size - 1)) { /* room, whatever stands in it */
        return;
    }
    memmove(wire->data + begin + size - 1, wire->data + begin, length);
    memcpy(wire->data + begin - 1, bytes, size);
}
