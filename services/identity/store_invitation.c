#include "services/identity/store_internal.h"

#include "libshared/rpc/fill.h"

#define TOKEN_HASH_SIZE 32

static struct err *invalid(void)
{
    return err_new(&IDENTITY_INVITATION_INVALID, "the invitation is unknown, used, or expired; ask for a new one");
}

struct err *store_invitation_put(
    struct rpc_ctx *ctx, const struct store_invitation *invitation, struct uuid user_id, struct instant expire_time)
{
    DB_TX_AUTO tx = NULL;
    User user;
    ERR_TRY(db_begin(store_pool(ctx), store_scope(ctx, invitation->org_id), &tx));
    ERR_TRY(store_user_lock(ctx, tx, invitation->org_id, user_id, &user));
    if ((int)user.status != USER_STATUS_INVITED && (int)user.status != USER_STATUS_ACTIVE) {
        return err_new(&IDENTITY_USER_NOT_ACTIVE, "%s has left or is suspended and cannot be invited", user.display_name);
    }
    struct db_params params = db_params_new(ctx->arena);
    db_add_uuid(&params, invitation->org_id);
    db_add_uuid(&params, user_id);
    db_add_bytes(&params, invitation->token_hash, TOKEN_HASH_SIZE);
    db_add_instant(&params, ctx->now);
    db_add_instant(&params, expire_time);
    ERR_TRY(db_query(tx, &IDENTITY_SQL_invitation_put, &params, NULL));
    return db_commit_auto(tx);
}

static struct db_params invitation_params(struct rpc_ctx *ctx, const struct store_invitation *invitation)
{
    struct db_params params = db_params_new(ctx->arena);
    db_add_uuid(&params, invitation->org_id);
    db_add_bytes(&params, invitation->token_hash, TOKEN_HASH_SIZE);
    db_add_instant(&params, ctx->now);
    return params;
}

struct err *store_invitation_find(struct rpc_ctx *ctx, const struct store_invitation *invitation, User *ret_user)
{
    struct db_params params = invitation_params(ctx, invitation);
    DB_RESULT_AUTO result = NULL;
    ERR_TRY(db_run(store_pool(ctx), store_scope(ctx, invitation->org_id), &IDENTITY_SQL_invitation_find, &params, &result));
    User **users;
    ERR_TRY(store_users_fill(ctx->arena, result, &users));
    if (db_rows(result) == 0) {
        return invalid();
    }
    *ret_user = *users[0];
    return NULL;
}

/* Uses the invitation up; whose it was, under the row's lock. */
static struct err *take_invitation(
    struct rpc_ctx *ctx, struct db_tx *tx, const struct store_invitation *invitation, struct uuid user_id, User *ret_user)
{
    /* The user first, as everybody who takes both does. */
    ERR_TRY(store_user_lock(ctx, tx, invitation->org_id, user_id, ret_user));
    struct db_params params = invitation_params(ctx, invitation);
    DB_RESULT_AUTO result = NULL;
    ERR_TRY(db_query(tx, &IDENTITY_SQL_invitation_take, &params, &result));
    bool usable = (int)ret_user->status == USER_STATUS_INVITED || (int)ret_user->status == USER_STATUS_ACTIVE;
    bool own = db_rows(result) == 1 && uuid_equal(db_get_uuid(result, 0, 0), user_id);
    return own && usable ? NULL : invalid();
}

static struct err *set_password(
    struct rpc_ctx *ctx, struct db_tx *tx, const struct store_session *session, const char *password_hash)
{
    struct db_params params = db_params_new(ctx->arena);
    db_add_uuid(&params, session->org_id);
    db_add_uuid(&params, session->user_id);
    db_add_text(&params, password_hash);
    db_add_instant(&params, ctx->now);
    return db_send(tx, &IDENTITY_SQL_credential_put, &params);
}

static struct err *activate(struct rpc_ctx *ctx, struct db_tx *tx, const struct store_session *session, User *user)
{
    struct db_params params = db_params_new(ctx->arena);
    db_add_uuid(&params, session->org_id);
    db_add_uuid(&params, session->user_id);
    db_add_int(&params, USER_STATUS_ACTIVE);
    db_add_instant(&params, ctx->now);
    user->status = (Kongsi__Identity__V1__UserStatus)USER_STATUS_ACTIVE;
    user->update_time = fill_instant(ctx->arena, ctx->now);
    return user->update_time ? db_send(tx, &IDENTITY_SQL_user_set_status, &params) : err_out_of_memory();
}

struct err *store_invitation_accept(struct rpc_ctx *ctx, const struct store_invitation *invitation,
    const struct store_session *session, const char *password_hash, User *ret_user)
{
    DB_TX_AUTO tx = NULL;
    struct store_ended ended;
    struct store_events events;
    ERR_TRY(db_begin(store_pool(ctx), store_scope(ctx, invitation->org_id), &tx));
    ERR_TRY(take_invitation(ctx, tx, invitation, session->user_id, ret_user));
    ERR_TRY(set_password(ctx, tx, session, password_hash));
    bool invited = (int)ret_user->status == USER_STATUS_INVITED;
    if (invited) {
        ERR_TRY(activate(ctx, tx, session, ret_user));
    }
    ERR_TRY(store_sessions_end_of_users(ctx, tx, session->org_id, &session->user_id, 1, &ended));
    ERR_TRY(store_session_insert(ctx, tx, session));
    ERR_TRY(store_events_init(&events, ctx->arena, session->org_id, 1 + ended.count));
    ERR_TRY(store_events_ended(&events, &ended));
    if (invited) {
        ERR_TRY(store_event_user(&events, ret_user, false));
    }
    ERR_TRY(store_events_append(ctx, tx, session->org_id, &events));
    ERR_TRY(db_commit_auto(tx));
    store_sessions_revoke(ctx, &ended);
    return NULL;
}
