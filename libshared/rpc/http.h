/* HTTP server over civetweb, hardened: what is ambiguous is refused before anything is routed.
 *
 * Refused with 400 and a closed connection: both Content-Length and Transfer-Encoding, repeated or malformed Content-Length,
 * missing or repeated Host, other fields that may stand only once, lines that end without CR, folded lines, blanks before a
 * colon, broken or control characters in the target, targets that are no path. 414, 431, 413, 408 by limits. Bodies are read
 * by our own reader: a grace of 10 s, then at least HTTP_BODY_RATE_MIN, never all at once unless asked for. No form parser,
 * no document root. A connection is kept open only while threads are to spare: each holds one. */
#pragma once

#include "libshared/base/arena.h"
#include "libshared/base/err.h"
#include "libshared/base/str.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HTTP_TARGET_LENGTH_MAX 8192
#define HTTP_HEADERS_MAX 50
#define HTTP_BODY_RATE_MIN_BYTES_PER_S 1024
#define HTTP_BODY_GRACE_MS 10000

struct http_server;

/* One request and its response; lives for the handler's call, on one thread. */
struct http_exchange;

struct http_server_options {
    const char *name;    /* in logs and metrics */
    const char *address; /* "127.0.0.1" or "" for all */
    int port;
    int threads; /* 1..512 */
    int queue_max;
    void (*handler)(struct http_exchange *exchange, void *context); /* must respond exactly once */
    void *context;
};

ERR_RESULT struct err *http_server_start(const struct http_server_options *options, struct http_server **ret_server);
/* Stops accepting, waits for requests under way, at most drain_ms. */
void http_server_stop(struct http_server *server, int drain_ms);
int http_server_port(const struct http_server *server);

const char *http_method(const struct http_exchange *exchange);
const char *http_path(const struct http_exchange *exchange);  /* raw, still percent-encoded, without the query */
const char *http_query(const struct http_exchange *exchange); /* raw, "" without */
const char *http_header(const struct http_exchange *exchange, const char *name); /* NULL: none; the first if repeated */
size_t http_header_count(const struct http_exchange *exchange);
void http_header_at(const struct http_exchange *exchange, size_t index, const char **ret_name, const char **ret_value);
const char *http_client_address(const struct http_exchange *exchange);
struct arena *http_arena(struct http_exchange *exchange); /* of the exchange */
/* -1: chunked, length unknown. */
int64_t http_content_length(const struct http_exchange *exchange);

/* The whole body into the arena. KONGSI_BODY_TOO_LARGE past `size_max_bytes`, KONGSI_BODY_TOO_SLOW,
 * KONGSI_REQUEST_MALFORMED. */
ERR_RESULT struct err *http_read_body(struct http_exchange *exchange, size_t size_max_bytes, struct bytes *ret_body);
/* A piece of the body; *ret_length 0 at its end. The same reasons. */
ERR_RESULT struct err *http_read(struct http_exchange *exchange, void *buffer, size_t size_bytes, size_t *ret_length);

/* Response headers, before http_respond*. Values with control characters are refused (dropped and logged). */
void http_set_header(struct http_exchange *exchange, const char *name, const char *value);
/* A whole response. */
void http_respond(struct http_exchange *exchange, int status, const char *content_type, const void *body, size_t length);
/* A streamed one: length -1 is sent chunked. http_write returns false when the client is gone. */
void http_respond_begin(struct http_exchange *exchange, int status, const char *content_type, int64_t length);
bool http_write(struct http_exchange *exchange, const void *bytes, size_t length);
void http_respond_end(struct http_exchange *exchange);
bool http_responded(const struct http_exchange *exchange);
int http_status(const struct http_exchange *exchange); /* of the response, 0 before */
/* The error as {"error":{"code","status","message","details":[{"reason","domain","metadata"}]}} with its HTTP status and
 * Retry-After; frees it. */
void http_respond_err(struct http_exchange *exchange, struct err *error);
/* HTTP status of an error: by code, but 405, 408, 413, 414, 415, 431, 507 by the kit's reasons. */
int http_status_of_err(const struct err *error);
/* Percent-decodes once into the arena; NULL for invalid escapes, NUL, or invalid UTF-8. */
char *http_percent_decode(struct arena *arena, const char *text, size_t length, bool plus_is_space);
