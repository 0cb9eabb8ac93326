#include "services/identity/store_internal.h"

#include "libshared/rpc/fill.h"

/* Columns of the user statements. */
enum {
    COLUMN_ID,
    COLUMN_EXTERNAL_ID,
    COLUMN_LEGAL_NAME,
    COLUMN_PREFERRED_NAME,
    COLUMN_CHINESE_NAME,
    COLUMN_DISPLAY_NAME,
    COLUMN_WORK_EMAIL,
    COLUMN_MOBILE,
    COLUMN_TITLE,
    COLUMN_DEPARTMENT_ID,
    COLUMN_MANAGER_ID,
    COLUMN_WORKER_TYPE,
    COLUMN_WEEKLY_MINUTES,
    COLUMN_LOCATION,
    COLUMN_HIRE_DATE,
    COLUMN_PREFERRED_LANGUAGE,
    COLUMN_STATUS,
    COLUMN_ROLE,
    COLUMN_AVATAR_ETAG,
    COLUMN_CREATE_TIME,
    COLUMN_UPDATE_TIME,
};

struct text_field {
    int column;
    char **field;
};

static bool fill_texts(struct arena *arena, const struct db_result *result, int row, User *user)
{
    const struct text_field fields[] = {
        {COLUMN_EXTERNAL_ID, &user->external_id},
        {COLUMN_LEGAL_NAME, &user->legal_name},
        {COLUMN_PREFERRED_NAME, &user->preferred_name},
        {COLUMN_CHINESE_NAME, &user->chinese_name},
        {COLUMN_DISPLAY_NAME, &user->display_name},
        {COLUMN_WORK_EMAIL, &user->work_email},
        {COLUMN_MOBILE, &user->mobile},
        {COLUMN_TITLE, &user->title},
        {COLUMN_WORKER_TYPE, &user->worker_type},
        {COLUMN_LOCATION, &user->location},
        {COLUMN_HIRE_DATE, &user->hire_date},
        {COLUMN_PREFERRED_LANGUAGE, &user->preferred_language},
        {COLUMN_AVATAR_ETAG, &user->avatar_etag},
    };
    for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
        *fields[i].field = db_get_text_copy(result, row, fields[i].column, arena);
        if (!*fields[i].field) {
            return false;
        }
    }
    return true;
}

static struct err *fill_user(struct arena *arena, const struct db_result *result, int row, User *user)
{
    kongsi__identity__v1__user__init(user);
    user->id = fill_uuid(arena, db_get_uuid(result, row, COLUMN_ID));
    user->department_id = fill_uuid_or_empty(arena, db_get_uuid(result, row, COLUMN_DEPARTMENT_ID));
    user->manager_id = fill_uuid_or_empty(arena, db_get_uuid(result, row, COLUMN_MANAGER_ID));
    user->weekly_minutes = db_get_int(result, row, COLUMN_WEEKLY_MINUTES);
    user->status = (Kongsi__Identity__V1__UserStatus)db_get_int(result, row, COLUMN_STATUS);
    user->role = (Kongsi__Identity__V1__UserRole)db_get_int(result, row, COLUMN_ROLE);
    user->create_time = fill_instant(arena, db_get_instant(result, row, COLUMN_CREATE_TIME));
    user->update_time = fill_instant(arena, db_get_instant(result, row, COLUMN_UPDATE_TIME));
    bool whole = user->id && user->department_id && user->manager_id && user->create_time && user->update_time;
    return whole && fill_texts(arena, result, row, user) ? NULL : err_out_of_memory();
}

struct err *store_users_fill(struct arena *arena, const struct db_result *result, User ***ret_users)
{
    size_t count = (size_t)db_rows(result);
    User **list = arena_calloc(arena, count ? count : 1, sizeof(*list));
    User *users = arena_calloc(arena, count ? count : 1, sizeof(*users));
    if (!list || !users) {
        return err_out_of_memory();
    }
    for (size_t i = 0; i < count; i++) {
        list[i] = &users[i];
        ERR_TRY(fill_user(arena, result, (int)i, list[i]));
    }
    *ret_users = list;
    return NULL;
}

struct err *store_user_fill_one(struct arena *arena, const struct db_result *result, const char *id, User *ret_user)
{
    if (db_rows(result) == 0) {
        return err_new(&IDENTITY_USER_NOT_FOUND, "no user has the id %s", id);
    }
    return fill_user(arena, result, 0, ret_user);
}

struct err *store_user_get(struct rpc_ctx *ctx, struct uuid user_id, User *ret_user)
{
    char text[UUID_TEXT_SIZE];
    struct db_params params = db_params_new(ctx->arena);
    db_add_uuid(&params, ctx->caller.org_id);
    db_add_uuid(&params, user_id);
    DB_RESULT_AUTO result = NULL;
    ERR_TRY(db_run(store_pool(ctx), store_scope(ctx, ctx->caller.org_id), &IDENTITY_SQL_user_get, &params, &result));
    return store_user_fill_one(ctx->arena, result, uuid_format(user_id, text), ret_user);
}

