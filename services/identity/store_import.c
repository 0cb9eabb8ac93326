/* The import's one transaction: set-based, so that ten thousand people are a handful of statements. */
#include "services/identity/store_internal.h"

#include <string.h>

struct store_import {
    struct rpc_ctx *ctx;
    struct arena *arena; /* of the import: larger than a request's */
    struct uuid org_id;
    struct db_tx *tx;
};

static struct db_params params_of(const struct store_import *import)
{
    struct db_params params = db_params_new(import->arena);
    db_add_uuid(&params, import->org_id);
    return params;
}

static struct err *query(
    const struct store_import *import, const struct db_statement *statement, struct db_result **ret_result)
{
    struct db_params params = params_of(import);
    return db_query(import->tx, statement, &params, ret_result);
}

static struct err *lock_organization(const struct store_import *import)
{
    DB_RESULT_AUTO result = NULL;
    ERR_TRY(query(import, &IDENTITY_SQL_organization_lock, &result));
    if (db_rows(result) == 0) {
        char text[UUID_TEXT_SIZE];
        return err_new(&IDENTITY_ORGANIZATION_NOT_FOUND, "no organization has the id %s", uuid_format(import->org_id, text));
    }
    return NULL;
}

static struct err *read_directory(const struct store_import *import, struct import_directory *directory)
{
    DB_RESULT_AUTO departments = NULL;
    DB_RESULT_AUTO users = NULL;
    Department **department_list;
    User **user_list;
    ERR_TRY(query(import, &IDENTITY_SQL_department_list_all, &departments));
    ERR_TRY(store_departments_fill(import->arena, departments, &department_list));
    ERR_TRY(query(import, &IDENTITY_SQL_user_list_all, &users));
    ERR_TRY(store_users_fill(import->arena, users, &user_list));
    *directory = (struct import_directory){department_list, (size_t)db_rows(departments), user_list, (size_t)db_rows(users)};
    return NULL;
}

static struct err *begin(struct store_import *import, struct import_directory *directory)
{
    ERR_TRY(db_begin(store_pool(import->ctx), store_scope(import->ctx, import->org_id), &import->tx));
    ERR_TRY(lock_organization(import));
    return read_directory(import, directory);
}

struct err *store_import_begin(struct rpc_ctx *ctx, struct uuid org_id, struct arena *arena,
    struct store_import **ret_import, struct import_directory *ret_directory)
{
    struct store_import *import = arena_alloc(arena, sizeof(*import));
    if (!import) {
        return err_out_of_memory();
    }
    *import = (struct store_import){.ctx = ctx, .arena = arena, .org_id = org_id};
    struct err *error = begin(import, ret_directory);
    if (error) {
        store_import_end(import);
        return error;
    }
    *ret_import = import;
    return NULL;
}

void store_import_end(struct store_import *import)
{
    if (import) {
        db_rollback(import->tx);
        import->tx = NULL;
    }
}

/* One column of the departments or users as an array of texts; `offset` is that of a char * in the message. */
static void add_texts(
    const struct store_import *import, struct db_params *params, void *const *messages, size_t count, size_t offset)
{
    const char **texts = arena_calloc(import->arena, count, sizeof(*texts));
    if (!texts) {
        params->failed = true;
        return;
    }
    for (size_t i = 0; i < count; i++) {
        texts[i] = *(char *const *)((const char *)messages[i] + offset);
    }
    db_add_text_array(params, texts, count);
}

static void add_numbers(
    const struct store_import *import, struct db_params *params, User *const *users, size_t count, bool status)
{
    int32_t *numbers = arena_calloc(import->arena, count, sizeof(*numbers));
    if (!numbers) {
        params->failed = true;
        return;
    }
    for (size_t i = 0; i < count; i++) {
        numbers[i] = status ? (int32_t)users[i]->status : users[i]->weekly_minutes;
    }
    db_add_int_array(params, numbers, count);
}

static struct err *message_ids(
    const struct store_import *import, void *const *messages, size_t count, size_t offset, struct uuid **ret_ids)
{
    struct uuid *ids = arena_calloc(import->arena, count, sizeof(*ids));
    if (!ids) {
        return err_out_of_memory();
    }
    for (size_t i = 0; i < count; i++) {
        ids[i] = checked_uuid(*(char *const *)((const char *)messages[i] + offset));
    }
    *ret_ids = ids;
    return NULL;
}

static struct err *write_departments(
    const struct store_import *import, const struct db_statement *statement, Department *const *departments, size_t count)
{
    static const size_t OFFSETS[] = {offsetof(Department, external_id), offsetof(Department, name),
        offsetof(Department, chinese_name), offsetof(Department, parent_id)};
    if (count == 0) {
        return NULL;
    }
    struct uuid *ids;
    ERR_TRY(message_ids(import, (void *const *)departments, count, offsetof(Department, id), &ids));
    struct db_params params = params_of(import);
    db_add_uuid_array(&params, ids, count);
    for (size_t i = 0; i < sizeof(OFFSETS) / sizeof(OFFSETS[0]); i++) {
        add_texts(import, &params, (void *const *)departments, count, OFFSETS[i]);
    }
    db_add_instant(&params, import->ctx->now);
    return db_query(import->tx, statement, &params, NULL);
}

