/* The one place that decides who may see a conversation. */
#pragma once

#include "services/messaging/conversation.h"
#include "services/messaging/messaging.h"

/* What the caller is in the conversation. Reason: CONVERSATION_NOT_FOUND; a stranger does not even learn that it exists.
 * Sends and read marks are decided by the same rule inside their batch (message_prepare_batch, read_cursor_prepare_batch).
 */
ERR_RESULT struct err *access_conversation_by_id(
    struct rpc_ctx *ctx, const char *conversation_id, struct access *ret_access);
