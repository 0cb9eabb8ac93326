/* Raw routes through the proxy: what goes in comes out, in pieces, and a fault on either side is told to the other. */
#include "services/gateway/proxy.h"
#include "services/gateway/test_http_client.h"

#include "libshared/base/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cmocka.h>

#define LARGE ((size_t)24 * 1024 * 1024)

static struct http_server *g_back, *g_front;
static char g_back_url[64];
static atomic_size_t g_received;

static void describe(struct http_exchange *exchange)
{
    BUF_AUTO text;
    buf_init(&text, 1 << 16);
    buf_printf(&text, "%s %s ? %s\n", http_method(exchange), http_path(exchange), http_query(exchange));
    for (size_t i = 0; i < http_header_count(exchange); i++) {
        const char *name, *value;
        http_header_at(exchange, i, &name, &value);
        buf_printf(&text, "%s: %s\n", name, value);
    }
    http_set_header(exchange, "ETag", "\"tag\"");
    http_set_header(exchange, "Cache-Control", "private");
    http_respond(exchange, 200, "text/plain", text.data, text.length);
}

static void receive(struct http_exchange *exchange)
{
    char piece[16384];
    size_t length = 1, sum = 0;
    while (length > 0) {
        struct err *error = http_read(exchange, piece, sizeof(piece), &length);
        if (error) {
            http_respond_err(exchange, error);
            return;
        }
        sum += length;
        atomic_store(&g_received, sum);
    }
    char text[32];
    int text_length = snprintf(text, sizeof(text), "%zu", sum);
    http_respond(exchange, 201, "text/plain", text, (size_t)text_length);
}

static void send_large(struct http_exchange *exchange, int64_t declared)
{
    char piece[65536];
    memset(piece, 'd', sizeof(piece));
    http_respond_begin(exchange, 200, "application/octet-stream", declared);
    for (size_t sent = 0; sent < LARGE && http_write(exchange, piece, sizeof(piece)); sent += sizeof(piece)) {
    }
    http_respond_end(exchange);
}

static void handle_back(struct http_exchange *exchange, void *context)
{
    (void)context;
    const char *path = http_path(exchange);
    if (strcmp(path, "/receive") == 0) {
        receive(exchange);
    } else if (strcmp(path, "/large") == 0) {
        send_large(exchange, (int64_t)LARGE);
    } else if (strcmp(path, "/chunks") == 0) {
        send_large(exchange, -1);
    } else if (strcmp(path, "/short") == 0) { /* cut in the middle */
        http_respond_begin(exchange, 200, "text/plain", 100);
        http_write(exchange, "half", 4);
    } else if (strcmp(path, "/refuse") == 0) { /* before the body was read */
        http_set_header(exchange, "WWW-Authenticate", "Bearer");
        http_respond(exchange, 401, "application/json", "{}", 2);
    } else if (strcmp(path, "/empty") == 0) {
        http_respond(exchange, 204, NULL, "", 0);
    } else {
        describe(exchange);
    }
}

static void handle_front(struct http_exchange *exchange, void *context)
{
    (void)context;
    proxy_stream(exchange, strcmp(http_path(exchange), "/away") == 0 ? "http://127.0.0.1:1" : g_back_url);
}

static struct http_server *start(const char *name, void (*handler)(struct http_exchange *, void *))
{
    struct http_server *server = NULL;
    struct http_server_options options = {
        .name = name, .address = "127.0.0.1", .threads = 8, .queue_max = 8, .handler = handler};
    assert_null(http_server_start(&options, &server));
    return server;
}

static int setup(void **state)
{
    (void)state;
    curl_global_init(CURL_GLOBAL_DEFAULT);
    g_back = start("back", handle_back);
    g_front = start("front", handle_front);
    snprintf(g_back_url, sizeof(g_back_url), "http://127.0.0.1:%d", http_server_port(g_back));
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    http_server_stop(g_front, 1000);
    http_server_stop(g_back, 1000);
    return 0;
}

static CURLcode ask(
    const char *method, const char *target, const char *field, struct bytes *upload, struct test_answer *answer)
{
    return test_ask(http_server_port(g_front), method, target, field, upload, answer);
}

static void test_request_travels(void **state)
{
    (void)state;
    struct test_answer answer;
    assert_int_equal(ask("GET", "/a%2Fb/../c?q=%20x&y", "Authorization: Bearer t", NULL, &answer), CURLE_OK);
    assert_int_equal(answer.status, 200);
    assert_true(test_has(&answer.body, "GET /a%2Fb/../c ? q=%20x&y\n"));
    assert_true(test_has(&answer.body, "Authorization: Bearer t\n"));
    assert_true(test_has(&answer.head, "ETag: \"tag\"\r\n"));
    assert_true(test_has(&answer.head, "Cache-Control: private\r\n"));
    assert_true(test_has(&answer.head, "Content-Type: text/plain\r\n"));
    test_answer_deinit(&answer);
    assert_int_equal(ask("GET", "/", "Kongsi-Via: forged", NULL, &answer), CURLE_OK);
    assert_false(test_has(&answer.body, "forged"));
    test_answer_deinit(&answer);
    assert_int_equal(ask("DELETE", "/x", NULL, NULL, &answer), CURLE_OK);
    assert_true(test_has(&answer.body, "DELETE /x"));
    test_answer_deinit(&answer);
    assert_int_equal(ask("HEAD", "/x", NULL, NULL, &answer), CURLE_OK);
    assert_int_equal(answer.status, 200);
    assert_int_equal(answer.body.length, 0);
    test_answer_deinit(&answer);
    assert_int_equal(ask("GET", "/empty", NULL, NULL, &answer), CURLE_OK);
    assert_int_equal(answer.status, 204);
    test_answer_deinit(&answer);
}

