#include "services/identity/store_internal.h"

struct err *store_identifier_find(struct rpc_ctx *ctx, const struct identifier *candidates, size_t count, const char *slug,
    bool *ret_found, struct uuid *ret_org_id, struct uuid *ret_user_id)
{
    int32_t kinds[IDENTIFIER_CANDIDATES_MAX];
    const char *values[IDENTIFIER_CANDIDATES_MAX];
    for (size_t i = 0; i < count; i++) {
        kinds[i] = (int32_t)candidates[i].kind;
        values[i] = candidates[i].value;
    }
    struct db_params params = db_params_new(ctx->arena);
    db_add_int_array(&params, kinds, count);
    db_add_text_array(&params, values, count);
    db_add_text(&params, slug);
    DB_RESULT_AUTO result = NULL;
    ERR_TRY(db_run(store_pool(ctx), db_scope_system(ctx->deadline_ms), &IDENTITY_SQL_identifier_find, &params, &result));
    /* Rows are in order of kind: two of the first one's kind are people of different organizations. */
    int rows = db_rows(result);
    *ret_found = rows == 1 || (rows == 2 && db_get_int(result, 0, 0) != db_get_int(result, 1, 0));
    if (*ret_found) {
        *ret_org_id = db_get_uuid(result, 0, 1);
        *ret_user_id = db_get_uuid(result, 0, 2);
    }
    return NULL;
}

struct err *store_credential_get(
    struct rpc_ctx *ctx, struct uuid org_id, struct uuid user_id, struct store_credential *ret_credential)
{
    struct db_params params = db_params_new(ctx->arena);
    db_add_uuid(&params, org_id);
    db_add_uuid(&params, user_id);
    DB_RESULT_AUTO result = NULL;
    ERR_TRY(db_run(store_pool(ctx), store_scope(ctx, org_id), &IDENTITY_SQL_credential_get, &params, &result));
    struct store_credential credential = {.password_hash = NULL};
    if (db_rows(result) > 0) {
        credential.password_hash = db_get_text_copy(result, 0, 0, ctx->arena);
        credential.status = db_get_int(result, 0, 1);
        credential.role = db_get_int(result, 0, 2);
        if (!credential.password_hash) {
            return err_out_of_memory();
        }
    }
    *ret_credential = credential;
    return NULL;
}

struct err *store_credential_put(struct rpc_ctx *ctx, struct uuid org_id, struct uuid user_id, const char *password_hash)
{
    struct db_params params = db_params_new(ctx->arena);
    db_add_uuid(&params, org_id);
    db_add_uuid(&params, user_id);
    db_add_text(&params, password_hash);
    db_add_instant(&params, ctx->now);
    return db_run(store_pool(ctx), store_scope(ctx, org_id), &IDENTITY_SQL_credential_put, &params, NULL);
}

static struct err *forget_old(struct rpc_ctx *ctx, struct db_tx *tx, const struct store_session *session)
{
    struct db_params params = db_params_new(ctx->arena);
    db_add_uuid(&params, session->org_id);
    db_add_uuid(&params, session->user_id);
    db_add_instant(&params, instant_add_ms(ctx->now, -SESSION_KEEP_MS));
    return db_send(tx, &IDENTITY_SQL_session_delete_old, &params);
}

struct err *store_session_insert(struct rpc_ctx *ctx, struct db_tx *tx, const struct store_session *session)
{
    struct db_params params = db_params_new(ctx->arena);
    db_add_uuid(&params, session->org_id);
    db_add_uuid(&params, session->id);
    db_add_uuid(&params, session->user_id);
    db_add_text(&params, session->device_name);
    db_add_instant(&params, ctx->now);
    db_add_instant(&params, session->expire_time);
    DB_RESULT_AUTO result = NULL;
    ERR_TRY(db_query(tx, &IDENTITY_SQL_session_insert, &params, &result));
    return db_rows(result) == 1 ? NULL : err_new(&IDENTITY_CREDENTIALS_INVALID, "identifier or password is wrong");
}

struct err *store_session_create(struct rpc_ctx *ctx, const struct store_session *session)
{
    DB_TX_AUTO tx = NULL;
    ERR_TRY(db_begin(store_pool(ctx), store_scope(ctx, session->org_id), &tx));
    ERR_TRY(forget_old(ctx, tx, session));
    ERR_TRY(store_session_insert(ctx, tx, session));
    return db_commit_auto(tx);
}

/* Columns of session_lock. */
enum { COLUMN_USER_ID, COLUMN_GENERATION, COLUMN_ROTATE_TIME, COLUMN_EXPIRE_TIME, COLUMN_ENDED, COLUMN_STATUS, COLUMN_ROLE };

static struct err *lock_session(struct rpc_ctx *ctx, struct db_tx *tx, const struct refresh_token *token,
    struct refresh_session *ret_session, struct store_refreshed *ret_refreshed)
{
    struct db_params params = db_params_new(ctx->arena);
    db_add_uuid(&params, token->org_id);
    db_add_uuid(&params, token->session_id);
    DB_RESULT_AUTO result = NULL;
    ERR_TRY(db_query(tx, &IDENTITY_SQL_session_lock, &params, &result));
    *ret_session = (struct refresh_session){.ended = true};
    *ret_refreshed = (struct store_refreshed){.generation = 0};
    if (db_rows(result) == 0) {
        return NULL;
    }
    *ret_session = (struct refresh_session){.ended = db_get_bool(result, 0, COLUMN_ENDED),
        .user_active = db_get_int(result, 0, COLUMN_STATUS) == USER_STATUS_ACTIVE,
        .generation = db_get_int(result, 0, COLUMN_GENERATION),
        .rotate_time = db_get_instant(result, 0, COLUMN_ROTATE_TIME),
        .expire_time = db_get_instant(result, 0, COLUMN_EXPIRE_TIME)};
    *ret_refreshed = (struct store_refreshed){.user_id = db_get_uuid(result, 0, COLUMN_USER_ID),
        .role = db_get_int(result, 0, COLUMN_ROLE),
        .generation = ret_session->generation,
        .issue_time = ret_session->rotate_time,
        .expire_time = ret_session->expire_time};
    return NULL;
}

