/* What messaging keeps: one function a query or transaction. Errors: those of db.h, and the reasons named. */
#pragma once

#include "services/messaging/conversation.h"
#include "services/messaging/message.h"
#include "services/messaging/messaging.h"

/* store_conversation.c */

/* CONVERSATION_NOT_FOUND, for one that is not there and one the caller is not in alike. */
struct err *store_conversation_not_found(struct uuid conversation_id);
/* What the caller is in a conversation. Reason: CONVERSATION_NOT_FOUND, also for one the caller is not in. */
ERR_RESULT struct err *store_access_find(struct rpc_ctx *ctx, struct uuid conversation_id, struct access *ret_access);
ERR_RESULT struct err *store_conversation_get(
    struct rpc_ctx *ctx, struct uuid conversation_id, Conversation *ret_conversation);
/* `after`: the activity time and id of the last row before, or NULL. */
struct conversation_key {
    struct instant activity_time;
    struct uuid id;
};
ERR_RESULT struct err *store_conversation_list(struct rpc_ctx *ctx, const struct conversation_key *after, int limit,
    Conversation ***ret_conversations, size_t *ret_count, struct conversation_key *ret_last);
/* Makes the conversation and remembers the answer to `request`; a direct one that is there already is returned. */
ERR_RESULT struct err *store_conversation_create(struct rpc_ctx *ctx, const struct conversation_draft *draft,
    const CreateConversationRequest *request, Conversation *ret_conversation);
ERR_RESULT struct err *store_conversation_rename(struct rpc_ctx *ctx, const struct access *access,
    const UpdateConversationRequest *request, Conversation *ret_conversation);

/* store_member.c */
ERR_RESULT struct err *store_member_add(struct rpc_ctx *ctx, const struct access *access, const struct uuid *user_ids,
    size_t user_count, const AddMembersRequest *request, AddMembersResponse *response);
/* Takes a person out, if the rules allow it. Reasons: CONVERSATION_NOT_FOUND, MEMBER_NOT_FOUND, those of
 * conversation_check_remove. */
ERR_RESULT struct err *store_member_remove(struct rpc_ctx *ctx, const struct access *access, struct uuid user_id);
ERR_RESULT struct err *store_member_list(struct rpc_ctx *ctx, struct uuid conversation_id, const struct uuid *after,
    int limit, Member ***ret_members, size_t *ret_count);
ERR_RESULT struct err *store_membership_list(struct rpc_ctx *ctx, ListMembershipsResponse *response);
/* Takes a person who has left the organization out of all groups, inside a consumer's transaction. */
ERR_RESULT struct err *store_member_remove_everywhere(struct messaging *messaging, struct db_tx *tx, struct arena *arena,
    const struct bus_delivery *cause, struct uuid user_id);

/* store_message.c */
/* Returns after the commit. Reasons: CONVERSATION_NOT_FOUND, KONGSI_REQUEST_ID_REUSED. */
ERR_RESULT struct err *store_message_send(struct rpc_ctx *ctx, const SendMessageRequest *request, Message *ret_message);
ERR_RESULT struct err *store_message_list(struct rpc_ctx *ctx, struct uuid conversation_id,
    const struct message_cursor *cursor, int limit, Message ***ret_messages, size_t *ret_count);
/* Runs a batch of sends: for db_batch. */
struct err *store_message_run_batch(
    struct db_tx *tx, struct arena *arena, void *const *items, size_t count, struct err **errors, void *context);

/* store_read_cursor.c */
/* Returns after the commit. Reasons: CONVERSATION_NOT_FOUND, READ_BEYOND_END. */
ERR_RESULT struct err *store_read_cursor_mark(struct rpc_ctx *ctx, const MarkReadRequest *request, ReadCursor *ret_cursor);
struct err *store_read_cursor_run_batch(
    struct db_tx *tx, struct arena *arena, void *const *items, size_t count, struct err **errors, void *context);
/* Reason: MESSAGE_NOT_FOUND. */
ERR_RESULT struct err *store_receipt_list(
    struct rpc_ctx *ctx, struct uuid conversation_id, int64_t seq, ListReceiptsResponse *response);

/* store_request.c */
/* Fills `response` with the first answer when the caller's request was answered before. Reason: KONGSI_REQUEST_ID_REUSED. */
ERR_RESULT struct err *store_request_find(struct rpc_ctx *ctx, const char *request_id, const ProtobufCMessage *request,
    ProtobufCMessage *response, bool *ret_answered);
/* Remembers the answer inside the transaction that makes it true. A concurrent repeat fails with KONGSI_CONFLICT. */
ERR_RESULT struct err *store_request_remember(struct rpc_ctx *ctx, struct db_tx *tx, const char *request_id,
    const ProtobufCMessage *request, const ProtobufCMessage *response);
/* Ends a request that was remembered: when a concurrent repeat was quicker, its answer replaces the conflict. Takes `error`.
 */
ERR_RESULT struct err *store_request_settle(struct rpc_ctx *ctx, struct err *error, const char *request_id,
    const ProtobufCMessage *request, ProtobufCMessage *response);
