/* A live HTTP server with handlers of every kind, and a client of raw bytes. */
#pragma once

#include "libshared/base/clock.h"
#include "libshared/rpc/http.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#define ANSWER_SIZE ((size_t)256 * 1024)
#define BODY_MAX ((size_t)64 * 1024)
#define HOST "Host: a\r\n"

static struct http_server *g_server;
static atomic_int g_handled;
static char g_seen[4096]; /* what the last request to /show looked like */

static inline void respond_text(struct http_exchange *exchange, const char *text)
{
    http_respond(exchange, 200, "text/plain", text, strlen(text));
}

static inline void handle_echo(struct http_exchange *exchange)
{
    struct bytes body;
    struct err *error = http_read_body(exchange, BODY_MAX, &body);
    if (error) {
        http_respond_err(exchange, error);
        return;
    }
    http_respond(exchange, 200, "text/plain", body.data, body.length);
}

static inline void handle_stream(struct http_exchange *exchange)
{
    http_respond_begin(exchange, 200, "text/plain", -1);
    assert_true(http_write(exchange, "one ", 4));
    assert_true(http_write(exchange, "two", 3));
    http_respond_end(exchange);
}

static inline void handle_show(struct http_exchange *exchange)
{
    snprintf(g_seen, sizeof(g_seen), "%s %s ? %s X=%s n=%lld from=%s", http_method(exchange), http_path(exchange),
        http_query(exchange), http_header(exchange, "x-TEST") ? http_header(exchange, "x-TEST") : "-",
        (long long)http_content_length(exchange), http_client_address(exchange));
    http_set_header(exchange, "X-Bad", "a\r\nSet-Cookie: b");
    http_set_header(exchange, "X-Good", "old");
    http_set_header(exchange, "x-good", "new");
    respond_text(exchange, g_seen);
}

static inline void handle(struct http_exchange *exchange, void *context)
{
    (void)context;
    const char *path = http_path(exchange);
    atomic_fetch_add(&g_handled, 1);
    if (strcmp(path, "/echo") == 0) {
        handle_echo(exchange);
    } else if (strcmp(path, "/stream") == 0) {
        handle_stream(exchange);
    } else if (strcmp(path, "/show") == 0) {
        handle_show(exchange);
    } else if (strcmp(path, "/cut") == 0) { /* shorter than declared */
        http_respond_begin(exchange, 200, "text/plain", 10);
        http_write(exchange, "12345", 5);
        http_respond_end(exchange);
    } else if (strcmp(path, "/long") == 0) { /* longer than declared */
        http_respond_begin(exchange, 200, "text/plain", 2);
        assert_false(http_write(exchange, "12345", 5));
        http_respond_end(exchange);
    } else if (strcmp(path, "/refuse") == 0) {
        static const struct err_reason REASON = {"test.kongsi", "NOT_TODAY", ERR_RESOURCE_EXHAUSTED};
        http_respond_err(exchange, err_with(err_new(&REASON, "no \"luck\""), "field", "a\nb"));
    } else if (strcmp(path, "/twice") == 0) {
        respond_text(exchange, "first");
        respond_text(exchange, "second");
    } else if (strcmp(path, "/slow") == 0) {
        poll(NULL, 0, 200);
        respond_text(exchange, "slow");
    } else if (strcmp(path, "/nothing") != 0) {
        respond_text(exchange, "hello");
    }
}

static inline int start(void **state)
{
    (void)state;
    struct http_server_options options = {
        .name = "test", .address = "127.0.0.1", .port = 0, .threads = 16, .queue_max = 16, .handler = handle};
    struct err *error = http_server_start(&options, &g_server);
    if (error) {
        print_error("%s\n", error->message);
    }
    return error ? -1 : 0;
}

static inline int stop(void **state)
{
    (void)state;
    int64_t start_ms = clock_monotonic_ms();
    http_server_stop(g_server, 1000);
    return clock_monotonic_ms() - start_ms < 1500 ? 0 : -1;
}

/* --- a client --- */

static inline int client_open(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)http_server_port(g_server))};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    return fd;
}

static inline void client_send(int fd, const char *bytes, size_t length)
{
    while (length > 0) {
        ssize_t sent = send(fd, bytes, length, MSG_NOSIGNAL);
        if (sent <= 0) {
            return; /* the server has closed: what it answered counts */
        }
        bytes += sent;
        length -= (size_t)sent;
    }
}

/* Reads until the connection ends or nothing came for wait_ms; true: it ended. */
static inline bool client_read(int fd, char *answer, int wait_ms)
{
    size_t length = strlen(answer);
    for (;;) {
        struct pollfd wait = {.fd = fd, .events = POLLIN};
        if (poll(&wait, 1, wait_ms) == 0) {
            return false;
        }
        ssize_t got = recv(fd, answer + length, ANSWER_SIZE - length - 1, 0);
        if (got <= 0) {
            return true;
        }
        length += (size_t)got;
        answer[length] = '\0';
    }
}

/* Sends everything, reads everything; the caller frees. */
static inline char *ask_for(const char *request, size_t length, int wait_ms, bool *ret_closed)
{
    char *answer = calloc(1, ANSWER_SIZE);
    int fd = client_open();
    client_send(fd, request, length);
    *ret_closed = client_read(fd, answer, wait_ms);
    close(fd);
    return answer;
}

static inline char *ask(const char *request, size_t length, bool *ret_closed)
{
    return ask_for(request, length, 250, ret_closed);
}

static inline int status_of(const char *answer)
{
    return strncmp(answer, "HTTP/1.1 ", 9) == 0 ? atoi(answer + 9) : 0;
}

static inline int count_of(const char *text, const char *part)
{
    int count = 0;
    for (const char *at = strstr(text, part); at; at = strstr(at + 1, part)) {
        count++;
    }
    return count;
}