static void test_bodies(void **state)
{
    (void)state;
    static const struct {
        const char *method, *field;
        size_t length;
        const char *want;
    } CASES[] = {{"PUT", NULL, LARGE, "25165824"}, {"PUT", "Transfer-Encoding: chunked", 100000, "100000"},
        {"POST", NULL, 0, "0"}, {"PUT", NULL, 1, "1"}};
    uint8_t *data = calloc(1, LARGE);
    for (size_t i = 0; i < sizeof(CASES) / sizeof(CASES[0]); i++) {
        struct test_answer answer;
        struct bytes body = {data, CASES[i].length};
        assert_int_equal(ask(CASES[i].method, "/receive", CASES[i].field, &body, &answer), CURLE_OK);
        if (answer.status != 201 || !test_has(&answer.body, CASES[i].want)) {
            fail_msg("case %zu: %ld %s", i, answer.status, answer.body.length ? answer.body.data : "");
        }
        test_answer_deinit(&answer);
    }
    free(data);
}

static void test_answers(void **state)
{
    (void)state;
    static const char *const TARGETS[] = {"/large", "/chunks"};
    for (size_t i = 0; i < 2; i++) {
        struct test_answer answer;
        assert_int_equal(ask("GET", TARGETS[i], NULL, NULL, &answer), CURLE_OK);
        assert_int_equal(answer.body.length, LARGE);
        test_answer_deinit(&answer);
    }
}

/* A client that reads slowly holds the sender back; nothing piles up here. */
static size_t take_slowly(char *bytes, size_t size, size_t count, void *context)
{
    (void)bytes;
    *(size_t *)context += size * count;
    usleep(200);
    return size * count;
}

static long peak_kib(void)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return usage.ru_maxrss;
}

static void test_memory_is_bounded(void **state)
{
    (void)state;
    char url[64];
    size_t length = 0;
    snprintf(url, sizeof(url), "http://127.0.0.1:%d/chunks", http_server_port(g_front));
    long before = peak_kib();
    CURL *easy = curl_easy_init();
    curl_easy_setopt(easy, CURLOPT_URL, url);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, take_slowly);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, &length);
    assert_int_equal(curl_easy_perform(easy), CURLE_OK);
    curl_easy_cleanup(easy);
    assert_int_equal(length, LARGE);
    assert_true(peak_kib() - before < 4096);
}

static void test_faults(void **state)
{
    (void)state;
    struct test_answer answer;
    assert_int_equal(ask("GET", "/away", NULL, NULL, &answer), CURLE_OK);
    assert_int_equal(answer.status, 503);
    assert_true(test_has(&answer.head, "Retry-After: "));
    test_answer_deinit(&answer);
    assert_int_equal(ask("GET", "/short", NULL, NULL, &answer), CURLE_PARTIAL_FILE);
    test_answer_deinit(&answer);
    uint8_t *data = calloc(1, LARGE);
    struct bytes body = {data, LARGE};
    ask("PUT", "/refuse", NULL, &body, &answer); /* sent in vain, but the answer is the service's own */
    if (answer.status != 401) {
        fail_msg("%ld %s", answer.status, answer.body.length ? answer.body.data : "");
    }
    assert_true(test_has(&answer.head, "WWW-Authenticate: Bearer\r\n"));
    test_answer_deinit(&answer);
    free(data);
}

/* The service's refusal comes before the body is asked for; its consent after. */
static void test_expectations(void **state)
{
    (void)state;
    uint8_t *data = calloc(1, LARGE);
    struct bytes body = {data, LARGE};
    struct test_answer answer;
    int64_t start_ms = clock_monotonic_ms();
    assert_int_equal(ask("PUT", "/refuse", "Expect: 100-continue", &body, &answer), CURLE_OK);
    assert_int_equal(answer.status, 401);
    assert_false(test_has(&answer.head, "100 Continue"));
    test_answer_deinit(&answer);
    assert_int_equal(ask("PUT", "/receive", "Expect: 100-continue", &body, &answer), CURLE_OK);
    assert_int_equal(answer.status, 201);
    assert_true(test_has(&answer.head, "100 Continue"));
    assert_true(clock_monotonic_ms() - start_ms < 5000);
    test_answer_deinit(&answer);
    free(data);
}

/* A client that goes away in the middle of its body ends the call behind too. */
static void test_client_leaves(void **state)
{
    (void)state;
    char url[64];
    snprintf(url, sizeof(url), "http://127.0.0.1:%d/receive", http_server_port(g_front));
    uint8_t *data = calloc(1, LARGE);
    CURL *easy = curl_easy_init();
    curl_easy_setopt(easy, CURLOPT_URL, url);
    curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)LARGE);
    curl_easy_setopt(easy, CURLOPT_POSTFIELDS, data);
    curl_easy_setopt(easy, CURLOPT_MAX_SEND_SPEED_LARGE, (curl_off_t)1000000);
    curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, 300L);
    assert_int_equal(curl_easy_perform(easy), CURLE_OPERATION_TIMEDOUT);
    curl_easy_cleanup(easy);
    free(data);
    struct test_answer answer;
    assert_int_equal(ask("GET", "/still-there", NULL, NULL, &answer), CURLE_OK);
    assert_int_equal(answer.status, 200);
    test_answer_deinit(&answer);
    int64_t start_ms = clock_monotonic_ms(); /* neither server waits for the one who left */
    teardown(NULL);
    assert_true(clock_monotonic_ms() - start_ms < 900);
    setup(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_memory_is_bounded),
        cmocka_unit_test(test_request_travels),
        cmocka_unit_test(test_bodies),
        cmocka_unit_test(test_answers),
        cmocka_unit_test(test_faults),
        cmocka_unit_test(test_expectations),
        cmocka_unit_test(test_client_leaves),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
