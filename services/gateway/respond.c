#include "services/gateway/respond.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <zlib.h>

#define GZIP_SIZE_MIN_BYTES 1024
#define GZIP_LEVEL 5
#define GZIP_WINDOW_BITS (15 + 16) /* zlib's way to say gzip */
#define CORS_MAX_AGE_SECONDS "600"

static const char CONTENT_SECURITY_POLICY[] =
    "default-src 'self'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' blob: data:; "
    "connect-src 'self' ws: wss:; frame-ancestors 'none'; base-uri 'none'; form-action 'self'; object-src 'none'";

static bool is_allowed_origin(const struct gateway *gateway, const char *origin)
{
    for (size_t i = 0; origin && i < gateway->config->cors_origins.count; i++) {
        if (strcmp(gateway->config->cors_origins.items[i], origin) == 0) {
            return true;
        }
    }
    return false;
}

void respond_common(const struct gateway *gateway, struct http_exchange *exchange)
{
    http_set_header(exchange, "Content-Security-Policy", CONTENT_SECURITY_POLICY);
    http_set_header(exchange, "Referrer-Policy", "no-referrer");
    http_set_header(exchange, "X-Frame-Options", "DENY");
    http_set_header(exchange, "Cross-Origin-Opener-Policy", "same-origin");
    http_set_header(exchange, "Permissions-Policy", "camera=(), geolocation=(), microphone=()");
    if (gateway->config->cors_origins.count > 0) {
        http_set_header(exchange, "Vary", RESPOND_VARY);
    }
    const char *origin = http_header(exchange, "Origin");
    if (is_allowed_origin(gateway, origin)) {
        http_set_header(exchange, "Access-Control-Allow-Origin", origin);
        http_set_header(exchange, "Access-Control-Expose-Headers", "ETag, Kongsi-Trace-Id, Retry-After");
    }
}

bool respond_preflight(const struct gateway *gateway, struct http_exchange *exchange)
{
    if (strcmp(http_method(exchange), "OPTIONS") != 0 || !http_header(exchange, "Access-Control-Request-Method") ||
        !is_allowed_origin(gateway, http_header(exchange, "Origin"))) {
        return false;
    }
    http_set_header(exchange, "Access-Control-Allow-Methods", "GET, HEAD, POST, PUT, PATCH, DELETE");
    http_set_header(exchange, "Access-Control-Allow-Headers",
        "Authorization, Content-Type, Idempotency-Key, If-None-Match, Traceparent");
    http_set_header(exchange, "Access-Control-Max-Age", CORS_MAX_AGE_SECONDS);
    http_respond(exchange, 204, NULL, "", 0);
    return true;
}

/* Accept-Encoding with gzip that is not refused by q=0 (RFC 9110, section 12.5.3). */
bool respond_takes_gzip(const struct http_exchange *exchange)
{
    const char *accepted = http_header(exchange, "Accept-Encoding");
    for (const char *at = accepted; at && *at;) {
        at += strspn(at, " ,");
        size_t length = strcspn(at, ",");
        size_t name_length = strcspn(at, " ;,");
        if (name_length == 4 && strncasecmp(at, "gzip", 4) == 0) {
            const char *weight = memmem(at, length, "q=", 2);
            return !weight || strtod(weight + 2, NULL) > 0;
        }
        at += length;
    }
    return false;
}

bool respond_gzip(const void *text, size_t length, int level, struct buf *out)
{
    z_stream stream = {.next_in = (Bytef *)(uintptr_t)text, .avail_in = (uInt)length};
    if (deflateInit2(&stream, level, Z_DEFLATED, GZIP_WINDOW_BITS, 8, Z_DEFAULT_STRATEGY) != Z_OK) {
        return false;
    }
    unsigned char piece[16384];
    int status;
    do {
        stream.next_out = piece;
        stream.avail_out = sizeof(piece);
        status = deflate(&stream, Z_FINISH);
        if (status < 0 || !buf_append(out, piece, sizeof(piece) - stream.avail_out)) {
            status = Z_STREAM_ERROR;
        }
    } while (status == Z_OK);
    deflateEnd(&stream);
    return status == Z_STREAM_END;
}

void respond_text(struct http_exchange *exchange, const char *content_type, const char *text, size_t length)
{
    if (length >= GZIP_SIZE_MIN_BYTES && length < UINT32_MAX && respond_takes_gzip(exchange)) {
        BUF_AUTO packed;
        buf_init(&packed, length + GZIP_SIZE_MIN_BYTES);
        if (respond_gzip(text, length, GZIP_LEVEL, &packed) && packed.length < length) {
            http_set_header(exchange, "Content-Encoding", "gzip");
            http_set_header(exchange, "Vary", RESPOND_VARY);
            http_respond(exchange, 200, content_type, packed.data, packed.length);
            return;
        }
    }
    http_respond(exchange, 200, content_type, text, length);
}
