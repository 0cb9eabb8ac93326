/* Sign-in, refresh, sign-out, and the keys that verify access tokens. */
#include "gen/identity_rpc.h"
#include "libshared/base/log.h"
#include "services/identity/session_tokens.h"

#include <sodium.h>

/* What stands behind the typed identifier; all zero when nobody does. */
struct claimant {
    struct uuid org_id, user_id;
    struct store_credential credential;
};

/* The same two questions whether or not anybody has the identifier. */
static struct err *find_claimant(struct rpc_ctx *ctx, const SignInRequest *request, struct claimant *claimant)
{
    struct identifier candidates[IDENTIFIER_CANDIDATES_MAX];
    size_t count = identifier_candidates(request->identifier, candidates);
    bool found = false;
    *claimant = (struct claimant){.credential = {.password_hash = NULL}};
    ERR_TRY(
        store_identifier_find(ctx, candidates, count, request->organization, &found, &claimant->org_id, &claimant->user_id));
    return store_credential_get(ctx, claimant->org_id, claimant->user_id, &claimant->credential);
}

/* The cost of passwords was raised since this one was set: now it is known once more. */
static void strengthen(struct rpc_ctx *ctx, const struct claimant *claimant, const char *password)
{
    char hash[PASSWORD_HASH_SIZE];
    ERR_AUTO error = password_hash(identity_of(ctx)->hasher, password, ctx->deadline_ms, hash);
    if (!error) {
        error = store_credential_put(ctx, claimant->org_id, claimant->user_id, hash);
    }
    if (error) {
        log_err(LOG_LEVEL_WARN, error, "cannot store a password at its new cost");
    }
}

struct err *identity_sign_in(struct rpc_ctx *ctx, const SignInRequest *request, SessionTokens *response)
{
    struct claimant claimant;
    bool valid = false, outdated = false;
    ERR_TRY(find_claimant(ctx, request, &claimant));
    ERR_TRY(password_verify(identity_of(ctx)->hasher, request->password, claimant.credential.password_hash, ctx->deadline_ms,
        &valid, &outdated));
    if (!valid || claimant.credential.status != USER_STATUS_ACTIVE) {
        return err_new(&IDENTITY_CREDENTIALS_INVALID, "identifier or password is wrong");
    }
    if (outdated) {
        strengthen(ctx, &claimant, request->password);
    }
    struct store_session session = session_new(ctx, claimant.org_id, claimant.user_id, request->device_name);
    ERR_TRY(store_session_create(ctx, &session));
    const struct session_tokens tokens = {.org_id = session.org_id,
        .user_id = session.user_id,
        .session_id = session.id,
        .role = claimant.credential.role,
        .generation = 1,
        .issue_time = ctx->now,
        .expire_time = session.expire_time};
    return session_tokens_fill(ctx, &tokens, response);
}

static struct err *refresh_invalid(void)
{
    return err_new(
        &IDENTITY_REFRESH_TOKEN_INVALID, "the refresh token is unknown, expired, or its session has ended; sign in again");
}

struct err *identity_refresh_session(struct rpc_ctx *ctx, const RefreshSessionRequest *request, SessionTokens *response)
{
    struct refresh_token token;
    struct store_refreshed refreshed;
    if (!refresh_token_parse(identity_of(ctx)->refresh_key, request->refresh_token, &token)) {
        return refresh_invalid();
    }
    ERR_TRY(store_session_refresh(ctx, &token, session_token_lifetime_ms(ctx), &refreshed));
    switch (refreshed.verdict) {
    case REFRESH_REUSED:
        log_warn("a refresh token was used twice: its session has been ended");
        return err_new(
            &IDENTITY_REFRESH_TOKEN_REUSED, "the refresh token was used before; its session has been ended, sign in again");
    case REFRESH_REFUSED:
        return refresh_invalid();
    case REFRESH_ROTATE:
    case REFRESH_REPEAT:
        break;
    }
    const struct session_tokens tokens = {.org_id = token.org_id,
        .user_id = refreshed.user_id,
        .session_id = token.session_id,
        .role = refreshed.role,
        .generation = refreshed.generation,
        .issue_time = refreshed.issue_time,
        .expire_time = refreshed.expire_time};
    return session_tokens_fill(ctx, &tokens, response);
}

struct err *identity_sign_out(struct rpc_ctx *ctx, const SignOutRequest *request, SignOutResponse *response)
{
    (void)request;
    (void)response;
    return store_session_end(ctx, ctx->caller.org_id, ctx->caller.session_id);
}

struct err *identity_get_jwks(struct rpc_ctx *ctx, const GetJwksRequest *request, Jwks *response)
{
    (void)request;
    struct token_public_key key = token_signer_public_key(identity_of(ctx)->signer);
    response->keys = arena_calloc(ctx->arena, 1, sizeof(*response->keys));
    Jwk *jwk = arena_alloc(ctx->arena, sizeof(*jwk));
    if (!response->keys || !jwk) {
        return err_out_of_memory();
    }
    kongsi__identity__v1__jwk__init(jwk);
    jwk->kty = arena_strdup(ctx->arena, "EC");
    jwk->crv = arena_strdup(ctx->arena, "P-256");
    jwk->x = arena_strdup(ctx->arena, key.x);
    jwk->y = arena_strdup(ctx->arena, key.y);
    jwk->kid = arena_strdup(ctx->arena, key.kid);
    jwk->alg = arena_strdup(ctx->arena, "ES256");
    jwk->use = arena_strdup(ctx->arena, "sig");
    if (!jwk->kty || !jwk->crv || !jwk->x || !jwk->y || !jwk->kid || !jwk->alg || !jwk->use) {
        return err_out_of_memory();
    }
    response->keys[0] = jwk;
    response->n_keys = 1;
    return NULL;
}
