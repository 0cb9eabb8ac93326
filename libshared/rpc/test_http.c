/* The HTTP server against raw sockets: how connections go on, what is cut. */
#include "libshared/rpc/test_http_fixture.h"

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
            .want = "BODY_TOO_SLOW"},
        {.name = "chunk",
            .head = "POST /echo HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\nff00\r\n",
            .drop = "a",
            .interval_ms = 100,
            .want = "BODY_TOO_SLOW"},
        {.name = "one-byte chunks",
            .head = "POST /echo HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n",
            .drop = "1\r\nx\r\n",
            .interval_ms = 50,
            .want = "BODY_TOO_SLOW"},
        {.name = "chunk size",
            .head = "POST /echo HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n",
            .drop = "0",
            .interval_ms = 300,
            .want = "BODY_TOO_SLOW"},
        {.name = "silent body",
            .head = "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 5\r\n\r\nab",
            .drop = "c",
            .interval_ms = 20000,
            .want = "BODY_TOO_SLOW"},
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pipeline),
        cmocka_unit_test(test_answers),
        cmocka_unit_test(test_large_bodies),
        cmocka_unit_test(test_continue),
        cmocka_unit_test(test_body_ends_early),
        cmocka_unit_test(test_port_in_use),
        cmocka_unit_test(test_drain),
        cmocka_unit_test(test_slow_clients),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
