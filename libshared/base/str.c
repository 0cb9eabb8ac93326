#include "libshared/base/str.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BUF_FIRST_BYTES 256

void buf_init(struct buf *buf, size_t cap_bytes)
{
    *buf = (struct buf){.cap_bytes = cap_bytes};
}

void buf_deinit(struct buf *buf)
{
    free(buf->data);
    *buf = (struct buf){.cap_bytes = buf->cap_bytes};
}

void buf_reset(struct buf *buf)
{
    buf->length = 0;
    buf->failed = false;
    if (buf->data) {
        buf->data[0] = '\0';
    }
}

/* Room for `more` bytes and the NUL behind them. */
static bool reserve(struct buf *buf, size_t more)
{
    if (buf->failed || more > buf->cap_bytes || buf->length > buf->cap_bytes - more || buf->cap_bytes == SIZE_MAX) {
        buf->failed = true;
        return false;
    }
    size_t needed = buf->length + more + 1;
    if (needed <= buf->capacity) {
        return true;
    }
    size_t capacity = buf->capacity ? buf->capacity : BUF_FIRST_BYTES;
    while (capacity < needed) {
        capacity = capacity > SIZE_MAX / 2 ? needed : capacity * 2;
    }
    if (capacity > buf->cap_bytes + 1) {
        capacity = buf->cap_bytes + 1;
    }
    char *data = realloc(buf->data, capacity);
    if (!data) {
        buf->failed = true;
        return false;
    }
    buf->data = data;
    buf->capacity = capacity;
    return true;
}

bool buf_append(struct buf *buf, const void *bytes, size_t length)
{
    if (!reserve(buf, length)) {
        return false;
    }
    if (length > 0) {
        memcpy(buf->data + buf->length, bytes, length);
    }
    buf->length += length;
    buf->data[buf->length] = '\0';
    return true;
}

bool buf_append_text(struct buf *buf, const char *text)
{
    return buf_append(buf, text, strlen(text));
}

bool buf_append_char(struct buf *buf, char c)
{
    return buf_append(buf, &c, 1);
}

bool buf_printf(struct buf *buf, const char *format, ...)
{
    va_list arguments;
    va_list again;
    va_start(arguments, format);
    va_copy(again, arguments);
    int length = vsnprintf(NULL, 0, format, arguments);
    bool reserved = length >= 0 && reserve(buf, (size_t)length);
    if (reserved) {
        vsnprintf(buf->data + buf->length, (size_t)length + 1, format, again);
        buf->length += (size_t)length;
    } else {
        buf->failed = true;
    }
    va_end(again);
    va_end(arguments);
    return reserved;
}

static const char *json_escape(unsigned char c)
{
    switch (c) {
    case '"':
        return "\\\"";
    case '\\':
        return "\\\\";
    case '\n':
        return "\\n";
    case '\r':
        return "\\r";
    case '\t':
        return "\\t";
    default:
        return NULL;
    }
}

bool buf_append_json_string(struct buf *buf, const char *text, size_t length)
{
    buf_append_char(buf, '"');
    size_t plain_begin = 0;
    for (size_t i = 0; i < length; i++) {
        unsigned char c = (unsigned char)text[i];
        const char *escape = json_escape(c);
        if (!escape && c >= 0x20 && c != 0x7f) {
            continue;
        }
        buf_append(buf, text + plain_begin, i - plain_begin);
        plain_begin = i + 1;
        if (escape) {
            buf_append_text(buf, escape);
        } else {
            buf_printf(buf, "\\u%04x", c);
        }
    }
    buf_append(buf, text + plain_begin, length - plain_begin);
    return buf_append_char(buf, '"');
}

