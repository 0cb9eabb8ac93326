#include "services/identity/store_internal.h"

#include "libshared/rpc/fill.h"

struct err *store_avatar_get(struct rpc_ctx *ctx, struct uuid user_id, struct store_avatar *ret_avatar)
{
    struct db_params params = db_params_new(ctx->arena);
    db_add_uuid(&params, ctx->caller.org_id);
    db_add_uuid(&params, user_id);
    DB_RESULT_AUTO result = NULL;
    ERR_TRY(db_run(store_pool(ctx), store_scope(ctx, ctx->caller.org_id), &IDENTITY_SQL_avatar_get, &params, &result));
    if (db_rows(result) == 0) {
        return err_new(&IDENTITY_AVATAR_NOT_FOUND, "the person has no picture");
    }
    struct store_avatar avatar = {.etag = db_get_text_copy(result, 0, 0, ctx->arena),
        .media_type = db_get_text_copy(result, 0, 1, ctx->arena),
        .size_bytes = (size_t)db_get_int(result, 0, 2),
        .file_name = db_get_text_copy(result, 0, 3, ctx->arena)};
    if (!avatar.etag || !avatar.media_type || !avatar.file_name) {
        return err_out_of_memory();
    }
    *ret_avatar = avatar;
    return NULL;
}

/* Shows the picture's new etag in the user, says so, and commits. */
static struct err *finish(struct rpc_ctx *ctx, struct db_tx **tx, User *user, const char *etag)
{
    struct db_params params = db_params_new(ctx->arena);
    db_add_uuid(&params, ctx->caller.org_id);
    db_add_uuid(&params, ctx->caller.user_id);
    db_add_text(&params, etag);
    db_add_instant(&params, ctx->now);
    ERR_TRY(db_query(*tx, &IDENTITY_SQL_user_set_avatar, &params, NULL));
    struct store_events events;
    user->avatar_etag = (char *)etag;
    user->update_time = fill_instant(ctx->arena, ctx->now);
    if (!user->update_time) {
        return err_out_of_memory();
    }
    ERR_TRY(store_events_init(&events, ctx->arena, ctx->caller.org_id, 1));
    ERR_TRY(store_event_user(&events, user, false));
    ERR_TRY(store_events_append(ctx, *tx, ctx->caller.org_id, &events));
    return db_commit_auto(*tx);
}

static struct err *delete_row(struct rpc_ctx *ctx, struct db_tx *tx, const char **ret_old_file)
{
    struct db_params params = db_params_new(ctx->arena);
    db_add_uuid(&params, ctx->caller.org_id);
    db_add_uuid(&params, ctx->caller.user_id);
    DB_RESULT_AUTO result = NULL;
    ERR_TRY(db_query(tx, &IDENTITY_SQL_avatar_delete, &params, &result));
    *ret_old_file = db_rows(result) > 0 ? db_get_text_copy(result, 0, 0, ctx->arena) : NULL;
    return NULL;
}

static struct err *insert_row(struct rpc_ctx *ctx, struct db_tx *tx, const struct store_avatar *avatar)
{
    struct db_params params = db_params_new(ctx->arena);
    db_add_uuid(&params, ctx->caller.org_id);
    db_add_uuid(&params, ctx->caller.user_id);
    db_add_text(&params, avatar->etag);
    db_add_text(&params, avatar->media_type);
    db_add_int(&params, (int32_t)avatar->size_bytes);
    db_add_text(&params, avatar->file_name);
    db_add_instant(&params, ctx->now);
    return db_send(tx, &IDENTITY_SQL_avatar_insert, &params);
}

struct err *store_avatar_put(struct rpc_ctx *ctx, const struct store_avatar *avatar, const char **ret_old_file)
{
    DB_TX_AUTO tx = NULL;
    User user;
    const char *old_file = NULL;
    ERR_TRY(db_begin(store_pool(ctx), store_scope(ctx, ctx->caller.org_id), &tx));
    ERR_TRY(store_user_lock(ctx, tx, ctx->caller.org_id, ctx->caller.user_id, &user));
    ERR_TRY(delete_row(ctx, tx, &old_file));
    ERR_TRY(insert_row(ctx, tx, avatar));
    ERR_TRY(finish(ctx, &tx, &user, avatar->etag));
    *ret_old_file = old_file;
    return NULL;
}

struct err *store_avatar_delete(struct rpc_ctx *ctx, const char **ret_old_file)
{
    DB_TX_AUTO tx = NULL;
    User user;
    const char *old_file = NULL;
    ERR_TRY(db_begin(store_pool(ctx), store_scope(ctx, ctx->caller.org_id), &tx));
    ERR_TRY(store_user_lock(ctx, tx, ctx->caller.org_id, ctx->caller.user_id, &user));
    ERR_TRY(delete_row(ctx, tx, &old_file));
    if (old_file) {
        ERR_TRY(finish(ctx, &tx, &user, ""));
    }
    *ret_old_file = old_file;
    return NULL;
}
