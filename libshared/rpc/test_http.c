/* The HTTP server against raw sockets: what is refused, how connections go on, what is cut. */
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

static void respond_text(struct http_exchange *exchange, const char *text)
{
    http_respond(exchange, 200, "text/plain", text, strlen(text));
}

static void handle_echo(struct http_exchange *exchange)
{
    struct bytes body;
    struct err *error = http_read_body(exchange, BODY_MAX, &body);
    if (error) {
        http_respond_err(exchange, error);
        return;
    }
    http_respond(exchange, 200, "text/plain", body.data, body.length);
}

static void handle_stream(struct http_exchange *exchange)
{
    http_respond_begin(exchange, 200, "text/plain", -1);
    assert_true(http_write(exchange, "one ", 4));
    assert_true(http_write(exchange, "two", 3));
    http_respond_end(exchange);
}

static void handle_show(struct http_exchange *exchange)
{
    snprintf(g_seen, sizeof(g_seen), "%s %s ? %s X=%s n=%lld from=%s", http_method(exchange), http_path(exchange),
        http_query(exchange), http_header(exchange, "x-TEST") ? http_header(exchange, "x-TEST") : "-",
        (long long)http_content_length(exchange), http_client_address(exchange));
    http_set_header(exchange, "X-Bad", "a\r\nSet-Cookie: b");
    http_set_header(exchange, "X-Good", "old");
    http_set_header(exchange, "x-good", "new");
    respond_text(exchange, g_seen);
}

static void handle(struct http_exchange *exchange, void *context)
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

static int start(void **state)
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

static int stop(void **state)
{
    (void)state;
    int64_t start_ms = clock_monotonic_ms();
    http_server_stop(g_server, 1000);
    return clock_monotonic_ms() - start_ms < 1500 ? 0 : -1;
}

/* --- a client --- */

static int client_open(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)http_server_port(g_server))};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    return fd;
}

static void client_send(int fd, const char *bytes, size_t length)
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
static bool client_read(int fd, char *answer, int wait_ms)
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
static char *ask_for(const char *request, size_t length, int wait_ms, bool *ret_closed)
{
    char *answer = calloc(1, ANSWER_SIZE);
    int fd = client_open();
    client_send(fd, request, length);
    *ret_closed = client_read(fd, answer, wait_ms);
    close(fd);
    return answer;
}

static char *ask(const char *request, size_t length, bool *ret_closed)
{
    return ask_for(request, length, 250, ret_closed);
}

static int status_of(const char *answer)
{
    return strncmp(answer, "HTTP/1.1 ", 9) == 0 ? atoi(answer + 9) : 0;
}

static int count_of(const char *text, const char *part)
{
    int count = 0;
    for (const char *at = strstr(text, part); at; at = strstr(at + 1, part)) {
        count++;
    }
    return count;
}

/* --- what is refused, and what is not --- */

struct refusal {
    const char *name, *request;
    int status;         /* of the first answer */
    const char *reason; /* NULL: not refused */
};

