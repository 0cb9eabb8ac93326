#include "services/identity/identifier.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define SIXTY_FOUR "0123456789012345678901234567890123456789012345678901234567890123"

struct form_case {
    const char *text;
    const char *want; /* NULL: refused */
};

static void assert_forms(bool (*from)(const char *, struct identifier *), const struct form_case *cases, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct identifier identifier = {.value = "untouched"};
        bool accepted = from(cases[i].text, &identifier);
        if (accepted != (cases[i].want != NULL)) {
            fail_msg("'%s': %s", cases[i].text, accepted ? "accepted" : "refused");
        }
        assert_string_equal(identifier.value, cases[i].want ? cases[i].want : "untouched");
    }
}

static void test_external_id(void **state)
{
    (void)state;
    static const struct form_case CASES[] = {{"HR00001", "hr00001"}, {"a.b_c/d-9", "a.b_c/d-9"}, {SIXTY_FOUR, SIXTY_FOUR},
        {SIXTY_FOUR "4", NULL}, {"", NULL}, {"HR 1", NULL}, {"HR\t1", NULL}, {"員工1", NULL}, {"a@b", NULL},
        {"'; --", NULL}};
    assert_forms(identifier_from_external_id, CASES, COUNT(CASES));
}

static void test_email(void **state)
{
    (void)state;
    static const struct form_case CASES[] = {{"Ada@Example.HK", "ada@example.hk"}, {"a+b.c-d@x.y", "a+b.c-d@x.y"},
        {"o'connor@x", "o'connor@x"}, {"用戶@例.hk", "用戶@例.hk"}, {"a@b@c", NULL}, {"@b", NULL}, {"a@", NULL},
        {"ab", NULL}, {"", NULL}, {"a b@c", NULL}, {"a@b,c@d", NULL}, {"<a@b>", NULL}, {"a@b;", NULL}, {"a@.b", NULL},
        {"a@b.", NULL}, {"a@b..c", NULL}, {"a\x01@b", NULL}, {"a\x7f@b", NULL}};
    assert_forms(identifier_from_email, CASES, COUNT(CASES));
    char longest[IDENTIFIER_EMAIL_LENGTH_MAX + 2];
    memset(longest, 'x', sizeof(longest));
    longest[1] = '@';
    longest[sizeof(longest) - 1] = '\0';
    struct identifier identifier;
    assert_false(identifier_from_email(longest, &identifier));
    longest[sizeof(longest) - 2] = '\0';
    assert_true(identifier_from_email(longest, &identifier));
}

static void test_mobile(void **state)
{
    (void)state;
    static const struct form_case CASES[] = {{"+852 9123 4567", "+85291234567"}, {"9123 4567", "+85291234567"},
        {"9123-4567", "+85291234567"}, {"0085291234567", "+85291234567"}, {"+44 (20) 7946.0958", "+442079460958"},
        {"0001 8065", "+85200018065"}, {"+852 0001 8065", "+85200018065"}, {"91234567890", NULL}, {"912345", NULL},
        {"+123456", NULL}, {"+1234567", "+1234567"}, {"+123456789012345", "+123456789012345"}, {"+1234567890123456", NULL},
        {"+", NULL}, {"", NULL}, {"HR00001", NULL}, {"++85291234567", NULL}, {"9123x4567", NULL},
        {"+８５２９１２３４５６７", NULL}, {"00", NULL}, {"1111111111111111111111111111111111111111111111111", NULL}};
    assert_forms(identifier_from_mobile, CASES, COUNT(CASES));
}

static void test_candidates(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        size_t count;
        enum identifier_kind kinds[IDENTIFIER_CANDIDATES_MAX];
    } CASES[] = {
        {"a@b.hk", 1, {IDENTIFIER_EMAIL}},
        {"HR00001", 1, {IDENTIFIER_EXTERNAL_ID}},
        {"91234567", 2, {IDENTIFIER_EXTERNAL_ID, IDENTIFIER_MOBILE}},
        {"+852 9123 4567", 1, {IDENTIFIER_MOBILE}},
        {"9123 4567", 1, {IDENTIFIER_MOBILE}},
        {"a@", 0, {0}},
        {"", 0, {0}},
        {"早晨", 0, {0}},
    };
    for (size_t i = 0; i < COUNT(CASES); i++) {
        struct identifier candidates[IDENTIFIER_CANDIDATES_MAX];
        assert_int_equal(identifier_candidates(CASES[i].text, candidates), CASES[i].count);
        for (size_t k = 0; k < CASES[i].count; k++) {
            assert_int_equal(candidates[k].kind, CASES[i].kinds[k]);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_external_id), cmocka_unit_test(test_email),
        cmocka_unit_test(test_mobile), cmocka_unit_test(test_candidates)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
