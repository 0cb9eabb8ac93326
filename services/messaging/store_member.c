#include "services/messaging/store.h"

#include "gen/messaging_sql.h"
#include "services/messaging/fill.h"

/* The UUIDs of a result's column as texts, for an event. */
static struct err *collect_ids(struct arena *arena, const struct db_result *result, char ***ret_ids)
{
    int count = db_rows(result);
    char **ids = arena_calloc(arena, (size_t)count + 1, sizeof(*ids));
    if (!ids) {
        return err_out_of_memory();
    }
    for (int row = 0; row < count; row++) {
        ids[row] = fill_uuid(arena, db_get_uuid(result, row, 0));
        if (!ids[row]) {
            return err_out_of_memory();
        }
    }
    *ret_ids = ids;
    return NULL;
}

static struct err *insert_members(struct rpc_ctx *ctx, struct db_tx *tx, const struct access *access,
    const struct uuid *user_ids, size_t user_count, struct db_result **ret_added)
{
    int32_t *roles = arena_calloc(ctx->arena, user_count + 1, sizeof(*roles));
    if (!roles) {
        return err_out_of_memory();
    }
    for (size_t i = 0; i < user_count; i++) {
        roles[i] = MEMBER_ROLE_MEMBER;
    }
    struct db_params params = db_params_new(ctx->arena);
    db_add_uuid(&params, ctx->caller.org_id);
    db_add_uuid(&params, access->conversation_id);
    db_add_uuid_array(&params, user_ids, user_count);
    db_add_int_array(&params, roles, user_count);
    db_add_int64(&params, access->last_seq);
    db_add_instant(&params, ctx->now);
    return db_query(tx, &MESSAGING_SQL_member_insert, &params, ret_added);
}

static struct err *add_member_count(
    struct rpc_ctx *ctx, struct db_tx *tx, struct uuid conversation_id, int change, int *ret_count)
{
    struct db_params params = db_params_new(ctx->arena);
    db_add_uuid(&params, ctx->caller.org_id);
    db_add_uuid(&params, conversation_id);
    db_add_int(&params, change);
    DB_RESULT_AUTO result = NULL;
    ERR_TRY(db_query(tx, &MESSAGING_SQL_conversation_add_member_count, &params, &result));
    *ret_count = db_get_int(result, 0, 0);
    return NULL;
}

static struct err *append(struct rpc_ctx *ctx, struct db_tx *tx, struct uuid key, const ProtobufCMessage *body)
{
    struct bus_event event = {.key = key, .body = body};
    return bus_append(
        messaging_of(ctx)->env->log, tx, ctx->arena, ctx->now, ctx->traceparent, ctx->caller.org_id, &event, 1);
}

static struct err *append_added(
    struct rpc_ctx *ctx, struct db_tx *tx, const struct access *access, const struct db_result *added)
{
    Kongsi__Messaging__V1__MembersAdded event = KONGSI__MESSAGING__V1__MEMBERS_ADDED__INIT;
    ERR_TRY(collect_ids(ctx->arena, added, &event.member_ids));
    event.n_member_ids = (size_t)db_rows(added);
    event.org_id = fill_uuid(ctx->arena, ctx->caller.org_id);
    event.conversation_id = fill_uuid(ctx->arena, access->conversation_id);
    event.actor_id = fill_uuid(ctx->arena, ctx->caller.user_id);
    event.join_seq = access->last_seq;
    if (!event.org_id || !event.conversation_id || !event.actor_id) {
        return err_out_of_memory();
    }
    return append(ctx, tx, access->conversation_id, &event.base);
}

static struct err *lock_conversations(
    struct db_tx *tx, struct arena *arena, struct uuid org_id, const struct uuid *ids, size_t count)
{
    struct db_params params = db_params_new(arena);
    db_add_uuid(&params, org_id);
    db_add_uuid_array(&params, ids, count);
    return db_query(tx, &MESSAGING_SQL_conversation_lock, &params, NULL);
}

/* What stood in `access` may have moved: reads it again, now that the conversation is locked. */
static struct err *reread_access(struct rpc_ctx *ctx, struct db_tx *tx, struct access *access)
{
    ERR_TRY(lock_conversations(tx, ctx->arena, ctx->caller.org_id, &access->conversation_id, 1));
    struct db_params params = db_params_new(ctx->arena);
    db_add_uuid(&params, ctx->caller.org_id);
    db_add_uuid(&params, access->conversation_id);
    db_add_uuid(&params, access->user_id);
    DB_RESULT_AUTO result = NULL;
    ERR_TRY(db_query(tx, &MESSAGING_SQL_conversation_access, &params, &result));
    if (db_rows(result) == 0) {
        return err_new(&MESSAGING_CONVERSATION_NOT_FOUND, "you are no longer in the conversation");
    }
    access->last_seq = db_get_int64(result, 0, 1);
    access->member_count = db_get_int(result, 0, 2);
    access->role = db_get_int(result, 0, 3);
    return NULL;
}