static const struct refusal REFUSALS[] = {
    {"plain", "GET /show HTTP/1.1\r\n" HOST "\r\n", 200, NULL},
    {"lower-case names, blanks around values", "GET /show HTTP/1.1\r\nhost:  a \t\r\nx-test:y  \r\n\r\n", 400,
        "REQUEST_MALFORMED"},
    {"blanks around values", "GET /show HTTP/1.1\r\nhost:  a \r\nx-test:y  \r\n\r\n", 200, NULL},
    {"empty value", "GET /show HTTP/1.1\r\n" HOST "X-Test:\r\n\r\n", 200, NULL},
    {"length and chunked", "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        400, "REQUEST_MALFORMED"},
    {"two lengths, different", "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 5\r\nContent-Length: 6\r\n\r\nabcdef", 400,
        "REQUEST_MALFORMED"},
    {"two lengths, same", "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 5\r\nContent-Length: 5\r\n\r\nabcde", 400,
        "REQUEST_MALFORMED"},
    {"length 5x", "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 5x\r\n\r\nabcde", 400, "REQUEST_MALFORMED"},
    {"length +5", "POST /echo HTTP/1.1\r\n" HOST "Content-Length: +5\r\n\r\nabcde", 400, "REQUEST_MALFORMED"},
    {"length -5", "POST /echo HTTP/1.1\r\n" HOST "Content-Length: -5\r\n\r\nabcde", 400, "REQUEST_MALFORMED"},
    {"length 5, 5", "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 5, 5\r\n\r\nabcde", 400, "REQUEST_MALFORMED"},
    {"length 0x5", "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 0x5\r\n\r\nabcde", 400, "REQUEST_MALFORMED"},
    {"length empty", "POST /echo HTTP/1.1\r\n" HOST "Content-Length:\r\n\r\nabcde", 400, "REQUEST_MALFORMED"},
    {"length 2^63-1", "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 9223372036854775807\r\n\r\nabcde", 400,
        "REQUEST_MALFORMED"},
    {"length past the limit", "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 999999999999999999\r\n\r\nabcde", 413,
        "BODY_TOO_LARGE"},
    {"gzip, chunked", "POST /echo HTTP/1.1\r\n" HOST "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 400,
        "REQUEST_MALFORMED"},
    {"identity", "POST /echo HTTP/1.1\r\n" HOST "Transfer-Encoding: identity\r\n\r\n", 400, "REQUEST_MALFORMED"},
    {"chunked twice",
        "POST /echo HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400,
        "REQUEST_MALFORMED"},
    {"chunked in 1.0", "POST /echo HTTP/1.0\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400,
        "REQUEST_MALFORMED"},
    {"no host", "GET / HTTP/1.1\r\nX: y\r\n\r\n", 400, "REQUEST_MALFORMED"},
    {"no fields", "GET / HTTP/1.1\r\n\r\n", 400, "REQUEST_MALFORMED"},
    {"no host, 1.0", "GET / HTTP/1.0\r\nX: y\r\n\r\n", 400, "REQUEST_MALFORMED"},
    {"two hosts", "GET / HTTP/1.1\r\n" HOST "Host: b\r\n\r\n", 400, "REQUEST_MALFORMED"},
    {"host with a path", "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", 400, "REQUEST_MALFORMED"},
    {"empty host", "GET / HTTP/1.1\r\nHost:\r\n\r\n", 400, "REQUEST_MALFORMED"},
    {"two authorizations", "GET / HTTP/1.1\r\n" HOST "Authorization: a\r\nauthorization: b\r\n\r\n", 400,
        "REQUEST_MALFORMED"},
    {"two content types", "GET / HTTP/1.1\r\n" HOST "Content-Type: a\r\nContent-Type: b\r\n\r\n", 400, "REQUEST_MALFORMED"},
    {"space before colon", "GET / HTTP/1.1\r\n" HOST "Content-Length : 5\r\n\r\n", 400, "REQUEST_MALFORMED"},
    {"folded line", "GET / HTTP/1.1\r\n" HOST "X: a\r\n b\r\nContent-Length: 5\r\n\r\n", 400, "REQUEST_MALFORMED"},
    {"folded first line", "GET / HTTP/1.1\r\n X: a\r\n" HOST "\r\n", 400, "REQUEST_MALFORMED"},
    {"nameless line", "GET / HTTP/1.1\r\n" HOST ": a\r\nContent-Length: 5\r\n\r\n", 400, "REQUEST_MALFORMED"},
    {"line without colon", "GET / HTTP/1.1\r\n" HOST "nonsense\r\n\r\n", 400, "REQUEST_MALFORMED"},
    {"strange name", "GET / HTTP/1.1\r\n" HOST "X(Y): a\r\n\r\n", 400, "REQUEST_MALFORMED"},
    {"bare LF in the middle", "GET / HTTP/1.1\r\n" HOST "X: a\nY: b\r\n\r\n", 400, "REQUEST_MALFORMED"},
    {"bare LF after the request line", "GET / HTTP/1.1\nHost: a\r\n\r\n", 400, "REQUEST_MALFORMED"},
    {"bare LFs at the end", "GET / HTTP/1.1\r\nHost: a\n\n", 400, "REQUEST_MALFORMED"},
    {"bare LFs everywhere", "GET / HTTP/1.1\nHost: a\n\n", 400, "REQUEST_MALFORMED"},
    {"bare CR", "GET / HTTP/1.1\r\nHost: a\rX: b\r\n\r\n", 400, "REQUEST_MALFORMED"},
    {"two spaces", "GET  / HTTP/1.1\r\n" HOST "\r\n", 400, "REQUEST_MALFORMED"},
    {"two spaces before the version", "GET /?a  HTTP/1.1\r\n" HOST "\r\n", 400, "REQUEST_MALFORMED"},
    {"space in the target", "GET /a b HTTP/1.1\r\n" HOST "\r\n", 400, "REQUEST_MALFORMED"},
    {"NUL escaped", "GET /a%00b HTTP/1.1\r\n" HOST "\r\n", 400, "REQUEST_MALFORMED"},
    {"NUL escaped in the query", "GET /?a=%00 HTTP/1.1\r\n" HOST "\r\n", 400, "REQUEST_MALFORMED"},
    {"CRLF escaped", "GET /a%0d%0ab HTTP/1.1\r\n" HOST "\r\n", 400, "REQUEST_MALFORMED"},
    {"line break in the query", "GET /show?a=%0A HTTP/1.1\r\n" HOST "\r\n", 200, NULL},
    {"broken escape", "GET /a%2 HTTP/1.1\r\n" HOST "\r\n", 400, "REQUEST_MALFORMED"},
    {"no hex", "GET /?%zz HTTP/1.1\r\n" HOST "\r\n", 400, "REQUEST_MALFORMED"},
    {"fragment", "GET /a#b HTTP/1.1\r\n" HOST "\r\n", 400, "REQUEST_MALFORMED"},
    {"bytes past ASCII", "GET /\xc3\xa4 HTTP/1.1\r\n" HOST "\r\n", 400, "REQUEST_MALFORMED"},
    {"no method", "BREW / HTTP/1.1\r\n" HOST "\r\n", 400, "REQUEST_MALFORMED"},
    {"HTTP/2.0", "GET / HTTP/2.0\r\n" HOST "\r\n", 400, "REQUEST_MALFORMED"},
    {"HTTP/0.9", "GET /\r\n\r\n", 400, "REQUEST_MALFORMED"},
    {"expectation", "POST /echo HTTP/1.1\r\n" HOST "Expect: 200-ok\r\nContent-Length: 1\r\n\r\na", 400, "REQUEST_MALFORMED"},
    {"chunk size of no number", "POST /echo HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\nxyz\r\n\r\n", 400,
        "REQUEST_MALFORMED"},
    {"chunk extension", "POST /echo HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n1;a=b\r\nx\r\n0\r\n\r\n", 400,
        "REQUEST_MALFORMED"},
    {"chunk longer than said", "POST /echo HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n1\r\nxyz\r\n0\r\n\r\n", 400,
        "REQUEST_MALFORMED"},
    {"chunk size overflows",
        "POST /echo HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\nx\r\n0\r\n\r\n", 400,
        "REQUEST_MALFORMED"},
};

static void test_refusals(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(REFUSALS) / sizeof(REFUSALS[0]); i++) {
        const struct refusal *want = &REFUSALS[i];
        bool closed;
        char *answer = ask_for(want->request, strlen(want->request), want->reason ? 1500 : 250, &closed);
        if (status_of(answer) != want->status || (want->reason && (!closed || !strstr(answer, want->reason))) ||
            (want->reason && !strstr(answer, "Connection: close\r\n")) || count_of(answer, "HTTP/1.1 ") != 1) {
            fail_msg("%s: closed=%d, answer: %s", want->name, closed, answer);
        }
        free(answer);
    }
}

