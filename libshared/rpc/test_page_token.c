#include "libshared/rpc/page_token.h"

#include "gen/kongsi_errors.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static const struct page_token POSITION = {.keys = {"Joyce Szeto 司徒詠詩", "", "0198"}, .count = 3};

static void test_round_trip(void **state)
{
    (void)state;
    ARENA_AUTO arena = arena_new(ARENA_CAP_DEFAULT_BYTES);
    const char *text;
    assert_null(page_token_make(arena, "ListUsers a", &POSITION, &text));
    struct page_token read;
    assert_null(page_token_parse(arena, "ListUsers a", text, 3, &read));
    assert_int_equal(read.count, 3);
    for (size_t i = 0; i < 3; i++) {
        assert_string_equal(read.keys[i], POSITION.keys[i]);
    }
}

static void test_empty_is_the_beginning(void **state)
{
    (void)state;
    ARENA_AUTO arena = arena_new(ARENA_CAP_DEFAULT_BYTES);
    struct page_token read = {.count = 9};
    assert_null(page_token_parse(arena, "q", "", 2, &read));
    assert_int_equal(read.count, 0);
}

static void assert_refused(struct arena *arena, const char *query, const char *text, size_t key_count)
{
    struct page_token read = {.count = 9};
    ERR_AUTO error = page_token_parse(arena, query, text, key_count, &read);
    assert_true(err_is(error, &KONGSI_PAGE_TOKEN_INVALID));
    assert_int_equal(read.count, 9);
}

static void test_foreign_and_damaged(void **state)
{
    (void)state;
    ARENA_AUTO arena = arena_new(ARENA_CAP_DEFAULT_BYTES);
    const char *text;
    assert_null(page_token_make(arena, "ListUsers a", &POSITION, &text));
    assert_refused(arena, "ListUsers b", text, 3);
    assert_refused(arena, "ListUsers a", text, 2);
    assert_refused(arena, "ListUsers a", "%%%", 3);
    assert_refused(arena, "ListUsers a", "AQA", 0);
    for (size_t i = 0; i < strlen(text); i++) {
        char *damaged = arena_strdup(arena, text);
        damaged[i] = damaged[i] == 'A' ? 'B' : 'A';
        assert_refused(arena, "ListUsers a", damaged, 3);
        damaged[i] = '\0';
        if (i > 0) {
            assert_refused(arena, "ListUsers a", damaged, 3);
        }
    }
}

static void test_key_matters(void **state)
{
    (void)state;
    ARENA_AUTO arena = arena_new(ARENA_CAP_DEFAULT_BYTES);
    const char *text;
    page_token_set_key("one");
    assert_null(page_token_make(arena, "q", &POSITION, &text));
    page_token_set_key("another");
    assert_refused(arena, "q", text, 3);
    page_token_set_key("one");
    struct page_token read;
    assert_null(page_token_parse(arena, "q", text, 3, &read));
}

static void test_limits(void **state)
{
    (void)state;
    ARENA_AUTO arena = arena_new(ARENA_CAP_DEFAULT_BYTES);
    char key[PAGE_TOKEN_KEYS_SIZE_MAX_BYTES + 2];
    memset(key, 'x', sizeof(key));
    key[PAGE_TOKEN_KEYS_SIZE_MAX_BYTES] = '\0';
    const char *text;
    struct page_token read;
    assert_null(page_token_make(arena, "q", &(struct page_token){.keys = {key}, .count = 1}, &text));
    assert_true(strlen(text) <= 500);
    assert_null(page_token_parse(arena, "q", text, 1, &read));
    assert_string_equal(read.keys[0], key);
    key[PAGE_TOKEN_KEYS_SIZE_MAX_BYTES] = 'x';
    key[PAGE_TOKEN_KEYS_SIZE_MAX_BYTES + 1] = '\0';
    ERR_AUTO error = page_token_make(arena, "q", &(struct page_token){.keys = {key}, .count = 1}, &text);
    assert_true(err_is(error, &KONGSI_INTERNAL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_empty_is_the_beginning),
        cmocka_unit_test(test_foreign_and_damaged),
        cmocka_unit_test(test_key_matters),
        cmocka_unit_test(test_limits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
