/* What the HTTP server refuses before anything is routed, and what it does not. */
#include "libshared/rpc/test_http_fixture.h"

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
        cmocka_unit_test(test_percent_decode),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