/* civetweb ends these without an answer. */
static void test_proxy_requests(void **state)
{
    (void)state;
    static const char *const REQUESTS[] = {"GET http://b/ HTTP/1.1\r\n" HOST "\r\n", "OPTIONS * HTTP/1.1\r\n" HOST "\r\n"};
    for (size_t i = 0; i < sizeof(REQUESTS) / sizeof(REQUESTS[0]); i++) {
        bool closed;
        char *answer = ask(REQUESTS[i], strlen(REQUESTS[i]), &closed);
        assert_true(closed);
        assert_string_equal(answer, "");
        free(answer);
    }
}

/* The second request of each is hidden in what a laxer reader takes for a body or a header. */
static void test_smuggling(void **state)
{
    (void)state;
    static const char *const REQUESTS[] = {
        "POST /echo HTTP/1.1\r\n" HOST
        "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /hidden HTTP/1.1\r\n" HOST "\r\n",
        "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 0\r\nContent-Length: 44\r\n\r\nGET /hidden HTTP/1.1\r\n" HOST "\r\n",
        "GET / HTTP/1.1\r\n" HOST "X: y\n\nGET /hidden HTTP/1.1\r\n" HOST "\r\n",
        "GET / HTTP/1.1\r\nHost: a\n\nGET /hidden HTTP/1.1\r\n" HOST "\r\n",
        "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding : chunked\r\n\r\nGET /hidden HTTP/1.1\r\n" HOST "\r\n",
        "POST / HTTP/1.1\r\n" HOST "X: y\r\n Content-Length: 30\r\n\r\nGET /hidden HTTP/1.1\r\n" HOST "\r\n",
    };
    for (size_t i = 0; i < sizeof(REQUESTS) / sizeof(REQUESTS[0]); i++) {
        int handled = atomic_load(&g_handled);
        bool closed;
        char *answer = ask(REQUESTS[i], strlen(REQUESTS[i]), &closed);
        if (status_of(answer) != 400 || count_of(answer, "HTTP/1.1 ") != 1 || !closed ||
            atomic_load(&g_handled) != handled) {
            fail_msg("request %zu: %s", i, answer);
        }
        free(answer);
    }
}