struct err *store_member_add(struct rpc_ctx *ctx, const struct access *access, const struct uuid *user_ids,
    size_t user_count, const AddMembersRequest *request, AddMembersResponse *response)
{
    DB_TX_AUTO tx = NULL;
    ERR_TRY(db_begin(messaging_of(ctx)->env->db, messaging_scope(ctx), &tx));
    struct access locked = *access;
    ERR_TRY(reread_access(ctx, tx, &locked));
    ERR_TRY(conversation_check_manage(&locked));
    DB_RESULT_AUTO added = NULL;
    ERR_TRY(insert_members(ctx, tx, &locked, user_ids, user_count, &added));
    ERR_TRY(conversation_check_growth(&locked, (size_t)db_rows(added)));
    response->added_count = db_rows(added);
    ERR_TRY(add_member_count(ctx, tx, access->conversation_id, db_rows(added), &response->member_count));
    ERR_TRY(store_request_remember(ctx, tx, request->request_id, &request->base, &response->base));
    if (db_rows(added) > 0) {
        ERR_TRY(append_added(ctx, tx, &locked, added));
    }
    return db_commit_auto(tx);
}

static struct err *find_role(
    struct rpc_ctx *ctx, struct db_tx *tx, struct uuid conversation_id, struct uuid user_id, int *ret_role)
{
    struct db_params params = db_params_new(ctx->arena);
    db_add_uuid(&params, ctx->caller.org_id);
    db_add_uuid(&params, conversation_id);
    db_add_uuid(&params, user_id);
    DB_RESULT_AUTO result = NULL;
    ERR_TRY(db_query(tx, &MESSAGING_SQL_conversation_access, &params, &result));
    if (db_rows(result) == 0) {
        char text[UUID_TEXT_SIZE];
        return err_new(
            &MESSAGING_MEMBER_NOT_FOUND, "the user %s is not a member of the conversation", uuid_format(user_id, text));
    }
    *ret_role = db_get_int(result, 0, 3);
    return NULL;
}

static struct err *append_removed(struct rpc_ctx *ctx, struct db_tx *tx, struct uuid conversation_id, struct uuid user_id)
{
    Kongsi__Messaging__V1__MemberRemoved event = KONGSI__MESSAGING__V1__MEMBER_REMOVED__INIT;
    event.org_id = fill_uuid(ctx->arena, ctx->caller.org_id);
    event.conversation_id = fill_uuid(ctx->arena, conversation_id);
    event.member_id = fill_uuid(ctx->arena, user_id);
    event.actor_id = fill_uuid(ctx->arena, ctx->caller.user_id);
    if (!event.org_id || !event.conversation_id || !event.member_id || !event.actor_id) {
        return err_out_of_memory();
    }
    return append(ctx, tx, conversation_id, &event.base);
}

struct err *store_member_remove(struct rpc_ctx *ctx, const struct access *access, struct uuid user_id)
{
    DB_TX_AUTO tx = NULL;
    ERR_TRY(db_begin(messaging_of(ctx)->env->db, messaging_scope(ctx), &tx));
    struct access locked = *access;
    ERR_TRY(reread_access(ctx, tx, &locked));
    int role, member_count;
    ERR_TRY(find_role(ctx, tx, access->conversation_id, user_id, &role));
    ERR_TRY(conversation_check_remove(&locked, user_id, role));
    struct db_params params = db_params_new(ctx->arena);
    db_add_uuid(&params, ctx->caller.org_id);
    db_add_uuid(&params, access->conversation_id);
    db_add_uuid(&params, user_id);
    ERR_TRY(db_query(tx, &MESSAGING_SQL_member_delete, &params, NULL));
    ERR_TRY(add_member_count(ctx, tx, access->conversation_id, -1, &member_count));
    ERR_TRY(append_removed(ctx, tx, access->conversation_id, user_id));
    return db_commit_auto(tx);
}

static struct err *fill_member(struct arena *arena, const struct db_result *result, int row, Member *member)
{
    kongsi__messaging__v1__member__init(member);
    member->user_id = fill_uuid(arena, db_get_uuid(result, row, 0));
    member->role = (Kongsi__Messaging__V1__MemberRole)db_get_int(result, row, 1);
    member->join_time = fill_instant(arena, db_get_instant(result, row, 2));
    member->read_seq = db_get_int64(result, row, 3);
    bool has_read = !db_is_null(result, row, 4);
    member->read_time = has_read ? fill_instant(arena, db_get_instant(result, row, 4)) : NULL;
    member->join_seq = db_get_int64(result, row, 5);
    return member->user_id && member->join_time && (!has_read || member->read_time) ? NULL : err_out_of_memory();
}

