#include "services/messaging/conversation.h"

#include "gen/messaging_errors.h"
#include "libshared/base/str.h"

#define MEMBERS_MAX 5000

static bool draft_has(const struct conversation_draft *draft, size_t count, struct uuid id)
{
    if (uuid_equal(id, draft->creator_id)) {
        return true;
    }
    for (size_t i = 0; i < count; i++) {
        if (uuid_equal(draft->other_ids[i], id)) {
            return true;
        }
    }
    return false;
}

void conversation_draft_normalise(struct conversation_draft *draft)
{
    size_t kept = 0;
    for (size_t i = 0; i < draft->other_count; i++) {
        if (!draft_has(draft, kept, draft->other_ids[i])) {
            draft->other_ids[kept++] = draft->other_ids[i];
        }
    }
    draft->other_count = kept;
}

struct err *conversation_check_draft(const struct conversation_draft *draft)
{
    if (draft->kind == CONVERSATION_KIND_DIRECT) {
        if (draft->other_count != 1) {
            return err_new(&MESSAGING_MEMBERS_INVALID,
                "member_ids names %zu other people, a direct conversation takes exactly 1", draft->other_count);
        }
        return NULL;
    }
    if (draft->other_count == 0) {
        return err_new(&MESSAGING_MEMBERS_INVALID, "member_ids names nobody else, a group takes at least 1 other person");
    }
    if (draft->other_count + 1 > MEMBERS_MAX) {
        return err_new(&MESSAGING_MEMBER_LIMIT_REACHED, "the group would have %zu members, at most %d are possible",
            draft->other_count + 1, MEMBERS_MAX);
    }
    return conversation_check_name(draft->name);
}

struct err *conversation_check_name(const char *name)
{
    if (!str_has_visible(name)) {
        return err_new(&MESSAGING_NAME_MISSING, "name has no visible character, a group needs one");
    }
    return NULL;
}

static bool is_administrator(const struct access *access)
{
    return access->role == MEMBER_ROLE_OWNER || access->role == MEMBER_ROLE_ADMINISTRATOR;
}

static struct err *refuse_direct(const struct access *access)
{
    if (access->kind == CONVERSATION_KIND_DIRECT) {
        return err_new(&MESSAGING_DIRECT_CONVERSATION_FIXED, "a direct conversation keeps its two members and has no name");
    }
    return NULL;
}

struct err *conversation_check_manage(const struct access *access)
{
    ERR_TRY(refuse_direct(access));
    if (!is_administrator(access)) {
        return err_new(&MESSAGING_NOT_AN_ADMINISTRATOR, "only the owner and administrators of the group may do this");
    }
    return NULL;
}

struct err *conversation_check_growth(const struct access *access, size_t added)
{
    if ((size_t)access->member_count + added > MEMBERS_MAX) {
        return err_new(&MESSAGING_MEMBER_LIMIT_REACHED, "the group has %d members, %zu more would pass the limit of %d",
            access->member_count, added, MEMBERS_MAX);
    }
    return NULL;
}

struct err *conversation_check_remove(const struct access *access, struct uuid member_id, int member_role)
{
    ERR_TRY(refuse_direct(access));
    bool leaving = uuid_equal(access->user_id, member_id);
    if (!leaving && (!is_administrator(access) || member_role == MEMBER_ROLE_OWNER)) {
        return err_new(
            &MESSAGING_NOT_AN_ADMINISTRATOR, "only the owner and administrators may take people out, and nobody the owner");
    }
    if (leaving && access->role == MEMBER_ROLE_OWNER && access->member_count > 1) {
        return err_new(&MESSAGING_OWNER_CANNOT_LEAVE, "the group has %d members besides its owner; remove them first",
            access->member_count - 1);
    }
    return NULL;
}
