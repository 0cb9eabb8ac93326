#include "libshared/base/log.h"

#include "libshared/base/str.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static const struct err_reason NOT_HERE = {"test.kongsi", "NOT_HERE", ERR_NOT_FOUND};

/* Standard error goes into a file while a test runs. */
struct capture {
    int saved_fd, file_fd;
};

static int capture_begin(void **state)
{
    struct capture *capture = malloc(sizeof(*capture));
    capture->saved_fd = dup(STDERR_FILENO);
    FILE *file = tmpfile();
    capture->file_fd = dup(fileno(file));
    fclose(file);
    dup2(capture->file_fd, STDERR_FILENO);
    log_init("kongsi-test", LOG_LEVEL_INFO);
    log_set_context(NULL, NULL);
    *state = capture;
    return 0;
}

static int capture_end(void **state)
{
    struct capture *capture = *state;
    dup2(capture->saved_fd, STDERR_FILENO);
    close(capture->saved_fd);
    close(capture->file_fd);
    free(capture);
    return 0;
}

/* What was written since the last call; `text` is NUL-terminated. */
static size_t captured(struct capture *capture, char *text, size_t size)
{
    lseek(capture->file_fd, 0, SEEK_SET);
    ssize_t length = read(capture->file_fd, text, size - 1);
    assert_true(length >= 0);
    text[length] = '\0';
    assert_int_equal(ftruncate(capture->file_fd, 0), 0);
    lseek(capture->file_fd, 0, SEEK_SET);
    return (size_t)length;
}

static json_t *captured_line(struct capture *capture)
{
    char text[20000];
    size_t length = captured(capture, text, sizeof(text));
    assert_true(length > 0 && length <= 8192);
    assert_ptr_equal(strchr(text, '\n'), text + length - 1); /* one line, whatever was in it */
    json_error_t error;
    json_t *line = json_loadb(text, length, JSON_REJECT_DUPLICATES, &error);
    if (!line) {
        fail_msg("%s in %s", error.text, text);
    }
    return line;
}

static const char *field(const json_t *line, const char *name)
{
    const char *value = json_string_value(json_object_get(line, name));
    return value ? value : "(none)";
}

static void test_message_escapes(void **state)
{
    static const struct {
        const char *name, *text, *want;
    } CASES[] = {
        {"plain", "hello 公司", "hello 公司"},
        {"a forged line", "x\"}\n{\"time\":\"now\"}", "x\"}\n{\"time\":\"now\"}"},
        {"controls", "\x01\x1b[31m\x7f\r\t\b", "\x01\x1b[31m\x7f\r\t\b"},
        {"C1 controls", "\xc2\x9b", "\xc2\x9b"},
        {"no UTF-8",
            "a\xff\xc0\xaf"
            "b",
            "a\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"
            "b"},
        {"cut code point", "a\xe5\x85", "a\xef\xbf\xbd\xef\xbf\xbd"},
        {"backslashes", "\\u0041\\", "\\u0041\\"},
    };
    for (size_t i = 0; i < sizeof(CASES) / sizeof(CASES[0]); i++) {
        log_info("%s", CASES[i].text);
        json_t *line = captured_line(*state);
        assert_string_equal(field(line, "message"), CASES[i].want);
        assert_string_equal(field(line, "level"), "info");
        assert_string_equal(field(line, "program"), "kongsi-test");
        assert_string_equal(field(line, "service"), "(none)");
        json_decref(line);
    }
    char raw[1000];
    log_info("\x1b\xc2\x9b\x7f");
    captured(*state, raw, sizeof(raw));
    assert_null(strpbrk(raw, "\x1b\x7f\x9b")); /* nothing a terminal obeys */
}

static void test_long_lines(void **state)
{
    static const char *const PIECES[] = {"x", "\n", "公", "\xff", "\"", "\x01"};
    for (size_t i = 0; i < sizeof(PIECES) / sizeof(PIECES[0]); i++) {
        for (size_t count = 600; count < 6000; count += 97) {
            BUF_AUTO text;
            buf_init(&text, 1 << 20);
            for (size_t n = 0; n < count; n++) {
                buf_append_text(&text, PIECES[i]);
            }
            struct err *error = err_new(&NOT_HERE, "%s", text.data);
            for (int n = 0; n < ERR_METADATA_MAX; n++) {
                char name[16];
                snprintf(name, sizeof(name), "key%d", n);
                err_with(error, name, "%s", text.data);
            }
            log_err(LOG_LEVEL_ERROR, error, "%s", text.data);
            json_t *line = captured_line(*state);
            json_decref(line);
            err_free(error);
        }
    }
}

static void test_context_and_level(void **state)
{
    char text[1000];
    log_set_context("messaging", "0af7651916cd43dd8448eb211c80319c");
    errno = ENOENT;
    log_warn("w");
    assert_int_equal(errno, ENOENT);
    json_t *line = captured_line(*state);
    assert_string_equal(field(line, "service"), "messaging");
    assert_string_equal(field(line, "trace_id"), "0af7651916cd43dd8448eb211c80319c");
    assert_string_equal(field(line, "level"), "warn");
    json_decref(line);
    log_debug("not shown");
    assert_int_equal(captured(*state, text, sizeof(text)), 0);
    log_init("kongsi-test", LOG_LEVEL_DEBUG);
    log_debug("shown");
    json_decref(captured_line(*state));
}

static void test_err(void **state)
{
    ERR_AUTO error = err_new(&NOT_HERE, "no row");
    err_with(error, "id", "a\"b");
    log_err(LOG_LEVEL_ERROR, error, "get %d", 3);
    json_t *line = captured_line(*state);
    assert_string_equal(field(line, "message"), "get 3");
    assert_string_equal(field(line, "error"), "no row");
    assert_string_equal(field(line, "code"), "NOT_FOUND");
    assert_string_equal(field(line, "reason"), "NOT_HERE");
    assert_string_equal(field(line, "domain"), "test.kongsi");
    assert_string_equal(field(json_object_get(line, "metadata"), "id"), "a\"b");
    assert_true(strstr(field(line, "file"), "test_log.c") != NULL);
    json_decref(line);
    log_err(LOG_LEVEL_ERROR, NULL, "nothing");
    json_decref(captured_line(*state));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_message_escapes, capture_begin, capture_end),
        cmocka_unit_test_setup_teardown(test_long_lines, capture_begin, capture_end),
        cmocka_unit_test_setup_teardown(test_context_and_level, capture_begin, capture_end),
        cmocka_unit_test_setup_teardown(test_err, capture_begin, capture_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
