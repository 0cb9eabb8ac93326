/* The web client's files over HTTP: tags, gzip, caching, and that nothing outside the folder can be had. */
#include "services/gateway/static.h"
#include "services/gateway/test_http_client.h"

#include "gen/kongsi_errors.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include <cmocka.h>

static char g_folder[] = "/tmp/kongsi_test_static_XXXXXX";
static struct static_site *g_site;
static struct http_server *g_server;

static void write_file(const char *name, const char *text, size_t repeat)
{
    char path[256];
    snprintf(path, sizeof(path), "%s/%s", g_folder, name);
    FILE *file = fopen(path, "w");
    for (size_t i = 0; i < repeat; i++) {
        fputs(text, file);
    }
    fclose(file);
}

static void handle(struct http_exchange *exchange, void *context)
{
    if (!static_site_handle(context, exchange)) {
        http_respond_err(exchange, err_new(&KONGSI_ROUTE_NOT_FOUND, "nothing is here"));
    }
}

static int setup(void **state)
{
    (void)state;
    char path[256];
    assert_non_null(mkdtemp(g_folder));
    snprintf(path, sizeof(path), "%s/assets", g_folder);
    mkdir(path, 0700);
    write_file("index.html", "<!doctype html>page", 1);
    write_file("assets/app-1a2b.js", "console.log('公司');\n", 2000);
    write_file("assets/app-1a2b.js.map", "{}", 1); /* of no kind that is served */
    write_file("logo.png", "\x89PNG", 1);
    write_file(".secret.html", "hidden", 1);
    snprintf(path, sizeof(path), "%s/outside.txt", g_folder);
    assert_int_equal(symlink("/etc/hostname", path), 0);
    assert_null(static_site_open(g_folder, &g_site));
    assert_null(static_site_add(g_site, "/config.json", "application/json", (struct bytes){(const uint8_t *)"{}", 2}));
    struct http_server_options options = {
        .name = "test_static", .address = "127.0.0.1", .threads = 4, .queue_max = 4, .handler = handle, .context = g_site};
    assert_null(http_server_start(&options, &g_server));
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    http_server_stop(g_server, 1000);
    static_site_close(g_site);
    char command[300];
    snprintf(command, sizeof(command), "rm -r '%s'", g_folder);
    return system(command);
}

static const struct {
    const char *name, *method, *target;
    long status;
    const char *head, *body; /* parts of them; NULL: not looked at */
} CASES[] = {
    {"page", "GET", "/index.html", 200, "Content-Type: text/html; charset=utf-8\r\n", "page"},
    {"root", "GET", "/", 200, "Cache-Control: no-cache\r\n", "page"},
    {"route of the client", "GET", "/conversations/1", 200, "text/html", "page"},
    {"hashed file", "GET", "/assets/app-1a2b.js", 200, "Cache-Control: public, max-age=31536000, immutable\r\n", "公司"},
    {"head", "HEAD", "/index.html", 200, "Content-Length: 19\r\n", NULL},
    {"image", "GET", "/logo.png", 200, "Content-Type: image/png\r\n", "PNG"},
    {"made here", "GET", "/config.json", 200, "application/json", "{}"},
    {"query is no matter", "GET", "/index.html?a=b", 200, NULL, "page"},
    {"missing file", "GET", "/nothing.js", 404, NULL, "ROUTE_NOT_FOUND"},
    {"source map", "GET", "/assets/app-1a2b.js.map", 404, NULL, NULL},
    {"hidden file", "GET", "/.secret.html", 404, NULL, NULL},
    {"symbolic link", "GET", "/outside.txt", 404, NULL, NULL},
    {"traversal", "GET", "/../../../../etc/passwd.html", 404, NULL, NULL},
    {"traversal, escaped", "GET", "/%2e%2e/%2e%2e/etc/passwd.html", 404, NULL, NULL},
    {"traversal, doubly escaped", "GET", "/%252e%252e/index.html", 404, NULL, NULL},
    {"backslash", "GET", "/..%5cindex.html", 404, NULL, NULL},
    {"folder", "GET", "/assets/", 200, "text/html", "page"}, /* a route of the client as any other */
    {"post", "POST", "/index.html", 405, "Allow: GET, HEAD\r\n", "METHOD_NOT_ALLOWED"},
    {"delete", "DELETE", "/", 405, "Allow: GET, HEAD\r\n", NULL},
};