/* civetweb drops the fields past the 64th without a word, a Content-Length among them. */
static void test_many_fields(void **state)
{
    (void)state;
    static const struct {
        int fillers;
        int status;
    } CASES[] = {{49, 200}, {50, 431}, {62, 431}, {63, 431}, {64, 431}, {100, 431}};
    for (size_t i = 0; i < sizeof(CASES) / sizeof(CASES[0]); i++) {
        char request[8192] = "POST /echo HTTP/1.1\r\n" HOST;
        size_t length = strlen(request);
        for (int filler = 1; filler < CASES[i].fillers; filler++) {
            length += (size_t)snprintf(request + length, sizeof(request) - length, "F%d: x\r\n", filler);
        }
        length += (size_t)snprintf(request + length, sizeof(request) - length,
            "Content-Length: 46\r\n\r\nGET /hidden HTTP/1.1\r\nHost: a\r\nX: yyyyyyyy\r\n\r\n");
        bool closed;
        char *answer = ask(request, length, &closed);
        if (status_of(answer) != CASES[i].status || count_of(answer, "HTTP/1.1 ") != 1) {
            fail_msg("%d fields: %s", CASES[i].fillers, answer);
        }
        free(answer);
    }
}

static void test_long_heads(void **state)
{
    (void)state;
    static const struct {
        const char *before;
        int fill;
        const char *after;
        int status;
    } CASES[] = {
        {"GET /show?", 8000, " HTTP/1.1\r\n" HOST "\r\n", 200},
        {"GET /show?", 8300, " HTTP/1.1\r\n" HOST "\r\n", 414},
        {"GET / HTTP/1.1\r\n" HOST "X: ", 20000, "\r\n\r\n", 200},
        {"GET / HTTP/1.1\r\n" HOST "X: ", 33000, "\r\n\r\n", 431},
        {"GET / HTTP/1.1\r\n" HOST "X: ", 100000, "\r\n\r\n", 431},
    };
    for (size_t i = 0; i < sizeof(CASES) / sizeof(CASES[0]); i++) {
        char *request = calloc(1, 110000);
        size_t length = (size_t)sprintf(request, "%s", CASES[i].before);
        memset(request + length, 'a', (size_t)CASES[i].fill);
        length += (size_t)CASES[i].fill;
        length += (size_t)sprintf(request + length, "%s", CASES[i].after);
        bool closed;
        char *answer = ask(request, length, &closed);
        if (status_of(answer) != CASES[i].status && !(CASES[i].fill == 100000 && closed)) {
            fail_msg("case %zu: %.300s", i, answer);
        }
        free(answer);
        free(request);
    }
}

