#include "services/messaging/message.h"

#include "gen/messaging_errors.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
/* cmocka wants the above first */
#include <cmocka.h>

static const struct {
    const char *name;
    const char *body;
    const struct err_reason *want;
} TEXTS[] = {
    {"a plain text", "早晨", NULL},
    {"a single character", "a", NULL},
    {"an emoji", "\xf0\x9f\x91\x8d", NULL},
    {"empty", "", &MESSAGING_CONTENT_MISSING},
    {"spaces and line breaks", " \n\t\r", &MESSAGING_CONTENT_MISSING},
    {"ideographic spaces", "\xe3\x80\x80\xe3\x80\x80", &MESSAGING_CONTENT_MISSING},
    {"zero-width characters and direction marks", "\xe2\x80\x8b\xe2\x80\x8f\xef\xbb\xbf", &MESSAGING_CONTENT_MISSING},
    {"visible after space", "\n x", NULL},
};

static void expect(const char *name, struct err *error, const struct err_reason *want)
{
    if (want ? !err_is(error, want) : error != NULL) {
        fail_msg("%s: wanted %s, got %s", name, want ? want->name : "success", error ? error->reason : "success");
    }
    err_free(error);
}

static void test_texts(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(TEXTS) / sizeof(TEXTS[0]); i++) {
        expect(TEXTS[i].name, message_check_text(TEXTS[i].body), TEXTS[i].want);
    }
}

static const struct {
    const char *name;
    int64_t after, before;
    bool forward;
    const struct err_reason *want;
    struct message_cursor cursor;
} CURSORS[] = {
    {"neither: from the newest back", 0, 0, false, NULL, {false, INT64_MAX}},
    {"after a seq", 7, 0, false, NULL, {true, 7}},
    {"from the first on", 0, 0, true, NULL, {true, 0}},
    {"before a seq", 0, 9, false, NULL, {false, 9}},
    {"both ways", 7, 9, false, &MESSAGING_CURSOR_AMBIGUOUS, {false, 0}},
    {"forward and before", 0, 9, true, &MESSAGING_CURSOR_AMBIGUOUS, {false, 0}},
};

static void test_cursors(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(CURSORS) / sizeof(CURSORS[0]); i++) {
        struct message_cursor cursor = {false, -1};
        expect(CURSORS[i].name, message_cursor_make(CURSORS[i].after, CURSORS[i].before, CURSORS[i].forward, &cursor),
            CURSORS[i].want);
        if (!CURSORS[i].want) {
            assert_int_equal(cursor.forward, CURSORS[i].cursor.forward);
            assert_true(cursor.from_seq == CURSORS[i].cursor.from_seq);
        } else {
            assert_true(cursor.from_seq == -1);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_texts), cmocka_unit_test(test_cursors)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
