#include "services/realtime/origin.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static char *OFFICE[] = {(char[]){"https://office.example.hk"}, (char[]){"http://localhost:8080"}};
static const struct config_strings ANY_OF_HOST = {0};
static const struct config_strings LISTED = {.items = OFFICE, .count = 2};

static void test_origins(void **state)
{
    (void)state;
    static const struct {
        const char *origin, *host;
        const struct config_strings *allowed;
        bool want;
    } CASES[] = {
        {"", "office.example.hk", &ANY_OF_HOST, true},
        {"", "office.example.hk", &LISTED, true},
        {"https://office.example.hk", "office.example.hk", &ANY_OF_HOST, true},
        {"https://OFFICE.example.HK", "office.example.hk", &ANY_OF_HOST, true},
        {"http://localhost:8080", "localhost:8081", &ANY_OF_HOST, true},
        {"http://[::1]:8080", "[::1]:8081", &ANY_OF_HOST, true},
        {"http://[::1]", "[::1]:8081", &ANY_OF_HOST, true},
        {"http://[::2]", "[::1]:8081", &ANY_OF_HOST, false},
        {"https://evil.example", "office.example.hk", &ANY_OF_HOST, false},
        {"https://office.example.hk.evil.example", "office.example.hk", &ANY_OF_HOST, false},
        {"https://office.example", "office.example.hk", &ANY_OF_HOST, false},
        {"https://evil.example/office.example.hk", "office.example.hk", &ANY_OF_HOST, false},
        {"null", "office.example.hk", &ANY_OF_HOST, false},
        {"null", "null", &ANY_OF_HOST, false},
        {"https://", "", &ANY_OF_HOST, false},
        {"https://[", "[", &ANY_OF_HOST, false},
        {"https://office.example.hk", "internal", &LISTED, true},
        {"http://localhost:8080", "internal", &LISTED, true},
        {"http://localhost:8081", "localhost:8081", &LISTED, false},
        {"http://office.example.hk", "office.example.hk", &LISTED, false},
        {"null", "office.example.hk", &LISTED, false},
    };
    for (size_t i = 0; i < sizeof(CASES) / sizeof(CASES[0]); i++) {
        print_message("case: %s at %s\n", CASES[i].origin, CASES[i].host);
        assert_int_equal(origin_is_allowed(CASES[i].origin, CASES[i].host, CASES[i].allowed), CASES[i].want);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_origins),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