/* --- connections that go on --- */

static void test_pipeline(void **state)
{
    (void)state;
    static const char REQUESTS[] =
        "GET /show HTTP/1.1\r\n" HOST "\r\n"
        "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 5\r\n\r\nabcde"
        "POST /echo HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n3\r\nxyz\r\n2\r\n!?\r\n0\r\n\r\n"
        "POST /unread HTTP/1.1\r\n" HOST "Content-Length: 3\r\n\r\n123"
        "GET /stream HTTP/1.1\r\n" HOST "\r\n"
        "HEAD /show HTTP/1.1\r\n" HOST "\r\n"
        "GET /last HTTP/1.1\r\n" HOST "Connection: close\r\n\r\n"
        "GET /never HTTP/1.1\r\n" HOST "\r\n";
    bool closed;
    char *answer = ask(REQUESTS, strlen(REQUESTS), &closed);
    assert_true(closed);
    assert_int_equal(count_of(answer, "HTTP/1.1 200 OK\r\n"), 7);
    assert_non_null(strstr(answer, "\r\n\r\nabcdeHTTP/1.1"));
    assert_non_null(strstr(answer, "\r\n\r\nxyz!?HTTP/1.1"));
    assert_non_null(strstr(answer, "4\r\none \r\n3\r\ntwo\r\n0\r\n\r\nHTTP/1.1"));
    assert_int_equal(count_of(answer, "Connection: keep-alive"), 6);
    assert_int_equal(count_of(answer, "Connection: close"), 1);
    free(answer);
}