/* Length of the well-formed sequence at `bytes` (table 3-7 of the Unicode standard), 0: none. */
static size_t utf8_sequence(const unsigned char *bytes, size_t left)
{
    unsigned char first = bytes[0];
    if (first < 0x80) {
        return 1;
    }
    size_t length = first >= 0xc2 && first <= 0xdf ? 2 : (first & 0xf0) == 0xe0 ? 3 : first >= 0xf0 && first <= 0xf4 ? 4 : 0;
    if (length == 0 || left < length) {
        return 0;
    }
    unsigned char second_min = first == 0xe0 ? 0xa0 : first == 0xf0 ? 0x90 : 0x80; /* shorter forms exist below */
    unsigned char second_max = first == 0xed ? 0x9f : first == 0xf4 ? 0x8f : 0xbf; /* surrogates, past U+10FFFF */
    if (bytes[1] < second_min || bytes[1] > second_max) {
        return 0;
    }
    for (size_t i = 2; i < length; i++) {
        if ((bytes[i] & 0xc0) != 0x80) {
            return 0;
        }
    }
    return length;
}

bool utf8_valid(const char *text, size_t length)
{
    const unsigned char *bytes = (const unsigned char *)text;
    for (size_t i = 0; i < length;) {
        size_t step = utf8_sequence(bytes + i, length - i);
        if (step == 0) {
            return false;
        }
        i += step;
    }
    return true;
}

size_t utf8_length(const char *text, size_t length)
{
    size_t count = 0;
    for (size_t i = 0; i < length; i++) {
        count += ((unsigned char)text[i] & 0xc0) != 0x80;
    }
    return count;
}

size_t utf8_truncate(const char *text, size_t length, size_t length_max)
{
    if (length <= length_max) {
        return length;
    }
    size_t end = length_max;
    while (end > 0 && length_max - end < 3 && ((unsigned char)text[end] & 0xc0) == 0x80) {
        end--;
    }
    return ((unsigned char)text[end] & 0xc0) == 0x80 ? length_max : end; /* not UTF-8: any place is as good */
}

bool str_starts_with(const char *text, const char *prefix)
{
    return strncmp(text, prefix, strlen(prefix)) == 0;
}

bool str_is_empty(const char *text)
{
    return !text || text[0] == '\0';
}

bool str_to_int64(const char *text, int64_t *ret_value)
{
    bool negative = *text == '-';
    const char *digit = text + negative;
    int64_t value = 0;
    if (*digit == '\0') {
        return false;
    }
    for (; *digit; digit++) {
        if (*digit < '0' || *digit > '9') {
            return false;
        }
        int64_t step = negative ? -(*digit - '0') : *digit - '0'; /* downwards, so that INT64_MIN fits */
        if (__builtin_mul_overflow(value, 10, &value) || __builtin_add_overflow(value, step, &value)) {
            return false;
        }
    }
    *ret_value = value;
    return true;
}

uint64_t hash_fnv1a(const void *bytes, size_t length)
{
    const unsigned char *byte = bytes;
    uint64_t hash = UINT64_C(14695981039346656037);
    for (size_t i = 0; i < length; i++) {
        hash = (hash ^ byte[i]) * UINT64_C(1099511628211);
    }
    return hash;
}

/* Ranges of code points that leave no mark: controls, spaces, joiners, direction marks, the byte order mark. */
static bool is_invisible(uint32_t c)
{
    return c <= 0x20 || (c >= 0x7f && c <= 0xa0) || c == 0xad || c == 0x1680 || c == 0x180e ||
           (c >= 0x2000 && c <= 0x200f) || (c >= 0x2028 && c <= 0x202f) || (c >= 0x205f && c <= 0x206f) || c == 0x2800 ||
           c == 0x3000 || c == 0x3164 || c == 0xfeff;
}

bool str_has_visible(const char *text)
{
    for (const unsigned char *p = (const unsigned char *)(text ? text : ""); *p;) {
        int more = *p >= 0xf0 ? 3 : *p >= 0xe0 ? 2 : *p >= 0xc0 ? 1 : 0;
        uint32_t c = more ? *p & (0x3fu >> more) : *p;
        for (p++; more > 0 && *p; more--) {
            c = c << 6 | (*p++ & 0x3fu);
        }
        if (!is_invisible(c)) {
            return true;
        }
    }
    return false;
}