struct err *store_member_list(struct rpc_ctx *ctx, struct uuid conversation_id, const struct uuid *after, int limit,
    Member ***ret_members, size_t *ret_count)
{
    struct db_params params = db_params_new(ctx->arena);
    db_add_uuid(&params, ctx->caller.org_id);
    db_add_uuid(&params, conversation_id);
    db_add_uuid_or_null(&params, after);
    db_add_int(&params, limit);
    DB_RESULT_AUTO result = NULL;
    ERR_TRY(db_run(messaging_of(ctx)->env->db, messaging_scope(ctx), &MESSAGING_SQL_member_list, &params, &result));
    int count = db_rows(result);
    Member **list = arena_calloc(ctx->arena, (size_t)count + 1, sizeof(Member *));
    Member *items = arena_calloc(ctx->arena, (size_t)count + 1, sizeof(Member));
    if (!list || !items) {
        return err_out_of_memory();
    }
    for (int row = 0; row < count; row++) {
        list[row] = &items[row];
        ERR_TRY(fill_member(ctx->arena, result, row, list[row]));
    }
    *ret_members = list;
    *ret_count = (size_t)count;
    return NULL;
}

struct err *store_membership_list(struct rpc_ctx *ctx, ListMembershipsResponse *response)
{
    struct db_params params = db_params_new(ctx->arena);
    db_add_uuid(&params, ctx->caller.org_id);
    db_add_uuid(&params, ctx->caller.user_id);
    DB_RESULT_AUTO result = NULL;
    ERR_TRY(
        db_run(messaging_of(ctx)->env->db, messaging_scope(ctx), &MESSAGING_SQL_member_list_memberships, &params, &result));
    size_t count = (size_t)db_rows(result);
    Membership *items = arena_calloc(ctx->arena, count + 1, sizeof(*items));
    response->memberships = arena_calloc(ctx->arena, count + 1, sizeof(*response->memberships));
    if (!items || !response->memberships) {
        return err_out_of_memory();
    }
    for (size_t i = 0; i < count; i++) {
        kongsi__messaging__v1__membership__init(&items[i]);
        items[i].conversation_id = fill_uuid(ctx->arena, db_get_uuid(result, (int)i, 0));
        items[i].last_seq = db_get_int64(result, (int)i, 1);
        items[i].read_seq = db_get_int64(result, (int)i, 2);
        if (!items[i].conversation_id) {
            return err_out_of_memory();
        }
        response->memberships[i] = &items[i];
    }
    response->n_memberships = count;
    return NULL;
}

/* The MemberRemoved of each group; the person acts for nobody, so the actor is the person. */
static struct err *append_removed_everywhere(struct messaging *messaging, struct db_tx *tx, struct arena *arena,
    const struct bus_delivery *cause, struct uuid user_id, const struct db_result *groups)
{
    size_t count = (size_t)db_rows(groups);
    Kongsi__Messaging__V1__MemberRemoved *bodies = arena_calloc(arena, count + 1, sizeof(*bodies));
    struct bus_event *events = arena_calloc(arena, count + 1, sizeof(*events));
    char *org = fill_uuid(arena, cause->org_id), *user = fill_uuid(arena, user_id);
    if (!bodies || !events || !org || !user) {
        return err_out_of_memory();
    }
    for (size_t i = 0; i < count; i++) {
        kongsi__messaging__v1__member_removed__init(&bodies[i]);
        events[i] = (struct bus_event){.key = db_get_uuid(groups, (int)i, 0), .body = &bodies[i].base};
        bodies[i].org_id = org;
        bodies[i].conversation_id = fill_uuid(arena, events[i].key);
        bodies[i].member_id = bodies[i].actor_id = user;
        if (!bodies[i].conversation_id) {
            return err_out_of_memory();
        }
    }
    return bus_append(messaging->env->log, tx, arena, instant_now(), cause->traceparent, cause->org_id, events, count);
}

struct err *store_member_remove_everywhere(struct messaging *messaging, struct db_tx *tx, struct arena *arena,
    const struct bus_delivery *cause, struct uuid user_id)
{
    struct db_params params = db_params_new(arena);
    db_add_uuid(&params, cause->org_id);
    db_add_uuid(&params, user_id);
    DB_RESULT_AUTO groups = NULL;
    ERR_TRY(db_query(tx, &MESSAGING_SQL_member_list_groups_of_user, &params, &groups));
    size_t count = (size_t)db_rows(groups);
    if (count == 0) {
        return NULL;
    }
    struct uuid *ids = arena_calloc(arena, count, sizeof(*ids));
    if (!ids) {
        return err_out_of_memory();
    }
    for (size_t i = 0; i < count; i++) {
        ids[i] = db_get_uuid(groups, (int)i, 0);
    }
    ERR_TRY(lock_conversations(tx, arena, cause->org_id, ids, count));
    db_add_uuid_array(&params, ids, count);
    ERR_TRY(db_query(tx, &MESSAGING_SQL_member_delete_from_groups, &params, NULL));
    return append_removed_everywhere(messaging, tx, arena, cause, user_id, groups);
}
