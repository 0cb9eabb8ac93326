/* What messaging asks identity about people. */
#pragma once

#include "services/messaging/messaging.h"

/* Whether all are people of the caller's organization who can be written to. Reason: USER_NOT_FOUND, naming the first who is
 * not. */
ERR_RESULT struct err *client_identity_check_users(struct rpc_ctx *ctx, const struct uuid *user_ids, size_t count);
