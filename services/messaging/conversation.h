/* Rules of conversations and their members. Pure. */
#pragma once

#include "gen/messaging_types.h"
#include "libshared/base/err.h"
#include "libshared/base/uuid.h"

/* A conversation somebody wants to start. */
struct conversation_draft {
    int kind; /* ConversationKind */
    const char *name;
    struct uuid creator_id;
    struct uuid *other_ids; /* the people besides the creator, each once */
    size_t other_count;
};

/* What a person is in a conversation, and how the conversation stands. */
struct access {
    struct uuid conversation_id, user_id;
    int kind; /* ConversationKind */
    int role; /* MemberRole */
    int64_t last_seq, join_seq, read_seq;
    int member_count;
};

/* Takes the creator and repeats out of other_ids. */
void conversation_draft_normalise(struct conversation_draft *draft);
/* Reasons: MEMBERS_INVALID, NAME_MISSING, MEMBER_LIMIT_REACHED. */
ERR_RESULT struct err *conversation_check_draft(const struct conversation_draft *draft);
/* Reason: NAME_MISSING. */
ERR_RESULT struct err *conversation_check_name(const char *name);
/* Whether the person may rename the group or add people. Reasons: DIRECT_CONVERSATION_FIXED, NOT_AN_ADMINISTRATOR. */
ERR_RESULT struct err *conversation_check_manage(const struct access *access);
/* Whether the conversation can take `added` more people. Reason: MEMBER_LIMIT_REACHED. */
ERR_RESULT struct err *conversation_check_growth(const struct access *access, size_t added);
/* Whether the person may take `member_id` out. Reasons: DIRECT_CONVERSATION_FIXED, NOT_AN_ADMINISTRATOR, OWNER_CANNOT_LEAVE.
 */
ERR_RESULT struct err *conversation_check_remove(const struct access *access, struct uuid member_id, int member_role);