static struct err *rotate(
    struct rpc_ctx *ctx, struct db_tx *tx, const struct refresh_token *token, struct store_refreshed *refreshed)
{
    refreshed->generation++;
    refreshed->issue_time = ctx->now;
    struct db_params params = db_params_new(ctx->arena);
    db_add_uuid(&params, token->org_id);
    db_add_uuid(&params, token->session_id);
    db_add_int(&params, refreshed->generation);
    db_add_instant(&params, ctx->now);
    return db_send(tx, &IDENTITY_SQL_session_rotate, &params);
}

/* Ends the session and says so, within the transaction. One that has ended already stays as it is. */
static struct err *end_session(struct rpc_ctx *ctx, struct db_tx *tx, struct uuid org_id, struct uuid session_id)
{
    struct db_params params = db_params_new(ctx->arena);
    db_add_uuid(&params, org_id);
    db_add_uuid(&params, session_id);
    db_add_instant(&params, ctx->now);
    DB_RESULT_AUTO result = NULL;
    ERR_TRY(db_query(tx, &IDENTITY_SQL_session_end, &params, &result));
    if (db_rows(result) == 0) {
        return NULL;
    }
    struct store_events events;
    ERR_TRY(store_events_init(&events, ctx->arena, org_id, 1));
    ERR_TRY(store_event_session_ended(&events, session_id, db_get_uuid(result, 0, 1)));
    return store_events_append(ctx, tx, org_id, &events);
}

struct err *store_session_refresh(
    struct rpc_ctx *ctx, const struct refresh_token *token, int64_t token_lifetime_ms, struct store_refreshed *ret_refreshed)
{
    DB_TX_AUTO tx = NULL;
    struct refresh_session session;
    struct store_refreshed refreshed;
    ERR_TRY(db_begin(store_pool(ctx), store_scope(ctx, token->org_id), &tx));
    ERR_TRY(lock_session(ctx, tx, token, &session, &refreshed));
    refreshed.verdict = refresh_decide(&session, token->generation, ctx->now, token_lifetime_ms);
    if (refreshed.verdict == REFRESH_ROTATE) {
        ERR_TRY(rotate(ctx, tx, token, &refreshed));
    } else if (refreshed.verdict == REFRESH_REUSED) {
        ERR_TRY(end_session(ctx, tx, token->org_id, token->session_id));
    }
    ERR_TRY(db_commit_auto(tx));
    if (refreshed.verdict == REFRESH_REUSED) {
        token_revoke_session(identity_of(ctx)->env->tokens, token->session_id);
    }
    *ret_refreshed = refreshed;
    return NULL;
}

struct err *store_session_end(struct rpc_ctx *ctx, struct uuid org_id, struct uuid session_id)
{
    DB_TX_AUTO tx = NULL;
    ERR_TRY(db_begin(store_pool(ctx), store_scope(ctx, org_id), &tx));
    ERR_TRY(end_session(ctx, tx, org_id, session_id));
    ERR_TRY(db_commit_auto(tx));
    token_revoke_session(identity_of(ctx)->env->tokens, session_id);
    return NULL;
}

struct err *store_sessions_end_of_users(struct rpc_ctx *ctx, struct db_tx *tx, struct uuid org_id,
    const struct uuid *user_ids, size_t user_count, struct store_ended *ret_ended)
{
    *ret_ended = (struct store_ended){.count = 0};
    if (user_count == 0) {
        return NULL;
    }
    struct db_params params = db_params_new(ctx->arena);
    db_add_uuid(&params, org_id);
    db_add_uuid_array(&params, user_ids, user_count);
    db_add_instant(&params, ctx->now);
    DB_RESULT_AUTO result = NULL;
    ERR_TRY(db_query(tx, &IDENTITY_SQL_session_end_of_users, &params, &result));
    size_t count = (size_t)db_rows(result);
    ret_ended->ids = arena_calloc(ctx->arena, count ? count : 1, sizeof(*ret_ended->ids));
    ret_ended->user_ids = arena_calloc(ctx->arena, count ? count : 1, sizeof(*ret_ended->user_ids));
    if (!ret_ended->ids || !ret_ended->user_ids) {
        return err_out_of_memory();
    }
    for (; ret_ended->count < count; ret_ended->count++) {
        ret_ended->ids[ret_ended->count] = db_get_uuid(result, (int)ret_ended->count, 0);
        ret_ended->user_ids[ret_ended->count] = db_get_uuid(result, (int)ret_ended->count, 1);
    }
    return NULL;
}

struct err *store_events_ended(struct store_events *events, const struct store_ended *ended)
{
    for (size_t i = 0; i < ended->count; i++) {
        ERR_TRY(store_event_session_ended(events, ended->ids[i], ended->user_ids[i]));
    }
    return NULL;
}

void store_sessions_revoke(struct rpc_ctx *ctx, const struct store_ended *ended)
{
    for (size_t i = 0; i < ended->count; i++) {
        token_revoke_session(identity_of(ctx)->env->tokens, ended->ids[i]);
    }
}