static struct err *write_users(
    const struct store_import *import, const struct db_statement *statement, User *const *users, size_t count)
{
    static const size_t BEFORE_MINUTES[] = {offsetof(User, external_id), offsetof(User, legal_name),
        offsetof(User, preferred_name), offsetof(User, chinese_name), offsetof(User, display_name),
        offsetof(User, work_email), offsetof(User, mobile), offsetof(User, title), offsetof(User, department_id),
        offsetof(User, manager_id), offsetof(User, worker_type)};
    static const size_t BEHIND_MINUTES[] = {
        offsetof(User, location), offsetof(User, hire_date), offsetof(User, preferred_language)};
    if (count == 0) {
        return NULL;
    }
    struct uuid *ids;
    ERR_TRY(message_ids(import, (void *const *)users, count, offsetof(User, id), &ids));
    struct db_params params = params_of(import);
    db_add_uuid_array(&params, ids, count);
    for (size_t i = 0; i < sizeof(BEFORE_MINUTES) / sizeof(BEFORE_MINUTES[0]); i++) {
        add_texts(import, &params, (void *const *)users, count, BEFORE_MINUTES[i]);
    }
    add_numbers(import, &params, users, count, false);
    for (size_t i = 0; i < sizeof(BEHIND_MINUTES) / sizeof(BEHIND_MINUTES[0]); i++) {
        add_texts(import, &params, (void *const *)users, count, BEHIND_MINUTES[i]);
    }
    add_numbers(import, &params, users, count, true);
    db_add_instant(&params, import->ctx->now);
    return db_query(import->tx, statement, &params, NULL);
}

/* Identifiers of the people, as columns. */
struct identifier_columns {
    int32_t *kinds;
    const char **values;
    struct uuid *user_ids;
    size_t count;
};

static bool add_identifier(const struct store_import *import, struct identifier_columns *columns, bool valid,
    const struct identifier *identifier, struct uuid user_id)
{
    if (!valid) {
        return true;
    }
    columns->kinds[columns->count] = (int32_t)identifier->kind;
    columns->values[columns->count] = arena_strdup(import->arena, identifier->value);
    columns->user_ids[columns->count] = user_id;
    return columns->values[columns->count++] != NULL;
}

static bool add_identifiers_of(const struct store_import *import, struct identifier_columns *columns, const User *user)
{
    struct identifier identifier;
    struct uuid user_id = checked_uuid(user->id);
    if ((int)user->status == USER_STATUS_LEFT) {
        return true;
    }
    return add_identifier(
               import, columns, identifier_from_external_id(user->external_id, &identifier), &identifier, user_id) &&
           add_identifier(import, columns, identifier_from_email(user->work_email, &identifier), &identifier, user_id) &&
           add_identifier(import, columns, identifier_from_mobile(user->mobile, &identifier), &identifier, user_id);
}

static struct err *write_identifiers(const struct store_import *import, User *const *users, size_t count)
{
    enum { KINDS = 3 };
    struct identifier_columns columns = {arena_calloc(import->arena, count * KINDS + 1, sizeof(*columns.kinds)),
        arena_calloc(import->arena, count * KINDS + 1, sizeof(*columns.values)),
        arena_calloc(import->arena, count * KINDS + 1, sizeof(*columns.user_ids)), 0};
    if (!columns.kinds || !columns.values || !columns.user_ids) {
        return err_out_of_memory();
    }
    for (size_t i = 0; i < count; i++) {
        if (!add_identifiers_of(import, &columns, users[i])) {
            return err_out_of_memory();
        }
    }
    if (columns.count == 0) {
        return NULL;
    }
    struct db_params params = params_of(import);
    db_add_int_array(&params, columns.kinds, columns.count);
    db_add_text_array(&params, columns.values, columns.count);
    db_add_uuid_array(&params, columns.user_ids, columns.count);
    return db_query(import->tx, &IDENTITY_SQL_identifier_insert_many, &params, NULL);
}

static struct err *delete_of_users(
    const struct store_import *import, const struct db_statement *statement, const struct uuid *user_ids, size_t count)
{
    if (count == 0) {
        return NULL;
    }
    struct db_params params = params_of(import);
    db_add_uuid_array(&params, user_ids, count);
    return db_query(import->tx, statement, &params, NULL);
}