/* What handlers must not be able to break. */
static void test_answers(void **state)
{
    (void)state;
    bool closed;
    static const char SHOW[] = "GET /show?q=%41 HTTP/1.1\r\n" HOST "X-Test: v\r\n\r\n";
    char *answer = ask(SHOW, strlen(SHOW), &closed);
    assert_false(closed);
    assert_non_null(strstr(answer, "\r\n\r\nGET /show ? q=%41 X=v n=0 from=127.0.0.1"));
    assert_non_null(strstr(answer, "X-Content-Type-Options: nosniff\r\n"));
    assert_non_null(strstr(answer, "Cache-Control: no-store\r\n"));
    assert_non_null(strstr(answer, " GMT\r\n"));
    assert_null(strstr(answer, "Set-Cookie"));
    assert_non_null(strstr(answer, "x-good: new\r\n"));
    assert_null(strstr(answer, "old"));
    free(answer);
    static const struct {
        const char *request, *want;
        bool closed;
    } CASES[] = {
        {"GET /cut HTTP/1.1\r\n" HOST "\r\n", "\r\n\r\n12345", true},
        {"GET /long HTTP/1.1\r\n" HOST "\r\n", "Content-Length: 2\r\n", true},
        {"GET /twice HTTP/1.1\r\n" HOST "\r\n", "\r\n\r\nfirst", false},
        {"GET /nothing HTTP/1.1\r\n" HOST "\r\n", "500 Internal", false},
        {"GET /stream HTTP/1.0\r\n" HOST "Connection: keep-alive\r\n\r\n", "\r\n\r\none two", true},
        {"GET /show HTTP/1.0\r\n" HOST "\r\n", "200 OK", true},
        {"GET /show HTTP/1.1\r\n" HOST "Connection: TE\r\n\r\n", "Connection: close", true},
        {"HEAD /stream HTTP/1.1\r\n" HOST "\r\n", "Transfer-Encoding: chunked\r\n", false},
        {"GET /refuse HTTP/1.1\r\n" HOST "\r\n", "Retry-After: 1\r\n", false},
        {"GET /refuse HTTP/1.1\r\n" HOST "\r\n",
            "{\"error\":{\"code\":429,\"status\":\"RESOURCE_EXHAUSTED\",\"message\":\"no "
            "\\\"luck\\\"\",\"details\":[{\"reason\":"
            "\"NOT_TODAY\",\"domain\":\"test.kongsi\",\"metadata\":{\"field\":\"a\\nb\"}}]}}",
            false},
    };
    for (size_t i = 0; i < sizeof(CASES) / sizeof(CASES[0]); i++) {
        answer = ask(CASES[i].request, strlen(CASES[i].request), &closed);
        if (!strstr(answer, CASES[i].want) || closed != CASES[i].closed || count_of(answer, "HTTP/1.1 ") != 1 ||
            strstr(answer, "second")) {
            fail_msg("case %zu: closed=%d %s", i, closed, answer);
        }
        free(answer);
    }
}

static void test_large_bodies(void **state)
{
    (void)state;
    static const struct {
        size_t size;
        bool chunked;
        int status;
    } CASES[] = {{BODY_MAX, false, 200}, {BODY_MAX + 1, false, 413}, {BODY_MAX, true, 200}, {BODY_MAX + 1, true, 413},
        {BODY_MAX * 8, false, 413}, {BODY_MAX * 8, true, 413}};
    char *request = malloc(BODY_MAX * 8 + 4096);
    for (size_t i = 0; i < sizeof(CASES) / sizeof(CASES[0]); i++) {
        size_t length = (size_t)sprintf(request, "POST /echo HTTP/1.1\r\n" HOST);
        length += CASES[i].chunked
                      ? (size_t)sprintf(request + length, "Transfer-Encoding: chunked\r\n\r\n%zx\r\n", CASES[i].size)
                      : (size_t)sprintf(request + length, "Content-Length: %zu\r\n\r\n", CASES[i].size);
        memset(request + length, 'z', CASES[i].size);
        length += CASES[i].size;
        length += CASES[i].chunked ? (size_t)sprintf(request + length, "\r\n0\r\n\r\n") : 0;
        bool closed;
        char *answer = ask(request, length, &closed);
        const char *body = strstr(answer, "\r\n\r\n");
        if (status_of(answer) != CASES[i].status || (CASES[i].status == 200) == closed ||
            (CASES[i].status == 200 && strlen(body + 4) != CASES[i].size)) {
            fail_msg("case %zu: closed=%d %.300s", i, closed, answer);
        }
        free(answer);
    }
    free(request);
}

static void test_continue(void **state)
{
    (void)state;
    char *answer = calloc(1, ANSWER_SIZE);
    static const char HEAD[] = "POST /echo HTTP/1.1\r\n" HOST "Expect: 100-continue\r\nContent-Length: 3\r\n\r\n";
    int fd = client_open();
    client_send(fd, HEAD, strlen(HEAD));
    assert_false(client_read(fd, answer, 250));
    assert_string_equal(answer, "HTTP/1.1 100 Continue\r\n\r\n");
    client_send(fd, "abc", 3);
    assert_false(client_read(fd, answer, 250));
    assert_non_null(strstr(answer, "200 OK"));
    close(fd);
    free(answer);
    /* Refused, so the body will not come: the connection ends. */
    static const char LARGE[] = "POST /echo HTTP/1.1\r\n" HOST "Expect: 100-continue\r\nContent-Length: 300000\r\n\r\n";
    bool closed;
    answer = ask(LARGE, strlen(LARGE), &closed);
    assert_int_equal(status_of(answer), 413);
    assert_true(closed);
    free(answer);
}