struct err *store_user_lock(struct rpc_ctx *ctx, struct db_tx *tx, struct uuid org_id, struct uuid user_id, User *ret_user)
{
    char text[UUID_TEXT_SIZE];
    struct db_params params = db_params_new(ctx->arena);
    db_add_uuid(&params, org_id);
    db_add_uuid(&params, user_id);
    DB_RESULT_AUTO result = NULL;
    ERR_TRY(db_query(tx, &IDENTITY_SQL_user_get_locked, &params, &result));
    return store_user_fill_one(ctx->arena, result, uuid_format(user_id, text), ret_user);
}

struct err *store_user_list(struct rpc_ctx *ctx, const struct store_user_filter *filter, const struct store_position *after,
    int limit, User ***ret_users, size_t *ret_count)
{
    struct db_params params = db_params_new(ctx->arena);
    db_add_uuid(&params, ctx->caller.org_id);
    db_add_uuid_or_null(&params, filter->department_id);
    db_add_text(&params, filter->pattern);
    db_add_bool(&params, filter->show_left);
    db_add_text(&params, after ? after->name : NULL);
    db_add_uuid_or_null(&params, after ? &after->id : NULL);
    db_add_int(&params, limit);
    DB_RESULT_AUTO result = NULL;
    ERR_TRY(db_run(store_pool(ctx), store_scope(ctx, ctx->caller.org_id), &IDENTITY_SQL_user_list, &params, &result));
    *ret_count = (size_t)db_rows(result);
    return store_users_fill(ctx->arena, result, ret_users);
}

struct err *store_user_list_by_ids(
    struct rpc_ctx *ctx, const struct uuid *ids, size_t count, User ***ret_users, size_t *ret_count)
{
    struct db_params params = db_params_new(ctx->arena);
    db_add_uuid(&params, ctx->caller.org_id);
    db_add_uuid_array(&params, ids, count);
    DB_RESULT_AUTO result = NULL;
    ERR_TRY(db_run(store_pool(ctx), store_scope(ctx, ctx->caller.org_id), &IDENTITY_SQL_user_list_by_ids, &params, &result));
    *ret_count = (size_t)db_rows(result);
    return store_users_fill(ctx->arena, result, ret_users);
}

static struct err *lock_by_external_id(
    struct rpc_ctx *ctx, struct db_tx *tx, struct uuid org_id, const char *external_id, User *user)
{
    struct db_params params = db_params_new(ctx->arena);
    db_add_uuid(&params, org_id);
    db_add_text(&params, external_id);
    DB_RESULT_AUTO result = NULL;
    ERR_TRY(db_query(tx, &IDENTITY_SQL_user_get_by_external_id_locked, &params, &result));
    if (db_rows(result) == 0) {
        return err_new(&IDENTITY_USER_NOT_FOUND, "no user of the organization has the external_id %s", external_id);
    }
    return fill_user(ctx->arena, result, 0, user);
}

static struct err *update_role(struct rpc_ctx *ctx, struct db_tx *tx, struct uuid org_id, int role, User *user)
{
    struct db_params params = db_params_new(ctx->arena);
    db_add_uuid(&params, org_id);
    db_add_uuid(&params, checked_uuid(user->id));
    db_add_int(&params, role);
    db_add_instant(&params, ctx->now);
    user->role = (Kongsi__Identity__V1__UserRole)role;
    user->update_time = fill_instant(ctx->arena, ctx->now);
    return user->update_time ? db_query(tx, &IDENTITY_SQL_user_set_role, &params, NULL) : err_out_of_memory();
}

struct err *store_user_set_role(struct rpc_ctx *ctx, struct uuid org_id, const char *external_id, int role, User *ret_user)
{
    DB_TX_AUTO tx = NULL;
    struct store_events events;
    struct store_ended ended = {.count = 0};
    ERR_TRY(db_begin(store_pool(ctx), store_scope(ctx, org_id), &tx));
    ERR_TRY(lock_by_external_id(ctx, tx, org_id, external_id, ret_user));
    int before = (int)ret_user->role;
    if (before == role) {
        return NULL;
    }
    ERR_TRY(update_role(ctx, tx, org_id, role, ret_user));
    if (before == USER_ROLE_ADMINISTRATOR) {
        /* Access tokens hold what the role allowed: they must not outlive it. */
        struct uuid user_id = checked_uuid(ret_user->id);
        ERR_TRY(store_sessions_end_of_users(ctx, tx, org_id, &user_id, 1, &ended));
    }
    ERR_TRY(store_events_init(&events, ctx->arena, org_id, 1 + ended.count));
    ERR_TRY(store_event_user(&events, ret_user, false));
    ERR_TRY(store_events_ended(&events, &ended));
    ERR_TRY(store_events_append(ctx, tx, org_id, &events));
    ERR_TRY(db_commit_auto(tx));
    store_sessions_revoke(ctx, &ended);
    return NULL;
}
