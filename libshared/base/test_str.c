#include "libshared/base/str.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void test_utf8_valid(void **state)
{
    (void)state;
    static const struct {
        const char *name, *text;
        size_t length;
        bool want;
    } CASES[] = {
        {"empty", "", 0, true},
        {"NUL is valid here", "a\0b", 3, true},
        {"two bytes, lowest", "\xc2\x80", 2, true},
        {"two bytes, highest", "\xdf\xbf", 2, true},
        {"three bytes, lowest", "\xe0\xa0\x80", 3, true},
        {"before the surrogates", "\xed\x9f\xbf", 3, true},
        {"after the surrogates", "\xee\x80\x80", 3, true},
        {"U+FFFF", "\xef\xbf\xbf", 3, true},
        {"four bytes, lowest", "\xf0\x90\x80\x80", 4, true},
        {"U+10FFFF", "\xf4\x8f\xbf\xbf", 4, true},
        {"Hong Kong's own character", "\xf0\xa8\x8b\xa2", 4, true},
        {"overlong NUL", "\xc0\x80", 2, false},
        {"overlong slash", "\xc0\xaf", 2, false},
        {"overlong C1", "\xc1\xbf", 2, false},
        {"overlong of three", "\xe0\x9f\xbf", 3, false},
        {"overlong of four", "\xf0\x8f\xbf\xbf", 4, false},
        {"lowest surrogate", "\xed\xa0\x80", 3, false},
        {"highest surrogate", "\xed\xbf\xbf", 3, false},
        {"past U+10FFFF", "\xf4\x90\x80\x80", 4, false},
        {"F5", "\xf5\x80\x80\x80", 4, false},
        {"five bytes", "\xf8\x88\x80\x80\x80", 5, false},
        {"FF", "\xff", 1, false},
        {"lone continuation", "\x80", 1, false},
        {"cut after one of two", "\xc2", 1, false},
        {"cut after two of three", "\xe5\x85", 2, false},
        {"cut after three of four", "\xf0\xa8\x8b", 3, false},
        {"second byte is ASCII",
            "\xe5"
            "a\x80",
            3, false},
        {"third byte is ASCII",
            "\xe5\x85"
            "a",
            3, false},
        {"fourth byte is a lead", "\xf0\xa8\x8b\xc2", 4, false},
    };
    for (size_t i = 0; i < sizeof(CASES) / sizeof(CASES[0]); i++) {
        print_message("case: %s\n", CASES[i].name);
        char *exact = malloc(CASES[i].length + 1); /* so that a sanitizer sees a read past the end */
        memcpy(exact, CASES[i].text, CASES[i].length);
        exact = realloc(exact, CASES[i].length ? CASES[i].length : 1);
        assert_int_equal(utf8_valid(exact, CASES[i].length), CASES[i].want);
        free(exact);
    }
}

static void test_utf8_truncate(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        size_t max, want;
    } CASES[] = {
        {"", 0, 0},
        {"abc", 5, 3},
        {"abc", 3, 3},
        {"abc", 2, 2},
        {"公司", 6, 6},
        {"公司", 5, 3},
        {"公司", 4, 3},
        {"公司", 3, 3},
        {"公司", 2, 0},
        {"公司", 0, 0},
        {"a\xf0\xa8\x8b\xa2", 4, 1},
        {"\x80\x80\x80\x80\x80\x80", 5, 5},
    };
    for (size_t i = 0; i < sizeof(CASES) / sizeof(CASES[0]); i++) {
        assert_int_equal(utf8_truncate(CASES[i].text, strlen(CASES[i].text), CASES[i].max), CASES[i].want);
    }
    assert_int_equal(utf8_length("公司 ok", strlen("公司 ok")), 5);
    assert_int_equal(utf8_length("\xf0\xa8\x8b\xa2", 4), 1);
    assert_int_equal(utf8_length("", 0), 0);
}

static void test_buf_cap(void **state)
{
    (void)state;
    BUF_AUTO buf;
    buf_init(&buf, 1000);
    for (int i = 0; i < 1000; i++) {
        assert_true(buf_append_char(&buf, 'x'));
    }
    assert_int_equal(strlen(buf.data), 1000);
    assert_true(buf_append(&buf, NULL, 0));
    assert_false(buf_append_char(&buf, 'y'));
    assert_true(buf.failed);
    buf_reset(&buf);
    assert_string_equal(buf.data, "");
    assert_true(buf_printf(&buf, "%d %s", 42, "times"));
    assert_string_equal(buf.data, "42 times");
    assert_false(buf_printf(&buf, "%2000d", 1));
    assert_false(buf_append(&buf, "x", SIZE_MAX));
    struct buf none;
    buf_init(&none, 0);
    assert_false(buf_append_char(&none, 'x'));
    buf_deinit(&none);
}

static void test_json_string(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        size_t length;
        const char *want;
    } CASES[] = {
        {"", 0, "\"\""},
        {"plain 公司", 12, "\"plain 公司\""},
        {"\"\\/", 3, "\"\\\"\\\\/\""},
        {"\n\r\t", 3, "\"\\n\\r\\t\""},
        {"\x01\x1f\x7f", 3, "\"\\u0001\\u001f\\u007f\""},
        {"a\0b", 3, "\"a\\u0000b\""},
    };
    for (size_t i = 0; i < sizeof(CASES) / sizeof(CASES[0]); i++) {
        BUF_AUTO buf;
        buf_init(&buf, 1000);
        assert_true(buf_append_json_string(&buf, CASES[i].text, CASES[i].length));
        assert_string_equal(buf.data, CASES[i].want);
    }
}

static void test_to_int64(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool want;
        int64_t value;
    } CASES[] = {
        {"0", true, 0},
        {"-0", true, 0},
        {"007", true, 7},
        {"9223372036854775807", true, INT64_MAX},
        {"-9223372036854775808", true, INT64_MIN},
        {"9223372036854775808", false, 0},
        {"-9223372036854775809", false, 0},
        {"99999999999999999999999", false, 0},
        {"", false, 0},
        {"-", false, 0},
        {"--1", false, 0},
        {"+1", false, 0},
        {" 1", false, 0},
        {"1 ", false, 0},
        {"1.0", false, 0},
        {"0x10", false, 0},
        {"1e3", false, 0},
    };
    for (size_t i = 0; i < sizeof(CASES) / sizeof(CASES[0]); i++) {
        int64_t value = 12345;
        print_message("case: %s\n", CASES[i].text);
        assert_int_equal(str_to_int64(CASES[i].text, &value), CASES[i].want);
        assert_true(value == (CASES[i].want ? CASES[i].value : 12345));
    }
}

static void test_small_helpers(void **state)
{
    (void)state;
    assert_true(str_starts_with("kongsi", "kong"));
    assert_true(str_starts_with("kongsi", ""));
    assert_false(str_starts_with("kon", "kong"));
    assert_true(str_is_empty(NULL));
    assert_true(str_is_empty(""));
    assert_false(str_is_empty("x"));
    /* the published test vectors of FNV-1a: shards depend on them */
    assert_true(hash_fnv1a("", 0) == UINT64_C(0xcbf29ce484222325));
    assert_true(hash_fnv1a("a", 1) == UINT64_C(0xaf63dc4c8601ec8c));
    assert_true(hash_fnv1a("foobar", 6) == UINT64_C(0x85944171f73967e8));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_utf8_valid),
        cmocka_unit_test(test_utf8_truncate),
        cmocka_unit_test(test_buf_cap),
        cmocka_unit_test(test_json_string),
        cmocka_unit_test(test_to_int64),
        cmocka_unit_test(test_small_helpers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