static void test_body_ends_early(void **state)
{
    (void)state;
    static const char REQUEST[] = "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 10\r\n\r\nabc";
    char *answer = calloc(1, ANSWER_SIZE);
    int fd = client_open();
    client_send(fd, REQUEST, strlen(REQUEST));
    shutdown(fd, SHUT_WR);
    assert_true(client_read(fd, answer, 2000));
    assert_int_equal(status_of(answer), 400);
    close(fd);
    free(answer);
}

/* --- what is slow is cut --- */

struct drip {
    const char *name, *head, *drop; /* `drop` is sent again and again, one byte at a time */
    int interval_ms;
    const char *want; /* in the answer; NULL: closed without one is fine too */
    int64_t took_ms;
    bool closed;
    char *answer;
};

static void *run_drip(void *context)
{
    struct drip *drip = context;
    drip->answer = calloc(1, ANSWER_SIZE);
    int fd = client_open();
    int64_t start_ms = clock_monotonic_ms();
    client_send(fd, drip->head, strlen(drip->head));
    for (size_t at = 0; !drip->closed && clock_monotonic_ms() - start_ms < 25000; at++) {
        client_send(fd, drip->drop + at % strlen(drip->drop), 1);
        drip->closed = client_read(fd, drip->answer, drip->interval_ms);
        if (strlen(drip->answer) > 0 && !drip->closed) {
            drip->closed = client_read(fd, drip->answer, 2000);
            break;
        }
    }
    drip->took_ms = clock_monotonic_ms() - start_ms;
    close(fd);
    return NULL;
}

/* A slow but honest sender is served: 4 KiB a second, longer than the grace. */
static void *run_slow_sender(void *context)
{
    char *answer = calloc(1, ANSWER_SIZE);
    char piece[2048];
    memset(piece, 'q', sizeof(piece));
    static const char HEAD[] = "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 49152\r\n\r\n";
    int fd = client_open();
    client_send(fd, HEAD, strlen(HEAD));
    for (int i = 0; i < 24 && !client_read(fd, answer, 500); i++) {
        client_send(fd, piece, sizeof(piece));
    }
    client_read(fd, answer, 500);
    close(fd);
    *(char **)context = answer;
    return NULL;
}

static void test_slow_clients(void **state)
{
    (void)state;
    struct drip drips[] = {
        {.name = "body",
            .head = "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 50000\r\n\r\n",
            .drop = "a",
            .interval_ms = 100,
            .want = "408"},
        {.name = "chunk",
            .head = "POST /echo HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\nff00\r\n",
            .drop = "a",
            .interval_ms = 100,
            .want = "408"},
        {.name = "one-byte chunks",
            .head = "POST /echo HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n",
            .drop = "1\r\nx\r\n",
            .interval_ms = 50,
            .want = "408"},
        {.name = "chunk size",
            .head = "POST /echo HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n",
            .drop = "0",
            .interval_ms = 300,
            .want = "408"},
        {.name = "silent body",
            .head = "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 5\r\n\r\nab",
            .drop = "c",
            .interval_ms = 20000,
            .want = "408"},
        {.name = "head", .head = "GET / HTTP/1.1\r\n" HOST, .drop = "X", .interval_ms = 200, .want = NULL},
        {.name = "unread body",
            .head = "POST /unread HTTP/1.1\r\n" HOST "Content-Length: 9000\r\n\r\n",
            .drop = "a",
            .interval_ms = 100,
            .want = "200"},
    };
    enum { COUNT = sizeof(drips) / sizeof(drips[0]) };
    pthread_t threads[COUNT];
    for (size_t i = 0; i < COUNT; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, run_drip, &drips[i]), 0);
    }
    pthread_t slow_sender;
    char *slow_answer = NULL;
    assert_int_equal(pthread_create(&slow_sender, NULL, run_slow_sender, &slow_answer), 0);
    for (size_t i = 0; i < COUNT; i++) {
        pthread_join(threads[i], NULL);
    }
    pthread_join(slow_sender, NULL);
    assert_int_equal(status_of(slow_answer), 200);
    assert_int_equal(count_of(slow_answer, "q"), 49152);
    free(slow_answer);
    for (size_t i = 0; i < COUNT; i++) {
        struct drip *drip = &drips[i];
        if (!drip->closed || drip->took_ms > 14000 || (drip->want && !strstr(drip->answer, drip->want))) {
            fail_msg("%s: closed=%d after %lld ms: %s", drip->name, drip->closed, (long long)drip->took_ms, drip->answer);
        }
        free(drip->answer);
    }
}

