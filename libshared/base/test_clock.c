#include "libshared/base/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

static void test_parse(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool want;
        int64_t us;
    } CASES[] = {
        {"1970-01-01T00:00:00Z", true, 0},
        {"1970-01-01t00:00:00z", true, 0},
        {"2026-11-22T08:00:00.12Z", true, INT64_C(1795334400120000)},
        {"2026-11-22T16:00:00.120+08:00", true, INT64_C(1795334400120000)},
        {"2026-11-22T00:30:00.120-07:30", true, INT64_C(1795334400120000)},
        {"1969-12-31T23:59:59.999999Z", true, -1},
        {"1969-12-31T23:59:59.999999999Z", true, -1}, /* cut, not rounded */
        {"0001-01-01T00:00:00Z", true, INT64_C(-62135596800000000)},
        {"9999-12-31T23:59:59.999999Z", true, INT64_C(253402300799999999)},
        {"2000-02-29T00:00:00Z", true, INT64_C(951782400000000)},
        {"2024-02-29T00:00:00-00:00", true, INT64_C(1709164800000000)},
        {"1900-02-29T00:00:00Z", false, 0},
        {"2100-02-29T00:00:00Z", false, 0},
        {"2023-02-29T00:00:00Z", false, 0},
        {"2024-02-30T00:00:00Z", false, 0},
        {"2024-04-31T00:00:00Z", false, 0},
        {"2024-13-01T00:00:00Z", false, 0},
        {"2024-00-01T00:00:00Z", false, 0},
        {"2024-01-00T00:00:00Z", false, 0},
        {"0000-01-01T00:00:00Z", false, 0},
        {"0001-01-01T00:00:00+00:01", false, 0}, /* lies in year 0 */
        {"9999-12-31T23:59:59-00:01", false, 0}, /* lies in year 10000 */
        {"2024-01-01T24:00:00Z", false, 0},
        {"2024-01-01T23:60:00Z", false, 0},
        {"2016-12-31T23:59:60Z", false, 0},
        {"2024-01-01T00:00:00+24:00", false, 0},
        {"2024-01-01T00:00:00+08:60", false, 0},
        {"2024-01-01T00:00:00+0800", false, 0},
        {"2024-01-01T00:00:00+08", false, 0},
        {"2024-01-01T00:00:00", false, 0},
        {"2024-01-01 00:00:00Z", false, 0},
        {"2024-01-01T00:00:00.Z", false, 0},
        {"2024-01-01T00:00:00.1234567890Z", false, 0},
        {"2024-01-01T00:00:00Z ", false, 0},
        {"2024-1-01T00:00:00Z", false, 0},
        {"+024-01-01T00:00:00Z", false, 0},
        {"", false, 0},
        {"2024", false, 0},
    };
    for (size_t i = 0; i < sizeof(CASES) / sizeof(CASES[0]); i++) {
        struct instant instant = {77};
        print_message("case: %s\n", CASES[i].text);
        size_t length = strlen(CASES[i].text);
        char *exact = malloc(length ? length : 1);
        memcpy(exact, CASES[i].text, length);
        assert_int_equal(instant_parse(exact, length, &instant), CASES[i].want);
        assert_true(instant.us == (CASES[i].want ? CASES[i].us : 77));
        free(exact);
    }
    struct instant instant;
    assert_false(instant_parse("2024-01-01T00:00:00\0Z", 21, &instant));
}

static void test_format(void **state)
{
    (void)state;
    static const struct {
        int64_t us;
        const char *want;
    } CASES[] = {
        {0, "1970-01-01T00:00:00Z"},
        {INT64_C(1795334400120000), "2026-11-22T08:00:00.120Z"},
        {INT64_C(1795334400120001), "2026-11-22T08:00:00.120001Z"},
        {-1, "1969-12-31T23:59:59.999999Z"},
        {-1000000, "1969-12-31T23:59:59Z"},
        {INT64_C(951782400000000), "2000-02-29T00:00:00Z"},
        {INT64_C(-62135596800000000), "0001-01-01T00:00:00Z"},
        {INT64_C(253402300799999999), "9999-12-31T23:59:59.999999Z"},
        {INT64_C(4107542399000000), "2100-02-28T23:59:59Z"},
        {INT64_C(4107542400000000), "2100-03-01T00:00:00Z"},
    };
    char text[INSTANT_TEXT_SIZE];
    for (size_t i = 0; i < sizeof(CASES) / sizeof(CASES[0]); i++) {
        assert_ptr_equal(instant_format((struct instant){CASES[i].us}, text), text);
        assert_string_equal(text, CASES[i].want);
    }
    instant_format((struct instant){INT64_MIN}, text); /* no year anybody reads, but no crash */
    assert_true(strlen(text) < INSTANT_TEXT_SIZE);
    instant_format((struct instant){INT64_MAX}, text);
    assert_true(strlen(text) < INSTANT_TEXT_SIZE);
}

/* Every day of 0001 to 9999 agrees with libc, there and back. */
static void test_all_days(void **state)
{
    (void)state;
    char text[INSTANT_TEXT_SIZE];
    char want[64];
    for (int64_t day = -719162; day <= 2932896; day += 1) {
        time_t seconds = (time_t)(day * 86400 + 3600);
        struct tm tm;
        gmtime_r(&seconds, &tm);
        snprintf(want, sizeof(want), "%04d-%02d-%02dT01:00:00Z", tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday);
        instant_format((struct instant){seconds * INT64_C(1000000)}, text);
        struct instant back;
        if (strcmp(text, want) != 0 || !instant_parse(text, strlen(text), &back) || back.us != seconds * INT64_C(1000000)) {
            fail_msg("%s, want %s", text, want);
        }
    }
}

static void test_dates(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool want;
    } CASES[] = {
        {"2024-02-29", true},
        {"2023-02-29", false},
        {"2000-02-29", true},
        {"1900-02-29", false},
        {"2024-12-31", true},
        {"2024-12-32", false},
        {"2024-12-3", false},
        {"2024-12-031", false},
        {"2024/12/03", false},
        {"", false},
        {"0000-12-03", false},
        {"20241203", false},
        {" 2024-12-03", false},
    };
    for (size_t i = 0; i < sizeof(CASES) / sizeof(CASES[0]); i++) {
        print_message("case: %s\n", CASES[i].text);
        assert_int_equal(date_is_valid(CASES[i].text), CASES[i].want);
    }
}

static void test_clocks(void **state)
{
    (void)state;
    int64_t now = clock_monotonic_ms();
    assert_int_equal(deadline_left_ms(now - 10), 0);
    int64_t left = deadline_left_ms(now + 10000);
    assert_true(left > 9000 && left <= 10000);
    assert_true(clock_monotonic_us() / 1000 >= now);
    struct instant wall = instant_now();
    assert_true(wall.us > INT64_C(1700000000000000));
    assert_true(instant_add_ms(wall, -5).us == wall.us - 5000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parse),
        cmocka_unit_test(test_format),
        cmocka_unit_test(test_all_days),
        cmocka_unit_test(test_dates),
        cmocka_unit_test(test_clocks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
