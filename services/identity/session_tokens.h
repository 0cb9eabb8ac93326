/* What a sign-in and a refresh answer. */
#pragma once

#include "services/identity/store.h"

struct session_tokens {
    struct uuid org_id, user_id, session_id;
    int role;
    int32_t generation;         /* of the refresh token */
    struct instant issue_time;  /* of the refresh token */
    struct instant expire_time; /* of the session */
};

/* A session that begins now, for somebody who has just proved who it is. */
struct store_session session_new(
    const struct rpc_ctx *ctx, struct uuid org_id, struct uuid user_id, const char *device_name);
ERR_RESULT struct err *session_tokens_fill(
    struct rpc_ctx *ctx, const struct session_tokens *tokens, SessionTokens *response);
/* How long a refresh token is good for, if it is not used. */
int64_t session_token_lifetime_ms(const struct rpc_ctx *ctx);