/* Requests under way are answered, new ones refused. */
static void *ask_slow(void *context)
{
    static const char REQUEST[] = "GET /slow HTTP/1.1\r\n" HOST "\r\n";
    bool closed;
    *(char **)context = ask(REQUEST, strlen(REQUEST), &closed);
    return NULL;
}

static void test_drain(void **state)
{
    stop(NULL);
    assert_int_equal(start(state), 0);
    char *answer = NULL;
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, ask_slow, &answer), 0);
    poll(NULL, 0, 100);
    http_server_stop(g_server, 2000);
    pthread_join(thread, NULL);
    assert_non_null(strstr(answer, "slow"));
    assert_non_null(strstr(answer, "Connection: close"));
    free(answer);
    assert_int_equal(start(state), 0);
}

static void test_port_in_use(void **state)
{
    (void)state;
    struct http_server_options options = {.name = "second",
        .address = "127.0.0.1",
        .port = http_server_port(g_server),
        .threads = 1,
        .queue_max = 1,
        .handler = handle};
    struct http_server *server;
    struct err *error = http_server_start(&options, &server);
    assert_non_null(error);
    assert_int_equal(error->code, ERR_UNAVAILABLE);
    err_free(error);
}

static void test_percent_decode(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool plus;
        const char *want;
    } CASES[] = {{"abc", false, "abc"}, {"%41%62", false, "Ab"}, {"a+b", true, "a b"}, {"a+b", false, "a+b"},
        {"%e5%85%ac", false, "公"}, {"%2541", false, "%41"}, {"%00", false, NULL}, {"%4", false, NULL}, {"%", false, NULL},
        {"%4g", false, NULL}, {"%ff", false, NULL}, {"%c0%80", false, NULL}, {"", false, ""}};
    struct arena *arena = arena_new(4096);
    for (size_t i = 0; i < sizeof(CASES) / sizeof(CASES[0]); i++) {
        const char *got = http_percent_decode(arena, CASES[i].text, strlen(CASES[i].text), CASES[i].plus);
        if (!CASES[i].want) {
            assert_null(got);
        } else {
            assert_string_equal(got, CASES[i].want);
        }
    }
    arena_free(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_proxy_requests),
        cmocka_unit_test(test_smuggling),
        cmocka_unit_test(test_many_fields),
        cmocka_unit_test(test_long_heads),
        cmocka_unit_test(test_pipeline),
        cmocka_unit_test(test_answers),
        cmocka_unit_test(test_large_bodies),
        cmocka_unit_test(test_continue),
        cmocka_unit_test(test_body_ends_early),
        cmocka_unit_test(test_port_in_use),
        cmocka_unit_test(test_percent_decode),
        cmocka_unit_test(test_drain),
        cmocka_unit_test(test_slow_clients),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
