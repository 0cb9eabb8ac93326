/* Invitations: how people set a password. */
#include "gen/identity_rpc.h"
#include "libshared/rpc/fill.h"
#include "services/identity/invitation.h"
#include "services/identity/password.h"
#include "services/identity/session_tokens.h"

struct err *identity_create_invitation(struct rpc_ctx *ctx, const CreateInvitationRequest *request, Invitation *response)
{
    struct invitation_token token;
    invitation_token_new(ctx->caller.org_id, &token);
    const struct store_invitation invitation = {token.org_id, token.hash};
    struct instant expire_time = instant_add_ms(ctx->now, identity_of(ctx)->config->invitation_days * DAY_MS);
    ERR_TRY(store_invitation_put(ctx, &invitation, checked_uuid(request->user_id), expire_time));
    response->token = arena_strdup(ctx->arena, token.text);
    response->path = arena_printf(ctx->arena, "/invitation#token=%s", token.text);
    response->expire_time = fill_instant(ctx->arena, expire_time);
    return response->token && response->path && response->expire_time ? NULL : err_out_of_memory();
}

static struct err *check_password(const User *user, const char *password)
{
    const struct password_owner owner = {user->external_id, user->work_email, user->mobile};
    return password_check(password, &owner);
}

struct err *identity_accept_invitation(struct rpc_ctx *ctx, const AcceptInvitationRequest *request, SessionTokens *response)
{
    struct invitation_token token;
    if (!invitation_token_parse(request->token, &token)) {
        return err_new(&IDENTITY_INVITATION_INVALID, "the invitation is damaged; open the whole link");
    }
    User user;
    char hash[PASSWORD_HASH_SIZE];
    const struct store_invitation invitation = {token.org_id, token.hash};
    ERR_TRY(store_invitation_find(ctx, &invitation, &user));
    ERR_TRY(check_password(&user, request->password));
    ERR_TRY(password_hash(identity_of(ctx)->hasher, request->password, ctx->deadline_ms, hash));
    struct store_session session = session_new(ctx, token.org_id, checked_uuid(user.id), request->device_name);
    ERR_TRY(store_invitation_accept(ctx, &invitation, &session, hash, &user));
    const struct session_tokens tokens = {.org_id = session.org_id,
        .user_id = session.user_id,
        .session_id = session.id,
        .role = (int)user.role,
        .generation = 1,
        .issue_time = ctx->now,
        .expire_time = session.expire_time};
    return session_tokens_fill(ctx, &tokens, response);
}
