/* Answers: one head, then the body whole, with a length, or in chunks. */
#include "libshared/rpc/http_internal.h"

#include "gen/kongsi_errors.h"
#include "libshared/base/clock.h"
#include "libshared/base/log.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#define HEAD_SIZE_MAX_BYTES ((size_t)64 * 1024)
#define BODY_WITH_HEAD_MAX_BYTES ((size_t)16 * 1024)
#define DATE_SIZE 32

/* IMF-fixdate (RFC 9110, section 5.6.7), in English whatever the locale. */
static void format_date(time_t now, char text[DATE_SIZE])
{
    static const char DAYS[][4] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
    static const char MONTHS[][4] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    struct tm tm;
    gmtime_r(&now, &tm);
    snprintf(text, DATE_SIZE, "%s, %02u %s %04u %02u:%02u:%02u GMT", DAYS[tm.tm_wday], (unsigned)tm.tm_mday % 100,
        MONTHS[tm.tm_mon], (unsigned)(tm.tm_year + 1900) % 10000, (unsigned)tm.tm_hour % 100, (unsigned)tm.tm_min % 100,
        (unsigned)tm.tm_sec % 100);
}

bool http_write_raw(struct http_exchange *exchange, const void *bytes, size_t length)
{
    if (exchange->response_start_ms == 0) {
        exchange->response_start_ms = clock_monotonic_ms();
    }
    for (size_t written = 0; written < length && !exchange->broken;) {
        size_t piece = length - written < HTTP_WRITE_MAX_BYTES ? length - written : HTTP_WRITE_MAX_BYTES;
        int64_t deadline_ms = exchange->response_start_ms + HTTP_BODY_GRACE_MS +
                              exchange->response_sent * 1000 / HTTP_BODY_RATE_MIN_BYTES_PER_S;
        int result = mg_write(exchange->connection, (const char *)bytes + written, piece);
        exchange->broken = result != (int)piece || deadline_left_ms(deadline_ms) == 0;
        written += piece;
        exchange->response_sent += (int64_t)piece;
    }
    if (exchange->broken) {
        exchange->close = true;
    }
    return !exchange->broken;
}

static bool is_field_value(const char *value)
{
    for (; *value; value++) {
        if ((unsigned char)*value < ' ' || *value == 0x7f) {
            return false;
        }
    }
    return true;
}

void http_set_header(struct http_exchange *exchange, const char *name, const char *value)
{
    if (!is_field_value(value)) {
        log_error("response header %s dropped: its value has control characters", name);
        return;
    }
    size_t at = 0;
    while (at < exchange->response_field_count && strcasecmp(exchange->response_fields[at].name, name) != 0) {
        at++;
    }
    const char *own_name = arena_strdup(exchange->arena, name);
    const char *own_value = arena_strdup(exchange->arena, value);
    if (at == HTTP_RESPONSE_HEADERS_MAX || !own_name || !own_value) {
        log_error("response header %s dropped: more than %d, or no memory", name, HTTP_RESPONSE_HEADERS_MAX);
        return;
    }
    exchange->response_fields[at] = (struct http_field){.name = own_name, .value = own_value};
    exchange->response_field_count += at == exchange->response_field_count;
}

static bool has_response_field(const struct http_exchange *exchange, const char *name)
{
    for (size_t i = 0; i < exchange->response_field_count; i++) {
        if (strcasecmp(exchange->response_fields[i].name, name) == 0) {
            return true;
        }
    }
    return false;
}

/* A connection is worth a thread: none is kept open when threads run short, after a refusal whose body nobody read, or while
 * draining. */
static bool must_close(const struct http_exchange *exchange)
{
    const struct http_server *server = exchange->server;
    int64_t left = http_body_left(exchange);
    return exchange->close || exchange->body_failed || !exchange->keep_alive_asked || atomic_load(&server->draining) ||
           atomic_load(&server->connections) * 4 > server->options.threads * 3 ||
           (left > 0 && (exchange->status >= 400 || left > HTTP_DRAIN_SIZE_MAX_BYTES || exchange->expects_continue));
}

static bool status_has_body(int status)
{
    return status >= 200 && status != 204 && status != 304;
}

static void print_head(struct http_exchange *exchange, const char *content_type, int64_t length, struct buf *head)
{
    char date[DATE_SIZE];
    format_date(time(NULL), date);
    buf_printf(head, "HTTP/1.1 %d %s\r\nDate: %s\r\nX-Content-Type-Options: nosniff\r\n", exchange->status,
        mg_get_response_code_text(exchange->connection, exchange->status), date);
    if (!has_response_field(exchange, "Cache-Control")) {
        buf_append_text(head, "Cache-Control: no-store\r\n");
    }
    for (size_t i = 0; i < exchange->response_field_count; i++) {
        buf_printf(head, "%s: %s\r\n", exchange->response_fields[i].name, exchange->response_fields[i].value);
    }
    if (status_has_body(exchange->status)) {
        if (content_type && is_field_value(content_type)) {
            buf_printf(head, "Content-Type: %s\r\n", content_type);
        }
        if (length >= 0) {
            buf_printf(head, "Content-Length: %lld\r\n", (long long)length);
        } else if (exchange->response_chunked) {
            buf_append_text(head, "Transfer-Encoding: chunked\r\n");
        }
    }
    buf_printf(head, "Connection: %s\r\n\r\n", exchange->close ? "close" : "keep-alive");
}

