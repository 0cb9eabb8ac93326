/* Linked with --wrap=malloc,calloc: the n-th allocation can be made to fail. */
#include "libshared/base/err.h"

#include "libshared/base/arena.h"
#include "libshared/base/str.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const struct err_reason NOT_HERE = {"test.kongsi", "NOT_HERE", ERR_NOT_FOUND};
static const struct err_reason AWAY = {"test.kongsi", "AWAY", ERR_UNAVAILABLE};

static int allocations_left = -1; /* -1: all succeed */

static bool allocation_fails(void)
{
    return allocations_left >= 0 && allocations_left-- == 0;
}

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *memory, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *memory, size_t size);

void *__wrap_malloc(size_t size)
{
    return allocation_fails() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
    return allocation_fails() ? NULL : __real_calloc(count, size);
}

void *__wrap_realloc(void *memory, size_t size)
{
    return allocation_fails() ? NULL : __real_realloc(memory, size);
}

static void test_new(void **state)
{
    (void)state;
    ERR_AUTO error = err_new(&NOT_HERE, "no row %d of %s", 3, "公司");
    assert_int_equal(error->code, ERR_NOT_FOUND);
    assert_string_equal(error->domain, "test.kongsi");
    assert_string_equal(error->reason, "NOT_HERE");
    assert_string_equal(error->message, "no row 3 of 公司");
    assert_false(error->retriable);
    assert_true(strstr(error->file, "test_err.c") != NULL);
    assert_true(err_is(error, &NOT_HERE));
    assert_false(err_is(error, &AWAY));
    assert_false(err_is(NULL, &AWAY));
}

static void test_message_is_cut_whole(void **state)
{
    (void)state;
    char text[4000];
    memset(text, 'x', 998);
    strcpy(text + 998, "公司公司");
    ERR_AUTO error = err_new(&AWAY, "%s", text);
    assert_int_equal(strlen(error->message), 998); /* a code point of three bytes would end at 1,001 */
    assert_true(error->retriable);
    memset(text, 'y', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    ERR_AUTO longer = err_new(&AWAY, "%s", text);
    assert_int_equal(strlen(longer->message), 1000);
}

static void test_texts_are_valid_utf8(void **state)
{
    (void)state;
    ERR_AUTO error = err_new(&NOT_HERE, "bad \xff\xfe bytes");
    assert_string_equal(error->message, "bad ?? bytes");
    err_with(error, "value", "\xed\xa0\x80");
    assert_string_equal(err_get_metadata(error, "value"), "???");
    ERR_AUTO restored = err_restore(ERR_NOT_FOUND, "\xff", NULL, "m\xc0", true);
    assert_string_equal(restored->domain, "?");
    assert_string_equal(restored->reason, "");
    assert_string_equal(restored->message, "m?");
    assert_true(restored->retriable);
    assert_null(restored->file);
}

static void test_restore_codes(void **state)
{
    (void)state;
    static const int BAD[] = {-1, 0, 17, 1000};
    for (size_t i = 0; i < sizeof(BAD) / sizeof(BAD[0]); i++) {
        ERR_AUTO error = err_restore((enum err_code)BAD[i], "d", "R", "m", false);
        assert_int_equal(error->code, ERR_UNKNOWN);
    }
}

static void test_metadata(void **state)
{
    (void)state;
    ERR_AUTO error = err_new(&NOT_HERE, "m");
    for (int i = 0; i < ERR_METADATA_MAX + 3; i++) {
        assert_ptr_equal(err_with(error, i % 2 ? "odd" : "even", "%d", i), error);
    }
    assert_int_equal(error->metadata_count, ERR_METADATA_MAX);
    assert_string_equal(err_get_metadata(error, "even"), "0");
    assert_string_equal(err_get_metadata(error, "odd"), "1");
    assert_null(err_get_metadata(error, "other"));
    assert_null(err_with(NULL, "key", "value"));
}

static void test_without_memory(void **state)
{
    (void)state;
    allocations_left = 0;
    struct err *error = err_new(&NOT_HERE, "m");
    allocations_left = -1;
    assert_ptr_equal(error, err_out_of_memory());
    assert_int_equal(error->code, ERR_RESOURCE_EXHAUSTED);
    assert_string_equal(error->reason, "OUT_OF_MEMORY");
    assert_ptr_equal(err_with(error, "key", "value"), error);
    assert_int_equal(error->metadata_count, 0);
    err_free(error);
    err_free(error);
    assert_string_equal(error->message, "out of memory");

    allocations_left = 0;
    error = err_restore(ERR_NOT_FOUND, "d", "R", "m", false);
    allocations_left = -1;
    assert_ptr_equal(error, err_out_of_memory());

    ERR_AUTO kept = err_new(&NOT_HERE, "m");
    allocations_left = 0;
    assert_ptr_equal(err_with(kept, "key", "value"), kept);
    allocations_left = -1;
    assert_int_equal(kept->metadata_count, 0);
    err_free(NULL);
}

static void test_others_without_memory(void **state)
{
    (void)state;
    allocations_left = 0;
    assert_null(arena_new(100));
    allocations_left = -1;
    ARENA_AUTO arena = arena_new(1000);
    allocations_left = 0;
    assert_null(arena_alloc(arena, 10));
    allocations_left = -1;
    assert_non_null(arena_alloc(arena, 10)); /* it recovers */
    BUF_AUTO buf;
    buf_init(&buf, 1000);
    allocations_left = 0;
    assert_false(buf_append_text(&buf, "text"));
    allocations_left = -1;
    assert_false(buf_append_text(&buf, "text")); /* failed stays failed */
    assert_true(buf.failed);
}

static struct err *fails(void)
{
    return err_new(&NOT_HERE, "m");
}

static struct err *forwards(int *ret_reached)
{
    ERR_TRY(NULL);
    *ret_reached = 1;
    ERR_TRY(fails());
    *ret_reached = 2;
    return NULL;
}

static void test_try(void **state)
{
    (void)state;
    int reached = 0;
    ERR_AUTO error = forwards(&reached);
    assert_true(err_is(error, &NOT_HERE));
    assert_int_equal(reached, 1);
}

static void test_code_names(void **state)
{
    (void)state;
    for (int code = 0; code <= ERR_UNAUTHENTICATED; code++) {
        assert_int_equal(err_code_from_name(err_code_name((enum err_code)code)), code);
    }
    assert_string_equal(err_code_name(ERR_FAILED_PRECONDITION), "FAILED_PRECONDITION");
    assert_string_equal(err_code_name((enum err_code)99), "UNKNOWN");
    assert_string_equal(err_code_name((enum err_code) - 1), "UNKNOWN");
    assert_int_equal(err_code_from_name("no such name"), ERR_UNKNOWN);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_new),
        cmocka_unit_test(test_message_is_cut_whole),
        cmocka_unit_test(test_texts_are_valid_utf8),
        cmocka_unit_test(test_restore_codes),
        cmocka_unit_test(test_metadata),
        cmocka_unit_test(test_without_memory),
        cmocka_unit_test(test_others_without_memory),
        cmocka_unit_test(test_try),
        cmocka_unit_test(test_code_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
