#include "services/identity/session_tokens.h"

#include "libshared/rpc/fill.h"
#include "services/identity/permission.h"

int64_t session_token_lifetime_ms(const struct rpc_ctx *ctx)
{
    return identity_of(ctx)->config->refresh_token_days * DAY_MS;
}

struct store_session session_new(const struct rpc_ctx *ctx, struct uuid org_id, struct uuid user_id, const char *device_name)
{
    return (struct store_session){.org_id = org_id,
        .id = uuid_v7(ctx->now),
        .user_id = user_id,
        .device_name = device_name,
        .expire_time = instant_add_ms(ctx->now, identity_of(ctx)->config->session_days * DAY_MS)};
}

static struct err *sign_access_token(
    struct rpc_ctx *ctx, const struct session_tokens *tokens, struct instant expire_time, const char **ret_token)
{
    const struct token_claims claims = {.org_id = tokens->org_id,
        .user_id = tokens->user_id,
        .session_id = tokens->session_id,
        .permissions = permissions_of_role(tokens->role),
        .issue_time = ctx->now,
        .expire_time = expire_time};
    return token_sign(identity_of(ctx)->signer, ctx->arena, &claims, ret_token);
}

static struct instant earlier(struct instant a, struct instant b)
{
    return a.us < b.us ? a : b;
}

struct err *session_tokens_fill(struct rpc_ctx *ctx, const struct session_tokens *tokens, SessionTokens *response)
{
    const struct identity *identity = identity_of(ctx);
    struct instant access_expire = instant_add_ms(ctx->now, identity->config->access_token_seconds * 1000);
    access_expire.us -= access_expire.us % 1000000; /* as the token's exp says it: whole seconds */
    struct instant refresh_expire =
        earlier(instant_add_ms(tokens->issue_time, session_token_lifetime_ms(ctx)), tokens->expire_time);
    const char *access_token = NULL;
    ERR_TRY(sign_access_token(ctx, tokens, access_expire, &access_token));
    const struct refresh_token refresh = {tokens->org_id, tokens->session_id, tokens->generation};
    char text[REFRESH_TOKEN_SIZE];
    refresh_token_format(identity->refresh_key, &refresh, text);
    response->access_token = (char *)access_token;
    response->refresh_token = arena_strdup(ctx->arena, text);
    response->access_expire_time = fill_instant(ctx->arena, access_expire);
    response->refresh_expire_time = fill_instant(ctx->arena, refresh_expire);
    response->session_id = fill_uuid(ctx->arena, tokens->session_id);
    response->user_id = fill_uuid(ctx->arena, tokens->user_id);
    bool whole = response->refresh_token && response->access_expire_time && response->refresh_expire_time &&
                 response->session_id && response->user_id;
    return whole ? NULL : err_out_of_memory();
}