/* Decides how the answer ends and prints its head; false when it cannot be sent. */
static bool begin(struct http_exchange *exchange, int status, const char *content_type, int64_t length, struct buf *head)
{
    if (exchange->response != HTTP_RESPONSE_NONE) {
        log_error("a second answer to %s %s was dropped", exchange->method, exchange->path);
        return false;
    }
    exchange->status = status;
    exchange->response = HTTP_RESPONSE_STREAMING;
    exchange->response_chunked = length < 0 && !exchange->http_1_0 && status_has_body(status);
    exchange->response_left = length;
    if (length < 0 && exchange->http_1_0) { /* the end of the connection is the end of the body */
        exchange->close = true;
    }
    exchange->close = must_close(exchange);
    buf_init(head, HEAD_SIZE_MAX_BYTES + BODY_WITH_HEAD_MAX_BYTES);
    print_head(exchange, content_type, length, head);
    if (head->failed) {
        exchange->broken = exchange->close = true;
    }
    return !head->failed;
}

static bool sends_body(const struct http_exchange *exchange)
{
    return status_has_body(exchange->status) && (!exchange->method || strcmp(exchange->method, "HEAD") != 0);
}

void http_respond(struct http_exchange *exchange, int status, const char *content_type, const void *body, size_t length)
{
    BUF_AUTO head = {0};
    if (!begin(exchange, status, content_type, (int64_t)length, &head)) {
        return;
    }
    exchange->response = HTTP_RESPONSE_DONE;
    bool with_head = sends_body(exchange) && length <= BODY_WITH_HEAD_MAX_BYTES && buf_append(&head, body, length);
    if (http_write_raw(exchange, head.data, head.length) && !with_head && sends_body(exchange)) {
        http_write_raw(exchange, body, length);
    }
}

void http_respond_begin(struct http_exchange *exchange, int status, const char *content_type, int64_t length)
{
    BUF_AUTO head = {0};
    if (begin(exchange, status, content_type, length, &head)) {
        http_write_raw(exchange, head.data, head.length);
    }
}

static bool write_chunk(struct http_exchange *exchange, const void *bytes, size_t length)
{
    char size_line[24];
    int size_length = snprintf(size_line, sizeof(size_line), "%zx\r\n", length);
    return http_write_raw(exchange, size_line, (size_t)size_length) && http_write_raw(exchange, bytes, length) &&
           http_write_raw(exchange, "\r\n", 2);
}

bool http_write(struct http_exchange *exchange, const void *bytes, size_t length)
{
    if (exchange->response != HTTP_RESPONSE_STREAMING || exchange->broken) {
        return false;
    }
    if (length == 0 || !sends_body(exchange)) {
        return true;
    }
    if (exchange->response_left >= 0) {
        if ((uint64_t)length > (uint64_t)exchange->response_left) {
            log_error("answer to %s %s cut: longer than the length it declared", exchange->method, exchange->path);
            exchange->broken = exchange->close = true;
            return false;
        }
        exchange->response_left -= (int64_t)length;
    }
    return exchange->response_chunked ? write_chunk(exchange, bytes, length) : http_write_raw(exchange, bytes, length);
}

void http_respond_end(struct http_exchange *exchange)
{
    if (exchange->response != HTTP_RESPONSE_STREAMING) {
        return;
    }
    exchange->response = HTTP_RESPONSE_DONE;
    if (exchange->broken || !sends_body(exchange)) {
        return;
    }
    if (exchange->response_left > 0) {
        exchange->close = true; /* shorter than declared: only a closed connection says so */
    } else if (exchange->response_chunked) {
        http_write_raw(exchange, "0\r\n\r\n", 5);
    }
}

bool http_responded(const struct http_exchange *exchange)
{
    return exchange->response != HTTP_RESPONSE_NONE;
}

int http_status(const struct http_exchange *exchange)
{
    return exchange->status;
}

void http_respond_unparsed(struct mg_connection *connection, struct err *error)
{
    char date[DATE_SIZE];
    format_date(time(NULL), date);
    int status = http_status_of_err(error);
    BUF_AUTO body = {0};
    BUF_AUTO answer = {0};
    buf_init(&body, HEAD_SIZE_MAX_BYTES);
    buf_init(&answer, HEAD_SIZE_MAX_BYTES);
    err_free(http_err_print(error, status, &body));
    buf_printf(&answer,
        "HTTP/1.1 %d %s\r\nDate: %s\r\nX-Content-Type-Options: nosniff\r\nCache-Control: no-store\r\n"
        "Content-Type: application/json\r\nContent-Length: %zu\r\nConnection: close\r\n\r\n",
        status, mg_get_response_code_text(connection, status), date, body.length);
    if (!body.failed && buf_append(&answer, body.data, body.length)) {
        mg_write(connection, answer.data, answer.length);
    }
    mg_disable_connection_keep_alive(connection);
    err_free(error);
}