/* All old identifiers go before any new one comes: people may swap them. */
static struct err *replace_identifiers(const struct store_import *import, const struct import_plan *plan)
{
    struct uuid *ids = NULL;
    if (plan->identified_count > 0) {
        ERR_TRY(message_ids(import, (void *const *)plan->identified, plan->identified_count, offsetof(User, id), &ids));
    }
    ERR_TRY(delete_of_users(import, &IDENTITY_SQL_identifier_delete_of_users, ids, plan->identified_count));
    ERR_TRY(write_identifiers(import, plan->identified, plan->identified_count));
    return write_identifiers(import, plan->users_created, plan->users_created_count);
}

static struct err *write_passwords(
    const struct store_import *import, const struct import_plan *plan, const char *password_hash)
{
    ERR_TRY(delete_of_users(import, &IDENTITY_SQL_credential_delete_of_users, plan->leaving, plan->leaving_count));
    ERR_TRY(delete_of_users(import, &IDENTITY_SQL_invitation_delete_of_users, plan->leaving, plan->leaving_count));
    if (plan->activated_count == 0) {
        return NULL;
    }
    struct db_params params = params_of(import);
    db_add_uuid_array(&params, plan->activated, plan->activated_count);
    db_add_text(&params, password_hash);
    db_add_instant(&params, import->ctx->now);
    return db_query(import->tx, &IDENTITY_SQL_credential_insert_many, &params, NULL);
}

/* Departments as they are now, with how many people are in them. */
static struct err *add_department_events(const struct store_import *import, struct store_events *events,
    Department *const *departments, size_t count, bool created)
{
    if (count == 0) {
        return NULL;
    }
    struct uuid *ids;
    Department **now;
    ERR_TRY(message_ids(import, (void *const *)departments, count, offsetof(Department, id), &ids));
    struct db_params params = params_of(import);
    db_add_uuid_array(&params, ids, count);
    DB_RESULT_AUTO result = NULL;
    ERR_TRY(db_query(import->tx, &IDENTITY_SQL_department_list_by_ids, &params, &result));
    ERR_TRY(store_departments_fill(import->arena, result, &now));
    for (int i = 0; i < db_rows(result); i++) {
        ERR_TRY(store_event_department(events, now[i], created));
    }
    return NULL;
}

static struct err *add_user_events(struct store_events *events, User *const *users, size_t count, bool created)
{
    for (size_t i = 0; i < count; i++) {
        ERR_TRY(store_event_user(events, users[i], created));
    }
    return NULL;
}

/* Topics in the order in which the log takes their heads. */
static struct err *append_events(
    const struct store_import *import, const struct import_plan *plan, const struct store_ended *ended)
{
    struct store_events events;
    size_t capacity = plan->departments_created_count + plan->departments_updated_count + plan->users_created_count +
                      plan->users_updated_count + ended->count;
    ERR_TRY(store_events_init(&events, import->arena, import->org_id, capacity));
    ERR_TRY(add_department_events(import, &events, plan->departments_created, plan->departments_created_count, true));
    ERR_TRY(add_department_events(import, &events, plan->departments_updated, plan->departments_updated_count, false));
    ERR_TRY(store_events_ended(&events, ended));
    ERR_TRY(add_user_events(&events, plan->users_created, plan->users_created_count, true));
    ERR_TRY(add_user_events(&events, plan->users_updated, plan->users_updated_count, false));
    return store_events_append(import->ctx, import->tx, import->org_id, &events);
}

/* New statistics, where there is something new. */
static struct err *analyze(const struct store_import *import, const struct import_plan *plan)
{
    if (plan->departments_created_count + plan->users_created_count == 0) {
        return NULL;
    }
    struct db_params none = db_params_new(import->arena);
    return db_query(import->tx, &IDENTITY_SQL_directory_analyze, &none, NULL);
}

struct err *store_import_apply(struct store_import *import, const struct import_plan *plan, const char *password_hash)
{
    struct store_ended ended;
    ERR_TRY(write_departments(
        import, &IDENTITY_SQL_department_insert_many, plan->departments_created, plan->departments_created_count));
    ERR_TRY(write_departments(
        import, &IDENTITY_SQL_department_update_many, plan->departments_updated, plan->departments_updated_count));
    ERR_TRY(write_users(import, &IDENTITY_SQL_user_insert_many, plan->users_created, plan->users_created_count));
    ERR_TRY(write_users(import, &IDENTITY_SQL_user_update_many, plan->users_updated, plan->users_updated_count));
    ERR_TRY(analyze(import, plan));
    ERR_TRY(replace_identifiers(import, plan));
    ERR_TRY(write_passwords(import, plan, password_hash));
    ERR_TRY(
        store_sessions_end_of_users(import->ctx, import->tx, import->org_id, plan->leaving, plan->leaving_count, &ended));
    ERR_TRY(append_events(import, plan, &ended));
    ERR_TRY(db_commit_auto(import->tx));
    store_sessions_revoke(import->ctx, &ended);
    return NULL;
}
