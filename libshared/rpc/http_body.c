/* Bodies: read piece by piece, each piece with a deadline, so that a drip is cut. */
#include "libshared/rpc/http_internal.h"

#include "gen/kongsi_errors.h"
#include "libshared/base/clock.h"

#include <string.h>

#define READ_FIRST_BYTES ((size_t)16 * 1024)

int64_t http_body_left(const struct http_exchange *exchange)
{
    if (exchange->body_done) {
        return 0;
    }
    return exchange->content_length < 0 ? INT64_MAX : exchange->content_length - exchange->received;
}

/* When the next piece must be there: the grace, and the time that what came so far may have taken. */
static int64_t body_deadline_ms(const struct http_exchange *exchange)
{
    return exchange->body_start_ms + HTTP_BODY_GRACE_MS + exchange->received * 1000 / HTTP_BODY_RATE_MIN_BYTES_PER_S;
}

/* One read of civetweb's that ends at the deadline. The result is its: bytes, 0 at the end or without progress, -1. */
static int read_until(struct http_exchange *exchange, void *buffer, size_t size_bytes, int64_t deadline_ms)
{
    http_watch_arm(&exchange->worker->watch, deadline_ms);
    int length = mg_read(exchange->connection, buffer, size_bytes);
    http_watch_disarm(&exchange->worker->watch);
    if (length > 0) {
        exchange->received += length;
        exchange->body_done = exchange->content_length >= 0 && exchange->received == exchange->content_length;
    }
    return length;
}

static struct err *begin_body(struct http_exchange *exchange)
{
    exchange->body_start_ms = clock_monotonic_ms();
    if (exchange->expects_continue) {
        static const char CONTINUE[] = "HTTP/1.1 100 Continue\r\n\r\n";
        exchange->expects_continue = false;
        if (!http_write_raw(exchange, CONTINUE, sizeof(CONTINUE) - 1)) {
            exchange->body_failed = true;
            return err_new(&KONGSI_REQUEST_MALFORMED, "the client left before it sent its body");
        }
    }
    return NULL;
}

static struct err *body_broken(struct http_exchange *exchange, int64_t deadline_ms, int length)
{
    exchange->body_failed = true;
    exchange->close = true;
    if (deadline_left_ms(deadline_ms) == 0 || length == 0) {
        return err_new(&KONGSI_BODY_TOO_SLOW, "the body arrived below %d bytes a second, %lld bytes until now",
            HTTP_BODY_RATE_MIN_BYTES_PER_S, (long long)exchange->received);
    }
    return err_new(&KONGSI_REQUEST_MALFORMED, "the body ended early or its chunks are malformed, after %lld bytes",
        (long long)exchange->received);
}

struct err *http_read(struct http_exchange *exchange, void *buffer, size_t size_bytes, size_t *ret_length)
{
    if (exchange->body_failed) {
        return err_new(&KONGSI_REQUEST_MALFORMED, "the body could not be read");
    }
    if (exchange->body_done || size_bytes == 0) {
        *ret_length = 0;
        return NULL;
    }
    if (exchange->body_start_ms == 0) {
        ERR_TRY(begin_body(exchange));
    }
    bool chunked = exchange->content_length < 0;
    size_t piece = chunked && size_bytes > HTTP_CHUNK_MAX_BYTES ? HTTP_CHUNK_MAX_BYTES : size_bytes;
    int64_t deadline_ms = body_deadline_ms(exchange);
    int length = read_until(exchange, buffer, piece, deadline_ms);
    if (length == 0 && chunked) { /* civetweb knows the last chunk */
        exchange->body_done = true;
    } else if (length <= 0) {
        return body_broken(exchange, deadline_ms, length);
    }
    *ret_length = (size_t)length;
    return NULL;
}

static struct err *too_large(struct http_exchange *exchange, size_t size_max_bytes)
{
    exchange->close = true;
    return err_with(
        err_new(&KONGSI_BODY_TOO_LARGE, "the body may have %zu bytes", size_max_bytes), "limit", "%zu", size_max_bytes);
}

/* A larger piece of the arena for a body that is still growing. */
static struct err *grow(struct arena *arena, struct bytes *body, size_t *capacity, size_t capacity_max)
{
    size_t wanted = *capacity ? *capacity * 2 : READ_FIRST_BYTES;
    wanted = wanted < capacity_max ? wanted : capacity_max;
    uint8_t *data = arena_alloc(arena, wanted);
    if (!data) {
        return err_out_of_memory();
    }
    if (body->length) {
        memcpy(data, body->data, body->length);
    }
    body->data = data;
    *capacity = wanted;
    return NULL;
}

struct err *http_read_body(struct http_exchange *exchange, size_t size_max_bytes, struct bytes *ret_body)
{
    if (exchange->content_length > 0 && (uint64_t)exchange->content_length > size_max_bytes) {
        return too_large(exchange, size_max_bytes);
    }
    /* Of a declared length too, memory is taken as the bytes arrive: announcing is cheap. */
    size_t capacity_max = exchange->content_length >= 0 ? (size_t)exchange->content_length : size_max_bytes + 1;
    struct bytes body = {.data = (const uint8_t *)"", .length = 0};
    size_t capacity = 0;
    for (;;) {
        if (body.length == capacity && capacity < capacity_max) {
            ERR_TRY(grow(exchange->arena, &body, &capacity, capacity_max));
        }
        size_t length;
        ERR_TRY(http_read(exchange, (uint8_t *)body.data + body.length, capacity - body.length, &length));
        body.length += length;
        if (body.length > size_max_bytes) {
            return too_large(exchange, size_max_bytes);
        }
        if (length == 0) {
            *ret_body = body;
            return NULL;
        }
    }
}

void http_drain(struct http_exchange *exchange, int64_t size_max_bytes, int64_t wait_ms)
{
    char buffer[HTTP_CHUNK_MAX_BYTES];
    int64_t deadline_ms = clock_monotonic_ms() + wait_ms;
    for (int64_t drained = 0; !exchange->body_done && !exchange->body_failed && drained < size_max_bytes;) {
        if (deadline_left_ms(deadline_ms) == 0) {
            return;
        }
        int length = read_until(exchange, buffer, sizeof(buffer), deadline_ms);
        if (length <= 0) {
            exchange->body_done = length == 0 && exchange->content_length < 0;
            exchange->body_failed = !exchange->body_done;
            return;
        }
        drained += length;
    }
}
