/* Token buckets: time is passed in, so the tests are exact. */
#include "services/gateway/rate.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static const int64_t PER_MINUTE[RATE_CLASSES] = {60, 1, 600, 1000000};

static int take_many(struct rate_limiter *limiter, int rate_class, const char *key, int64_t now_ms, int count)
{
    int taken = 0;
    int64_t wait_ms;
    for (int i = 0; i < count; i++) {
        taken += rate_limiter_take(limiter, rate_class, key, now_ms, &wait_ms);
    }
    return taken;
}

static void test_burst_and_refill(void **state)
{
    (void)state;
    struct rate_limiter *limiter = rate_limiter_new(PER_MINUTE);
    int64_t wait_ms = 0;
    assert_int_equal(take_many(limiter, 0, "a", 1000, 100), 60);
    assert_false(rate_limiter_take(limiter, 0, "a", 1000, &wait_ms));
    assert_int_equal(wait_ms, 1000);
    assert_false(rate_limiter_take(limiter, 0, "a", 1400, &wait_ms));
    assert_int_equal(wait_ms, 600);
    assert_false(rate_limiter_take(limiter, 0, "a", 1999, &wait_ms));
    assert_true(rate_limiter_take(limiter, 0, "a", 2000, &wait_ms));
    assert_int_equal(take_many(limiter, 0, "a", 12000, 100), 10);
    assert_int_equal(take_many(limiter, 0, "a", 10000000, 100), 60); /* never more than a minute's worth */
    rate_limiter_free(limiter);
}

static void test_keys_and_classes_are_apart(void **state)
{
    (void)state;
    struct rate_limiter *limiter = rate_limiter_new(PER_MINUTE);
    assert_int_equal(take_many(limiter, 1, "a", 0, 5), 1);
    assert_int_equal(take_many(limiter, 1, "b", 0, 5), 1);
    assert_int_equal(take_many(limiter, 1, "", 0, 5), 1);
    assert_int_equal(take_many(limiter, 0, "a", 0, 100), 60);
    assert_int_equal(take_many(limiter, 2, "a", 0, 1000), 600);
    assert_int_equal(take_many(limiter, 3, "a", 0, 5000), 5000);
    rate_limiter_free(limiter);
}

static void test_clock_going_back(void **state)
{
    (void)state;
    struct rate_limiter *limiter = rate_limiter_new(PER_MINUTE);
    int64_t wait_ms = 0;
    assert_int_equal(take_many(limiter, 1, "a", 100000, 2), 1);
    assert_false(rate_limiter_take(limiter, 1, "a", 50000, &wait_ms));
    assert_true(wait_ms > 0 && wait_ms <= 60000);
    assert_true(rate_limiter_take(limiter, 1, "a", 160000, &wait_ms));
    rate_limiter_free(limiter);
}

/* More keys than buckets: still only memory taken at start, and a key in steady use keeps its bucket. */
static void test_table_is_bounded(void **state)
{
    (void)state;
    struct rate_limiter *limiter = rate_limiter_new(PER_MINUTE);
    int64_t wait_ms, now_ms = 0;
    int taken = 0;
    for (int i = 0; i < 300000; i++) {
        char key[16];
        snprintf(key, sizeof(key), "%d", i);
        now_ms += i % 100 == 0;
        assert_true(rate_limiter_take(limiter, 1, key, now_ms, &wait_ms));
        if (i % 50 == 0) {
            taken += rate_limiter_take(limiter, 1, "steady", now_ms, &wait_ms);
        }
    }
    assert_int_equal(taken, 1);
    rate_limiter_free(limiter);
}

static struct rate_limiter *g_limiter;

static void *take_in_thread(void *context)
{
    *(int *)context = take_many(g_limiter, 2, "shared", 5, 1000);
    return NULL;
}

static void test_threads_share_a_bucket(void **state)
{
    (void)state;
    pthread_t threads[4];
    int taken[4], sum = 0;
    g_limiter = rate_limiter_new(PER_MINUTE);
    for (int i = 0; i < 4; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, take_in_thread, &taken[i]), 0);
    }
    for (int i = 0; i < 4; i++) {
        pthread_join(threads[i], NULL);
        sum += taken[i];
    }
    assert_int_equal(sum, 600);
    rate_limiter_free(g_limiter);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_burst_and_refill),
        cmocka_unit_test(test_keys_and_classes_are_apart),
        cmocka_unit_test(test_clock_going_back),
        cmocka_unit_test(test_table_is_bounded),
        cmocka_unit_test(test_threads_share_a_bucket),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
