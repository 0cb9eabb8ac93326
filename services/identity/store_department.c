#include "services/identity/store_internal.h"

#include "libshared/rpc/fill.h"

#include <string.h>

/* Columns of the department statements. */
enum { COLUMN_ID, COLUMN_EXTERNAL_ID, COLUMN_NAME, COLUMN_CHINESE_NAME, COLUMN_PARENT_ID, COLUMN_USER_COUNT };

static struct err *fill_department(struct arena *arena, const struct db_result *result, int row, Department *department)
{
    kongsi__identity__v1__department__init(department);
    department->id = fill_uuid(arena, db_get_uuid(result, row, COLUMN_ID));
    department->external_id = db_get_text_copy(result, row, COLUMN_EXTERNAL_ID, arena);
    department->name = db_get_text_copy(result, row, COLUMN_NAME, arena);
    department->chinese_name = db_get_text_copy(result, row, COLUMN_CHINESE_NAME, arena);
    department->parent_id = fill_uuid_or_empty(arena, db_get_uuid(result, row, COLUMN_PARENT_ID));
    department->user_count = db_get_int(result, row, COLUMN_USER_COUNT);
    bool whole =
        department->id && department->external_id && department->name && department->chinese_name && department->parent_id;
    return whole ? NULL : err_out_of_memory();
}

struct err *store_departments_fill(struct arena *arena, const struct db_result *result, Department ***ret_departments)
{
    size_t count = (size_t)db_rows(result);
    Department **list = arena_calloc(arena, count ? count : 1, sizeof(*list));
    Department *departments = arena_calloc(arena, count ? count : 1, sizeof(*departments));
    if (!list || !departments) {
        return err_out_of_memory();
    }
    for (size_t i = 0; i < count; i++) {
        list[i] = &departments[i];
        ERR_TRY(fill_department(arena, result, (int)i, list[i]));
    }
    *ret_departments = list;
    return NULL;
}

struct err *store_department_get(struct rpc_ctx *ctx, struct uuid department_id, Department *ret_department)
{
    struct db_params params = db_params_new(ctx->arena);
    db_add_uuid(&params, ctx->caller.org_id);
    db_add_uuid(&params, department_id);
    DB_RESULT_AUTO result = NULL;
    ERR_TRY(db_run(store_pool(ctx), store_scope(ctx, ctx->caller.org_id), &IDENTITY_SQL_department_get, &params, &result));
    if (db_rows(result) == 0) {
        char text[UUID_TEXT_SIZE];
        return err_new(&IDENTITY_DEPARTMENT_NOT_FOUND, "no department has the id %s", uuid_format(department_id, text));
    }
    return fill_department(ctx->arena, result, 0, ret_department);
}

struct err *store_department_list(
    struct rpc_ctx *ctx, const struct store_position *after, int limit, Department ***ret_departments, size_t *ret_count)
{
    struct db_params params = db_params_new(ctx->arena);
    db_add_uuid(&params, ctx->caller.org_id);
    db_add_text(&params, after ? after->name : NULL);
    db_add_uuid_or_null(&params, after ? &after->id : NULL);
    db_add_int(&params, limit);
    DB_RESULT_AUTO result = NULL;
    ERR_TRY(db_run(store_pool(ctx), store_scope(ctx, ctx->caller.org_id), &IDENTITY_SQL_department_list, &params, &result));
    *ret_count = (size_t)db_rows(result);
    return store_departments_fill(ctx->arena, result, ret_departments);
}

/* The database's refusals in our words. */
static struct err *explain_conflict(struct err *error, const Department *department)
{
    const char *constraint = error ? err_get_metadata(error, "constraint") : NULL;
    if (constraint && strcmp(constraint, "departments_external_id_key") == 0) {
        err_free(error);
        return err_new(&IDENTITY_EXTERNAL_ID_TAKEN, "another department has the external_id %s", department->external_id);
    }
    if (constraint && strcmp(constraint, "departments_org_id_parent_id_fkey") == 0) {
        err_free(error);
        return err_new(&IDENTITY_DEPARTMENT_NOT_FOUND, "no department has the id %s", department->parent_id);
    }
    return error;
}

static struct err *insert_department(struct rpc_ctx *ctx, struct db_tx *tx, const Department *department)
{
    struct uuid parent_id;
    bool has_parent = uuid_parse(department->parent_id, &parent_id);
    struct db_params params = db_params_new(ctx->arena);
    db_add_uuid(&params, ctx->caller.org_id);
    db_add_uuid(&params, checked_uuid(department->id));
    db_add_text(&params, department->external_id);
    db_add_text(&params, department->name);
    db_add_text(&params, department->chinese_name);
    db_add_uuid_or_null(&params, has_parent ? &parent_id : NULL);
    db_add_instant(&params, ctx->now);
    return explain_conflict(db_query(tx, &IDENTITY_SQL_department_insert, &params, NULL), department);
}

struct err *store_department_create(struct rpc_ctx *ctx, const CreateDepartmentRequest *request, Department *department)
{
    DB_TX_AUTO tx = NULL;
    struct store_events events;
    bool repeat = false;
    ERR_TRY(db_begin(store_pool(ctx), store_scope(ctx, ctx->caller.org_id), &tx));
    ERR_TRY(store_request_claim(ctx, tx, request->request_id, &request->base, &department->base, &repeat));
    if (repeat) {
        return NULL;
    }
    ERR_TRY(insert_department(ctx, tx, department));
    ERR_TRY(store_events_init(&events, ctx->arena, ctx->caller.org_id, 1));
    ERR_TRY(store_event_department(&events, department, true));
    ERR_TRY(store_events_append(ctx, tx, ctx->caller.org_id, &events));
    return db_commit_auto(tx);
}
