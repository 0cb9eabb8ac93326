/* Growing byte buffer, UTF-8, small text helpers. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A byte buffer on the heap that grows up to a cap. Always NUL-terminated after the first append. After a failed append
 * `failed` stays set and the content is not to be used. */
struct buf {
    char *data;
    size_t length;
    size_t capacity;
    size_t cap_bytes;
    bool failed;
};

void buf_init(struct buf *buf, size_t cap_bytes);
void buf_deinit(struct buf *buf);
void buf_reset(struct buf *buf); /* keeps the memory */
bool buf_append(struct buf *buf, const void *bytes, size_t length);
bool buf_append_text(struct buf *buf, const char *text);
bool buf_append_char(struct buf *buf, char c);
bool buf_printf(struct buf *buf, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* The text as a JSON string with its quotes; `text` must be valid UTF-8. */
bool buf_append_json_string(struct buf *buf, const char *text, size_t length);
#define BUF_AUTO __attribute__((cleanup(buf_deinit))) struct buf

/* A view of bytes somebody else owns. */
struct bytes {
    const uint8_t *data;
    size_t length;
};

/* Whether it is valid UTF-8 (RFC 3629: no surrogates, no overlong forms). NUL is valid here. */
bool utf8_valid(const char *text, size_t length);
/* Code points of valid UTF-8. */
size_t utf8_length(const char *text, size_t length);
/* The longest prefix of at most `length_max` bytes that does not cut a code point. */
size_t utf8_truncate(const char *text, size_t length, size_t length_max);

bool str_starts_with(const char *text, const char *prefix);
bool str_is_empty(const char *text); /* NULL or "" */
/* Whether a valid UTF-8 text has a code point one can see: not white space, control, zero-width or a direction mark. */
bool str_has_visible(const char *text);
/* A whole decimal number without sign rules of strtol: optional '-', digits, nothing else, in range. */
bool str_to_int64(const char *text, int64_t *ret_value);
/* 64-bit FNV-1a, for shards and maps; stable for ever: shards depend on it. */
uint64_t hash_fnv1a(const void *bytes, size_t length);
