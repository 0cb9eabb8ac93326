#include "libshared/base/arena.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void test_cap(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        size_t cap, first, second;
        bool want_first, want_second;
    } CASES[] = {
        {"both fit", 64, 32, 32, true, true},
        {"exactly the cap", 64, 64, 0, true, false}, /* even nothing takes a place of its own */
        {"one past the cap", 64, 65, 16, false, true},
        {"padding counts", 64, 1, 49, true, false},
        {"a size that overflows when rounded", SIZE_MAX, SIZE_MAX, 16, false, true},
        {"a size that overflows with the head of its block", SIZE_MAX, SIZE_MAX - 31, 16, false, true},
        {"no cap left at all", 0, 1, 0, false, false},
    };
    for (size_t i = 0; i < sizeof(CASES) / sizeof(CASES[0]); i++) {
        print_message("case: %s\n", CASES[i].name);
        ARENA_AUTO arena = arena_new(CASES[i].cap);
        assert_int_equal(arena_alloc(arena, CASES[i].first) != NULL, CASES[i].want_first);
        assert_int_equal(arena_alloc(arena, CASES[i].second) != NULL, CASES[i].want_second);
    }
}

static void test_memory_is_zero_and_aligned(void **state)
{
    (void)state;
    ARENA_AUTO arena = arena_new(ARENA_CAP_DEFAULT_BYTES);
    for (int round = 0; round < 2; round++) {
        for (size_t size = 0; size < 10000; size += 37) {
            unsigned char *memory = arena_alloc(arena, size);
            assert_non_null(memory);
            assert_int_equal((uintptr_t)memory % _Alignof(max_align_t), 0);
            for (size_t i = 0; i < size; i++) {
                assert_int_equal(memory[i], 0);
            }
            memset(memory, 0xff, size);
        }
        arena_reset(arena);
        assert_int_equal(arena_used_bytes(arena), 0);
    }
}

static void test_calloc_overflow(void **state)
{
    (void)state;
    ARENA_AUTO arena = arena_new(ARENA_CAP_DEFAULT_BYTES);
    assert_null(arena_calloc(arena, SIZE_MAX / 2, 3));
    assert_null(arena_calloc(arena, (size_t)1 << 33, (size_t)1 << 33));
    assert_non_null(arena_calloc(arena, 10, 10));
    assert_non_null(arena_calloc(arena, 0, 10));
}

static void test_texts(void **state)
{
    (void)state;
    ARENA_AUTO arena = arena_new(4096);
    assert_string_equal(arena_strdup(arena, ""), "");
    assert_string_equal(arena_strdup(arena, "公司"), "公司");
    assert_string_equal(arena_strndup(arena, "kongsi", 4), "kong");
    assert_string_equal(arena_strndup(arena, NULL, 0), "");
    assert_string_equal(arena_printf(arena, "%d-%s", 7, "x"), "7-x");
    assert_memory_equal(arena_memdup(arena, "a\0b", 3), "a\0b", 3);
    assert_null(arena_printf(arena, "%5000d", 1)); /* past the cap */
    assert_null(arena_strndup(arena, "x", SIZE_MAX));
}

static void test_huge_block_is_not_kept(void **state)
{
    (void)state;
    ARENA_AUTO arena = arena_new(ARENA_CAP_DEFAULT_BYTES);
    assert_non_null(arena_alloc(arena, (size_t)8 * 1024 * 1024));
    arena_reset(arena);
    assert_non_null(arena_alloc(arena, 16));
    arena_reset(arena);
    arena_reset(arena);
    arena_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cap),
        cmocka_unit_test(test_memory_is_zero_and_aligned),
        cmocka_unit_test(test_calloc_overflow),
        cmocka_unit_test(test_texts),
        cmocka_unit_test(test_huge_block_is_not_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
