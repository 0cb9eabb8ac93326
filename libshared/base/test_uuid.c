#include "libshared/base/uuid.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define THREADS 4
#define UUIDS 50000

static void *make_many(void *argument)
{
    struct uuid *uuids = argument;
    for (size_t i = 0; i < UUIDS; i++) {
        uuids[i] = uuid_v7(instant_now());
    }
    return NULL;
}

static int compare(const void *a, const void *b)
{
    return uuid_compare(*(const struct uuid *)a, *(const struct uuid *)b);
}

static void test_v7_across_threads(void **state)
{
    (void)state;
    struct uuid *uuids = calloc((size_t)THREADS * UUIDS, sizeof(*uuids));
    pthread_t threads[THREADS];
    for (size_t i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, make_many, uuids + i * UUIDS), 0);
    }
    for (size_t i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
    }
    for (size_t i = 0; i < (size_t)THREADS * UUIDS; i++) {
        if (i % UUIDS != 0) {
            assert_true(uuid_compare(uuids[i - 1], uuids[i]) < 0); /* increasing in the order of making */
        }
        assert_int_equal(uuids[i].bytes[6] >> 4, 7);
        assert_int_equal(uuids[i].bytes[8] >> 6, 2);
    }
    qsort(uuids, (size_t)THREADS * UUIDS, sizeof(*uuids), compare);
    for (size_t i = 1; i < (size_t)THREADS * UUIDS; i++) {
        assert_true(uuid_compare(uuids[i - 1], uuids[i]) < 0); /* no two alike */
    }
    free(uuids);
}

static int64_t ms_of(struct uuid uuid)
{
    int64_t ms = 0;
    for (int i = 0; i < 6; i++) {
        ms = ms << 8 | uuid.bytes[i];
    }
    return ms;
}

static void test_v7_time(void **state)
{
    (void)state;
    struct instant now = instant_add_ms(instant_now(), 60000);
    struct uuid a = uuid_v7(now);
    assert_true(ms_of(a) == now.us / 1000);
    struct uuid b = uuid_v7(instant_add_ms(now, -5000)); /* the clock went back: order wins */
    assert_true(uuid_compare(a, b) < 0);
    struct uuid c = uuid_v7((struct instant){-1});
    assert_true(uuid_compare(b, c) < 0);
}

static void test_parse(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool want;
    } CASES[] = {
        {"00000000-0000-0000-0000-000000000000", true},
        {"0193a5b0-7e11-7abc-8def-0123456789ab", true},
        {"0193A5B0-7E11-7ABC-8DEF-0123456789AB", true},
        {"0193a5b07e117abc8def0123456789ab", false},
        {"{0193a5b0-7e11-7abc-8def-0123456789ab}", false},
        {"0193a5b0-7e11-7abc-8def-0123456789a", false},
        {"0193a5b0-7e11-7abc-8def-0123456789abc", false},
        {"0193a5b0-7e11-7abc-8def-0123456789ag", false},
        {"0193a5b0-7e11-7abc-8def+0123456789ab", false},
        {"0193a5b-07e11-7abc-8def-0123456789ab", false},
        {"0193a5b0-7e11-7abc-8def-0123456789 b", false},
        {"", false},
    };
    for (size_t i = 0; i < sizeof(CASES) / sizeof(CASES[0]); i++) {
        struct uuid uuid = {.bytes = {1, 2, 3}};
        struct uuid before = uuid;
        print_message("case: %s\n", CASES[i].text);
        assert_int_equal(uuid_parse(CASES[i].text, &uuid), CASES[i].want);
        assert_int_equal(uuid_equal(uuid, before), !CASES[i].want);
    }
    struct uuid uuid;
    assert_false(uuid_parse(NULL, &uuid));
}

static void test_format(void **state)
{
    (void)state;
    char text[UUID_TEXT_SIZE];
    struct uuid uuid;
    assert_true(uuid_parse("0193A5B0-7E11-7ABC-8DEF-0123456789AB", &uuid));
    assert_string_equal(uuid_format(uuid, text), "0193a5b0-7e11-7abc-8def-0123456789ab");
    assert_false(uuid_is_nil(uuid));
    assert_true(uuid_is_nil((struct uuid){0}));
    assert_true(uuid_hash((struct uuid){0}) == UINT64_C(0x88201fb960ff6465)); /* for ever: shards depend on it */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_v7_across_threads),
        cmocka_unit_test(test_v7_time),
        cmocka_unit_test(test_parse),
        cmocka_unit_test(test_format),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
