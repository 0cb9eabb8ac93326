#include "services/messaging/conversation.h"

#include "gen/messaging_errors.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the above first */
#include <cmocka.h>

static struct uuid person(uint8_t number)
{
    return (struct uuid){.bytes = {number}};
}

static void expect(const char *name, struct err *error, const struct err_reason *want)
{
    if (want ? !err_is(error, want) : error != NULL) {
        fail_msg("%s: wanted %s, got %s", name, want ? want->name : "success", error ? error->reason : "success");
    }
    err_free(error);
}

static const struct {
    const char *name;
    int kind;
    const char *group_name;
    uint8_t others[4];
    size_t other_count, distinct_count;
    const struct err_reason *want;
} DRAFTS[] = {
    {"two people", CONVERSATION_KIND_DIRECT, "", {2}, 1, 1, NULL},
    {"the creator named too", CONVERSATION_KIND_DIRECT, "", {1, 2}, 2, 1, NULL},
    {"the same person twice", CONVERSATION_KIND_DIRECT, "", {2, 2}, 2, 1, NULL},
    {"with oneself", CONVERSATION_KIND_DIRECT, "", {1}, 1, 0, &MESSAGING_MEMBERS_INVALID},
    {"direct with two others", CONVERSATION_KIND_DIRECT, "", {2, 3}, 2, 2, &MESSAGING_MEMBERS_INVALID},
    {"a group of two", CONVERSATION_KIND_GROUP, "盤點", {2}, 1, 1, NULL},
    {"a group of oneself", CONVERSATION_KIND_GROUP, "盤點", {1, 1}, 2, 0, &MESSAGING_MEMBERS_INVALID},
    {"a group without a name", CONVERSATION_KIND_GROUP, "", {2, 3}, 2, 2, &MESSAGING_NAME_MISSING},
    {"a group named with spaces", CONVERSATION_KIND_GROUP, "  ", {2, 3}, 2, 2, &MESSAGING_NAME_MISSING},
};

static void test_drafts(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(DRAFTS) / sizeof(DRAFTS[0]); i++) {
        struct uuid others[4];
        for (size_t k = 0; k < 4; k++) {
            others[k] = person(DRAFTS[i].others[k]);
        }
        struct conversation_draft draft = {.kind = DRAFTS[i].kind,
            .name = DRAFTS[i].group_name,
            .creator_id = person(1),
            .other_ids = others,
            .other_count = DRAFTS[i].other_count};
        conversation_draft_normalise(&draft);
        assert_int_equal(draft.other_count, DRAFTS[i].distinct_count);
        expect(DRAFTS[i].name, conversation_check_draft(&draft), DRAFTS[i].want);
    }
}

#define DIRECT CONVERSATION_KIND_DIRECT
#define GROUP CONVERSATION_KIND_GROUP
#define OWNER MEMBER_ROLE_OWNER
#define ADMINISTRATOR MEMBER_ROLE_ADMINISTRATOR
#define MEMBER MEMBER_ROLE_MEMBER

static const struct {
    const char *name;
    struct access access; /* of person 1 */
    uint8_t member;
    int member_role;
    const struct err_reason *want;
} REMOVALS[] = {
    {"owner takes a member out", {.kind = GROUP, .role = OWNER, .member_count = 3}, 2, MEMBER, NULL},
    {"administrator takes a member out", {.kind = GROUP, .role = ADMINISTRATOR, .member_count = 3}, 2, MEMBER, NULL},
    {"member takes a member out", {.kind = GROUP, .role = MEMBER, .member_count = 3}, 2, MEMBER,
        &MESSAGING_NOT_AN_ADMINISTRATOR},
    {"administrator takes the owner out", {.kind = GROUP, .role = ADMINISTRATOR, .member_count = 3}, 2, OWNER,
        &MESSAGING_NOT_AN_ADMINISTRATOR},
    {"member leaves", {.kind = GROUP, .role = MEMBER, .member_count = 3}, 1, MEMBER, NULL},
    {"owner leaves others behind", {.kind = GROUP, .role = OWNER, .member_count = 2}, 1, OWNER,
        &MESSAGING_OWNER_CANNOT_LEAVE},
    {"owner leaves last", {.kind = GROUP, .role = OWNER, .member_count = 1}, 1, OWNER, NULL},
    {"leaving a direct conversation", {.kind = DIRECT, .role = MEMBER, .member_count = 2}, 1, MEMBER,
        &MESSAGING_DIRECT_CONVERSATION_FIXED},
};

static void test_removals(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(REMOVALS) / sizeof(REMOVALS[0]); i++) {
        struct access access = REMOVALS[i].access;
        access.user_id = person(1);
        expect(REMOVALS[i].name, conversation_check_remove(&access, person(REMOVALS[i].member), REMOVALS[i].member_role),
            REMOVALS[i].want);
    }
}

static void test_manage_and_growth(void **state)
{
    (void)state;
    expect("owner", conversation_check_manage(&(struct access){.kind = GROUP, .role = OWNER}), NULL);
    expect("member", conversation_check_manage(&(struct access){.kind = GROUP, .role = MEMBER}),
        &MESSAGING_NOT_AN_ADMINISTRATOR);
    expect("direct", conversation_check_manage(&(struct access){.kind = DIRECT, .role = OWNER}),
        &MESSAGING_DIRECT_CONVERSATION_FIXED);
    expect("at the limit", conversation_check_growth(&(struct access){.member_count = 4999}, 1), NULL);
    expect("past the limit", conversation_check_growth(&(struct access){.member_count = 4999}, 2),
        &MESSAGING_MEMBER_LIMIT_REACHED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_drafts), cmocka_unit_test(test_removals), cmocka_unit_test(test_manage_and_growth)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
