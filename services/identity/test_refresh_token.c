#include "services/identity/refresh_token.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define DAY_MS ((int64_t)24 * 3600 * 1000)
#define LIFETIME_MS (30 * DAY_MS)

static const uint8_t KEY[REFRESH_KEY_SIZE] = "a key of thirty-two bytes, or so";

static void test_round_trip(void **state)
{
    (void)state;
    struct refresh_token token = {.org_id = {{1}}, .session_id = {{2}}, .generation = 0x01020304}, read;
    char text[REFRESH_TOKEN_SIZE];
    refresh_token_format(KEY, &token, text);
    assert_int_equal(strlen(text), REFRESH_TOKEN_SIZE - 1);
    assert_true(refresh_token_parse(KEY, text, &read));
    assert_true(uuid_equal(read.org_id, token.org_id) && uuid_equal(read.session_id, token.session_id));
    assert_int_equal(read.generation, token.generation);
}

static void test_forged(void **state)
{
    (void)state;
    struct refresh_token token = {.org_id = {{1}}, .session_id = {{2}}, .generation = 7}, read;
    uint8_t other_key[REFRESH_KEY_SIZE] = "another";
    char text[REFRESH_TOKEN_SIZE];
    refresh_token_format(KEY, &token, text);
    assert_false(refresh_token_parse(other_key, text, &read));
    for (size_t i = 0; i < REFRESH_TOKEN_SIZE - 1; i++) {
        char forged[REFRESH_TOKEN_SIZE + 1];
        memcpy(forged, text, sizeof(text));
        forged[i] = forged[i] == 'A' ? 'B' : 'A';
        assert_false(refresh_token_parse(KEY, forged, &read));
        forged[i] = '\0';
        assert_false(refresh_token_parse(KEY, forged, &read));
    }
    char longer[REFRESH_TOKEN_SIZE + 1];
    memcpy(longer, text, sizeof(text));
    strcat(longer, "A");
    assert_false(refresh_token_parse(KEY, longer, &read));
}

/* A session whose 5th token was issued at 0, and that lasts 100 days. */
static const struct {
    const char *name;
    int32_t generation;
    int64_t now_ms;
    bool ended, inactive;
    enum refresh_verdict want;
} CASES[] = {
    {"the current one", 5, 1, false, false, REFRESH_ROTATE},
    {"the current one, at once", 5, 0, false, false, REFRESH_ROTATE},
    {"the current one, on its last day", 5, LIFETIME_MS - 1, false, false, REFRESH_ROTATE},
    {"the current one, too old", 5, LIFETIME_MS, false, false, REFRESH_REFUSED},
    {"the last one, answer lost", 4, 5000, false, false, REFRESH_REPEAT},
    {"the last one, by a clock that is behind", 4, -500, false, false, REFRESH_REPEAT},
    {"the last one, too late", 4, 5001, false, false, REFRESH_REUSED},
    {"the one before", 3, 1, false, false, REFRESH_REUSED},
    {"the first one, long ago", 1, 99 * DAY_MS, false, false, REFRESH_REUSED},
    {"one that was never issued", 6, 1, false, false, REFRESH_REFUSED},
    {"of an ended session", 5, 1, true, false, REFRESH_REFUSED},
    {"used, of an ended session", 3, 1, true, false, REFRESH_REFUSED},
    {"of somebody who has left", 5, 1, false, true, REFRESH_REFUSED},
    {"of an expired session", 5, 100 * DAY_MS, false, false, REFRESH_REFUSED},
};

static void test_decide(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(CASES) / sizeof(CASES[0]); i++) {
        struct refresh_session session = {.ended = CASES[i].ended,
            .user_active = !CASES[i].inactive,
            .generation = 5,
            .expire_time = {100 * DAY_MS * 1000}};
        struct instant now = {CASES[i].now_ms * 1000};
        if (refresh_decide(&session, CASES[i].generation, now, LIFETIME_MS) != CASES[i].want) {
            fail_msg("%s", CASES[i].name);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip), cmocka_unit_test(test_forged), cmocka_unit_test(test_decide)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