static void test_requests(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(CASES) / sizeof(CASES[0]); i++) {
        struct test_answer answer;
        assert_int_equal(
            test_ask(http_server_port(g_server), CASES[i].method, CASES[i].target, NULL, NULL, &answer), CURLE_OK);
        if (answer.status != CASES[i].status || (CASES[i].head && !test_has(&answer.head, CASES[i].head)) ||
            (CASES[i].body && !test_has(&answer.body, CASES[i].body))) {
            fail_msg(
                "%s: %ld %s%s", CASES[i].name, answer.status, answer.head.data, answer.body.length ? answer.body.data : "");
        }
        if (strcmp(CASES[i].method, "HEAD") == 0) {
            assert_int_equal(answer.body.length, 0);
        }
        test_answer_deinit(&answer);
    }
}

static void get_etag(const char *target, const char *field, char etag[64])
{
    struct test_answer answer;
    assert_int_equal(test_ask(http_server_port(g_server), "GET", target, field, NULL, &answer), CURLE_OK);
    assert_int_equal(answer.status, 200);
    const char *at = strstr(answer.head.data, "ETag: ");
    assert_non_null(at);
    assert_int_equal(sscanf(at, "ETag: %63s", etag), 1);
    test_answer_deinit(&answer);
}

static void test_etags(void **state)
{
    (void)state;
    char page[64], script[64], packed[64];
    get_etag("/index.html", NULL, page);
    get_etag("/assets/app-1a2b.js", NULL, script);
    get_etag("/assets/app-1a2b.js", "Accept-Encoding: gzip", packed);
    assert_int_equal(page[0], '"'); /* strong */
    assert_string_not_equal(page, script);
    assert_string_not_equal(script, packed); /* other bytes */
    const struct {
        const char *before, *etag, *after;
        long status;
    } cases[] = {{"", page, "", 304}, {"W/", page, "", 304}, {"\"x\", ", page, "", 304}, {"*", "", "", 304},
        {"", script, "", 200}, {"", "\"", "x\"", 200}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char field[200];
        snprintf(field, sizeof(field), "If-None-Match: %s%s%s", cases[i].before, cases[i].etag, cases[i].after);
        struct test_answer answer;
        assert_int_equal(test_ask(http_server_port(g_server), "GET", "/index.html", field, NULL, &answer), CURLE_OK);
        if (answer.status != cases[i].status ||
            (answer.status == 304 && (answer.body.length || !test_has(&answer.head, page)))) {
            fail_msg("%s: %ld", field, answer.status);
        }
        test_answer_deinit(&answer);
    }
}

static size_t inflated_length(const struct buf *packed)
{
    static unsigned char out[100000];
    z_stream stream = {.next_in = (unsigned char *)packed->data,
        .avail_in = (unsigned)packed->length,
        .next_out = out,
        .avail_out = sizeof(out)};
    assert_int_equal(inflateInit2(&stream, 15 + 16), Z_OK);
    assert_int_equal(inflate(&stream, Z_FINISH), Z_STREAM_END);
    inflateEnd(&stream);
    return stream.total_out;
}

static void test_gzip(void **state)
{
    (void)state;
    static const struct {
        const char *field;
        bool packed;
    } ACCEPTS[] = {{"Accept-Encoding: gzip", true}, {"Accept-Encoding: br, GZIP;q=0.5", true},
        {"Accept-Encoding: gzip;q=0", false}, {"Accept-Encoding: gzip; q=0.000", false}, {"Accept-Encoding: br", false},
        {"Accept-Encoding: xgzip", false}, {NULL, false}};
    size_t whole = strlen("console.log('公司');\n") * 2000;
    for (size_t i = 0; i < sizeof(ACCEPTS) / sizeof(ACCEPTS[0]); i++) {
        struct test_answer answer;
        assert_int_equal(
            test_ask(http_server_port(g_server), "GET", "/assets/app-1a2b.js", ACCEPTS[i].field, NULL, &answer), CURLE_OK);
        assert_int_equal(test_has(&answer.head, "Content-Encoding: gzip\r\n"), ACCEPTS[i].packed);
        assert_true(test_has(&answer.head, "Vary: "));
        assert_int_equal(ACCEPTS[i].packed ? inflated_length(&answer.body) : answer.body.length, whole);
        test_answer_deinit(&answer);
    }
}

/* Without a folder the site is there and empty. */
static void test_no_folder(void **state)
{
    (void)state;
    static const char *const FOLDERS[] = {NULL, "", "/nonexistent/folder"};
    for (size_t i = 0; i < sizeof(FOLDERS) / sizeof(FOLDERS[0]); i++) {
        struct static_site *site;
        assert_null(static_site_open(FOLDERS[i], &site));
        static_site_close(site);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_requests),
        cmocka_unit_test(test_etags),
        cmocka_unit_test(test_gzip),
        cmocka_unit_test(test_no_folder),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
